"""The one place that rounds: to the step of the pump model, before the checks; both values are kept (SR-30, D-15)."""

from collections.abc import Sequence
from fractions import Fraction

from interop.domain.program import Rounded
from interop.domain.quantity import Quantity
from interop.domain.release import ChannelKind, RateStep


def round_to_step(value: Fraction, step: Fraction) -> Fraction:
    """The nearest multiple of ``step``; a tie goes down, so that rounding alone never gives more than was asked in that case."""
    steps = value / step
    whole, rest = divmod(steps.numerator, steps.denominator)
    return (whole + 1 if 2 * rest > steps.denominator else whole) * step


def step_at(rate: Fraction, steps: Sequence[RateStep]) -> Fraction:
    """The step at a rate in mL/h: that of the first range that reaches it; beyond the last range, the last step (the range check refuses there)."""
    for each in steps:
        if rate <= each.up_to:
            return each.step
    return steps[-1].step


def rounded_rate(asked: Quantity, channel: ChannelKind) -> Rounded:
    """A rate in mL/h to the step that this kind of channel counts in at that rate."""
    step = step_at(asked.value, channel.rate_steps)
    return Rounded(asked, Quantity(round_to_step(asked.value, step), "mL/h"), step)


def rounded_volume(asked: Quantity, channel: ChannelKind) -> Rounded:
    """A volume in mL to the channel's step."""
    step = channel.vtbi_step.value
    return Rounded(asked, Quantity(round_to_step(asked.value, step), "mL"), step)
