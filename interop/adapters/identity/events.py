"""What happens to users, badges, sessions, clients and pumps, past tense; no event holds a secret or a hash of one, since events are kept for ever."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from interop.domain.actor import Proof, Role
from interop.domain.events.codec import Codec
from interop.domain.events.event import Event
from interop.ports import NewEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ByActor(Event):
    """An event that somebody brought about; ``by`` is their ``Actor.key``."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAdded(ByActor):
    """A user may log in from now on."""

    type: ClassVar[str] = "identity.user-added"
    user: str
    name: str
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesSet(ByActor):
    """The user has these roles and no others; open sessions ended."""

    type: ClassVar[str] = "identity.roles-set"
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDisabled(ByActor):
    """The user can no longer log in; open sessions ended."""

    type: ClassVar[str] = "identity.user-disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEnabled(ByActor):
    """The user can log in again."""

    type: ClassVar[str] = "identity.user-enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSet(ByActor):
    """The user has another password; open sessions ended."""

    type: ClassVar[str] = "identity.password-set"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRehashed(Event):
    """The same password was hashed anew at today's cost."""

    type: ClassVar[str] = "identity.password-rehashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeSet(ByActor):
    """The user has this badge and no other, or none; open sessions ended."""

    type: ClassVar[str] = "identity.badge-set"
    has_badge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeGiven(ByActor):
    """A badge belongs to this user."""

    type: ClassVar[str] = "identity.badge-given"
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeTaken(ByActor):
    """A badge belongs to nobody."""

    type: ClassVar[str] = "identity.badge-taken"
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Event):
    """A user logged in."""

    type: ClassVar[str] = "identity.session-opened"
    user: str
    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """A session is over; ``why`` is a word of ``sessions.End``."""

    type: ClassVar[str] = "identity.session-ended"
    user: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAdded(ByActor):
    """A system got a token, bound to this sender profile; ``expires_at`` None: it holds until it is revoked."""

    type: ClassVar[str] = "identity.client-added"
    client: str
    sender: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRevoked(ByActor):
    """The system's token holds no longer, and never will again."""

    type: ClassVar[str] = "identity.client-revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpEnrolled(ByActor):
    """A pump may connect as itself, with this certificate (SHA-256) and no other; an older one holds no longer."""

    type: ClassVar[str] = "identity.pump-enrolled"
    pump: str
    model: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpRevoked(ByActor):
    """The pump may not connect until it is enrolled anew with another certificate."""

    type: ClassVar[str] = "identity.pump-revoked"


EVENTS: Final[tuple[type[Event], ...]] = (
    UserAdded,
    RolesSet,
    UserDisabled,
    UserEnabled,
    PasswordSet,
    PasswordRehashed,
    BadgeSet,
    BadgeGiven,
    BadgeTaken,
    SessionOpened,
    SessionEnded,
    ClientAdded,
    ClientRevoked,
    PumpEnrolled,
    PumpRevoked,
)
"""Every event of identity."""

CODEC: Final = Codec(EVENTS, {})
"""Reads and writes them; readers of the whole feed leave rows whose type begins with ``identity.`` to it."""


def as_row(stream: str, event: Event) -> NewEvent:
    """The event as a commit carries it."""
    return NewEvent(stream, event.type, event.version, event.at, CODEC.encode(event))
