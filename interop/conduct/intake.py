"""Intake of HL7 v2 orders: accept, commit, answer (D-08). The answer leaves after the commit and never before, and the same message twice is one.

In one commit: the message, byte for byte and under its key; the intent to plan it; the audit row; the watch over its sender's feed (D-27).

What an answer says beyond the message is its code, its control id and its time: the outcome, the subject and the time of the audit row. So the
acknowledgement is on file before it leaves, at no cost (``keeping.accept_answer`` writes it again), and that to a resend is byte-equal to the first.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from interop.conduct.asked import PLAN, Asked
from interop.conduct.decision import Decision, Step
from interop.conduct.desk import Desk
from interop.conduct.feeds import heard, watch_feed
from interop.conduct.keeping import ACCEPTED
from interop.conduct.reading import Reader, Renderer
from interop.conduct.world import Ids, ReleaseBook
from interop.domain.envelope import Accept, CannotBe, NotAccepted, Opened
from interop.domain.sender import SenderProfile
from interop.ports import (
    AuditRow,
    Clock,
    Committed,
    Direction,
    JournalEntry,
    MessageKey,
    MessageSeen,
    Priority,
    Record,
    RecordError,
    Unfit,
)

log = logging.getLogger(__name__)

SpeaksFor = Callable[[object, Opened], bool]
"""Whether this peer may send under that sending application and facility, and by that profile (SEC-05)."""

LONGEST_PEER: Final = 200

AT_ONCE_BYTES: Final = 32 * 1024
AT_ONCE: Final = 64
"""So much is read of messages, and so many are queued or answered, before others have their turn of the loop: orders take 1 to 5 ms of it on a slow
machine. One message may be larger, and is read at once."""


@dataclass(slots=True)
class Tally:
    """What the intake has done since it was made."""

    committed: int = 0
    resent: int = 0
    not_stored: int = 0
    rejected: int = 0


def decide(id: str, message: bytes, opened: Opened, peer: str, received_at: datetime) -> tuple[Decision, Asked]:
    """The acceptance of a message that could be opened: everything about it that must be durable before CA. Pure."""
    asked = Asked.of(id, message, opened, received_at)
    sender = opened.profile.name
    key = MessageKey(sender, opened.control_id, opened.content_hash)
    entry = JournalEntry(id, Direction.IN, peer, opened.message_type, opened.control_id, received_at, message, key=key)
    decision = Decision(
        steps=(Step(id, PLAN, sender, asked.body()),),
        journal=(entry,),
        timers=watch_feed(opened.profile, received_at),
        kept=heard(opened.profile),
        audit=(AuditRow(received_at, sender, *ACCEPTED, subject=id),),
    )
    return decision, asked


class Incoming(Protocol):
    """A message at the door, which is answered once: the first word stands."""

    @property
    def message(self) -> bytes:
        """As it came."""

    @property
    def peer(self) -> object:
        """Who sent it."""

    @property
    def received_at(self) -> datetime: ...

    def answer(self, content: bytes | None) -> None:
        """``None``: its sender wants no answer."""

    def fail(self, fault: Exception) -> None:
        """It is answered CE, as nobody knows what became of it: its sender sends it again, and it is told from another by its key."""


class _Together:
    """Messages that came together, until the last of them is answered."""

    def __init__(self, messages: int) -> None:
        self._left = messages
        self.is_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def one_is_answered(self) -> None:
        self._left -= 1
        if not self._left and not self.is_over.done():
            self.is_over.set_result(None)


@dataclass(frozen=True, slots=True)
class _Accepting:
    """A message that could be opened, and what must be durable before CA."""

    incoming: Incoming
    opened: Opened
    asked: Asked
    decision: Decision
    together: _Together


class Intake:
    """The shell. Messages are taken up in the order in which they are handed to ``receive``, and planned in that order where they are about the same
    thing."""

    def __init__(
        self,
        record: Record,
        clock: Clock,
        ids: Ids,
        reader: Reader,
        renderer: Renderer,
        book: Callable[[], ReleaseBook],
        desk: Desk,
        speaks_for: SpeaksFor,
    ) -> None:
        self._record, self._clock, self._ids, self._reader, self._renderer = record, clock, ids, reader, renderer
        self._book, self._desk, self._speaks_for = book, desk, speaks_for
        # two queues: what is read keeps its order until it has its place in the record's
        self._opening = asyncio.Lock()
        self._queueing = asyncio.Lock()
        self._told: list[tuple[_Accepting, Committed | RecordError]] = []  # and not answered yet
        self._rejecting: set[asyncio.Task[None]] = set()
        self.tally = Tally()

    async def receive(self, incoming: Sequence[Incoming]) -> None:
        """Take messages that came together, each durably, and answer each as soon as its answer is known; when this returns all are answered.

        CA: committed, or had been before. CE: not stored, send again. CR: sending it again will not help. Where the sender wants no answer of that
        kind (MSH-15) it gets none. Cut short, it goes on with those that are in the record's queue: what is stored is planned, whoever was told CE.
        """
        if not incoming:
            return
        together = _Together(len(incoming))
        async with self._opening:
            accepting = await self._open_all(incoming, together)
        async with self._queueing:
            while accepting:
                room = await self._desk.reserve(min(len(accepting), AT_ONCE))
                for each in accepting[:room]:
                    self._queue(each)
                accepting = accepting[room:]
                if accepting:
                    await asyncio.sleep(0)
        await together.is_over

    async def _open_all(self, incoming: Sequence[Incoming], together: _Together) -> list[_Accepting]:
        """Those that can be accepted; the others are on the way to their answers."""
        accepting: list[_Accepting] = []
        profiles = tuple(self._book().newest().senders.values())
        read_bytes = 0
        for each in incoming:
            read_bytes += len(each.message)
            if read_bytes > AT_ONCE_BYTES:
                await asyncio.sleep(0)
                read_bytes = len(each.message)
            try:
                accepting.append(self._open(each, profiles, together))
            except NotAccepted as fault:
                self._start_rejecting(each, fault, together)
            except Exception as fault:  # it fails none of the others
                each.fail(fault)
                together.one_is_answered()
        return accepting

    def _open(self, incoming: Incoming, profiles: Sequence[SenderProfile], together: _Together) -> _Accepting:
        """Raises: NotAccepted."""
        opened = self._reader.open(incoming.message, profiles)
        if not self._speaks_for(incoming.peer, opened):
            raise NotAccepted(CannotBe.NOT_ITS_NAME, "This peer may not send under this sending application and facility", "MSH-3")
        decision, asked = decide(self._ids.new(), incoming.message, opened, _named(incoming.peer), incoming.received_at)
        return _Accepting(incoming, opened, asked, decision, together)

    def _queue(self, each: _Accepting) -> None:
        try:
            self._record.queue(each.decision.commit(self._clock.now()), partial(self._tell, each))
        except Exception as fault:  # it fails none of the others
            self._desk.give_back()
            each.incoming.fail(fault)
            each.together.one_is_answered()

    def _tell(self, each: _Accepting, outcome: Committed | RecordError) -> None:
        """The record's word; those of one turn of the loop are passed on together, when the record has gone on to its next group."""
        if not self._told:
            asyncio.get_running_loop().call_soon(self._answer_told)
        self._told.append((each, outcome))

    def _answer_told(self) -> None:
        told, self._told = self._told[:AT_ONCE], self._told[AT_ONCE:]
        if self._told:
            asyncio.get_running_loop().call_soon(self._answer_told)
        for each, outcome in told:
            try:
                self._answer_one(each, outcome)
            except Exception:  # it fails none of the others; the door gives this one up when it has waited for long enough
                log.exception("a message could not be answered", extra={"entry": each.asked.id})

    def _answer_one(self, each: _Accepting, outcome: Committed | RecordError) -> None:
        if isinstance(outcome, Committed):
            self._desk.put(each.asked)
        else:
            self._desk.give_back()
        if isinstance(outcome, Unfit):
            fault = NotAccepted(CannotBe.UNSTORABLE, "The record cannot hold this message")
            self._start_rejecting(each.incoming, fault, each.together)
            return
        try:
            each.incoming.answer(self._answer_to(each, outcome))
        except Exception as fault:
            each.incoming.fail(fault)
        each.together.one_is_answered()

    def _answer_to(self, each: _Accepting, outcome: Committed | RecordError) -> bytes | None:
        match outcome:
            case Committed():
                self.tally.committed += 1
                code, control_id, at = Accept.COMMITTED, each.asked.id, each.asked.received_at
            case MessageSeen():
                self.tally.resent += 1
                code, control_id, at = Accept.COMMITTED, outcome.first, outcome.at
            case _:
                self.tally.not_stored += 1
                log.warning("a message was not stored and is answered CE", extra={"error_type": type(outcome)})
                # not the id of the entry: it may have been stored all the same
                code, control_id, at = Accept.NOT_STORED, self._ids.new(), self._clock.now()
        if not each.opened.accept.wants(positive=code is Accept.COMMITTED):
            return None
        return self._renderer.accept(each.incoming.message, code, control_id, at)

    def _start_rejecting(self, incoming: Incoming, fault: NotAccepted, together: _Together) -> None:
        """Beside what is accepted, which does not wait for it."""
        task = asyncio.get_running_loop().create_task(self._reject(incoming, fault), name="reject")
        self._rejecting.add(task)
        task.add_done_callback(self._rejecting.discard)
        task.add_done_callback(lambda _: together.one_is_answered())

    async def _reject(self, incoming: Incoming, fault: NotAccepted) -> None:
        """CR is true whether or not the record can say so; it is kept for the analyst as well as it can be."""
        self.tally.rejected += 1
        id, named, message, received_at = self._ids.new(), _named(incoming.peer), incoming.message, incoming.received_at
        try:
            decision = Decision(
                journal=(JournalEntry(id, Direction.IN, named, fault.why.value, "", received_at, message),),
                audit=(AuditRow(received_at, named, "message.accept", f"rejected: {fault.why.value}", subject=id),),
            )
            try:
                await self._record.commit(decision.commit(self._clock.now(), Priority.BULK))
            except RecordError as failure:
                log.warning("a message was rejected and could not be kept", extra={"reason": fault.why, "error_type": type(failure)})
            incoming.answer(self._renderer.accept(message, Accept.REJECTED, id, received_at, fault))
        except Exception as failure:
            incoming.fail(failure)


def _named(peer: object) -> str:
    named = str(peer)
    if not named.isprintable():
        named = "".join(character if character.isprintable() else "?" for character in named)
    return named[:LONGEST_PEER]
