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
from datetime import datetime
from typing import Final

from interop.domain.document import About, Administration, DrugCode
from interop.domain.lifecycle.segments import Kind
from interop.wire.fhir.json import Json, Resource, write
from interop.wire.fhir.pieces import OURS, TEST_DATA, instant, order_of, patient_of, person_of, pump_of, quantity, said

FUNCTIONS: Final = "http://terminology.hl7.org/CodeSystem/med-admin-perform-function"
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
        "meta": said({"versionId": str(version), "lastUpdated": instant(at), "security": security, "tag": [UNVERIFIED]}),
        "extension": extensions,
        "identifier": [{"system": SESSION, "value": one.id}],
        "partOf": part_of,
        "status": one.status.value,
        "statusReason": [{"text": one.status_reason}] if one.status_reason else [],
        "medicationCodeableConcept": _drug(about, one.drug),
        "subject": _subject(one),
        "effectivePeriod": said({"start": instant(one.start), "end": instant(one.end) if one.end is not None else None}),
        "performer": list(_performers(one)),
        "reasonCode": [{"text": "Keeps the vein open (KVO): not the ordered dose"}] if one.kind is Kind.KVO else [],
        "request": order_of(about.placer_order_number, about.placer_authority, about.request_id),
        "device": [pump_of(one.pump_id, one.channel_id, one.about.pump_model)],
        "note": [{"text": text} for text in notes],
        "dosage": _dosage(one),
    }
    return said(resource)


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
    return said({"coding": codings, "text": name or next((code.text for code in about.drug_codes if code.text), "Medication unknown")})


def _coding(code: DrugCode) -> Resource:
    return said({"system": code.uri, "code": code.code, "display": code.text})


def _subject(one: Administration) -> Resource:
    """The patient as the order refers to them, and by the number that the association was made for (SR-50)."""
    return patient_of(one.patient, one.subject_reference)


def _performers(one: Administration) -> Iterator[Json]:
    for function, person in (("performer", one.performer), ("verifier", one.verifier)):
        if person:
            yield {
                "function": {"coding": [{"system": FUNCTIONS, "code": function}]},
                "actor": person_of(person),
            }


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
    return said({"text": "; ".join(filter(None, (text, given))), "dose": dose, "rateQuantity": rate})
