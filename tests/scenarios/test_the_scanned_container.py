"""A container is scanned for an order that has no bedside moment of its own: it is the one that was made for it, or nothing is offered (D-11, D-12)."""

import pytest

from interop.domain.case import BedsideScan, ContainerLabel
from tests.wards.resources import a_dopamine_request, requested
from tests.wards.ward import ASKED, LOCAL, PATIENT, a_case, codes_of, planned

DOPAMINE_400_250 = "LOC-00501"


def scanned(label: ContainerLabel):
    return a_case(scan=BedsideScan("SCAN-1", ASKED, "N0001", PATIENT, "LVP-0001", "A", label))


def test_d_11_the_container_of_this_order_and_drug_is_offered():
    plan = planned(requested(a_dopamine_request()), scanned(ContainerLabel("ORD-1001", DOPAMINE_400_250, LOCAL)))
    assert codes_of(plan) == set()
    assert plan.offer is not None


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (ContainerLabel("", "", ""), "no container"),
        (ContainerLabel("ORD-1002", DOPAMINE_400_250, LOCAL), "order ORD-1002"),
        (ContainerLabel("ORD-1001", "LOC-00101", LOCAL), "the container holds"),
        (ContainerLabel("ORD-1001", "NOBODYS", LOCAL), "no code of this site's formulary"),
    ],
)
def test_d_11_a_container_of_another_order_or_drug_is_refused_and_not_hung(label, says):
    plan = planned(requested(a_dopamine_request()), scanned(label))
    assert plan.offer is None
    (refusal,) = [finding for finding in plan.refusals if finding.code_text == "9016.container"]
    assert says in refusal.sentence
    assert "Do not hang it" in refusal.action


def test_d_12_sr_05_a_pump_whose_patient_is_in_doubt_takes_no_new_program():
    plan = planned(case=a_case(in_doubt="merge"))
    assert plan.offer is None
    assert codes_of(plan) == {"9016.association-in-doubt"}
