"""Journal bodies by month on PostgreSQL: partitions made ahead, whole months dropped when retention allows (design: Store)."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg

log = logging.getLogger("interop.store")

AHEAD = 3  # months
_LIST = (
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'journal_bodies'::regclass ORDER BY 1"
)


def months(start: datetime, count: int) -> Iterator[tuple[datetime, datetime]]:
    """(first instant, first instant after) of ``count`` months in UTC from the one that holds ``start``."""
    at = start.astimezone(UTC)
    year, month = at.year, at.month
    for _ in range(count):
        first = datetime(year, month, 1, tzinfo=UTC)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        yield first, datetime(year, month, 1, tzinfo=UTC)


def name_of(first: datetime) -> str:
    """The partition of the month that begins at ``first``."""
    return f"journal_bodies_{first:%Y_%m}"


async def make_ahead(connection: Any, now: datetime) -> None:
    """This month's partition and the next ones; a month whose rows went to the default partition already stays there."""
    there = {row[0] for row in await connection.fetch(_LIST)}
    for first, after in months(now, AHEAD + 1):
        if name_of(first) in there:
            continue
        try:
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS {name_of(first)} PARTITION OF journal_bodies "
                f"FOR VALUES FROM ('{first.isoformat()}') TO ('{after.isoformat()}')"
            )
        except (asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError, asyncpg.LockNotAvailableError) as error:
            log.warning(
                "no partition %(partition)s could be made; its rows go to journal_bodies_other",
                {"partition": name_of(first), "error_type": type(error)},
            )


async def drop_before(connection: Any, cutoff: datetime) -> int:
    """Drop the partitions that end at or before ``cutoff``; returns how many."""
    last = name_of(next(months(cutoff, 1))[0])  # the month of the cutoff itself stays
    old = [row[0] for row in await connection.fetch(_LIST) if row[0] != "journal_bodies_other" and row[0] < last]
    for name in old:
        await connection.execute(f"DROP TABLE {name}")
    return len(old)
