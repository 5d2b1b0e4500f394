"""The two clocks of a pump, and the world's clock that a fleet runs on: world = epoch + (real − epoch) × factor, or what a file of the demonstration says."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

log = logging.getLogger("pump_sim")

MICROSECONDS: Final = 1_000_000
HOUR_US: Final = 3600 * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Now:
    """One moment as the pump sees it.

    ``wall`` tells the date and may be wrong; ``mono_us`` counts microseconds since the pump was switched on, never jumps, and ends offers (D-09).
    ``link_us`` paces heartbeats and status. It counts real microseconds where the server lives in real time, however fast the pump's world runs, and the
    world's where the server shares the world's clock: to it a report is as old as the world says (SR-45).
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


class Clock(Protocol):
    """What time it is in the world of a pump."""

    @property
    def factor(self) -> Fraction:
        """How fast the world runs now."""

    def now(self) -> Now: ...

    def real_seconds(self, world_us: int) -> float:
        """How long to wait in reality for so much of the world's time to pass, or to ask again; for a timer of the event loop only."""

    def link_seconds(self, link_us: int) -> float:
        """The same for the link's time."""


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
        return float(world_us / self.factor / MICROSECONDS)

    def link_seconds(self, link_us: int) -> float:
        return link_us / MICROSECONDS


LOOK_S: Final = 0.25
"""A line of the file is written 0.3 s before it holds: who looks this often knows of it in time."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One line of the file: from ``wall`` of this machine's clock on, the world shows ``world`` plus ``factor`` times what has passed since."""

    wall: datetime
    world: datetime
    factor: int

    @classmethod
    def read(cls, line: str) -> "Stretch":
        """Raises: ValueError: it is none."""
        wall, world, factor = line.split()
        stretch = cls(datetime.fromisoformat(wall), datetime.fromisoformat(world), int(factor))
        if stretch.factor < 1 or stretch.wall.utcoffset() is None or stretch.world.utcoffset() is None:
            raise ValueError(line)
        return stretch

    def at(self, wall: datetime) -> datetime:
        return self.world + (wall - self.wall) * self.factor


class FileClock:
    """The world's clock of a demonstration: a growing file of lines ``WALL WORLD FACTOR`` that each of its processes reads, the server too.

    Time never goes back.
    """

    def __init__(self, path: Path, skew: timedelta = timedelta(0), wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """``skew`` makes the pump's wall clock wrong by so much; its monotonic one runs with the world.

        Raises: OSError; ValueError: a line is none, or there is none.
        """
        self._path, self._skew, self._wall = path, skew, wall
        self._stretches = _stretches(path)
        self._size = path.stat().st_size
        self._began = self._world = self._world_at(self._wall())

    @property
    def factor(self) -> Fraction:
        return Fraction(self._stretch(self._wall()).factor)

    def now(self) -> Now:
        self._look()
        self._world = max(self._world, self._world_at(self._wall()))
        mono_us = (self._world - self._began) // timedelta(microseconds=1)
        return Now(self._world + self._skew, mono_us, mono_us)

    def real_seconds(self, world_us: int) -> float:
        return min(float(world_us / self.factor / MICROSECONDS), LOOK_S)

    def link_seconds(self, link_us: int) -> float:
        return self.real_seconds(link_us)

    def _look(self) -> None:
        """A file that has become unreadable stops no pump: the world goes on as it was last told."""
        try:
            size = os.stat(self._path).st_size
            if size != self._size:
                self._size = size
                self._stretches = _stretches(self._path)
        except (OSError, ValueError) as error:
            log.error("the world clock %s cannot be read, time goes on as it was told: %s", self._path, error)

    def _stretch(self, wall: datetime) -> Stretch:
        return next((each for each in reversed(self._stretches) if each.wall <= wall), self._stretches[0])

    def _world_at(self, wall: datetime) -> datetime:
        return self._stretch(wall).at(wall)


def _stretches(path: Path) -> list[Stretch]:
    """The complete lines: one that is still being written holds later. Raises: OSError, ValueError."""
    complete, _, _ = path.read_text(encoding="ascii").rpartition("\n")
    stretches = [Stretch.read(line) for line in complete.splitlines()]
    if not stretches:
        raise ValueError(f"{path} has no line")
    return stretches


def _times(span: timedelta, factor: Fraction) -> timedelta:
    return timedelta(microseconds=int(span // timedelta(microseconds=1) * factor))
