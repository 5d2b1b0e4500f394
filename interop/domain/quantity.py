"""An exact amount and its unit: the only form in which a dose, rate, volume, weight or time is kept or compared."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache, total_ordering

from interop.domain.ucum import UCUM, Dimension, Unit

PLAIN_DECIMAL = re.compile(r"(?=\.?[0-9])[0-9]{0,9}(?:\.[0-9]{0,9})?", re.ASCII)
"""D-16: what a machine may send for a number: ``85``, ``85.0``, ``.21``. No sign, exponent, NaN, separators; at most 9 + 9 digits."""

TYPED_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{0,8}[1-9])?", re.ASCII)
"""D-16: what a person may type into site data: no trailing zero after the point, no bare point, no leading zero but ``0.``."""


class NotANumber(ValueError):
    """The text is not a plain decimal (SR-31)."""


class UnitMismatch(TypeError):
    """The two units measure different things, such as mg/h and mL/h, or [iU] and mg."""

    def __init__(self, ours: str, theirs: str) -> None:
        super().__init__(f"{ours} and {theirs} measure different things")
        self.ours, self.theirs = ours, theirs


@lru_cache(maxsize=4096)
def exact(text: str) -> Fraction:
    """The number that a machine's text says, exactly (``85.0`` and ``.21`` are read; D-16).

    Raises: NotANumber: ``text`` is not a plain decimal of at most 9 + 9 digits.
    """
    if not PLAIN_DECIMAL.fullmatch(text):
        raise NotANumber(text)
    whole, _, decimals = text.partition(".")
    return Fraction(int(whole + decimals), 10 ** len(decimals))


def exact_as_typed(text: str) -> Fraction:
    """The number that a person typed into site data; ``5.0`` and ``.5`` are errors there (ISMP error-prone forms; D-16).

    Raises: NotANumber.
    """
    if not TYPED_DECIMAL.fullmatch(text):
        raise NotANumber(text)
    return Fraction(text)


def half_last_digit(text: str) -> Fraction:
    """Half a unit of the last printed digit: 1/2 for ``85``, 1/20 for ``85.0``; what the sender's own rounding may have hidden (D-15).

    Raises: NotANumber.
    """
    if not PLAIN_DECIMAL.fullmatch(text):
        raise NotANumber(text)
    decimals = len(text.partition(".")[2])
    return Fraction(1, 2 * 10**decimals)


def show(value: Fraction, decimals: int = 6) -> str:
    """A number for people: no trailing zero, a leading zero before the point, thousands separated; ``≈`` before it where it had to be cut.

    A value that six decimals cannot show is given with enough digits to be told from zero, so nothing ever reads as 0 that is not.
    """
    numerator, denominator = value.numerator, value.denominator
    if denominator == 1:
        return f"{numerator:,}"
    if numerator < 0:
        return "-" + show(-value, decimals)
    while True:  # in whole numbers: this is called for every line of every plan
        scale = 10**decimals
        whole, rest = divmod(numerator * scale, denominator)
        if 2 * rest > denominator or (2 * rest == denominator and whole % 2):
            whole += 1
        if whole:
            break
        decimals += 3
    units, after = divmod(whole, scale)
    text = f"{units:,}"
    if after:
        text += "." + f"{after:0{decimals}d}".rstrip("0")
    return f"≈{text}" if rest else text


@cache
def ratio(one: str, other: str) -> Fraction:
    """How many of ``other`` one of ``one`` is: ``ratio("g", "mg") == 1000``. The table is closed, so this is as well.

    Raises: UnitMismatch.
    """
    ours, theirs = UCUM[one], UCUM[other]
    if ours.dimension != theirs.dimension:
        raise UnitMismatch(one, other)
    return ours.factor / theirs.factor


@dataclass(frozen=True, eq=False, slots=True)
@total_ordering
class Quantity:
    """An exact amount and its UCUM code: ``Quantity.of("1", "g") == Quantity.of("1000", "mg")``. ``unit`` is always a key of ``UCUM``."""

    value: Fraction
    unit: str

    @classmethod
    def of(cls, text: str, unit: str) -> "Quantity":
        """Raises: NotANumber: ``text`` is not a plain decimal of at most 9 + 9 digits. KeyError: ``unit`` is not in the closed table."""
        UCUM[unit]
        return cls(exact(text), unit)

    @property
    def measure(self) -> Unit:
        return UCUM[self.unit]

    def base(self) -> tuple[Dimension, Fraction]:
        """What it measures, and how much of the base unit of that dimension."""
        unit = UCUM[self.unit]
        return unit.dimension, self.value * unit.factor

    def to(self, unit: str) -> "Quantity":
        """The same amount in another unit of the same dimension.

        Raises: UnitMismatch.
        """
        if unit == self.unit:
            return self
        return Quantity(self.value * ratio(self.unit, unit), unit)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantity):
            return NotImplemented
        return self.value == other.value if self.unit == other.unit else self.base() == other.base()

    def __hash__(self) -> int:
        return hash(self.base())

    def __gt__(self, other: "Quantity") -> bool:
        """Raises: UnitMismatch."""
        return other < self

    def __lt__(self, other: "Quantity") -> bool:
        """Raises: UnitMismatch: the units measure different things (mg/h against mL/h)."""
        if self.unit == other.unit:
            ours_, theirs_ = self.value, other.value  # cross-multiplied: Fraction's own comparison costs three times as much
            return ours_.numerator * theirs_.denominator < theirs_.numerator * ours_.denominator
        (ours, a), (theirs, b) = self.base(), other.base()
        if ours != theirs:
            raise UnitMismatch(self.unit, other.unit)
        return a < b

    def __str__(self) -> str:
        return f"{show(self.value)} {self.unit}"
