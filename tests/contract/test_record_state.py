"""What stands beside the events: timers, intents, projections, checkpoints, releases."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from places import EARLY
from samples import happens

from interop.ports import (
    Activation,
    Checkpoint,
    CheckpointMoved,
    Commit,
    Gone,
    IdTaken,
    Intent,
    IntentDone,
    IntentHeld,
    Projected,
    StoredRelease,
    Timer,
    TimerEnd,
)

pytestmark = pytest.mark.anyio

SOON = EARLY + timedelta(seconds=5)
LATER = EARLY + timedelta(minutes=5)


async def test_timers_are_rows_that_come_due_in_order_and_are_replaced_by_later_ones(record: Any) -> None:
    assert await record.next_due() is None
    await record.commit(
        Commit(
            timers=(Timer("offer", "programme/2", LATER), Timer("offer", "programme/1", SOON, '{"n":1}'), Timer("stale", "pump/1", EARLY))
        )
    )
    assert await record.next_due() == EARLY
    assert [timer.subject for timer in await record.due_timers(SOON)] == ["pump/1", "programme/1"]
    assert await record.due_timers(SOON, limit=1) == (Timer("stale", "pump/1", EARLY),)
    await record.commit(Commit(timers=(Timer("stale", "pump/1", LATER),)))
    assert await record.due_timers(SOON) == (Timer("offer", "programme/1", SOON, '{"n":1}'),)
    await record.commit(Commit(timers=(TimerEnd("offer", "programme/1"), TimerEnd("offer", "never set"))))
    assert await record.next_due() == LATER


async def test_a_timer_fires_once_although_two_nodes_saw_it_due(record: Any) -> None:
    await record.commit(Commit(timers=(Timer("offer", "programme/1", SOON),)))
    fires = [happens(f"programme/{n}", 0, "Expired", timers=(TimerEnd("offer", "programme/1", SOON),)) for n in (1, 2)]
    told = await asyncio.gather(*map(record.commit, fires), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in told) == ["Committed", "Gone"]
    assert len(await record.feed(0)) == 1


async def test_a_timer_that_was_moved_meanwhile_does_not_fire(record: Any) -> None:
    await record.commit(Commit(timers=(Timer("offer", "programme/1", SOON),)))
    await record.commit(Commit(timers=(Timer("offer", "programme/1", LATER),)))
    with pytest.raises(Gone):
        await record.commit(Commit(timers=(TimerEnd("offer", "programme/1", SOON),)))


async def test_an_intent_whose_carrier_died_is_carried_out_by_another_once(record: Any) -> None:
    await record.commit(Commit(intents=(Intent("i1", "alert", "pump/1", "{}", SOON), Intent("i2", "alert", "pump/2", "{}", LATER))))
    assert await record.claim_intents(EARLY, 60) == ()
    claims = await asyncio.gather(*(record.claim_intents(SOON, 60) for _ in range(4)))
    (claimed,) = [intent for claim in claims for intent in claim]
    assert claimed == Intent("i1", "alert", "pump/1", "{}", SOON + timedelta(seconds=60))
    assert await record.claim_intents(SOON + timedelta(seconds=59), 60) == ()
    (again,) = await record.claim_intents(SOON + timedelta(seconds=60), 60)
    assert again.intent_id == "i1"
    await record.commit(Commit(intent_steps=(IntentDone("i1"),)))
    for step in (IntentDone("i1"), IntentHeld("i1", again.held_until, LATER), IntentHeld("i2", SOON, LATER)):
        with pytest.raises(Gone):
            await record.commit(Commit(intent_steps=(step,)))


async def test_todays_state_is_folded_in_the_commit_of_its_events(record: Any) -> None:
    await record.commit(happens("order/1", 0, projections=(Projected("orders", "b", '{"s":1}'), Projected("orders", "a", '{"s":2}'))))
    await record.commit(
        Commit(projections=(Projected("orders", "Ä", "{}"), Projected("other", "a", "{}"), Projected("orders", "a", '{"s":3}')))
    )
    assert await record.projection("orders", "a") == '{"s":3}'
    assert await record.projection("orders", "none") is None
    assert await record.projections("orders") == (("a", '{"s":3}'), ("b", '{"s":1}'), ("Ä", "{}"))
    assert await record.projections("orders", after="a", limit=1) == (("b", '{"s":1}'),)
    await record.commit(Commit(projections=(Projected("orders", "a", None), Projected("orders", "never", None))))
    assert await record.projection("orders", "a") is None
    await record.commit(Commit(projections=(Projected("orders", "a", "1"), Projected("orders", "a", "2"))))
    assert await record.projection("orders", "a") == "2"


async def test_a_checkpoint_moves_with_what_it_counts_and_from_one_node_only(record: Any) -> None:
    assert await record.checkpoint("worklist") == 0
    folds = [Commit(checkpoints=(Checkpoint("worklist", 0, 10),), projections=(Projected("worklist", str(n), "{}"),)) for n in (1, 2)]
    told = await asyncio.gather(*map(record.commit, folds), return_exceptions=True)
    (moved,) = [answer for answer in told if isinstance(answer, CheckpointMoved)]
    assert (moved.expected, moved.actual) == (0, 10)
    assert await record.checkpoint("worklist") == 10
    assert len(await record.projections("worklist")) == 1


async def test_a_projection_is_cleared_with_its_checkpoint(record: Any) -> None:
    many = tuple(Projected("worklist", f"{n:04d}", "{}") for n in range(1200))
    await record.commit(Commit(projections=(*many, Projected("other", "1", "{}")), checkpoints=(Checkpoint("worklist", 0, 7),)))
    await record.clear_projection("worklist")
    assert await record.projections("worklist") == ()
    assert await record.checkpoint("worklist") == 0
    assert len(await record.projections("other")) == 1


async def test_a_release_is_immutable_and_the_newest_activation_counts(record: Any) -> None:
    first, second = StoredRelease("lib42", "map1", EARLY, b"one"), StoredRelease("lib42", "map2", SOON, b"two")
    assert await record.active_release("lib42") is None
    await record.put_release(first)
    await record.put_release(first)
    with pytest.raises(IdTaken):
        await record.put_release(StoredRelease("lib42", "map1", LATER, b"another"))
    assert await record.release("lib42", "map1") == first
    assert await record.release("lib42", "map9") is None
    assert await record.active_release("lib42") is None
    await record.commit(Commit(activations=(Activation("lib42", "map1", EARLY, "pharmacist/1"),)))
    await record.commit(Commit(releases=(second,), activations=(Activation("lib42", "map2", SOON, "pharmacist/1"),)))
    assert await record.active_release("lib42") == second
    await record.commit(Commit(activations=(Activation("lib42", "map1", LATER, "pharmacist/2"),)))
    assert await record.active_release("lib42") == first
    assert await record.active_release("lib41") is None
    assert await record.releases() == (("lib42", "map1", EARLY), ("lib42", "map2", SOON))
    with pytest.raises(Gone):
        await record.commit(Commit(activations=(Activation("lib42", "map3", LATER, "pharmacist/2"),)))
