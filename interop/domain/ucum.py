"""The closed table of UCUM units that a dose, rate, volume, weight or time may carry; a code outside it is refused.

UCUM 2.1 codes, restricted to what pump orders use (IHE DEV TF-2, Appendix B and the NIST unit lists of the pump terms). Closed on purpose: no
general UCUM engine is safe for dosing (they turn U into umol/min and meq into mmol). ``U`` (an enzyme unit in UCUM) is therefore absent, and
``[iU]``, ``[arb'U]``, moles and equivalents are kinds of their own that never convert into each other or into mass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple


class Amount(Enum):
    """What is counted. Two kinds never convert into each other."""

    MASS = "mass"
    MOLE = "amount of substance"
    EQUIVALENT = "equivalents"
    INTERNATIONAL_UNIT = "international units"
    ARBITRARY_UNIT = "arbitrary units"
    VOLUME = "volume"
    LENGTH = "length"
    AREA = "area"
    TIME = "time"
    NUMBER = "number"


class Dimension(NamedTuple):
    """What a unit measures: an amount, perhaps per body weight or surface, per time, per volume. mg/kg/h does not cancel to 1/h."""

    amount: Amount
    per_body: str  # "", "kg" (body weight) or "m2" (body surface)
    per_time: bool
    per_volume: bool

    def __str__(self) -> str:
        parts = [self.amount.value]
        if self.per_volume:
            parts.append("volume")
        if self.per_body:
            parts.append("body weight" if self.per_body == "kg" else "body surface")
        if self.per_time:
            parts.append("time")
        return " per ".join(parts)


@dataclass(frozen=True, slots=True)
class Unit:
    """One UCUM code: its dimension, its factor to the base unit (g, mol, eq, [iU], mL, cm, m2, s, per kg, per m2, per s), and its parts as written."""

    code: str
    dimension: Dimension
    factor: Fraction
    amount_code: str  # "ug" of ug/kg/min
    per_body_code: str  # "kg" of ug/kg/min, "" if none
    per_time_code: str  # "min" of ug/kg/min, "" if none
    per_volume_code: str  # "mL" of mg/mL, "" if none

    @property
    def is_flow(self) -> bool:
        """Volume per time, such as mL/h: a rate that a pump runs by itself."""
        return self.dimension == FLOW

    @property
    def is_dose_rate(self) -> bool:
        """Anything per time but plain volume per time: needs a concentration (or a body weight) before a pump can run it."""
        return self.dimension.per_time and not self.is_flow

    @property
    def is_dose(self) -> bool:
        """An amount of drug without time: mg, [iU]/kg, mg/m2."""
        d = self.dimension
        return not d.per_time and not d.per_volume and d.amount in DRUG_AMOUNTS

    @property
    def is_concentration(self) -> bool:
        return self.dimension.per_volume

    @property
    def is_volume(self) -> bool:
        return self.dimension == VOLUME

    @property
    def is_time(self) -> bool:
        return self.dimension == TIME


DRUG_AMOUNTS = frozenset({Amount.MASS, Amount.MOLE, Amount.EQUIVALENT, Amount.INTERNATIONAL_UNIT, Amount.ARBITRARY_UNIT})

VOLUME = Dimension(Amount.VOLUME, "", False, False)
FLOW = Dimension(Amount.VOLUME, "", True, False)
TIME = Dimension(Amount.TIME, "", False, False)
MASS = Dimension(Amount.MASS, "", False, False)
LENGTH = Dimension(Amount.LENGTH, "", False, False)
AREA = Dimension(Amount.AREA, "", False, False)

MILLI, MICRO, NANO = Fraction(1, 10**3), Fraction(1, 10**6), Fraction(1, 10**9)

# amount code → kind, factor to g, mol, eq, [iU], [arb'U], mL
_AMOUNTS: dict[str, tuple[Amount, Fraction]] = {
    "g": (Amount.MASS, Fraction(1)),
    "mg": (Amount.MASS, MILLI),
    "ug": (Amount.MASS, MICRO),
    "ng": (Amount.MASS, NANO),
    "mol": (Amount.MOLE, Fraction(1)),
    "mmol": (Amount.MOLE, MILLI),
    "umol": (Amount.MOLE, MICRO),
    "eq": (Amount.EQUIVALENT, Fraction(1)),
    "meq": (Amount.EQUIVALENT, MILLI),
    "[iU]": (Amount.INTERNATIONAL_UNIT, Fraction(1)),
    "m[iU]": (Amount.INTERNATIONAL_UNIT, MILLI),
    "k[iU]": (Amount.INTERNATIONAL_UNIT, Fraction(10**3)),
    "M[iU]": (Amount.INTERNATIONAL_UNIT, Fraction(10**6)),
    "[arb'U]": (Amount.ARBITRARY_UNIT, Fraction(1)),
    "m[arb'U]": (Amount.ARBITRARY_UNIT, MILLI),
    "k[arb'U]": (Amount.ARBITRARY_UNIT, Fraction(10**3)),
    "M[arb'U]": (Amount.ARBITRARY_UNIT, Fraction(10**6)),
    "mL": (Amount.VOLUME, Fraction(1)),
    "ml": (Amount.VOLUME, Fraction(1)),  # UCUM has both; ML, a megalitre, is not here
    "uL": (Amount.VOLUME, MILLI),
    "L": (Amount.VOLUME, Fraction(10**3)),
    "l": (Amount.VOLUME, Fraction(10**3)),
}
_TIMES: dict[str, Fraction] = {"s": Fraction(1), "min": Fraction(60), "h": Fraction(3600), "d": Fraction(86400)}
_VOLUMES: dict[str, Fraction] = {"mL": Fraction(1), "ml": Fraction(1), "L": Fraction(10**3), "l": Fraction(10**3)}
# Plain units that no dose rate is made of. lb is exact by the international pound; whether it may be used is SR-34's question, not this table's.
_PLAIN: dict[str, tuple[Dimension, Fraction]] = {
    "kg": (MASS, Fraction(10**3)),
    "[lb_av]": (MASS, Fraction("453.59237")),
    "cm": (LENGTH, Fraction(1)),
    "m": (LENGTH, Fraction(100)),
    "[in_i]": (LENGTH, Fraction("2.54")),
    "m2": (AREA, Fraction(1)),
    "1": (Dimension(Amount.NUMBER, "", False, False), Fraction(1)),
    "/h": (Dimension(Amount.NUMBER, "", True, False), Fraction(1, 3600)),
    "/d": (Dimension(Amount.NUMBER, "", True, False), Fraction(1, 86400)),
}


def _units() -> Iterator[Unit]:
    for code, (dimension, factor) in _PLAIN.items():
        yield Unit(code, dimension, factor, code, "", "", "")
    for time, seconds in _TIMES.items():
        yield Unit(time, TIME, seconds, time, "", "", "")
    for amount, (kind, scale) in _AMOUNTS.items():
        for body in ("", "kg", "m2"):
            for time, seconds in {"": Fraction(1), **_TIMES}.items():
                code = amount + (f"/{body}" if body else "") + (f"/{time}" if time else "")
                yield Unit(code, Dimension(kind, body, bool(time), False), scale / seconds, amount, body, time, "")
        if kind is not Amount.VOLUME:
            for volume, millilitres in _VOLUMES.items():
                yield Unit(f"{amount}/{volume}", Dimension(kind, "", False, True), scale / millilitres, amount, "", "", volume)


UCUM: MappingProxyType[str, Unit] = MappingProxyType({unit.code: unit for unit in _units()})
"""UCUM code → Unit. Case-sensitive and exact; there is no normalisation of a code that is not a key."""


def same_but_for_scale(one: str, other: str) -> bool:
    """D-02: may the two dosing units stand for each other? Only the scale of the amount may differ (ug/mg), never /kg, /m2 or the time base."""
    a, b = UCUM[one], UCUM[other]
    return a.dimension == b.dimension and a.per_time_code == b.per_time_code
