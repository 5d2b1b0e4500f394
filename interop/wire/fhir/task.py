"""Task R4 for "put this order on that channel" (fhir-infusion.md 4.3): one for each programme, made when it is read. Only written, never read.

businessStatus     urn:interop:fhir:business-status, and for a refusal the code of its gravest reason (urn:interop:finding)
statusReason       that reason: its code, and its sentence as it was told
input              what was proposed, in exact amounts; type urn:interop:fhir:setting
output             the MedicationAdministration that it became
note               what is wrong, what to do, and whose move it is
extension stale-since    the pump was last heard then; nothing is known of it since (SR-45)
"""

from collections.abc import Iterator
from typing import Final

from interop.domain.events.nouns import Setting
from interop.domain.task import Note, Standing, Task
from interop.wire.fhir.json import Json, Resource
from interop.wire.fhir.outcomes import FINDING_SYSTEM
from interop.wire.fhir.pieces import OURS, TEST_DATA, instant, order_of, patient_of, person_of, pump_of, quantity, said

PROGRAMME: Final = "urn:interop:programme"
"""System of the identifiers."""
BUSINESS_STATUS: Final = f"{OURS}business-status"
SETTING: Final = f"{OURS}setting"
TASK_CODES: Final = "http://hl7.org/fhir/CodeSystem/task-code"


def resource_of(task: Task) -> Resource:
    """Raises: ValueError: a time has no offset."""
    security: list[Json] = [TEST_DATA] if task.is_simulated else []
    extensions: list[Json] = []
    if task.stale_since is not None:
        extensions.append({"url": f"{OURS}stale-since", "valueDateTime": instant(task.stale_since)})
    output: Resource = {
        "type": {"text": "What the pump gives"},
        "valueReference": {"reference": f"MedicationAdministration/{task.administration_id}", "type": "MedicationAdministration"},
    }
    resource: dict[str, Json] = {
        "resourceType": "Task",
        "id": task.id,
        "meta": said({"versionId": str(task.version), "lastUpdated": instant(task.modified_at), "security": security}),
        "extension": extensions,
        "identifier": [{"system": PROGRAMME, "value": task.id}],
        "status": task.status.value,
        "statusReason": _reason(task),
        "businessStatus": _business_status(task),
        "intent": "order",
        "code": {"coding": [{"system": TASK_CODES, "code": "fulfill"}]},
        "description": _what(task),
        "focus": order_of(task.placer_order_number, task.named.placer_authority, task.named.request_id),
        "for": patient_of(task.patient, task.subject_reference) if task.patient is not None else None,
        "authoredOn": instant(task.authored_at),
        "lastModified": instant(task.modified_at),
        "requester": person_of(task.requested_by) if task.requested_by else None,
        "owner": _owner(task),
        "note": [_note(note) for note in task.notes],
        "restriction": {"period": {"end": instant(task.open_until)}} if task.open_until is not None else None,
        "input": list(_inputs(task)),
        "output": [output] if task.administration_id else [],
    }
    return said(resource)


def business_codes(task: Task) -> tuple[tuple[str, str], ...]:
    """(Code, system) of all that businessStatus holds, for a search too."""
    ours = (task.standing.code, BUSINESS_STATUS)
    if task.standing is Standing.REFUSED and task.reason is not None and task.reason.code:
        return ours, (task.reason.code, FINDING_SYSTEM)
    return (ours,)


def _business_status(task: Task) -> Resource:
    coding: list[Json] = [{"system": system, "code": code} for code, system in business_codes(task)]
    is_refused = task.standing is Standing.REFUSED and task.reason is not None
    return {"coding": coding, "text": task.reason.sentence if is_refused and task.reason is not None else task.standing.words}


def _reason(task: Task) -> Resource:
    if task.reason is None:
        return {}
    coding: list[Json] = [{"system": FINDING_SYSTEM, "code": task.reason.code}] if task.reason.code else []
    return said({"coding": coding, "text": task.reason.sentence})


def _what(task: Task) -> str:
    place = f" on {task.pump_id}{f', channel {task.channel_id}' if task.channel_id else ''}" if task.pump_id else ""
    return f"Program {task.drug or 'an infusion'}{place}"


def _owner(task: Task) -> Resource:
    """The pump, as the chart names it, and beside it the channel."""
    if not task.pump_id:
        return {}
    channel: list[Json] = [{"url": f"{OURS}channel", "valueString": task.channel_id}] if task.channel_id else []
    return said({"extension": channel, **pump_of(task.pump_id, task.channel_id, task.pump_model)})


def _note(note: Note) -> Json:
    return said({"authorString": note.by, "time": instant(note.at) if note.at is not None else None, "text": note.text})


def _inputs(task: Task) -> Iterator[Json]:
    for setting in task.settings:
        kind: Resource = {"coding": [{"system": SETTING, "code": setting.name.replace(" ", "-")}], "text": setting.name}
        yield {"type": kind, **_value(setting)}


def _value(setting: Setting) -> Resource:
    """In words where no decimal of R4 says it exactly."""
    amount = quantity(setting.set)
    return {"valueQuantity": amount} if amount is not None else {"valueString": str(setting.set)}
