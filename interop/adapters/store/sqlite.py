"""The record in one SQLite file: WAL, synchronous=FULL, one writing connection, reads on a small pool of read-only ones."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

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
from interop.adapters.store.worker import Worker
from interop.ports import Busy, Clock, SchemaMismatch, Serving, StoreClosed, StoreHealth, StoreState, StoreUnavailable

DEFAULT_LIMITS = SqliteLimits()

LONG_S: Final = 0.005
"""What takes longer is no read of a few rows that lie at hand."""

Answered = list[tuple[Any, ...]] | Exception


@dataclass(frozen=True, slots=True)
class Read:
    """One question, and the future its asker awaits."""

    statement: str
    arguments: tuple[Any, ...]
    instants: Sequence[int]
    told: "asyncio.Future[list[tuple[Any, ...]]]"


class Together:
    """What was asked in one turn of the loop: a thread takes one read after the other, and a second thread helps where one of them takes long."""

    def __init__(self, reads: Sequence[Read]) -> None:
        self.waiting: deque[Read] = deque(reads)
        self.answered: deque[tuple[Read, Answered]] = deque()
        self.threads = 0


class SqliteReaders:
    """A few read-only connections on threads of their own; at most ``reads_waiting`` reads wait.

    What is asked in one turn of the loop goes to a thread together: waking a thread, and the loop again, costs more than a read. A read that takes long
    holds up none of the others for longer than ``LONG_S``, as long as a thread is free.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._threads = Worker("interop-reader", threads=file.limits.readers)
        self._asked: list[Read] = []  # in this turn of the loop
        self._idle: deque[tuple[int, Any]] = deque()
        self._opening = 0  # which opening of the file the connections belong to
        self._reading = 0
        self._none_left: asyncio.Future[None] | None = None
        self._closed = False

    async def ask(self, statement: str, arguments: Sequence[Any], instants: Sequence[int]) -> list[tuple[Any, ...]]:
        """Raises: StoreUnavailable, Busy."""
        if self._closed:
            raise StoreClosed("the record is closed")
        if self._reading >= self._file.limits.reads_waiting:
            raise Busy(f"{self._reading} reads are waiting")
        loop = asyncio.get_running_loop()
        encoded = tuple([instant_text(value) if isinstance(value, datetime) else value for value in arguments])
        read = Read(statement, encoded, instants, loop.create_future())
        self._reading += 1
        if not self._asked:
            loop.call_soon(self._hand_over)
        self._asked.append(read)
        return await read.told

    def _hand_over(self) -> None:
        reads, self._asked = self._asked, []
        self._work_on(Together(reads))

    def _work_on(self, turn: Together) -> None:
        turn.threads += 1
        self._threads.call(self._answer, turn).add_done_callback(lambda _: self._tell(turn))
        asyncio.get_running_loop().call_later(LONG_S, self._help, turn)

    def _help(self, turn: Together) -> None:
        """One of them takes long: tell those that are answered, and let another thread go on with the others."""
        self._tell(turn)
        if turn.waiting and turn.threads < self._file.limits.readers:
            self._work_on(turn)

    def _tell(self, turn: Together) -> None:
        while turn.answered:
            read, answered = turn.answered.popleft()
            self._reading -= 1
            if read.told.done():
                continue  # its asker was cancelled
            if isinstance(answered, BaseException):
                read.told.set_exception(answered)
            else:
                read.told.set_result(answered)
        if self._none_left is not None and not self._reading and not self._none_left.done():
            self._none_left.set_result(None)

    def _answer(self, turn: Together) -> None:
        """On a thread: each read fails alone."""
        while True:
            try:
                read = turn.waiting.popleft()
            except IndexError:
                return
            try:
                turn.answered.append((read, self._read(read)))
            except Exception as error:
                turn.answered.append((read, error))

    def _read(self, read: Read) -> list[tuple[Any, ...]]:
        opening = self._opening
        try:
            opening, connection = self._idle.pop()
        except IndexError:
            connection = self._file.connect(write=False)
        try:
            found = connection.execute(numbered_for_sqlite(read.statement), read.arguments).fetchall()
        except self._file.library.module.Error as error:
            connection.close()
            meant = self._file.translate(error)
            raise meant if isinstance(meant, StoreUnavailable) else StoreUnavailable(f"SQLite: {meant}") from error
        if opening == self._opening:
            self._idle.append((opening, connection))
        else:
            connection.close()
        return [tuple(from_sqlite(row, read.instants)) for row in found] if read.instants else found

    def forget(self) -> None:
        """Close what is idle, and what is in use after its read: the file may be another one by now."""
        self._opening += 1
        while self._idle:
            self._idle.pop()[1].close()

    async def close(self) -> None:
        """Wait for the reads under way, then close all."""
        self._closed = True
        if self._reading:
            self._none_left = self._none_left or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._none_left)
        self._threads.stop()
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
