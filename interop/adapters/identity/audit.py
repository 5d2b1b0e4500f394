"""What the audit says of log-ins, refusals and commands: FHIR R4 AuditEvents after IHE BALP (3:5.7), of closed words and ids, never a patient's name.

A row is made in the same commit as what it tells of. The chain over the rows is the store's (SEC-35).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from interop.domain.actor import Actor, Asking, Right
from interop.ports import AuditRow

NOBODY: Final = "nobody"
"""The actor of a request that showed no identity, or a wrong one."""

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_REQUEST_ID: Final = {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "code": "XrequestId"}
_SOURCE: Final = {"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4", "display": "Application Server"}


class Outcome(Enum):
    """How it ended; the value is AuditEvent.outcome."""

    SUCCESS = "0"
    FAILURE = "4"  # refused, as it should be
    FAULT = "8"  # we could not


@dataclass(frozen=True, slots=True)
class Act:
    """What was done: its word in the row, AuditEvent.type and subtype (codes of DICOM PS3.16, CID 400 to 403), AuditEvent.action."""

    word: str
    type: tuple[str, str]
    subtype: tuple[str, str]
    action: str = "E"


_AUTHENTICATION = ("110114", "User Authentication")
_ALERT = ("110113", "Security Alert")

LOG_IN: Final = Act("log-in", _AUTHENTICATION, ("110122", "Login"))
LOG_OFF: Final = Act("log-off", _AUTHENTICATION, ("110123", "Logout"))
TOKEN_REFUSED: Final = Act("token refused", _AUTHENTICATION, ("110126", "Node Authentication"))
REQUEST_REFUSED: Final = Act("request refused", _ALERT, ("110132", "Use of Restricted Function"))
COMMAND: Final = Act("command", ("110100", "Application Activity"), ("110132", "Use of Restricted Function"))
ROLES_CHANGED: Final = Act("roles changed", _ALERT, ("110136", "Security Roles Changed"), "U")
USER_ADDED: Final = Act("user added", _ALERT, ("110137", "User Security Attributes Changed"), "C")
USER_CHANGED: Final = Act("user changed", _ALERT, ("110137", "User Security Attributes Changed"), "U")
CLIENT_ADDED: Final = Act("client added", _ALERT, ("110137", "User Security Attributes Changed"), "C")
CLIENT_REVOKED: Final = Act("client revoked", _ALERT, ("110137", "User Security Attributes Changed"), "D")
PUMP_ENROLLED: Final = Act("pump enrolled", _ALERT, ("110137", "User Security Attributes Changed"), "C")
PUMP_REVOKED: Final = Act("pump revoked", _ALERT, ("110137", "User Security Attributes Changed"), "D")
PUMP_REFUSED: Final = Act("pump refused", _AUTHENTICATION, ("110126", "Node Authentication"))


def row(
    act: Act,
    outcome: Outcome,
    *,
    at: datetime,
    actor: Actor | str,
    asking: Asking,
    right: Right | None = None,
    subject: str = "",
    patient: str = "",
    pump: str = "",
    why: str = "",
    details: Mapping[str, str] | None = None,
) -> AuditRow:
    """One row. ``actor`` as text is an ``Actor.key`` or ``NOBODY``; ``why`` and ``details`` are words of ours, never what somebody typed.

    ``patient`` is the patient's id, for the column that the audit is searched by (SEC-36); it is not repeated in the body.
    """
    key = actor if isinstance(actor, str) else actor.key
    told = {
        "right": "" if right is None else right.value,
        "route": f"{asking.method} {asking.route}".strip(),
        "subject": subject,
        "proof": "" if isinstance(actor, str) else actor.proof.value,
        "session": "" if isinstance(actor, str) else actor.session,
        **(details or {}),
    }
    body = _audit_event(act, outcome, at, key, asking, why, {name: text for name, text in told.items() if text})
    word = act.word if right is None or act is not COMMAND else right.value
    return AuditRow(at, key, word, outcome.name.lower(), patient, pump, subject, json.dumps(body, separators=(",", ":"), sort_keys=True))


def with_held_back(body: str, count: int) -> str:
    """The body of a row that stands for ``count`` more of its kind from the same peer, which the meter kept out of the audit."""
    event = json.loads(body)
    told = {"name": "rows not written before this one", "detail": [{"type": "count", "valueString": str(count)}]}
    return json.dumps({**event, "entity": [*event.get("entity", []), told]}, separators=(",", ":"), sort_keys=True)


def _audit_event(act: Act, outcome: Outcome, at: datetime, actor: str, asking: Asking, why: str, told: Mapping[str, str]) -> dict[str, Any]:
    agent: dict[str, Any] = {"who": {"identifier": {"value": actor}}, "requestor": True}
    if asking.peer:
        agent["network"] = {"address": asking.peer, "type": "2"}
    entities: list[dict[str, Any]] = []
    if asking.request_id:
        entities.append({"what": {"identifier": {"value": asking.request_id}}, "type": _REQUEST_ID})
    if told:
        entities.append({"name": "what was asked", "detail": [{"type": name, "valueString": text} for name, text in sorted(told.items())]})
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "type": _coding(act.type),
        "subtype": [_coding(act.subtype)],
        "action": act.action,
        "recorded": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "outcome": outcome.value,
        "agent": [agent],
        "source": {"observer": {"display": "interop"}, "type": [_SOURCE]},
    }
    if why:
        event["outcomeDesc"] = why
    if entities:
        event["entity"] = entities
    return event


def _coding(code: tuple[str, str]) -> dict[str, str]:
    return {"system": _DCM, "code": code[0], "display": code[1]}
