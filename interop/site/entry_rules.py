"""What must hold inside one row of the drug library (SR-55): order of limits, units and their kinds, families that are complete, nothing without effect.

``drug_library.md`` sections 1 and 5. A limit itself is allowed, a blank one is not set.
"""

from collections.abc import Callable

from interop.domain.delivery import InfusionType, Mode, Route
from interop.domain.library import BodyBasis, LibraryEntry
from interop.domain.quantity import Quantity
from interop.domain.ucum import UCUM, Amount, Unit
from interop.site.cells import Cells

Rule = Callable[[LibraryEntry, Cells], None]

DURATIONS = ("duration_hard_low_min", "duration_soft_low_min", "duration_soft_high_min")
CONCENTRATION_LIMITS = ("conc_limit_low", "conc_limit_high", "conc_limit_unit")
BOLUS = ("bolus_unit_ucum", "bolus_soft_high", "bolus_hard_high")
LOADING = ("loading_dose_unit_ucum", "loading_dose_soft_high", "loading_dose_hard_high")
TOTAL = ("total_dose_hard_high", "total_dose_unit")
PCA_RULES = ("lockout_hard_low_min", "window_h", "window_soft_high", "window_hard_high")
BASAL = ("pca_basal_soft_high", "pca_basal_hard_high")
BODY_OF = {BodyBasis.NONE: "", BodyBasis.WEIGHT: "kg", BodyBasis.SURFACE: "m2"}
MATCH_BY = ("ingredient", "product")
CODES_WITH_STATUS = (("rxcui_ingredient", "rxcui_ingredient_status"), ("rxcui_clinical_drug", "rxcui_clinical_status"))


def check_row(entry: LibraryEntry, cells: Cells) -> None:
    """Tells everything in the row that contradicts itself. ``entry`` may hold None where a cell could not be read; that was told already."""
    for rule in RULES:
        rule(entry, cells)


def names_agree(entry: LibraryEntry, cells: Cells) -> None:
    if entry.drug and entry.tallman and entry.drug.casefold() != entry.tallman.casefold():
        cells.error("tallman", f"tall-man name {entry.tallman!r} is not {entry.drug!r}", "write the same name; only capitals may differ")


def codes_are_verified(entry: LibraryEntry, cells: Cells) -> None:
    """A code whose name was not seen beside it names nothing (drug_library.md section 5)."""
    row = cells.row
    for code, status in CODES_WITH_STATUS:
        if code in row and not (row[code].isascii() and row[code].isdigit()):
            cells.error(code, f"{code} {row[code]!r} is not an RxCUI", "write its digits (a spreadsheet may have made an exponent of them)")
        if code in row and row[status] != "VERIFIED":
            cells.error(status, f"{code} {row[code]} is not VERIFIED", "verify the code by its name, or leave it blank")
        if code not in row and row[status] == "VERIFIED":
            cells.error(code, f"{status} is VERIFIED, but there is no code", "write the code, or UNVERIFIED")
    if row["match_by"] not in MATCH_BY:
        cells.error("match_by", f"match_by {row['match_by']!r} is none of ingredient, product", "write one of these")
    cells.text("local_code")


def limits_are_ordered(entry: LibraryEntry, cells: Cells) -> None:
    """Hard low ≤ soft low ≤ soft high ≤ hard high in every family, blanks passed over; a weight range is not empty."""
    limits, duration, concentration, pca = entry.limits, entry.duration_limits, entry.concentration_limits, entry.pca
    _ordered(
        cells,
        ("hard_low", limits.hard_low),
        ("soft_low", limits.soft_low),
        ("soft_high", limits.soft_high),
        ("hard_high", limits.hard_high),
    )
    if not duration.is_empty:
        _ordered(
            cells,
            ("duration_hard_low_min", duration.hard_low),
            ("duration_soft_low_min", duration.soft_low),
            ("duration_soft_high_min", duration.soft_high),
        )
    if not concentration.is_empty:
        _ordered(cells, ("conc_limit_low", concentration.hard_low), ("conc_limit_high", concentration.hard_high))
    _ordered(cells, ("bolus_soft_high", entry.bolus.soft_high), ("bolus_hard_high", entry.bolus.hard_high))
    _ordered(cells, ("loading_dose_soft_high", entry.loading_soft_high), ("loading_dose_hard_high", entry.loading_hard_high))
    _ordered(cells, ("window_soft_high", pca.window_soft_high), ("window_hard_high", pca.window_hard_high))
    _ordered(cells, ("pca_basal_soft_high", pca.basal_soft_high), ("pca_basal_hard_high", pca.basal_hard_high))
    _ordered(cells, ("min_weight_kg", entry.min_weight), ("max_weight_kg", entry.max_weight))


def _ordered(cells: Cells, *family: tuple[str, Quantity | None]) -> None:
    last: tuple[str, Quantity] | None = None
    for column, value in family:
        if value is None:
            continue
        if last is not None and value.value < last[1].value:
            cells.error(column, f"{column} {value} is below {last[0]} {last[1]}", "put the limits in order")
        last = column, value


def dosing_unit_fits(entry: LibraryEntry, cells: Cells) -> None:
    """The limit type follows from the infusion type (drug_library.md section 1)."""
    unit = UCUM[entry.dosing_unit]
    match entry.infusion_type:
        case InfusionType.FLUID:
            fits, wanted = unit.code == "mL/h", "mL/h"
        case InfusionType.CONTINUOUS:
            fits, wanted = unit.is_flow or (unit.is_dose_rate and unit.dimension.amount is not Amount.NUMBER), "a rate or dose rate"
        case InfusionType.INTERMITTENT:
            fits, wanted = unit.is_dose, "an amount of drug"
        case InfusionType.PCA if entry.route is Route.IV:
            fits, wanted = unit.is_dose, "an amount of drug (the demand dose)"
        case InfusionType.PCA:
            fits, wanted = unit.code == "mL/h", "mL/h (the basal rate)"
    if not fits:
        what = f"dosing unit {unit.code} of a row of type {entry.infusion_type.value} ({entry.route.value}) is not {wanted}"
        cells.error("dosing_unit_ucum", what, "correct the unit or the infusion type")
    if entry.infusion_type is InfusionType.PCA and entry.mode is not Mode.PCA:
        cells.error("pump_mode", f"infusion type pca on a channel of mode {entry.mode.value}", "write PCA, or correct the infusion type")


def body_basis_fits(entry: LibraryEntry, cells: Cells) -> None:
    """/kg and /m2 only with the flag that makes the server ask for weight or surface, and the flag only with such a unit (SR-33)."""
    flag = BODY_OF[entry.body_basis]
    for column in ("dosing_unit_ucum", "bolus_unit_ucum", "loading_dose_unit_ucum"):
        code = cells.row[column]
        per_body = UCUM[code].dimension.per_body if code in UCUM else ""
        if per_body and per_body != flag:
            flagged = {"kg": "Y", "m2": "BSA"}[per_body]
            cells.error(
                column, f"{code} counts per {per_body}, but weight_based is {entry.body_basis.value}", f"write {flagged}, or another unit"
            )
    if flag and not UCUM[entry.dosing_unit].dimension.per_body:
        what = f"weight_based is {entry.body_basis.value}, but the dosing unit {entry.dosing_unit} does not count per {flag}"
        cells.error("weight_based", what, "write N, or the unit per kg or m2")
    if ("min_weight_kg" in cells.row) != ("max_weight_kg" in cells.row):
        cells.error("min_weight_kg", "one bound of the weight is blank", "write both, or leave both blank")


def container_is_whole(entry: LibraryEntry, cells: Cells) -> None:
    """Fixed: amount and volume. Wildcard: neither, but limits of concentration. Plain fluid: volume alone."""
    row = cells.row
    amount, volume = "conc_amount" in row, "volume_mL" in row
    if entry.is_plain_fluid:
        for column in ("conc_amount", "conc_unit"):
            if column in row:
                cells.error(column, "a plain fluid has a strength", "leave it blank, or correct the infusion type")
        if not volume:
            cells.error("volume_mL", "a plain fluid without the volume of its container", "write the volume")
    else:
        if not cells.text("conc_unit"):
            return
        if entry.amount_unit and not _plain_amount(UCUM[entry.amount_unit]):
            cells.error("conc_unit", f"{entry.amount_unit} is not an amount of drug", "write a unit such as mg, [iU] or meq")
        if amount != volume:
            missing = "volume_mL" if amount else "conc_amount"
            cells.error(missing, f"{missing} is blank beside its partner", "write both, or neither for a wildcard")
    wildcard = not entry.is_plain_fluid and not amount and not volume
    for column in CONCENTRATION_LIMITS:
        if wildcard and column not in row:
            cells.error(column, f"a wildcard without {column}", "write the limits of concentration: the order supplies the strength")
        elif not wildcard and column in row:
            cells.error(column, f"{column} has no effect: the row is no wildcard", "leave it blank, or leave amount and volume blank")
    unit = UCUM.get(row["conc_limit_unit"])
    if wildcard and unit is not None and entry.amount_unit:
        content = UCUM[entry.amount_unit].dimension.amount
        if not unit.is_concentration or unit.dimension.amount is not content:
            cells.error("conc_limit_unit", f"{unit.code} is not {content.value} per volume", f"write {entry.amount_unit}/mL")


def _plain_amount(unit: Unit) -> bool:
    return unit.is_dose and not unit.dimension.per_body


def kinds_of_amount_agree(entry: LibraryEntry, cells: Cells) -> None:
    """Dose, bolus, loading dose and total count the same thing as the container holds; a row dosed in mL/h counts doses in mL."""
    if entry.is_plain_fluid:
        _no_effect(cells, (*BOLUS, *LOADING), "a plain fluid has no dose")
    if not entry.amount_unit:
        return
    content = UCUM[entry.amount_unit].dimension.amount
    dosed = UCUM[entry.dosing_unit].dimension.amount
    if dosed not in (content, Amount.VOLUME):
        what = f"{entry.dosing_unit} counts {dosed.value}, the container {entry.amount_unit}: {content.value}"
        cells.error("dosing_unit_ucum", what, "write both in the same kind of amount; they never convert")
    for column in ("bolus_unit_ucum", "loading_dose_unit_ucum"):
        unit = UCUM.get(cells.row[column])
        if unit is None:
            continue
        dose_like = unit.is_volume if dosed is Amount.VOLUME else unit.is_dose
        if not dose_like or unit.dimension.amount is not dosed:
            cells.error(column, f"{unit.code} is not a dose in {dosed.value}, as the dosing unit is", "write the same kind of amount")
    total = UCUM.get(cells.row["total_dose_unit"])
    if total is not None and (not _plain_amount(total) or total.dimension.amount is not content):
        cells.error("total_dose_unit", f"{total.code} is not an amount in {content.value}", f"write a unit such as {entry.amount_unit}")


def bolus_and_loading_are_complete(entry: LibraryEntry, cells: Cells) -> None:
    """A continuous limit says nothing about a safe bolus: each has its own unit and limits, all of them or none."""
    row = cells.row
    if entry.bolus.allowed:
        _complete(cells, BOLUS, "a bolus is allowed")
    elif row["bolus_allowed"] == "N":
        _no_effect(cells, BOLUS, "bolus_allowed is N")
    loading = _filled(cells, LOADING)
    if loading:
        _complete(cells, LOADING, f"{loading[0]} is set")
    elif not entry.bolus.allowed:
        _no_effect(cells, ("bolus_rate_hard_high_mL_h",), "the row has neither bolus nor loading dose")


def total_is_complete(entry: LibraryEntry, cells: Cells) -> None:
    total = _filled(cells, TOTAL)
    if total:
        _complete(cells, TOTAL, f"{total[0]} is set")


def pca_is_complete(entry: LibraryEntry, cells: Cells) -> None:
    """Lockout and window for every PCA row (SR-42); a blank basal means that there is none (D-21)."""
    if entry.infusion_type is not InfusionType.PCA:
        _no_effect(cells, (*PCA_RULES, *BASAL), f"the infusion type is {entry.infusion_type.value}")
        return
    _complete(cells, PCA_RULES, "the infusion type is pca")
    basal = _filled(cells, BASAL)
    if basal:
        _complete(cells, BASAL, f"{basal[0]} is set")
        if UCUM[entry.dosing_unit].is_flow:
            _no_effect(cells, BASAL, "a row dosed in mL/h has its basal in soft_high and hard_high")


def duration_fits(entry: LibraryEntry, cells: Cells) -> None:
    if entry.infusion_type is not InfusionType.INTERMITTENT:
        _no_effect(cells, DURATIONS, f"the infusion type is {entry.infusion_type.value}")
    elif "duration_hard_low_min" not in cells.row:
        what = "no shortest duration: the dose may be given in any time"
        cells.warning("duration_hard_low_min", what, "set the shortest duration")


def _filled(cells: Cells, columns: tuple[str, ...]) -> list[str]:
    return [column for column in columns if column in cells.row]


def _no_effect(cells: Cells, columns: tuple[str, ...], because: str) -> None:
    for column in _filled(cells, columns):
        cells.error(column, f"{column} has no effect: {because}", "leave it blank, or correct the row")


def _complete(cells: Cells, columns: tuple[str, ...], because: str) -> None:
    for column in columns:
        if column not in cells.row:
            cells.error(column, f"{column} is blank, but {because}", "complete the family")


def hard_high_is_set(entry: LibraryEntry, cells: Cells) -> None:
    """SR-28: without a hard high nothing is programmed automatically unless the library says that this is meant."""
    if "hard_high" in cells.row:
        if entry.unlimited_by_intent:
            cells.error("unlimited_by_intent", "marked as unlimited, but hard_high is set", "write N, or delete the limit")
    elif not entry.unlimited_by_intent:
        what = f"{entry.key} has no hard high: it will not be programmed automatically"
        cells.warning("hard_high", what, "set the limit, or mark the row unlimited_by_intent = Y")


def file_is_of_its_area(entry: LibraryEntry, cells: Cells) -> None:
    """A row pasted into another area's file would carry that area's limits to the wrong ward."""
    area = cells.row.table.file.rpartition("/")[2].removesuffix(".csv")
    if entry.care_area and entry.care_area.casefold() != area.casefold():
        cells.error("care_area", f"care area {entry.care_area} in the file of {area}", "move the row to its area's file")


RULES: tuple[Rule, ...] = (
    names_agree,
    codes_are_verified,
    limits_are_ordered,
    dosing_unit_fits,
    body_basis_fits,
    container_is_whole,
    kinds_of_amount_agree,
    bolus_and_loading_are_complete,
    total_is_complete,
    pca_is_complete,
    duration_fits,
    hard_high_is_set,
    file_is_of_its_area,
)
