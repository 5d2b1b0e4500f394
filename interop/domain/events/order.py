"""Events of an Order: what the EHR wants, as its messages told it (HL7 table 0119; MedicationRequest.status)."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from interop.domain.events.event import Event
from interop.domain.events.nouns import OrderedAmount, PatientNumber


class VerificationBasis(Enum):
    """D-14: by what the pharmacist's verification is known, as the sender's profile declares it."""

    RDE = "rde"
    FIELD = "field"
    EXTENSION = "extension"
    BY_CONTRACT = "by_contract"
    EMERGENCY_LIST = "emergency list"  # not verified, but a drug and care area that pharmacy signed for; marked on panel and record


class EndReason(Enum):
    """Why an order is over (MedicationRequest.status; ORC-1 DC, CA; ORC-5 CM; RP)."""

    STOPPED = "stopped"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    REPLACED = "replaced"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent(Event):
    """Any event of an Order. ``message_id`` is the journal's key of the message that told it."""

    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTold(OrderEvent):
    """What one version of an order says. ``content_digest`` tells a repeat from a change; ``drug`` is the text as sent."""

    order_version: int
    content_digest: str
    drug: str
    drug_code: str
    drug_code_system: str
    amounts: tuple[OrderedAmount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReceived(OrderTold):
    """An order was seen for the first time; whether a pharmacist verified it is told apart."""

    type: ClassVar[str] = "order.received"

    order_id: str
    sender: str
    system_group: str
    placer_order_number: str
    parent_order_number: str = ""  # D-20: the order that this one titrates or belongs to, where the sender links them
    patient: PatientNumber | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged(OrderTold):
    """The order has a new version: open offers of the old one are void (D-06), and the new one needs its own verification."""

    type: ClassVar[str] = "order.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderVerified(OrderEvent):
    """A pharmacist has verified this version of the order, or the emergency list stands in for it (D-14)."""

    type: ClassVar[str] = "order.verified"

    order_version: int
    basis: VerificationBasis
    by: str  # empty: the sender does not name the pharmacist


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHeld(OrderEvent):
    """The order is on hold, from the request on and not only from its confirmation: nothing is programmed from it."""

    type: ClassVar[str] = "order.held"

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReleased(OrderEvent):
    """The hold was lifted; the verification that still stands, or comes with it, is told next."""

    type: ClassVar[str] = "order.released"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEnded(OrderEvent):
    """The order is over: stopped, cancelled, completed, replaced or entered in error (D-30); what runs goes on until a clinician stops it (SR-38)."""

    type: ClassVar[str] = "order.ended"

    reason: EndReason
    replaced_by: str = ""  # the placer order number that takes its place


EVENTS: tuple[type[OrderEvent], ...] = (OrderReceived, OrderChanged, OrderVerified, OrderHeld, OrderReleased, OrderEnded)
"""All events of an Order, in the order of the story."""
