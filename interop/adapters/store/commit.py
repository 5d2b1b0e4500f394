"""Natural group commit: what queued while the last group was being committed shares the next one; no timer, one committer, one result a caller."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from interop.adapters.store.group import Outcome
from interop.adapters.store.steps import Work
from interop.ports import Busy, Clock, Committed, Priority, RecordError, StoreClosed, StoreHealth, StoreState, StoreUnavailable

log = logging.getLogger("interop.store")


class Backend(Protocol):
    """A database as the committer sees it: one transaction at a time."""

    async def apply(self, works: Sequence[Work]) -> list[Outcome]:
        """Write a group in one durable transaction; the outcomes are of its first units, at least one: the rest waits for the next group.

        Raises: StoreUnavailable: none of it is known to be written.
        """

    async def heal(self) -> None:
        """Connect anew and prove that the store can write. Raises: StoreUnavailable: not yet."""

    async def let_go(self) -> None:
        """Close every connection."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a group ends and where the queue is full (design: Store, Everything bounded). Back-off in seconds of wall time."""

    group_units: int = 256
    group_bytes: int = 4_000_000
    queue_units: int = 4096
    queue_bytes: int = 64_000_000
    stuck_after_s: float = 10.0  # a disk or a server that does not answer: callers are told, the group goes on
    first_retry_s: float = 0.1
    last_retry_s: float = 5.0


DEFAULT_BOUNDS = Bounds()


@dataclass(slots=True, eq=False)
class Unit:
    """One work, and whom to tell of its outcome."""

    work: Work
    size: int
    priority: Priority
    told: Callable[[Outcome], None]
    is_told: bool = False  # or nobody wants to know any more

    def tell(self, outcome: Outcome) -> None:
        """The first word stands: who was told that the store does not answer is told nothing else later."""
        if self.is_told:
            return
        self.is_told = True
        try:
            self.told(outcome)
        except Exception:  # it keeps nobody else from being told
            log.exception("the outcome of a commit could not be told")


@dataclass(slots=True)
class Queue:
    """The queue "commits": bounded in units and bytes, each priority in what share of it may be taken, so that bulk never keeps a pump event out."""

    bounds: Bounds
    units: int = 0
    bytes: int = 0
    lines: dict[Priority, deque[Unit]] = field(default_factory=lambda: {priority: deque() for priority in Priority})

    def add(self, unit: Unit) -> None:
        """Raises: Busy: this priority's share is full: all of it for pumps, three quarters for orders, half for documents, a quarter for bulk."""
        share = 4 - unit.priority
        if self.units >= self.bounds.queue_units * share // 4 or (
            self.units and self.bytes + unit.size > self.bounds.queue_bytes * share // 4
        ):
            raise Busy(f"{self.units} commits are queued")
        self.lines[unit.priority].append(unit)
        self.units += 1
        self.bytes += unit.size

    def put_back(self, group: Sequence[Unit]) -> None:
        """Units that the last group left over, before all others of their priority."""
        for unit in reversed(group):
            self.lines[unit.priority].appendleft(unit)
            self.units += 1
            self.bytes += unit.size

    def take(self) -> list[Unit]:
        """The next group: one of each priority, so that none starves, then the most urgent first. Callers that gave up are left out."""
        group: list[Unit] = []
        size = 0
        for one_each in (True, False):
            for line in self.lines.values():
                while line and len(group) < self.bounds.group_units and (not group or size + line[0].size <= self.bounds.group_bytes):
                    unit = line.popleft()
                    self.units -= 1
                    self.bytes -= unit.size
                    if unit.is_told:
                        continue
                    group.append(unit)
                    size += unit.size
                    if one_each:
                        break
        return group

    def clear(self) -> list[Unit]:
        """Everything that waits, to be told that it waits in vain."""
        waiting = [unit for line in self.lines.values() for unit in line]
        for line in self.lines.values():
            line.clear()
        self.units = self.bytes = 0
        return waiting


class GroupCommitter:
    """Owns the queue, the state OPEN, FAILING or CLOSED, and the only task that talks to the database's write side."""

    def __init__(self, backend: Backend, clock: Clock, bounds: Bounds, position: int) -> None:
        self._backend, self._clock, self._bounds = backend, clock, bounds
        self._queue = Queue(bounds)
        self._state, self._since, self._cause = StoreState.OPEN, clock.now(), None
        self._listeners: list[Callable[[StoreHealth], None]] = []
        self._closing = asyncio.Event()
        self._work_came = asyncio.Event()
        self._position = position
        self._moved: asyncio.Future[None] | None = None
        self._task = asyncio.create_task(self._run(), name="interop committer")

    _cause: StoreUnavailable | None

    async def submit(self, work: Work, size: int, priority: Priority) -> Outcome:
        """Queue one unit and wait for its outcome; who gives up before its turn has it left out. Raises: RecordError: of this unit only."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        unit = Unit(work, size, priority, lambda told: None if outcome.done() else outcome.set_result(told))
        self.queue(unit)
        try:
            told = await outcome
        except asyncio.CancelledError:
            unit.is_told = True
            raise
        if isinstance(told, RecordError):
            raise told
        return told

    def queue(self, unit: Unit) -> None:
        """Queue it. It is told once, in the loop; at once where it cannot be queued."""
        if self._closing.is_set():
            unit.tell(StoreClosed("the record is closed"))
        elif self._cause is not None:
            unit.tell(_again(self._cause))
        else:
            try:
                self._queue.add(unit)
            except Busy as full:
                unit.tell(full)
            else:
                self._work_came.set()

    def health(self) -> StoreHealth:
        """The state now, without asking the database."""
        return StoreHealth(self._state, self._since, self._cause, self._queue.units)

    def watch(self, listener: Callable[[StoreHealth], None]) -> Callable[[], None]:
        """Call ``listener`` in the loop at every change of state; returns what ends it."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    async def beyond(self, position: int, timeout_s: float) -> int:
        """Wait for a commit beyond ``position`` that this process knows of."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while self._position <= position and not self._closing.is_set():
            if self._moved is None:
                self._moved = loop.create_future()
            left = until - loop.time()
            if left <= 0 or not (await asyncio.wait([self._moved], timeout=left))[0]:
                break
        return self._position

    def moved_to(self, position: int) -> None:
        """The record is known to reach ``position``: wake who waits for that."""
        if position > self._position:
            self._position = position
            if self._moved is not None:
                self._moved.set_result(None)
                self._moved = None

    async def close(self) -> None:
        """Commit what is queued, refuse what comes later, let go of the database."""
        if not self._closing.is_set():
            self._closing.set()
            self._work_came.set()
        await asyncio.shield(self._task)

    async def _run(self) -> None:
        while True:
            group = self._queue.take()
            if group:
                await self._commit(group)
            elif self._closing.is_set():
                break
            else:
                self._work_came.clear()
                await self._work_came.wait()
        self._tell_state(StoreState.CLOSED, StoreClosed("the record is closed"))
        if self._moved is not None:
            self._moved.set_result(None)
        await self._backend.let_go()

    async def _commit(self, group: list[Unit]) -> None:
        watchdog = asyncio.get_running_loop().call_later(self._bounds.stuck_after_s, self._stuck, group)
        try:
            outcomes = await self._backend.apply([unit.work for unit in group])
        except StoreUnavailable as failure:
            await self._fail(group, failure)
        except Exception as error:  # a fault of ours in the committer: nobody may wait for ever, nothing may be called stored
            log.exception("committer failed")
            await self._fail(group, StoreUnavailable(f"committer failed: {type(error).__name__}", in_doubt=True))
        else:
            if self._cause is not None:  # it was stuck and is not any more
                self._tell_state(StoreState.OPEN, None)
            self._queue.put_back(group[len(outcomes) :])
            for unit, outcome in zip(group, outcomes, strict=False):
                unit.tell(outcome)
            self.moved_to(max((outcome.position for outcome in outcomes if isinstance(outcome, Committed)), default=0))
        finally:
            watchdog.cancel()

    def _stuck(self, group: list[Unit]) -> None:
        failure = StoreUnavailable(f"no answer from the store for {self._bounds.stuck_after_s:g} s", in_doubt=True)
        self._tell_all(group, failure)

    def _tell_all(self, group: list[Unit], failure: StoreUnavailable) -> None:
        self._tell_state(StoreState.FAILING, _again(failure, in_doubt=False))
        for unit in group:
            unit.tell(_again(failure))
        for unit in self._queue.clear():
            unit.tell(_again(failure, in_doubt=False))

    async def _fail(self, group: list[Unit], failure: StoreUnavailable) -> None:
        """Tell everyone who waits, at once; then try to heal until it works or the record is closed."""
        self._tell_all(group, failure)
        retry_s = self._bounds.first_retry_s
        while not self._closing.is_set():
            try:
                await asyncio.wait_for(self._closing.wait(), retry_s)
            except TimeoutError:
                if await self._healed():
                    self._tell_state(StoreState.OPEN, None)
                    return
                retry_s = min(retry_s * 2, self._bounds.last_retry_s)

    async def _healed(self) -> bool:
        try:
            await self._backend.heal()
        except RecordError as failure:
            cause = _again(failure, in_doubt=False) if isinstance(failure, StoreUnavailable) else StoreUnavailable(str(failure))
            if self._cause is None or cause.cause != self._cause.cause:
                self._tell_state(StoreState.FAILING, cause)
        except Exception:
            log.exception("healing failed")
        else:
            return True
        return False

    def _tell_state(self, state: StoreState, cause: StoreUnavailable | None) -> None:
        if state is not self._state:
            self._since = self._clock.now()
        self._state, self._cause = state, cause
        if state is StoreState.FAILING:  # not when it is closed: that is what its owner wished
            log.error("the store takes no commits", extra={"state": state, "error_type": type(cause)})
        else:
            log.info("the store's state has changed", extra={"state": state})
        for listener in list(self._listeners):
            try:
                listener(self.health())
            except Exception:
                log.exception("a listener of the store's state failed")


def _again(failure: StoreUnavailable, in_doubt: bool | None = None) -> StoreUnavailable:
    """The same failure as an exception of its own: each caller raises its own, with its own traceback."""
    return type(failure)(failure.cause, in_doubt=failure.in_doubt if in_doubt is None else in_doubt)
