"""What events are made of; kept apart from the other nouns of the domain, so that those may change while every old row stays readable."""

from dataclasses import dataclass

from interop.domain.finding import Finding
from interop.domain.quantity import Quantity


@dataclass(frozen=True, slots=True)
class PatientNumber:
    """One identifier of the patient and who issued it (PID-3.1, PID-3.4)."""

    value: str
    authority: str


@dataclass(frozen=True, slots=True)
class Library:
    """The drug library that a programme was checked against: id, version and hash as the pump reported them (SR-22)."""

    id: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class OrderedAmount:
    """One amount of an order: its name (``dose rate``, ``range high``), the text as sent, and as understood (None: it could not be read)."""

    name: str
    as_sent: str
    understood: Quantity | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a program: what was asked and, rounded once to the pump's step, what is set (SR-30). ``asked`` None: nobody asked, it was derived."""

    name: str
    set: Quantity
    asked: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """One value that a clinician changed at the pump (D-23). None: the value was not there before, or is not there now."""

    name: str
    was: Quantity | None
    now: Quantity | None


@dataclass(frozen=True, slots=True)
class Override:
    """A soft limit passed on purpose at the bedside: what was attempted, the limit, what was set in the end, why and by whom (SR-24)."""

    name: str
    attempted: Quantity
    limit: Quantity
    final: Quantity
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A finding in the words that were told at the time: severity, code (``9024``, ``9016.conflict``, or empty), field, sentence, action, owner."""

    severity: str
    code: str
    field: str
    sentence: str
    action: str
    owner: str

    @classmethod
    def of(cls, finding: Finding) -> "Reason":
        severity, owner = finding.severity.value, finding.owner.value
        return cls(severity, finding.code_text, finding.field, finding.sentence, finding.action, owner)
