"""How much: dose rate, dose, time, volume and total against the entry's limits, as asked and as the pump would run it (SR-23 to SR-25, SR-28)."""

from collections.abc import Iterator

from interop.domain.delivery import InfusionType
from interop.domain.finding import Finding, Owner, PivError, Sub
from interop.domain.library import LibraryEntry, Limits, Verdict
from interop.domain.program import Program
from interop.domain.quantity import Quantity, UnitMismatch
from interop.stages.checks.facts import Facts


def within_limits(facts: Facts) -> Iterator[Finding]:
    """The entry's own family of limits. Beyond hard: refused. Beyond soft only: a caution that is overridden at the pump, with a reason."""
    program = facts.program
    if program is None:
        return
    entry = program.entry
    for what, asked, runs in _limited(program):
        yield from _judge(entry, what, entry.limits, asked, runs)
    if entry.infusion_type is InfusionType.INTERMITTENT and program.duration is not None:
        asked = program.duration
        if facts.order.duration is not None:
            asked = facts.order.duration.quantity.to("min")
        elif program.vtbi is not None:
            asked = Quantity(program.vtbi.asked.value * 60 / program.rate.asked.value, "min")
        yield from _judge(entry, "infusion time", entry.duration_limits, asked, program.duration)


def a_hard_high(facts: Facts) -> Iterator[Finding]:
    """SR-28: an entry without a hard high limit is programmed automatically only if the library says that this is intended."""
    entry = facts.entry
    if entry is not None and entry.limits.hard_high is None and not entry.unlimited_by_intent:
        yield Finding.against(Sub.NO_HARD_HIGH, f"{entry.key} hard_high", f"{entry.title} has no hard high limit")


def within_the_volume_limit(facts: Facts) -> Iterator[Finding]:
    """The library's largest VTBI of one program, as asked and as rounded."""
    program = facts.program
    if program is None or program.vtbi is None or program.entry.vtbi_hard_high is None:
        return
    limit = program.entry.vtbi_hard_high
    for value in (program.vtbi.asked, program.vtbi.set):
        if value > limit:
            text = f"{value} to be infused is above the limit of {limit} ({program.entry.key} vtbi_hard_high_mL)"
            yield Finding.against(PivError.HARD_LIMIT, "VTBI", text)
            return


def within_the_total(facts: Facts) -> Iterator[Finding]:
    """The most drug that one order may give; without a volume or a time the total is unknown, and unknown does not pass."""
    program = facts.program
    if program is None or program.entry.total_dose_hard_high is None:
        return
    limit = program.entry.total_dose_hard_high
    if facts.is_titration:
        text = f"{program.entry.key} limits the total to {limit}, and how much of it has been given is not known here"
        yield Finding.against(Sub.NOT_TOTAL, "total dose", text, action="Change the rate by hand at the pump.", owner=Owner.NURSE)
        return
    totals = [total for total in (program.total_dose, _total_asked(program), _total_by_time(facts, program)) if total is not None]
    if not totals:
        yield Finding.against(
            PivError.MISSING_PARAMETER, "VTBI", f"{program.entry.key} limits the total to {limit}, and the order has no end"
        )
        return
    total = max(totals)
    if total > limit:
        text = f"this would give {total} in all, the limit is {limit} ({program.entry.key} total_dose_hard_high)"
        yield Finding.against(Sub.NOT_TOTAL, "total dose", text)


def _total_asked(program: Program) -> Quantity | None:
    """As asked, before the volume was rounded: rounding may not carry a total back under its limit."""
    if program.vtbi is None or program.concentration is None:
        return None
    return Quantity(program.vtbi.asked.value * program.concentration.value, program.concentration.measure.amount_code)


def _total_by_time(facts: Facts, program: Program) -> Quantity | None:
    """Rate × ordered time × concentration: what the order asks for, whatever volume stands beside it."""
    if facts.order.duration is None or program.concentration is None:
        return None
    hours = facts.order.duration.quantity.to("h").value
    amount = program.concentration.measure.amount_code
    return Quantity(program.rate.asked.value * hours * program.concentration.value, amount)


def _limited(program: Program) -> Iterator[tuple[str, Quantity, Quantity]]:
    """What the entry's limits are about: mL/h for a fluid, dose rate for a continuous drug, dose for an intermittent one."""
    if program.entry.infusion_type is InfusionType.FLUID:
        yield "rate", program.rate.asked, program.rate.set
    if program.dose_rate is not None:
        yield "dose rate", program.dose_rate.asked, program.dose_rate.set
    if program.dose is not None:
        yield "dose", program.dose.asked, program.dose.set


def _judge(entry: LibraryEntry, what: str, limits: Limits, asked: Quantity, runs: Quantity) -> Iterator[Finding]:
    """Both values count: rounding may neither carry a dose over a limit nor back under it (SR-25, SR-30). The graver verdict is said."""
    try:
        by_asked = limits.judge(asked)
        by_runs = by_asked if runs == asked else limits.judge(runs)
    except UnitMismatch as mismatch:
        yield Finding.against(PivError.DOSE_UNITS_DIFFER, what, str(mismatch))
        return
    verdict, limit, value = _graver((*by_asked, asked), (*by_runs, runs))
    if limit is None:
        return
    hard = verdict.is_hard
    column = f"{entry.key} {'hard' if hard else 'soft'} {'high' if 'above' in verdict.value else 'low'}"
    text = f"{what} {value} is {verdict.value} {limit} of {entry.tallman} in {entry.care_area}{_times(value, limit)}"
    if hard:
        yield Finding.against(PivError.HARD_LIMIT, column, text)
    else:
        yield Finding.caution(column, text, action="Override at the pump with a reason, or reject.", must_confirm=True)


def _graver(
    one: tuple[Verdict, Quantity | None, Quantity], other: tuple[Verdict, Quantity | None, Quantity]
) -> tuple[Verdict, Quantity | None, Quantity]:
    if other[0].is_hard and not one[0].is_hard:
        return other
    return other if one[1] is None else one


def _times(value: Quantity, limit: Quantity) -> str:
    """A slip of the decimal point is named where the value is five or more times the limit that it passes."""
    if not limit.value:
        return ""
    ratio = value.to(limit.unit).value / limit.value
    if ratio >= 5:
        return f" ({int(ratio)} times the limit: a possible decimal slip)"
    return ""
