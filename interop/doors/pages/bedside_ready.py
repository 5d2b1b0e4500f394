"""Readiness of stored orders for the bedside page: planned in a thread of its own, so that the event loop is not held, and kept for a minute."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from interop.conduct.reading import ResourceReader
from interop.conduct.resources import Stored
from interop.conduct.ward_view import OrderNow
from interop.conduct.world import ReleaseBook
from interop.domain.envelope import NotAccepted
from interop.domain.finding import Finding, Sub
from interop.domain.release import Release
from interop.ports import Clock
from interop.workbench.readiness import Readiness, readiness

log = logging.getLogger("interop.pages")

KEPT: Final = 2048
WAITING: Final = 256
"""As many are worked out or wait for it at a time; an order beyond that is asked again when the page is drawn next."""

HOLDS: Final = timedelta(seconds=60)
"""Ages count in a plan (of a weight, say), so it is made again after that."""

Key = tuple[str, int, str, str, str]


@dataclass(frozen=True, slots=True)
class _Made:
    readiness: Readiness
    at: datetime


class Readies:
    """One a server, made on the running loop. ``changed`` is called when one more is known."""

    def __init__(self, clock: Clock, book: Callable[[], ReleaseBook], reader: ResourceReader, changed: Callable[[], None]) -> None:
        self._clock, self._book, self._reader, self._changed = clock, book, reader, changed
        self._made: OrderedDict[Key, _Made] = OrderedDict()
        self._making: dict[Key, asyncio.Task[None]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="readiness")

    def of(self, order: OrderNow) -> Readiness | None:
        """The one that is known, be it of a minute ago while it is made again; ``None``: it is being worked out, or the order is not stored here."""
        if order.stored is None:
            return None
        release, state, key = self._key(order, order.stored)
        made = self._made.get(key)
        if (made is None or self._clock.now() - made.at >= HOLDS) and key not in self._making and len(self._making) < WAITING:
            self._making[key] = asyncio.create_task(self._make(key, order.stored, release, state), name="readiness")
        return None if made is None else made.readiness

    async def now(self, order: OrderNow) -> Readiness | None:
        """Worked out now; ``None``: the order is not stored here."""
        if order.stored is None:
            return None
        release, state, _ = self._key(order, order.stored)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _ready, self._reader, order.stored, release, state, self._clock.now())

    def _key(self, order: OrderNow, stored: Stored) -> tuple[Release, str, Key]:
        release = self._book().newest()
        state = order.state.value if order.state is not None else ""
        return release, state, (stored.id, stored.version, state, release.library.ref.hash, release.mapping_hash)

    async def _make(self, key: Key, stored: Stored, release: Release, state: str) -> None:
        now = self._clock.now()
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._thread, _ready, self._reader, stored, release, state, now)
        except Exception as fault:
            log.exception("the readiness of an order could not be worked out")
            text = f"it could not be worked out whether it is ready ({type(fault).__name__})"
            done = Readiness("", (), None, (), (Finding.against(Sub.CHECK_FAILED, "readiness", text),), ())
        finally:
            del self._making[key]
        self._made[key] = _Made(done, now)
        self._made.move_to_end(key)
        if len(self._made) > KEPT:
            self._made.popitem(last=False)
        self._changed()

    def close(self) -> None:
        """Nothing more is worked out."""
        for task in self._making.values():
            task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)


def _ready(reader: ResourceReader, stored: Stored, release: Release, state: str, now: datetime) -> Readiness:
    """In the thread. Raises: whatever a fault of ours raises; NotAccepted never, as these bytes were accepted once."""
    profile = release.senders.get(stored.sender)
    if profile is None:
        unknown = Finding.against(Sub.UNKNOWN_SENDER, "sender", f"{stored.sender} is no longer a sender of this site")
        return Readiness("", (), None, (), (unknown,), ())
    try:
        request = reader.order(stored.body, profile, frozenset(release.spellings))
    except NotAccepted as fault:
        raise RuntimeError("a stored order cannot be read") from fault
    return readiness(replace(request, bedside=False), release, state, now)
