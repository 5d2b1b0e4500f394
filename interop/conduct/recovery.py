"""Takes up what was left undone: by this process before it was killed, by a node that died, or by a commit that was written while it seemed to fail.

Nothing here carries an offer to a pump as it was planned: what is claimed from the record is checked anew in full (SR-47).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from interop.conduct.asked import PLAN, BadIntent, asked_of
from interop.conduct.burying import Burying
from interop.conduct.decision import HOLD_S
from interop.conduct.desk import Desk
from interop.conduct.gate import Gate
from interop.conduct.offering import Offering
from interop.conduct.planning import OFFER, Outcome
from interop.conduct.recalling import RECALL, Recalling
from interop.ports import Busy, Clock, Intent, Record, StoreClosed, StoreUnavailable

log = logging.getLogger(__name__)

Handler = Callable[[Intent], Awaitable[None]]
"""Carries an intent out and commits that it is done; what it raises leaves the intent to be claimed again."""

SWEEP_S: Final = 5.0
PAGE: Final = 50


class Recovery:
    """Claims intents that nobody holds, and gives each to whom it is for."""

    def __init__(
        self,
        record: Record,
        clock: Clock,
        gate: Gate,
        desk: Desk,
        offering: Offering,
        recalling: Recalling,
        offered: Callable[[Outcome], None],
        others: Mapping[str, Handler],
        later: Callable[[Intent], None],
        burying: Burying,
    ) -> None:
        """``others``: who carries out kinds of intent that are not conduct's own, such as the pump's side its withdrawals.

        ``later`` carries an intent out by ``take`` in a task of its own: a new check may wait for a pump that comes back.
        """
        self._record, self._clock, self._gate = record, clock, gate
        self._desk, self._offering, self._recalling, self._offered, self._others = desk, offering, recalling, offered, others
        self._later, self._checking, self._burying = later, set[str](), burying

    async def at_start(self) -> int:
        """Take up everything that is undone, before any door is open; returns how much that was. Raises: StoreUnavailable, Busy.

        Holds of the dead process are not waited for. Where another node is alive, what it has in hand may be taken up twice: the commit that comes
        second is refused whole. They are held no longer than any later start looks ahead, and taken up in the order in which they were put on file,
        so that a second kill, however soon, leaves nothing behind that newer requests would overtake (SR-14).
        """
        before = self._clock.now() + timedelta(seconds=HOLD_S + 1)
        undone: dict[str, Intent] = {}
        # What was claimed here is held until ``before`` itself: it sorts behind what was not, and a page that brings nothing new is the last.
        while fresh := {each.intent_id: each for each in await self._record.claim_intents(before, 0, PAGE) if each.intent_id not in undone}:
            undone |= fresh
        for intent in sorted(undone.values(), key=lambda each: each.intent_id):
            await self._give(intent)
        return len(undone)

    async def run(self) -> None:
        """Take up what nobody holds any more, every ``SWEEP_S``; ends when the record is closed."""
        while True:
            await asyncio.sleep(SWEEP_S)
            await self._gate.is_open()
            try:
                await self._take_up()
            except StoreClosed:
                return
            except (StoreUnavailable, Busy):
                continue

    async def _take_up(self) -> int:
        taken = 0
        while claimed := await self._record.claim_intents(self._clock.now(), HOLD_S, PAGE):
            for intent in claimed:
                await self._give(intent)
            taken += len(claimed)
        return taken

    async def _give(self, intent: Intent) -> None:
        """To whom it is for; what is checked anew waits for its pump by itself. Raises: StoreUnavailable, Busy."""
        if intent.kind == OFFER:
            self._later(intent)
        else:
            await self.take(intent)

    async def take(self, intent: Intent) -> None:
        """Carry out one intent that this process holds; one that fails holds up no other, and a person is told.

        Raises: StoreUnavailable, Busy: it stays, and is claimed again.
        """
        try:
            try:
                await self._carry_out(intent)
            except BadIntent as fault:
                await self._burying.bury(intent, fault)
        except (StoreUnavailable, Busy):
            raise
        except Exception:  # also what no version of ours raises: a body that cannot be read must not end the sweep, or a start
            log.exception("an intent could not be carried out; it stays", extra={"entry": intent.intent_id, "intent": intent.kind})
            await self._burying.tell(intent)

    async def _carry_out(self, intent: Intent) -> None:
        if intent.kind == PLAN:
            await self._plan(intent)
        elif intent.kind == OFFER:
            await self._check_again(intent)
        elif intent.kind == RECALL:
            await self._recalling.carry_out(intent, self._clock.now)
        elif intent.kind in self._others:
            await self._others[intent.kind](intent)
        else:
            log.error("nobody here knows an intent of this kind; it stays", extra={"intent": intent.kind})

    async def _check_again(self, intent: Intent) -> None:
        if intent.intent_id in self._checking:
            return  # it is under way here already
        self._checking.add(intent.intent_id)
        try:
            outcome = await self._offering.check_again(intent, self._clock.now)
        finally:
            self._checking.discard(intent.intent_id)
        if outcome is not None and outcome.offered is not None:
            self._offered(outcome)

    async def _plan(self, intent: Intent) -> None:
        if intent.intent_id in self._desk.ids:
            return  # it waits here already
        asked = await asked_of(intent.intent_id, intent.body, self._record)
        await self._desk.reserve()
        self._desk.put(asked)
