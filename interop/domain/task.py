"""What a chart is told of one programme as a FHIR Task: how far it came, in whose hands it is, and how it may move (fhir-infusion.md 4.3, D-22).

A Task is made on reading, from the streams of its programme and of the infusion that this became; it is kept nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import MappingProxyType

from interop.domain.events.nouns import PatientNumber, Reason, Setting


class Status(Enum):
    """Task.status as far as a programme leads to it. ``received`` is for pumps whose gateway acknowledges before the screen does."""

    REQUESTED = "requested"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    READY = "ready"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


_CLOSED_EARLY = frozenset({Status.REJECTED, Status.FAILED, Status.CANCELLED})
_RUNS = frozenset({Status.IN_PROGRESS, Status.ON_HOLD})

MOVES: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.REQUESTED: frozenset({Status.RECEIVED, Status.ACCEPTED, Status.READY}) | _RUNS | _CLOSED_EARLY,
        Status.RECEIVED: frozenset({Status.ACCEPTED, Status.READY}) | _RUNS | _CLOSED_EARLY,
        Status.ACCEPTED: frozenset({Status.READY}) | _RUNS | _CLOSED_EARLY,
        Status.READY: _RUNS | _CLOSED_EARLY,
        Status.IN_PROGRESS: frozenset({Status.ON_HOLD, Status.COMPLETED, Status.FAILED, Status.ENTERED_IN_ERROR}),
        Status.ON_HOLD: frozenset({Status.IN_PROGRESS, Status.COMPLETED, Status.FAILED, Status.ENTERED_IN_ERROR}),
        Status.COMPLETED: frozenset({Status.ENTERED_IN_ERROR}),
    }
)
"""The ordinary moves. A stage may be passed over: the start can be told before the screen or the decision was."""

CORRECTIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        **{closed: (_CLOSED_EARLY - {closed}) | _RUNS | {Status.READY, Status.COMPLETED} for closed in _CLOSED_EARLY},
        Status.COMPLETED: _RUNS,
        Status.ENTERED_IN_ERROR: _RUNS | {Status.COMPLETED},
    }
)
"""Moves out of an end: only what the pump told late (D-09), or a person associated or found wrong (D-11), leads here. The pump's word is the truth."""


class Standing(Enum):
    """Task.businessStatus: the codes of ``urn:interop:fhir:business-status``, each with its words."""

    QUEUED = "queued", "Planned; the offer has not left for the pump yet"
    SENT = "sent", "Sent to the pump; it has not said yet that it is on the screen"
    AWAITING_CONFIRMATION = "awaiting-confirmation", "On the pump's screen, not confirmed"
    OPENED = "opened", "A clinician has opened it at the pump; not confirmed"
    BEING_RECALLED = "being-recalled", "Being taken back; the pump has not answered yet"
    REFUSED = "refused", "Refused, and nothing is on the pump"
    REJECTED_AT_PUMP = "rejected-at-pump", "Rejected by a clinician at the pump"
    OTHER_DRUG = "other-drug", "Ended at the pump: drug or concentration was changed there"
    OTHER_PATIENT = "other-patient", "Ended at the pump: another patient is there"
    CLEARED = "cleared", "Cleared at the pump before it ran"
    CONFIRMED = "confirmed", "Confirmed by a clinician at the pump, not started"
    CHANGED = "changed", "The change was confirmed at the pump, which has not told its rate yet"
    INFUSING = "infusing", "Infusing"
    BOLUS = "bolus", "Giving a bolus"
    KVO = "kvo", "Keeps the vein open: no longer the ordered dose"
    PAUSED = "paused", "Paused at the pump"
    ALARM = "alarm", "Stands still because of an alarm"
    DELIVERED = "delivered", "Delivery is over; the programmed volume was given"
    STOPPED = "stopped", "Delivery is over, before the programmed volume was given"
    NO_LONGER_ASSOCIATED = "no-longer-associated", "The channel is no longer this patient's and order's"
    TIMEOUT = "timeout", "Expired at the pump: nobody confirmed and started it in time"
    NOT_SENT = "not-sent", "Never left for the pump"
    OUTCOME_UNKNOWN = "outcome-unknown", "No answer: the pump may hold it, or not"
    ATTESTED_UNKNOWN = "attested-unknown", "Closed as unknown, on a clinician's statement"
    NOT_AS_OFFERED = "not-as-offered", "The pump runs it otherwise than offered; it is documented for nobody"
    ORDER_CHANGED = "order-changed", "Recalled: the order was changed"
    ORDER_HELD = "order-on-hold", "Recalled: the order was put on hold"
    ORDER_STOPPED = "order-stopped", "Recalled: the order ended"
    ORDER_IN_ERROR = "order-in-error", "Recalled: the order was entered in error"
    ENTRY_HELD = "entry-on-hold", "Recalled: pharmacy has put the entry on hold"
    SUPERSEDED = "superseded", "Recalled: a newer program took its place"
    ASSOCIATION_IN_DOUBT = "association-in-doubt", "Recalled: the channel's patient is in doubt or has changed"
    CANCELLED_BY_CLIENT = "cancelled-by-client", "Recalled by whoever asked for it"
    WITHDRAWN = "withdrawn", "Taken off the pump after its answer had been lost"
    WRONG_ASSOCIATION = "wrong-association", "It was found to have been associated with the wrong patient or order"

    def __init__(self, code: str, words: str) -> None:
        self.code, self.words = code, words


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence for people: what is wrong, what to do, whose move it is. ``by``: who said it; empty: this server."""

    text: str
    at: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """What is known of a programme's request beside its events, kept in the commit that planned it.

    Attributes:
        placer_authority: who issued the order number.
        patient_numbers: all that the order named; empty: none could be read.
        subject_reference: the patient as a FHIR order refers to them; empty: it does not.
        request_id: the order's MedicationRequest on this server; empty: it had none when it was planned.
    """

    placer_authority: str = ""
    patient_numbers: tuple[PatientNumber, ...] = ()
    subject_reference: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One programme as a chart reads it.

    Attributes:
        id: the programme's.
        version: grows with every event of the programme, and of the infusion that it became.
        status, standing: Task.status and Task.businessStatus; the latter also has the code of ``reason``.
        reason: the gravest against it, in the words of the time; None: nothing is.
        placer_order_number: empty: the request named none that could be read.
        patient: for whom it was planned; None: that could not be read.
        requested_by: who asked; never documented as the one who confirmed (D-13).
        authored_at: when it was planned; ``modified_at``: its last event, on our clock.
        open_until: while its offer is open, when that ends at the latest by what is known here.
        settings: as proposed.
        administration_id: what the chart holds of its infusion; empty: nothing yet.
        stale_since: the pump was last heard then, and nothing is known since (SR-45).
    """

    id: str
    version: int
    status: Status
    standing: Standing
    reason: Reason | None
    notes: tuple[Note, ...]
    placer_order_number: str
    named: Named
    patient: PatientNumber | None
    requested_by: str
    pump_id: str
    channel_id: str
    pump_model: str
    is_simulated: bool
    drug: str
    authored_at: datetime
    modified_at: datetime
    open_until: datetime | None
    settings: tuple[Setting, ...]
    administration_id: str
    stale_since: datetime | None

    @property
    def subject_reference(self) -> str:
        """As the order refers to its patient; empty where it was not planned for them."""
        return self.named.subject_reference if self.patient in self.named.patient_numbers else ""

    @property
    def patient_numbers(self) -> tuple[PatientNumber, ...]:
        """Those of the order if it was planned for one of them, else that one alone."""
        if self.patient is None or self.patient in self.named.patient_numbers:
            return self.named.patient_numbers
        return (self.patient,)
