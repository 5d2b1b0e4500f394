"""A sender's profile applied to its messages: who sent it, and where this sender puts what the standard leaves open (D-28)."""

from dataclasses import replace

import pytest

from interop.domain.request import AsSent, IdentifierAsSent, VerificationPolicy
from interop.domain.sender import FieldRule, Format, NotAPath, VerificationRule
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.profile import find_sender
from tests.wards.messages import a_dopamine_rgv, a_multistep_rgv, an_rgv
from tests.wire.rgv_reading import EHR1, read, refused_fields


def sender_of(*profiles, **words):
    found = find_sender(Message.parse(an_rgv(**words)), profiles)
    return found.name if found else None


def test_a_sender_is_known_by_its_application_and_facility():
    other = replace(EHR1, name="other", names=(("EHR2", "DEMO"), ("EHR2", "NORTH")))
    assert sender_of(EHR1, other) == "pcd03-demo"
    assert sender_of(EHR1, other, application="EHR2", facility="NORTH") == "other"
    assert sender_of(EHR1, other, application="EHR2", facility="SOUTH") is None
    assert sender_of(EHR1, other, application="ehr1") is None
    assert sender_of(EHR1, application="^2.16.840.1.113883.3.9999.1^ISO") is None


def test_any_facility_is_taken_only_where_no_profile_names_this_one():
    anywhere = replace(EHR1, name="anywhere", names=(("EHR1", "*"),))
    assert sender_of(anywhere, EHR1) == "pcd03-demo"
    assert sender_of(anywhere, EHR1, facility="NORTH") == "anywhere"
    assert sender_of(anywhere, facility="") == "anywhere"


def test_two_profiles_with_the_same_claim_are_nobody_and_a_fhir_client_is_no_sender_of_hl7():
    assert sender_of(EHR1, replace(EHR1, name="twin")) is None
    assert sender_of(replace(EHR1, format=Format.FHIR_R4)) is None


@pytest.mark.requirement("D-28")
def test_d_28_an_older_senders_pump_id_is_read_from_its_own_place_and_only_from_there():
    old = {"pump_id": FieldRule(path="OBX[3.1=69986]-18.3"), "pump_manufacturer": FieldRule(path="OBX[3.1=69986]-18.4")}
    request = read(a_dopamine_rgv(fields={"OBX[1]-18": "^^A0001^PUMPVENDOR"}), places=old)
    assert (request.pump.id, request.pump.manufacturer.text) == (AsSent("A0001", "OBX[1]-18.3"), "PUMPVENDOR")
    assert request.findings == ()
    request = read(a_dopamine_rgv(fields={"OBX[1]-18": "LVP-0001"}), places=old)
    assert refused_fields(request) == {("9003", "OBX[1]-18.3")}


@pytest.mark.requirement("D-28")
def test_d_28_pump_and_channel_are_split_from_one_text():
    rule = FieldRule(path="OBX[3.1=69986]-18.1", separator=":", part=1)
    places = {"pump_id": rule, "pump_channel": replace(rule, part=2, values={"1": "A", "2": "B"})}
    request = read(a_dopamine_rgv(pump="LVP-0001:2", channel=""), places=places)
    assert (request.pump.id.text, request.pump.channel.text) == ("LVP-0001", "B")
    assert request.pump.channel.field == "OBX[1]-18.1"
    request = read(a_dopamine_rgv(pump="LVP-0001:7", channel=""), places=places)
    assert request.pump.channel.text == "7"  # the table guesses nothing: whoever needs it refuses it
    request = read(a_dopamine_rgv(channel=""), places=places)
    assert (request.pump.id.text, request.pump.channel.text) == ("LVP-0001", "")


@pytest.mark.requirement("D-28")
def test_d_28_a_constant_says_where_it_comes_from():
    request = read(a_dopamine_rgv(), places={"patient_authority": FieldRule(constant="NORTH"), "therapy": FieldRule(constant="Standard")})
    assert request.patient.ids == (IdentifierAsSent(AsSent("4711001", "PID-3.1"), "NORTH", "PI"),)
    assert request.therapy == AsSent("Standard", "sender profile pcd03-demo")


@pytest.mark.requirement("D-28")
def test_d_28_a_rule_that_finds_nothing_has_no_fall_back():
    places = {
        "requested_at": FieldRule(path="ZRX-4"),
        "requested_by": FieldRule(path="ORC-10.1"),
        "patient_id": FieldRule(path="PID-3(2).1"),
    }
    request = read(a_dopamine_rgv(), places=places)
    assert (request.requested_at, request.requested_by) == (AsSent("", "ZRX-4"), AsSent("", "ORC-10.1"))
    assert request.patient.ids == (IdentifierAsSent(AsSent("", "PID-3(2).1"), "DEMO", "PI"),)


@pytest.mark.requirement("D-28")
def test_d_28_a_rule_that_finds_two_values_takes_neither():
    message = a_multistep_rgv(after={"OBX[2]": ["OBX|9|ST|HOUSE-1^therapy^L||VTE"], "OBX[6]": ["OBX|9|ST|HOUSE-1^therapy^L||ACS"]})
    request = read(message, places={"therapy": FieldRule(path="OBX[3.1=HOUSE-1]-5")})
    assert not request.therapy
    assert refused_fields(request) == {("9004", "OBX[3]-5")}
    both = FieldRule(path="OBX[3.1=HOUSE-1]-5")
    assert len(read(message, places={"therapy": both, "pump_channel": both}).findings) == 1  # said once
    same = a_multistep_rgv(after={"OBX[2]": ["OBX|9|ST|HOUSE-1^therapy^L||VTE"], "OBX[6]": ["OBX|9|ST|HOUSE-1^therapy^L||VTE"]})
    request = read(same, places={"therapy": FieldRule(path="OBX[3.1=HOUSE-1]-5")})
    assert (request.therapy, request.findings) == (AsSent("VTE", "OBX[3]-5"), ())


def test_an_obx_that_the_profile_reads_is_no_programming_parameter_unless_it_is_one_of_pcd_03():
    message = a_dopamine_rgv(parameters=(("HOUSE-1", "therapy", "VTE"), ("158017", "MDC_DOSE_PCA_PATIENT", "1", "mg")))
    read_here = {"therapy": FieldRule(path="OBX[3.1=HOUSE-1]-5")}
    assert [p.code.code for p in read(message, places=read_here).gives[0].parameters] == ["158017"]
    everything_numeric = {"therapy": FieldRule(path="OBX[2=NM]-5")}
    assert [p.code.code for p in read(message, places=everything_numeric).gives[0].parameters] == ["HOUSE-1", "158017"]
    assert [p.code.code for p in read(message).gives[0].parameters] == ["HOUSE-1", "158017"]


def test_a_profile_may_choose_one_of_several_values_where_the_reader_would_not():
    message = a_dopamine_rgv(requested_by="9911^^^NPI~N0001^^^DEMO")
    assert refused_fields(read(message)) == {("9004", "ORC-19")}
    request = read(message, places={"requested_by": FieldRule(path="ORC-19(2).1")})
    assert (request.requested_by, request.findings) == (AsSent("N0001", "ORC-19(2).1"), ())
    message = a_dopamine_rgv(fields={"OBX[1]-18": "TAG-7~LVP-0001"})
    request = read(message, places={"pump_id": FieldRule(path="OBX[3.1=69986]-18(2).1")})
    assert (request.pump.id.text, request.findings) == ("LVP-0001", ())


@pytest.mark.parametrize("rule", [FieldRule(path="OBX[3.1=69986]-18.1"), FieldRule(path="OBX[3.1=69986]-18.1", separator="/", part=1)])
def test_a_profile_that_does_not_choose_among_two_pumps_gets_none_of_them_unseen(rule):
    request = read(a_dopamine_rgv(fields={"OBX[1]-18": "LVP-0001/A~LVP-0002/A"}), places={"pump_id": rule})
    assert refused_fields(request) == {("9004", "OBX[1]-18")}
    request = read(a_dopamine_rgv(fields={"ORC-2": "ORD-1~ORD-2"}), places={"placer_order_number": FieldRule(path="ORC-2.1")})
    assert refused_fields(request) == {("9004", "ORC-2")}


def test_a_pump_in_another_place_of_obx_leaves_obx_required_and_a_field_that_is_not_read_may_hold_anything():
    elsewhere = {"pump_id": FieldRule(path="OBX[3.1=69986]-18.3"), "requested_at": FieldRule(path="ZRX-4")}
    assert ("9003", "OBX") in refused_fields(read(an_rgv(without=["OBX"]), places=elsewhere))
    assert read(an_rgv(fields={"ORC-9": "20260302~20260303"}, therapy="VTE"), places=elsewhere).findings == ()
    constant = {"pump_id": FieldRule(constant="LVP-0009"), "requested_at": FieldRule(constant="20260302")}
    assert read(an_rgv(pump="", fields={"ORC-9": "20260302~20260303"}), places=constant).findings == ()


def test_a_sender_whose_pump_stands_elsewhere_needs_no_obx():
    places = {"pump_id": FieldRule(path="ZPM-1")}
    message = an_rgv(pump="", after={"RXR": ["ZPM|LVP-0001"]})
    request = read(message, places=places)
    assert (request.pump.id.text, request.findings) == ("LVP-0001", ())


@pytest.mark.requirement("D-14")
@pytest.mark.parametrize(("sent", "verified"), [("V", True), ("P", False), ("X", None), ("", None)])
def test_d_14_verification_by_a_field_knows_yes_no_and_does_not_know(sent, verified):
    rule = VerificationRule(VerificationPolicy.FIELD, FieldRule(path="ORC-5"), frozenset({"V"}), frozenset({"P"}))
    request = read(a_dopamine_rgv(fields={"ORC-5": sent}), verification=rule)
    assert (request.verification.policy, request.verification.value.text, request.verification.verified) == (
        VerificationPolicy.FIELD,
        sent,
        verified,
    )


@pytest.mark.requirement("D-14")
def test_d_14_the_other_policies_read_nothing_and_a_value_on_both_lists_is_not_verified():
    for policy in (VerificationPolicy.BY_CONTRACT, VerificationPolicy.NONE):
        assert read(a_dopamine_rgv(), verification=VerificationRule(policy)).verification.verified is None
    rule = VerificationRule(VerificationPolicy.FIELD, FieldRule(path="ORC-5"), frozenset({"V"}), frozenset({"V"}))
    assert read(a_dopamine_rgv(fields={"ORC-5": "V"}), verification=rule).verification.verified is False


@pytest.mark.requirement("D-17")
@pytest.mark.parametrize(
    ("sent", "declared", "refused"), [("DW", True, False), ("AW", False, False), ("", False, False), ("??", False, True)]
)
def test_d_17_a_dosing_weight_is_declared_in_words_that_the_profile_knows(sent, declared, refused):
    rule = FieldRule(path="OBX[3.1=68063]-17", values={"DW": "true", "AW": "false"})
    request = read(a_dopamine_rgv(fields={"OBX[2]-17": sent}), places={"weight_is_dosing_weight": rule})
    assert request.weight_is_dosing_weight is declared
    assert bool(refused_fields(request)) is refused


def test_the_weights_time_and_the_patients_place_may_stand_elsewhere():
    places = {"weight_at": FieldRule(path="OBX[3.1=68063]-19"), "location": FieldRule(path="PV1-3.4.1", values={"MAIN": "ICU"})}
    request = read(a_dopamine_rgv(fields={"OBX[2]-19": "20260302", "PV1-3": "12^1^2^MAIN&1.2&ISO"}), places=places)
    assert (request.weight_at, request.patient.location) == (AsSent("20260302", "OBX[2]-19"), AsSent("ICU", "PV1-3.4.1"))


def test_a_rule_outside_the_grammar_is_the_sites_fault_and_says_so():
    with pytest.raises(NotAPath):
        read(a_dopamine_rgv(), places={"therapy": FieldRule(path="RXG/4")})
