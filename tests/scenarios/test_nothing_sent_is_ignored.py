"""Whatever was sent was sent to be heeded: a value that contradicts the order, or that nothing here understands, is never passed over in silence."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from interop.domain.delivery import Mode
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.domain.request import (
    AsSent,
    CodeAsSent,
    IdentifierAsSent,
    IngredientAsSent,
    ParameterAsSent,
    Purpose,
    RatioAsSent,
    VerificationAsSent,
    VerificationPolicy,
)
from interop.workbench.reading import ReadOrder, read_order
from tests.wards.messages import a_dopamine_rgv
from tests.wards.ward import (
    ASKED,
    LOCAL,
    NOW,
    a_case,
    a_channel,
    a_give,
    an_amount,
    an_association,
    an_order,
    codes_of,
    demo_release,
    planned,
    rate_of,
)

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
INSULIN = {"code": "LOC-02201", "rate": "5", "unit": "[iU]/h", "strength": "100", "strength_unit": "[iU]", "volume": "100", "vtbi": "100"}
SALINE = {"code": "LOC-05303", "rate": "125", "unit": "mL/h", "strength": "", "volume": "", "vtbi": "1000", "weight": ""}
NICARDIPINE = {"code": "LOC-01101", "rate": "5", "unit": "mg/h", "strength": "20", "volume": "200", "vtbi": "200", "weight": ""}
VANCOMYCIN = {"code": "LOC-04301", "unit": "mg", "strength": "1000", "volume": "200", "vtbi": "200", "weight": ""}
SCANNED = {"bedside": False}


def an_ingredient(code, amount="", unit="mg", volume="250", system=RXNORM):
    strength = RatioAsSent(an_amount(amount, unit, "strength"), an_amount(volume, "mL", "volume"), "strength") if amount else RatioAsSent()
    return IngredientAsSent((CodeAsSent(code, system, "", "ingredient"),) if code else (), strength, "", "ingredient")


def as_fhir(order):
    """The same order as a FHIR resource would send it: its times in FHIR's form, no message time."""
    return replace(
        order,
        message_kind="MedicationRequest",
        sent_at=AsSent(),
        requested_at=AsSent(ASKED.isoformat(), "asked"),
        weight_at=AsSent(NOW.isoformat(), "x"),
    )


def a_parameter(code, number, unit="", text="", system="MDC"):
    return ParameterAsSent(CodeAsSent(code, system, text, "OBX[3]-3"), an_amount(number, unit, "OBX[3]-5", "OBX[3]-6"))


@pytest.mark.parametrize(
    "ingredients",
    [
        (an_ingredient("3616", "400"),),  # dobutamine under a code of dopamine
        (an_ingredient("3628", "400"), an_ingredient("3616", "400")),
        (an_ingredient("", "400"),),  # named in words only
        (an_ingredient("3628", "400"), an_ingredient("999999", "1")),
    ],
    ids=["another drug", "a second drug", "no code", "an unknown part"],
)
def test_sr_16_the_orders_code_and_its_ingredients_must_name_the_same_drug(ingredients):
    plan = planned(an_order(ingredients=ingredients))
    assert plan.offer is None
    assert codes_of(plan) & {"9010", "9010.ambiguous"}
    assert planned(an_order(ingredients=(an_ingredient("3628", "400"),))).offer is not None


def test_d_01_potassium_in_a_bag_that_is_coded_as_plain_saline_is_not_plain_saline():
    potassium = (an_ingredient("LOC-04202", "40", "meq", "1000", LOCAL),)
    assert planned(an_order(ingredients=potassium, **SALINE)).offer is None
    assert planned(an_order(**SALINE)).offer is not None


@pytest.mark.parametrize("unit", ["meq", "mg", "[iU]"])
def test_sr_17_a_plain_fluid_with_the_strength_of_something_in_it_is_refused(unit):
    plan = planned(an_order(**{**SALINE, "strength": "40", "strength_unit": unit, "volume": "1000"}))
    assert "9018.concentration" in codes_of(plan)


@pytest.mark.parametrize("area", ["MEDSURG"])
def test_sr_27_sr_42_a_pca_entry_or_channel_is_never_programmed_as_anything_else(area):
    pca = a_case(channel=a_channel(mode=Mode.PCA, care_area=area))
    for texts in (
        {"rate": "1", "unit": "mg", "duration": "1", "vtbi": ""},
        {"rate": "1", "unit": "mL/h"},
        {"rate": "1", "unit": "mg/h"},
    ):
        order = an_order(code="LOC-02903", strength="30", volume="30", device="", weight="", **{"vtbi": "30", **texts})
        plan = planned(order, pca)
        assert plan.offer is None
        assert "9016.kind-not-planned" in codes_of(plan)
        assert "9016.check-failed" not in codes_of(plan)


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        (a_parameter("158033", "2"), "9041"),
        (a_parameter("158037", "delay"), "9044"),
        (a_parameter("158037", "taper"), "9044"),
        (a_parameter("158038", "clinician-dose"), "9038"),
        (a_parameter("158019", "5", "mg"), "9038"),
        (a_parameter("157784", "300", "mL/h"), "9004.values-disagree"),
        (a_parameter("158999", "300", "mL/h"), "9004"),
        (a_parameter("0", "10", "min", "MDC_TIME_PCA_LOCKOUT"), "9016.kind-not-planned"),
        (a_parameter("158018", "5", "mg"), "9016.kind-not-planned"),
    ],
    ids=lambda value: value.code.code if isinstance(value, ParameterAsSent) else value,
)
def test_a_coded_parameter_of_a_pcd_03_is_heeded_or_refused(parameter, code):
    plan = planned(an_order(parameters=(parameter,)))
    assert plan.offer is None
    assert code in codes_of(plan)


@pytest.mark.parametrize(
    "parameter",
    [
        a_parameter("158033", "1"),
        a_parameter("158037", "continuous"),
        a_parameter("158038", "continuous"),
        a_parameter("157784", "30", "mL/h"),
    ],
)
def test_a_parameter_that_says_the_same_changes_nothing(parameter):
    assert planned(an_order(parameters=(parameter,))).offer is not None


def test_a_volume_over_a_time_ends_when_it_has_run():
    ratio = RatioAsSent(an_amount("60", "mL", "numerator"), an_amount("2", "h", "denominator"), "rateRatio")
    order = an_order(**{**NICARDIPINE, "rate": "", "unit": ""}, amounts=(), ratios=(ratio,))
    plan = planned(as_fhir(replace(order, gives=(replace(order.gives[0], vtbi=an_amount("", "", "x")),))))
    assert rate_of(plan) == "30 mL/h"
    assert str(plan.offer.program.vtbi.set) == "60 mL"
    assert "9004.values-disagree" in codes_of(planned(as_fhir(order)))  # beside a VTBI of 200 mL


def test_a_volume_with_its_time_is_a_rate():
    order = an_order(**SALINE, amounts=(an_amount("1000", "mL", "doseQuantity"),), duration="480")
    assert rate_of(planned(as_fhir(order))) == "125 mL/h"
    assert "9004" in codes_of(planned(order))  # PCD-03 has a volume there for a bolus only


def test_a_dose_beside_a_rate_ends_the_infusion():
    midazolam = an_order(
        code="LOC-02502", strength="50", volume="50", device="SYR", weight="10", vtbi="",
        amounts=(an_amount("1", "ug/kg/min", "rate"), an_amount("2", "mg", "dose")),
    )  # fmt: skip
    plan = planned(midazolam, a_case(channel=a_channel(mode=Mode.SYRINGE, care_area="PEDS")))
    assert plan.offer is not None
    assert str(plan.offer.program.vtbi.set) == "2 mL"


@pytest.mark.parametrize(
    ("second", "unit"),
    [("0.5", "[iU]/kg/h"), ("50", "mg/h"), ("50", "mg"), ("500", "m[iU]/h"), ("1", "L")],
)
def test_sr_26_a_second_value_that_contradicts_or_cannot_be_compared_is_refused(second, unit):
    amounts = (an_amount("5", "[iU]/h", "RXG-15"), an_amount(second, unit, "RXG-15(2)"))
    plan = planned(as_fhir(an_order(**INSULIN, amounts=amounts)))
    assert codes_of(plan) == {"9004.values-disagree"}


def test_sr_26_a_second_value_that_agrees_is_heeded():
    amounts = (an_amount("5", "[iU]/h", "RXG-15"), an_amount("5000", "m[iU]/h", "RXG-15(2)"))
    assert planned(an_order(**INSULIN, amounts=amounts)).offer is not None


@pytest.mark.parametrize(("low", "high", "inside"), [("2", "5", False), ("5", "20", True), ("10", "10", True), ("10.1", "20", False)])
def test_a_titration_window_bounds_the_start(low, high, inside):
    window = (an_amount(low, "ug/kg/min", "low"), an_amount(high, "ug/kg/min", "high"))
    plan = planned(an_order(rate_range=window))
    assert (plan.offer is not None) is inside
    if inside:
        assert any("titration window" in note.sentence for note in plan.offer.notes)


@pytest.mark.parametrize(("given", "agrees"), [("1", False), ("1.4", True), ("1.45", True), ("1.5", False)])
def test_d_15_half_the_last_printed_digit_never_hides_half_the_dose(given, agrees):
    """1.2 ug/kg/min of 20 kg at 1 mg/mL is 1.44 mL/h; a printed "1" may stand for 0.5 to 1.5, and is still no agreement."""
    order = an_order(
        code="LOC-02502", strength="50", volume="50", device="SYR", weight="20", vtbi="50",
        amounts=(an_amount("1.2", "ug/kg/min", "rate"), an_amount(given, "mL/h", "rate")),
    )  # fmt: skip
    plan = planned(order, a_case(channel=a_channel(mode=Mode.SYRINGE, care_area="PEDS")))
    assert ("9004.values-disagree" not in codes_of(plan)) is agrees


def test_sr_25_rounding_does_not_carry_an_infusion_time_back_over_its_limit():
    cefazolin = {
        "code": "LOC-04501",
        "rate": "1",
        "unit": "g",
        "strength": "2",
        "strength_unit": "g",
        "volume": "100",
        "vtbi": "",
        "weight": "",
    }
    theatre = a_case(care_area="OR")
    assert "9024" in codes_of(planned(an_order(duration="9.99", **cefazolin), theatre))
    assert planned(an_order(duration="15", **cefazolin), theatre).offer is not None


@pytest.mark.parametrize(
    ("surface", "height", "fits"), [("1.75", "170", True), ("3.4", "170", False), ("0.173", "170", False), ("1.75", "17", False)]
)
def test_sr_33_a_body_surface_must_fit_height_and_weight(surface, height, fits):
    order = an_order(
        code="LOC-04901", rate="100", unit="mg/m2", duration="180", vtbi="", strength="500", volume="500", weight="65",
        body_surface_area=an_amount(surface, "m2", "OBX[4]-5"), height=an_amount(height, "cm", "OBX[3]-5"),
    )  # fmt: skip
    assert ("9004.values-disagree" not in codes_of(planned(order, a_case(care_area="ONC")))) is fits


def test_d_14_a_pharmacists_rejection_is_not_overridden_by_the_emergency_list():
    norepinephrine = {"code": "LOC-00101", "strength": "4", "rate": "0.1"}
    case = a_case()
    profile = case.release.senders["pcd03-demo"]
    rule = replace(profile.verification, rejected=frozenset({"rejected"}))
    case = replace(case, release=replace(case.release, senders={"pcd03-demo": replace(profile, verification=rule)}))
    rejected = VerificationAsSent(VerificationPolicy.FIELD, AsSent("rejected", "ZRX-4"), verified=None)
    plan = planned(an_order(verification=rejected, **norepinephrine), case)
    assert codes_of(plan) == {"9016.not-verified"}
    assert "rejected" in plan.refusals[0].sentence
    pending = VerificationAsSent(VerificationPolicy.FIELD, AsSent("pending", "ZRX-4"), verified=False)
    offered = planned(an_order(verification=pending, **norepinephrine), case).offer
    assert offered is not None
    assert any(caution.must_confirm and caution.code_text == "9016.not-verified" for caution in offered.cautions)


def test_d_04_the_same_number_of_another_system_is_another_order():
    assert codes_of(planned(case=a_case(association=an_association(system_group="EHR2")))) == {"9016.not-associated"}
    assert codes_of(planned(an_order(system_group="EHR2"))) == {"9016.not-associated"}


def test_d_25_a_held_ingredient_is_held_in_a_mixture_too():
    parts = (an_ingredient("3628", "400"),)
    order = an_order(code="", ingredients=parts, strength="", volume="")
    assert "9016.entry-hold" in codes_of(planned(order, a_case(held_codes=frozenset({(RXNORM, "3628")}))))


def test_the_code_of_a_loading_dose_is_not_run_as_maintenance_and_not_the_other_way():
    lab = a_case(care_area="LD")
    magnesium = {"strength": "4", "strength_unit": "g", "volume": "100", "vtbi": "100", "weight": ""}
    assert planned(an_order(code="LOC-03602", rate="4", unit="g", duration="20", **magnesium), lab).offer.program.entry.key == "DL-056"
    assert "9009" in codes_of(planned(an_order(code="LOC-03602", rate="2", unit="g/h", **magnesium), lab))
    bag = {**magnesium, "strength": "20", "volume": "500"}
    assert planned(an_order(code="LOC-03601", rate="50", unit="mL/h", **bag), lab).offer.program.entry.key == "DL-055"


def test_a_products_container_is_the_orders_container():
    assert "9018" in codes_of(planned(an_order(strength="440", volume="275", vtbi="250")))
    assert "9018" in codes_of(planned(an_order(**{**SALINE, "volume": "500", "vtbi": "500"})))


def test_d_17_the_pumps_weight_does_not_dose_an_order_in_ml_per_hour():
    plan = planned(an_order(rate="30", unit="mL/h", weight=""), a_case(pump_weight="80"))
    assert codes_of(plan) == {"9019"}
    assert "not per kg" in plan.refusals[0].sentence


def test_the_first_reason_is_who_and_where_before_what():
    """Only one code fits into an RRG: that no entry fits follows from the missing care area, and is not said."""
    plan = planned(case=a_case(care_area=""))
    assert [finding.code_text for finding in plan.refusals] == ["9029"]
    other = planned(case=a_case(care_area="ED", association=an_association(system_group="EHR2")))
    assert other.refusals[0].code_text == "9016.not-associated"


def test_d_08_a_pump_of_one_channel_is_named_by_its_own_id():
    case = a_case()
    model = case.release.pump_models[case.channel.model]
    single = replace(model, channel_ids=("A",))
    there = replace(case, release=replace(case.release, pump_models={**case.release.pump_models, model.key: single}))
    order = an_order()
    order = replace(order, pump=replace(order.pump, channel=AsSent("", "OBX-18")))
    assert planned(order, there).offer is not None
    assert codes_of(planned(order)) == {"9001"}


def test_what_could_not_be_read_is_not_told_as_absent():
    order = an_order()
    unreadable = replace(order, gives=(replace(order.gives[0], vtbi=an_amount("0", "mL", "RXG-5", "RXG-7")),))
    assert codes_of(planned(unreadable)) == {"9004"}
    assert codes_of(planned(an_order(weight="heavy"))) == {"9004"}


DOSAGE = "http://hl7.org/fhir/StructureDefinition/Dosage"


def of_dosage(code, number, unit=""):
    return ParameterAsSent(CodeAsSent(code, DOSAGE, "", code), an_amount(number, unit, code, code))


@pytest.mark.parametrize(
    ("number", "unit", "fits"),
    [
        ("400", "mg", True),
        ("399", "mg", False),
        ("5", "mg/kg", True),
        ("4.9", "mg/kg", False),
        ("250", "mL", True),
        ("249", "mL", False),
        ("1", "[iU]", False),
    ],
)
def test_sr_26_not_more_than_the_prescriber_allows_in_one_administration(number, unit, fits):
    """250 mL of 1.6 mg/mL is 400 mg, which is 5 mg for each of 80 kg."""
    plan = planned(as_fhir(an_order(parameters=(of_dosage("maxDosePerAdministration", number, unit),))))
    assert (plan.offer is not None) is fits
    assert codes_of(plan) <= {"9004.values-disagree"}


@pytest.mark.parametrize(("most", "hours", "fits"), [("48", "1", True), ("47", "1", False), ("400", "24", True), ("399", "24", False)])
def test_sr_26_not_more_than_the_prescriber_allows_in_a_period(most, hours, fits):
    """48 mg each hour, and 400 mg before it ends."""
    caps = (of_dosage("maxDosePerPeriod.numerator", most, "mg"), of_dosage("maxDosePerPeriod.denominator", hours, "h"))
    assert (planned(as_fhir(an_order(parameters=caps))).offer is not None) is fits


@pytest.mark.parametrize(
    ("code", "moment", "active"),
    [
        ("bounds-end", "2026-03-02T07:59:59+00:00", False),
        ("bounds-end", "2026-03-02T08:00:01+00:00", True),
        ("bounds-end", "2026-02-28", False),
        ("bounds-end", "2026-03-02", True),
        ("bounds-start", "2026-03-02T08:00:01+00:00", False),
        ("bounds-start", "2026-03-02", True),
        ("bounds-start", "2026-03-03", False),
    ],
)
def test_sr_07_before_its_start_and_after_its_end_an_order_is_not_active(code, moment, active):
    plan = planned(as_fhir(an_order(parameters=(of_dosage(code, moment),))))
    assert ("9016.order-not-active" not in codes_of(plan)) is active


def test_sr_07_a_bound_that_cannot_be_read_refuses():
    assert codes_of(planned(as_fhir(an_order(parameters=(of_dosage("bounds-end", "soon"),))))) == {"9004"}


def test_sr_26_a_program_does_not_outlast_its_order():
    assert planned(as_fhir(an_order(parameters=(of_dosage("bounds-duration", "9", "h"),)))).offer is not None
    assert codes_of(planned(as_fhir(an_order(parameters=(of_dosage("bounds-duration", "8", "h"),))))) == {"9004.values-disagree"}


def test_an_order_that_is_due_at_another_time_is_confirmed():
    due = planned(as_fhir(an_order(parameters=(of_dosage("event", "2026-03-02T08:30:00+00:00"),))))
    assert not any("to be given at" in caution.sentence for caution in due.cautions)
    tomorrow = planned(as_fhir(an_order(parameters=(of_dosage("event", "2026-03-03T08:30:00+00:00"),))))
    assert any("to be given at" in caution.sentence and caution.must_confirm for caution in tomorrow.cautions)


CONTRADICTIONS = {
    "code": {"codes": (CodeAsSent("LOC-00501", LOCAL, "", "RXG-4"), CodeAsSent("LOC-00601", LOCAL, "", "RXG-4"))},
    "vtbi": {"vtbi": an_amount("999", "mL", "RXG-5")},
    "amounts": {"amounts": (an_amount("10", "ug/kg/min", "a"), an_amount("11", "ug/kg/min", "b"))},
    "ratios": {"ratios": (RatioAsSent(an_amount("31", "mL", "n"), an_amount("1", "h", "d"), "r"),)},
    "rate_range": {"rate_range": (an_amount("1", "ug/kg/min", "l"), an_amount("2", "ug/kg/min", "h"))},
    "duration": {"duration": (an_amount("1", "h", "TQ1-13"),)},
    "strength": {"strength": an_amount("401", "mg", "RXG-17")},
    "strength_volume": {"strength_volume": an_amount("251", "mL", "RXG-23")},
    "ingredients": {"ingredients": (an_ingredient("3616", "400"),)},
    "routes": {"routes": (CodeAsSent("EP", "HL70162", "", "RXR-1"),)},
    "device": {"device": "SYR"},
    "method": {"method": "IVPB"},
    "parameters": {"parameters": (a_parameter("158017", "1", "mg"),)},
    "as_needed": {"as_needed": AsSent("true", "asNeeded")},
}  # fmt: skip


@pytest.mark.requirement("SR-26", "SR-29")
@pytest.mark.parametrize("field", sorted(CONTRADICTIONS))
def test_a_contradiction_in_any_field_of_a_give_changes_what_is_said(field):
    changed = replace(an_order(), gives=(a_give(**CONTRADICTIONS[field]),))
    assert planned(changed).findings != planned().findings


OF_THE_REQUEST = {
    "purpose": {"purpose": Purpose.CHANGE},
    "order number": {"placer_order_number": IdentifierAsSent(AsSent("ORD-9", "ORC-2"))},
    "status": {"status": AsSent("on-hold", "ORC-5")},
    "intent": {"intent": AsSent("plan", "intent")},
    "do not perform": {"do_not_perform": AsSent("true", "doNotPerform")},
    "weight": {"weight": an_amount("800", "kg", "OBX-5")},
    "therapy": {"therapy": AsSent("VTE", "ZRX-2")},
    "group": {"system_group": "OTHER"},
    "sent": {"sent_at": AsSent("20990101000000+0000", "MSH-7")},
}


@pytest.mark.requirement("SR-26", "SR-29")
@pytest.mark.parametrize("field", sorted(OF_THE_REQUEST))
def test_a_contradiction_in_any_field_of_a_request_changes_what_is_said(field):
    assert planned(replace(an_order(), **OF_THE_REQUEST[field])).findings != planned().findings


def test_the_ward_weighs_its_patient_today():
    assert NOW.tzinfo is not None
    assert Quantity.of("80", "kg") == planned().match.program.weight


@pytest.mark.parametrize(
    ("low", "high", "inside"),
    [("", "5", False), ("", "20", True), ("20", "", False), ("2", "", True), ("", "10.03", False), ("", "10.04", True)],
)
def test_sr_25_a_window_open_at_one_end_bounds_the_other_as_rounded(low, high, inside):
    """10.03 ug/kg/min of 80 kg is 30.09 mL/h, which the pump runs as 30.1: 10.0333 ug/kg/min."""
    window = tuple(an_amount(end, "ug/kg/min" if end else "", "window") for end in (low, high))
    plan = planned(an_order(rate="10.03" if high.startswith("10.0") else "10", rate_range=window))
    assert (plan.offer is not None) is inside


def test_sr_25_a_cap_holds_for_what_the_pump_will_really_run():
    caps = (of_dosage("maxDosePerPeriod.numerator", "48.144", "mg"), of_dosage("maxDosePerPeriod.denominator", "1", "h"))
    assert codes_of(planned(as_fhir(an_order(rate="10.03", parameters=caps)))) == {"9004.values-disagree"}


def test_sr_07_a_day_ends_when_it_has_ended_everywhere_however_the_time_is_written():
    order = as_fhir(an_order(parameters=(of_dosage("bounds-end", "2026-03-02"),)))
    for now in (NOW.astimezone(timezone(timedelta(hours=14))), NOW.astimezone(timezone(-timedelta(hours=11)))):
        assert planned(order, now=now).offer is not None


@pytest.mark.parametrize(("end", "asks"), [("2026-03-01", True), ("2026-03-02", False)])
def test_sr_07_a_day_that_is_over_in_some_zones_only_is_confirmed(end, asks):
    plan = planned(as_fhir(an_order(parameters=(of_dosage("bounds-end", end),))))
    assert plan.offer is not None
    assert any("without its zone" in caution.sentence and caution.must_confirm for caution in plan.offer.cautions) is asks


def test_an_order_that_ends_while_it_would_run_is_confirmed():
    plan = planned(as_fhir(an_order(parameters=(of_dosage("bounds-end", "2026-03-02T09:00:00+00:00"),))))
    assert plan.offer is not None
    assert any("before this would have run" in caution.sentence and caution.must_confirm for caution in plan.offer.cautions)


def test_rounding_does_not_make_a_program_outlast_its_order():
    """500 mL over 6 h is 83.33 mL/h, run as 83.3: a few seconds more than 6 h, and still the order's own time."""
    texts = {**SALINE, "vtbi": "", "amounts": (an_amount("500", "mL", "dose"),), "duration": "360"}
    plan = planned(as_fhir(an_order(parameters=(of_dosage("bounds-duration", "6", "h"),), **texts)))
    assert rate_of(plan) == "83.3 mL/h"


@pytest.mark.parametrize("second", [("IM", "HL70162"), ("78421000", "http://snomed.info/sct")])
def test_sr_20_a_second_route_that_is_not_known_contradicts_the_first(second):
    routes = (CodeAsSent("IV", "HL70162", "", "RXR-1.1"), CodeAsSent(*second, "", "RXR-1.4"))
    assert "9004" in codes_of(planned(replace(an_order(), gives=(a_give(routes=routes),))))
    local = (routes[0], CodeAsSent("IVDRIP", "LOCAL", "", "RXR-1.4"))
    assert planned(replace(an_order(), gives=(a_give(routes=local),))).offer is not None


def test_sr_02_a_number_without_its_authority_names_nobody():
    nobody = PatientId("Unknown Patient", "")
    plan = planned(an_order(patient=nobody), a_case(association=an_association(patient=nobody), channel=a_channel(patient=nobody)))
    assert codes_of(plan) == {"9031"}


@pytest.mark.parametrize(("unit", "offered"), [("kg", True), ("mg", False), ("ug", False)])
def test_sr_34_a_weight_is_in_kilograms_or_grams(unit, offered):
    assert (
        planned(an_order(weight={"kg": "80", "mg": "80000000", "ug": "800000000"}[unit], weight_unit=unit)).offer is not None
    ) is offered


def test_what_was_ordered_leads_what_was_calculated_of_it():
    amounts = (an_amount("30", "mL/h", "ordered"), an_amount("800", "ug/min", "calculated"))
    plan = planned(as_fhir(an_order(amounts=amounts)))
    assert rate_of(plan) == "30 mL/h"


def test_every_caution_says_what_to_do():
    for order, case in (
        (an_order(as_needed=AsSent("true", "x"), weighed=None), a_case(pump_weight="81")),
        (an_order(rate="25"), a_case(channel=a_channel(clock_skew=timedelta(seconds=60)))),
    ):
        for caution in planned(order, case).cautions:
            assert caution.action.endswith("."), caution


@pytest.mark.parametrize(("number", "offered"), [("1", True), ("2", False), ("", False), ("01", False)])
def test_the_only_step_of_an_order_is_its_first(number, offered):
    plan = planned(replace(an_order(), gives=(a_give(sub_id=AsSent(number, "RXG-1")),)))
    assert (plan.offer is not None) is offered
    assert codes_of(plan) <= {"9041"}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"ORC-7": "^Q8H^M30^^^PRN"}, True),
        ({"MSH-11": "P^R"}, True),
        ({"MSH-11": "P^T"}, False),
        ({"ORC-15": "20260303080000+0000"}, False),
        ({"RXG-25": "3616^dobutamine^RXNORM"}, False),
        ({"RXG-9": "^give slowly"}, False),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_fields_of_an_rgv_that_pcd_03_does_not_use_refuse_or_are_answered(fields, refused):
    read = read_order(a_dopamine_rgv(fields=fields), demo_release())
    assert isinstance(read, ReadOrder)
    said = read.request.findings
    assert any(finding.refuses for finding in said) is refused
    if fields != {"MSH-11": "P^T"}:
        assert any(finding.refuses or finding.must_confirm for finding in said)
