"""Writes a message in ER7 so that ``er7.Message.parse`` reads back exactly what was given (HL7 v2.9, sections 2.5 to 2.7)."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, TypeAlias

from interop.wire.hl7v2.charset import ASCII, Charset
from interop.wire.hl7v2.er7 import HEADERS
from interop.wire.hl7v2.er7_errors import Reason, Unwritable
from interop.wire.hl7v2.escapes import NULL_AS_SENT, STANDARD, Delimiters, escape


class Null(Enum):
    """HL7's null, which says "there is none"; the text of two quotes is another thing and is escaped."""

    NULL = NULL_AS_SENT


NULL: Final = Null.NULL

# None and "" are both written as nothing. A tuple holds components, a tuple within it subcomponents, a list repetitions.
Leaf: TypeAlias = str | Null | None
Component: TypeAlias = Leaf | tuple[Leaf, ...]
Repetition: TypeAlias = Leaf | tuple[Component, ...]
Field: TypeAlias = Repetition | list[Repetition]

_SEGMENT_NAME = re.compile("[A-Z][A-Z0-9]{2}")
_PLAIN = re.compile(r"[A-Za-z0-9_.\[\]/:-]*")
"""Nothing in it is to be escaped with the standard delimiters, in any character set: most of a device's message is codes and numbers."""
_WRITTEN_BY_THE_BUILDER: Final = frozenset({1, 2, 18})


class Builder:
    """Collects segments, MSH first, and encodes them.

        Builder().add("MSH", {9: ("ACK", "O15", "ACK"), 10: "1"}).add("MSA", {1: "CA", 2: "19"}).encode()

    MSH-1, MSH-2 and MSH-18 are written by the builder from ``delimiters`` and ``charset``.
    """

    def __init__(self, *, delimiters: Delimiters = STANDARD, charset: Charset = ASCII) -> None:
        self._delimiters = delimiters
        self._charset = charset
        self._lines: list[str] = []

    def add(self, name: str, fields: Mapping[int, Field]) -> "Builder":
        """Append a segment; ``fields`` by number, those not named are empty. Returns itself.

        Raises:
            Unwritable: a text cannot be written in this message's character set or with its delimiters.
            ValueError: the name is no segment's, MSH is not the first or not the only header, or a number is below 1 or the builder's own.
        """
        if not _SEGMENT_NAME.fullmatch(name):
            raise ValueError("a segment's name is a capital letter and two capital letters or digits")
        if (name == "MSH") is bool(self._lines) or name in HEADERS - {"MSH"}:
            raise ValueError("a message begins with its MSH and has no other header")
        numbers = set(fields)
        if min(numbers, default=1) < 1:
            raise ValueError("HL7 counts fields from 1")
        values: dict[int, str] = {number: self._field(value, f"{name}-{number}") for number, value in fields.items()}
        if name == "MSH":
            if numbers & _WRITTEN_BY_THE_BUILDER:
                raise ValueError("MSH-1, MSH-2 and MSH-18 are written from the delimiters and the character set")
            values[2] = self._delimiters.encoding
            values[18] = self._leaf(self._charset.name, "MSH-18")
        first = 2 if name == "MSH" else 1  # MSH-1 is the delimiter itself
        written = [values.get(number, "") for number in range(first, max(values, default=0) + 1)]
        self._lines.append(self._delimiters.field.join([name, *written]))
        return self

    def encode(self) -> bytes:
        """The message, every segment ended by CR.

        Raises: ValueError: no segment was added.
        """
        if not self._lines:
            raise ValueError("a message has at least its MSH")
        return "".join(line + "\r" for line in self._lines).encode(self._charset.codec)

    def _field(self, value: Field, place: str) -> str:
        if isinstance(value, list):
            return self._joined(self._delimiters.repetition, [self._repetition(part, place) for part in value], place)
        return self._repetition(value, place)

    def _repetition(self, value: Repetition, place: str) -> str:
        if isinstance(value, tuple):
            return self._joined(
                self._delimiters.component, [self._component(part, f"{place}.{n}") for n, part in enumerate(value, 1)], place
            )
        return self._leaf(value, place)

    def _component(self, value: Component, place: str) -> str:
        if isinstance(value, tuple):
            return self._joined(self._delimiters.subcomponent, [self._leaf(part, f"{place}.{n}") for n, part in enumerate(value, 1)], place)
        return self._leaf(value, place)

    def _leaf(self, value: Leaf, place: str) -> str:
        if value is None:
            return ""
        if isinstance(value, Null):
            return NULL_AS_SENT
        if self._delimiters is STANDARD and _PLAIN.fullmatch(value):
            return value
        return escape(value, self._delimiters, self._charset, place)

    @staticmethod
    def _joined(delimiter: str | None, parts: Sequence[str], place: str) -> str:
        """The parts, without those at the end that hold nothing."""
        last = max((n for n, part in enumerate(parts, 1) if part), default=0)
        if delimiter is None and last > 1:
            raise Unwritable(Reason.NO_DELIMITER, place, "the message has no delimiter for parts of this level")
        return (delimiter or "").join(parts[:last])
