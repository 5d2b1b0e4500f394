"""Outgoing messages: in the order of their infusion, under a fenced lease, byte-equal when resent, parked without holding up others."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from places import EARLY, Place
from samples import an_event, happens, to_ehr

from interop.ports import (
    Claim,
    Commit,
    Expect,
    Gone,
    Lease,
    LeaseLost,
    MessageState,
    MessageStep,
    Renew,
    Retention,
    lane_of,
)

pytestmark = pytest.mark.anyio

SOON = EARLY + timedelta(seconds=5)
LATER = EARLY + timedelta(minutes=5)


async def controls(record: Any, lease: Lease, now: Any = SOON, limit: int = 50) -> list[str]:
    return [message.control_id for message in await record.lane_messages(lease, now, limit)]


def step(lease: Lease | None, seq: int, to: MessageState, **more: Any) -> Commit:
    return Commit(message_steps=(MessageStep(seq, to, SOON, lease, **more),))


async def the_lane(record: Any, owner: str = "worker-1", now: Any = EARLY, lease_s: int = 60) -> Lease:
    lease = await record.claim_lane("ehr", owner, now, lease_s)
    assert lease is not None
    return lease


async def test_an_infusions_messages_go_one_after_the_other_and_infusions_side_by_side(record: Any) -> None:
    told = await record.commit(
        Commit(messages=(to_ehr(1, "infusion/1"), to_ehr(2, "infusion/1"), to_ehr(3, "infusion/2"), to_ehr(4, "infusion/2", urgency=0)))
    )
    assert told.message_seqs == (1, 2, 3, 4)
    lease = await the_lane(record)
    assert await controls(record, lease) == ["OUT00001", "OUT00003"]
    await record.commit(step(lease, 1, MessageState.SENT))
    assert await controls(record, lease) == ["OUT00002", "OUT00003"]
    await record.commit(step(lease, 3, MessageState.SENT))
    assert await controls(record, lease) == ["OUT00004", "OUT00002"]  # the more urgent first


async def test_a_message_is_sent_in_the_commit_that_records_what_followed(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1),)))
    lease = await the_lane(record)
    sent = MessageStep(1, MessageState.SENT, SOON, lease)
    await record.commit(happens("order/1", 0))
    with pytest.raises(Exception, match="version"):
        await record.commit(Commit((Expect("order/1", 0),), (an_event("order/1", "Documented"),), message_steps=(sent,)))
    assert await controls(record, lease) == ["OUT00001"]
    await record.commit(Commit((Expect("order/1", 1),), (an_event("order/1", "Documented"),), message_steps=(sent,)))
    settled = await record.message(1)
    assert (settled.state, settled.settled_at, settled.attempts) == (MessageState.SENT, SOON, 0)
    assert await record.open_messages("ehr", 0) == ()
    assert await record.message(99) is None


async def test_one_worker_holds_a_lane_and_the_next_one_raises_the_epoch(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1),)))
    claims = await asyncio.gather(*(record.claim_lane("ehr", f"worker-{n}", EARLY, 60) for n in range(5)))
    (first,) = [lease for lease in claims if lease is not None]
    assert first.epoch == 1
    assert first.until == EARLY + timedelta(seconds=60)
    assert await record.claim_lane("ehr", "worker-9", EARLY + timedelta(seconds=59), 60) is None
    second = await the_lane(record, "worker-9", EARLY + timedelta(seconds=60))
    assert second.epoch == 2
    with pytest.raises(LeaseLost):
        await record.commit(step(first, 1, MessageState.SENT))
    with pytest.raises(LeaseLost):
        await record.commit(Commit(lane_steps=(Renew(first, LATER),)))
    assert await controls(record, second, EARLY + timedelta(seconds=60)) == ["OUT00001"]
    await record.commit(step(second, 1, MessageState.SENT))


async def test_a_living_lease_is_taken_over_by_seizing_only(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1),)))
    lease = await the_lane(record)
    claim = Claim("ehr", 0, "worker-2", lease.epoch, SOON, LATER)
    with pytest.raises(LeaseLost):
        await record.commit(Commit(lane_steps=(claim,)))
    with pytest.raises(LeaseLost):
        await record.commit(Commit(lane_steps=(replace(claim, seen_epoch=0, seize=True),)))
    await record.commit(Commit(lane_steps=(replace(claim, seize=True),)))
    with pytest.raises(LeaseLost):
        await record.commit(step(lease, 1, MessageState.SENT))


async def test_a_worker_whose_lease_ran_out_may_still_say_sent_while_nobody_else_holds_the_lane(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1),)))
    lease = await the_lane(record, lease_s=1)
    await record.commit(Commit(message_steps=(MessageStep(1, MessageState.SENT, LATER, lease),)))
    assert (await record.message(1)).state is MessageState.SENT


async def test_a_lease_is_prolonged_given_back_and_held_while_the_partner_is_down(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1),)))
    lease = await the_lane(record)
    await record.commit(Commit(lane_steps=(Renew(lease, LATER),)))
    assert await record.claim_lane("ehr", "worker-2", EARLY + timedelta(seconds=90), 60) is None
    await record.commit(Commit(lane_steps=(Renew(lease, EARLY, LATER, "connection refused"),)))
    assert await record.claim_lane("ehr", "worker-2", SOON, 60) is None
    (view,) = await record.lane_views()
    assert (view.note, view.held_until, view.waiting) == ("connection refused", LATER, 1)
    again = await the_lane(record, "worker-2", LATER)
    assert (again.epoch, again.owner) == (2, "worker-2")
    await record.commit(Commit(lane_steps=(Renew(again, LATER),)))
    assert (await record.lane_views())[0].note == ""


async def test_a_failed_message_backs_off_and_holds_back_its_own_infusion_only(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1, "infusion/1"), to_ehr(2, "infusion/1"), to_ehr(3, "infusion/2"))))
    lease = await the_lane(record)
    await record.commit(step(lease, 1, MessageState.WAITING, due_at=LATER, note="AE"))
    assert await controls(record, lease) == ["OUT00003"]
    assert await controls(record, lease, LATER) == ["OUT00001", "OUT00003"]
    waiting = await record.message(1)
    assert (waiting.attempts, waiting.note, waiting.due_at, waiting.state) == (1, "AE", LATER, MessageState.WAITING)
    await record.commit(step(lease, 1, MessageState.WAITING, due_at=LATER, note="AE"))
    assert (await record.message(1)).attempts == 2


async def test_a_resend_is_byte_equal_with_the_same_control_id(place: Place) -> None:
    record = await place.open()
    await record.commit(Commit(messages=(to_ehr(1),)))
    before = (await record.lane_messages(await the_lane(record), SOON))[0]
    await record.commit(step(await the_lane(record, "w2", EARLY + timedelta(seconds=60)), 1, MessageState.WAITING, due_at=SOON))
    if place.durable:
        await record.close()
        record = await place.open("node-b")
    after = (await record.lane_messages(await the_lane(record, "w3", LATER), LATER))[0]
    assert (after.body, after.control_id, after.at, after.seq) == (before.body, before.control_id, before.at, before.seq)
    assert after.attempts == 1


async def test_a_parked_message_waits_for_a_person_and_only_its_infusion_waits_with_it(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1, "infusion/1"), to_ehr(2, "infusion/1"), to_ehr(3, "infusion/2"))))
    lease = await the_lane(record)
    await record.commit(step(lease, 1, MessageState.PARKED, note="AR 207"))
    assert await controls(record, lease, LATER) == ["OUT00003"]
    with pytest.raises(Gone):
        await record.commit(step(lease, 1, MessageState.EXPIRED))
    (view,) = await record.lane_views()
    assert (view.parked, view.waiting, view.note, view.oldest_at) == (1, 2, "AR 207", EARLY)
    assert [(message.seq, message.state) for message in await record.open_messages("ehr", 0)] == [
        (1, MessageState.PARKED),
        (2, MessageState.WAITING),
        (3, MessageState.WAITING),
    ]
    await record.commit(step(None, 1, MessageState.WAITING, due_at=SOON, note="sent again by analyst/3"))
    assert await controls(record, lease, LATER) == ["OUT00001", "OUT00003"]
    await record.commit(step(None, 1, MessageState.DISCARDED, note="charted by hand"))
    assert await controls(record, lease, LATER) == ["OUT00002", "OUT00003"]
    gone = await record.message(1)
    assert (gone.state, gone.note) == (MessageState.DISCARDED, "charted by hand")
    with pytest.raises(Gone):
        await record.commit(step(None, 1, MessageState.WAITING, due_at=SOON))


async def test_what_was_parked_while_on_the_wire_is_sent_when_its_acknowledgement_comes(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1),)))
    lease = await the_lane(record)
    await record.commit(step(None, 1, MessageState.PARKED))
    await record.commit(step(lease, 1, MessageState.SENT))
    assert (await record.message(1)).state is MessageState.SENT


async def test_a_lane_whose_only_messages_wait_behind_a_parked_one_is_not_claimed(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1), to_ehr(2))))
    lease = await the_lane(record)
    await record.commit(step(lease, 1, MessageState.PARKED))
    await record.commit(Commit(lane_steps=(Renew(lease, EARLY),)))
    assert await record.claim_lane("ehr", "worker-2", LATER, 60) is None


async def test_a_message_past_its_time_is_given_to_the_worker_who_says_expired(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1, not_after=SOON), to_ehr(2))))
    lease = await the_lane(record)
    (message,) = await record.lane_messages(lease, LATER)
    assert message.not_after == SOON
    await record.commit(happens("order/1", 0, "AnswerExpired", message_steps=(MessageStep(1, MessageState.EXPIRED, LATER, lease),)))
    assert await controls(record, lease, LATER) == ["OUT00002"]
    assert (await record.message(1)).state is MessageState.EXPIRED


async def test_the_most_urgent_lane_is_claimed_first(record: Any) -> None:
    documents = [to_ehr(n, lane=0, urgency=2) for n in (1, 2)]
    alarms = [to_ehr(3, lane=1, urgency=0), to_ehr(4, lane=2, urgency=1)]
    await record.commit(Commit(messages=(*documents, *alarms, to_ehr(5, destination="cmms", urgency=0))))
    claimed = [await record.claim_lane("ehr", "worker", EARLY, 60) for _ in range(4)]
    assert [lease and lease.lane for lease in claimed] == [1, 2, 0, None]
    anywhere = await record.claim_lane("", "worker", EARLY, 60)
    assert anywhere is not None
    assert anywhere.destination == "cmms"


async def test_of_lanes_that_are_as_urgent_the_one_whose_urgent_message_is_older_is_claimed_first(record: Any) -> None:
    old_document = to_ehr(1, "infusion/1", lane=0, urgency=2)
    alarms = [to_ehr(2, "infusion/3", lane=1, urgency=0), to_ehr(3, "infusion/2", lane=0, urgency=0)]
    await record.commit(Commit(messages=(old_document, *alarms)))
    assert [(await the_lane(record)).lane for _ in range(2)] == [1, 0]


async def test_a_pumps_hello_takes_its_lane_from_the_node_that_had_it(record: Any) -> None:
    first = await record.seize_lane("pump/P1", 0, "node-a", EARLY, 3600)
    await record.commit(Commit(messages=(to_ehr(1, "channel/A", destination="pump/P1"),)))
    second = await record.seize_lane("pump/P1", 0, "node-b", SOON, 3600)
    assert (first.epoch, second.epoch) == (1, 2)
    with pytest.raises(LeaseLost):
        await record.commit(step(first, 1, MessageState.SENT))
    assert [message.seq for message in await record.lane_messages(second, SOON)] == [1]


async def test_a_lease_of_one_lane_says_nothing_about_another(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1, lane=0), to_ehr(2, lane=1))))
    lease = await the_lane(record)
    other = 2 if lease.lane == 0 else 1
    with pytest.raises(Gone):
        await record.commit(step(lease, other, MessageState.SENT))
    with pytest.raises(Gone):
        await record.commit(step(lease, 999, MessageState.SENT))


async def test_settled_messages_go_when_retention_says_so_and_open_ones_never(record: Any) -> None:
    await record.commit(Commit(messages=tuple(to_ehr(n, f"infusion/{n}") for n in range(1, 5))))
    lease = await the_lane(record)
    for seq in (1, 3, 4):
        await record.commit(step(lease, seq, MessageState.SENT))
    assert await record.prune(Retention(settled_messages=SOON)) == 0
    assert await record.prune(Retention(settled_messages=LATER), limit=2) == 2
    assert await record.prune(Retention(settled_messages=LATER)) == 1
    assert await record.message(1) is None
    assert (await record.message(2)).state is MessageState.WAITING


async def test_lanes_without_anything_to_say_are_not_on_the_page(record: Any) -> None:
    await record.commit(Commit(messages=(to_ehr(1),)))
    lease = await the_lane(record)
    await record.commit(step(lease, 1, MessageState.SENT))
    assert await record.lane_views() == ()


@pytest.mark.parametrize("to", [MessageState.SENT, MessageState.EXPIRED])
def test_only_the_holder_of_a_lane_says_what_became_of_a_message(to: MessageState) -> None:
    with pytest.raises(ValueError, match="holder"):
        MessageStep(1, to, SOON)
    with pytest.raises(ValueError, match="due time"):
        MessageStep(1, MessageState.WAITING, SOON)


def test_an_infusion_keeps_its_lane_for_ever() -> None:
    assert [lane_of(f"infusion/{n}", 8) for n in range(6)] == [7, 1, 3, 5, 6, 0]
