"""What is told to a chart of an infusion, as nouns: a ``Document`` is one message (PCD-10, PCD-01), an ``Administration`` one FHIR resource.

Empty and ``None`` mean that it is not known; a volume that cannot be told exactly is not told as one. Instants are the pump's, corrected (D-24).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from interop.domain.delivery import InfusionType, Mode
from interop.domain.events.infusion import NotDelivering, Source
from interop.domain.events.nouns import PatientNumber, Setting
from interop.domain.lifecycle.segments import Kind as IntervalKind
from interop.domain.pump import ChannelReport
from interop.domain.quantity import Quantity


class Kind(Enum):
    """What a document tells (IHE DEV TF-2, Table M.1.2.1-3). STATUS is PCD-01, all others are PCD-10."""

    DELIVERY_STARTED = "delivery started"  # 197288
    DELIVERY_STOPPED = "delivery stopped"  # 197290: also an interval that ends while delivery goes on (transitioning)
    DELIVERY_COMPLETED = "delivery completed"  # 197292
    CONTACT_CHANGED = "contact changed"  # 197294: the pump is not heard any more, or again (SR-45)
    AUTO_PROGRAM_CLEARED = "auto-program cleared"  # 197298: an offer that AA was said of came to nothing (D-07)
    STATUS = "status"


class Delivery(Enum):
    """What the source does (MDC 158005, ``pump-delivery-status-…``)."""

    DELIVERING = "delivering"
    NOT_DELIVERING = "not-delivering"
    KVO = "kvo"
    TRANSITIONING = "transitioning"


@dataclass(frozen=True, slots=True)
class DrugCode:
    """One code of the drug as the order gave it (RXG-4, FHIR coding): ``system`` as HL7 v2 names it, ``uri`` as FHIR does; empty: it has no such name."""

    code: str
    text: str
    system: str = ""
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Ordered:
    """What one confirmed programme offered, by name of the setting, and who confirmed it at the pump; ``programme_id`` empty: no programme did (D-11).

    Whoever asked for it (ORC-19) is not here: they are never documented as the one who confirmed (D-13).
    """

    programme_id: str
    settings: tuple[Setting, ...] = ()
    confirmed_by: str = ""
    second_check_by: str = ""

    def setting(self, name: str) -> Quantity | None:
        return next((each.set for each in self.settings if each.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What documents must say beside the infusion's own events: of the order, its patient, its programmes and the pump. Fits one order only.

    Attributes:
        placer_order_number: of this order; what belongs to another one is not told with these facts.
        sender: the profile of the order's sender, which says where documents go; ``system_group`` says who may read them (SEC-16).
        receiver: MSH-5 and MSH-6: the sender's application and facility.
        patient_numbers: all that the order named; the association's own is used where it is not among them.
        patient_name: PID-5 by its components, family name first; empty: not known.
        patient_class, location: PV1-2 and the components of PV1-3.
        request_id: id of the order's MedicationRequest on this server; ``subject_reference`` as that order has it.
        infusion_type: decides whether the volume completes it (D-22).
        is_simulated: the pump says so of itself; marks every document (MSH-11 T, meta.security HTEST).
    """

    placer_order_number: str
    placer_authority: str = ""
    sender: str
    system_group: str
    receiver: tuple[str, str] = ("", "")
    patient_numbers: tuple[PatientNumber, ...] = ()
    patient_name: tuple[str, ...] = ()
    patient_class: str = ""
    location: tuple[str, ...] = ()
    subject_reference: str = ""
    request_id: str = ""
    drug_codes: tuple[DrugCode, ...] = ()
    infusion_type: InfusionType | None = None
    programmes: tuple[Ordered, ...] = ()
    vtbi: Quantity | None = None
    pump_model: str = ""
    pump_maker: str = ""
    mode: Mode | None = None
    library_version: str = ""
    care_area: str = ""
    is_simulated: bool = False

    def programme(self, programme_id: str) -> Ordered | None:
        return next((each for each in self.programmes if each.programme_id == programme_id), None)


@dataclass(frozen=True, slots=True)
class Reported:
    """A channel's status and when the pump gave it, corrected to our time."""

    at: datetime
    channel: ChannelReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One message to a chart. Rates and volumes are of ``source``; ``flow`` is what fluid moves now. All but ``kind`` and time may be unknown.

    Attributes:
        report_id: the same for the same word of the pump, whenever it is told; empty: it has none of its own.
        delivery: None: nothing is said of the delivery.
        segment_volume: since delivery last started, exact, in mL.
        total: since the start of the infusion, exact, in mL; ``total_at_least`` where it cannot be told exactly (SR-51).
        differs: the sentence for a rate that is not the ordered one (SR-39).
        words: why, for people.
        is_online: for CONTACT_CHANGED.
        is_wrong: it was told before under this very report id, and to the wrong patient or order (OBX-11 W).
    """

    kind: Kind
    about: About
    patient: PatientNumber
    happened_at: datetime
    pump_id: str
    channel_id: str
    report_id: str = ""
    infusion_id: str = ""
    source: Source = Source.PRIMARY
    delivery: Delivery | None = None
    reason: NotDelivering | None = None
    flow: Quantity | None = None
    rate: Quantity | None = None
    dose_rate: Quantity | None = None
    vtbi: Quantity | None = None
    vtbi_left: Quantity | None = None
    segment_volume: Quantity | None = None
    total: Quantity | None = None
    total_at_least: Quantity | None = None
    drug: str = ""
    concentration: Quantity | None = None
    dosing_weight: Quantity | None = None
    differs: str = ""
    words: str = ""
    is_online: bool | None = None
    is_wrong: bool = False

    @property
    def patient_numbers(self) -> tuple[PatientNumber, ...]:
        """Those of the order if the associated patient is among them, else that patient's alone (SR-50)."""
        known = self.about.patient_numbers
        return known if self.patient in known else (self.patient,)


class Status(Enum):
    """MedicationAdministration.status as far as a pump's words lead to it; ``not-done`` is a clinician's statement and not among them (D-22)."""

    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    STOPPED = "stopped"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """A parent (the infusion as one patient's and one order's) or a child of it (one interval at one rate).

    Attributes:
        id: stable, so that telling it again changes nothing; ``parent_id`` empty: it is the parent.
        kind: of the interval; None for the parent.
        end: None: it goes on.
        start_is_known: False: it was found running, or became the patient's later than it began.
        volume: in mL, exact; ``volume_at_least`` where only a part can be told (SR-51). ``volume_until``: what is given after it is not in the volume.
        performer: the clinician at the pump (D-13); ``verifier`` the second check.
        stale_since: the pump was last heard then, and nothing is known of it since (SR-45).
    """

    id: str
    parent_id: str = ""
    about: About
    patient: PatientNumber
    infusion_id: str
    pump_id: str
    channel_id: str
    drug: str
    status: Status
    status_reason: str = ""
    kind: IntervalKind | None = None
    start: datetime
    end: datetime | None = None
    start_is_known: bool = True
    rate: Quantity | None = None
    dose_rate: Quantity | None = None
    volume: Quantity | None = None
    volume_at_least: Quantity | None = None
    volume_until: datetime | None = None
    performer: str = ""
    verifier: str = ""
    differs: str = ""
    stale_since: datetime | None = None

    @property
    def patient_numbers(self) -> tuple[PatientNumber, ...]:
        """Those of the order if the associated patient is among them, else that patient's alone (SR-50)."""
        known = self.about.patient_numbers
        return known if self.patient in known else (self.patient,)

    @property
    def subject_reference(self) -> str:
        """As the order refers to its patient; empty where the associated patient is not the order's (SR-50)."""
        return self.about.subject_reference if self.patient in self.about.patient_numbers else ""
