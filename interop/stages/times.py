"""Reads instants and dates as sent: HL7 v2 DTM (v2.6, 2.A.22) and FHIR dateTime (R4, datatypes), always with an offset.

An IHE message must carry the offset; a time without one is refused unless the sender's profile names the zone it is known to be in.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

DTM = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(?:(\d{2})(?:\.\d{1,4})?)?([+-]\d{4})?", re.ASCII)
DATE_TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII)
HL7_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{2,6}(?:\.\d{1,4})?(?:[+-]\d{4})?)?", re.ASCII)
FHIR_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T.*)?", re.ASCII)
OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)


class NotATime(ValueError):
    """The text is no instant of the format, is impossible, or has no offset. ``reason`` is a sentence for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@lru_cache(maxsize=64)
def zone_of(offset: str) -> timezone:
    """``-0600``, ``-06:00`` or ``Z``. ``-0000`` means UTC with the local offset unknown (ISO 8601 as HL7 uses it).

    Raises: NotATime.
    """
    if offset == "Z":
        return UTC
    match = OFFSET.fullmatch(offset)
    if match is None:
        raise NotATime(f"{offset!r} is no offset from UTC")
    sign, hours, minutes = match.groups()
    away = timedelta(hours=int(hours), minutes=int(minutes))
    if away > timedelta(hours=14):
        raise NotATime(f"{offset!r} is no offset from UTC")
    return timezone(-away if sign == "-" else away)


def read_dtm(text: str, zone: str = "") -> datetime:
    """An HL7 v2 DTM of at least minutes; fractions of a second are dropped, as nothing here is decided within one.

    Raises: NotATime.
    """
    match = DTM.fullmatch(text)
    if match is None:
        raise NotATime(f"{text!r} is not a date and time (YYYYMMDDHHMM[SS]±ZZZZ)")
    year, month, day, hour, minute, second, offset = match.groups()
    if not (offset or zone):
        raise NotATime(f"{text!r} has no offset from UTC, and the sender's profile names no zone")
    return _instant(text, year, month, day, hour, minute, second or "0", offset or zone)


def read_date_time(text: str) -> datetime:
    """A FHIR dateTime or instant with seconds and offset.

    Raises: NotATime.
    """
    match = DATE_TIME.fullmatch(text)
    if match is None:
        raise NotATime(f"{text!r} is not a date and time with seconds and offset")
    year, month, day, hour, minute, second, offset = match.groups()
    return _instant(text, year, month, day, hour, minute, second, offset)


def _instant(text: str, year: str, month: str, day: str, hour: str, minute: str, second: str, offset: str) -> datetime:
    try:
        return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=zone_of(offset))
    except ValueError as impossible:
        raise impossible if isinstance(impossible, NotATime) else NotATime(f"{text!r} is no possible time") from impossible


def read_date(text: str) -> date:
    """A birth date (PID-7, Patient.birthDate); a time behind it is ignored.

    Raises: NotATime.
    """
    match = HL7_DATE.fullmatch(text) or FHIR_DATE.fullmatch(text)
    if match is None:
        raise NotATime(f"{text!r} is not a date")
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError as impossible:
        raise NotATime(f"{text!r} is no possible date") from impossible
