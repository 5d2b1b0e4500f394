"""A nurse changes the rate of what runs: titration by PCD-03 XO and by a changed FHIR order (SR-37, D-17, D-18, D-20, D-29)."""

from dataclasses import replace
from fractions import Fraction

import pytest

from interop.domain.case import BedsideScan, EarlierProgram
from interop.domain.channel import ChannelState
from interop.domain.delivery import Mode
from interop.domain.finding import Owner
from interop.domain.order import Kind
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.domain.request import AsSent, CodeAsSent, IdentifierAsSent, ParameterAsSent
from interop.domain.sender import Orc2Is
from interop.stages.checks import CHECKS
from interop.stages.rounding import round_to_step
from interop.wire.fhir.json import Number
from tests.wards.resources import EHR, a_dopamine_request, changed, quantity, requested
from tests.wards.ward import (
    ASKED,
    ORDER_NUMBER,
    PATIENT,
    a_case,
    a_change,
    a_channel,
    a_running_case,
    an_amount,
    an_order,
    codes_of,
    planned,
    rate_of,
)

SALINE = {"code": "LOC-05303", "unit": "mL/h", "strength": "", "volume": "", "weight": ""}
SALINE_RUNS = {
    "entry_key": "DL-081",
    "drug": "sodium chloride 0.9%",
    "concentration": None,
    "rate": Quantity.of("125", "mL/h"),
    "dose_rate": None,
    "dosing_weight": None,
}


def said(plan, code):
    """The one refusal of a code."""
    return next(finding for finding in plan.refusals if finding.code_text == code)


# ── what is offered ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_37_a_titration_is_offered_with_the_old_values_beside_the_new_and_names_the_running_infusion():
    plan = planned(a_change(rate="12.5"), a_running_case())
    assert (codes_of(plan), plan.kind) == (set(), Kind.TITRATION)
    program = plan.offer.program
    assert (str(program.changes.dose_rate), str(program.changes.rate)) == ("10 ug/kg/min", "30 mL/h")
    assert (str(program.dose_rate.set), str(program.rate.set)) == ("12.5 ug/kg/min", "37.5 mL/h")
    assert program.changes.infusion_id == "INF-1"
    assert (program.vtbi, program.duration, program.container_volume, program.total_dose) == (None, None, None, None)
    assert not any(caution.must_confirm for caution in plan.offer.cautions)
    lines = [str(line) for line in plan.match.derivation]
    assert lines[-2:] == ["dose rate: 10 ug/kg/min now → 12.5 ug/kg/min, 25 % more", "rate: 30 mL/h now → 37.5 mL/h, 25 % more"]
    assert "weight that the infusion is dosed by: 80 kg" in lines


def test_d_20_a_titration_without_a_range_says_that_its_range_is_unknown():
    plan = planned(a_change(), a_running_case())
    assert [note.sentence for note in plan.offer.notes if note.field == "titration range"] == ["titrated, range unknown"]


def test_a_plain_fluid_is_changed_in_ml_per_hour():
    plan = planned(a_change(rate="80", **SALINE), a_running_case(**SALINE_RUNS))
    assert codes_of(plan) == set()
    assert (rate_of(plan), str(plan.offer.program.changes.rate), plan.offer.program.changes.dose_rate) == ("80 mL/h", "125 mL/h", None)


def test_a_drug_that_is_dosed_by_weight_may_be_changed_by_its_rate():
    plan = planned(a_change(rate="37.5", unit="mL/h"), a_running_case())
    assert (codes_of(plan), str(plan.offer.program.dose_rate.set)) == (set(), "12.5 ug/kg/min")


def test_a_syringe_needs_no_volume_either():
    order = a_change(code="LOC-02502", rate="2", strength="50", volume="50", device="SYR", weight="20")
    runs = {
        "entry_key": "DL-038",
        "drug": "midazolam",
        "concentration": Quantity.of("1", "mg/mL"),
        "rate": Quantity.of("1.2", "mL/h"),
        "dose_rate": Quantity.of("1", "ug/kg/min"),
        "dosing_weight": Quantity.of("20", "kg"),
    }
    plan = planned(order, a_running_case(mode=Mode.SYRINGE, care_area="PEDS", **runs))
    assert (codes_of(plan), rate_of(plan)) == (set(), "2.4 mL/h")


# ── what an XO may say ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("words", "field"), [({"vtbi": "250"}, "RXG-5"), ({"duration": "60"}, "TQ1-13")])
def test_a_change_of_rate_carries_no_volume_and_no_time(words, field):
    plan = planned(a_change(**words), a_running_case())
    assert codes_of(plan) == {"9004"}
    assert (said(plan, "9004").field, said(plan, "9004").owner) == (field, Owner.ANALYST)
    assert "XO" in said(plan, "9004").action


@pytest.mark.parametrize(("rate", "unit"), [("2", "g"), ("400", "ug/kg"), ("20", "mL")])
def test_a_change_names_a_rate_or_a_dose_rate_and_never_a_dose(rate, unit):
    for minutes in ("", "30"):
        plan = planned(a_change(rate=rate, unit=unit, duration=minutes), a_running_case())
        assert plan.offer is None
        assert "9004" in codes_of(plan)
        assert "names a rate or a dose rate" in said(plan, "9004").sentence


def test_a_change_without_a_rate_is_refused_once_and_one_that_cannot_be_read_too():
    nothing = planned(a_change(amounts=()), a_running_case())
    assert codes_of(nothing) == {"9003"}
    unread = planned(a_change(unit="mcg/kg/hour"), a_running_case())
    assert codes_of(unread) == {"9008"}
    assert unread.kind is Kind.TITRATION  # not a start on a channel that infuses (9002)


def test_a_change_is_not_for_pca():
    for order in (
        a_change(device="PCA"),
        a_change(parameters=(ParameterAsSent(CodeAsSent("158017", "MDC", "", "OBX[3]-3"), an_amount("1", "mg", "OBX[3]-5")),)),
    ):
        plan = planned(order, a_running_case())
        assert plan.offer is None
        assert "not for patient-controlled analgesia" in said(plan, "9004").sentence
        assert said(plan, "9004").owner is Owner.NURSE


def test_a_change_of_a_piggyback_waits_for_its_part():
    plan = planned(a_change(method="IVPB"), a_running_case())
    assert plan.offer is None
    assert "piggyback" in said(plan, "9016.kind-not-planned").sentence


def test_a_change_of_a_dose_over_time_is_refused_by_name():
    order = a_change(code="LOC-04301", rate="100", unit="mL/h", strength="1000", volume="200", weight="")
    runs = {"entry_key": "DL-064", "drug": "vancomycin", "concentration": Quantity.of("5", "mg/mL"), "dosing_weight": None}
    plan = planned(order, a_running_case(care_area="MEDSURG", **runs))
    assert "9016.kind-not-planned" in codes_of(plan)
    assert "dose over time" in said(plan, "9016.kind-not-planned").sentence


def test_further_rates_of_a_change_must_agree_with_it():
    flow = ParameterAsSent(CodeAsSent("157784", "MDC", "", "OBX[3]-3"), an_amount("37.5", "mL/h", "OBX[3]-5", "OBX[3]-6"))
    assert planned(a_change(parameters=(flow,)), a_running_case()).offer is not None
    other = replace(flow, value=an_amount("30", "mL/h", "OBX[3]-5", "OBX[3]-6"))
    assert codes_of(planned(a_change(parameters=(other,)), a_running_case())) == {"9004.values-disagree"}


def test_sr_17_a_change_says_its_strength_or_a_code_that_does():
    assert planned(a_change(strength="", volume=""), a_running_case()).offer is not None  # the orderable is a bag of 400 mg / 250 mL
    by_ingredient = {"code": "3628", "system": "http://www.nlm.nih.gov/research/umls/rxnorm"}
    assert planned(a_change(**by_ingredient), a_running_case()).offer is not None
    assert "9003" in codes_of(planned(a_change(strength="", volume="", **by_ingredient), a_running_case()))


# ── on which channel ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "code", "word"),
    [
        (ChannelState.IDLE, "9017.not-running", "idle"),
        (ChannelState.PAUSED, "9017.not-running", "paused"),
        (ChannelState.KVO, "9017.not-running", "keeps the vein open"),
        (ChannelState.ENDED, "9017.not-running", "ended"),
        (ChannelState.DELAYED_START, "9032", "delayed start"),
        (ChannelState.PROGRAMMING, "9017", "programmed by hand"),
        (ChannelState.PENDING, "9017", "waits on its screen"),
        (ChannelState.FAULT, "9017", "fault"),
    ],
)
def test_d_20_only_what_infuses_is_changed_and_every_other_state_says_why(state, code, word):
    plan = planned(a_change(), a_running_case(state=state))
    assert codes_of(plan) == {code}
    assert word in said(plan, code).sentence
    assert said(plan, code).action
    assert said(plan, code).owner is Owner.NURSE


def test_a_change_on_a_channel_that_runs_nothing_says_so_first():
    plan = planned(a_change(), a_case())
    assert codes_of(plan) == {"9017.not-running"}
    assert "start" in plan.refusals[0].action


def test_d_19_a_start_on_a_channel_that_infuses_stays_refused():
    same = planned(an_order(), a_running_case())
    assert codes_of(same) == {"9002", "9016.kind-not-planned"}
    assert "next container" in said(same, "9016.kind-not-planned").sentence
    assert codes_of(planned(an_order(), a_running_case(placer_order_number="ORD-2"))) == {"9002"}


@pytest.mark.parametrize("trouble", [{"alarming": True}, {"online": False}, {"set_installed": False}])
def test_a_channel_in_trouble_takes_no_change(trouble):
    case = a_running_case()
    assert planned(a_change(), replace(case, channel=replace(case.channel, **trouble))).offer is None


def test_sr_14_a_change_waits_for_the_offer_before_it():
    assert codes_of(planned(a_change(), a_running_case(open_offer_on_channel=ORDER_NUMBER))) == {"9016.offer-open"}


# ── which infusion ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("run", "codes", "words"),
    [
        ({"placer_order_number": "ORD-2"}, {"9035.titration-order"}, ["ORD-2", ORDER_NUMBER]),
        ({"placer_order_number": ""}, {"9035.titration-order"}, ["without an order"]),
        ({"system_group": "EHR2"}, {"9035.titration-order"}, ["EHR2", "EHR1"]),
        ({"system_group": ""}, {"9035.titration-order"}, ["not known"]),
        ({"infusion_id": ""}, {"9035.titration-order"}, ["which infusion"]),
        ({"drug": "norepinephrine"}, {"9036.titration-drug"}, ["norepinephrine", "dopamine"]),
        ({"drug": ""}, {"9036.titration-drug"}, ["does not name", "dopamine"]),
        ({"concentration": Quantity.of("3.2", "mg/mL")}, {"9037.titration-concentration"}, ["3.2 mg/mL", "1.6 mg/mL"]),
        ({"concentration": None}, {"9037.titration-concentration"}, ["does not say"]),
        ({"entry_key": "DL-011"}, {"9018.titration-entry"}, ["DL-011", "DL-010"]),
        ({"entry_key": ""}, {"9018.titration-entry"}, ["without an entry of the drug library"]),
        ({"dose_rate": Quantity.of("48", "mg/h")}, {"9040.titration-unit"}, ["mg/h", "ug/kg/min"]),
        ({"dose_rate": Quantity.of("600", "ug/kg/h")}, {"9040.titration-unit"}, ["ug/kg/h"]),
        ({"dose_rate": None}, {"9040.titration-unit"}, ["does not say at which dose rate"]),
    ],
)
def test_d_20_sr_18_what_runs_is_this_order_this_drug_this_strength_this_entry_and_this_unit(run, codes, words):
    plan = planned(a_change(), a_running_case(**run))
    assert plan.offer is None
    assert codes <= codes_of(plan)
    for finding in plan.refusals:
        assert finding.action
        assert finding.field
    sentences = " ".join(finding.sentence for finding in plan.refusals)
    assert all(word in sentences for word in words)


def test_d_02_the_pump_may_show_the_dose_in_another_scale_of_the_same_unit():
    plan = planned(a_change(), a_running_case(dose_rate=Quantity.of("0.01", "mg/kg/min")))
    assert codes_of(plan) == set()


def test_a_channel_that_does_not_say_what_it_infuses_takes_no_change():
    case = a_case(channel=a_channel(state=ChannelState.INFUSING))
    plan = planned(a_change(), case)
    assert codes_of(plan) == {"9035.titration-order"}
    assert "does not say what" in plan.refusals[0].sentence


def test_sr_03_a_channel_that_infuses_must_say_for_whom():
    plan = planned(a_change(), a_running_case(patient=None))
    assert codes_of(plan) == {"9012"}
    assert codes_of(planned(a_change(), a_running_case(patient=PatientId("4711002", "DEMO")))) == {"9012"}


def test_an_order_for_another_drug_under_the_same_number_is_a_new_programme():
    plan = planned(a_change(code="LOC-00101", strength="4", rate="0.1"), a_running_case())
    assert "9036.titration-drug" in codes_of(plan)
    assert "start" in said(plan, "9036.titration-drug").action


def test_an_order_of_another_strength_under_the_same_number_is_a_new_programme():
    plan = planned(a_change(code="LOC-00502", strength="800", rate="12.5"), a_running_case())
    assert codes_of(plan) == {"9037.titration-concentration"}


# ── a sender whose ORC-2 numbers administrations ────────────────────────────────────────────────────────────────────────────────────────


def administered(case, orc2_is=Orc2Is.ADMINISTRATION):
    """The same ward, whose EHR numbers each administration anew (D-20)."""
    senders = {**case.release.senders}
    senders["pcd03-demo"] = replace(senders["pcd03-demo"], orc2_is=orc2_is)
    return replace(case, release=replace(case.release, senders=senders))


def test_d_20_an_administration_s_number_is_tied_to_what_runs_by_its_order():
    number = IdentifierAsSent(AsSent("ADM-2", "ORC-2"), "EHR1")
    order = a_change(placer_order_number=number, running_order=AsSent("ORD-7", "ZRX-3"))
    association = replace(a_case().association, placer_order_number="ADM-2")
    case = administered(a_running_case(placer_order_number="ADM-1", order_number="ORD-7", association=association))
    assert planned(order, case).offer is not None
    by_start = administered(a_running_case(placer_order_number="ADM-1", association=association))
    assert planned(replace(order, running_order=AsSent("ADM-1", "ORC-8")), by_start).offer is not None
    assert codes_of(planned(replace(order, running_order=AsSent("ORD-8", "ZRX-3")), case)) == {"9035.titration-order"}


def test_d_20_without_the_link_to_its_order_an_administration_s_number_changes_nothing():
    """Not even where the number happens to be the one that runs: it is not the order's."""
    for sent in (AsSent(), AsSent("", "ZRX-3")):
        plan = planned(a_change(running_order=sent), administered(a_running_case()))
        assert codes_of(plan) == {"9003"}
        assert plan.refusals[0].owner is Owner.ANALYST
        assert "running_order" in plan.refusals[0].action
    assert planned(a_change(), administered(a_running_case(), Orc2Is.ORDER)).offer is not None
    assert planned(an_order(), administered(a_case())).offer is not None  # a start needs no link


# ── by which weight ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_d_17_a_running_infusion_keeps_its_dosing_weight():
    plan = planned(a_change(weight="82"), a_running_case())
    assert codes_of(plan) == set()
    assert (str(plan.offer.program.weight), plan.offer.program.weight_source) == ("80 kg", "running infusion")
    assert rate_of(plan) == "37.5 mL/h"  # 12.5 ug/kg/min of 80 kg
    assert any("80 kg" in caution.sentence and "82 kg" in caution.sentence for caution in plan.offer.cautions)


@pytest.mark.parametrize(("weight", "codes"), [("84", set()), ("84.1", {"9011"}), ("76", {"9011"}), ("76.2", set()), ("160", {"9011"})])
def test_sr_35_d_17_an_order_weight_over_five_percent_away_from_the_running_one_is_refused(weight, codes):
    assert codes_of(planned(a_change(weight=weight), a_running_case())) == codes


def test_d_17_a_change_needs_no_weight_of_its_own():
    plan = planned(a_change(weight=""), a_running_case())
    assert (codes_of(plan), str(plan.offer.program.weight)) == (set(), "80 kg")
    assert not any("weight" in caution.sentence for caution in plan.offer.cautions)  # its age was settled at the start


def test_d_17_a_weight_that_was_entered_on_the_pump_since_is_shown_and_not_used():
    for weight in ("", "80"):
        plan = planned(a_change(weight=weight), a_running_case(weight=Quantity.of("70", "kg")))
        assert (codes_of(plan), str(plan.offer.program.weight)) == (set(), "80 kg")
        assert [caution.field for caution in plan.offer.cautions if "70 kg" in caution.sentence] == ["pump weight"]


def test_sr_33_a_weight_that_the_pump_does_not_say_is_not_taken_from_the_order():
    plan = planned(a_change(weight="80"), a_running_case(dosing_weight=None, weight=Quantity.of("80", "kg")))
    assert codes_of(plan) == {"9019"}
    assert "by hand" in plan.refusals[0].action


def test_sr_34_a_running_weight_that_is_not_plausible_takes_no_change():
    assert codes_of(planned(a_change(weight=""), a_running_case(dosing_weight=Quantity.of("370", "kg")))) == {"9005"}
    assert codes_of(planned(a_change(weight="295"), a_running_case(dosing_weight=Quantity.of("301", "kg")))) == {"9005"}


def test_d_13_a_second_check_locks_the_change_and_says_so():
    heparin = {"code": "LOC-01701", "unit": "[iU]/kg/h", "strength": "25000", "strength_unit": "[iU]"}
    runs = {
        "entry_key": "DL-025",
        "drug": "heparin",
        "concentration": Quantity.of("100", "[iU]/mL"),
        "rate": Quantity.of("9.6", "mL/h"),
        "dose_rate": Quantity.of("12", "[iU]/kg/h"),
    }
    plan = planned(a_change(rate="14", **heparin), a_running_case(**runs))
    assert codes_of(plan) == set()
    assert any("before it takes effect" in caution.sentence and caution.must_confirm for caution in plan.offer.cautions)


# ── how much ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("rate", "codes"), [("0.4", {"9024"}), ("30", set()), ("30.2", {"9024"}), ("100", {"9024"}), ("20.2", set())])
def test_sr_23_sr_25_the_limits_hold_for_a_change_as_for_a_start(rate, codes):
    plan = planned(a_change(rate=rate), a_running_case())
    assert codes_of(plan) == codes
    if rate == "20.2":
        assert any("soft" in caution.field and caution.must_confirm for caution in plan.offer.cautions)


def test_sr_25_a_change_is_judged_by_what_the_pump_would_really_run():
    """30.01 ug/kg/min is 90.03 mL/h, which the pump would round back to 90 and so under the hard limit: refused all the same."""
    assert "9024" in codes_of(planned(a_change(rate="30.01"), a_running_case()))


def test_sr_30_d_15_a_change_that_rounding_would_distort_is_refused():
    insulin = {"code": "LOC-02201", "unit": "[iU]/h", "strength": "100", "strength_unit": "[iU]", "volume": "100", "weight": ""}
    runs = {
        "entry_key": "DL-032",
        "drug": "insulin regular human",
        "concentration": Quantity.of("1", "[iU]/mL"),
        "rate": Quantity.of("2", "mL/h"),
        "dose_rate": Quantity.of("2", "[iU]/h"),
        "dosing_weight": None,
    }
    assert planned(a_change(rate="3", **insulin), a_running_case(**runs)).offer is not None
    assert codes_of(planned(a_change(rate="0.54", **insulin), a_running_case(**runs))) == {"9016.rounding"}


@pytest.mark.parametrize(
    ("runs", "to", "words"),
    [
        ("1", "10", "10 times the running 1 ug/kg/min"),
        ("10", "1", "a tenth of the running 10 ug/kg/min"),
        ("0.2", "20", "100 times the running 0.2 ug/kg/min"),
        ("1.2", "12.1", "10 times"),
        ("1.25", "12.5", "10 times"),  # 3.75 mL/h, which the pump rounds to 3.7: 1.2333 ug/kg/min
        ("12.5", "1.25", "a tenth of"),
    ],
)
def test_d_18_ten_or_a_hundred_times_what_runs_is_said_in_words_inside_the_limits_too(runs, to, words):
    rate = round_to_step(Fraction(runs) * 3, Fraction(1, 10))
    plan = planned(a_change(rate=to), a_running_case(rate=Quantity(rate, "mL/h"), dose_rate=Quantity(rate / 3, "ug/kg/min")))
    slips = [caution for caution in plan.offer.cautions if "possible decimal slip" in caution.sentence]
    assert len(slips) == 1
    assert words in slips[0].sentence
    assert slips[0].must_confirm


def test_d_18_other_changes_are_not_called_slips_and_one_slip_is_said_once():
    assert not any("slip" in caution.sentence for caution in planned(a_change(rate="19"), a_running_case()).offer.cautions)
    one = a_running_case(
        dose_rate=Quantity.of("1", "ug/kg/min"),
        rate=Quantity.of("3", "mL/h"),
        earlier=EarlierProgram(Quantity.of("1", "ug/kg/min"), Quantity.of("3", "mL/h")),
    )
    assert sum("slip" in caution.sentence for caution in planned(a_change(rate="10"), one).offer.cautions) == 1


def test_d_18_a_change_by_hand_in_between_does_not_hide_a_slip_against_the_order_before():
    case = a_running_case(earlier=EarlierProgram(Quantity.of("1.25", "ug/kg/min"), Quantity.of("3.75", "mL/h")))
    plan = planned(a_change(rate="12.5"), case)
    assert any("the earlier 1.25" in caution.sentence for caution in plan.offer.cautions)


@pytest.mark.parametrize("rate", ["10", "10.0", "10.01"])
def test_a_rate_that_the_pump_already_runs_is_refused_and_not_confirmed_once_more(rate):
    plan = planned(a_change(rate=rate), a_running_case())
    assert codes_of(plan) == {"9016.unchanged"}
    assert "30 mL/h" in plan.refusals[0].sentence
    assert "Leave the pump" in plan.refusals[0].action


def test_a_total_that_the_library_limits_cannot_be_judged_for_a_change():
    alteplase = {"code": "LOC-02101", "rate": "0.8", "unit": "mg/kg/h", "strength": "100", "volume": "100"}
    runs = {
        "entry_key": "DL-031",
        "drug": "alteplase",
        "concentration": Quantity.of("1", "mg/mL"),
        "rate": Quantity.of("72", "mL/h"),
        "dose_rate": Quantity.of("0.9", "mg/kg/h"),
    }
    plan = planned(a_change(**alteplase), a_running_case(care_area="ED", **runs))
    assert codes_of(plan) == {"9024.total-dose"}
    assert "not known" in said(plan, "9024.total-dose").sentence


# ── a changed FHIR order ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def scanned(**changes):
    """The running case, with the channel and the wristband scanned for an order that has no bedside moment of its own."""
    scan = BedsideScan("SCAN-1", ASKED, "N0001", PATIENT, "LVP-0001", "A")
    case = a_running_case(scan=scan, **changes)
    return replace(case, release=replace(case.release, senders={**case.release.senders, EHR.name: EHR}))


def test_d_06_a_changed_fhir_order_scanned_on_the_channel_that_runs_it_is_a_titration():
    plan = planned(requested(a_dopamine_request(dose_rate="12.5", version="2")), scanned())
    assert (codes_of(plan), plan.kind) == (set(), Kind.TITRATION)
    assert (str(plan.offer.program.changes.dose_rate), str(plan.offer.program.dose_rate.set)) == ("10 ug/kg/min", "12.5 ug/kg/min")
    assert plan.offer.program.vtbi is None
    assert plan.offer.program.changes.infusion_id == "INF-1"


def test_d_06_without_a_scan_a_changed_fhir_order_changes_nothing():
    plan = planned(requested(a_dopamine_request(dose_rate="12.5")), replace(scanned(), scan=None))
    assert "9016.no-bedside-request" in codes_of(plan)


def test_a_fhir_order_that_runs_as_it_is_changes_nothing():
    plan = planned(requested(a_dopamine_request(dose_rate="10", version="2")), scanned())
    assert codes_of(plan) == {"9016.unchanged"}
    assert "further container" in plan.refusals[0].action


def test_a_fhir_order_on_an_idle_channel_is_a_start_and_on_a_channel_of_another_order_refused():
    idle = replace(scanned(), channel=a_channel())
    start = planned(requested(a_dopamine_request(dose_rate="12.5")), idle)
    assert (start.kind, start.offer.program.changes) == (Kind.CONTINUOUS_DOSE_RATE, None)
    assert start.offer.program.vtbi is not None
    assert codes_of(planned(requested(a_dopamine_request(dose_rate="12.5")), scanned(placer_order_number="ORD-9"))) == {"9002"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"orderable": "LOC-00502", "amount": "800"}, "9037.titration-concentration"),
        ({"patient": "4711002"}, "9012"),
    ],
)
def test_a_fhir_order_that_changed_in_anything_but_its_rate_is_a_new_programme(words, code):
    plan = planned(requested(a_dopamine_request(dose_rate="12.5", **words)), scanned())
    assert code in codes_of(plan)
    assert plan.offer is None


def test_a_fhir_order_whose_drug_changed_under_the_same_number_is_a_new_programme():
    resource = a_dopamine_request(dose_rate="0.1", orderable="LOC-00101", amount="4")
    resource = changed(resource, "contained[0].ingredient[0].itemCodeableConcept.coding[0].code", "7512")
    plan = planned(requested(resource), scanned())
    assert "9036.titration-drug" in codes_of(plan)


def test_a_fhir_order_whose_route_changed_is_not_titrated():
    resource = changed(a_dopamine_request(dose_rate="12.5"), "dosageInstruction[0].route.coding[0].code", "404820008")
    assert "9018.route" in codes_of(planned(requested(resource), scanned()))


def test_volume_and_time_of_a_changed_fhir_order_are_not_set_and_that_is_said():
    rated = a_dopamine_request(dose_rate="12.5")
    for path, value in (
        ("dosageInstruction[0].doseAndRate[0].doseQuantity", quantity("250", "mL")),
        ("dosageInstruction[0].doseAndRate[0].doseQuantity", quantity("400", "mg")),
        ("dosageInstruction[0].timing", {"repeat": {"duration": Number("4"), "durationUnit": "h"}}),
    ):
        plan = planned(requested(changed(rated, path, value)), scanned())
        assert codes_of(plan) == set()
        assert any("as they are" in caution.sentence and caution.must_confirm for caution in plan.offer.cautions)


def test_a_changed_fhir_order_that_holds_for_a_time_is_shown_with_it():
    timing = {"repeat": {"boundsDuration": quantity("24", "h")}}
    plan = planned(requested(changed(a_dopamine_request(dose_rate="12.5"), "dosageInstruction[0].timing", timing)), scanned())
    assert codes_of(plan) == set()
    assert any("24 h" in caution.sentence and caution.must_confirm for caution in plan.offer.cautions)


@pytest.mark.parametrize(
    ("state", "codes", "kind"),
    [
        (ChannelState.PAUSED, {"9017.not-running"}, Kind.TITRATION),
        (ChannelState.KVO, {"9002", "9016.kind-not-planned"}, Kind.CONTINUOUS_DOSE_RATE),
        (ChannelState.ENDED, {"9017", "9016.kind-not-planned"}, Kind.CONTINUOUS_DOSE_RATE),
    ],
)
def test_d_19_a_fhir_order_scanned_where_it_has_run_dry_is_a_next_container_and_no_change(state, codes, kind):
    plan = planned(requested(a_dopamine_request(dose_rate="12.5")), scanned(state=state))
    assert (codes_of(plan), plan.kind) == (codes, kind)


def test_a_window_of_a_changed_fhir_order_bounds_the_titration():
    window = {"rateRange": {"low": quantity("5", "ug/kg/min"), "high": quantity("15", "ug/kg/min")}}
    resource = changed(a_dopamine_request(dose_rate="12.5"), "dosageInstruction[0].doseAndRate[1]", window)
    plan = planned(requested(resource), scanned())
    assert codes_of(plan) == set()
    assert not any("range unknown" in note.sentence for note in plan.offer.notes)
    beyond = changed(a_dopamine_request(dose_rate="16"), "dosageInstruction[0].doseAndRate[1]", window)
    assert codes_of(planned(requested(beyond), scanned())) == {"9004.values-disagree"}


def test_d_17_a_changed_fhir_order_keeps_the_running_weight_too():
    plan = planned(requested(a_dopamine_request(dose_rate="12.5", weight="82")), scanned())
    assert (codes_of(plan), str(plan.offer.program.weight)) == (set(), "80 kg")


# ── the last lock ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_37_a_change_that_names_no_running_infusion_is_never_offered_even_if_no_check_spoke(monkeypatch):
    from interop.stages import checks

    monkeypatch.setattr(checks, "CHECKS", ())
    assert codes_of(planned(a_change(rate="80", **SALINE), a_case())) == {"9016.check-failed"}
    assert codes_of(planned(a_change(), a_running_case(state=ChannelState.PAUSED))) == {"9016.check-failed"}
    assert planned(a_change(), a_running_case()).offer is not None
    assert CHECKS
