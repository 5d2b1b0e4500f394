"""The world as the server has it: the system's clock, and ids that sort as they were given."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: in the order of ASCII, no letter that looks like another
PAIRS: Final = tuple(first + second for first in DIGITS for second in DIGITS)
TIME_DIGITS: Final = 10
TAIL_DIGITS: Final = 10
TAIL_BITS: Final = 5 * TAIL_DIGITS


class SystemClock:
    """The system's time, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class TimeOrderedIds:
    """Ids of 20 characters: 10 of milliseconds since 1970, 10 that begin at random in each millisecond and count from there.

    So they sort as they were given on this node, also when its clock is set back, and two nodes or two lives of one never give the same.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns, random_bits: Callable[[int], int] = secrets.randbits) -> None:
        self._now_ns, self._random_bits = now_ns, random_bits
        self._at_ms, self._tail = 0, 0
        self._head = ""

    def new(self) -> str:
        """The next one."""
        at_ms = self._now_ns() // 1_000_000
        if at_ms > self._at_ms:
            self._at_ms, self._tail = at_ms, self._random_bits(TAIL_BITS - 1)  # the upper half is room to count in
            self._head = _written(at_ms, TIME_DIGITS)
        else:
            self._tail += 1
            if self._tail >> TAIL_BITS:  # a clock set far back
                self._at_ms, self._tail = self._at_ms + 1, 0
                self._head = _written(self._at_ms, TIME_DIGITS)
        return self._head + _written(self._tail, TAIL_DIGITS)


def _written(number: int, digits: int) -> str:
    """``digits`` of them, an even number, two at a time."""
    written = ""
    for _ in range(0, digits, 2):
        written = PAIRS[number & 1023] + written
        number >>= 10
    return written


class WorldClock:
    """The one clock of a demonstration, which every process of it reads from a file that only grows (design: Time in the demo).

    A line is ``WALL WORLD FACTOR``: from the instant WALL of the system's clock on, the time is WORLD plus FACTOR times what has passed since WALL.
    Both instants carry an offset, FACTOR is a whole number from 1. Lines are written before they hold, and join on; a last line without its end is
    not read yet. For a demo on loopback only: the service does not start with it otherwise (SEC-41).
    """

    def __init__(self, path: Path, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Raises: OSError; ValueError: a line is none, or there is none."""
        self._path, self._wall = path, wall
        self._size = -1
        self._lines: list[tuple[datetime, datetime, int]] = []
        self._latest = self._read(wall())

    def now(self) -> datetime:
        """The world's time, which never goes back."""
        self._latest = max(self._latest, self._read(self._wall()))
        return self._latest

    def _read(self, wall: datetime) -> datetime:
        size = self._path.stat().st_size
        if size != self._size:
            whole = self._path.read_text(encoding="ascii").rpartition("\n")[0]
            self._lines, self._size = [_line(line) for line in whole.splitlines()], size
            if not self._lines:
                raise ValueError(f"{self._path} has no line")
        begun = [line for line in self._lines if line[0] <= wall]
        since, world, factor = begun[-1] if begun else self._lines[0]
        return (world + (wall - since) * factor).astimezone(UTC)


def _line(text: str) -> tuple[datetime, datetime, int]:
    wall, world, factor = text.split()
    line = datetime.fromisoformat(wall), datetime.fromisoformat(world), int(factor)
    if line[0].utcoffset() is None or line[1].utcoffset() is None or line[2] < 1:
        raise ValueError("not a line of a world clock")
    return line
