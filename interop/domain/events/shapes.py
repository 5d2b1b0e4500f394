"""How a value of an event is written as JSON and read back, exactly: made once from the type of each field.

Text, whole numbers and truth values stand as they are; an enumeration by its value; a tuple as a list; a noun of its own as an object of its fields;
an amount as ``{"amount": "9.6", "unit": "mL/h"}``; an instant in UTC with microseconds and offset; a span of time as ``PT-30.5S``. No float, ever.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from interop.domain.quantity import Quantity
from interop.domain.ucum import UCUM

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]

EXACT = re.compile(r"-?[0-9]+(?:\.[0-9]+|/[1-9][0-9]*)?", re.ASCII)
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}\+00:00", re.ASCII)
MICROSECOND = timedelta(microseconds=1)


class Misfit(ValueError):
    """A value does not have the shape of its field. Names the place and never the value, which may be a patient's."""

    def __init__(self, why: str, *path: str) -> None:
        super().__init__(f"{'.'.join(path)}: {why}" if path else why)
        self.why, self.path = why, path

    def under(self, name: str) -> "Misfit":
        return Misfit(self.why, name, *self.path)


@dataclass(frozen=True, slots=True)
class Shape:
    """Writes a value of one type as JSON, and reads it back. Both raise Misfit."""

    write: Callable[[Any], Json]
    read: Callable[[Json], Any]


def exact_text(value: Fraction) -> str:
    """The one text of an exact number: a decimal where it ends (``9.6``), else a fraction in lowest terms (``125/3``)."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    decimals = max(twos, fives)
    digits = str(abs(value.numerator) * 10**decimals // value.denominator).rjust(decimals + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else sign + digits


def exact_value(text: Json) -> Fraction:
    """Reads what ``exact_text`` wrote, and nothing else: another spelling of the same number is a damaged row.

    Raises: Misfit.
    """
    if not isinstance(text, str) or not EXACT.fullmatch(text):
        raise Misfit("not an exact number")
    try:
        value = Fraction(text)
    except ValueError as error:  # more digits than Python reads
        raise Misfit("more digits than any amount has") from error
    if exact_text(value) != text:
        raise Misfit("an exact number in another spelling than ours")
    return value


def of_class(event_class: type) -> Shape:
    """The shape of a frozen dataclass: an object with exactly its fields.

    Raises: TypeError: a field has a type that no row can carry exactly.
    """
    hints = get_type_hints(event_class)
    parts = {each.name: of_type(hints[each.name]) for each in fields(event_class)}

    def write(value: Any) -> Json:
        if type(value) is not event_class:
            raise Misfit(f"not a {event_class.__name__}")
        return {name: _written(shape, name, getattr(value, name)) for name, shape in parts.items()}

    def read(row: Json) -> Any:
        if not isinstance(row, dict):
            raise Misfit("not an object")
        for name in sorted(parts.keys() ^ row.keys()):
            raise Misfit("missing" if name in parts else "unknown", name)
        try:
            return event_class(**{name: _read(shape, name, row[name]) for name, shape in parts.items()})
        except Misfit:
            raise
        except ValueError as error:  # a noun that refuses its own values
            raise Misfit(type(error).__name__) from error

    return Shape(write, read)


def of_type(annotation: Any) -> Shape:
    """Raises: TypeError: the type is outside the closed list of this module's docstring; a float always is."""
    if annotation in PLAIN:
        return PLAIN[annotation]
    if get_origin(annotation) in (Union, UnionType):
        return _optional(annotation)
    if get_origin(annotation) is tuple:
        item, *more = get_args(annotation)
        if more == [...]:
            return _sequence(of_type(item))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _enumeration(annotation)
    if isinstance(annotation, type) and is_dataclass(annotation):
        return of_class(annotation)
    raise TypeError(f"no exact shape for {annotation!r}")


def _written(shape: Shape, name: str, value: Any) -> Json:
    try:
        return shape.write(value)
    except Misfit as misfit:
        raise misfit.under(name) from misfit.__cause__


def _read(shape: Shape, name: str, row: Json) -> Any:
    try:
        return shape.read(row)
    except Misfit as misfit:
        raise misfit.under(name) from misfit.__cause__


def _exactly(plain: type) -> Shape:
    """``type is``, not ``isinstance``: True is no whole number, and 300.0 is no 300."""

    def same(value: Any) -> Any:
        if type(value) is not plain:
            raise Misfit(f"not of type {plain.__name__}")
        return value

    return Shape(same, same)


def _optional(annotation: Any) -> Shape:
    inner = [each for each in get_args(annotation) if each is not NoneType]
    if len(inner) != 1 or NoneType not in get_args(annotation):
        raise TypeError(f"no exact shape for {annotation!r}")
    shape = of_type(inner[0])
    return Shape(lambda value: None if value is None else shape.write(value), lambda row: None if row is None else shape.read(row))


def _sequence(item: Shape) -> Shape:
    def write(values: Any) -> Json:
        if type(values) is not tuple:
            raise Misfit("not a tuple")
        return [_written(item, str(place), value) for place, value in enumerate(values)]

    def read(rows: Json) -> Any:
        if not isinstance(rows, list):
            raise Misfit("not a list")
        return tuple(_read(item, str(place), row) for place, row in enumerate(rows))

    return Shape(write, read)


def _enumeration(terms: type[Enum]) -> Shape:
    by_value = {term.value: term for term in terms}
    if not all(type(value) is str for value in by_value):
        raise TypeError(f"{terms.__name__} has a value that is not text")

    def write(term: Any) -> Json:
        if not isinstance(term, terms):
            raise Misfit(f"not a {terms.__name__}")
        return str(term.value)

    def read(row: Json) -> Any:
        if not isinstance(row, str) or row not in by_value:
            raise Misfit(f"not a {terms.__name__}")
        return by_value[row]

    return Shape(write, read)


def _write_quantity(value: Any) -> Json:
    if not isinstance(value, Quantity) or type(value.value) is not Fraction or value.unit not in UCUM:
        raise Misfit("not an exact amount with a known unit")
    try:
        return {"amount": exact_text(value.value), "unit": value.unit}
    except ValueError as error:  # more digits than Python writes
        raise Misfit("more digits than any amount has") from error


def _read_quantity(row: Json) -> Quantity:
    if not isinstance(row, dict) or row.keys() != {"amount", "unit"} or not isinstance(row["unit"], str) or row["unit"] not in UCUM:
        raise Misfit("not an exact amount with a known unit")
    return Quantity(exact_value(row["amount"]), row["unit"])


def _write_instant(value: Any) -> Json:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise Misfit("not an instant with an offset")
    try:
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    except OverflowError as error:  # within a day of year 1 or 9999
        raise Misfit("not an instant of the calendar") from error


def _read_instant(row: Json) -> datetime:
    if not isinstance(row, str) or not INSTANT.fullmatch(row):
        raise Misfit("not an instant")
    try:
        return datetime.fromisoformat(row)
    except ValueError as error:
        raise Misfit("not an instant of the calendar") from error


def _write_span(value: Any) -> Json:
    if not isinstance(value, timedelta):
        raise Misfit("not a span of time")
    return f"PT{exact_text(Fraction(value // MICROSECOND, 10**6))}S"


def _read_span(row: Json) -> timedelta:
    if not isinstance(row, str) or not row.startswith("PT") or not row.endswith("S"):
        raise Misfit("not a span of time")
    microseconds = exact_value(row[2:-1]) * 10**6
    if microseconds.denominator != 1:
        raise Misfit("finer than a microsecond")
    try:
        return int(microseconds) * MICROSECOND
    except OverflowError as error:
        raise Misfit("a longer span than any") from error


PLAIN: Mapping[Any, Shape] = {
    str: _exactly(str),
    bool: _exactly(bool),
    int: _exactly(int),
    Quantity: Shape(_write_quantity, _read_quantity),
    datetime: Shape(_write_instant, _read_instant),
    timedelta: Shape(_write_span, _read_span),
}
