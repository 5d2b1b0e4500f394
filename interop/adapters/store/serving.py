"""The right to serve a store (``ports.Serving``), as far as it is the same for every store: how long a claim waits, and what is fenced by it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Final, TypeVar

from interop.adapters.store.commit import Backend
from interop.adapters.store.group import Outcome
from interop.adapters.store.steps import Work
from interop.ports import ServedAlready, Serving, StoreUnavailable

T = TypeVar("T")

WAIT_S: Final = 1.0
"""How long a claim waits for a server that was killed just now: a system under load takes its time to clear away what it held."""
PAUSE_S: Final = 0.1
NOT_HELD: Final = "this server does not hold the store at the moment, and another one may"


async def patiently(take: Callable[[], Awaitable[T]], wait_s: float) -> T:
    """What ``take`` gives, asked for again as long as another server is in the way. Raises: ServedAlready: it still is after ``wait_s``."""
    until = monotonic() + wait_s
    while True:
        try:
            return await take()
        except ServedAlready:
            if monotonic() >= until:
                raise
        await asyncio.sleep(PAUSE_S)


class Unshared:
    """Of a store that no other process can reach."""

    is_held = True

    async def confirm(self) -> None:
        """It is always held."""

    async def lost(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Nothing is to be given back."""


class Fenced:
    """A ``commit.Backend`` that writes only while its server holds the store. An offer is committed before it is sent, so none is sent without."""

    def __init__(self, backend: Backend, serving: Serving) -> None:
        self._backend, self._serving = backend, serving

    async def apply(self, works: Sequence[Work]) -> list[Outcome]:
        if not self._serving.is_held:
            raise StoreUnavailable(NOT_HELD)
        return await self._backend.apply(works)

    async def heal(self) -> None:
        """Connects first: what is confirmed afterwards held when the new connection was there, and a longer pause breaks both."""
        await self._backend.heal()
        await self._serving.confirm()

    async def let_go(self) -> None:
        await self._backend.let_go()


def fenced(backend: Backend, serving: Serving | None) -> Backend:
    """The backend, fenced where a server opened the record."""
    return backend if serving is None else Fenced(backend, serving)
