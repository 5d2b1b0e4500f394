"""A lazy tokenizer of HL7 v2 messages in ER7 (HL7 v2.9, sections 2.5 to 2.7): the raw bytes are the truth, a part is split when it is asked for.

``Message.parse`` finds the delimiters, the character set and the segments, and refuses what it cannot carry unchanged; its errors are the
tree of ``er7_errors``. What the segments mean, and which must be there, is the business of the module that reads the message.

    rxg = message.first("RXG")
    rxg.text(15)                    "10"                     the field
    rxg.text(16, component=2)       "ug/kg/min"              one component of it
    rxg.place(16, component=2)      "RXG-16.2"               what a finding names
    [pid.text(3, 1, repetition=n) for n in pid.repetitions(3)]

A path that leaves a level out means "the only one there". Where the message holds more (``5~10`` in RXG-15 read as ``text(15)``), the text is
all of it, delimiters included and escapes as sent: no second dose is dropped in silence, and no reader of numbers takes ``5~10`` for one.
Delimiters that end a value (``5^^``) add nothing to it. Reading beyond what is there is ``None``, never an IndexError.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from interop.wire.hl7v2.charset import ASCII, Charset, charset_named
from interop.wire.hl7v2.er7_errors import Er7Error, Reason, Unreadable, Unwritable
from interop.wire.hl7v2.escapes import NULL_AS_SENT, Delimiters, unescape

__all__ = ["Er7Error", "Message", "Presence", "Reason", "Segment", "Unreadable", "Unwritable", "Value"]

MAX_BYTES: Final = 256 * 1024
MAX_SEGMENTS: Final = 2000

# Segments whose second field is the encoding characters: one starts a message (MSH), a batch (BHS) or a file (FHS).
HEADERS: Final = frozenset({"MSH", "BHS", "FHS"})

# ER7 holds printable characters and the ends of its segments: no tab, no NUL, and no byte that frames a message in MLLP.
_CONTROL_BYTES = bytes({*range(0x20), 0x7F} - {0x0A, 0x0D})
_CONTROL_BYTE = re.compile(rb"[" + re.escape(_CONTROL_BYTES) + rb"]")
_C1_CONTROL = re.compile("[\x80-\x9f]")


class Presence(Enum):
    """What stood at a place. HL7: absent and empty say nothing, null says "there is none"."""

    ABSENT = "absent"  # the segment, or the level above, ends before it
    EMPTY = "empty"  # nothing between its delimiters
    NULL = "null"  # two quotes
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Value:
    """All that can be said of one place in a message.

    Attributes:
        place: ``OBX[2]-5``.
        presence: absent, empty, null or a value.
        sent: the characters as sent, escapes and all; None when absent.
        text: what ``Segment.text`` gives for the same path.
        unknown_escapes: the escape sequences that are in ``text`` as they were sent, since they cannot be decoded.
        compound: there is more than one part below the path, so ``text`` is ``sent``.
        truncated: it ends with the message's truncation character, so its sender has cut it off (HL7 v2.7 and later).
    """

    place: str
    presence: Presence
    sent: str | None
    text: str | None
    unknown_escapes: tuple[str, ...] = ()
    compound: bool = False
    truncated: bool = False


class _Manner:
    """How one message is written: what its segments share."""

    __slots__ = ("beside_components", "charset", "delimiters", "recurring")

    def __init__(self, delimiters: Delimiters, charset: Charset) -> None:
        self.delimiters = delimiters
        self.charset = charset
        others = (delimiters.repetition, delimiters.escape, delimiters.subcomponent)
        self.beside_components = [other for other in others if other is not None]
        self.recurring: set[str] = set()  # names of segments that occur more than once


class Segment:
    """One segment; falsy when the message has none of that name at that occurrence, and then everything in it is absent.

    Attributes:
        name: ``RXG``.
        occurrence: which of the segments of that name it is, from 1.
        number: which segment of the message it is, from 1; 0 when absent.
        sent: the line as sent, without its end; None when absent.
    """

    __slots__ = ("_fields", "_manner", "_splits", "name", "number", "occurrence", "sent")

    def __init__(self, manner: _Manner, name: str, occurrence: int, number: int, sent: str | None) -> None:
        self.name = name
        self.occurrence = occurrence
        self.number = number
        self.sent = sent
        self._manner = manner
        self._fields: list[str] | None = None
        self._splits: dict[tuple[int, ...], list[str]] | None = None

    def __bool__(self) -> bool:
        return self.sent is not None

    def __repr__(self) -> str:
        return f"<Segment {self.place()}>"  # not its content, which may name a patient

    @property
    def fields(self) -> range:
        """The numbers of the fields that were sent, from 1; MSH-1 is the field separator and MSH-2 the encoding characters."""
        return range(1, len(self._split_fields()))

    def repetitions(self, field: int) -> range:
        """The numbers of the repetitions that ``field`` holds, from 1; none when it is absent or empty."""
        sent = self.raw(field)
        if sent is None or sent.isalnum() or self._is_delimiters(field):
            return range(1, 1 + (sent is not None))
        delimiters = self._manner.delimiters
        held = sent.rstrip(delimiters.inner)
        more = held.count(delimiters.repetition) if delimiters.repetition else 0
        return range(1, 2 + more) if held else range(1, 1)

    def text(
        self, field: int, component: int | None = None, subcomponent: int | None = None, *, repetition: int | None = None
    ) -> str | None:
        """The text at a path, its escapes decoded: None when absent, empty when empty, two quotes when null.

        An escape that cannot be decoded stays in the text; ``value`` lists it. See the module for a level that is left out.

        Raises: ValueError: a number below 1, or a subcomponent without its component (a mistake of the caller, whatever the message).
        """
        if (
            (field > 2 or (field > 0 and self.name != "MSH"))
            and repetition in (None, 1)
            and subcomponent is None
            and (component is None or component > 0)
        ):
            fields = self._fields or self._split_fields()  # the way of most readings, without the steps that they do not need
            if field >= len(fields):
                return None
            whole = fields[field]
            if not whole or whole.isalnum():  # letters and digits neither delimit nor escape
                return whole if component is None or component == 1 else None
            if component is not None:
                for other in self._manner.beside_components:
                    if other in whole:
                        break
                else:
                    parts = whole.split(self._manner.delimiters.component)
                    return parts[component - 1] if component <= len(parts) else None
        sent, leaf = self._find(field, component, subcomponent, repetition)
        if leaf is None:
            return sent
        mark = self._manner.delimiters.escape
        if mark is None or mark not in leaf or self._is_delimiters(field):
            return leaf
        return unescape(leaf, self._manner.delimiters, self._manner.charset).text

    def raw(
        self, field: int, component: int | None = None, subcomponent: int | None = None, *, repetition: int | None = None
    ) -> str | None:
        """The characters at a path as sent, escapes and delimiters and all; None when absent. Raises as ``text`` does."""
        if component is None and subcomponent is None and repetition is None and field > 0:
            fields = self._fields or self._split_fields()
            return fields[field] if field < len(fields) else None
        return self._find(field, component, subcomponent, repetition)[0]

    def value(self, field: int, component: int | None = None, subcomponent: int | None = None, *, repetition: int | None = None) -> Value:
        """All that can be said of a path. Raises as ``text`` does."""
        sent, leaf = self._find(field, component, subcomponent, repetition)
        place = self.place(field, component, subcomponent, repetition=repetition)
        if sent is None:
            return Value(place, Presence.ABSENT, None, None)
        if leaf is None:
            return Value(place, Presence.VALUE, sent, sent, compound=True)
        if not leaf:
            return Value(place, Presence.EMPTY, sent, leaf)
        if leaf == NULL_AS_SENT:
            return Value(place, Presence.NULL, sent, leaf)
        if self._is_delimiters(field):
            return Value(place, Presence.VALUE, sent, leaf)
        delimiters = self._manner.delimiters
        text, unknown = unescape(leaf, delimiters, self._manner.charset)
        truncated = delimiters.truncation is not None and leaf.endswith(delimiters.truncation)
        return Value(place, Presence.VALUE, sent, text, unknown, truncated=truncated)

    def place(
        self, field: int | None = None, component: int | None = None, subcomponent: int | None = None, *, repetition: int | None = None
    ) -> str:
        """The name of a place for findings: ``RXG-15``, ``OBX[2]-5``, ``PID-3(2).4``; numbers that only repeat "the only one" are left out."""
        several = self.occurrence > 1 or self.name in self._manner.recurring
        if repetition is not None and (field is None or (repetition == 1 and len(self.repetitions(field)) <= 1)):
            repetition = None
        return _place(self.name, self.occurrence if several else 0, field, repetition, component, subcomponent)

    def _split_fields(self) -> list[str]:
        fields = self._fields
        if fields is None:
            delimiter = self._manner.delimiters.field
            fields = [] if self.sent is None else self.sent.split(delimiter)
            if fields and self.name == "MSH":
                fields.insert(1, delimiter)
            self._fields = fields
        return fields

    def _is_delimiters(self, field: int) -> bool:
        """MSH-1 and MSH-2 are delimiters, so nothing in them delimits."""
        return field <= 2 and self.name == "MSH"

    def _find(self, field: int, component: int | None, subcomponent: int | None, repetition: int | None) -> tuple[str | None, str | None]:
        """What was sent at a path; and the one leaf that it is, or None when it is absent or holds several."""
        if field < 1 or (component is not None and component < 1) or (repetition is not None and repetition < 1):
            raise ValueError("HL7 counts fields, repetitions and components from 1")
        if subcomponent is not None and (component is None or subcomponent < 1):
            raise ValueError("a subcomponent is counted from 1 within its component")
        fields = self._split_fields()
        if field >= len(fields):
            return None, None
        sent: str | None = fields[field]
        if self._is_delimiters(field):
            return (sent, sent) if {repetition, component, subcomponent} <= {None, 1} else (None, None)
        delimiters = self._manner.delimiters
        part = sent
        if repetition is not None:
            part = sent = self._part((field,), sent, delimiters.repetition, repetition)
        elif delimiters.repetition is not None and delimiters.repetition in fields[field]:
            if delimiters.repetition in fields[field].rstrip(delimiters.inner):
                return sent, None
            part = self._part((field,), sent, delimiters.repetition, 1)
        if component is None:
            return sent, _only_leaf(part, delimiters)
        part = self._part((field, repetition or 1), part, delimiters.component, component)
        if subcomponent is None:
            return part, _only_leaf(part, delimiters)
        part = self._part((field, repetition or 1, component), part, delimiters.subcomponent, subcomponent)
        return part, part

    def _part(self, path: tuple[int, ...], whole: str | None, delimiter: str | None, number: int) -> str | None:
        """Part ``number`` of ``whole``, which stands at ``path``. Each whole is split once, so that reading all its parts stays linear."""
        if whole is None or delimiter is None or delimiter not in whole:
            return whole if number == 1 else None
        if self._splits is None:
            self._splits = {}
        parts = self._splits.get(path)
        if parts is None:
            parts = self._splits[path] = whole.split(delimiter)
        return parts[number - 1] if number <= len(parts) else None


@lru_cache(maxsize=4096)
def _place(name: str, occurrence: int, field: int | None, repetition: int | None, component: int | None, subcomponent: int | None) -> str:
    """``occurrence`` 0 and the numbers that are ``None`` are not said."""
    name = f"{name}[{occurrence}]" if occurrence else name
    if field is None:
        return name
    name = f"{name}-{field}" if repetition is None else f"{name}-{field}({repetition})"
    return ".".join([name, *(str(number) for number in (component, subcomponent) if number is not None)])


def _only_leaf(part: str | None, delimiters: Delimiters) -> str | None:
    """``part`` without the delimiters that end it, or None when it is absent or is still split by one."""
    if part is None:
        return None
    if delimiters.component in part or (delimiters.subcomponent is not None and delimiters.subcomponent in part):
        part = part.rstrip(delimiters.inner)
        if delimiters.component in part or (delimiters.subcomponent is not None and delimiters.subcomponent in part):
            return None
    return part


class Message:
    """One message: its bytes, and its segments in the order they were sent.

    Attributes:
        raw: the bytes as they came; the truth, which is what is stored and hashed.
        delimiters: from MSH-1 and MSH-2.
        charset: from MSH-18.
        lines: the segments as sent, without their ends, MSH first.

    A segment is made when it is asked for: whoever accepts a message asks for three of them.
    """

    __slots__ = ("_made", "_manner", "_names", "_places", "charset", "delimiters", "lines", "raw")

    def __init__(self, raw: bytes, manner: _Manner, lines: list[str], names: list[str]) -> None:
        self.raw = raw
        self.delimiters = manner.delimiters
        self.charset = manner.charset
        self.lines = lines
        self._manner = manner
        self._names = names  # of the lines
        self._places: dict[str, list[int]] = {}  # where the segments of a name stand, from 0, of the names that were asked for
        self._made: dict[int, Segment] = {}

    @classmethod
    def parse(cls, data: bytes, *, max_bytes: int = MAX_BYTES, max_segments: int = MAX_SEGMENTS) -> "Message":
        """The message in ``data``, which is all of it and nothing else: no MLLP frame, no batch.

        Segments may end with CR, LF or CRLF, but all alike; the last may have no end, or blank lines after it.

        Raises: Unreadable: with the reason and the place; nothing else, for any bytes.
        """
        if not data:
            raise Unreadable(Reason.EMPTY, "message", "there are no bytes")
        if len(data) > max_bytes:
            raise Unreadable(Reason.TOO_LARGE, "message", f"{len(data)} bytes; at most {max_bytes} are read")
        if not data.startswith(b"MSH"):
            raise Unreadable(Reason.NO_HEADER, "line 1", "does not begin with MSH")
        # translate passes a clean message several times faster than search, which is left to say where
        if len(data.translate(None, _CONTROL_BYTES)) != len(data) and (control := _CONTROL_BYTE.search(data)):
            detail = f"byte 0x{control[0][0]:02X} is a control character"
            raise Unreadable(Reason.CONTROL_CHARACTER, _place_at(data, control.start()), detail)
        delimiters, charset = _read_header(data)
        lines = _split_lines(_decode(data, charset))
        if len(lines) > max_segments:
            raise Unreadable(Reason.TOO_MANY_SEGMENTS, "message", f"{len(lines)} segments; at most {max_segments} are read")
        return cls(data, _Manner(delimiters, charset), lines, _names(lines, delimiters.field))

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All segments in the order they were sent, MSH first; iterating over the message is iterating over them."""
        places: dict[str, list[int]] = {}
        for place, name in enumerate(self._names):
            places.setdefault(name, []).append(place)
        self._places = places
        self._manner.recurring.update(name for name, stands_at in places.items() if len(stands_at) > 1)
        made: dict[int, Segment] = {}
        for name, stands_at in places.items():
            made.update(zip(stands_at, self.all(name), strict=True))
        return tuple([made[place] for place in range(len(self.lines))])

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def __repr__(self) -> str:
        return f"<Message of {len(self.lines)} segments>"  # not its content, which names a patient

    def first(self, name: str) -> Segment:
        """The first segment of that name; a falsy one, in which everything is absent, when there is none."""
        return self.segment(name, 1)

    def all(self, name: str) -> tuple[Segment, ...]:
        """The segments of that name, in the order they were sent."""
        return tuple([self.segment(name, occurrence) for occurrence in range(1, 1 + len(self._places_of(name)))])

    def that_may_hold(self, name: str, text: str) -> list[Segment]:
        """Those of ``all(name)`` in which something may read as ``text``, which is found out without splitting or making the others."""
        lines = self.lines
        mark = self._manner.delimiters.escape or text  # text that is escaped may be any
        return [
            self.segment(name, occurrence)
            for occurrence, place in enumerate(self._places_of(name), 1)
            if text in lines[place] or mark in lines[place]
        ]

    def segment(self, name: str, occurrence: int) -> Segment:
        """The segment of that name at ``occurrence``, from 1; a falsy one, in which everything is absent, beyond the last.

        Raises: ValueError: an occurrence below 1.
        """
        if occurrence < 1:
            raise ValueError("HL7 counts occurrences from 1")
        places = self._places_of(name)
        if occurrence > len(places):
            return Segment(self._manner, name, occurrence, 0, None)
        place = places[occurrence - 1]
        made = self._made.get(place)
        if made is None:
            made = self._made[place] = Segment(self._manner, name, occurrence, place + 1, self.lines[place])
        return made

    def _places_of(self, name: str) -> list[int]:
        """Where the segments of that name stand, from 0: found when it is asked for, as few names are."""
        places = self._places.get(name)
        if places is None:
            places = self._places[name] = [place for place, there in enumerate(self._names) if there == name]
            if len(places) > 1:
                self._manner.recurring.add(name)
        return places


def _names(lines: list[str], field: str) -> list[str]:
    """The names of the segments. Raises: Unreadable: a line without one, or a second header."""
    named = _named_line(field)
    if not all(map(named.match, lines)):
        number = next(number for number, line in enumerate(lines, 1) if named.match(line) is None)
        second = next((number for number, line in enumerate(lines[: number - 1], 1) if number > 1 and line[:3] in HEADERS), None)
        if second is None:
            raise Unreadable(Reason.SEGMENT_NAME, f"line {number}", "does not begin with the name of a segment")
    names = [line[:3] for line in lines]
    if HEADERS.isdisjoint(names[1:]):
        return names
    number = next(number for number, name in enumerate(names, 1) if number > 1 and name in HEADERS)
    raise Unreadable(Reason.SECOND_HEADER, f"line {number}", f"a second header, {names[number - 1]}, within one message")


# Bounded, so that a peer which varies its field separator costs no memory.
@lru_cache(maxsize=64)
def _named_line(field: str) -> re.Pattern[str]:
    return re.compile(rf"[A-Z][A-Z0-9]{{2}}(?:{re.escape(field)}|\Z)")


def _read_header(data: bytes) -> tuple[Delimiters, Charset]:
    """MSH-1, MSH-2 and the first repetition of MSH-18, read from bytes, since the character set is not yet known."""
    header = data.split(b"\r", 1)[0].split(b"\n", 1)[0]
    field = header[3:4]
    fields = header[4:].split(field, 17) if field else [b""]
    charsets = fields[16] if len(fields) > 16 else b""
    manner_of = _known_manner if len(charsets) < _LONGEST_KNOWN else _manner_of
    return manner_of(field, fields[0], charsets)


def _manner_of(separator: bytes, encoding: bytes, charsets: bytes) -> tuple[Delimiters, Charset]:
    """MSH-1, MSH-2 and MSH-18 as they are understood. Raises: Unreadable."""
    names = charsets.decode("latin-1")
    delimiters = Delimiters.of(separator.decode("latin-1"), encoding.decode("latin-1"))
    first = names.split(delimiters.repetition, 1)[0] if delimiters.repetition else names
    return delimiters, charset_named(unescape(first, delimiters, ASCII).text)


# Bounded, so that a peer which varies its header costs no memory.
_LONGEST_KNOWN: Final = 100
_known_manner = lru_cache(maxsize=64)(_manner_of)


def _decode(data: bytes, charset: Charset) -> str:
    if data.isascii():
        return data.decode("ascii")
    try:
        text = data.decode(charset.codec)
    except UnicodeDecodeError as fault:
        detail = f"byte 0x{data[fault.start]:02X} is no text in {charset.name}, the character set of MSH-18"
        raise Unreadable(Reason.CHARSET_CONTRADICTED, _place_at(data, fault.start), detail) from None
    control = _C1_CONTROL.search(text)
    if control:
        place = _place_at(data, len(text[: control.start()].encode(charset.codec)))
        # The usual cause is Windows-1252 under the name of ISO 8859/1.
        detail = f"0x{ord(control[0]):02X} is a control character in {charset.name}, the character set of MSH-18"
        raise Unreadable(Reason.CHARSET_CONTRADICTED, place, detail)
    return text


def _split_lines(text: str) -> list[str]:
    """The segments. Ends of two kinds are refused: a line feed in a field of a message of CRs would make a segment of the field's text."""
    body = text.rstrip("\r\n")
    if "\n" not in body:
        return body.split("\r")
    if "\r" not in body:
        return body.split("\n")
    lines = body.split("\r\n")
    for number, line in enumerate(lines, 1):
        if "\r" in line or "\n" in line:
            raise Unreadable(Reason.MIXED_LINE_ENDS, f"line {number}", "CR, LF and CRLF end segments in one message")
    return lines


def _place_at(data: bytes, offset: int) -> str:
    """The name of the field that holds byte ``offset``, for the error of a message that cannot be split as text."""
    lines = data[:offset].replace(b"\r\n", b"\r").replace(b"\n", b"\r").split(b"\r")
    line, field = lines[-1], data[3:4]
    if not re.match(rb"[A-Z][A-Z0-9]{2}" + re.escape(field), line):
        return f"line {len(lines)}"
    name = line[:3]
    start = name + field
    occurrence = sum(other.startswith(start) for other in lines)
    later = any(other.startswith(start) for other in re.split(rb"[\r\n]", data[offset:])[1:])
    number = line.count(field) + (name == b"MSH")
    several = f"[{occurrence}]" if occurrence > 1 or later else ""
    return f"{name.decode('ascii')}{several}-{number}"
