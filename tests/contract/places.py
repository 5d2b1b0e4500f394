"""Where the contract tests keep a record: each place opens it again and again, as a restarted or a second node would."""

import asyncio
import itertools
import shutil
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from postgres_server import PostgresServer

from interop.adapters.store.commit import Bounds
from interop.adapters.store.memory import MemoryRecord
from interop.adapters.store.migrate import migrate_postgres, migrate_sqlite
from interop.adapters.store.postgres import PostgresRecord
from interop.adapters.store.postgres_link import PostgresLimits
from interop.adapters.store.sqlite import SqliteRecord
from interop.adapters.store.sqlite_file import SqliteLimits
from interop.adapters.store.sqlite_library import choose_sqlite

EARLY = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
QUICK = Bounds(first_retry_s=0.02, last_retry_s=0.1)


class StoppedClock:
    """Says what it was set to."""

    def __init__(self, at: datetime = EARLY) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def on(self, **later: float) -> datetime:
        """Move on by a timedelta, and say the new time."""
        self.at += timedelta(**later)
        return self.at


class Place(ABC):
    """One record's home."""

    name: str
    durable = True

    def __init__(self) -> None:
        self.clock = StoppedClock()
        self.opened: list[Any] = []

    async def open(self, node: str = "node-a", bounds: Bounds = QUICK) -> Any:
        record = await self._open(node, bounds)
        self.opened.append(record)
        return record

    @abstractmethod
    async def _open(self, node: str, bounds: Bounds) -> Any: ...

    async def close(self) -> None:
        for record in self.opened:
            await record.close()
        self.opened.clear()


class MemoryPlace(Place):
    name = "memory"
    durable = False

    async def _open(self, node: str, bounds: Bounds) -> Any:
        return MemoryRecord(node, self.clock, bounds)


class SqlitePlace(Place):
    name = "sqlite"

    def __init__(self, template: Path, folder: Path) -> None:
        super().__init__()
        self.path = folder / "record.db"
        shutil.copy(template, self.path)
        self.limits = SqliteLimits(lock_wait_s=0.2)

    async def _open(self, node: str, bounds: Bounds) -> Any:
        return await SqliteRecord.open(self.path, node, self.clock, bounds, self.limits)


class PostgresPlace(Place):
    name = "postgres"
    _numbers = itertools.count(1)

    def __init__(self, server: PostgresServer) -> None:
        super().__init__()
        self.server = server
        self.database = f"record_{next(self._numbers)}"
        self.url = server.url(self.database)

    async def make(self) -> None:
        await in_postgres(self.server.url("postgres"), f"CREATE DATABASE {self.database} TEMPLATE record_template")

    async def _open(self, node: str, bounds: Bounds) -> Any:
        return await PostgresRecord.open(self.url, node, self.clock, bounds, PostgresLimits(connect_s=5, answer_s=5, lock_wait_s=1))

    async def close(self) -> None:
        await super().close()
        await in_postgres(self.server.url("postgres"), f"DROP DATABASE {self.database} WITH (FORCE)")


async def in_postgres(url: str, *statements: str) -> list[Any]:
    """Run statements one by one, as somebody with a SQL prompt; the last one's rows."""
    connection = await asyncpg.connect(url)
    try:
        found: list[Any] = []
        for statement in statements:
            found = await connection.fetch(statement)
        return found
    finally:
        await connection.close()


async def in_sql(place: Any, *statements: str) -> None:
    """As somebody with the database's password would."""
    if isinstance(place, PostgresPlace):
        await in_postgres(place.url, *statements)
    else:
        module = choose_sqlite().module
        connection = module.connect(str(place.path), isolation_level=None)
        try:
            for statement in statements:
                connection.execute(statement)
        finally:
            connection.close()


def sqlite_template(folder: Path) -> Path:
    """An empty record in a file, to be copied."""
    path = folder / "template.db"
    migrate_sqlite(path)
    return path


def postgres_template(server: PostgresServer) -> None:
    """An empty record as a template database; on a thread, because a fixture may be asked for inside a running loop."""

    async def make() -> None:
        await in_postgres(server.url("postgres"), "CREATE DATABASE record_template")
        await migrate_postgres(server.url("record_template"))

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(make())).result()
