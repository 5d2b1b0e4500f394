"""The chart at the FHIR door: read and search of MedicationAdministration. Nothing is written here: a pump's words alone write it."""

from collections.abc import Sequence
from typing import Final

from interop.conduct.administrations import Administered
from interop.doors.fhir.searching import Shown, Source, capability
from interop.wire.fhir.json import Limits, Resource, read
from interop.wire.fhir.medication_administration import SESSION
from interop.wire.fhir.pieces import PUMP
from interop.wire.fhir.search import ADMINISTRATION as GRAMMAR
from interop.wire.fhir.search import By

_OWN: Final = Limits(size_bytes=2**20, values=20_000)

Chart = Source[Administered]
"""What the door asks of the conduct (``conduct.administrations``)."""

CAPABILITY: Final = capability(
    GRAMMAR,
    "What a pump told, unverified (meta.tag); a lost pump's says so (extension stale-since).",
    "By GET or by POST to _search; one of _id, identifier, patient, subject and request is required. Patients and orders that came by HL7 v2 are "
    "asked by patient:identifier and request:identifier. Parents and children are both found; a child's partOf names its parent.",
)


def _values(one: Administered, by: By) -> Sequence[tuple[str, str]]:
    match by:
        case By.ID:
            return [(one.id, "")]
        case By.IDENTIFIER:
            return [(one.id, SESSION)]
        case By.PATIENT:
            return one.patients
        case By.SUBJECT:
            return [(one.subject, "")]
        case By.ORDER:
            return [one.order]
        case By.REQUEST:
            return [(f"MedicationRequest/{one.request}", "")] if one.request else []
        case By.STATUS:
            return [(one.status, "")]
        case By.DEVICE:
            return [(one.pump, PUMP)]
        case By.BUSINESS_STATUS:
            return []


def _resource(one: Administered) -> Resource:
    """As it was stored, number by number."""
    return read(one.body, _OWN)


SHOWN: Final[Shown[Administered]] = Shown(
    GRAMMAR,
    "there is no such administration",
    version=lambda one: (one.version, one.at),
    period=lambda one: (one.start, one.end),
    values=_values,
    resource=_resource,
)
