"""Follows the places in a FHIR resource that a sender's profile names, in the closed grammar of ``domain.sender`` (D-28)."""

from functools import lru_cache

from interop.domain.finding import Finding, PivError
from interop.domain.request import AsSent
from interop.domain.sender import FhirPath, FhirStep, FieldRule, NotAPath
from interop.wire.fhir.json import Json
from interop.wire.fhir.node import Node, text_of


@lru_cache(maxsize=256)
def parse_path(text: str) -> tuple[FhirStep, ...]:
    """Raises: NotAPath: the text is outside the closed grammar."""
    return FhirPath.parse(text).steps


def find(root: Node, path: str) -> list[Node]:
    """All values that the path leads to, each under its own full path.

    Raises: NotAPath.
    """
    nodes = [root]
    for step in parse_path(path):
        reached: list[Node] = []
        for node in nodes:
            child = node.child(step.name)
            if isinstance(child.value, list):
                reached.extend(item for item in node.each(step.name) if item.exists)
            elif child.exists:
                reached.append(child)
        if step.key:
            reached = [node for node in reached if node.text(step.key).text == step.value]
        if step.index >= 0:
            reached = reached[step.index : step.index + 1]
        nodes = reached
    return nodes


def find_one(root: Node, rule: FieldRule, findings: list[Finding]) -> Node:
    """The one value of a rule's path. Absent, or more than one (which is a finding: a field has exactly one source), reads as absent."""
    place = f"{root.path}.{rule.path}"
    try:
        nodes = find(root, rule.path)
    except NotAPath:
        findings.append(
            Finding.against(PivError.INVALID_PARAMETER, place, "the sender's profile names a place outside the grammar of paths")
        )
        return Node(None, place)
    if len(nodes) > 1:
        sentence = f"the sender's profile reads one value here, and {len(nodes)} were sent"
        findings.append(Finding.against(PivError.INVALID_PARAMETER, place, sentence))
        return Node(None, place)
    return nodes[0] if nodes else Node(None, place)


def read_rule(root: Node, rule: FieldRule, findings: list[Finding]) -> AsSent:
    """What a profile's rule reads: a constant or the text at a path, then one part of its split, then its table (FieldRule)."""
    if rule.constant:
        return AsSent(_translated(rule.constant, rule), "sender profile")
    node = find_one(root, rule, findings)
    if _is_structure(node.value):
        findings.append(Finding.against(PivError.INVALID_PARAMETER, node.path, "the sender's profile reads a single value here"))
        return AsSent("", node.path)
    return AsSent(_translated(text_of(node.value), rule), node.path)


def _is_structure(value: Json) -> bool:
    return isinstance(value, dict | list)


def _translated(text: str, rule: FieldRule) -> str:
    if rule.separator and rule.part:
        parts = text.split(rule.separator)
        text = parts[rule.part - 1] if rule.part <= len(parts) else ""
    return rule.values.get(text, text)
