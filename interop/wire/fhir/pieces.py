"""The pieces that every resource of ours is made of: instants, exact amounts, and how it refers to a patient, an order, a person and a pump."""

from datetime import UTC, datetime
from typing import Final

from interop.domain.events.nouns import PatientNumber
from interop.domain.events.shapes import exact_text
from interop.domain.quantity import Quantity
from interop.wire.fhir.json import Json, Number, Resource
from interop.wire.fhir.primitives import is_plain

OURS: Final = "urn:interop:fhir:"
PUMP: Final = f"{OURS}pump"
UCUM: Final = "http://unitsofmeasure.org"
IDENTIFIER_TYPES: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
TEST_DATA: Final[Resource] = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}


def instant(at: datetime) -> str:
    """In UTC, to the millisecond. Raises: ValueError: it has no offset."""
    if at.utcoffset() is None:
        raise ValueError("a time of a resource has an offset")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def said(members: dict[str, Json]) -> dict[str, Json]:
    """The members without what is empty, which FHIR does not allow."""
    return {name: value for name, value in members.items() if value not in (None, [], {}, "")}


def _is_uri(text: str) -> bool:
    return "://" in text or text.startswith("urn:")


def identifier(value: str, authority: str) -> Resource:
    """An identifier under its authority: as a system where that is a URI or an OID, else as the name of the assigner."""
    if _is_uri(authority):
        return {"system": authority, "value": value}
    if authority and "." in authority and all(part.isdigit() for part in authority.split(".")):
        return {"system": f"urn:oid:{authority}", "value": value}
    return said({"value": value, "assigner": {"display": authority} if authority else None})


def patient_of(number: PatientNumber, reference: str = "") -> Resource:
    """By number, and as the order refers to them where it does."""
    return said({"reference": reference, "type": "Patient", "identifier": identifier(number.value, number.authority)})


def order_of(number: str, authority: str, request_id: str) -> Resource:
    """By its placer's number, and its MedicationRequest where it has one on this server; empty: it has neither."""
    if not number and not request_id:
        return {}
    placer: Resource = {"type": {"coding": [{"system": IDENTIFIER_TYPES, "code": "PLAC"}]}, **identifier(number, authority)}
    reference = f"MedicationRequest/{request_id}" if request_id else None
    return said({"reference": reference, "type": "MedicationRequest", "identifier": placer if number else None})


def person_of(id: str) -> Resource:
    """By the id that a badge or a message gave."""
    return {"type": "Practitioner", "identifier": {"value": id}}


def pump_of(pump_id: str, channel_id: str, model: str) -> Resource:
    """By the pump's id; model and channel are for people."""
    channel = f", channel {channel_id}" if channel_id else ""
    named = f"{model} " if model else ""
    return {
        "type": "Device",
        "identifier": {"system": PUMP, "value": pump_id},
        "display": f"{named}{pump_id}{channel}",
    }


def quantity(amount: Quantity | None) -> Resource | None:
    """SimpleQuantity with the exact digits; None: not known, or no decimal of R4 says it exactly."""
    if amount is None:
        return None
    text = exact_text(amount.value)
    if "/" in text or not is_plain(Number(text)):
        return None
    return {"value": Number(text), "unit": amount.unit, "system": UCUM, "code": amount.unit}
