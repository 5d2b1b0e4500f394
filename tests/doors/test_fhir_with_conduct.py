"""The FHIR door on the record: what is answered 201 is durable, every version is kept, and a token that was revoked opens nothing."""

import asyncio

import httpx
import pytest

from interop.doors.fhir.rest import ORDERS
from interop.ports import AuditQuery, StoreFull
from interop.wire.fhir.json import write
from tests.doors.fhir_hospital import ADMINISTRATOR, Hospital
from tests.doors.fhir_ward import an_ehr, issues, posted, put
from tests.wards.resources import a_dopamine_request

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def id_of(answer: httpx.Response) -> str:
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


async def ehr_of(hospital: Hospital, client: str = "ehr-fhir") -> httpx.AsyncClient:
    ehr = an_ehr(hospital.app(), "")
    ehr.headers["Authorization"] = f"Bearer {await hospital.token(client)}"
    return ehr


async def types_of_events(hospital: Hospital) -> list[str]:
    return [event.type for event in await hospital.record.feed(0) if event.type.startswith("order.")]


async def test_d_06_an_order_is_stored_changed_held_and_ended_and_every_version_is_an_event_that_offers_nothing():
    hospital = Hospital()
    async with await ehr_of(hospital) as ehr:
        id = id_of(await posted(ehr))
        assert (await put(ehr, id, a_dopamine_request(dose_rate="12"))).headers["etag"] == 'W/"2"'
        assert (await put(ehr, id, a_dopamine_request(dose_rate="12", status="on-hold"), 'W/"2"')).headers["etag"] == 'W/"3"'
        assert (await put(ehr, id, a_dopamine_request(dose_rate="12", status="stopped"), 'W/"3"')).json()["status"] == "stopped"
    types = await types_of_events(hospital)
    assert types[0] == "order.received"
    assert {"order.changed", "order.held", "order.ended"} <= set(types)
    assert not [event.type for event in await hospital.record.feed(0) if event.type.startswith("programme.")]


async def test_what_was_answered_is_there_after_a_restart_byte_for_byte():
    hospital = Hospital()
    async with await ehr_of(hospital) as ehr:
        sent = write(a_dopamine_request(dose_rate="4.50")).replace(b'"status"', b'\n "status"')
        answer = await posted(ehr, sent)
        id = id_of(answer)
        token = ehr.headers["Authorization"]
    async with an_ehr(hospital.app(), "") as again:
        read = await again.get(f"{ORDERS}/{id}", headers={"Authorization": token})
    assert read.content == answer.content
    (head,) = [head for head in await hospital.record.journal() if head.message_type == "MedicationRequest"]
    assert await hospital.record.journal_body(head.entry_id) == sent


async def test_an_update_of_a_version_that_has_passed_is_refused_and_one_of_two_at_once_wins():
    hospital = Hospital()
    async with await ehr_of(hospital) as ehr:
        id = id_of(await posted(ehr))
        answers = await asyncio.gather(*(put(ehr, id, a_dopamine_request(dose_rate=rate)) for rate in ("11", "12", "13")))
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
        assert (await ehr.get(f"{ORDERS}/{id}")).headers["etag"] == 'W/"2"'


async def test_d_04_the_same_order_again_even_at_the_same_moment_is_one_order():
    hospital = Hospital()
    async with await ehr_of(hospital) as ehr:
        answers = await asyncio.gather(*(posted(ehr) for _ in range(5)))
        assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {(201, answers[0].headers["location"])}
        other = await posted(ehr, a_dopamine_request(dose_rate="100"))
        assert (other.status_code, issues(other)[0]["details"]["coding"][0]["code"]) == (409, "9016.conflict")
        renumbered = await put(ehr, id_of(answers[0]), a_dopamine_request(order_number="ORD-2"))
        assert (renumbered.status_code, issues(renumbered)[0]["code"]) == (409, "duplicate")
    assert (await types_of_events(hospital)).count("order.received") == 1


async def test_d_30_an_order_entered_in_error_stays_to_be_read_and_takes_no_further_version():
    hospital = Hospital()
    async with await ehr_of(hospital) as ehr:
        id = id_of(await posted(ehr))
        assert (await put(ehr, id, a_dopamine_request(status="entered-in-error"))).status_code == 200
        again = await put(ehr, id, a_dopamine_request(), 'W/"2"')
        assert (again.status_code, issues(again)[0]["details"]["coding"][0]["code"]) == (409, "9016.order-not-active")
        assert (await ehr.get(f"{ORDERS}/{id}")).json()["status"] == "entered-in-error"


async def test_nothing_is_answered_201_while_the_disk_is_full_and_the_door_opens_again_by_itself():
    hospital = Hospital()
    async with await ehr_of(hospital) as ehr:
        hospital.record.fail_with(StoreFull("no room"))
        answer = await posted(ehr)
        assert (answer.status_code, issues(answer)[0]["code"]) == (503, "transient")
        assert "retry-after" in answer.headers
        hospital.record.fail_with(None)
        while (answer := await posted(ehr)).status_code == 503:
            await asyncio.sleep(0.02)
        assert answer.status_code == 201
    assert (await types_of_events(hospital)).count("order.received") == 1
    await hospital.record.close()
    async with an_ehr(hospital.app(), "") as late:
        answer = await late.get(f"{ORDERS}/x", headers={"Authorization": f"Bearer interop_{'x' * 43}"})
        assert (answer.status_code, issues(answer)[0]["code"]) == (503, "transient")


async def test_sec_01_a_revoked_token_opens_nothing_and_the_refusal_is_in_the_audit():
    hospital = Hospital()
    async with await ehr_of(hospital) as ehr:
        id = id_of(await posted(ehr))
        await hospital.identity.clients.revoke(ADMINISTRATOR, "ehr-fhir")
        for answer in (await ehr.get(f"{ORDERS}/{id}"), await posted(ehr), await put(ehr, id, a_dopamine_request())):
            assert (answer.status_code, issues(answer)[0]["code"]) == (401, "login")
    rows = await hospital.record.audit_search(AuditQuery())
    assert [row for row in rows if "token" in row.body or "token" in row.outcome or "token" in row.action]


async def test_sec_16_a_client_that_the_release_does_not_name_places_no_order():
    hospital = Hospital()
    async with await ehr_of(hospital, "another") as another:
        answer = await posted(another)
        assert (answer.status_code, issues(answer)[0]["details"]["coding"][0]["code"]) == (403, "9016.unknown-sender")
    assert await types_of_events(hospital) == []


async def test_sec_34_the_request_id_stands_with_the_message_in_the_journal():
    hospital = Hospital()
    async with await ehr_of(hospital) as ehr:
        await posted(ehr, X_Request_Id="trace-7")
    (head,) = [head for head in await hospital.record.journal() if head.message_type == "MedicationRequest"]
    assert (head.control_id, head.peer) == ("trace-7", "system/ehr-fhir")
