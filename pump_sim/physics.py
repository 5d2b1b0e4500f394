"""What leaves the pump, exactly, at any moment: a function of time that does not care how often it is asked (SR-75, SR-77)."""

from dataclasses import dataclass
from fractions import Fraction
from random import Random

from pump_sim.clock import HOUR_US
from pump_sim.models import Model
from pump_sim.state import Flow


def counted(flow: Flow, at_us: int) -> Fraction:
    """mL that the pump has counted by then; never less than before."""
    if at_us <= flow.since_us or not flow.rate:
        return flow.ml
    return flow.ml + flow.rate * (at_us - flow.since_us) / HOUR_US


def run_at(flow: Flow, at_us: int, rate: Fraction) -> None:
    """From now on at another rate in mL/h; 0: it stands still."""
    flow.ml = counted(flow, at_us)
    flow.since_us = max(at_us, flow.since_us)
    flow.rate = rate


def reached_at(flow: Flow, ml: Fraction) -> int | None:
    """The first microsecond at which so much is counted; None: never, at this rate."""
    if flow.ml >= ml:
        return flow.since_us
    if not flow.rate:
        return None
    micros = (ml - flow.ml) * HOUR_US / flow.rate
    return flow.since_us + -(-micros.numerator // micros.denominator)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the volume that really reaches the patient follows the count: a bias of the pump, and one ripple a stroke (section 3.4 of the requirements)."""

    bias: Fraction = Fraction(0)
    stroke: Fraction = Fraction(1)
    ripple: Fraction = Fraction(0)

    @classmethod
    def seeded(cls, model: Model, seed: int) -> "Delivery":
        """One pump's own bias, uniform within the model's, in steps of a ten-thousandth."""
        share = Random(seed).randint(-10_000, 10_000)
        return cls(model.bias_max * share / 10_000, model.stroke, model.ripple)

    def given(self, counted_ml: Fraction) -> Fraction:
        """mL in the patient when the pump has counted so many. Rises with the count, because the ripple's slope is below 1.

        Within a stroke the flow is ``1 + ripple`` in the first half and ``1 - ripple`` in the second: over a whole stroke nothing is gained or lost.
        """
        phase = (counted_ml / self.stroke) % 1
        swing = phase if phase <= Fraction(1, 2) else 1 - phase
        return counted_ml * (1 + self.bias) + self.ripple * swing * self.stroke
