"""The two clocks of a pump, and the world's clock that a fleet runs on: world = epoch + (real − epoch) × factor."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

MICROSECONDS: Final = 1_000_000
HOUR_US: Final = 3600 * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Now:
    """One moment as the pump sees it.

    ``wall`` tells the date and may be wrong; ``mono_us`` counts microseconds since the pump was switched on, never jumps, and ends offers (D-09).
    ``link_us`` counts real microseconds and paces heartbeats and status, because socket time-outs stay in real time when the world runs faster.
    """

    wall: datetime
    mono_us: int
    link_us: int

    @classmethod
    def at(cls, wall: datetime, mono_us: int) -> "Now":
        """A moment of a world that runs at factor 1, or wholly on virtual time."""
        return cls(wall, mono_us, mono_us)

    def back_to(self, mono_us: int) -> datetime:
        """What the wall clock showed when the monotonic one stood at ``mono_us``."""
        return self.wall - timedelta(microseconds=self.mono_us - mono_us)

    def later(self, microseconds: int) -> "Now":
        return Now(self.wall + timedelta(microseconds=microseconds), self.mono_us + microseconds, self.link_us + microseconds)


def real_us() -> int:
    """Real microseconds of this machine's monotonic clock."""
    return time.monotonic_ns() // 1000


class WorldClock:
    """The clock of a simulated world. All who are given the same epoch and factor agree on it (design: Time in the demo)."""

    def __init__(self, epoch: datetime | None = None, factor: Fraction = Fraction(1), skew: timedelta = timedelta(0)) -> None:
        """``epoch``: the real instant at which world and reality agree; None: now. ``skew`` makes the wall clock wrong by so much."""
        real, self._real_at = datetime.now(UTC), real_us()
        self.factor = factor
        self._world_at = real if epoch is None else epoch + _times(real - epoch, factor)
        self._skew = skew

    def now(self) -> Now:
        link_us = real_us()
        mono_us = int((link_us - self._real_at) * self.factor)
        return Now(self._world_at + timedelta(microseconds=mono_us) + self._skew, mono_us, link_us)

    def real_seconds(self, world_us: int) -> float:
        """How long to wait in reality for so much of the world's time to pass; for a timer of the event loop only."""
        return float(world_us / self.factor / MICROSECONDS)


def _times(span: timedelta, factor: Fraction) -> timedelta:
    return timedelta(microseconds=int(span // timedelta(microseconds=1) * factor))
