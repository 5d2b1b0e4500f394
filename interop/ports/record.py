"""The record as a port (design: Store): what may be asked of it, and how it stands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from interop.ports.commit import Commit, Committed
from interop.ports.errors import RecordError, StoreUnavailable
from interop.ports.lanes import Lanes
from interop.ports.parts import EffectKey, FirstSeen, Intent, JournalHead, MessageKey, RecordedAudit, RecordedEvent, StoredRelease, Timer


class StoreState(Enum):
    """OPEN commits; FAILING refuses at once and tries by itself to heal, back to OPEN; CLOSED is final."""

    OPEN = "open"
    FAILING = "failing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """Whether commits work, since when, and if not why; ``queued`` commits wait for the next group (intake slows down by it)."""

    state: StoreState
    since: datetime
    cause: StoreUnavailable | None
    queued: int


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """SEC-36: by patient, user, pump and time (``since`` included, ``until`` not); an empty field does not narrow."""

    patient: str = ""
    actor: str = ""
    pump: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """What is older than its instant may go, apart for each kind; ``None`` keeps all of it.

    A journal head stays as long as its body does. Events and audit rows are never taken.
    """

    bodies: datetime | None = None
    heads: datetime | None = None
    message_keys: datetime | None = None
    effect_keys: datetime | None = None
    settled_messages: datetime | None = None


class Record(Lanes, Protocol):
    """The record of interop: one write path, ``commit``, or ``queue`` for who does not wait; reads that may lag behind nobody's commit but those in flight.

    Every method that waits may raise StoreUnavailable; ``Busy`` means too many wait already. Cancelling a caller does not undo a commit already taken up.
    """

    @property
    def node(self) -> str:
        """The name under which this process writes its audit chain."""

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the engineer on call must know of this store, one sentence each (a SQLite with the WAL-reset fault, say); empty: nothing."""

    async def commit(self, commit: Commit) -> Committed:
        """Write all of it, durably, or raise. Waits its turn in a bounded queue; the next group takes what queued during the last one.

        Raises:
            Refused: one of its kinds; nothing of this commit was written.
            Busy: the queue is full for this priority.
            StoreUnavailable: commits do not work now; told to every waiting caller at once, with ``in_doubt`` where it may have been written.
        """

    def queue(self, commit: Commit, told: Callable[[Committed | RecordError], None]) -> None:
        """As ``commit``, for who does not wait: it has its place in the queue when this returns, and keeps it.

        ``told`` is called once, in the loop, with what ``commit`` returns or raises; at once where there is no place.
        """

    async def version(self, stream: str) -> int:
        """How many events the stream has; 0: it does not exist."""

    async def events(self, stream: str, after_version: int = 0, limit: int = 1000) -> tuple[RecordedEvent, ...]:
        """The stream's events beyond a version, in order."""

    async def position(self) -> int:
        """The position of the newest event; 0: there is none."""

    async def feed(self, after: int, limit: int = 500) -> tuple[RecordedEvent, ...]:
        """Events of all streams beyond a position, in the order of commits: what was read once never gets a predecessor later."""

    async def beyond(self, position: int, timeout_s: float) -> int:
        """Wait until the record has an event beyond ``position``, at most ``timeout_s`` of wall time; returns today's position. A wake-up, no truth."""

    async def effect_key(self, key: str) -> EffectKey | None:
        """The use of this key that holds (D-04)."""

    async def seen(self, key: MessageKey) -> FirstSeen | None:
        """The entry that was journalled with this message key, or ``None`` if it is new or retention took the key."""

    async def journal_head(self, entry_id: str) -> JournalHead | None:
        """One entry without its bytes."""

    async def journal_body(self, entry_id: str) -> bytes | None:
        """The bytes of one entry; ``None`` also when retention took them."""

    async def journal(self, before: int | None = None, limit: int = 100) -> tuple[JournalHead, ...]:
        """The newest entries first, those with an ``entry`` number below ``before``."""

    async def projection(self, name: str, key: str) -> str | None:
        """The JSON document under ``key`` of the named table."""

    async def projections(self, name: str, after: str = "", limit: int = 500) -> tuple[tuple[str, str], ...]:
        """(key, document) of the named table with keys beyond ``after``, by key in the order of code points."""

    async def checkpoint(self, name: str) -> int:
        """How far the projection has folded; 0: not at all."""

    async def clear_projection(self, name: str) -> None:
        """Empty the named table and set its checkpoint to 0, in small steps, so that it can be folded anew."""

    async def due_timers(self, now: datetime, limit: int = 100) -> tuple[Timer, ...]:
        """Timers due at ``now``, the earliest first."""

    async def next_due(self) -> datetime | None:
        """When the earliest timer is due."""

    async def claim_intents(self, now: datetime, lease_s: int, limit: int = 50) -> tuple[Intent, ...]:
        """Intents that nobody holds at ``now``, held from here on for ``lease_s``; the oldest hold first."""

    async def put_release(self, release: StoredRelease) -> None:
        """Store a release. Raises: IdTaken: its hashes are there with other bytes."""

    async def release(self, library_hash: str, mapping_hash: str) -> StoredRelease | None:
        """One release with its bytes."""

    async def releases(self) -> tuple[tuple[str, str, datetime], ...]:
        """(library hash, mapping hash, put at) of all releases, the oldest first."""

    async def active_release(self, library_hash: str) -> StoredRelease | None:
        """The release that was last made active for this library (D-25)."""

    async def audit_rows(self, node: str, after: int = 0, limit: int = 500) -> tuple[RecordedAudit, ...]:
        """One node's chain beyond a row number, in order."""

    async def audit_head(self, node: str) -> tuple[int, bytes]:
        """Number and digest of a node's last row; (0, b"") before the first. Exported off the host, it shows a chain cut short."""

    async def audit_nodes(self) -> tuple[str, ...]:
        """The nodes that have written audit rows."""

    async def audit_search(self, query: AuditQuery, limit: int = 200) -> tuple[RecordedAudit, ...]:
        """The newest rows that match first (SEC-36)."""

    async def chain_head(self) -> tuple[int, bytes]:
        """Position and digest of the last event as kept apart from the events; (0, b"") before the first (SEC-27)."""

    async def prune(self, retention: Retention, limit: int = 500) -> int:
        """Take at most ``limit`` old rows of each kind; returns how many went, 0 when there is nothing left to take."""

    def health(self) -> StoreHealth:
        """Whether commits work now. Does not ask the database."""

    def watch(self, listener: Callable[[StoreHealth], None]) -> Callable[[], None]:
        """Call ``listener`` on every change of state: that is the alert. Returns what ends the watch."""

    async def close(self) -> None:
        """Commit what is queued, then let go of the database; later calls raise StoreClosed."""
