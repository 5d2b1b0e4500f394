"""The pumps' screens for people, and their control for a story. It presses keys, reads what a pump shows, and decides nothing. START HERE: ``serving``."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from pump_sim.fleet import Fleet
from pump_sim.panel.here import LOOPBACK, Here
from pump_sim.panel.screens import HEADERS, Screens
from pump_sim.panel.served import served


@contextlib.asynccontextmanager
async def serving(fleet: Fleet, host: str, port: int, names: Sequence[str] = ()) -> AsyncIterator[str]:
    """The panel's address, once it is served. ``names``: by which other machines may open it; none: this one only.

    Raises: OSError.
    """
    screens = Screens(fleet)
    async with served(Here(screens.app(), (*LOOPBACK, *names), HEADERS), host, port, screens.live.end) as address:
        yield f"http://{address}/"
