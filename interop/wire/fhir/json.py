"""FHIR JSON from bytes and back (FHIR R4, 2.6.2): bounded, each key once, and every number kept as the digits that were sent.

    Unreadable(SenderError)     reason, place, detail

What the reader decides where JSON leaves it open (RFC 8259, sections 4, 6 and 8): UTF-8 only; a byte order mark before the body is passed over, as
some senders' libraries write one; a key that comes twice, NaN and Infinity are refused; a key is always the name of a FHIR element; no text holds
a control character (but tab, line feed and carriage return) or half of a surrogate pair. No message in here quotes the body.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeAlias

from interop.domain.errors import SenderError


class Reason(StrEnum):
    """Why a body cannot be read; stable codes for logs, metrics and the sentence an analyst reads."""

    EMPTY = "empty"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    TOO_MANY_VALUES = "too-many-values"
    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    NOT_AN_OBJECT = "not-an-object"
    DUPLICATE_KEY = "duplicate-key"
    NOT_A_NAME = "not-a-name"
    NOT_A_NUMBER = "not-a-number"
    NUMBER_TOO_LONG = "number-too-long"
    CHARACTER = "character"


class Unreadable(SenderError):
    """Bytes that are no FHIR JSON, or not safely some; nothing of them may be used.

    Attributes:
        reason: the stable code.
        place: the element (``MedicationRequest.note[0].text``), the line, or ``body``.
        detail: what is wrong, without quoting the body.
    """

    def __init__(self, reason: Reason, place: str, detail: str) -> None:
        super().__init__(reason, place, detail)
        self.reason, self.place, self.detail = reason, place, detail

    def __str__(self) -> str:
        return f"{self.place}: {self.detail} ({self.reason})"


JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
MAX_NUMBER_LENGTH = 64
"""Far beyond any FHIR decimal (18 digits); it keeps whoever computes with the digits safe from a number of a megabyte."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as its text (``4.50`` stays ``4.50``). Not a ``str``, so that the string ``"4.50"`` is never mistaken for the number."""

    text: str

    def __post_init__(self) -> None:
        if not JSON_NUMBER.fullmatch(self.text):
            raise ValueError("not the text of a JSON number")


Json: TypeAlias = "dict[str, Json] | list[Json] | str | Number | bool | None"
Resource: TypeAlias = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a body may hold: bytes, levels of nesting, values (members and items). The defaults are for one resource (SEC-24)."""

    size_bytes: int = 1_048_576
    depth: int = 64
    values: int = 4_000


ONE_RESOURCE = Limits()

_MARKS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
"""Strings as a whole (one that never ends reaches to the end, so that the scan stays linear), and the marks that nest and separate."""

_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}", re.ASCII)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SUSPECT = re.compile(r"\\[bfu]|" + _FORBIDDEN.pattern)
"""Only escapes and forbidden characters themselves can make a forbidden character: a body without them needs no second look."""


def read(body: bytes, limits: Limits = ONE_RESOURCE) -> Resource:
    """The object that the bytes say.

    Raises: Unreadable: whatever the bytes are; nothing else is raised.
    """
    if len(body) > limits.size_bytes:
        raise Unreadable(Reason.TOO_LARGE, "body", f"more than {limits.size_bytes} bytes")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise Unreadable(Reason.NOT_UTF8, f"byte {fault.start}", "not UTF-8") from None
    if not text.strip():
        raise Unreadable(Reason.EMPTY, "body", "nothing was sent")
    _measure(text, limits)
    try:
        value = json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_no_number, object_pairs_hook=_members)
    except json.JSONDecodeError as fault:
        raise Unreadable(Reason.NOT_JSON, f"line {fault.lineno} column {fault.colno}", "not JSON") from None
    except RecursionError:  # the caller's own stack was nearly used up; the body itself is within limits.depth
        raise Unreadable(Reason.TOO_DEEP, "body", "nested too deeply to be read here") from None
    if not isinstance(value, dict):
        raise Unreadable(Reason.NOT_AN_OBJECT, "body", "a resource is a JSON object")
    if _SUSPECT.search(text):
        _judge_texts(value)
    return value


def _measure(text: str, limits: Limits) -> None:
    """Nesting and number of values, before anything is built of them."""
    depth = values = 0
    for match in _MARKS.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            values += 1
            if depth > limits.depth:
                raise Unreadable(Reason.TOO_DEEP, "body", f"nested more than {limits.depth} levels deep")
        elif mark in "]}":
            depth -= 1
        elif mark == ",":
            values += 1
        if values > limits.values:
            raise Unreadable(Reason.TOO_MANY_VALUES, "body", f"more than {limits.values} values")


def _number(text: str) -> Number:
    if len(text) > MAX_NUMBER_LENGTH:
        raise Unreadable(Reason.NUMBER_TOO_LONG, "body", f"a number of more than {MAX_NUMBER_LENGTH} characters")
    return Number(text)


def _no_number(_: str) -> NoReturn:
    raise Unreadable(Reason.NOT_A_NUMBER, "body", "NaN and Infinity are no JSON")


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    for name in members:
        if not _NAME.fullmatch(name):
            raise Unreadable(Reason.NOT_A_NAME, "body", "a key that cannot be the name of an element")
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Unreadable(Reason.DUPLICATE_KEY, name, "the same key twice in one object")
            seen.add(name)
    return members


def _judge_texts(resource: Resource) -> None:
    kind = resource.get("resourceType")
    root = kind if isinstance(kind, str) and _NAME.fullmatch(kind) else "resource"
    for path, value in walk(resource, root):
        if isinstance(value, str) and _FORBIDDEN.search(value):
            raise Unreadable(Reason.CHARACTER, path, "a control character or half of a surrogate pair")


def walk(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    """Every value below ``value`` and itself, with its path (``MedicationRequest.note[0].text``), in the order sent."""
    stack: list[tuple[str, Json]] = [(path, value)]
    while stack:
        path, value = stack.pop()
        yield path, value
        if isinstance(value, dict):
            stack.extend((f"{path}.{name}", member) for name, member in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((f"{path}[{index}]", item) for index, item in reversed(list(enumerate(value))))


def write(value: Json) -> bytes:
    """Compact UTF-8 JSON; numbers leave as the text they are kept in.

    Raises: TypeError: something in ``value`` is not of ``Json``, such as a float or an int. UnicodeEncodeError: half of a surrogate pair.
    """
    return "".join(_written(value)).encode("utf-8")


def _written(value: Json) -> Iterator[str]:
    match value:
        case dict():
            yield "{"
            for index, (name, member) in enumerate(value.items()):
                yield f"{',' if index else ''}{json.dumps(name, ensure_ascii=False)}:"
                yield from _written(member)
            yield "}"
        case list():
            yield "["
            for index, item in enumerate(value):
                if index:
                    yield ","
                yield from _written(item)
            yield "]"
        case Number():
            yield value.text
        case str() | bool() | None:
            yield json.dumps(value, ensure_ascii=False)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written as FHIR JSON")
