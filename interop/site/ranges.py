"""What the limits of the library ask of the pumps, in mL/h on real weights (SR-55): more than every model runs, or less than its least."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from interop.domain.delivery import InfusionType, Mode, Route
from interop.domain.library import BodyBasis, CareArea, LibraryEntry
from interop.domain.quantity import Quantity, show
from interop.domain.release import PumpModel
from interop.domain.ucum import UCUM, Amount
from interop.site.drug_library import LibraryRow
from interop.site.fault import Faults

SECONDS_PER_HOUR = 3600


class Reach(NamedTuple):
    """What the best model of a mode and route can run, in mL/h."""

    least: Fraction
    most: Fraction


class Point(NamedTuple):
    """One question to the pumps: the limit it comes from, the time of a dose, the weight, and the rate in mL/h."""

    column: str
    limit: Quantity
    time: Quantity | None
    weight: Quantity | None
    rate: Fraction

    def __str__(self) -> str:
        within = f" in {self.time}" if self.time is not None else ""
        at = f" at {self.weight}" if self.weight is not None else ""
        return f"{show(self.rate)} mL/h for {self.column} {self.limit}{within}{at}"


def check_ranges(rows: Iterable[LibraryRow], models: Iterable[PumpModel], areas: Mapping[str, CareArea], faults: Faults) -> None:
    """Warns of every entry that some limit and weight take outside what any pump model of the site can run.

    Rows dosed per m2 are passed over, since no range of surfaces is known, and so is the demand dose of IV PCA, which has no rate of its own.
    """
    reaches = _reaches(models)
    for library_row in rows:
        entry = library_row.entry
        if entry is None:
            continue
        reach = reaches.get((entry.mode, entry.route))
        if reach is None:
            what = f"no pump model has a {entry.mode.value} channel for route {entry.route.value}: {entry.key} cannot be programmed"
            faults.warning(library_row.row.place("pump_mode"), what, "add the model, or delete the row")
            continue
        _check_entry(library_row, entry, reach, areas.get(entry.care_area), faults)


def _reaches(models: Iterable[PumpModel]) -> dict[tuple[Mode, Route], Reach]:
    reaches: dict[tuple[Mode, Route], Reach] = {}
    for model in models:
        for mode, channel in model.channels.items():
            least, most = max(channel.rate_min.value, channel.rate_steps[0].step), channel.rate_max.value
            for route in channel.routes:
                known = reaches.get((mode, route), Reach(least, most))
                reaches[mode, route] = Reach(min(known.least, least), max(known.most, most))
    return reaches


def _check_entry(row: LibraryRow, entry: LibraryEntry, reach: Reach, area: CareArea | None, faults: Faults) -> None:
    weights = _weights(entry, area)
    asked = list(_asked(entry))
    if not asked or not weights:
        return
    least, most = weights[0], weights[-1]
    highest = max(each.rate for each in asked) * (most.value if most is not None else 1)
    lowest = min(each.rate for each in asked) * (least.value if least is not None else 1)
    if lowest >= reach.least and highest <= reach.most:
        return
    points = [_at(each, weight) for each in asked for weight in weights]
    over = [point for point in points if point.rate > reach.most]
    under = [point for point in points if point.rate < reach.least]
    if over:
        what = f"{entry.key} asks for {_listed(over)}; no {entry.mode.value} model runs over {show(reach.most)} mL/h"
        faults.warning(row.row.place(over[0].column), what, "lower the limit or the largest weight, or use a stronger concentration")
    if under:
        what = f"{entry.key} asks for {_listed(under)}; no {entry.mode.value} model runs under {show(reach.least)} mL/h"
        faults.warning(row.row.place(under[0].column), what, "raise the limit or the smallest weight, or use a weaker concentration")


def _at(asked: Point, weight: Quantity | None) -> Point:
    return asked if weight is None else asked._replace(weight=weight, rate=asked.rate * weight.value)


def _listed(points: list[Point]) -> str:
    return ", ".join(map(str, points))


def _asked(entry: LibraryEntry) -> Iterator[Point]:
    """The rates that the limits ask for, per kg where the dose counts so."""
    if entry.body_basis is BodyBasis.SURFACE or (entry.infusion_type is InfusionType.PCA and not UCUM[entry.dosing_unit].is_flow):
        return
    strongest, weakest = _strengths(entry)
    limits, times = entry.limits, entry.duration_limits
    intermittent = entry.infusion_type is InfusionType.INTERMITTENT
    hourly = _hourly(entry.dosing_unit)
    in_volume = UCUM[entry.dosing_unit].dimension.amount is Amount.VOLUME
    for column, limit, time, strength in (
        ("hard_high", limits.hard_high, times.hard_low, weakest),
        ("soft_high", limits.soft_high, times.soft_low, weakest),
        ("soft_low", limits.soft_low, times.soft_high, strongest),
        ("hard_low", limits.hard_low, times.soft_high, strongest),
    ):
        if limit is None or (intermittent and time is None) or (strength is None and not in_volume):
            continue
        flow = limit.value * hourly
        if not in_volume and strength is not None:
            flow /= strength
        if intermittent and time is not None:  # a dose in its time: hard high in the shortest, the low ones in the longest
            yield Point(column, limit, time, None, flow / (60 * time.value))
        else:
            yield Point(column, limit, None, None, flow)


def _strengths(entry: LibraryEntry) -> tuple[Fraction | None, Fraction | None]:
    """Base units of the amount per mL: the strongest, which runs slowest, and the weakest; the same for a fixed container."""
    if entry.concentration is not None:
        strength = entry.concentration.base()[1]
        return strength, strength
    low, high = entry.concentration_limits.hard_low, entry.concentration_limits.hard_high
    return (high.base()[1] if high is not None else None, low.base()[1] if low is not None else None)


@cache
def _hourly(unit: str) -> Fraction:
    """Base units per hour of one such dose rate (g, [iU], mL …); for a dose, as if it were given in one second."""
    return UCUM[unit].factor * SECONDS_PER_HOUR


def _weights(entry: LibraryEntry, area: CareArea | None) -> tuple[Quantity | None, ...]:
    """Smallest, middle and largest of the entry, else of its care area; no weight where the dose does not count per kg."""
    if UCUM[entry.dosing_unit].dimension.per_body != "kg":
        return (None,)
    low = entry.min_weight or (area.min_weight if area is not None else None)
    high = entry.max_weight or (area.max_weight if area is not None else None)
    if low is None or high is None:
        return ()
    return low, Quantity((low.value + high.value) / 2, "kg"), high
