"""Whose order and for whom: order numbers, patient ids, measurements, the pharmacy's word, and the places a sender's profile may name."""

import os
from pathlib import Path

import pytest

from interop.domain.finding import Severity
from interop.domain.request import (
    AmountAsSent,
    AsSent,
    IdentifierAsSent,
    OrderRequest,
    UnitAsSent,
    UnitClaim,
    VerificationAsSent,
    VerificationPolicy,
)
from interop.domain.sender import FieldRule, Format, NotAPath, SenderProfile, VerificationRule
from interop.wire.fhir.json import Json, Number, Resource
from interop.wire.fhir.medication_request import read_medication_request
from interop.wire.fhir.node import Node
from interop.wire.fhir.path import find, parse_path
from tests.wards.resources import (
    ABSENT,
    LOINC,
    PATIENTS,
    VERIFICATION,
    Absent,
    a_dopamine_request,
    as_received,
    changed,
    concept,
    quantity,
    requested,
    with_weight,
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


# Whose order, which patient


@pytest.mark.parametrize(
    ("identifiers", "chosen", "authority"),
    [
        ([{"value": "1"}], "1", ""),
        ([{"value": "1"}, {"system": "urn:a", "value": "2"}], "2", "urn:a"),
        ([{"system": "urn:a", "value": "1"}, {"use": "official", "system": "urn:b", "value": "2"}], "2", "urn:b"),
        ([{"use": "official", "value": "1"}, {"type": {"coding": [{"code": "PLAC"}]}, "system": "urn:b", "value": "2"}], "2", "urn:b"),
        ([{"type": {"coding": [{"code": "FILL"}]}, "system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}], "2", "urn:b"),
        ([{"use": "old", "system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}], "2", "urn:b"),
        ([{"system": "urn:a", "value": "1"}, {"use": "usual", "system": "urn:a", "value": "1"}], "1", "urn:a"),
        ([{"system": "urn:a"}], "", ""),
    ],
)
def test_the_order_number_is_the_one_that_is_marked_out(identifiers: Json, chosen: str, authority: str) -> None:
    request = requested(a_request(identifier=identifiers))
    assert (request.placer_order_number.value.text, request.placer_order_number.authority) == (chosen, authority)
    assert request.findings == ()


def test_of_several_order_numbers_none_is_chosen_but_by_the_profile() -> None:
    resource = a_request(identifier=[{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}])
    request = requested(resource)
    assert request.placer_order_number.value == AsSent("", "MedicationRequest.identifier")
    assert reasons(request) == {("identifier", "9004")}
    placed = requested(
        resource,
        with_places(placer_order_number=FieldRule(path="identifier.where(system='urn:b').value"), placer_authority=FieldRule(constant="B")),
    )
    assert placed.placer_order_number == IdentifierAsSent(AsSent("2", "MedicationRequest.identifier[1].value"), "B", "PLAC")
    assert placed.findings == ()


@pytest.mark.parametrize(
    ("reference", "base", "value", "authority"),
    [
        ("Patient/123", "", "123", ""),
        ("Patient/123", "https://ehr.example/fhir", "123", "https://ehr.example/fhir"),
        ("Patient/123/_history/4", "", "123", ""),
        ("https://other.example/r4/Patient/123", "https://ehr.example/fhir", "123", "https://other.example/r4"),
        ("urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "", "", ""),
    ],
)
def test_the_subject_s_reference_gives_an_id_and_its_server(reference: str, base: str, value: str, authority: str) -> None:
    resource = as_received(a_request(subject={"reference": reference}))
    (found,) = read_medication_request(resource, PLAIN, base=base).patient.ids
    assert (found.value.text, found.authority) == (value, authority)


@pytest.mark.parametrize("reference", ["Patient/p-1", "https://ehr.example/r4/Patient/p-1"])
def test_where_the_sender_keeps_the_patient_is_kept_as_sent(reference: str) -> None:
    subject: Resource = {"reference": reference, "identifier": {"system": PATIENTS, "value": "4711001"}}
    assert requested(a_request(subject=subject)).patient.reference == AsSent(reference, "MedicationRequest.subject.reference")


@pytest.mark.parametrize(
    "subject", [{"identifier": {"system": PATIENTS, "value": "4711001"}}, {"reference": "#p"}, {"reference": "Group/g"}]
)
def test_a_patient_who_is_kept_nowhere_has_no_reference(subject: Resource) -> None:
    assert not requested(a_request(subject=subject)).patient.reference


def test_the_subject_s_business_identifier_stands_before_its_reference() -> None:
    subject: Json = {
        "reference": "Patient/123",
        "identifier": {"type": {"coding": [{"code": "MR"}]}, "system": PATIENTS, "value": "4711001"},
    }
    first, second = requested(a_request(subject=subject), PLAIN).patient.ids
    assert (first.value.text, first.authority, first.type) == ("4711001", PATIENTS, "MR")
    assert second.value == AsSent("123", "MedicationRequest.subject.reference")


def test_a_contained_patient_brings_ids_name_and_birth_date() -> None:
    patient: Resource = {
        "resourceType": "Patient", "id": "pat", "birthDate": "1970-01-31", "gender": "female",
        "identifier": [{"use": "old", "value": "1"}, {"system": PATIENTS, "value": "4711001"}],
        "name": [{"family": "Muster", "given": ["Maxi", "Erika"]}],
    }  # fmt: skip
    request = requested(changed(a_request(subject={"reference": "#pat"}), "contained[2]", patient), PLAIN)
    assert [found.value.text for found in request.patient.ids] == ["4711001"]
    assert (request.patient.name.text, request.patient.birth_date.text, request.patient.sex.text) == (
        "Muster, Maxi Erika",
        "1970-01-31",
        "female",
    )
    assert request.findings == ()


def with_patient(*identifiers: Json, subject: Resource | None = None, **elements: Json) -> Resource:
    inner: Resource = {"resourceType": "Patient", "id": "pat", "identifier": list(identifiers), **elements}
    return changed(a_request(subject={"reference": "#pat", **(subject or {})}), "contained[2]", inner)


def typed(value: str, code: str, system: str = PATIENTS) -> Resource:
    return {"system": system, "value": value, "type": {"coding": [{"code": code}]}}


@pytest.mark.requirement("SR-02")
@pytest.mark.parametrize(
    ("identifiers", "subject"),
    [
        ([typed("1", "MR"), typed("2", "MR")], {}),
        ([typed("1", "MR"), {"system": PATIENTS, "value": "2"}], {}),
        ([{"value": "1"}, {"value": "2"}], {}),
        ([typed("1", "MR")], {"identifier": {"system": PATIENTS, "value": "2"}}),
    ],
)
def test_sr_02_two_ids_of_one_system_that_differ_name_nobody(identifiers: list[Json], subject: Resource) -> None:
    request = requested(with_patient(*identifiers, subject=subject), PLAIN)
    (found,) = [finding for finding in request.findings if finding.refuses]
    assert found.code_text == "9031"
    assert "identifier" in found.field


@pytest.mark.requirement("SR-02")
def test_sr_02_a_reference_of_the_same_authority_must_name_the_same_patient() -> None:
    profile = with_places(patient_authority=FieldRule(constant=PATIENTS))
    subject: Resource = {"reference": "Patient/2", "identifier": {"system": PATIENTS, "value": "1"}}
    assert reasons(requested(a_request(subject=subject), profile)) == {("subject.reference", "9031")}
    assert reasons(requested(a_request(subject=subject | {"reference": "Patient/1"}), profile)) == set()
    assert reasons(requested(a_request(subject=subject), PLAIN)) == set()


@pytest.mark.parametrize(
    "identifiers",
    [
        [typed("1", "MR"), typed("1", "MR")],
        [typed("1", "MR"), typed("2", "SS")],
        [typed("1", "MR"), typed("2", "MR", "urn:other")],
        [typed("1", "MR"), typed("2", "MR") | {"use": "old"}],
    ],
)
def test_ids_of_several_systems_or_kinds_an_old_one_and_the_same_twice_are_one_patient(identifiers: list[Json]) -> None:
    assert reasons(requested(with_patient(*identifiers), PLAIN)) == set()


@pytest.mark.parametrize(("name", "value"), [("deceasedBoolean", True), ("deceasedDateTime", "2026-03-01")])
def test_an_order_for_a_patient_who_is_sent_as_dead_is_refused(name: str, value: Json) -> None:
    request = requested(with_patient(typed("1", "MR"), **{name: value}), PLAIN)
    assert reasons(request) == {(f"contained[2].{name}", "9004")}
    assert reasons(requested(with_patient(typed("1", "MR"), deceasedBoolean=False), PLAIN)) == set()


@pytest.mark.parametrize("subject", [{"reference": "Group/1"}, {"type": "Group", "identifier": {"value": "1"}}])
def test_an_order_for_a_group_names_no_patient(subject: Resource) -> None:
    request = requested(a_request(subject=subject), PLAIN)
    assert reasons(request) == {("subject", "9031")}


def test_the_profile_places_the_patient_s_id() -> None:
    rules = {"patient_id": FieldRule(path="subject.display", separator="/", part=2), "patient_authority": FieldRule(constant="DEMO")}
    (found,) = requested(a_request(subject={"display": "MRN/4711"}), with_places(**rules)).patient.ids
    assert (found.value, found.authority) == (AsSent("4711", "MedicationRequest.subject.display"), "DEMO")


def test_an_order_based_on_another_names_it() -> None:
    request = requested(a_request(basedOn=[{"reference": "CarePlan/1"}, {"reference": "MedicationRequest/p-1"}]))
    assert request.parent_order.value == AsSent("p-1", "MedicationRequest.basedOn[1].reference")
    assert not requested(a_request(basedOn=[{"reference": "CarePlan/1"}])).parent_order.value


# Weight, height, body surface


@pytest.mark.parametrize("code", ["29463-7", "3141-9", "8350-1", "8351-9"])
def test_a_measured_weight_is_read(code: str) -> None:
    request = requested(with_weight(a_dopamine_request(weight=""), "3.25", "kg", code=code))
    assert request.weight == amount("3.25", "kg", "contained[1].valueQuantity")
    assert request.findings == ()


@pytest.mark.parametrize("code", ["3142-7", "8335-2"])
def test_a_stated_or_estimated_weight_is_confirmed(code: str) -> None:
    request = requested(with_weight(a_dopamine_request(weight=""), "80", code=code))
    (finding,) = request.findings
    assert finding.must_confirm
    assert request.weight.number.text == "80"


def test_height_and_surface_are_read() -> None:
    resource = with_weight(with_weight(a_request(), "175", "cm", code="8302-2"), "1.95", "m2", code="3140-1")
    request = requested(resource)
    assert request.height == amount("175", "cm", "contained[2].valueQuantity")
    assert request.body_surface_area == amount("1.95", "m2", "contained[3].valueQuantity")


def test_of_two_weights_none_is_chosen() -> None:
    request = requested(with_weight(a_request(), "8"))
    assert not request.weight
    assert reasons(request) == {("contained[2]", "9004")}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status", "preliminary"),
        ("status", "entered-in-error"),
        ("valueQuantity", ABSENT),
        ("code", concept(LOINC, "8867-4", "Heart rate")),
        ("code", concept("urn:local", "29463-7", "Body weight")),
    ],
)
def test_what_is_no_final_weight_is_not_used(path: str, value: "Json | Absent") -> None:
    request = requested(changed(a_request(), f"contained[1].{path}", value))
    assert not request.weight
    assert reasons(request) == set()


def test_the_weight_of_somebody_else_is_refused() -> None:
    request = requested(changed(a_request(), "contained[1].subject", {"reference": "Patient/other"}))
    assert not request.weight
    assert reasons(request) == {("contained[1].subject", "9004")}
    subject: Json = {"reference": "Patient/4711", "display": "M. M."}
    own = a_request(subject=subject)
    assert requested(changed(own, "contained[1].subject", {"reference": "Patient/4711"}), PLAIN).weight


def test_the_weight_of_another_stay_is_confirmed() -> None:
    resource = changed(a_request(encounter={"reference": "Encounter/2"}), "contained[1].encounter", {"reference": "Encounter/1"})
    request = requested(resource)
    assert [finding.must_confirm for finding in request.findings] == [True]
    assert request.weight


def test_a_weight_without_a_time_has_no_age() -> None:
    request = requested(a_dopamine_request(weight_at=""))
    assert request.weight_at == AsSent("", "MedicationRequest.contained[1].effectiveDateTime")
    period = changed(a_dopamine_request(weight_at=""), "contained[1].effectivePeriod", {"start": "2026-03-01", "end": "2026-03-02"})
    assert reasons(requested(period), Severity.NOTE) == {("contained[1].effectivePeriod", "")}


def test_a_measurement_that_was_not_sent_along_is_noted() -> None:
    request = requested(a_request(supportingInformation=[{"reference": "#weight-1"}, {"reference": "Observation/w"}]))
    assert reasons(request, Severity.NOTE) == {("supportingInformation[1]", "")}
    assert request.weight


@pytest.mark.requirement("D-28")
def test_d_28_a_weight_that_the_profile_places_has_no_second_source() -> None:
    resource = changed(a_request(), "extension[1]", {"url": "urn:dosing-weight", "valueQuantity": quantity("79.5", "kg")})
    rules = {
        "weight": FieldRule(path="extension('urn:dosing-weight').valueQuantity"),
        "weight_at": FieldRule(path="authoredOn"),
        "weight_is_dosing_weight": FieldRule(constant="yes", values={"yes": "true"}),
    }
    request = requested(resource, with_places(**rules))
    assert request.weight == amount("79.5", "kg", "extension[1].valueQuantity")
    assert request.weight_at.text == "2026-03-02T07:10:00+00:00"
    assert request.weight_is_dosing_weight
    assert not requested(a_request(), with_places(**rules)).weight  # the Observation is there, and is not a fall-back


def test_a_weight_placed_as_a_bare_number_has_no_unit() -> None:
    resource = changed(a_request(), "extension[1]", {"url": "urn:w", "valueDecimal": Number("80")})
    request = requested(resource, with_places(weight=FieldRule(path="extension('urn:w').valueDecimal")))
    place = "MedicationRequest.extension[1].valueDecimal"
    assert request.weight == AmountAsSent(AsSent("80", place), UnitAsSent((), place))


def test_a_dosing_weight_that_cannot_be_told_is_refused() -> None:
    request = requested(a_request(), with_places(weight_is_dosing_weight=FieldRule(path="status")))
    assert not request.weight_is_dosing_weight
    assert reasons(request) == {("status", "9004")}


# Verification and the grammar of paths


@pytest.mark.requirement("D-14")
@pytest.mark.parametrize(("word", "verified"), [("verified", True), ("pending", False), ("rejected", False), ("seen", None), ("", None)])
def test_d_14_the_pharmacy_s_word_stands_where_the_profile_says(word: str, verified: bool | None) -> None:
    found = requested(a_dopamine_request(verification=word)).verification
    place = "MedicationRequest.extension[0].valueCode" if word else f"MedicationRequest.extension('{VERIFICATION}').valueCode"
    assert found == VerificationAsSent(VerificationPolicy.FIELD, AsSent(word, place), verified)


@pytest.mark.requirement("D-14")
@pytest.mark.parametrize("policy", [VerificationPolicy.NONE, VerificationPolicy.BY_CONTRACT])
def test_d_14_without_a_field_the_policy_speaks(policy: VerificationPolicy) -> None:
    profile = SenderProfile("p", "", Format.FHIR_R4, (), "", VerificationRule(policy))
    assert requested(a_request(), profile).verification == VerificationAsSent(policy)


@pytest.mark.requirement("D-14", "D-28")
def test_d_14_two_words_of_the_pharmacy_are_no_word() -> None:
    resource = changed(a_request(), "extension[1]", {"url": VERIFICATION, "valueCode": "pending"})
    request = requested(resource)
    assert request.verification.verified is None
    assert reasons(request) == {(f"extension('{VERIFICATION}').valueCode", "9004")}


PLACE_CASES = [
    ("status", ["active"]),
    ("meta.versionId", ["1"]),
    ("identifier.value", ["A", "B", "C"]),
    ("identifier[1].value", ["B"]),
    ("identifier.value[2]", ["C"]),
    ("identifier[9].value", []),
    ("identifier.where(use='official').value", ["B", "C"]),
    ("identifier.where(use='official')[0].value", None),
    ("identifier.where(system='urn:x/y.z').value", ["C"]),
    ("extension('http://x.example/a.b').valueCode", ["E"]),
    ("extension('urn:nested').extension('urn:in').valueBoolean", ["true"]),
    ("contained.where(resourceType='Medication').id", ["bag"]),
    ("nothing.here", []),
    ("status.code", []),
]


@pytest.mark.requirement("D-28")
@pytest.mark.parametrize(("path", "texts"), PLACE_CASES)
def test_d_28_a_path_leads_where_its_grammar_says(path: str, texts: list[str] | None) -> None:
    resource: Resource = {
        "status": "active",
        "meta": {"versionId": "1"},
        "identifier": [{"value": "A"}, {"use": "official", "value": "B"}, {"use": "official", "system": "urn:x/y.z", "value": "C"}],
        "extension": [
            {"url": "http://x.example/a.b", "valueCode": "E"},
            {"url": "urn:nested", "extension": [{"url": "urn:in", "valueBoolean": True}]},
        ],
        "contained": [{"resourceType": "Medication", "id": "bag"}],
    }
    if texts is None:
        with pytest.raises(NotAPath):
            parse_path(path)
        return
    found = find(Node(resource, "R"), path)
    assert ["true" if node.value is True else node.value for node in found] == texts
    assert all(node.path.startswith("R.") for node in found)


@pytest.mark.requirement("D-28")
@pytest.mark.parametrize(
    "path",
    ["", ".", "a.", ".a", "a..b", "A", "a[x]", "a[-1]", "a[]", "a b", "a()", "first()", "a.where(b=c)", "a.where(b!='c')", "extension(x)",
     "extension('')", "extension('a b')", "a | b", "a.value > 5", "identifier.where(a='b' or 1=1).value", "a\n", "%resource.id"],
)  # fmt: skip
def test_d_28_the_grammar_is_closed(path: str) -> None:
    with pytest.raises(NotAPath):
        parse_path(path)


def test_a_rule_outside_the_grammar_reads_nothing_and_is_refused() -> None:
    request = requested(a_request(), with_places(therapy=FieldRule(path="extension.first()")))
    assert not request.therapy
    assert [finding.refuses for finding in request.findings] == [True]


def test_a_rule_that_leads_to_an_object_reads_nothing_and_is_refused() -> None:
    request = requested(a_request(), with_places(therapy=FieldRule(path="identifier")))
    assert not request.therapy
    assert reasons(request) == {("identifier[0]", "9004")}


def test_a_therapy_is_spelled_as_the_profile_s_table_says() -> None:
    rule = FieldRule(path="courseOfTherapyType.coding.code", values={"vte": "VTE protocol"})
    resource = a_request(courseOfTherapyType=concept("urn:x", "vte", ""))
    resource = changed(resource, "courseOfTherapyType.coding[0].display", ABSENT)
    assert requested(resource, with_places(therapy=rule)).therapy.text == "VTE protocol"
