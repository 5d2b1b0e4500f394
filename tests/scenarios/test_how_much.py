"""Limits, totals, rounding, ranges and agreement (SR-23 to SR-26, SR-28, SR-30 to SR-32, D-15, D-16, D-18)."""

from dataclasses import replace
from fractions import Fraction

import pytest

from interop.domain.case import EarlierProgram
from interop.domain.delivery import Mode
from interop.domain.quantity import Quantity
from tests.wards.ward import a_case, a_channel, an_amount, an_order, codes_of, demo_release, planned, rate_of

NICARDIPINE = {"code": "LOC-01101", "unit": "mg/h", "strength": "20", "volume": "200", "vtbi": "200", "weight": ""}
SALINE = {"code": "LOC-05303", "unit": "mL/h", "strength": "", "volume": "", "vtbi": "1000", "weight": ""}
VANCOMYCIN = {"code": "LOC-04301", "unit": "mg", "strength": "1000", "volume": "200", "vtbi": "200", "weight": ""}
MEDSURG = a_case(care_area="MEDSURG")


def test_sr_23_a_slipped_decimal_point_is_refused_and_not_reduced():
    plan = planned(an_order(rate="100"))
    assert plan.offer is None
    assert codes_of(plan) == {"9024"}
    assert "30 ug/kg/min" in plan.refusals[0].sentence


@pytest.mark.parametrize(
    ("rate", "codes", "cautions"),
    [
        ("0.49", {"9024"}, 0),
        ("0.5", set(), 1),
        ("0.99", set(), 1),
        ("1", set(), 0),
        ("20", set(), 0),
        ("20.1", set(), 1),
        ("30", set(), 1),
        ("30.1", {"9024"}, 0),
    ],
)
def test_sr_23_sr_24_a_limit_itself_is_allowed_and_soft_costs_an_override(rate, codes, cautions):
    """Dopamine: hard 0.5 to 30, soft 1 to 20 ug/kg/min, on a pump with a step so fine that rounding plays no part."""
    plan = planned(an_order(rate=rate), with_step("0.0001"))
    assert codes_of(plan) == codes
    said = [caution for caution in plan.cautions if "soft" in caution.field]
    assert len(said) == cautions
    assert all(caution.must_confirm and "reason" in caution.action for caution in said)


def with_step(step: str, **changes):
    """The ward's LVP, counting in another step."""
    case = a_case(**changes)
    model = case.release.pump_models[case.channel.model]
    kind = model.channels[Mode.LVP]
    finer = replace(
        kind, rate_steps=tuple(replace(each, step=Fraction(step)) for each in kind.rate_steps), rate_min=Quantity(Fraction(step), "mL/h")
    )
    models = {**case.release.pump_models, model.key: replace(model, channels={**model.channels, Mode.LVP: finer})}
    return replace(case, release=replace(case.release, pump_models=models))


@pytest.mark.parametrize(("rate", "codes"), [("0.4", {"9024"}), ("0.5", set()), ("20", set()), ("20.1", {"9024"}), ("0", {"9004"})])
def test_sr_23_limits_of_a_drug_that_is_not_dosed_by_weight(rate, codes):
    assert codes_of(planned(an_order(rate=rate, **NICARDIPINE))) == codes


@pytest.mark.parametrize(
    ("rate", "codes"), [("0.4", {"9024"}), ("0.5", set()), ("500", set()), ("501", set()), ("999", set()), ("1000", {"9024", "9014"})]
)
def test_sr_23_a_plain_fluid_is_limited_in_ml_per_hour(rate, codes):
    plan = planned(an_order(rate=rate, **SALINE))
    assert codes_of(plan) == codes


@pytest.mark.parametrize(
    ("dose", "minutes", "codes"),
    [
        ("1000", "60", set()),
        ("1000", "50", set()),
        ("1000", "49", {"9024"}),
        ("1000", "300", set()),
        ("249", "60", {"9024"}),
        ("250", "60", set()),
    ],
)
def test_sr_23_an_intermittent_drug_is_limited_in_dose_and_in_time(dose, minutes, codes):
    """Vancomycin: dose 250 to 3000 mg hard, at least 50 min hard, 60 to 240 min soft."""
    order = an_order(rate=dose, duration=minutes, **{**VANCOMYCIN, "vtbi": ""})
    assert codes_of(planned(order, MEDSURG)) == codes


def test_a_dose_over_time_becomes_volume_and_rate():
    plan = planned(an_order(rate="1000", duration="60", **VANCOMYCIN), MEDSURG)
    assert plan.offer is not None
    assert rate_of(plan) == "200 mL/h"
    assert str(plan.offer.program.dose.set) == "1,000 mg"
    assert [str(line) for line in plan.match.derivation[1:3]] == ["1,000 mg ÷ 5 mg/mL = 200 mL", "200 mL over 60 min = 200 mL/h"]


def test_sr_23_no_actor_and_no_flag_of_the_case_lifts_a_hard_limit():
    case = a_case(order_state="active", earlier=EarlierProgram(Quantity.of("100", "ug/kg/min"), None))
    for who in ("N0001", "PHARM1", "ADMIN"):
        order = an_order(rate="100", requested_by=an_order().requested_by.__class__(who, "ORC-19"))
        assert "9024" in codes_of(planned(order, case))


def test_sr_25_sr_30_rounding_is_checked_on_what_the_pump_will_really_run():
    """0.5 ug/kg/min of 80 kg is 1.5 mL/h exactly; at 79.9 kg it is 1.498125 mL/h, which 1 mL/h steps would carry to 1: below the hard limit."""
    coarse = with_step("1")
    plan = planned(an_order(rate="0.5", weight="79.9"), coarse)
    assert "9024" in codes_of(plan)


def test_sr_25_rounding_does_not_carry_a_value_back_under_a_limit():
    """30.1 ug/kg/min of 80 kg is 90.3 mL/h; steps of 1 mL/h would make it 90, which is 30 ug/kg/min: still refused."""
    plan = planned(an_order(rate="30.1"), with_step("1"))
    assert "9024" in codes_of(plan)


@pytest.mark.parametrize(("rate", "refused"), [("2.6", False), ("0.34", True)])
def test_sr_30_d_15_a_rounding_error_over_two_percent_is_refused(rate, refused):
    """Nicardipine 0.1 mg/mL on 0.1 mL/h steps is fine everywhere; insulin 1 [iU]/mL at 0.34 [iU]/h would become 0.3: 12 % off."""
    insulin = {
        "code": "LOC-02201",
        "unit": "[iU]/h",
        "strength": "100",
        "strength_unit": "[iU]",
        "volume": "100",
        "vtbi": "100",
        "weight": "",
    }
    plan = planned(an_order(rate=rate, **insulin))
    assert ("9016.rounding" in codes_of(plan)) is refused


def test_sr_30_both_values_are_kept():
    plan = planned(an_order(weight="85"))
    rate = plan.offer.program.rate
    assert (rate.asked.value, rate.set.value, rate.step) == (Fraction("31.875"), Fraction("31.9"), Fraction("0.1"))
    assert plan.offer.program.dose_rate.asked == Quantity.of("10", "ug/kg/min")
    assert plan.offer.program.dose_rate.set.value == Fraction("31.9") * 1600 / (85 * 60)


@pytest.mark.parametrize(
    "number", ["-10", "+10", "1e1", "1E1", "NaN", "inf", "10,0", "1 0", "ten", "1234567890", "0.1234567891", "١٠", "10\n", "0x10"]
)
def test_sr_31_what_is_no_plain_decimal_is_refused(number):
    plan = planned(an_order(rate=number))
    assert plan.offer is None
    assert "9004" in codes_of(plan)


@pytest.mark.parametrize("number", ["10", "10.0", "10.", "010", "10.000000000"])
def test_sr_31_d_16_a_machines_trailing_zero_is_read_exactly_and_never_shown_so(number):
    plan = planned(an_order(rate=number))
    assert plan.offer is not None
    assert str(plan.offer.program.dose_rate.asked) == "10 ug/kg/min"


def test_sr_31_d_16_a_bare_point_is_read_exactly():
    plan = planned(an_order(code="LOC-00101", strength="4", rate=".21"))
    assert plan.offer is not None
    assert str(plan.offer.program.dose_rate.asked) == "0.21 ug/kg/min"


@pytest.mark.parametrize("field", ["rate", "vtbi", "strength", "volume", "weight", "duration"])
def test_sr_31_zero_orders_nothing(field):
    assert "9004" in codes_of(planned(an_order(**{field: "0"})))


def test_sr_32_a_dose_within_limits_may_still_be_more_than_the_pump_can_run():
    """DL-001 at 300 kg and the hard high of 3 ug/kg/min asks for 3,375 mL/h."""
    plan = planned(an_order(code="LOC-00101", strength="4", rate="3", weight="300"))
    assert codes_of(plan) == {"9014"}
    assert "3,375 mL/h" in plan.refusals[0].sentence


@pytest.mark.parametrize(("vtbi", "codes"), [("275", set()), ("275.1", {"9024", "9005"}), ("0.1", set())])
def test_sr_32_not_more_than_the_container_with_its_overfill(vtbi, codes):
    assert codes_of(planned(an_order(vtbi=vtbi))) == codes


def test_sr_32_the_librarys_volume_limit_stops_what_the_container_would_hold():
    fluid = {**SALINE, "code": "LOC-05401", "rate": "30"}  # sodium chloride 3 %, 500 mL, limit 250 mL
    assert planned(an_order(**{**fluid, "vtbi": "250"})).offer is not None
    assert codes_of(planned(an_order(**{**fluid, "vtbi": "300"}))) == {"9024"}


def test_sr_32_a_syringe_has_no_overfill_and_the_loaded_one_must_be_large_enough():
    order = an_order(
        code="LOC-00503", strength="80", volume="50", rate="5", weight="3", vtbi="50", device="SYR",
    )  # fmt: skip
    nicu = a_case(channel=a_channel(mode=Mode.SYRINGE, care_area="NICU"))
    assert planned(order, nicu).offer is not None
    assert "9005" in codes_of(planned(replace(order, gives=(replace(order.gives[0], vtbi=an_amount("51", "mL", "RXG-5")),)), nicu))
    small = replace(nicu, channel=replace(nicu.channel, syringe_volume=Quantity.of("20", "mL")))
    assert codes_of(planned(order, small)) == {"9005"}


def test_the_total_of_an_order_is_limited_whatever_its_rate():
    """DL-031: 0.9 mg/kg/h over 1 h at 101 kg is 90.9 mg, over the 90 mg total; at 100 kg it is 90 mg."""
    alteplase = {"code": "LOC-02101", "rate": "0.9", "unit": "mg/kg/h", "strength": "100", "volume": "100", "duration": "60", "vtbi": ""}
    ed = a_case(care_area="ED")
    assert planned(an_order(weight="100", **alteplase), ed).offer is not None
    assert "9024.total-dose" in codes_of(planned(an_order(weight="101", **alteplase), ed))
    unlimited = planned(an_order(weight="80", **{**alteplase, "duration": ""}), ed)
    assert "9003" in codes_of(unlimited)


def test_sr_28_an_entry_without_a_hard_high_is_not_programmed_unless_the_library_means_it():
    case = a_case()
    entry = case.release.library.by_key["DL-010"]
    for changed, offered in (
        (replace(entry, limits=replace(entry.limits, hard_high=None)), False),
        (replace(entry, limits=replace(entry.limits, hard_high=None), unlimited_by_intent=True), True),
        (replace(entry, limits=replace(entry.limits, hard_high=Quantity(Fraction(0), "ug/kg/min"))), False),
    ):
        library = case.release.library
        others = tuple(each for each in library.by_drug["dopamine"] if each.key != "DL-010")
        there = replace(library, by_drug={**library.by_drug, "dopamine": (changed, *others)})
        plan = planned(case=replace(case, release=replace(case.release, library=there)))
        assert (plan.offer is not None) is offered
    assert codes_of(plan) == {"9024"}  # a limit of zero is a limit


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"rate": "30", "unit": "mL/h", "duration": "500", "vtbi": "250"}, set()),
        ({"rate": "30", "unit": "mL/h", "duration": "400", "vtbi": "250"}, {"9004.values-disagree"}),
        ({"rate": "10", "duration": "8.33", "duration_unit": "h", "vtbi": "250"}, set()),
        ({"rate": "10", "duration": "83.3", "duration_unit": "h", "vtbi": "250"}, {"9004.values-disagree"}),
        ({"rate": "1", "duration": "8.33", "duration_unit": "h", "vtbi": "250"}, {"9004.values-disagree"}),
    ],
)
def test_sr_26_d_15_rate_volume_and_time_must_agree(changes, codes):
    assert codes_of(planned(an_order(**changes))) == codes


def test_sr_26_a_dose_in_a_volume_that_does_not_hold_it_is_refused():
    assert planned(an_order(rate="1000", duration="60", **VANCOMYCIN), MEDSURG).offer is not None
    assert codes_of(planned(an_order(rate="500", duration="60", **VANCOMYCIN), MEDSURG)) == {"9004.values-disagree"}


def test_sr_26_swapping_dose_and_rate_is_caught():
    swapped = an_order(amounts=(an_amount("30", "ug/kg/min", "RXG-15"), an_amount("10", "mL/h", "RXG-15")))
    assert codes_of(planned(swapped)) == {"9004.values-disagree"}
    right = an_order(amounts=(an_amount("10", "ug/kg/min", "RXG-15"), an_amount("30", "mL/h", "RXG-15")))
    assert planned(right).offer is not None


@pytest.mark.parametrize(
    ("earlier", "said"),
    [("1", "10 times"), ("0.1", "100 times"), ("100", "a tenth of"), ("9", ""), ("5", ""), ("10", "")],
)
def test_d_18_ten_times_the_earlier_dose_is_said_in_words_inside_the_limits_too(earlier, said):
    plan = planned(case=a_case(earlier=EarlierProgram(Quantity.of(earlier, "ug/kg/min"), None)))
    assert plan.offer is not None
    words = [caution.sentence for caution in plan.offer.cautions if "possible decimal slip" in caution.sentence]
    assert [said in words[0]] == [True] if said else words == []


def test_neither_volume_nor_time_is_not_enough_for_a_volumetric_pump():
    assert "9003" in codes_of(planned(an_order(vtbi="")))


def test_a_release_says_which_entry_and_limit_refused():
    plan = planned(an_order(rate="100"))
    assert plan.refusals[0].field == "DL-010 hard high"
    assert demo_release().library.by_key["DL-010"].limits.hard_high == Quantity.of("30", "ug/kg/min")
