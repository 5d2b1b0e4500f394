"""The MLLP door over real sockets: every message is answered, in its order, and nobody can do harm to anybody else's messages."""

import asyncio
import itertools
import logging
import socket
import struct
from dataclasses import replace

import pytest

from interop.doors.mllp import Incident, InsecureDoor, Limits, MllpDoor, log_incident
from interop.doors.mllp_limits import Cause
from interop.service.log_fields import WITHHELD, entry_of
from interop.wire.hl7v2.ack import AckCode
from interop.wire.hl7v2.mllp import Fault, frame
from tests.clients.door import ByHand, Intake, StoppedClock, Ward, a_door, order
from tests.clients.loops import LOOPS, Run, runner_of, until


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return runner_of(request.param)


def ring(ward: Ward) -> None:
    """The timers of the connections ring now. They run on the time of the wall, and what they look at is the clock that is set by hand."""
    for connection in list(ward.door._shared.open):
        connection._ring()


def numbered(count: int, prefix: str = "M") -> list[bytes]:
    return [order(f"{prefix}{number}") for number in range(1, count + 1)]


# ---------------------------------------------------------------- answers


def test_d_08_many_messages_on_one_connection_are_answered_one_by_one(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            talker = await ward.connect()
            for number in range(1, 6):
                answer = await talker.ask(order(f"M{number}"))
                assert (answer.code, answer.control_id) == (AckCode.CA, f"M{number}")
            figures = ward.door.figures()
            assert (figures.tally.received, figures.tally.answered, figures.open, figures.in_flight) == (5, 5, 1, 0)

    run(story())


def test_messages_sent_ahead_are_handed_on_together_and_answered_in_the_order_they_came(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            ward.intake.hold_all = True
            talker = await ward.connect()
            talker.send(*numbered(4))
            await ward.came(4)
            for control_id in ("M3", "M1", "M4", "M2"):
                ward.intake.let_go(control_id)
                await until(lambda control_id=control_id: control_id in ward.intake.done)
            assert [(await talker.hear()).control_id for _ in range(4)] == ["M1", "M2", "M3", "M4"]

    run(story())


def test_two_connections_that_send_the_same_message_at_once_get_an_answer_each(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            ward.intake.hold["M1"] = asyncio.Event()
            one, other = await ward.connect(), await ward.connect()
            one.send(order("M1"))
            other.send(order("M1"))
            await ward.came(2)
            ward.intake.let_go("M1")
            for talker in (one, other):
                answer = await talker.hear()
                assert (answer.code, answer.control_id) == (AckCode.CA, "M1")

    run(story())


def test_a_message_that_comes_in_crumbs_is_one_message(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            talker = await ward.connect()
            talker.writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in frame(order("M1")):
                talker.say(bytes([byte]))
                await asyncio.sleep(0)
            assert (await talker.hear()).control_id == "M1"
            assert ward.tally.received == 1

    run(story())


def test_a_message_whose_sender_wants_no_answer_gets_none_and_holds_nothing_up(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            ward.intake.wants_no_answer.add("M1")
            talker = await ward.connect()
            talker.send(*numbered(2))
            assert (await talker.hear()).control_id == "M2"
            assert (ward.tally.silent, ward.tally.answered) == (1, 1)

    run(story())


def test_a_sender_that_closes_its_half_of_the_connection_still_gets_its_answers(run: Run):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), in_flight_per_connection=2)) as ward:
            ward.intake.hold_all = True
            talker = await ward.connect()
            talker.send(*numbered(2))
            talker.writer.write_eof()
            await ward.came(2)
            ward.intake.let_go("M2", "M1")
            assert [(await talker.hear()).control_id for _ in range(2)] == ["M1", "M2"]
            assert await talker.heard_all() == b""
            await until(lambda: ward.door.figures().open == 0)

    run(story())


def test_a_sender_that_says_much_and_closes_its_half_gets_all_its_answers(run: Run):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), in_flight_per_connection=2)) as ward:
            talker = await ward.connect()
            talker.send(*numbered(50))
            talker.writer.write_eof()
            assert [(await talker.hear()).control_id for _ in range(50)] == [f"M{number}" for number in range(1, 51)]
            assert await talker.heard_all() == b""

    run(story())


def test_what_was_handed_on_is_finished_when_its_sender_is_gone(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            ward.intake.hold_all = True
            talker = await ward.connect()
            talker.send(*numbered(2))
            await ward.came(2)
            ward.intake.let_go("M2")
            await until(lambda: ward.intake.done == ["M2"])
            talker.reset()
            await until(lambda: ward.door.figures().open == 0)
            ward.intake.let_go("M1")
            await until(lambda: ward.door.figures().in_flight == 0)
            assert ward.intake.committed == {"M1", "M2"}
            assert (ward.tally.undelivered, ward.tally.answered) == (2, 0)

    run(story())


# ---------------------------------------------------------------- what is bad


def test_sr_53_a_message_that_cannot_be_read_is_answered_cr_and_the_connection_goes_on(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            talker = await ward.connect()
            for broken in (b"", b"MSH", order("M1").replace(b"PID", b"pid"), order("M1").replace(b"|P|", b"|P\x00|"), b"\xff" * 99):
                assert (await talker.ask(broken)).code is AckCode.CR
            assert (await talker.ask(order("M2"))).code is AckCode.CA
            assert ward.door.figures().open == 1

    run(story())


def test_sr_53_garbage_before_a_frame_is_dropped_and_counted(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            talker = await ward.connect()
            talker.say(b"HELO\r\n" + frame(order("M1")) + b"\n" + frame(order("M2")) + b"\n")
            assert [(await talker.hear()).control_id for _ in range(2)] == ["M1", "M2"]
            await ward.turn()
            assert ward.tally.garbage_bytes == 6 + 1 + 1

    run(story())


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (b"\x0b" + order("BIG", note="x" * 5000) + b"\x1c\r", Fault.TOO_LARGE),
        (b"\x0b" + order("BIG", note="a\x0bb") + b"\x1c\r", Fault.START_WITHIN),
        (b"\x0b" + order("BIG", note="a\x1cb") + b"\x1c\r", Fault.END_WITHIN),
    ],
)
def test_sec_24_a_frame_that_holds_no_message_is_answered_cr_by_name_and_never_handed_on(run: Run, broken: bytes, fault: Fault):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), message_bytes=4000)) as ward:
            talker = await ward.connect()
            talker.send(order("M1"))
            talker.say(broken)
            talker.send(order("M2"))
            answers = [await talker.hear() for _ in range(3)]
            assert [answer.control_id for answer in answers] == ["M1", "BIG", "M2"]
            assert [answer.code for answer in answers] == [AckCode.CA, AckCode.CR, AckCode.CA]
            assert ward.intake.came == ["M1", "M2"]
            assert ward.tally.refused == {fault: 1}

    run(story())


def test_d_08_what_could_not_be_stored_is_answered_ce_and_the_connection_goes_on(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            ward.intake.fail["M1"] = RuntimeError("the store is down")
            talker = await ward.connect()
            talker.send(*numbered(2))
            answers = [await talker.hear() for _ in range(2)]
            assert [(answer.code, answer.control_id) for answer in answers] == [(AckCode.CE, "M1"), (AckCode.CA, "M2")]
            assert ward.tally.intake_failed == 1

    run(story())


def test_d_08_a_message_that_takes_too_long_is_answered_ce_and_worked_on_no_more(run: Run):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), answer_s=0.01)) as ward:
            ward.intake.hold["M1"] = asyncio.Event()
            talker = await ward.connect()
            answer = await talker.ask(order("M1"))
            assert (answer.code, answer.control_id) == (AckCode.CE, "M1")
            assert ward.intake.committed == set()

    run(story())


def test_an_answer_that_cannot_be_framed_does_not_go_out(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            ward.intake.answers["M1"] = b"MSH|\x1c\rMSA|CA|M1"
            talker = await ward.connect()
            assert (await talker.ask(order("M1"))).code is AckCode.CE

    run(story())


def test_a_connection_whose_answer_will_never_come_is_cut_rather_than_answered_out_of_step(run: Run):
    async def story() -> None:
        class GivesUp(Intake):
            async def answer_to(self, message, peer, received_at):
                if b"M1" in message:
                    raise asyncio.CancelledError
                return await super().answer_to(message, peer, received_at)

        async with a_door(intake=GivesUp()) as ward:
            talker = await ward.connect()
            talker.send(*numbered(2))
            assert b"M2" not in await talker.heard_all()
            await until(lambda: ward.door.figures().in_flight == 0)

    run(story())


def test_d_08_a_message_that_the_intake_forgets_is_answered_ce_and_holds_nothing_up(run: Run):
    async def story() -> None:
        class Forgets(Intake):
            async def receive(self, incoming):
                await super().receive([each for each in incoming if b"M1" not in each.message])

        async with a_door(intake=Forgets()) as ward:
            talker = await ward.connect()
            talker.send(*numbered(2))
            answers = [await talker.hear() for _ in range(2)]
            assert [(answer.code, answer.control_id) for answer in answers] == [(AckCode.CE, "M1"), (AckCode.CA, "M2")]
            assert ward.door.figures().in_flight == 0
            assert (Incident.INTAKE_FAILED, "NotAnswered") in {(incident, detail) for incident, _, detail in ward.told}

    run(story())


def test_a_fault_of_the_door_in_failing_one_message_holds_no_slot_of_the_others(run: Run):
    async def story() -> None:
        ids = (f"D{number}" for number in itertools.count(1))
        broken = False

        def new_id() -> str:
            nonlocal broken
            if broken:
                broken = False
                raise RuntimeError("no ids")
            return next(ids)

        class Fails(Intake):
            async def receive(self, incoming):
                nonlocal broken
                broken = True
                raise RuntimeError("no book")

        async with a_door(intake=Fails(), new_id=new_id) as ward:
            talkers = [await ward.connect() for _ in range(3)]
            for talker in talkers:
                talker.send(*numbered(2))
            for talker in talkers:
                await talker.heard_all()
            await until(lambda: ward.door.figures().in_flight == 0)

    run(story())


def test_what_was_cut_is_not_counted_as_a_message_whose_sender_wants_no_answer(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            ward.intake.hold_all = True
            talker = await ward.connect()
            talker.send(*numbered(3))
            await until(lambda: ward.door.figures().in_flight == 3)
            assert await ward.door.stop(within_s=0.01) == 4, "one connection and three messages"
            figures = ward.door.figures()
            assert (figures.tally.received, figures.tally.silent, figures.tally.answered, figures.in_flight) == (3, 0, 0, 0)

    run(story())


def test_sec_30_nothing_of_a_message_is_told_or_logged(run: Run, caplog: pytest.LogCaptureFixture):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), message_bytes=4000)) as ward:
            ward.intake.fail["M1"] = RuntimeError("no room for Muster^Maxi")
            talker = await ward.connect()
            talker.send(order("M1"))
            talker.say(b"\x0b" + order("M2", note="x" * 5000) + b"\x1c\r")
            await talker.hear()
            await talker.hear()
            assert {incident for incident, _, _ in ward.told} == {Incident.INTAKE_FAILED, Incident.FRAME_REFUSED}
            for incident in ward.told:
                log_incident(*incident)

    caplog.set_level(logging.DEBUG)
    run(story())
    told = {vars(record)["incident"]: record for record in caplog.records if record.name == "interop.doors.mllp"}
    failed, refused = told[Incident.INTAKE_FAILED], told[Incident.FRAME_REFUSED]
    for record in (failed, refused):
        entry = entry_of(record)
        assert (entry.fields["listener"], entry.fields["peer"]) == ("mllp", "demo:loopback at 127.0.0.1")
        assert WITHHELD not in entry.fields.values()
        assert not entry.refused
    assert str(entry_of(failed).fields["reason"]).startswith("RuntimeError-in-door.py-line-")
    assert str(entry_of(refused).fields["reason"]).startswith("too-large-at-")
    for secret in ("Muster", "Maxi", "4711"):
        assert all(secret not in f"{record.getMessage()} {vars(record)}" for record in caplog.records)


# ---------------------------------------------------------------- limits


def test_sec_42_no_more_of_one_connection_is_in_flight_than_it_may_have(run: Run):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), in_flight_per_connection=2)) as ward:
            ward.intake.hold = {f"M{number}": asyncio.Event() for number in range(1, 6)}
            talker = await ward.connect()
            talker.send(*numbered(5))
            await ward.came(2)
            await ward.turn()
            assert ward.intake.came == ["M1", "M2"]
            ward.intake.let_go("M2")
            await ward.turn()
            assert ward.intake.came == ["M1", "M2"]  # M1 still stands before it
            ward.intake.let_go("M1", "M3", "M4", "M5")
            assert [(await talker.hear()).control_id for _ in range(5)] == [f"M{number}" for number in range(1, 6)]
            assert ward.tally.paused_ns > 0

    run(story())


def test_sec_42_a_door_that_is_behind_stops_reading_and_what_is_sent_waits_with_its_sender(run: Run):
    messages = [order(f"M{number}", note="x" * 100_000) for number in range(1, 161)]

    async def story() -> None:
        async with a_door(limits=replace(Limits(), in_flight_per_connection=2)) as ward:
            ward.intake.hold = {"M1": asyncio.Event()}
            talker = await ward.connect()
            talker.send(*messages)
            await ward.came(2)
            await ward.turn()
            await ward.turn()
            assert ward.intake.came == ["M1", "M2"]
            assert talker.writer.transport.get_write_buffer_size() > 1_000_000
            ward.intake.let_go("M1")
            assert [(await talker.hear()).control_id for _ in messages] == [f"M{number}" for number in range(1, 161)]

    run(story())


def test_sec_42_when_all_that_may_be_is_in_flight_the_others_go_on_in_turn(run: Run):
    limits = replace(Limits(), in_flight=3, in_flight_per_connection=1, connections_per_peer=2, connections=6)

    async def story() -> None:
        # six connections of six peers: loopback has many addresses, and without certificates a peer is an address
        async with a_door(limits=limits) as ward:
            ward.intake.hold_all = True
            talkers = [await ward.connect(local_addr=(f"127.0.0.{number}", 0)) for number in range(1, 7)]
            for number, talker in enumerate(talkers, 1):
                talker.send(order(f"M{number}"))
                await until(lambda number=number: len(ward.intake.came) + ward.door.figures().waiting == number)
            assert ward.intake.came == ["M1", "M2", "M3"]
            assert (ward.door.figures().in_flight, ward.door.figures().waiting) == (3, 3)
            for number, let_go in enumerate(("M2", "M1", "M4"), 4):
                ward.intake.let_go(let_go)
                await ward.came(number)
            assert ward.intake.came[3:] == ["M4", "M5", "M6"]

    run(story())


def test_who_is_gone_waits_no_longer(run: Run):
    limits = replace(Limits(), in_flight=2, in_flight_per_connection=1, connections_per_peer=1)

    async def story() -> None:
        async with a_door(limits=limits) as ward:
            ward.intake.hold_all = True
            talkers = [await ward.connect(local_addr=(f"127.0.0.{number}", 0)) for number in range(1, 4)]
            for number, talker in enumerate(talkers, 1):
                talker.send(order(f"M{number}"))
                await until(lambda number=number: len(ward.intake.came) + ward.door.figures().waiting == number)
            (waiting,) = (connection for connection in ward.door._shared.open if connection.address == "127.0.0.3")
            waiting.abort()
            await until(lambda: ward.door.figures().waiting == 0)
            assert ward.intake.came == ["M1", "M2"]

    run(story())


def test_sec_42_a_peer_that_is_too_fast_is_read_more_slowly_on_all_its_connections(run: Run):
    async def story() -> None:
        clock = ByHand()
        async with a_door(limits=replace(Limits(), messages_per_s=50, burst=3), clock=clock) as ward:
            one, other = await ward.connect(), await ward.connect()
            one.send(*numbered(2, "A"))
            await ward.came(2)
            other.send(*numbered(3, "B"))
            await until(lambda: ward.tally.rate_limited == 1)
            await ward.came(3)
            assert ward.intake.came == ["A1", "A2", "B1"]
            another_peer = await ward.connect(local_addr=("127.0.0.9", 0))
            assert (await another_peer.ask(order("C1"))).control_id == "C1"
            clock.pass_s(0.02)
            await ward.came(5)
            await until(lambda: ward.tally.rate_limited == 2)
            assert "B3" not in ward.intake.came
            clock.pass_s(0.02)
            assert [(await other.hear()).control_id for _ in range(3)] == ["B1", "B2", "B3"]

    run(story())


def test_sec_42_who_comes_back_is_held_to_the_same_rate(run: Run):
    async def story() -> None:
        clock = ByHand()
        async with a_door(limits=replace(Limits(), messages_per_s=50, burst=1), clock=clock) as ward:
            talker = await ward.connect()
            await talker.ask(order("M1"))
            talker.leave()
            await until(lambda: ward.door.figures().open == 0)
            again = await ward.connect()
            again.send(order("M2"))
            await until(lambda: ward.tally.rate_limited == 1)
            assert ward.intake.came == ["M1"]
            clock.pass_s(0.02)
            assert (await again.hear()).control_id == "M2"

    run(story())


def test_sec_42_a_peer_has_so_many_connections_and_the_door_so_many_in_all(run: Run):
    limits = replace(Limits(), connections=3, connections_per_peer=2)

    async def story() -> None:
        async with a_door(limits=limits) as ward:
            first, second = await ward.connect(), await ward.connect()
            await until(lambda: ward.door.figures().open == 2)
            third = await ward.connect()
            assert await third.heard_all() == b""
            await until(lambda: ward.tally.turned_away == 1)
            other = await ward.connect(local_addr=("127.0.0.9", 0))
            assert (await other.ask(order("M1"))).code is AckCode.CA
            one_too_many = await ward.connect(local_addr=("127.0.0.10", 0))
            assert await one_too_many.heard_all() == b""
            assert ward.tally.turned_away == 2
            assert [incident for incident, _, _ in ward.told] == [Incident.TURNED_AWAY] * 2
            second.leave()
            await until(lambda: ward.door.figures().open == 2)
            again = await ward.connect()
            for talker in (first, again):
                assert (await talker.ask(order("M2"))).code is AckCode.CA

    run(story())


def test_sec_42_what_is_told_is_bounded_too(run: Run):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), connections=2, connections_per_peer=1), clock=ByHand()) as ward:
            await ward.connect()
            await until(lambda: ward.door.figures().open == 1)
            for _ in range(60):
                assert await (await ward.connect()).heard_all() == b""
            await until(lambda: ward.tally.turned_away == 60)
            assert (len(ward.told), ward.tally.untold) == (50, 10)

    run(story())


def test_a_log_that_fails_keeps_nobody_out(run: Run):
    async def story() -> None:
        def full(*incident: object) -> None:
            raise OSError("no space left on device")

        limits = replace(Limits(), connections=2, connections_per_peer=1)
        door = MllpDoor(
            Intake(), host="127.0.0.1", port=0, tls=None, demo=True, clock=StoppedClock(), new_id=lambda: "1", limits=limits, tell=full
        )
        await door.start()
        ward = Ward(door, Intake(), [], None)
        first = await ward.connect()
        await until(lambda: door.figures().open == 1)
        assert await (await ward.connect()).heard_all() == b""
        other = await ward.connect(local_addr=("127.0.0.9", 0))
        for talker in (first, other):
            assert (await talker.ask(order("M1"))).code is AckCode.CA
            talker.leave()
        assert ward.tally.untold == 1
        ward.leave()
        await door.stop(within_s=5)

    run(story())


# ---------------------------------------------------------------- time


def test_sec_42_a_connection_that_says_nothing_is_closed(run: Run):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), idle_s=0.02)) as ward:
            talker = await ward.connect()
            assert await talker.heard_all() == b""
            assert ward.tally.closed == {Cause.IDLE: 1}

    run(story())


def test_a_connection_that_waits_for_its_answer_is_not_idle(run: Run):
    async def story() -> None:
        clock = ByHand()
        async with a_door(limits=replace(Limits(), idle_s=50), clock=clock) as ward:
            ward.intake.hold_all = True
            ward.intake.wants_no_answer.add("M2")
            waiting, idle = await ward.connect(), await ward.connect()
            waiting.send(order("M1"))
            await ward.came(1)
            await until(lambda: ward.door.figures().open == 2)
            clock.pass_s(60)
            ring(ward)
            assert await idle.heard_all() == b""
            ward.intake.let_go("M1")
            assert (await waiting.hear()).control_id == "M1"
            waiting.send(order("M2"))
            await ward.came(2)
            clock.pass_s(40)
            ward.intake.let_go("M2")
            await until(lambda: ward.tally.silent == 1)
            clock.pass_s(40)
            ring(ward)
            ward.intake.hold_all = False
            assert (await waiting.ask(order("M3"))).control_id == "M3"  # silence is counted from the end of the work
            clock.pass_s(60)
            ring(ward)
            assert await waiting.heard_all() == b""
            assert ward.tally.closed == {Cause.IDLE: 2}

    run(story())


def test_sec_42_a_frame_that_drips_is_cut_off_however_steadily_it_drips(run: Run):
    async def story() -> None:
        clock = ByHand()
        async with a_door(limits=replace(Limits(), frame_s=30, idle_s=100), clock=clock) as ward:
            talker = await ward.connect()
            talker.say(b"\x0bMSH|")
            await ward.turn()
            for _ in range(10):
                clock.pass_s(2.9)
                talker.say(b"x")
                await ward.turn()
                ring(ward)
            assert ward.tally.closed == {}
            clock.pass_s(1.1)
            ring(ward)
            assert await talker.heard_all() == b""
            await until(lambda: ward.door.figures().open == 0)
            assert (ward.tally.closed, ward.tally.unterminated) == ({Cause.SLOW_FRAME: 1}, 0)

    run(story())


def test_each_frame_has_its_own_time(run: Run):
    first, second = frame(order("M1")), frame(order("M2"))

    async def story() -> None:
        clock = ByHand()
        async with a_door(limits=replace(Limits(), frame_s=30), clock=clock) as ward:
            talker = await ward.connect()
            talker.say(first[:20])
            await ward.turn()
            clock.pass_s(25)
            talker.say(first[20:] + second[:20])
            assert (await talker.hear()).control_id == "M1"
            clock.pass_s(25)
            ring(ward)
            talker.say(second[20:])
            assert (await talker.hear()).control_id == "M2"

    run(story())


def test_a_slow_frame_is_cut_off_by_a_timer(run: Run):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), frame_s=0.02)) as ward:
            ward.intake.hold_all = True
            talker = await ward.connect()
            talker.say(frame(order("M1")) + b"\x0bMSH|")
            await until(lambda: ward.tally.closed == {Cause.SLOW_FRAME: 1})
            ward.intake.let_go("M1")  # whose answer the slow frame behind it does not cost
            assert (await talker.hear()).control_id == "M1"
            assert await talker.heard_all() == b""

    run(story())


def test_the_time_in_which_we_do_not_read_does_not_count_against_a_frame(run: Run):
    async def story() -> None:
        clock = ByHand()
        async with a_door(limits=replace(Limits(), frame_s=30, in_flight_per_connection=1), clock=clock) as ward:
            ward.intake.hold_all = True
            talker = await ward.connect()
            talker.say(frame(order("M1")) + frame(order("M2")) + frame(order("M3"))[:20])
            await ward.came(1)
            clock.pass_s(60)  # M2 waits for M1, and the beginning of M3 behind it
            ring(ward)
            ward.intake.let_go("M1")
            await ward.came(2)
            clock.pass_s(29)
            ring(ward)
            talker.say(frame(order("M3"))[20:])
            ward.intake.let_go("M2")
            await ward.came(3)
            ward.intake.let_go("M3")
            assert [(await talker.hear()).control_id for _ in range(2)] == ["M1", "M2"]
            assert (await talker.hear()).control_id == "M3"

    run(story())


def test_sec_42_a_peer_that_does_not_read_its_answers_is_cut_off_and_read_no_further(run: Run):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), unread_s=0.05, in_flight_per_connection=1)) as ward:
            much = b"MSH|^~\\&|A\rMSA|CA|M\rNTE|" + b"x" * 200_000
            deaf = socket.create_connection(ward.door.address)
            deaf.setblocking(False)
            sent, most = 0, 0
            while ward.tally.closed != {Cause.UNREAD: 1}:
                most = max([most, *(connection._transport.get_write_buffer_size() for connection in ward.door._shared.open)])
                sent += 1
                ward.intake.answers[f"M{sent}"] = much
                try:
                    deaf.send(frame(order(f"M{sent}")))
                except (BlockingIOError, ConnectionResetError, BrokenPipeError):
                    sent -= 1
                await asyncio.sleep(0)
            await until(lambda: ward.door.figures().open == 0)
            deaf.close()
            assert 0 < most < 2 * len(much)  # one answer beyond the mark, and no more work for it

    run(story())


def test_a_connection_that_ends_within_a_frame_is_counted(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            talker = await ward.connect()
            talker.say(b"\x0bMSH|")
            await ward.turn()
            talker.leave()
            await until(lambda: ward.tally.unterminated == 1)
            assert ward.intake.came == []

    run(story())


def test_a_connection_that_is_reset_harms_nobody(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            for _ in range(5):
                reset = socket.create_connection(ward.door.address)
                reset.sendall(frame(order("M1"))[:-1])
                reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                reset.close()
            await ward.turn()
            await until(lambda: ward.door.figures().open == 0)
            assert ward.intake.came == []

    run(story())


# ---------------------------------------------------------------- opening and closing


@pytest.mark.parametrize(("host", "demo"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True), ("192.0.2.7", True), ("::", True)])
def test_sec_03_clear_text_is_refused_outside_demo_mode_and_beyond_loopback(host: str, demo: bool):
    with pytest.raises(InsecureDoor):
        MllpDoor(Intake(), host=host, port=0, tls=None, demo=demo, clock=StoppedClock(), new_id=lambda: "1")


def test_sec_03_a_door_has_an_address_and_no_name_that_can_come_to_mean_another():
    with pytest.raises(ValueError, match="localhost"):
        MllpDoor(Intake(), host="localhost", port=0, tls=None, demo=True, clock=StoppedClock(), new_id=lambda: "1")


def test_a_wrong_source_of_ids_is_found_before_the_door_opens():
    with pytest.raises(ValueError, match="control id"):
        MllpDoor(Intake(), host="127.0.0.1", port=0, tls=None, demo=True, clock=StoppedClock(), new_id=lambda: "a-b")


def test_a_door_has_an_address_while_it_is_open_and_opens_once(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            assert ward.door.address[0] == "127.0.0.1"
            with pytest.raises(RuntimeError, match="is open"):
                await ward.door.start()
            await ward.door.stop(within_s=5)
            with pytest.raises(RuntimeError, match="not open"):
                _ = ward.door.address
            assert await ward.door.stop(within_s=5) == 0
            await ward.door.start()
            assert (await (await ward.connect()).ask(order("M1"))).code is AckCode.CA

    run(story())


def test_a_door_on_the_other_loopback_opens_as_well(run: Run):
    async def story() -> None:
        door = MllpDoor(Intake(), host="::1", port=0, tls=None, demo=True, clock=StoppedClock(), new_id=lambda: "1")
        try:
            await door.start()
        except OSError:
            pytest.skip("this machine has no IPv6")
        talker = await Ward(door, Intake(), [], None).connect()
        assert (await talker.ask(order("M1"))).code is AckCode.CA
        talker.leave()
        assert await door.stop(within_s=5) == 0

    run(story())


def test_a_door_that_closes_answers_what_it_has_taken_and_takes_no_more(run: Run):
    async def story() -> None:
        async with a_door(limits=replace(Limits(), in_flight_per_connection=1)) as ward:
            ward.intake.hold_all = True
            talker, idle = await ward.connect(), await ward.connect()
            talker.send(*numbered(3))
            await ward.came(1)
            address = ward.door.address
            stopping = asyncio.create_task(ward.door.stop(within_s=30))
            assert await idle.heard_all() == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*address)
            assert not stopping.done()
            ward.intake.let_go("M1")
            assert (await talker.hear()).control_id == "M1"
            assert await talker.heard_all() == b""
            assert await stopping == 0
            assert ward.intake.came == ["M1"]

    run(story())


def test_a_door_that_closes_waits_only_so_long(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            ward.intake.hold_all = True
            talker = await ward.connect()
            talker.send(*numbered(2))
            await ward.came(2)
            assert await ward.door.stop(within_s=0.01) == 3  # the connection, and two messages
            assert await talker.heard_all() == b""
            assert ward.door.figures().in_flight == 0

    run(story())


def test_sr_53_whatever_a_peer_sends_the_next_message_is_answered(run: Run):
    """Every way of cutting, doubling and replacing a byte of one frame, one after the other; none costs another connection anything."""
    good = frame(order("M1"))

    async def story() -> None:
        async with a_door(limits=replace(Limits(), messages_per_s=1_000_000, burst=1_000_000)) as ward:
            for at in range(0, len(good), 3):
                for broken in (good[:at] + good[at + 1 :], good[:at] + good[at : at + 1] + good[at:], good[:at] + b"\x0b" + good[at + 1 :]):
                    talker = await ward.connect()
                    talker.say(broken + frame(order("M2")))
                    answers = [await talker.hear()]
                    while answers[-1].control_id != "M2" and b"\x1c\r" in broken[1:]:
                        answers.append(await talker.hear())
                    talker.leave()
                    assert answers[-1].control_id == "M2" or answers[-1].code is AckCode.CR

    run(story())
