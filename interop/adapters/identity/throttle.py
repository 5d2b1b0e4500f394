"""Brakes on guessing and on flooding the audit, counted in bounded memory on the clock that is given; a restart forgets them."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from interop.ports import Clock

T = TypeVar("T")

MOST_KEYS: Final = 10_000
"""Users or peers that are remembered; the one that was quiet longest is forgotten first. One peer cannot fill this: its own brake stops it before."""


class Recent(Generic[T]):
    """A dictionary of what was used last, never larger than ``most``."""

    def __init__(self, make: Callable[[], T], most: int = MOST_KEYS) -> None:
        self._make, self._most = make, most
        self._kept: OrderedDict[str, T] = OrderedDict()

    def __getitem__(self, key: str) -> T:
        if key not in self._kept:
            self._kept[key] = self._make()
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)

    def peek(self, key: str) -> T | None:
        """What is there, without making it or counting as a use."""
        return self._kept.get(key)

    def pop(self, key: str) -> None:
        """Forget it."""
        self._kept.pop(key, None)


@dataclass(frozen=True, slots=True)
class Patience:
    """So many failures are free; each further one doubles the wait, from one second to ``longest_s``. After ``forget_s`` of quiet all is forgotten."""

    free: int
    longest_s: int = 900
    forget_s: int = 900


FOR_USER: Final = Patience(free=5)
FOR_PEER: Final = Patience(free=30)
"""A ward's terminals may share one address."""


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last_at: datetime | None = None
    until: datetime | None = None
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Not now: ``wait_s`` seconds are left. ``is_first`` of this wait: it is recorded, those that follow are not."""

    wait_s: int
    is_first: bool


class Throttle:
    """Counts an attempt as failed before it is judged, so that a thousand at once are not a thousand guesses; a success takes it back."""

    def __init__(self, clock: Clock, patience: Patience, most: int = MOST_KEYS) -> None:
        self._clock, self._patience = clock, patience
        self._counts: Recent[_Count] = Recent(_Count, most)

    def enter(self, key: str) -> Stop | None:
        """Begin an attempt; ``Stop``: it may not be made. An attempt that was stopped does not lengthen the wait."""
        now, count = self._clock.now(), self._counts[key]
        if count.until is not None and now < count.until:
            is_first, count.is_told = not count.is_told, True
            return Stop(max(1, -((now - count.until) // timedelta(seconds=1))), is_first)
        if count.last_at is not None and now - count.last_at > timedelta(seconds=self._patience.forget_s):
            count.failures = 0
        count.failures, count.last_at, count.is_told = count.failures + 1, now, False
        over = count.failures - self._patience.free
        wait_s = 0 if over < 0 else min(2 ** min(over, 30), self._patience.longest_s)
        count.until = now + timedelta(seconds=wait_s) if wait_s else None
        return None

    def succeeded(self, key: str, *, wholly: bool) -> None:
        """The attempt was right: forget all failures of a user (``wholly``), of a peer that one only, or one good account would pay for many guesses."""
        if wholly:
            self._counts.pop(key)
            return
        count = self._counts[key]
        count.failures, count.until = max(0, count.failures - 1), None


@dataclass(slots=True)
class _Minute:
    began_at: datetime | None = None
    taken: int = 0
    held_back: int = 0


class Meter:
    """How many refusals of one peer are written to the audit: ``per_minute``; the next row that is written says how many were not."""

    def __init__(self, clock: Clock, per_minute: int = 30, most: int = MOST_KEYS) -> None:
        self._clock, self._per_minute = clock, per_minute
        self._minutes: Recent[_Minute] = Recent(_Minute, most)

    def take(self, key: str) -> int | None:
        """``None``: do not write this one. A number: write it, and that so many before it were not written."""
        now, minute = self._clock.now(), self._minutes[key]
        if minute.began_at is None or not timedelta(0) <= now - minute.began_at < timedelta(minutes=1):
            minute.began_at, minute.taken = now, 0
        if minute.taken >= self._per_minute:
            minute.held_back += 1
            return None
        held_back, minute.held_back = minute.held_back, 0
        minute.taken += 1
        return held_back
