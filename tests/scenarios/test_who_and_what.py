"""Who asked, for whom, on which channel: every id drops or changes in turn, and nothing is offered (SR-02, SR-03, SR-06, D-06, D-08, D-11)."""

from dataclasses import replace

import pytest

from interop.domain.case import BedsideScan
from interop.domain.patient import PatientFacts, PatientId
from interop.domain.request import AsSent, IdentifierAsSent, PatientAsSent, PumpAsSent
from tests.wards.ward import ASKED, ORDER_NUMBER, PATIENT, a_case, a_channel, an_association, an_order, codes_of, planned, rate_of

SOMEONE_ELSE = PatientId("4711999", "DEMO")
SAME_NUMBER_ELSEWHERE = PatientId(PATIENT.value, "OTHER HOSPITAL")


def test_a_complete_order_is_offered_on_the_scanned_channel():
    plan = planned()
    assert plan.offer is not None
    assert (plan.offer.pump_id, plan.offer.channel_id, plan.offer.patient) == ("LVP-0001", "A", PATIENT)
    assert rate_of(plan) == "30 mL/h"  # 10 ug/kg/min × 80 kg × 60 min/h ÷ 1.6 mg/mL


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (an_order(placer_order_number=IdentifierAsSent(AsSent("", "ORC-2"))), "9003"),
        (an_order(patient=PatientId("", "DEMO")), "9031"),
        (an_order(code=""), "9003"),
        (an_order(pump=PumpAsSent()), "9001"),
        (an_order(pump=PumpAsSent(AsSent("LVP-0001", "OBX-18"))), "9001"),
        (an_order(pump=PumpAsSent(AsSent("LVP-0002", "OBX-18"), AsSent("A", "OBX-18"))), "9001"),
        (an_order(pump=PumpAsSent(AsSent("LVP-0001", "OBX-18"), AsSent("B", "OBX-18"))), "9001"),
    ],
    ids=["no order number", "no patient", "no drug", "no pump", "no channel of a pump of two", "another pump", "another channel"],
)
def test_sr_02_d_08_an_order_that_lacks_or_changes_an_identity_is_not_offered(order, code):
    plan = planned(order)
    assert plan.offer is None
    assert code in codes_of(plan)


@pytest.mark.parametrize(
    ("association", "code"),
    [
        (None, "9016.not-associated"),
        (an_association(patient=SOMEONE_ELSE), "9012"),
        (an_association(patient=SAME_NUMBER_ELSEWHERE), "9012"),
        (an_association(placer_order_number="ORD-2"), "9016.not-associated"),
        (an_association(channel_id="B"), "9001"),
        (an_association(pump_id="LVP-0002"), "9001"),
    ],
    ids=["no scan", "another patient", "same number, other authority", "another order", "another channel", "another pump"],
)
def test_sr_02_all_ids_are_equal_to_one_live_association(association, code):
    plan = planned(case=a_case(association=association))
    assert plan.offer is None
    assert code in codes_of(plan)


def test_sr_02_an_unknown_channel_is_refused_without_looking_further():
    plan = planned(case=a_case(channel=None))
    assert plan.offer is None
    assert "9001" in codes_of(plan)


def test_sr_03_d_11_another_patient_live_on_the_pump_refuses():
    plan = planned(case=a_case(channel=a_channel(patient=SOMEONE_ELSE)))
    assert codes_of(plan) == {"9012"}


def test_sr_03_a_further_id_of_the_same_person_is_the_same_person():
    known = PatientFacts(frozenset({PATIENT, PatientId("NAT-77", "NATIONAL")}))
    plan = planned(case=a_case(channel=a_channel(patient=PatientId("NAT-77", "NATIONAL")), patient=known))
    assert plan.offer is not None


def test_sr_06_an_anonymous_request_is_refused():
    plan = planned(an_order(requested_by=AsSent("", "ORC-19")))
    assert codes_of(plan) == {"9003"}
    assert plan.refusals[0].field == "ORC-19"


def test_sr_06_a_shared_identity_is_nobodys(monkeypatch):
    case = a_case()
    profile = replace(case.release.senders["pcd03-demo"], shared_identities=frozenset({"N0001"}))
    release = replace(case.release, senders={**case.release.senders, "pcd03-demo": profile})
    plan = planned(case=replace(case, release=release))
    assert codes_of(plan) == {"9016.shared-identity"}


def test_an_identity_that_the_sender_marks_as_unknown_is_refused():
    patient = PatientAsSent(ids=(IdentifierAsSent(AsSent(PATIENT.value, "PID-3"), "DEMO"),), identity_unknown=AsSent("Y", "PID-31"))
    request = replace(an_order(), patient=patient)
    assert "9031" in codes_of(planned(request))


def test_d_06_an_order_without_a_bedside_moment_waits_for_its_scan():
    order = an_order(bedside=False, requested_at=AsSent(), requested_by=AsSent(), pump=PumpAsSent())
    plan = planned(order)
    assert plan.offer is None
    assert codes_of(plan) == {"9016.no-bedside-request"}
    scan = BedsideScan("SCAN-1", ASKED, "N0001", PATIENT, "LVP-0001", "A")
    assert planned(order, a_case(scan=scan)).offer is not None
    assert codes_of(planned(order, a_case(scan=replace(scan, patient=SOMEONE_ELSE)))) == {"9012"}
    assert codes_of(planned(order, a_case(scan=replace(scan, channel_id="B")))) == {"9001"}


def test_a_refusal_never_shows_a_whole_patient_id():
    plan = planned(case=a_case(association=an_association(patient=SOMEONE_ELSE), channel=a_channel(patient=SOMEONE_ELSE)))
    said = " ".join(finding.sentence for finding in plan.findings)
    assert SOMEONE_ELSE.value not in said
    assert PATIENT.value not in said
    assert plan.order.placer_order_number == ORDER_NUMBER


def test_d_28_only_ids_of_the_authorities_that_count_for_a_sender_name_the_patient():
    case = a_case()
    profile = replace(case.release.senders["pcd03-demo"], patient_authorities=frozenset({"HOSPITAL"}))
    there = replace(case, release=replace(case.release, senders={**case.release.senders, "pcd03-demo": profile}))
    assert "9031" in codes_of(planned(case=there))
    own = replace(profile, patient_authorities=frozenset({"DEMO"}))
    here = replace(case, release=replace(case.release, senders={**case.release.senders, "pcd03-demo": own}))
    assert planned(case=here).offer is not None
