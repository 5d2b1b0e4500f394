"""Due times are rows: they fire in the order in which they are due, each once, also across a crash, since the commit of what follows takes the row away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from interop.conduct.gate import Gate
from interop.ports import Busy, Clock, Commit, Gone, Record, RecordError, StoreClosed, StoreUnavailable, Timer, TimerEnd

log = logging.getLogger(__name__)

Fires = Callable[[Timer, datetime], Commit]
"""What follows when a timer is due, as one commit that ends this very timer (``TimerEnd`` with its ``due_at``). Pure."""

Acts = Callable[[Timer], Awaitable[None]]
"""For what can only be decided after a look at the record: commits what follows together with the end of this very timer. Raises: RecordError."""

POLL_S: Final = 1.0
PAGE: Final = 100
LATER: Final = timedelta(minutes=5)


class Timers:
    """The clockwork. Several nodes may run it: a timer that another has fired is gone."""

    def __init__(
        self, record: Record, clock: Clock, gate: Gate, fires: Mapping[str, Fires], acts: Mapping[str, Acts] | None = None
    ) -> None:
        self._record, self._clock, self._gate, self._fires, self._acts = record, clock, gate, fires, acts or {}

    async def run(self) -> None:
        """Fire what is due, for ever; ends when the record is closed."""
        while True:
            await self._gate.is_open()
            try:
                more = await self.fire_due() == PAGE
            except StoreClosed:
                return
            except (StoreUnavailable, Busy):
                more = False
            if not more:
                await asyncio.sleep(POLL_S)

    async def fire_due(self) -> int:
        """One look: fire at most ``PAGE`` timers that are due, the earliest first; returns how many were. Raises: StoreUnavailable, Busy."""
        due = await self._record.due_timers(self._clock.now(), PAGE)
        for timer in due:
            try:
                if timer.kind in self._acts:
                    await self._act(timer)
                else:
                    await self._record.commit(self._what_follows(timer))
            except Gone:
                continue  # set anew, or fired by another node
            except (StoreUnavailable, Busy):
                raise
            except RecordError:
                log.exception("what follows from a timer could not be written", extra={"timer": timer.kind})
                await self._put_off(timer)
        return len(due)

    async def _act(self, timer: Timer) -> None:
        try:
            await self._acts[timer.kind](timer)
        except RecordError:
            raise
        except Exception:
            log.exception("a timer failed", extra={"timer": timer.kind})
            await self._put_off(timer)

    async def _put_off(self, timer: Timer) -> None:
        try:
            await self._record.commit(self._postponed(timer))
        except Gone:
            return  # set anew, or fired by another node

    def _what_follows(self, timer: Timer) -> Commit:
        """A timer that nobody knows, as a newer version sets it, or whose handler fails, is put off and told of; it is never dropped."""
        fires = self._fires.get(timer.kind)
        if fires is not None:
            try:
                return fires(timer, self._clock.now())
            except Exception:
                log.exception("a timer failed", extra={"timer": timer.kind})
        else:
            log.error("nobody here knows a timer of this kind; it is put off", extra={"timer": timer.kind})
        return self._postponed(timer)

    def _postponed(self, timer: Timer) -> Commit:
        later = Timer(timer.kind, timer.subject, self._clock.now() + LATER, timer.body)
        return Commit(timers=(TimerEnd(timer.kind, timer.subject, timer.due_at), later))
