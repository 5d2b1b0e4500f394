"""The primitive types of FHIR R4 (2.24.0.1): whether a JSON value is one, with the JSON type that the standard gives it and no other.

``"4.50"`` is no decimal, ``"true"`` no boolean and ``1715000000`` no dateTime, whatever a lenient library makes of them.
"""

import re
from datetime import date

from interop.wire.fhir.json import Json, Number

_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?"
_DAY = r"(?P<year>(?!0000)[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_PARTIAL = r"(?!0000)[0-9]{4}(?:-(?:0[1-9]|1[0-2]))?"

_TEXTS = {
    name: re.compile(pattern, re.ASCII)
    for name, pattern in {
        "id": r"[A-Za-z0-9\-.]{1,64}",
        "code": r"[^\s]+(?: [^\s]+)*",
        "uri": r"\S+",
        "url": r"\S+",
        "canonical": r"\S+",
        "oid": r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+",
        "uuid": r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "string": r"(?s:.*\S.*)",
        "markdown": r"(?s:.*\S.*)",
        "xhtml": r"(?s:.*\S.*)",
        "base64Binary": r"[A-Za-z0-9+/=\s]+",
        "time": _TIME,
        "date": f"{_PARTIAL}|{_DAY}",
        "dateTime": f"{_PARTIAL}|{_DAY}(?:T{_TIME}{_ZONE})?",
        "instant": f"{_DAY}T{_TIME}{_ZONE}",
    }.items()
}
_NUMBERS = {
    "decimal": re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII),
    "integer": re.compile(r"0|-?[1-9][0-9]{0,9}", re.ASCII),
    "unsignedInt": re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII),
    "positiveInt": re.compile(r"[1-9][0-9]{0,9}", re.ASCII),
}
MAX_DIGITS = 18
"""A FHIR decimal has at most 18 digits; the structural library rounds longer ones through a float."""

PRIMITIVES = frozenset(_TEXTS) | frozenset(_NUMBERS) | {"boolean"}


def is_plain(number: Number) -> bool:
    """No exponent (SR-31) and at most 18 digits: the numbers that every part behind this one reads alike."""
    return _NUMBERS["decimal"].fullmatch(number.text) is not None and sum(map(str.isdigit, number.text)) <= MAX_DIGITS


def is_a(kind: str, value: Json) -> bool:
    """``kind`` is a key of ``PRIMITIVES``."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in _NUMBERS:
        if not isinstance(value, Number) or not _NUMBERS[kind].fullmatch(value.text):
            return False
        return kind == "decimal" or -(2**31) <= int(value.text) < 2**31
    if not isinstance(value, str):
        return False
    match = _TEXTS[kind].fullmatch(value)
    if match is None:
        return False
    parts = match.groupdict()
    return not parts.get("year") or _is_a_day(int(parts["year"]), int(parts["month"]), int(parts["day"]))


def _is_a_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


WANTED = {
    "boolean": "true or false, without quotes",
    "decimal": "a plain number, without quotes",
    "integer": "a whole number, without quotes",
    "unsignedInt": "a whole number of 0 or more, without quotes",
    "positiveInt": "a whole number of 1 or more, without quotes",
    "dateTime": "a date, or a date and time with seconds and zone",
    "instant": "a date and time with seconds and zone",
    "date": "a date that exists",
    "time": "a time of day hh:mm:ss",
    "id": "an id of at most 64 letters, digits, '-' and '.'",
    "code": "a code without blanks around it",
}
"""What stands in the refusal; types that are not here are texts."""
