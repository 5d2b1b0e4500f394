"""The world as the server has it: the system's clock, and ids that sort as they were given."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: in the order of ASCII, no letter that looks like another
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
    written = ""
    for _ in range(digits):
        number, digit = divmod(number, 32)
        written = DIGITS[digit] + written
    return written
