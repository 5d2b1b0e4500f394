"""What the record says about everything that a group of commits names, read under the write lock, and how the group leaves it."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from interop.adapters.store import rows
from interop.adapters.store.rows import Counters, Table
from interop.adapters.store.steps import Change, Delete, Insert, Look, Lookup, Script, Upsert
from interop.ports import Claim, Commit, TimerEnd

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

R = TypeVar("R", bound=tuple[Any, ...])
Key = tuple[Hashable, ...]


class Held(Generic[R]):
    """The rows of one table by key: as read, and as the group leaves them. A row's key is its primary key."""

    __slots__ = ("_added", "_dropped", "_key_of", "_put", "_rows", "_table")

    def __init__(self, table: Table) -> None:
        self._table, self._key_of = table, table.key_of
        self._rows: dict[Key, R] = {}
        self._dropped: dict[Key, None] = {}
        self._put: dict[Key, None] = {}
        self._added: dict[Key, None] = {}  # of those put, the ones that had no row before: the database's own key is a second guard

    def load(self, found: Iterable[R]) -> None:
        """The rows as read."""
        self._rows = {self._key_of(row): row for row in found}

    def get(self, *key: Hashable) -> R | None:
        """The row under ``key``, or ``None``."""
        return self._rows.get(key)

    def put(self, row: R) -> None:
        """The group leaves this row under its key."""
        key = self._key_of(row)
        self._rows[key] = row
        if key not in self._added:
            self._put[key] = None

    def add(self, row: R) -> None:
        """The group leaves this row under its key, which has none in the database."""
        key = self._key_of(row)
        self._rows[key] = row
        self._added[key] = None

    def drop(self, *key: Hashable) -> None:
        """The group leaves no row under ``key``."""
        self._rows.pop(key, None)
        self._put.pop(key, None)
        self._added.pop(key, None)
        self._dropped[key] = None

    @property
    def is_changed(self) -> bool:
        """Whether the group leaves anything otherwise than it was read."""
        return bool(self._put or self._added or self._dropped)

    def changes(self) -> Iterator[Change]:
        """The steps that carry it out."""
        if self._dropped:
            yield Delete(self._table, list(self._dropped))
        if self._put:
            yield Upsert(self._table, [self._rows[key] for key in self._put])
        if self._added:
            yield Insert(self._table, [self._rows[key] for key in self._added])


class Facts:
    """The part of the record that a group of commits decides on, and the rows it adds."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self.position, self.chain = counters.position, counters.chain
        self.entry, self.outgoing, self.activation = counters.entry, counters.outgoing, counters.activation
        self.streams: Held[rows.StreamRow] = Held(rows.STREAMS)
        self.effects: Held[rows.EffectKeyRow] = Held(rows.EFFECT_KEYS)
        self.intents: Held[rows.IntentRow] = Held(rows.INTENTS)
        self.timers: Held[rows.TimerRow] = Held(rows.TIMERS)
        self.lanes: Held[rows.LaneRow] = Held(rows.LANES)
        self.open: Held[rows.OpenRow] = Held(rows.OUTGOING_OPEN)
        self.projections: Held[rows.ProjectionRow] = Held(rows.PROJECTIONS)
        self.checkpoints: Held[rows.CheckpointRow] = Held(rows.CHECKPOINTS)
        self.releases: Held[rows.ReleaseRow] = Held(rows.RELEASES)
        self.audit_heads: Held[rows.AuditHeadRow] = Held(rows.AUDIT_HEADS)
        self.entry_ids: set[str] = set()
        self.control_ids: set[tuple[str, str]] = set()
        self.seen: dict[tuple[str, str, bytes], rows.MessageKeyRow] = {}
        self._added: defaultdict[Table, list[Any]] = defaultdict(list)
        self._held: dict[Table, Held[Any]] = {
            rows.STREAMS: self.streams,
            rows.EFFECT_KEYS: self.effects,
            rows.INTENTS: self.intents,
            rows.TIMERS: self.timers,
            rows.LANES: self.lanes,
            rows.OUTGOING_OPEN: self.open,
            rows.PROJECTIONS: self.projections,
            rows.CHECKPOINTS: self.checkpoints,
            rows.RELEASES: self.releases,
            rows.AUDIT_HEADS: self.audit_heads,
        }

    def held(self, table: Table) -> Held[Any]:
        """What is kept of a table by primary key."""
        return self._held[table]

    def add(self, table: Table, row: tuple[Any, ...]) -> None:
        """A row that is new by its number."""
        self._added[table].append(row)

    def load_unique(self, found: Iterable[Any]) -> None:
        """What is taken already, by the type of row that says so."""
        for row in found:
            match row:
                case rows.JournalHeadRow():
                    self.entry_ids.add(row.entry_id)
                case rows.MessageKeyRow():
                    self.seen[row.sender, row.control_id, row.content_hash] = row
                case rows.OutgoingRow():
                    self.control_ids.add((row.destination, row.control_id))

    def changes(self) -> Iterator[Change]:
        """All that carries the group out."""
        for table, added in self._added.items():
            yield Insert(table, added)
        for held in self._held.values():
            if held.is_changed:
                yield from held.changes()
        counters = Counters(self._counters.id, self.position, self.chain, self.entry, self.outgoing, self.activation)
        if counters != self._counters:
            yield Upsert(rows.COUNTERS, [counters])


def _named(commits: Sequence[Commit], node: str, *, trusting: bool) -> Iterator[tuple[Table, Key]]:
    """Every row that the commits name by its primary key and lean on; ``trusting``: but for those that must not be there yet."""
    for commit in commits:
        for expect in commit.expects:
            yield rows.STREAMS, (expect.stream,)
        for key in commit.keys:
            yield rows.EFFECT_KEYS, (key.key,)
        for freed in commit.key_releases:
            yield rows.EFFECT_KEYS, (freed.key,)
        if not trusting:
            for intent in commit.intents:
                yield rows.INTENTS, (intent.intent_id,)
        for intent_step in commit.intent_steps:
            yield rows.INTENTS, (intent_step.intent_id,)
        for timer in commit.timers:
            if isinstance(timer, TimerEnd) and timer.due_at is not None:
                yield rows.TIMERS, (timer.kind, timer.subject)
        for message in commit.messages:
            yield rows.LANES, (message.destination, message.lane)
        for step in commit.message_steps:
            yield rows.OUTGOING_OPEN, (step.seq,)
            if step.lease is not None:
                yield rows.LANES, (step.lease.destination, step.lease.lane)
        for lane_step in commit.lane_steps:
            lane = lane_step if isinstance(lane_step, Claim) else lane_step.lease
            yield rows.LANES, (lane.destination, lane.lane)
        for checkpoint in commit.checkpoints:
            yield rows.CHECKPOINTS, (checkpoint.name,)
        for release in commit.releases:
            yield rows.RELEASES, (release.library_hash, release.mapping_hash)
        for active in commit.activations:
            yield rows.RELEASES, (active.library_hash, active.mapping_hash)
        if commit.audit:
            yield rows.AUDIT_HEADS, (node,)


def read_facts(commits: Sequence[Commit], node: str, *, trusting: bool) -> Script[Facts]:
    """Look up what the commits name, in one step.

    ``trusting``: not whether what must be new is new, which the database's own keys find out when it is written, as ``Unfit``.
    """
    named: dict[Table, dict[Key, None]] = {rows.COUNTERS: {(1,): None}}
    for table, key in _named(commits, node, trusting=trusting):
        named.setdefault(table, {})[key] = None
    lookups = [Lookup(table, table.key, list(keys)) for table, keys in named.items()]
    replies = yield Look((*lookups, *(() if trusting else _unique(commits))))
    by_key = dict(zip(named, replies, strict=False))
    facts = Facts(by_key.pop(rows.COUNTERS)[0])
    for table, found in by_key.items():
        facts.held(table).load(found)
    facts.load_unique(row for found in replies[len(lookups) :] for row in found)
    return facts


def _unique(commits: Sequence[Commit]) -> Iterator[Lookup]:
    """What must be new by another key than its number: journal entries, message keys, control ids."""
    entries = [entry for commit in commits for entry in commit.journal]
    if entries:
        yield Lookup(rows.JOURNAL_HEADS, ("entry_id",), [(entry.entry_id,) for entry in entries])
    keys = {(entry.key.sender, entry.key.control_id, entry.key.content_hash): None for entry in entries if entry.key is not None}
    if keys:
        yield Lookup(rows.MESSAGE_KEYS, ("sender", "control_id", "content_hash"), list(keys))
    messages = {(message.destination, message.control_id): None for commit in commits for message in commit.messages}
    if messages:
        yield Lookup(rows.OUTGOING, ("destination", "control_id"), list(messages))
