"""Whatever comes: sound orders damaged at random, and objects of any shape, are judged and read without an error (SR-53, SEC-24)."""

from pathlib import Path

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from interop.domain.request import AmountAsSent, AsSent, UnitAsSent, UnitClaim
from interop.wire.fhir.elements import TYPES
from interop.wire.fhir.issue import Issue
from interop.wire.fhir.json import Json, Number, Resource, read, walk
from interop.wire.fhir.medication_request import MAX_FINDINGS, read_medication_request
from interop.wire.fhir.structure import structural_issues
from interop.wire.fhir.validate import validate
from tests.wards.resources import ABSENT, EHR, a_dopamine_request, as_received, changed

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "fhir").glob("*.json"))
RATE = "dosageInstruction[0].doseAndRate[0].rateQuantity"
_PLACE = f"MedicationRequest.{RATE}"
AS_SENT = AmountAsSent(
    AsSent("10", f"{_PLACE}.value"),
    UnitAsSent((UnitClaim("ug/kg/min", "UCUM", f"{_PLACE}.code", "ug/kg/min"),), f"{_PLACE}.code"),
)

VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([Number("5"), Number("-1"), Number("1e400"), Number("0.0"), Number("99999999999999999999")])
    | st.sampled_from(["", "active", "#bag", "#", "Patient/1", "Group/1", "ug/kg/min", "2026-03-02", "{}", "<div/>", "Medication", "Nope"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["value", "code", "system", "reference", "coding", "id", "resourceType", "extension", "url", "_id", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> Resource:
    """A sound order with one to four values replaced by, or taken away for, anything."""
    resource = read(draw(st.sampled_from(GOLDEN)).read_bytes())
    for _ in range(draw(st.integers(1, 4))):
        paths = [path.removeprefix("MedicationRequest.") for path, _ in walk(resource, "MedicationRequest") if "." in path]
        path = draw(st.sampled_from(paths))
        resource = changed(resource, path, draw(VALUES | st.just(ABSENT)))
    return resource


@pytest.mark.requirement("SR-53")
@settings(max_examples=150, deadline=None)
@given(mutated())
def test_sr_53_a_mutated_order_is_judged_and_nothing_is_raised(resource: Resource) -> None:
    issues = validate(resource)
    event("sound" if not issues else "refused")
    assert all(isinstance(issue, Issue) and issue.place and issue.detail for issue in issues)
    if structural_issues(resource):
        assert issues


@pytest.mark.requirement("SR-53")
@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*TYPES["MedicationRequest"], "resourceType", "x"]), VALUES))
def test_sr_53_any_object_is_judged_and_nothing_is_raised(resource: Resource) -> None:
    assert validate(resource | {"resourceType": "MedicationRequest"})
    assert isinstance(validate(resource), tuple)


@pytest.mark.requirement("SEC-24")
def test_sec_24_findings_are_bounded_and_refusals_are_kept() -> None:
    resource = as_received(a_dopamine_request(supportingInformation=[{"reference": "Observation/x"}] * 500, status="bogus"))
    request = read_medication_request(resource, EHR)
    assert len(request.findings) == MAX_FINDINGS
    assert request.findings[0].refuses


@pytest.mark.requirement("SR-53")
@settings(max_examples=150, deadline=None)
@given(mutated())
def test_sr_53_a_mutated_order_is_read_and_nothing_is_raised(resource: Resource) -> None:
    request = read_medication_request(resource, EHR)
    event("refused" if any(finding.refuses for finding in request.findings) else "read")
    assert isinstance(hash(request.gives), int)
    assert all(amount.number.field.startswith("MedicationRequest.") for give in request.gives for amount in give.amounts)


@pytest.mark.requirement("SR-53")
@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["dosageInstruction", "contained", "identifier", "subject", "medicationReference", "meta", "basedOn"]), VALUES
    )
)
@example({"dosageInstruction": [{"sequence": Number("1e99"), "doseAndRate": [{"rateRatio": {"denominator": {"code": "h"}}}]}, None]})
@example({"contained": [{"id": "a"}, {"id": "a"}, None, "x"], "medicationReference": {"reference": "#a"}, "subject": {"reference": "#a"}})
def test_sr_53_any_object_is_read_and_nothing_is_raised(resource: Resource) -> None:
    request = read_medication_request(resource | {"resourceType": "MedicationRequest"}, EHR)
    assert any(finding.refuses for finding in request.findings)
    assert read_medication_request(resource | {"resourceType": "MedicationRequest"}, EHR, issues=()) is not None


@pytest.mark.requirement("SR-53")
@settings(deadline=None)
@given(st.sampled_from(["value", "code", "system", "unit", "comparator"]), VALUES)
def test_sr_53_no_change_of_a_rate_is_lost_on_the_way_to_stage_2(name: str, value: Json) -> None:
    """Where the rate that is handed on is the same as before, either nothing was changed or the change is refused."""
    before = a_dopamine_request()
    after = changed(before, f"{RATE}.{name}", value)
    request = read_medication_request(after, EHR)
    refused = any(finding.refuses for finding in request.findings)
    (found,) = request.gives[0].amounts
    event("refused" if refused else "handed on")
    assert found != AS_SENT or refused or after == before
