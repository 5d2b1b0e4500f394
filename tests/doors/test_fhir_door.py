"""The FHIR door without a network: what an EHR posts is stored as it came and given back so, and whatever is wrong is told with its place and its code."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from interop.conduct.resources import Stored
from interop.domain.actor import Denial, Right
from interop.doors.access import Access, Open, walk
from interop.doors.fhir.rest import INTERACTIONS, LIVE, METADATA, ORDER, ORDERS
from interop.ports import Busy, StoreFull, StoreUnavailable
from interop.wire.fhir.json import write
from tests.doors.fhir_ward import FHIR_JSON, NOON, Dictionary, Tokens, a_door, an_ehr, issues, posted, put
from tests.wards.resources import ABSENT, EHR, a_dopamine_request, changed

pytestmark = pytest.mark.anyio

RATE = "dosageInstruction[0].doseAndRate[0].rateQuantity"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def orders() -> Dictionary:
    return Dictionary()


@pytest.fixture
async def ehr(orders: Dictionary) -> AsyncIterator[httpx.AsyncClient]:
    async with an_ehr(a_door(orders)) as client:
        yield client


# ── create and read ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_order_is_stored_and_its_address_version_and_time_are_told(ehr: httpx.AsyncClient, orders: Dictionary):
    answer = await posted(ehr)
    assert answer.status_code == 201
    assert answer.headers["location"] == "https://interop.example/fhir/r4/MedicationRequest/order-1/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"] == "Mon, 02 Mar 2026 12:00:00 GMT"
    assert answer.headers["content-type"] == FHIR_JSON
    (order,) = orders.heard
    assert order.request.placer_order_number.value.text == "ORD-1001"
    assert not order.request.bedside
    assert order.actor == "system/ehr-fhir"


async def test_the_id_that_a_client_chose_is_not_used(ehr: httpx.AsyncClient):
    answer = await posted(ehr, {**a_dopamine_request(), "id": "mine"})
    assert answer.json()["id"] == "order-1"
    assert (await ehr.get(f"{ORDERS}/mine")).status_code == 404


async def test_every_byte_but_id_and_meta_is_given_back_as_it_was_sent(ehr: httpx.AsyncClient, orders: Dictionary):
    sent = write(a_dopamine_request(dose_rate="4.50")).replace(b'"status":', b'\n\t "status" :  ').replace(b"DOPamine", b"DOP\\u0061mine")
    await posted(ehr, sent)
    assert orders.stored["order-1"].body == sent
    read = (await ehr.get(f"{ORDERS}/order-1")).content
    assert b'"value":4.50' in read
    assert b'\n\t "status" :  "active"' in read
    assert b"DOP\\u0061mine" in read
    ours = b'"id":"order-1","meta":{"versionId":"1","lastUpdated":"2026-03-02T12:00:00.000Z"}'
    assert read.replace(ours, b"") == sent.replace(b'"id":"mr-ORD-1001","meta":{"versionId":"1"}', b"")


async def test_profiles_and_tags_of_the_sender_stay_in_meta(ehr: httpx.AsyncClient):
    meta = {"versionId": "77", "lastUpdated": "2020-01-01T00:00:00Z", "profile": ["http://example.org/p"], "tag": [{"code": "t"}]}
    answer = await posted(ehr, {**a_dopamine_request(), "meta": meta})
    assert answer.json()["meta"] == {
        "versionId": "1",
        "lastUpdated": "2026-03-02T12:00:00.000Z",
        "profile": ["http://example.org/p"],
        "tag": [{"code": "t"}],
    }


async def test_a_client_that_has_the_version_already_is_told_so(ehr: httpx.AsyncClient):
    await posted(ehr)
    for held in ('W/"1"', '"1"', 'W/"8", W/"1"', "*"):
        answer = await ehr.get(f"{ORDERS}/order-1", headers={"If-None-Match": held})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", 'W/"1"')
    assert (await ehr.get(f"{ORDERS}/order-1", headers={"If-None-Match": 'W/"2"'})).status_code == 200


async def test_an_order_that_is_not_there_is_404_and_one_entered_in_error_is_410(ehr: httpx.AsyncClient, orders: Dictionary):
    for id in ("order-9", "no such id", "x" * 65):
        answer = await ehr.get(f"{ORDERS}/{id}")
        assert (answer.status_code, issues(answer)[0]["code"]) == (404, "not-found")
    await posted(ehr)
    orders.stored["order-1"] = replace(orders.stored["order-1"], deleted=True)
    answer = await ehr.get(f"{ORDERS}/order-1")
    assert (answer.status_code, issues(answer)[0]["code"]) == (410, "deleted")
    answer = await put(ehr, "order-1", a_dopamine_request())
    assert (answer.status_code, issues(answer)[0]["details"]["coding"][0]["code"]) == (409, "9016.order-not-active")


async def test_the_answer_to_a_write_carries_what_the_client_prefers(ehr: httpx.AsyncClient):
    minimal = await posted(ehr, a_dopamine_request(order_number="A"), Prefer="return=minimal")
    assert (minimal.status_code, minimal.content, minimal.headers["preference-applied"]) == (201, b"", "return=minimal")
    assert minimal.headers["location"].endswith("/order-1/_history/1")
    outcome = await posted(ehr, a_dopamine_request(order_number="B"), Prefer="respond-async, return=OperationOutcome")
    assert outcome.status_code == 201
    assert [issue["severity"] for issue in issues(outcome)] == ["information"]
    whole = await posted(ehr, a_dopamine_request(order_number="C"), Prefer="return=everything")
    assert whole.json()["resourceType"] == "MedicationRequest"


async def test_a_client_that_posts_plain_json_is_taken_too(ehr: httpx.AsyncClient):
    for content_type in (
        "application/json",
        "application/json; charset=UTF-8",
        "Application/FHIR+JSON; fhirVersion=4.0",
        f"{FHIR_JSON};fhirVersion=4.3",
    ):
        answer = await posted(ehr, Content_Type=content_type)
        assert answer.status_code == 201, content_type


# ── what is stored and told, and what is refused (D-06) ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (a_dopamine_request(dose_rate_unit="mcg/kg/min"), "9008"),
        (a_dopamine_request(dose_rate="12345678901"), "9004"),
        (a_dopamine_request(priorPrescription={"reference": "MedicationRequest/old"}), ""),
    ],
    ids=["a unit that the site has not approved", "a number too long", "a replaced order"],
)
async def test_d_06_sound_fhir_that_no_pump_is_programmed_from_is_stored_and_told(ehr: httpx.AsyncClient, order: Any, code: str):
    answer = await posted(ehr, order, Prefer="return=OperationOutcome")
    assert answer.status_code == 201
    _, told = issues(answer)
    assert told["severity"] == "warning"
    assert told["details"].get("coding", [{"code": ""}])[0]["code"] == code
    assert told["expression"][0].startswith("MedicationRequest.")


@pytest.mark.parametrize("status", ["on-hold", "cancelled", "stopped", "completed", "entered-in-error", "draft", "unknown"])
async def test_d_06_an_order_that_is_held_or_ended_is_stored_whatever_its_dose_says(ehr: httpx.AsyncClient, status: str):
    await posted(ehr)
    answer = await put(ehr, "order-1", a_dopamine_request(status=status, dose_rate_unit="mcg/kg/min"))
    assert (answer.status_code, answer.json()["status"], answer.headers["etag"]) == (200, status, 'W/"2"')


@pytest.mark.parametrize(
    ("path", "value", "code", "kind", "place"),
    [
        ("status", "bogus", "9004", "code-invalid", "MedicationRequest.status"),
        ("subject", ABSENT, "9031", "required", "MedicationRequest.subject"),
        ("subject", {"reference": "Group/1"}, "9031", "not-supported", "MedicationRequest.subject"),
        ("modifierExtension", [{"url": "urn:x", "valueBoolean": True}], "9004", "extension", "MedicationRequest.modifierExtension"),
        (f"{RATE}.value", ABSENT, "9003", "required", f"MedicationRequest.{RATE}.value"),
        (f"{RATE}.value", "10", "9004", "value", f"MedicationRequest.{RATE}.value"),
        (f"{RATE}.comparator", "<", "9004", "invariant", f"MedicationRequest.{RATE}.comparator"),
        ("medication", {"concept": {"text": "x"}}, "9016.not-an-order", "not-supported", "MedicationRequest.medication"),
    ],
    ids=["status", "no patient", "a group", "an unknown modifier", "no number", "a number in quotes", "a bound", "the shape of R5"],
)
async def test_sr_53_an_unsound_order_is_refused_with_its_place_and_our_code(
    ehr: httpx.AsyncClient, orders: Dictionary, path: str, value: Any, code: str, kind: str, place: str
):
    answer = await posted(ehr, changed(a_dopamine_request(), path, value))
    assert answer.status_code == 422
    told = issues(answer)[0]
    assert told["severity"] == "error"
    assert told["code"] == kind
    assert told["details"]["coding"] == [{"system": "urn:interop:finding", "code": code}]
    assert told["expression"] == [place]
    assert " For: " in told["diagnostics"]
    assert not orders.heard


async def test_an_update_that_is_refused_leaves_the_earlier_version(ehr: httpx.AsyncClient):
    await posted(ehr)
    assert (await put(ehr, "order-1", a_dopamine_request(status="bogus"))).status_code == 422
    assert (await ehr.get(f"{ORDERS}/order-1")).headers["etag"] == 'W/"1"'


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a":1,"a":2}', b'{"resourceType":NaN}', b"<MedicationRequest/>"])
async def test_sr_53_a_body_that_cannot_be_read_is_400(ehr: httpx.AsyncClient, body: bytes):
    answer = await posted(ehr, body)
    assert (answer.status_code, issues(answer)[0]["code"]) == (400, "invalid")


@pytest.mark.parametrize("kind", ["MedicationAdministration", "Bundle", "Nonsense", None])
async def test_a_body_that_is_no_order_is_400_and_says_what_it_is(ehr: httpx.AsyncClient, kind: str | None):
    answer = await posted(ehr, json.dumps({"resourceType": kind}).encode())
    told = issues(answer)[0]
    assert (answer.status_code, told["details"]["coding"][0]["code"]) == (400, "9016.not-an-order")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/fhir+xml"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json-patch+json"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {"Content-Type": f"{FHIR_JSON}; fhirVersion=5.0"},
        {"Content-Type": f"{FHIR_JSON}; fhirVersion=4"},
        {"Content-Type": f"{FHIR_JSON}; charset=iso-8859-1"},
        {"Content-Encoding": "gzip"},
    ],
    ids=str,
)
async def test_sec_24_a_body_of_another_type_version_or_encoding_is_415(
    ehr: httpx.AsyncClient, orders: Dictionary, headers: dict[str, str]
):
    sent = {"Content-Type": FHIR_JSON, **headers}
    answer = await ehr.post(ORDERS, content=write(a_dopamine_request()), headers=sent)
    assert (answer.status_code, issues(answer)[0]["code"]) == (415, "not-supported")
    assert not orders.heard


@pytest.mark.parametrize(
    ("accept", "wanted", "status"),
    [
        ("application/fhir+json", None, 201),
        ("application/json;q=0.9, text/html", None, 201),
        ("*/*", None, 201),
        ("", None, 201),
        ("application/fhir+json; fhirVersion=4.0", None, 201),
        ("application/fhir+json; fhirVersion=5.0", None, 406),
        ("application/fhir+xml", None, 406),
        ("application/fhir+json;q=0", None, 406),
        ("*/*", "xml", 406),
        ("application/fhir+xml", "json", 201),
        ("application/fhir+xml", "application/fhir+json", 201),
        ("*/*", "application/fhir+xml", 406),
        ("*/*", "", 406),
    ],
)
async def test_an_answer_that_the_client_cannot_read_is_refused_before_anything_is_stored(
    ehr: httpx.AsyncClient, orders: Dictionary, accept: str, wanted: str | None, status: int
):
    parameters = {} if wanted is None else {"_format": wanted}
    headers = {"Content-Type": FHIR_JSON, "Accept": accept}
    answer = await ehr.post(ORDERS, content=write(a_dopamine_request()), headers=headers, params=parameters)
    assert (answer.status_code, len(orders.heard)) == (status, 1 if status == 201 else 0)


async def test_pretty_is_the_same_resource_with_the_same_digits(ehr: httpx.AsyncClient):
    await posted(ehr, a_dopamine_request(dose_rate="4.50"))
    plain, pretty = await ehr.get(f"{ORDERS}/order-1"), await ehr.get(f"{ORDERS}/order-1", params={"_pretty": "true"})
    assert pretty.json() == plain.json()
    assert '"value": 4.50' in pretty.text
    assert pretty.text.count("\n") > 50


# ── update ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_update_makes_the_next_version(ehr: httpx.AsyncClient):
    await posted(ehr)
    answer = await put(ehr, "order-1", a_dopamine_request(dose_rate="12"))
    assert (answer.status_code, answer.headers["etag"], answer.headers["last-modified"]) == (200, 'W/"2"', "Mon, 02 Mar 2026 12:01:00 GMT")
    assert answer.json()["meta"]["versionId"] == "2"
    assert (await ehr.get(f"{ORDERS}/order-1")).content == answer.content


@pytest.mark.parametrize(
    ("if_match", "status", "code"),
    [
        ("", 428, "required"),
        ("*", 428, "required"),
        ('W/"2"', 412, "conflict"),
        ('W/"abc"', 412, "conflict"),
        ('W/"0"', 412, "conflict"),
        ("1", 400, "invalid"),
        ('W/"1", W/"2"', 400, "invalid"),
    ],
)
async def test_an_update_names_the_version_it_is_based_on(
    ehr: httpx.AsyncClient, orders: Dictionary, if_match: str, status: int, code: str
):
    await posted(ehr)
    answer = await put(ehr, "order-1", a_dopamine_request(dose_rate="12"), if_match)
    assert (answer.status_code, issues(answer)[0]["code"]) == (status, code)
    assert orders.stored["order-1"].version == 1


async def test_an_update_of_another_id_or_of_none_is_refused(ehr: httpx.AsyncClient):
    await posted(ehr)
    for order in ({**a_dopamine_request(), "id": "order-2"}, {name: value for name, value in a_dopamine_request().items() if name != "id"}):
        answer = await put(ehr, "order-1", write(order))
        assert (answer.status_code, issues(answer)[0]["code"]) == (400, "invalid")


async def test_a_client_cannot_make_an_order_under_an_id_of_its_own(ehr: httpx.AsyncClient, orders: Dictionary):
    answer = await put(ehr, "mine", a_dopamine_request())
    assert (answer.status_code, answer.headers["allow"], issues(answer)[0]["code"]) == (405, "", "not-found")
    assert not orders.stored


async def test_d_04_an_order_number_that_is_in_use_is_a_conflict_and_the_same_order_again_is_the_first(ehr: httpx.AsyncClient):
    first, again = await posted(ehr), await posted(ehr)
    assert (again.status_code, again.headers["location"]) == (201, first.headers["location"])
    answer = await posted(ehr, a_dopamine_request(dose_rate="100"))
    told = issues(answer)[0]
    assert (answer.status_code, told["code"], told["details"]["coding"][0]["code"]) == (409, "duplicate", "9016.conflict")


async def test_a_conditional_create_is_refused_and_not_passed_over(ehr: httpx.AsyncClient, orders: Dictionary):
    answer = await posted(ehr, If_None_Exist="identifier=urn:x|1")
    assert (answer.status_code, issues(answer)[0]["code"]) == (400, "not-supported")
    assert not orders.heard


# ── who may (SEC-01, SEC-11, SEC-16) ────────────────────────────────────────────────────────────────────────────────────────────────────

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY")


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_sec_01_nothing_but_liveness_and_metadata_is_answered_without_a_client(orders: Dictionary, token: str):
    places = (
        LIVE,
        METADATA,
        ORDERS,
        f"{ORDERS}/order-1",
        "/fhir/r4",
        "/fhir/r4/Patient",
        "/docs",
        "/openapi.json",
        "/",
        "/fhir/r4/metadata/",
    )
    async with an_ehr(a_door(orders), token) as nobody:
        for place in places:
            for method in METHODS:
                answer = await nobody.request(method, place, content=b"{}")
                if (method, place) in {("GET", LIVE), ("GET", METADATA)}:
                    assert answer.status_code in (200, 204)
                else:
                    assert answer.status_code == 401, (method, place)
                    assert answer.headers["www-authenticate"].startswith("Bearer")
                    assert method == "HEAD" or issues(answer)[0]["code"] == "login"


async def test_sec_11_a_client_without_the_right_is_refused(orders: Dictionary):
    async with an_ehr(a_door(orders), "pump") as pump:
        assert (await posted(pump)).status_code == 403
        assert (await put(pump, "order-1", a_dopamine_request())).status_code == 403
        answer = await pump.get(f"{ORDERS}/order-1")
        assert (answer.status_code, issues(answer)[0]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("token", ["unplaced", "mixed"], ids=["named by no profile", "named by another than its token is for"])
async def test_sec_16_a_client_is_read_by_its_own_profile_or_not_at_all(orders: Dictionary, token: str):
    async with an_ehr(a_door(orders), token) as stray:
        answer = await posted(stray)
        assert (answer.status_code, issues(answer)[0]["details"]["coding"][0]["code"]) == (403, "9016.unknown-sender")


async def test_sec_16_an_order_of_another_sender_is_not_there(orders: Dictionary, ehr: httpx.AsyncClient):
    await posted(ehr)
    async with an_ehr(a_door(orders), "theirs") as other:
        assert (await other.get(f"{ORDERS}/order-1")).status_code == 404
        assert (await other.get(f"{ORDERS}/order-9")).content == (await other.get(f"{ORDERS}/order-1")).content
        theirs, none = await put(other, "order-1", a_dopamine_request()), await put(other, "order-9", a_dopamine_request())
        assert (theirs.status_code, theirs.content) == (none.status_code, none.content) == (405, none.content)
    assert orders.stored["order-1"].version == 1


async def test_sec_01_every_route_has_a_right_or_says_why_it_is_open(orders: Dictionary):
    declared = {(each.method, each.path): each.access for each in walk(a_door(orders))}
    assert not [each.fault for each in walk(a_door(orders)) if each.fault]
    assert declared == {
        ("GET", LIVE): Access(open=Open.LIVENESS),
        ("GET", METADATA): Access(open=Open.METADATA),
        ("POST", ORDERS): Access(Right.PLACE_ORDER),
        ("GET", ORDER): Access(Right.READ_ORDER),
        ("PUT", ORDER): Access(Right.PLACE_ORDER),
    }


async def test_sec_33_who_is_not_let_in_is_in_the_audit(orders: Dictionary):
    identity = Tokens()
    app = a_door(orders, identity)
    async with an_ehr(app, "wrong") as nobody, an_ehr(app, "pump") as pump:
        await posted(nobody)
        await pump.get(f"{ORDERS}/order-1")
    assert identity.refusals == [(ORDERS, Denial.TOKEN), (ORDER, Denial.NO_RIGHT)]


# ── metadata and liveness ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_metadata_says_what_the_routes_do_and_nothing_more(orders: Dictionary, ehr: httpx.AsyncClient):
    from fhir.resources.R4B.capabilitystatement import CapabilityStatement

    async with an_ehr(a_door(orders), "") as nobody:
        answer = await nobody.get(METADATA)
    said = answer.json()
    CapabilityStatement.model_validate(said)
    assert (said["fhirVersion"], said["kind"], said["implementation"]["url"]) == ("4.0.1", "instance", "https://interop.example/fhir/r4")
    (rest,) = said["rest"]
    (resource,) = rest["resource"]
    methods = {"create": ("POST", ORDERS), "read": ("GET", ORDER), "update": ("PUT", ORDER)}
    assert [each["code"] for each in resource["interaction"]] == list(INTERACTIONS) == list(methods)
    assert {methods[name] for name in INTERACTIONS} == {
        (each.method, each.path) for each in walk(a_door(orders)) if each.access and each.access.right
    }
    assert resource["versioning"] == "versioned-update"
    assert not any(resource[name] for name in ("readHistory", "updateCreate", "conditionalCreate", "conditionalUpdate"))


async def test_what_metadata_does_not_list_is_not_there(ehr: httpx.AsyncClient):
    await posted(ehr)
    for method, path, allowed in [
        ("GET", ORDERS, "POST"),
        ("PUT", f"{ORDERS}?identifier=x", "POST"),
        ("DELETE", f"{ORDERS}/order-1", "GET, PUT"),
        ("PATCH", f"{ORDERS}/order-1", "GET, PUT"),
        ("POST", METADATA, "GET"),
    ]:
        answer = await ehr.request(method, path)
        assert (answer.status_code, answer.headers["allow"], issues(answer)[0]["code"]) == (405, allowed, "not-supported")
    for path in (
        "/fhir/r4/Patient/1",
        "/fhir/r4",
        f"{ORDERS}/order-1/_history",
        f"{ORDERS}/order-1/_history/1",
        f"{ORDERS}/$validate",
        f"{ORDERS}/",
    ):
        answer = await ehr.get(path)
        assert (answer.status_code, issues(answer)[0]["code"]) == (404, "not-found"), path


async def test_sec_01_liveness_tells_nothing(orders: Dictionary):
    orders.fails = StoreFull("no room")
    async with an_ehr(a_door(orders), "") as nobody:
        answer = await nobody.get(LIVE)
    assert (answer.status_code, answer.content) == (204, b"")


# ── trouble, and limits (SEC-42) ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fault",
    [Busy("full"), StoreUnavailable("down"), StoreFull("no room"), StoreUnavailable("down", in_doubt=True)],
    ids=["busy", "down", "full", "in doubt"],
)
async def test_an_order_that_is_not_committed_is_never_answered_as_stored(ehr: httpx.AsyncClient, orders: Dictionary, fault: Exception):
    orders.fails = fault
    for answer in (await posted(ehr), await put(ehr, "order-1", a_dopamine_request()), await ehr.get(f"{ORDERS}/order-1")):
        assert (answer.status_code, issues(answer)[0]["code"]) == (503, "transient")
        assert int(answer.headers["retry-after"]) > 0


async def test_sr_53_a_fault_of_ours_is_told_as_one_and_the_door_lives_on(
    ehr: httpx.AsyncClient, orders: Dictionary, caplog: pytest.LogCaptureFixture
):
    orders.fails = ZeroDivisionError("Jane Doe, 4711001")
    answer = await posted(ehr, X_Request_Id="trace-1")
    assert (answer.status_code, issues(answer)[0]["code"]) == (500, "exception")
    assert "4711001" not in answer.text
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert told.__dict__["request_id"] == "trace-1"
    orders.fails = None
    assert (await posted(ehr)).status_code == 201


async def test_a_stored_body_that_was_never_accepted_is_not_served(ehr: httpx.AsyncClient, orders: Dictionary):
    orders.stored["order-1"] = Stored("order-1", 1, NOON, EHR.name, b"torn")
    assert (await ehr.get(f"{ORDERS}/order-1")).status_code == 503


async def test_sec_42_a_body_beyond_the_limit_is_refused_before_it_has_come_in(orders: Dictionary):
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 512

    async with an_ehr(a_door(orders, body_bytes=4096)) as ehr:
        answer = await ehr.post(ORDERS, content=b" " * 4097, headers={"Content-Type": FHIR_JSON})
        assert (answer.status_code, issues(answer)[0]["code"], answer.headers["connection"]) == (413, "too-long", "close")
        answer = await ehr.post(ORDERS, content=endless(), headers={"Content-Type": FHIR_JSON})
        assert answer.status_code == 413
        assert taken <= 10


async def test_sec_24_a_body_nested_too_deeply_or_with_too_many_values_is_refused(orders: Dictionary):
    async with an_ehr(a_door(orders, values=100)) as ehr:
        assert (await posted(ehr, b'{"a":' * 500 + b"1" + b"}" * 500)).status_code == 400
        assert (await posted(ehr, a_dopamine_request(note=[{"text": "x"}] * 200))).status_code == 400


async def test_sec_42_a_client_that_is_too_fast_waits_and_the_others_do_not(orders: Dictionary):
    app = a_door(orders, requests_per_s=1, burst=2)
    async with an_ehr(app) as ehr, an_ehr(app, "theirs") as other:
        assert [(await ehr.get(f"{ORDERS}/x")).status_code for _ in range(3)] == [404, 404, 429]
        answer = await posted(ehr)
        assert (issues(answer)[0]["code"], answer.headers["retry-after"]) == ("throttled", "1")
        assert (await other.get(f"{ORDERS}/x")).status_code == 404
        assert (await ehr.get(METADATA)).status_code == 200


# ── traces (SEC-30, SEC-34) ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_sec_34_the_clients_request_id_goes_with_the_order_and_comes_back(ehr: httpx.AsyncClient, orders: Dictionary):
    answer = await posted(ehr, X_Request_Id="ehr-17.a")
    assert answer.headers["x-request-id"] == orders.heard[0].request_id == "ehr-17.a"
    for unfit in ("Jane Doe", "x" * 65, ""):
        made = (await posted(ehr, X_Request_Id=unfit)).headers["x-request-id"]
        assert made != unfit
        assert made.isalnum()


async def test_sec_30_no_outcome_repeats_a_name_or_number_of_the_patient(ehr: httpx.AsyncClient):
    jane = a_dopamine_request(subject={"display": "Jane Doe", "identifier": {"value": "4711001"}, "reference": "Jane Doe 4711001"})
    number = a_dopamine_request(status="bogus", requester={"display": "4711001 Jane Doe"}, note="Jane Doe 4711001", authoredOn="Jane Doe")
    for body in (write(jane), write(number), write(jane)[:-1], write(jane) + b"Jane Doe"):
        answer = await posted(ehr, body)
        assert issues(answer)
        assert "Jane" not in answer.text
        assert "4711001" not in answer.text


async def test_orders_are_kept_by_no_cache(ehr: httpx.AsyncClient):
    for answer in (await posted(ehr), await ehr.get(f"{ORDERS}/order-1"), await ehr.get(f"{ORDERS}/x")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_host_header_that_is_no_host_gets_into_no_address(ehr: httpx.AsyncClient):
    answer = await posted(ehr, Host='evil"/><x')
    assert answer.headers["location"] == "/fhir/r4/MedicationRequest/order-1/_history/1"
