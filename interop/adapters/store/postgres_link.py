"""Connections to PostgreSQL: with which settings, what its errors mean, and whether the server keeps its word at a commit."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg

from interop.adapters.store import schema
from interop.ports import StoreFull, StoreLocked, StoreUnavailable, Unfit

FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError)


@dataclass(frozen=True, slots=True)
class PostgresLimits:
    """Seconds of wall time until we call a server unavailable; ``longest_s``: a group takes no more units after that.

    ``reads_waiting``: bound of the queue "reads".
    """

    connect_s: float = 5.0
    answer_s: float = 5.0
    lock_wait_s: float = 3.0
    longest_s: float = 0.020
    readers: int = 4
    reads_waiting: int = 256


# The writer finds a few keys in large tables whose statistics may be young: by index, one by one, never by reading a table.
BY_INDEX = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}


def settings(node: str, limits: PostgresLimits, *, write: bool) -> dict[str, str]:
    """A session's settings. A node that hangs in a transaction loses it, so that the others get the lock."""
    answer_ms, lock_ms = str(int(limits.answer_s * 1000)), str(int(limits.lock_wait_s * 1000))
    return {
        **(BY_INDEX if write else {}),
        "application_name": f"interop {node} {'writer' if write else 'reader'}",
        "statement_timeout": answer_ms,
        "lock_timeout": lock_ms,
        "idle_in_transaction_session_timeout": answer_ms,
        "default_transaction_read_only": "off" if write else "on",
        "default_transaction_isolation": "read committed",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }


async def connect(url: str, node: str, limits: PostgresLimits, name: str = "") -> Any:
    """A connection to a server that takes writes: the writing one, or what ``name`` says. Raises: StoreUnavailable."""
    told = settings(node, limits, write=True)
    try:
        return await asyncpg.connect(
            url,
            timeout=limits.connect_s,
            command_timeout=limits.answer_s * 2,
            server_settings={**told, "application_name": name} if name else told,
            target_session_attrs="read-write",
        )
    except FAULTS as error:
        raise unavailable(error) from error


async def hang_up(connection: Any, limits: PostgresLimits) -> None:
    """Close a connection, by force if the server does not answer."""
    try:
        await connection.close(timeout=limits.answer_s)
    except FAULTS:
        connection.terminate()


async def insist_on_durability(connection: Any) -> tuple[str, ...]:
    """Makes this session's commits wait for the disk; what only the server's owner can set right comes back as cautions."""
    if await connection.fetchval("SHOW synchronous_commit") == "off":
        await connection.execute("SET synchronous_commit = on")
    off = [setting for setting in ("fsync", "full_page_writes") if await connection.fetchval(f"SHOW {setting}") == "off"]
    return tuple(f"this PostgreSQL runs with {setting} = off: a power cut can lose or damage what was acknowledged" for setting in off)


async def revision(connection: Any) -> str:
    """The schema's revision; empty: there is none."""
    if not await connection.fetchval(schema.FIND_TABLE["postgresql"]):
        return ""
    return str(await connection.fetchval(schema.FIND_REVISION) or "")


def meaning(error: BaseException, *, in_doubt: bool = False) -> StoreUnavailable | Unfit:
    """An error of the driver as what it means here; only its name is told, because PostgreSQL's texts can hold values."""
    state = str(getattr(error, "sqlstate", None) or "")
    if isinstance(error, asyncpg.DataError) or state[:2] in ("22", "23"):
        return Unfit(type(error).__name__)
    if state == "53100":
        return StoreFull("no room for the database", in_doubt=in_doubt)
    if state == "55P03":
        return StoreLocked("another node holds the record's lock", in_doubt=in_doubt)
    return StoreUnavailable(f"PostgreSQL: {type(error).__name__}", in_doubt=in_doubt)


def unavailable(error: BaseException, *, in_doubt: bool = False) -> StoreUnavailable:
    """The same where no value of a caller can be the reason."""
    meant = meaning(error, in_doubt=in_doubt)
    return meant if isinstance(meant, StoreUnavailable) else StoreUnavailable(f"PostgreSQL: {meant}", in_doubt=in_doubt)
