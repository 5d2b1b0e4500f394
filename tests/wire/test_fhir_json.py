"""FHIR JSON as bytes: what is read, what is refused, and that digits leave as they came."""

import json

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from interop.wire.fhir.json import MAX_NUMBER_LENGTH, Json, Limits, Number, Reason, Unreadable, read, walk, write


def reason_of(body: bytes, limits: Limits | None = None) -> Reason:
    with pytest.raises(Unreadable) as refused:
        read(body, limits or Limits())
    return refused.value.reason


@pytest.mark.requirement("SR-31")
@pytest.mark.parametrize("digits", ["4.50", "0.050", "100000000000000000.01", "5.0", "-0", "1e2", "12345678901234567890"])
def test_sr_31_a_number_keeps_the_digits_that_were_sent(digits: str) -> None:
    resource = read(b'{"value": ' + digits.encode() + b"}")
    assert resource == {"value": Number(digits)}
    assert write(resource) == b'{"value":' + digits.encode() + b"}"


def test_a_number_is_never_mistaken_for_the_text_of_the_same_digits() -> None:
    resource = read(b'{"number": 4.50, "text": "4.50"}')
    assert resource["number"] != resource["text"]
    assert not isinstance(resource["number"], str)


@pytest.mark.requirement("SR-53", "SEC-24")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"\xef\xbb\xbf \r\n", Reason.EMPTY),
        (b"{", Reason.NOT_JSON),
        (b'{"a": 01}', Reason.NOT_JSON),
        (b'{"a": +1}', Reason.NOT_JSON),
        (b'{"a": .5}', Reason.NOT_JSON),
        (b'{"a": 1,}', Reason.NOT_JSON),
        (b"{'a': 1}", Reason.NOT_JSON),
        (b'{"a": 1} {"a": 2}', Reason.NOT_JSON),
        (b'{"a": "tab\tin it"}', Reason.NOT_JSON),
        (b'<MedicationRequest xmlns="http://hl7.org/fhir"/>', Reason.NOT_JSON),
        (b'[{"a": 1}]', Reason.NOT_AN_OBJECT),
        (b'"a"', Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b'{"a": NaN}', Reason.NOT_A_NUMBER),
        (b'{"a": -Infinity}', Reason.NOT_A_NUMBER),
        (b'{"status": "active", "status": "stopped"}', Reason.DUPLICATE_KEY),
        (b'{"a": [{"value": 1, "value": 10}]}', Reason.DUPLICATE_KEY),
        (b'{"a": ' + b"9" * (MAX_NUMBER_LENGTH + 1) + b"}", Reason.NUMBER_TOO_LONG),
        (b'{"Doe, Jane": 1}', Reason.NOT_A_NAME),
        (b'{"": 1}', Reason.NOT_A_NAME),
        (b'{"a": "\\u0000"}', Reason.CHARACTER),
        (b'{"a": "\\u0007"}', Reason.CHARACTER),
        (b'{"a": "\\b"}', Reason.CHARACTER),
        (b'{"a": "\\u009f"}', Reason.CHARACTER),
        (b'{"a": "\\ud800"}', Reason.CHARACTER),
        (b'{"a": "\xc2\x80"}', Reason.CHARACTER),
        (b'{"a": "\xe9"}', Reason.NOT_UTF8),
        (b'{"a": "\xed\xa0\x80"}', Reason.NOT_UTF8),
        ('{"a": 1}'.encode("utf-16"), Reason.NOT_UTF8),
        ('{"a": 1}'.encode("utf-16-le"), Reason.NOT_JSON),
    ],
)
def test_sr_53_what_is_not_safely_json_is_refused_with_its_reason(body: bytes, reason: Reason) -> None:
    assert reason_of(body) is reason


def test_a_byte_order_mark_before_the_body_is_passed_over() -> None:
    assert read(b'\xef\xbb\xbf{"a": true}') == {"a": True}


def test_text_keeps_lines_tabs_and_every_letter() -> None:
    assert read('{"a": "µg\\t\\r\\n 5 \\ud83d\\ude00 é"}'.encode()) == {"a": "µg\t\r\n 5 😀 é"}


@pytest.mark.requirement("SEC-24")
def test_sec_24_a_body_has_a_limit_of_bytes_levels_and_values() -> None:
    limits = Limits(size_bytes=64, depth=3, values=6)
    assert read(b'{"a": [{"b": 1}]}', limits) == {"a": [{"b": Number("1")}]}
    assert reason_of(b'{"a": "' + b"x" * 64 + b'"}', limits) is Reason.TOO_LARGE
    assert reason_of(b'{"a": [{"b": [1]}]}', limits) is Reason.TOO_DEEP
    assert reason_of(b'{"a": [1, 2, 3, 4, 5, 6]}', limits) is Reason.TOO_MANY_VALUES


@pytest.mark.requirement("SEC-24")
@pytest.mark.parametrize(
    "body", [b"[" * 500_000, b'{"a":' * 100_000, b'"' + b'\\"' * 400_000, b'{"a": "' + b"\\" * 900_000, b"{" * 65 + b"}" * 65]
)
def test_sec_24_nesting_and_endless_strings_end_before_anything_is_built(body: bytes) -> None:
    assert reason_of(body) in (Reason.TOO_DEEP, Reason.NOT_JSON)


def test_brackets_within_texts_do_not_nest() -> None:
    assert read(b'{"a": "[[[[{{{{\\"[[[[", "b": "\\\\"}', Limits(depth=1)) == {"a": '[[[[{{{{"[[[[', "b": "\\"}


def test_the_place_of_a_forbidden_character_is_told_without_its_neighbours() -> None:
    with pytest.raises(Unreadable) as refused:
        read(b'{"resourceType": "MedicationRequest", "note": [{"text": "Jane Doe\\u0000"}]}')
    assert refused.value.place == "MedicationRequest.note[0].text"
    assert "Jane" not in str(refused.value)


def test_every_value_is_walked_with_its_path() -> None:
    resource = read(b'{"a": [{"b": 1}, null], "c": "d"}')
    assert [path for path, _ in walk(resource, "R")] == ["R", "R.a", "R.a[0]", "R.a[0].b", "R.a[1]", "R.c"]


@pytest.mark.parametrize("value", [1, 1.5, {"a": 4.5}, b"bytes", ("tuple",)])
def test_sr_31_nothing_is_written_that_could_have_lost_a_digit(value: object) -> None:
    with pytest.raises(TypeError):
        write(value)  # type: ignore[arg-type]


def test_half_of_a_surrogate_pair_is_not_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        write({"a": "\ud800"})


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1_0", "01", "", "1 ", "٣", "0x1", '1,"b":2'])
def test_only_the_text_of_a_json_number_is_a_number(text: str) -> None:
    with pytest.raises(ValueError):
        Number(text)


NAMES = st.from_regex(r"_?[a-z][A-Za-z0-9]{0,8}", fullmatch=True)
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?", fullmatch=True).map(Number)
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\r\n"), max_size=20)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_what_is_written_is_read_as_it_was(resource: dict[str, Json]) -> None:
    body = write(resource)
    assert read(body) == resource
    assert json.loads(body) is not None  # and any other reader takes it


@pytest.mark.requirement("SR-53", "SEC-24")
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b'{"a":1}')
def test_sr_53_any_bytes_are_an_object_or_unreadable_and_nothing_else(body: bytes) -> None:
    try:
        resource = read(body)
    except Unreadable as refused:
        event(f"refused: {refused.reason}")
        told = refused
    else:
        event("read")
        assert isinstance(resource, dict)
        return
    assert told.place
    assert told.detail


@pytest.mark.requirement("SR-53")
@given(st.data())
def test_sr_53_a_body_damaged_on_its_way_never_raises_anything_else(data: st.DataObject) -> None:
    body = bytearray(b'{"resourceType":"MedicationRequest","status":"active","note":[{"text":"5 \xc2\xb5g"}],"n":4.50,"b":[true,null,{}]}')
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not body:
            break
    try:
        read(bytes(body))
        event("read")
    except Unreadable as refused:
        event(f"refused: {refused.reason}")
