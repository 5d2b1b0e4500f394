"""``drug_library/<area>.csv`` → library entries: the columns of ``drug_library.md`` section 5, one file a care area, one row an entry."""

from dataclasses import dataclass

from interop.domain.delivery import InfusionType, Mode, Route, SecondCheck
from interop.domain.library import BodyBasis, BolusRules, LibraryEntry, Limits, PcaRules, concentration_of
from interop.domain.quantity import Quantity
from interop.domain.ucum import UCUM
from interop.site.cells import Cells
from interop.site.entry_rules import check_row
from interop.site.fault import Faults
from interop.site.table import Columns, Row, Table

COLUMNS = Columns(
    required=(
        "row_id",
        "drug",
        "tallman",
        "rxcui_ingredient",
        "rxcui_ingredient_status",
        "rxcui_clinical_drug",
        "rxcui_clinical_name",
        "rxcui_clinical_status",
        "care_area",
        "therapy",
        "pump_mode",
        "infusion_type",
        "route",
        "conc_amount",
        "conc_unit",
        "volume_mL",
        "dosing_unit_ucum",
        "soft_low",
        "soft_high",
        "hard_low",
        "hard_high",
        "duration_hard_low_min",
        "duration_soft_low_min",
        "duration_soft_high_min",
        "conc_limit_low",
        "conc_limit_high",
        "conc_limit_unit",
        "bolus_allowed",
        "bolus_unit_ucum",
        "bolus_soft_high",
        "bolus_hard_high",
        "lockout_hard_low_min",
        "window_h",
        "window_soft_high",
        "window_hard_high",
        "high_alert",
        "weight_based",
        "min_weight_kg",
        "max_weight_kg",
        "advisory",
        "conc_source",
        "limit_source",
        "match_by",
        "local_code",
        "infusion_therapy_code",
        "secondary_allowed",
        "interruptible",
        "next_container",
        "multistep_allowed",
        "loading_dose_unit_ucum",
        "loading_dose_soft_high",
        "loading_dose_hard_high",
        "bolus_rate_hard_high_mL_h",
        "pca_basal_soft_high",
        "pca_basal_hard_high",
        "vtbi_hard_high_mL",
        "total_dose_hard_high",
        "total_dose_unit",
        "second_check",
        "added_source",
    ),
    optional=("unlimited_by_intent",),
)
"""``unlimited_by_intent`` Y: the entry has no hard high on purpose and may be programmed automatically all the same (SR-28)."""

NO_LIMITS = Limits()
NO_PCA = PcaRules(None, None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A row and what it was read to; ``entry`` is None where the row is at fault."""

    row: Row
    entry: LibraryEntry | None


def read_library(tables: list[Table], faults: Faults) -> list[LibraryRow]:
    """Every row of every area's file, with all that is wrong with each."""
    return [LibraryRow(row, _entry(row, faults)) for table in tables for row in table.rows]


def _entry(row: Row, faults: Faults) -> LibraryEntry | None:
    cells = Cells(row, faults)
    mode = cells.member("pump_mode", Mode)
    infusion_type = cells.member("infusion_type", InfusionType)
    route = cells.member("route", Route)
    basis = cells.member("weight_based", BodyBasis)
    second_check = cells.member("second_check", SecondCheck)
    dosing_unit = cells.unit("dosing_unit_ucum") if cells.text("dosing_unit_ucum") else ""
    amount_unit = cells.unit("conc_unit")
    amount = cells.quantity("conc_amount", amount_unit)
    volume = cells.quantity("volume_mL", "mL")
    bolus_unit = cells.unit("bolus_unit_ucum")
    loading_unit = cells.unit("loading_dose_unit_ucum")
    total_unit = cells.unit("total_dose_unit")
    values = LibraryEntry(
        key=cells.text("row_id"),
        drug=cells.text("drug"),
        tallman=cells.text("tallman"),
        care_area=cells.text("care_area"),
        therapy=cells.text("therapy"),
        therapy_key=row["infusion_therapy_code"],
        mode=mode or Mode.LVP,
        infusion_type=infusion_type or InfusionType.CONTINUOUS,
        route=route or Route.IV,
        amount=amount,
        volume=volume,
        concentration=_concentration(amount, volume),
        amount_unit=amount_unit,
        dosing_unit=dosing_unit,
        limits=_limits(cells, dosing_unit, "hard_low", "soft_low", "soft_high", "hard_high"),
        duration_limits=_limits(cells, "min", "duration_hard_low_min", "duration_soft_low_min", "duration_soft_high_min", ""),
        concentration_limits=_limits(cells, cells.unit("conc_limit_unit"), "conc_limit_low", "", "", "conc_limit_high"),
        bolus=BolusRules(
            allowed=cells.yes("bolus_allowed"),
            soft_high=cells.quantity("bolus_soft_high", bolus_unit),
            hard_high=cells.quantity("bolus_hard_high", bolus_unit),
            rate_hard_high=cells.quantity("bolus_rate_hard_high_mL_h", "mL/h"),
        ),
        pca=_pca(cells, dosing_unit, bolus_unit),
        loading_soft_high=cells.quantity("loading_dose_soft_high", loading_unit),
        loading_hard_high=cells.quantity("loading_dose_hard_high", loading_unit),
        body_basis=basis or BodyBasis.NONE,
        min_weight=cells.quantity("min_weight_kg", "kg"),
        max_weight=cells.quantity("max_weight_kg", "kg"),
        high_alert=cells.yes("high_alert"),
        advisory=row["advisory"],
        secondary_allowed=cells.yes("secondary_allowed"),
        interruptible=cells.yes("interruptible"),
        next_container=cells.yes("next_container"),
        multistep_allowed=cells.yes("multistep_allowed"),
        vtbi_hard_high=cells.quantity("vtbi_hard_high_mL", "mL"),
        total_dose_hard_high=cells.quantity("total_dose_hard_high", total_unit),
        second_check=second_check or SecondCheck.NONE,
        unlimited_by_intent="unlimited_by_intent" in row and cells.yes("unlimited_by_intent"),
        concentration_source=row["conc_source"],
        limit_source=row["limit_source"],
        added_source=row["added_source"],
    )
    if None not in (mode, infusion_type, route, basis, second_check) and dosing_unit:
        check_row(values, cells)
    return values if cells.sound else None


def _concentration(amount: Quantity | None, volume: Quantity | None) -> Quantity | None:
    """Amount per mL; None where there is none, or where the amount's unit has no concentration (which ``check_row`` tells)."""
    if amount is None or volume is None or f"{amount.unit}/mL" not in UCUM:
        return None
    return concentration_of(amount, volume)


def _limits(cells: Cells, unit: str, hard_low: str, soft_low: str, soft_high: str, hard_high: str) -> Limits:
    """Limits from the columns that a family has; "" is a limit that the family does not know."""
    row = cells.row
    if not any(column and column in row for column in (hard_low, soft_low, soft_high, hard_high)):
        return NO_LIMITS
    return Limits(*(cells.quantity(column, unit) if column else None for column in (hard_low, soft_low, soft_high, hard_high)))


PCA_COLUMNS = (
    "lockout_hard_low_min",
    "window_h",
    "window_soft_high",
    "window_hard_high",
    "pca_basal_soft_high",
    "pca_basal_hard_high",
)


def _pca(cells: Cells, dosing_unit: str, bolus_unit: str) -> PcaRules:
    """Window totals count in the demand dose's unit: the dosing unit, or for a row dosed in mL/h the bolus unit. A basal of 0 is a limit (D-16)."""
    if not any(column in cells.row for column in PCA_COLUMNS):
        return NO_PCA
    flow = dosing_unit in UCUM and UCUM[dosing_unit].is_flow
    window_unit = bolus_unit if flow else dosing_unit
    basal_unit = f"{dosing_unit}/h" if f"{dosing_unit}/h" in UCUM else ""
    return PcaRules(
        lockout_hard_low=cells.quantity("lockout_hard_low_min", "min"),
        window=cells.quantity("window_h", "h"),
        window_soft_high=cells.quantity("window_soft_high", window_unit),
        window_hard_high=cells.quantity("window_hard_high", window_unit),
        basal_soft_high=cells.quantity("pca_basal_soft_high", basal_unit, zero=True),
        basal_hard_high=cells.quantity("pca_basal_hard_high", basal_unit, zero=True),
    )
