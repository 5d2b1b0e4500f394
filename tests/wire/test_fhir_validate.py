"""The validator of MedicationRequests: whatever the structural library lets through that must not programme a pump is refused by our own layer."""

import importlib
from pathlib import Path

import pytest

from interop.domain.finding import PivError, Severity, Sub
from interop.wire.fhir.elements import REQUIRED_GROUPS, RESOURCE_TYPES, TYPES
from interop.wire.fhir.issue import Issue, IssueCode
from interop.wire.fhir.json import Json, Number, Resource, read
from interop.wire.fhir.kinds import kind_of
from interop.wire.fhir.narrative import is_safe
from interop.wire.fhir.primitives import PRIMITIVES, is_a
from interop.wire.fhir.references import Target, target_of
from interop.wire.fhir.structure import structural_issues
from interop.wire.fhir.validate import MAX_ISSUES, own_issues, validate
from interop.wire.fhir.version import Version, version_by_shape, wrong_version
from tests.wards.resources import ABSENT, Absent, a_dopamine_request, as_received, changed, concept, quantity, ratio

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "fhir").glob("*.json"))
FIRST = "dosageInstruction[0]"
RATE = f"{FIRST}.doseAndRate[0].rateQuantity"
REPEAT = f"{FIRST}.timing"


def a_request(**elements: "Json | Absent") -> Resource:
    return as_received(a_dopamine_request(**elements))  # type: ignore[arg-type]


def told(issues: tuple[Issue, ...]) -> set[tuple[str, str]]:
    return {(issue.place.removeprefix("MedicationRequest."), issue.code) for issue in issues}


# What is sound


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_golden_orders_are_sound(path: Path) -> None:
    assert validate(read(path.read_bytes()), fhir_version="4.0") == ()


def test_an_order_may_carry_extensions_narrative_and_parts_that_are_not_read() -> None:
    resource = a_request(
        text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>4 &lt; 5 <b>mg</b></p></div>'},
        language="en-US",
        _status={"extension": [{"url": "urn:x", "valueString": "y"}]},
        note=[{"text": "call pharmacy", "authorString": "N. N."}],
        dispenseRequest={"quantity": {"value": Number("3"), "unit": "bags"}, "expectedSupplyDuration": quantity("1", "d")},
        substitution={"allowedBoolean": False},
        encounter={"reference": "https://ehr.example/fhir/Encounter/e1/_history/3"},
    )
    resource = changed(resource, f"{FIRST}.timing", {"event": ["2026-03-02"], "_event": [None], "repeat": {"frequency": Number("1")}})
    issues = validate(changed(resource, f"{FIRST}.timing._event", ABSENT))
    assert issues == ()


# Section by section: what fhir.resources accepts (fhir-infusion.md section 3)

ACCEPTED_BY_THE_LIBRARY: list[tuple[str, str, "Json | Absent", str, IssueCode]] = [
    ("a status outside the value set", "status", "bogus", "status", IssueCode.CODE_INVALID),
    ("an intent outside the value set", "intent", "bogus", "intent", IssueCode.CODE_INVALID),
    ("a priority outside the value set", "priority", "now", "priority", IssueCode.CODE_INVALID),
    (
        "a unit of time outside the value set",
        REPEAT,
        {"repeat": {"period": Number("1"), "periodUnit": "hour"}},
        f"{REPEAT}.repeat.periodUnit",
        IssueCode.CODE_INVALID,
    ),
    ("a comparator outside the value set", f"{RATE}.comparator", "!!", f"{RATE}.comparator", IssueCode.CODE_INVALID),
    ("a comparator in a SimpleQuantity", f"{RATE}.comparator", "<", f"{RATE}.comparator", IssueCode.INVARIANT),
    ("a code without its system (qty-3)", f"{RATE}.system", ABSENT, f"{RATE}.code", IssueCode.INVARIANT),
    (
        "a period that ends before it starts (per-1)",
        REPEAT,
        {"repeat": {"boundsPeriod": {"start": "2026-03-02", "end": "2026-03-01"}}},
        f"{REPEAT}.repeat.boundsPeriod",
        IssueCode.INVARIANT,
    ),
    (
        "a duration without its unit (tim-1)",
        REPEAT,
        {"repeat": {"duration": Number("30")}},
        f"{REPEAT}.repeat.duration",
        IssueCode.INVARIANT,
    ),
    ("a unit that is not UCUM", f"{RATE}.code", "furlong/fortnight", f"{RATE}.code", IssueCode.CODE_INVALID),
    ("a megalitre per henry", f"{RATE}.code", "ML/H", f"{RATE}.code", IssueCode.CODE_INVALID),
    ("a negative rate", f"{RATE}.value", Number("-5"), f"{RATE}.value", IssueCode.VALUE),
    ("a subject that is no patient", "subject", {"reference": "Observation/1"}, "subject", IssueCode.VALUE),
    ("a medication that is not contained", "medicationReference", {"reference": "#x"}, "medicationReference.reference", IssueCode.NOT_FOUND),
    ("an id of 65 characters", "id", "x" * 65, "id", IssueCode.VALUE),
    ("an empty array", "category", [], "category", IssueCode.STRUCTURE),
    ("null", "priority", None, "priority", IssueCode.STRUCTURE),
    (
        "a script in the narrative",
        "text",
        {"status": "generated", "div": "<div><script>x()</script></div>"},
        "text.div",
        IssueCode.INVARIANT,
    ),
    ("a decimal sent as text", f"{RATE}.value", "4.50", f"{RATE}.value", IssueCode.VALUE),
    ("a boolean sent as text", "doNotPerform", "true", "doNotPerform", IssueCode.VALUE),
    ("a time sent as seconds since 1970", "authoredOn", Number("1772438400"), "authoredOn", IssueCode.VALUE),
    ("a number of more than 18 digits", f"{RATE}.value", Number("1.0000000000000000001"), f"{RATE}.value", IssueCode.VALUE),
    (
        "an object sent as text that holds JSON",
        "subject",
        '{"reference": "Patient/1"}',
        "subject",
        IssueCode.STRUCTURE,
    ),
    ("a dose-rate-type of nobody's", f"{FIRST}.doseAndRate[0].type", concept(
        "http://terminology.hl7.org/CodeSystem/dose-rate-type", "guessed", ""), f"{FIRST}.doseAndRate[0].type.coding[0].code", IssueCode.CODE_INVALID),
]  # fmt: skip


@pytest.mark.requirement("SR-53", "SR-19", "SR-31")
@pytest.mark.parametrize(
    ("path", "value", "place", "code"), [row[1:] for row in ACCEPTED_BY_THE_LIBRARY], ids=[row[0] for row in ACCEPTED_BY_THE_LIBRARY]
)
def test_sr_53_what_the_library_accepts_is_refused_by_our_layer(path: str, value: "Json | Absent", place: str, code: IssueCode) -> None:
    resource = a_request()
    if path.startswith(REPEAT) and "." in path.removeprefix(REPEAT):
        resource = changed(resource, REPEAT, {})
    faulty = changed(resource, path, value)
    assert (place, code) in told(own_issues(faulty))
    assert all(issue.finding().code_text and issue.finding().refuses for issue in own_issues(faulty))


@pytest.mark.requirement("SR-53")
def test_sr_53_the_library_itself_still_accepts_most_of_these_so_that_the_layer_is_needed() -> None:
    resource = a_request()
    accepted = [name for name, path, value, _, _ in ACCEPTED_BY_THE_LIBRARY if not structural_issues(changed(resource, path, value))]
    assert len(accepted) >= 15


@pytest.mark.requirement("SR-53", "SEC-24")
def test_sr_53_a_contained_resource_that_r4_does_not_have_is_refused_although_the_library_breaks_on_it() -> None:
    resource = a_request(contained=[{"resourceType": "Nope", "id": "bag"}])
    assert [issue.code for issue in structural_issues(resource)] == [IssueCode.STRUCTURE]  # a KeyError within
    assert ("contained[0].resourceType", IssueCode.NOT_SUPPORTED) in told(validate(resource))


@pytest.mark.requirement("SR-53", "SEC-24")
def test_sr_53_extensions_nested_without_end_are_refused_although_the_library_breaks_on_them() -> None:
    extension: Resource = {"url": "urn:x", "valueString": "y"}
    for _ in range(400):
        extension = {"url": "urn:x", "extension": [extension]}
    resource: Resource = {"resourceType": "MedicationRequest", "extension": [extension]}
    assert [issue.code for issue in structural_issues(resource)] == [IssueCode.TOO_COSTLY]


@pytest.mark.requirement("SR-53")
def test_sr_53_a_body_without_resource_type_is_no_order() -> None:
    (issue,) = validate(changed(a_request(), "resourceType", ABSENT))
    assert (issue.code, issue.finding_code) == (IssueCode.NOT_SUPPORTED, Sub.NOT_AN_ORDER)


# Structure


@pytest.mark.requirement("SR-53")
@pytest.mark.parametrize(
    ("path", "value", "place", "code"),
    [
        ("status", ABSENT, "status", IssueCode.REQUIRED),
        ("intent", ABSENT, "intent", IssueCode.REQUIRED),
        ("subject", ABSENT, "subject", IssueCode.REQUIRED),
        ("medicationReference", ABSENT, "medication[x]", IssueCode.REQUIRED),
        ("medicationCodeableConcept", {"text": "dopamine"}, "medication[x]", IssueCode.STRUCTURE),
        (f"{FIRST}.doseAndRate[0].rateRatio", ratio(quantity("1", "mL"), quantity("1", "h")), f"{FIRST}.doseAndRate[0].rate[x]", IssueCode.STRUCTURE),
        ("rate", Number("5"), "rate", IssueCode.STRUCTURE),
        (f"{FIRST}.rate", Number("5"), f"{FIRST}.rate", IssueCode.STRUCTURE),
        ("contained[0].strength", "400 mg", "contained[0].strength", IssueCode.STRUCTURE),
        ("dosageInstruction", [], "dosageInstruction", IssueCode.STRUCTURE),
        ("dosageInstruction", ["5 mL/h"], "dosageInstruction[0]", IssueCode.STRUCTURE),
        ("dosageInstruction", [{}], "dosageInstruction[0]", IssueCode.STRUCTURE),
        ("dosageInstruction", [[]], "dosageInstruction[0]", IssueCode.STRUCTURE),
        ("identifier", {"value": "1"}, "identifier", IssueCode.STRUCTURE),
        ("identifier", [None], "identifier[0]", IssueCode.STRUCTURE),
        ("status", ["active"], "status", IssueCode.STRUCTURE),
        ("status", "", "status", IssueCode.VALUE),
        ("status", " active", "status", IssueCode.VALUE),
        ("_subject", {"extension": [{"url": "urn:x", "valueString": "y"}]}, "_subject", IssueCode.STRUCTURE),
        ("_status", {"value": "x"}, "_status", IssueCode.STRUCTURE),
        ("_status", [{"id": "x"}], "_status", IssueCode.STRUCTURE),
        ("_status", {"extension": [{"valueString": "y"}]}, "_status.extension[0].url", IssueCode.REQUIRED),
        ("extension", [{"url": "urn:x"}], "extension[0]", IssueCode.INVARIANT),
        ("extension", [{"url": "urn:x", "valueDecimal": "5"}], "extension[0].valueDecimal", IssueCode.VALUE),
        ("extension", [{"url": "urn:x", "valueDosageX": "5"}], "extension[0].valueDosageX", IssueCode.STRUCTURE),
        ("text", {"status": "generated"}, "text.div", IssueCode.REQUIRED),
        ("implicitRules", "urn:rules", "implicitRules", IssueCode.NOT_SUPPORTED),
        ("contained[0].implicitRules", "urn:rules", "contained[0].implicitRules", IssueCode.NOT_SUPPORTED),
        ("authoredOn", "2026-03-02T09:00:00", "authoredOn", IssueCode.VALUE),
        ("authoredOn", "2026-02-30", "authoredOn", IssueCode.VALUE),
        ("authoredOn", "2026-03-02T24:00:00Z", "authoredOn", IssueCode.VALUE),
        (f"{FIRST}.sequence", Number("1.0"), f"{FIRST}.sequence", IssueCode.VALUE),
        (f"{FIRST}.sequence", Number("99999999999"), f"{FIRST}.sequence", IssueCode.VALUE),
        (f"{RATE}.value", Number("5e0"), f"{RATE}.value", IssueCode.VALUE),
        ("identifier[0].use", "mine", "identifier[0].use", IssueCode.CODE_INVALID),
    ],
)  # fmt: skip
def test_sr_53_a_fault_of_structure_is_told_with_its_place(path: str, value: "Json | Absent", place: str, code: IssueCode) -> None:
    assert (place, code) in told(validate(changed(a_request(), path, value)))


@pytest.mark.requirement("SR-53")
@pytest.mark.parametrize(
    "path",
    ["", FIRST, f"{FIRST}.timing", "contained[0]", "contained[0].ingredient[0]", "contained[1]", "dispenseRequest", f"{RATE}.extension[0]"],
)
def test_sr_53_a_modifier_extension_anywhere_is_refused(path: str) -> None:
    resource = a_request(dispenseRequest={"numberOfRepeatsAllowed": Number("1")})
    resource = changed(resource, f"{FIRST}.timing", {"repeat": {"frequency": Number("1")}})
    resource = changed(resource, f"{RATE}.extension", [{"url": "urn:x", "extension": [{"url": "y", "valueCode": "z"}]}])
    at = f"{path}.modifierExtension" if path else "modifierExtension"
    issues = validate(changed(resource, at, [{"url": "urn:not-known", "valueBoolean": True}]))
    assert (at, IssueCode.EXTENSION) in told(issues)


@pytest.mark.parametrize(
    ("names", "companions", "sound"),
    [
        (["a", None], [None, {"extension": [{"url": "urn:x", "valueCode": "y"}]}], True),
        (["a", None], None, False),
        (["a", None], [None, None], False),
        ([None], [{"id": "1"}], True),
    ],
)
def test_null_stands_only_beside_the_extension_of_a_repeating_primitive(names: Json, companions: Json, sound: bool) -> None:
    name: Resource = {"given": names} | ({"_given": companions} if companions is not None else {})
    patient: Resource = {"resourceType": "Patient", "id": "p", "name": [name]}
    resource = a_request(subject={"reference": "#p"})
    resource = changed(resource, "contained[2]", patient)
    assert (own_issues(resource) == ()) is sound


# References and contained resources


@pytest.mark.requirement("SR-53")
@pytest.mark.parametrize(
    ("path", "value", "place", "code"),
    [
        ("subject", {"reference": "Group/1"}, "subject", IssueCode.NOT_SUPPORTED),
        ("subject", {"type": "Group", "identifier": {"value": "1"}}, "subject", IssueCode.NOT_SUPPORTED),
        ("subject", {"reference": "Patient"}, "subject.reference", IssueCode.VALUE),
        ("subject", {"reference": "../Patient/1"}, "subject.reference", IssueCode.VALUE),
        ("subject", {"reference": "Person/1"}, "subject", IssueCode.VALUE),
        ("subject", {"reference": "Patient/1", "type": "Group"}, "subject.type", IssueCode.VALUE),
        ("subject", {"reference": "#bag"}, "subject", IssueCode.VALUE),
        ("subject", {"id": "x"}, "subject", IssueCode.INVARIANT),
        ("medicationReference", {"reference": "#weight-1"}, "medicationReference", IssueCode.VALUE),
        ("medicationReference", {"reference": "https://ehr.example/fhir/Substance/1"}, "medicationReference", IssueCode.VALUE),
        ("medicationReference", {"reference": "#"}, "medicationReference", IssueCode.VALUE),
        ("requester", {"reference": "Medication/1"}, "requester", IssueCode.VALUE),
        ("priorPrescription", {"reference": "MedicationStatement/1"}, "priorPrescription", IssueCode.VALUE),
        ("supportingInformation", [{"reference": "#gone"}], "supportingInformation[0].reference", IssueCode.NOT_FOUND),
        (
            "contained[0].ingredient[0].itemReference",
            {"reference": "Patient/1"},
            "contained[0].ingredient[0].itemReference",
            IssueCode.VALUE,
        ),
        ("contained[0].id", ABSENT, "contained[0].id", IssueCode.REQUIRED),
        ("contained[1].id", "bag", "contained[0].id", IssueCode.INVARIANT),
        ("contained[2]", {"resourceType": "Medication", "id": "orphan", "status": "active"}, "contained[2]", IssueCode.INVARIANT),
        ("contained[0].contained", [{"resourceType": "Medication", "id": "inner"}], "contained[0].contained", IssueCode.INVARIANT),
        ("contained[0].meta", {"versionId": "1"}, "contained[0].meta.versionId", IssueCode.INVARIANT),
        ("contained[0].resourceType", ABSENT, "contained[0].resourceType", IssueCode.REQUIRED),
        ("contained", ["bag"], "contained[0].resourceType", IssueCode.REQUIRED),
    ],
)
def test_sr_53_a_reference_leads_to_what_may_stand_there_or_is_refused(
    path: str, value: "Json | Absent", place: str, code: IssueCode
) -> None:
    assert (place, code) in told(validate(changed(a_request(), path, value)))


def test_an_ingredient_may_refer_to_its_sibling() -> None:
    resource = changed(a_request(), "contained[0].ingredient[0].itemCodeableConcept", ABSENT)
    resource = changed(resource, "contained[0].ingredient[0].itemReference", {"reference": "#drug"})
    resource = changed(resource, "contained[2]", {"resourceType": "Substance", "id": "drug", "code": {"text": "dopamine"}})
    assert validate(resource) == ()


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Patient/123", Target("123", "Patient")),
        ("Patient/123/_history/2", Target("123", "Patient")),
        ("https://ehr.example/fhir/Patient/123", Target("123", "Patient", "https://ehr.example/fhir")),
        ("#bag", Target("bag", is_contained=True)),
        ("#", Target(is_contained=True)),
        ("urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", Target("urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a")),
        ("Patient", None),
        ("patient/1", None),
        ("Patient/1 ", None),
        ("Nope/1", None),
        ("", None),
    ],
)
def test_a_reference_is_understood_by_its_form(text: str, target: Target | None) -> None:
    assert target_of(text) == target


# Invariants


@pytest.mark.parametrize(
    ("repeat", "key"),
    [
        ({"duration": Number("1")}, "tim-1"),
        ({"period": Number("1")}, "tim-2"),
        ({"duration": Number("-1"), "durationUnit": "h"}, "tim-4"),
        ({"period": Number("-1"), "periodUnit": "h"}, "tim-5"),
        ({"periodMax": Number("2")}, "tim-6"),
        ({"durationMax": Number("2")}, "tim-7"),
        ({"countMax": Number("2")}, "tim-8"),
        ({"offset": Number("30")}, "tim-9"),
        ({"offset": Number("30"), "when": ["C"]}, "tim-9"),
        ({"timeOfDay": ["08:00:00"], "when": ["ACM"]}, "tim-10"),
        ({"boundsRange": {"low": quantity("3", "d"), "high": quantity("2", "d")}}, "rng-2"),
        ({"boundsPeriod": {"start": "2026-03-02T10:00:00+02:00", "end": "2026-03-02T07:59:59Z"}}, "per-1"),
        ({"boundsPeriod": {"start": "2026-03", "end": "2026-02-28T10:00:00Z"}}, "per-1"),
    ],
)
def test_an_invariant_of_timing_is_named(repeat: Resource, key: str) -> None:
    issues = own_issues(changed(a_request(), f"{FIRST}.timing", {"repeat": repeat}))
    assert [key for issue in issues if f"({key})" in issue.detail] == [key]


@pytest.mark.parametrize(
    "period",
    [
        {"start": "2026-03-02", "end": "2026-03-02"},
        {"start": "2026-03-02T10:00:00+02:00", "end": "2026-03-02T08:00:00Z"},
        {"start": "2026-03-02T00:30:00+14:00", "end": "2026-03-01"},
        {"start": "2026-03-02T23:59:60Z", "end": "2026-03-03T00:00:00Z"},
        {"start": "2026", "end": "2026-03"},
        {"start": "2026-03-02"},
    ],
)
def test_a_period_that_may_be_right_is_not_refused(period: Resource) -> None:
    assert own_issues(changed(a_request(), f"{FIRST}.timing", {"repeat": {"boundsPeriod": period}})) == ()


def test_half_a_ratio_is_refused() -> None:
    issues = own_issues(changed(a_request(), f"{FIRST}.maxDosePerPeriod", {"numerator": quantity("1", "g")}))
    assert told(issues) == {(f"{FIRST}.maxDosePerPeriod", IssueCode.INVARIANT)}


# Units


@pytest.mark.requirement("SR-19")
@pytest.mark.parametrize("code", ["mcg/kg/min", "ML/H", "ug/Kg/min", "cc", "U/h", "UG/KG/MIN", "µg/kg/min", "units/h", "1/min"])
def test_sr_19_a_unit_outside_the_table_is_told_and_left_to_the_site_s_spellings(code: str) -> None:
    resource = changed(a_request(), f"{RATE}.code", code)
    (issue,) = own_issues(resource)
    assert (issue.place.removeprefix("MedicationRequest."), issue.finding_code) == (f"{RATE}.code", PivError.INVALID_UNITS)
    assert issue.judged_later
    assert own_issues(resource, spellings={code}) == ()


@pytest.mark.requirement("SR-19")
def test_sr_19_a_number_without_a_coded_unit_is_no_dose() -> None:
    resource = changed(changed(a_request(), f"{RATE}.code", ABSENT), f"{RATE}.system", ABSENT)
    assert told(own_issues(resource)) == {(f"{RATE}.code", IssueCode.REQUIRED)}
    assert own_issues(resource, unit_text=True) == ()
    assert own_issues(changed(resource, f"{RATE}.unit", ABSENT), unit_text=True) != ()


@pytest.mark.requirement("SR-19")
def test_sr_19_a_unit_coded_in_another_system_is_not_taken_for_ucum() -> None:
    resource = changed(a_request(), f"{RATE}.system", "urn:local:units")
    assert told(own_issues(resource)) == {(f"{RATE}.system", IssueCode.CODE_INVALID)}


def test_units_of_what_is_not_programmed_may_be_anything() -> None:
    resource = a_request(dispenseRequest={"quantity": {"value": Number("30"), "system": "http://unitsofmeasure.org", "code": "TAB"}})
    assert validate(resource) == ()


# Versions


@pytest.mark.parametrize(
    ("path", "value", "version"),
    [
        ("medication", {"concept": {"text": "dopamine"}}, Version.R5),
        ("reason", [], Version.R5),
        (f"{FIRST}.asNeeded", True, Version.R5),
        ("contained[0].totalVolume", quantity("250", "mL"), Version.R5),
        (f"{FIRST}.step", [], Version.R6),
        ("dosageInstruction", {"step": []}, Version.R6),
        ("dosageInstruction", [{"rateQuantity": quantity("5", "mL/h")}], Version.STU3),
        ("dosageInstruction", [{"doseQuantity": quantity("5", "mg")}], Version.STU3),
    ],
)
def test_another_version_is_named_by_its_shape_and_nothing_else_is_said(path: str, value: Json, version: Version) -> None:
    (issue,) = validate(changed(a_request(), path, value))
    assert version.name in issue.detail
    assert issue.finding_code is Sub.NOT_AN_ORDER


@pytest.mark.parametrize(
    ("parameter", "accepted"),
    [("", True), ("4.0", True), ("4.0.1", True), ("4.3", True), ("5.0", False), ("3.0", False), ("latest", False)],
)
def test_only_r4_and_r4b_may_be_declared(parameter: str, accepted: bool) -> None:
    assert (wrong_version(a_request(), parameter) is None) is accepted
    assert (validate(a_request(), fhir_version=parameter) == ()) is accepted


def test_a_declared_version_does_not_outweigh_the_shape() -> None:
    issue = wrong_version(changed(a_request(), "medication", {}), "4.0")
    assert issue is not None
    assert "R5" in issue.detail
    assert "declared as R4" in issue.detail
    assert version_by_shape(a_request()) is None


# What other resources are


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("MedicationAdministration", "a MedicationAdministration: a record of giving, not an order"),
        ("Observation", "an Observation: a measurement or finding, not an order"),
        ("Account", "an Account: not an order for a drug"),
        ("Jane Doe", "no resource of FHIR R4"),
    ],
)
def test_another_resource_is_told_what_it_is(kind: str, words: str) -> None:
    assert kind_of({"resourceType": kind}) == words
    (issue,) = validate({"resourceType": kind})
    assert words in issue.detail


# Findings and bounds


def test_an_issue_becomes_a_finding_for_the_one_who_must_act() -> None:
    (issue,) = own_issues(changed(a_request(), "subject", {"reference": "Group/1"}))
    finding = issue.finding()
    assert (finding.severity, finding.code, finding.field) == (Severity.REFUSE, PivError.PATIENT_ID_INVALID, "MedicationRequest.subject")


def test_no_issue_repeats_free_text_of_the_order() -> None:
    resource = changed(a_request(), "status", "Jane Doe born 1970-01-01")
    resource = changed(resource, f"{RATE}.code", "Jane Doe")
    resource = changed(resource, "subject", {"reference": "Jane Doe"})
    assert not [issue for issue in validate(resource) if "Jane" in issue.detail or "Jane" in issue.place]


@pytest.mark.requirement("SEC-24")
def test_sec_24_a_body_full_of_faults_is_told_up_to_a_bound() -> None:
    resource = a_request(identifier=[{"use": "mine", "value": Number("1"), "x": None} for _ in range(300)])
    issues = validate(resource)
    assert len(issues) == MAX_ISSUES + 1
    assert issues[-1].code is IssueCode.TOO_COSTLY


def test_a_fault_is_told_once() -> None:
    issues = validate(changed(a_request(), "status", ABSENT))
    assert len(issues) == 1


# The narrative


@pytest.mark.requirement("SEC-24")
@pytest.mark.parametrize(
    ("div", "safe"),
    [
        ('<div xmlns="http://www.w3.org/1999/xhtml"><p style="color: red">5 <b>mg</b><br/></p></div>', True),
        ('<div><a href="https://ehr.example/x?a=1&amp;b=2">x</a><a href="#p">y</a><img src="data:image/png;base64,AA"/></div>', True),
        ("<div><table><tr><td>5</td></tr></table></div>", True),
        ("<p>5</p>", False),
        ("<div><script>x()</script></div>", False),
        ("<div><SCRIPT>x()</SCRIPT></div>", False),
        ('<div onclick="x()">5</div>', False),
        ('<div title=">" onclick="x()">5</div>', False),
        ('<div><img src="x" onerror=x()></div>', False),
        ('<div><a href="javascript:x()">x</a></div>', False),
        ('<div><a href=" javascript:x()">x</a></div>', False),
        ('<div><a href="java&#115;cript:x()">x</a></div>', False),
        ('<div><p style="background: url(https://x)">x</p></div>', False),
        ("<div><!-- x --></div>", False),
        ("<div><![CDATA[x]]></div>", False),
        ('<!DOCTYPE div [<!ENTITY x "y">]><div/>', False),
        ("<div><form><input/></form></div>", False),
        ('<div><iframe src="https://x"/></div>', False),
        ("<div><b", False),
    ],
)
def test_sec_24_a_narrative_formats_and_does_not_act(div: str, safe: bool) -> None:
    assert is_safe(div) is safe


# The table of elements against a second reader of R4


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_the_table_of_elements_agrees_with_the_library_s_r4b_models(kind: str) -> None:
    """Names, cardinality, what is required, required value sets and the types that a reference may lead to.

    Two differences are the library's: it lacks valueMeta, and cuts the statuses of an Observation short ("amended +").
    """
    root, *rest = kind.split(".")
    module = {"SimpleQuantity": "quantity"}.get(root, root.lower())
    name = {"SimpleQuantity": "Quantity"}.get(root, "".join(part[0].upper() + part[1:] for part in (root, *rest)))
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{module}"), name)
    fields = {
        field.alias or key: (field, field.json_schema_extra or {})
        for key, field in model.model_fields.items()
        if not (field.alias or key).startswith("_") and not key.endswith("__ext") and key not in ("resource_type", "fhir_comments")
    }
    ours = {name: element for name, element in TYPES[kind].items() if name not in ("resourceType", "valueMeta")}
    single = {name for name, element in ours.items() if element.required and "[x]" not in element.group}
    assert {name: element.many for name, element in ours.items()} == {name: "List" in str(f.annotation) for name, (f, _) in fields.items()}
    assert single == {name for name, (field, extra) in fields.items() if field.is_required() or extra.get("element_required")}
    for name, (_, extra) in fields.items():
        if ours[name].codes and (kind, name) != ("Observation", "status"):
            assert ours[name].codes == set(extra.get("enum_values", ours[name].codes))
        if ours[name].type == "Reference":
            assert ours[name].targets == set(extra.get("enum_reference_types", ())) - {"Resource"}


def test_the_list_of_resource_types_names_only_what_the_library_has_too() -> None:
    for kind in RESOURCE_TYPES:
        importlib.import_module(f"fhir.resources.R4B.{kind.lower()}")


def test_every_type_of_the_table_is_a_primitive_or_judged() -> None:
    unjudged = {element.type for elements in TYPES.values() for element in elements.values()} - PRIMITIVES - TYPES.keys() - {"Resource"}
    assert unjudged == {
        "Signature", "ContactDetail", "Contributor", "DataRequirement", "Expression", "ParameterDefinition", "RelatedArtifact",
        "TriggerDefinition", "UsageContext", "CodeableReference", "RatioRange",
    }  # fmt: skip
    assert all(REQUIRED_GROUPS[kind] is not None for kind in TYPES)


@pytest.mark.parametrize(
    ("kind", "value", "good"),
    [
        ("decimal", Number("4.50"), True),
        ("decimal", Number("4e1"), False),
        ("decimal", "4.50", False),
        ("boolean", True, True),
        ("boolean", "true", False),
        ("boolean", Number("1"), False),
        ("integer", Number("-5"), True),
        ("integer", Number("-0"), False),
        ("integer", Number("2147483648"), False),
        ("positiveInt", Number("0"), False),
        ("string", "  ", False),
        ("string", "two\nlines", True),
        ("dateTime", "2026", True),
        ("dateTime", "2026-03-02T10:00", False),
        ("dateTime", "2026-03-02T10:00:00.123+05:30", True),
        ("dateTime", "0000-01-01", False),
        ("instant", "2026-03-02", False),
        ("date", "2024-02-29", True),
        ("date", "2023-02-29", False),
        ("time", "23:59:59", True),
        ("code", "two  blanks", False),
        ("oid", "urn:oid:1.2.3", True),
    ],
)
def test_a_primitive_has_the_json_type_and_form_of_the_standard(kind: str, value: Json, good: bool) -> None:
    assert is_a(kind, value) is good
