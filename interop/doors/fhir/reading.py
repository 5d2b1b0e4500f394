"""A body of the FHIR door → the order as sent and what speaks against it, or the refusal; pure, so that it can be done in a thread.

What refuses (422, nothing is stored): what R4 itself forbids, what R4 forbids us to pass over (an unknown modifier, rules that are not known), and an
order that names no patient or whose amounts have no number. What is sound FHIR and only not programmable here (a unit this site has not approved, a
number too long, a status that is not active, text without a coded dose) is stored and told: D-06 makes no offer of it by itself, every
check is asked again at the bedside, and an update that holds or ends an order must never be lost for a fault in its dose.
"""

from dataclasses import dataclass

from interop.conduct.resources import Sending
from interop.domain.request import OrderRequest
from interop.doors.fhir.refusal import Refusal
from interop.wire.fhir.json import Json, Limits, Reason, Unreadable, read
from interop.wire.fhir.medication_request import read_medication_request
from interop.wire.fhir.outcomes import Level, Said, said_of_finding, said_of_issue, said_of_unreadable
from interop.wire.fhir.validate import validate


@dataclass(frozen=True, slots=True)
class Read:
    """A body that may be stored. ``id`` is what it says of itself; ``told`` what an answer may tell about it."""

    request: OrderRequest
    id: Json
    told: tuple[Said, ...]


def read_order(body: bytes, sending: Sending, fhir_version: str, base: str, limits: Limits) -> Read:
    """Raises: Refusal: 400 unreadable or no MedicationRequest, 413 too large, 422 unsound."""
    try:
        resource = read(body, limits)
    except Unreadable as fault:
        raise Refusal(413 if fault.reason is Reason.TOO_LARGE else 400, [said_of_unreadable(fault)]) from None
    issues = validate(resource, fhir_version=fhir_version, unit_text=sending.profile.unit_text, spellings=sending.spellings)
    against = [said_of_issue(issue) for issue in issues if not issue.judged_later]
    if against:
        raise Refusal(422 if resource.get("resourceType") == "MedicationRequest" else 400, against)
    request = read_medication_request(resource, sending.profile, issues=issues, base=base)
    told = [said_of_issue(issue, Level.WARNING) for issue in issues] + [said_of_finding(finding) for finding in request.findings]
    return Read(request, resource.get("id"), tuple(told))
