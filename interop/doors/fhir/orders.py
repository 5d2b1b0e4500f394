"""What the FHIR door asks of the conduct of orders (``conduct.resources``): three verbs, each answered after its commit, and how a client's orders are read."""

from typing import Protocol

from interop.conduct.resources import Incoming, Sending, Stored


class Orders(Protocol):
    """All raise StoreUnavailable and Busy of ``ports`` as well; then nothing may be answered as stored."""

    def sending(self, client: str) -> Sending | None:
        """How orders of this client are read; ``None``: no FHIR profile of the release in force names it."""

    async def create(self, order: Incoming) -> Stored:
        """Version 1 under a new id; the same content under the same order number again is the first one's answer. Raises: Taken."""

    async def update(self, id: str, based_on: int, order: Incoming) -> Stored:
        """The next version. Raises: NotThere, Deleted, Moved, Taken."""

    async def read(self, id: str) -> Stored | None:
        """The newest version, whoever sent it; ``None``: there is none."""
