"""The order as understood: exact amounts with their units, told apart by dimension; one regimen of the closed list below.

IHE DEV TF-2, 3.3.4.4.5 and 3.3.4.4.10 (kinds of order); fhir-infusion.md 2.2 (the shapes a rate arrives in).
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple

from interop.domain.delivery import Mode, Route
from interop.domain.finding import Finding
from interop.domain.patient import PatientId, Weight
from interop.domain.quantity import Quantity
from interop.domain.request import CodeAsSent, Purpose, VerificationAsSent


class Given(NamedTuple):
    """A value as understood, the field it stood in and the digits as sent (their last one tells how far it was rounded; D-15)."""

    quantity: Quantity
    field: str
    digits: str

    def __str__(self) -> str:
        return str(self.quantity)


class Kind(Enum):
    """The kinds of order. A syringe is a channel, not a kind: each kind may ask for one."""

    CONTINUOUS_RATE = "continuous, by rate"
    CONTINUOUS_DOSE_RATE = "continuous, by dose rate"
    DOSE_OVER_TIME = "dose over time"
    FLUID = "plain fluid"
    INTERMITTENT = "intermittent doses"
    PIGGYBACK = "piggyback"
    BOLUS = "bolus from a running infusion"
    LOADING_DOSE = "loading dose"
    PCA = "patient-controlled analgesia"
    MULTISTEP = "multistep"
    TITRATION = "titration"
    NEXT_CONTAINER = "next container"


@dataclass(frozen=True, slots=True)
class ByRate:
    """mL/h. Whether it is a plain fluid is the drug library's to say."""

    rate: Given


@dataclass(frozen=True, slots=True)
class ByDoseRate:
    """An amount per time, perhaps per kg or m2."""

    dose_rate: Given


@dataclass(frozen=True, slots=True)
class DoseOverTime:
    """An amount, and the time to infuse it over (TQ1-13; timing.repeat.duration)."""

    dose: Given
    duration: Given


@dataclass(frozen=True, slots=True)
class Intermittent:
    """Repeated doses: size and start-to-start interval (MDC 158023, 157998, 158025)."""

    dose: Given
    interval: Given | None
    next_dose_at: datetime | None


@dataclass(frozen=True, slots=True)
class Piggyback:
    """A secondary infusion over a primary that waits (RXR-4 IVPB): what it gives, by rate or by dose over time."""

    gives: "ByRate | ByDoseRate | DoseOverTime"


@dataclass(frozen=True, slots=True)
class Bolus:
    """From a running infusion (ORC-1 CH): a dose or volume with a rate or duration, or rate and duration (3.3.4.4.10.2)."""

    parent_order_number: str
    dose: Given | None
    rate: Given | None
    duration: Given | None


@dataclass(frozen=True, slots=True)
class LoadingDose:
    """A first, larger dose before a continuous infusion."""

    dose: Given
    duration: Given | None
    rate: Given | None


@dataclass(frozen=True, slots=True)
class Pca:
    """Demand dose, lockout, limit of a period and basal rate (MDC 158017, 157989, 157985 to 157988)."""

    demand_dose: Given | None
    lockout: Given | None
    limit: Given | None
    limit_period: Given | None
    max_doses_per_hour: Given | None
    basal: Given | None
    loading_dose: Given | None


class StepType(Enum):
    """MDC 158037; ``delay`` is of the Rev 11 draft."""

    LOADING_DOSE = "loading-dose"
    CONTINUOUS = "continuous"
    DELAY = "delay"


@dataclass(frozen=True, slots=True)
class Step:
    """One RXG of a multistep program; ``number`` is RXG-1."""

    number: str
    type: StepType | None
    gives: "ByRate | ByDoseRate | DoseOverTime | None"
    vtbi: Given | None


@dataclass(frozen=True, slots=True)
class Multistep:
    """Steps of one drug at one concentration (3.3.4.4.10.3)."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Titration:
    """A changed rate or dose rate of what runs (ORC-1 XO)."""

    to: ByRate | ByDoseRate


@dataclass(frozen=True, slots=True)
class NextContainer:
    """A further container of the same order: container and VTBI change, the running rate stays (D-19)."""

    gives: "ByRate | ByDoseRate | DoseOverTime"


Regimen = ByRate | ByDoseRate | DoseOverTime | Intermittent | Piggyback | Bolus | LoadingDose | Pca | Multistep | Titration | NextContainer


@dataclass(frozen=True, slots=True)
class Container:
    """What hangs: amount of the main ingredient in a volume. ``concentration`` is exact, in the amount's unit per mL.

    ``concentration`` may be known without ``amount`` and ``volume`` (a strength per mL); None everywhere: nothing was said.
    """

    amount: Given | None = None
    volume: Given | None = None
    concentration: Quantity | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that may be given: in one administration (``period`` None), or within a period (FHIR Dosage.maxDosePer…)."""

    most: Given
    period: Given | None


@dataclass(frozen=True, slots=True)
class Bound:
    """When the order holds: from ``start`` or to ``end``, or for ``lasts`` (FHIR Timing.repeat.bounds); or ``at`` which it is due (Timing.event).

    A naive midnight is a date whose zone was not sent.
    """

    field: str
    start: datetime | None = None
    end: datetime | None = None
    lasts: Given | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """One resolved-by-code ingredient of a mixture, in the order sent."""

    codes: tuple[CodeAsSent, ...]
    concentration: Quantity | None
    role: str
    field: str
    findings: tuple[Finding, ...] = ()  # against its strength; they count only if this is the active ingredient


class Reading(NamedTuple):
    """One line of the explanation: what was read, from which field, as sent, as understood (an amount, or words), by which spelling."""

    what: str
    field: str
    as_sent: str
    meaning: "Given | datetime | str"
    how: str = ""

    @property
    def understood(self) -> str:
        meaning = self.meaning.isoformat() if isinstance(self.meaning, datetime) else str(self.meaning)
        return f"{meaning}, by {self.how}" if self.how else meaning


@dataclass(frozen=True, slots=True)
class Order:
    """The order as understood. ``None`` is "not said"; what could not be read is a finding, and the value stays None."""

    sender: str
    system_group: str
    message_kind: str
    kind: Kind | None
    purpose: Purpose | None
    placer_order_number: str
    order_number: str  # the order's own number, where the sender's ORC-2 is an administration's (D-20); else the same; empty: not said
    order_number_field: str
    patient_ids: tuple[PatientId, ...]
    birth_date: date | None
    location: str
    pump_id: str
    channel_id: str
    manufacturer: str
    requested_by: str
    requested_at: datetime | None
    sent_at: datetime | None
    bedside: bool
    codes: tuple[CodeAsSent, ...]
    components: tuple[Component, ...]
    therapy: str
    route: Route | None
    mode: Mode | None
    regimen: Regimen | None
    container: Container
    vtbi: Given | None
    duration: Given | None
    also: tuple[Given, ...]  # further doses, rates and volumes of the same give: they must agree with the program (SR-26)
    weight: Weight | None
    weight_field: str
    height: Given | None
    body_surface_area: Given | None
    status: str
    status_field: str
    intent: str
    do_not_perform: str
    verification: VerificationAsSent
    as_needed: str
    window: (
        tuple[Given | None, Given | None] | None
    )  # a titration window (FHIR rateRange), perhaps open at one end: the program lies inside it
    caps: tuple["Cap", ...]  # what the prescriber allows at most
    bounds: tuple["Bound", ...]  # when the order may be given, and for how long
    unread: frozenset[str]  # what was sent but could not be read (its reason is a finding): it is not absent
    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...]

    @property
    def gives(self) -> Regimen | None:
        """What would run: the regimen, or what a titration changes it to."""
        return self.regimen.to if isinstance(self.regimen, Titration) else self.regimen

    @property
    def is_titration(self) -> bool:
        return self.kind is Kind.TITRATION
