"""Whether the record takes commits: while it does not, nothing new is programmed, and when it does again a person is told how long that was."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from interop.ports import Record, StoreHealth, StoreState

Healed = Callable[[datetime, str], None]
"""Told once after every failure that is over: since when commits did not work, and why."""


class Gate:
    """Open while the store is. ``healed`` is called in the loop when it opens again."""

    def __init__(self, record: Record, healed: Healed) -> None:
        self._healed = healed
        self._open = asyncio.Event()
        self._failing: tuple[datetime, str] | None = None
        self._end = record.watch(self._told)
        self._told(record.health())

    @property
    def failing_since(self) -> datetime | None:
        """Since when commits fail; ``None``: they work."""
        return None if self._failing is None else self._failing[0]

    async def is_open(self) -> None:
        """Until commits work."""
        await self._open.wait()

    def close(self) -> None:
        """Listen no longer."""
        self._end()

    def _told(self, health: StoreHealth) -> None:
        if health.state is StoreState.FAILING:
            self._open.clear()
            since = health.since if self._failing is None else self._failing[0]
            self._failing = (since, type(health.cause).__name__)
            return
        self._open.set()  # also when it is closed: who goes on then is told so at once
        if health.state is StoreState.OPEN and self._failing is not None:
            (since, why), self._failing = self._failing, None
            self._healed(since, why)
