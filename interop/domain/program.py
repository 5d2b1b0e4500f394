"""What an offer would set on a channel: exact, rounded once to the pump's step, with the arithmetic that led to it."""

from dataclasses import dataclass
from fractions import Fraction

from interop.domain.delivery import SecondCheck
from interop.domain.library import LibraryEntry, LibraryRef
from interop.domain.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Rounded:
    """A value before and after the one rounding, both kept (SR-30). ``step`` is the pump's, in the same unit."""

    asked: Quantity
    set: Quantity
    step: Fraction

    @property
    def error(self) -> Fraction:
        """Part of the asked value, never negative; 0 when nothing was asked."""
        return abs(self.set.value - self.asked.value) / self.asked.value if self.asked.value else Fraction(0)


class WeightSource:
    """Where the dosing weight comes from (D-17)."""

    ORDER = "order"
    PUMP = "pump"
    RUNNING = "running infusion"  # a titration keeps the weight that the infusion is dosed by


@dataclass(frozen=True, slots=True)
class Changes:
    """The infusion that a titration would change, and what it is set to now: the old values beside the new (SR-37). Rate in mL/h.

    ``infusion_id`` is the pump's own, so that the offer is bound to this very infusion.
    """

    infusion_id: str
    rate: Quantity
    dose_rate: Quantity | None  # in the unit that the channel doses in; None for a plain fluid


@dataclass(frozen=True, slots=True)
class Program:
    """One attempt, as numbers: the pump runs ``rate``; ``dose_rate`` (or ``dose`` over ``duration``) is what that really gives, after rounding.

    Rates in mL/h, volumes in mL, dose rate and dose in the entry's dosing unit, duration in min.
    """

    entry: LibraryEntry
    library: LibraryRef
    rate: Rounded
    concentration: Quantity | None  # amount per mL; None for a plain fluid
    container_volume: Quantity | None
    vtbi: Rounded | None
    dose_rate: Rounded | None  # continuous; as ordered, and as the rounded rate gives it
    dose: Rounded | None  # dose over time; as ordered, and as rate × duration or VTBI give it
    duration: Quantity | None
    weight: Quantity | None
    weight_source: str
    body_surface_area: Quantity | None
    total_dose: Quantity | None  # what the whole program would give, in the amount's unit (not per kg)
    changes: Changes | None = None  # a titration: rate and dose rate change, and nothing else; None: a program of its own

    @property
    def second_check(self) -> SecondCheck:
        return self.entry.second_check
