"""A file of one order into an ``OrderRequest``: HL7 v2 or FHIR, by what its bytes are, through the sender's profile of the site.

Unreadable bytes, and readable messages that are no order, are told apart: the first is exit 1 of ``explain``, the second a refusal.
"""

from dataclasses import dataclass, replace

from interop.domain.finding import Finding, Sub
from interop.domain.release import Release
from interop.domain.request import OrderRequest
from interop.domain.sender import Format, SenderProfile
from interop.wire.hl7v2 import er7, profile, rgv
from interop.wire.hl7v2.kind import MessageKind, event_of

FRAME_START, FRAME_END = b"\x0b", b"\x1c"


class Unreadable(ValueError):
    """The bytes are neither an HL7 v2 message nor a FHIR resource that can be read; ``reason`` says where it fails."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NotAnOrder:
    """A readable message or resource that does not order an infusion, or one of a kind not planned here yet."""

    what: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """The request, and what had to be supposed to read it."""

    what: str
    request: OrderRequest
    profile: SenderProfile
    assumptions: tuple[str, ...] = ()


def read_order(data: bytes, release: Release, sender: str = "") -> ReadOrder | NotAnOrder:
    """``sender`` names a profile; without it the message's own sender decides (HL7), or the site's only FHIR profile.

    Raises: Unreadable. LookupError: ``sender`` is not a profile of this site for this format.
    """
    stripped = data.lstrip(b"\xef\xbb\xbf \t\r\n" + FRAME_START)
    if stripped[:1] in (b"{", b"["):
        return _read_fhir(data, release, sender)
    if stripped[:3] == b"MSH":
        return _read_hl7(stripped.split(FRAME_END, 1)[0], release, sender)
    raise Unreadable("neither an HL7 v2 message (MSH|…) nor a FHIR resource ({…})")


def _read_hl7(data: bytes, release: Release, sender: str) -> ReadOrder | NotAnOrder:
    try:
        message = er7.Message.parse(data)
    except er7.Unreadable as fault:
        raise Unreadable(str(fault)) from fault
    kind = rgv.kind_of(message)
    code, event = event_of(message)
    what = f"{code}^{event}, {kind.value}" if event else f"{code or 'a message without a type'}, {kind.value}"
    if kind is MessageKind.PHARMACY_ORDER:
        text = f"{what}: it has no bedside moment and names no pump; orders of this kind are not planned here yet"
        return NotAnOrder(what, Finding.against(Sub.KIND_NOT_PLANNED, "MSH-9", text))
    if kind is not MessageKind.INFUSION_ORDER:
        return NotAnOrder(what, Finding.against(Sub.NOT_AN_ORDER, "MSH-9", f"{what}, orders nothing"))
    chosen, supposed, findings = _hl7_profile(message, release, sender)
    request = rgv.read_rgv(message, chosen)
    if findings:
        request = replace(request, findings=(*findings, *request.findings))
    return ReadOrder(what, request, chosen, supposed)


def _hl7_profile(message: er7.Message, release: Release, sender: str) -> tuple[SenderProfile, tuple[str, ...], tuple[Finding, ...]]:
    profiles = [each for each in release.senders.values() if each.format is Format.HL7V2]
    if sender:
        return _named(profiles, sender), (f"sent by {sender}, as asked",), ()
    found = profile.find_sender(message, profiles)
    if found is not None:
        return found, (), ()
    if not profiles:
        raise LookupError("this site has no HL7 v2 sender profile")
    header = message.first("MSH")
    said = f"{header.text(3, component=1) or '(empty)'} of {header.text(4, component=1) or '(empty)'}" if header is not None else "nobody"
    unknown = Finding.against(Sub.UNKNOWN_SENDER, "MSH-3", f"{said} is not a sender that this site knows")
    return profiles[0], (f"read with the profile {profiles[0].name}, as no profile names this sender",), (unknown,)


def _read_fhir(data: bytes, release: Release, sender: str) -> ReadOrder | NotAnOrder:
    from interop.wire.fhir import json, kinds, medication_request, version

    try:
        resource = json.read(data)
    except json.Unreadable as fault:
        raise Unreadable(str(fault)) from fault
    what = kinds.kind_of(resource)
    if resource.get("resourceType") != "MedicationRequest":
        return NotAnOrder(what, Finding.against(Sub.NOT_AN_ORDER, "resourceType", f"this is {what}"))
    other = version.wrong_version(resource)
    if other is not None:
        return NotAnOrder(what, other.finding())
    profiles = [each for each in release.senders.values() if each.format is Format.FHIR_R4]
    if sender:
        chosen, supposed = _named(profiles, sender), (f"sent by {sender}, as asked",)
    elif len(profiles) == 1:
        chosen, supposed = profiles[0], (f"sent by {profiles[0].name}, the site's only FHIR sender",)
    else:
        names = ", ".join(each.name for each in profiles) or "none"
        raise LookupError(f"a resource does not say who sent it: name the profile with --sender (this site has {names})")
    return ReadOrder(what, medication_request.read_medication_request(resource, chosen), chosen, supposed)


def _named(profiles: list[SenderProfile], name: str) -> SenderProfile:
    for each in profiles:
        if each.name == name:
            return each
    raise LookupError(f"no sender profile {name!r} for this format; this site has {', '.join(each.name for each in profiles) or 'none'}")
