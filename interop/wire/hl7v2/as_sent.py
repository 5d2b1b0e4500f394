"""Copies a place of a message into ``AsSent``: its text and its name, and nothing understood.

HL7's null (two quotes) means "there is none; delete what you have". Where it stands for a fact beside the dose, that is the same as saying nothing.
In a field of the dose it is not: ``sent`` keeps it, so that it is never read as "absent", and ``field_faults`` refuses it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from interop.domain.finding import Finding, PivError
from interop.domain.request import AsSent
from interop.wire.hl7v2.er7 import Segment
from interop.wire.hl7v2.escapes import NULL_AS_SENT

_PARTS: Final = range(1, 7)  # two triplets, in components or in subcomponents
_MOST_REPETITIONS: Final = 16


def said(
    segment: Segment, field: int, component: int | None = None, subcomponent: int | None = None, *, repetition: int | None = None
) -> AsSent:
    """The text at a place beside the dose: absent, empty and null all say nothing."""
    text = segment.text(field, component, subcomponent, repetition=repetition)
    place = segment.place(field, component, subcomponent, repetition=repetition)
    return AsSent("" if text is None or text == NULL_AS_SENT else text, place)


def sent(segment: Segment, field: int, component: int | None = None, *, repetition: int | None = None) -> AsSent:
    """The text at a place of the dose: a null stays as it was sent, and several values stay one text that no reader takes for a number."""
    text = segment.text(field, component, repetition=repetition)
    return AsSent(text or "", segment.place(field, component, repetition=repetition))


def field_faults(segment: Segment, *, once: Iterable[int] = (), never_null: Iterable[int] = ()) -> Iterator[Finding]:
    """A field of ``once`` that holds several values; a field of ``never_null`` that holds a null, at any of its levels."""
    for field in once:
        values = len(segment.repetitions(field))
        if values > 1:
            place = segment.place(field)
            yield Finding.against(PivError.INVALID_PARAMETER, place, f"{place} holds {values} values, and one is meant: none is taken")
    for field in never_null:
        if _holds_null(segment, field):
            place = segment.place(field)
            sentence = f'{place} holds HL7\'s null (""), which means "delete", not "nothing said"'
            yield Finding.against(PivError.INVALID_PARAMETER, place, sentence)


def _holds_null(segment: Segment, field: int) -> bool:
    """Whether a whole part of the field is a null; two quotes within a text are a text."""
    if NULL_AS_SENT not in (segment.raw(field) or ""):
        return False
    repetitions = segment.repetitions(field)[:_MOST_REPETITIONS]
    paths = ((repetition, part, below) for repetition in repetitions for part in _PARTS for below in _PARTS)
    return any(segment.raw(field, part, below, repetition=repetition) == NULL_AS_SENT for repetition, part, below in paths)
