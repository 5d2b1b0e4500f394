"""START HERE: identity as the doors ask for it, from local users, sessions and clients in the record.

A log-in that fails, a token that does not hold and a request that is refused each leave an audit row (SEC-33), metered so that nobody fills the store.
"""

import logging
from dataclasses import replace
from typing import Final

from interop.adapters.identity import audit
from interop.adapters.identity.audit import NOBODY, Outcome
from interop.adapters.identity.clients import Clients
from interop.adapters.identity.csrf import FormTokens
from interop.adapters.identity.documents import User
from interop.adapters.identity.keys import Keys
from interop.adapters.identity.passwords import LONGEST, Passwords
from interop.adapters.identity.sessions import Sessions, SessionTimes
from interop.adapters.identity.throttle import FOR_PEER, FOR_USER, Meter, Stop, Throttle
from interop.adapters.identity.users import Users
from interop.domain.actor import Actor, Asking, Denial, LoggedIn, NotLoggedIn, Proof, Right, View
from interop.ports import AuditRow, Busy, Clock, Commit, Record, StoreUnavailable, StreamMoved

log = logging.getLogger("interop.identity")

LONGEST_INPUT: Final = 2 * LONGEST


class LocalIdentity:
    """Everything about who is asking. ``users`` and ``clients`` are for the commands and pages that manage them."""

    def __init__(
        self, record: Record, clock: Clock, keys: Keys, *, times: SessionTimes | None = None, passwords: Passwords | None = None
    ) -> None:
        self._record, self._clock = record, clock
        self._passwords = Passwords() if passwords is None else passwords
        self.users = Users(record, clock, keys, self._passwords)
        self.clients = Clients(record, clock)
        self.sessions = Sessions(record, clock, times)
        self._forms = FormTokens(keys)
        self._of_users, self._of_peers = Throttle(clock, FOR_USER), Throttle(clock, FOR_PEER)
        self._meter = Meter(clock)

    async def of_token(self, token: str, asking: Asking) -> Actor | None:
        """The system with this bearer token; ``None``: it does not hold. Raises: StoreUnavailable."""
        return await self.clients.find(token)

    async def of_session(self, token: str, view: View, asking: Asking, *, is_use: bool = True) -> Actor | None:
        """The person with this session, now looking at a page of ``view``; ``None``: it is over. ``is_use`` False: it idles on. Raises: StoreUnavailable."""
        return await self.sessions.find(token, view, asking, is_use=is_use)

    async def log_in_with_password(self, user: str, password: str, asking: Asking) -> LoggedIn | NotLoggedIn:
        """The same work and the same answer for an unknown user, a disabled one and a wrong password. Raises: StoreUnavailable, Busy."""
        id = user.strip().casefold()[:LONGEST_INPUT]
        stopped = self._of_peers.enter(asking.peer) or self._of_users.enter(id)
        if stopped is not None:
            return await self._stopped(stopped, asking)
        there = await self.users.get(id)
        verdict = await self._passwords.verify("" if there is None else there.password, password)
        if there is None or not there.is_enabled or not verdict.is_right:
            return await self._failed(there, Proof.PASSWORD, asking)
        rehashed = await self._passwords.hash(password) if verdict.needs_rehash else ""
        return await self._open(there, Proof.PASSWORD, asking, rehashed)

    async def log_in_with_badge(self, badge: str, asking: Asking) -> LoggedIn | NotLoggedIn:
        """A badge alone is a log-in, for less (``BADGE_IS_NOT_ENOUGH``). Raises: StoreUnavailable, Busy."""
        stopped = self._of_peers.enter(asking.peer)
        if stopped is not None:
            return await self._stopped(stopped, asking)
        there = await self.users.by_badge(badge)
        if there is None or not there.is_enabled:
            return await self._failed(there, Proof.BADGE, asking)
        return await self._open(there, Proof.BADGE, asking)

    async def log_off(self, token: str, asking: Asking) -> None:
        """End the session; one that is over stays so. Raises: StoreUnavailable, Busy."""
        await self.sessions.log_off(token, asking)

    def form_token(self, bound_to: str) -> str:
        """What a form carries that is shown to the session ``bound_to``."""
        return self._forms.token(bound_to)

    def is_form_token(self, bound_to: str, given: str) -> bool:
        """Whether a form that came back was shown to this session."""
        return self._forms.holds(bound_to, given)

    async def refused(self, actor: Actor | None, right: Right | None, why: Denial, asking: Asking) -> None:
        """Write down that a request was refused. Never raises for the store: it is refused all the same."""
        act = audit.TOKEN_REFUSED if why is Denial.TOKEN else audit.REQUEST_REFUSED
        told = audit.row(
            act, Outcome.FAILURE, at=self._clock.now(), actor=NOBODY if actor is None else actor, asking=asking, right=right, why=why.value
        )
        await self._write(told, asking)

    async def _open(self, user: User, proof: Proof, asking: Asking, rehashed: str = "") -> LoggedIn | NotLoggedIn:
        try:
            actor, token = await self.sessions.open(user, proof, asking, rehashed=rehashed)
        except StreamMoved:  # the user was changed while the password was verified: what was verified may hold no longer
            return await self._failed(user, proof, asking)
        self._of_peers.succeeded(asking.peer, wholly=False)
        if proof is Proof.PASSWORD:
            self._of_users.succeeded(user.id, wholly=True)
        return LoggedIn(actor, token)

    async def _failed(self, user: User | None, proof: Proof, asking: Asking) -> NotLoggedIn:
        """What was typed as a user's name may be a password: it is written down only when somebody has that id."""
        who = "" if user is None else f"person/{user.id}"
        why = "unknown" if user is None else "wrong" if user.is_enabled else "disabled"
        told = audit.row(
            audit.LOG_IN,
            Outcome.FAILURE,
            at=self._clock.now(),
            actor=who or NOBODY,
            asking=asking,
            subject=who,
            why=why,
            details={"proof": proof.value},
        )
        await self._write(told, asking)
        return NotLoggedIn()

    async def _stopped(self, stop: Stop, asking: Asking) -> NotLoggedIn:
        if stop.is_first:
            told = audit.row(
                audit.LOG_IN, Outcome.FAILURE, at=self._clock.now(), actor=NOBODY, asking=asking, why="too many failures: made to wait"
            )
            await self._write(told, asking)
        return NotLoggedIn(stop.wait_s)

    async def _write(self, told: AuditRow, asking: Asking) -> None:
        held_back = self._meter.take(asking.peer)
        if held_back is None:
            return
        if held_back:
            told = replace(told, body=audit.with_held_back(told.body, held_back))
        try:
            await self._record.commit(Commit(audit=(told,)))
        except (StoreUnavailable, Busy):
            log.error("a refusal could not be written to the audit", extra={"request_id": asking.request_id or "none"})
