"""The quantities of an order that a pump would be programmed from, and what each must have: a value, a coded UCUM unit, no comparator, no sign.

SR-19, SR-31. The unit codes are the closed table of ``domain.ucum``; a spelling that the site approved counts as well.
"""

from collections.abc import Collection, Iterator

from interop.domain.finding import PivError
from interop.domain.quantity import PLAIN_DECIMAL
from interop.domain.ucum import UCUM
from interop.wire.fhir.issue import Issue, IssueCode, quoted
from interop.wire.fhir.json import Number, Resource
from interop.wire.fhir.node import Node
from interop.wire.fhir.primitives import is_plain

UCUM_SYSTEM = "http://unitsofmeasure.org"

LOINC = "http://loinc.org"
WEIGHT = frozenset({"29463-7", "3141-9", "8350-1", "8351-9", "3142-7", "8335-2"})
"""Body weight; measured; measured with, without clothes; stated; estimated (LOINC)."""
WEIGHT_NOT_MEASURED = frozenset({"3142-7", "8335-2"})
HEIGHT = frozenset({"8302-2", "3137-7", "8306-3", "3138-5"})
"""Body height; measured; lying; stated (LOINC)."""
BODY_SURFACE = frozenset({"3140-1", "8277-6"})
"""Body surface area derived from formula; body surface area (LOINC)."""


def loinc_codes(observation: Node) -> frozenset[str]:
    """The LOINC codes of an Observation."""
    codings = observation.child("code").each("coding")
    return frozenset(coding.text("code").text for coding in codings if coding.text("system").text == LOINC)


def quantity_issues(resource: Resource, *, unit_text: bool, spellings: Collection[str]) -> Iterator[Issue]:
    """Every fault of every such quantity. ``unit_text``: the sender's profile lets ``Quantity.unit`` stand for an absent code."""
    root = Node(resource, "MedicationRequest")
    for quantity, may_lack_value in _quantities(root):
        if not quantity.exists:
            continue
        if not may_lack_value and not quantity.child("value").exists:
            yield Issue(IssueCode.REQUIRED, f"{quantity.path}.value", "a quantity without a number", PivError.MISSING_PARAMETER)
        value = quantity.child("value")
        if isinstance(value.value, Number) and is_plain(value.value) and not PLAIN_DECIMAL.fullmatch(value.value.text):
            sentence = f"{quoted(value.value.text)} is not a plain number of at most 9 + 9 digits and without a sign"
            yield Issue(IssueCode.VALUE, value.path, sentence, judged_later=True)
        if quantity.child("comparator").exists:
            sentence = "a comparator makes this a bound, not one value"
            yield Issue(IssueCode.VALUE, f"{quantity.path}.comparator", sentence, judged_later=True)
        yield from _unit_issues(quantity, unit_text, spellings)


def _unit_issues(quantity: Node, unit_text: bool, spellings: Collection[str]) -> Iterator[Issue]:
    code, system = quantity.text("code"), quantity.text("system")
    if not code:
        if not unit_text or not quantity.text("unit"):
            sentence = "a number without a coded unit is not a dose"
            yield Issue(IssueCode.REQUIRED, code.field, sentence, PivError.INVALID_UNITS, judged_later=True)
    elif system and system.text != UCUM_SYSTEM:
        yield Issue(IssueCode.CODE_INVALID, system.field, "the unit is not coded in UCUM", PivError.INVALID_UNITS, judged_later=True)
    elif code.text not in UCUM and code.text not in spellings:
        sentence = f"{quoted(code.text)} is not a UCUM unit that an order may carry"
        yield Issue(IssueCode.CODE_INVALID, code.field, sentence, PivError.INVALID_UNITS, judged_later=True)


def _quantities(root: Node) -> Iterator[tuple[Node, bool]]:
    """Each with whether it may lack its value: the denominator of a ratio may (fhir-infusion.md 2.3)."""
    for dosage in root.each("dosageInstruction"):
        for entry in dosage.each("doseAndRate"):
            for name in ("doseQuantity", "rateQuantity"):
                yield entry.child(name), False
            for name in ("doseRange", "rateRange"):
                yield entry.child(name).child("low"), False
                yield entry.child(name).child("high"), False
            yield from _parts(entry.child("rateRatio"))
        yield from _parts(dosage.child("maxDosePerPeriod"))
        yield dosage.child("maxDosePerAdministration"), False
        yield dosage.child("maxDosePerLifetime"), False
    for inner in root.each("contained"):
        kind = inner.text("resourceType").text
        if kind == "Medication":
            for ingredient in inner.each("ingredient"):
                yield from _parts(ingredient.child("strength"))
        if kind == "Observation" and loinc_codes(inner) & (WEIGHT | HEIGHT | BODY_SURFACE):
            yield inner.child("valueQuantity"), False


def _parts(ratio: Node) -> Iterator[tuple[Node, bool]]:
    yield ratio.child("numerator"), False
    yield ratio.child("denominator"), True
