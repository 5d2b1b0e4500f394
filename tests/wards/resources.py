"""Orders as FHIR resources for scenarios: a dopamine infusion for an adult of 80 kg, as the demo's EHR sends it, with whatever the story changes.

Numbers are given as text (``dose_rate="5.0"``), because the digits that are sent are part of the story.
"""

import re
from copy import deepcopy

from interop.domain.request import OrderRequest, VerificationPolicy
from interop.domain.sender import FieldRule, Format, SenderProfile, VerificationRule
from interop.wire.fhir.json import Json, Number, Resource, read, write
from interop.wire.fhir.medication_request import read_medication_request

UCUM = "http://unitsofmeasure.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ORDERABLE = "urn:interop:demo:orderable"
ORDERS = "urn:interop:demo:orders"
PATIENTS = "urn:interop:demo:patients"
VERIFICATION = "urn:interop:demo:pharmacy-verification"
THERAPY = "urn:interop:demo:infusion-therapy"

EHR = SenderProfile(
    name="fhir-by-field",
    title="An EHR whose orders say who verified them",
    format=Format.FHIR_R4,
    names=(("ehr-fhir", ""),),
    system_group="EHR1",
    verification=VerificationRule(
        VerificationPolicy.FIELD,
        FieldRule(path=f"extension('{VERIFICATION}').valueCode"),
        verified=frozenset({"verified"}),
        unverified=frozenset({"pending", "rejected"}),
    ),
    places={
        "patient_id": FieldRule(path="subject.identifier.value"),
        "patient_authority": FieldRule(constant="DEMO"),
        "therapy": FieldRule(path=f"extension('{THERAPY}').valueCode"),
    },
)


class Absent:
    """In ``changed``: take the element away."""


ABSENT = Absent()


def quantity(value: str, unit: str, *, text: str = "") -> Resource:
    """A UCUM quantity; ``value`` "" leaves the number out."""
    number: Resource = {"value": Number(value)} if value else {}
    return number | {"unit": text or unit, "system": UCUM, "code": unit}


def ratio(numerator: Resource, denominator: Resource) -> Resource:
    return {"numerator": numerator, "denominator": denominator}


def concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def a_dopamine_request(
    *,
    dose_rate: str = "10",
    dose_rate_unit: str = "ug/kg/min",
    amount: str = "400",
    amount_unit: str = "mg",
    volume: str = "250",
    orderable: str = "LOC-00501",
    weight: str = "80",
    weight_unit: str = "kg",
    weight_at: str = "2026-03-02T06:00:00+00:00",
    patient: str = "4711001",
    order_number: str = "ORD-1001",
    status: str = "active",
    intent: str = "order",
    verification: str = "verified",
    version: str = "1",
    **elements: "Json | Absent",
) -> Resource:
    """Dopamine 400 mg in 250 mL at 10 ug/kg/min for 80 kg, active and verified. ``elements`` replace whole elements of the resource, or take them away.

    ``weight`` "" sends no weight; ``verification`` "" no word of the pharmacy's.
    """
    resource: Resource = {
        "resourceType": "MedicationRequest",
        "id": f"mr-{order_number}",
        "meta": {"versionId": version},
        "contained": [
            {
                "resourceType": "Medication",
                "id": "bag",
                "code": concept(ORDERABLE, orderable, "DOPamine 400 mg in dextrose 5 % 250 mL"),
                "ingredient": [
                    {
                        "itemCodeableConcept": concept(RXNORM, "3628", "dopamine"),
                        "strength": ratio(quantity(amount, amount_unit), quantity(volume, "mL")),
                    }
                ],
            }
        ],
        "identifier": [{"use": "official", "system": ORDERS, "value": order_number}],
        "status": status,
        "intent": intent,
        "medicationReference": {"reference": "#bag"},
        "subject": {"identifier": {"system": PATIENTS, "value": patient}},
        "authoredOn": "2026-03-02T07:10:00+00:00",
        "requester": {"display": "the prescriber"},
        "dosageInstruction": [
            {
                "text": "DOPamine 10 mcg/kg/min",
                "route": concept(SNOMED, "47625008", "Intravenous route"),
                "doseAndRate": [{"rateQuantity": quantity(dose_rate, dose_rate_unit)}],
            }
        ],
    }
    if verification:
        resource["extension"] = [{"url": VERIFICATION, "valueCode": verification}]
    if weight:
        resource = with_weight(resource, weight, weight_unit, weight_at)
    for name, value in elements.items():
        resource = changed(resource, name, value)
    return resource


def with_weight(resource: Resource, value: str, unit: str = "kg", at: str = "2026-03-02T06:00:00+00:00", code: str = "29463-7") -> Resource:
    """The same order with one more contained weight, as another measurement."""
    contained, named = resource.get("contained", []), resource.get("supportingInformation", [])
    assert isinstance(contained, list)
    assert isinstance(named, list)
    name = f"weight-{len(named) + 1}"
    observation: Resource = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": concept(LOINC, code, "Body weight"),
        "valueQuantity": quantity(value, unit),
    }
    if at:
        observation["effectiveDateTime"] = at
    return resource | {"contained": [*contained, observation], "supportingInformation": [*named, {"reference": f"#{name}"}]}


_STEP = re.compile(r"\.?(?P<name>\w+)|\[(?P<index>\d+)\]")


def changed(resource: Resource, path: str, value: "Json | Absent") -> Resource:
    """A copy with another value at a path (``dosageInstruction[0].doseAndRate[0].rateQuantity.code``), or with that element taken away.

    An index behind the last item appends. Raises: KeyError: the path leads nowhere.
    """
    steps = [match["name"] or int(match["index"]) for match in _STEP.finditer(path)]
    copy = deepcopy(resource)
    at: Json = copy
    for step in steps[:-1]:
        match at, step:
            case dict(), str():
                at = at[step]
            case list(), int():
                at = at[step]
            case _:
                raise KeyError(path)
    match at, steps[-1]:
        case dict(), str() as name:
            if isinstance(value, Absent):
                del at[name]
            else:
                at[name] = value
        case list(), int() as index:
            at[index : index + 1] = [] if isinstance(value, Absent) else [value]
        case _:
            raise KeyError(path)
    return copy


def as_received(resource: Resource) -> Resource:
    """Over the wire and back: what a door hands on."""
    return read(write(resource))


def requested(resource: Resource, profile: SenderProfile = EHR) -> OrderRequest:
    """The order as sent, as stage 2 gets it."""
    return read_medication_request(as_received(resource), profile)
