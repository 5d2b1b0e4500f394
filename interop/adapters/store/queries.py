"""What is read of the record, in the SQL that SQLite and PostgreSQL share; each asks its own connection through ``_ask``."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from interop.adapters.store import rows, values
from interop.adapters.store.facts import LONG_AGO
from interop.adapters.store.rows import Table
from interop.adapters.store.sql import columns
from interop.ports import (
    AuditQuery,
    EffectKey,
    FirstSeen,
    Intent,
    JournalHead,
    LaneMessage,
    LaneView,
    Lease,
    MessageKey,
    RecordedAudit,
    RecordedEvent,
    StoredRelease,
    Timer,
)

# The first open message of its order key in its lane: nothing of the key is before it (design: Lanes).
_FIRST_OF_KEY = """NOT EXISTS (SELECT 1 FROM outgoing_open p WHERE p.destination = o.destination AND p.lane = o.lane
    AND p.order_key = o.order_key AND p.seq < o.seq)"""
_MESSAGE = f"SELECT {columns(rows.OUTGOING, 'g')}, {columns(rows.OUTGOING_OPEN, 'o')} FROM outgoing_open o JOIN outgoing g ON g.seq = o.seq"
_WIDTH = len(rows.OUTGOING.columns)
_MESSAGE_INSTANTS = (*rows.OUTGOING.instants, *(_WIDTH + place for place in rows.OUTGOING_OPEN.instants))


class SqlReads(ABC):
    """The reading half of the Record port over SQL; the docstrings of its methods are the port's."""

    @abstractmethod
    async def _ask(self, sql: str, arguments: Sequence[Any], instants: Sequence[int]) -> list[tuple[Any, ...]]:
        """All rows of a query with ``$n`` parameters; the columns at ``instants`` come back as datetimes.

        Raises: StoreUnavailable, Busy.
        """

    async def _rows(self, table: Table, rest: str, *arguments: Any) -> list[Any]:
        asked = await self._ask(f"SELECT {columns(table)} FROM {table.name} {rest}", arguments, table.instants)
        return [table.row._make(row) for row in asked]

    async def _row(self, table: Table, rest: str, *arguments: Any) -> Any:
        found = await self._rows(table, rest, *arguments)
        return found[0] if found else None

    # ── events ──

    async def version(self, stream: str) -> int:
        row = await self._row(rows.STREAMS, "WHERE stream = $1", stream)
        return 0 if row is None else int(row.version)

    async def events(self, stream: str, after_version: int = 0, limit: int = 1000) -> tuple[RecordedEvent, ...]:
        where = "WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3"
        return tuple(map(values.recorded_event, await self._rows(rows.EVENTS, where, stream, after_version, limit)))

    async def position(self) -> int:
        return (await self.chain_head())[0]

    async def feed(self, after: int, limit: int = 500) -> tuple[RecordedEvent, ...]:
        where = "WHERE position > $1 ORDER BY position LIMIT $2"
        return tuple(map(values.recorded_event, await self._rows(rows.EVENTS, where, after, limit)))

    async def chain_head(self) -> tuple[int, bytes]:
        counters = await self._row(rows.COUNTERS, "WHERE id = $1", 1)
        return counters.position, counters.chain

    # ── keys and journal ──

    async def effect_key(self, key: str) -> EffectKey | None:
        row = await self._row(rows.EFFECT_KEYS, "WHERE key = $1", key)
        return None if row is None else values.effect_key(row)

    async def seen(self, key: MessageKey) -> FirstSeen | None:
        where = "WHERE sender = $1 AND control_id = $2 AND content_hash = $3"
        row = await self._row(rows.MESSAGE_KEYS, where, key.sender, key.control_id, key.content_hash)
        return None if row is None else values.first_seen(row)

    async def journal_head(self, entry_id: str) -> JournalHead | None:
        row = await self._row(rows.JOURNAL_HEADS, "WHERE entry_id = $1", entry_id)
        return None if row is None else values.journal_head(row)

    async def journal_body(self, entry_id: str) -> bytes | None:
        head = await self.journal_head(entry_id)
        if head is None:
            return None
        row = await self._row(rows.JOURNAL_BODIES, "WHERE entry = $1 AND at = $2", head.entry, head.at)
        return None if row is None else bytes(row.body)

    async def journal(self, before: int | None = None, limit: int = 100) -> tuple[JournalHead, ...]:
        beyond = 2**63 - 1 if before is None else before
        found = await self._rows(rows.JOURNAL_HEADS, "WHERE entry < $1 ORDER BY entry DESC LIMIT $2", beyond, limit)
        return tuple(map(values.journal_head, found))

    # ── state beside the events ──

    async def projection(self, name: str, key: str) -> str | None:
        row = await self._row(rows.PROJECTIONS, "WHERE name = $1 AND key = $2", name, key)
        return None if row is None else str(row.document)

    async def projections(self, name: str, after: str = "", limit: int = 500) -> tuple[tuple[str, str], ...]:
        found = await self._rows(rows.PROJECTIONS, "WHERE name = $1 AND key > $2 ORDER BY key LIMIT $3", name, after, limit)
        return tuple((row.key, row.document) for row in found)

    async def checkpoint(self, name: str) -> int:
        row = await self._row(rows.CHECKPOINTS, "WHERE name = $1", name)
        return 0 if row is None else int(row.position)

    async def due_timers(self, now: datetime, limit: int = 100) -> tuple[Timer, ...]:
        where = "WHERE due_at <= $1 ORDER BY due_at, kind, subject LIMIT $2"
        return tuple(map(values.timer, await self._rows(rows.TIMERS, where, now, limit)))

    async def next_due(self) -> datetime | None:
        row = await self._row(rows.TIMERS, "ORDER BY due_at LIMIT $1", 1)
        return None if row is None else values.timer(row).due_at

    async def _free_intents(self, now: datetime, limit: int) -> tuple[Intent, ...]:
        where = "WHERE held_until <= $1 ORDER BY held_until, intent_id LIMIT $2"
        return tuple(map(values.intent, await self._rows(rows.INTENTS, where, now, limit)))

    # ── releases and audit ──

    async def release(self, library_hash: str, mapping_hash: str) -> StoredRelease | None:
        row = await self._row(rows.RELEASES, "WHERE library_hash = $1 AND mapping_hash = $2", library_hash, mapping_hash)
        return None if row is None else values.stored_release(row)

    async def releases(self) -> tuple[tuple[str, str, datetime], ...]:
        asked = await self._ask("SELECT library_hash, mapping_hash, at FROM releases ORDER BY at, library_hash, mapping_hash", (), (2,))
        return tuple((library, mapping, at) for library, mapping, at in asked)

    async def active_release(self, library_hash: str) -> StoredRelease | None:
        active = await self._row(rows.ACTIVATIONS, "WHERE library_hash = $1 ORDER BY seq DESC LIMIT $2", library_hash, 1)
        return None if active is None else await self.release(active.library_hash, active.mapping_hash)

    async def audit_rows(self, node: str, after: int = 0, limit: int = 500) -> tuple[RecordedAudit, ...]:
        found = await self._rows(rows.AUDIT, "WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3", node, after, limit)
        return tuple(map(values.recorded_audit, found))

    async def audit_head(self, node: str) -> tuple[int, bytes]:
        row = await self._row(rows.AUDIT_HEADS, "WHERE node = $1", node)
        return (0, b"") if row is None else (row.seq, row.digest)

    async def audit_nodes(self) -> tuple[str, ...]:
        return tuple(row.node for row in await self._rows(rows.AUDIT_HEADS, "ORDER BY node"))

    async def audit_search(self, query: AuditQuery, limit: int = 200) -> tuple[RecordedAudit, ...]:
        narrow: list[tuple[str, Any]] = [
            ("patient <> '' AND patient = ", query.patient),  # as the index is over rows that have one
            ("actor = ", query.actor),
            ("pump <> '' AND pump = ", query.pump),
            ("at >= ", query.since),
            ("at < ", query.until),
        ]
        given = [(test, value) for test, value in narrow if value]
        where = " AND ".join(f"{test}${number}" for number, (test, _) in enumerate(given, 2))
        rest = f"{'WHERE ' + where if where else ''} ORDER BY at DESC, node DESC, seq DESC LIMIT $1"
        return tuple(map(values.recorded_audit, await self._rows(rows.AUDIT, rest, limit, *(value for _, value in given))))

    # ── lanes ──

    async def _free_lanes(self, destination: str, now: datetime, limit: int) -> list[tuple[str, int, int]]:
        """(destination, lane, epoch) of lanes that nobody holds and that have something to send.

        The most urgent first, and of those that are as urgent the one whose message of that urgency is older.
        """
        where = "AND l.destination = $3" if destination else ""
        asked = await self._ask(
            f"""SELECT destination, lane, epoch FROM (
                SELECT l.destination, l.lane, l.epoch, o.urgency, o.seq,
                    row_number() OVER (PARTITION BY l.destination, l.lane ORDER BY o.urgency, o.seq) AS place
                FROM lanes l JOIN outgoing_open o ON o.destination = l.destination AND o.lane = l.lane
                WHERE l.leased_until <= $1 AND l.held_until <= $1 AND o.state = 'waiting' AND o.due_at <= $1 AND {_FIRST_OF_KEY} {where}
            ) AS free WHERE place = 1 ORDER BY urgency, seq LIMIT $2""",
            (now, limit, destination) if destination else (now, limit),
            (),
        )
        return [(found, lane, epoch) for found, lane, epoch in asked]

    async def _lane_epoch(self, destination: str, lane: int) -> int:
        row = await self._row(rows.LANES, "WHERE destination = $1 AND lane = $2", destination, lane)
        return 0 if row is None else int(row.epoch)

    async def _open(self, rest: str, *arguments: Any) -> tuple[LaneMessage, ...]:
        asked = await self._ask(f"{_MESSAGE} {rest}", arguments, _MESSAGE_INSTANTS)
        return tuple(values.open_message(rows.OutgoingRow._make(row[:_WIDTH]), rows.OpenRow._make(row[_WIDTH:])) for row in asked)

    async def lane_messages(self, lease: Lease, now: datetime, limit: int = 50) -> tuple[LaneMessage, ...]:
        where = f"""WHERE o.destination = $1 AND o.lane = $2 AND o.state = 'waiting' AND o.due_at <= $3 AND {_FIRST_OF_KEY}
            ORDER BY o.urgency, o.seq LIMIT $4"""
        return await self._open(where, lease.destination, lease.lane, now, limit)

    async def open_messages(self, destination: str, lane: int, after: int = 0, limit: int = 200) -> tuple[LaneMessage, ...]:
        where = "WHERE o.destination = $1 AND o.lane = $2 AND o.seq > $3 ORDER BY o.seq LIMIT $4"
        return await self._open(where, destination, lane, after, limit)

    async def message(self, seq: int) -> LaneMessage | None:
        waiting = await self._open("WHERE o.seq = $1", seq)
        if waiting:
            return waiting[0]
        sent = await self._row(rows.OUTGOING, "WHERE seq = $1", seq)
        ended = await self._row(rows.OUTGOING_SETTLED, "WHERE seq = $1", seq)
        return None if sent is None or ended is None else values.settled_message(sent, ended)

    async def lane_views(self, limit: int = 200) -> tuple[LaneView, ...]:
        asked = await self._ask(
            """SELECT l.destination, l.lane, l.owner, l.epoch, l.leased_until, l.held_until, l.note,
                count(CASE WHEN o.state = 'waiting' THEN 1 END), count(CASE WHEN o.state = 'parked' THEN 1 END), min(g.at),
                (SELECT p.note FROM outgoing_open p WHERE p.destination = l.destination AND p.lane = l.lane AND p.state = 'parked'
                    ORDER BY p.seq LIMIT 1)
            FROM lanes l LEFT JOIN outgoing_open o ON o.destination = l.destination AND o.lane = l.lane LEFT JOIN outgoing g ON g.seq = o.seq
            GROUP BY l.destination, l.lane, l.owner, l.epoch, l.leased_until, l.held_until, l.note
            HAVING count(o.seq) > 0 OR l.held_until > $1
            ORDER BY min(g.at) NULLS LAST, l.destination, l.lane LIMIT $2""",
            (LONG_AGO, limit),
            (4, 5, 9),
        )
        return tuple(
            LaneView(destination, lane, owner, epoch, leased_until, held_until, note or parked_note or "", waiting, parked, oldest_at)
            for destination, lane, owner, epoch, leased_until, held_until, note, waiting, parked, oldest_at, parked_note in asked
        )
