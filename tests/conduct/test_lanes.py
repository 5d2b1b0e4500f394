"""Answers on their way to a partner that is down, slow, answers wrongly or late, closes in the middle, or says no."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from interop.conduct.lanes import LaneLimits
from interop.conduct.sending import Became
from interop.ports import Commit, LeaseLost, MessageState, MessageStep
from tests.conduct.virtual import run
from tests.conduct.ward import LISTENER, Bedside, Ehr, Hospital, Said, an_order


def first(times: int, became: Became):
    """The first sendings fail so; from then on all is well."""
    return lambda number, said: became if number <= times else Became.ACCEPTED


@pytest.mark.parametrize("became", [Became.NO_ANSWER, Became.WRONG_ANSWER, Became.TRY_AGAIN])
def test_d_07_an_answer_that_was_not_acknowledged_is_sent_again_byte_for_byte_under_the_same_id(became: Became):
    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(first(2, became)))
        await hospital.send(an_order(1))
        await hospital.settled()
        assert len(hospital.ehr.received) == 3
        assert len(set(hospital.ehr.received)) == 1
        assert len(hospital.ehr.acknowledged) == 1
        await hospital.close()

    run(story())


def test_a_partner_that_is_down_is_tried_with_growing_pauses_and_gets_everything_in_order_when_it_is_back():
    tries: list[float] = []

    def behave(number: int, said: Said) -> Became:
        tries.append(asyncio.get_running_loop().time())
        return Became.ACCEPTED if len(tries) > 6 else Became.UNREACHABLE

    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(behave), limits=LaneLimits(most_back_off_s=16))
        for number in range(1, 6):
            await hospital.send(an_order(1, message_id=f"G{number}", requested_at=f"2026030207595{number}+0000"))
        await asyncio.sleep(3)
        health = await hospital.conduct.health()
        assert LISTENER in health.down
        assert health.oldest_unanswered is not None
        assert [view.note for view in health.lanes] == ["unreachable"]
        await hospital.settled()
        pauses = [round(later - sooner) for sooner, later in pairwise(tries[:6])]
        assert pauses == sorted(pauses)
        assert max(pauses) <= 17
        assert [said.answers for said in hospital.ehr.answers] == ["G1", "G2", "G3", "G4", "G5"]
        assert not (await hospital.conduct.health()).lanes, "nothing is left on the page"
        await hospital.close()

    run(story())


def test_a_slow_partner_gets_each_answer_once():
    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(takes_s=20))
        for number in (1, 2, 3):
            await hospital.send(an_order(number))
        await hospital.settled()
        assert len(hospital.ehr.received) == 3
        await hospital.close()

    run(story())


def test_an_answer_that_the_partner_rejects_is_parked_and_holds_back_its_own_order_only():
    def behave(number: int, said: Said) -> Became:
        return Became.REJECTED if said.answers == "A1" and not freed else Became.ACCEPTED

    freed: list[str] = []

    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(behave))
        await hospital.send(an_order(1, message_id="A1"))
        await hospital.settled(5)
        await hospital.send(an_order(1, message_id="A2", requested_at="20260302075955+0000"))
        await hospital.send(an_order(2, message_id="B1"))
        await hospital.settled(30)
        assert [said.answers for said in hospital.ehr.answers] == ["A1", "B1"]
        parked = [message for message in await hospital.open_messages() if message.state is MessageState.PARKED]
        assert [message.note for message in parked] == ["rejected"]
        assert sum(view.parked for view in (await hospital.conduct.health()).lanes) == 1
        freed.append("by a person")
        await hospital.conduct.free_message(parked[0].seq, "it-1")
        await hospital.settled()
        assert [Said.by(message).answers for message in hospital.ehr.acknowledged] == ["B1", "A1", "A2"]
        await hospital.close()

    run(story())


def test_what_a_person_discards_is_never_sent_and_what_waits_behind_it_goes_on():
    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(lambda number, said: Became.REJECTED if said.answers == "A1" else Became.ACCEPTED))
        await hospital.send(an_order(1, message_id="A1"))
        await hospital.settled(5)
        await hospital.send(an_order(1, message_id="A2", requested_at="20260302075955+0000"))
        (parked,) = [message for message in await hospital.open_messages() if message.state is MessageState.PARKED]
        await hospital.conduct.discard_message(parked.seq, "it-1", "told by telephone")
        await hospital.settled()
        assert [Said.by(message).answers for message in hospital.ehr.acknowledged] == ["A2"]
        rows = [row for row in await hospital.record.audit_rows("node-a") if row.action == "message.discard"]
        assert [(row.actor, row.outcome) for row in rows] == [("it-1", "told by telephone")]
        await hospital.close()

    run(story())


def test_wrong_answers_without_end_park_the_message():
    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(lambda number, said: Became.WRONG_ANSWER), limits=LaneLimits(wrong_answers=3))
        await hospital.send(an_order(1))
        await hospital.settled(60)
        assert len(hospital.ehr.received) == 3
        assert [message.state for message in await hospital.open_messages()] == [MessageState.PARKED]
        await hospital.close()

    run(story())


def test_d_07_an_answer_past_its_time_to_live_is_never_sent_and_a_person_is_told():
    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(lambda number, said: Became.UNREACHABLE), pumps=Bedside(connected=False))
        await hospital.send(an_order(1))
        await asyncio.sleep(300)
        hospital.ehr.behave = lambda number, said: Became.ACCEPTED
        await hospital.settled()
        assert not hospital.ehr.received
        assert [row.action for row in await hospital.record.audit_rows("node-a") if row.action.startswith("message.e")] == [
            "message.expired"
        ]
        await hospital.close()

    run(story())


def test_a_message_that_the_partner_never_answers_does_not_keep_the_others_back():
    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(lambda number, said: Became.NO_ANSWER if said.answers == "A1" else Became.ACCEPTED))
        await hospital.send(an_order(1, message_id="A1"))
        await asyncio.sleep(4)
        for number in range(2, 6):
            await hospital.send(an_order(number, message_id=f"B{number}"))
        await hospital.settled(60)
        assert {Said.by(message).answers for message in hospital.ehr.acknowledged} == {"B2", "B3", "B4", "B5"}
        await hospital.close()

    run(story())


def test_a_worker_whose_lane_was_seized_marks_nothing_any_more():
    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(takes_s=5))
        await hospital.send(an_order(1))
        await hospital.conduct.planned()
        await asyncio.sleep(1)
        (view,) = await hospital.record.lane_views()
        lease = await hospital.record.seize_lane(LISTENER, view.lane, "node-b", hospital.clock.now(), 60)
        await asyncio.sleep(10)
        (message,) = await hospital.record.lane_messages(lease, hospital.clock.now() + timedelta(seconds=1))
        assert message.state is MessageState.WAITING, "node-b sends it again; the mark of node-a was refused"
        stale = type(lease)(lease.destination, lease.lane, "node-a", lease.epoch - 1, lease.until)
        step = MessageStep(message.seq, MessageState.SENT, hospital.clock.now(), stale)
        with pytest.raises(LeaseLost):
            await hospital.record.commit(Commit(message_steps=(step,)))
        await hospital.close()

    run(story())


def test_after_a_restart_the_lanes_of_the_dead_process_are_taken_over_at_once():
    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(takes_s=5))
        await hospital.send(an_order(1))
        await asyncio.sleep(1)
        await hospital.restart()
        began = asyncio.get_running_loop().time()
        await hospital.settled()
        assert asyncio.get_running_loop().time() - began < 10, "long before its lease would have run out"
        assert len(hospital.ehr.answers) == 1
        await hospital.close()

    run(story())


def test_after_a_restart_an_answer_in_a_lane_that_was_empty_waits_for_no_lease_of_the_dead_process():
    """Also when another lane, which nobody holds, has something to send at the same moment."""

    async def story() -> None:
        hospital = await Hospital.open()
        await hospital.send(an_order(1))
        await hospital.settled()
        await hospital.restart()
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(hospital.send(an_order(number, message_id=f"R{number}", pump=f"LVP-{number:04d}")) for number in (1, 2, 3)))
        await hospital.settled()
        assert asyncio.get_running_loop().time() - began < 10, "long before its lease would have run out"
        assert len(hospital.ehr.answers) == 4
        await hospital.close()

    run(story())
