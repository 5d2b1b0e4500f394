"""Sessions of persons, kept on the server: a random token in the browser, its hash here; they end by idling, by age, at log-off, and with every change
of the user's roles, password, badge or state (SEC-14).

A session's roles are always the user's as they are now. That it was used is written down at most every ``WRITE_EVERY``; what is newer is in memory,
so after a restart or on another node a session may idle out that much too early, never too late. A store that cannot write keeps nobody from looking.
"""

import logging
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from interop.adapters.identity import audit
from interop.adapters.identity.audit import Outcome
from interop.adapters.identity.documents import SESSIONS, USERS, Session, User
from interop.adapters.identity.events import PasswordRehashed, SessionEnded, SessionOpened, as_row
from interop.adapters.identity.keys import token_digest
from interop.adapters.identity.throttle import Recent
from interop.domain.actor import Actor, Asking, Kind, Proof, View
from interop.domain.events.event import Event
from interop.ports import Busy, Clock, Commit, Expect, Priority, Record, StoreUnavailable, StreamMoved

log = logging.getLogger("interop.identity")

TOKEN_BYTES: Final = 32
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
WRITE_EVERY: Final = timedelta(seconds=15)


class End(Enum):
    """Why a session is over."""

    LOG_OFF = "log-off"
    IDLE = "idle"
    AGE = "age"
    USER_CHANGED = "user-changed"


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """How long a session lives: unused at a desk, unused at the bedside, and at all; whole seconds."""

    idle_s: int = 900
    bedside_idle_s: int = 180
    longest_s: int = 43_200

    def idle(self, view: View) -> timedelta:
        """After what a session that was last used on this view ends."""
        return timedelta(seconds=self.bedside_idle_s if view is View.BEDSIDE else self.idle_s)


@dataclass(slots=True)
class _Use:
    """What is newer than the document."""

    at: datetime | None = None
    view: View = View.DESK
    written_at: datetime | None = None
    is_over: bool = False


class Sessions:
    """The open sessions in the record."""

    def __init__(self, record: Record, clock: Clock, times: SessionTimes | None = None) -> None:
        self._record, self._clock = record, clock
        self._times = SessionTimes() if times is None else times
        self._uses: Recent[_Use] = Recent(_Use)

    async def open(self, user: User, proof: Proof, asking: Asking, *, rehashed: str = "") -> tuple[Actor, str]:
        """Who logged in, and the token for the browser, which is nowhere kept. ``rehashed``: the password's hash at today's cost, to be kept.

        Raises: StreamMoved: the user was changed meanwhile; StoreUnavailable, Busy.
        """
        now, token, id = self._clock.now(), secrets.token_urlsafe(TOKEN_BYTES), secrets.token_hex(8)
        session = Session(id=id, user=user.id, epoch=user.epoch, proof=proof, opened_at=now, used_at=now, view=View.DESK)
        actor = _actor(user, session)
        events: list[tuple[str, Event]] = [(_stream(id), SessionOpened(at=now, user=user.id, proof=proof))]
        documents = [SESSIONS.put(token_digest(token), session)]
        if rehashed:
            events.append((f"user/{user.id}", PasswordRehashed(at=now)))
            documents.append(USERS.put(user.id, replace(user, password=rehashed, version=user.version + 1)))
        told = audit.row(audit.LOG_IN, Outcome.SUCCESS, at=now, actor=actor, asking=asking, subject=actor.key)
        await self._record.commit(
            Commit(
                (Expect(f"user/{user.id}", user.version), Expect(_stream(id), 0)),
                tuple(as_row(stream, event) for stream, event in events),
                projections=tuple(documents),
                audit=(told,),
            )
        )
        return actor, token

    async def find(self, token: str, view: View, asking: Asking, *, is_use: bool = True) -> Actor | None:
        """Who uses this session, now on a page of ``view``; ``None``: it is over, or never was. Raises: StoreUnavailable: it cannot be read.

        ``is_use`` False: it is only asked whether it still holds, by something that goes on without anybody there.
        """
        if not TOKEN.fullmatch(token):
            return None
        key, now = token_digest(token), self._clock.now()
        session = await SESSIONS.get(self._record, key)
        if session is None:
            return None
        use = self._uses[key]
        user = await USERS.get(self._record, session.user)
        over = End.LOG_OFF if use.is_over else self._over(_newest(session, use), user, now)
        if over is not None or user is None:
            await self._end_quietly(key, session, over or End.USER_CHANGED, asking)
            return None
        if not is_use:
            return _actor(user, session)
        use.at, use.view = now, view
        if now - (use.written_at or session.used_at) >= WRITE_EVERY or view is not session.view:
            await self._write_use(key, session, use, now)
        return None if use.is_over else _actor(user, session)

    async def log_off(self, token: str, asking: Asking) -> None:
        """End it. Raises: StoreUnavailable, Busy: it could not be written down; on this node it is over all the same."""
        if not TOKEN.fullmatch(token):
            return
        key = token_digest(token)
        session = await SESSIONS.get(self._record, key)
        if session is not None:
            self._uses[key].is_over = True
            await self._end(key, session, End.LOG_OFF, asking)

    async def sweep(self) -> int:
        """End what nobody will use again, page by page; how many were ended. To be called now and then."""
        ended, after = 0, ""
        while page := await SESSIONS.page(self._record, after):
            for key, session in page:
                user = await USERS.get(self._record, session.user)
                over = self._over(_newest(session, self._uses.peek(key)), user, self._clock.now())
                if over is not None:
                    await self._end(key, session, over, Asking())
                    ended += 1
            after = page[-1][0]
        return ended

    def _over(self, session: Session, user: User | None, now: datetime) -> End | None:
        if user is None or not user.is_enabled or user.epoch != session.epoch:
            return End.USER_CHANGED
        if now - session.opened_at >= timedelta(seconds=self._times.longest_s):
            return End.AGE
        return End.IDLE if now - session.used_at >= self._times.idle(session.view) else None

    async def _write_use(self, key: str, session: Session, use: _Use, now: datetime) -> None:
        """Expects the stream where the log-in left it: a use never brings back a session that ended meanwhile."""
        used = SESSIONS.put(key, _newest(session, use))
        try:
            await self._record.commit(Commit((Expect(_stream(session.id), 1),), projections=(used,), priority=Priority.DOCUMENTS))
        except StreamMoved:
            use.is_over = True
        except (StoreUnavailable, Busy):
            log.warning("the use of a session could not be written down")
        else:
            use.written_at = now

    async def _end_quietly(self, key: str, session: Session, why: End, asking: Asking) -> None:
        """It is refused either way, and judged anew next time."""
        try:
            await self._end(key, session, why, asking)
        except (StoreUnavailable, Busy):
            log.warning("the end of a session could not be written down", extra={"reason": why.value})

    async def _end(self, key: str, session: Session, why: End, asking: Asking) -> None:
        now = self._clock.now()
        who = f"{Kind.PERSON.value}/{session.user}"
        told = audit.row(
            audit.LOG_OFF, Outcome.SUCCESS, at=now, actor=who, asking=asking, subject=who, why=why.value, details={"session": session.id}
        )
        ended = as_row(_stream(session.id), SessionEnded(at=now, user=session.user, why=why.value))
        try:
            await self._record.commit(Commit((Expect(_stream(session.id), 1),), (ended,), projections=(SESSIONS.take(key),), audit=(told,)))
        except StreamMoved:  # somebody else has ended it
            log.debug("a session had ended already")


def _newest(session: Session, use: _Use | None) -> Session:
    return session if use is None or use.at is None or use.at < session.used_at else replace(session, used_at=use.at, view=use.view)


def _stream(session: str) -> str:
    return f"session/{session}"


def _actor(user: User, session: Session) -> Actor:
    return Actor(user.id, Kind.PERSON, frozenset(user.roles), session.proof, name=user.name, session=session.id)
