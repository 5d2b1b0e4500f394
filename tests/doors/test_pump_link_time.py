"""The pump link's door and time: when a word arrived, and whom it lets go as silent (D-24, SR-45)."""

import asyncio
import json
from datetime import timedelta

import pytest

from interop.doors.pump_link import door as door_module
from interop.doors.pump_link.door import Incident
from tests.clients.door import ByHand
from tests.clients.loops import LOOPS, Run, runner_of, until
from tests.doors.pump_ward import NOW, PUMP, WallClock, a_link, heartbeat, hello, shown


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return runner_of(request.param)


def test_d_24_a_frame_arrives_when_it_comes_in_at_the_socket_however_long_it_waits_for_its_turn(run: Run):
    async def story() -> None:
        wall = WallClock()
        async with a_link(wall=wall) as ward:
            pump = await ward.connected()
            ward.conduct.hold[PUMP] = asyncio.Event()
            text = json.dumps(heartbeat())
            for frame in (json.dumps(shown(1)), text, [text[:9], text[9:20], text[20:]], text):  # one of them in parts
                wall.goes_on(20)
                await pump.socket.send(frame)
                await (await pump.socket.ping())  # it has come in
            wall.goes_on(100)
            ward.conduct.let_go()
            await until(lambda: len(ward.conduct.done) == 4)
            assert ward.conduct.arrivals == [NOW + timedelta(seconds=after) for after in (0, 20, 40, 60, 80)]

    run(story())


def test_d_24_a_hello_arrives_when_it_comes_in_however_long_it_waits_for_the_older_link(run: Run):
    async def story() -> None:
        wall = WallClock()
        async with a_link(wall=wall) as ward:
            older = await ward.connected()
            ward.conduct.hold[PUMP] = asyncio.Event()
            await older.say(shown(1))
            await until(lambda: ward.conduct.heard_words)
            newer = await ward.connect()
            await newer.say(hello())
            await (await newer.socket.ping())
            wall.goes_on(15)
            ward.conduct.let_go()
            await newer.hear()
            assert ward.conduct.arrivals == [NOW, NOW, NOW]

    run(story())


def test_sr_45_a_pump_that_is_silent_for_30_s_is_let_go(run: Run):
    async def story() -> None:
        clock = ByHand()
        async with a_link(clock=clock) as ward:
            pump = await ward.connected()
            for _ in range(4):
                clock.pass_s(29)
                ward.door.look()
                await pump.say(heartbeat())
                heard = len(ward.conduct.done)
                await until(lambda heard=heard: len(ward.conduct.done) > heard)
            await asyncio.sleep(0)
            clock.pass_s(30.5)
            ward.door.look()
            assert await pump.closed() == (4002, "nothing heard")
            await until(lambda: ward.conduct.gone_links)
            assert (Incident.CLOSED, "demo:loopback", "nothing heard") in ward.told

    run(story())


def test_sr_45_who_does_not_say_hello_within_10_s_is_let_go(run: Run):
    async def story() -> None:
        clock = ByHand()
        async with a_link(clock=clock) as ward:
            pump = await ward.connect()
            await until(lambda: ward.door.figures().before_hello == 1)
            await asyncio.sleep(0.02)
            clock.pass_s(9)
            ward.door.look()
            assert pump.socket.state.name == "OPEN"
            clock.pass_s(2)
            ward.door.look()
            assert await pump.closed() == (4002, "nothing heard")

    run(story())


def test_a_pump_is_not_silent_while_we_work_on_what_it_said(run: Run):
    async def story() -> None:
        clock = ByHand()
        async with a_link(clock=clock) as ward:
            pump = await ward.connected()
            ward.conduct.hold[PUMP] = asyncio.Event()
            await pump.say(shown(1))
            await until(lambda: ward.conduct.heard_words)
            clock.pass_s(120)
            ward.door.look()
            ward.conduct.let_go()
            assert (await pump.hear())["up_to"] == 1
            await until(lambda: ward.tally.heard == 1)
            ward.door.look()
            await pump.say(shown(2))
            assert (await pump.hear())["up_to"] == 2

    run(story())


def test_pings_are_answered_and_are_no_sign_of_life(run: Run):
    async def story() -> None:
        clock = ByHand()
        async with a_link(clock=clock) as ward:
            pump = await ward.connected()
            clock.pass_s(29)
            await (await pump.socket.ping())
            clock.pass_s(2)
            ward.door.look()
            assert (await pump.closed())[0] == 4002

    run(story())


def test_sr_45_sec_10_the_door_looks_by_itself(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door_module, "LOOK_S", 0.01)
    monkeypatch.setattr(door_module, "ENROLLED_S", 0.01)

    async def story() -> None:
        clock = ByHand()
        async with a_link(clock=clock) as ward:
            pump = await ward.connected()
            ward.roll.enrol("PUMP-0008")
            other = await ward.connected("PUMP-0008")
            ward.roll.enrol("PUMP-0008", is_revoked=True)
            assert await other.closed() == (4001, "revoked")
            clock.pass_s(31)
            assert await pump.closed() == (4002, "nothing heard")

    run(story())


def test_sec_10_a_revocation_is_looked_up_often_enough():
    assert door_module.ENROLLED_S + door_module.LOOK_S < 60
