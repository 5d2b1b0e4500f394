"""Is the order active, verified, wanted once, and of a kind that is planned? (SR-07, SR-12, D-04, D-05, D-14, D-25)"""

from dataclasses import replace

import pytest

from interop.domain.case import PriorEffect
from interop.domain.channel import ChannelState, Running
from interop.domain.finding import Owner
from interop.domain.quantity import Quantity
from interop.domain.request import AsSent, CodeAsSent, ParameterAsSent, Purpose, VerificationAsSent, VerificationPolicy
from tests.wards.ward import LOCAL, ORDER_NUMBER, a_case, a_channel, a_give, an_amount, an_order, codes_of, planned


@pytest.mark.parametrize("status", ["draft", "on-hold", "stopped", "cancelled", "completed", "entered-in-error", "unknown", "ACTIVE"])
def test_sr_07_only_an_active_order_is_programmed(status):
    plan = planned(an_order(status=AsSent(status, "MedicationRequest.status")))
    assert codes_of(plan) == {"9016.order-not-active"}
    assert status in plan.refusals[0].sentence


@pytest.mark.parametrize("intent", ["proposal", "plan", "option", "reflex-order"])
def test_sr_07_an_intent_that_orders_nothing_is_not_programmed(intent):
    assert codes_of(planned(an_order(intent=AsSent(intent, "MedicationRequest.intent")))) == {"9016.order-not-active"}


@pytest.mark.parametrize("intent", ["order", "original-order", "filler-order", "instance-order"])
def test_sr_07_the_actionable_intents_are_offered(intent):
    order = an_order(status=AsSent("active", "MedicationRequest.status"), intent=AsSent(intent, "MedicationRequest.intent"))
    assert planned(order).offer is not None


def test_sr_07_do_not_perform_is_never_programmed():
    plan = planned(an_order(do_not_perform=AsSent("true", "MedicationRequest.doNotPerform")))
    assert codes_of(plan) == {"9016.order-not-active"}
    assert planned(an_order(do_not_perform=AsSent("false", "MedicationRequest.doNotPerform"))).offer is not None


@pytest.mark.parametrize("state", ["held", "ended", "waiting"])
def test_sr_07_what_the_record_knows_of_the_order_counts(state):
    assert codes_of(planned(case=a_case(order_state=state))) == {"9016.order-not-active"}
    assert planned(case=a_case(order_state="active")).offer is not None


def test_d_14_an_unverified_order_waits_for_the_pharmacist():
    for verification in (
        VerificationAsSent(VerificationPolicy.NONE),
        VerificationAsSent(VerificationPolicy.FIELD, AsSent("PENDING", "ZRX-4"), verified=False),
        VerificationAsSent(VerificationPolicy.FIELD, AsSent("maybe", "ZRX-4"), verified=None),
        VerificationAsSent(VerificationPolicy.FIELD, AsSent("", "ZRX-4"), verified=None),
    ):
        plan = planned(an_order(verification=verification))
        assert codes_of(plan) == {"9016.not-verified"}
        assert plan.refusals[0].owner is Owner.PHARMACY


def test_d_14_a_verified_order_is_offered():
    verified = VerificationAsSent(VerificationPolicy.FIELD, AsSent("VERIFIED", "ZRX-4"), verified=True)
    assert planned(an_order(verification=verified)).offer is not None


def test_d_14_a_drug_of_the_emergency_list_is_offered_and_marked():
    case = a_case()
    assert case.release.emergency, "the demo site has a signed emergency list"
    rule = next(rule for rule in case.release.emergency if rule.drug == "norepinephrine" and rule.care_area == "ICU")
    assert rule.signed_by
    order = an_order(
        code="LOC-00101", strength="4", rate="0.1", verification=VerificationAsSent(VerificationPolicy.NONE)
    )  # norepinephrine 4 mg / 250 mL
    plan = planned(order, case)
    assert plan.offer is not None
    assert any(caution.code_text == "9016.not-verified" for caution in plan.offer.cautions)


def test_sr_12_d_04_the_same_key_with_other_content_is_a_conflict():
    assert codes_of(planned(case=a_case(prior_effect=PriorEffect.OTHER_CONTENT))) == {"9016.conflict"}


def test_d_05_one_open_offer_on_a_channel():
    plan = planned(case=a_case(open_offer_on_channel="ORD-7"))
    assert codes_of(plan) == {"9016.offer-open"}
    assert "ORD-7" in plan.refusals[0].sentence


def test_d_05_an_order_that_is_live_elsewhere_is_said_and_refused_for_a_dose():
    live = a_case(live_on="LVP-0002 channel A")
    plan = planned(case=live)
    assert plan.offer is not None
    assert any("LVP-0002" in caution.sentence and caution.must_confirm for caution in plan.offer.cautions)
    vancomycin = an_order(code="LOC-04301", rate="1000", unit="mg", duration="60", strength="1000", volume="200", vtbi="200", weight="")
    assert planned(vancomycin, a_case(care_area="MEDSURG")).offer is not None
    refused = planned(vancomycin, replace(a_case(care_area="MEDSURG"), live_on="LVP-0002 channel A"))
    assert codes_of(refused) == {"9016.live-elsewhere"}


def test_d_25_pharmacy_can_hold_an_entry_or_a_code():
    assert codes_of(planned(case=a_case(held_entries=frozenset({"DL-010"})))) == {"9016.entry-hold"}
    assert codes_of(planned(case=a_case(held_codes=frozenset({(LOCAL, "LOC-00501")})))) == {"9016.entry-hold"}
    assert planned(case=a_case(held_entries=frozenset({"DL-011"}))).offer is not None


def a_parameter(code, text, number, unit):
    return ParameterAsSent(CodeAsSent(code, "MDC", text, "OBX[3]-3"), an_amount(number, unit, "OBX[3]-5", "OBX[3]-6"))


@pytest.mark.parametrize(
    ("order", "code", "named"),
    [
        (an_order(purpose=Purpose.BOLUS, order_control=AsSent("CH", "ORC-1")), "9038", "bolus"),
        (an_order(method="IVPB"), "9016.kind-not-planned", "piggyback"),
        (an_order(device="PCA"), "9016.kind-not-planned", "patient-controlled"),
        (an_order(parameters=(a_parameter("158017", "MDC_DOSE_PCA_PATIENT", "1", "mg"),)), "9016.kind-not-planned", "patient-controlled"),
        (an_order(parameters=(a_parameter("0", "MDC_DOSE_PCA_PATIENT", "1", "mg"),)), "9016.kind-not-planned", "patient-controlled"),
        (an_order(parameters=(a_parameter("158023", "MDC_DOSE_INTERMITTENT", "1", "g"),)), "9016.kind-not-planned", "intermittent"),
        (an_order(parameters=(a_parameter("158037", "", "loading-dose", ""),)), "9016.kind-not-planned", "loading"),
        (an_order(gives=(a_give(), a_give(sub_id=AsSent("2", "RXG-1")))), "9016.kind-not-planned", "multistep"),
    ],
)
def test_a_kind_that_is_not_planned_yet_is_refused_by_name(order, code, named):
    plan = planned(order)
    assert plan.offer is None
    assert code in codes_of(plan)
    assert any(named in finding.sentence for finding in plan.refusals if finding.code_text == code)


def test_d_19_a_further_container_of_what_runs_is_named_as_such_and_refused_until_it_is_planned():
    runs = Running(ORDER_NUMBER, "DL-010", "dopamine", Quantity.of("1.6", "mg/mL"), Quantity.of("30", "mL/h"), None, None)
    plan = planned(case=a_case(channel=a_channel(state=ChannelState.INFUSING, running=runs)))
    assert codes_of(plan) == {"9002", "9016.kind-not-planned"}
    assert any("next container" in finding.sentence for finding in plan.refusals)
    other = planned(case=a_case(channel=a_channel(state=ChannelState.INFUSING, running=replace(runs, placer_order_number="ORD-2"))))
    assert codes_of(other) == {"9002"}
