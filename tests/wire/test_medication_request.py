"""A FHIR MedicationRequest as sent: what is read from where, under which name, and what is refused instead of being understood."""

import os
from pathlib import Path

import pytest

from interop.domain.finding import PivError, Severity, Sub
from interop.domain.request import (
    AmountAsSent,
    AsSent,
    CodeAsSent,
    IdentifierAsSent,
    OrderRequest,
    Purpose,
    UnitAsSent,
    UnitClaim,
    VerificationPolicy,
)
from interop.domain.sender import FieldRule, Format, SenderProfile, VerificationRule
from interop.wire.fhir.json import Json, Number, Resource, read
from interop.wire.fhir.medication_request import kind_of, read_medication_request
from tests.wards.resources import (
    ABSENT,
    EHR,
    ORDERABLE,
    ORDERS,
    RXNORM,
    SNOMED,
    Absent,
    a_dopamine_request,
    as_received,
    changed,
    concept,
    quantity,
    ratio,
    requested,
)

FIRST = "dosageInstruction[0]"
ENTRY = f"{FIRST}.doseAndRate[0]"
RATE = f"{ENTRY}.rateQuantity"
SAMPLES = Path(os.environ.get("INTEROP_SAMPLES", Path(__file__).parents[3] / "shared" / "samples")) / "fhir"

PLAIN = SenderProfile("plain", "No places", Format.FHIR_R4, (), "plain", VerificationRule(VerificationPolicy.NONE))


def with_places(**places: FieldRule) -> SenderProfile:
    return SenderProfile("placed", "Places", Format.FHIR_R4, (), "placed", VerificationRule(VerificationPolicy.NONE), places)


def a_request(**changes: "Json | Absent") -> Resource:
    return a_dopamine_request(**changes)  # type: ignore[arg-type]


def reasons(request: OrderRequest, severity: Severity = Severity.REFUSE) -> set[tuple[str, str]]:
    found = [finding for finding in request.findings if finding.severity is severity]
    return {(finding.field.removeprefix("MedicationRequest."), finding.code_text) for finding in found}


def amount(number: str, unit: str, path: str, text: str = "") -> AmountAsSent:
    place = f"MedicationRequest.{path}"
    claims = [UnitClaim(unit, "UCUM", f"{place}.code", unit)]
    if text:
        claims.append(UnitClaim(text, "text", f"{place}.unit", text))
    return AmountAsSent(AsSent(number, f"{place}.value"), UnitAsSent(tuple(claims), f"{place}.code"))


# The order


def test_a_dopamine_order_is_read_with_every_value_s_place() -> None:
    request = requested(a_dopamine_request(dose_rate="10.0"))
    (give,) = request.gives
    assert request.findings == ()
    assert (request.message_kind, request.message_id) == ("MedicationRequest", AsSent("mr-ORD-1001", "MedicationRequest.id"))
    assert request.placer_order_number == IdentifierAsSent(AsSent("ORD-1001", "MedicationRequest.identifier[0].value"), ORDERS)
    assert give.amounts == (amount("10.0", "ug/kg/min", RATE),)
    assert give.codes == (
        CodeAsSent("LOC-00501", ORDERABLE, "DOPamine 400 mg in dextrose 5 % 250 mL", "MedicationRequest.contained[0].code.coding[0].code"),
    )
    (ingredient,) = give.ingredients
    assert [(code.system, code.code) for code in ingredient.codes] == [(RXNORM, "3628")]
    assert ingredient.strength.numerator == amount("400", "mg", "contained[0].ingredient[0].strength.numerator")
    assert ingredient.strength.denominator == amount("250", "mL", "contained[0].ingredient[0].strength.denominator")
    assert ingredient.role == ""
    assert [(route.system, route.code) for route in give.routes] == [(SNOMED, "47625008")]
    assert give.text == AsSent("DOPamine 10 mcg/kg/min", f"MedicationRequest.{FIRST}.text")
    assert request.weight == amount("80", "kg", "contained[1].valueQuantity")
    assert request.weight_at == AsSent("2026-03-02T06:00:00+00:00", "MedicationRequest.contained[1].effectiveDateTime")
    assert not request.weight_is_dosing_weight
    assert request.version == AsSent("1", "MedicationRequest.meta.versionId")


@pytest.mark.requirement("D-06", "SR-06")
def test_d_06_a_stored_order_has_no_bedside_moment_and_nobody_who_asked() -> None:
    """SR-06, D-13: the prescriber and the time of ordering stand in the resource, and are not taken for the clinician at the bedside."""
    request = requested(a_request(requester={"reference": "Practitioner/9"}, authoredOn="2026-03-02T07:10:00+00:00"))
    assert request.bedside is False
    assert request.purpose is Purpose.START
    empty = AsSent()
    assert (request.requested_at, request.requested_by, request.sent_at, request.order_control) == (empty, empty, empty, empty)
    assert not request.pump.id
    assert not request.pump.channel


@pytest.mark.requirement("SR-07")
@pytest.mark.parametrize("status", ["active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"])
def test_sr_07_each_status_is_handed_on_as_sent(status: str) -> None:
    request = requested(a_request(status=status))
    assert request.status == AsSent(status, "MedicationRequest.status")
    assert request.findings == ()


@pytest.mark.requirement("SR-07")
@pytest.mark.parametrize("intent", ["order", "plan", "option"])
def test_sr_07_each_intent_is_handed_on_as_sent(intent: str) -> None:
    assert requested(a_request(intent=intent)).intent == AsSent(intent, "MedicationRequest.intent")


@pytest.mark.requirement("D-30")
def test_d_30_an_order_entered_in_error_is_still_read_whole_so_that_it_can_be_recalled() -> None:
    request = requested(a_request(status="entered-in-error"))
    assert request.status.text == "entered-in-error"
    assert request.placer_order_number.value.text == "ORD-1001"


@pytest.mark.parametrize(("sent", "read_as"), [(True, "true"), (False, ""), (ABSENT, "")])
def test_do_not_perform_says_something_only_when_it_is_true(sent: "Json | Absent", read_as: str) -> None:
    resource = a_request(doNotPerform=False)
    assert requested(changed(resource, "doNotPerform", sent)).do_not_perform == AsSent(read_as, "MedicationRequest.doNotPerform")


@pytest.mark.requirement("SR-53")
def test_sr_53_what_the_validator_objects_to_stands_in_the_request() -> None:
    request = requested(a_request(status="bogus"))
    assert reasons(request) == {("status", "9004")}
    assert requested(a_request(modifierExtension=[{"url": "urn:x", "valueBoolean": True}])).findings[0].refuses


@pytest.mark.requirement("SR-53")
def test_sr_53_issues_that_are_known_already_are_not_sought_again_but_kept() -> None:
    resource = as_received(a_request(status="bogus"))
    assert reasons(read_medication_request(resource, EHR, issues=())) == set()
    assert reasons(read_medication_request(resource, EHR)) == {("status", "9004")}


@pytest.mark.parametrize("kind", ["MedicationAdministration", "MedicationDispense", "Bundle", "Nonsense"])
def test_another_resource_is_no_order_and_is_told_what_it_is(kind: str) -> None:
    for issues in (None, ()):
        request = read_medication_request({"resourceType": kind, "id": "x", "dosageInstruction": [{"text": "5 mL/h"}]}, EHR, issues=issues)
        (finding,) = request.findings
        assert finding.code is Sub.NOT_AN_ORDER
        assert kind_of({"resourceType": kind}) in finding.sentence
        assert request.gives == ()


# The shapes of a rate (fhir-infusion.md 2.2)


def with_entry(entry: Resource) -> Resource:
    return changed(a_request(), ENTRY, entry)


def test_a_volume_rate_and_a_dose_stay_two_amounts() -> None:
    request = requested(with_entry({"doseQuantity": quantity("250", "mL"), "rateQuantity": quantity("30", "mL/h")}))
    assert request.gives[0].amounts == (amount("250", "mL", f"{ENTRY}.doseQuantity"), amount("30", "mL/h", RATE))


def test_a_rate_ratio_stays_a_ratio() -> None:
    request = requested(with_entry({"rateRatio": ratio(quantity("102", "mL"), quantity("1", "h", text="Stunde"))}))
    (found,) = request.gives[0].ratios
    assert found.field == f"MedicationRequest.{ENTRY}.rateRatio"
    assert found.numerator == amount("102", "mL", f"{ENTRY}.rateRatio.numerator")
    assert found.denominator == amount("1", "h", f"{ENTRY}.rateRatio.denominator", "Stunde")
    assert request.gives[0].amounts == ()


@pytest.mark.parametrize(("unit", "assumed"), [("min", True), ("h", True), ("mL", True), ("L", False), ("kg", False), ("mg", False)])
def test_a_denominator_without_a_number_is_one_only_of_time_or_ml_and_that_is_recorded(unit: str, assumed: bool) -> None:
    request = requested(with_entry({"rateRatio": ratio(quantity("400", "ug"), quantity("", unit))}))
    place = f"{ENTRY}.rateRatio.denominator.value"
    assert request.gives[0].ratios[0].denominator.number == AsSent("1" if assumed else "", f"MedicationRequest.{place}")
    assert reasons(request, Severity.NOTE) == ({(place, "")} if assumed else set())


@pytest.mark.parametrize("name", ["rateRange", "doseRange"])
def test_a_range_is_a_window_and_no_rate(name: str) -> None:
    request = requested(with_entry({name: {"low": quantity("2", "ug/kg/min"), "high": quantity("20", "ug/kg/min")}}))
    give = request.gives[0]
    assert give.rate_range == (amount("2", "ug/kg/min", f"{ENTRY}.{name}.low"), amount("20", "ug/kg/min", f"{ENTRY}.{name}.high"))
    assert give.amounts == ()


def test_two_ranges_for_one_instruction_are_refused() -> None:
    window: Resource = {"low": quantity("2", "mL/h"), "high": quantity("20", "mL/h")}
    request = requested(with_entry({"doseRange": window, "rateRange": window}))
    assert (f"{ENTRY}.doseRange", "9004") in reasons(request)


def test_the_duration_is_the_time_to_infuse_over() -> None:
    resource = changed(with_entry({"doseQuantity": quantity("1000", "mg")}), f"{FIRST}.timing", {})
    request = requested(changed(resource, f"{FIRST}.timing.repeat", {"duration": Number("33.30"), "durationUnit": "min"}))
    place = f"MedicationRequest.{FIRST}.timing.repeat"
    unit = UnitAsSent((UnitClaim("min", "UCUM", f"{place}.durationUnit", "min"),), f"{place}.durationUnit")
    assert request.gives[0].duration == (AmountAsSent(AsSent("33.30", f"{place}.duration"), unit),)


def test_a_duration_given_as_a_range_is_refused() -> None:
    repeat: Resource = {"duration": Number("30"), "durationMax": Number("60"), "durationUnit": "min"}
    request = requested(changed(a_request(), f"{FIRST}.timing", {"repeat": repeat}))
    assert reasons(request) == {(f"{FIRST}.timing.repeat.durationMax", "9003.range-only")}


def test_ordered_and_calculated_are_one_instruction_with_the_ordered_value_first() -> None:
    kinds = {name: concept("http://terminology.hl7.org/CodeSystem/dose-rate-type", name, name) for name in ("calculated", "ordered")}
    calculated: Resource = {"type": kinds["calculated"], "rateQuantity": quantity("30", "mL/h")}
    ordered: Resource = {"type": kinds["ordered"], "rateQuantity": quantity("10", "ug/kg/min")}
    request = requested(changed(a_request(), f"{FIRST}.doseAndRate", [calculated, ordered]))
    (give,) = request.gives
    assert [found.number.text for found in give.amounts] == ["10", "30"]
    assert give.amounts[0].number.field == f"MedicationRequest.{FIRST}.doseAndRate[1].rateQuantity.value"


def test_text_alone_is_kept_to_be_shown() -> None:
    request = requested(changed(a_request(), f"{FIRST}.doseAndRate", ABSENT))
    (give,) = request.gives
    assert give.text.text == "DOPamine 10 mcg/kg/min"
    assert (give.amounts, give.ratios, give.rate_range, give.duration) == ((), (), None, ())
    assert request.findings == ()


def test_all_that_is_written_for_people_is_kept_together() -> None:
    resource = changed(a_request(), f"{FIRST}.additionalInstruction", [{"text": "titrate to MAP > 65"}, concept(SNOMED, "1", "with food")])
    resource = changed(resource, f"{FIRST}.patientInstruction", "ring the bell")
    assert requested(resource).gives[0].text.text == "DOPamine 10 mcg/kg/min\nring the bell\ntitrate to MAP > 65\nwith food"


# Units and numbers


@pytest.mark.requirement("SR-31")
@pytest.mark.parametrize("digits", ["10", "10.0", "0.050", "1e2", "-5", "0"])
def test_sr_31_the_digits_reach_the_request_as_sent_and_are_judged_once(digits: str) -> None:
    """Whether they are a dose is stage 2's to say; the reader does not say it a second time."""
    request = requested(a_dopamine_request(dose_rate=digits))
    assert request.gives[0].amounts[0].number.text == digits
    assert request.findings == ()


@pytest.mark.requirement("SR-31", "SR-53")
def test_sr_31_a_number_sent_as_text_is_not_the_number() -> None:
    request = requested(changed(a_request(), f"{RATE}.value", "10"))
    assert request.gives[0].amounts[0].number.text == '"10"'
    assert (f"{RATE}.value", "9004") in reasons(request)


@pytest.mark.requirement("SR-19")
def test_sr_19_a_unit_text_beside_the_code_is_claimed_too_so_that_a_contradiction_shows() -> None:
    request = requested(changed(a_request(), f"{RATE}.unit", "mg/kg/min"))
    assert request.gives[0].amounts == (amount("10", "ug/kg/min", RATE, "mg/kg/min"),)
    same = requested(with_entry({"rateQuantity": quantity("30", "mL/h", text="ml/h")}))
    assert same.gives[0].amounts == (amount("30", "mL/h", RATE),)


@pytest.mark.requirement("SR-19", "D-28")
def test_sr_19_a_unit_in_text_alone_counts_only_where_the_profile_says_so() -> None:
    resource = with_entry({"rateQuantity": {"value": Number("10"), "unit": "mcg/kg/min"}})
    (silent,) = requested(resource).gives[0].amounts
    assert silent.unit == UnitAsSent((), f"MedicationRequest.{RATE}.code")
    profile = SenderProfile("text", "", Format.FHIR_R4, (), "", VerificationRule(VerificationPolicy.NONE), unit_text=True)
    request = requested(resource, profile)
    place = f"MedicationRequest.{RATE}.unit"
    assert request.gives[0].amounts[0].unit == UnitAsSent((UnitClaim("mcg/kg/min", "text", place, "mcg/kg/min"),), place)
    assert request.findings == ()


@pytest.mark.requirement("SR-19")
def test_sr_19_a_code_of_another_system_cannot_pass_for_ucum() -> None:
    request = requested(changed(a_request(), f"{RATE}.system", "urn:local:units"))
    (claim,) = request.gives[0].amounts[0].unit.claims
    assert (claim.spelling, claim.system, claim.as_sent) == ("", "urn:local:units", "ug/kg/min")


@pytest.mark.requirement("SR-19")
def test_sr_19_a_code_without_a_system_is_refused() -> None:
    request = requested(changed(a_request(), f"{RATE}.system", ABSENT))
    assert reasons(request) == {(f"{RATE}.code", "9004")}


def test_a_comparator_travels_with_its_amount() -> None:
    request = requested(changed(a_request(), f"{RATE}.comparator", ">"))
    assert request.gives[0].amounts[0].comparator == ">"
    assert (f"{RATE}.comparator", "9004") in reasons(request)


# Medication


def test_codes_on_the_request_itself_are_read_in_order_with_the_formulary_s_names_of_their_systems() -> None:
    codes: Json = {"coding": [{"code": "77"}, {"system": "urn:oid:1.2.3", "code": "88"}, {"system": RXNORM}], "text": "dopamine"}
    resource = a_request(contained=ABSENT, supportingInformation=ABSENT, medicationReference=ABSENT, medicationCodeableConcept=codes)
    profile = SenderProfile(
        "codes",
        "",
        Format.FHIR_R4,
        (),
        "",
        VerificationRule(VerificationPolicy.NONE),
        code_systems={"": ORDERABLE, "urn:oid:1.2.3": RXNORM},
    )
    found = requested(resource, profile).gives[0].codes
    assert [(code.system, code.code, code.text) for code in found] == [(ORDERABLE, "77", "dopamine"), (RXNORM, "88", "dopamine")]


def test_a_drug_named_in_words_only_has_no_code() -> None:
    resource = a_request(
        contained=ABSENT, supportingInformation=ABSENT, medicationReference=ABSENT, medicationCodeableConcept={"text": "dopamine"}
    )
    (code,) = requested(resource).gives[0].codes
    assert (code.code, code.system, code.text) == ("", "", "dopamine")


def test_a_medication_that_was_not_sent_along_is_named_and_refused() -> None:
    request = requested(changed(a_request(), "medicationReference", {"reference": "Medication/m-9"}))
    found = {finding.field: finding for finding in request.findings}["MedicationRequest.medicationReference.reference"]
    assert found.code is PivError.DRUG_NOT_MATCHED
    assert "Medication/m-9" in found.sentence
    assert request.gives[0].codes == ()


def test_an_ingredient_is_found_in_its_sibling_and_its_is_active_says_nothing() -> None:
    resource = changed(a_request(), "contained[0].ingredient[0]", {"itemReference": {"reference": "#drug"}, "isActive": False})
    resource = changed(resource, "contained[2]", {"resourceType": "Substance", "id": "drug", "code": concept(RXNORM, "3628", "dopamine")})
    request = requested(resource)
    (ingredient,) = request.gives[0].ingredients
    assert [(code.code, code.field) for code in ingredient.codes] == [("3628", "MedicationRequest.contained[2].code.coding[0].code")]
    assert ingredient.role == ""
    assert request.findings == ()


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"reference": "Substance/1"}, "contained[0].ingredient[0].itemReference.reference"),
        ({"reference": "#gone"}, "contained[0].ingredient[0].itemReference.reference"),
        ({"display": "dopamine"}, "contained[0].ingredient[0].itemReference.reference"),
        ({"reference": "#nameless"}, "contained[2]"),
    ],
)
def test_an_ingredient_that_leads_nowhere_is_refused(item: Resource, place: str) -> None:
    resource = changed(a_request(), "contained[0].ingredient[0]", {"itemReference": item})
    if item.get("reference") == "#nameless":
        resource = changed(resource, "contained[2]", {"resourceType": "Medication", "id": "nameless", "status": "active"})
    request = requested(resource)
    assert (place, "9010") in reasons(request)
    assert request.gives[0].ingredients[0].codes == ()


@pytest.mark.parametrize("status", ["inactive", "entered-in-error"])
def test_a_drug_whose_description_is_not_active_is_refused(status: str) -> None:
    assert reasons(requested(changed(a_request(), "contained[0].status", status))) == {("contained[0].status", "9004")}


@pytest.mark.parametrize(
    ("sent", "volume"),
    [
        (ratio(quantity("40", "mL"), {"value": Number("1")}), "40"),
        (ratio(quantity("40", "mL"), quantity("1", "1")), "40"),
        (ratio(quantity("40", "mL"), quantity("2", "1")), ""),
        (ratio(quantity("40", "mL"), quantity("1", "mL")), ""),
        (ratio(quantity("400", "mg"), {"value": Number("1")}), ""),
        (ratio({"value": Number("10"), "unit": "vials"}, {"value": Number("1")}), ""),
    ],
)
def test_an_amount_is_the_container_s_volume_only_if_it_says_a_volume_per_piece(sent: Resource, volume: str) -> None:
    request = requested(changed(a_request(), "contained[0].amount", sent))
    assert request.gives[0].strength_volume.number.text == volume
    assert reasons(request, Severity.NOTE) == (set() if volume else {("contained[0].amount", "")})


# Several instructions


def steps(*sequences: str) -> Resource:
    first = a_request()["dosageInstruction"]
    assert isinstance(first, list)
    step = first[0]
    assert isinstance(step, dict)
    return a_request(dosageInstruction=[step | ({"sequence": Number(number)} if number else {}) for number in sequences])


def test_steps_stand_in_the_order_of_their_sequence() -> None:
    request = requested(steps("10", "2", "1"))
    assert [give.sub_id.text for give in request.gives] == ["1", "2", "10"]
    assert request.gives[0].amounts[0].number.field == "MedicationRequest.dosageInstruction[2].doseAndRate[0].rateQuantity.value"
    assert request.findings == ()


def test_instructions_meant_at_the_same_time_are_not_steps() -> None:
    assert reasons(requested(steps("1", "1"))) == {("dosageInstruction[1].sequence", "9016.kind-not-planned")}


def test_steps_without_their_place_are_refused() -> None:
    assert reasons(requested(steps("1", ""))) == {("dosageInstruction[1].sequence", "9041")}


@pytest.mark.requirement("SEC-24")
def test_sec_24_more_steps_than_a_pump_takes_are_refused_and_cut() -> None:
    request = requested(steps(*(str(number) for number in range(1, 60))))
    assert len(request.gives) == 32
    assert ("dosageInstruction", "9041") in reasons(request)


# What else an instruction says


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("asNeededBoolean", True, "true"),
        ("asNeededBoolean", False, ""),
        ("asNeededCodeableConcept", {"text": "pain"}, "pain"),
        ("asNeededCodeableConcept", concept(SNOMED, "22253000", "Pain"), "Pain"),
        ("asNeededCodeableConcept", {"coding": [{"system": SNOMED}]}, "as needed"),
    ],
)
def test_as_needed_is_said_with_its_reason(name: str, value: Json, said: str) -> None:
    assert requested(changed(a_request(), f"{FIRST}.{name}", value)).gives[0].as_needed.text == said


HL7_METHODS = "http://terminology.hl7.org/CodeSystem/v2-0165"


def with_method(method: Json) -> OrderRequest:
    return requested(changed(a_request(), f"{FIRST}.method", method))


@pytest.mark.requirement("SR-20")
@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"coding": [{"system": SNOMED, "code": "738995006"}, {"system": HL7_METHODS, "code": "IVPB"}]}, "IVPB"),
        ({"coding": [{"system": HL7_METHODS, "code": "IV"}], "text": "drip"}, "IV"),
        ({"coding": [{"system": "http://hl7.org/fhir/v2/0165", "code": "IV"}]}, "IV"),
    ],
)  # fmt: skip
def test_sr_20_a_method_of_hl7s_table_that_is_an_infusion_is_read(method: Json, said: str) -> None:
    request = with_method(method)
    assert request.findings == ()
    assert request.gives[0].method.text == said


@pytest.mark.requirement("SR-20")
@pytest.mark.parametrize(
    "codes", [[(HL7_METHODS, "IVP")], [(HL7_METHODS, "IM"), (SNOMED, "738995006")], [(HL7_METHODS, "IV"), (HL7_METHODS, "IVPB")]]
)
def test_sr_20_a_method_of_hl7s_table_that_is_none_and_two_that_differ_are_refused(codes: list[tuple[str, str]]) -> None:
    request = with_method({"coding": [{"system": system, "code": code} for system, code in codes]})
    (finding,) = request.findings
    assert (finding.severity, finding.code, finding.field.rpartition(".")[2]) == (Severity.REFUSE, PivError.INVALID_PARAMETER, "code")


@pytest.mark.requirement("SR-20")
@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"coding": [{"system": SNOMED, "code": "738995006"}], "text": "infusion"}, "738995006"),
        ({"coding": [{"system": "urn:house", "code": "IVPB"}]}, "IVPB"),
        ({"text": "PICC line"}, "PICC line"),
        ({"coding": [{"display": "push"}]}, ""),
    ],
)
def test_sr_20_a_method_that_cannot_be_judged_is_answered_at_the_pump(method: Json, said: str) -> None:
    request = with_method(method)
    (finding,) = request.findings
    assert (finding.severity, finding.must_confirm, bool(finding.action)) == (Severity.CAUTION, True, True)
    assert request.gives[0].method.text == said


def test_a_route_in_words_only_is_not_taken_as_no_route() -> None:
    (route,) = requested(changed(a_request(), f"{FIRST}.route", {"text": "epidural"})).gives[0].routes
    assert (route.code, route.text, route.field) == ("", "epidural", f"MedicationRequest.{FIRST}.route")


def parameters_of(request: OrderRequest) -> dict[str, AmountAsSent]:
    found = request.gives[0].parameters
    assert {parameter.code.system for parameter in found} <= {"http://hl7.org/fhir/StructureDefinition/Dosage"}
    return {parameter.code.code: parameter.value for parameter in found}


def test_maxima_are_kept_and_shown() -> None:
    resource = changed(a_request(), f"{FIRST}.maxDosePerPeriod", ratio(quantity("4", "g"), quantity("1", "d")))
    resource = changed(resource, f"{FIRST}.maxDosePerAdministration", quantity("1500", "mg"))
    resource = changed(resource, f"{FIRST}.maxDosePerLifetime", quantity("9", "g"))
    request = requested(resource)
    assert {name: value.number.text for name, value in parameters_of(request).items()} == {
        "maxDosePerPeriod.numerator": "4",
        "maxDosePerPeriod.denominator": "1",
        "maxDosePerAdministration": "1500",
        "maxDosePerLifetime": "9",
    }
    assert reasons(request, Severity.CAUTION) == {
        (f"{FIRST}.{name}", "") for name in ("maxDosePerPeriod", "maxDosePerAdministration", "maxDosePerLifetime")
    }
    assert "the order allows at most 4 g in 1 d" in [finding.sentence for finding in request.findings]


def test_how_often_is_kept_and_when_is_noted() -> None:
    repeat: Resource = {
        "frequency": Number("1"), "period": Number("8"), "periodUnit": "h", "count": Number("3"), "boundsPeriod": {"start": "2026-03-02"},
    }  # fmt: skip
    request = requested(changed(a_request(), f"{FIRST}.timing", {"repeat": repeat, "code": {"text": "every 8 h"}}))
    found = parameters_of(request)
    assert found["timing.repeat.frequency"].number.text == "1"
    assert found["timing.repeat.period"].unit.claims[0].spelling == "h"
    place = f"{FIRST}.timing"
    assert reasons(request, Severity.NOTE) == {(f"{place}.repeat.count", ""), (f"{place}.repeat.boundsPeriod", ""), (f"{place}.code", "")}


def test_when_the_order_begins_and_ends_is_handed_on_as_sent_for_a_check_that_knows_the_time() -> None:
    period: Resource = {"start": "2026-03-02T08:00:00+01:00", "end": "2026-03-03"}
    request = requested(changed(a_request(), f"{FIRST}.timing", {"repeat": {"boundsPeriod": period}}))
    place = f"MedicationRequest.{FIRST}.timing.repeat.boundsPeriod"
    assert parameters_of(request) == {
        "bounds-start": AmountAsSent(AsSent("2026-03-02T08:00:00+01:00", f"{place}.start")),
        "bounds-end": AmountAsSent(AsSent("2026-03-03", f"{place}.end")),
    }
    codes = [parameter.code for parameter in request.gives[0].parameters]
    assert [code.field for code in codes] == [f"{place}.start", f"{place}.end"]


def test_how_long_the_order_holds_is_handed_on_with_its_unit() -> None:
    request = requested(changed(a_request(), f"{FIRST}.timing", {"repeat": {"boundsDuration": quantity("10", "d")}}))
    assert parameters_of(request) == {"bounds-duration": amount("10", "d", f"{FIRST}.timing.repeat.boundsDuration")}


def test_each_moment_of_giving_is_handed_on() -> None:
    moments: list[Json] = ["2026-03-02T08:00:00Z", "2026-03-02T20:00:00Z"]
    request = requested(changed(a_request(), f"{FIRST}.timing", {"event": moments}))
    place = f"{FIRST}.timing.event"
    found = [(one.code.code, one.value.number) for one in request.gives[0].parameters]
    assert found == [("event", AsSent(str(text), f"MedicationRequest.{place}[{index}]")) for index, text in enumerate(moments)]
    assert reasons(request, Severity.NOTE) == {(place, "")}


def test_more_moments_than_a_chart_has_are_refused_and_not_read_to_the_end() -> None:
    request = requested(changed(a_request(), f"{FIRST}.timing", {"event": ["2026-03-02T08:00:00Z"] * 100}))
    assert len(request.gives[0].parameters) == 32
    assert reasons(request) == {(f"{FIRST}.timing.event", "9004")}


def test_the_form_of_the_drug_is_noted_and_not_judged() -> None:
    request = requested(changed(a_request(), "contained[0].form", {"text": "tablet"}))
    assert reasons(request, Severity.NOTE) == {("contained[0].form", "")}
    assert not reasons(request)


def test_an_extension_of_the_dose_that_is_not_read_is_noted() -> None:
    request = requested(changed(a_request(), f"{ENTRY}.extension", [{"url": "urn:basis-of-dose", "valueString": "dopamine"}]))
    assert reasons(request, Severity.NOTE) == {(f"{ENTRY}.extension[0]", "")}


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("reportedBoolean", True, Severity.REFUSE),
        ("reportedReference", {"reference": "Patient/1"}, Severity.REFUSE),
        ("priorPrescription", {"reference": "MedicationRequest/old"}, Severity.CAUTION),
        ("category", [concept("http://terminology.hl7.org/CodeSystem/medicationrequest-category", "discharge", "")], Severity.CAUTION),
        ("detectedIssue", [{"reference": "DetectedIssue/1"}], Severity.CAUTION),
        ("note", [{"text": "see chart"}], Severity.NOTE),
    ],
)
def test_what_a_request_has_no_place_for_is_said(name: str, value: Json, severity: Severity) -> None:
    if isinstance(value, list) and name == "category":
        value = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "code": "discharge"}]}]
    request = requested(a_request(**{name: value}))
    assert [finding.severity for finding in request.findings] == [severity]
    assert name in request.findings[0].field


def test_an_order_that_is_nobody_s_report_says_so_and_passes() -> None:
    assert requested(a_request(reportedBoolean=False)).findings == ()


# Resources that other people wrote


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples that other people wrote are not here")
def test_each_sample_is_read_or_named() -> None:
    paths = sorted(SAMPLES.glob("*.json"))
    assert paths
    for path in paths:
        resource = read(path.read_bytes())
        request = read_medication_request(resource, PLAIN)
        if path.name.startswith("MedicationRequest"):
            assert request.gives
            assert request.gives[0].amounts or request.gives[0].ratios
        else:
            assert [finding.code for finding in request.findings] == [Sub.NOT_AN_ORDER]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples that other people wrote are not here")
def test_a_rate_coded_without_a_code_has_no_unit_in_hl7_s_own_dopamine_example() -> None:
    request = read_medication_request(read((SAMPLES / "MedicationRequest-medrx0336.json").read_bytes()), PLAIN)
    (found,) = request.gives[0].amounts
    assert (found.number.text, found.unit.claims) == ("4", ())
    assert request.status.text == "completed"
