"""A server that is killed at every step of the way, and started again: nothing acknowledged is lost, nothing is planned twice, no lane is reordered."""

import asyncio
import random
from collections import Counter as Count

import pytest

from interop.conduct.sending import Became
from interop.domain.lifecycle import programme
from interop.ports import StoreUnavailable
from tests.conduct.virtual import run
from tests.conduct.ward import Bedside, Crash, Ehr, Hospital, Said, an_order

STEPS = range(1, 7)  # accept, plan, mark the answer sent; twice


def die(at: int, moment: str, left: list[bool]):
    """Die once, at this commit of the first life."""

    def fails(number: int, when: str) -> Exception | None:
        if left[0] and (number, when) == (at, moment):
            left[0] = False
            return Crash()
        return None

    return fails


async def invariants(hospital: Hospital) -> None:
    """What holds at every moment, and once everything has settled for all that was acknowledged."""
    planned = await hospital.planned()
    requests = Count(event.message_id for event in planned)
    assert all(times == 1 for times in requests.values()), "planned twice"
    by_stream: dict[str, list[object]] = {}
    for row in await hospital.record.feed(0, 10_000):
        by_stream.setdefault(row.stream, []).append(row)
    journal = {head.control_id: head for head in await hospital.journal() if head.message_type == "RGV^O15"}
    assert set(hospital.acknowledged) <= set(journal), "acknowledged and lost"
    answers = hospital.ehr.answers
    assert all(said.code != "AA" for said in answers), "AA without an offer"
    by_order: dict[str, list[str]] = {}
    for said in answers:
        by_order.setdefault(said.order, []).append(said.control_id)
    assert all(ids == sorted(ids) for ids in by_order.values()), "reordered"
    for stream in by_stream:
        if stream.startswith("programme/"):
            assert programme.fold([event for event in planned if stream == f"programme/{event.programme_id}"]) is not None


async def all_is_answered(hospital: Hospital) -> None:
    """Every acknowledged request has been planned and has its one answer."""
    await invariants(hospital)
    answered = Count(said.answers for said in hospital.ehr.answers)
    assert set(hospital.acknowledged) <= set(answered)
    assert all(times == 1 for times in answered.values()), "two answers to one request"
    assert await hospital.undone() == 0


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", STEPS)
def test_sr_12_a_server_killed_at_any_commit_plans_each_acknowledged_request_exactly_once(at: int, moment: str):
    left = [True]

    async def story() -> None:
        hospital = await Hospital.open(fails=die(at, moment, left))
        for number in (1, 2):
            said = await hospital.send(an_order(number))
            if said is None or said.code != "CA":
                await hospital.restart()
                said = await hospital.send(an_order(number))  # the EHR had no answer, or none that says it is stored
                assert said is not None
                assert said.code == "CA"
            await asyncio.sleep(0.5)
            if hospital.life.dead:
                await hospital.restart()
            await invariants(hospital)
        await hospital.settled()
        if hospital.life.dead:
            await hospital.restart()
            await hospital.settled()
        await all_is_answered(hospital)
        assert len(await hospital.planned()) == 2
        assert not left[0], "it did die"
        await hospital.close()

    run(story())


@pytest.mark.parametrize("seed", range(30))
def test_sr_12_faults_on_every_edge_lose_nothing_plan_nothing_twice_and_reorder_nothing(seed: int):
    dice = random.Random(seed)

    def fails(number: int, moment: str) -> Exception | None:
        fate = dice.random()
        if fate < 0.03:
            return Crash()
        if fate < 0.08:
            return StoreUnavailable("a fault of this story", in_doubt=moment == "after")
        return None

    def behave(number: int, said: Said) -> Became:
        kinds = [Became.NO_ANSWER, Became.UNREACHABLE, Became.TRY_AGAIN, Became.ACCEPTED, Became.ACCEPTED, Became.ACCEPTED]
        return dice.choice(kinds)

    async def story() -> None:
        hospital = await Hospital.open(ehr=Ehr(behave), pumps=Bedside(connected=False) if seed % 2 else None)
        hospital.fails = fails
        await hospital.restart()
        waiting = [an_order(number % 4, message_id=f"G{number:03d}") for number in range(25)]
        while waiting:
            if hospital.life.dead:
                await hospital.restart()
            for message in list(waiting[: dice.randint(1, 4)]):
                said = await hospital.send(message)
                if said is not None and said.code == "CA":
                    waiting.remove(message)
                if dice.random() < 0.2:
                    await hospital.send(message)
            await asyncio.sleep(dice.random())
            await invariants(hospital)
        hospital.fails = lambda number, moment: None
        hospital.ehr.behave = lambda number, said: Became.ACCEPTED
        await hospital.restart()
        await hospital.settled()
        await all_is_answered(hospital)
        assert {event.message_id for event in await hospital.planned()} == {
            head.entry_id for head in await hospital.journal() if head.message_type == "RGV^O15"
        }
        await hospital.close()

    run(story())


def test_sr_14_two_kills_within_a_second_leave_no_request_behind_for_newer_ones_to_overtake():
    """More than a page of requests is undone when the server dies, and it dies again before it has planned any of them."""

    async def story() -> None:
        hospital = await Hospital.open()
        old = [f"G{number:04d}" for number in range(120)]
        await asyncio.gather(*(hospital.send(an_order(number % 4, message_id=name)) for number, name in enumerate(old)))
        assert hospital.acknowledged == old
        for _ in range(2):
            await hospital.restart()
            await asyncio.sleep(0)
            assert await hospital.undone() > 60, "most are undone"
            await hospital.crash()
            await asyncio.sleep(0.3)
        await hospital.begin()
        new = [f"H{number:04d}" for number in range(4)]
        for number, name in enumerate(new):
            await hospital.send(an_order(number, message_id=name))
        await hospital.settled()
        for order in {said.order for said in hospital.ehr.answers}:
            answered = [said.answers for said in hospital.ehr.answers if said.order == order]
            assert answered == sorted(answered), "overtaken"
        await all_is_answered(hospital)
        await hospital.close()

    run(story())
