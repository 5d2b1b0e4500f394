"""Can this pump run it: rate, volume and time inside its range, rounding small enough, container large enough? (SR-30, SR-32, D-15)"""

from collections.abc import Iterator

from interop.domain.delivery import Mode
from interop.domain.finding import Finding, PivError, Sub
from interop.domain.program import Rounded
from interop.domain.quantity import Quantity, show
from interop.stages.checks.facts import Facts


def within_the_pumps_range(facts: Facts) -> Iterator[Finding]:
    """Below the range: 9005. Above it: 9014, even where the library's limits would allow it."""
    program, kind = facts.program, facts.channel_kind
    if program is None or kind is None:
        return
    model = facts.channel.model if facts.channel is not None else ""
    yield from _range("rate", program.rate, kind.rate_min, kind.rate_max, model)
    if program.vtbi is not None:
        yield from _range("volume to be infused", program.vtbi, kind.vtbi_min, kind.vtbi_max, model)
    if program.duration is not None and program.duration > kind.duration_max:
        text = f"{program.duration.to('h')} is longer than {model} can be programmed for ({kind.duration_max})"
        yield Finding.against(PivError.OUT_OF_RANGE, "duration", text)


def rounding_is_small(facts: Facts) -> Iterator[Finding]:
    """SR-30, D-15: at most one step and at most 2 % of the value; else this pump is too coarse for this dose."""
    program = facts.program
    if program is None:
        return
    for what, rounded in (("rate", program.rate), ("volume to be infused", program.vtbi)):
        if rounded is None or rounded.set.value == rounded.asked.value:
            continue
        if abs(rounded.set.value - rounded.asked.value) > rounded.step:
            yield Finding.against(Sub.ROUNDING, what, f"{what} {rounded.asked} would become {rounded.set}: more than one step")
        if rounded.error > facts.rules.rounding:
            text = f"{what} {rounded.asked} would become {rounded.set}, off by {show(rounded.error * 100, 1)} %"
            yield Finding.against(Sub.ROUNDING, what, text)


def the_container_holds_it(facts: Facts) -> Iterator[Finding]:
    """SR-32: not more than the container with its overfill; a syringe has none, and the loaded one must be large enough."""
    program, channel = facts.program, facts.channel
    if program is None or program.vtbi is None:
        return
    vtbi = program.vtbi
    most = max(vtbi.asked, vtbi.set)
    if program.container_volume is not None:
        overfill = 1 if program.entry.mode is Mode.SYRINGE else 1 + facts.rules.overfill
        limit = Quantity(program.container_volume.value * overfill, program.container_volume.unit)
        if most > limit:
            with_overfill = "" if program.entry.mode is Mode.SYRINGE else f", {limit} with overfill"
            text = f"{most} to be infused, but the container holds {program.container_volume}{with_overfill}"
            yield Finding.against(PivError.OUT_OF_RANGE, "VTBI", text)
    if channel is not None and channel.syringe_volume is not None and most > channel.syringe_volume:
        text = f"{most} to be infused, but the loaded syringe is {channel.syringe_volume}"
        yield Finding.against(PivError.OUT_OF_RANGE, "VTBI", text)


def _range(what: str, rounded: Rounded, low: Quantity, high: Quantity, model: str) -> Iterator[Finding]:
    if max(rounded.asked.value, rounded.set.value) > high.to(rounded.set.unit).value:
        text = f"{what} {rounded.asked} is above what {model} can run ({high})"
        yield Finding.against(PivError.ABOVE_MAXIMUM, what, text)
    elif min(rounded.asked.value, rounded.set.value) < low.to(rounded.set.unit).value:
        text = f"{what} {rounded.asked} is below what {model} can run ({low})"
        yield Finding.against(PivError.OUT_OF_RANGE, what, text)
