"""Who stands at a pump: the badge that was read last, until nobody has pressed a key for three minutes; and how a scanner's line is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pump_sim.clock import MICROSECONDS
from pump_sim.wire import ID

IDLE_S: Final = 180
AREA: Final = "AREA:"
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Badge:
    id: str


@dataclass(frozen=True, slots=True)
class Wristband:
    """``4711^^^HOSP``: PID-3 as it is printed on the wrist. ``name`` may follow behind a bar."""

    id: str
    authority: str
    name: str


@dataclass(frozen=True, slots=True)
class CareArea:
    name: str


@dataclass(frozen=True, slots=True)
class Unread:
    """The line is none of them; the words say why."""

    why: str


Scan = Badge | Wristband | CareArea | Unread


def read_scan(line: str) -> Scan:
    """What a hand scanner has typed. Each kind has a form of its own: nothing is guessed from what happens to be known."""
    line = line.strip()
    if not line or len(line) > LONGEST or not line.isprintable():
        return Unread("Nothing readable was scanned")
    if line.startswith(AREA):
        return CareArea(line.removeprefix(AREA))
    if "^" in line:
        told, _, name = line.partition("|")
        number, *rest = told.split("^")
        if len(rest) != 3 or rest[:2] != ["", ""] or not number or not rest[2]:
            return Unread("This wristband cannot be read: number^^^authority is wanted")
        return Wristband(number, rest[2], name.strip())
    if not ID.fullmatch(line):
        return Unread("This is no badge, wristband or care area")
    return Badge(line)


class Hands:
    """The badge at each pump, and what the pump answered last to what is no channel's."""

    def __init__(self, real_us: Callable[[], int]) -> None:
        self._real_us = real_us
        self._badges: dict[str, tuple[str, int]] = {}
        self._told: dict[str, tuple[str, int]] = {}

    def badge(self, pump_id: str) -> str:
        """Empty: nobody is known to stand there."""
        return self._fresh(self._badges, pump_id)

    def told(self, pump_id: str) -> str:
        return self._fresh(self._told, pump_id)

    def read(self, pump_id: str, badge: str) -> None:
        self._badges[pump_id] = badge, self._real_us()

    def touch(self, pump_id: str) -> None:
        """Any key: whoever is there is still there."""
        if badge := self.badge(pump_id):
            self.read(pump_id, badge)

    def leave(self, pump_id: str) -> None:
        self._badges.pop(pump_id, None)

    def tell(self, pump_id: str, words: str) -> None:
        self._told[pump_id] = words, self._real_us()

    def _fresh(self, kept: dict[str, tuple[str, int]], pump_id: str) -> str:
        text, at = kept.get(pump_id, ("", 0))
        return text if self._real_us() - at < IDLE_S * MICROSECONDS else ""
