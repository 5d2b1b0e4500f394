"""The little HL7 v2 that the stand-in EHR speaks: frames of MLLP, fields of ER7, accept acknowledgements (HL7 v2.6, chapter 2).

Written apart from interop's, and tested against a library that neither shares.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

START: Final = b"\x0b"
END: Final = b"\x1c\r"
LARGEST: Final = 1024 * 1024

CHARSETS: Final = {"": "ascii", "ASCII": "ascii", "UNICODE UTF-8": "utf-8", "8859/1": "latin-1"}
"""MSH-18 → codec."""

ANSWERED: Final = {"RRG^O16": "PCD-03 RRG", "ORU^R42": "PCD-10", "ORU^R01": "PCD-01", "ORU^R40": "PCD-04"}
"""What this EHR listens for, by MSH-9.1 and 9.2."""


class Unreadable(ValueError):
    """The bytes are no message of HL7 v2."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What came off a line: the content of a frame, or bytes that stood outside every frame."""

    content: bytes
    is_message: bool


class Deframer:
    """Bytes to pieces; every byte comes out again, in one piece or another."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Raises: Unreadable: a frame is too large to be one."""
        self._held += data
        while self._held:
            begin = self._held.find(START)
            if begin != 0:
                yield Piece(self._take(len(self._held) if begin < 0 else begin), False)
                continue
            end = self._held.find(END)
            if end < 0:
                if len(self._held) > LARGEST:
                    raise Unreadable("a frame without an end")
                return
            yield Piece(self._take(end + len(END))[1 : -len(END)], True)

    def rest(self) -> bytes:
        """What is left of a frame that never ended."""
        return self._take(len(self._held))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken


def frame(content: bytes) -> bytes:
    """``content`` as one frame."""
    return START + content + END


@dataclass(frozen=True)
class Message:
    """A message as text: ``Message.read(body).text("MSA", 2)``."""

    segments: list[list[str]]
    delimiters: str = "|^~\\&"
    charset: str = field(default="", compare=False)

    @classmethod
    def read(cls, body: bytes) -> "Message":
        """Raises: Unreadable."""
        if not body.startswith(b"MSH") or len(body) < 9:
            raise Unreadable("it does not begin with MSH")
        head = body.split(b"\r", 1)[0].decode("latin-1")
        separator = head[3]
        fields = head.split(separator)
        charset = fields[17] if len(fields) > 17 else ""
        if charset not in CHARSETS:
            raise Unreadable("its character set is not one of this EHR")
        if len(fields) < 12 or len(fields[1]) < 4:
            raise Unreadable("its MSH is cut short")
        try:
            text = body.decode(CHARSETS[charset])
        except UnicodeDecodeError:
            raise Unreadable("it is not in its character set") from None
        return cls([line.split(separator) for line in text.split("\r") if line], separator + fields[1], charset)

    def all(self, name: str) -> list[list[str]]:
        return [segment for segment in self.segments if segment[0] == name]

    def raw(self, name: str, number: int, occurrence: int = 1) -> str:
        """A whole field as sent, its repetitions and components too; empty where there is none. MSH-1 is the separator itself."""
        found = self.all(name)
        if len(found) < occurrence:
            return ""
        position = number - 1 if name == "MSH" else number
        return found[occurrence - 1][position] if position < len(found[occurrence - 1]) else ""

    def text(self, name: str, number: int, component: int = 1, occurrence: int = 1) -> str:
        """One component of a field's first repetition, its escapes read."""
        parts = self.raw(name, number, occurrence).split(self.delimiters[2])[0].split(self.delimiters[1])
        return self._unescaped(parts[component - 1]) if component <= len(parts) else ""

    def observations(self) -> Iterator[tuple[str, str, str]]:
        """OBX-4, OBX-3.1 and OBX-5 of each."""
        for number, _ in enumerate(self.all("OBX"), 1):
            yield self.text("OBX", 4, 1, number), self.text("OBX", 3, 1, number), self.raw("OBX", 5, number)

    def observation(self, code: str) -> str:
        """OBX-5.1 of the first OBX with this code in OBX-3.1; empty where there is none."""
        found = (value.split(self.delimiters[1])[0] for _, term, value in self.observations() if term == code)
        return self._unescaped(next(found, ""))

    @property
    def kind(self) -> str:
        """``ORU^R42``."""
        return f"{self.text('MSH', 9, 1)}^{self.text('MSH', 9, 2)}"

    @property
    def control_id(self) -> str:
        return self.text("MSH", 10)

    def _unescaped(self, text: str) -> str:
        letters = dict(zip("FSRET", self.delimiters, strict=False))  # without an escape character in MSH-2 there is nothing to read
        if "E" not in letters:
            return text
        escape = letters["E"]

        def read(found: re.Match[str]) -> str:
            said = found[1]
            if said in letters:
                return letters[said]
            if said.startswith("X") and re.fullmatch("X(?:[0-9A-Fa-f]{2})+", said):
                return bytes.fromhex(said[1:]).decode(CHARSETS[self.charset], "replace")
            return found[0]

        return re.sub(f"{re.escape(escape)}([A-Za-z0-9.+-]*){re.escape(escape)}", read, text)


def dtm(at: datetime) -> str:
    """``20260302101530.250+0100``. Raises: ValueError: a time without an offset."""
    if at.utcoffset() is None:
        raise ValueError("a time of HL7 has its offset here")
    return f"{at:%Y%m%d%H%M%S}.{at.microsecond // 1000:03}{at:%z}"


def acknowledgement(body: bytes, code: str, *, control_id: str, at: datetime, answers: str | None = None, why: str = "") -> bytes:
    """The accept acknowledgement of ``body``: CA, CE or CR, with the trigger event of the message (``ACK^R42``).

    ``answers``: another MSA-2 than the message's own, as a faulty EHR would say it. ``why``: for CE and CR.
    """
    try:
        message = Message.read(body)
    except Unreadable:
        message = Message([])
    separator, component = message.delimiters[0], message.delimiters[1]
    encoding = message.delimiters[1:]
    names = [message.raw("MSH", number) for number in (5, 6, 3, 4)]
    event = message.text("MSH", 9, 2)
    kind = component.join(["ACK", event, "ACK"] if event else ["ACK"])
    version = message.text("MSH", 12) or "2.6"
    head = [
        "MSH",
        encoding,
        *names,
        dtm(at),
        "",
        kind,
        control_id,
        message.text("MSH", 11) or "P",
        version,
        "",
        "",
        "NE",
        "NE",
        "",
        message.charset,
    ]
    lines = [head, ["MSA", code, message.control_id if answers is None else answers]]
    if code != "CA":
        lines.append(["ERR", "", "", component.join(["207", "Application internal error", "HL70357"]), "E", "", "", "", why])
    return "".join(f"{separator.join(line).rstrip(separator)}\r" for line in lines).encode(CHARSETS[message.charset])
