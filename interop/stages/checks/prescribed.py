"""Does the program stay inside what the prescriber allows: the most at once and in a period, and the time in which the order holds? (SR-07, SR-26)"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
    volumes = [max(program.vtbi.asked.value, program.vtbi.set.value)] if program.vtbi is not None else []
    if cap.period is not None:
        volumes.append(max(program.rate.asked.value, program.rate.set.value) * cap.period.quantity.to("h").value)
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
        if _is_unsure(facts.now, bound.end):
            action = "Check in the order whether it still holds."
            yield Finding.caution(
                bound.field, "the order ends on a date without its zone, which is over in some", action=action, must_confirm=True
            )
        if bound.lasts is not None and facts.is_titration:
            text = f"the order holds for {bound.lasts} in all; a change of rate sets no end"
            yield Finding.caution(bound.field, text, action="Check in the order whether it still holds.", must_confirm=True)
        elif bound.lasts is not None and facts.program is not None:
            asked = _asked_time(facts.program)
            if asked is None or asked > bound.lasts.quantity:
                runs = "without an end" if asked is None else f"for {asked.to(bound.lasts.quantity.unit)}"
                yield Finding.against(Sub.NO_AGREEMENT, bound.field, f"the order holds for {bound.lasts}, this would run {runs}")
        if bound.end is not None and bound.end.tzinfo is not None and facts.program is not None and not _is_before(bound.end, facts.now):
            asked = _asked_time(facts.program)
            left = Quantity(Fraction(int((bound.end - facts.now).total_seconds()), 60), "min")
            if asked is None or asked > left:
                text = f"the order ends at {bound.end.isoformat()}, before this would have run"
                yield Finding.caution(
                    bound.field, text, action="Stop it when the order ends, or have the order renewed.", must_confirm=True
                )
    events = [bound for bound in facts.order.bounds if bound.at is not None]
    if events and not any(_is_near(facts.now, bound.at) for bound in events):
        said = ", ".join(bound.at.isoformat() for bound in events[:3] if bound.at is not None)
        action = "Check in the order when it is due."
        yield Finding.caution(events[0].field, f"the order is to be given at {said}", action=action, must_confirm=True)


def _is_unsure(now: datetime, end: datetime | None) -> bool:
    """The day of a naive midnight is over at UTC+14 and not yet at UTC-12."""
    if end is None or end.tzinfo is not None:
        return False
    return (end + timedelta(hours=24 - 14)).replace(tzinfo=UTC) <= now < (end + timedelta(hours=24 + 12)).replace(tzinfo=UTC)


def _asked_time(program: Program) -> Quantity | None:
    """How long it was meant to run, before any rounding; None: no end."""
    if program.vtbi is None:
        return None
    return Quantity(program.vtbi.asked.value * 60 / program.rate.asked.value, "min")


def _is_before(one: datetime, other: datetime) -> bool:
    """A naive midnight is a day of an unknown zone: it begins with the first place on earth (UTC+14) and ends with the last one (UTC-12)."""
    if one.tzinfo is None:  # a day is over when it is over everywhere
        return (one + timedelta(days=1, hours=12)).replace(tzinfo=UTC) <= other
    if other.tzinfo is None:  # a day has begun when it has begun anywhere
        return one < (other - timedelta(hours=14)).replace(tzinfo=UTC)
    return one < other


def _is_near(now: datetime, at: datetime | None) -> bool:
    if at is None:
        return False
    return now.astimezone(UTC).date() == at.date() if at.tzinfo is None else abs(now - at) <= NEAR_AN_EVENT
