"""TOML files with exact numbers and the place of every key: ``tomllib`` reads the values, a scan of the same text finds where they stand.

A number keeps the text that was typed (D-16: ``5.0``, ``.5``, ``1_000``, ``0x10`` and ``+5`` are errors); no float is ever made.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any, TypeVar

from interop.domain.quantity import NotANumber, Quantity, exact_as_typed
from interop.site.fault import Faults, Place
from interop.site.text import line_column, read_text
from interop.site.toml_places import KeyPath, TomlPlaces, find_places

E = TypeVar("E", bound=Enum)

AT = re.compile(r"\(at line (\d+), column (\d+)\)$")


@dataclass(frozen=True, slots=True)
class NumberText:
    """A TOML float as its text; a type of its own, so that it is neither taken for a string nor for a number."""

    text: str


def read_toml(file: str, data: bytes, faults: Faults) -> "Node | None":
    """The file's top table, or None with its fault."""
    text = read_text(file, data, faults)
    if text is None:
        return None
    try:
        values = tomllib.loads(text, parse_float=NumberText)
        places = find_places(text)
    except tomllib.TOMLDecodeError as error:
        match = AT.search(str(error))
        place = (int(match[1]), int(match[2])) if match else line_column(text, len(text.rstrip()))
        faults.error(Place(file, *place), f"not TOML: {AT.sub('', str(error)).strip()}", "correct the line")
        return None
    except RecursionError:
        faults.error(Place(file, 1, 1), "tables or arrays are nested too deeply", "write them flat")
        return None
    return Node(file, values, (), places, faults)


class Node:
    """One table of a TOML file. Each ``get`` takes a key and tells what is wrong with it; ``close`` tells the keys that nobody asked for."""

    def __init__(self, file: str, values: dict[str, Any], path: KeyPath, places: TomlPlaces, faults: Faults) -> None:
        self.file, self.values, self.faults = file, values, faults
        self._path, self._places, self._asked = path, places, set[str]()

    def place(self, *keys: str | int) -> Place:
        """Where a key of this table (or the table itself) begins; for a key that is not there, where its table begins."""
        return Place(self.file, *self._places.of((*self._path, *keys)))

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def error(self, key: str, what: str, action: str) -> None:
        self.faults.error(self.place(key), what, action)

    def warning(self, key: str, what: str, action: str) -> None:
        self.faults.warning(self.place(key), what, action)

    def _get(self, key: str, kind: type, wanted: str, required: bool) -> Any:
        self._asked.add(key)
        value = self.values.get(key)
        if value is None:
            if required:
                self.error(key, f"{self._title}{key} is missing", f"write it: {wanted}")
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.error(key, f"{key} is not {wanted}", f"write {wanted}")
            return None
        return value

    @property
    def _title(self) -> str:
        names = ".".join(str(part) for part in self._path if isinstance(part, str))
        return f"[{names}] " if names else ""

    def text(self, key: str, *, required: bool = True, blanks: bool = False) -> str:
        """A string, without surrounding blanks unless ``blanks``; "" where it is missing, blank or no string (each a fault if ``required``)."""
        value = self._get(key, str, "a text in quotes", required)
        if value is None:
            return ""
        stripped = str(value) if blanks else str(value).strip()
        if required and not stripped:
            self.error(key, f"{key} is empty", "write a text")
        return stripped

    def _array(self, key: str, wanted: str, required: bool) -> list[Any]:
        found: list[Any] | None = self._get(key, list, wanted, required)
        if required and found == []:
            self.error(key, f"{key} is empty", f"write {wanted}")
        return found or []

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """An array of strings, none of them empty or twice."""
        found: list[str] = []
        for index, value in enumerate(self._array(key, "an array of texts", required)):
            place = self.place(key, index)
            if not isinstance(value, str) or not value.strip():
                self.faults.error(place, f"{key} holds something that is not a text", "write texts in quotes")
            elif value.strip() in found:
                self.faults.error(place, f"{value.strip()!r} stands in {key} twice", "keep one of the two")
            else:
                found.append(value.strip())
        return tuple(found)

    def flag(self, key: str, *, required: bool = True) -> bool:
        return bool(self._get(key, bool, "true or false", required))

    def choice(self, key: str, kind: type[E], *, required: bool = True) -> E | None:
        """A member of an enumeration by its value."""
        text = self.text(key, required=required)
        if not text:
            return None
        return self._member(kind, text, self.place(key))

    def choices(self, key: str, kind: type[E]) -> tuple[E, ...]:
        """An array of members of an enumeration."""
        members = (self._member(kind, text, self.place(key, index)) for index, text in enumerate(self.texts(key, required=True)))
        return tuple(member for member in members if member is not None)

    def _member(self, kind: type[E], text: str, place: Place) -> E | None:
        try:
            return kind(text)
        except ValueError:
            self.faults.error(place, f"{text!r} is none of {_values(kind)}", "write one of these")
            return None

    def number(self, key: str, *, zero: bool = False, required: bool = True) -> Fraction | None:
        """The number that was typed, exactly; above zero unless ``zero``."""
        self._asked.add(key)
        if key not in self.values:
            if required:
                self.error(key, f"{self._title}{key} is missing", "write it: a plain decimal number")
            return None
        value = self.values[key]
        if isinstance(value, bool) or not isinstance(value, int | NumberText):
            self.error(key, f"{key} is not a number", "write a plain decimal number without quotes")
            return None
        typed = self._places.typed((*self._path, key))
        try:
            number = exact_as_typed(typed)
        except NotANumber:
            self.error(
                key, f"{key} = {typed} is not a plain decimal", "write it without sign, exponent, separators or trailing zero (D-16)"
            )
            return None
        if not number and not zero:
            self.error(key, f"{key} is zero", "write a number above zero")
            return None
        return number

    def whole(self, key: str, *, zero: bool = False, required: bool = True) -> int | None:
        """A whole number that was typed plainly."""
        number = self.number(key, zero=zero, required=required)
        if number is not None and number.denominator != 1:
            self.error(key, f"{key} is not a whole number", "write it without a point")
            return None
        return int(number) if number is not None else None

    def quantity(self, key: str, unit: str) -> Quantity | None:
        """A number above zero in a unit that the key's name says (``rate_max_mL_per_h``)."""
        number = self.number(key)
        return Quantity(number, unit) if number is not None else None

    def table(self, key: str, *, required: bool = True) -> "Node | None":
        value = self._get(key, dict, "a table", required)
        return None if value is None else Node(self.file, value, (*self._path, key), self._places, self.faults)

    def tables(self, key: str, *, required: bool = False) -> tuple["Node", ...]:
        """An array of tables (``[[key]]``)."""
        nodes: list[Node] = []
        for index, value in enumerate(self._array(key, "an array of tables", required)):
            if isinstance(value, dict):
                nodes.append(Node(self.file, value, (*self._path, key, index), self._places, self.faults))
            else:
                self.faults.error(self.place(key, index), f"{key} holds something that is not a table", f"write [[{key}]]")
        return tuple(nodes)

    def mapping(self, key: str) -> dict[str, str]:
        """A table of texts; a key may be empty (``"" = "LOC"``), a value may not."""
        node = self.table(key, required=False)
        return {} if node is None else {name: node.text(name) for name in node.values}

    def named_tables(self, key: str, *, required: bool = True) -> Iterator[tuple[str, "Node"]]:
        """``[key.name]`` for every name."""
        node = self.table(key, required=required)
        for name in node.values if node is not None else ():
            child = node.table(name) if node is not None else None
            if child is not None:
                yield name, child

    def skip(self, key: str) -> None:
        """Counts a key as asked for, where its fault has been told already."""
        self._asked.add(key)

    def close(self) -> None:
        """Tells every key of this table that nobody asked for: the grammar is closed, and nothing is passed over."""
        for key in self.values:
            if key not in self._asked:
                self.error(key, f"unknown key {self._title}{key}", "delete it, or correct its name")


def _values(kind: type[Enum]) -> str:
    return ", ".join(str(member.value) for member in kind)
