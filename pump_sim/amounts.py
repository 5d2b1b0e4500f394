"""Exact amounts with their UCUM unit, as the pump itself reads and reckons them (docs/pump-link.md, section 1). No float, and no unit outside the table."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import Final, NamedTuple

PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{0,8}[1-9])?", re.ASCII)
"""A number of the link: at most 9 digits before and 9 after the point, no sign, no exponent, no zero too many."""

DECIMALS: Final = 9
SMALL: Final = Fraction(1, 100)

_SCALES: Final = {
    **dict.fromkeys(("g", "mg", "ug", "ng"), "mass"),
    **dict.fromkeys(("mol", "mmol", "umol"), "substance"),
    **dict.fromkeys(("eq", "meq"), "equivalents"),
    **dict.fromkeys(("[iU]", "m[iU]", "k[iU]", "M[iU]"), "international units"),
    **dict.fromkeys(("[arb'U]", "m[arb'U]", "k[arb'U]", "M[arb'U]"), "arbitrary units"),
    **dict.fromkeys(("L", "mL", "uL"), "volume"),
}
_BASES: Final = {
    "mass": "g",
    "substance": "mol",
    "equivalents": "eq",
    "international units": "[iU]",
    "arbitrary units": "[arb'U]",
    "volume": "L",
}
_PREFIXES: Final = {
    "": Fraction(1),
    "m": Fraction(1, 10**3),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
}
_SECONDS: Final = {"s": Fraction(1), "min": Fraction(60), "h": Fraction(3600), "d": Fraction(86400)}
_PLAIN_UNITS: Final = {"kg": ("mass", Fraction(1000)), "m2": ("area", Fraction(1)), "cm": ("length", Fraction(1))}


class NotAnAmount(ValueError):
    """The number is not a plain decimal, or the unit is not in the table."""


class OtherMeasure(ValueError):
    """The two units measure different things, such as mg/h and mL/h."""


class Measure(NamedTuple):
    """What a unit measures, and how much of its base unit one of it is. ``body`` is ``kg``, ``m2`` or empty; ``time`` as written (``min``) or empty."""

    kind: str
    body: str
    time: str
    per_volume: bool
    factor: Fraction
    amount: str  # as written: "ug" of ug/kg/min

    @property
    def comparable(self) -> tuple[str, str, bool, bool]:
        return self.kind, self.body, bool(self.time), self.per_volume


@cache
def measure(unit: str) -> Measure:
    """Raises: NotAnAmount: the unit is not in the table."""
    if unit in _PLAIN_UNITS:
        kind, factor = _PLAIN_UNITS[unit]
        return Measure(kind, "", "", False, factor, unit)
    if unit in _SECONDS:
        return Measure("time", "", "", False, _SECONDS[unit], unit)
    amount, *rest = unit.split("/")
    if amount not in _SCALES:
        raise NotAnAmount(f"unit {unit!r} is not known to this pump")
    kind = _SCALES[amount]
    factor = _PREFIXES[amount.removesuffix(_BASES[kind])]
    match rest:
        case []:
            return Measure(kind, "", "", False, factor, amount)
        case ["mL" | "L" as volume] if kind != "volume":
            return Measure(kind, "", "", True, factor / (Fraction(1, 1000) if volume == "mL" else 1), amount)
        case ["kg" | "m2" as body]:
            return Measure(kind, body, "", False, factor, amount)
        case [time] if time in _SECONDS:
            return Measure(kind, "", time, False, factor / _SECONDS[time], amount)
        case ["kg" | "m2" as body, time] if time in _SECONDS:
            return Measure(kind, body, time, False, factor / _SECONDS[time], amount)
        case _:
            raise NotAnAmount(f"unit {unit!r} is not known to this pump")


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact amount: ``Amount.read("9.6", "mL/h")``. Two amounts are the same only in the same unit; ``to`` changes it."""

    value: Fraction
    unit: str

    @classmethod
    def read(cls, text: str, unit: str) -> "Amount":
        """Raises: NotAnAmount."""
        measure(unit)
        if not PLAIN.fullmatch(text):
            raise NotAnAmount(f"{text!r} is not a plain decimal")
        return cls(Fraction(text), unit)

    def to(self, unit: str) -> "Amount":
        """The same amount in another unit.

        Raises: OtherMeasure.
        """
        if unit == self.unit:
            return self
        ours, theirs = measure(self.unit), measure(unit)
        if ours.comparable != theirs.comparable:
            raise OtherMeasure(f"{self.unit} and {unit} measure different things")
        return Amount(self.value * ours.factor / theirs.factor, unit)

    @property
    def digits(self) -> str:
        """The number as the link writes it, rounded to 9 decimals where it has more; a tie goes to the even digit."""
        return plain(self.value, DECIMALS)

    def __str__(self) -> str:
        """For people: thousands separated, at most 4 decimals (9 below 0.01) and no zero too many; what is cut off is marked ``≈``."""
        decimals = 4
        while decimals < DECIMALS and self.value < SMALL and round(self.value, decimals) != self.value:
            decimals += 1  # nothing small reads as less than it is, or as 0
        whole, _, rest = plain(self.value, decimals).partition(".")
        mark = "" if round(self.value, decimals) == self.value else "≈"
        return f"{mark}{int(whole):,}{'.' if rest else ''}{rest} {self.unit}"


def plain(value: Fraction, decimals: int) -> str:
    """``9.6``, never ``9.60`` nor ``.6``; a tie goes to the even digit.

    Raises: NotAnAmount: negative, or more than 9 digits before the point.
    """
    return _plain(value.numerator, value.denominator, decimals)


@lru_cache(maxsize=4096)  # most of a status is as it was in the one before
def _plain(numerator: int, denominator: int, decimals: int) -> str:
    scaled, rest = divmod(numerator * 10**decimals, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and scaled % 2):
        scaled += 1
    whole, after = divmod(scaled, 10**decimals)
    if numerator < 0 or whole >= 10**9:
        raise NotAnAmount("the amount is out of the range of what can be told")
    digits = f"{after:0{decimals}d}".rstrip("0") if after else ""
    return f"{whole}.{digits}" if digits else str(whole)


def ml(value: Fraction) -> Amount:
    return Amount(value, "mL")


def ml_per_h(value: Fraction) -> Amount:
    return Amount(value, "mL/h")


def flow_of(dose_rate: Amount, concentration: Amount, body: Fraction) -> Fraction:
    """mL/h that give a dose rate: ``10 ug/kg/min`` of ``1.6 mg/mL`` for ``80`` kg is 30. ``body`` is 1 for a unit that counts per nobody.

    Raises: OtherMeasure: the drug is counted otherwise in the two.
    """
    dose, strength = measure(dose_rate.unit), measure(concentration.unit)
    if dose.kind != strength.kind or not dose.time or not strength.per_volume:
        raise OtherMeasure(f"{dose_rate.unit} cannot be given from {concentration.unit}")
    return dose_rate.value * dose.factor * body / (concentration.value * strength.factor) * 1000 * 3600


def dose_rate_of(rate: Amount, concentration: Amount, unit: str, body: Fraction) -> Amount:
    """What a rate gives in the dosing unit.

    Raises: OtherMeasure.
    """
    return Amount(rate.to("mL/h").value / flow_of(Amount(Fraction(1), unit), concentration, body), unit)


def dose_of(volume: Amount, concentration: Amount, unit: str, body: Fraction) -> Amount:
    """What a volume holds, in the unit of a dose.

    Raises: OtherMeasure.
    """
    dose, strength = measure(unit), measure(concentration.unit)
    if dose.kind != strength.kind or dose.time or not strength.per_volume:
        raise OtherMeasure(f"{unit} cannot be given from {concentration.unit}")
    return Amount(volume.to("mL").value * concentration.value * strength.factor / 1000 / (dose.factor * body), unit)
