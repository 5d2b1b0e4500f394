"""Coded values as sent: CWE and CE, two triplets of code, text and system (HL7 v2.6, 2.A.13; IHE DEV TF-2, Appendix B on units).

Both triplets are copied; whether they agree, and what they mean, is read by ``stages``. Only the system's name loses the blanks around it
(``UCUM `` is in the framework's own examples); a code or a unit keeps every character.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from interop.domain.request import AsSent, CodeAsSent, UnitAsSent, UnitClaim
from interop.wire.hl7v2 import mdc
from interop.wire.hl7v2.er7 import Segment

MDC: Final = "MDC"
UCUM: Final = "UCUM"
TEXT: Final = "text"
"""The system of a claim that names neither MDC nor UCUM: a spelling for the site's own table."""

_TRIPLETS: Final = (1, 4)


@dataclass(frozen=True, slots=True)
class Coding:
    """One triplet: code, text, system, and the place of its code (``RXG-16.1`` or ``RXG-16.4``)."""

    code: str
    text: str
    system: str
    field: str


def codings(segment: Segment, field: int, component: int | None = None, *, repetition: int | None = None) -> tuple[Coding, ...]:
    """The triplets that say something: those with a code or a text. With ``component`` they stand in its subcomponents (the unit of a CQ).

    A field that repeats where one value is meant comes back whole, as one code that nobody knows.
    """
    if repetition is None and len(segment.repetitions(field)) > 1:
        return (Coding(segment.text(field) or "", "", "", segment.place(field)),)
    return tuple(_triplets(segment, field, component, repetition))


def _triplets(segment: Segment, field: int, component: int | None, repetition: int | None) -> Iterator[Coding]:
    for first in _TRIPLETS:
        parts = range(first, first + 3)
        if component is None:
            code, text, system = (segment.text(field, part, repetition=repetition) or "" for part in parts)
            place = segment.place(field, first, repetition=repetition)
        else:
            code, text, system = (segment.text(field, component, part, repetition=repetition) or "" for part in parts)
            place = segment.place(field, component, first, repetition=repetition)
        if code or text:
            yield Coding(code, text, system.strip(" "), place)


def codes_as_sent(segment: Segment, field: int, code_systems: Mapping[str, str]) -> tuple[CodeAsSent, ...]:
    """The codes of a field, their systems spelled by ``code_systems`` ("" is "no system sent"); one that is not in it stays as sent.

    A name without a code is kept only where no triplet has a code: it identifies nothing, and says so.
    """
    found = codings(segment, field)
    coded = tuple(coding for coding in found if coding.code)
    return tuple(CodeAsSent(c.code, code_systems.get(c.system, c.system), c.text, c.field) for c in coded or found)


def table_value(coding: Coding) -> str:
    """A value of an HL7 table: PIV puts it into CWE-2 and leaves CWE-1 empty (``^IV^HL70162``); generic senders send it bare (``IV``)."""
    return coding.code or coding.text


def table_value_as_sent(segment: Segment, field: int) -> AsSent:
    """The first coded value of a field from an HL7 table; empty when nothing was sent."""
    found = codings(segment, field)
    return AsSent(table_value(found[0]) if found else "", segment.place(field))


def unit_as_sent(segment: Segment, field: int, component: int | None = None, *, repetition: int | None = None) -> UnitAsSent:
    """All codings of a unit; with ``component`` the unit of a CQ, in subcomponents. Empty when none was sent."""
    claims = tuple(_claim(coding) for coding in codings(segment, field, component, repetition=repetition))
    return UnitAsSent(claims, segment.place(field, component, repetition=repetition))


def _claim(coding: Coding) -> UnitClaim:
    code, text = coding.code, coding.text
    if coding.system == MDC:
        # the number is believed, whatever name stands beside it; without a number the name claims nothing
        return UnitClaim(mdc.ucum_of(code) or "", MDC, coding.field, f"{code}^{text}" if text else code)
    if coding.system == UCUM and code:
        if text and code.isascii() and code.isdigit():
            # "3475^ug/kg/min^UCUM" in the framework's examples: an old context-dependent number, and the UCUM code beside it
            return UnitClaim(text, UCUM, coding.field, f"{code}^{text}")
        return UnitClaim(code, UCUM, coding.field, code)
    spelling = code or text
    return UnitClaim(spelling, TEXT, coding.field, spelling)
