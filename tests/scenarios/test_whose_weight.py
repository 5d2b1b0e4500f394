"""Weight and body surface: there, plausible, recent, and the same on both sides (SR-33 to SR-36, D-17)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from interop.domain.delivery import Mode
from interop.domain.patient import PatientFacts, Weight
from interop.domain.quantity import Quantity
from interop.domain.release import AgeBand
from interop.domain.request import AsSent
from tests.wards.ward import NOW, PATIENT, a_case, a_channel, an_amount, an_order, codes_of, planned

PACLITAXEL = {
    "code": "LOC-04901",
    "rate": "175",
    "unit": "mg/m2",
    "duration": "180",
    "vtbi": "",
    "strength": "500",
    "volume": "500",
}


def cautions_of(plan):
    return [caution.sentence for caution in plan.cautions if caution.must_confirm]


def test_sr_33_a_dose_per_kg_without_any_weight_is_refused():
    plan = planned(an_order(weight=""))
    assert codes_of(plan) == {"9019"}


def test_sr_33_a_dose_per_square_metre_needs_surface_height_and_weight():
    onc = a_case(care_area="ONC")
    surface = {"body_surface_area": an_amount("2", "m2", "OBX[4]-5"), "height": an_amount("175", "cm", "OBX[3]-5")}
    assert planned(an_order(**PACLITAXEL, **surface), onc).offer is not None
    without_surface = {"height": surface["height"]}
    without_height = {"body_surface_area": surface["body_surface_area"]}
    assert codes_of(planned(an_order(**PACLITAXEL, **without_surface), onc)) == {"9027"}
    assert codes_of(planned(an_order(**PACLITAXEL, **without_height), onc)) == {"9020"}
    assert "9019" in codes_of(planned(an_order(weight="", **PACLITAXEL, **surface), onc))


def test_d_17_only_the_pumps_weight_is_used_for_a_dose_per_kg_and_confirmed_there():
    plan = planned(an_order(weight=""), a_case(pump_weight="80"))
    assert plan.offer is not None
    assert plan.offer.program.weight_source == "pump"
    assert any("the pump's own 80 kg" in said for said in cautions_of(plan))


@pytest.mark.parametrize(
    ("on_pump", "refused", "said"),
    [("80", False, False), ("81", False, True), ("84", False, True), ("84.1", True, False), ("76.1", True, False)],
)
def test_sr_35_d_17_over_five_percent_apart_is_refused_and_less_is_chosen_at_the_pump(on_pump, refused, said):
    plan = planned(case=a_case(pump_weight=on_pump))
    assert ("9011" in codes_of(plan)) is refused
    assert any("apart" in words for words in cautions_of(plan)) is said
    assert plan.match.program.weight == Quantity.of("80", "kg")  # the order's, unchanged


@pytest.mark.parametrize(("weight", "codes"), [("40", set()), ("39.9", {"9005"}), ("300", {"9014"}), ("301", {"9005", "9014"})])
def test_sr_34_weight_lies_within_the_bounds_of_care_area_and_entry(weight, codes):
    plan = planned(
        an_order(rate="30", weight=weight, code="LOC-00101", strength="4") if weight in ("300", "301") else an_order(weight=weight)
    )
    assert {code for code in codes_of(plan) if code != "9024"} >= codes


@pytest.mark.parametrize(("weight", "fits"), [("0.3", False), ("0.4", True), ("7", True), ("7.1", False)])
def test_sr_34_a_newborn_is_not_weighed_like_an_adult(weight, fits):
    order = an_order(code="LOC-00503", strength="80", volume="50", rate="15", weight=weight, vtbi="20", device="SYR")
    nicu = a_case(channel=a_channel(mode=Mode.SYRINGE, care_area="NICU"))
    assert ("9005" not in codes_of(planned(order, nicu))) is fits


def test_sr_34_a_weight_far_from_the_charted_one_is_refused():
    charted = PatientFacts(frozenset({PATIENT}), charted_weight=Weight(Quantity.of("70", "kg")))
    assert "9004" in codes_of(planned(an_order(weight="154"), a_case(patient=charted)))
    assert planned(an_order(weight="72"), a_case(patient=charted)).offer is not None


def test_sr_34_pounds_count_only_when_coded_as_such_and_are_confirmed():
    plan = planned(an_order(weight="154", weight_unit="[lb_av]"))
    assert plan.offer is not None
    assert any("69.85 kg" in said for said in cautions_of(plan))
    for spelling in ("lb", "lbs", "LB", "pounds"):
        assert "9008" in codes_of(planned(an_order(weight="154", weight_unit=spelling)))


@pytest.mark.parametrize("unit", ["mL", "cm", "mg/kg", "h"])
def test_sr_34_a_weight_in_another_dimension_is_no_weight(unit):
    assert "9008" in codes_of(planned(an_order(weight_unit=unit)))


def test_sr_34_grams_are_read_exactly():
    order = an_order(code="LOC-00503", strength="80", volume="50", rate="5", weight="850", weight_unit="g", vtbi="20", device="SYR")
    plan = planned(order, a_case(channel=a_channel(mode=Mode.SYRINGE, care_area="NICU")))
    assert plan.offer is not None
    assert plan.offer.program.rate.asked == Quantity.of("0.159375", "mL/h")  # 5 × 0.85 × 60 / 1600


@pytest.mark.parametrize(("hours", "asks"), [(1, False), (167, False), (169, True)])
def test_sr_36_an_old_weight_is_confirmed(hours, asks):
    plan = planned(an_order(weighed=NOW - timedelta(hours=hours)))
    assert plan.offer is not None
    assert any("days old" in said for said in cautions_of(plan)) is asks


def test_sr_36_d_17_a_weight_of_unknown_age_is_confirmed_once_and_a_dosing_weight_never():
    assert any("age unknown" in said for said in cautions_of(planned(an_order(weighed=None))))
    assert not any("age" in said for said in cautions_of(planned(an_order(weighed=None, weight_is_dosing_weight=True))))


def test_sr_36_the_newborns_weight_ages_in_a_day():
    order = an_order(
        code="LOC-00503", strength="80", volume="50", rate="5", weight="3", vtbi="20", device="SYR", weighed=NOW - timedelta(hours=25)
    )
    plan = planned(order, a_case(channel=a_channel(mode=Mode.SYRINGE, care_area="NICU")))
    assert any("1 day old" in said for said in cautions_of(plan))


BANDS = (
    AgeBand(28, Quantity.of("0.4", "kg"), Quantity.of("7", "kg")),
    AgeBand(0, Quantity.of("2", "kg"), Quantity.of("400", "kg")),
)


@pytest.mark.parametrize(
    ("born", "refused"), [("19660101", False), ("20260301", True), ("20260205", True), ("20260201", False), ("", False)]
)
def test_sr_34_a_weight_must_be_plausible_for_the_age(born, refused):
    case = a_case()
    case = replace(case, release=replace(case.release, weight_by_age=BANDS))
    order = an_order()
    order = replace(order, patient=replace(order.patient, birth_date=AsSent(born, "PID-7")))
    assert ("9005" in codes_of(planned(order, case))) is refused


def test_sr_34_a_birth_date_in_the_future_is_no_birth_date():
    order = an_order()
    order = replace(order, patient=replace(order.patient, birth_date=AsSent("20270101", "PID-7")))
    assert "9004" in codes_of(planned(order))


def test_sr_34_the_demo_site_says_what_is_plausible_at_every_age():
    bands = a_case().release.weight_by_age
    assert bands
    assert bands[-1].under_days == 0


def test_d_17_a_weight_with_a_date_and_no_time_is_of_unknown_age():
    plan = planned(replace(an_order(), weight_at=AsSent("20260301", "OBX[2]-14")))
    assert plan.offer is not None
    assert any("age unknown" in said for said in cautions_of(plan))
