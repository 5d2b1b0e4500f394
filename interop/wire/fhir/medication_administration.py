"""MedicationAdministration R4: the parent for an infusion, a child (``partOf``) for each interval at one rate (fhir-infusion.md 4.1). Only written, never read.

What R4 has no element for stands in extensions and tags of ``urn:interop:fhir:…``, and beside each a note in words for people:

    meta.tag unverified        a device's record that no clinician has validated (D-22)
    meta.security HTEST        a simulated pump's
    extension stale-since      the pump was last heard then; nothing is known of it since (SR-45)
    extension differs-from-order    the rate set at the pump is not the ordered one (SR-39)
    extension start-not-seen   ``effectivePeriod.start`` is when it was found or became the patient's, not when it began
    extension volume-at-least  the least that was given, where the whole cannot be told (SR-51)
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from interop.domain.document import About, Administration, DrugCode
from interop.domain.events.nouns import PatientNumber
from interop.domain.events.shapes import exact_text
from interop.domain.lifecycle.segments import Kind
from interop.domain.quantity import Quantity
from interop.wire.fhir.json import Json, Number, Resource, write
from interop.wire.fhir.primitives import is_plain

OURS: Final = "urn:interop:fhir:"
UCUM: Final = "http://unitsofmeasure.org"
IDENTIFIER_TYPES: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
FUNCTIONS: Final = "http://terminology.hl7.org/CodeSystem/med-admin-perform-function"
TEST_DATA: Final[Resource] = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
SESSION: Final = "urn:interop:infusion"
"""System of the identifiers: the infusion, and after a ``#`` the number of the interval."""

UNVERIFIED: Final[Resource] = {
    "system": f"{OURS}verification",
    "code": "unverified",
    "display": "told by a device, not validated by a clinician",
}


class AdministrationRenderer:
    """Writes an administration as the bytes of one version of its resource."""

    def administration(self, administration: Administration, version: int, at: datetime) -> bytes:
        """Raises: ValueError: a time has no offset."""
        return write(resource_of(administration, version, at))


def resource_of(administration: Administration, version: int, at: datetime) -> Resource:
    """Raises: ValueError: a time has no offset."""
    one, about = administration, administration.about
    security: list[Json] = [TEST_DATA] if about.is_simulated else []
    extensions, notes = _extensions(one), _notes(one)
    part_of: list[Json] = [{"reference": f"MedicationAdministration/{one.parent_id}"}] if one.parent_id else []
    resource: dict[str, Json] = {
        "resourceType": "MedicationAdministration",
        "id": one.id,
        "meta": _said({"versionId": str(version), "lastUpdated": instant(at), "security": security, "tag": [UNVERIFIED]}),
        "extension": extensions,
        "identifier": [{"system": SESSION, "value": one.id}],
        "partOf": part_of,
        "status": one.status.value,
        "statusReason": [{"text": one.status_reason}] if one.status_reason else [],
        "medicationCodeableConcept": _drug(about, one.drug),
        "subject": _subject(one),
        "effectivePeriod": _said({"start": instant(one.start), "end": instant(one.end) if one.end is not None else None}),
        "performer": list(_performers(one)),
        "reasonCode": [{"text": "Keeps the vein open (KVO): not the ordered dose"}] if one.kind is Kind.KVO else [],
        "request": _request(about),
        "device": [_device(one)],
        "note": [{"text": text} for text in notes],
        "dosage": _dosage(one),
    }
    return _said(resource)


def instant(at: datetime) -> str:
    """In UTC, to the millisecond. Raises: ValueError: it has no offset."""
    if at.utcoffset() is None:
        raise ValueError("a time of a resource has an offset")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _said(members: dict[str, Json]) -> dict[str, Json]:
    """Without what is empty, which FHIR does not allow."""
    return {name: value for name, value in members.items() if value not in (None, [], {}, "")}


def _extensions(one: Administration) -> list[Json]:
    found: list[Json] = []
    if one.stale_since is not None:
        found.append({"url": f"{OURS}stale-since", "valueDateTime": instant(one.stale_since)})
    if one.differs:
        found.append({"url": f"{OURS}differs-from-order", "valueString": one.differs})
    if not one.start_is_known:
        found.append({"url": f"{OURS}start-not-seen", "valueBoolean": True})
    least = quantity(one.volume_at_least)
    if least is not None:
        found.append({"url": f"{OURS}volume-at-least", "valueQuantity": least})
    return found


def _notes(one: Administration) -> Iterator[str]:
    if one.stale_since is not None:
        yield f"The pump was last heard at {instant(one.stale_since)}: whether the infusion goes on since then is not known."
    if one.differs:
        yield one.differs
    if not one.start_is_known:
        yield "The start of effectivePeriod is when it was found running or became this patient's; what was given before is not in it."
    if one.volume_at_least is not None:
        yield f"At least {one.volume_at_least} was given; the rest cannot be told from the pump's counter."


def _drug(about: About, name: str) -> Resource:
    codings: list[Json] = [_coding(code) for code in about.drug_codes]
    return _said({"coding": codings, "text": name or next((code.text for code in about.drug_codes if code.text), "Medication unknown")})


def _coding(code: DrugCode) -> Resource:
    return _said({"system": code.uri, "code": code.code, "display": code.text})


def _is_uri(text: str) -> bool:
    return "://" in text or text.startswith("urn:")


def identifier(value: str, authority: str) -> Resource:
    """An identifier under its authority: as a system where that is a URI or an OID, else as the name of the assigner."""
    if _is_uri(authority):
        return {"system": authority, "value": value}
    if authority and "." in authority and all(part.isdigit() for part in authority.split(".")):
        return {"system": f"urn:oid:{authority}", "value": value}
    return _said({"value": value, "assigner": {"display": authority} if authority else None})


def _subject(one: Administration) -> Resource:
    """The patient as the order refers to them, and by the number that the association was made for (SR-50)."""
    number: PatientNumber = one.patient
    reference = one.about.subject_reference if one.patient in one.about.patient_numbers else ""
    return _said({"reference": reference, "type": "Patient", "identifier": identifier(number.value, number.authority)})


def _request(about: About) -> Resource:
    placer: Resource = {
        "type": {"coding": [{"system": IDENTIFIER_TYPES, "code": "PLAC"}]},
        **identifier(about.placer_order_number, about.placer_authority),
    }
    reference = f"MedicationRequest/{about.request_id}" if about.request_id else None
    return _said({"reference": reference, "type": "MedicationRequest", "identifier": placer})


def _performers(one: Administration) -> Iterator[Json]:
    for function, person in (("performer", one.performer), ("verifier", one.verifier)):
        if person:
            yield {
                "function": {"coding": [{"system": FUNCTIONS, "code": function}]},
                "actor": {"type": "Practitioner", "identifier": {"value": person}},
            }


def _device(one: Administration) -> Resource:
    channel = f", channel {one.channel_id}" if one.channel_id else ""
    model = f"{one.about.pump_model} " if one.about.pump_model else ""
    return {
        "type": "Device",
        "identifier": {"system": f"{OURS}pump", "value": one.pump_id},
        "display": f"{model}{one.pump_id}{channel}",
    }


def quantity(amount: Quantity | None) -> Resource | None:
    """SimpleQuantity with the exact digits; None: not known, or no decimal of R4 says it exactly."""
    if amount is None:
        return None
    text = exact_text(amount.value)
    if "/" in text or not is_plain(Number(text)):
        return None
    return {"value": Number(text), "unit": amount.unit, "system": UCUM, "code": amount.unit}


def _dosage(one: Administration) -> Resource:
    """mad-1: a dosage has a dose or a rate, or is not there. The clinical rate is the rate where it is known, the flow is said in words beside it."""
    is_nothing_yet = one.volume_until is not None and one.volume is not None and not one.volume.value
    dose = None if is_nothing_yet else quantity(one.volume)
    rate = quantity(one.dose_rate) or quantity(one.rate)
    if dose is None and rate is None:
        return {}
    told = [str(each) for each in (one.dose_rate, one.rate) if each is not None]
    text = f"{told[0]} ({told[1]})" if len(told) > 1 else told[0] if told else ""
    until = f" until {instant(one.volume_until)}" if one.volume_until is not None else ""
    given = f"{one.volume} given{until}" if dose is not None else ""
    return _said({"text": "; ".join(filter(None, (text, given))), "dose": dose, "rateQuantity": rate})
