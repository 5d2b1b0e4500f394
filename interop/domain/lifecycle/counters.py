"""Delivered volume from the pump's cumulative counter: never counted twice, never negative, and honest about what cannot be told (SR-51)."""

from dataclasses import dataclass, replace

from interop.domain.quantity import Quantity

NOTHING = Quantity.of("0", "mL")


@dataclass(frozen=True, slots=True)
class Counted:
    """What the readings add up to.

    ``highest`` is the highest reading since the counter last began anew (None: none yet). ``total`` is in mL. ``gaps`` counts what could not be
    counted: with any gap ``total`` says "at least". ``is_current``: the last event told a reading, so ``total`` is of that moment.
    """

    highest: Quantity | None = None
    total: Quantity = NOTHING
    gaps: int = 0
    is_current: bool = False

    def read(self, delivered: Quantity | None) -> "Counted":
        """After an event with this reading (None: it told none).

        A reading below the highest is a late word, or a counter that began anew unsaid; nobody can tell which, so it adds nothing and leaves a gap.
        """
        if delivered is None:
            return replace(self, is_current=False)
        if self.highest is None:
            return replace(self, highest=delivered, gaps=self.gaps + 1, is_current=True)
        if delivered < self.highest:
            return replace(self, gaps=self.gaps + 1, is_current=False)
        return Counted(delivered, _sum(self.total, delivered, self.highest), self.gaps, is_current=True)

    def began_anew(self, before: Quantity | None, after: Quantity | None) -> "Counted":
        """After a reset: ``before`` is the last value before it, ``after`` the first one since. What neither tells is a gap."""
        closed = self.read(before)
        return Counted(after, closed.total, closed.gaps + (before is None), is_current=after is not None)

    def apart(self, volume: Quantity | None) -> "Counted":
        """After a bolus that the cumulative counter does not include; None: its volume was not told, a gap."""
        if volume is None:
            return replace(self, gaps=self.gaps + 1)
        return replace(self, total=_sum(self.total, volume, NOTHING))

    def since(self, earlier: "Counted") -> Quantity | None:
        """The volume between two moments, in mL; None: it cannot be told."""
        if earlier.is_current and self.is_current and self.gaps == earlier.gaps:
            return _sum(NOTHING, self.total, earlier.total)
        return None


def opened_at(delivered: Quantity | None) -> Counted:
    """The count of an infusion that starts at this reading of the counter; without one the first reading to come opens it, and leaves a gap."""
    return Counted(highest=delivered, is_current=delivered is not None)


def _sum(total: Quantity, more: Quantity, less: Quantity) -> Quantity:
    return Quantity(total.to("mL").value + more.to("mL").value - less.to("mL").value, "mL")
