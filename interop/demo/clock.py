"""The world clock of the demonstration: one file that every process of it reads, so that all of them live in the same time (design: Time in the demo).

The file only grows. A line is ``WALL WORLD FACTOR``: from the instant WALL of this machine's clock on, the world's clock shows WORLD plus FACTOR times
what has passed since WALL. Both are RFC 3339 with an offset, FACTOR is a whole number from 1. A line is written before its WALL comes, and begins where
the line before it has got to, so whoever reads in between loses nothing and time never goes back. Waits on sockets stay in wall time.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

LEAD_S: Final = 0.3
"""How long before it holds a line is written, in seconds of the wall: readers look at least this often."""
FASTEST: Final = 3600


@dataclass(frozen=True, slots=True)
class Stretch:
    """One line: world time from ``wall`` on."""

    wall: datetime
    world: datetime
    factor: int

    def at(self, wall: datetime) -> datetime:
        return self.world + (wall - self.wall) * self.factor

    def line(self) -> str:
        return f"{self.wall.isoformat()} {self.world.isoformat()} {self.factor}\n"

    @classmethod
    def read(cls, line: str) -> "Stretch":
        """Raises: ValueError: it is none."""
        wall, world, factor = line.split()
        stretch = cls(datetime.fromisoformat(wall), datetime.fromisoformat(world), int(factor))
        if stretch.factor < 1 or stretch.wall.utcoffset() is None or stretch.world.utcoffset() is None:
            raise ValueError(line)
        return stretch


def read_stretches(path: Path) -> list[Stretch]:
    """The complete lines. Raises: OSError; ValueError: a line is none, or there is none."""
    complete, _, _ = path.read_text(encoding="ascii").rpartition("\n")
    stretches = [Stretch.read(line) for line in complete.splitlines()]
    if not stretches:
        raise ValueError(f"{path} has no line")
    return stretches


class WorldClock:
    """What time it is in the demonstration."""

    def __init__(self, path: Path, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Raises: OSError, ValueError."""
        self._path, self._wall = path, wall
        self._size = -1
        self._stretches: list[Stretch] = []
        self.now()

    def now(self) -> datetime:
        wall = self._wall()
        size = self._path.stat().st_size
        if size != self._size:
            self._size, self._stretches = size, read_stretches(self._path)
        begun = [stretch for stretch in self._stretches if stretch.wall <= wall]
        return (begun[-1] if begun else self._stretches[0]).at(wall)

    @classmethod
    def begin(cls, path: Path) -> "WorldClock":
        """A world whose time is this machine's. Raises: OSError: the file is there already, or cannot be written."""
        now = datetime.now(UTC)
        with path.open("x", encoding="ascii") as file:
            file.write(Stretch(now, now, 1).line())
        return cls(path)

    def hurry(self, passes: timedelta, factor: int, sleep: Callable[[float], None] = time.sleep) -> None:
        """Let ``passes`` go by in the world, ``factor`` times as fast as at the wall, and then at the wall's pace again; returns when it has.

        Raises: ValueError: a factor below 1 or above ``FASTEST``.
        """
        if not 1 <= factor <= FASTEST:
            raise ValueError(f"the world runs 1 to {FASTEST} times as fast")
        starts = self._wall() + timedelta(seconds=LEAD_S)
        self.now()
        quick = Stretch(starts, self._stretches[-1].at(starts), factor)
        ends = starts + passes / factor
        slow = Stretch(ends, quick.at(ends), 1)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, (quick.line() + slow.line()).encode("ascii"))
        finally:
            os.close(file)
        while (left := (ends - self._wall()).total_seconds()) > 0:
            sleep(left)
