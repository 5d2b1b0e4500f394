"""Sends what waits in the lanes of one destination, over one connection: in order per infusion, for as long as it is worth it (design: Lanes).

A lane is held by a lease with a fencing epoch, and the commit that marks a message sent is refused under an older one. A partner that is down is
retried with back-off, a message that it refuses is parked and holds back its own order key only, and a resend is byte-equal.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from interop.conduct.gate import Gate
from interop.conduct.sending import Became, Delivery, Send
from interop.ports import (
    AuditRow,
    Busy,
    Clock,
    Commit,
    Gone,
    LaneMessage,
    Lease,
    LeaseLost,
    MessageState,
    MessageStep,
    Priority,
    Record,
    Renew,
    StoreClosed,
    StoreUnavailable,
)

log = logging.getLogger(__name__)

PAUSE_S: Final = 0.05  # before a commit is tried again
STOP_S: Final = 2.0  # for what was sent to be marked so, when this process ends


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """Back-off doubles from the first to the most. ``wrong_answers`` in a row to one message park it. ``poll_s``: the truth behind every wake-up."""

    lease_s: int = 60
    first_back_off_s: int = 1
    most_back_off_s: int = 60
    wrong_answers: int = 3
    poll_s: float = 1.0
    batch: int = 50


DEFAULT_LIMITS: Final = LaneLimits()


@dataclass(slots=True)
class LaneTally:
    """What one worker has done."""

    sent: int = 0
    failed: int = 0
    parked: int = 0
    expired: int = 0


class LaneWorker:
    """One destination's worker on this node."""

    def __init__(
        self, record: Record, clock: Clock, gate: Gate, send: Send, destination: str, owner: str, limits: LaneLimits = DEFAULT_LIMITS
    ) -> None:
        self._record, self._clock, self._gate, self._send = record, clock, gate, send
        self._destination, self._owner, self._limits = destination, owner, limits
        self._held: dict[int, Lease] = {}
        self._hints: set[int] = set()
        self._wake = asyncio.Event()
        self._wrong: dict[int, int] = {}
        self._noted: set[int] = set()  # lanes whose row says that the partner is down
        self._failures = 0  # in a row, of the destination as such
        self._down_until: datetime | None = None
        self._looked_at: datetime | None = None
        self.tally = LaneTally()

    @property
    def down_until(self) -> datetime | None:
        """The partner did not answer: nothing is sent before. ``None``: it is not known to be down."""
        return self._down_until

    def wake(self, lane: int) -> None:
        """Something new waits in this lane, as far as this node knows."""
        self._hints.add(lane)
        self._wake.set()

    def look(self) -> None:
        """Look at all lanes: a person has changed something."""
        self._looked_at = None
        self._wake.set()

    async def take_over(self) -> None:
        """Take back the lanes that this node held when it was killed: nobody else may hold them under its name. Raises: StoreUnavailable, Busy."""
        now = self._clock.now()
        for view in await self._record.lane_views():
            if view.destination == self._destination and view.owner == self._owner and view.leased_until > now:
                try:
                    self._held[view.lane] = await self._record.seize_lane(
                        self._destination, view.lane, self._owner, now, self._limits.lease_s
                    )
                except LeaseLost:
                    continue

    async def run(self) -> None:
        """Send, for ever; ends when the record is closed."""
        while True:
            await self._gate.is_open()
            try:
                idle = not await self.turn()
            except StoreClosed:
                return
            except (StoreUnavailable, Busy):
                await asyncio.sleep(PAUSE_S)
                continue
            if idle:
                await self._pause()

    async def turn(self) -> bool:
        """Send what can be sent now; returns whether anything was settled or tried. Raises: StoreUnavailable, Busy."""
        now = self._clock.now()
        if self._down_until is not None and now < self._down_until:
            return False
        self._down_until = None
        self._wake.clear()
        hints, self._hints = self._hints, set()
        if self._looked_at is None or (now - self._looked_at).total_seconds() >= self._limits.poll_s:
            self._looked_at = now
            hints |= self._held.keys()
        worked = False
        for lane in sorted(hints & self._held.keys()):
            worked |= await self._drain(lane)
        if not hints <= self._held.keys() or self._looked_at == now:
            lease = await self._record.claim_lane(self._destination, self._owner, now, self._limits.lease_s)
            if lease is not None:
                self._held[lease.lane] = lease
                self._looked_at = None  # there may be more
                self._hints |= hints - self._held.keys()  # and what was hinted at and is not held yet is asked for again
                worked |= await self._drain(lease.lane)
            elif not hints <= self._held.keys():  # a lane that was empty when this node was killed is still leased to what it was then
                await self.take_over()
                for lane in sorted(hints & self._held.keys()):
                    worked |= await self._drain(lane)
        return worked

    async def stop(self) -> None:
        """Give the lanes back, so that another node need not wait for the leases to run out."""
        held, self._held = self._held, {}
        now = self._clock.now()
        for lease in held.values():
            try:
                await self._record.commit(Commit(lane_steps=(Renew(lease, now),), priority=Priority.DOCUMENTS))
            except (LeaseLost, StoreUnavailable, Busy):
                continue

    async def _pause(self) -> None:
        wait_s = self._limits.poll_s
        if self._down_until is not None:
            wait_s = min(wait_s, max(0.0, (self._down_until - self._clock.now()).total_seconds()))
            await asyncio.sleep(wait_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):  # not wait_for, which up to Python 3.11 loses a cancellation that meets the wake-up
                await self._wake.wait()

    async def _drain(self, lane: int) -> bool:
        """Send the lane's messages until there are none, or the partner fails, or the lease is lost."""
        worked = False
        while lane in self._held and self._down_until is None:
            lease = await self._renewed(self._held[lane])
            if lease is None:
                break
            messages = await self._record.lane_messages(lease, self._clock.now(), self._limits.batch)
            if not messages:
                break
            worked = True
            if not await self._send_all(messages, lease):
                break
        return worked

    async def _renewed(self, lease: Lease) -> Lease | None:
        """The lease with at least half of its time to go; ``None``: it is lost."""
        now = self._clock.now()
        if (lease.until - now).total_seconds() * 2 >= self._limits.lease_s and not (self._failures == 0 and lease.lane in self._noted):
            return lease
        until = now + timedelta(seconds=self._limits.lease_s)
        try:
            await self._record.commit(Commit(lane_steps=(Renew(lease, until),), priority=Priority.DOCUMENTS))
        except LeaseLost:
            self._lost(lease)
            return None
        longer = replace(lease, until=until)
        self._held[lease.lane] = longer
        if self._failures == 0:
            self._noted.discard(lease.lane)  # the row says nothing any more
        return longer

    async def _send_all(self, messages: tuple[LaneMessage, ...], lease: Lease) -> bool:
        """The first message of each order key, one after the other; each mark is committed while the next message is on its way.

        No second message of an order key leaves before the first is marked: only the next look at the lane gives it.
        """
        marks: list[asyncio.Task[bool]] = []
        try:
            for message in messages:
                now = self._clock.now()
                if now >= lease.until or self._down_until is not None or lease.lane not in self._held:
                    break
                if message.not_after is not None and now >= message.not_after:
                    step = self._expire(message, lease, now)
                else:
                    step = self._settle(message, lease, await self._send.send(message.body))
                marks.append(asyncio.create_task(self._mark(step)))
        except asyncio.CancelledError:
            await _ended(marks, STOP_S)
            raise
        kept = await _ended(marks, None)
        return bool(kept) and all(kept) and self._down_until is None

    def _settle(self, message: LaneMessage, lease: Lease, delivery: Delivery) -> Commit:
        """What one sending comes to."""
        now = self._clock.now()
        why = delivery.why or delivery.became.value
        if delivery.became in (Became.NO_ANSWER, Became.UNREACHABLE):
            return self._back_off(message, lease, delivery.became, why, now)
        self._failures = 0
        if delivery.became is Became.ACCEPTED:
            self.tally.sent += 1
            self._wrong.pop(message.seq, None)
            return _step(message, lease, MessageState.SENT, why, now)
        if delivery.became is Became.WRONG_ANSWER:
            self._wrong[message.seq] = self._wrong.get(message.seq, 0) + 1
        if delivery.became is Became.REJECTED or self._wrong.get(message.seq, 0) >= self._limits.wrong_answers:
            self._wrong.pop(message.seq, None)
            self.tally.parked += 1
            log.error(
                "a message is parked",
                extra={"control_id": message.control_id, "destination": self._destination, "reason": delivery.became},
            )
            return _step(message, lease, MessageState.PARKED, why, now)
        self.tally.failed += 1
        due_at = now + timedelta(seconds=self._delay_s(message.attempts))
        return _step(message, lease, MessageState.WAITING, why, now, due_at)

    def _back_off(self, message: LaneMessage, lease: Lease, became: Became, why: str, now: datetime) -> Commit:
        """The partner is down or slow: all its lanes wait. This message waits a little longer, so that it alone cannot keep the others back."""
        self.tally.failed += 1
        hold_s = self._delay_s(self._failures)
        self._failures += 1
        self._down_until = now + timedelta(seconds=hold_s)
        log.warning(
            "a destination does not take messages now",
            extra={"destination": self._destination, "reason": became, "wait_s": hold_s},
        )
        due_at = self._down_until + timedelta(seconds=self._limits.first_back_off_s if message.attempts else 0)
        self._noted.add(lease.lane)
        note = Renew(lease, lease.until, self._down_until, why)
        return replace(_step(message, lease, MessageState.WAITING, why, now, due_at), lane_steps=(note,))

    def _delay_s(self, failures: int) -> int:
        return int(min(self._limits.first_back_off_s << min(failures, 30), self._limits.most_back_off_s))

    def _expire(self, message: LaneMessage, lease: Lease, now: datetime) -> Commit:
        """Past its time to live it is not sent, whatever it says (D-07)."""
        self.tally.expired += 1
        log.error(
            "a message was not sent in its time; nobody there knows of it",
            extra={"control_id": message.control_id, "destination": self._destination},
        )
        return _step(message, lease, MessageState.EXPIRED, "not sent in its time", now)

    async def _mark(self, commit: Commit) -> bool:
        """Write what became of a message, however long the store takes; ``False``: the lane is another's now."""
        while True:
            await self._gate.is_open()
            try:
                await self._record.commit(commit)
            except LeaseLost as lost:
                self._held.pop(lost.lane, None)
                return False
            except Gone:
                return True  # a person was faster, or an earlier try was written after all
            except StoreClosed:
                raise
            except (StoreUnavailable, Busy):
                await asyncio.sleep(PAUSE_S)
                continue
            return True

    def _lost(self, lease: Lease) -> None:
        self._held.pop(lease.lane, None)
        log.warning("a lane is held by another node now", extra={"lane": lease.lane, "destination": lease.destination})


async def _ended(marks: list["asyncio.Task[bool]"], within_s: float | None) -> list[bool]:
    """What the marks came to; those that take longer are given up, and their messages go out once more. Raises: RecordError: of one of them."""
    if not marks:
        return []
    done, late = await asyncio.wait(marks, timeout=within_s)
    for mark in late:
        mark.cancel()
    failed = [fault for mark in done if not mark.cancelled() and (fault := mark.exception()) is not None]
    if failed and within_s is None:
        raise failed[0]
    return [mark.result() for mark in marks if mark in done and not mark.cancelled() and mark.exception() is None]


def _step(message: LaneMessage, lease: Lease, to: MessageState, note: str, now: datetime, due_at: datetime | None = None) -> Commit:
    audit: tuple[AuditRow, ...] = ()
    if to in (MessageState.PARKED, MessageState.EXPIRED):
        audit = (AuditRow(now, "system", f"message.{to.value}", note, subject=message.control_id),)
    return Commit(message_steps=(MessageStep(message.seq, to, now, lease, due_at, note),), audit=audit, priority=Priority.DOCUMENTS)
