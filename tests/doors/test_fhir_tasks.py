"""What an EHR reads and finds of each attempt to put an order on a pump, on the real conduct with a pump that does as the story says."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from interop.domain import pump as said
from interop.domain.events.programme import Seen
from interop.domain.quantity import Quantity
from interop.doors.access import walk
from interop.doors.fhir.rest import METADATA, FhirSettings, fhir_app
from interop.wire.fhir.search import TASK
from tests.conduct.pump import APump, ml_per_h
from tests.conduct.test_bedside import PATIENT, a_stored_order, running, scanned
from tests.conduct.test_offers_and_runs import a_hospital, offered
from tests.conduct.virtual import MORNING, run
from tests.conduct.ward import Hospital, an_order, dtm
from tests.doors.fhir_ward import FHIR_JSON, Dictionary, Tokens, an_ehr, issues
from tests.wards.messages import a_titration_rgv
from tests.wards.resources import PATIENTS

ADMINISTRATIONS = "/fhir/r4/MedicationAdministration"
TASKS = "/fhir/r4/Task"

Story = Callable[[Hospital, APump, httpx.AsyncClient], Awaitable[None]]


class Clients(Dictionary):
    """Two clients: one of the group that the orders are of, one of another."""

    def sending(self, client: str) -> Any:
        sending = super().sending(client)
        if sending is None:
            return None
        return replace(sending, profile=replace(sending.profile, system_group="EHR1" if client == "ehr-fhir" else "EHR-OTHER"))


def a_task_door(hospital: Hospital) -> Any:
    conduct = hospital.conduct
    return fhir_app(Clients(), Tokens(), FhirSettings(), now_ns=lambda: 0, chart=conduct.chart, tasks=conduct.tasks)


def played(story: Story) -> None:
    async def told() -> None:
        hospital, pump = await a_hospital()
        async with an_ehr(a_task_door(hospital)) as ehr:
            await story(hospital, pump, ehr)

    run(told())


async def task(ehr: httpx.AsyncClient, id: str) -> dict[str, Any]:
    answer = await ehr.get(f"{TASKS}/{id}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, FHIR_JSON), answer.text
    assert answer.headers["etag"] == f'W/"{answer.json()["meta"]["versionId"]}"'
    resource: dict[str, Any] = answer.json()
    return resource


def standing(resource: dict[str, Any]) -> tuple[str, str]:
    return resource["status"], resource["businessStatus"]["coding"][0]["code"]


async def found(ehr: httpx.AsyncClient, query: str) -> list[str]:
    answer = await ehr.get(f"{TASKS}?{query}")
    assert answer.status_code == 200, answer.text
    from fhir.resources.R4B.bundle import Bundle

    Bundle.model_validate(answer.json())
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


def test_d_22_an_attempt_is_read_from_the_screen_to_its_end_and_each_step_is_a_new_version() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        seen: list[tuple[str, str]] = []
        versions: list[int] = []

        async def look(id: str) -> dict[str, Any]:
            now = await task(ehr, id)
            seen.append(standing(now))
            versions.append(int(now["meta"]["versionId"]))
            return now

        id = await offered(hospital, pump)
        on_screen = await look(id)
        await pump.opens(id)
        await look(id)
        await pump.confirms(id)
        assert "restriction" not in await look(id)
        await pump.starts(id)
        runs = await look(id)
        await pump.event(said.Kind.PAUSED, "A", "10", cause="alarm", by="")
        await look(id)
        await pump.event(said.Kind.RESUMED, "A", "10", rate=ml_per_h("30"), by="NURSE7")
        await pump.event(said.Kind.VOLUME_COMPLETED, "A", "250")
        await pump.event(said.Kind.KVO_ENTERED, "A", "250", rate=ml_per_h("5"))
        await look(id)
        await pump.event(said.Kind.ENDED, "A", "251.5", cause="cleared", by="NURSE7")
        over = await look(id)
        assert seen == [
            ("accepted", "awaiting-confirmation"),
            ("accepted", "opened"),
            ("ready", "confirmed"),
            ("in-progress", "infusing"),
            ("on-hold", "alarm"),
            ("in-progress", "kvo"),
            ("completed", "delivered"),
        ]
        assert versions == sorted(set(versions))
        assert on_screen["restriction"]["period"]["end"] == "2026-03-02T08:05:00.000Z"
        assert (on_screen["focus"]["identifier"]["value"], on_screen["for"]["identifier"]["value"]) == ("ORD-1", "4711001")
        assert {each["type"]["text"]: each["valueQuantity"]["value"] for each in on_screen["input"]}["rate"] == 30
        assert on_screen["meta"]["security"][0]["code"] == "HTEST"
        for each in (runs, over):
            chart = await ehr.get(f"/fhir/r4/{each['output'][0]['valueReference']['reference']}")
            assert (chart.status_code, chart.json()["subject"]["identifier"]) == (200, each["for"]["identifier"])

    played(story)


def test_d_22_a_refused_attempt_is_read_with_every_reason_and_whose_move_it_is() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        await hospital.send(an_order(1, rate="1000"))
        await hospital.settled()
        (planned,) = await hospital.planned()
        refused = await task(ehr, planned.programme_id)
        assert standing(refused) == ("rejected", "refused")
        code = refused["statusReason"]["coding"][0]["code"]
        assert {"system": "urn:interop:finding", "code": code} in refused["businessStatus"]["coding"]
        assert hospital.ehr.answers[0].error.startswith(code.partition(".")[0])
        assert any("For: " in note["text"] for note in refused["note"])
        assert await found(ehr, f"focus:identifier=ORD-1&business-status={code}") == [planned.programme_id]
        assert await found(ehr, "focus:identifier=ORD-1&status=completed") == []

    played(story)


@pytest.mark.parametrize(
    ("ends", "then"),
    [
        ("rejects", ("rejected", "rejected-at-pump")),
        ("lets_expire", ("failed", "timeout")),
    ],
)
def test_d_07_what_an_offer_came_to_after_aa_is_read_as_a_task(ends: str, then: tuple[str, str]) -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        id = await offered(hospital, pump)
        assert hospital.ehr.answers[0].code == "AA"
        await getattr(pump, ends)(id)
        assert standing(await task(ehr, id)) == then

    played(story)


def test_d_07_an_offer_that_its_order_takes_back_is_read_as_cancelled() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        id = await offered(hospital, pump)
        bedside = hospital.conduct.bedside
        assert bedside is not None
        await bedside.recall(id, "NURSE7")
        await hospital.settled()
        await pump.settled()
        await hospital.settled()
        assert standing(await task(ehr, id)) == ("cancelled", "cancelled-by-client")

    played(story)


def test_d_10_an_offer_without_an_answer_is_unknown_and_stays_so_after_a_statement() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        pump.answers_by_itself = False
        await hospital.send(an_order(1))
        await hospital.settled(5)
        id = pump.offers[-1].offer_id
        assert standing(await task(ehr, id)) == ("requested", "sent")
        await asyncio.sleep(60)
        await hospital.settled(5)
        assert standing(await task(ehr, id)) == ("failed", "outcome-unknown")
        bedside = hospital.conduct.bedside
        assert bedside is not None
        await bedside.attest(id, "NURSE7", Seen.NOTHING, "")
        closed = await task(ehr, id)
        assert standing(closed) == ("failed", "attested-unknown")
        assert [(note.get("authorString"), note["text"]) for note in closed["note"]][1] == ("NURSE7", "Saw on the channel: nothing of it.")

    played(story)


def test_sr_37_a_change_of_rate_is_a_task_of_its_own_that_leads_to_the_same_infusion() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        await running(hospital, pump)
        first = pump.offers[-1].offer_id
        asked = {"requested_at": dtm(MORNING), "sent_at": dtm(MORNING), "weight_at": dtm(MORNING)}
        await hospital.send(a_titration_rgv(message_id="G0100", order="ORD-1", location="", **asked))
        await hospital.settled()
        await pump.settled()
        await hospital.settled()
        second = pump.offers[-1].offer_id
        assert standing(await task(ehr, second)) == ("accepted", "awaiting-confirmation")
        await pump.confirms(second)
        assert standing(await task(ehr, second)) == ("ready", "changed")
        dose_rate = Quantity.of("12.5", "ug/kg/min")
        words = {"old_rate": ml_per_h("30"), "rate": ml_per_h("37.5"), "dose_rate": dose_rate, "cause": "offer", "offer_id": second}
        await pump.event(said.Kind.RATE_CHANGED, "A", "12", **words, by="NURSE7")
        both = [await task(ehr, id) for id in (first, second)]
        assert [standing(each) for each in both] == [("in-progress", "infusing")] * 2
        assert both[0]["output"] == both[1]["output"]
        assert sorted(await found(ehr, "focus:identifier=ORD-1")) == sorted([first, second])

    played(story)


def test_d_22_a_scanned_fhir_order_is_found_by_its_resource_and_by_the_patient_it_refers_to() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        subject = {"reference": f"Patient/{PATIENT.value}", "identifier": {"system": PATIENTS, "value": PATIENT.value}}
        stored = await a_stored_order(hospital, subject=subject)
        id = await scanned(hospital, stored)
        await pump.settled()
        resource = await task(ehr, id)
        assert resource["focus"]["reference"] == f"MedicationRequest/{stored.id}"
        assert resource["requester"]["identifier"]["value"] == "NURSE7"
        assert resource["for"]["reference"] == f"Patient/{PATIENT.value}"
        queries = [f"patient={PATIENT.value}", f"patient=Patient/{PATIENT.value}", f"patient:identifier={PATIENT.value}"]
        for query in (f"focus={stored.id}", f"focus=MedicationRequest/{stored.id}", *queries):
            assert await found(ehr, query) == [id], query
        await pump.confirms(id)
        await pump.starts(id)
        running_now = await task(ehr, id)
        chart = (await ehr.get(f"/fhir/r4/{running_now['output'][0]['valueReference']['reference']}")).json()
        assert chart["subject"] == running_now["for"]
        administrations = (await ehr.get(f"{ADMINISTRATIONS}?patient={PATIENT.value}")).json()["entry"]
        assert chart["id"] in {entry["resource"]["id"] for entry in administrations}

    played(story)


def test_searches_find_narrow_and_follow_each_other_page_by_page() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        for number in (1, 2, 3):
            id = await offered(hospital, pump, number)
            await pump.rejects(id)
        ids = sorted(each.programme_id for each in await hospital.planned())
        for query, wanted in [
            (f"_id={ids[0]}", ids[:1]),
            (f"identifier={ids[0]}", ids[:1]),
            (f"identifier=urn:interop:programme|{ids[0]}", ids[:1]),
            (f"identifier=urn:other|{ids[0]}", []),
            ("focus:identifier=ORD-2", ids[1:2]),
            ("focus:identifier=EHR1|ORD-2", ids[1:2]),
            ("focus:identifier=OTHER|ORD-2", []),
            ("patient:identifier=DEMO|4711001", ids),
            ("patient:identifier=4711001&status=rejected,failed", ids),
            ("patient:identifier=4711001&status=completed", []),
            ("patient:identifier=4711001&business-status=urn:interop:fhir:business-status|rejected-at-pump", ids),
            ("patient:identifier=4711001&business-status=urn:interop:finding|rejected-at-pump", []),
            ("patient:identifier=4711001&owner:identifier=LVP-0001", ids),
            ("patient:identifier=4711001&owner:identifier=LVP-0002", []),
            ("patient:identifier=4711001&modified=ge2026-03-02", ids),
            ("patient:identifier=4711001&_lastUpdated=gt2026-03-03", []),
            ("patient:identifier=OTHER|4711001", []),
            ("patient=Patient/nobody", []),
            ("focus=nothing", []),
        ]:
            assert await found(ehr, query) == wanted, query
        form = {"patient:identifier": "4711001", "_count": "2"}
        first = (await ehr.post(f"{TASKS}/_search", data=form)).json()
        links = {link["relation"]: link["url"] for link in first["link"]}
        assert dict(parse_qsl(urlsplit(links["self"]).query)) == form
        last = (await ehr.get(links["next"])).json()
        assert [entry["resource"]["id"] for each in (first, last) for entry in each["entry"]] == ids
        assert "next" not in {link["relation"] for link in last["link"]}

    played(story)


def test_a_task_is_not_sent_again_while_it_is_the_same() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        id = await offered(hospital, pump)
        answer = await ehr.get(f"{TASKS}/{id}")
        etag = answer.headers["etag"]
        same = await ehr.get(f"{TASKS}/{id}", headers={"If-None-Match": etag})
        assert (same.status_code, same.content) == (304, b"")
        await pump.opens(id)
        other = await ehr.get(f"{TASKS}/{id}", headers={"If-None-Match": etag})
        assert (other.status_code, standing(other.json())) == (200, ("accepted", "opened"))

    played(story)


def test_sec_16_another_group_reads_and_finds_nothing_of_it() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        id = await offered(hospital, pump)
        assert await found(ehr, f"_id={id}") == [id]
        async with an_ehr(a_task_door(hospital), "theirs") as stranger:
            for query in (f"_id={id}", f"identifier={id}", "focus:identifier=ORD-1", "patient:identifier=4711001"):
                assert await found(stranger, query) == []
            answer, nowhere = await stranger.get(f"{TASKS}/{id}"), await stranger.get(f"{TASKS}/N99999999")
            assert (answer.status_code, answer.json()) == (nowhere.status_code, nowhere.json()) == (404, answer.json())
        for token, status in [("", 401), ("nobody", 401), ("pump", 403), ("unplaced", 403), ("mixed", 403)]:
            async with an_ehr(a_task_door(hospital), token) as client:
                assert (await client.get(f"{TASKS}/{id}")).status_code == status
                assert (await client.get(f"{TASKS}?_id={id}")).status_code == status

    played(story)


def test_sec_30_a_search_says_back_no_value_and_a_task_is_not_searched_without_a_way_to_find() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        for query, code in [
            ("", "too-costly"),
            ("status=failed", "too-costly"),
            ("owner:identifier=LVP-0001", "too-costly"),
            ("patient:identifier=4711001,4711002", "too-costly"),
            ("patient:identifier=4711001&status=running", "invalid"),
            ("patient:identifier=4711001&modified=yesterday", "invalid"),
            ("patient:identifier=4711001&owner=Device/4711001", "invalid"),
            ("focus=http//4711001", "invalid"),
        ]:
            answer = await ehr.get(f"{TASKS}?{query}")
            assert (answer.status_code, issues(answer)[0]["code"]) == (400, code), query
            assert "4711001" not in answer.text

    played(story)


def test_d_30_no_task_is_written_here_yet_and_metadata_says_so() -> None:
    async def story(hospital: Hospital, pump: APump, ehr: httpx.AsyncClient) -> None:
        from fhir.resources.R4B.capabilitystatement import CapabilityStatement

        metadata = (await ehr.get(METADATA)).json()
        CapabilityStatement.model_validate(metadata)
        listed = metadata["rest"][0]["resource"]
        assert [each["type"] for each in listed] == ["MedicationRequest", "MedicationAdministration", "Task"]
        assert [each["code"] for each in listed[2]["interaction"]] == ["read", "search-type"]
        assert "cannot create" in listed[2]["interaction"][0]["documentation"]
        assert {each["name"]: each["type"] for each in listed[2]["searchParam"]} == dict(TASK.parameters)
        served = {(each.method, each.path) for each in walk(a_task_door(hospital)) if TASKS in each.path}
        assert served == {("GET", TASKS), ("POST", f"{TASKS}/_search"), ("GET", f"{TASKS}/{{id}}")}
        for method, path in [("POST", TASKS), ("PUT", f"{TASKS}/x"), ("PATCH", f"{TASKS}/x"), ("DELETE", f"{TASKS}/x")]:
            answer = await ehr.request(method, path, json={"resourceType": "Task"})
            assert (answer.status_code, issues(answer)[0]["code"]) == (405, "not-supported")

    played(story)
