"""A fleet over real sockets with mutual TLS, against a server that the test plays: the handshake, its faults, its disks."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from pump_sim import keys
from pump_sim.fleet import Fleet, Setup, ids_in, pumps_of
from pump_sim.link import NoLink, tls_of
from tests.clients.certificates import Authority
from tests.pump_sim.ward import NURSE, dopamine_offer, library

LONG_S = 30


class Server:
    """The server's side, played by the test: it acks every log frame, and keeps all that it hears."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.links: list[ServerConnection] = []
        self.acks = True
        self.up_to = 0
        self._came = asyncio.Event()

    async def talk(self, link: ServerConnection) -> None:
        self.links.append(link)
        try:
            async for text in link:
                frame = json.loads(text)
                self.heard.append(frame)
                if frame["frame"] == "hello":
                    await self._ack(link, frame["log"]["log_id"])
                elif "number" in frame and self.acks:
                    self.up_to = max(self.up_to, frame["number"])
                    await self._ack(link, frame["log_id"])
                self._came.set()
        except ConnectionClosed:
            pass

    async def _ack(self, link: ServerConnection, log_id: str) -> None:
        ack = {"frame": "ack", "log_id": log_id, "up_to": self.up_to, "clock": "2026-03-02T08:00:00+00:00", "heartbeat_s": 10}
        await link.send(json.dumps(ack))

    async def say(self, frame: dict[str, Any]) -> None:
        await self.links[-1].send(json.dumps(frame))

    async def hears(self, wanted: Callable[[dict[str, Any]], bool], times: int = 1) -> dict[str, Any]:
        """The frame that is wanted, when it has come so often."""
        async with asyncio.timeout(LONG_S):
            while len(found := [frame for frame in self.heard if wanted(frame)]) < times:
                self._came.clear()
                await self._came.wait()
        return found[-1]


def kind(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda frame: name in (frame["frame"], frame.get("kind"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> tuple[Path, ssl.SSLContext]:
    """A folder as the pumps have it, and the server's context."""
    made, folder = tmp_path_factory.mktemp("authority"), tmp_path_factory.mktemp("pumps")
    authority = Authority(made)
    (folder / "ca.pem").write_bytes(authority.file.read_bytes())
    for pump_id in ("PUMP-1", "PUMP-2"):
        identity = authority.issue(pump_id)
        (folder / f"{pump_id}.pem").write_bytes(identity.certificate.read_bytes())
        (folder / f"{pump_id}.key").write_bytes(identity.key.read_bytes())
    mine = authority.issue("localhost", dns=("localhost",), addresses=("127.0.0.1",), server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(mine.certificate, mine.key)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    return folder, context


@asynccontextmanager
async def played(certificates: tuple[Path, ssl.SSLContext], **setup: Any) -> AsyncIterator[tuple[Server, Fleet]]:
    server = Server()
    folder, context = certificates
    async with serve(
        server.talk, "127.0.0.1", 0, ssl=context, subprotocols=[Subprotocol("interop.pump-link.1")], compression=None
    ) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        url = f"wss://127.0.0.1:{port}/pump-link/1"
        fleet = Fleet(Setup(url, {"PUMP-1": "demo-lvp"}, folder, library(), care_area="ICU", **setup))
        fleet.start()
        try:
            yield server, fleet
        finally:
            await fleet.stop()


def test_sec_02_a_pump_shows_its_own_certificate_and_an_offer_runs_through_keys(certificates, tmp_path):
    async def story() -> None:
        async with played(certificates, state=tmp_path) as (server, fleet):
            changed: list[str] = []
            leave = fleet.listen(changed.append)
            hello = await server.hears(kind("hello"))
            peer = server.links[0].transport.get_extra_info("peercert")
            assert dict(part[0] for part in peer["subject"])["commonName"] == hello["pump_id"] == "PUMP-1"
            assert server.links[0].subprotocol == "interop.pump-link.1"
            await server.say(dopamine_offer())
            await server.hears(kind("offer_shown"))
            assert changed
            for name in ("open_offer", "confirm", "start"):
                assert fleet.press("PUMP-1", name, {"channel": "A", "badge": NURSE}) == ""
            await server.hears(kind("started"))
            leave()
            assert fleet.view("PUMP-1").channels[0].state == "INFUSING"

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["cut-before-shown", "cut-after-shown", "drop-offer"])
def test_sr_13_an_offer_on_a_broken_link_is_told_again_or_was_never_seen(certificates, tmp_path, fault):
    async def story() -> None:
        async with played(certificates, state=tmp_path, faults={"PUMP-1": (fault,)}) as (server, fleet):
            await server.hears(kind("power_on"))
            await server.say(dopamine_offer())
            if fault != "drop-offer":
                await server.hears(kind("hello"), 2)
            if fault == "cut-after-shown":
                assert (await server.hears(kind("offer_shown")))["offer_id"] == "O-1"
            await server.say({"frame": "withdraw", "offer_id": "O-1", "channel_id": "A"})
            await server.hears(kind("withdrawn" if fault == "cut-after-shown" else "never_seen"))
            assert fleet.view("PUMP-1").channels[0].state == "IDLE"

    asyncio.run(story())


@pytest.mark.parametrize(("fault", "decided"), [("crash-after-decision", True), ("crash-before-decision", False)])
def test_sr_47_sr_69_a_crash_at_the_decision_leaves_a_decision_or_none_and_never_both(certificates, tmp_path, fault, decided):
    async def story() -> None:
        async with played(certificates, state=tmp_path, faults={"PUMP-1": (fault,)}) as (server, fleet):
            await server.hears(kind("power_on"))
            await server.say(dopamine_offer())
            await server.hears(kind("offer_shown"))
            for name in ("open_offer", "confirm"):
                fleet.press("PUMP-1", name, {"channel": "A", "badge": NURSE})
            await server.hears(kind("power_on"), 2)
            rejected = await server.hears(lambda frame: frame.get("decision") == "rejected")
            assert rejected["text"] == "power was lost"
            said = [frame["decision"] for frame in server.heard if frame["frame"] == "decision"]
            assert said == (["confirmed", "rejected"] if decided else ["rejected"])
            assert fleet.view("PUMP-1").channels[0].state == "IDLE"

    asyncio.run(story())


def test_sr_69_sr_96_a_fleet_that_ends_comes_back_from_its_disk_and_stands_still(certificates, tmp_path):
    async def story() -> None:
        async with played(certificates, state=tmp_path) as (server, fleet):
            await server.hears(kind("power_on"))
            server.acks = False
            await server.say(dopamine_offer())
            await server.hears(kind("offer_shown"))
            for name in ("open_offer", "confirm", "start"):
                assert fleet.press("PUMP-1", name, {"channel": "A", "badge": NURSE}) == ""
            await server.hears(kind("started"))
        async with played(certificates, state=tmp_path) as (server, fleet):
            hello = await server.hears(kind("hello"))
            assert hello["channels"][0]["state"] == "paused"
            assert hello["log"]["first"] == 2  # what was acknowledged is forgotten
            paused = await server.hears(kind("paused"))
            assert paused["cause"] == "power"
            numbers = [frame["number"] for frame in server.heard if "number" in frame]
            assert numbers == list(range(2, 2 + len(numbers)))
            assert fleet.units["PUMP-1"].press(keys.Resume("A", NURSE)) == ""
            await server.hears(kind("resumed"))

    asyncio.run(story())


def test_sec_02_a_server_with_another_authoritys_certificate_is_not_talked_to(certificates, tmp_path):
    other = Authority(tmp_path, "Another authority")
    theirs = other.issue("localhost", dns=("localhost",), addresses=("127.0.0.1",), server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(theirs.certificate, theirs.key)

    async def story() -> None:
        tried = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda *_: tried.set())
        server = Server()
        async with serve(server.talk, "127.0.0.1", 0, ssl=context) as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            fleet = Fleet(Setup(f"wss://127.0.0.1:{port}/pump-link/1", {"PUMP-1": "demo-lvp"}, certificates[0], library(), care_area="ICU"))
            fleet.start()
            await asyncio.sleep(0.5)
            assert server.heard == []
            assert not fleet.view("PUMP-1").connected
            await fleet.stop()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("server", "folder"), [("ws://192.0.2.1:1/pump-link/1", None), ("wss://127.0.0.1:1/pump-link/1", None), ("https://127.0.0.1:1/", None)]
)
def test_sec_03_clear_text_leaves_this_machine_never(server, folder):
    with pytest.raises(NoLink):
        tls_of(server, folder, "PUMP-1")
    assert tls_of("ws://127.0.0.1:1/pump-link/1", None, "PUMP-1") is None


def test_a_pump_without_its_own_key_is_not_run(certificates):
    with pytest.raises(NoLink, match="PUMP-9"):
        tls_of("wss://127.0.0.1:1/pump-link/1", certificates[0], "PUMP-9")


def test_the_pumps_of_a_folder_are_those_with_a_certificate_and_a_key(certificates):
    assert ids_in(certificates[0]) == ["PUMP-1", "PUMP-2"]
    assert pumps_of(4, "mixed", []) == {"PUMP-1": "demo-lvp", "PUMP-2": "demo-lvp", "PUMP-3": "demo-syringe", "PUMP-4": "demo-lvp"}
