"""The right to serve a PostgreSQL database: a session's advisory lock, on a connection of its own, which goes when that connection does.

server gone   the system closes its connection: at once. Its host or the network gone: PostgreSQL gives it up after 25 s without a sign of life.
cut off       the server knows after 10 s at most, so before another can take over: it commits nothing until it has the lock again, and stops
              if another server has it by then.
"""

import asyncio
import contextlib
import logging
import os
import re
from datetime import datetime
from typing import Any, Final

from interop.adapters.store.postgres_link import FAULTS, PostgresLimits, connect, hang_up, unavailable
from interop.adapters.store.serving import NOT_HELD, WAIT_S, patiently
from interop.ports import Holder, ServedAlready, ServingLost, StoreUnavailable

log = logging.getLogger("interop.store")

LOCK: Final = 0x1A7E_0B02
"""Key of the advisory lock; the one of migrations is the number before."""
LOOK_S: Final = 5.0
"""How often the connection is asked whether it lives and holds the lock; its answer may take ``PostgresLimits.answer_s``."""
RETRY_S: Final = 1.0
SILENT_MS: Final = 25_000
"""As long as the keepalives of ``postgres_link.settings`` last, for a connection on which an answer of PostgreSQL is still under way."""

THIS_LOCK: Final = f"locktype = 'advisory' AND classid = 0 AND objid = {LOCK} AND objsubid = 1 AND granted"
HOLDS: Final = f"SELECT EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND {THIS_LOCK})"
MINE: Final = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
WHO: Final = f"""
SELECT pid, backend_start, application_name, host(client_addr) AS host FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
WHERE {THIS_LOCK} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
NAMED: Final = re.compile(r"interop serve (\d+) (.+)")

Session = tuple[int, datetime | None]


class PostgresServing:
    """The ``Serving`` port on one connection. Made by ``claim``."""

    def __init__(self, url: str, node: str, limits: PostgresLimits) -> None:
        self._url, self._node, self._limits = url, node, limits
        self._connection: Any = None
        self._sessions: set[Session] = set()  # ours, of which a lost one may have the lock for a while
        self._asking = asyncio.Lock()  # a connection answers one question at a time
        self._gone = asyncio.Event()

    @classmethod
    async def claim(cls, url: str, node: str, limits: PostgresLimits | None = None, wait_s: float = WAIT_S) -> "PostgresServing":
        """Raises: ServedAlready, StoreUnavailable."""
        serving = cls(url, node, limits or PostgresLimits())
        await patiently(serving._take, wait_s)
        return serving

    @property
    def is_held(self) -> bool:
        return self._connection is not None

    async def confirm(self) -> None:
        async with self._asking:
            connection = self._connection
            try:
                holds = connection is not None and await connection.fetchval(HOLDS, timeout=self._limits.answer_s)
            except FAULTS:
                holds = False
            if not holds:
                self._drop(connection)
                raise StoreUnavailable(NOT_HELD)

    async def lost(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), LOOK_S)
            try:
                await self.confirm()
            except StoreUnavailable:
                await self._take_again()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await hang_up(connection, self._limits)

    async def _take_again(self) -> None:
        """Raises: ServingLost: another server was faster."""
        log.error("the connection by which this server holds the store is lost; nothing is committed until it is there again")
        while True:
            try:
                await self._take()
            except ServedAlready as other:
                raise ServingLost(other.holder) from None
            except StoreUnavailable:
                await asyncio.sleep(RETRY_S)
            else:
                log.warning("this server holds the store again", extra={"node": self._node})
                return

    async def _take(self) -> None:
        """Connect and lock. Raises: ServedAlready. StoreUnavailable: not reached, or our own lost session has the lock still."""
        connection = await connect(self._url, self._node, self._limits, f"interop serve {os.getpid()} {self._node}")
        try:
            self._sessions.add(tuple(await connection.fetchrow(MINE)))  # before the lock: it may be had and its answer be lost
            await self._lock(connection)
        except FAULTS as error:
            connection.terminate()
            raise unavailable(error) from error
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(self._drop)
        self._gone.clear()
        self._connection = connection

    async def _lock(self, connection: Any) -> None:
        """Raises: ServedAlready; StoreUnavailable: our own lost session has it still."""
        if connection.get_server_version().major >= 12:
            await connection.execute(f"SET tcp_user_timeout = {SILENT_MS}")
        row = None
        while row is None:  # it may be given back between the two questions
            if await connection.fetchval(f"SELECT pg_try_advisory_lock({LOCK})"):
                return
            row = await connection.fetchrow(WHO)
        if (row["pid"], row["backend_start"]) in self._sessions:
            raise StoreUnavailable(NOT_HELD)
        raise ServedAlready(_holder(row))

    def _drop(self, connection: Any) -> None:
        """This connection holds nothing any more; a later one is left alone."""
        if connection is self._connection:
            self._connection = None
            self._gone.set()
        if connection is not None and not connection.is_closed():
            connection.terminate()


def _holder(row: Any) -> Holder:
    """Who has the lock, as far as PostgreSQL lets this user see."""
    named = NAMED.fullmatch(row["application_name"] or "")
    if named is None:
        return Holder()
    return Holder(named[2], int(named[1]), row["host"] or "", row["backend_start"])
