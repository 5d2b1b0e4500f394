"""The general acknowledgement, ``ACK^O15^ACK``: written for a message that came in, and read when one answers ours (IHE DEV TF-2, B.1 to B.3).

What it echoes of the received MSH it echoes as sent, in the delimiters and the character set of that message: a sender that compares MSA-2 with
its MSH-10 byte by byte finds them equal. That is why the lines are put together here and not by ``er7_builder``, which writes texts.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final

from interop.wire.hl7v2.charset import ASCII, CARRIED, Charset
from interop.wire.hl7v2.er7 import MAX_BYTES, Message, Segment, Unreadable, Unwritable
from interop.wire.hl7v2.escapes import NULL_AS_SENT, STANDARD, Delimiters, escape, unescape


class AckCode(StrEnum):
    """MSA-1, table 0008. The first three are of the enhanced mode, which IHE prescribes; the others close an original-mode exchange."""

    CA = "CA"  # committed
    CE = "CE"  # not stored: send again
    CR = "CR"  # unreadable, wrong type, unknown peer: sending it again will not help
    AA = "AA"
    AE = "AE"
    AR = "AR"

    @property
    def is_positive(self) -> bool:
        return self in (AckCode.CA, AckCode.AA)


class ErrorCode(Enum):
    """ERR-3, table 0357 of HL7 v2.6, code for code."""

    MESSAGE_ACCEPTED = "0", "Message accepted"
    SEGMENT_SEQUENCE_ERROR = "100", "Segment sequence error"
    REQUIRED_FIELD_MISSING = "101", "Required field missing"
    DATA_TYPE_ERROR = "102", "Data type error"
    TABLE_VALUE_NOT_FOUND = "103", "Table value not found"
    UNSUPPORTED_MESSAGE_TYPE = "200", "Unsupported message type"
    UNSUPPORTED_EVENT_CODE = "201", "Unsupported event code"
    UNSUPPORTED_PROCESSING_ID = "202", "Unsupported processing id"
    UNSUPPORTED_VERSION_ID = "203", "Unsupported version id"
    UNKNOWN_KEY_IDENTIFIER = "204", "Unknown key identifier"
    DUPLICATE_KEY_IDENTIFIER = "205", "Duplicate key identifier"
    APPLICATION_RECORD_LOCKED = "206", "Application record locked"
    APPLICATION_INTERNAL_ERROR = "207", "Application internal error"

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text


class Severity(StrEnum):
    """ERR-4, table 0516."""

    ERROR = "E"
    FATAL = "F"
    INFORMATION = "I"
    WARNING = "W"


@dataclass(frozen=True, slots=True)
class AckError:
    """Why a message was not accepted. ``text`` is the sentence for people (ERR-8); ``infusion`` is ERR-5, such as 9016 and its text."""

    code: ErrorCode
    text: str = ""
    severity: Severity = Severity.ERROR
    infusion: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Us:
    """What stands in MSH-3 and MSH-4 of an answer to a message that did not say whom it was for: namespace, universal id and its type."""

    application: tuple[str, ...] = ()
    facility: tuple[str, ...] = ()


NOBODY: Final = Us()


# ── the header that is answered ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f]")
_ECHOED: Final = (3, 4, 5, 6, 9, 10, 11, 12)
_EVENT = re.compile("[A-Z][A-Z0-9]{2}")
_LONGEST_FIELD: Final = 250  # nothing of an MSH that an answer echoes is as long; what is longer is no such field


@dataclass(frozen=True, slots=True)
class ReceivedHeader:
    """What an answer takes from MSH, each field as sent, escapes and components and all; empty where it was absent or could not be read."""

    delimiters: Delimiters = STANDARD
    charset: Charset = ASCII
    sending_application: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    event: str = ""
    control_id: str = ""
    processing_id: str = ""
    version: str = ""

    @property
    def control_id_text(self) -> str:
        """MSH-10 with its escapes decoded, as ``Answer.control_id`` is."""
        return unescape(self.control_id, self.delimiters, self.charset).text

    @classmethod
    def of(cls, message: Message) -> "ReceivedHeader":
        """The header of a message that could be read."""
        header = message.first("MSH")
        return cls._of_fields(message.delimiters, message.charset, {number: header.raw(number) or "" for number in _ECHOED})

    @classmethod
    def salvaged(cls, data: bytes) -> "ReceivedHeader":
        """What can be made out in the first line of ``data``, whatever the rest is, perhaps cut short. Raises nothing for any bytes.

        A field that is cut off, too long, no text in the message's character set, or that holds a control character is left empty: an answer
        that names half a control id would answer another message.
        """
        line, ended = _first_line(data)
        if not line.startswith(b"MSH") or len(line) < 5:
            return cls()
        separator = line[3:4]
        pieces = [b"MSH", separator, *line[4:].split(separator)]
        if not ended:
            pieces.pop()
        delimiters = _delimiters_or_standard(separator, pieces[2] if len(pieces) > 2 else b"")
        names = _text(pieces, 18, ASCII, delimiters)
        charset = CARRIED.get(names.split(delimiters.repetition)[0] if delimiters.repetition else names, ASCII)
        return cls._of_fields(delimiters, charset, {number: _text(pieces, number, charset, delimiters) for number in _ECHOED})

    @classmethod
    def _of_fields(cls, delimiters: Delimiters, charset: Charset, fields: Mapping[int, str]) -> "ReceivedHeader":
        parts = fields[9].split(delimiters.component)
        event = parts[1].strip(" ") if len(parts) > 1 else ""
        return cls(
            delimiters=delimiters,
            charset=charset,
            sending_application=fields[3],
            sending_facility=fields[4],
            receiving_application=fields[5],
            receiving_facility=fields[6],
            event=event if _EVENT.fullmatch(event) else "",
            control_id=fields[10],
            processing_id=fields[11],
            version=fields[12].split(delimiters.component)[0],
        )


def _first_line(data: bytes) -> tuple[bytes, bool]:
    """The first line, and whether its end was seen."""
    found = re.search(rb"[\r\n]", data)
    return (data[: found.start()], True) if found else (data, False)


def _delimiters_or_standard(separator: bytes, encoding: bytes) -> Delimiters:
    try:
        return Delimiters.of(separator.decode("ascii"), encoding.decode("ascii"))
    except (Unreadable, UnicodeDecodeError):
        return STANDARD


def _text(pieces: list[bytes], number: int, charset: Charset, delimiters: Delimiters) -> str:
    piece = pieces[number] if number < len(pieces) else b""
    if len(piece) > _LONGEST_FIELD:
        return ""
    try:
        text = piece.decode(charset.codec)
    except UnicodeDecodeError:
        return ""
    # the separator of the answer can stand in it where that of the message was none
    return "" if _CONTROL_CHARACTER.search(text) or delimiters.field in text else text


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_BEFORE_ERR_3: Final = frozenset({"2.1", "2.2", "2.3", "2.3.1", "2.4"})  # versions whose ERR has one field, of another kind
_LONGEST_MSA_3: Final = 80
_LONGEST_ERR_8: Final = 250
STAMP: Final = "%Y%m%d%H%M%S%z"
CONTROL_ID = re.compile("[A-Za-z0-9]{1,199}")  # no delimiter of any message


def write_ack(
    header: ReceivedHeader,
    code: AckCode,
    *,
    new_id: Callable[[], str],
    at: datetime,
    error: AckError | None = None,
    us: Us = NOBODY,
) -> bytes:
    """The acknowledgement of the message with that header, every segment ended by CR.

    ``new_id`` gives its MSH-10, ``at`` its MSH-7. It asks for no answer itself (MSH-15 and MSH-16 are NE). A message of a version before 2.5,
    whose ERR cannot carry a text, gets the text in MSA-3. A text is fitted to the field: characters outside the message's character set become
    question marks, and what is too long is cut.

    Raises: ValueError: ``at`` has no offset, ``new_id`` gives other than 1 to 199 letters and digits, or ``error`` is missing from a negative
        answer or given with a positive one.
    """
    if code.is_positive is (error is not None):
        raise ValueError("a negative acknowledgement says why, a positive one has nothing to say")
    if at.utcoffset() is None:
        raise ValueError("the time of an answer has an offset")
    control_id = new_id()
    if not CONTROL_ID.fullmatch(control_id):
        raise ValueError("a control id of ours is letters and digits")
    write = _Writer(header.delimiters, header.charset)
    msh = {
        2: header.delimiters.encoding,
        3: header.receiving_application or write.parts(us.application),
        4: header.receiving_facility or write.parts(us.facility),
        5: header.sending_application,
        6: header.sending_facility,
        7: at.strftime(STAMP),
        9: write.joined("ACK", header.event, "ACK") if header.event else "ACK",
        10: control_id,
        11: header.processing_id or "P",
        12: header.version or "2.6",
        15: "NE",
        16: "NE",
        18: write.text(header.charset.name),
    }
    msa = {1: code.value, 2: header.control_id}
    if error is None:
        return write.message(MSH=msh, MSA=msa)
    if header.version in _BEFORE_ERR_3:
        return write.message(MSH=msh, MSA={**msa, 3: write.text(error.text or error.code.text, _LONGEST_MSA_3)})
    err = {
        3: write.parts((error.code.code, error.code.text, "HL70357")),
        4: error.severity.value,
        5: write.parts(error.infusion or ()),
        8: write.text(error.text, _LONGEST_ERR_8),
    }
    return write.message(MSH=msh, MSA=msa, ERR=err)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Texts and lines in the manner of the message that is answered."""

    delimiters: Delimiters
    charset: Charset

    def text(self, text: str, longest: int = _LONGEST_ERR_8) -> str:
        """``text`` as one leaf; empty where the message has no escape character and the text would need one."""
        fitted = _CONTROL_CHARACTER.sub(" ", text)[:longest].encode(self.charset.codec, "replace").decode(self.charset.codec)
        try:
            return escape(fitted, self.delimiters, self.charset, "MSA")
        except Unwritable:
            return ""

    def parts(self, texts: Sequence[str]) -> str:
        return self.joined(*map(self.text, texts))

    def joined(self, *leaves: str) -> str:
        return self.delimiters.component.join(leaves).rstrip(self.delimiters.component)

    def message(self, **segments: Mapping[int, str]) -> bytes:
        return "".join(self._line(name, fields) for name, fields in segments.items()).encode(self.charset.codec)

    def _line(self, name: str, fields: Mapping[int, str]) -> str:
        separator = self.delimiters.field
        first = 2 if name == "MSH" else 1  # MSH-1 is the separator itself
        values = separator.join(fields.get(number, "") for number in range(first, max(fields) + 1))
        return f"{name}{separator}{values.rstrip(separator)}\r"


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class NotAnAnswer(ValueError):
    """The bytes are no acknowledgement; the text says why without quoting them."""


@dataclass(frozen=True, slots=True)
class AnsweredError:
    """One reason of an answer: ERR-3.1, ERR-5.1, ERR-4 and the best of its texts, each empty when absent. The text can quote a patient's data."""

    code: str
    infusion_code: str
    severity: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement as received.

    Attributes:
        code: MSA-1.
        control_id: MSA-2, the MSH-10 of the message that it answers; empty when it names none.
        text: MSA-3, or the text of the first error, or empty. It can quote a patient's data: not for logs.
        errors: all ERR segments, also beside a positive code.
    """

    code: AckCode
    control_id: str
    text: str
    errors: tuple[AnsweredError, ...]


def read_answer(data: bytes, *, max_bytes: int = MAX_BYTES) -> Answer:
    """The acknowledgement in ``data``: any message with an MSA, as partners answer with more kinds than ACK.

    Raises: NotAnAnswer: the bytes are no message, it has no MSA or several, or MSA-1 is no code of table 0008.
    """
    try:
        message = Message.parse(data, max_bytes=max_bytes)
    except Unreadable as fault:
        raise NotAnAnswer(str(fault)) from None
    segments = message.all("MSA")
    if len(segments) != 1:
        raise NotAnAnswer(f"{len(segments)} MSA segments; an answer has one")
    (msa,) = segments
    try:
        code = AckCode(_said(msa, 1).strip(" "))
    except ValueError:
        raise NotAnAnswer("MSA-1 is no acknowledgement code") from None
    errors = tuple(_read_error(err) for err in message.all("ERR"))
    text = _said(msa, 3) or next((error.text for error in errors if error.text), "")
    return Answer(code, _said(msa, 2), text, errors)


def _read_error(err: Segment) -> AnsweredError:
    """ERR as of version 2.5; before, its first field holds place and error: ``RXG^1^2^102&Data type error``."""
    if not _said(err, 3, 1):
        return AnsweredError(_said(err, 1, 4, 1), "", "", _said(err, 1, 4, 2))
    texts = (_said(err, 8), _said(err, 7), _said(err, 5, 9), _said(err, 5, 2), _said(err, 3, 9), _said(err, 3, 2))
    return AnsweredError(_said(err, 3, 1), _said(err, 5, 1), _said(err, 4), next(filter(None, texts), ""))


def _said(segment: Segment, field: int, component: int | None = None, subcomponent: int | None = None) -> str:
    """The text at a path; empty when it is absent or null."""
    text = segment.text(field, component, subcomponent) or ""
    return "" if text == NULL_AS_SENT else text
