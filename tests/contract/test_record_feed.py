"""Projections behind the commits: folded once, taken over, rebuilt, never ahead of their checkpoint."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from places import Place
from samples import accepts, happens

from interop.adapters.store.feed import Projection, catch_up, follow, lag, rebuild
from interop.ports import Checkpoint, Commit, Projected, RecordedEvent

pytestmark = pytest.mark.anyio


def counted(event: RecordedEvent) -> Iterable[str]:
    return (event.type, "all") if event.type != "Silent" else ()


def count(key: str, document: str | None, event: RecordedEvent) -> str | None:
    return None if event.type == "Forgotten" else json.dumps(json.loads(document or "0") + 1)


COUNTS = Projection("counts", 1, counted, count)


async def test_a_projection_catches_up_page_by_page_and_counts_every_event_once(record: Any) -> None:
    for version in range(10):
        await record.commit(happens("order/1", version, "Odd" if version % 2 else "Even"))
    await record.commit(happens("order/1", 10, "Silent"))
    assert await lag(record, COUNTS) == 11
    assert await catch_up(record, COUNTS, page=3) == 11
    assert await catch_up(record, COUNTS) == 11
    assert await record.projections("counts@1") == (("Even", "5"), ("Odd", "5"), ("all", "10"))
    assert await lag(record, COUNTS) == 0
    await record.commit(happens("order/1", 11, "Forgotten"))
    await catch_up(record, COUNTS)
    assert await record.projection("counts@1", "all") is None


async def test_two_nodes_that_fold_at_once_count_nothing_twice(record: Any) -> None:
    await asyncio.gather(*(record.commit(accepts(n)) for n in range(1, 101)))
    assert await asyncio.gather(*(catch_up(record, COUNTS, page=7) for _ in range(3))) == [100, 100, 100]
    assert await record.projection("counts@1", "all") == "100"


async def test_a_rebuild_gives_what_following_gave(record: Any) -> None:
    await asyncio.gather(*(record.commit(accepts(n)) for n in range(1, 31)))
    await catch_up(record, COUNTS)
    followed = await record.projections("counts@1")
    await record.commit(Commit(projections=(Projected("counts@1", "all", "999"), Projected("counts@1", "stray", "1"))))
    assert await rebuild(record, COUNTS, page=8) == 30
    assert await record.projections("counts@1") == followed


async def test_an_interrupted_rebuild_starts_over(record: Any) -> None:
    await asyncio.gather(*(record.commit(accepts(n)) for n in range(1, 11)))
    await record.commit(Commit(projections=(Projected("counts@1", "all", "7"),)))  # left behind without a checkpoint
    await catch_up(record, COUNTS)
    assert await record.projection("counts@1", "all") == "10"


async def test_a_new_version_is_built_beside_the_old(record: Any) -> None:
    await record.commit(accepts(1))
    await catch_up(record, COUNTS)
    await catch_up(record, Projection("counts", 2, counted, lambda key, document, event: '"new"'))
    assert await record.projection("counts@1", "all") == "1"
    assert await record.projection("counts@2", "all") == '"new"'


async def test_a_fold_that_fails_holds_up_neither_the_others_nor_the_record(record: Any) -> None:
    def broken(key: str, document: str | None, event: RecordedEvent) -> str | None:
        raise ValueError("a fold with a fault")

    following = asyncio.create_task(follow(record, [Projection("broken", 1, counted, broken), COUNTS], poll_s=0.01))
    await record.commit(accepts(1))
    while await record.projection("counts@1", "all") != "1":
        await asyncio.sleep(0.01)
    assert await record.checkpoint("broken@1") == 0
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


async def test_a_checkpoint_that_another_node_moved_is_followed(record: Any) -> None:
    await asyncio.gather(*(record.commit(accepts(n)) for n in range(1, 11)))
    await record.commit(Commit(checkpoints=(Checkpoint("counts@1", 0, 4),), projections=(Projected("counts@1", "all", "4"),)))
    await catch_up(record, COUNTS)
    assert await record.projection("counts@1", "all") == "10"


async def test_a_commit_wakes_who_waits_for_it(record: Any) -> None:
    waiting = asyncio.create_task(record.beyond(0, 60))
    await asyncio.sleep(0)
    await record.commit(accepts(1))
    assert await waiting == 1
    assert await record.beyond(0, 60) == 1
    assert await record.beyond(1, 0.01) == 1


async def test_a_commit_on_one_node_wakes_the_other(postgres: Place) -> None:
    here, there = await postgres.open("node-a"), await postgres.open("node-b")
    waiting = asyncio.create_task(there.beyond(0, 60))
    await here.commit(accepts(1))
    assert await waiting == 1
