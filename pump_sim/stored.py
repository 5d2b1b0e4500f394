"""The pump's own values as JSON and back, exactly: a ``Fraction`` is the text ``1/3``, an instant is ISO 8601, an enum its name."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def stored(value: object) -> Any:
    """Plain JSON values of one of ``state.py``'s nouns; defaults are written too, so that a later default changes nothing."""
    match value:
        case None | bool() | int() | str():
            return value
        case Fraction():
            return str(value)
        case datetime():
            return value.isoformat()
        case Enum():
            return value.name
        case Mapping():
            return {key: stored(each) for key, each in value.items()}
        case list() | tuple():
            return [stored(each) for each in value]
        case _ if is_dataclass(value):
            return {each.name: stored(getattr(value, each.name)) for each in fields(value)}
        case _:
            raise TypeError(f"{type(value).__name__} is not kept")


def restored(kind: type[T], value: Any) -> T:
    """The noun that ``stored`` wrote.

    Raises: ValueError, KeyError, TypeError: it was not written by this version.
    """
    read: T = _restored(kind, value)
    return read


def _restored(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (kind,) = (each for each in get_args(kind) if each is not type(None))
        return _restored(kind, value)
    if origin is dict:
        return {key: _restored(get_args(kind)[1], each) for key, each in value.items()}
    if origin is list:
        return [_restored(get_args(kind)[0], each) for each in value]
    if origin is tuple:
        return tuple(_restored(get_args(kind)[0], each) for each in value)
    if is_dataclass(kind):
        assert isinstance(kind, type)
        hints = _hints(kind)
        return kind(**{name: _restored(hints[name], value[name]) for name in hints})
    if kind is Fraction:
        return Fraction(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if issubclass(kind, Enum):
        return kind[value]
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
