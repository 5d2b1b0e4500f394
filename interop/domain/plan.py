"""What planning one order gave: everything that was read, weighed and decided, and the offer or none."""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from interop.domain.finding import Code, Finding, Severity
from interop.domain.library import LibraryEntry
from interop.domain.order import Kind, Order
from interop.domain.patient import PatientId
from interop.domain.program import Program
from interop.domain.quantity import show
from interop.domain.release import FormularyRow


class Candidate(NamedTuple):
    """An entry that was weighed, and why it stayed or fell."""

    entry: LibraryEntry
    stayed: bool
    reason: str
    question: str = ""  # which question felled it: care area, mode, route, therapy, unit, concentration


class Line(NamedTuple):
    """One line of arithmetic for people, put into words only when somebody reads it: most plans are never explained."""

    template: str
    values: tuple[object, ...] = ()

    def __str__(self) -> str:
        return self.template.format(*(show(value) if isinstance(value, Fraction) else value for value in self.values))


@dataclass(frozen=True, slots=True)
class Match:
    """Stage 3: the drug that the codes name, the entries weighed, the one left (or none), its program before any check, and the arithmetic in lines."""

    codes: tuple[FormularyRow, ...] = ()
    drug: str = ""
    therapy: str = ""
    candidates: tuple[Candidate, ...] = ()
    entry: LibraryEntry | None = None
    program: Program | None = None
    derivation: tuple[Line, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A program for one channel, to be shown and confirmed there. ``cautions`` must be seen; those that cost an answer are marked.

    ``untouched_s``, ``idle_s`` and ``total_s`` bound its life on the pump's own clock (D-09).
    """

    placer_order_number: str
    pump_id: str
    channel_id: str
    patient: PatientId
    requested_by: str
    program: Program
    cautions: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    untouched_s: int
    idle_s: int
    total_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole answer to one request."""

    order: Order
    match: Match
    findings: tuple[Finding, ...]
    offer: Offer | None
    kind: Kind | None = None
    assumptions: tuple[str, ...] = ()

    @property
    def refusals(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.REFUSE)

    @property
    def cautions(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.CAUTION)

    @property
    def codes(self) -> frozenset[Code]:
        """The codes of all refusals."""
        return frozenset(finding.code for finding in self.refusals if finding.code is not None)
