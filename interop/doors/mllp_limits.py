"""What one peer, and all together, may take of the MLLP door, and what came of it (SEC-42)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Final

from interop.wire.hl7v2.mllp import MAX_BYTES, Fault

SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one door. Those "per peer" are of one certificate, whatever its address; before the handshake, of one address.

    Attributes:
        connections: open at once, handshakes among them.
        connections_per_peer: of these.
        in_flight: messages handed on and not answered, of all connections.
        in_flight_per_connection: of these; 1 hands on a message only when the one before has been answered.
        message_bytes: the largest content of a frame.
        messages_per_s: of one peer in the long run.
        burst: how many of one peer at once, after a pause.
        handshake_s: how long a TLS handshake may take.
        frame_s: how long a frame may take from its first byte to its last, while we read.
        idle_s: how long a connection may be silent with nothing to answer.
        answer_s: how long a message may be worked on before its sender is told to send it again.
        unread_s: how long a peer may leave its answers unread.
    """

    connections: int = 256
    connections_per_peer: int = 16
    in_flight: int = 512
    in_flight_per_connection: int = 8
    message_bytes: int = MAX_BYTES
    messages_per_s: int = 500
    burst: int = 1000
    handshake_s: float = 10
    frame_s: float = 30
    idle_s: float = 600
    answer_s: float = 30
    unread_s: float = 30

    def __post_init__(self) -> None:
        """Raises: ValueError: a bound is not above 0, or one peer alone could take all there is."""
        for each in fields(self):
            if getattr(self, each.name) <= 0:
                raise ValueError(f"{each.name} is above 0")
        if self.connections_per_peer >= self.connections:
            raise ValueError("one peer could take all connections of the door")
        if self.connections_per_peer * self.in_flight_per_connection >= self.in_flight:
            raise ValueError("one peer could take all that the door has in flight")


class Rate:
    """A token bucket of one peer, in whole nanoseconds of a monotonic clock (the generic cell rate algorithm)."""

    __slots__ = ("_ahead_ns", "_each_ns", "_empty_ns")

    def __init__(self, per_s: int, burst: int) -> None:
        self._each_ns = SECOND_NS // per_s
        self._ahead_ns = self._each_ns * (burst - 1)
        self._empty_ns = 0  # when all that was taken will have been paid for

    def wait_ns(self, now_ns: int) -> int:
        """How long until one may be taken; 0 is now."""
        return max(0, self._empty_ns - self._ahead_ns - now_ns)

    def take(self, now_ns: int) -> None:
        """Take one, whether or not it is time."""
        self._empty_ns = max(self._empty_ns, now_ns) + self._each_ns

    def is_full(self, now_ns: int) -> bool:
        """As good as new: nothing is known here that is worth keeping."""
        return self._empty_ns <= now_ns


class Slots:
    """The messages that the whole door may have in flight. Who finds none left is called, once and in turn, when there is one."""

    __slots__ = ("_free", "_total", "_waiting")

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._waiting: dict[Callable[[], None], None] = {}

    @property
    def taken(self) -> int:
        return self._total - self._free

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiting)

    def take(self, otherwise: Callable[[], None]) -> bool:
        """Take one; if there is none, remember ``otherwise``."""
        if self._free:
            self._free -= 1
            return True
        self._waiting[otherwise] = None
        return False

    def give_back(self) -> None:
        """Give one back, and call those that wait, the longest first, as long as there is one."""
        self._free += 1
        while self._free and self._waiting:
            first = next(iter(self._waiting))
            del self._waiting[first]
            first()

    def forget(self, otherwise: Callable[[], None]) -> None:
        """It waits no longer."""
        self._waiting.pop(otherwise, None)


class Cause(StrEnum):
    """Why the door ends a connection that the peer keeps."""

    IDLE = "idle"
    SLOW_FRAME = "slow frame"
    UNREAD = "answers unread"


@dataclass(slots=True)
class Tally:
    """What is counted, from the start of the door on.

    Attributes:
        accepted: connections.
        turned_away: connections that were over a limit.
        handshakes_failed: no certificate, a wrong one, an old version, too slow, or given up.
        received: messages handed on.
        answered: answers written, those of the door itself among them.
        silent: messages whose sender wanted no answer.
        undelivered: answers whose connection was gone: their sender will ask again.
        intake_failed: messages that the intake raised an error for, forgot or took too long for, which are answered CE; and faults of the door itself.
        refused: frames that hold no message, by why; answered CR.
        unterminated: connections that ended within a frame.
        garbage_bytes: bytes between frames.
        rate_limited: how often a peer had to wait, as it was too fast.
        paused_ns: how long reading was paused, of all connections.
        closed: connections ended by the door, by why.
        untold: incidents that were not told, as there were too many or telling failed.
    """

    accepted: int = 0
    turned_away: int = 0
    handshakes_failed: int = 0
    received: int = 0
    answered: int = 0
    silent: int = 0
    undelivered: int = 0
    intake_failed: int = 0
    refused: Counter[Fault] = field(default_factory=Counter)
    unterminated: int = 0
    garbage_bytes: int = 0
    rate_limited: int = 0
    paused_ns: int = 0
    closed: Counter[Cause] = field(default_factory=Counter)
    untold: int = 0

    def copy(self) -> "Tally":
        return replace(self, refused=Counter(self.refused), closed=Counter(self.closed))


@dataclass(frozen=True, slots=True)
class Figures:
    """What a door has done, and how it stands now: a snapshot.

    Attributes:
        tally: since its start.
        open: connections past their handshake.
        handshakes: connections in it.
        in_flight: messages handed on and not answered.
        waiting: connections that wait for others' messages to be answered first.
    """

    tally: Tally
    open: int
    handshakes: int
    in_flight: int
    waiting: int
