"""The pump link's door under strain: who floods it, does not read or fills it is held to its limits, and nobody else is (SEC-42)."""

import asyncio
from dataclasses import replace

import pytest
from websockets.exceptions import ConnectionClosed

from interop.conduct.world import NotConnected, OutcomeUnknown
from interop.domain import pump as said
from interop.doors.pump_link.door import Incident, LinkLimits
from tests.clients.door import ByHand
from tests.clients.loops import LOOPS, Run, runner_of, until
from tests.doors.pump_ward import PUMP, a_link, hello, shown
from tests.wire.link_offers import OFFER

STUFFING = replace(OFFER, cautions=(said.ShownCaution("x" * 1000, "y" * 1000),) * 30)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return runner_of(request.param)


def test_sec_42_a_pump_that_does_not_read_is_cut_off_and_nobody_is_told_that_it_heard(run: Run):
    async def story() -> None:
        async with a_link(limits=replace(LinkLimits(), unsent=8)) as ward:
            pump = await ward.connected()
            link = ward.conduct.links[PUMP]
            pump.socket.transport.pause_reading()
            sent, outcomes, number = 0, [], 0

            async def send() -> None:
                nonlocal sent
                try:
                    await link.send(STUFFING)
                    sent += 1
                except (NotConnected, OutcomeUnknown) as fault:
                    outcomes.append(type(fault))

            tasks: list[asyncio.Task[None]] = []
            while ward.door.figures().links:
                number += 1
                tasks.append(asyncio.create_task(send()))
                await asyncio.sleep(0)
            await asyncio.gather(*tasks)
            assert sent < number < 100_000
            assert sent + len(outcomes) == number
            assert outcomes.count(OutcomeUnknown) == 1  # the one whose bytes were on their way; those behind it had none there
            assert outcomes.count(NotConnected) >= 8
            assert (Incident.CLOSED, "demo:loopback", "does not read") in ward.told

    run(story())


def test_sec_42_a_pump_that_leaves_us_unable_to_write_is_cut_off_after_a_while(run: Run):
    async def story() -> None:
        async with a_link(limits=replace(LinkLimits(), unread_s=0.05)) as ward:
            pump = await ward.connected()
            link = ward.conduct.links[PUMP]
            pump.socket.transport.pause_reading()

            async def send_on() -> None:
                while True:
                    await link.send(STUFFING)

            with pytest.raises(OutcomeUnknown):
                await send_on()
            await ward.quiet()

    run(story())


def test_sec_42_pings_without_end_end_their_own_connection(run: Run):
    async def story() -> None:
        async with a_link(clock=ByHand()) as ward:
            pump = await ward.connected()

            async def ping_on() -> None:
                while True:
                    await pump.socket.ping()
                    await asyncio.sleep(0)

            pinging = asyncio.create_task(ping_on())
            await ward.quiet()
            with pytest.raises(ConnectionClosed):
                await pinging

    run(story())


def test_sec_42_a_pump_that_is_too_fast_waits_and_loses_nothing(run: Run):
    async def story() -> None:
        async with a_link(limits=replace(LinkLimits(), frames_per_s=200, burst=5)) as ward:
            pump = await ward.connected()
            for number in range(1, 21):
                await pump.say(shown(number))
            assert [(await pump.hear())["up_to"] for _ in range(20)] == list(range(1, 21))
            assert ward.tally.rate_limited >= 10

    run(story())


def test_sec_42_who_knocks_and_says_nothing_keeps_nobody_else_out(run: Run):
    async def story() -> None:
        limits = replace(LinkLimits(), before_hello=8, before_hello_per_address=3)
        async with a_link(limits=limits) as ward:
            known = await ward.connected()
            silent = [await asyncio.open_connection(*ward.door.address, local_addr=("127.0.0.9", 0)) for _ in range(12)]
            await until(lambda: ward.tally.turned_away == 9)
            assert ward.door.figures().before_hello == 3
            ward.roll.enrol("PUMP-0008")
            await ward.connected("PUMP-0008")
            await known.say(shown(1))
            await known.hear()
            for _, writer in silent:
                writer.transport.abort()

    run(story())


def test_sec_42_more_pumps_than_there_may_be_are_told_to_come_again(run: Run):
    async def story() -> None:
        async with a_link(limits=replace(LinkLimits(), links=1)) as ward:
            ward.roll.enrol("PUMP-0008")
            await ward.connected()
            more = await ward.connect()
            await more.say(hello("PUMP-0008"))
            assert await more.closed() == (1013, "too many")
            again = await ward.connected()  # the one that is there may come again
            await again.say(shown(1))
            assert (await again.hear())["up_to"] == 1

    run(story())
