"""FHIR R4 MedicationRequest (11.1) → the order as sent. Every value keeps its FHIRPath; nothing is understood here.

A MedicationRequest has no bedside moment (D-06): whoever ordered it is not the clinician who asked (SR-06, D-13), ``authoredOn`` is not when they
asked, and no pump is named. A bedside scan brings all three.
"""

from collections.abc import Mapping

from interop.domain.finding import Finding, Owner, PivError, Sub, gravest_first
from interop.domain.request import (
    AmountAsSent,
    AsSent,
    IdentifierAsSent,
    OrderRequest,
    PatientAsSent,
    Purpose,
    UnitAsSent,
    VerificationAsSent,
    VerificationPolicy,
)
from interop.domain.sender import SenderProfile
from interop.wire.fhir.amounts import QuantityReader
from interop.wire.fhir.dosage import DosageReader
from interop.wire.fhir.issue import Issue
from interop.wire.fhir.json import Resource
from interop.wire.fhir.kinds import kind_of
from interop.wire.fhir.measures import Measures, read_measures
from interop.wire.fhir.medication import MedicationReader
from interop.wire.fhir.node import Node, text_of
from interop.wire.fhir.parties import parent_order, patient, placer_order_number
from interop.wire.fhir.path import find_one, read_rule
from interop.wire.fhir.validate import validate

__all__ = ["kind_of", "read_medication_request"]

KIND = "MedicationRequest"

MAX_FINDINGS = 200
"""More reasons than this tell nobody more; refusals are kept first."""


def read_medication_request(
    resource: Resource, profile: SenderProfile, *, issues: tuple[Issue, ...] | None = None, base: str = ""
) -> OrderRequest:
    """The order as sent; never raises for anything that ``json.read`` made, and what cannot be accepted is in its findings.

    Args:
        issues: what ``validate`` found in this very resource, if it was asked already; None: it is asked here.
        base: base URL of the FHIR server whose relative references these are; the authority of ids that name none.
    """
    if issues is None:
        issues = validate(resource, unit_text=profile.unit_text)
    findings = [issue.finding() for issue in issues if not issue.judged_later]
    root = Node(resource, KIND)
    if root.text("resourceType").text != KIND:
        if not any(finding.code is Sub.NOT_AN_ORDER for finding in findings):
            findings.append(Finding.against(Sub.NOT_AN_ORDER, "resourceType", f"this is {kind_of(resource)}"))
        return _request(root, profile, findings)
    contained = _contained(root)
    quantities = QuantityReader(profile.unit_text)
    medication = MedicationReader(contained, profile.code_systems, quantities, findings).read(root)
    gives = DosageReader(quantities, findings).gives(root, medication)
    measures = read_measures(root, contained, quantities, findings, with_weight="weight" not in profile.places)
    weight, weight_at, is_dosing_weight = _weight(root, profile, measures, quantities, findings)
    _warn(root, findings)
    return OrderRequest(
        sender=profile.name,
        system_group=profile.system_group,
        message_kind=KIND,
        message_id=root.text("id"),
        sent_at=AsSent(),
        purpose=Purpose.START,
        order_control=AsSent(),
        placer_order_number=placer_order_number(root, profile, findings),
        requested_at=AsSent(),
        requested_by=AsSent(),
        patient=patient(root, contained, profile, base, findings),
        verification=_verification(root, profile, findings),
        gives=gives,
        parent_order=parent_order(root, base),
        status=root.text("status"),
        intent=root.text("intent"),
        do_not_perform=root.flag("doNotPerform"),
        weight=weight,
        weight_at=weight_at,
        weight_is_dosing_weight=is_dosing_weight,
        height=measures.height,
        body_surface_area=measures.body_surface_area,
        therapy=read_rule(root, profile.places["therapy"], findings) if "therapy" in profile.places else AsSent(),
        version=root.child("meta").text("versionId"),
        bedside=False,
        findings=_bounded(findings),
    )


def _bounded(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(findings) if len(findings) <= MAX_FINDINGS else gravest_first(findings)[:MAX_FINDINGS]


def _request(root: Node, profile: SenderProfile, findings: list[Finding]) -> OrderRequest:
    """What is left of something that is no order: who sent it, and why it programs nothing."""
    return OrderRequest(
        sender=profile.name,
        system_group=profile.system_group,
        message_kind=KIND,
        message_id=root.text("id"),
        sent_at=AsSent(),
        purpose=None,
        order_control=AsSent(),
        placer_order_number=IdentifierAsSent(AsSent("", f"{KIND}.identifier")),
        requested_at=AsSent(),
        requested_by=AsSent(),
        patient=PatientAsSent(),
        verification=VerificationAsSent(profile.verification.policy),
        gives=(),
        bedside=False,
        findings=_bounded(findings),
    )


def _contained(root: Node) -> Mapping[str, Node]:
    """By id. An id that comes twice is refused by ``validate``, and leads nowhere here."""
    nodes = [node for node in root.each("contained") if node.text("id")]
    ids = [node.text("id").text for node in nodes]
    return {name: node for name, node in zip(ids, nodes, strict=True) if ids.count(name) == 1}


def _weight(
    root: Node, profile: SenderProfile, measures: Measures, quantities: QuantityReader, findings: list[Finding]
) -> tuple[AmountAsSent, AsSent, bool]:
    """From the place the profile names, else from the Observation. A profile's place is a Quantity; a bare number has no unit and stays so."""
    weight, taken_at = measures.weight, measures.weight_at
    if "weight" in profile.places:
        node = find_one(root, profile.places["weight"], findings)
        if isinstance(node.value, dict):
            weight = quantities.amount(node)
        else:
            weight = AmountAsSent(AsSent(text_of(node.value), node.path), UnitAsSent((), node.path))
    if "weight_at" in profile.places:
        taken_at = read_rule(root, profile.places["weight_at"], findings)
    return weight, taken_at, _is_dosing_weight(root, profile, findings)


def _is_dosing_weight(root: Node, profile: SenderProfile, findings: list[Finding]) -> bool:
    """Only ``true`` declares a dosing weight; a profile's table turns the sender's own word into it."""
    rule = profile.places.get("weight_is_dosing_weight")
    if rule is None:
        return False
    declared = read_rule(root, rule, findings)
    if declared.text not in ("", "true", "false"):
        sentence = "whether this is a dosing weight cannot be told: the sender's profile must turn the value into true or false"
        findings.append(Finding.against(PivError.INVALID_PARAMETER, declared.field, sentence))
    return declared.text == "true"


def _verification(root: Node, profile: SenderProfile, findings: list[Finding]) -> VerificationAsSent:
    """D-14: what stands in the field that the profile names, and what its table makes of it. A value outside the table is neither."""
    rule = profile.verification
    if rule.policy is not VerificationPolicy.FIELD or rule.place is None:
        return VerificationAsSent(rule.policy)
    value = read_rule(root, rule.place, findings)
    # a value on both lists is not verified
    verified = False if value.text in rule.unverified else True if value.text in rule.verified else None
    return VerificationAsSent(rule.policy, value, verified)


def _warn(root: Node, findings: list[Finding]) -> None:
    """What R4 lets an order say beside its dose, and for which a request has no place: said, so that nobody needs to have known."""
    if root.flag("reportedBoolean") or root.child("reportedReference").exists:
        name = "reportedBoolean" if root.flag("reportedBoolean") else "reportedReference"
        findings.append(Finding.against(Sub.NOT_AN_ORDER, root.child(name).path, "this is a report of an order, not the order itself"))
    if root.child("priorPrescription").exists:
        action = "Look whether the earlier order still runs, and end it first."
        findings.append(Finding.caution(root.child("priorPrescription").path, "this order replaces an earlier one", action=action))
    for category in root.each("category"):
        for coding in category.each("coding"):
            if coding.text("code").text in ("community", "discharge"):
                sentence = "the order is meant for use outside the hospital"
                action = "Ask the prescriber whether it is to be given during this stay."
                findings.append(Finding.caution(coding.path, sentence, action=action, owner=Owner.PRESCRIBER))
    if root.each("note"):
        findings.append(Finding.note(root.child("note").path, "the order carries a note for people: read it in the order"))
    if root.each("detectedIssue"):
        sentence = "the sending system has detected an issue with this order: read it there"
        action = "Read the issue there and settle it with the prescriber."
        findings.append(Finding.caution(root.child("detectedIssue").path, sentence, action=action, owner=Owner.PHARMACY))
