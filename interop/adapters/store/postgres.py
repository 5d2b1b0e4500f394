"""The record in PostgreSQL: one writing connection a node, a small read-only pool; nodes are alike and hold no state (design: Growing past one machine)."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from interop.adapters.store.commit import DEFAULT_BOUNDS, Bounds, GroupCommitter
from interop.adapters.store.partitions import drop_before, make_ahead
from interop.adapters.store.postgres_link import FAULTS, PostgresLimits, connect, hang_up, settings, unavailable
from interop.adapters.store.postgres_writer import PostgresWriter
from interop.adapters.store.queries import SqlReads
from interop.adapters.store.record import CommittingRecord
from interop.adapters.store.serving import fenced
from interop.ports import Busy, Clock, Retention, Serving, StoreClosed

DEFAULT_LIMITS = PostgresLimits()


class PostgresRecord(SqlReads, CommittingRecord):
    """The Record port on PostgreSQL. Made by ``open``."""

    def __init__(
        self, url: str, node: str, clock: Clock, committer: GroupCommitter, pool: Any, cautions: tuple[str, ...], limits: PostgresLimits
    ) -> None:
        super().__init__(node)
        self._url, self._clock, self._limits = url, clock, limits
        self._committer = committer
        self._pool = pool
        self._cautions = cautions
        self._reading = 0
        self._closed = False

    @classmethod
    async def open(
        cls,
        url: str,
        node: str,
        clock: Clock,
        bounds: Bounds = DEFAULT_BOUNDS,
        limits: PostgresLimits = DEFAULT_LIMITS,
        serving: Serving | None = None,
    ) -> "PostgresRecord":
        """Raises: SchemaMismatch: the schema is missing or older. StoreUnavailable."""
        writer = PostgresWriter(url, node, clock, limits)
        position, cautions = await writer.open()
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=limits.readers,
                timeout=limits.connect_s,
                command_timeout=limits.answer_s * 2,
                server_settings=settings(node, limits, write=False),
            )
        except FAULTS as error:
            await writer.let_go()
            raise unavailable(error) from error
        committer = GroupCommitter(fenced(writer, serving), clock, bounds, position)
        writer.on_moved = committer.moved_to
        return cls(url, node, clock, committer, pool, cautions, limits)

    async def _ask(self, sql: str, arguments: Sequence[Any], instants: Sequence[int]) -> list[tuple[Any, ...]]:
        if self._closed:
            raise StoreClosed("the record is closed")
        if self._reading >= self._limits.reads_waiting:
            raise Busy(f"{self._reading} reads are waiting")
        self._reading += 1
        try:
            async with self._pool.acquire(timeout=self._limits.answer_s) as connection:
                return [tuple(row) for row in await connection.fetch(sql, *arguments)]
        except FAULTS as error:
            raise unavailable(error) from error
        finally:
            self._reading -= 1

    async def prune(self, retention: Retention, limit: int = 500) -> int:
        connection = await connect(self._url, self._node, self._limits)
        try:
            await make_ahead(connection, self._clock.now())
            dropped = 0 if retention.bodies is None else await drop_before(connection, retention.bodies)
        except FAULTS as error:
            raise unavailable(error) from error
        finally:
            await hang_up(connection, self._limits)
        return dropped + await super().prune(retention, limit)

    async def close(self) -> None:
        self._closed = True
        await super().close()
        await self._pool.close()
