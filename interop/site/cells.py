"""Typed reading of one table record: numbers as a person may type them (D-16), units of the closed table, yes or no, names of enumerations."""

import re
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from typing import TypeVar

from interop.domain.quantity import NotANumber, Quantity, exact_as_typed
from interop.domain.ucum import UCUM
from interop.site.fault import Faults
from interop.site.table import Row

E = TypeVar("E", bound=Enum)

_typed = lru_cache(maxsize=8192)(exact_as_typed)

TRAILING_ZERO = re.compile(r"[0-9]+\.[0-9]*", re.ASCII)


@lru_cache(maxsize=8192)
def _quantity(text: str, unit: str) -> Quantity:
    """Frozen, so that one object may stand in many entries."""
    return Quantity(_typed(text), unit)


class Cells:
    """Reads one record. A blank cell is ``None`` without a word; a cell that cannot be read is ``None`` with its fault, and ``sound`` turns False."""

    __slots__ = ("faults", "row", "sound")

    def __init__(self, row: Row, faults: Faults) -> None:
        self.row, self.faults, self.sound = row, faults, True

    def error(self, column: str, what: str, action: str) -> None:
        self.sound = False
        self.faults.error(self.row.place(column), what, action)

    def warning(self, column: str, what: str, action: str) -> None:
        self.faults.warning(self.row.place(column), what, action)

    def text(self, column: str) -> str:
        """A cell that must say something."""
        text = self.row[column]
        if not text:
            self.error(column, f"{column} is blank", "fill it in")
        return text

    def member(self, column: str, kind: type[E]) -> E | None:
        """A member of an enumeration by its value; the cell must say something."""
        text = self.text(column)
        if not text:
            return None
        try:
            return kind(text)
        except ValueError:
            values = ", ".join(str(each.value) for each in kind)
            self.error(column, f"{column} {text!r} is none of {values}", "write one of these, exactly so")
            return None

    def yes(self, column: str) -> bool:
        """Y or N; blank is a fault, since it would be read as either."""
        text = self.row[column]
        if text not in ("Y", "N"):
            self.error(column, f"{column} is {text!r}" if text else f"{column} is blank", "write Y or N")
        return text == "Y"

    def number(self, column: str, *, zero: bool = False) -> Fraction | None:
        """A number as a person may type it; zero only where zero says something (D-16)."""
        text = self.row[column]
        if not text:
            return None
        try:
            number = _typed(text)
        except NotANumber:
            self.error(column, f"{column} {text!r} is not a plain decimal", _correction(text))
            return None
        if not number and not zero:
            self.error(column, f"{column} is zero", "leave it blank if nothing is set; zero is no limit here")
            return None
        return number

    def unit(self, column: str) -> str:
        """A UCUM code of the closed table, or "" (blank, or with its fault)."""
        text = self.row[column]
        if text and text not in UCUM:
            self.error(column, f"{column} {text!r} is not in the closed table of UCUM units", _unit_correction(text))
            return ""
        return text

    def quantity(self, column: str, unit: str, *, zero: bool = False) -> Quantity | None:
        """The number in ``unit``; None too where there is no unit, whose fault the unit's own cell tells."""
        number = self.number(column, zero=zero)
        return _quantity(self.row[column], unit) if number is not None and unit else None


def _correction(text: str) -> str:
    """What to type instead (ISMP error-prone forms)."""
    if "," in text:
        return "write it without separators of thousands and with a decimal point"
    if text.startswith("."):
        return f"write 0{text}: a bare point is read over"
    if TRAILING_ZERO.fullmatch(text):
        return f"write {text.rstrip('0').rstrip('.')}: a trailing zero is read as ten times as much"
    return "write digits and at most one point: no sign, exponent or unit"


def _unit_correction(text: str) -> str:
    likely = {
        "mcg": "ug",
        "mEq": "meq",
        "ML": "mL",
        "hr": "h",
        "U": "[iU]",
        "IU": "[iU]",
        "units": "[iU]",
    }
    parts = [likely.get(part, part) for part in text.split("/")]
    code = "/".join(parts)
    return f"write the UCUM code; if {code} is meant, write that" if code != text and code in UCUM else "write the UCUM code"
