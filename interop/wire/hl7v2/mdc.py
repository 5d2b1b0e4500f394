"""Units of ISO/IEEE 11073-10101 (MDC) and the UCUM codes they equal, as PCD messages carry them in CWE-1 and CWE-2.

The rows of ``mdc_units.csv`` are the unit terms of the NIST extract of RTMMS, January 2025 (repository usnistgov/hit-pcd-message-validation,
units.csv), all of status Published; the UCUM code of 263744, a litre, is not in that list and is given here.

When a number and a REF_ID disagree the number is believed: publications of 10101 have renamed terms and never renumbered them. A reader
looks a REF_ID up (``code_named``) only for the number 0, which says "no number yet", and only where its sender's configuration allows it.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class MdcUnit:
    """One unit: its number, all names the number has, and its UCUM code."""

    code: str
    refids: frozenset[str]
    ucum: str

    @property
    def refid(self) -> str:
        """The name to write. Where there are two, the systematic one: ``MDC_DIM_X_G``, as MILLI_G and KILO_G, before ``MDC_DIM_G``."""
        return max(sorted(self.refids), key=lambda name: "_X_" in name)


def unit_of(code: str) -> MdcUnit | None:
    """The unit with the MDC number ``code`` (``"265266"``), or None; the text must be the number exactly, without blanks or zeros before it."""
    return _by_code().get(code)


def ucum_of(code: str) -> str | None:
    """The UCUM code of the MDC number ``code``: ``ucum_of("265266") == "mL/h"``; None when the number is no unit of the table."""
    unit = unit_of(code)
    return unit.ucum if unit else None


def refids_of(code: str) -> frozenset[str]:
    """All names of the MDC number ``code``; empty when it is no unit of the table."""
    unit = unit_of(code)
    return unit.refids if unit else frozenset()


def code_named(refid: str) -> str | None:
    """The MDC number of the unit named ``refid``, for number 0 by configuration alone (see the module); None when no unit has that name."""
    return _by_refid().get(refid)


def mdc_of(ucum: str) -> MdcUnit | None:
    """The MDC unit that equals the UCUM code ``ucum``, for writing; None when the table has none."""
    return _by_ucum().get(ucum)


def units() -> tuple[MdcUnit, ...]:
    """All units of the table, by number."""
    return tuple(_by_code().values())


@lru_cache(maxsize=1)
def _by_code() -> Mapping[str, MdcUnit]:
    units: dict[str, MdcUnit] = {}
    table = files(__package__).joinpath("mdc_units.csv").read_text(encoding="ascii")
    for row in csv.DictReader(table.splitlines(), strict=True):
        code, ucum = row["mdc_code"], row["ucum"]
        known = units.get(code)
        units[code] = MdcUnit(code, (known.refids if known else frozenset()) | {row["mdc_refid"]}, ucum)
    return MappingProxyType(units)


@lru_cache(maxsize=1)
def _by_refid() -> Mapping[str, str]:
    return MappingProxyType({refid: unit.code for unit in units() for refid in unit.refids})


@lru_cache(maxsize=1)
def _by_ucum() -> Mapping[str, MdcUnit]:
    return MappingProxyType({unit.ucum: unit for unit in units()})
