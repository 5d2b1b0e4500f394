"""The exact JSON form of what a plan was decided on, so that it can be read and replayed for as long as it is kept (SR-52): request, case, result.

Text, whole numbers, truth values, amounts and instants as in the rows of events (``domain.events.shapes``); sets as sorted lists; a release by its
two hashes, since the release itself is in the store for ever. The same value always gives the same text, so that its SHA-256 names it.
"""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from hashlib import sha256
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from interop.domain.case import Case
from interop.domain.events.shapes import PLAIN, Json, Misfit, Shape
from interop.domain.finding import Code, PivError, Sub
from interop.domain.release import Release
from interop.domain.request import OrderRequest

FindRelease = Callable[[str, str], Release | None]


class NotReplayable(ValueError):
    """What was kept cannot be read back: it is damaged, of another version of the product, or its release is not at hand."""


def canonical(value: Json) -> str:
    """One text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest_of(text: str) -> str:
    """The name of a kept text: its SHA-256 in hexadecimal."""
    return sha256(text.encode()).hexdigest()


def write_request(request: OrderRequest) -> Json:
    """Raises: Misfit: a field holds what its type does not allow."""
    return _shape(OrderRequest).write(request)


def read_request(row: Json) -> OrderRequest:
    """Raises: NotReplayable."""
    request: OrderRequest = _read(_shape(OrderRequest), row)
    return request


def write_case(case: Case) -> Json:
    """All of the case; the release by the hashes of its library and its mapping. Raises: Misfit."""
    said: dict[str, Json] = {name: shape.write(getattr(case, name)) for name, shape in _case_parts().items()}
    return {**said, "release": {"library": case.release.library.ref.hash, "mapping": case.release.mapping_hash}}


def read_case(row: Json, release: FindRelease) -> Case:
    """Raises: NotReplayable."""
    parts, required = _case_parts(), _without_default(Case) - {"release"}
    match row:
        case {"release": {"library": str(library), "mapping": str(mapping)}, **said} if required <= said.keys() <= parts.keys():
            found = release(library, mapping)
            if found is None:
                raise NotReplayable(f"the release {library[:12]} {mapping[:12]} is not at hand")
            return Case(release=found, **{name: _read(shape, said[name]) for name, shape in parts.items() if name in said})
    raise NotReplayable("not a kept case of this version")


def _read(shape: Shape, row: Any) -> Any:
    try:
        return shape.read(row)
    except (Misfit, ValueError, LookupError, TypeError) as fault:
        raise NotReplayable(f"not what was kept by this version: {type(fault).__name__}") from fault


def shape_of(annotation: Any) -> Shape:
    """The exact JSON form of a type of the domain, made once. Raises: TypeError: it is outside the closed list; a float always is."""
    return _shape(annotation)


@cache
def _case_parts() -> dict[str, Shape]:
    hints = get_type_hints(Case)
    return {each.name: _shape(hints[each.name]) for each in fields(Case) if each.name != "release"}


@cache
def _shape(annotation: Any) -> Shape:
    """Raises: TypeError: the type is outside the closed list; a float always is."""
    if annotation in PLAIN:
        return PLAIN[annotation]
    if annotation is date:
        return Shape(date.isoformat, _date)
    if annotation == Code:
        return Shape(lambda code: code.name, _code)
    arguments = get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return _optional([each for each in arguments if each is not NoneType], NoneType in arguments)
    if get_origin(annotation) is tuple:
        return _many(_shape(arguments[0])) if arguments[-1] is ... else _fixed([_shape(each) for each in arguments])
    if get_origin(annotation) is frozenset:
        return _set(_shape(arguments[0]))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _term(annotation)
    if isinstance(annotation, type) and is_dataclass(annotation):
        return _object(annotation)
    raise TypeError(f"no exact shape for {annotation!r}")


def _code(row: Any) -> Code:
    return PivError[row] if row in PivError.__members__ else Sub[row]


def _optional(inner: list[Any], may_be_none: bool) -> Shape:
    if set(inner) == {PivError, Sub}:
        shape = _shape(Code)
    elif len(inner) == 1:
        shape = _shape(inner[0])
    else:
        raise TypeError(f"no exact shape for any of {inner!r}")
    if not may_be_none:
        return shape
    return Shape(lambda value: None if value is None else shape.write(value), lambda row: None if row is None else shape.read(row))


def _date(row: Any) -> date:
    return date.fromisoformat(row)


def _term(terms: type[Enum]) -> Shape:
    def read(row: Any) -> Enum:
        return terms[row]

    return Shape(lambda term: term.name, read)


def _many(item: Shape) -> Shape:
    def read(rows: Any) -> tuple[Any, ...]:
        return tuple([item.read(row) for row in rows])

    return Shape(lambda values: [item.write(value) for value in values], read)


def _fixed(items: list[Shape]) -> Shape:
    def write(values: Any) -> Json:
        return [item.write(value) for item, value in zip(items, values, strict=True)]

    def read(rows: Any) -> tuple[Any, ...]:
        return tuple([item.read(row) for item, row in zip(items, rows, strict=True)])

    return Shape(write, read)


def _set(item: Shape) -> Shape:
    def write(values: Any) -> Json:
        return sorted([item.write(value) for value in values], key=canonical)

    def read(rows: Any) -> frozenset[Any]:
        return frozenset(item.read(row) for row in rows)

    return Shape(write, read)


def _without_default(noun: type) -> set[str]:
    """What every version has written: a field that came later has a default, which is what it then was."""
    return {each.name for each in fields(noun) if each.default is MISSING and each.default_factory is MISSING}


def _object(noun: type) -> Shape:
    hints = get_type_hints(noun)
    parts = [(each.name, _shape(hints[each.name])) for each in fields(noun)]
    known, required = {name for name, _ in parts}, _without_default(noun)

    def write(value: Any) -> Json:
        if type(value) is not noun:
            raise Misfit(f"not a {noun.__name__}")
        return {name: shape.write(getattr(value, name)) for name, shape in parts}

    def read(row: Any) -> Any:
        if not required <= row.keys() <= known:
            raise Misfit(f"not the fields of a {noun.__name__}")
        return noun(**{name: shape.read(row[name]) for name, shape in parts if name in row})

    return Shape(write, read)
