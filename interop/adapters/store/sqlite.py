"""The record in one SQLite file: WAL, synchronous=FULL, one writing connection, reads on a small pool of read-only ones."""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from interop.adapters.store.chain import instant_text
from interop.adapters.store.commit import DEFAULT_BOUNDS, Bounds, GroupCommitter
from interop.adapters.store.queries import SqlReads
from interop.adapters.store.record import CommittingRecord
from interop.adapters.store.schema import HEAD
from interop.adapters.store.serving import fenced
from interop.adapters.store.sql import numbered_for_sqlite
from interop.adapters.store.sqlite_file import SqliteFile, SqliteLimits, from_sqlite
from interop.adapters.store.sqlite_library import choose_sqlite
from interop.adapters.store.sqlite_writer import SqliteWriter
from interop.ports import Busy, Clock, SchemaMismatch, Serving, StoreClosed, StoreHealth, StoreState, StoreUnavailable

DEFAULT_LIMITS = SqliteLimits()


class SqliteReaders:
    """A few read-only connections, each lent to one read at a time; at most ``reads_waiting`` reads wait."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._pool = ThreadPoolExecutor(file.limits.readers, thread_name_prefix="interop-reader")
        self._idle: deque[tuple[int, Any]] = deque()
        self._opening = 0  # which opening of the file the connections belong to
        self._reading = 0
        self._closed = False

    async def ask(self, statement: str, arguments: Sequence[Any], instants: Sequence[int]) -> list[tuple[Any, ...]]:
        """Raises: StoreUnavailable, Busy."""
        if self._closed:
            raise StoreClosed("the record is closed")
        if self._reading >= self._file.limits.reads_waiting:
            raise Busy(f"{self._reading} reads are waiting")
        self._reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, statement, arguments, instants)
        finally:
            self._reading -= 1

    def _read(self, statement: str, arguments: Sequence[Any], instants: Sequence[int]) -> list[tuple[Any, ...]]:
        encoded = tuple(instant_text(value) if isinstance(value, datetime) else value for value in arguments)
        opening = self._opening
        try:
            opening, connection = self._idle.pop()
        except IndexError:
            connection = self._file.connect(write=False)
        try:
            found = connection.execute(numbered_for_sqlite(statement), encoded).fetchall()
        except self._file.library.module.Error as error:
            connection.close()
            meant = self._file.translate(error)
            raise meant if isinstance(meant, StoreUnavailable) else StoreUnavailable(f"SQLite: {meant}") from error
        if opening == self._opening:
            self._idle.append((opening, connection))
        else:
            connection.close()
        return [tuple(from_sqlite(row, instants)) for row in found] if instants else found

    def forget(self) -> None:
        """Close what is idle, and what is in use after its read: the file may be another one by now."""
        self._opening += 1
        while self._idle:
            self._idle.pop()[1].close()

    async def close(self) -> None:
        """Wait for the reads under way, then close all."""
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
        self.forget()


class SqliteRecord(SqlReads, CommittingRecord):
    """The Record port on one SQLite file. Made by ``open``."""

    def __init__(self, node: str, file: SqliteFile, committer: GroupCommitter, cautions: tuple[str, ...]) -> None:
        super().__init__(node)
        self._committer = committer
        self._cautions = cautions
        self._readers = SqliteReaders(file)
        committer.watch(self._on_state)

    @classmethod
    async def open(
        cls,
        path: Path,
        node: str,
        clock: Clock,
        bounds: Bounds = DEFAULT_BOUNDS,
        limits: SqliteLimits = DEFAULT_LIMITS,
        serving: Serving | None = None,
    ) -> "SqliteRecord":
        """Raises: SchemaMismatch: the file is missing, empty or older. StoreUnavailable."""
        library = choose_sqlite()
        if not path.exists():
            raise SchemaMismatch("", HEAD)
        file = SqliteFile(path, library, limits)
        writer = SqliteWriter(file, node)
        try:
            position, caution = await writer.open()
        except BaseException:
            await writer.let_go()
            raise
        committer = GroupCommitter(fenced(writer, serving), clock, bounds, position)
        return cls(node, file, committer, tuple(said for said in (library.caution, caution) if said))

    def _on_state(self, health: StoreHealth) -> None:
        if health.state is not StoreState.CLOSED:
            self._readers.forget()

    async def _ask(self, sql: str, arguments: Sequence[Any], instants: Sequence[int]) -> list[tuple[Any, ...]]:
        return await self._readers.ask(sql, arguments, instants)

    async def close(self) -> None:
        await self._readers.close()
        await super().close()
