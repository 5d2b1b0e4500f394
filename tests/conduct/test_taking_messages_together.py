"""Messages that come together are taken together, and each has a fate of its own: its own answer, its own place in the order, its own failure (D-08)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from interop.conduct.asked import PLAN
from interop.conduct.decision import HOLD_S
from interop.conduct.desk import Desk
from interop.conduct.hospital import Bounds
from interop.conduct.intake import AT_ONCE
from interop.domain.envelope import Opened
from interop.ports import Commit, Direction, StoreUnavailable
from tests.conduct.virtual import run
from tests.conduct.ward import Hospital, Incoming, Said, an_order


def together(hospital: Hospital, *messages: bytes) -> list[Incoming]:
    return [Incoming(message, "ehr-1", hospital.clock.now()) for message in messages]


def said(incoming: Incoming) -> Said:
    (answer,) = incoming.answers
    assert answer is not None
    return Said.by(answer)


async def journal_of(hospital: Hospital) -> list[str]:
    """The control ids of what was stored, in the order in which it was."""
    newest_first = [head for head in await hospital.journal() if head.direction is Direction.IN]
    return [head.control_id for head in reversed(newest_first) if head.control_id]


def test_d_08_one_that_cannot_be_read_fails_none_of_the_others():
    async def story() -> None:
        hospital = await Hospital.open()
        came = together(hospital, an_order(1), b"hello", an_order(2), an_order(3).replace(b"EHR1^2.16", b"NOBODY^2.16"))
        await hospital.conduct.intake.receive(came)
        assert [said(each).code for each in came] == ["CA", "CR", "CA", "CR"]
        await hospital.settled()
        assert len(await hospital.planned()) == 2
        await hospital.close()

    run(story())


def test_d_08_a_fault_of_ours_in_reading_one_fails_that_one_alone():
    async def story() -> None:
        hospital = await Hospital.open()
        fault = RuntimeError("a fault in reading")

        def speaks(peer: object, opened: Opened) -> bool:
            if opened.control_id == "G0002":
                raise fault
            return True

        hospital.speaks = speaks
        came = together(hospital, an_order(1), an_order(2), an_order(3))
        await hospital.conduct.intake.receive(came)
        assert [said(each).code for each in (came[0], came[2])] == ["CA", "CA"]
        assert (came[1].answers, came[1].failed) == ([], [fault])
        await hospital.settled()
        assert await journal_of(hospital) == ["G0001", "G0003"]
        await hospital.close()

    run(story())


def test_d_04_the_same_message_twice_together_is_one_with_one_answer():
    async def story() -> None:
        hospital = await Hospital.open()
        came = together(hospital, an_order(1), an_order(2), an_order(1))
        await hospital.conduct.intake.receive(came)
        assert came[0].answers == came[2].answers
        assert [said(each).answers for each in came] == ["G0001", "G0002", "G0001"]
        await hospital.settled()
        assert len(await hospital.planned()) == 2
        assert (hospital.conduct.intake.tally.committed, hospital.conduct.intake.tally.resent) == (2, 1)
        await hospital.close()

    run(story())


@pytest.mark.parametrize("room", [1, 2, 3, 100])
def test_sr_14_they_are_stored_in_the_order_in_which_they_came_however_little_room_there_is(room: int):
    async def story() -> None:
        hospital = await Hospital.open(bounds=Bounds(planning=room))
        batches = [together(hospital, *(an_order(number) for number in range(first, first + 5))) for first in (1, 6, 11)]
        await asyncio.gather(*(hospital.conduct.intake.receive(batch) for batch in batches))
        assert [said(each).code for batch in batches for each in batch] == ["CA"] * 15
        await hospital.settled()
        assert await journal_of(hospital) == [f"G{number:04d}" for number in range(1, 16)]
        assert len(await hospital.planned()) == 15
        assert (await hospital.conduct.health()).queues[0].length == 0, "all the room is given back"
        await hospital.close()

    run(story())


def test_d_08_what_could_not_be_stored_is_ce_and_its_room_is_given_back():
    async def story() -> None:
        hospital = await Hospital.open(fails=lambda number, moment: StoreUnavailable("full") if (number, moment) == (2, "before") else None)
        came = together(hospital, an_order(1), an_order(2), an_order(3))
        await hospital.conduct.intake.receive(came)
        assert [said(each).code for each in came] == ["CA", "CE", "CA"]
        await hospital.settled()
        assert await journal_of(hospital) == ["G0001", "G0003"]
        assert (await hospital.conduct.health()).queues[0].length == 0
        await hospital.close()

    run(story())


def test_sr_53_who_is_cut_while_it_waits_for_room_takes_none_with_it():
    async def story() -> None:
        hospital = await Hospital.open(bounds=Bounds(planning=2))
        first = asyncio.create_task(hospital.conduct.intake.receive(together(hospital, an_order(1), an_order(2))))
        waiting = asyncio.create_task(hospital.conduct.intake.receive(together(hospital, an_order(3), an_order(4))))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([first, waiting])
        await hospital.settled()
        late = together(hospital, an_order(5), an_order(6))
        await hospital.conduct.intake.receive(late)
        assert [said(each).code for each in late] == ["CA", "CA"]
        await hospital.settled()
        assert "G0003" not in await journal_of(hospital)
        assert (await hospital.conduct.health()).queues[0].length == 0
        await hospital.close()

    run(story())


def test_d_08_one_is_answered_as_soon_as_it_is_stored_though_another_of_its_turn_is_not_yet():
    async def story() -> None:
        hospital = await Hospital.open()
        queue, later = hospital.life.queue, list[Callable[[], None]]()

        def slow(commit: Commit, told: Callable[[Any], None]) -> None:
            if any(entry.control_id == "G0002" for entry in commit.journal):
                later.append(lambda: queue(commit, told))
            else:
                queue(commit, told)

        hospital.life.queue = slow  # type: ignore[method-assign]
        came = together(hospital, an_order(1), an_order(2), an_order(3))
        receiving = asyncio.create_task(hospital.conduct.intake.receive(came))
        await asyncio.sleep(1)
        assert [len(each.answers) for each in came] == [1, 0, 1]
        receiving.cancel()  # the door has waited long enough; the sender is told CE, and the order is stored all the same
        await asyncio.wait([receiving])
        later[0]()
        await hospital.settled()
        assert len(await hospital.planned()) == 3, "it is planned at once, and not when somebody finds its intent"
        assert (await hospital.conduct.health()).queues[0].length == 0
        await hospital.close()

    run(story())


def test_sr_53_who_waits_for_room_takes_what_there_is_and_the_rest_when_there_is_more():
    async def story() -> None:
        desk = Desk(cast(Any, None), cast(Any, None), cast(Any, None), cast(Any, None), bound=10)
        assert await desk.reserve(4) == 4
        assert await desk.reserve(20) == 6
        waiting = [asyncio.create_task(desk.reserve(most)) for most in (3, 20)]
        await asyncio.sleep(0)
        desk.give_back()
        await asyncio.sleep(0)
        assert [task.done() for task in waiting] == [True, False]
        assert waiting[0].result() == 1, "one is enough to go on"
        desk.give_back(7)
        assert await waiting[1] == 7
        desk.give_back(10)
        assert await desk.reserve() == 1

    run(story())


def test_sr_14_the_hold_of_what_waited_for_room_begins_when_it_is_stored():
    async def story() -> None:
        hospital = await Hospital.open(bounds=Bounds(planning=1))
        desk = hospital.conduct._desk
        await desk.reserve()
        came = together(hospital, an_order(1))
        receiving = asyncio.create_task(hospital.conduct.intake.receive(came))
        await asyncio.sleep(HOLD_S - 2)
        assert not came[0].answers
        queue, held_until = hospital.life.queue, []

        def seen(commit: Commit, told: Callable[[Any], None]) -> None:
            held_until.extend(intent.held_until for intent in commit.intents if intent.kind == PLAN)
            queue(commit, told)

        hospital.life.queue = seen  # type: ignore[method-assign]
        desk.give_back()
        await receiving
        assert held_until == [hospital.clock.now() + timedelta(seconds=HOLD_S)]
        await hospital.close()

    run(story())


def test_sr_14_a_request_that_is_at_the_desk_already_is_there_once_and_leaves_its_room():
    async def story() -> None:
        hospital = await Hospital.open()
        desk = hospital.conduct._desk
        came = together(hospital, an_order(1))
        put = desk.put

        def twice(asked: Any) -> None:
            put(asked)
            desk._taken += 1  # as whoever takes up what nobody holds has reserved
            put(asked)

        desk.put = twice  # type: ignore[method-assign]
        await hospital.conduct.intake.receive(came)
        await hospital.settled()
        assert len(await hospital.planned()) == 1
        assert (await hospital.conduct.health()).queues[0].length == 0
        await hospital.close()

    run(story())


def test_d_08_a_rejection_that_fails_fails_alone():
    async def story() -> None:
        hospital = await Hospital.open(fails=lambda number, moment: RuntimeError("ours") if number == 1 else None)
        came = together(hospital, b"hello", an_order(1))
        await hospital.conduct.intake.receive(came)
        assert [str(fault) for fault in came[0].failed] == ["ours"]
        assert said(came[1]).code == "CA"
        await hospital.close()

    run(story())


def test_sr_14_a_bad_message_before_an_order_does_not_let_a_later_one_overtake_it():
    async def story() -> None:
        hospital = await Hospital.open()
        batches = [together(hospital, b"hello", an_order(1)), together(hospital, an_order(2))]
        await asyncio.gather(*(hospital.conduct.intake.receive(batch) for batch in batches))
        await hospital.settled()
        assert await journal_of(hospital) == ["G0001", "G0002"]
        await hospital.close()

    run(story())


def test_sr_14_large_messages_that_are_read_in_several_turns_of_the_loop_are_not_overtaken_by_small_ones():
    async def story() -> None:
        hospital = await Hospital.open()
        note = b"NTE|1||" + b"x" * 70_000 + b"\r"
        batches = [together(hospital, *(an_order(number) + note for number in (1, 2, 3))), together(hospital, an_order(4))]
        await asyncio.gather(*(hospital.conduct.intake.receive(batch) for batch in batches))
        assert [said(each).code for batch in batches for each in batch] == ["CA"] * 4
        await hospital.settled()
        assert await journal_of(hospital) == ["G0001", "G0002", "G0003", "G0004"]
        await hospital.close()

    run(story())


def test_sr_53_what_the_store_tells_after_the_stop_is_left_to_the_next_start():
    async def story() -> None:
        hospital = await Hospital.open()
        queue, later = hospital.life.queue, list[Callable[[], None]]()
        hospital.life.queue = lambda commit, told: later.append(lambda: queue(commit, told))  # type: ignore[method-assign]
        receiving = asyncio.create_task(hospital.conduct.intake.receive(together(hospital, an_order(1))))
        await asyncio.sleep(1)
        receiving.cancel()
        await asyncio.wait([receiving])
        await hospital.conduct.stop()
        later[0]()
        await asyncio.sleep(60)
        assert not await hospital.planned(), "a server that has stopped offers nothing"
        assert await hospital.undone() == 1, "and its intent is there for the next"
        await hospital.restart()
        await hospital.settled()
        assert len(await hospital.planned()) == 1
        await hospital.close()

    run(story())


def test_d_08_a_fault_of_ours_in_queueing_one_fails_that_one_alone_and_takes_no_room():
    async def story() -> None:
        hospital = await Hospital.open()
        queue = hospital.life.queue

        def faulty(commit: Commit, told: Callable[[Any], None]) -> None:
            if any(entry.control_id == "G0002" for entry in commit.journal):
                raise ValueError("a fault in queueing")
            queue(commit, told)

        hospital.life.queue = faulty  # type: ignore[method-assign]
        came = together(hospital, an_order(1), an_order(2), an_order(3))
        await hospital.conduct.intake.receive(came)
        assert [(len(each.answers), len(each.failed)) for each in came] == [(1, 0), (0, 1), (1, 0)]
        await hospital.settled()
        assert (await hospital.conduct.health()).queues[0].length == 0
        await hospital.close()

    run(story())


def test_d_08_a_fault_of_ours_in_answering_one_keeps_no_answer_of_the_others():
    async def story() -> None:
        hospital = await Hospital.open()
        desk = hospital.conduct._desk
        put = desk.put

        def faulty(asked: Any) -> None:
            if asked.control_id == "G0001":
                raise RuntimeError("a fault at the desk")
            put(asked)

        desk.put = faulty  # type: ignore[method-assign]
        came = together(hospital, an_order(1), an_order(2), an_order(3))
        receiving = asyncio.create_task(hospital.conduct.intake.receive(came))
        await asyncio.sleep(1)
        assert [len(each.answers) for each in came] == [0, 1, 1]
        receiving.cancel()
        await asyncio.wait([receiving])
        await hospital.close()

    run(story())


def test_a_hundred_answers_are_not_given_in_one_turn_of_the_loop():
    async def story() -> None:
        hospital = await Hospital.open(fails=lambda number, moment: StoreUnavailable("full"))
        came = together(hospital, *(an_order(number) for number in range(1, 3 * AT_ONCE)))
        receiving = asyncio.create_task(hospital.conduct.intake.receive(came))
        most, answered = 0, 0
        while not receiving.done():
            await asyncio.sleep(0)
            now = sum(len(each.answers) for each in came)
            most, answered = max(most, now - answered), now
        assert answered == len(came)
        assert most <= AT_ONCE
        await hospital.close()

    run(story())
