"""Bearer tokens of EHR systems: made once, shown once, kept as a hash, bound to one sender profile, revocable at once."""

import logging
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from interop.adapters.identity import audit
from interop.adapters.identity.audit import Outcome
from interop.adapters.identity.documents import CLIENTS, TOKENS, Client, Token
from interop.adapters.identity.events import ClientAdded, ClientRevoked, as_row
from interop.adapters.identity.keys import token_digest
from interop.adapters.identity.users import NotAllowed
from interop.domain.actor import ACTOR_ID, Actor, Asking, Kind, Proof, Right, Role, may
from interop.domain.errors import SenderError
from interop.ports import Busy, Clock, Commit, Expect, Priority, Record, Refused, StoreUnavailable, StreamMoved

log = logging.getLogger("interop.identity")

PREFIX: Final = "interop_"
"""Lets a scanner of repositories and logs find a token that went astray."""
TOKEN: Final = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}", re.ASCII)
WRITE_EVERY: Final = timedelta(minutes=1)
SENDER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)


class ClientThere(SenderError):
    """A client has this id already, or had it before it was revoked."""


class UnknownClient(SenderError):
    """No client has this id, or it was revoked already."""


class BadClient(SenderError):
    """Id, sender or expiry cannot be a client's; says why."""


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client and its token, this once."""

    client: Client
    token: str = field(repr=False)


class Clients:
    """The clients in the record. Every method may raise StoreUnavailable, Busy and DamagedDocument."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self._record, self._clock = record, clock

    async def all(self) -> list[Client]:
        """Every client, by id, the revoked too."""
        return await CLIENTS.all(self._record)

    async def add(
        self, by: Actor, client: str, sender: str, *, expires_at: datetime | None = None, asking: Asking | None = None
    ) -> NewClient:
        """A token for the system ``client``, whose orders are read by the profile ``sender``. Raises: NotAllowed, BadClient, ClientThere."""
        await self._check_right(by, client, asking)
        now = self._clock.now()
        if not ACTOR_ID.fullmatch(client) or not SENDER.fullmatch(sender):
            raise BadClient("a client's id and its sender profile have 1 to 64 letters, digits, dots, dashes and underscores")
        if expires_at is not None and expires_at <= now:
            raise BadClient("the token would have expired already")
        token = PREFIX + secrets.token_urlsafe(32)
        new = Client(id=client, sender=sender, added_at=now, digest=token_digest(token), expires_at=expires_at)
        told = audit.row(
            audit.CLIENT_ADDED,
            Outcome.SUCCESS,
            at=now,
            actor=by,
            asking=asking or Asking(),
            right=Right.MANAGE_CLIENTS,
            subject=f"client/{client}",
            details={"sender": sender},
        )
        added = ClientAdded(at=now, by=by.key, client=client, sender=sender, expires_at=expires_at)
        documents = (CLIENTS.put(client, new), TOKENS.put(new.digest, Token(client=client, sender=sender, expires_at=expires_at)))
        try:
            await self._record.commit(
                Commit((Expect(_stream(client), 0),), (as_row(_stream(client), added),), projections=documents, audit=(told,))
            )
        except StreamMoved:
            raise ClientThere(f"there is a client {client} already, or was: ids are not given twice") from None
        return NewClient(new, token)

    async def revoke(self, by: Actor, client: str, asking: Asking | None = None) -> Client:
        """The token holds no longer, on no node, from this commit on. Raises: NotAllowed, UnknownClient."""
        await self._check_right(by, client, asking)
        there = await CLIENTS.get(self._record, client) if ACTOR_ID.fullmatch(client) else None
        if there is None or there.revoked_at is not None:
            raise UnknownClient("there is no client of this id with a token that holds")
        now = self._clock.now()
        revoked = replace(there, revoked_at=now, version=there.version + 1)
        told = audit.row(
            audit.CLIENT_REVOKED,
            Outcome.SUCCESS,
            at=now,
            actor=by,
            asking=asking or Asking(),
            right=Right.MANAGE_CLIENTS,
            subject=f"client/{client}",
        )
        try:
            await self._record.commit(
                Commit(
                    (Expect(_stream(client), there.version),),
                    (as_row(_stream(client), ClientRevoked(at=now, by=by.key)),),
                    projections=(CLIENTS.put(client, revoked), TOKENS.take(there.digest)),
                    audit=(told,),
                )
            )
        except StreamMoved:  # the only other change there is
            raise UnknownClient("there is no client of this id with a token that holds") from None
        return revoked

    async def find(self, token: str) -> Actor | None:
        """Whose token it is; ``None``: nobody's, or no longer. Raises: StoreUnavailable: it cannot be looked up, so nobody is let in."""
        if not TOKEN.fullmatch(token):
            return None
        found, now = await TOKENS.get(self._record, token_digest(token)), self._clock.now()
        if found is None or (found.expires_at is not None and now >= found.expires_at):
            return None
        await self._write_use(found.client, now)
        return Actor(found.client, Kind.SYSTEM, frozenset({Role.EHR_SYSTEM}), Proof.TOKEN, sender=found.sender)

    async def _write_use(self, client: str, now: datetime) -> None:
        """When it was last used, to the minute; a store that cannot write this will say so where it matters."""
        there = await CLIENTS.get(self._record, client)
        if there is None or (there.used_at is not None and now - there.used_at < WRITE_EVERY):
            return
        used = Commit(
            (Expect(_stream(client), there.version),),
            projections=(CLIENTS.put(client, replace(there, used_at=now)),),
            priority=Priority.BULK,
        )
        try:
            await self._record.commit(used)
        except (StoreUnavailable, Busy, Refused):
            log.debug("the use of a token was not written down")

    async def _check_right(self, by: Actor, client: str, asking: Asking | None) -> None:
        if may(by, Right.MANAGE_CLIENTS):
            return
        told = audit.row(
            audit.CLIENT_ADDED,
            Outcome.FAILURE,
            at=self._clock.now(),
            actor=by,
            asking=asking or Asking(),
            right=Right.MANAGE_CLIENTS,
            subject=f"client/{client}" if ACTOR_ID.fullmatch(client) else "",
            why="no right",
        )
        await self._record.commit(Commit(audit=(told,)))
        raise NotAllowed("this needs the right to manage clients")


def _stream(client: str) -> str:
    return f"client/{client}"
