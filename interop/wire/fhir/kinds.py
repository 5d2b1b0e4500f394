"""What a resource is, in words for whoever sent it where an order was expected."""

from collections.abc import Mapping

from interop.wire.fhir.elements import RESOURCE_TYPES
from interop.wire.fhir.json import Json

_WHAT_IT_IS: Mapping[str, str] = {
    "MedicationRequest": "an order for a drug",
    "MedicationAdministration": "a record of giving, not an order",
    "MedicationDispense": "a record of dispensing, not an order",
    "MedicationStatement": "a statement of what is taken, not an order",
    "Medication": "the description of a drug, not an order",
    "MedicationKnowledge": "knowledge about a drug, not an order",
    "ServiceRequest": "a request for a service, not for a drug",
    "NutritionOrder": "an order for nutrition by diet, formula or supplement, not for an infusion",
    "DeviceRequest": "a request for a device, not for a drug",
    "SupplyRequest": "a request for supplies, not an order for a patient's infusion",
    "RequestGroup": "a group of requests; send each MedicationRequest itself",
    "CarePlan": "a plan of care, not an order",
    "PlanDefinition": "a definition to plan by, not an order for a patient",
    "Immunization": "a record of a vaccination, not an order",
    "ImmunizationRecommendation": "a recommendation of vaccinations, not an order",
    "Task": "a task about other resources, not an order",
    "Bundle": "a bundle of resources; send the MedicationRequest itself",
    "Observation": "a measurement or finding, not an order",
    "Patient": "a person, not an order",
    "Encounter": "a stay or visit, not an order",
    "OperationOutcome": "an answer about another resource, not an order",
    "Parameters": "parameters of an operation, not an order",
}


def kind_of(resource: Mapping[str, Json]) -> str:
    """``a MedicationAdministration: a record of giving, not an order``. Never quotes what is no type of FHIR."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in RESOURCE_TYPES:
        return "no resource of FHIR R4"
    article = "an" if kind[0] in "AEIO" else "a"
    return f"{article} {kind}: {_WHAT_IT_IS.get(kind, 'not an order for a drug')}"
