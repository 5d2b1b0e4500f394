"""Audit rows: FHIR AuditEvents, chained, with the request they belong to, and no patient in their words."""

import json
from dataclasses import replace

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from persons import AT_TERMINAL_3, BADGE, CONSOLE, EARLY, Hospital, detail_of, request_id_of

from interop.adapters.identity import audit
from interop.adapters.identity.audit import Outcome
from interop.adapters.store.chain import verify_audit
from interop.domain.actor import Denial, Right, Role
from interop.ports import AuditQuery, AuditRow, Commit

pytestmark = pytest.mark.anyio


async def a_busy_morning(hospital: Hospital) -> None:
    await hospital.employs("anna", badge=BADGE)
    anna = await hospital.logs_in()
    await hospital.fails_to_log_in()
    await hospital.identity.refused(anna.actor, Right.MANAGE_USERS, Denial.NO_RIGHT, AT_TERMINAL_3)
    await hospital.identity.refused(None, None, Denial.TOKEN, replace(AT_TERMINAL_3, route="/fhir/r4/MedicationRequest"))
    await hospital.identity.log_off(anna.token, AT_TERMINAL_3)
    await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")


async def test_every_row_is_a_fhir_audit_event(hospital: Hospital):
    await a_busy_morning(hospital)
    rows = await hospital.audit()
    assert len(rows) == 7
    for row in rows:
        read = AuditEvent.model_validate_json(row.body)
        assert read.outcome == Outcome[row.outcome.upper()].value
        assert read.agent[0].who.identifier.value == row.actor


async def test_sec_35_the_rows_are_chained(hospital: Hospital):
    await a_busy_morning(hospital)
    verdict = await verify_audit(hospital.record, "node-a")
    assert (verdict.sound, verdict.rows) == (True, 7)


async def test_sec_33_sec_34_a_refusal_tells_who_what_where_and_under_which_request(hospital: Hospital):
    await hospital.employs("anna")
    anna = (await hospital.logs_in()).actor
    await hospital.identity.refused(anna, Right.READ_AUDIT, Denial.NO_RIGHT, replace(AT_TERMINAL_3, method="GET", route="/audit"))
    row = await hospital.last_row()
    assert (row.actor, row.action, row.outcome) == ("person/anna", "request refused", "failure")
    told = detail_of(row)
    assert (told["right"], told["route"]) == ("read the audit", "GET /audit")
    assert request_id_of(row) == "req-1"
    assert json.loads(row.body)["agent"][0]["network"]["address"] == "10.20.0.3"


async def test_sec_30_a_command_names_the_patient_in_the_column_for_it_and_nowhere_else(hospital: Hospital):
    await hospital.employs("anna")
    anna = (await hospital.logs_in()).actor
    told = audit.row(
        audit.COMMAND,
        Outcome.SUCCESS,
        at=EARLY,
        actor=anna,
        asking=AT_TERMINAL_3,
        right=Right.ATTEST_OUTCOME,
        patient="MRN-55512",
        pump="P1",
        subject="programme/7",
    )
    assert (told.action, told.patient, told.pump) == ("attest what was seen at a pump", "MRN-55512", "P1")
    assert "MRN-55512" not in told.body
    await hospital.record.commit(Commit(audit=(told,)))
    (found,) = await hospital.record.audit_search(AuditQuery(patient="MRN-55512"))
    assert found.actor == "person/anna"


def test_a_count_of_rows_held_back_keeps_the_event_whole():
    told = audit.row(audit.TOKEN_REFUSED, Outcome.FAILURE, at=EARLY, actor=audit.NOBODY, asking=AT_TERMINAL_3)
    body = audit.with_held_back(told.body, 70)
    AuditEvent.model_validate_json(body)
    assert json.loads(body)["entity"][:-1] == json.loads(told.body)["entity"]


def test_a_row_of_nothing_but_who_and_when_is_an_event_too():
    from interop.domain.actor import Asking

    told: AuditRow = audit.row(audit.LOG_OFF, Outcome.SUCCESS, at=EARLY, actor="person/anna", asking=Asking())
    AuditEvent.model_validate_json(told.body)
    assert "entity" not in json.loads(told.body)


async def test_sec_11_the_role_in_a_row_is_the_one_given(hospital: Hospital):
    await hospital.employs("anna", Role.ANALYST, Role.IT)
    assert detail_of(await hospital.last_row())["roles"] == "analyst, it"
