"""The delimiters of a message and the escapes that keep them out of its texts (HL7 v2.9, sections 2.5.4, 2.5.5.2 and 2.7).

Read: ``\\F\\ \\S\\ \\R\\ \\E\\ \\T\\ \\P\\`` (a delimiter that the message has), ``\\Xdd..\\`` (bytes in the message's character set; neighbours are
joined first, since a character may be spread over several) and ``\\.br\\`` (a new line). Every other sequence, among them ``\\Cxxyy\\``,
``\\Mxxyyzz\\``, ``\\Zdd..\\``, ``\\H\\``, an unclosed one, and hexadecimal that is no text, stays in the text as it was sent and is listed beside it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import punctuation
from typing import Final, NamedTuple

from interop.wire.hl7v2.charset import Charset
from interop.wire.hl7v2.er7_errors import Reason, Unreadable, Unwritable

NULL_AS_SENT: Final = '""'

# A quote would hide HL7's null, a full stop the escape \.br\; letters and digits are what texts are made of.
_DELIMITERS = frozenset(punctuation) - {'"', "."}
_MOST_ENCODING_CHARACTERS = 5

# What a text may hold beside printable characters once its escapes are decoded: tab, line feed, carriage return.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Delimiters:
    """MSH-1 and the encoding characters of MSH-2. A character that MSH-2 leaves out is None, and then plain text wherever it stands."""

    field: str
    encoding: str
    component: str
    repetition: str | None
    escape: str | None
    subcomponent: str | None
    truncation: str | None

    @classmethod
    def of(cls, field: str, encoding: str) -> "Delimiters":
        """The delimiters that ``field`` (MSH-1) and ``encoding`` (MSH-2, one to five characters) set.

        Raises: Unreadable: there are too few or too many, two are the same, or one is not ASCII punctuation.
        """
        return _delimiters(field, encoding)

    @property
    def inner(self) -> str:
        """The characters that split a field: of repetition, component and subcomponent, as far as the message has them."""
        return self.component + (self.repetition or "") + (self.subcomponent or "")


# Bounded, so that a peer which varies its delimiters costs no memory.
@lru_cache(maxsize=64)
def _delimiters(field: str, encoding: str) -> Delimiters:
    if len(field) != 1 or field not in _DELIMITERS:
        raise Unreadable(Reason.DELIMITERS, "MSH-1", "the field separator is not an ASCII punctuation mark")
    if not 1 <= len(encoding) <= _MOST_ENCODING_CHARACTERS:
        raise Unreadable(Reason.DELIMITERS, "MSH-2", f"{len(encoding)} encoding characters; one to five are read")
    if not set(encoding) <= _DELIMITERS:
        raise Unreadable(Reason.DELIMITERS, "MSH-2", "an encoding character is not an ASCII punctuation mark that can delimit")
    if len({field, *encoding}) != 1 + len(encoding):
        raise Unreadable(Reason.DELIMITERS, "MSH-2", "two delimiters are the same character")
    optional: list[str | None] = [*encoding[1:]]
    optional += [None] * (_MOST_ENCODING_CHARACTERS - len(encoding))
    return Delimiters(field, encoding, encoding[0], *optional)


STANDARD: Final = Delimiters.of("|", "^~\\&")


class Unescaped(NamedTuple):
    """A text with its escapes decoded, and the sequences that stayed in it as they were sent."""

    text: str
    unknown: tuple[str, ...]


@lru_cache(maxsize=64)
def _letters(delimiters: Delimiters) -> Mapping[str, str]:
    """The escapes that stand for one character, by what is between the escape characters."""
    stands_for = {
        "F": delimiters.field,
        "S": delimiters.component,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "T": delimiters.subcomponent,
        "P": delimiters.truncation,
        ".br": "\n",
    }
    return {name: character for name, character in stands_for.items() if character is not None}


@lru_cache(maxsize=64)
def _sequences(escape: str) -> re.Pattern[str]:
    """A run of hexadecimal sequences (group 1), one other sequence (group 2 within), or an unclosed one."""
    e = re.escape(escape)
    return re.compile(rf"((?:{e}X(?:[0-9A-Fa-f]{{2}})+{e})+)|{e}([^{e}]*){e}|{e}[^{e}]*\Z")


def unescape(raw: str, delimiters: Delimiters, charset: Charset) -> Unescaped:
    """The text that the leaf ``raw`` stands for. Never raises: what cannot be decoded stays as sent and is listed."""
    if delimiters.escape is None or delimiters.escape not in raw:
        return Unescaped(raw, ())
    letters = _letters(delimiters)
    unknown: list[str] = []

    def meaning(match: re.Match[str]) -> str:
        sequence = match[0]
        meant = _from_hexadecimal(match[1], charset) if match[1] else letters.get(match[2])
        if meant is None:
            unknown.append(sequence)
            return sequence
        return meant

    return Unescaped(_sequences(delimiters.escape).sub(meaning, raw), tuple(unknown))


def _from_hexadecimal(run: str, charset: Charset) -> str | None:
    """The characters of ``\\X41\\\\X42\\``, or None when its bytes are no text in ``charset``."""
    digits = run.replace(run[0], "").replace("X", "")
    try:
        text = bytes.fromhex(digits).decode(charset.codec)
    except UnicodeDecodeError:
        return None
    return None if _CONTROLS.search(text) else text


def escape(text: str, delimiters: Delimiters, charset: Charset, place: str) -> str:
    """``text`` as one leaf of a message, so that ``unescape`` gives it back unchanged.

    ``place`` is the field it is meant for, for the error alone. A new line becomes ``\\.br\\``; a text of two quotes is written in
    hexadecimal, since bare it would be HL7's null.

    Raises: Unwritable: ``text`` holds a control character other than tab, line feed and carriage return, a character outside
        ``charset``, or something to escape where the message has no escape character.
    """
    if _CONTROLS.search(text):
        raise Unwritable(Reason.CONTROL_CHARACTER, place, "the text holds a control character")
    try:
        text.encode(charset.codec)
    except UnicodeEncodeError:
        raise Unwritable(Reason.NOT_IN_CHARSET, place, f"the text holds a character outside {charset.name}") from None
    escaped = _escaped(delimiters)
    mark = delimiters.escape
    if mark is None:
        if text == NULL_AS_SENT or any(ord(character) in escaped for character in text):
            raise Unwritable(Reason.NO_DELIMITER, place, "the text needs an escape and the message has no escape character")
        return text
    return f"{mark}X2222{mark}" if text == NULL_AS_SENT else text.translate(escaped)


@lru_cache(maxsize=64)
def _escaped(delimiters: Delimiters) -> Mapping[int, str]:
    """The characters that may not stand in a text, with the escape that is written for each."""
    mark = delimiters.escape or ""
    names = {character: name for name, character in _letters(delimiters).items()} | {"\r": "X0D", "\t": "X09"}
    return {ord(character): f"{mark}{name}{mark}" for character, name in names.items()}
