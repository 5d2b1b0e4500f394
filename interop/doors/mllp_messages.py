"""The messages of all connections of one MLLP door on their way through the intake: handed on together, answered one by one, written together.

What comes in one turn of the loop goes to the intake in one call, and what is answered in one turn is written at once: so under load a task, its time-out and
a write serve many messages.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from interop.doors.mllp_limits import Limits, Rate, Slots, Tally
from interop.doors.mllp_peer import Peer
from interop.ports import Clock
from interop.wire.hl7v2.ack import NOBODY, AckCode, AckError, ErrorCode, Us
from interop.wire.hl7v2.mllp import frame

if TYPE_CHECKING:
    from interop.doors.mllp_connection import Connection

NOT_STORED: Final = AckError(ErrorCode.APPLICATION_INTERNAL_ERROR, "The message was not stored; send it again")


class Receiver(Protocol):
    """What takes the messages: the intake."""

    async def receive(self, incoming: Sequence["Coming"]) -> None:
        """Take the messages that came in one turn of the loop, each durably, and answer each by ``Coming.answer`` as soon as its answer is known.

        They stand in the order in which a connection's messages came, and it is called again before it has returned: that they take effect in that
        order is its own care. It goes on to its end, or to ``Limits.answer_s``, when a connection is gone. What it has not answered when it ends, by
        itself, too late or by raising, is answered CE, "not stored, send again": it must be able to tell a message that comes again. When it is
        cancelled the connections are closed without an answer.
        """


class Incident(StrEnum):
    """What the door tells of, beside what it counts; told of with the peer and a detail in words of the door's own, of letters, digits and blanks."""

    TURNED_AWAY = "turned away"
    HANDSHAKE_FAILED = "handshake failed"
    FRAME_REFUSED = "frame refused"
    INTAKE_FAILED = "intake failed"
    CLOSED = "closed by the door"


@dataclass(slots=True)
class Shared:
    """What the connections of one door have in common."""

    receiver: Receiver
    limits: Limits
    clock: Clock
    new_id: Callable[[], str]
    monotonic_ns: Callable[[], int]
    tell: Callable[[Incident, str, str], None]
    us: Us = NOBODY
    tally: Tally = field(default_factory=Tally)
    open: set["Connection"] = field(default_factory=set)
    coming: list["Coming"] = field(default_factory=list)  # in this turn of the loop
    working: set[asyncio.Task[None]] = field(default_factory=set)
    writing: dict["Connection", None] = field(default_factory=dict)
    rates: dict[str, Rate] = field(default_factory=dict)
    slots: Slots = field(init=False)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.slots = Slots(self.limits.in_flight)

    def admit(self, peer: Peer) -> Rate | None:
        """The rate that ``peer`` is held to, on all its connections and after them; None: it has enough connections."""
        if sum(each.peer.key == peer.key for each in self.open) >= self.limits.connections_per_peer:
            return None
        now = self.monotonic_ns()
        connected = {each.peer.key for each in self.open}
        for key in [key for key, rate in self.rates.items() if key not in connected and rate.is_full(now)]:
            del self.rates[key]
        return self.rates.setdefault(peer.key, Rate(self.limits.messages_per_s, self.limits.burst))

    def hand_on(self, coming: "Coming") -> None:
        """With all that comes in this turn of the loop; a slot was taken for it."""
        if not self.coming:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self.coming.append(coming)

    def _hand_over(self) -> None:
        coming, self.coming = self.coming, []
        task = asyncio.get_running_loop().create_task(self._work(coming))
        self.working.add(task)
        task.add_done_callback(partial(self._worked, coming))

    async def _work(self, coming: list["Coming"]) -> None:
        """From messages to their answers, whatever becomes of the connections on which they came."""
        try:
            async with asyncio.timeout(self.limits.answer_s):
                await self.receiver.receive(coming)
            fault: Exception = NotAnswered()
        except Exception as raised:
            fault = raised
        for each in coming:
            each.fail(fault)

    def _worked(self, coming: list["Coming"], task: asyncio.Task[None]) -> None:
        """However it ended, cancelled before its first step or by a fault of the door: what has no answer will have none."""
        if not task.cancelled() and (fault := task.exception()) is not None:
            coming[0].tell(fault)
        for each in coming:
            each.give_up()
        self.working.discard(task)
        self.changed.set()

    def has_answers(self, connection: "Connection") -> None:
        """They are written together with those that come in this turn of the loop."""
        if not self.writing:
            asyncio.get_running_loop().call_soon(self._write)
        self.writing[connection] = None

    def _write(self) -> None:
        writing, self.writing = self.writing, {}
        for connection in writing:
            connection.go_on()


class NotAnswered(Exception):
    """The intake has left a message without its answer."""


class Coming:
    """A message that came on a connection, and the place of its answer in the order of that connection's answers.

    Attributes:
        message: as it came, without its frame; empty once it is answered, for others of its turn may wait for long.
        peer: who sent it.
        received_at: when it was there whole.
        framed: the answer; ``None`` until there is one, and empty when none is wanted.
    """

    __slots__ = ("_connection", "framed", "message", "received_at")

    def __init__(self, connection: "Connection", message: bytes, received_at: datetime) -> None:
        self._connection = connection
        self.message = message
        self.received_at = received_at
        self.framed: bytes | None = None

    @property
    def peer(self) -> Peer:
        return self._connection.peer

    def answer(self, content: bytes | None) -> None:
        """Once: what comes later is not heard. Raises: Unframeable."""
        self._end(b"" if content is None else frame(content), is_silent=content is None)

    def fail(self, fault: Exception) -> None:
        """CE: the sender sends again what we may or may not have stored."""
        if self.framed is None:
            self._end(self._connection.own_answer(self.message, AckCode.CE, NOT_STORED))
            self.tell(fault)

    def tell(self, fault: BaseException) -> None:
        """Of a fault that it met."""
        self._connection.tell_failed(fault)

    def give_up(self) -> None:
        """There will be no answer, so no later one may go out either."""
        if self.framed is None:
            self._connection.abort()
            self._end(b"")

    def _end(self, framed: bytes, *, is_silent: bool = False) -> None:
        if self.framed is None:
            self.framed, self.message = framed, b""
            self._connection.answered(self, is_silent=is_silent)
