"""Does the program stay inside what the prescriber allows: the most at once and in a period, and the time in which the order holds? (SR-07, SR-26)"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction

from interop.domain.finding import Finding, Sub
from interop.domain.order import Cap
from interop.domain.program import Program
from interop.domain.quantity import Quantity, ratio
from interop.domain.ucum import VOLUME
from interop.stages.checks.facts import Facts

NEAR_AN_EVENT = timedelta(hours=12)


def not_more_than_allowed(facts: Facts) -> Iterator[Finding]:
    """A cap that cannot be compared refuses: it was sent to be heeded. No tolerance is given on a cap."""
    program = facts.program
    if program is None:
        return
    for cap in facts.order.caps:
        period = f" in {cap.period}" if cap.period is not None else ""
        gives = _given(facts, program, cap)
        if gives is None:
            text = f"at most {cap.most}{period} is allowed, and what this program gives cannot be compared with it"
            yield Finding.against(Sub.NO_AGREEMENT, cap.most.field, text)
        elif gives > cap.most.quantity:
            text = f"this would give {gives.to(cap.most.quantity.unit)}{period}, the order allows at most {cap.most}"
            yield Finding.against(Sub.NO_AGREEMENT, cap.most.field, text)


def _given(facts: Facts, program: Program, cap: Cap) -> Quantity | None:
    """What the program gives in the cap's terms: in all, or in the period while it runs; None where that is not known."""
    unit = cap.most.quantity.measure
    volumes = [program.vtbi.asked.value] if program.vtbi is not None else []
    if cap.period is not None:
        volumes.append(program.rate.asked.value * cap.period.quantity.to("h").value)
    if not volumes:
        return None
    volume = min(volumes)  # mL
    if unit.dimension == VOLUME:
        return Quantity(volume, "mL")
    concentration, body = program.concentration, _body(facts, program, unit.dimension.per_body)
    if concentration is None or body is None or concentration.measure.dimension.amount is not unit.dimension.amount:
        return None
    amount = volume * concentration.value * ratio(concentration.measure.amount_code, unit.amount_code)
    return Quantity(amount / body, unit.code)


def _body(facts: Facts, program: Program, per: str) -> Fraction | None:
    if not per:
        return Fraction(1)
    weight, order = program.weight, facts.order
    if per == "kg":
        used = weight or (order.weight.quantity if order.weight is not None else None)
        return used.to("kg").value if used is not None else None
    return order.body_surface_area.quantity.to("m2").value if order.body_surface_area is not None else None


def within_the_orders_time(facts: Facts) -> Iterator[Finding]:
    """Before its start and after its end an order is not active; a program may not run longer than the order holds."""
    for bound in facts.order.bounds:
        if bound.start is not None and _is_before(facts.now, bound.start):
            yield Finding.against(Sub.ORDER_NOT_ACTIVE, bound.field, f"the order holds from {bound.start.isoformat()} only")
        if bound.end is not None and _is_before(bound.end, facts.now):
            yield Finding.against(Sub.ORDER_NOT_ACTIVE, bound.field, f"the order ended at {bound.end.isoformat()}")
        if bound.lasts is not None and facts.program is not None:
            duration = facts.program.duration
            if duration is None or duration > bound.lasts.quantity:
                runs = "without an end" if duration is None else f"for {duration.to(bound.lasts.quantity.unit)}"
                yield Finding.against(Sub.NO_AGREEMENT, bound.field, f"the order holds for {bound.lasts}, this would run {runs}")
    events = [bound for bound in facts.order.bounds if bound.at is not None]
    if events and not any(_is_near(facts.now, bound.at) for bound in events):
        said = ", ".join(bound.at.isoformat() for bound in events[:3] if bound.at is not None)
        action = "Check in the order when it is due."
        yield Finding.caution(events[0].field, f"the order is to be given at {said}", action=action, must_confirm=True)


def _is_before(one: datetime, other: datetime) -> bool:
    """A naive midnight stands for a whole day in the zone of the other: only another day is before or after it."""
    if one.tzinfo is None or other.tzinfo is None:
        return one.date() < other.date()
    return one < other


def _is_near(now: datetime, at: datetime | None) -> bool:
    if at is None:
        return False
    return now.date() == at.date() if at.tzinfo is None else abs(now - at) <= NEAR_AN_EVENT
