"""The queue before the committer: bounded, the urgent first, nobody starved, nobody left waiting when the store fails."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from places import EARLY, StoppedClock

from interop.adapters.store.commit import Bounds, GroupCommitter, Unit
from interop.adapters.store.steps import Work
from interop.ports import (
    Busy,
    Commit,
    Committed,
    Priority,
    Projected,
    StoreClosed,
    StoreFull,
    StoreHealth,
    StoreState,
    StoreUnavailable,
)

pytestmark = pytest.mark.anyio


class HeldBackend:
    """Commits a group when the test lets it, and remembers the groups."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.go = asyncio.Event()
        self.at_most = 1000
        self.failure: Exception | None = None
        self.heals = 0
        self.position = 0

    async def apply(self, works: Sequence[Work]) -> list[Any]:
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        done = works[: self.at_most]
        self.groups.append([work.projections[0].key for work in done if isinstance(work, Commit)])
        self.position += len(done)
        return [Committed(self.position)] * len(done)

    async def heal(self) -> None:
        self.heals += 1
        if isinstance(self.failure, Exception):
            raise self.failure

    async def let_go(self) -> None:
        self.groups.append(["let go"])


SMALL = Bounds(group_units=4, group_bytes=1000, queue_units=8, queue_bytes=4000, stuck_after_s=60, first_retry_s=0.01, last_retry_s=0.02)


class Desk:
    """A committer on a held backend."""

    def __init__(self, bounds: Bounds) -> None:
        self.clock = StoppedClock()
        self.backend = HeldBackend()
        self.committer = GroupCommitter(self.backend, self.clock, bounds, 0)
        self.states: list[StoreHealth] = []
        self.end_watch = self.committer.watch(self.states.append)

    def submit(self, name: str, priority: Priority = Priority.ORDERS, size: int = 1) -> "asyncio.Task[Any]":
        work = Commit(projections=(Projected("t", name, "x"),), priority=priority)
        return asyncio.create_task(self.committer.submit(work, size, priority))

    async def queued(self, *names: str, priority: Priority = Priority.ORDERS, size: int = 1) -> "list[asyncio.Task[Any]]":
        tasks = [self.submit(name, priority, size) for name in names]
        for _ in range(3):
            await asyncio.sleep(0)
        return tasks


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk(SMALL)
    yield desk
    desk.backend.failure = None
    desk.backend.go.set()
    await desk.committer.close()


async def test_what_queued_during_the_last_commit_shares_the_next(desk: Desk) -> None:
    first = await desk.queued("a")
    rest = await desk.queued("b", "c", "d")
    desk.backend.go.set()
    await asyncio.gather(*first, *rest)
    assert desk.backend.groups == [["a"], ["b", "c", "d"]]


async def test_a_group_ends_at_its_bound_of_units_and_of_bytes(desk: Desk) -> None:
    first = await desk.queued("a")
    units = await desk.queued(*"bcdefg")
    desk.backend.go.set()
    await asyncio.gather(*first, *units)
    desk.backend.go.clear()
    first = await desk.queued("h")
    heavy = await desk.queued("i", "j", "k", size=600)
    desk.backend.go.set()
    await asyncio.gather(*first, *heavy)
    assert desk.backend.groups == [["a"], list("bcde"), list("fg"), ["h"], ["i"], ["j"], ["k"]]


async def test_pump_events_go_first_and_the_slowest_are_not_starved(desk: Desk) -> None:
    tasks = await desk.queued("first")
    tasks += await desk.queued("bulk1", priority=Priority.BULK)
    tasks += await desk.queued("document1", "document2", priority=Priority.DOCUMENTS)
    tasks += await desk.queued("pump1", "pump2", "pump3", "pump4", priority=Priority.PUMP)
    desk.backend.go.set()
    await asyncio.gather(*tasks)
    assert desk.backend.groups == [["first"], ["pump1", "document1", "bulk1", "pump2"], ["pump3", "document2", "pump4"]]


async def test_bulk_gives_way_first_and_pump_events_last(desk: Desk) -> None:
    tasks = await desk.queued("first")
    tasks += await desk.queued("1", "2", priority=Priority.BULK)
    assert [type(task.exception()) for task in await desk.queued("3", priority=Priority.BULK)] == [Busy]
    tasks += await desk.queued("4", "5", priority=Priority.DOCUMENTS)
    assert [type(task.exception()) for task in await desk.queued("6", priority=Priority.DOCUMENTS)] == [Busy]
    tasks += await desk.queued("7", "8", priority=Priority.ORDERS)
    assert [type(task.exception()) for task in await desk.queued("9", priority=Priority.ORDERS)] == [Busy]
    tasks += await desk.queued("10", "11", priority=Priority.PUMP)
    assert [type(task.exception()) for task in await desk.queued("12", priority=Priority.PUMP)] == [Busy]
    assert desk.committer.health().queued == 8
    desk.backend.go.set()
    await asyncio.gather(*tasks)
    assert desk.committer.health().queued == 0


async def test_the_queue_is_bounded_in_bytes_and_one_large_commit_always_fits(desk: Desk) -> None:
    tasks = await desk.queued("first")
    tasks += await desk.queued("large", size=50_000)
    assert [type(task.exception()) for task in await desk.queued("small")] == [Busy]
    desk.backend.go.set()
    await asyncio.gather(*tasks)
    assert desk.backend.groups == [["first"], ["large"]]


async def test_what_a_group_had_no_time_for_comes_next_in_its_order(desk: Desk) -> None:
    desk.backend.at_most = 2
    tasks = await desk.queued("first")
    tasks += await desk.queued(*"abcd")
    desk.backend.go.set()
    await asyncio.gather(*tasks)
    assert desk.backend.groups == [["first"], ["a", "b"], ["c", "d"]]


async def test_a_caller_who_gave_up_before_its_turn_is_not_committed(desk: Desk) -> None:
    first = await desk.queued("first")
    gone, stays = await desk.queued("gone", "stays")
    gone.cancel()
    await asyncio.sleep(0)
    first[0].cancel()  # this one has been taken up: it is committed although nobody hears of it
    desk.backend.go.set()
    await stays
    assert desk.backend.groups == [["first"], ["stays"]]
    assert desk.committer.health().queued == 0


async def test_a_failing_store_tells_everyone_at_once_refuses_and_heals_by_itself(desk: Desk) -> None:
    in_hand = await desk.queued("a")
    waiting = await desk.queued("b", "c", priority=Priority.PUMP)
    desk.backend.failure = StoreFull("no room", in_doubt=True)
    desk.clock.on(seconds=7)
    desk.backend.go.set()
    told = await asyncio.gather(*in_hand, *waiting, return_exceptions=True)
    assert [(type(failure), failure.in_doubt) for failure in told] == [(StoreFull, True), (StoreFull, False), (StoreFull, False)]
    assert told[1] is not told[2]
    with pytest.raises(StoreFull):
        await desk.submit("refused at once")
    failing = desk.committer.health()
    assert (failing.state, failing.since, type(failing.cause)) == (StoreState.FAILING, desk.clock.at, StoreFull)
    while desk.backend.heals < 3:
        await asyncio.sleep(0.01)
    desk.backend.failure = None
    while desk.committer.health().state is not StoreState.OPEN:
        await asyncio.sleep(0.01)
    await desk.submit("again")
    assert [health.state for health in desk.states] == [StoreState.FAILING, StoreState.OPEN]
    assert desk.backend.groups == [["again"]]


async def test_another_reason_for_not_healing_is_told_too(desk: Desk) -> None:
    desk.backend.failure = StoreFull("no room")
    desk.backend.go.set()
    with pytest.raises(StoreFull):
        await desk.submit("a")
    desk.backend.failure = StoreUnavailable("the file is gone")
    while len(desk.states) < 2:
        await asyncio.sleep(0.01)
    assert [health.cause and health.cause.cause for health in desk.states] == ["no room", "the file is gone"]


async def test_a_fault_in_the_committer_leaves_nobody_waiting(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.backend.failure = ZeroDivisionError("a fault of ours")
    desk.backend.go.set()
    with pytest.raises(StoreUnavailable, match="ZeroDivisionError") as told:
        await desk.submit("a")
    assert told.value.in_doubt
    desk.backend.failure = None
    while desk.committer.health().state is not StoreState.OPEN:
        await asyncio.sleep(0.01)
    await desk.submit("b")


async def test_a_listener_that_fails_does_not_silence_the_others(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(SMALL)
    heard: list[StoreState] = []

    def broken(health: StoreHealth) -> None:
        raise ValueError("a listener with a fault")

    desk.end_watch()
    end = desk.committer.watch(broken)
    desk.committer.watch(lambda health: heard.append(health.state))
    desk.backend.go.set()
    await desk.committer.close()
    assert heard == [StoreState.CLOSED]
    assert desk.states == []
    end()
    end()


async def test_a_store_that_does_not_answer_is_called_failing_and_open_again_when_it_does() -> None:
    desk = Desk(Bounds(stuck_after_s=0.02))
    stuck = await desk.queued("a")
    queued = await desk.queued("b")
    told = await asyncio.gather(*stuck, *queued, return_exceptions=True)
    assert [(type(failure), failure.in_doubt) for failure in told] == [(StoreUnavailable, True), (StoreUnavailable, False)]
    with pytest.raises(StoreUnavailable):
        await desk.submit("c")
    desk.backend.go.set()
    while desk.committer.health().state is not StoreState.OPEN:
        await asyncio.sleep(0.01)
    assert desk.backend.groups == [["a"]]
    assert await desk.submit("d") == Committed(2)
    assert [health.state for health in desk.states] == [StoreState.FAILING, StoreState.OPEN]
    await desk.committer.close()


async def test_closing_commits_what_is_queued_and_refuses_what_comes_later(desk: Desk) -> None:
    tasks = await desk.queued("a")
    tasks += await desk.queued("b", "c")
    closing = asyncio.create_task(desk.committer.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreClosed):
        await desk.submit("late")
    desk.backend.go.set()
    await asyncio.gather(closing, *tasks)
    assert desk.backend.groups == [["a"], ["b", "c"], ["let go"]]
    assert desk.committer.health().state is StoreState.CLOSED
    assert await desk.committer.beyond(99, 60) == 3
    await desk.committer.close()


async def test_closing_a_failing_store_does_not_wait_for_it_to_heal(desk: Desk) -> None:
    desk.backend.failure = StoreFull("no room")
    desk.backend.go.set()
    with pytest.raises(StoreFull):
        await desk.submit("a")
    await desk.committer.close()
    assert desk.committer.health().state is StoreState.CLOSED
    assert desk.committer.health().since == EARLY


def unit(name: str, told: list[Any], size: int = 1) -> Unit:
    return Unit(Commit(projections=(Projected("t", name, "x"),)), size, Priority.ORDERS, told.append)


async def test_who_does_not_wait_is_told_of_each_unit_as_soon_as_its_group_is_committed(desk: Desk) -> None:
    told: list[list[Any]] = [[] for _ in "abcdef"]
    for name, mine in zip("abcdef", told, strict=True):
        desk.committer.queue(unit(name, mine))
    refused: list[Any] = []
    desk.committer.queue(unit("too large", refused, size=5000))
    assert isinstance(refused[0], Busy), "too many bytes for the queue: it is told at once, and what came with it is not"
    desk.backend.go.set()
    while not told[-1]:
        await asyncio.sleep(0)
    assert [len(each) for each in told] == [1] * 6
    assert desk.backend.groups == [list("abcd"), list("ef")]


async def test_who_was_told_that_the_store_does_not_answer_is_told_nothing_else() -> None:
    desk = Desk(Bounds(stuck_after_s=0.02))
    told: list[Any] = []
    desk.committer.queue(unit("a", told))
    while not told:
        await asyncio.sleep(0.01)
    assert [(type(outcome), outcome.in_doubt) for outcome in told] == [(StoreUnavailable, True)]
    desk.backend.go.set()
    while desk.committer.health().state is not StoreState.OPEN:
        await asyncio.sleep(0.01)
    assert len(told) == 1
    await desk.committer.close()


async def test_one_who_fails_when_it_is_told_keeps_nobody_else_from_being_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Any) -> None:
        raise RuntimeError("a fault of the caller")

    told: list[Any] = []
    failing = unit("a", told)
    failing.told = fails
    desk.committer.queue(failing)
    desk.committer.queue(unit("b", told))
    desk.backend.go.set()
    while not told:
        await asyncio.sleep(0)
    assert isinstance(told[0], Committed)
    assert "could not be told" in caplog.text
    assert isinstance(await desk.submit("c"), Committed)
