"""A file of one order into an ``OrderRequest``: HL7 v2 or FHIR, by what its bytes are, through the sender's profile of the site.

Unreadable bytes, and readable messages that are no order, are told apart: the first is exit 1 of ``explain``, the second a refusal.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from interop.domain.finding import Finding, Owner, Sub
from interop.domain.release import Release
from interop.domain.request import OrderRequest
from interop.domain.sender import Format, SenderProfile
from interop.wire.hl7v2 import er7, profile, rgv
from interop.wire.hl7v2.kind import MessageKind, event_of

FRAME_START, FRAME_END = b"\x0b", b"\x1c"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
BLANK: Final = b" \t\r\n"

SEVERAL: Final = "two messages in one file; explain one at a time"
_MESSAGE_TYPE: Final = re.compile(r"[A-Z][A-Z0-9]{2}(\^[A-Z][0-9A-Z]{2})?")  # anything else may be somebody's name in a shifted field


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
    if _is_utf_16(data):
        raise Unreadable("this is text in UTF-16; HL7 v2 messages and FHIR resources are read in ASCII, UTF-8 or the charset of MSH-18")
    stripped = data.removeprefix(BYTE_ORDER_MARK).lstrip(BLANK)
    if not stripped:
        raise Unreadable("the file is empty")
    if stripped[:1] in (b"{", b"["):
        return _read_fhir(data, release, sender)
    if stripped[:1] == b"<":
        raise Unreadable("this is XML; a FHIR resource is read as JSON, an HL7 v2 message with its delimiters (MSH|…)")
    message = _unframed(stripped)
    match message[:3]:
        case b"MSH":
            return _read_hl7(message, release, sender)
        case b"BHS":
            raise Unreadable("this is a batch of HL7 v2 messages (BHS); explain one message at a time")
        case b"FHS":
            raise Unreadable("this is a file of batches of HL7 v2 messages (FHS); explain one message at a time")
    raise Unreadable("neither an HL7 v2 message (MSH|…) nor a FHIR resource ({…})")


def _is_utf_16(data: bytes) -> bool:
    """By its byte order mark, or by a NUL beside the first character."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    return any(pair[0] == 0 and 0x20 <= pair[1] < 0x7F for pair in (data[:2], data[1::-1]) if len(pair) == 2)


def _unframed(data: bytes) -> bytes:
    """The one message of a file, out of its MLLP frame if it has one. Blanks and line ends around the frame mean nothing.

    Raises: Unreadable: there is more than one message, or something beside it, so that only a part would be explained.
    """
    content, end, rest = data.removeprefix(FRAME_START).partition(FRAME_END)
    if data.startswith(FRAME_START) and not end:
        raise Unreadable(SEVERAL if FRAME_START in content else "the message's frame has no end: the file may be cut off")
    rest = rest.strip(BLANK)
    if FRAME_START in content or FRAME_START in rest or rest.startswith(b"MSH"):
        raise Unreadable(SEVERAL)
    if rest:
        raise Unreadable(f"{len(rest)} bytes stand after the end of the message's frame")
    return content.lstrip(BLANK)


def _read_hl7(data: bytes, release: Release, sender: str) -> ReadOrder | NotAnOrder:
    try:
        message = er7.Message.parse(data)
    except er7.Unreadable as fault:
        raise Unreadable(SEVERAL if fault.reason is er7.Reason.SECOND_HEADER else str(fault)) from fault
    kind = rgv.kind_of(message)
    if kind is not MessageKind.INFUSION_ORDER:
        return _no_infusion_order(message, kind)
    what = f"{'^'.join(event_of(message))}, {kind.value}"
    chosen, supposed, findings = _hl7_profile(message, release, sender)
    request = rgv.read_rgv(message, chosen)
    if findings:
        request = replace(request, findings=(*findings, *request.findings))
    return ReadOrder(what, request, chosen, supposed)


def _no_infusion_order(message: er7.Message, kind: MessageKind) -> NotAnOrder:
    sent = "^".join(filter(None, event_of(message)))
    what = sent if _MESSAGE_TYPE.fullmatch(sent) else ""
    if kind is MessageKind.PHARMACY_ORDER:
        sentence = f"{what or 'this'} is {kind.value}: it has no bedside moment and names no pump"
        action = "Pharmacy orders are not planned yet: the bedside request must come as PCD-03 (RGV^O15), or from a scan at the bedside."
        refused = Finding.against(Sub.KIND_NOT_PLANNED, "MSH-9", sentence, action=action, owner=Owner.ANALYST)
        return NotAnOrder(f"{what or 'a message'}, {kind.value}", refused)
    if not sent:
        sentence = "the message does not say its type (MSH-9); an infusion order is RGV^O15"
    elif not what:
        sentence = "the message's type cannot be read (MSH-9); an infusion order is RGV^O15"
    elif kind is MessageKind.OTHER:
        sentence = f"{what} is not an infusion order, which is RGV^O15"
    else:
        sentence = f"{what} is {kind.value}, not an infusion order"
    said = what or "a message without a type that can be read"
    return NotAnOrder(said if kind is MessageKind.OTHER else f"{said}, {kind.value}", Finding.against(Sub.NOT_AN_ORDER, "MSH-9", sentence))


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
