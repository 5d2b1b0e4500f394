"""Local users: who there is, with which roles, password and badge; each change is an event by somebody, with its audit row, in one commit.

SenderError
├── NotAllowed     the actor may not do this
├── UnknownUser    no user has this id
├── UserThere      one has it already
├── BadUser        id, name, roles or badge cannot be a user's; says why
└── BadgeInUse     the badge is another user's
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from interop.adapters.identity import audit
from interop.adapters.identity.audit import Act, Outcome
from interop.adapters.identity.documents import BADGES, USERS, Badge, User
from interop.adapters.identity.events import (
    BadgeGiven,
    BadgeSet,
    BadgeTaken,
    PasswordSet,
    RolesSet,
    UserAdded,
    UserDisabled,
    UserEnabled,
    as_row,
)
from interop.adapters.identity.keys import Keys
from interop.adapters.identity.passwords import Passwords, check_new
from interop.domain.actor import PERSONAL, Actor, Asking, Kind, Right, Role, clashes, may
from interop.domain.errors import SenderError
from interop.domain.events.event import Event
from interop.ports import Clock, Commit, Expect, NewEvent, Projected, Record, StreamMoved

USER_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?", re.ASCII)
LONGEST_NAME: Final = 80
BADGE_LENGTHS: Final = (6, 128)
TRIES: Final = 3
"""How often a change is decided anew when somebody else's came first."""


class NotAllowed(SenderError):
    """The actor does not have the right, or must not do this to their own account."""


class UnknownUser(SenderError):
    """No user has this id."""


class UserThere(SenderError):
    """A user has this id already; ids are not given twice, not even after somebody left."""


class BadUser(SenderError):
    """Id, name, roles or badge cannot be a user's."""


class BadgeInUse(SenderError):
    """The badge is another user's."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a user, and of badges."""

    user: User
    events: tuple[Event, ...]
    badges: tuple[tuple[str, Badge | None, int, Event], ...] = ()  # keyed hash, what is there afterwards, version before, event


Decide = Callable[[User, datetime], Awaitable[Change]]
"""What a change makes of a user as they are now."""


class Users:
    """The users in the record. Every method may raise StoreUnavailable, Busy and DamagedDocument."""

    def __init__(self, record: Record, clock: Clock, keys: Keys, passwords: Passwords) -> None:
        self._record, self._clock, self._keys, self._passwords = record, clock, keys, passwords

    async def get(self, user: str) -> User | None:
        """By id; ``None``: nobody has it."""
        return await USERS.get(self._record, user) if USER_ID.fullmatch(user) else None

    async def by_badge(self, badge: str) -> User | None:
        """Whose badge was read; ``None``: nobody's."""
        found = await BADGES.get(self._record, self._badge_key(badge)) if _is_badge(badge.strip()) else None
        return None if found is None else await self.get(found.user)

    async def all(self) -> list[User]:
        """Every user, by id, the disabled too."""
        return await USERS.all(self._record)

    async def add(
        self, by: Actor, user: str, name: str, roles: Collection[Role], *, password: str = "", badge: str = "", asking: Asking | None = None
    ) -> User:
        """A new user with a password, a badge or both. Raises: NotAllowed, BadUser, BadPassword, UserThere, BadgeInUse."""
        await self._check_right(by, user, asking)
        _check_id(user)
        _check_name(name)
        _check_roles(roles)
        if not password and not badge:
            raise BadUser("a user needs a password, a badge or both")
        if password:
            check_new(password, user, name)
        hashed = await self._passwords.hash(password) if password else ""
        now = self._clock.now()
        new = User(id=user, name=name, roles=_sorted(roles), added_at=now, password=hashed)
        change = Change(new, (UserAdded(at=now, by=by.key, user=user, name=name, roles=new.roles),))
        if badge:
            change = await self._with_badge(change, badge, by, now)
        if await self._record.version(_stream(user)):
            raise UserThere(f"there is a user {user} already, or was: ids are not given twice")
        try:
            await self._record.commit(self._commit(change, 0, audit.USER_ADDED, by, asking, now))
        except StreamMoved as moved:
            if moved.stream == _stream(user):
                raise UserThere(f"there is a user {user} already, or was: ids are not given twice") from None
            raise BadgeInUse("the badge is another user's") from None
        return replace(new, version=len(change.events), badge=change.user.badge)

    async def set_roles(self, by: Actor, user: str, roles: Collection[Role], asking: Asking | None = None) -> User:
        """These roles and no others. Raises: NotAllowed: also for one's own; BadUser, UnknownUser."""
        _check_roles(roles)
        await self._check_not_own(by, user, asking)

        async def change(was: User, now: datetime) -> Change:
            return Change(replace(was, roles=_sorted(roles), epoch=was.epoch + 1), (RolesSet(at=now, by=by.key, roles=_sorted(roles)),))

        return await self._change(by, user, change, audit.ROLES_CHANGED, asking)

    async def disable(self, by: Actor, user: str, asking: Asking | None = None) -> User:
        """No log-in from now on, and open sessions end. Raises: NotAllowed: also for oneself; UnknownUser."""
        await self._check_not_own(by, user, asking)

        async def change(was: User, now: datetime) -> Change:
            return Change(replace(was, is_enabled=False, epoch=was.epoch + 1), (UserDisabled(at=now, by=by.key),))

        return await self._change(by, user, change, audit.USER_CHANGED, asking)

    async def enable(self, by: Actor, user: str, asking: Asking | None = None) -> User:
        """Log-in again, with the password, badge and roles as they were. Raises: NotAllowed, UnknownUser."""
        await self._check_not_own(by, user, asking)

        async def change(was: User, now: datetime) -> Change:
            return Change(replace(was, is_enabled=True), (UserEnabled(at=now, by=by.key),))

        return await self._change(by, user, change, audit.USER_CHANGED, asking)

    async def set_password(self, by: Actor, user: str, password: str, asking: Asking | None = None) -> User:
        """Another password; open sessions end. Raises: NotAllowed, BadPassword, UnknownUser."""
        await self._check_right(by, user, asking)
        there = await self._known(user)
        check_new(password, user, there.name)
        hashed = await self._passwords.hash(password)

        async def change(was: User, now: datetime) -> Change:
            return Change(replace(was, password=hashed, epoch=was.epoch + 1), (PasswordSet(at=now, by=by.key),))

        return await self._change(by, user, change, audit.USER_CHANGED, asking)

    async def set_badge(self, by: Actor, user: str, badge: str, asking: Asking | None = None) -> User:
        """Another badge, or with an empty one none; open sessions end. Raises: NotAllowed, BadUser, BadgeInUse, UnknownUser."""
        await self._check_right(by, user, asking)

        async def change(was: User, now: datetime) -> Change:
            return await self._with_badge(
                Change(replace(was, epoch=was.epoch + 1), (BadgeSet(at=now, by=by.key, has_badge=bool(badge)),)), badge, by, now
            )

        return await self._change(by, user, change, audit.USER_CHANGED, asking)

    async def _change(self, by: Actor, user: str, change: Decide, act: Act, asking: Asking | None) -> User:
        await self._check_right(by, user, asking)
        for attempt in range(1, TRIES + 1):
            was, now = await self._known(user), self._clock.now()
            decided = await change(was, now)
            try:
                await self._record.commit(self._commit(decided, was.version, act, by, asking, now))
            except StreamMoved:
                if attempt == TRIES:
                    raise
            else:
                return replace(decided.user, version=was.version + len(decided.events))
        raise UnknownUser("there is no user of this id")

    def _commit(self, change: Change, version: int, act: Act, by: Actor, asking: Asking | None, now: datetime) -> Commit:
        user = replace(change.user, version=version + len(change.events))
        expects = [Expect(_stream(user.id), version)]
        events: list[NewEvent] = [as_row(_stream(user.id), event) for event in change.events]
        documents: list[Projected] = [USERS.put(user.id, user)]
        for key, badge, before, event in change.badges:
            expects.append(Expect(f"badge/{key}", before))
            events.append(as_row(f"badge/{key}", event))
            documents.append(BADGES.take(key) if badge is None else BADGES.put(key, badge))
        told = audit.row(
            act,
            Outcome.SUCCESS,
            at=now,
            actor=by,
            asking=asking or Asking(),
            right=Right.MANAGE_USERS,
            subject=f"user/{user.id}",
            details={"event": ", ".join(event.type for event in change.events), "roles": ", ".join(role.value for role in user.roles)},
        )
        return Commit(tuple(expects), tuple(events), projections=tuple(documents), audit=(told,))

    async def _with_badge(self, change: Change, badge: str, by: Actor, now: datetime) -> Change:
        """Takes the user's badge and gives the new one, if there is a new one. Raises: BadUser, BadgeInUse."""
        user = change.user
        moves: list[tuple[str, Badge | None, int, Event]] = []
        given = self._badge_key(badge) if badge else ""
        if badge:
            if not _is_badge(badge.strip()):
                raise BadUser(f"a badge has {BADGE_LENGTHS[0]} to {BADGE_LENGTHS[1]} printable characters")
            there = await BADGES.get(self._record, given)
            if there is not None and there.user != user.id:
                raise BadgeInUse("the badge is another user's")
        if user.badge and user.badge != given:
            before = await self._record.version(f"badge/{user.badge}")
            moves.append((user.badge, None, before, BadgeTaken(at=now, by=by.key, user=user.id)))
        if given and user.badge != given:
            before = await self._record.version(f"badge/{given}")
            moves.append((given, Badge(user=user.id, version=before + 1), before, BadgeGiven(at=now, by=by.key, user=user.id)))
        return Change(replace(user, badge=given), change.events, tuple(moves))

    async def _known(self, user: str) -> User:
        found = await self.get(user)
        if found is None:
            raise UnknownUser("there is no user of this id")
        return found

    async def _check_not_own(self, by: Actor, user: str, asking: Asking | None) -> None:
        await self._check_right(by, user, asking, is_own=by.kind is Kind.PERSON and by.id == user)

    async def _check_right(self, by: Actor, user: str, asking: Asking | None, *, is_own: bool = False) -> None:
        if may(by, Right.MANAGE_USERS) and not is_own:
            return
        subject = f"user/{user}" if USER_ID.fullmatch(user) else ""
        told = audit.row(
            audit.USER_CHANGED,
            Outcome.FAILURE,
            at=self._clock.now(),
            actor=by,
            asking=asking or Asking(),
            right=Right.MANAGE_USERS,
            subject=subject,
            why="one's own account" if is_own else "no right",
        )
        await self._record.commit(Commit(audit=(told,)))
        raise NotAllowed(
            "roles and state of one's own account are changed by another administrator"
            if is_own
            else "this needs the right to manage users"
        )

    def _badge_key(self, badge: str) -> str:
        return hmac.new(self._keys.badge, badge.strip().encode(errors="replace"), hashlib.sha256).hexdigest()


def _stream(user: str) -> str:
    return f"user/{user}"


def _sorted(roles: Collection[Role]) -> tuple[Role, ...]:
    return tuple(sorted(set(roles), key=lambda role: role.value))


def _is_badge(badge: str) -> bool:
    return BADGE_LENGTHS[0] <= len(badge) <= BADGE_LENGTHS[1] and badge.isprintable()


def _check_id(user: str) -> None:
    if not USER_ID.fullmatch(user):
        raise BadUser("a user's id has 1 to 40 small letters, digits, dots, dashes and underscores")


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadUser(f"a user has a name of at most {LONGEST_NAME} printable characters")


def _check_roles(roles: Collection[Role]) -> None:
    if not roles or not set(roles) <= PERSONAL:
        raise BadUser("a user has at least one role, and none of a system or a pump")
    for first, second in clashes(roles):
        raise BadUser(f"no single person may both {first.value} and {second.value}")
