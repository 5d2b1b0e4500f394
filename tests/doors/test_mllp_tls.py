"""Who may knock at the MLLP door: a certificate of an authority we trust, and in it the sending applications it may speak for."""

import asyncio
import socket
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interop.doors.mllp import Incident, InsecureDoor, Limits, MllpDoor
from interop.doors.mllp_peer import Bindings
from interop.doors.mllp_tls import server_context
from interop.wire.hl7v2.ack import AckCode
from interop.wire.hl7v2.mllp import frame
from tests.clients.certificates import Authority, Identity
from tests.clients.door import Intake, StoppedClock, Ward, a_door, order
from tests.clients.loops import LOOPS, Run, runner_of, until


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return runner_of(request.param)


@dataclass(frozen=True)
class Hospital:
    """Our door's certificate, two EHRs' and an authority of somebody else."""

    authority: Authority
    others: Authority
    door: Identity
    ehr: Identity
    pharmacy: Identity

    def server(self, revoked: Path | None = None) -> ssl.SSLContext:
        door = self.door
        return server_context(certificate=door.certificate, key=door.key, client_authorities=self.authority.file, revoked=revoked)

    def client(self, identity: Identity | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.authority.file)
        if identity is not None:
            context.load_cert_chain(identity.certificate, identity.key)
        return context


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder)
    return Hospital(
        authority,
        Authority(folder, "Somebody else's authority"),
        authority.issue("door", dns=("localhost",), addresses=("127.0.0.1",), server=True),
        authority.issue("ehr", dns=("ehr.hospital.example",), uris=("urn:hospital:ehr",)),
        authority.issue("pharmacy"),
    )


BINDINGS = Bindings.of({"DNS:ehr.hospital.example": [("BEDSIDE", "NORTH")], "CN:pharmacy": [("PHARMACY", "*")]})


async def nobody_came_in(ward: Ward) -> None:
    await until(lambda: ward.tally.handshakes_failed == 1)
    assert (ward.tally.accepted, ward.intake.came) == (0, [])
    ((incident, peer, _),) = ward.told
    assert (incident, peer) == (Incident.HANDSHAKE_FAILED, "127.0.0.1")


async def is_refused(ward: Ward, context: ssl.SSLContext) -> None:
    """Whoever is not let in may not learn it before it reads (TLS 1.3): the message that it sends is not taken."""
    try:
        talker = await ward.connect(context)
    except OSError:
        pass
    else:
        talker.send(order("M1"))
        assert await talker.heard_all() == b""
    await nobody_came_in(ward)


# ---------------------------------------------------------------- who is let in


def test_sec_05_a_sender_with_a_certificate_is_known_by_its_names(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server()) as ward:
            talker = await ward.connect(hospital.client(hospital.ehr))
            assert (await talker.ask(order("M1"))).code is AckCode.CA
            (peer,) = ward.intake.peers
            assert peer.certificate is not None
            assert peer.names == {"DNS:ehr.hospital.example", "URI:urn:hospital:ehr"}
            assert len(peer.key) == 64
            assert peer.certificate.not_after > datetime.now(UTC)
            assert str(peer) == "DNS:ehr.hospital.example, URI:urn:hospital:ehr at 127.0.0.1"
            pharmacy = await ward.connect(hospital.client(hospital.pharmacy))
            await pharmacy.ask(order("M2"))
            assert ward.intake.peers[1].names == {"CN:pharmacy"}

    run(story())


def test_many_messages_in_pieces_come_through_tls_in_their_order(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server(), limits=replace(Limits(), in_flight_per_connection=2)) as ward:
            talker = await ward.connect(hospital.client(hospital.ehr))
            talker.send(*(order(f"M{number}", note="x" * 20_000) for number in range(100)))
            assert [(await talker.hear()).control_id for _ in range(100)] == [f"M{number}" for number in range(100)]

    run(story())


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(lambda hospital: None, id="no certificate"),
        pytest.param(lambda hospital: hospital.others.issue("ehr", dns=("ehr.hospital.example",)), id="another authority"),
        pytest.param(lambda hospital: hospital.authority.issue("ehr", ended=True), id="ended"),
        pytest.param(lambda hospital: hospital.door, id="a server's certificate"),
    ],
)
def test_sec_05_who_shows_no_good_certificate_is_not_let_in(run: Run, hospital: Hospital, identity: Callable[[Hospital], Identity | None]):
    async def story() -> None:
        async with a_door(tls=hospital.server()) as ward:
            await is_refused(ward, hospital.client(identity(hospital)))

    run(story())


def test_sec_05_a_revoked_certificate_is_not_let_in_and_the_others_are(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server(revoked=hospital.authority.revoke(hospital.pharmacy))) as ward:
            await is_refused(ward, hospital.client(hospital.pharmacy))
            talker = await ward.connect(hospital.client(hospital.ehr))
            assert (await talker.ask(order("M1"))).code is AckCode.CA

    run(story())


def test_sec_05_a_good_certificate_that_speaks_for_another_system_is_answered_cr(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server(), intake=Intake(BINDINGS)) as ward:
            ehr = await ward.connect(hospital.client(hospital.ehr))
            pharmacy = await ward.connect(hospital.client(hospital.pharmacy))
            for talker, message, code in (
                (ehr, order("M1"), AckCode.CA),
                (ehr, order("M2", sender="PHARMACY"), AckCode.CR),
                (ehr, order("M3", facility="SOUTH"), AckCode.CR),
                (ehr, order("M4", sender=""), AckCode.CR),
                (pharmacy, order("M5"), AckCode.CR),
                (pharmacy, order("M6", sender="PHARMACY", facility="WEST"), AckCode.CA),
            ):
                assert (await talker.ask(message)).code is code
            assert ward.intake.committed == {"M1", "M6"}

    run(story())


# ---------------------------------------------------------------- how


def test_sec_03_clear_text_at_a_door_with_tls_is_not_read(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server()) as ward:
            talker = await ward.connect()
            talker.send(order("M1"))
            assert b"MSA" not in await talker.heard_all()
            await nobody_came_in(ward)

    run(story())


def test_sec_03_what_goes_over_the_network_cannot_be_read(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server()) as ward:
            heard = bytearray()

            async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                while data := await reader.read(65536):
                    heard.extend(data)
                    writer.write(data)
                writer.close()

            async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                inner = await asyncio.open_connection(*ward.door.address)
                await asyncio.gather(carry(reader, inner[1]), carry(inner[0], writer))

            wire = await asyncio.start_server(between, "127.0.0.1", 0)
            port = wire.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=hospital.client(hospital.ehr), server_hostname="localhost"
            )
            writer.write(frame(order("M1")))
            assert b"MSA|CA|M1" in await reader.readuntil(b"\x1c\r")
            writer.close()
            await writer.wait_closed()
            await until(lambda: ward.door.figures().open == 0)
            wire.close()
            assert len(heard) > 1000
            for secret in (b"Muster", b"MSH", b"MSA", b"ehr.hospital.example"):
                assert secret not in heard

    run(story())


def tls_1_1(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def old_suite(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA")


def tls_1_2(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("weaken", [tls_1_1, old_suite])
def test_sec_04_old_versions_and_suites_are_refused(run: Run, hospital: Hospital, weaken: Callable[[ssl.SSLContext], None]):
    async def story() -> None:
        async with a_door(tls=hospital.server()) as ward:
            context = hospital.client(hospital.ehr)
            weaken(context)
            await is_refused(ward, context)

    run(story())


def test_sec_04_tls_1_2_is_spoken_with_forward_secrecy(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server()) as ward:
            context = hospital.client(hospital.ehr)
            tls_1_2(context)
            talker = await ward.connect(context)
            name, version, _ = talker.writer.get_extra_info("cipher")
            assert version == "TLSv1.2"
            assert name.startswith("ECDHE-")
            assert (await talker.ask(order("M1"))).code is AckCode.CA

    run(story())


def lets_anybody_in(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_OPTIONAL


def speaks_old_suites(context: ssl.SSLContext) -> None:
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA")


def speaks_old_versions(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1


@pytest.mark.parametrize("weaken", [lets_anybody_in, speaks_old_suites, speaks_old_versions])
def test_sec_03_a_door_with_a_weak_context_is_not_opened(hospital: Hospital, weaken: Callable[[ssl.SSLContext], None]):
    context = hospital.server()
    weaken(context)
    with pytest.raises(InsecureDoor):
        MllpDoor(Intake(), host="127.0.0.1", port=0, tls=context, clock=StoppedClock(), new_id=lambda: "1")


def test_a_door_with_tls_may_face_the_hospital(hospital: Hospital):
    MllpDoor(Intake(), host="0.0.0.0", port=0, tls=hospital.server(), clock=StoppedClock(), new_id=lambda: "1")


# ---------------------------------------------------------------- handshakes that come to nothing


def test_sec_42_a_handshake_that_does_not_end_is_cut_off(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server(), limits=replace(Limits(), handshake_s=0.05)) as ward:
            talker = await ward.connect()
            assert await talker.heard_all() == b""
            await nobody_came_in(ward)

    run(story())


def test_sec_42_a_handshake_that_is_given_up_is_nobody_coming_in(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server()) as ward:
            talker = await ward.connect()
            await until(lambda: ward.door.figures().handshakes == 1)
            talker.leave()
            await until(lambda: ward.door.figures().handshakes == 0)
            assert (ward.tally.accepted, ward.door.figures().open) == (0, 0)

    run(story())


def test_sec_42_who_begins_many_handshakes_and_ends_none_keeps_nobody_else_out(run: Run, hospital: Hospital):
    limits = replace(Limits(), connections=10, connections_per_peer=3)

    async def story() -> None:
        async with a_door(tls=hospital.server(), limits=limits) as ward:
            silent = [socket.create_connection(ward.door.address, source_address=("127.0.0.9", 0)) for _ in range(20)]
            await until(lambda: ward.tally.turned_away == 17)
            assert ward.door.figures().handshakes == 3
            talker = await ward.connect(hospital.client(hospital.ehr))
            assert (await talker.ask(order("M1"))).code is AckCode.CA
            for each in silent:
                each.close()

    run(story())


def test_sec_42_the_connections_of_one_certificate_are_counted_together_wherever_they_come_from(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server(), limits=replace(Limits(), connections_per_peer=1)) as ward:
            first = await ward.connect(hospital.client(hospital.ehr))
            assert (await first.ask(order("M1"))).code is AckCode.CA
            second = await ward.connect(hospital.client(hospital.ehr), local_addr=("127.0.0.9", 0))
            assert await second.heard_all() == b""
            pharmacy = await ward.connect(hospital.client(hospital.pharmacy))
            assert (await pharmacy.ask(order("M2"))).code is AckCode.CA
            assert ward.tally.turned_away == 1

    run(story())


def test_a_door_that_closes_ends_handshakes_and_connections_with_tls(run: Run, hospital: Hospital):
    async def story() -> None:
        async with a_door(tls=hospital.server()) as ward:
            ward.intake.hold_all = True
            beginning = await ward.connect()
            talker = await ward.connect(hospital.client(hospital.ehr))
            talker.send(order("M1"))
            await ward.came(1)
            await until(lambda: ward.door.figures().handshakes == 1)
            stopping = asyncio.create_task(ward.door.stop(within_s=30))
            assert await beginning.heard_all() == b""
            ward.intake.let_go("M1")
            assert (await talker.hear()).control_id == "M1"
            assert await talker.heard_all() == b""
            talker.writer.close()
            assert await stopping == 0

    run(story())
