"""One fault of a resource: what a FHIR door says in an OperationOutcome (R4, 2.29.2), and what a plan says as a finding."""

import re
from dataclasses import dataclass
from enum import StrEnum

from interop.domain.finding import Code, Finding, PivError


class IssueCode(StrEnum):
    """The codes of http://hl7.org/fhir/issue-type that are used here."""

    STRUCTURE = "structure"
    REQUIRED = "required"
    VALUE = "value"
    INVARIANT = "invariant"
    CODE_INVALID = "code-invalid"
    EXTENSION = "extension"
    NOT_FOUND = "not-found"
    NOT_SUPPORTED = "not-supported"
    BUSINESS_RULE = "business-rule"
    TOO_COSTLY = "too-costly"


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault. Every issue refuses: the resource is not programmed.

    Attributes:
        place: FHIRPath with JSON names of choices (``MedicationRequest.dosageInstruction[0].doseAndRate[0].rateQuantity.code``).
        detail: a sentence; it quotes at most a short code (``quoted``).
        finding_code: ERR-5 of the finding made of it.
        judged_later: a unit or number that ``normalise`` judges again, with the spellings this site approved; a request leaves it to that.
    """

    code: IssueCode
    place: str
    detail: str
    finding_code: Code = PivError.INVALID_PARAMETER
    judged_later: bool = False

    def finding(self) -> Finding:
        return Finding.against(self.finding_code, self.place, self.detail)


_CODE_LIKE = re.compile(r"[!-~]{1,40}", re.ASCII)


def is_code_like(text: str) -> bool:
    """Printable ASCII without blanks, 40 characters at most."""
    return _CODE_LIKE.fullmatch(text) is not None


def quoted(text: str) -> str:
    """The text for a sentence if it looks like a code, else a description: names and free text of patients stay out of messages."""
    return repr(text) if is_code_like(text) else "a value that is not repeated here"
