"""The writing connection to PostgreSQL: a group of units is one transaction, and the lock of the counters row makes it the only one of all nodes.

That lock makes positions gapless and in the order of commits, so the feed needs no guard against late arrivals; a node's groups grow while it waits.
"""

import os
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from interop.adapters.store import rows, schema, sql
from interop.adapters.store.group import Outcome, Standing, each_alone, together
from interop.adapters.store.partitions import make_ahead
from interop.adapters.store.postgres_link import (
    FAULTS,
    PostgresLimits,
    connect,
    hang_up,
    insist_on_durability,
    meaning,
    revision,
    unavailable,
)
from interop.adapters.store.steps import (
    Change,
    Clear,
    Delete,
    Insert,
    Look,
    Lookup,
    Prune,
    Savepoint,
    Script,
    Step,
    T,
    Upsert,
    Work,
    Write,
    size_of,
)
from interop.ports import Clock, RecordWentBack, StoreFull, StoreUnavailable, Unfit

BEGIN = "BEGIN; SELECT 1 FROM counters WHERE id = 1 FOR UPDATE"  # the statements after it see all that was committed before
CHANNEL = "interop_record"
PROBE_BYTES = 65_536  # at least; else as much as the group that found no room; random, because PostgreSQL compresses


class PostgresWriter:
    """A ``commit.Backend`` on one connection."""

    def __init__(self, url: str, node: str, clock: Clock, limits: PostgresLimits) -> None:
        self._url, self._node, self._clock, self._limits = url, node, clock, limits
        self._connection: Any = None
        self._standing = Standing()
        self._probe_bytes = PROBE_BYTES
        self.on_moved: Callable[[int], None] = lambda _: None

    async def open(self) -> tuple[int, tuple[str, ...]]:
        """Connect; returns the record's position and cautions. Raises: StoreUnavailable, SchemaMismatch."""
        connection = await connect(self._url, self._node, self._limits)
        try:
            caution = schema.check_revision(await revision(connection))
            cautions = await insist_on_durability(connection)
            standing = await self._check_standing(connection)
            await make_ahead(connection, self._clock.now())
            await connection.add_listener(CHANNEL, self._on_notify)
        except FAULTS as error:
            connection.terminate()
            raise unavailable(error) from error
        except BaseException:
            connection.terminate()
            raise
        self._connection, self._standing = connection, standing
        return standing.position, (*cautions, caution) if caution else cautions

    def _on_notify(self, connection: Any, process: int, channel: str, payload: str) -> None:
        if payload.isascii() and payload.isdigit():
            self.on_moved(int(payload))

    async def _check_standing(self, connection: Any) -> Standing:
        """Raises: RecordWentBack: what this process has acknowledged is not in this database. StoreUnavailable: it has no counters."""
        counters = await connection.fetchrow("SELECT position, chain FROM counters WHERE id = 1")
        if counters is None:
            raise StoreUnavailable("the record has lost its counters")
        stood = self._standing
        if stood.position:
            digest = await connection.fetchval("SELECT digest FROM events WHERE position = $1", stood.position)
            if counters["position"] < stood.position or digest != stood.chain:
                raise RecordWentBack(f"the record ends at position {counters['position']} or differs; {stood.position} was acknowledged")
        return Standing(counters["position"], counters["chain"])

    async def heal(self) -> None:
        self._give_up()
        await self.open()
        try:
            await self._connection.execute(sql.postgres_write(((rows.PROBE, True),)), [1], [os.urandom(self._probe_bytes)])
            await self._connection.execute("DELETE FROM probe")
        except FAULTS as error:
            self._give_up()
            raise unavailable(error) from error
        self._probe_bytes = PROBE_BYTES

    async def let_go(self) -> None:
        if self._connection is not None:
            await hang_up(self._connection, self._limits)
            self._connection = None

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def apply(self, works: Sequence[Work]) -> list[Outcome]:
        if self._connection is None:
            raise StoreUnavailable("the store is not connected")
        longest_s = self._limits.longest_s
        try:
            try:
                outcomes, standing = await self._transaction(
                    together(works, self._node, self._standing, monotonic, longest_s, trusting=True)
                )
            except Unfit:
                outcomes, standing = await self._transaction(
                    together(works, self._node, self._standing, monotonic, longest_s, trusting=False)
                )
        except Unfit:
            outcomes, standing = await self._transaction(each_alone(works, self._node, self._standing))
        except StoreFull:
            self._probe_bytes = max(PROBE_BYTES, sum(size_of(work) for work in works))
            raise
        self._standing = standing
        return outcomes

    async def _transaction(self, script: Script[tuple[list[Outcome], Standing]]) -> tuple[list[Outcome], Standing]:
        committing = False
        try:
            await self._connection.execute(BEGIN)
            outcomes, standing = await self._drive(script)
            moved = f"NOTIFY {CHANNEL}, '{standing.position:d}'; " if standing.position > self._standing.position else ""
            committing = True
            await self._connection.execute(f"{moved}COMMIT")
        except FAULTS as error:
            self._give_up()  # the server rolls back when the connection goes
            raise unavailable(error, in_doubt=committing) from error
        except Unfit:
            await self._roll_back()
            raise
        except BaseException:
            self._give_up()
            raise
        return outcomes, standing

    async def _roll_back(self) -> None:
        try:
            await self._connection.execute("ROLLBACK")
        except FAULTS as error:
            self._give_up()
            raise unavailable(error) from error

    async def _drive(self, script: Script[T]) -> T:
        """Carry out a script's steps. Raises: StoreUnavailable; Unfit where the script does not deal with it."""
        try:
            step = next(script)
            while True:
                try:
                    reply = await self._do(step)
                except Unfit as unfit:
                    step = script.throw(unfit)
                else:
                    step = script.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _do(self, step: Step) -> list[Any]:
        try:
            return await self._carry_out(step)
        except FAULTS as error:
            raise meaning(error) from error
        except (OverflowError, UnicodeError) as error:
            raise Unfit(type(error).__name__) from error

    async def _carry_out(self, step: Step) -> list[Any]:
        match step:
            case Look(lookups):
                return await self._look(lookups)
            case Write(changes):
                await self._write(changes)
            case Savepoint():
                await self._connection.execute(step.value)
            case Prune() | Clear():
                return [sum([await self._count(statement, arguments) * counts for statement, arguments, counts in sql.chore(step)])]
        return []

    async def _look(self, lookups: Sequence[Lookup]) -> list[Any]:
        statement = sql.postgres_look(tuple((lookup.table, lookup.by) for lookup in lookups))
        arguments = [column for lookup in lookups for column in _columns(lookup.keys)]
        replies = await self._connection.fetchrow(statement, *arguments)
        return [[lookup.table.row._make(found) for found in reply or ()] for lookup, reply in zip(lookups, replies, strict=True)]

    async def _write(self, changes: Sequence[Change]) -> None:
        """The deletes first, then all other rows in one statement: parts of one statement do not see each other."""
        added: list[Insert | Upsert] = []
        for change in changes:
            if isinstance(change, Delete):
                await self._connection.execute(sql.postgres_delete(change.table), *_columns(change.keys))
            else:
                added.append(change)
        if added:
            statement = sql.postgres_write(tuple((change.table, isinstance(change, Upsert)) for change in added))
            await self._connection.execute(statement, *(column for change in added for column in _columns(change.rows)))

    async def _count(self, statement: str, arguments: tuple[Any, ...]) -> int:
        status: str = await self._connection.execute(statement, *arguments)  # "DELETE 12"
        return int(status.rpartition(" ")[2])


def _columns(some: Sequence[Any]) -> list[list[Any]]:
    return [list(column) for column in zip(*some, strict=True)]
