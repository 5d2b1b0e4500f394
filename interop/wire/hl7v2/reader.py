"""PCD-03 at the door and at the desk: opens a message's envelope, reads its order, and writes both answers to it (D-08; IHE DEV TF-2, 3.3).

What is refused here is answered CR: bytes that are no message, a type that orders no infusion, a message without a control id, a sender that no
profile names. Everything else that may be wrong is for the plan, whose reasons all go into one RRG.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from interop.domain.envelope import Accept, CannotBe, NotAccepted, Opened, Wanted, about_order, about_pump
from interop.domain.finding import Finding
from interop.domain.request import OrderRequest
from interop.domain.sender import Format, SenderProfile
from interop.wire.hl7v2.ack import NOBODY, AckCode, AckError, ErrorCode, ReceivedHeader, Us, write_ack
from interop.wire.hl7v2.committed import write_committed
from interop.wire.hl7v2.er7 import Message, Segment, Unreadable
from interop.wire.hl7v2.kind import MessageKind, event_of, kind_of
from interop.wire.hl7v2.profile import find_sender, read_text
from interop.wire.hl7v2.rgv import read_rgv
from interop.wire.hl7v2.rrg import write_rrg

_ERROR_CODES: Final = {
    CannotBe.UNREADABLE: ErrorCode.DATA_TYPE_ERROR,
    CannotBe.NO_CONTROL_ID: ErrorCode.REQUIRED_FIELD_MISSING,
    CannotBe.WRONG_TYPE: ErrorCode.UNSUPPORTED_MESSAGE_TYPE,
    CannotBe.UNKNOWN_SENDER: ErrorCode.UNKNOWN_KEY_IDENTIFIER,
    CannotBe.NOT_ITS_NAME: ErrorCode.UNKNOWN_KEY_IDENTIFIER,
    CannotBe.UNSTORABLE: ErrorCode.APPLICATION_INTERNAL_ERROR,
}
_LONGEST_CONTROL_ID: Final = 199  # HL7 v2.6
_SENT_AT: Final = 7  # MSH-7
_CONTROL_ID: Final = 10  # MSH-10
_HEADERS_KEPT: Final = 64  # more than a hospital has senders; each of at most the size of a message
PUMP: Final = "69986"  # MDC_DEV_PUMP_INFUS_VMD, OBX-3 of the pump's OBX (3.3.4.4.9)

NOT_STORED: Final = AckError(ErrorCode.APPLICATION_INTERNAL_ERROR, "The message was not stored; send it again")


@dataclass(frozen=True, slots=True)
class _Headed:
    """What a header says beside its time and its control id."""

    profile: SenderProfile
    message_type: str
    sent_as: tuple[str, str]
    accept: Wanted
    application: Wanted


class RgvReader:
    """Reads RGV^O15 by the profiles of the release in force.

    It remembers what the headers of a few messages meant: a sender's differ in MSH-7 and MSH-10 only.
    """

    def __init__(self) -> None:
        self._profiles: tuple[SenderProfile, ...] = ()
        self._headed: dict[str, _Headed] = {}  # by all of MSH but MSH-7 and MSH-10, for these profiles

    def open(self, message: bytes, profiles: Iterable[SenderProfile]) -> Opened:
        """The envelope of an order. Raises: NotAccepted; nothing else, for any bytes."""
        parsed = _parsed(message)
        fields, rest = _split(parsed)
        control_id = fields[_CONTROL_ID - 1] if len(fields) >= _CONTROL_ID else ""
        if not control_id.isalnum():  # letters and digits neither delimit nor escape
            control_id = parsed.first("MSH").text(_CONTROL_ID) or ""
        if not control_id or len(control_id) > _LONGEST_CONTROL_ID or "\0" in control_id:
            raise NotAccepted(CannotBe.NO_CONTROL_ID, "MSH-10 is empty or too long: the message cannot be told from another", "MSH-10")
        separator = parsed.delimiters.field
        head = _without(fields, _SENT_AT, separator).encode()
        said_before = _without(fields, _CONTROL_ID, separator)
        given = tuple(profiles)
        if given != self._profiles or len(self._headed) >= _HEADERS_KEPT:
            self._profiles, self._headed = given, {}
        headed = self._headed.get(said_before)
        if headed is None:
            headed = self._headed[said_before] = _read_header(parsed, given)
        return Opened(
            profile=headed.profile,
            message_type=headed.message_type,
            sent_as=headed.sent_as,
            control_id=control_id,
            content_hash=sha256(b"\r".join((head, rest))).digest(),
            effect_hash=sha256(rest).digest(),
            accept=headed.accept,
            application=headed.application,
            about=_about(parsed, headed.profile),
        )

    def request(self, message: bytes, profile: SenderProfile) -> OrderRequest:
        """The order as sent. Raises: NotAccepted: the bytes are no message."""
        return read_rgv(_parsed(message), profile)


class RgvRenderer:
    """Writes ACK^O15 and RRG^O16. ``us`` stands in MSH-3 and MSH-4 where the message did not say whom it was for."""

    def __init__(self, us: Us = NOBODY) -> None:
        self._us = us

    def accept(self, message: bytes, code: Accept, control_id: str, at: datetime, fault: NotAccepted | None = None) -> bytes:
        """The accept answer to any bytes. Raises: ValueError: ``fault`` is given without CR or missing from it."""
        if (code is Accept.REJECTED) is (fault is None):
            raise ValueError("CR says why, and nothing else does")
        error = NOT_STORED if code is Accept.NOT_STORED else None
        if fault is not None:
            error = AckError(_ERROR_CODES[fault.why], f"{fault.place}: {fault.sentence}" if fault.place else fault.sentence)
        if code is Accept.COMMITTED:
            return write_committed(message, new_id=control_id, at=at, us=self._us)
        header = ReceivedHeader.salvaged(message)
        return write_ack(header, AckCode(code.value), new_id=lambda: control_id, at=at, error=error, us=self._us)

    def answer(self, message: bytes, code: str, reasons: Sequence[Finding], control_id: str, at: datetime) -> bytes:
        """The RRG to a message that was opened. Raises: ValueError, NotAccepted: the bytes are no message."""
        return write_rrg(_parsed(message), code, reasons, control_id=control_id, at=at, us=self._us)


def _parsed(message: bytes) -> Message:
    try:
        return Message.parse(message)
    except Unreadable as fault:
        raise NotAccepted(CannotBe.UNREADABLE, f"The message cannot be read: {fault.detail}", fault.place) from None


def _wanted(header: Segment, field: int) -> Wanted:
    """Table 0155; an empty field, and a word that is not in the table, is the AL that PCD-03 prescribes: nobody is left without an answer."""
    try:
        return Wanted((header.text(field) or "").strip(" "))
    except ValueError:
        return Wanted.ALWAYS


def _read_header(message: Message, profiles: Iterable[SenderProfile]) -> _Headed:
    """Raises: NotAccepted: another type, or a sender that no profile names."""
    kind = kind_of(message)
    if kind is not MessageKind.INFUSION_ORDER:
        raise NotAccepted(CannotBe.WRONG_TYPE, f"This is {kind.value}; this listener takes PCD-03 infusion orders", "MSH-9")
    profile = find_sender(message, (each for each in profiles if each.format is Format.HL7V2))
    if profile is None:
        sentence = "No profile of this site names this sending application and facility"
        raise NotAccepted(CannotBe.UNKNOWN_SENDER, sentence, "MSH-3")
    header = message.first("MSH")
    sent_as = (header.text(3, 1) or "", header.text(4, 1) or "")
    return _Headed(profile, "^".join(event_of(message)), sent_as, _wanted(header, 15), _wanted(header, 16))


def _about(message: Message, profile: SenderProfile) -> frozenset[str]:
    """The order and the pump, each at the profile's place for it or else the standard's (ORC-2, OBX-18 of the pump's OBX)."""
    named: list[str] = []
    for name, standard, about in (("placer_order_number", _order_number, about_order), ("pump_id", _pump_id, about_pump)):
        rule = profile.places.get(name)
        text = standard(message) if rule is None else read_text(message, profile, rule)
        if text:
            named.append(about(text))
    return frozenset(named)


def _order_number(message: Message) -> str | None:
    return message.first("ORC").text(2, 1)


def _pump_id(message: Message) -> str | None:
    pumps = (obx for obx in message.that_may_hold("OBX", PUMP) if PUMP in (obx.text(3, 1), obx.text(3, 4)))
    return next((obx.text(18, 1) for obx in pumps), None)


def _split(message: Message) -> tuple[list[str], bytes]:
    """The header split at its separator, and the segments after it with CR between them, whatever ended them as sent.

    In UTF-8 and not as sent: bytes in another character set are another message only if they say something else.
    """
    first, *others = message.lines
    return first.split(message.delimiters.field), "\r".join(others).encode()


def _without(header: list[str], number: int, separator: str) -> str:
    """The header, split, with MSH-``number`` empty from now on: MSH-1 is the separator, so the first part after it is MSH-2."""
    if len(header) >= number:
        header[number - 1] = ""
    return separator.join(header)
