"""Which pumps may connect: enrolled by somebody who may, with one certificate, revocable for good, and every step on file (SEC-10)."""

from dataclasses import replace

import pytest
from persons import Hospital, detail_of

from interop.adapters.identity.pumps import REFUSALS_PER_MINUTE, BadPump, Pumps, PumpThere, UnknownPump
from interop.adapters.identity.users import NotAllowed
from interop.domain.actor import Actor, Kind, Proof, Role
from interop.ports import AuditQuery
from interop.service.people import console_actor

pytestmark = pytest.mark.anyio

BIOMED = Actor("console-ops", Kind.SYSTEM, frozenset({Role.BIOMED}), Proof.CONSOLE)
ONE, OTHER = "1" * 64, "2" * 64


@pytest.fixture
def pumps(hospital: Hospital) -> Pumps:
    return Pumps(hospital.record, hospital.clock)


async def test_sec_10_a_pump_is_enrolled_with_one_certificate_and_an_audit_row(hospital: Hospital, pumps: Pumps):
    enrolled = await pumps.enroll(BIOMED, "PUMP-7", "demo-lvp", ONE)
    assert (await pumps.get("PUMP-7"), await pumps.all()) == (enrolled, [enrolled])
    assert (enrolled.model, enrolled.fingerprint, enrolled.revoked_at) == ("demo-lvp", ONE, None)
    row = await hospital.last_row()
    assert (row.actor, row.action, row.outcome, row.pump) == ("system/console-ops", "pump enrolled", "success", "PUMP-7")
    assert detail_of(row)["fingerprint"] == ONE


async def test_sec_10_enrolling_twice_is_refused_and_changes_nothing(hospital: Hospital, pumps: Pumps):
    enrolled = await pumps.enroll(BIOMED, "PUMP-7", "demo-lvp", ONE)
    for fingerprint in (ONE, OTHER):
        with pytest.raises(PumpThere):
            await pumps.enroll(BIOMED, "PUMP-7", "demo-syringe", fingerprint)
    assert await pumps.get("PUMP-7") == enrolled


async def test_sec_10_a_revoked_certificate_never_holds_again(hospital: Hospital, pumps: Pumps):
    await pumps.enroll(BIOMED, "PUMP-7", "demo-lvp", ONE)
    hospital.clock.goes_on(hours=1)
    revoked = await pumps.revoke(BIOMED, "PUMP-7")
    assert revoked.revoked_at == hospital.clock.now()
    assert (await hospital.last_row()).action == "pump revoked"
    with pytest.raises(UnknownPump):
        await pumps.revoke(BIOMED, "PUMP-7")
    with pytest.raises(BadPump, match="needs another"):
        await pumps.enroll(BIOMED, "PUMP-7", "demo-lvp", ONE)
    anew = await pumps.enroll(BIOMED, "PUMP-7", "demo-lvp", OTHER)
    assert await pumps.get("PUMP-7") == anew
    assert (anew.fingerprint, anew.revoked_at) == (OTHER, None)


async def test_sec_10_what_was_enrolled_and_revoked_is_in_the_events(hospital: Hospital, pumps: Pumps):
    await pumps.enroll(BIOMED, "PUMP-7", "demo-lvp", ONE)
    await pumps.revoke(BIOMED, "PUMP-7")
    await pumps.enroll(BIOMED, "PUMP-7", "demo-lvp", OTHER)
    types = [event.type for event in await hospital.record.events("enrolment/PUMP-7")]
    assert types == ["identity.pump-enrolled", "identity.pump-revoked", "identity.pump-enrolled"]


@pytest.mark.parametrize(
    ("pump", "model", "fingerprint"), [("", "m", ONE), ("../x", "m", ONE), ("P 7", "m", ONE), ("P7", "", ONE), ("P7", "m", "1")]
)
async def test_what_cannot_be_a_pump_is_refused(pumps: Pumps, pump: str, model: str, fingerprint: str):
    with pytest.raises(BadPump):
        await pumps.enroll(BIOMED, pump, model, fingerprint)
    with pytest.raises(UnknownPump):
        await pumps.revoke(BIOMED, pump)


@pytest.mark.parametrize("role", [Role.NURSE, Role.PHARMACIST, Role.IT, Role.ADMINISTRATOR])
async def test_sec_11_who_may_not_enrol_is_refused_and_that_is_on_file(hospital: Hospital, pumps: Pumps, role: Role):
    somebody = replace(BIOMED, roles=frozenset({role}))
    with pytest.raises(NotAllowed):
        await pumps.enroll(somebody, "PUMP-7", "demo-lvp", ONE)
    row = await hospital.last_row()
    assert (row.action, row.outcome, row.pump) == ("pump enrolled", "failure", "PUMP-7")
    assert await pumps.get("PUMP-7") is None
    await pumps.enroll(BIOMED, "PUMP-7", "demo-lvp", ONE)
    with pytest.raises(NotAllowed):
        await pumps.revoke(somebody, "PUMP-7")


async def test_the_console_enrols_as_biomed_and_as_nobody_else():
    assert console_actor(Role.BIOMED).roles == {Role.BIOMED}
    assert console_actor().roles == {Role.ADMINISTRATOR}


async def test_sec_33_a_pump_that_was_turned_away_is_on_file_and_does_not_fill_it(hospital: Hospital, pumps: Pumps):
    for _ in range(5):
        await pumps.refused("PUMP-9", "unknown", "10.2.0.9")
    await pumps.refused("PUMP-8", "revoked", "10.2.0.8")
    rows = await hospital.record.audit_search(AuditQuery(pump="PUMP-9"))
    assert len(rows) == REFUSALS_PER_MINUTE
    assert {(row.actor, row.action, row.outcome) for row in rows} == {("nobody", "pump refused", "failure")}
    assert '"outcomeDesc":"unknown"' in rows[0].body
    assert len(await hospital.record.audit_search(AuditQuery(pump="PUMP-8"))) == 1
    hospital.clock.goes_on(minutes=2)
    await pumps.refused("PUMP-9", "unknown", "10.2.0.9")
    assert detail_of((await hospital.record.audit_search(AuditQuery(pump="PUMP-9")))[0])["count"] == "3"


async def test_sec_30_what_a_stranger_calls_itself_stands_in_no_column(hospital: Hospital, pumps: Pumps):
    await pumps.refused("Muster,Maxi", "unknown", "10.2.0.9")
    row = await hospital.last_row()
    assert (row.pump, "Muster" in row.body) == ("", False)
