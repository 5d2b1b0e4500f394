"""The pump link read: every frame of the contract gives its word, exactly; everything else is refused by name, and nothing is quoted."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from interop.domain import pump as said
from interop.domain.channel import ChannelState
from interop.domain.library import LibraryRef
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.wire.link.reader import STATES, BadFrame, read
from interop.wire.link.values import MAX_BYTES
from tests.wire import link_words
from tests.wire.link_examples import of_pumps

AT = "2026-03-02T10:15:30.250+01:00"
AMOUNT_TEXTS = ["0", "9.6", "85.0", ".21", "0.000000001", "999999999.999999999", "007", "5."]


def status(**channel: Any) -> dict[str, Any]:
    return {"frame": "status", "clock": AT, "channels": [{"channel_id": "A", "mode": "LVP", "state": "idle", "alarms": [], **channel}]}


def paused(**more: Any) -> dict[str, Any]:
    return {"frame": "event", "kind": "paused", "log_id": "L-1", "number": 7, "at": AT, **more}


def said_of(frame: Any) -> said.Word:
    return read(json.dumps(frame))


def refused(frame: Any) -> BadFrame:
    with pytest.raises(BadFrame) as bad:
        read(frame if isinstance(frame, str | bytes) else json.dumps(frame))
    return bad.value


# ── what is there ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(link_words.any_word)
def test_every_word_comes_back_from_its_frame_as_it_was(word: said.Word):
    event(type(word).__name__)
    text = json.dumps(link_words.frame(word), ensure_ascii=False)
    if len(text.encode()) <= MAX_BYTES:
        assert read(text) == read(text.encode()) == word


def test_the_state_of_a_channel_has_the_contracts_words():
    assert {word: state for state, word in link_words.STATES.items()} == STATES
    assert set(STATES.values()) == set(ChannelState)


def test_a_hello_tells_the_whole_pump():
    hello = said_of(of_pumps()[0])
    assert isinstance(hello, said.Hello)
    assert (hello.pump_id, hello.model, hello.protocol, hello.simulated) == ("PUMP-0007", "demo-lvp", 1, False)
    assert hello.library == LibraryRef("DEMO", "42", "5d41402abc4b2a76b9719d911017c592")
    assert hello.log == said.LogRange("L-20260301-1", 118, 121)
    assert hello.can == frozenset(said.Ability)
    assert hello.clock == datetime(2026, 3, 2, 9, 15, 0, 120_000, UTC)
    assert hello.clock.utcoffset() == timedelta(hours=1)
    running, idle = hello.channels
    assert (running.state, idle.state) == (ChannelState.INFUSING, ChannelState.IDLE)
    assert running.patient == PatientId("4711", "HOSP")
    assert running.run is not None
    assert running.run.delivered == Quantity(Fraction(496, 10), "mL")
    assert idle.run is None


def test_sr_29_what_a_pump_does_not_say_is_not_known_and_not_false_or_zero():
    (channel,) = said_of(status()).channels  # type: ignore[union-attr]
    assert (channel.set_installed, channel.door_open, channel.air, channel.weight, channel.run) == (None, None, None, None, None)
    (channel,) = said_of(status(weight=None, set_installed=None, run=None, care_area=None)).channels  # type: ignore[union-attr]
    assert (channel.set_installed, channel.weight, channel.run, channel.care_area) == (None, None, None, "")


@pytest.mark.parametrize("text", AMOUNT_TEXTS)
def test_d_16_an_amount_is_read_exactly(text: str):
    word = said_of(paused(delivered={"value": text, "unit": "mL"}))
    assert isinstance(word, said.Event)
    assert word.delivered == Quantity(Fraction(text), "mL")


def test_what_the_contract_does_not_know_is_passed_over():
    known = status()
    more = {**known, "colour": "blue", "channels": [{**known["channels"][0], "nested": {"frame": "offer", "deep": [[[1.5]]]}}]}
    assert said_of(more) == said_of(known)


def test_an_event_says_what_its_kind_says():
    old, new = {"value": "30", "unit": "mL/h"}, {"value": "36", "unit": "mL/h"}
    changed = said_of(paused(kind="rate_changed", old=old, new=new, cause="offer"))
    assert isinstance(changed, said.Event)
    assert (changed.old_rate, changed.rate, changed.cause) == (Quantity.of("30", "mL/h"), Quantity.of("36", "mL/h"), "offer")
    raised = said_of(paused(kind="alarm_raised", alarm_id="A-1", code="196940^MDC_EVT_DOOR_OPEN", priority="PH"))
    assert isinstance(raised, said.Event)
    assert raised.alarm == said.Alarm("A-1", "196940^MDC_EVT_DOOR_OPEN", "PH", "")


@pytest.mark.parametrize("field", ["patient", "care_area", "library"])
def test_sr_48_no_patient_is_said_and_not_left_out(field: str):
    kind = f"{field}_changed"
    none = said_of(paused(kind=kind, **{field: None}))
    assert isinstance(none, said.Event)
    assert not getattr(none, field)
    assert str(refused(paused(kind=kind))) == f"{field}: missing"
    assert isinstance(said_of(paused()), said.Event)  # of another kind it may be left out


def test_an_event_that_lacks_what_its_kind_needs_is_read_so_that_the_log_goes_on():
    word = said_of(paused(kind="ended"))
    assert isinstance(word, said.Event)
    assert (word.channel_id, word.infusion_id, word.delivered, word.cause) == ("", "", None, "")


def test_a_hello_of_a_later_protocol_is_read_so_that_it_can_be_refused_by_name():
    hello = said_of({**of_pumps()[0], "protocol": 2})
    assert isinstance(hello, said.Hello)
    assert hello.protocol == 2


# ── what is not in the contract ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def without(frame: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in frame.items() if name != field}


HELLO = of_pumps()[0]


@pytest.mark.parametrize("field", ["protocol", "pump_id", "model", "clock", "library", "log", "can", "channels", "frame"])
def test_sr_53_a_hello_without_a_required_field_is_refused(field: str):
    assert str(refused(without(HELLO, field))) == f"{field}: missing"


@pytest.mark.parametrize(
    ("frame", "field", "why"),
    [
        ("", "", "no JSON in UTF-8"),
        (b"\xff\xfe", "", "no JSON in UTF-8"),
        ("\ud800", "", "no JSON in UTF-8"),
        ("[]", "", "not of its form"),
        ("7", "", "not of its form"),
        ({}, "frame", "missing"),
        ({"frame": "start"}, "frame", "unknown"),
        ({"frame": "offer"}, "frame", "unknown"),
        ({"frame": 7}, "frame", "unknown"),
        ('{"frame": "heartbeat", "clock": NaN}', "", "no JSON in UTF-8"),
        ('{"frame": "heartbeat", "clock": "2026-03-02T10:15:30Z"} {}', "", "no JSON in UTF-8"),
        ({"frame": "heartbeat", "clock": "2026-03-02T10:15:30"}, "clock", "not of its form"),
        ({"frame": "heartbeat", "clock": 1772442930}, "clock", "not of its form"),
        ({"frame": "heartbeat", "clock": "0001-01-01T00:00:00+14:00"}, "clock", "not of its form"),
        ({"frame": "heartbeat", "clock": "9999-12-31T23:59:59-14:00"}, "clock", "not of its form"),
        ({**HELLO, "pump_id": ""}, "pump_id", "not of its form"),
        ({**HELLO, "pump_id": "PUMP 7"}, "pump_id", "not of its form"),
        ({**HELLO, "pump_id": "PUMP-7\n"}, "pump_id", "not of its form"),
        ({**HELLO, "pump_id": "P" * 65}, "pump_id", "not of its form"),
        ({**HELLO, "pump_id": 7}, "pump_id", "not of its form"),
        ({**HELLO, "protocol": "1"}, "protocol", "not of its form"),
        ({**HELLO, "maker": ""}, "maker", "not of its form"),
        ({**HELLO, "maker": "a\u0000b"}, "maker", "not of its form"),
        ({**HELLO, "maker": "x" * 201}, "maker", "not of its form"),
        ({**HELLO, "can": ["start"]}, "can[0]", "not of its form"),
        ({**HELLO, "log": {"log_id": "L", "first": 3, "next": 2}}, "log.first", "after next"),
        ({**HELLO, "log": {"log_id": "L", "first": 0, "next": 2}}, "log.first", "not of its form"),
        ({**HELLO, "log": {"log_id": "L", "first": 1, "next": 2**53}}, "log.next", "not of its form"),
        ({**HELLO, "channels": HELLO["channels"] * 2}, "channels", "a channel twice"),
        ({**HELLO, "channels": HELLO["channels"] * 40}, "channels", "not of its form"),
        ({**status(), "battery_percent": 101}, "battery_percent", "not of its form"),
        ({**status(), "battery_percent": 96.5}, "battery_percent", "not of its form"),
        ({**status(), "power": "sun"}, "power", "not of its form"),
        (status(mode="lvp"), "channels[0].mode", "not of its form"),
        (status(state="running"), "channels[0].state", "not of its form"),
        (status(door_open="no"), "channels[0].door_open", "not of its form"),
        (status(alarms=[{"alarm_id": "A", "code": "1", "priority": "HIGH"}]), "channels[0].alarms[0].priority", "not of its form"),
        (status(alarms=None), "channels[0].alarms", "not of its form"),
        (status(weight={"value": "80", "unit": "[lb_av]"}), "channels[0].weight.unit", "not of its form"),
        (status(weight={"value": "0", "unit": "kg"}), "channels[0].weight.value", "zero"),
        (status(run={"rate": {"value": "1", "unit": "mL/h"}}), "channels[0].run.infusion_id", "missing"),
        (status(run={"infusion_id": "I", "rate": {"value": "1", "unit": "L/h"}}), "channels[0].run.rate.unit", "not of its form"),
        (
            status(run={"infusion_id": "I", "concentration": {"value": "1", "unit": "mg"}}),
            "channels[0].run.concentration.unit",
            "no amount in a volume",
        ),
        (
            status(run={"infusion_id": "I", "concentration": {"value": "0.0", "unit": "mg/mL"}}),
            "channels[0].run.concentration.value",
            "zero",
        ),
        (
            status(run={"infusion_id": "I", "dose_rate": {"value": "1", "unit": "U/h"}}),
            "channels[0].run.dose_rate.unit",
            "no unit of the table",
        ),
        (paused(number=0), "number", "not of its form"),
        (paused(number=7.0), "number", "not of its form"),
        (paused(kind="began"), "kind", "not of its form"),
        (paused(delivered={"value": 1.5, "unit": "mL"}), "delivered.value", "not of its form"),
        (paused(delivered={"value": "1e3", "unit": "mL"}), "delivered.value", "no plain decimal"),
        (paused(delivered={"value": "-1", "unit": "mL"}), "delivered.value", "no plain decimal"),
        (paused(delivered={"value": "1,5", "unit": "mL"}), "delivered.value", "no plain decimal"),
        (paused(delivered={"value": "1234567890", "unit": "mL"}), "delivered.value", "no plain decimal"),
        (paused(delivered={"value": "٣", "unit": "mL"}), "delivered.value", "no plain decimal"),
        (paused(delivered={"value": "", "unit": "mL"}), "delivered.value", "no plain decimal"),
        (paused(delivered={"unit": "mL"}), "delivered.value", "missing"),
        (paused(edits=[{"name": "rate", "now": {"value": "1", "unit": "mg/h"}}]), "edits[0].now.unit", "not a unit of this setting"),
    ],
)
def test_sr_53_sec_24_what_is_not_in_the_contract_is_refused_by_its_field(frame: Any, field: str, why: str):
    bad = refused(frame)
    assert (bad.field, bad.why) == (field, why)


@pytest.mark.parametrize("unit", ["U", "mcg", "ML", "IU", "cc", "", "mL/h ", "µg"])
def test_sr_31_a_unit_outside_the_table_is_refused_and_not_guessed(unit: str):
    bad = refused(paused(dose_rate={"value": "1", "unit": unit}))
    assert (bad.field, bad.why) == ("dose_rate.unit", "no unit of the table")


def test_sec_24_a_frame_is_bounded_before_it_is_parsed():
    room = MAX_BYTES - len(json.dumps({**status(), "note": ""}))
    assert said_of({**status(), "note": "x" * room}) == said_of(status())
    assert str(refused({**status(), "note": "x" * (room + 1)})) == "the frame: too large"
    assert str(refused(json.dumps({**status(), "note": "é" * (room // 2 + 1)}, ensure_ascii=False))) == "the frame: too large"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_sec_24_no_depth_of_nesting_ends_the_reader(opening: str, closing: str):
    depth = (MAX_BYTES - 200) // (len(opening) + len(closing))
    bad = refused('{"frame": "heartbeat", "more": ' + opening * depth + "1" + closing * depth + f', "clock": "{AT}"}}')
    assert (bad.field, bad.why) == ("", "too deep")


# ── any bytes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["9.6", "mL/h", AT, "hello", "A"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["frame", "value", "unit", "log_id", "run"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good frame in which one thing is another, or some bytes are."""
    frame = json.loads(json.dumps(draw(st.sampled_from(of_pumps()))))
    at: Any = frame
    while True:
        key = draw(st.sampled_from(sorted(at))) if isinstance(at, dict) else draw(st.integers(0, len(at) - 1))
        if not isinstance(at[key], dict | list) or not at[key] or draw(st.booleans()):
            break
        at = at[key]
    match draw(st.integers(0, 2)):
        case 0:
            at[key] = draw(json_values)
        case 1:
            del at[key]
    data = bytearray(json.dumps(frame).encode())
    for place in draw(st.lists(st.integers(0, len(data) - 1), max_size=2)):
        data[place] = draw(st.integers(0, 255))
    return bytes(data)


def quotes_nothing(bad: BadFrame) -> bool:
    return all(part.isidentifier() for part in bad.field.replace("[", ".").replace("]", "").split(".") if part and not part.isdigit())


def heard(data: bytes | str) -> said.Word | BadFrame:
    try:
        word = read(data)
    except BadFrame as bad:
        return bad
    return word


def is_told(heard: said.Word | BadFrame) -> bool:
    """A fault quotes nothing; whatever a word says can be kept and told on."""
    if isinstance(heard, BadFrame):
        return quotes_nothing(heard)
    return bool(json.dumps(link_words.frame(heard), ensure_ascii=False).encode())


@given(st.binary(max_size=200) | st.text(max_size=200) | json_values.map(json.dumps))
def test_sr_53_sec_24_any_bytes_are_a_word_or_a_bad_frame(data: bytes | str):
    assert is_told(heard(data))


@given(mutated())
def test_sr_53_sec_24_a_frame_with_a_fault_in_it_is_a_word_or_a_bad_frame(data: bytes):
    word = heard(data)
    event("refused" if isinstance(word, BadFrame) else "read")
    assert is_told(word)
