"""``interop pumps``: certificates of their own authority, never overwritten, and a roll that says who may connect."""

import asyncio
import io
import ssl
import stat
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from interop.adapters.store import open_record
from interop.doors.pump_link.enrolled import Enrolment
from interop.ports import Record
from interop.service import pumps
from interop.service.certificates import CannotIssue, issue_pump, make_certificates, pump_fingerprint
from interop.service.pumps import DONE, REFUSED, WRONG_USE, NewPumps, Roll
from interop.service.settings import Pumps
from interop.service.world import SystemClock

NOW = datetime.now(UTC).replace(microsecond=0)
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ward") / "certificates"
    make_certificates(folder, server_names=(), client_name="interop-send", now=NOW)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    from shutil import copytree

    return Path(copytree(made, tmp_path / "certificates"))


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def with_record(story: Callable[[Record], Awaitable[None]]) -> None:
    async def run() -> None:
        record = await open_record("memory:", node="node-a", clock=CLOCK, migrate=True)
        await story(record)
        await record.close()

    asyncio.run(run())


async def enrolled(record: Record, folder: Path, *ids: str, model: str = "demo-lvp", named: Path | None = None) -> tuple[int, list[str]]:
    out = io.StringIO()
    settings = Pumps(client_ca_file=folder / "pump-ca.pem")
    code = await pumps.enroll(record, CLOCK, settings, NewPumps(dict.fromkeys(ids, model), folder, named), out=out)
    return code, out.getvalue().splitlines()


# ── certificates ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sec_02_a_pumps_certificate_names_the_pump_and_is_for_a_client(folder: Path):
    pair, made = issue_pump(folder, "PUMP-7", NOW)
    trusted = folder / "pumps/ca.pem"
    assert made == (pair.key, pair.certificate, trusted) == (folder / "pumps/PUMP-7.key", folder / "pumps/PUMP-7.pem", trusted)
    assert trusted.read_bytes() == (folder / "ca.pem").read_bytes()
    leaf = certificate(pair.certificate)
    assert [name.value for name in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["PUMP-7"]
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert leaf.issuer == certificate(folder / "pump-ca.pem").subject
    assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(pair.key.parent.stat().st_mode) == 0o700
    assert pump_fingerprint(pair.certificate, "PUMP-7") == leaf.fingerprint(leaf.signature_hash_algorithm).hex()  # type: ignore[arg-type]


def test_sec_09_the_pumps_have_an_authority_of_their_own_and_each_its_own_key(folder: Path):
    one, other = issue_pump(folder, "PUMP-7", NOW)[0], issue_pump(folder, "PUMP-8", NOW)[0]
    assert one.key.read_bytes() != other.key.read_bytes()
    assert certificate(folder / "pump-ca.pem").subject != certificate(folder / "ca.pem").subject
    trusts_the_hospital = ssl.create_default_context(cafile=folder / "ca.pem")
    assert len(trusts_the_hospital.get_ca_certs()) == 1
    with pytest.raises(Exception, match="issuer"):
        certificate(one.certificate).verify_directly_issued_by(certificate(folder / "ca.pem"))


def test_what_was_issued_is_never_overwritten_and_a_run_that_was_cut_off_is_completed(folder: Path):
    pair, _ = issue_pump(folder, "PUMP-7", NOW)
    key, leaf = pair.key.read_bytes(), pair.certificate.read_bytes()
    assert issue_pump(folder, "PUMP-7", NOW) == (pair, ())
    assert (pair.key.read_bytes(), pair.certificate.read_bytes()) == (key, leaf)
    pair.certificate.unlink()
    assert issue_pump(folder, "PUMP-7", NOW) == (pair, (pair.certificate,))
    assert pair.key.read_bytes() == key


@pytest.mark.parametrize("lost", ["pump-ca.key", "pump-ca.pem"])
def test_without_the_pumps_authority_none_is_issued(folder: Path, lost: str):
    (folder / lost).unlink()
    with pytest.raises(CannotIssue, match=lost):
        issue_pump(folder, "PUMP-7", NOW)


def test_the_certificate_of_another_is_no_pumps(folder: Path):
    with pytest.raises(CannotIssue, match="not a certificate of PUMP-7"):
        pump_fingerprint(folder / "server.pem", "PUMP-7")
    (folder / "no.pem").write_text("no certificate\n", encoding="ascii")
    with pytest.raises(CannotIssue, match="no certificate that can be read"):
        pump_fingerprint(folder / "no.pem", "PUMP-7")


# ── the commands ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sec_10_pumps_are_enrolled_listed_and_revoked(folder: Path):
    async def story(record: Record) -> None:
        code, said = await enrolled(record, folder, "PUMP-7", "PUMP-8")
        assert code == DONE
        assert [line.split()[:2] for line in said] == [
            ["made", "certificates/pumps/PUMP-7.key"],
            ["made", "certificates/pumps/PUMP-7.pem"],
            ["made", "certificates/pumps/ca.pem"],
            ["enrolled", "PUMP-7"],
            ["made", "certificates/pumps/PUMP-8.key"],
            ["made", "certificates/pumps/PUMP-8.pem"],
            ["enrolled", "PUMP-8"],
        ]
        fingerprint = pump_fingerprint(folder / "pumps/PUMP-7.pem", "PUMP-7")
        roll = Roll(record, CLOCK)
        assert await roll.find("PUMP-7") == Enrolment("PUMP-7", "demo-lvp", fingerprint)
        assert await roll.find("PUMP-9") is None
        out = io.StringIO()
        assert await pumps.revoke(record, CLOCK, "PUMP-7", out=out) == DONE
        assert await pumps.show(record, CLOCK, out=out) == DONE
        revoked, *listed = out.getvalue().splitlines()
        assert revoked == f"revoked {listed[0]}"
        assert listed[0].startswith("PUMP-7  revoked  model demo-lvp  since ")
        assert listed[0].endswith(f"  certificate {fingerprint[:16]}")
        assert listed[1].startswith("PUMP-8  may connect  model demo-lvp  since ")
        assert await roll.find("PUMP-7") == Enrolment("PUMP-7", "demo-lvp", fingerprint, is_revoked=True)
        assert await pumps.revoke(record, CLOCK, "PUMP-7", out=out) == REFUSED

    with_record(story)


def test_an_empty_roll_says_what_fills_it(folder: Path):
    async def story(record: Record) -> None:
        out = io.StringIO()
        assert await pumps.show(record, CLOCK, out=out) == DONE
        assert out.getvalue() == "no pumps yet: interop pumps enroll\n"

    with_record(story)


def test_sec_10_a_revoked_pump_needs_another_certificate(folder: Path):
    async def story(record: Record) -> None:
        await enrolled(record, folder, "PUMP-7")
        assert (await enrolled(record, folder, "PUMP-7"))[0] == REFUSED
        await pumps.revoke(record, CLOCK, "PUMP-7", out=io.StringIO())
        code, said = await enrolled(record, folder, "PUMP-7")
        assert code == REFUSED
        assert "was revoked with this certificate: move " in said[-1]
        for path in (folder / "pumps").iterdir():
            path.rename(path.with_name(f"old-{path.name}"))
        code, said = await enrolled(record, folder, "PUMP-7")
        assert (code, said[-1].startswith("enrolled PUMP-7  may connect")) == (DONE, True)

    with_record(story)


def test_one_that_is_refused_does_not_stand_in_the_way_of_the_next(folder: Path):
    async def story(record: Record) -> None:
        code, said = await enrolled(record, folder, "../ca", "ca", "PUMP-8")
        assert code == REFUSED
        assert set(said[:2]) == {"refused: a pump's id has 1 to 64 letters, digits, dots, dashes and underscores, and is not ca"}
        assert said[-1].startswith("enrolled PUMP-8")
        assert sorted(path.name for path in (folder / "pumps").iterdir()) == ["PUMP-8.key", "PUMP-8.pem", "ca.pem"]

    with_record(story)


def test_a_certificate_that_was_signed_elsewhere_is_named(folder: Path, tmp_path: Path):
    async def story(record: Record) -> None:
        pair, _ = issue_pump(folder, "PUMP-7", NOW)
        elsewhere = Pumps(client_ca_file=folder / "ca.pem")
        out = io.StringIO()
        assert await pumps.enroll(record, CLOCK, elsewhere, NewPumps({"PUMP-7": "demo-lvp"}, folder), out=out) == WRONG_USE
        assert "are signed elsewhere" in out.getvalue()
        assert (await enrolled(record, folder, "PUMP-7", "PUMP-8", named=pair.certificate))[0] == WRONG_USE
        with pytest.raises(CannotIssue):
            await enrolled(record, folder, "PUMP-8", named=pair.certificate)
        new = NewPumps({"PUMP-7": "demo-lvp"}, folder, pair.certificate)
        assert await pumps.enroll(record, CLOCK, elsewhere, new, out=out) == DONE
        found = await Roll(record, CLOCK).find("PUMP-7")
        assert found is not None
        assert found.fingerprint == pump_fingerprint(pair.certificate, "PUMP-7")

    with_record(story)
