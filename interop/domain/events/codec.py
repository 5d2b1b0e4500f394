"""Events as rows of the record: one exact, canonical JSON text for each, and back.

``{"data":{…},"type":"programme.offer-sent","version":1}``: sorted keys, no spaces, ASCII, no float. The same event always gives the same bytes.

OurError
├── CannotEncode      the event holds what no row can say exactly; nothing was written
└── UnreadableEvent   a row of the record cannot be read, and is not guessed at
    ├── UnknownType   no event of this version of the product has that type
    ├── NewerVersion  a newer version of the product wrote it
    └── Malformed     not a row, or not the fields of its type
"""

import json
from collections.abc import Iterable, Mapping
from typing import NoReturn

from interop.domain.errors import OurError
from interop.domain.events import association, infusion, order, programme
from interop.domain.events.event import Event
from interop.domain.events.shapes import Json, Misfit, of_class
from interop.domain.events.upcast import UPCASTS, Upcast, Upcasts


class CannotEncode(OurError):
    """The event is of an unknown class, or a field holds a float, a time without offset, an unknown unit or another type than it declares."""


class UnreadableEvent(OurError):
    """A row of the record cannot be read. Names its type and the place, never its content."""


class UnknownType(UnreadableEvent):
    """No event has this type: a newer version of the product wrote it, or it is no event."""


class NewerVersion(UnreadableEvent):
    """The row's version is above the one known here: a newer version of the product wrote it."""


class Malformed(UnreadableEvent):
    """Not canonical JSON of a row, or not exactly the fields of its type."""


class Codec:
    """Writes and reads the given classes of events, old versions through ``steps``.

    Raises: BrokenChain: an old version cannot be read. ValueError: two classes have one type name. TypeError: a field has no exact shape.
    """

    def __init__(self, events: Iterable[type[Event]], steps: Mapping[tuple[str, int], Upcast]) -> None:
        listed = tuple(events)
        self._classes = {event.type: event for event in listed}
        if len(self._classes) != len(listed):
            raise ValueError("two classes of events have one type name")
        self._shapes = {event.type: of_class(event) for event in listed}
        self._upcasts = Upcasts(steps, listed)

    def encode(self, event: Event) -> str:
        """Raises: CannotEncode."""
        if self._classes.get(event.type) is not type(event):
            raise CannotEncode(f"{type(event).__name__} is no event of this product")
        try:
            said = self._shapes[event.type].write(event)
        except Misfit as misfit:
            raise CannotEncode(f"{event.type}: {misfit}") from misfit
        return _canonical({"data": said, "type": event.type, "version": event.version})

    def decode(self, row: str) -> Event:
        """Raises: UnknownType, NewerVersion, Malformed."""
        name, version, said = _opened(row)
        if name not in self._classes:
            raise UnknownType(name)
        known = self._classes[name]
        if version > known.version:
            raise NewerVersion(f"{name}: version {version}, known here up to {known.version}")
        try:
            event: Event = self._shapes[name].read(dict(self._upcasts.lead(name, version, known.version, said)))
        except Misfit as misfit:
            raise Malformed(f"{name}: {misfit}") from misfit
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # an upcast met a row that is not of its version
            raise Malformed(f"{name}: not a row of version {version}") from error
        return event


def _canonical(row: Json) -> str:
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _opened(row: str) -> tuple[str, int, dict[str, Json]]:
    try:
        envelope = json.loads(row, parse_float=_no_float, parse_constant=_no_float, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        raise Malformed("not the JSON of a row") from error
    match envelope:
        case {"data": dict(said), "type": str(name), "version": int(version)} if (
            len(envelope) == 3 and type(version) is int and version >= 1
        ):
            return name, version, said
    raise Malformed("not a row: it needs a type, a version from 1 and data")


def _no_float(text: str) -> NoReturn:
    raise ValueError("a number that is not whole")


def _no_twins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("one name twice")
    return row


EVENTS: tuple[type[Event], ...] = (*order.EVENTS, *programme.EVENTS, *infusion.EVENTS, *association.EVENTS)
"""Every event of the product."""

_CODEC = Codec(EVENTS, UPCASTS)


def encode(event: Event) -> str:
    """The row of an event of this product.

    Raises: CannotEncode.
    """
    return _CODEC.encode(event)


def decode(row: str) -> Event:
    """The event that a row tells, old versions through their upcasts.

    Raises: UnknownType, NewerVersion, Malformed.
    """
    return _CODEC.decode(row)
