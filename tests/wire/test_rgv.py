"""PCD-03 → ``OrderRequest``: what is copied, as sent, and what is refused because copying it would mean choosing."""

from dataclasses import replace

import pytest

from interop.domain.finding import Severity
from interop.domain.request import AmountAsSent, AsSent, CodeAsSent, IdentifierAsSent, Purpose, UnitClaim
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.rgv import MessageKind, kind_of, read_rgv
from tests.wards.messages import (
    BOLUS_RATE,
    DEMAND_DOSE,
    ORDER_TYPE,
    STEP_TYPE,
    a_bolus_rgv,
    a_cefazolin_rgv,
    a_dopamine_rgv,
    a_fluid_rgv,
    a_heparin_rgv,
    a_multistep_rgv,
    a_pca_rgv,
    a_piggyback_rgv,
    a_syringe_rgv,
    a_titration_rgv,
    an_intermittent_rgv,
    an_rgv,
    message_of,
)
from tests.wire.rgv_reading import EHR1, read, refused_fields

ALL = [
    a_fluid_rgv,
    a_dopamine_rgv,
    a_heparin_rgv,
    a_cefazolin_rgv,
    a_piggyback_rgv,
    a_syringe_rgv,
    a_pca_rgv,
    an_intermittent_rgv,
    a_titration_rgv,
    a_bolus_rgv,
    a_multistep_rgv,
]


@pytest.mark.parametrize("order", ALL, ids=lambda order: order.__name__)
def test_every_order_of_the_demo_ehr_is_read_without_a_finding(order):
    request = read(order())
    assert request.findings == ()
    assert request.bedside
    assert (request.sender, request.system_group, request.message_kind) == ("pcd03-demo", "EHR1", "RGV^O15")


# ── who, when, which ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_times_stay_as_they_were_sent_with_an_offset_or_without():
    request = read(a_dopamine_rgv(requested_at="20260302015950", sent_at="202603020159"), zone="-06:00")
    assert request.requested_at == AsSent("20260302015950", "ORC-9")
    assert request.sent_at == AsSent("202603020159", "MSH-7")


def test_every_id_of_the_patient_is_read_with_the_authority_that_gave_it():
    request = read(an_rgv(fields={"PID-3": "4711001^^^DEMO^MR~77^^^&2.16.1&ISO^PI~55"}))
    assert request.patient.ids == (
        IdentifierAsSent(AsSent("4711001", "PID-3(1).1"), "DEMO", "MR"),
        IdentifierAsSent(AsSent("77", "PID-3(2).1"), "2.16.1", "PI"),
        IdentifierAsSent(AsSent("55", "PID-3(3).1"), "", ""),
    )


def test_a_patient_without_an_id_still_names_the_field_that_is_empty():
    assert read(an_rgv(fields={"PID-3": ""})).patient.ids == (IdentifierAsSent(AsSent("", "PID-3")),)


def test_more_ids_than_anyone_has_are_refused_and_not_read_to_the_end():
    request = read(an_rgv(fields={"PID-3": "~".join(f"{n}^^^DEMO" for n in range(5000))}))
    assert len(request.patient.ids) == 16
    assert refused_fields(request) == {("9031", "PID-3"), ("9031", "PID-3(2)")}


def test_the_legal_name_is_chosen_and_written_for_people():
    request = read(an_rgv(name="Sol&&&&Rivera^Nana^^^^^N~Rivera&de^Ana^Luz^^^^L"))
    assert request.patient.name == AsSent("Rivera, Ana Luz", "PID-5(2)")
    assert read(an_rgv(name="Rivera")).patient.name.text == "Rivera"
    assert read(an_rgv(name="")).patient.name == AsSent("", "PID-5")


def test_a_null_beside_the_dose_says_nothing():
    request = read(an_rgv(fields={"PID-8": '""', "PV1-3": '""', "ORC-9": '""'}))
    assert (request.patient.sex.text, request.patient.location.text, request.requested_at.text) == ("", "", "")


def test_the_parent_order_of_a_bolus_is_read_from_the_subcomponents():
    assert read(a_bolus_rgv()).parent_order == IdentifierAsSent(AsSent("ORD-1001", "ORC-8.1.1"), "EHR1")
    assert read(a_bolus_rgv(parent_order="ORD-7")).parent_order == IdentifierAsSent(AsSent("ORD-7", "ORC-8.1.1"))


def test_an_order_number_without_a_namespace_has_its_universal_id_as_authority():
    request = read(an_rgv(fields={"ORC-2": "ORD-1^^2.16.5^ISO"}))
    assert request.placer_order_number == IdentifierAsSent(AsSent("ORD-1", "ORC-2.1"), "2.16.5")


@pytest.mark.requirement("D-13")
def test_d_13_the_clinician_of_orc_19_is_the_one_who_asked_and_nothing_more():
    request = read(an_rgv(requested_by="N0001^Okafor^Ada"))
    assert request.requested_by == AsSent("N0001", "ORC-19.1")


@pytest.mark.parametrize(
    "field", ["ORC-1", "ORC-2", "ORC-5", "ORC-8", "ORC-9", "ORC-19", "MSH-7", "MSH-10", "PID-7", "PV1-3", "RXG-1", "RXR-1", "RXR-3"]
)
def test_a_field_of_one_value_that_holds_two_is_refused_by_name(field):
    assert ("9004", field) in refused_fields(read(an_rgv(fields={field: "A~B"})))


def test_version_and_character_set_are_no_reason_to_refuse():
    assert (
        read(an_rgv(fields={"MSH-12": "2.5", "MSH-19": "EN^English^ISO659", "MSH-9": "RGV^O15", "MSH-5": "", "MSH-6": ""})).findings == ()
    )


@pytest.mark.parametrize("claimed", ["", "IHE_PCD_PIV_001", "PCD^IHE^1.3.6.1.4.1.19376.1.6.1.1.1^ISO"])
def test_d_08_a_sender_that_must_name_the_profile_is_refused_without_its_oid(claimed):
    message = an_rgv(profile_id=claimed)
    assert refused_fields(read(message)) == {("9004", "MSH-21.3")}
    assert read(message, require_profile_id=False).findings == ()


def test_the_profile_may_be_one_of_several_and_only_its_oid_counts():
    assert read(an_rgv(profile_id="LOCAL~anything^^ 1.3.6.1.4.1.19376.1.6.1.3.1^ISO")).findings == ()


# ── what: codes, amounts, units ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_both_codes_of_a_drug_are_read_and_their_systems_spelled_by_the_profile():
    request = read(a_dopamine_rgv(drug="LOC-00501^DOPamine^LOC^3628^dopamine^RXNORM "))
    assert request.gives[0].codes == (
        CodeAsSent("LOC-00501", "urn:interop:demo:orderable", "DOPamine", "RXG-4.1"),
        CodeAsSent("3628", "http://www.nlm.nih.gov/research/umls/rxnorm", "dopamine", "RXG-4.4"),
    )


def test_no_system_and_an_unknown_system_are_spelled_by_the_profile_or_stay_as_sent():
    request = read(a_dopamine_rgv(drug="1234^Dopamine^^55^dopamine^HOUSE"))
    assert [code.system for code in request.gives[0].codes] == ["", "HOUSE"]
    request = read(a_dopamine_rgv(drug="1234^Dopamine"), code_systems={"": "urn:house"})
    assert [code.system for code in request.gives[0].codes] == ["urn:house"]


def test_a_drug_with_a_name_and_no_code_is_kept_as_a_name_that_identifies_nothing():
    assert read(a_dopamine_rgv(drug="^Dopamine")).gives[0].codes == (CodeAsSent("", "", "Dopamine", "RXG-4.1"),)
    assert [code.code for code in read(a_dopamine_rgv(drug="7^Dopamine^^^dopamine")).gives[0].codes] == ["7"]
    assert read(a_dopamine_rgv(drug="")).gives[0].codes == ()


@pytest.mark.parametrize(
    ("as_sent", "claims"),
    [
        (
            "265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN^MDC^ug/kg/min^ug/kg/min^UCUM",
            [("ug/kg/min", "MDC", "RXG-16.1", "265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN"), ("ug/kg/min", "UCUM", "RXG-16.4", "ug/kg/min")],
        ),
        (
            "ug/min^ug/min^UCUM ^265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN^MDC",
            [("ug/min", "UCUM", "RXG-16.1", "ug/min"), ("ug/kg/min", "MDC", "RXG-16.4", "265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN")],
        ),
        ("3475^ug/kg/min^UCUM", [("ug/kg/min", "UCUM", "RXG-16.1", "3475^ug/kg/min")]),
        ("1^^UCUM", [("1", "UCUM", "RXG-16.1", "1")]),
        ("265619^MDC_DIM_MILLI_L^MDC", [("ug/kg/min", "MDC", "RXG-16.1", "265619^MDC_DIM_MILLI_L")]),
        ("999999^MDC_DIM_MILLI_L^MDC", [("", "MDC", "RXG-16.1", "999999^MDC_DIM_MILLI_L")]),
        ("^MDC_DIM_MILLI_L^MDC", [("", "MDC", "RXG-16.1", "^MDC_DIM_MILLI_L")]),
        ("mg/hr^mg per hour^UCUM", [("mg/hr", "UCUM", "RXG-16.1", "mg/hr")]),
        ("^mg/h^UCUM", [("mg/h", "text", "RXG-16.1", "mg/h")]),
        ("mcg/kg/min", [("mcg/kg/min", "text", "RXG-16.1", "mcg/kg/min")]),
        ("^mcg/kg/min", [("mcg/kg/min", "text", "RXG-16.1", "mcg/kg/min")]),
        ("mg^milligram^ISO+", [("mg", "text", "RXG-16.1", "mg")]),
        (" mg", [(" mg", "text", "RXG-16.1", " mg")]),
        ("^^UCUM", []),
        ("", []),
    ],
)
def test_a_unit_is_what_each_of_its_codings_claims(as_sent, claims):
    unit = read(a_dopamine_rgv(fields={"RXG-16": as_sent})).gives[0].amounts[0].unit
    assert unit.claims == tuple(UnitClaim(*claim) for claim in claims)
    assert unit.field == "RXG-16"


@pytest.mark.parametrize("number", ["5", "5.0", ".21", "48.00092", "0.00125", " 5", "1e3", "-1", "5,5", "abc"])
def test_a_number_is_copied_digit_by_digit_whatever_it_is(number):
    assert read(a_dopamine_rgv(rate=number)).gives[0].amounts[0].number == AsSent(number, "RXG-15")


def test_what_was_not_sent_is_absent_and_not_zero():
    give = read(a_pca_rgv()).gives[0]
    assert give.amounts == ()
    assert (give.method, give.duration) == (AsSent("", "RXR-4"), ())
    assert read(a_titration_rgv()).gives[0].vtbi == AmountAsSent(AsSent("", "RXG-5"), replace(give.vtbi.unit, claims=(), field="RXG-7"))


@pytest.mark.parametrize("field", ["RXG-5", "RXG-15", "RXG-16", "RXG-17", "RXG-18", "RXG-23", "RXG-24", "RXG-4", "OBX[2]-5", "OBX[2]-6"])
def test_a_null_in_a_field_of_the_dose_means_delete_and_is_refused(field):
    assert ("9004", field) in refused_fields(read(a_dopamine_rgv(fields={field: '""'})))


def test_a_null_is_found_in_the_parts_of_a_field_too_and_kept_as_it_was_sent():
    request = read(a_cefazolin_rgv(fields={"TQ1-13": '""^264352&MDC_DIM_MIN&MDC', "RXG-16": 'g^""^UCUM', "RXG-15": '""'}))
    assert {("9004", "TQ1-13"), ("9004", "RXG-16"), ("9004", "RXG-15")} <= refused_fields(request)
    assert request.gives[0].duration[0].number.text == '""'
    assert request.gives[0].amounts[0].number.text == '""'


def test_two_quotes_within_the_name_of_a_drug_are_part_of_the_name():
    assert read(a_dopamine_rgv(drug='LOC-00501^DOPamine ""400""^LOC')).findings == ()


@pytest.mark.parametrize("field", ["RXG-5", "RXG-15", "RXG-16", "RXG-17", "RXG-23", "RXG-4", "OBX[2]-5", "OBX[2]-6", "OBX[1]-18"])
def test_a_second_dose_in_one_field_is_refused_and_no_half_of_it_is_taken(field):
    request = read(a_dopamine_rgv(fields={field: "5~10"}))
    assert ("9004", field) in refused_fields(request)
    give = request.gives[0]
    texts = {
        give.vtbi.number.text,
        give.amounts[0].number.text,
        give.strength.number.text,
        give.strength_volume.number.text,
        request.pump.id.text,
    }
    texts |= {request.weight.number.text, *(claim.spelling for claim in (*give.amounts[0].unit.claims, *request.weight.unit.claims))}
    texts |= {code.code for code in give.codes}
    assert "5~10" in texts
    assert "5" not in texts


def test_a_duration_is_up_to_three_repetitions_and_a_fourth_is_refused():
    three = "2^264384&MDC_DIM_HR&MDC~45^264352&MDC_DIM_MIN&MDC~30^s&s&UCUM"
    request = read(a_cefazolin_rgv(fields={"TQ1-13": three}))
    assert request.findings == ()
    parts = [(part.number.text, part.unit.claims[0].spelling, part.number.field) for part in request.gives[0].duration]
    assert parts == [("2", "h", "TQ1-13(1).1"), ("45", "min", "TQ1-13(2).1"), ("30", "s", "TQ1-13(3).1")]
    request = read(a_cefazolin_rgv(fields={"TQ1-13": f"{three}~1^d"}))
    assert refused_fields(request) == {("9004", "TQ1-13")}


def test_a_greatest_amount_that_is_the_least_amount_says_nothing_new():
    assert read(a_cefazolin_rgv(fields={"RXG-6": "100"})).findings == ()


def test_route_device_and_method_are_read_bare_and_in_their_second_component():
    for rxr in ("RXR|^IV^HL70162||^IVP^HL70164|^IVPB^HL70165", "RXR|IV^Intravenous^HL70162||IVP|IVPB^x^y"):
        lines = [rxr if line.startswith("RXR") else line for line in an_rgv().decode("ascii").split("\r")[:-1]]
        give = read(message_of(lines)).gives[0]
        assert (give.routes[0].code, give.routes[0].system, give.routes[0].field) == ("IV", "HL70162", "RXR-1.1")
        assert (give.device, give.method) == (AsSent("IVP", "RXR-3"), AsSent("IVPB", "RXR-4"))


def test_a_route_sent_under_two_codes_keeps_both_and_an_absent_one_names_its_field():
    request = read(an_rgv(fields={"RXR-1": "47625008^IV^SCT^EP^Epidural^HL70162"}))
    assert [(code.code, code.system, code.field) for code in request.gives[0].routes] == [
        ("47625008", "SCT", "RXR-1.1"),
        ("EP", "HL70162", "RXR-1.4"),
    ]
    assert read(an_rgv(fields={"RXR-1": ""})).gives[0].routes == (CodeAsSent("", "", "", "RXR-1"),)


# ── OBX: pump, patient, parameters ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_pump_is_the_one_of_obx_18_with_its_manufacturer():
    request = read(a_dopamine_rgv())
    assert request.pump.id == AsSent("LVP-0001/A", "OBX[1]-18.1")
    assert request.pump.manufacturer == AsSent("001A010000000001", "OBX[1]-18.3")
    assert request.pump.channel == AsSent()


@pytest.mark.parametrize("term", ["69986^ANY_NAME^MDC", "^MDC_DEV_PUMP_INFUS_VMD^MDC", "0^MDC_DEV_PUMP_INFUS_VMD", "1^x^HOUSE^69986^y^MDC"])
def test_the_pumps_term_is_believed_by_number_and_named_only_where_no_number_was_sent(term):
    request = read(a_dopamine_rgv(fields={"OBX[1]-3": term}))
    assert request.pump.id.text == "LVP-0001/A"
    assert request.gives[0].parameters == ()
    assert request.findings == ()


@pytest.mark.parametrize("term", ["69981^MDC_DEV_PUMP_INFUS_VMD^MDC", "69986^pump^LN", "69986^pump", ""])
def test_another_number_or_another_system_is_another_term_and_then_no_pump_is_named(term):
    request = read(a_dopamine_rgv(fields={"OBX[1]-3": term}))
    assert not request.pump.id
    assert refused_fields(request) == {("9003", "OBX-18.1")}
    assert len(request.gives[0].parameters) == 1


def test_an_empty_pump_id_is_refused_even_if_the_old_place_holds_one():
    request = read(a_dopamine_rgv(fields={"OBX[1]-18": "^^A0001^PUMPVENDOR"}))
    assert refused_fields(request) == {("9003", "OBX[1]-18.1")}


def test_weight_height_and_surface_are_the_patients_and_no_parameters():
    request = read(a_dopamine_rgv(height_cm="180", bsa_m2="1.99"))
    assert (request.weight.number, request.weight.unit.claims[0].spelling) == (AsSent("80", "OBX[2]-5"), "kg")
    assert request.weight_at == AsSent("20260302000000-0600", "OBX[2]-14")
    assert (request.height.number.text, request.height.unit.claims[1].spelling) == ("180", "cm")
    assert (request.body_surface_area.number.text, request.body_surface_area.unit.claims[0].spelling) == ("1.99", "m2")
    assert request.gives[0].parameters == ()
    assert not request.weight_is_dosing_weight


def test_parameters_are_kept_under_their_number_or_else_under_their_name():
    parameters = ((*DEMAND_DOSE, "1", "mg"), ("0", "MDC_DOSE_PCA_PATIENT", "5", "mg"), ("999999", "MDCX_NEW", "immediate"))
    codes = [parameter.code for parameter in read(a_pca_rgv(parameters=parameters)).gives[0].parameters]
    assert codes == [
        CodeAsSent("158017", "MDC", "MDC_DOSE_PCA_PATIENT", "OBX[2]-3"),
        CodeAsSent("MDC_DOSE_PCA_PATIENT", "MDC", "MDC_DOSE_PCA_PATIENT", "OBX[3]-3"),
        CodeAsSent("MDCX_NEW", "MDC", "MDCX_NEW", "OBX[4]-3"),
    ]


@pytest.mark.parametrize(
    ("value_type", "value", "token"),
    [
        ("ST", "clinician-dose", "clinician-dose"),
        ("CWE", "^clinician-dose", "clinician-dose"),
        ("CWE", "477338^clinician-dose^MDC", "clinician-dose"),
        ("CWE", "477338^continuous^MDC", "clinician-dose"),
        ("CE", "clinician-dose^Bolus", "clinician-dose"),
        ("CWE", "479999^clinician-dose^MDC", "479999"),
        ("ST", "^clinician-dose", "^clinician-dose"),
        ("CWE", "", ""),
    ],
)
def test_a_coded_value_is_given_by_its_token_and_its_number_is_believed(value_type, value, token):
    message = a_bolus_rgv(parameters=((*ORDER_TYPE, value), (*BOLUS_RATE, "300", "mL/h")), fields={"OBX[3]-2": value_type})
    assert read(message).gives[0].parameters[0].value.number == AsSent(token, "OBX[3]-5")


def test_each_step_has_its_own_parameters():
    request = read(a_multistep_rgv())
    assert [give.sub_id.text for give in request.gives] == ["1", "2"]
    assert [[parameter.value.number.text for parameter in give.parameters] for give in request.gives] == [
        ["2", "loading-dose"],
        ["2", "continuous"],
    ]
    assert [len(give.duration) for give in request.gives] == [1, 0]
    assert [give.amounts[0].number.field for give in request.gives] == ["RXG[1]-15", "RXG[2]-15"]


KG = "263875^MDC_DIM_KILO_G^MDC^kg^kg^UCUM"


@pytest.mark.requirement("D-17")
@pytest.mark.parametrize("second", [f"8.0|{KG}", "80|263872^MDC_DIM_X_G^MDC^g^g^UCUM", "80", f"|{KG}"])
def test_d_17_two_weights_that_differ_are_refused(second):
    obx = "OBX|9|NM|68063^MDC_ATTR_PT_WEIGHT^MDC||" + second + "|" * (9 - second.count("|")) + "20260302000000-0600"
    assert ("9004", "OBX[3]-5") in refused_fields(read(a_dopamine_rgv(after={"OBX[2]": [obx]})))


def test_the_same_weight_twice_is_one_weight_and_another_time_is_another_weight():
    again = f"OBX|9|NM|68063^MDC_ATTR_PT_WEIGHT^MDC||80.0|{KG}||||||||20260302000000-0600"
    assert read(a_dopamine_rgv(after={"OBX[2]": [again]})).findings == ()
    later = again.replace("20260302000000", "20260101000000")
    assert refused_fields(read(a_dopamine_rgv(after={"OBX[2]": [later]}))) == {("9004", "OBX[3]-5")}


def test_two_pumps_are_refused_and_the_same_pump_twice_is_one():
    pump = "OBX|9||69986^MDC_DEV_PUMP_INFUS_VMD^MDC||||||||X|||||||{}^^001A010000000001^EUI-64"
    assert read(a_multistep_rgv(after={"OBX[6]": [pump.format("LVP-0001/A")]})).findings == ()
    request = read(a_multistep_rgv(after={"OBX[6]": [pump.format("LVP-0001/B")]}))
    assert refused_fields(request) == {("9004", "OBX[7]-18")}


def test_a_parameter_that_one_step_carries_twice_must_be_the_same():
    assert read(a_pca_rgv(parameters=((*DEMAND_DOSE, "1", "mg"), (*DEMAND_DOSE, "1.0", "mg")))).findings == ()
    request = read(a_pca_rgv(parameters=((*DEMAND_DOSE, "1", "mg"), (*DEMAND_DOSE, "2", "mg"))))
    assert refused_fields(request) == {("9004", "OBX[3]-5")}


def test_two_terms_in_one_obx_are_no_term():
    request = read(a_pca_rgv(fields={"OBX[2]-3": "158017^MDC_DOSE_PCA_PATIENT^MDC^158018^MDC_DOSE_LOADING^MDC"}))
    assert refused_fields(request) == {("9004", "OBX[2]-3")}


@pytest.mark.parametrize("status", ["D", "W"])
def test_a_value_that_its_sender_calls_deleted_or_wrong_is_not_used(status):
    assert refused_fields(read(a_dopamine_rgv(fields={"OBX[2]-11": status}))) == {("9004", "OBX[2]-11")}
    for seen in ("", "X", "F", "R"):
        assert read(a_dopamine_rgv(fields={"OBX[2]-11": seen})).findings == ()


@pytest.mark.requirement("SEC-24")
def test_sec_24_parameters_and_steps_are_bounded_by_the_profile():
    request = read(a_pca_rgv(parameters=[(*DEMAND_DOSE, "1", "mg")] * 20), max_parameters=5)
    assert refused_fields(request) == {("9004", "OBX[7]")}
    assert len(request.gives[0].parameters) == 5
    steps = [{"parameters": ((*STEP_TYPE, "continuous"),)}] * 20
    request = read(a_multistep_rgv(steps=steps), max_parameters=5)
    assert len(request.gives) == 5
    assert ("9041", "RXG") in refused_fields(request)


# ── what the message is ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ("RGV^O15^RGV_O15", MessageKind.INFUSION_ORDER),
        ("RGV^O15", MessageKind.INFUSION_ORDER),
        (" RGV^O15^RGV_O15", MessageKind.INFUSION_ORDER),
        ("RGV^O01", MessageKind.OTHER),
        ("RGV", MessageKind.OTHER),
        ("RDE^O11^RDE_O11", MessageKind.PHARMACY_ORDER),
        ("RDE^O01", MessageKind.PHARMACY_ORDER),
        ("OMP^O09", MessageKind.PHARMACY_ORDER),
        ("ORM^O01", MessageKind.PHARMACY_ORDER),
        ("ORU^R01^ORU_R01", MessageKind.DEVICE_DATA),
        ("ORU^R42^ORU_R01", MessageKind.INFUSION_EVENT),
        ("ORU^R40^ORU_R40", MessageKind.ALERT),
        ("ADT^A01", MessageKind.ADMISSION),
        ("ACK^O15^ACK", MessageKind.ACKNOWLEDGMENT),
        (" RRG^O16^RRG_O16", MessageKind.ACKNOWLEDGMENT),
        ("ORA^R41^ORA_R41", MessageKind.ACKNOWLEDGMENT),
        ("SIU^S12", MessageKind.OTHER),
        ("", MessageKind.OTHER),
    ],
)
def test_the_kind_of_a_message_is_told_by_msh_9(sent, kind):
    message = Message.parse(an_rgv(fields={"MSH-9": sent}))
    assert kind_of(message) is kind
    request = read_rgv(message, EHR1)
    if kind is MessageKind.INFUSION_ORDER:
        assert (request.message_kind, request.findings) == ("RGV^O15", ())
    else:
        assert request.gives == ()
        assert [finding.sentence for finding in request.findings] == [f"this is {kind.value}, not an infusion order"]
        assert refused_fields(request) == {("9016.not-an-order", "MSH-9")}


@pytest.mark.parametrize("order_control", ["NW", "DC", "CA", "HD", "re", "RE "])
def test_an_order_control_outside_piv_is_no_pump_order_and_says_that_nothing_was_changed(order_control):
    request = read(an_rgv(order_control=order_control))
    assert request.purpose is None
    assert request.order_control.text == order_control
    (finding,) = request.findings
    assert (finding.code_text, finding.field) == ("9016.not-an-order", "ORC-1")
    assert "Nothing on any pump has been changed" in finding.sentence


def test_an_absent_order_control_is_absent_and_not_another_one():
    request = read(an_rgv(order_control=""))
    assert (request.purpose, request.findings) == (None, ())


@pytest.mark.parametrize(("order_control", "purpose"), [("RE", Purpose.START), ("XO", Purpose.CHANGE), ("CH", Purpose.BOLUS)])
def test_the_order_controls_of_piv(order_control, purpose):
    assert read(an_rgv(order_control=order_control)).purpose is purpose


def test_hl7s_general_give_message_is_refused_for_each_thing_that_it_is_not():
    general = message_of(
        [
            "MSH|^~\\&|EHR1|DEMO|||20260302||RGV^O15|7|P|2.5",
            "PID|1||4711001^^^DEMO",
            "ORC|NW|55|66",
            "RXO|9^aspirin^LOC",
            "RXG|1||1^TID|9^aspirin 100 mg tablet^LOC|1||tab",
            "RXR|PO",
        ]
    )
    assert refused_fields(read(general)) == {
        ("9004", "MSH-21.3"),
        ("9016.not-an-order", "ORC-1"),
        ("9004", "RXO"),
        ("9004", "RXG-3"),
        ("9003", "OBX"),
        ("9003", "OBX-18.1"),
    }


def test_findings_never_quote_the_patient():
    request = read(an_rgv(name="Rivera^Ana~Rivera^Ana", fields={"PID-7": "19660101~4711001", "ORC-1": "4711001 Rivera"}))
    assert request.findings
    assert not [finding for finding in request.findings if "4711001" in finding.sentence or "Rivera" in finding.sentence]


@pytest.mark.requirement("SEC-24")
def test_sec_24_a_message_of_a_thousand_faults_is_told_in_a_few_and_stays_refused():
    message = message_of([*an_rgv().decode("ascii").split("\r")[:-1], *["PID|||x"] * 900])
    request = read(message)
    assert len(request.findings) == 49
    assert all(finding.severity is Severity.REFUSE for finding in request.findings)
    assert request.findings[-1].sentence == f"{900 - 48} more faults are not listed"
