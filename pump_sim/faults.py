"""Faults by name, one for each step of the handshake (SR-98). They stand between the pump and its link, and are only there when they are asked for.

A pump is one thing and its link another: what is dropped here was never heard, what is cut here was made durable and will be told again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pump_sim.wire import Frame

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "drop-offer": "an offer is lost before the pump sees it: the answer to a withdrawal is never_seen",
        "cut-before-shown": "the link breaks when an offer arrives, and the pump has not seen it",
        "cut-after-shown": "the offer is on the screen, and the link breaks before offer_shown leaves: it is told after the next hello",
        "late-shown": "offer_shown leaves 8 s after the offer came, when nobody waits for it any more",
        "crash-before-shown": "the pump loses power when an offer arrives, before anything is written",
        "crash-after-shown": "the pump loses power after offer_shown has left",
        "refuse-offer": "every offer is refused, as if the channel were busy",
        "cut-before-decision": "the decision is written, and the link breaks before it leaves",
        "crash-before-decision": "the pump loses power before the decision is written: the clinician's confirmation is lost with it",
        "crash-after-decision": "the decision is written, and the pump loses power before it leaves",
        "crash-after-start": "the start is written, and the pump loses power before it is told",
        "drop-withdraw": "a withdrawal is lost before the pump sees it",
        "late-withdraw": "the answer to a withdrawal leaves after 8 s",
        "cut-after-withdraw": "the offer is taken back, and the link breaks before the answer leaves",
        "drop-read-back": "a read_back is never answered",
        "drop-ack": "acknowledgements are not heard: everything is told again after the next hello",
        "duplicate-log": "every log frame leaves twice",
        "reorder-log": "two log frames that leave together change places",
        "gap-log": "one log frame does not leave, and the link stays: its number is missing until the next hello",
        "silent": "no heartbeat leaves",
        "stale-clock": "the pump's wall clock is ten minutes behind",
        "fast-clock": "the pump's wall clock is ten minutes ahead",
        "wrong-library-hash": "the pump reports another hash for the same library version",
        "no-library": "the pump has no drug library",
        "bad-frame": "a frame that the contract does not have leaves once",
        "other-name": "hello tells another pump id than the certificate",
        "lost-log": "the pump has lost its log: it begins another one",
    }
)

ONCE = frozenset(
    name for name in FAULTS if name.startswith(("cut-", "crash-", "drop-", "late-")) or name in ("gap-log", "reorder-log", "bad-frame")
)
"""These strike once each; the others last."""

AT_START = frozenset({"refuse-offer", "stale-clock", "fast-clock", "wrong-library-hash"})
"""These are how a pump is made, and cannot come over it later."""

LATE_S = 8
SKEW_MIN: Mapping[str, int] = MappingProxyType({"stale-clock": -10, "fast-clock": 10})


class UnknownFault(ValueError):
    """There is no fault of this name."""


@dataclass(slots=True)
class Sent:
    """What becomes of frames on their way out: ``now`` leaves, ``late`` leaves after 8 s, then perhaps the link breaks or the pump loses power."""

    now: list[Frame] = field(default_factory=list)
    late: list[Frame] = field(default_factory=list)
    cut: bool = False
    crash: bool = False


@dataclass(slots=True)
class Heard:
    """What becomes of one frame on its way in."""

    arrives: bool = True
    cut: bool = False
    crash: bool = False


class Faults:
    """The faults that are on for one pump."""

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        """Raises: UnknownFault."""
        for name in names:
            if name not in FAULTS:
                raise UnknownFault(f"there is no fault {name!r}: pump-sim faults lists them")
        self.on = set(names)

    def strikes(self, name: str) -> bool:
        if name not in self.on:
            return False
        if name in ONCE:
            self.on.discard(name)
        return True

    def hears(self, frame: Mapping[str, Any]) -> Heard:
        """One frame of the server, before the pump."""
        match frame.get("frame"):
            case "offer":
                if self.strikes("drop-offer"):
                    return Heard(arrives=False)
                if self.strikes("cut-before-shown"):
                    return Heard(arrives=False, cut=True)
                if self.strikes("crash-before-shown"):
                    return Heard(arrives=False, crash=True)
            case "withdraw":
                return Heard(arrives=not self.strikes("drop-withdraw"))
            case "read_back":
                return Heard(arrives=not self.strikes("drop-read-back"))
            case "ack":
                return Heard(arrives=not self.strikes("drop-ack"))
        return Heard()

    def loses_before_writing(self, kept: list[Frame]) -> bool:
        """Power goes before this is durable: it never was."""
        return any(frame["frame"] == "decision" for frame in kept) and self.strikes("crash-before-decision")

    def says(self, frames: list[Frame]) -> Sent:
        """Frames of the pump that are durable already, before they leave."""
        sent = Sent()
        if "reorder-log" in self.on:
            frames = self._reordered(frames)
        for frame in frames:
            if sent.cut or sent.crash:
                break
            self._say(frame, sent)
        return sent

    def _say(self, frame: Frame, sent: Sent) -> None:
        kind, what = frame["frame"], frame.get("kind")
        if kind == "heartbeat" and self.strikes("silent"):
            return
        if kind == "hello":
            sent.now.append(self._hello(frame))
            return
        if (kind == "offer_shown" and self.strikes("cut-after-shown")) or (kind == "decision" and self.strikes("cut-before-decision")):
            sent.cut = True
            return
        if (kind == "decision" and self.strikes("crash-after-decision")) or (what == "started" and self.strikes("crash-after-start")):
            sent.crash = True
            return
        is_answer = kind in ("withdrawn", "never_seen", "confirmed")
        if is_answer and self.strikes("cut-after-withdraw"):
            sent.cut = True
            return
        if (kind == "offer_shown" and self.strikes("late-shown")) or (is_answer and self.strikes("late-withdraw")):
            sent.late.append(frame)
            return
        if "number" in frame and self.strikes("gap-log"):
            return
        sent.now += [frame, frame] if "number" in frame and self.strikes("duplicate-log") else [frame]
        if kind == "status" and self.strikes("bad-frame"):
            sent.now.append({"frame": "start", "channel_id": "A"})
        if kind == "offer_shown" and self.strikes("crash-after-shown"):
            sent.crash = True

    def _hello(self, frame: Frame) -> Frame:
        if "other-name" in self.on:
            return {**frame, "pump_id": f"{frame['pump_id']}-X"}
        return frame

    def _reordered(self, frames: list[Frame]) -> list[Frame]:
        numbered = [place for place, frame in enumerate(frames) if "number" in frame]
        if len(numbered) < 2 or not self.strikes("reorder-log"):
            return frames
        first, second = numbered[:2]
        swapped = list(frames)
        swapped[first], swapped[second] = swapped[second], swapped[first]
        return swapped
