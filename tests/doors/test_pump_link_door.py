"""The pump link's door: pumps are let in as themselves, told apart, heard in their order, and spoken to."""

import asyncio
import json

import pytest
from websockets.exceptions import InvalidStatus

from interop.conduct.world import NotConnected
from interop.domain import pump as said
from interop.doors.pump_link import door as door_module
from interop.doors.pump_link.door import Incident, InsecureDoor, PumpLinkDoor
from interop.doors.pump_link.enrolled import Refusal
from interop.ports import StoreUnavailable
from interop.service.log_fields import WITHHELD, entry_of
from interop.service.world import SystemClock
from interop.wire.link.values import MAX_BYTES
from interop.wire.link.writer import Unwritable
from tests.clients.loops import LOOPS, Run, runner_of, until
from tests.doors.pump_ward import NOW, PUMP, Conduct, Roll, a_link, heartbeat, hello, shown


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return runner_of(request.param)


# ── the way in ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_46_a_pump_says_hello_first_and_is_acknowledged(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connect()
            ack = await pump.greet(log={"log_id": "L-9", "first": 4, "next": 8})
            assert ack == {"frame": "ack", "log_id": "L-9", "up_to": 7, "clock": "2026-03-02T09:15:00Z", "heartbeat_s": 10}
            (heard,) = ward.conduct.hellos
            assert (heard.pump_id, heard.log) == (PUMP, said.LogRange("L-9", 4, 8))
            assert (ward.door.figures().links, ward.door.figures().before_hello) == (1, 0)

    run(story())


def test_words_come_to_conduct_one_after_another_in_their_order(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            ward.conduct.hold[PUMP] = asyncio.Event()
            await pump.say(shown(1), heartbeat(), shown(2))
            await until(lambda: ward.conduct.heard_words)
            await asyncio.sleep(0.02)
            assert len(ward.conduct.heard_words) == 1
            ward.conduct.let_go()
            assert [(await pump.hear())["up_to"] for _ in range(2)] == [1, 2]
            kinds = [type(word) for _, word in ward.conduct.done]
            assert kinds == [said.OfferShown, said.Heartbeat, said.OfferShown]
            assert ward.conduct.most_in_work == 1

    run(story())


def test_one_pumps_slow_commit_holds_up_no_other_pump(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            ward.roll.enrol("PUMP-0008")
            slow, quick = await ward.connected(), await ward.connected("PUMP-0008")
            ward.conduct.hold[PUMP] = asyncio.Event()
            await slow.say(shown(1))
            await until(lambda: ward.conduct.heard_words)
            await quick.say(shown(1))
            assert (await quick.hear())["up_to"] == 1
            assert ward.conduct.done == [("PUMP-0008", ward.conduct.heard_words[1][1])]

    run(story())


@pytest.mark.parametrize(
    ("path", "subprotocol", "more", "status"),
    [
        ("/", "interop.pump-link.1", {}, 404),
        ("/pump-link/2", "interop.pump-link.1", {}, 404),
        ("/pump-link/1?x=1", "interop.pump-link.1", {}, 404),
        ("/pump-link/1", None, {}, 400),
        ("/pump-link/1", "interop.pump-link.2", {}, 400),
        ("/pump-link/1", "interop.pump-link.1", {"origin": "https://ward.example"}, 403),
    ],
)
def test_only_the_contracts_path_and_subprotocol_are_opened_and_to_no_browser(
    run: Run, path: str, subprotocol: str | None, more: dict[str, str], status: int
):
    async def story() -> None:
        async with a_link() as ward:
            with pytest.raises(InvalidStatus) as refused:
                await ward.connect(path=path, subprotocol=subprotocol, **more)
            assert refused.value.response.status_code == status
            await ward.quiet()
            assert ward.tally.handshakes_failed == 1

    run(story())


def test_the_link_is_not_compressed(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connect(additional_headers={"Sec-WebSocket-Extensions": "permessage-deflate"})
            assert pump.socket.response is not None
            assert "Sec-WebSocket-Extensions" not in pump.socket.response.headers
            assert "Server" not in pump.socket.response.headers

    run(story())


# ── hello refused ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said_so", "why"),
    [
        ({"pump_id": "PUMP-0009"}, Refusal.UNKNOWN),
        ({"pump_id": "PUMP-0010"}, Refusal.REVOKED),
        ({"protocol": 2}, Refusal.PROTOCOL),
        ({"model": "demo-syringe"}, Refusal.MODEL),
    ],
)
def test_sec_10_a_pump_that_is_not_enrolled_as_it_says_is_turned_away_and_audited(run: Run, said_so: dict[str, str], why: Refusal):
    async def story() -> None:
        async with a_link() as ward:
            ward.roll.enrol("PUMP-0010", is_revoked=True)
            pump = await ward.connect()
            await pump.say(hello(**said_so))
            assert await pump.closed() == (4001, why.value)
            assert ward.conduct.hellos == []
            assert ward.roll.turned_away == [(said_so.get("pump_id", PUMP), why, "127.0.0.1")]
            assert ward.told == [(Incident.HELLO_REFUSED, "demo:loopback", why)]
            assert ward.tally.refused[why] == 1
            await ward.quiet()
            assert ward.conduct.gone_links == []

    run(story())


def test_conduct_can_refuse_a_hello_with_its_reason(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            ward.conduct.refuses[PUMP] = "this library is not known here"
            pump = await ward.connect()
            await pump.say(hello())
            assert await pump.closed() == (4001, "this library is not known here")
            await ward.quiet()
            assert len(ward.conduct.gone_links) == 1
            assert ward.conduct.links == {}

    run(story())


def test_sec_10_when_the_roll_cannot_be_read_nobody_is_let_in(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            ward.roll.fails = True
            pump = await ward.connect()
            await pump.say(hello())
            assert (await pump.closed())[0] == 1013
            assert ward.conduct.hellos == []

    run(story())


def test_sec_10_a_pump_revoked_while_connected_is_let_go(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            ward.roll.enrol("PUMP-0008")
            pump, other = await ward.connected(), await ward.connected("PUMP-0008")
            await ward.door.check_enrolments()
            assert ward.door.figures().links == 2
            ward.roll.fails = True
            ward.roll.enrol(is_revoked=True)
            await ward.door.check_enrolments()  # what cannot be looked up changes nothing
            await other.say(shown(1))
            await other.hear()
            assert ward.door.figures().links == 2
            ward.roll.fails = False
            await ward.door.check_enrolments()
            assert await pump.closed() == (4001, "revoked")
            assert [pump_id for pump_id, _ in ward.conduct.gone_links] == [PUMP]
            await other.say(shown(2))
            assert (await other.hear())["up_to"] == 2

    run(story())


# ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        (b'{"frame": "heartbeat"}', 1008, "a binary frame"),
        ("{", 1008, "the frame: no JSON in UTF-8"),
        ('{"frame": "start"}', 1008, "frame: unknown"),
        ({"frame": "heartbeat"}, 1008, "clock: missing"),
        (
            {**hello(), "channels": [{"channel_id": "A", "mode": "LVP", "state": "on", "alarms": []}]},
            1008,
            "channels[0].state: not of its form",
        ),
        (hello(), 1008, "hello: a second one"),
        ("x" * (MAX_BYTES + 1), 1009, ""),
    ],
)
def test_sr_53_sec_24_a_frame_that_is_not_in_the_contract_ends_its_connection(
    run: Run, frame: dict[str, str] | str | bytes, code: int, reason: str
):
    async def story() -> None:
        async with a_link() as ward:
            ward.roll.enrol("PUMP-0008")
            other = await ward.connected("PUMP-0008")
            pump = await ward.connected()
            await pump.say(frame)
            closed = await pump.closed()
            assert closed[0] == code
            assert not reason or closed[1] == reason
            await until(lambda: len(ward.conduct.gone_links) == 1)
            assert ward.conduct.heard_words == []
            await other.say(shown(1))  # and nobody else's
            assert (await other.hear())["up_to"] == 1

    run(story())


@pytest.mark.parametrize("frame", [heartbeat(), shown(1)])
def test_nothing_is_read_before_hello(run: Run, frame: dict[str, str]):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connect()
            await pump.say(frame)
            assert await pump.closed() == (1008, "hello: missing")
            assert ward.conduct.heard_words == []

    run(story())


def test_a_text_that_is_not_utf_8_ends_its_connection(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            await pump.socket.send(b"\xff\xfe", text=True)
            assert (await pump.closed())[0] == 1007

    run(story())


def test_a_frame_that_cannot_be_kept_ends_the_link_so_that_it_is_said_again(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            ward.conduct.fails = StoreUnavailable("the disk is full")
            await pump.say(shown(1), shown(2))
            assert await pump.closed() == (1013, "try again later")
            assert len(ward.conduct.heard_words) == 1  # the second is not taken before the first is kept
            assert ward.tally.not_kept == 1
            ward.conduct.fails = None
            again = await ward.connected()
            await again.say(shown(1), shown(2))
            assert [(await again.hear())["up_to"] for _ in range(2)] == [1, 2]

    run(story())


def test_a_fault_of_ours_ends_the_link_and_tells_no_content(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            ward.conduct.fails = ValueError("Muster, Maxi")
            await pump.say(shown(1))
            assert await pump.closed() == (1011, "")
            ((incident, _, detail),) = ward.told
            assert incident is Incident.FAULT
            assert detail.startswith("ValueError in pump_ward.py line ")
            await until(lambda: ward.conduct.gone_links)

    run(story())


# ── what the door tells ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("incident", "peer", "detail", "reason"),
    [
        (
            Incident.FRAME_REFUSED,
            "CN:PUMP-0007 at 10.2.0.7",
            "channels[0].run.rate: not of its form",
            "channels-0-.run.rate-not-of-its-form",
        ),
        (Incident.HELLO_REFUSED, "demo:loopback", "revoked", "revoked"),
        (Incident.TURNED_AWAY, door_module.EVERYBODY, "EMFILE", "EMFILE"),
        (Incident.HANDSHAKE_FAILED, "::1", "x" * 300, "x" * 64),
    ],
)
def test_sec_30_what_the_door_tells_has_its_place_in_the_log(
    caplog: pytest.LogCaptureFixture, incident: Incident, peer: str, detail: str, reason: str
):
    door_module.log_incident(incident, peer, detail)
    entry = entry_of(caplog.records[-1])
    assert WITHHELD not in entry.fields.values()
    assert (entry.fields["incident"], entry.fields["reason"], entry.refused) == (incident.name.lower(), reason, ())


# ── one pump, one link ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_newer_connection_replaces_the_older_one_whose_word_is_first_brought_to_its_end(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            older = await ward.connected()
            first = ward.conduct.links[PUMP]
            ward.conduct.hold[PUMP] = asyncio.Event()
            await older.say(shown(1))
            await until(lambda: ward.conduct.heard_words)
            newer = await ward.connect()
            await newer.say(hello())
            await asyncio.sleep(0.02)
            assert len(ward.conduct.hellos) == 1
            ward.conduct.let_go()
            assert (await newer.hear())["frame"] == "ack"
            assert await older.closed() == (4000, "replaced")
            assert ward.conduct.gone_links == [(PUMP, first)]
            assert ward.conduct.links[PUMP] is not first
            assert len(ward.conduct.done) == 1
            assert ward.conduct.most_in_work == 1
            assert ward.door.figures().links == 1

    run(story())


def test_of_many_connections_at_once_one_is_the_pumps_and_each_that_was_is_gone(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pumps = [await ward.connect() for _ in range(8)]
            await asyncio.gather(*(pump.say(hello()) for pump in pumps))
            ends = [asyncio.create_task(pump.closed()) for pump in pumps]
            await until(lambda: sum(end.done() for end in ends) == 7)
            assert [end.result() for end in ends if end.done()] == [(4000, "replaced")] * 7
            assert ward.door.figures().links == 1
            assert (
                len(ward.conduct.hellos) == len(ward.conduct.gone_links) + 1
            )  # those that were replaced before they had their turn said none

    run(story())


def test_a_pump_that_was_refused_does_not_end_the_link_of_its_namesake(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            other = await ward.connect()
            await other.say(hello(model="demo-syringe"))
            assert (await other.closed())[0] == 4001
            await pump.say(shown(1))
            assert (await pump.hear())["up_to"] == 1

    run(story())


def test_conduct_is_told_once_when_a_pump_vanishes(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            link = ward.conduct.links[PUMP]
            pump.vanish()
            await ward.quiet()
            assert ward.conduct.gone_links == [(PUMP, link)]
            with pytest.raises(NotConnected):
                await link.send(said.ReadBack("R-1"))

    run(story())


# ── to the pump ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_conduct_speaks_to_the_pump_and_can_end_its_link(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            link = ward.conduct.links[PUMP]
            await link.send(said.Withdraw("OFFER-1", "A"))
            assert await pump.hear() == {"frame": "withdraw", "offer_id": "OFFER-1", "channel_id": "A"}
            with pytest.raises(Unwritable):
                await link.send(said.Withdraw("OFFER 1", "A"))
            link.close(4001, "not this one")
            with pytest.raises(NotConnected):
                await link.send(said.ReadBack("R-1"))
            assert await pump.closed() == (4001, "not this one")

    run(story())


# ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_door_that_closes_brings_to_its_end_what_is_in_work(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            ward.conduct.hold[PUMP] = asyncio.Event()
            await pump.say(shown(1), shown(2))
            await until(lambda: ward.conduct.heard_words)
            stopping = asyncio.create_task(ward.door.stop(within_s=20))
            await asyncio.sleep(0.02)
            assert not stopping.done()
            ward.conduct.let_go()
            assert (await pump.closed()) == (1012, "the server restarts")
            assert await stopping == 0
            assert len(ward.conduct.done) == 1
            assert len(ward.conduct.gone_links) == 1

    run(story())


def test_a_door_that_closes_cuts_what_does_not_end(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            knocking = await ward.connect()
            ward.conduct.hold[PUMP] = asyncio.Event()
            await pump.say(shown(1))
            await until(lambda: ward.conduct.heard_words)
            assert await ward.door.stop(within_s=0.05) == 1
            assert (await pump.closed())[0] == 1006
            assert (await knocking.closed())[0] == 1012
            assert len(ward.conduct.gone_links) == 1
            assert ward.conduct.done == []

    run(story())


def test_a_door_that_closes_does_not_wait_for_who_knocks_and_says_nothing(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            reader, writer = await asyncio.open_connection(*ward.door.address)
            await until(lambda: ward.door.figures().before_hello == 1)
            await asyncio.sleep(0.02)
            assert await ward.door.stop(within_s=20) == 0
            assert await reader.read() == b""
            writer.transport.abort()

    run(story())


@pytest.mark.parametrize(("host", "demo"), [("127.0.0.1", False), ("0.0.0.0", True), ("10.1.2.3", True)])
def test_sec_03_clear_text_is_for_demo_mode_on_loopback(host: str, demo: bool):
    with pytest.raises(InsecureDoor):
        PumpLinkDoor(Conduct(), Roll(), host=host, port=0, tls=None, clock=SystemClock(), demo=demo)
    PumpLinkDoor(Conduct(), Roll(), host="127.0.0.1", port=0, tls=None, clock=SystemClock(), demo=True)


def test_a_simulated_pump_is_for_demo_mode_only(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            await (await ward.connect()).greet(simulated=True)
            assert ward.conduct.hellos[0].simulated

    run(story())


def test_what_a_pump_hears_is_one_object_a_frame(run: Run):
    async def story() -> None:
        async with a_link() as ward:
            pump = await ward.connected()
            await ward.conduct.links[PUMP].send(said.Ack("L-1", 3, NOW))
            text = await pump.socket.recv()
            assert isinstance(text, str)
            assert json.loads(text)["up_to"] == 3

    run(story())
