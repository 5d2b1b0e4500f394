"""PCD-03's application answer, ``RRG^O16^RRG_O16``: the one verdict on an order (IHE DEV TF-2, 3.3.5 and B.1 to B.3; ihe-pcd.md 3.8).

``MSH MSA [ERR] [PID] [ORC]``. Only one ERR fits: ERR-5.1 and 5.2 carry the gravest reason's code and text, ERR-5.9 its sub-code and the other
reasons. PID and ORC come back as they were sent, so that a late answer can be read by people.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from interop.domain.finding import Finding, PivError, Sub
from interop.wire.hl7v2.ack import NOBODY, AckCode, ErrorCode, ReceivedHeader, Severity, Us
from interop.wire.hl7v2.er7 import Message, Segment, Unwritable
from interop.wire.hl7v2.escapes import escape

PROFILE_ID: Final = ("IHE_PCD_RRG_O16", "IHE PCD", "1.3.6.1.4.1.19376.1.6.1.3.2", "ISO")
"""MSH-21 of an RRG (table B.1); receivers match the OID only."""

POSITIVE: Final = AckCode.AA.value
NEGATIVE: Final = frozenset({AckCode.AE.value, AckCode.AR.value})

LONGEST_TEXT: Final = 199  # CWE-2 and CWE-9 (HL7 v2.6, 2.A.13)
LONGEST_SENTENCE: Final = 250  # ERR-8


def write_rrg(message: Message, code: str, reasons: Sequence[Finding], *, control_id: str, at: datetime, us: Us = NOBODY) -> bytes:
    """The RRG to ``message``, every segment ended by CR.

    ``reasons`` are the findings that refuse, the gravest first; none for AA. A text is fitted to its field: characters that the message's
    character set lacks become question marks, and what is too long is cut.

    Raises: ValueError: AA with a reason, AE or AR without one that has a code, another code, a time without an offset, or a control id of ours
        that is not letters and digits.
    """
    if code not in NEGATIVE | {POSITIVE} or (code == POSITIVE) is bool(reasons):
        raise ValueError("AA has no reason, AE and AR have one, and there is no other code")
    if at.utcoffset() is None or not (control_id.isascii() and control_id.isalnum()):
        raise ValueError("an answer has a time with an offset, and a control id of letters and digits")
    write = _Writer(message)
    header = ReceivedHeader.of(message)
    lines = [
        write.line(
            "MSH",
            {
                2: header.delimiters.encoding,
                3: header.receiving_application or write.parts(us.application),
                4: header.receiving_facility or write.parts(us.facility),
                5: header.sending_application,
                6: header.sending_facility,
                7: at.strftime("%Y%m%d%H%M%S%z"),
                9: write.parts(("RRG", "O16", "RRG_O16")),
                10: control_id,
                11: header.processing_id or "P",
                12: header.version or "2.6",
                15: "AL",
                16: "NE",
                18: write.text(header.charset.name),
                21: write.parts(PROFILE_ID),
            },
        ),
        write.line("MSA", {1: code, 2: header.control_id}),
    ]
    if reasons:
        lines.append(write.line("ERR", _error(write, reasons)))
    lines += _echo(message, write)
    return "".join(lines).encode(header.charset.codec)


def _error(write: "_Writer", reasons: Sequence[Finding]) -> dict[int, str]:
    gravest = reasons[0]
    if gravest.piv_error is None:
        raise ValueError("the gravest reason of a refusal has a code")
    internal = ErrorCode.APPLICATION_INTERNAL_ERROR
    infusion = (str(gravest.piv_error.number), gravest.piv_error.text, "", "", "", "", "", "", _others(reasons))
    return {
        3: write.parts((internal.code, internal.text, "HL70357")),
        4: Severity.ERROR.value,
        5: write.parts(infusion),
        6: write.text(gravest.field, LONGEST_TEXT),
        8: write.text(" ".join(filter(None, (_sentence(gravest), gravest.action))), LONGEST_SENTENCE),
    }


def _sentence(finding: Finding) -> str:
    text = finding.sentence
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _others(reasons: Sequence[Finding]) -> str:
    """The sub-code of the gravest reason, if it has one, then code and field of each other reason, as many as fit, and how many do not."""
    first = [reasons[0].code_text] if isinstance(reasons[0].code, Sub) else []
    parts = [*first, *dict.fromkeys(_in_short(reason) for reason in reasons[1:])]
    text = "; ".join(parts)
    kept = len(parts)
    while len(text) > LONGEST_TEXT and kept > 1:
        kept -= 1
        text = "; ".join([*parts[:kept], f"{len(parts) - kept} more"])
    return text


def _in_short(reason: Finding) -> str:
    return " ".join(filter(None, (reason.code_text or str(PivError.OTHER.number), reason.field)))


def _echo(message: Message, write: "_Writer") -> Iterable[str]:
    """PID as sent, and ORC-1, 2, 9 and 19 of the one order (B.9.2); a message of several orders is refused as a whole and names none."""
    pid = message.first("PID")
    if pid.sent is not None:
        yield f"{pid.sent}\r"
    orders = message.all("ORC")
    if len(orders) == 1 and orders[0].raw(2):
        yield write.line("ORC", {number: _as_sent(orders[0], number) for number in (1, 2, 9, 19)})


def _as_sent(segment: Segment, number: int) -> str:
    return segment.raw(number) or ""


class _Writer:
    """Texts and lines in the manner of the message that is answered."""

    def __init__(self, message: Message) -> None:
        self._delimiters, self._charset = message.delimiters, message.charset

    def text(self, text: str, longest: int = LONGEST_TEXT) -> str:
        """``text`` as one leaf; empty where the message has no escape character and the text would need one."""
        printable = "".join(character if character.isprintable() else " " for character in text)[:longest]
        fitted = printable.encode(self._charset.codec, "replace").decode(self._charset.codec)
        try:
            return escape(fitted, self._delimiters, self._charset, "ERR")
        except Unwritable:
            return ""

    def parts(self, texts: Iterable[str]) -> str:
        return self._delimiters.component.join(map(self.text, texts)).rstrip(self._delimiters.component)

    def line(self, name: str, fields: dict[int, str]) -> str:
        separator = self._delimiters.field
        first = 2 if name == "MSH" else 1  # MSH-1 is the separator itself
        values = separator.join(fields.get(number, "") for number in range(first, max(fields) + 1))
        return f"{name}{separator}{values.rstrip(separator)}\r"
