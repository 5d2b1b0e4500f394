"""The drug library: entries with their limits, by care area. A blank limit is ``None``, which is not zero.

The structure of ``shared/reference/drug_library.md``, sections 1 and 5, column for column.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from interop.domain.delivery import InfusionType, Mode, Route, SecondCheck
from interop.domain.quantity import Quantity


class Verdict(Enum):
    WITHIN = "within"
    BELOW_HARD = "below the hard limit"
    BELOW_SOFT = "below the soft limit"
    ABOVE_SOFT = "above the soft limit"
    ABOVE_HARD = "above the hard limit"

    @property
    def is_hard(self) -> bool:
        return self in (Verdict.BELOW_HARD, Verdict.ABOVE_HARD)


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard low ≤ soft low ≤ soft high ≤ hard high, all in one unit; a limit itself is allowed."""

    hard_low: Quantity | None = None
    soft_low: Quantity | None = None
    soft_high: Quantity | None = None
    hard_high: Quantity | None = None

    def judge(self, value: Quantity) -> tuple[Verdict, Quantity | None]:
        """Where ``value`` lies, and the limit it passes.

        Raises: UnitMismatch.
        """
        if self.hard_high is not None and value > self.hard_high:
            return Verdict.ABOVE_HARD, self.hard_high
        if self.hard_low is not None and value < self.hard_low:
            return Verdict.BELOW_HARD, self.hard_low
        if self.soft_high is not None and value > self.soft_high:
            return Verdict.ABOVE_SOFT, self.soft_high
        if self.soft_low is not None and value < self.soft_low:
            return Verdict.BELOW_SOFT, self.soft_low
        return Verdict.WITHIN, None

    @property
    def is_empty(self) -> bool:
        return self.hard_low is None and self.soft_low is None and self.soft_high is None and self.hard_high is None


class BodyBasis(Enum):
    """Whether the dosing unit counts per body weight or body surface (column ``weight_based``)."""

    NONE = "N"
    WEIGHT = "Y"
    SURFACE = "BSA"


@dataclass(frozen=True, slots=True)
class PcaRules:
    """Demand dose lockout and window, and basal limits per hour; a basal high of 0 is a limit, a blank one means: no basal (D-21)."""

    lockout_hard_low: Quantity | None
    window: Quantity | None
    window_soft_high: Quantity | None
    window_hard_high: Quantity | None
    basal_soft_high: Quantity | None
    basal_hard_high: Quantity | None


@dataclass(frozen=True, slots=True)
class BolusRules:
    """A clinician bolus from the running infusion, or for epidural and nerve-block rows the demand bolus."""

    allowed: bool
    soft_high: Quantity | None
    hard_high: Quantity | None
    rate_hard_high: Quantity | None  # mL/h


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """One row: a drug, for a care area, therapy, concentration and pump mode, with one dosing unit and its limits.

    ``concentration`` is ``None`` for a wildcard (the order supplies it, inside ``concentration_limits``) and for a plain fluid.
    """

    key: str  # row_id, stable across versions (D-25)
    drug: str
    tallman: str
    care_area: str
    therapy: str
    therapy_key: str  # infusion_therapy_code; empty: none is needed
    mode: Mode
    infusion_type: InfusionType
    route: Route
    amount: Quantity | None
    volume: Quantity | None
    concentration: Quantity | None  # amount / volume, in amount unit per mL
    amount_unit: str  # unit of the amount, also for a wildcard; empty for a plain fluid
    dosing_unit: str
    limits: Limits
    duration_limits: Limits
    concentration_limits: Limits
    bolus: BolusRules
    pca: PcaRules
    loading_soft_high: Quantity | None
    loading_hard_high: Quantity | None
    body_basis: BodyBasis
    min_weight: Quantity | None
    max_weight: Quantity | None
    high_alert: bool
    advisory: str
    secondary_allowed: bool
    interruptible: bool
    next_container: bool
    multistep_allowed: bool
    vtbi_hard_high: Quantity | None
    total_dose_hard_high: Quantity | None
    second_check: SecondCheck
    unlimited_by_intent: bool = False  # SR-28: no hard high, and the library says so on purpose
    concentration_source: str = ""
    limit_source: str = ""
    added_source: str = ""

    @property
    def is_plain_fluid(self) -> bool:
        return self.infusion_type is InfusionType.FLUID

    @property
    def is_wildcard(self) -> bool:
        return self.concentration is None and not self.is_plain_fluid

    @property
    def title(self) -> str:
        """For people: ``DOPamine 400 mg / 250 mL, Standard (ICU)``."""
        if self.amount is not None and self.volume is not None:
            container = f" {self.amount} / {self.volume}"
        elif self.is_wildcard:
            container = " any strength inside its limits"
        else:
            container = f" {self.volume}" if self.volume is not None else ""
        return f"{self.tallman}{container}, {self.therapy} ({self.care_area})"


@dataclass(frozen=True, slots=True)
class LibraryRef:
    """Which library: a pump reports one, a release is for one. All three must be equal (SR-22)."""

    id: str
    version: str
    hash: str

    def __str__(self) -> str:
        return f"{self.id} {self.version} ({self.hash[:12]})"


@dataclass(frozen=True, slots=True)
class CareArea:
    """A care area's profile: plausible weights, and how old a weight may be before it must be confirmed (SR-34, SR-36)."""

    name: str
    title: str
    min_weight: Quantity
    max_weight: Quantity
    weight_max_age_h: int


@dataclass(frozen=True, slots=True)
class Library:
    """All entries of one version, indexed by drug: ``by_drug["dopamine"]`` is every entry of that drug in every care area."""

    ref: LibraryRef
    entries: tuple[LibraryEntry, ...]
    by_drug: Mapping[str, tuple[LibraryEntry, ...]]
    by_key: Mapping[str, LibraryEntry]


def concentration_of(amount: Quantity, volume: Quantity) -> Quantity:
    """400 mg in 250 mL → 1.6 mg/mL, exactly.

    Raises: UnitMismatch: ``volume`` is no volume. KeyError: no such concentration unit. ZeroDivisionError: no volume.
    """
    return Quantity(amount.value / volume.to("mL").value, f"{amount.unit}/mL")


def per_hour_of(rate: Quantity) -> Fraction:
    """mL/h as a bare number, for the one place where a pump's step is counted in mL/h.

    Raises: UnitMismatch.
    """
    return rate.to("mL/h").value
