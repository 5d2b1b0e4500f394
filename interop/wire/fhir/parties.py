"""Who and which order: the subject's ids, the placer's order number and the parent order, as sent (fhir-infusion.md 2.1, D-04)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from interop.domain.finding import Finding, Owner, PivError
from interop.domain.request import AsSent, IdentifierAsSent, PatientAsSent
from interop.domain.sender import SenderProfile
from interop.wire.fhir.amounts import identifier
from interop.wire.fhir.node import Node
from interop.wire.fhir.path import read_rule
from interop.wire.fhir.references import target_of

PLACER, FILLER = "PLAC", "FILL"
"""Types of an order's identifier (http://terminology.hl7.org/CodeSystem/v2-0203)."""


def placer_order_number(root: Node, profile: SenderProfile, findings: list[Finding]) -> IdentifierAsSent:
    """The key of the order's effect (D-04): where the profile says, else the one identifier that R4 marks out; never the first of several.

    Marked out: type PLAC, then use official, then any with a system. Identifiers of the filler and old ones are none of the placer's.
    """
    authority_rule = profile.places.get("placer_authority")
    authority = read_rule(root, authority_rule, findings).text if authority_rule is not None else ""
    rule = profile.places.get("placer_order_number")
    if rule is not None:
        return IdentifierAsSent(read_rule(root, rule, findings), authority, PLACER)
    nodes = root.each("identifier")
    candidates = [
        (node, identifier(node))
        for node in nodes
        if node.text("use").text != "old" and node.text("value") and identifier(node).type != FILLER
    ]
    for marked in (
        lambda node, one: one.type == PLACER,
        lambda node, one: node.text("use").text == "official",
        lambda node, one: bool(one.authority),
    ):
        chosen = [pair for pair in candidates if marked(*pair)]
        if chosen:
            candidates = chosen
            break
    different = {(one.value.text, one.authority) for _, one in candidates}
    if len(different) > 1:
        sentence = "several order numbers were sent, and the sender's profile does not say which one is the order's"
        findings.append(Finding.against(PivError.INVALID_PARAMETER, f"{root.path}.identifier", sentence))
    if len(different) != 1:
        return IdentifierAsSent(AsSent("", f"{root.path}.identifier"), authority)
    found = candidates[0][1]
    return IdentifierAsSent(found.value, authority or found.authority, found.type)


def parent_order(root: Node, base: str) -> IdentifierAsSent:
    """``basedOn`` where it is one MedicationRequest: its logical identifier, else its id."""
    parents = [
        (node, target)
        for node in root.each("basedOn")
        if (target := target_of(node.text("reference").text)) and target.type == "MedicationRequest"
    ]
    if len(parents) != 1:
        return IdentifierAsSent()
    node, target = parents[0]
    logical = identifier(node.child("identifier"))
    return logical if logical.value else IdentifierAsSent(AsSent(target.id, node.text("reference").field), target.base or base)


def patient(root: Node, contained: Mapping[str, Node], profile: SenderProfile, base: str, findings: list[Finding]) -> PatientAsSent:
    """The subject: the one id where the profile says; else business identifiers (logical, or of a contained Patient), then the id of the reference."""
    subject = root.child("subject")
    inner = _contained_patient(subject, contained)
    authority_rule = profile.places.get("patient_authority")
    authority = read_rule(root, authority_rule, findings).text if authority_rule is not None else ""
    id_rule = profile.places.get("patient_id")
    if id_rule is not None:
        ids = [IdentifierAsSent(read_rule(root, id_rule, findings), authority)]
    else:
        ids = _ids(subject, inner, authority, base)
        if authority_rule is not None:  # its table names authorities as the site's other feeds and wristbands do
            ids = [replace(each, authority=authority_rule.values.get(each.authority, each.authority)) for each in ids]
        findings += _contradicting(ids)
        if not ids:
            ids = [IdentifierAsSent(AsSent("", subject.path))]
    if inner is not None:
        findings += _dead(inner)
    return PatientAsSent(
        ids=tuple(ids),
        name=_name(inner),
        birth_date=inner.text("birthDate") if inner is not None else AsSent(),
        sex=inner.text("gender") if inner is not None else AsSent(),
        reference=_reference(subject),
    )


def _reference(subject: Node) -> AsSent:
    """Where the sender keeps the patient, as sent; a contained one is kept nowhere."""
    reference = subject.text("reference")
    target = target_of(reference.text)
    return reference if target is not None and target.type == "Patient" else AsSent()


def _ids(subject: Node, inner: Node | None, authority: str, base: str) -> list[IdentifierAsSent]:
    nodes = [subject.child("identifier")] if subject.child("identifier").exists else []
    if inner is not None:
        nodes += inner.each("identifier")
    ids = [identifier(node) for node in nodes if node.text("value") and node.text("use").text != "old"]
    reference = subject.text("reference")
    target = target_of(reference.text)
    if target is not None and target.type == "Patient":
        ids.append(IdentifierAsSent(AsSent(target.id, reference.field), authority or target.base or base))
    return ids


def _contradicting(ids: Sequence[IdentifierAsSent]) -> Iterator[Finding]:
    """Two ids of one system, of one type or of a type that was not said, that differ: which of them is the patient is not guessed.

    The id of a reference is compared only where something names its authority; without one it is not of the same kind as any other.
    """
    for index, one in enumerate(ids):
        for other in ids[:index]:
            same_kind = one.authority == other.authority and (one.type == other.type or not (one.type and other.type))
            is_reference = one.value.field.endswith(".reference")
            if same_kind and one.value.text != other.value.text and not (is_reference and not one.authority):
                sentence = "two different ids of one authority were sent for the patient"
                yield Finding.against(PivError.PATIENT_ID_INVALID, one.value.field, sentence)
                return


def _dead(inner: Node) -> Iterator[Finding]:
    for place in (inner.flag("deceasedBoolean"), inner.text("deceasedDateTime")):
        if place:
            action = "Check the wristband and the chart; have the record corrected if it is wrong."
            sentence = "the sender marks this patient as dead"
            yield Finding.against(PivError.INVALID_PARAMETER, place.field, sentence, action=action, owner=Owner.NURSE)


def _contained_patient(subject: Node, contained: Mapping[str, Node]) -> Node | None:
    target = target_of(subject.text("reference").text)
    node = contained.get(target.id) if target is not None and target.is_contained else None
    return node if node is not None and node.text("resourceType").text == "Patient" else None


def _name(inner: Node | None) -> AsSent:
    """The first name as text, or its parts as an HL7 v2 order gives them, family name first: every screen shows one form."""
    names = inner.each("name") if inner is not None else []
    if not names:
        return AsSent()
    whole = names[0].text("text")
    if whole:
        return whole
    given = [text.value for text in names[0].each("given") if isinstance(text.value, str)]
    parts = (names[0].text("family").text, " ".join(given))
    return AsSent(", ".join(part for part in parts if part), names[0].path)
