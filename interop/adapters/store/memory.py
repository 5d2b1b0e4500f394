"""The record in memory: the same decisions in the same committer over dictionaries, for scenarios, tests and a first look; gone with the process."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from interop.adapters.store import rows, values
from interop.adapters.store.commit import DEFAULT_BOUNDS, Bounds, GroupCommitter
from interop.adapters.store.facts import LONG_AGO
from interop.adapters.store.group import Outcome, Standing, each_alone, together
from interop.adapters.store.memory_tables import MemoryTables
from interop.adapters.store.record import CommittingRecord
from interop.adapters.store.steps import Script, T, Work
from interop.ports import (
    AuditQuery,
    Clock,
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
    StoreClosed,
    StoredRelease,
    StoreState,
    StoreUnavailable,
    Timer,
    Unfit,
)


class MemoryBackend:
    """A ``commit.Backend`` that never waits, so that a whole hospital runs deterministically in one thread."""

    def __init__(self, node: str) -> None:
        self.tables = MemoryTables()
        self.tables.insert(rows.COUNTERS, [rows.Counters(1, 0, b"", 0, 0, 0)])
        self.tables.keep()
        self.broken: StoreUnavailable | None = None
        self._node = node
        self._standing = Standing()

    async def apply(self, works: Sequence[Work]) -> list[Outcome]:
        await self.heal()
        try:
            try:
                told, self._standing = self._transaction(together(works, self._node, self._standing, lambda: 0.0, 1.0, trusting=True))
            except Unfit:
                told, self._standing = self._transaction(together(works, self._node, self._standing, lambda: 0.0, 1.0, trusting=False))
        except Unfit:
            told, self._standing = self._transaction(each_alone(works, self._node, self._standing))
        return told

    async def heal(self) -> None:
        if self.broken is not None:
            raise self.broken

    async def let_go(self) -> None:
        """Nothing to let go of: what was recorded can still be read by who holds the tables."""

    def _transaction(self, script: Script[T]) -> T:
        try:
            result = self._drive(script)
        except BaseException:
            self.tables.roll_back()
            raise
        self.tables.keep()
        return result

    def _drive(self, script: Script[T]) -> T:
        try:
            step = next(script)
            while True:
                try:
                    reply = self.tables.do(step)
                except Unfit as unfit:
                    step = script.throw(unfit)
                else:
                    step = script.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result


class MemoryRecord(CommittingRecord):
    """The Record port on dictionaries; the docstrings of its methods are the port's. To be made inside a running loop."""

    def __init__(self, node: str, clock: Clock, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        super().__init__(node)
        self._backend = MemoryBackend(node)
        self._committer = GroupCommitter(self._backend, clock, bounds, 0)

    def fail_with(self, failure: StoreUnavailable | None) -> None:
        """For rehearsals: from now on commits fail as they would on a full disk or a lost database; ``None`` mends it, and the store heals by itself."""
        self._backend.broken = failure

    def _all(self, table: rows.Table) -> list[Any]:
        if self.health().state is StoreState.CLOSED:
            raise StoreClosed("the record is closed")
        return self._backend.tables.all(table)

    def _one(self, table: rows.Table, by: tuple[str, ...], *key: Any) -> Any:
        self._all(rows.COUNTERS)
        return self._backend.tables.find(table, by, key)

    async def version(self, stream: str) -> int:
        row = self._one(rows.STREAMS, ("stream",), stream)
        return 0 if row is None else int(row.version)

    async def events(self, stream: str, after_version: int = 0, limit: int = 1000) -> tuple[RecordedEvent, ...]:
        last = min(await self.version(stream), after_version + limit)
        found = (self._one(rows.EVENTS, ("stream", "version"), stream, version) for version in range(after_version + 1, last + 1))
        return tuple(map(values.recorded_event, found))

    async def position(self) -> int:
        return (await self.chain_head())[0]

    async def feed(self, after: int, limit: int = 500) -> tuple[RecordedEvent, ...]:
        last = min(await self.position(), after + limit)
        found = (self._one(rows.EVENTS, ("position",), position) for position in range(after + 1, last + 1))
        return tuple(map(values.recorded_event, found))

    async def chain_head(self) -> tuple[int, bytes]:
        counters = self._one(rows.COUNTERS, ("id",), 1)
        return counters.position, counters.chain

    async def effect_key(self, key: str) -> EffectKey | None:
        row = self._one(rows.EFFECT_KEYS, ("key",), key)
        return None if row is None else values.effect_key(row)

    async def seen(self, key: MessageKey) -> FirstSeen | None:
        row = self._one(rows.MESSAGE_KEYS, ("sender", "control_id", "content_hash"), key.sender, key.control_id, key.content_hash)
        return None if row is None else values.first_seen(row)

    async def journal_head(self, entry_id: str) -> JournalHead | None:
        row = self._one(rows.JOURNAL_HEADS, ("entry_id",), entry_id)
        return None if row is None else values.journal_head(row)

    async def journal_body(self, entry_id: str) -> bytes | None:
        head = self._one(rows.JOURNAL_HEADS, ("entry_id",), entry_id)
        row = None if head is None else self._one(rows.JOURNAL_BODIES, ("entry", "at"), head.entry, head.at)
        return None if row is None else bytes(row.body)

    async def journal(self, before: int | None = None, limit: int = 100) -> tuple[JournalHead, ...]:
        heads = sorted((row for row in self._all(rows.JOURNAL_HEADS) if before is None or row.entry < before), reverse=True)
        return tuple(map(values.journal_head, heads[:limit]))

    async def projection(self, name: str, key: str) -> str | None:
        row = self._one(rows.PROJECTIONS, ("name", "key"), name, key)
        return None if row is None else str(row.document)

    async def projections(self, name: str, after: str = "", limit: int = 500) -> tuple[tuple[str, str], ...]:
        found = sorted((row.key, row.document) for row in self._all(rows.PROJECTIONS) if row.name == name and row.key > after)
        return tuple(found[:limit])

    async def checkpoint(self, name: str) -> int:
        row = self._one(rows.CHECKPOINTS, ("name",), name)
        return 0 if row is None else int(row.position)

    async def due_timers(self, now: datetime, limit: int = 100) -> tuple[Timer, ...]:
        due = sorted((row for row in self._all(rows.TIMERS) if row.due_at <= now), key=lambda row: (row.due_at, row.kind, row.subject))
        return tuple(map(values.timer, due[:limit]))

    async def next_due(self) -> datetime | None:
        return min((row.due_at for row in self._all(rows.TIMERS)), default=None)

    async def _free_intents(self, now: datetime, limit: int) -> tuple[Intent, ...]:
        free = sorted((row for row in self._all(rows.INTENTS) if row.held_until <= now), key=lambda row: (row.held_until, row.intent_id))
        return tuple(map(values.intent, free[:limit]))

    async def release(self, library_hash: str, mapping_hash: str) -> StoredRelease | None:
        row = self._one(rows.RELEASES, ("library_hash", "mapping_hash"), library_hash, mapping_hash)
        return None if row is None else values.stored_release(row)

    async def releases(self) -> tuple[tuple[str, str, datetime], ...]:
        by_time = sorted(self._all(rows.RELEASES), key=lambda row: (row.at, row.library_hash, row.mapping_hash))
        return tuple((row.library_hash, row.mapping_hash, row.at) for row in by_time)

    async def active_release(self, library_hash: str) -> StoredRelease | None:
        active = [row for row in self._all(rows.ACTIVATIONS) if row.library_hash == library_hash]
        return await self.release(library_hash, max(active).mapping_hash) if active else None

    async def audit_rows(self, node: str, after: int = 0, limit: int = 500) -> tuple[RecordedAudit, ...]:
        last = min((await self.audit_head(node))[0], after + limit)
        return tuple(values.recorded_audit(self._one(rows.AUDIT, ("node", "seq"), node, seq)) for seq in range(after + 1, last + 1))

    async def audit_head(self, node: str) -> tuple[int, bytes]:
        row = self._one(rows.AUDIT_HEADS, ("node",), node)
        return (0, b"") if row is None else (row.seq, row.digest)

    async def audit_nodes(self) -> tuple[str, ...]:
        return tuple(sorted(row.node for row in self._all(rows.AUDIT_HEADS)))

    async def audit_search(self, query: AuditQuery, limit: int = 200) -> tuple[RecordedAudit, ...]:
        wanted: list[tuple[str, Callable[[Any], bool]]] = [
            (query.patient, lambda row: row.patient == query.patient),
            (query.actor, lambda row: row.actor == query.actor),
            (query.pump, lambda row: row.pump == query.pump),
        ]
        tests = [test for given, test in wanted if given]
        if (since := query.since) is not None:
            tests.append(lambda row: row.at >= since)
        if (until := query.until) is not None:
            tests.append(lambda row: row.at < until)
        found = [row for row in self._all(rows.AUDIT) if all(test(row) for test in tests)]
        found.sort(key=lambda row: (row.at, row.node, row.seq), reverse=True)
        return tuple(map(values.recorded_audit, found[:limit]))

    # ── lanes ──

    def _firsts(self) -> list[Any]:
        """The first open message of every order key of every lane."""
        firsts: dict[tuple[str, int, str], Any] = {}
        for row in sorted(self._all(rows.OUTGOING_OPEN)):
            firsts.setdefault((row.destination, row.lane, row.order_key), row)
        return list(firsts.values())

    def _sendable(self, now: datetime) -> list[Any]:
        due = [row for row in self._firsts() if row.state == "waiting" and row.due_at <= now]
        return sorted(due, key=lambda row: (row.urgency, row.seq))

    async def _free_lanes(self, destination: str, now: datetime, limit: int) -> list[tuple[str, int, int]]:
        free: dict[tuple[str, int], tuple[str, int, int]] = {}
        for row in self._sendable(now):
            lane = self._one(rows.LANES, ("destination", "lane"), row.destination, row.lane)
            if destination in ("", row.destination) and lane.leased_until <= now and lane.held_until <= now:
                free.setdefault((row.destination, row.lane), (row.destination, row.lane, lane.epoch))
        return list(free.values())[:limit]

    async def _lane_epoch(self, destination: str, lane: int) -> int:
        row = self._one(rows.LANES, ("destination", "lane"), destination, lane)
        return 0 if row is None else int(row.epoch)

    def _message(self, row: Any) -> LaneMessage:
        return values.open_message(self._one(rows.OUTGOING, ("seq",), row.seq), row)

    async def lane_messages(self, lease: Lease, now: datetime, limit: int = 50) -> tuple[LaneMessage, ...]:
        there = [row for row in self._sendable(now) if (row.destination, row.lane) == (lease.destination, lease.lane)]
        return tuple(map(self._message, there[:limit]))

    async def open_messages(self, destination: str, lane: int, after: int = 0, limit: int = 200) -> tuple[LaneMessage, ...]:
        there = [row for row in self._all(rows.OUTGOING_OPEN) if (row.destination, row.lane) == (destination, lane) and row.seq > after]
        return tuple(map(self._message, sorted(there)[:limit]))

    async def message(self, seq: int) -> LaneMessage | None:
        stands = self._one(rows.OUTGOING_OPEN, ("seq",), seq)
        if stands is not None:
            return self._message(stands)
        sent, ended = self._one(rows.OUTGOING, ("seq",), seq), self._one(rows.OUTGOING_SETTLED, ("seq",), seq)
        return None if sent is None or ended is None else values.settled_message(sent, ended)

    async def lane_views(self, limit: int = 200) -> tuple[LaneView, ...]:
        views = []
        for lane in self._all(rows.LANES):
            messages = await self.open_messages(lane.destination, lane.lane, 0, 2**31)
            if messages or lane.held_until > LONG_AGO:
                parked = [message for message in messages if message.state.value == "parked"]
                note = lane.note or (parked[0].note if parked else "")
                oldest = min((message.at for message in messages), default=None)
                waiting = len(messages) - len(parked)
                view = LaneView(
                    lane.destination,
                    lane.lane,
                    lane.owner,
                    lane.epoch,
                    lane.leased_until,
                    lane.held_until,
                    note,
                    waiting,
                    len(parked),
                    oldest,
                )
                views.append(view)
        views.sort(key=lambda view: (view.oldest_at is None, view.oldest_at or LONG_AGO, view.destination, view.lane))
        return tuple(views[:limit])
