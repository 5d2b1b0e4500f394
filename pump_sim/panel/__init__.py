"""The pumps' screens for people, and their control for a story. It presses keys, reads what a pump shows, and decides nothing."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from pump_sim.fleet import Fleet


def serving(fleet: Fleet, host: str, port: int, names: Sequence[str] = ()) -> AbstractAsyncContextManager[str]:
    """The panel's address, once it is served. ``names``: by which machines other than this one may open it.

    Raises: OSError.
    """
    raise OSError("there is no panel yet")
