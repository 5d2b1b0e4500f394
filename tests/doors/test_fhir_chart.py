"""The chart at the FHIR door: what a client of the order's system group reads and finds, and what nobody else does."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from interop.adapters.store.memory import MemoryRecord
from interop.conduct.administrations import Administrations
from interop.doors.access import walk
from interop.doors.fhir.rest import METADATA, FhirSettings, fhir_app
from interop.wire.fhir.search import ADMINISTRATION
from tests.conduct.test_documenting import STORY, told
from tests.doors.fhir_hospital import Clock
from tests.doors.fhir_ward import FHIR_JSON, Dictionary, Tokens, an_ehr, issues
from tests.wards.infusions import BEGUN, lost

ADMINISTRATIONS = "/fhir/r4/MedicationAdministration"

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def record() -> AsyncIterator[MemoryRecord]:
    record = MemoryRecord("node-1", Clock())
    await told(record, STORY, system_group="EHR-FHIR", request_id="R1", subject_reference="Patient/p-1")
    yield record
    await record.close()


def a_chart_door(record: MemoryRecord) -> Any:
    return fhir_app(Orders(), Tokens(), FhirSettings(), now_ns=lambda: 0, chart=Administrations(record))


class Orders(Dictionary):
    """Two clients, each of its own system group."""

    def sending(self, client: str) -> Any:
        from dataclasses import replace

        sending = super().sending(client)
        if sending is None:
            return None
        group = "EHR-FHIR" if client == "ehr-fhir" else "EHR-OTHER"
        return replace(sending, profile=replace(sending.profile, system_group=group))


@pytest.fixture
async def ehr(record: MemoryRecord) -> AsyncIterator[httpx.AsyncClient]:
    async with an_ehr(a_chart_door(record)) as client:
        yield client


async def found(client: httpx.AsyncClient, query: str, **headers: str) -> dict[str, Any]:
    answer = await client.get(f"{ADMINISTRATIONS}?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == FHIR_JSON
    bundle: dict[str, Any] = answer.json()
    return bundle


def statuses(bundle: dict[str, Any]) -> list[str]:
    return sorted(entry["resource"]["status"] for entry in bundle.get("entry", []))


ALL = ["completed", "completed", "on-hold"]


@pytest.mark.parametrize(
    "query",
    [
        "patient=Patient/p-1",
        "patient=p-1",
        "subject=Patient/p-1",
        "patient:identifier=MRN-4711",
        "patient:identifier=DEMO|MRN-4711",
        "request=MedicationRequest/R1",
        "request=R1",
        "request:identifier=EHR1|ORD-1001",
        "patient=p-1&status=on-hold,completed",
        "patient=p-1&effective-time=ge2026-03-02",
        "patient=p-1&device:identifier=LVP-0001",
        "patient=p-1&unheard-of=1",
    ],
)
async def test_parent_and_children_are_found(ehr: httpx.AsyncClient, query: str):
    bundle = await found(ehr, query)
    assert (bundle["type"], statuses(bundle)) == ("searchset", ALL)
    from fhir.resources.R4B.bundle import Bundle

    Bundle.model_validate(bundle)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("patient=p-1&status=on-hold", ["on-hold"]),
        ("patient=p-2", []),
        ("patient:identifier=OTHER|MRN-4711", []),
        ("patient=p-1&request=R2", []),
        ("patient=p-1&device:identifier=LVP-0002", []),
        ("patient=p-1&effective-time=lt2026-03-02T08:30:00Z", ["completed", "on-hold"]),
        ("patient=p-1&effective-time=sa2026-03-02T08:29:00Z", ["completed"]),
        ("patient=p-1&effective-time=eb2026-03-02T08:45:00Z", ["completed"]),
        ("patient=p-1&effective-time=gt2026-03-02T09:00:00Z", ["on-hold"]),
        ("patient=p-1&_lastUpdated=gt2026-03-03", []),
        ("patient=p-1&effective-time=2026-03-03", []),
    ],
)
async def test_a_search_narrows(ehr: httpx.AsyncClient, query: str, wanted: list[str]):
    assert statuses(await found(ehr, query)) == wanted


async def test_a_number_of_a_patient_is_searched_by_post_and_stays_out_of_the_address(ehr: httpx.AsyncClient):
    answer = await ehr.post(f"{ADMINISTRATIONS}/_search", data={"patient:identifier": "DEMO|MRN-4711", "status": "on-hold"})
    assert (answer.status_code, statuses(answer.json())) == (200, ["on-hold"])
    refused = await ehr.post(f"{ADMINISTRATIONS}/_search", json={})
    assert (refused.status_code, issues(refused)[0]["code"]) == (415, "not-supported")
    long = await ehr.post(f"{ADMINISTRATIONS}/_search", data={"patient": "1" * 20_000})
    assert (long.status_code, issues(long)[0]["code"]) == (413, "too-long")


async def test_pages_follow_each_other_by_their_next_link(ehr: httpx.AsyncClient):
    bundle = await found(ehr, "patient=p-1&_count=2")
    seen = [entry["fullUrl"] for entry in bundle["entry"]]
    links = {link["relation"]: link["url"] for link in bundle["link"]}
    assert dict(parse_qsl(urlsplit(links["self"]).query)) == {"patient": "p-1", "_count": "2"}
    last = (await ehr.get(links["next"])).json()
    seen += [entry["fullUrl"] for entry in last["entry"]]
    assert (len(seen), len(set(seen)), "next" in {link["relation"] for link in last["link"]}) == (3, 3, False)


async def test_a_resource_is_read_with_its_version_and_not_again_while_it_is_the_same(ehr: httpx.AsyncClient):
    bundle = await found(ehr, "patient=p-1&status=on-hold")
    entry = bundle["entry"][0]
    answer = await ehr.get(entry["fullUrl"])
    assert (answer.status_code, answer.headers["etag"], answer.json()) == (200, 'W/"4"', entry["resource"])
    assert b'"value":17.7' in answer.content, "the digits as they were stored"
    again = await ehr.get(entry["fullUrl"], headers={"If-None-Match": 'W/"4"'})
    assert (again.status_code, again.content) == (304, b"")
    pretty = await ehr.get(f"{entry['fullUrl']}?_pretty=true")
    assert pretty.text.count("\n") > 20


async def test_sr_45_a_lost_pump_is_read_as_stale_with_its_last_time():
    record = MemoryRecord("node-1", Clock())
    await told(record, [BEGUN, [lost(31, 30)]], system_group="EHR-FHIR", subject_reference="Patient/p-1")
    async with an_ehr(a_chart_door(record)) as ehr:
        bundle = await found(ehr, "patient=p-1")
    for entry in bundle["entry"]:
        assert entry["resource"]["status"] == "in-progress"
        assert entry["resource"]["extension"] == [{"url": "urn:interop:fhir:stale-since", "valueDateTime": "2026-03-02T08:30:00.000Z"}]
    await record.close()


async def test_sec_16_another_group_finds_nothing_and_swapping_ids_gives_what_is_not_there(record: MemoryRecord, ehr: httpx.AsyncClient):
    bundle = await found(ehr, "patient=p-1")
    ids = [entry["resource"]["id"] for entry in bundle["entry"]]
    async with an_ehr(a_chart_door(record), "theirs") as stranger:
        assert statuses(await found(stranger, "patient=p-1")) == []
        assert statuses(await found(stranger, "request:identifier=ORD-1001")) == []
        for id in ids:
            assert statuses(await found(stranger, f"_id={id}")) == []
            answer = await stranger.get(f"{ADMINISTRATIONS}/{id}")
            nowhere = await stranger.get(f"{ADMINISTRATIONS}/{'0' * 32}-1")
            assert (answer.status_code, answer.json()) == (nowhere.status_code, nowhere.json()) == (404, answer.json())


@pytest.mark.parametrize(("token", "status"), [("", 401), ("nobody", 401), ("pump", 403), ("unplaced", 403), ("mixed", 403)])
async def test_sec_11_the_chart_is_for_clients_that_a_profile_names(record: MemoryRecord, token: str, status: int):
    async with an_ehr(a_chart_door(record), token) as client:
        for answer in (
            await client.get(f"{ADMINISTRATIONS}?patient=p-1"),
            await client.get(f"{ADMINISTRATIONS}/x"),
            await client.post(f"{ADMINISTRATIONS}/_search", data={"patient": "p-1"}),
        ):
            assert answer.status_code == status
            assert issues(answer)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "too-costly"),
        ("status=completed", "too-costly"),
        ("patient=p-1,p-2", "too-costly"),
        ("patient=http//x", "invalid"),
        ("patient=", "invalid"),
        ("patient:missing=true", "invalid"),
        ("patient=p-1&status=running", "invalid"),
        ("patient=p-1&effective-time=yesterday", "invalid"),
        ("patient=p-1&effective-time=ap2026", "invalid"),
        ("patient=p-1&effective-time=2026-02-30", "invalid"),
        ("patient=p-1&_count=0", "invalid"),
        ("patient=p-1&_after=../x", "invalid"),
        ("_id=a/b", "invalid"),
        (f"patient={'1' * 1001}", "invalid"),
    ],
)
async def test_a_search_that_cannot_be_done_is_refused_and_never_widened(ehr: httpx.AsyncClient, query: str, code: str):
    answer = await ehr.get(f"{ADMINISTRATIONS}?{query}")
    assert (answer.status_code, issues(answer)[0]["code"]) == (400, code)
    assert "p-1" not in answer.text, "a value is not told back"


async def test_a_client_that_asks_for_strictness_is_told_of_a_parameter_that_nobody_knows(ehr: httpx.AsyncClient):
    answer = await ehr.get(f"{ADMINISTRATIONS}?patient=p-1&unheard-of=1", headers={"Prefer": "handling=strict"})
    assert (answer.status_code, issues(answer)[0]["code"]) == (400, "not-supported")


async def test_metadata_tells_the_chart_where_there_is_one_and_nothing_that_is_not_served(record: MemoryRecord, ehr: httpx.AsyncClient):
    from fhir.resources.R4B.capabilitystatement import CapabilityStatement

    said = (await ehr.get(METADATA)).json()
    CapabilityStatement.model_validate(said)
    chart = said["rest"][0]["resource"][1]
    assert (chart["type"], [each["code"] for each in chart["interaction"]]) == ("MedicationAdministration", ["read", "search-type"])
    assert {each["name"] for each in chart["searchParam"]} == set(ADMINISTRATION.parameters)
    served = {(each.method, each.path) for each in walk(a_chart_door(record)) if ADMINISTRATIONS in each.path}
    assert served == {("GET", ADMINISTRATIONS), ("POST", f"{ADMINISTRATIONS}/_search"), ("GET", f"{ADMINISTRATIONS}/{{id}}")}
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await ehr.request(method, f"{ADMINISTRATIONS}/x")).status_code == 405
    assert (await ehr.post(ADMINISTRATIONS)).status_code == 405


async def test_a_server_without_pumps_has_no_chart_to_offer():
    async with an_ehr(fhir_app(Dictionary(), Tokens(), FhirSettings(), now_ns=lambda: 0)) as client:
        assert (await client.get(f"{ADMINISTRATIONS}?patient=p-1")).status_code == 404
        assert len((await client.get(METADATA)).json()["rest"][0]["resource"]) == 1
