"""One long story of a pump, and every frame of it held against the published JSON Schema; the pump's arithmetic against the server's."""

from fractions import Fraction

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.domain.quantity import Quantity
from interop.domain.ucum import UCUM
from interop.wire.link import schema
from pump_sim import keys
from pump_sim.amounts import Amount, NotAnAmount, OtherMeasure, measure
from pump_sim.keys import Confirm, OpenOffer, Override, Pause, Reject, Resume, SecondCheck, Start
from pump_sim.pump import NewLibrary
from tests.pump_sim.ward import NURSE, SECOND, Ward, dopamine_offer, heparin_offer, library, settings, titration_offer


def a_long_story() -> Ward:
    """Every frame and every kind of event that a pump of this model has."""
    ward = Ward()
    ward.press(keys.SetPatient("MRN-1", "HOSP", NURSE, "Ada Example"))
    ward.press(keys.SetWeight("80", "kg", NURSE))
    ward.press(keys.SetCareArea("PEDS"))
    ward.press(keys.SetCareArea("ICU"))
    ward.hear(dopamine_offer("O-0", tallman="x"))
    ward.hear(heparin_offer("O-H", channel_id="B"))
    for key in (OpenOffer("B", NURSE), keys.Edit("B", "dose rate", "22", NURSE), Override("B", "dose rate", "protocol", NURSE)):
        assert ward.press(key) == ""
    for key in (Confirm("B", NURSE), SecondCheck("B", SECOND), Start("B", NURSE)):
        assert ward.press(key) == ""
    ward.running(
        dopamine_offer("O-1", settings=settings({"dose rate": "10 ug/kg/min", "rate": "30 mL/h", "vtbi": "20 mL", "weight": "80 kg"}))
    )
    ward.wait(600, in_steps_of=5)
    ward.hear(titration_offer(ward, "O-2"))
    ward.press(OpenOffer("A", NURSE))
    ward.press(Confirm("A", NURSE))
    ward.press(keys.Change("A", "vtbi", "25", NURSE))
    ward.press(Confirm("A", NURSE))
    ward.hear(titration_offer(ward, "O-3"))
    ward.press(Reject("A", NURSE))
    ward.press(Pause("A", NURSE))
    ward.wait(200)
    ward.press(Resume("A", NURSE))
    ward.press(keys.OpenDoor("A"))
    ward.press(keys.CloseDoor("A"))
    ward.press(Resume("A", NURSE))
    ward.press(keys.Unplug())
    ward.wait(3600)
    ward.press(keys.Plug())
    ward.give(NewLibrary(None))
    ward.give(NewLibrary(library()))
    for offer_id in ("O-1", "O-never"):
        ward.hear({"frame": "withdraw", "offer_id": offer_id, "channel_id": "A"})
    ward.disconnect()
    ward.connect()
    ward.press(Pause("A", NURSE))
    ward.press(Pause("B", NURSE))
    ward.press(keys.Clear("A", NURSE))
    ward.hear(dopamine_offer("O-4"))
    ward.hear({"frame": "withdraw", "offer_id": "O-4", "channel_id": "A"})
    ward.hear(dopamine_offer("O-5"))
    ward.wait(400)
    ward.hear({"frame": "read_back", "request_id": "R-1"})
    ward.press(keys.NewPatient(NURSE))
    ward.press(keys.PowerOff())
    ward.press(keys.PowerOn())
    ward.connect()
    return ward


def test_every_frame_of_a_long_story_is_in_the_published_schema():
    ward = a_long_story()
    published = schema.published()
    kinds = {name: _of_kind(published, name) for name in FRAMES}
    said = [*ward.kept, *ward.said]
    for frame in said:
        assert kinds[frame["frame"]].is_valid(frame), frame
    assert {frame["frame"] for frame in said} == set(FRAMES)
    every = set(published["$defs"]["Kind"]["enum"])
    assert every - {frame.get("kind") for frame in said} == {"container_changed", "counters_reset"}  # parts of a pump that this one has not


FRAMES = ("hello", "heartbeat", "status", "offer_shown", "offer_refused", "decision", "event", "withdrawn", "never_seen", "confirmed")


def _of_kind(published: dict, name: str) -> jsonschema.Draft202012Validator:
    """The part of the schema that speaks of one frame of a pump: to try them all for each frame costs seconds."""
    refs = (each["$ref"] for each in published["$defs"]["FromPump"]["anyOf"])
    (ref,) = (ref for ref in refs if published["$defs"][ref.rpartition("/")[2]]["properties"]["frame"]["enum"] == [name])
    return jsonschema.Draft202012Validator({"$schema": published["$schema"], "$defs": published["$defs"], "$ref": ref})


def test_the_numbers_of_a_log_have_no_gap_and_its_times_never_go_back():
    ward = a_long_story()
    assert [frame["number"] for frame in ward.kept] == list(range(1, len(ward.kept) + 1))
    assert [frame["at"] for frame in ward.kept] == sorted(frame["at"] for frame in ward.kept)


def test_sr_51_the_count_of_each_infusion_never_falls_in_what_is_told():
    ward = a_long_story()
    told: dict[str, list[Fraction]] = {}
    for frame in ward.kept:
        if "delivered" in frame:
            told.setdefault(frame["infusion_id"], []).append(Fraction(frame["delivered"]["value"]))
    assert len(told) == 2
    for counts in told.values():
        assert counts == sorted(counts)


# ── the pump reads and reckons by itself, and comes to the same ───────────────────────────────────────────────────────────────────────────


KNOWN_TO_BOTH = sorted(
    code for code in UCUM if not any(part in code for part in ("lb", "in_i", "ml", "l", "L/")) and code not in ("1", "m", "/h", "/d")
)


@pytest.mark.requirement("SR-18", "SR-65")
@given(
    st.sampled_from(KNOWN_TO_BOTH), st.sampled_from(KNOWN_TO_BOTH), st.fractions(min_value="1/1000", max_value=1000, max_denominator=1000)
)
def test_both_sides_convert_a_unit_to_the_same_amount_or_neither_does(one, other, value):
    try:
        ours: Fraction | None = Amount(value, one).to(other).value
    except OtherMeasure:
        ours = None
    try:
        theirs: Fraction | None = Quantity(value, one).to(other).value
    except TypeError:
        theirs = None
    assert ours == theirs


def test_sr_19_a_unit_outside_the_table_is_no_unit():
    for unit in ("U", "U/h", "mcg", "µg", "cc", "mg/ml", "ug/min/kg", "mL/h/kg", "kg/mL", "", "mg//h", "min/kg", "[IU]"):
        with pytest.raises(NotAnAmount):
            measure(unit)


@given(st.fractions(min_value=0, max_value=999_999_999, max_denominator=10**9))
def test_sr_30_what_is_written_is_read_again_to_nine_decimals(value):
    told = Amount(value, "mL")
    assert abs(Amount.read(told.digits, "mL").value - value) <= Fraction(1, 2 * 10**9)
    assert Quantity.of(told.digits, "mL").value == Amount.read(told.digits, "mL").value


@pytest.mark.parametrize(
    "text", ["-1", "1e3", "1.", ".5", "5.0", "05", "1,000", "NaN", "inf", " 1", "1\n", "1234567890", "0.1234567890", "١"]
)
def test_sr_31_a_number_that_is_no_plain_decimal_is_none(text):
    with pytest.raises(NotAnAmount):
        Amount.read(text, "mL")
