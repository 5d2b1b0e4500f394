"""The right to be the one server of a store, as a port."""

from typing import Protocol


class Serving(Protocol):
    """The right to serve a store and to own its pumps: one server has it at a time, and it ends with that server's process, however that ends."""

    @property
    def is_held(self) -> bool:
        """Whether this server has it, as far as it knows; the store is not asked. While it has not, its record takes no commits."""

    async def confirm(self) -> None:
        """Ask whether this server has it still. Raises: StoreUnavailable: not now."""

    async def lost(self) -> None:
        """Watch over it, and take it anew where it got lost; never returns. Raises: ServingLost: another server has it now."""

    async def close(self) -> None:
        """Give it back."""
