"""Whose weight, is it there, plausible, and young enough? (SR-33 to SR-36, D-17)"""

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

from interop.domain.finding import Finding, PivError, Sub
from interop.domain.library import BodyBasis, LibraryEntry
from interop.domain.order import ByDoseRate, DoseOverTime, Order
from interop.domain.program import WeightSource
from interop.domain.quantity import Quantity, show
from interop.domain.ucum import UCUM
from interop.stages.checks.facts import Facts
from interop.stages.derive import ordered_per_kg


def what_the_dose_needs(facts: Facts) -> Iterator[Finding]:
    """SR-33: a dose per kg needs a weight (9019), one per m2 a body surface (9027) with height (9020) and weight. No default is assumed."""
    entry, order = facts.entry, facts.order
    if facts.is_titration:
        return  # it needs those that the infusion is dosed by: the_running_weight
    pump_weight = facts.channel.weight if facts.channel is not None and ordered_per_kg(order) else None
    bodies = {_per_body(order)} | ({_entry_body(entry)} if entry is not None else set())
    if "kg" in bodies and order.weight is None and pump_weight is None and "weight" not in order.unread:
        only_there = facts.channel is not None and facts.channel.weight is not None
        why = "the order is not per kg, so the pump's own weight may not be used" if only_there else "no weight is known"
        yield Finding.against(PivError.WEIGHT_MISSING, order.weight_field or "weight", f"dosed per kg, and {why}")
    if "m2" in bodies:
        if order.body_surface_area is None:
            yield Finding.against(PivError.BSA_MISSING, "body surface", "dosed per m2, and no body surface was sent")
        if order.height is None:
            yield Finding.against(PivError.HEIGHT_MISSING, "height", "dosed per m2, and no height was sent")
        if order.weight is None:
            yield Finding.against(PivError.WEIGHT_MISSING, order.weight_field or "weight", "dosed per m2, and no weight was sent")


def a_surface_that_fits(facts: Facts) -> Iterator[Finding]:
    """SR-26, SR-33: a sent body surface against height and weight by Mosteller's formula, BSA² = height × weight / 3600 (cm, kg).

    Both sides are squared, so that no root, and no float, is taken of anything.
    """
    order = facts.order
    if order.body_surface_area is None or order.height is None or order.weight is None:
        return
    sent = order.body_surface_area.quantity.to("m2").value
    squared = order.height.quantity.to("cm").value * order.weight.quantity.to("kg").value / 3600
    off = facts.rules.surface_difference
    if not squared * (1 - off) ** 2 <= sent**2 <= squared * (1 + off) ** 2:
        text = f"{order.body_surface_area} does not fit {order.height} and {order.weight.quantity}"
        yield Finding.against(Sub.NO_AGREEMENT, order.body_surface_area.field, text)


def a_plausible_weight(facts: Facts) -> Iterator[Finding]:
    """SR-34: inside the care area's and the entry's bounds, not far from what is charted; pounds only if coded as such, and confirmed."""
    entry, order = facts.entry, facts.order
    whose = "the order"
    if order.weight is not None and not facts.is_titration:
        weight, field = order.weight.quantity, order.weight_field or "weight"
    elif facts.program is not None and facts.program.weight is not None:
        whose, field = ("the running infusion", "dosing weight") if facts.is_titration else ("the pump", "pump weight")
        weight = facts.program.weight
    else:
        return
    if weight.unit == "[lb_av]":
        text = f"the weight was sent in pounds: {weight} is {show(weight.to('kg').value, 2)} kg"
        yield Finding.caution(field, text, action="Confirm the weight in kg.", must_confirm=True)
    used = entry is not None and entry.body_basis is not BodyBasis.NONE
    if used:
        yield from _bounds(facts, field, weight)
        yield from _for_the_age(facts, field, weight)
    charted = facts.case.patient.charted_weight if facts.case.patient is not None else None
    if charted is not None and used:
        off = difference(weight, charted.quantity)
        if off > facts.rules.weight_history_difference:
            text = f"{whose} says {weight}, the chart {charted.quantity}: they differ by {show(off * 100, 0)} %"
            yield Finding.against(PivError.INVALID_PARAMETER, field, text)


def the_pumps_weight(facts: Facts) -> Iterator[Finding]:
    """SR-35, D-17: over 5 % apart is refused (9011); otherwise both are shown and the pump's is chosen there. Neither side is changed."""
    order, channel, program = facts.order, facts.channel, facts.program
    if channel is None or channel.weight is None or facts.is_titration:
        return
    if order.weight is None:
        if program is not None and program.weight_source == WeightSource.PUMP:
            text = f"the order has no weight: the pump's own {channel.weight} is used"
            yield Finding.caution("weight", text, action="Confirm the weight at the pump.", must_confirm=True)
        return
    off = difference(order.weight.quantity, channel.weight)
    if not off:
        return
    text = f"the order says {order.weight.quantity}, the pump {channel.weight}: {show(off * 100, 1)} % apart"
    if off > facts.rules.weight_difference:
        yield Finding.against(PivError.WEIGHT_DIFFERS, order.weight_field or "weight", text)
    else:
        yield Finding.caution("weight", text, action="Choose the weight at the pump.", must_confirm=True)


def a_recent_weight(facts: Facts) -> Iterator[Finding]:
    """SR-36, D-17: old or of unknown age is confirmed once; a declared dosing weight never expires."""
    order, program, channel = facts.order, facts.program, facts.channel
    if program is None or program.weight is None or program.weight_source != WeightSource.ORDER or order.weight is None:
        return
    if order.weight.is_dosing_weight:
        return
    if order.weight.taken_at is None:
        text = f"weight {order.weight.quantity}: age unknown"
        yield Finding.caution("weight", text, action="Confirm the weight.", must_confirm=True)
        return
    area = facts.case.release.care_areas.get(channel.care_area) if channel is not None else None
    age = facts.now - order.weight.taken_at
    if age < timedelta(0) - timedelta(seconds=facts.rules.skew_blocks_s):
        yield Finding.against(PivError.INVALID_PARAMETER, "weight", "the weight was taken in the future")
    elif area is None or age > timedelta(hours=area.weight_max_age_h):
        text = f"weight {order.weight.quantity} is {age.days} day{'' if age.days == 1 else 's'} old"
        yield Finding.caution("weight", text, action="Confirm the weight.", must_confirm=True)


def _for_the_age(facts: Facts, field: str, weight: Quantity) -> Iterator[Finding]:
    """By the birth date of the order, else of the record; without one the age is not known and says nothing."""
    birth = facts.order.birth_date or (facts.case.patient.birth_date if facts.case.patient is not None else None)
    if birth is None:
        return
    days = (facts.now.date() - birth).days
    if days < 0:
        yield Finding.against(PivError.INVALID_PARAMETER, "birth date", "the patient's birth date is in the future")
        return
    for band in facts.case.release.weight_by_age:
        if not band.under_days or days < band.under_days:
            if not band.min_weight <= weight <= band.max_weight:
                age = f"{days} days" if days < 90 else f"{days // 365} years" if days >= 730 else f"{days // 30} months"
                text = f"{weight} is implausible at an age of {age} ({band.min_weight} to {band.max_weight})"
                yield Finding.against(PivError.OUT_OF_RANGE, field, text)
            return


def _bounds(facts: Facts, field: str, weight: Quantity) -> Iterator[Finding]:
    entry, channel = facts.entry, facts.channel
    area = facts.case.release.care_areas.get(channel.care_area) if channel is not None else None
    lows = [low for low in (area.min_weight if area else None, entry.min_weight if entry else None) if low is not None]
    highs = [high for high in (area.max_weight if area else None, entry.max_weight if entry else None) if high is not None]
    where = area.name if area is not None else "this care area"
    if lows and weight < max(lows):
        yield Finding.against(PivError.OUT_OF_RANGE, field, f"{weight} is below {max(lows)}, the least weight for {_for(entry)} in {where}")
    if highs and weight > min(highs):
        yield Finding.against(PivError.OUT_OF_RANGE, field, f"{weight} is above {min(highs)}, the most weight for {_for(entry)} in {where}")


def _for(entry: LibraryEntry | None) -> str:
    return entry.tallman if entry is not None else "a dose per kg"


def difference(one: Quantity, other: Quantity) -> Fraction:
    """Part of the smaller of the two."""
    a, b = one.base()[1], other.base()[1]
    return abs(a - b) / min(a, b) if a and b else Fraction(1)


def _per_body(order: Order) -> str:
    match order.regimen:
        case ByDoseRate(dose_rate=given) | DoseOverTime(dose=given):
            return given.quantity.measure.dimension.per_body
        case _:
            return ""


def _entry_body(entry: LibraryEntry) -> str:
    return UCUM[entry.dosing_unit].dimension.per_body
