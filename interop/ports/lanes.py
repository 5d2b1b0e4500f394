"""Messages that wait to be sent: how they stand, and what a worker may do with a lane that it holds (design: Lanes)."""

import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from interop.ports.parts import check_instant, check_storable


class MessageState(Enum):
    """A message in a lane: the first two are open, the others settled for ever."""

    WAITING = "waiting"
    PARKED = "parked"  # a person must look; holds back its own order key only
    SENT = "sent"
    EXPIRED = "expired"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for a lane. It is sent after all earlier ones of its ``order_key`` in its lane, and resent byte-equal with the same MSH-10.

    ``not_after``: no longer worth sending. ``urgency``: smaller goes first among different order keys. (destination, control_id) is unique.
    """

    destination: str
    lane: int
    order_key: str
    control_id: str
    body: bytes
    at: datetime
    not_after: datetime | None = None
    urgency: int = 1

    def __post_init__(self) -> None:
        check_instant(self.at)
        if self.not_after is not None:
            check_instant(self.not_after)
        check_storable(self.destination, self.order_key, self.control_id)


@dataclass(frozen=True, slots=True)
class LaneMessage:
    """An outgoing message as stored; ``attempts`` counts sendings that failed, ``note`` says why the last one did."""

    seq: int
    destination: str
    lane: int
    order_key: str
    control_id: str
    body: bytes
    at: datetime
    not_after: datetime | None
    urgency: int
    state: MessageState
    attempts: int
    due_at: datetime
    note: str
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send on a lane until ``until``. ``epoch`` fences it: a step under an older epoch is refused, whatever the clocks say."""

    destination: str
    lane: int
    owner: str
    epoch: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """Takes a lane whose epoch is still ``seen_epoch`` and whose lease is over at ``at``; ``seize`` takes it from a living owner (a pump's hello)."""

    destination: str
    lane: int
    owner: str
    seen_epoch: int
    at: datetime
    until: datetime
    seize: bool = False

    def __post_init__(self) -> None:
        check_instant(self.at)
        check_instant(self.until)
        check_storable(self.destination, self.owner)


@dataclass(frozen=True, slots=True)
class Renew:
    """Prolongs or, with ``until`` in the past, gives back a lease. ``held_until``: the partner is down, nobody claims the lane before."""

    lease: Lease
    until: datetime
    held_until: datetime | None = None
    note: str = ""

    def __post_init__(self) -> None:
        check_instant(self.until)
        if self.held_until is not None:
            check_instant(self.held_until)
        check_storable(self.note)


@dataclass(frozen=True, slots=True)
class MessageStep:
    """Moves message ``seq``: a worker under its ``lease`` to any state, a person (no lease) to waiting, parked or discarded, never to sent.

    To WAITING under a lease counts a failed attempt and sets ``due_at``, the back-off; by a person it frees a parked message from ``due_at`` on.
    """

    seq: int
    to: MessageState
    at: datetime
    lease: Lease | None = None
    due_at: datetime | None = None
    note: str = ""

    def __post_init__(self) -> None:
        check_instant(self.at)
        if self.due_at is not None:
            check_instant(self.due_at)
        check_storable(self.note)
        if self.lease is None and self.to in (MessageState.SENT, MessageState.EXPIRED):
            raise ValueError(f"only the holder of the lane says {self.to.value}")
        if self.to is MessageState.WAITING and self.due_at is None:
            raise ValueError("a waiting message needs a due time")


@dataclass(frozen=True, slots=True)
class LaneView:
    """One lane for the page of what is stuck; ``oldest_at`` of its open messages, ``note`` says why the lane or its oldest parked message is held."""

    destination: str
    lane: int
    owner: str
    epoch: int
    leased_until: datetime
    held_until: datetime
    note: str
    waiting: int
    parked: int
    oldest_at: datetime | None


class Lanes(Protocol):
    """Outgoing messages in order (design: Lanes)."""

    async def claim_lane(self, destination: str, owner: str, now: datetime, lease_s: int) -> Lease | None:
        """Lease the most urgent free lane of ``destination`` that has something to send now; ``None``: there is none, or others were faster.

        An empty ``destination`` means any. Raises: StoreUnavailable, Busy.
        """

    async def seize_lane(self, destination: str, lane: int, owner: str, now: datetime, lease_s: int) -> Lease:
        """Take this lane from whoever holds it, raising its epoch (a pump said hello to this node). Raises: LeaseLost: another seized it meanwhile."""

    async def lane_messages(self, lease: Lease, now: datetime, limit: int = 50) -> tuple[LaneMessage, ...]:
        """The first open message of each order key of the lane, if waiting and due, most urgent first.

        Past ``not_after`` they are still given: the worker says EXPIRED, in a commit that tells what follows from it.
        """

    async def lane_views(self, limit: int = 200) -> tuple[LaneView, ...]:
        """The lanes that hold open messages or are held back, those with the oldest message first: what is stuck."""

    async def open_messages(self, destination: str, lane: int, after: int = 0, limit: int = 200) -> tuple[LaneMessage, ...]:
        """The waiting and parked messages of one lane with a seq beyond ``after``, in order."""

    async def message(self, seq: int) -> LaneMessage | None:
        """One message in whatever state, or ``None`` if there is none or retention took it."""


def lane_of(order_key: str, lanes: int) -> int:
    """The lane of an order key among ``lanes``: the same on every node and for ever, so that one infusion's messages keep their order."""
    return zlib.crc32(order_key.encode()) % lanes
