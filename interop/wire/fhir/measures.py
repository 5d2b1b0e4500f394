"""Weight, height and body surface sent with an order: Observations that the request contains and names as supporting information (fhir-infusion.md 2.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from interop.domain.finding import Finding, PivError
from interop.domain.request import AmountAsSent, AsSent
from interop.wire.fhir.amounts import QuantityReader
from interop.wire.fhir.node import Node
from interop.wire.fhir.programmable import BODY_SURFACE, HEIGHT, WEIGHT, WEIGHT_NOT_MEASURED, loinc_codes
from interop.wire.fhir.references import target_of

_USABLE = frozenset({"final", "amended", "corrected"})
_KINDS = (("weight", WEIGHT), ("height", HEIGHT), ("body surface area", BODY_SURFACE))


@dataclass(frozen=True, slots=True)
class Measures:
    """As sent; empty where the order brought none that may be used."""

    weight: AmountAsSent = field(default_factory=AmountAsSent)
    weight_at: AsSent = field(default_factory=AsSent)
    height: AmountAsSent = field(default_factory=AmountAsSent)
    body_surface_area: AmountAsSent = field(default_factory=AmountAsSent)


def read_measures(
    request: Node, contained: Mapping[str, Node], quantities: QuantityReader, findings: list[Finding], *, with_weight: bool
) -> Measures:
    """``with_weight`` False: the sender's profile names another place for the weight, and there is no second source (D-28).

    A measurement of another patient is refused; one that is not final is not used; two of a kind are refused rather than chosen from.
    """
    found: dict[str, list[Node]] = {kind: [] for kind, _ in _KINDS}
    for node in _observations(request, contained, findings):
        asked = loinc_codes(node)
        for kind, wanted in _KINDS:
            if asked & wanted and (with_weight or kind != "weight") and _may_be_used(node, kind, request, findings):
                found[kind].append(node)
                if asked & WEIGHT_NOT_MEASURED:
                    sentence = "the weight was stated or estimated, not measured"
                    action = "Weigh the patient, or confirm that this weight is to dose by."
                    findings.append(Finding.caution(node.path, sentence, action=action, must_confirm=True))
    weight, height, surface = (_only(found[kind], kind, findings) for kind, _ in _KINDS)
    return Measures(
        _amount(weight, quantities),
        _taken_at(weight, findings) if weight is not None else AsSent(),
        _amount(height, quantities),
        _amount(surface, quantities),
    )


def _observations(request: Node, contained: Mapping[str, Node], findings: list[Finding]) -> list[Node]:
    """The contained Observations that supportingInformation names, each once; what is named and was not sent along is noted."""
    nodes: dict[str, Node] = {}
    for item in request.each("supportingInformation"):
        reference = item.text("reference")
        target = target_of(reference.text)
        if target is None or not target.is_contained:
            named = f"{target.type}/{target.id}" if target is not None and target.type else "a resource elsewhere"
            findings.append(Finding.note(item.path, f"{named} was not sent with the order and is not read"))
            continue
        node = contained.get(target.id)
        if node is not None and node.text("resourceType").text == "Observation":
            nodes[node.path] = node
    return list(nodes.values())


def _may_be_used(node: Node, kind: str, request: Node, findings: list[Finding]) -> bool:
    status = node.text("status").text
    if status not in _USABLE:
        findings.append(Finding.note(f"{node.path}.status", f"the {kind} is not final and is not used"))
        return False
    if not node.child("valueQuantity").exists:
        findings.append(Finding.note(node.path, f"the {kind} has no quantity and is not used"))
        return False
    if not _same(node.child("subject"), request.child("subject")):
        sentence = f"the {kind} is not said to be of this order's patient"
        findings.append(Finding.against(PivError.INVALID_PARAMETER, f"{node.path}.subject", sentence))
        return False
    if not _same(node.child("encounter"), request.child("encounter")):
        sentence = f"the {kind} is from another stay or visit"
        action = f"Compare it with the {kind} of this stay, and confirm it only if it still holds."
        findings.append(Finding.caution(f"{node.path}.encounter", sentence, action=action, must_confirm=True))
    return True


def _same(one: Node, other: Node) -> bool:
    """A contained measurement without a subject of its own is of its container's; with one, it must be the same, by reference or identifier."""
    if not one.exists:
        return True
    for element in ("reference", "identifier"):
        ours, theirs = one.child(element).value, other.child(element).value
        if ours is not None and ours == theirs:
            return True
    return False


def _only(nodes: list[Node], kind: str, findings: list[Finding]) -> Node | None:
    if len(nodes) > 1:
        sentence = f"{len(nodes)} values of {kind} were sent; which one doses is not for this system to choose"
        findings.append(Finding.against(PivError.INVALID_PARAMETER, nodes[1].path, sentence))
        return None
    return nodes[0] if nodes else None


def _amount(node: Node | None, quantities: QuantityReader) -> AmountAsSent:
    return quantities.amount(node.child("valueQuantity")) if node is not None else AmountAsSent()


def _taken_at(node: Node, findings: list[Finding]) -> AsSent:
    for name in ("effectiveDateTime", "effectiveInstant"):
        if node.child(name).exists:
            return node.text(name)
    for name in ("effectivePeriod", "effectiveTiming"):
        if node.child(name).exists:
            findings.append(Finding.note(f"{node.path}.{name}", "the weight has no single time; its age is taken as unknown"))
    return AsSent("", f"{node.path}.effectiveDateTime")
