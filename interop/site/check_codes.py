"""D-01 over the whole library: one code leads to one library drug, and says of it what the library says."""

from collections import defaultdict
from collections.abc import Iterator

from interop.domain.library import LibraryEntry, concentration_of
from interop.domain.release import CodeKind, FormularyRow
from interop.domain.ucum import UCUM
from interop.site.draft import Draft
from interop.site.drug_library import LibraryRow
from interop.site.fault import Faults
from interop.site.table import Row

Key = tuple[str, str]
"""(system, code)."""


def codes_reach_one_composition(draft: Draft, faults: Faults) -> None:
    """Over library and formulary together, one (system, code) leads to one library drug; an ingredient of several compositions leads to none."""
    reached: dict[Key, tuple[str, Row]] = {}
    shared: defaultdict[Key, set[str]] = defaultdict(set)
    for library_row in draft.library:
        row = library_row.row
        for key, column, kind in _codes_of(row, draft):
            if kind is CodeKind.INGREDIENT and row["match_by"] == "product":
                shared[key].add(row["drug"])
            else:
                _reach(reached, key, row["drug"], row, column, faults)
    seen: dict[Key, Row] = {}
    for row, value in draft.formulary:
        key = value.system, value.code
        first = seen.setdefault(key, row)
        if first is not row and first["drug"] == value.drug:
            what = f"{value.system} {value.code} stands in line {first.line} already"
            faults.error(row.place("code"), what, "keep one row: a code says one thing")
        _reach(reached, key, value.drug, row, "code", faults)
        if key in shared:
            drugs = " and ".join(sorted(shared[key]))
            what = (
                f"{value.system} {value.code} is the ingredient of {drugs}, which is matched by product: it may reach another composition"
            )
            faults.error(row.place("code"), what, "delete the row, and map product or local codes (D-01)")


def _codes_of(row: Row, draft: Draft) -> Iterator[tuple[Key, str, CodeKind]]:
    """The codes of a library row with their systems, which site.toml names."""
    if draft.site is None:
        return
    rxcui, local = draft.site.rxcui_system, draft.site.local_system
    for system, column, kind in (
        (rxcui, "rxcui_ingredient", CodeKind.INGREDIENT),
        (rxcui, "rxcui_clinical_drug", CodeKind.PRODUCT),
        (local, "local_code", CodeKind.LOCAL),
    ):
        if column in row and system:
            yield (system, row[column]), column, kind


def _reach(reached: dict[Key, tuple[str, Row]], key: Key, drug: str, row: Row, column: str, faults: Faults) -> None:
    first_drug, first = reached.setdefault(key, (drug, row))
    if drug != first_drug:
        what = f"{key[0]} {key[1]} leads to {drug} here and to {first_drug} in {first.name}: one code, two compositions"
        faults.error(row.place(column), what, "map the code to one library drug (D-01)")


def codes_say_what_the_library_says(draft: Draft, faults: Faults) -> None:
    """A code that stands in the library's own columns has there the same kind, container and therapy: a 100 and a 50 unit/mL bag are never swapped."""
    said: dict[Key, tuple[LibraryRow, CodeKind]] = {}
    for library_row in draft.library:
        for key, _, kind in _codes_of(library_row.row, draft):
            said.setdefault(key, (library_row, kind))
    for row, value in draft.formulary:
        found = said.get((value.system, value.code))
        if found is None or found[0].row["drug"] != value.drug:
            continue
        library_row, kind = found
        where = f"{library_row.row['row_id']} ({library_row.row.name})"
        if value.kind is not kind:
            what = f"{value.code} is of kind {kind.value} in {where}"
            faults.error(row.place("kind"), what, "write the same kind")
        if kind is CodeKind.LOCAL and value.therapy != library_row.row["infusion_therapy_code"]:
            what = f"{value.code} has the therapy key {library_row.row['infusion_therapy_code']!r} in {where}"
            faults.error(row.place("therapy"), what, "write the same key")
        entry, said_type = library_row.entry, value.infusion_type
        if kind is CodeKind.LOCAL and entry is not None and said_type is not None and said_type is not entry.infusion_type:
            what = f"{value.code} is {entry.infusion_type.value} in {where}"
            faults.error(row.place("infusion_type"), what, "write the same type")
        column = _differs(value, library_row) if kind is not CodeKind.INGREDIENT else ""
        if column:
            faults.error(row.place(column), f"{value.code} is the container of {where}: {_held(entry)}", "write the same container")


def _held(entry: LibraryEntry | None) -> str:
    return " / ".join(str(part) for part in (entry.amount, entry.volume) if part is not None) if entry is not None else ""


def _differs(value: FormularyRow, library_row: LibraryRow) -> str:
    """The column in which the container differs from the library row's; "" where it agrees, or says less."""
    entry = library_row.entry
    if entry is None:
        return ""
    if value.volume is not None and entry.volume is not None and value.volume != entry.volume:
        return "volume_mL"
    if value.amount is None or entry.amount is None:
        return ""
    if value.amount.measure.dimension != entry.amount.measure.dimension:
        return "conc_unit"
    if value.volume is None or f"{value.amount.unit}/mL" not in UCUM:
        return "conc_amount" if value.amount != entry.amount else ""
    return "conc_amount" if concentration_of(value.amount, value.volume) != entry.concentration else ""
