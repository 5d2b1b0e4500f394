"""Events as rows: exact, canonical, and never guessed at when they cannot be read."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from fractions import Fraction
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.domain.errors import OurError
from interop.domain.events import infusion, programme
from interop.domain.events.codec import EVENTS, CannotEncode, Malformed, NewerVersion, UnknownType, UnreadableEvent, decode, encode
from interop.domain.events.event import Event, PumpSaid
from interop.domain.events.nouns import PatientNumber, Reason
from interop.domain.events.shapes import Json, Misfit, exact_text, exact_value, of_class
from interop.domain.finding import Finding, PivError, Sub
from interop.domain.quantity import Quantity
from interop.domain.ucum import UCUM

AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
GOLDEN = Path(__file__).parent.parent / "golden" / "events"

# without offset: hypothesis adds one
EARLIEST, LATEST = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(min_value=EARLIEST, max_value=LATEST, timezones=offsets)
quantities = st.builds(Quantity, st.fractions(), st.sampled_from(sorted(UCUM)))
volumes = st.builds(Quantity, st.fractions(min_value=0), st.sampled_from(["mL", "L", "uL"]))

PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    bool: st.booleans(),
    int: st.integers(),
    Quantity: quantities,
    datetime: instants,
    timedelta: st.timedeltas(),
}
COUNTED = {"delivered", "before", "volume"}  # what an infusion adds up must be a volume


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    if annotation in PLAIN:
        return PLAIN[annotation]
    if get_origin(annotation) is UnionType:
        return st.one_of(*(st.none() if each is NoneType else values(each) for each in get_args(annotation)))
    if get_origin(annotation) is tuple:
        return st.lists(values(get_args(annotation)[0]), max_size=3).map(tuple)
    if issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    return instances(annotation)


def instances(of: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(of)
    parts = {
        field.name: st.none() | volumes if field.name in COUNTED and issubclass(of, Event) else values(hints[field.name])
        for field in dataclasses.fields(of)
    }
    return st.builds(of, **parts)


def rows() -> list[str]:
    return [path.read_text(encoding="ascii").removesuffix("\n") for path in sorted(GOLDEN.iterdir())]


@settings(deadline=None)
@given(st.sampled_from(EVENTS).flatmap(instances))
def test_every_event_is_read_back_as_it_was_written(event: Event) -> None:
    row = encode(event)
    back = decode(row)
    assert back == event
    assert type(back) is type(event)
    assert encode(back) == row
    assert row.isascii()
    assert json.dumps(json.loads(row), sort_keys=True, separators=(",", ":")) == row


@settings(deadline=None)
@given(st.fractions())
def test_an_exact_number_has_one_text_and_comes_back_exactly(value: Fraction) -> None:
    text = exact_text(value)
    assert exact_value(text) == value
    assert "e" not in text.lower()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(9), "9"),
        (Fraction(48, 5), "9.6"),
        (Fraction(1, 8), "0.125"),
        (Fraction(-1, 40), "-0.025"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-125, 3), "-125/3"),
        (Fraction(1000), "1000"),
    ],
)
def test_an_exact_number_is_a_decimal_where_it_ends_and_else_a_fraction(value: Fraction, text: str) -> None:
    assert exact_text(value) == text


@pytest.mark.parametrize(
    "text",
    ["", "9.60", "09.6", ".5", "5.", "1e3", "NaN", "inf", "+1", " 1", "1 ", "-0", "2/4", "1/2", "3/1", "1/0", "1_0", "١", 9, 9.6, None],
)
def test_sr_31_no_other_spelling_of_a_number_is_read(text: Any) -> None:
    with pytest.raises(Misfit):
        exact_value(text)


def test_a_number_with_more_digits_than_python_reads_is_a_damaged_row_and_no_crash() -> None:
    with pytest.raises(Misfit):
        exact_value("9" * 5000)
    huge = infusion.KvoEntered(at=AT, pump=None, delivered=None, rate=Quantity(Fraction(10**5000 + 1), "mL/h"))
    with pytest.raises(CannotEncode):
        encode(huge)


def test_equal_amounts_in_other_units_are_kept_apart() -> None:
    event = infusion.KvoEntered(at=AT, pump=None, delivered=None, rate=Quantity.of("0.02", "L/h"))
    back = decode(encode(event))
    assert isinstance(back, infusion.KvoEntered)
    assert back.rate is not None
    assert (back.rate.value, back.rate.unit) == (Fraction(1, 50), "L/h")


def test_an_instant_is_written_in_utc_whatever_its_offset() -> None:
    there = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert encode(infusion.ContactRegained(at=there)) == encode(infusion.ContactRegained(at=AT))
    assert '"at":"2026-03-02T08:15:00.000000+00:00"' in encode(infusion.ContactRegained(at=AT))


@pytest.mark.parametrize(
    "event",
    [
        programme.OfferSent(at=AT.replace(tzinfo=None), offer_id="O", untouched_s=300, idle_s=180, total_s=900),
        programme.OfferSent(at=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), offer_id="O", untouched_s=1, idle_s=1, total_s=1),
        programme.OfferSent(at=AT, offer_id="O", untouched_s=300.0, idle_s=180, total_s=900),  # type: ignore[arg-type]
        programme.OfferSent(at=AT, offer_id="O", untouched_s=True, idle_s=180, total_s=900),
        programme.OfferSent(at=AT, offer_id=5, untouched_s=300, idle_s=180, total_s=900),  # type: ignore[arg-type]
        programme.OfferSent(at=None, offer_id="O", untouched_s=300, idle_s=180, total_s=900),  # type: ignore[arg-type]
        programme.RefusedByChecks(at=AT, reasons=[]),  # type: ignore[arg-type]
        programme.RefusedByChecks(at=AT, reasons=("hard limit",)),  # type: ignore[arg-type]
        programme.Expired(at=AT, pump=PumpSaid(AT, 41)),  # type: ignore[arg-type]
        programme.Recalled(at=AT, cause="order ended", by="J-1"),  # type: ignore[arg-type]
        infusion.KvoEntered(at=AT, pump=None, delivered=None, rate=Quantity(9.6, "mL/h")),  # type: ignore[arg-type]
        infusion.KvoEntered(at=AT, pump=None, delivered=None, rate=Quantity(Fraction(1), "mL/fortnight")),
        infusion.KvoEntered(at=AT, pump=None, delivered=None, rate="9.6 mL/h"),  # type: ignore[arg-type]
    ],
)
def test_what_no_row_can_say_exactly_is_not_written(event: Event) -> None:
    with pytest.raises(CannotEncode):
        encode(event)


def test_no_event_has_a_field_that_could_hold_a_float() -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Loose(Event):
        """A rate as a bare number."""

        type: ClassVar[str] = "test.loose"
        rate: float

    with pytest.raises(TypeError):
        of_class(Loose)
    for event in EVENTS:
        of_class(event)  # the closed list of types holds for every event


@pytest.mark.parametrize("annotation", [list[str], dict[str, str], tuple[str, int], str | int, str | int | None, PivError, Any])
def test_a_field_outside_the_closed_list_of_types_has_no_shape(annotation: Any) -> None:
    wide = dataclasses.make_dataclass("Wide", [("field", annotation)], frozen=True)
    with pytest.raises(TypeError):
        of_class(wide)


def test_an_event_of_an_unknown_class_is_not_written() -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Impostor(Event):
        """Has the name of another."""

        type: ClassVar[str] = "infusion.contact-regained"

    with pytest.raises(CannotEncode):
        encode(Impostor(at=AT))


def test_an_unknown_type_is_said_and_not_skipped() -> None:
    with pytest.raises(UnknownType, match=r"programme\.started-by-server"):
        decode('{"data":{},"type":"programme.started-by-server","version":1}')


@pytest.mark.parametrize("row", rows())
def test_a_newer_version_is_said_and_not_guessed_at(row: str) -> None:
    newer = {**json.loads(row), "version": 2}
    with pytest.raises(NewerVersion, match="version 2, known here up to 1"):
        decode(json.dumps(newer))


@pytest.mark.parametrize("row", rows())
def test_a_row_needs_exactly_its_fields(row: str) -> None:
    whole = json.loads(row)
    for name in whole["data"]:
        short = {key: value for key, value in whole["data"].items() if key != name}
        with pytest.raises(Malformed, match=f"{name}: missing"):
            decode(json.dumps({**whole, "data": short}))
    with pytest.raises(Malformed, match="more: unknown"):
        decode(json.dumps({**whole, "data": {**whole["data"], "more": "1"}}))


@pytest.mark.parametrize("row", rows())
@pytest.mark.parametrize("wrong", [1, 1.5, "", "x", [], [1], {}, True])
def test_a_field_of_another_type_is_not_read(row: str, wrong: Json) -> None:
    whole = json.loads(row)
    for name, right in whole["data"].items():
        if type(wrong) is type(right) and isinstance(right, str | list | int) and not isinstance(right, bool):
            continue  # texts and whole numbers carry what they like; lists have their items tested below
        if type(wrong) is type(right) is bool:
            continue
        with pytest.raises(Malformed):
            decode(json.dumps({**whole, "data": {**whole["data"], name: wrong}}))


@pytest.mark.parametrize(
    "row",
    [
        "",
        "null",
        "[]",
        "{",
        "\x00",
        "1",
        '"programme.expired"',
        '{"type":"programme.expired","version":1}',
        '{"data":{},"type":"programme.expired"}',
        '{"data":{},"version":1}',
        '{"data":[],"type":"programme.expired","version":1}',
        '{"data":{},"type":"programme.expired","version":0}',
        '{"data":{},"type":"programme.expired","version":-1}',
        '{"data":{},"type":"programme.expired","version":true}',
        '{"data":{},"type":"programme.expired","version":"1"}',
        '{"data":{},"type":"programme.expired","version":1.0}',
        '{"data":{},"type":"programme.expired","version":NaN}',
        '{"data":{},"type":5,"version":1}',
        '{"data":{},"more":1,"type":"programme.expired","version":1}',
        '{"data":{},"data":{},"type":"programme.expired","version":1}',
        '{"data":{"at":"2026-03-02T08:15:00.000000+00:00","at":"2026-03-02T08:15:00.000000+00:00"},"type":"infusion.contact-regained","version":1}',
        '{"data":{"at":"2026-03-02T08:15:00+00:00"},"type":"infusion.contact-regained","version":1}',
        '{"data":{"at":"2026-03-02T08:15:00.000000"},"type":"infusion.contact-regained","version":1}',
        '{"data":{"at":"2026-03-02T09:15:00.000000+01:00"},"type":"infusion.contact-regained","version":1}',
        '{"data":{"at":"2026-02-30T08:15:00.000000+00:00"},"type":"infusion.contact-regained","version":1}',
        "[" * 200_000,
    ],
)
def test_what_is_no_row_is_said_to_be_none(row: str) -> None:
    with pytest.raises(Malformed):
        decode(row)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", {"amount": "9.60", "unit": "mL/h"}),
        ("rate", {"amount": 9, "unit": "mL/h"}),
        ("rate", {"amount": "9.6", "unit": "mL/fortnight"}),
        ("rate", {"amount": "9.6", "unit": []}),
        ("rate", {"amount": "9.6"}),
        ("rate", {"amount": "9.6", "unit": "mL/h", "text": "9.6"}),
        ("delivered", {"amount": "-1", "unit": "mL"}),
        ("delivered", {"amount": "1", "unit": "mg"}),
        ("pump", {"correction": "30", "log_id": "", "number": None, "said_at": "2026-03-02T08:15:00.000000+00:00"}),
        ("pump", {"correction": "PT1/3S", "log_id": "", "number": None, "said_at": "2026-03-02T08:15:00.000000+00:00"}),
        ("pump", {"correction": "PT99999999999999S", "log_id": "", "number": None, "said_at": "2026-03-02T08:15:00.000000+00:00"}),
        ("pump", {"correction": None, "log_id": "", "number": True, "said_at": "2026-03-02T08:15:00.000000+00:00"}),
    ],
)
def test_a_damaged_amount_or_time_is_not_read(name: str, value: Json) -> None:
    whole = json.loads(encode(infusion.KvoEntered(at=AT, pump=None, delivered=None, rate=Quantity.of("9.6", "mL/h"))))
    with pytest.raises(Malformed, match=r"^infusion\.kvo-entered: "):
        decode(json.dumps({**whole, "data": {**whole["data"], name: value}}))


def test_sr_51_an_event_that_counts_what_is_no_volume_cannot_be_made() -> None:
    with pytest.raises(infusion.NotAVolume):
        infusion.VolumeCompleted(at=AT, pump=None, delivered=Quantity.of("5", "mg"))
    with pytest.raises(infusion.NotAVolume):
        infusion.CountersReset(at=AT, pump=None, before=Quantity(Fraction(-1), "mL"), delivered=None)
    with pytest.raises(infusion.NotAVolume):
        infusion.BolusStopped(
            at=AT, pump=None, delivered=None, volume=Quantity.of("5", "mL/h"), dose=None, in_cumulative=True, whole=True, rate_after=None
        )


def test_an_unreadable_row_is_our_error_and_its_text_holds_nothing_of_the_row() -> None:
    assert issubclass(UnreadableEvent, OurError)
    assert issubclass(CannotEncode, OurError)
    whole = json.loads((GOLDEN / "infusion.association-made.v1.json").read_text(encoding="ascii"))
    whole["data"]["patient"] = {"value": "MRN-0042", "authority": 7}
    with pytest.raises(Malformed) as caught:
        decode(json.dumps(whole))
    assert str(caught.value) == "infusion.association-made: patient.authority: not of type str"
    with pytest.raises(CannotEncode) as refused:
        encode(programme.Recalled(at=AT, cause=programme.RecallCause.SUPERSEDED, by=PatientNumber("MRN-0042", "WARD")))  # type: ignore[arg-type]
    assert "MRN-0042" not in str(refused.value)


def test_the_place_of_a_fault_is_named_down_to_the_item() -> None:
    whole = json.loads((GOLDEN / "programme.confirmed.v1.json").read_text(encoding="ascii"))
    whole["data"]["settings"][1]["set"]["amount"] = "5.00"
    with pytest.raises(Malformed, match=r"^programme\.confirmed: settings\.1\.set: an exact number in another spelling"):
        decode(json.dumps(whole))


def test_sr_52_a_finding_is_kept_in_the_words_that_were_told() -> None:
    finding = Finding.against(Sub.CONFLICT, "ORC-9", "sent twice")
    assert Reason.of(finding) == Reason("refuse", "9016.conflict", "ORC-9", "sent twice", Sub.CONFLICT.action, "interface analyst")
