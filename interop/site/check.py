"""What must hold between the files of a site (SR-55, D-01): every check looks at everything and tells all it finds."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction

from interop.domain.delivery import Mode
from interop.domain.library import LibraryEntry, concentration_of
from interop.domain.release import CodeKind, FormularyRow
from interop.domain.ucum import UCUM
from interop.site.check_areas import AREA_CHECKS
from interop.site.check_codes import codes_reach_one_composition, codes_say_what_the_library_says
from interop.site.draft import Draft
from interop.site.fault import Faults
from interop.site.ranges import check_ranges
from interop.site.table import Row

Check = Callable[[Draft, Faults], None]


def check(draft: Draft, faults: Faults) -> None:
    """All cross-file checks."""
    for each in CHECKS:
        each(draft, faults)


def rows_are_unique(draft: Draft, faults: Faults) -> None:
    """A row has its own key and its own local code in the whole library."""
    for column in ("row_id", "local_code"):
        seen: dict[str, Row] = {}
        for row in _rows(draft):
            first = seen.setdefault(row[column], row) if row[column] else row
            if first is not row:
                faults.error(row.place(column), f"{column} {row[column]} stands in {first.name} already", "give each row its own")


def drugs_are_described_once(draft: Draft, faults: Faults) -> None:
    """Tall-man form and way of matching belong to the drug, so that one name is never two."""
    for column in ("tallman", "match_by"):
        seen: dict[str, Row] = {}
        for row in _rows(draft):
            first = seen.setdefault(row["drug"], row)
            if row["drug"] and row[column] != first[column]:
                what = f"{column} {row[column]!r} of {row['drug']}, but {first[column]!r} in {first.name}"
                faults.error(row.place(column), what, "write the same for every row of the drug")


def orders_can_tell_entries_apart(draft: Draft, faults: Faults) -> None:
    """Key (drug, therapy, care area, mode, concentration, dosing unit) once; entries that differ by therapy alone each carry a therapy key.

    Units that an order may use for each other (ug, mg) count as one, since the order's unit would choose both (D-02).
    """
    seen: dict[object, tuple[Row, LibraryEntry]] = {}
    near: defaultdict[object, list[tuple[Row, LibraryEntry]]] = defaultdict(list)
    for library_row in draft.library:
        row, entry = library_row.row, library_row.entry
        if entry is None:
            continue
        unit = UCUM[entry.dosing_unit]
        dosed = unit.dimension, unit.per_time_code
        strength = entry.concentration.base() if entry.concentration is not None else None
        what_is_hung = (entry.drug, entry.care_area, entry.mode, entry.route, strength, dosed)
        first_row, _ = seen.setdefault((what_is_hung, entry.therapy), (row, entry))
        if first_row is not row:
            what = f"{entry.key} has the drug, therapy, care area, mode, concentration and unit of {first_row['row_id']} ({first_row.name})"
            faults.error(row.place("row_id"), what, "delete one of the two: no order can tell them apart")
        else:
            near[what_is_hung].append((row, entry))
    for group in near.values():
        keys: dict[str, LibraryEntry] = {}
        for row, entry in group if len(group) > 1 else ():
            first = keys.setdefault(entry.therapy_key, entry)
            if first is not entry:
                what = f"{entry.key} differs from {first.key} by its therapy alone, and both have the therapy key {entry.therapy_key!r}"
                faults.error(row.place("infusion_therapy_code"), what, "give each its own key, which the order must carry")


def formulary_fits_library(draft: Draft, faults: Faults) -> None:
    """Every row names a drug, a therapy key and an infusion type that the library has, and a container that some entry takes."""
    entries = _entries_by_drug(draft)
    raw: defaultdict[str, list[Row]] = defaultdict(list)
    for row in _rows(draft):
        raw[row["drug"]].append(row)
    for row, value in draft.formulary:
        rows = raw.get(value.drug, [])
        if not rows:
            if draft.library_whole:
                faults.error(row.place("drug"), f"{value.drug!r} is no drug of the library", "write the name as the library does")
            continue
        if value.kind is CodeKind.INGREDIENT and rows[0]["match_by"] == "product":
            what = f"an ingredient code for {value.drug}, which is matched by product"
            faults.error(row.place("kind"), what, "delete the row, and map product or local codes (D-01)")
        if value.therapy and all(each["infusion_therapy_code"] != value.therapy for each in rows) and draft.library_whole:
            what = f"{value.drug} has no therapy key {value.therapy!r} in the library"
            faults.error(row.place("therapy"), what, "write the key of infusion_therapy_code, or leave it blank")
        readable = len(entries.get(value.drug, ())) == len(rows)  # of a row at fault the type may be anything
        if value.infusion_type is not None and readable and all(each["infusion_type"] != value.infusion_type.value for each in rows):
            what = f"{value.drug} has no entry of type {value.infusion_type.value} in the library"
            faults.error(row.place("infusion_type"), what, "correct it, or leave it blank")
        problem = _container_problem(value, entries.get(value.drug, []))
        if problem:
            faults.warning(row.place("conc_amount"), problem, "add the entry, or correct the container: orders with this code are refused")
    if draft.site is not None and draft.formulary_whole:
        _library_codes_are_mapped(draft, faults, draft.site.local_system)


def _container_problem(value: FormularyRow, entries: list[LibraryEntry]) -> str:
    """Why no entry takes the container that a code names; "" where one does, or where the code names none."""
    if value.amount is None or value.volume is None or not entries:
        return ""
    unit = UCUM[f"{value.amount.unit}/mL"]
    said = concentration_of(value.amount, value.volume)
    if any(entry.concentration == said for entry in entries):
        return ""
    for entry in entries:
        if entry.is_wildcard and UCUM[entry.amount_unit].dimension.amount is unit.dimension.amount:
            return "" if not entry.concentration_limits.judge(said)[0].is_hard else f"{said} is outside the strengths of {entry.key}"
    return f"no entry of {value.drug} has {value.amount} / {value.volume}"


def _library_codes_are_mapped(draft: Draft, faults: Faults, local_system: str) -> None:
    for row in _rows(draft):
        if row["local_code"] and (local_system, row["local_code"]) not in draft.formulary_codes:
            what = f"{row['local_code']} is not in formulary.csv: orders with it are refused"
            faults.warning(row.place("local_code"), what, "map it")


def mixtures_name_drugs(draft: Draft, faults: Faults) -> None:
    """Base, additives and whole are library drugs, the base a plain fluid; one mixture is one drug."""
    known = {row["drug"] for row in _rows(draft)}
    entries = _entries_by_drug(draft)
    seen: dict[tuple[str, frozenset[str]], Row] = {}
    for row, mixture in draft.mixtures:
        for column, names in (("base", [mixture.base]), ("additives", sorted(mixture.additives)), ("drug", [mixture.drug])):
            for name in names:
                if name not in known and draft.library_whole:
                    faults.error(row.place(column), f"{name!r} is no drug of the library", "write the name as the library does")
        if any(not entry.is_plain_fluid for entry in entries.get(mixture.base, ())):
            faults.error(row.place("base"), f"{mixture.base} is no plain fluid", "the base is the fluid that the additives are in")
        first = seen.setdefault((mixture.base, mixture.additives), row)
        if first is not row:
            what = f"{mixture.base} + {' + '.join(sorted(mixture.additives))} stands in line {first.line} already"
            if first["drug"] != mixture.drug:
                what += f", as {first['drug']}: one mixture, two compositions (D-01)"
            faults.error(row.place("additives"), what, "keep one row")


def spellings_name_drugs(draft: Draft, faults: Faults) -> None:
    """A spelling for one drug names a drug of the library, and a unit of the kind that the drug is measured in."""
    entries = _entries_by_drug(draft)
    known = {row["drug"] for row in _rows(draft)}
    for each in draft.spellings:
        if not each.drug:
            continue
        if each.drug not in known:
            if draft.library_whole:
                faults.error(each.row.place("drug"), f"{each.drug!r} is no drug of the library", "write the name as the library does")
            continue
        kinds = {
            UCUM[unit].dimension.amount for entry in entries.get(each.drug, ()) for unit in (entry.amount_unit, entry.dosing_unit) if unit
        }
        kind = UCUM[each.ucum].dimension.amount if each.ucum else None
        if kinds and kind is not None and kind not in kinds:
            what = f"{each.ucum} counts {kind.value}; {each.drug} is measured in {', '.join(sorted(k.value for k in kinds))}"
            faults.error(each.row.place("ucum"), what, "correct the unit: the two never convert")


def volumes_fit_containers(draft: Draft, faults: Faults) -> None:
    """SR-32: the largest VTBI lies within the container, for LVP with the site's overfill."""
    if draft.site is None:
        return
    for library_row in draft.library:
        entry = library_row.entry
        if entry is None or entry.volume is None or entry.vtbi_hard_high is None:
            continue
        overfill = draft.site.rules.overfill if entry.mode is Mode.LVP else Fraction(0)
        if entry.vtbi_hard_high.value > entry.volume.value * (1 + overfill):
            holds = f"{entry.volume} with {overfill * 100} % overfill" if overfill else f"{entry.volume}"
            what = f"VTBI limit {entry.vtbi_hard_high} of a container of {holds}"
            faults.error(library_row.row.place("vtbi_hard_high_mL"), what, "lower the limit")


def rates_are_possible(draft: Draft, faults: Faults) -> None:
    if len(draft.pump_models) == len(draft.pump_model_names) and draft.pump_models:
        areas = draft.site.care_areas if draft.site is not None else {}
        check_ranges(draft.library, draft.pump_models.values(), areas, faults)


def _rows(draft: Draft) -> Iterator[Row]:
    """All library rows, the faulty ones too."""
    return (library_row.row for library_row in draft.library)


def _entries_by_drug(draft: Draft) -> dict[str, list[LibraryEntry]]:
    found: defaultdict[str, list[LibraryEntry]] = defaultdict(list)
    for library_row in draft.library:
        if library_row.entry is not None:
            found[library_row.entry.drug].append(library_row.entry)
    return found


CHECKS: tuple[Check, ...] = (
    rows_are_unique,
    drugs_are_described_once,
    orders_can_tell_entries_apart,
    codes_reach_one_composition,
    codes_say_what_the_library_says,
    formulary_fits_library,
    mixtures_name_drugs,
    spellings_name_drugs,
    volumes_fit_containers,
    rates_are_possible,
    *AREA_CHECKS,
)
