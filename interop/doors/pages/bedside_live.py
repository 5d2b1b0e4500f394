"""The bedside page live: server-sent events, each with one part of the page that has changed. Bounded, at most four times a second, with a heartbeat.

part  {"id", "html"}      a part of the page, drawn anew
list  [ids]               the patients that are shown, in order
now   instant             the server's time, by which the page counts ages
ended                     the session is over (SEC-14): to ask for this stream did not keep it open
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from interop.conduct.pumps import Pumps
from interop.conduct.ward_view import WardView
from interop.ports import Clock, Record, RecordError, StoreClosed

log = logging.getLogger("interop.pages")

MOST: Final = 128
"""Streams at a time, of all pages."""

BEAT_S: Final = 5.0
"""A page is drawn anew at least that often, so that what has grown stale shows it; and the session is looked at."""

LEAST_S: Final = 0.25
"""Between two times that a page is drawn anew."""

AGAIN_S: Final = 1.0
WAIT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the page. ``of_list``: it is one of the patients."""

    id: str
    html: str
    of_list: bool = False


Draw = Callable[[], Awaitable[Sequence[Part]]]
Holds = Callable[[], Awaitable[bool]]


class Live:
    """Follows record and pumps while somebody looks, and wakes the streams. Made on the running loop."""

    def __init__(self, record: Record, clock: Clock, pumps: Pumps | None, view: WardView) -> None:
        self._record, self._clock, self._pumps, self._view = record, clock, pumps, view
        self._news = 0
        self._moved: asyncio.Event = asyncio.Event()
        self._streams = 0
        self._following: list[asyncio.Task[None]] = []
        self.is_closed = False

    @property
    def is_full(self) -> bool:
        """No more streams now."""
        return self._streams >= MOST

    def poke(self) -> None:
        """Something has changed that a page may show."""
        self._news += 1
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def stream(self, draw: Draw, holds: Holds) -> AsyncIterator[str]:
        """The events of one page, until its browser leaves, its session ends or the server stops."""
        self._streams += 1
        try:
            self._follow()
            async for event in self._events(draw, holds):
                yield event
        finally:
            self._streams -= 1
            if not self._streams:
                self._unfollow()

    async def _events(self, draw: Draw, holds: Holds) -> AsyncIterator[str]:
        shown: dict[str, str] = {}
        listed: list[str] | None = None
        yield "retry: 1000\n\n"
        while not self.is_closed:
            seen = self._news
            try:
                if not await holds():
                    yield _event("ended", None)
                    return
                parts = await draw()
            except RecordError as fault:
                log.warning("a page cannot be drawn", extra={"error_type": type(fault)})
                yield _event("store", self._clock.now().isoformat())
                await self._wait(seen, WAIT_S)
                continue
            now_listed = [part.id for part in parts if part.of_list]
            yield _event("now", self._clock.now().isoformat())
            if now_listed != listed:
                listed = now_listed
                shown = {id: html for id, html in shown.items() if id in listed or not id.startswith("p-")}
                yield _event("list", listed)
            for part in parts:
                if shown.get(part.id) != part.html:
                    shown[part.id] = part.html
                    yield _event("part", {"id": part.id, "html": part.html})
            await asyncio.sleep(LEAST_S)
            await self._wait(seen, BEAT_S)

    async def _wait(self, seen: int, at_most_s: float) -> None:
        """Until there is news beyond ``seen``, or so long has passed."""
        if self._news != seen or self.is_closed:
            return
        moved = self._moved
        try:
            async with asyncio.timeout(at_most_s):
                await moved.wait()
        except TimeoutError:
            return

    def _follow(self) -> None:
        if not self._following:
            self._following.append(asyncio.create_task(self._follow_record(), name="pages follow the record"))
            if self._pumps is not None:
                self._following.append(asyncio.create_task(self._follow_pumps(self._pumps), name="pages follow the pumps"))

    def _unfollow(self) -> None:
        for task in self._following:
            task.cancel()
        self._following.clear()

    async def _follow_record(self) -> None:
        position = 0
        while True:
            try:
                reached = await self._view.refresh()
                if reached > position:
                    position = reached
                    self.poke()
                await self._record.beyond(position, BEAT_S)
            except StoreClosed:
                return
            except RecordError:
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(LEAST_S / 5)

    async def _follow_pumps(self, pumps: Pumps) -> None:
        while True:
            await pumps.changed.wait()
            pumps.changed.clear()
            self.poke()
            await asyncio.sleep(LEAST_S)

    def close(self) -> None:
        """Every stream ends now: the server stops."""
        self.is_closed = True
        self._unfollow()
        self.poke()


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
