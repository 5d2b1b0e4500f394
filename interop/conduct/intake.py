"""Intake of HL7 v2 orders: accept, commit, answer (D-08). The answer leaves after the commit and never before, and the same message twice is one.

In one commit: the message, byte for byte and under its key; the intent to plan it; the audit row; the watch over its sender's feed (D-27).

What an answer says beyond the message is its code, its control id and its time: the outcome, the subject and the time of the audit row. So the
acknowledgement is on file before it leaves, at no cost (``keeping.accept_answer`` writes it again), and that to a resend is byte-equal to the first.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from interop.conduct.asked import PLAN, Asked
from interop.conduct.decision import Decision, Step
from interop.conduct.desk import Desk
from interop.conduct.feeds import heard, watch_feed
from interop.conduct.keeping import ACCEPTED
from interop.conduct.reading import Reader, Renderer
from interop.conduct.world import Ids, ReleaseBook
from interop.domain.envelope import Accept, CannotBe, NotAccepted, Opened
from interop.ports import AuditRow, Clock, Direction, JournalEntry, MessageKey, MessageSeen, Priority, Record, RecordError, Unfit

log = logging.getLogger(__name__)

SpeaksFor = Callable[[object, Opened], bool]
"""Whether this peer may send under that sending application and facility, and by that profile (SEC-05)."""

LONGEST_PEER: Final = 200


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


class Intake:
    """The shell. Messages are taken up in the order in which ``receive`` is called, and planned in that order where they are about the same thing."""

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
        self.tally = Tally()

    async def receive(self, message: bytes, peer: object, received_at: datetime) -> bytes | None:
        """Take one message, durably, and give its accept answer; ``None`` where its sender wants none (MSH-15).

        CA: committed, or had been before. CE: not stored, send again. CR: sending it again will not help.
        """
        try:
            opened = self._reader.open(message, self._book().newest().senders.values())
        except NotAccepted as fault:
            return await self._reject(message, peer, received_at, fault)
        if not self._speaks_for(peer, opened):
            sentence = "This peer may not send under this sending application and facility"
            return await self._reject(message, peer, received_at, NotAccepted(CannotBe.NOT_ITS_NAME, sentence, "MSH-3"))
        try:
            code, control_id, at = await self._accept(message, opened, peer, received_at)
        except NotAccepted as fault:
            return await self._reject(message, peer, received_at, fault)
        if not opened.accept.wants(positive=code is Accept.COMMITTED):
            return None
        return self._renderer.accept(message, code, control_id, at)

    async def _accept(self, message: bytes, opened: Opened, peer: object, received_at: datetime) -> tuple[Accept, str, datetime]:
        """The code, the control id and the time of the answer. Raises: NotAccepted: the record can never hold it."""
        await self._desk.reserve()
        asked = None
        try:
            decision, asked = decide(self._ids.new(), message, opened, _named(peer), received_at)
            try:
                await self._record.commit(decision.commit(self._clock.now()))
            except BaseException:
                asked = None
                raise
        except MessageSeen as seen:
            self.tally.resent += 1
            return Accept.COMMITTED, seen.first, seen.at
        except Unfit as fault:
            raise NotAccepted(CannotBe.UNSTORABLE, "The record cannot hold this message") from fault
        except RecordError as fault:
            self.tally.not_stored += 1
            log.warning("a message was not stored and is answered CE", extra={"error_type": type(fault)})
            return Accept.NOT_STORED, self._ids.new(), self._clock.now()  # not that of the entry: it may have been stored all the same
        finally:
            if asked is None:
                self._desk.give_back()
        self._desk.put(asked)
        self.tally.committed += 1
        return Accept.COMMITTED, asked.id, received_at

    async def _reject(self, message: bytes, peer: object, received_at: datetime, fault: NotAccepted) -> bytes:
        """CR is true whether or not the record can say so; it is kept for the analyst as well as it can be."""
        self.tally.rejected += 1
        id, named = self._ids.new(), _named(peer)
        decision = Decision(
            journal=(JournalEntry(id, Direction.IN, named, fault.why.value, "", received_at, message),),
            audit=(AuditRow(received_at, named, "message.accept", f"rejected: {fault.why.value}", subject=id),),
        )
        try:
            await self._record.commit(decision.commit(self._clock.now(), Priority.BULK))
        except RecordError as failure:
            log.warning("a message was rejected and could not be kept", extra={"reason": fault.why, "error_type": type(failure)})
        return self._renderer.accept(message, Accept.REJECTED, id, received_at, fault)


def _named(peer: object) -> str:
    named = str(peer)
    if not named.isprintable():
        named = "".join(character if character.isprintable() else "?" for character in named)
    return named[:LONGEST_PEER]
