"""Today's state of users, sessions and clients as JSON documents of the record, exact both ways; secrets only as hashes.

These tables hold what no event may (hashes), so they are state and not projections that a rebuild could fold anew: ``interop rebuild`` leaves them alone.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from interop.domain.actor import Proof, Role, View
from interop.domain.errors import OurError
from interop.domain.events.shapes import Misfit, of_class
from interop.ports import Projected, Record

T = TypeVar("T")


class DamagedDocument(OurError):
    """A document of identity cannot be read, and is not guessed at; names the table, never the content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who may log in. ``epoch`` goes up with every change that ends open sessions; ``version`` is that of the user's stream."""

    id: str
    name: str
    roles: tuple[Role, ...]
    added_at: datetime
    is_enabled: bool = True
    password: str = field(default="", repr=False)
    badge: str = field(default="", repr=False)
    epoch: int = 1
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """Whose badge it is; ``version`` is that of the badge's stream."""

    user: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log-in. ``used_at`` and ``view`` are of the last request as written down; the newest of them may still be in memory only."""

    id: str
    user: str
    epoch: int
    proof: Proof
    opened_at: datetime
    used_at: datetime
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A system with a bearer token. ``expires_at`` None: until revoked; ``used_at`` None: never yet."""

    id: str
    sender: str
    added_at: datetime
    digest: str = field(default="", repr=False)
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token's hash leads to. Taken away when it is revoked."""

    client: str
    sender: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledPump:
    """A pump that may connect as itself: ``model`` is the site's key, ``fingerprint`` the SHA-256 of its one certificate, in hexadecimal."""

    id: str
    model: str
    fingerprint: str
    enrolled_at: datetime
    revoked_at: datetime | None = None
    version: int = 1


class Table(Generic[T]):
    """One table of documents of one class."""

    def __init__(self, name: str, document: type[T]) -> None:
        self.name = name
        self._shape = of_class(document)

    async def get(self, record: Record, key: str) -> T | None:
        """Raises: DamagedDocument, StoreUnavailable."""
        text = await record.projection(self.name, key)
        return None if text is None else self._read(text)

    async def page(self, record: Record, after: str = "", limit: int = 500) -> list[tuple[str, T]]:
        """Documents with keys beyond ``after``, by key. Raises: DamagedDocument, StoreUnavailable."""
        return [(key, self._read(text)) for key, text in await record.projections(self.name, after, limit)]

    async def all(self, record: Record) -> list[T]:
        """Every document, by key."""
        found: list[T] = []
        after = ""
        while page := await self.page(record, after):
            found += [document for _, document in page]
            after = page[-1][0]
        return found

    def put(self, key: str, document: T) -> Projected:
        """The document as a commit carries it."""
        return Projected(self.name, key, json.dumps(self._shape.write(document), sort_keys=True, separators=(",", ":")))

    def take(self, key: str) -> Projected:
        """Its end."""
        return Projected(self.name, key, None)

    def _read(self, text: str) -> T:
        try:
            document: Any = self._shape.read(json.loads(text))
        except (Misfit, ValueError, RecursionError):
            raise DamagedDocument(self.name) from None
        else:
            return document  # type: ignore[no-any-return]  # shapes are made from the class, which mypy cannot follow


USERS: Final = Table("identity.users", User)
BADGES: Final = Table("identity.badges", Badge)
SESSIONS: Final = Table("identity.sessions", Session)
CLIENTS: Final = Table("identity.clients", Client)
TOKENS: Final = Table("identity.tokens", Token)
PUMPS: Final = Table("identity.pumps", EnrolledPump)
