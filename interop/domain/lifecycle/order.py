"""The table of an Order: what the EHR wants."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import reduce
from types import MappingProxyType

from interop.domain.events.nouns import PatientNumber
from interop.domain.events.order import (
    EVENTS,
    EndReason,
    OrderChanged,
    OrderEnded,
    OrderEvent,
    OrderHeld,
    OrderReceived,
    OrderReleased,
    OrderVerified,
    VerificationBasis,
)
from interop.domain.lifecycle.table import NoRow, Table


class State(Enum):
    """Only an active order is programmed (SR-07)."""

    WAITING = "waiting"  # for the pharmacist (D-14)
    ACTIVE = "active"
    HELD = "held"
    ENDED = "ended"


TRANSITIONS: Mapping[tuple[State | None, type[OrderEvent]], State] = MappingProxyType(
    {
        (None, OrderReceived): State.WAITING,  # until its verification is told, be it in the same message
        (State.WAITING, OrderVerified): State.ACTIVE,  # a pharmacist has looked, or the emergency list stands in
        (State.ACTIVE, OrderVerified): State.ACTIVE,  # senders say so again with every dispense
        (State.HELD, OrderVerified): State.HELD,  # verified, and still on hold
        (State.WAITING, OrderChanged): State.WAITING,  # a new version waits as the old one did
        (State.ACTIVE, OrderChanged): State.WAITING,  # the pharmacist verified the old version, not this one
        (State.HELD, OrderChanged): State.HELD,  # a change lifts no hold
        (State.WAITING, OrderHeld): State.HELD,  # from the request on, not only from its confirmation
        (State.ACTIVE, OrderHeld): State.HELD,  # open offers are recalled; what runs goes on (SR-38)
        (State.HELD, OrderHeld): State.HELD,  # the confirming code after the request
        (State.HELD, OrderReleased): State.WAITING,  # what verification stands is told next; none → it waits
        (State.WAITING, OrderEnded): State.ENDED,  # nobody needed it
        (State.ACTIVE, OrderEnded): State.ENDED,  # open offers are recalled; what runs goes on (SR-38)
        (State.HELD, OrderEnded): State.ENDED,  # not taken up again
        (State.ENDED, OrderEnded): State.ENDED,  # the confirming code, or a graver word: entered in error after it was stopped (D-30)
    }
)

ALERTS: Mapping[tuple[State | None, type[OrderEvent]], str] = MappingProxyType({})
"""None by the row alone: whether a change, hold or end must alert depends on what runs, and that is another stream."""

TABLE: Table[State, OrderEvent] = Table("Order", State, EVENTS, TRANSITIONS, ALERTS)


@dataclass(frozen=True, slots=True)
class Stream:
    """An order as its events tell it. ``verified_version`` 0: no version was; ``ended_because`` is the last reason told."""

    state: State
    order_id: str
    placer_order_number: str
    patient: PatientNumber | None
    order_version: int
    content_digest: str
    verified_version: int = 0
    verified_by: str = ""
    verification: VerificationBasis | None = None
    ended_because: EndReason | None = None

    @property
    def is_verified(self) -> bool:
        """The version in force is the one that was verified; it then stands through a hold."""
        return self.verified_version == self.order_version


def alert(stream: Stream | None, event: OrderEvent) -> str:
    """The words for a person who must be told of this event at once; empty: nobody is disturbed. ``stream`` is as it was before the event."""
    return TABLE.alert(stream.state if stream else None, event)


def apply(stream: Stream | None, event: OrderEvent) -> Stream:
    """The order after the event.

    Raises: NoRow: the table has no row, or the event speaks of an older version (SR-14).
    """
    if stream is None:
        if not isinstance(event, OrderReceived):
            raise NoRow(None, event)
        state = TABLE.step(None, event)
        return Stream(state, event.order_id, event.placer_order_number, event.patient, event.order_version, event.content_digest)
    state = TABLE.step(stream.state, event)
    match event:
        case OrderChanged():
            if event.order_version <= stream.order_version:
                raise NoRow(stream.state, event, "not a newer version")
            return replace(stream, state=state, order_version=event.order_version, content_digest=event.content_digest)
        case OrderVerified():
            if event.order_version != stream.order_version:
                raise NoRow(stream.state, event, "not the version in force")
            return replace(stream, state=state, verified_version=event.order_version, verified_by=event.by, verification=event.basis)
        case OrderEnded():
            return replace(stream, state=state, ended_because=event.reason)
        case _:
            return replace(stream, state=state)


def fold(events: Iterable[OrderEvent]) -> Stream | None:
    """Raises: NoRow."""
    return reduce(apply, events, None)
