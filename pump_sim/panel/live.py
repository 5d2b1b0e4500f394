"""Screens that stay true: a stream of server-sent events for each browser, which carries the screen anew when it differs, and a sign of life when not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from pump_sim.fleet import Fleet

REFRESH_S: Final = 1
"""Counters move by themselves: so often it is drawn without any event."""
SIGN_OF_LIFE_S: Final = 4
GATHER_S: Final = 0.05
"""What happens together is drawn once."""
MOST: Final = 200


class Live:
    """All streams of one panel."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._waiting: set[asyncio.Event] = set()
        self._is_ending = False
        self._number = 0
        self._leave = fleet.listen(lambda _: self.changed())

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= MOST

    def number(self) -> int:
        """For what was drawn just now: of two screens the one with the higher number is as the pump was later, whichever arrives first."""
        self._number += 1
        return self._number

    def changed(self) -> None:
        for event in self._waiting:
            event.set()

    def end(self) -> None:
        """Every stream finishes."""
        self._is_ending = True
        self._leave()
        self.changed()

    async def stream(self, draw: Callable[[], str]) -> AsyncIterator[str]:
        """Events ``screen``, whose id is its number, and ``alive``, until the browser or the panel goes."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        self._waiting.add(event)
        last, said_at = "", 0.0
        try:
            while not self._is_ending:
                drawn = draw()
                if drawn != last:
                    last, said_at = drawn, loop.time()
                    yield f"id: {self.number()}\n{_event('screen', drawn)}"
                elif loop.time() - said_at >= SIGN_OF_LIFE_S:
                    said_at = loop.time()
                    yield _event("alive", "")
                try:
                    async with asyncio.timeout(REFRESH_S):
                        await event.wait()
                    await asyncio.sleep(GATHER_S)
                except TimeoutError:
                    pass
                event.clear()
        finally:
            self._waiting.discard(event)


def _event(name: str, data: str) -> str:
    lines = "\n".join(f"data: {line}" for line in data.split("\n"))
    return f"event: {name}\n{lines}\n\n"
