"""Whether a MedicationRequest is sound FHIR R4: the structural library first asked, then not trusted (fhir-infusion.md section 3, SR-53).

The second layer is ours alone: the JSON shape and type of every element by the table of R4, required value sets, invariants, references and
contained resources, and the units and numbers that a pump would be programmed from.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator

from interop.domain.finding import PivError, Sub
from interop.wire.fhir.elements import REQUIRED_GROUPS, RESOURCE_TYPES, TYPES, Element
from interop.wire.fhir.invariants import RULES
from interop.wire.fhir.issue import Issue, IssueCode, quoted
from interop.wire.fhir.json import Json, Number, Resource, walk
from interop.wire.fhir.kinds import kind_of
from interop.wire.fhir.node import Node
from interop.wire.fhir.primitives import PRIMITIVES, WANTED, is_a, is_plain
from interop.wire.fhir.programmable import quantity_issues
from interop.wire.fhir.references import target_of
from interop.wire.fhir.structure import structural_issues
from interop.wire.fhir.version import wrong_version

_AMOUNT = re.compile(r"\.doseAndRate\[\d+\]\.(?:doseQuantity|rateQuantity|rateRatio\.(?:numerator|denominator))\.value\Z", re.ASCII)

MAX_ISSUES = 200
"""More faults than this tell nobody more, and a hostile body could have thousands."""


def validate(
    resource: Resource, *, fhir_version: str = "", unit_text: bool = False, spellings: Collection[str] = frozenset()
) -> tuple[Issue, ...]:
    """Every fault of a resource that ``json.read`` made; empty: it is a MedicationRequest of R4 as far as this can be told. Never raises.

    Args:
        fhir_version: the ``fhirVersion`` parameter of Content-Type, "" if there was none.
        unit_text: the sender's profile lets ``Quantity.unit`` stand for an absent code.
        spellings: unit codes outside UCUM that the site approved (``units.csv``).

    The library's import costs half a second at the first call; a call costs about 1 ms, and up to 0.1 s
    for a body at the limits of ``json.read``, so that a door has it done in a thread.
    """
    ours = own_issues(resource, fhir_version=fhir_version, unit_text=unit_text, spellings=spellings)
    if any(issue.finding_code is Sub.NOT_AN_ORDER for issue in ours):
        return ours
    places = {issue.place for issue in ours if not issue.judged_later}
    theirs = [issue for issue in structural_issues(resource) if not _is_told(issue.place, places)]
    return _bounded([*ours, *theirs])


def own_issues(
    resource: Resource, *, fhir_version: str = "", unit_text: bool = False, spellings: Collection[str] = frozenset()
) -> tuple[Issue, ...]:
    """The second layer alone: quick, without the library."""
    kind = resource.get("resourceType")
    if kind != "MedicationRequest":
        return (Issue(IssueCode.NOT_SUPPORTED, "resourceType", f"this is {kind_of(resource)}", Sub.NOT_AN_ORDER),)
    version = wrong_version(resource, fhir_version)
    if version is not None:
        return (version,)
    issues: list[Issue] = []
    for one in _all_issues(resource, unit_text, spellings):
        if len(issues) > MAX_ISSUES:
            break
        if one not in issues:
            issues.append(one)
    return _bounded(issues)


def _all_issues(resource: Resource, unit_text: bool, spellings: Collection[str]) -> Iterator[Issue]:
    contained = Contained(resource)
    yield from _object("MedicationRequest", resource, "MedicationRequest", contained)
    yield from _everywhere(resource)
    yield from contained.issues()
    yield from _subject(resource)
    yield from quantity_issues(resource, unit_text=unit_text, spellings=spellings)


def _bounded(issues: list[Issue]) -> tuple[Issue, ...]:
    if len(issues) <= MAX_ISSUES:
        return tuple(issues)
    return (*issues[:MAX_ISSUES], Issue(IssueCode.TOO_COSTLY, "MedicationRequest", f"more than {MAX_ISSUES} faults; the rest are not told"))


def _is_told(place: str, places: Collection[str]) -> bool:
    """A fault at a place is told once: by us if we see it, there or at something within or around it."""
    return any(
        place == ours or place.startswith((f"{ours}.", f"{ours}[")) or ours.startswith((f"{place}.", f"{place}[")) for ours in places
    )


class Contained:
    """The contained resources of a request: how they are found, and what is wrong with them as a whole (dom-2 to dom-5)."""

    def __init__(self, resource: Resource) -> None:
        self.nodes = Node(resource, "MedicationRequest").each("contained")
        self.types = {node.text("id").text: node.text("resourceType").text for node in self.nodes}
        self._asked = {
            value[1:]
            for path, value in walk(resource, "MedicationRequest")
            if isinstance(value, str) and value[:1] == "#" and path[-4:] != ".div"
        }

    def issues(self) -> Iterator[Issue]:
        ids = Counter(node.text("id").text for node in self.nodes)
        for node in self.nodes:
            name = node.text("id")
            if not name:
                yield Issue(IssueCode.REQUIRED, name.field, "a contained resource needs an id to be referred to")
            elif ids[name.text] > 1:
                yield Issue(IssueCode.INVARIANT, name.field, "two contained resources have this id")
            elif name.text not in self._asked and "" not in self._asked:
                yield Issue(IssueCode.INVARIANT, node.path, "nothing refers to this contained resource (dom-3)")
            if node.child("contained").exists:
                yield Issue(IssueCode.INVARIANT, f"{node.path}.contained", "a contained resource may not contain another (dom-2)")
            meta = node.child("meta")
            for element in ("versionId", "lastUpdated", "security"):
                if meta.child(element).exists:
                    key = "dom-5" if element == "security" else "dom-4"
                    yield Issue(IssueCode.INVARIANT, f"{meta.path}.{element}", f"a contained resource has none of its own ({key})")


def _object(kind: str, value: Json, path: str, contained: Contained) -> Iterator[Issue]:
    """One object of a type of the table: each element known and of its type, what must be there is there, its invariants hold."""
    if not isinstance(value, dict):
        yield Issue(IssueCode.STRUCTURE, path, "this element is an object")
        return
    elements = TYPES[kind]
    groups: Counter[str] = Counter()
    for name, member in value.items():
        if name == "modifierExtension":
            continue  # refused wherever it stands, by _everywhere
        element = elements.get(name.removeprefix("_"))
        if element is None or (name.startswith("_") and element.type not in PRIMITIVES):
            yield Issue(IssueCode.STRUCTURE, f"{path}.{name}", "R4 has no such element here")
        elif name.startswith("_"):
            yield from _companion(element, member, f"{path}.{name}", contained)
        else:
            groups[element.group] += 1
            yield from _member(element, member, f"{path}.{name}", contained)
    for group, names in REQUIRED_GROUPS[kind].items():
        if not any(value.get(name) is not None for name in names):
            code = PivError.PATIENT_ID_INVALID if (kind, group) == ("MedicationRequest", "subject") else PivError.MISSING_PARAMETER
            yield Issue(IssueCode.REQUIRED, f"{path}.{group}", "this element must be there", code)
    for group, count in groups.items():
        if count > 1:
            yield Issue(IssueCode.STRUCTURE, f"{path}.{group}", "more than one of a choice of elements")
    for rule in RULES.get(kind, ()):
        yield from rule(value, path)


def _member(element: Element, value: Json, path: str, contained: Contained) -> Iterator[Issue]:
    if element.many != isinstance(value, list):
        yield Issue(IssueCode.STRUCTURE, path, "this element is an array" if element.many else "this element does not repeat")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if item is not None:  # where null is allowed at all is judged by _everywhere
                yield from _value(element, item, f"{path}[{index}]", contained)
    elif value is not None:
        yield from _value(element, value, path, contained)


def _value(element: Element, value: Json, path: str, contained: Contained) -> Iterator[Issue]:
    if element.type in PRIMITIVES:
        if isinstance(value, Number) and not is_plain(value):
            pass  # whatever was meant to stand here: told by _everywhere
        elif not is_a(element.type, value):
            yield Issue(IssueCode.VALUE, path, f"this is not {WANTED.get(element.type, f'a text of type {element.type}')}")
        elif element.codes and isinstance(value, str) and value not in element.codes:
            yield Issue(IssueCode.CODE_INVALID, path, f"{quoted(value)} is not one of {', '.join(sorted(element.codes))}")
        elif element.name == "implicitRules":
            yield Issue(IssueCode.NOT_SUPPORTED, path, "the resource may only be read by rules that are not known here")
    elif element.type == "Resource":
        yield from _contained(value, path, contained)
    elif element.type in TYPES:
        yield from _object(element.type, value, path, contained)
        if element.type == "Reference" and isinstance(value, dict):
            yield from _target(element, value, path, contained)
    elif not isinstance(value, dict):
        yield Issue(IssueCode.STRUCTURE, path, "this element is an object")


def _companion(element: Element, value: Json, path: str, contained: Contained) -> Iterator[Issue]:
    """``_status`` beside ``status``: id and extensions of a primitive; an array of them beside an array."""
    if element.many != isinstance(value, list):
        yield Issue(IssueCode.STRUCTURE, path, "this has the shape of the element it belongs to")
        return
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        place = f"{path}[{index}]" if isinstance(value, list) else path
        if item is None:
            continue
        if not isinstance(item, dict) or not item.keys() <= {"id", "extension"}:
            yield Issue(IssueCode.STRUCTURE, place, "only an id and extensions stand here")
            continue
        extensions = item.get("extension")
        for number, extension in enumerate(extensions if isinstance(extensions, list) else ()):
            yield from _object("Extension", extension, f"{place}.extension[{number}]", contained)


def _contained(value: Json, path: str, contained: Contained) -> Iterator[Issue]:
    """A type of the table is judged by it; another type of R4 by the structural library alone, as nothing is read from it."""
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        yield Issue(IssueCode.REQUIRED, f"{path}.resourceType", "a contained resource says what it is")
    elif kind not in RESOURCE_TYPES:
        yield Issue(IssueCode.NOT_SUPPORTED, f"{path}.resourceType", "R4 has no such resource")
    elif kind in TYPES:
        yield from _object(kind, value, path, contained)
    elif isinstance(value, dict) and "implicitRules" in value:
        sentence = "the resource may only be read by rules that are not known here"
        yield Issue(IssueCode.NOT_SUPPORTED, f"{path}.implicitRules", sentence)


def _target(element: Element, value: Resource, path: str, contained: Contained) -> Iterator[Issue]:
    reference = value.get("reference")
    if not isinstance(reference, str):
        declared = value.get("type")
        kind = declared if isinstance(declared, str) and declared in RESOURCE_TYPES else ""
    else:
        target = target_of(reference)
        if target is None:
            yield Issue(IssueCode.VALUE, f"{path}.reference", "this does not refer to a resource")
            return
        kind = target.type
        if target.is_contained and target.id:
            if target.id not in contained.types:
                yield Issue(IssueCode.NOT_FOUND, f"{path}.reference", "no contained resource has this id")
                return
            kind = contained.types[target.id]
        elif target.is_contained:
            kind = "MedicationRequest"
        declared = value.get("type")
        if kind and isinstance(declared, str) and declared in RESOURCE_TYPES and declared != kind:
            yield Issue(IssueCode.VALUE, f"{path}.type", "the reference is to a resource of another type")
    if kind and element.targets and kind not in element.targets:
        wanted = ", ".join(sorted(element.targets))
        code = PivError.PATIENT_ID_INVALID if path == "MedicationRequest.subject" else PivError.INVALID_PARAMETER
        yield Issue(IssueCode.VALUE, path, f"{quoted(kind)} cannot stand here, only {wanted}", code)


def _subject(resource: Resource) -> Iterator[Issue]:
    """An order for a group of people names no patient."""
    subject = Node(resource, "MedicationRequest").child("subject")
    target = target_of(subject.text("reference").text)
    kind = target.type if target is not None else ""
    if target is not None and target.is_contained:
        kind = Contained(resource).types.get(target.id, "")
    if "Group" in (kind, subject.text("type").text):
        sentence = "an order for a group names no patient"
        yield Issue(IssueCode.NOT_SUPPORTED, subject.path, sentence, PivError.PATIENT_ID_INVALID)


def _everywhere(resource: Resource) -> Iterator[Issue]:
    """What no element of FHIR may be, known or not: null, empty, an array in an array, a number beyond 18 digits; and any modifier extension."""
    for path, value in walk(resource, "MedicationRequest"):
        match value:
            case dict():
                if not value:
                    yield Issue(IssueCode.STRUCTURE, path, "an empty object")
                if "modifierExtension" in value:
                    sentence = "an extension that changes the meaning, and is not known here"
                    yield Issue(IssueCode.EXTENSION, f"{path}.modifierExtension", sentence)
                for name, member in value.items():
                    if member is None:
                        yield Issue(IssueCode.STRUCTURE, f"{path}.{name}", "null stands for nothing here; leave the element out")
                    elif isinstance(member, list):
                        other = value.get(name[1:] if name.startswith("_") else f"_{name}")
                        yield from _array(member, f"{path}.{name}", other)
            case "":
                yield Issue(IssueCode.VALUE, path, "an empty text; leave the element out")
            case Number() if not is_plain(value):
                yield Issue(IssueCode.VALUE, path, "a number with an exponent or of more than 18 digits", judged_later=_is_amount(path))
            case _:
                pass


def _array(items: list[Json], path: str, companion: Json) -> Iterator[Issue]:
    if not items:
        yield Issue(IssueCode.STRUCTURE, path, "an empty array; leave the element out")
    for index, item in enumerate(items):
        if isinstance(item, list):
            yield Issue(IssueCode.STRUCTURE, f"{path}[{index}]", "an array within an array")
        elif item is None and not (isinstance(companion, list) and index < len(companion) and companion[index] is not None):
            yield Issue(IssueCode.STRUCTURE, f"{path}[{index}]", "null without a primitive's extension in its place")


def _is_amount(path: str) -> bool:
    """Amounts that may be a dose or a rate are judged again by stage 2, with the field they stand in."""
    return _AMOUNT.search(path) is not None
