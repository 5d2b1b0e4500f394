"""The queue "planning": requests that were accepted, planned side by side, but those about one order or one pump in the order in which they came.

A request waits here only as its intent does in the store; what is lost with the process is taken up again from there.

Accepting goes before planning, for both run on one core and the sender waits for CA: while messages are being accepted, a few requests are begun
now and then and no more (``FEW``). Behind that no request waits for long: not beyond ``LONGEST_S``, and not while more than half of the room is taken.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from interop.conduct.asked import Asked
from interop.conduct.gate import Gate
from interop.conduct.planning import KeepsMoving, Outcome, Planning
from interop.ports import Busy, Gone, RecordError, StoreClosed, StoreUnavailable

log = logging.getLogger(__name__)

BEGUN: Final = 16
"""Requests in planning at once, those that wait for an earlier one about the same thing among them: enough to share the record's group commits, and
few enough that a message which comes while they are planned does not wait for long."""

FEW: Final = 4
REST: Final = 7
LONGEST_REST_S: Final = 0.25
"""While messages are accepted: so many requests are begun together, to share a commit, and when they are done none is for ``REST`` times as long as
they took, or ``LONGEST_REST_S``: planning has an eighth of the time, on a slow machine too."""

QUIET_S: Final = 0.004
"""Nothing is being accepted when nothing was for so long, in which no plan held the loop: a message may have come meanwhile and wait to be read.
A connection that sends one message after the other is never silent for longer."""

LONGEST_S: Final = 5.0
"""How long accepting may go before a request, at most."""

PAUSE_S: Final = 0.05
"""Before a request is tried again after the store was busy."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """One queue for the page of what is stuck."""

    name: str
    length: int
    bound: int


class Desk:
    """``reserve`` before the commit that accepts a request, then ``put``, or ``give_back`` where nothing was accepted."""

    def __init__(
        self, planning: Planning, gate: Gate, now: Callable[[], datetime], offered: Callable[[Outcome], None], *, bound: int = 1024
    ) -> None:
        """``offered`` is told of every outcome whose offer shall leave now. ``bound``: requests reserved, waiting and in work."""
        self._planning, self._gate, self._now, self._offered = planning, gate, now, offered
        self._bound = bound
        self._taken = 0
        self._wanting: deque[tuple[int, asyncio.Future[int]]] = deque()
        self._work: dict[str, asyncio.Task[None] | None] = {}
        self._last: dict[str, asyncio.Task[None]] = {}
        self._waiting: deque[tuple[Asked, float]] = deque()  # not begun, and since when on the loop's clock
        self._begun = 0
        self._quiet_since = -QUIET_S  # nothing was accepted since, and none was planned
        self._few = 0  # that may still begin with those that have
        self._few_at = 0.0  # when the first of those that have begun did
        self._next_few_at = 0.0
        self._look: asyncio.TimerHandle | None = None
        self._is_stopped = False

    @property
    def ids(self) -> Set[str]:
        """The requests that are here."""
        return self._work.keys()

    def view(self) -> QueueView:
        return QueueView("planning", self._taken, self._bound)

    async def reserve(self, most: int = 1) -> int:
        """Room for some requests, one at least and as many of ``most`` as there is room for; how many that is.

        Waits for it, first come, first served: that is what makes the intake, and then its door, pause.
        """
        if self._taken < self._bound and not self._wanting:
            return self._take(most)
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._wanting.append((most, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(turn.result())
            raise

    def _take(self, most: int) -> int:
        room = min(most, self._bound - self._taken)
        self._taken += room
        return room

    def give_back(self, count: int = 1) -> None:
        """So much room is not needed, or not any more."""
        self._taken -= count
        while self._wanting and self._taken < self._bound:
            most, turn = self._wanting.popleft()
            if not turn.done():
                turn.set_result(self._take(most))

    def put(self, asked: Asked) -> None:
        """Plan this request, for which there is room. It is durable already: it is left to the next start when this one is over, and it is here once
        when it was taken up again from the store meanwhile."""
        if self._is_stopped or asked.id in self._work:
            self.give_back()
            return
        self._quiet_since = asyncio.get_running_loop().time()
        self._work[asked.id] = None
        self._waiting.append((asked, self._quiet_since))
        self._begin_some()

    def _begin_some(self) -> None:
        """Begin those whose turn it is, in the order in which they came; look again soon if the others only wait for what is being accepted."""
        while self._waiting and self._begun < BEGUN and self._may_begin():
            self._begin(self._waiting.popleft()[0])
        if self._waiting and self._begun < BEGUN and self._look is None:
            self._look = asyncio.get_running_loop().call_later(QUIET_S, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self._begin_some()

    def _may_begin(self) -> bool:
        now = asyncio.get_running_loop().time()
        if len(self._waiting) > self._bound // 2 or now - self._waiting[0][1] > LONGEST_S:
            return True
        if not self._begun:
            is_accepting = self._taken > len(self._work) or now - self._quiet_since < QUIET_S
            if not is_accepting:
                self._few = BEGUN
            elif now >= self._next_few_at:
                self._few = FEW
        self._few -= 1
        return self._few >= 0

    def _begin(self, asked: Asked) -> None:
        before = {self._last[about] for about in asked.about if about in self._last}
        task = asyncio.get_running_loop().create_task(self._plan(asked, before), name=f"plan {asked.id}")
        if not self._begun:
            self._few_at = asyncio.get_running_loop().time()
        self._begun += 1
        self._work[asked.id] = task
        for about in asked.about:
            self._last[about] = task
        task.add_done_callback(lambda done: self._planned(asked, done))

    def _planned(self, asked: Asked, done: "asyncio.Task[None]") -> None:
        del self._work[asked.id]
        self._begun -= 1
        self._quiet_since = now = asyncio.get_running_loop().time()
        if not self._begun:
            self._few, self._next_few_at = 0, now + min(LONGEST_REST_S, REST * (now - self._few_at))
        for about in asked.about:
            if self._last.get(about) is done:
                del self._last[about]
        self.give_back()
        self._begin_some()

    async def _plan(self, asked: Asked, before: set["asyncio.Task[None]"]) -> None:
        if before:
            await asyncio.wait(before)
        while True:
            await self._gate.is_open()
            try:
                outcome = await self._planning.plan(asked, self._now)
            except StoreClosed:
                return  # this process ends; the intent stays
            except (StoreUnavailable, Busy):
                await asyncio.sleep(PAUSE_S)
                continue
            except KeepsMoving:
                log.error(
                    "a request could not be planned, as what it leans on kept moving; it will be taken up again",
                    extra={"entry": asked.id},
                )
                return
            except Exception as fault:
                log.exception("planning of a request failed", extra={"entry": asked.id})
                await self._give_up(asked, fault)
                return
            if outcome is not None and outcome.offered is not None:
                self._offered(outcome)
            return

    async def _give_up(self, asked: Asked, fault: Exception) -> None:
        try:
            await self._planning.give_up(asked, fault, self._now())
        except Gone:
            return  # it was planned after all
        except (RecordError, ValueError):
            log.exception("a request could not even be refused; it stays to be taken up again", extra={"entry": asked.id})

    async def idle(self) -> None:
        """Until nothing is here."""
        while self._work:
            begun = {task for task in self._work.values() if task is not None}
            if begun:
                await asyncio.wait(begun)
            await asyncio.sleep(0 if begun else QUIET_S)  # what is done is counted out in its callback, which must have its turn

    async def stop(self) -> None:
        """Drop what is here and what still comes: every request's intent is in the store."""
        self._is_stopped = True
        while self._waiting:
            del self._work[self._waiting.pop()[0].id]
            self.give_back()
        for task in list(self._work.values()):
            if task is not None:
                task.cancel()
        await self.idle()
