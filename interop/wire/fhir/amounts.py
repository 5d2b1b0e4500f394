"""Quantity, Ratio, Range, codings and identifiers as sent: the digits and codes of R4's data types (2.24), each with the place it stood in."""

from collections.abc import Mapping
from dataclasses import dataclass

from interop.domain.finding import Finding
from interop.domain.request import AmountAsSent, AsSent, CodeAsSent, IdentifierAsSent, RatioAsSent, UnitAsSent, UnitClaim
from interop.domain.ucum import UCUM
from interop.wire.fhir.node import Node
from interop.wire.fhir.programmable import UCUM_SYSTEM


@dataclass(frozen=True, slots=True)
class QuantityReader:
    """Reads quantities for one sender. ``unit_text``: its profile lets ``Quantity.unit`` stand where ``code`` is absent."""

    unit_text: bool

    def amount(self, quantity: Node) -> AmountAsSent:
        """Number, unit and comparator; all empty where there is no quantity."""
        return AmountAsSent(quantity.number("value"), self.unit(quantity), quantity.text("comparator").text)

    def unit(self, quantity: Node) -> UnitAsSent:
        """The coded unit, and the text for people beside it: if the site knows that text as a unit too, both must mean the same (fhir-infusion.md 2.5).

        A code of another system than UCUM is claimed without a spelling, so that no one can take it for a UCUM code that looks alike.
        """
        code, system, unit = quantity.text("code"), quantity.text("system"), quantity.text("unit")
        claims: list[UnitClaim] = []
        if code:
            name = "UCUM" if system.text == UCUM_SYSTEM else system.text or "text"
            claims.append(UnitClaim(code.text if name in ("UCUM", "text") else "", name, code.field, code.text))
            if unit and not _same_unit(unit.text, code.text):
                claims.append(UnitClaim(unit.text, "text", unit.field, unit.text))
        elif unit and self.unit_text:
            claims.append(UnitClaim(unit.text, "text", unit.field, unit.text))
        return UnitAsSent(tuple(claims), claims[0].field if claims else code.field)

    def ratio(self, ratio: Node, findings: list[Finding]) -> RatioAsSent:
        """Numerator over denominator. A denominator of time or mL without a number is one of it, which is recorded (fhir-infusion.md 2.3)."""
        denominator = self.amount(ratio.child("denominator"))
        number = ratio.child("denominator").child("value")
        if not number.exists and (unit := _unit_of_one(denominator.unit)):
            denominator = AmountAsSent(AsSent("1", number.path), denominator.unit, denominator.comparator)
            findings.append(Finding.note(number.path, f"the denominator was sent without a number and is read as 1 {unit}"))
        return RatioAsSent(self.amount(ratio.child("numerator")), denominator, ratio.path)

    def timed(self, timing: Node, number: str, unit: str) -> AmountAsSent:
        """A length of time of Timing.repeat: ``duration`` with ``durationUnit``, ``period`` with ``periodUnit`` (UCUM by their binding)."""
        code = timing.text(unit)
        claims = (UnitClaim(code.text, "UCUM", code.field, code.text),) if code else ()
        return AmountAsSent(timing.number(number), UnitAsSent(claims, code.field))


def _same_unit(text: str, code: str) -> bool:
    """``ml/h`` beside ``mL/h`` says nothing new."""
    if text == code:
        return True
    one, other = UCUM.get(text), UCUM.get(code)
    return one is not None and other is not None and (one.dimension, one.factor) == (other.dimension, other.factor)


def _unit_of_one(unit: UnitAsSent) -> str:
    for claim in unit.claims:
        measure = UCUM.get(claim.spelling)
        if measure is not None and (measure.is_time or (measure.is_volume and measure.factor == 1)):
            return claim.spelling
    return ""


def codes(concept: Node, systems: Mapping[str, str] | None = None) -> tuple[CodeAsSent, ...]:
    """The codings of a CodeableConcept in the order sent; its text alone if it has no coded one, so that something said is never taken as absent.

    ``systems`` spells the sender's names of code systems as the formulary spells them (D-28).
    """
    names = systems or {}
    text = concept.text("text").text
    found = []
    for coding in concept.each("coding"):
        code, system = coding.text("code"), coding.text("system").text
        if code:
            found.append(CodeAsSent(code.text, names.get(system, system), coding.text("display").text or text, code.field))
    if found:
        return tuple(found)
    said = text or next((coding.text("display").text for coding in concept.each("coding") if coding.text("display")), "")
    return (CodeAsSent("", "", said, concept.path),) if said else ()


def identifier(node: Node) -> IdentifierAsSent:
    """Value, system, and the first code of its type (``MR``, ``PLAC``)."""
    kinds = [coding.text("code").text for coding in node.child("type").each("coding") if coding.text("code")]
    return IdentifierAsSent(node.text("value"), node.text("system").text, kinds[0] if kinds else "")
