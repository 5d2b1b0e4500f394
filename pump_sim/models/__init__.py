"""What each model of the simulated pumps is: ranges, steps, channels and physical constants, read from the TOML file beside this module."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, Final

KEYS: Final = ("demo-lvp", "demo-syringe")


@dataclass(frozen=True, slots=True)
class Model:
    """One model. Rates in mL/h, volumes in mL, times in minutes, pressures in mmHg."""

    key: str
    title: str
    maker: str
    mode: str
    channel_ids: tuple[str, ...]
    rate_min: Fraction
    rate_max: Fraction
    rate_steps: tuple[tuple[Fraction, Fraction], ...]  # (up to, step), rising
    vtbi_min: Fraction
    vtbi_max: Fraction
    vtbi_step: Fraction
    duration_max: Fraction
    needs_vtbi: bool
    kvo: Mapping[str, Fraction]
    compliance: Fraction  # mL per mmHg
    occlusion_limit: Fraction
    battery_min: Fraction
    bias_max: Fraction
    stroke: Fraction
    ripple: Fraction

    def step_at(self, rate: Fraction) -> Fraction:
        """The step in mL/h in which a rate is set; beyond the last range, that of the last range."""
        return next((step for up_to, step in self.rate_steps if rate <= up_to), self.rate_steps[-1][1])

    def kvo_in(self, care_area: str) -> Fraction:
        """The KVO setting of the care area's profile; 0: none."""
        return self.kvo.get(care_area, self.kvo["other"])


@cache
def model(key: str) -> Model:
    """Raises: KeyError: no such model."""
    if key not in KEYS:
        raise KeyError(key)
    read: dict[str, Any] = tomllib.loads((files(__package__) / f"{key}.toml").read_text(encoding="utf-8"), parse_float=Fraction)
    return Model(
        key=key,
        title=read["title"],
        maker=read["maker"],
        mode=read["mode"],
        channel_ids=tuple(read["channel_ids"]),
        rate_min=Fraction(read["rate_min_mL_per_h"]),
        rate_max=Fraction(read["rate_max_mL_per_h"]),
        rate_steps=tuple((Fraction(row["up_to_mL_per_h"]), Fraction(row["step_mL_per_h"])) for row in read["rate_steps"]),
        vtbi_min=Fraction(read["vtbi_min_mL"]),
        vtbi_max=Fraction(read["vtbi_max_mL"]),
        vtbi_step=Fraction(read["vtbi_step_mL"]),
        duration_max=Fraction(read["duration_max_min"]),
        needs_vtbi=read["needs_vtbi"],
        kvo={area: Fraction(rate) for area, rate in read["kvo_mL_per_h"].items()},
        compliance=Fraction(read["compliance_mL_per_mmHg"]),
        occlusion_limit=Fraction(read["occlusion_limit_mmHg"]),
        battery_min=Fraction(read["battery_min"]),
        bias_max=Fraction(read["bias_max"]),
        stroke=Fraction(read["stroke_mL"]),
        ripple=Fraction(read["ripple"]),
    )
