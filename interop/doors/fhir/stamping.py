"""Stored bytes → the bytes of an answer: ``id`` and ``meta`` are the server's (R4, 2.27.1), every other byte is as it came.

The resource is never written anew from values: not a digit, blank or escape of the order can change between what was sent and what is read.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from interop.wire.fhir.json import Resource, read, write

_BLANKS = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)
_OURS = ("id", "_id", "meta")


@dataclass(frozen=True, slots=True)
class _Member:
    """One member of the resource: the blanks before it, its name, its text (``"status": "active"``) and its value's text."""

    lead: str
    name: str
    text: str
    value: str


def stamped(body: bytes, id: str, version: int, at: datetime) -> bytes:
    """A body that ``json.read`` accepted, as this version of this resource: ``meta`` keeps its profiles, tags and security labels.

    Raises: Unreadable, ValueError: ``body`` is not what was accepted: a fault of the store.
    """
    text = body.decode("utf-8-sig")
    *members, tail = _members(text)
    meta = next((member.value for member in members if member.name == "meta"), "{}")
    ours = [f'"id":{json.dumps(id)}', f'"meta":{_meta(meta, version, at)}']
    first = next((index for index, member in enumerate(members) if member.name == "resourceType"), 0)
    written: list[str] = []
    for index, member in enumerate(members):
        if member.name not in _OURS:
            written.append(member.lead + member.text)
        if index == first:
            written += [members[min(first + 1, len(members) - 1)].lead + text for text in ours]
    return f"{{{','.join(written)}{tail.lead}}}".encode()


def _meta(sent: str, version: int, at: datetime) -> str:
    meta = read(sent.encode())
    kept: Resource = {name: value for name, value in meta.items() if name.removeprefix("_") not in ("versionId", "lastUpdated")}
    return write({"versionId": str(version), "lastUpdated": instant(at), **kept}).decode()


def instant(at: datetime) -> str:
    """A FHIR instant in UTC, to the millisecond: ``2026-03-02T08:00:00.000Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _members(text: str) -> Iterator[_Member]:
    """The members of the object, and last one without a name whose ``lead`` is what stands before the closing brace."""
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("no object")
    at += 1
    while True:
        start = _skip(text, at)
        if text[start : start + 1] == "}":
            yield _Member(text[at:start], "", "", "")
            return
        name, end = _DECODER.raw_decode(text, start)
        colon = _skip(text, end)
        if text[start : start + 1] != '"' or text[colon : colon + 1] != ":":
            raise ValueError("no member")
        value = _skip(text, colon + 1)
        _, end = _DECODER.raw_decode(text, value)
        yield _Member(text[at:start], name, text[start:end], text[value:end])
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] == "}":
            yield _Member(text[end:at], "", "", "")
            return
        else:
            raise ValueError("neither a further member nor the end")


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match is not None else at
