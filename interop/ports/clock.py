"""Today's time, as a port: nothing inside asks the system for it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Today's time, so that a whole hospital can be run without waiting."""

    def now(self) -> datetime:
        """The current instant, with an offset."""
