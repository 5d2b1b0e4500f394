"""What the FHIR door says besides resources: OperationOutcome (R4, 2.29) and CapabilityStatement (R4, 5.2), as plain JSON values.

No text in an outcome quotes the body beyond a short code, and none names a patient (SEC-30): an outcome may end in anybody's log.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from interop.domain.finding import Finding, Severity
from interop.wire.fhir.issue import Issue
from interop.wire.fhir.json import Json, Resource, Unreadable

FINDING_SYSTEM = "urn:interop:finding"
"""System of ``details.coding``: ``9010`` is ERR-5 of IHE DEV TF-2, B.3; ``9016.conflict`` one of this project's sub-codes (``domain.finding``)."""

FHIR_VERSION = "4.0.1"
STATEMENT_DATE = "2026-11-23"
"""When what the CapabilityStatement says last changed."""

MAX_EXPRESSION = 1_000
"""Characters of a FHIRPath; a longer one is cut at its last whole step, which still leads to the right part of the resource."""


class Level(StrEnum):
    """The codes of http://hl7.org/fhir/issue-severity that are used here."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


class Kind(StrEnum):
    """The codes of http://hl7.org/fhir/issue-type for faults of a request; those of a resource's content are ``issue.IssueCode``."""

    INVALID = "invalid"
    LOGIN = "login"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    DELETED = "deleted"
    NOT_SUPPORTED = "not-supported"
    REQUIRED = "required"
    CONFLICT = "conflict"
    DUPLICATE = "duplicate"
    TOO_LONG = "too-long"
    TOO_COSTLY = "too-costly"
    BUSINESS_RULE = "business-rule"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    TIMEOUT = "timeout"
    EXCEPTION = "exception"
    INFORMATIONAL = "informational"


@dataclass(frozen=True, slots=True)
class Said:
    """One ``OperationOutcome.issue``.

    Attributes:
        kind: a code of http://hl7.org/fhir/issue-type.
        text: the sentence for people (``details.text``).
        code: ours (``details.coding.code``), or "".
        expression: FHIRPath of the element, or "".
        action: what to do, and whose move it is (``diagnostics``), or "".
    """

    kind: str
    text: str
    level: Level = Level.ERROR
    code: str = ""
    expression: str = ""
    action: str = ""


def said_of_issue(issue: Issue, level: Level = Level.ERROR) -> Said:
    """A fault of the resource, under its own issue type and the code of the finding made of it."""
    finding = issue.finding()
    return Said(issue.code, issue.detail, level, finding.code_text, issue.place, _whose_move(finding))


def said_of_finding(finding: Finding) -> Said:
    """What is told with an order that was stored: a reason why no pump would be programmed from it is a warning here, as nothing failed."""
    level = Level.INFORMATION if finding.severity is Severity.NOTE else Level.WARNING
    kind = Kind.INFORMATIONAL if finding.severity is Severity.NOTE else Kind.BUSINESS_RULE
    return Said(kind, finding.sentence, level, finding.code_text, finding.field, _whose_move(finding))


def said_of_unreadable(fault: Unreadable) -> Said:
    """Bytes that are no FHIR JSON; a place in the text is said in words, as it is no path."""
    is_path = fault.place.startswith("MedicationRequest")
    text = fault.detail if is_path else f"{fault.place}: {fault.detail}"
    return Said(Kind.INVALID, text, expression=fault.place if is_path else "", action=f"Reason: {fault.reason}.")


def _whose_move(finding: Finding) -> str:
    return f"{finding.action} For: {finding.owner.value}." if finding.action else ""


def operation_outcome(said: Iterable[Said]) -> Resource:
    """An OperationOutcome of these issues, in this order.

    Raises: ValueError: there is none, which R4 forbids.
    """
    issues: list[Json] = [_issue(one) for one in said]
    if not issues:
        raise ValueError("an OperationOutcome has at least one issue")
    return {"resourceType": "OperationOutcome", "issue": issues}


def _issue(said: Said) -> Json:
    details: Resource = {"text": said.text}
    if said.code:
        details = {"coding": [{"system": FINDING_SYSTEM, "code": said.code}], **details}
    issue: Resource = {"severity": str(said.level), "code": str(said.kind), "details": details}
    if said.action:
        issue["diagnostics"] = said.action
    if said.expression:
        issue["expression"] = [_bounded(said.expression)]
    return issue


def _bounded(expression: str) -> str:
    return expression if len(expression) <= MAX_EXPRESSION else expression[:MAX_EXPRESSION].rpartition(".")[0]


def capability_statement(
    *, version: str, base: str, interactions: Mapping[str, str], description: str, further: Iterable[Resource] = ()
) -> Resource:
    """What this server does with MedicationRequest and the ``further`` resources, and nothing more.

    Args:
        version: of this software, "" if it is not known.
        base: URL of the FHIR service.
        interactions: code of http://hl7.org/fhir/restful-interaction → how it is done here.
        description: of this instance; says where it is a demonstration.
        further: ``CapabilityStatement.rest.resource`` of each other resource.
    """
    security = (
        "A bearer token of a client that this server's administrator registered; it is sent as `Authorization: Bearer`, over TLS only."
    )
    software: Resource = {"name": "interop", "version": version} if version else {"name": "interop"}
    listed: list[Json] = [{"code": code, "documentation": text} for code, text in interactions.items()]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": STATEMENT_DATE,
        "kind": "instance",
        "software": software,
        "implementation": {"description": description, "url": base},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {"cors": False, "description": security},
                "resource": [
                    {
                        "type": "MedicationRequest",
                        "interaction": listed,
                        "versioning": "versioned-update",
                        "readHistory": False,
                        "updateCreate": False,
                        "conditionalCreate": False,
                        "conditionalRead": "not-match",
                        "conditionalUpdate": False,
                        "conditionalDelete": "not-supported",
                    },
                    *further,
                ],
            }
        ],
    }
