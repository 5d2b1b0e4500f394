"""Virtual time: an event loop that never waits. When nothing is ready to run, it moves on to the next moment at which something is."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

MORNING = datetime(2026, 3, 2, 8, 0, 0, tzinfo=UTC)


class Stuck(RuntimeError):
    """Everything waits, and for nothing that time will bring."""


class _NoWaiting(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise Stuck
        if timeout > 0:
            self.passed += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._no_waiting = _NoWaiting()
        super().__init__(self._no_waiting)

    def time(self) -> float:
        return self._no_waiting.passed


class LoopClock:
    """The hospital's clock: ``MORNING``, and what the loop has passed since."""

    def __init__(self, start: datetime = MORNING) -> None:
        self.start = start

    def now(self) -> datetime:
        passed_us = round(asyncio.get_running_loop().time() * 1_000_000)
        return self.start + timedelta(microseconds=passed_us)


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run a story to its end, in no time. Raises: Stuck."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(story)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
