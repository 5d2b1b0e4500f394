"""The small authority of ``interop init``: nothing is overwritten, keys are their owner's, and TLS takes what it makes."""

import asyncio
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from interop.adapters.ehr.tls import client_context
from interop.doors.mllp_peer import Peer, peer_of
from interop.doors.mllp_tls import check_context, server_context
from interop.service.certificates import CannotIssue, Certificates, make_certificates, write_new

NOW = datetime.now(UTC).replace(microsecond=0)


def made_in(
    folder: Path, names: tuple[str, ...] = ("interop.hospital.example", "10.1.2.3"), client: str = "interop-send", now: datetime = NOW
) -> Certificates:
    return make_certificates(folder, server_names=names, client_name=client, now=now)


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    return made_in(tmp_path / "certificates")


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_four_pairs_are_made(made: Certificates):
    assert sorted(path.name for path in made.made) == [
        "ca.key",
        "ca.pem",
        "interop-send.key",
        "interop-send.pem",
        "pump-ca.key",
        "pump-ca.pem",
        "server.key",
        "server.pem",
    ]
    for pair in (made.authority, made.server, made.client, made.pump_authority):
        key = load_pem_private_key(pair.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert isinstance(key.curve, ec.SECP256R1)
        assert certificate(pair.certificate).public_key() == key.public_key()


def test_sec_31_private_keys_are_for_their_owner_only(made: Certificates):
    for pair in (made.authority, made.server, made.client, made.pump_authority):
        assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600
        assert stat.S_IMODE(pair.certificate.stat().st_mode) == 0o644
    assert stat.S_IMODE(made.authority.key.parent.stat().st_mode) == 0o700


def test_sec_08_two_folders_share_nothing(tmp_path: Path):
    one, other = made_in(tmp_path / "one"), made_in(tmp_path / "other")
    assert not set(contents(one.server.key.parent).values()) & set(contents(other.server.key.parent).values())


def test_the_server_is_known_by_its_names(made: Certificates):
    names = certificate(made.server.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "interop.hospital.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "10.1.2.3"]


def test_each_certificate_is_for_one_purpose(made: Certificates):
    for pair, purpose in ((made.server, ExtendedKeyUsageOID.SERVER_AUTH), (made.client, ExtendedKeyUsageOID.CLIENT_AUTH)):
        leaf = certificate(pair.certificate)
        assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [purpose]
        assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
        assert NOW - timedelta(days=1) < leaf.not_valid_before_utc < NOW
        assert NOW + timedelta(days=800) < leaf.not_valid_after_utc < NOW + timedelta(days=830)


def test_a_certificate_does_not_outlive_its_authority(tmp_path: Path):
    made = made_in(tmp_path)
    made.server.certificate.unlink()
    again = made_in(tmp_path, now=NOW + timedelta(days=3600))
    assert certificate(again.server.certificate).not_valid_after_utc == certificate(again.authority.certificate).not_valid_after_utc


def test_a_second_run_touches_nothing(made: Certificates):
    folder = made.server.key.parent
    before = contents(folder)
    again = made_in(folder, names=("another.example",))
    assert again.made == ()
    assert contents(folder) == before


def test_a_run_that_was_cut_off_is_completed(tmp_path: Path):
    """After each file that a run writes it may be cut off; the next run keeps what is there and the whole works."""
    whole = made_in(tmp_path / "whole")
    order = ["ca.key", "ca.pem", "server.key", "server.pem", "interop-send.key", "interop-send.pem", "pump-ca.key", "pump-ca.pem"]
    for cut in range(len(order)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        for name in order[:cut]:
            (folder / name).write_bytes((whole.server.key.parent / name).read_bytes())
        made = made_in(folder)
        assert [path.name for path in made.made] == order[cut:]
        assert handshake(made)


def test_a_new_server_certificate_is_issued_where_the_old_one_was_taken_away(made: Certificates):
    old_key, old = made.server.key.read_bytes(), made.server.certificate.read_bytes()
    made.server.certificate.unlink()
    again = made_in(made.server.key.parent, names=("another.example",))
    assert again.made == (made.server.certificate,)
    assert made.server.key.read_bytes() == old_key
    assert made.server.certificate.read_bytes() != old


def test_what_exists_goes_on_without_the_authoritys_key(made: Certificates):
    made.authority.key.unlink()
    assert made_in(made.server.key.parent).made == ()
    with pytest.raises(CannotIssue, match=r"ca\.key is not there: bring it back"):
        made_in(made.server.key.parent, client="another")
    assert not made.authority.key.exists()


@pytest.mark.parametrize(("content", "what"), [(b"", "no private key"), (b"no key", "no private key")])
def test_a_key_that_is_none_is_told(made: Certificates, content: bytes, what: str):
    made.authority.key.write_bytes(content)
    made.client.certificate.unlink()
    with pytest.raises(CannotIssue, match=what):
        made_in(made.server.key.parent)


def test_another_authoritys_key_is_told(tmp_path: Path, made: Certificates):
    other = made_in(tmp_path / "other")
    made.authority.key.write_bytes(other.authority.key.read_bytes())
    made.client.certificate.unlink()
    with pytest.raises(CannotIssue, match=r"is not the key of .*ca\.pem"):
        made_in(made.server.key.parent)
    assert not made.client.certificate.exists()


def test_a_file_that_is_there_is_left_alone(tmp_path: Path):
    path = tmp_path / "a.key"
    assert write_new(path, b"first")
    assert not write_new(path, b"second")
    assert path.read_bytes() == b"first"
    dangling = tmp_path / "b.key"
    dangling.symlink_to(tmp_path / "elsewhere.key")
    assert not write_new(dangling, b"x")  # and nothing is written where the link leads
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.key", "b.key"]


# ── in use ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def handshake(ours: Certificates, theirs: Certificates | None = None, *, name: str = "localhost", strict: bool = False) -> Peer | None:
    """A client with ``theirs`` (default: the same) knocks at a door with ``ours``; who the door says it is, None where TLS failed."""
    theirs = theirs or ours
    door = server_context(certificate=ours.server.certificate, key=ours.server.key, client_authorities=ours.authority.certificate)
    client = client_context(certificate=theirs.client.certificate, key=theirs.client.key, authorities=theirs.authority.certificate)
    check_context(door)
    if strict:
        door.verify_flags |= ssl.VERIFY_X509_STRICT
        client.verify_flags |= ssl.VERIFY_X509_STRICT

    async def knock() -> Peer | None:
        known: asyncio.Future[Peer] = asyncio.get_running_loop().create_future()

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            known.set_result(peer_of(writer.transport, "127.0.0.1"))
            writer.write(b"CA")
            writer.close()

        async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=door) as server:
            port = server.sockets[0].getsockname()[1]
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
                said = await reader.read()
                writer.close()
                await writer.wait_closed()
            except (ssl.SSLError, ConnectionResetError):
                return None
            return await known if said == b"CA" else None

    return asyncio.run(knock())


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "interop.hospital.example"])
def test_sec_05_door_and_client_know_each_other(made: Certificates, name: str):
    peer = handshake(made, name=name)
    assert peer is not None
    assert peer.names == {"DNS:interop-send"}


def test_the_strict_rules_of_newer_pythons_are_met(made: Certificates):
    assert handshake(made, strict=True)


def test_sec_05_a_client_of_another_authority_is_not_let_in(tmp_path: Path, made: Certificates):
    other = made_in(tmp_path / "other")
    assert handshake(made, Certificates(made.authority, other.server, other.client, made.pump_authority, ())) is None


def test_a_client_does_not_talk_to_a_server_of_another_name(made: Certificates):
    assert handshake(made, name="ehr.hospital.example") is None


def test_sec_05_the_servers_own_certificate_is_no_clients(made: Certificates):
    assert handshake(made, Certificates(made.authority, made.server, made.server, made.pump_authority, ())) is None
