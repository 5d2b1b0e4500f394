"""What one pump, and all together, may take of the pump link's door, and what came of it (SEC-42)."""

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """Bounds of one door. A pump is told apart by its certificate; before its hello, connections are counted by address.

    Attributes:
        links: pumps at once.
        before_hello: connections that have not said hello, handshakes among them.
        before_hello_per_address: of these.
        frames_per_s: of one pump in the long run; reading from a faster one pauses.
        burst: how many of one pump at once, after a pause: a log that waited is told in one go.
        unsent: frames to one pump that wait for it to read.
        unread_bytes: bytes that one pump may leave unread.
        handshake_s: how long TLS, and then the opening of the WebSocket, may take.
        hello_s: how long the first frame may take.
        silence_s: after how long without a frame a pump is taken for lost (SR-45).
        unread_s: how long a pump may leave us unable to write.
        close_s: how long the other side may take to end a connection that we close.
    """

    links: int = 2048
    before_hello: int = 256
    before_hello_per_address: int = 64
    frames_per_s: int = 500
    burst: int = 2000
    unsent: int = 64
    unread_bytes: int = 1_048_576
    handshake_s: float = 10
    hello_s: float = 10
    silence_s: float = 30
    unread_s: float = 10
    close_s: float = 5

    def __post_init__(self) -> None:
        """Raises: ValueError: a bound is not above 0, or one address alone could take all there is."""
        for each in fields(self):
            if getattr(self, each.name) <= 0:
                raise ValueError(f"{each.name} is above 0")
        if self.before_hello_per_address >= self.before_hello:
            raise ValueError("one address could take all connections before their hello")


class Code:
    """Closing codes (docs/pump-link.md, section 1; RFC 6455, 7.4.1)."""

    BAD_FRAME: Final = 1008
    OUR_FAULT: Final = 1011
    RESTART: Final = 1012
    AGAIN_LATER: Final = 1013
    REPLACED: Final = 4000
    REFUSED: Final = 4001
    SILENT: Final = 4002


class Incident(StrEnum):
    """What the door tells of, beside what it counts; told of with the peer and a detail in words of the door's own."""

    TURNED_AWAY = "turned away"
    HANDSHAKE_FAILED = "handshake failed"
    HELLO_REFUSED = "hello refused"
    FRAME_REFUSED = "frame refused"
    NOT_KEPT = "not kept"
    CLOSED = "closed by the door"
    FAULT = "fault of ours"


@dataclass(slots=True)
class LinkTally:
    """What is counted, from the start of the door on.

    Attributes:
        turned_away: connections that were over a limit.
        handshakes_failed: no certificate, a wrong one, an old version, not our WebSocket, too slow, or given up.
        hellos: pumps that were let in.
        refused: hellos that were not taken, by why.
        heard: frames that were handed to conduct and kept where they must be.
        bad_frames: frames that are not in the contract; each ended its connection.
        not_kept: frames that the record could not keep; each ended its connection, and its pump says it again.
        sent: frames written.
        rate_limited: how often a pump had to wait, as it was too fast.
        closed: links ended by the door, by closing code; 0: without one, as the pump did not read.
        untold: incidents that were not told, as there were too many.
    """

    turned_away: int = 0
    handshakes_failed: int = 0
    hellos: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    heard: int = 0
    bad_frames: int = 0
    not_kept: int = 0
    sent: int = 0
    rate_limited: int = 0
    closed: Counter[int] = field(default_factory=Counter)
    untold: int = 0

    def copy(self) -> "LinkTally":
        return replace(self, refused=Counter(self.refused), closed=Counter(self.closed))


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """What a door has done, and how it stands now: a snapshot. ``links``: pumps connected; ``before_hello``: who knocks."""

    tally: LinkTally
    links: int
    before_hello: int
