"""Messages that other people wrote, as published: what this reader makes of them, right or wrong as they are. They are not part of the repository."""

from pathlib import Path

import pytest

from interop.domain.request import Purpose
from interop.domain.sender import FieldRule
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.rgv import MessageKind, kind_of, read_rgv
from tests.wire.rgv_reading import EHR1, read

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "hl7"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the folder of other people's messages is not beside this checkout")


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.hl7").read_bytes()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ihe-r10-pcd03-rgv-dopamine", MessageKind.INFUSION_ORDER),
        ("ihe-r10-pcd03-ack-ca-dopamine", MessageKind.ACKNOWLEDGMENT),
        ("ihe-r10-pcd03-rrg-aa-dopamine", MessageKind.ACKNOWLEDGMENT),
        ("ihe-r10-pcd10-deliv-start-lvp", MessageKind.INFUSION_EVENT),
        ("ihe-r10-pcd04-pump-occlusion-start", MessageKind.ALERT),
        ("ehr-machete-rde-o01-pantoprazole-drip", MessageKind.PHARMACY_ORDER),
        ("ehr-ms-rde-o11-01", MessageKind.PHARMACY_ORDER),
    ],
)
def test_every_kind_of_message_is_told_apart(name, kind):
    assert kind_of(Message.parse(sample(name))) is kind


def test_every_sample_is_read_to_an_end():
    for path in sorted(SAMPLES.glob("*.hl7")):
        request = read_rgv(Message.parse(path.read_bytes()), EHR1)
        assert request.gives or any(finding.refuses for finding in request.findings), path.name


def test_the_frameworks_dopamine_has_no_profile_id_and_an_old_number_for_its_ucum_code():
    request = read(sample("ihe-r10-pcd03-rgv-dopamine"), require_profile_id=False)
    assert request.findings == ()
    assert [finding.field for finding in read(sample("ihe-r10-pcd03-rgv-dopamine")).findings] == ["MSH-21.3"]
    give = request.gives[0]
    assert [(claim.spelling, claim.system, claim.as_sent) for claim in give.amounts[0].unit.claims] == [
        ("ug/kg/min", "UCUM", "3475^ug/kg/min"),
        ("ug/kg/min", "MDC", "265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN"),
    ]
    assert [claim.system for claim in give.vtbi.unit.claims] == ["MDC", "UCUM"]  # "UCUM " in the message
    assert (request.purpose, request.weight.number.text, request.pump.id.text) == (Purpose.START, "85.0", "A0001")


def test_the_drafts_multistep_has_two_steps_and_a_unit_that_is_not_ucum():
    request = read(sample("ihe-r11draft-pcd03-rgv-multistep-loading-then-continuous"))
    assert {finding.field for finding in request.findings} == {"RXG[1]-32", "RXG[2]-32"}  # the draft's total of all steps, to be answered
    assert not any(finding.refuses for finding in request.findings)
    assert [give.amounts[0].unit.claims[1].spelling for give in request.gives] == ["mg", "mg/hr"]
    assert [[p.value.number.text for p in give.parameters] for give in request.gives] == [
        ["2", "loading-dose", "immediate"],
        ["continuous", "immediate"],
    ]
    assert (request.height.number.text, request.body_surface_area.number.text) == ("48.00092", ".21")
    assert not request.requested_at


def test_nists_pca_order_has_a_patient_dose_without_a_number_and_a_time_of_asking_that_is_a_birth_date():
    request = read(sample("nist-pcd03-rgv-pca-morphine"))
    assert request.findings == ()
    assert [(p.code.code, p.value.number.text) for p in request.gives[0].parameters] == [("MDC_DOSE_PCA_PATIENT", "5")]
    assert (request.gives[0].amounts, request.requested_at.text) == ((), "19660101000000")


def test_nists_heparin_has_its_pump_id_and_maker_swapped_and_a_profile_may_know_it():
    assert (read(sample("nist-pcd03-rgv-heparin")).pump.id.text, read(sample("nist-pcd03-rgv-heparin")).pump.manufacturer.text) == (
        "123",
        "A0001",
    )
    swapped = {"pump_id": FieldRule(path="OBX[3.1=69986]-18.3"), "pump_manufacturer": FieldRule(path="OBX[3.1=69986]-18.1")}
    request = read(sample("nist-pcd03-rgv-heparin"), places=swapped)
    assert (request.pump.id.text, request.pump.manufacturer.text) == ("A0001", "123")
    assert request.requested_at.text == "20111209111017"


def test_an_event_of_a_pump_is_no_order_and_is_said_to_be_one():
    request = read(sample("ihe-r10-pcd10-deliv-start-lvp"))
    assert [finding.sentence for finding in request.findings] == ["this is a PCD-10 infusion event, not an infusion order"]
    assert request.gives == ()
