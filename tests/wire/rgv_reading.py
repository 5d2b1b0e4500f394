"""Reads orders for the tests of ``RGV^O15``: the demo sender's profile, and all that a request says, by field."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from interop.domain.request import AsSent, CodeAsSent, OrderRequest, UnitClaim, VerificationPolicy
from interop.domain.sender import Format, SenderProfile, VerificationRule
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.rgv import read_rgv

EHR1 = SenderProfile(
    name="pcd03-demo",
    title="The demo hospital's EHR, PCD-03",
    format=Format.HL7V2,
    names=(("EHR1", "DEMO"),),
    system_group="EHR1",
    verification=VerificationRule(VerificationPolicy.BY_CONTRACT),
    code_systems={"LOC": "urn:interop:demo:orderable", "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm"},
    require_profile_id=True,
)


def read(data: bytes, **profile: Any) -> OrderRequest:
    """The order in ``data``, by the demo sender's profile with these changes."""
    return read_rgv(Message.parse(data), replace(EHR1, **profile))


def refused_fields(request: OrderRequest) -> set[tuple[str, str]]:
    """Code and field of every refusal."""
    return {(finding.code_text, finding.field) for finding in request.findings if finding.refuses}


def everything_said(noun: object) -> Iterator[tuple[str, str]]:
    """Field and text of every value, code and unit in a request; for a unit, the place of its code and the spelling that it claims."""
    match noun:
        case AsSent():
            yield noun.field, noun.text
        case CodeAsSent():
            yield noun.field, noun.code
        case UnitClaim():
            yield noun.field, noun.spelling
        case tuple():
            for part in noun:
                yield from everything_said(part)
        case _ if is_dataclass(noun):
            for attribute in fields(noun):
                if attribute.name != "findings":
                    yield from everything_said(getattr(noun, attribute.name))
