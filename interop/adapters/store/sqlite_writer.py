"""The one writing connection to a SQLite file, on a thread of its own: a group of units is one BEGIN IMMEDIATE … COMMIT."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain
from time import monotonic
from typing import Any

from interop.adapters.store import rows, schema, sql
from interop.adapters.store.chain import instant_text
from interop.adapters.store.group import Outcome, Standing, each_alone, together
from interop.adapters.store.rows import Table
from interop.adapters.store.sqlite_file import SqliteFile, from_sqlite, to_sqlite
from interop.adapters.store.steps import Change, Delete, Look, Lookup, Savepoint, Script, Step, T, Upsert, Work, Write, size_of
from interop.adapters.store.worker import Worker
from interop.ports import RecordWentBack, StoreFull, StoreUnavailable, Unfit

REMEMBERED = frozenset({rows.COUNTERS, rows.AUDIT_HEADS, rows.LANES})  # few rows, which nearly every group asks for

PROBE_BYTES = 65_536  # at least; else as much as the group that found no room, so that a store heals when the next one fits


class SqliteWriter:
    """A ``commit.Backend``: its methods hand over to the thread; what the thread runs begins with an underscore."""

    def __init__(self, file: SqliteFile, node: str) -> None:
        self._file, self._node = file, node
        self._errors = file.library.module.Error
        self._thread = Worker("interop-committer")
        self._connection: Any = None
        self._identity: tuple[tuple[int, int], ...] = ()
        self._standing = Standing()
        self._probe_bytes = PROBE_BYTES
        self._seen_version = -1  # of the database, as it counts what other connections commit
        self._remembered: dict[Table, dict[tuple[Any, ...], Any]] = {table: {} for table in REMEMBERED}

    async def open(self) -> tuple[int, str]:
        """Connect; returns the record's position and a caution about its schema. Raises: StoreUnavailable, SchemaMismatch."""
        return await self._thread.call(self._open)

    async def apply(self, works: Sequence[Work]) -> list[Outcome]:
        return await self._thread.call(self._apply, works)

    async def heal(self) -> None:
        await self._thread.call(self._heal)

    async def let_go(self) -> None:
        await self._thread.call(self._close)
        self._thread.stop()

    def _open(self) -> tuple[int, str]:
        connection = self._file.connect(write=True)
        try:
            caution = schema.check_revision(self._file.revision(connection))
            counters = connection.execute(sql.sqlite_lookup(rows.COUNTERS, ("id",), 1), (1,)).fetchone()
            if counters is None:
                raise StoreUnavailable("the record has lost its counters")
            connection.execute("BEGIN IMMEDIATE")  # makes the log file, and shows that we may write
            connection.execute("COMMIT")
            standing = self._check_standing(connection, rows.Counters._make(counters))
            self._identity = self._file.identity()
        except self._errors as error:
            connection.close()
            raise self._unavailable(error) from error
        except Exception:
            connection.close()
            raise
        self._connection, self._standing = connection, standing
        return standing.position, caution

    def _check_standing(self, connection: Any, counters: rows.Counters) -> Standing:
        """Raises: RecordWentBack: what this process has acknowledged is not in this database."""
        stood = self._standing
        if stood.position:
            found = connection.execute("SELECT digest FROM events WHERE position = ?", (stood.position,)).fetchone()
            if counters.position < stood.position or found is None or found[0] != stood.chain:
                raise RecordWentBack(f"the record ends at position {counters.position} or differs; {stood.position} was acknowledged")
        return Standing(counters.position, counters.chain)

    def _heal(self) -> None:
        self._close()
        self._open()
        try:
            self._run("BEGIN IMMEDIATE")
            self._connection.execute(sql.sqlite_insert(rows.PROBE, True, 1), (1, bytes(self._probe_bytes)))
            self._run("COMMIT")
            self._run("DELETE FROM probe")
        except self._errors as error:
            self._roll_back()
            raise self._unavailable(error) from error
        self._probe_bytes = PROBE_BYTES

    def _close(self) -> None:
        self._forget()
        if self._connection is not None:
            with suppress(self._errors):
                self._connection.close()
            self._connection = None

    def _forget(self) -> None:
        for remembered in self._remembered.values():
            remembered.clear()

    def _run(self, statement: str) -> None:
        self._connection.execute(statement)

    def _begin(self) -> None:
        """Take the write lock; what is remembered holds as long as no other connection has committed anything."""
        self._run("BEGIN IMMEDIATE")
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._seen_version:
            self._forget()
            self._seen_version = version

    def _unavailable(self, error: Exception, *, in_doubt: bool = False) -> StoreUnavailable:
        meant = self._file.translate(error, in_doubt=in_doubt)
        return meant if isinstance(meant, StoreUnavailable) else StoreUnavailable(f"SQLite: {meant}", in_doubt=in_doubt)

    def _apply(self, works: Sequence[Work]) -> list[Outcome]:
        if self._connection is None:
            raise StoreUnavailable("the store is not connected")
        if self._file.identity() != self._identity:
            raise StoreUnavailable("another file stands where the database was")
        longest_s = self._file.limits.longest_s
        try:
            try:
                outcomes, standing = self._transaction(together(works, self._node, self._standing, monotonic, longest_s, trusting=True))
            except Unfit:
                outcomes, standing = self._transaction(together(works, self._node, self._standing, monotonic, longest_s, trusting=False))
        except Unfit:
            outcomes, standing = self._transaction(each_alone(works, self._node, self._standing))
        except StoreFull:
            self._probe_bytes = max(PROBE_BYTES, sum(size_of(work) for work in works))
            raise
        self._standing = standing
        return outcomes

    def _transaction(self, script: Script[T]) -> T:
        committing = False
        try:
            self._begin()
            result = self._drive(script)
            committing = True
            self._run("COMMIT")
        except self._errors as error:
            self._roll_back()
            raise self._unavailable(error, in_doubt=committing) from error
        except BaseException:
            self._roll_back()
            raise
        return result

    def _roll_back(self) -> None:
        self._forget()
        with suppress(self._errors):  # healing opens a new connection, and an open transaction dies with the old one
            if self._connection.in_transaction:
                self._run("ROLLBACK")

    def _drive(self, script: Script[T]) -> T:
        """Carry out a script's steps. Raises: StoreUnavailable; Unfit where the script does not deal with it."""
        try:
            step = next(script)
            while True:
                try:
                    reply = self._do(step)
                except Unfit as unfit:
                    step = script.throw(unfit)
                else:
                    step = script.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    def _do(self, step: Step) -> list[Any]:
        try:
            return self._carry_out(step)
        except self._errors as error:
            meant = self._file.translate(error)
            if isinstance(error, self._file.library.module.ProgrammingError) and self._alive():
                meant = Unfit(type(error).__name__)  # a value of a type that SQLite has no place for
            raise meant from error
        except (OverflowError, UnicodeError) as error:
            raise Unfit(type(error).__name__) from error

    def _alive(self) -> bool:
        try:
            self._run("SELECT 1")
        except self._errors:
            return False
        return True

    def _carry_out(self, step: Step) -> list[Any]:
        if isinstance(step, Look):
            return [self._look_up(lookup) for lookup in step.lookups]
        if isinstance(step, Write):
            for change in step.changes:
                self._change(change)
        elif isinstance(step, Savepoint):
            self._run(step.value)
        else:
            return [sum([self._count(statement, arguments) * counts for statement, arguments, counts in sql.chore(step)])]
        return []

    def _look_up(self, lookup: Lookup) -> list[Any]:
        table, keys = lookup.table, lookup.keys
        remembered = self._remembered.get(table)
        if remembered is not None and all(key in remembered for key in keys):
            return [remembered[key] for key in keys]
        found: list[Any] = []
        start, left = 0, len(keys)
        for chunk in sql.CHUNKS:
            while left >= chunk:
                arguments = list(chain.from_iterable(keys[start : start + chunk]))
                found += self._connection.execute(sql.sqlite_lookup(table, lookup.by, chunk), arguments).fetchall()
                start, left = start + chunk, left - chunk
        made = [table.row._make(from_sqlite(row, table.instants)) for row in found]
        self._remember(table, made)
        return made

    def _remember(self, table: Table, rows_there: Iterable[Any]) -> None:
        remembered = self._remembered.get(table)
        if remembered is not None:
            for row in rows_there:
                remembered[table.key_of(row)] = row

    def _change(self, change: Change) -> None:
        if isinstance(change, Delete):
            self._connection.executemany(sql.sqlite_delete(change.table), change.keys)
        else:
            self._put(change.table, to_sqlite(change.table, change.rows), isinstance(change, Upsert))
            self._remember(change.table, change.rows)

    def _put(self, table: Table, cells: Sequence[Any], replace: bool) -> None:
        start = 0
        for chunk in sql.CHUNKS:
            taken = chunk * len(table.columns)
            while len(cells) - start >= taken:
                self._connection.execute(sql.sqlite_insert(table, replace, chunk), cells[start : start + taken])
                start += taken

    def _count(self, statement: str, arguments: tuple[Any, ...]) -> int:
        encoded = tuple(instant_text(value) if hasattr(value, "utcoffset") else value for value in arguments)
        return int(self._connection.execute(sql.numbered_for_sqlite(statement), encoded).rowcount)
