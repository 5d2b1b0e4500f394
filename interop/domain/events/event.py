"""What every event has: a stable type name, a version, our time, and the pump's own time where a pump said it (SR-11)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class PumpSaid:
    """When the pump says it happened, what to add for our time, and the pump's own number for it (one message of the log ``log_id``).

    ``correction`` None: the error of the pump's clock is unknown (D-24). ``number`` None: this pump does not number what it says.
    """

    said_at: datetime
    correction: timedelta | None
    log_id: str = ""
    number: int | None = None

    @property
    def corrected(self) -> datetime:
        """The pump's time plus the correction; with an unknown correction the pump's word as it is."""
        return self.said_at if self.correction is None else self.said_at + self.correction

    def is_after(self, other: "PumpSaid") -> bool:
        """Said later than the other: by number within one log, else by time. False for the same word said again, whatever its correction is by now."""
        if self.log_id == other.log_id and self.number is not None and other.number is not None:
            return self.number > other.number
        return self.said_at != other.said_at and self.corrected > other.corrected


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. ``type`` and ``version`` name the shape of its row for ever; any change of a field is a new version and an upcast."""

    type: ClassVar[str]
    version: ClassVar[int] = 1

    at: datetime  # our clock, when it was recorded; with an offset

    @property
    def happened_at(self) -> datetime:
        """When it happened, as well as we know: our own time, or the pump's for what a pump said."""
        return self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldByPump(Event):
    """An event that a pump said. ``pump`` None: it came without the pump's time, as an answer of a PCD-03 gateway does."""

    pump: PumpSaid | None

    @property
    def happened_at(self) -> datetime:
        return self.at if self.pump is None else self.pump.corrected


def meaning(event_type: type[Event]) -> str:
    """The one line that says what the event tells: the first of its docstring."""
    return (event_type.__doc__ or "").strip().splitlines()[0]
