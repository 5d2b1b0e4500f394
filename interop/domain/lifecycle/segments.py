"""The rate history of an infusion: intervals at one rate, each with its volume from the counters where that can be told."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from interop.domain.lifecycle.counters import Counted
from interop.domain.quantity import Quantity


class Kind(Enum):
    """What an interval gave."""

    RATE = "rate"
    KVO = "kvo"
    BOLUS = "bolus"


@dataclass(frozen=True, slots=True)
class Segment:
    """An interval that is over. ``rate`` None: not told. ``volume`` (mL) None: it cannot be told, which is not zero."""

    kind: Kind
    start: datetime
    end: datetime
    rate: Quantity | None
    volume: Quantity | None

    @property
    def is_empty(self) -> bool:
        """Over the moment it began, with nothing known to have been given: a pause or KVO that was found, told right after."""
        return self.start == self.end and self.kind is not Kind.BOLUS and (self.volume is None or not self.volume.value)


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """The interval that goes on, and the count at its start."""

    kind: Kind
    start: datetime
    rate: Quantity | None
    counted: Counted

    def closed(self, end: datetime, counted: Counted) -> Segment:
        """By the counters; a bolus has a counter of its own, and without it its volume cannot be told."""
        volume = None if self.kind is Kind.BOLUS else counted.since(self.counted)
        return Segment(self.kind, self.start, end, self.rate, volume)
