"""Pumps that were connected when the server's last life ended: each has a while to come back before an order for it is checked (SR-47).

Without it, what was accepted just before a crash would be refused (9007) only because the server is quicker than the pumps.
"""

import asyncio
import contextlib
from typing import Final

RETURNS_WITHIN_S: Final = 15.0
"""A pump looks for its server after 1 s, then each time after twice as long (docs/pump-link.md); a sender waits for its RRG for twice this or more."""


class Returning:
    """Counts on the loop's clock from the start on; a pump that was away before is not waited for."""

    def __init__(self) -> None:
        self._awaited: dict[str, asyncio.Event] = {}
        self._until = 0.0

    def expect(self, pump_id: str) -> None:
        """At the start: this one was connected to the life before."""
        if not self._awaited:
            self._until = asyncio.get_running_loop().time() + RETURNS_WITHIN_S
        self._awaited.setdefault(pump_id, asyncio.Event())

    def came(self, pump_id: str) -> None:
        """It is connected again."""
        if event := self._awaited.pop(pump_id, None):
            event.set()

    @property
    def is_awaited(self) -> bool:
        """Whether any pump may still come."""
        return bool(self._awaited) and asyncio.get_running_loop().time() < self._until

    async def of(self, pump_id: str) -> None:
        """Until that pump is back, or its time is over; at once for any other."""
        event = self._awaited.get(pump_id)
        if event is None or not self.is_awaited:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._until):
                await event.wait()
