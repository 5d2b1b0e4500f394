"""Whatever comes to the FHIR door is answered: sound orders damaged at random and any bytes at all get an OperationOutcome, never a 500 (SR-53, SEC-24)."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import event, given, reject, settings
from hypothesis import strategies as st

from interop.doors.fhir.rest import ORDERS
from interop.doors.fhir.stamping import stamped
from interop.wire.fhir.json import Json, Number, Resource, Unreadable, read, walk, write
from tests.doors.fhir_ward import FHIR_JSON, Dictionary, a_door, an_ehr, issues, posted
from tests.wards.resources import ABSENT, a_dopamine_request, changed

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "fhir").glob("*.json"))
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([Number("5"), Number("-1"), Number("1e400"), Number("0.0"), Number("99999999999999999999")])
    | st.sampled_from(["", "active", "#bag", "Patient/1", "Group/1", "ug/kg/min", "2026-03-02", "<div/>", "Medication"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["value", "code", "id", "extension", "_id", "x", "é"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound order with some values replaced or taken away, and perhaps some of its bytes."""
    resource: Resource = read(draw(st.sampled_from(GOLDEN)).read_bytes())
    for _ in range(draw(st.integers(0, 3))):
        paths = [path.removeprefix("MedicationRequest.") for path, _ in walk(resource, "MedicationRequest") if "." in path]
        resource = changed(resource, draw(st.sampled_from(paths)), draw(VALUES | st.just(ABSENT)))
    body = "".join(character if character < "\ud800" or character > "\udfff" else "?" for character in _text(resource)).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=4)) + body[at + draw(st.integers(0, 4)) :]
    return body


def _text(resource: Resource) -> str:
    try:
        return write(resource).decode()
    except UnicodeEncodeError:
        return "{}"


async def answered(body: bytes, headers: dict[str, str]) -> httpx.Response:
    async with an_ehr(a_door(Dictionary())) as ehr:
        return await ehr.post(ORDERS, content=body, headers=headers)


@pytest.mark.requirement("SR-53")
@settings(max_examples=150, deadline=None)
@given(damaged() | st.binary(max_size=60))
def test_sr_53_any_body_is_stored_or_gets_an_outcome_and_never_a_500(body: bytes) -> None:
    answer = asyncio.run(answered(body, {"Content-Type": FHIR_JSON}))
    event(str(answer.status_code))
    assert answer.status_code in (201, 400, 422)
    if answer.status_code != 201:
        assert all(issue["severity"] == "error" and issue["details"]["text"] for issue in issues(answer))


HEADERS = st.sampled_from(
    ["Content-Type", "Accept", "Prefer", "X-Request-Id", "Content-Encoding", "If-None-Exist", "Host", "Accept-Charset"]
)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30) | st.sampled_from(
    [
        "application/fhir+json; fhirVersion",
        "a/b;q=;;=",
        'x;y="',
        "return",
        "return=",
        ";",
        ",",
        "*/*;q=2",
        "application/json;charset=\"utf-8'",
        "text/*",
    ]
)


@pytest.mark.requirement("SEC-24")
@settings(max_examples=150, deadline=None)
@given(st.dictionaries(HEADERS, TEXTS, max_size=4))
def test_sec_24_any_header_is_heeded_or_refused_and_never_a_500(headers: dict[str, str]) -> None:
    answer = asyncio.run(answered(write(a_dopamine_request()), {"Content-Type": FHIR_JSON, **headers}))
    event(str(answer.status_code))
    assert answer.status_code in (201, 400, 406, 415)
    if answer.status_code != 201:
        assert issues(answer)


@settings(deadline=None)
@given(st.from_regex(re.compile(r"[1-9][0-9]{0,8}\.[0-9]{1,9}", re.ASCII), fullmatch=True))
def test_sr_30_the_digits_of_a_dose_come_back_as_they_were_sent(digits: str) -> None:
    async def there_and_back() -> bytes:
        async with an_ehr(a_door(Dictionary())) as ehr:
            assert (await posted(ehr, a_dopamine_request(dose_rate=digits))).status_code == 201
            return (await ehr.get(f"{ORDERS}/order-1")).content

    assert f'"rateQuantity":{{"value":{digits},'.encode() in asyncio.run(there_and_back())


NAMES = st.sampled_from(["resourceType", "id", "_id", "meta", "status", "contained", "text"])
BLANKS = st.text(" \t\n\r", max_size=3)


@st.composite
def laid_out(draw: st.DrawFn) -> bytes:
    """An object with members of any order and blanks anywhere."""
    members = draw(st.dictionaries(NAMES, VALUES, min_size=1))
    members["resourceType"] = "MedicationRequest"
    if "meta" in members:
        members["meta"] = {"versionId": "9", "tag": [{"code": "t"}], "_lastUpdated": {"id": "x"}}
    parts = [
        f'{draw(BLANKS)}"{name}"{draw(BLANKS)}:{draw(BLANKS)}{_text({"v": value})[5:-1]}{draw(BLANKS)}' for name, value in members.items()
    ]
    body = f"{draw(BLANKS)}{{{','.join(parts)}}}{draw(BLANKS)}".encode()
    try:
        read(body)
    except Unreadable:
        reject()  # such a body was never stored
    return body


@settings(max_examples=200, deadline=None)
@given(laid_out())
def test_stamping_changes_id_and_meta_alone(body: bytes) -> None:
    before, after = read(body), read(stamped(body, "order-1", 3, NOON))
    kept = before.get("meta")
    tags = {"tag": [{"code": "t"}]} if isinstance(kept, dict) else {}
    assert after.pop("id") == "order-1"
    assert after.pop("meta") == {"versionId": "3", "lastUpdated": "2026-03-02T12:00:00.000Z", **tags}
    assert list(after.items()) == [(name, value) for name, value in before.items() if name not in ("id", "_id", "meta")]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a"', b'{"a":1', b'{"a":1;', b"{1:1}", b"\xff"])
def test_what_is_no_object_is_not_stamped(body: bytes) -> None:
    with pytest.raises(ValueError):
        stamped(body, "order-1", 1, NOON)
