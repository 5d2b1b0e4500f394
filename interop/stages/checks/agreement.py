"""Does the order agree with itself: dose, rate, volume, time and concentration that it gives twice over? (SR-26, D-15)"""

from collections.abc import Iterator
from fractions import Fraction

from interop.domain.finding import Finding, Sub
from interop.domain.order import DoseOverTime, Given, Order
from interop.domain.program import Program
from interop.domain.quantity import Quantity, half_last_digit, ratio, show
from interop.stages.checks.facts import Facts


def values_agree(facts: Facts) -> Iterator[Finding]:
    """Everything that was given beside what the program was worked out from must lead to the same program, within 1 % or half the last digit."""
    program, order = facts.program, facts.order
    if program is None:
        return
    for given in order.also:
        if facts.is_titration and not (given.quantity.measure.is_flow or given.quantity.measure.is_dose_rate):
            continue  # nothing of it is set: a_change_of_rate_alone says so
        implied = next(_implied(given, program, order), None)
        if implied is None:  # it was sent to be heeded, and nothing here can tell whether it is
            yield Finding.against(Sub.NO_AGREEMENT, given.field, f"{given} cannot be compared with the rest of the order")
        else:
            yield from _compare(facts, given, implied, "worked out from the rest of the order")
    if order.window is not None:
        yield from _inside_the_window(order.window, program, order)
    if program.vtbi is None:
        return
    if isinstance(order.regimen, DoseOverTime) and order.vtbi is not None:
        yield from _compare(facts, order.vtbi, program.vtbi.asked, "the volume that holds the ordered dose")
    if order.duration is not None:
        takes = Quantity(program.vtbi.asked.value * 60 / program.rate.asked.value, "min")
        yield from _compare(facts, order.duration, takes, "the time that this volume takes at this rate", _slack(facts, program))


def _inside_the_window(window: tuple[Given | None, Given | None], program: Program, order: Order) -> Iterator[Finding]:
    """A titration window (rateRange) bounds what may be programmed, as asked and as rounded; it is never widened by a tolerance."""
    for end, is_low in zip(window, (True, False), strict=True):
        if end is None:
            continue
        values = [value for rate in (program.rate.asked, program.rate.set) for value in _implied(end, program, order, rate)]
        if not values:
            yield Finding.against(Sub.NO_AGREEMENT, end.field, f"the window's {end} cannot be compared with the rest of the order")
            continue
        worst = min(values) if is_low else max(values)
        if worst < end.quantity if is_low else worst > end.quantity:
            side = "below the lowest" if is_low else "above the highest"
            yield Finding.against(Sub.NO_AGREEMENT, end.field, f"{worst.to(end.quantity.unit)} is {side} of the ordered window, {end}")
        else:
            yield Finding.note(end.field, f"titration window: {'not below' if is_low else 'not above'} {end}")


def _slack(facts: Facts, program: Program) -> Fraction:
    """How far the time may be off, in minutes, because the volume was printed rounded: half its last digit, at the ordered rate."""
    vtbi = facts.order.vtbi
    if vtbi is None:
        return Fraction(0)
    half = Quantity(half_last_digit(vtbi.digits), vtbi.quantity.unit).to("mL").value
    return half * 60 / program.rate.asked.value


def _implied(given: Given, program: Program, order: Order, rate: Quantity | None = None) -> Iterator[Quantity]:
    """What the program says about the same thing as ``given`` at this rate (else as asked); nothing where the program does not determine it."""
    unit = given.quantity.measure
    rate = rate or program.rate.asked
    if unit.is_flow:
        yield rate
    elif unit.is_volume:
        if program.vtbi is not None:
            yield program.vtbi.asked
    elif unit.is_time:
        if program.vtbi is not None and program.rate.asked.value:
            yield Quantity(program.vtbi.asked.value * 60 / program.rate.asked.value, "min")
    elif unit.is_dose_rate:
        yield from _dose_rate_in(given, program, order, rate)
    elif unit.is_dose and program.concentration is not None:
        yield from _dose_in(given, program, order)


def _body(given: Given, program: Program, order: Order) -> Fraction | None:
    """The kg or m2 that a value counts per: the program's, else the order's own (an absolute program has used neither)."""
    per = given.quantity.measure.dimension.per_body
    if not per:
        return Fraction(1)
    if per == "kg":
        weight = program.weight or (order.weight.quantity if order.weight is not None else None)
        return weight.to("kg").value if weight is not None else None
    surface = program.body_surface_area or (order.body_surface_area.quantity if order.body_surface_area is not None else None)
    return surface.to("m2").value if surface is not None else None


def _dose_rate_in(given: Given, program: Program, order: Order, rate: Quantity) -> Iterator[Quantity]:
    concentration, body, unit = program.concentration, _body(given, program, order), given.quantity.measure
    if concentration is None or body is None or concentration.measure.dimension.amount is not unit.dimension.amount:
        return
    hourly = rate.value * concentration.value * ratio(concentration.measure.amount_code, unit.amount_code)
    yield Quantity(hourly / (ratio("h", unit.per_time_code) * body), unit.code)


def _dose_in(given: Given, program: Program, order: Order) -> Iterator[Quantity]:
    """A dose beside a rate is what the whole volume holds."""
    concentration, body, unit = program.concentration, _body(given, program, order), given.quantity.measure
    if concentration is None or body is None or program.vtbi is None or concentration.measure.dimension.amount is not unit.dimension.amount:
        return
    amount = program.vtbi.asked.value * concentration.value * ratio(concentration.measure.amount_code, unit.amount_code)
    yield Quantity(amount / body, unit.code)


def _compare(facts: Facts, given: Given, implied: Quantity, how: str, slack: Fraction = Fraction(0)) -> Iterator[Finding]:
    """``slack`` is in the implied value's unit: the rounding of another value that went into it."""
    if implied.base()[0] != given.quantity.base()[0]:
        text = f"{given} ({given.field}) and {implied}, {how}, measure different things"
        yield Finding.against(Sub.NO_AGREEMENT, given.field, text)
        return
    ours = implied.to(given.quantity.unit)
    off = abs(ours.value - given.quantity.value)
    larger = max(given.quantity.value, ours.value)
    printed = half_last_digit(given.digits)
    if slack:
        printed = max(printed, Quantity(slack, implied.unit).to(given.quantity.unit).value)
    # D-15 gives half the last printed digit; of "1" that would be half the dose, so it counts only up to a bound.
    if off > max(facts.rules.agreement * larger, min(printed, facts.rules.agreement_most * larger)):
        percent = show(off * 100 / given.quantity.value, 1)
        text = f"{given} ({given.field}) does not agree with {ours}, {how}: they differ by {percent} %"
        yield Finding.against(Sub.NO_AGREEMENT, given.field, text)
