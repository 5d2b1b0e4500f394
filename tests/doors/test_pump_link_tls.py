"""Who may speak as a pump: its own certificate, of the pumps' authority, the very one it was enrolled with (SEC-02, SEC-09, SEC-10)."""

import asyncio
import contextlib
import hashlib
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from websockets.exceptions import InvalidHandshake

from interop.doors.mllp_tls import InsecureDoor, server_context
from interop.doors.pump_link.door import Incident, LinkLimits, PumpLinkDoor
from interop.doors.pump_link.enrolled import Refusal
from interop.service.world import SystemClock
from tests.clients.certificates import Authority, Identity
from tests.clients.loops import LOOPS, Run, runner_of, until
from tests.doors.pump_ward import PUMP, Conduct, Roll, Ward, a_link, hello, shown

OTHER = "PUMP-0008"


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return runner_of(request.param)


def fingerprint(identity: Identity) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(identity.certificate.read_text(encoding="ascii"))).hexdigest()


@dataclass(frozen=True)
class Hospital:
    """The hospital's authority, which signed the server, the pumps' own, and somebody else's of the same name."""

    hospital: Authority
    pumps: Authority
    others: Authority
    server: Identity
    pump: Identity
    other: Identity

    def door(self, revoked: Path | None = None) -> ssl.SSLContext:
        server = self.server
        return server_context(certificate=server.certificate, key=server.key, client_authorities=self.pumps.file, revoked=revoked)

    def client(self, identity: Identity | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.hospital.file)
        if identity is not None:
            context.load_cert_chain(identity.certificate, identity.key)
        return context

    def roll(self) -> Roll:
        roll = Roll()
        roll.enrol(PUMP, fingerprint=fingerprint(self.pump))
        roll.enrol(OTHER, fingerprint=fingerprint(self.other))
        return roll


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "others").mkdir()
    hospital, pumps = Authority(folder, "Hospital"), Authority(folder, "Pumps")
    server = hospital.issue("server", dns=("localhost",), addresses=("127.0.0.1",), server=True)
    return Hospital(hospital, pumps, Authority(folder / "others", "Pumps"), server, pumps.issue(PUMP), pumps.issue(OTHER))


def self_signed(folder: Path) -> Identity:
    """What anybody can make: an authority that issues nothing shows its own certificate."""
    from cryptography.hazmat.primitives import serialization

    alone = Authority(folder, PUMP)
    key = folder / "self.key"
    key.write_bytes(alone._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return Identity(alone.file, key, 0)


async def nobody_came_in(ward: Ward) -> None:
    await until(lambda: ward.tally.handshakes_failed == 1)
    await ward.quiet()
    assert ward.conduct.hellos == []
    ((incident, peer, _),) = ward.told
    assert (incident, peer) == (Incident.HANDSHAKE_FAILED, "127.0.0.1")


async def is_refused(ward: Ward, context: ssl.SSLContext) -> None:
    with pytest.raises((OSError, EOFError, InvalidHandshake)):
        await ward.connect(context)
    await nobody_came_in(ward)


# ── who is let in ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sec_02_a_pump_with_its_own_certificate_is_let_in_as_itself(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            pump = await ward.connected(tls=hospital.client(hospital.pump))
            other = await ward.connected(OTHER, tls=hospital.client(hospital.other))
            await pump.say(shown(1))
            await other.say(shown(2))
            assert ((await pump.hear())["up_to"], (await other.hear())["up_to"]) == (1, 2)
            assert sorted(ward.conduct.links) == [PUMP, OTHER]
            assert ward.told == []

    run(story())


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(lambda hospital, folder: None, id="no certificate"),
        pytest.param(lambda hospital, folder: hospital.others.issue(PUMP), id="another authority of the same name"),
        pytest.param(lambda hospital, folder: hospital.hospital.issue(PUMP), id="the hospital's authority"),
        pytest.param(lambda hospital, folder: hospital.pumps.issue(PUMP, ended=True), id="ended"),
        pytest.param(lambda hospital, folder: hospital.pumps.issue(PUMP, server=True), id="a server's certificate"),
        pytest.param(lambda hospital, folder: self_signed(folder), id="self-signed"),
    ],
)
def test_sec_02_who_shows_no_good_certificate_is_not_let_in(
    run: Run, hospital: Hospital, tmp_path: Path, identity: Callable[[Hospital, Path], Identity | None]
):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            await is_refused(ward, hospital.client(identity(hospital, tmp_path)))

    run(story())


def test_sec_02_a_certificate_on_the_authoritys_revocation_list_is_not_let_in(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_link(tls=hospital.door(revoked=hospital.pumps.revoke(hospital.pump)), roll=hospital.roll()) as ward:
            await is_refused(ward, hospital.client(hospital.pump))
            await ward.connected(OTHER, tls=hospital.client(hospital.other))

    run(story())


def test_sec_09_one_pumps_key_does_not_speak_as_another_pump(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            known = await ward.connected(OTHER, tls=hospital.client(hospital.other))
            pump = await ward.connect(hospital.client(hospital.pump))
            await pump.say(hello(OTHER))
            assert await pump.closed() == (4001, "name")
            assert ward.roll.turned_away == [(OTHER, Refusal.NAME, "127.0.0.1")]
            assert ward.told == [(Incident.HELLO_REFUSED, f"CN:{PUMP} at 127.0.0.1", "name")]
            await known.say(shown(1))
            assert (await known.hear())["up_to"] == 1

    run(story())


def test_sec_10_another_certificate_of_the_same_name_is_not_the_one_that_was_enrolled(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            clone = await ward.connect(hospital.client(hospital.pumps.issue(PUMP)))
            await clone.say(hello())
            assert await clone.closed() == (4001, "certificate")
            assert ward.roll.turned_away == [(PUMP, Refusal.CERTIFICATE, "127.0.0.1")]

    run(story())


def test_sec_10_a_pump_enrolled_anew_ends_the_link_of_its_older_certificate(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            pump = await ward.connected(tls=hospital.client(hospital.pump))
            anew = hospital.pumps.issue(PUMP)
            ward.roll.enrol(PUMP, fingerprint=fingerprint(anew))
            await ward.door.check_enrolments()
            assert await pump.closed() == (4001, "certificate")
            await ward.connected(tls=hospital.client(anew))

    run(story())


def test_a_certificate_without_a_name_is_nobodys(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            pump = await ward.connect(hospital.client(hospital.pumps.issue("Pümp-7")))
            await pump.say(hello())
            assert await pump.closed() == (4001, "name")

    run(story())


def test_sec_41_a_simulated_pump_is_refused_outside_demo_mode(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            pump = await ward.connect(hospital.client(hospital.pump))
            await pump.say(hello(simulated=True))
            assert await pump.closed() == (4001, "simulated")
        async with a_link(tls=hospital.door(), roll=hospital.roll(), demo=True) as ward:
            await (await ward.connect(hospital.client(hospital.pump))).greet(simulated=True)

    run(story())


# ── how ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def tls_1_1(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def old_suite(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA")


@pytest.mark.parametrize("weaken", [tls_1_1, old_suite])
def test_sec_02_old_versions_and_suites_are_refused(run: Run, hospital: Hospital, weaken: Callable[[ssl.SSLContext], None]):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            context = hospital.client(hospital.pump)
            weaken(context)
            await is_refused(ward, context)

    run(story())


def test_sec_02_tls_1_2_is_spoken(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            context = hospital.client(hospital.pump)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            pump = await ward.connected(tls=context)
            assert pump.socket.transport.get_extra_info("cipher")[1] == "TLSv1.2"

    run(story())


def test_sec_03_clear_text_at_a_door_with_tls_is_not_read(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_link(tls=hospital.door(), roll=hospital.roll()) as ward:
            with pytest.raises((OSError, EOFError, InvalidHandshake)):
                await ward.connect()
            await nobody_came_in(ward)

    run(story())


def test_sec_03_a_door_with_a_weak_context_is_not_opened(hospital: Hospital):
    context = hospital.door()
    context.verify_mode = ssl.CERT_OPTIONAL
    with pytest.raises(InsecureDoor):
        PumpLinkDoor(Conduct(), Roll(), host="127.0.0.1", port=0, tls=context, clock=SystemClock())


@pytest.mark.parametrize("said_first", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\x00" * 40, bytes(range(256)) * 40])
def test_sec_42_a_handshake_that_comes_to_nothing_is_cut_off(run: Run, hospital: Hospital, said_first: bytes):
    async def story() -> None:
        limits = replace(LinkLimits(), handshake_s=0.05)
        async with a_link(tls=hospital.door(), roll=hospital.roll(), limits=limits) as ward:
            reader, writer = await asyncio.open_connection(*ward.door.address)
            writer.write(said_first)
            with contextlib.suppress(OSError):
                await reader.read()
            await nobody_came_in(ward)
            writer.transport.abort()

    run(story())


@pytest.mark.parametrize(
    "request_", [b"", b"GET /pump-link/1 HTTP/1.1\r\n", b"\xff" * 4000, b"GET /pump-link/1 HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n"]
)
def test_sec_42_after_tls_too_what_is_no_websocket_is_cut_off(run: Run, hospital: Hospital, request_: bytes):
    async def story() -> None:
        limits = replace(LinkLimits(), handshake_s=0.3, close_s=0.1)
        async with a_link(tls=hospital.door(), roll=hospital.roll(), limits=limits) as ward:
            context = hospital.client(hospital.pump)
            reader, writer = await asyncio.open_connection(*ward.door.address, ssl=context, server_hostname="localhost")
            writer.write(request_)
            with contextlib.suppress(OSError):
                await reader.read()
            await nobody_came_in(ward)
            writer.transport.abort()

    run(story())
