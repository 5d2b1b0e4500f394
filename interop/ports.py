"""What interop asks of the world: protocols and the frozen values they speak in; no I/O, and nothing here imports an adapter.

This part is the record (design: Store, Lanes). All that changes it is one ``Commit``, a value: whole or not at all, and one caller's conflict never
fails another's. The errors, by what the caller does about them:

RecordError
├── Refused              this commit only, nothing of it was written: read again, decide again
│   ├── StreamMoved      somebody else's events came first
│   ├── KeyTaken         the effect key has been used; carries the first use (D-04)
│   ├── MessageSeen      the same message was journalled before; carries the first entry (D-04)
│   ├── LeaseLost        another worker holds the lane now: stop sending on it
│   ├── CheckpointMoved  another node has folded these events already
│   ├── IdTaken          an id that must be new is not: a fault of the caller
│   ├── Gone             what was to be ended or changed is not there, or no longer so
│   └── Unfit            the database cannot hold a value of this commit
├── Busy                 the queue's share for this priority is full: slow down, ask again
├── StoreUnavailable     CE or a closed connection, never CA; heals by itself
│   ├── StoreFull        no room on the disk
│   ├── StoreLocked      another process holds the write lock
│   ├── RecordWentBack   the database is older than what was acknowledged: a person must look
│   └── StoreClosed      this process is shutting down
├── ServedAlready        another server owns the store and its pumps: this one does not start
│   └── ServingLost      another server took them over while this one was cut off: this one stops
└── SchemaMismatch       the schema is missing or older than this version needs: migrate first
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum
from typing import Protocol, TypeVar

from interop.domain.errors import OurError

N = TypeVar("N")


class Clock(Protocol):
    """Today's time, so that a whole hospital can be run without waiting."""

    def now(self) -> datetime:
        """The current instant, with an offset."""


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class RecordError(OurError):
    """Base of what the record says instead of ``Committed``."""


class Refused(RecordError):
    """This commit was not written, no part of it; the others that shared its transaction were."""


class StreamMoved(Refused):
    """``stream`` stands at version ``actual``, not at the ``expected`` one that was decided on."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"stream {stream} is at version {actual}, not {expected}")
        self.stream, self.expected, self.actual = stream, expected, actual


class KeyTaken(Refused):
    """The effect key is in use. Same ``first.content_hash``: give the first answer again; another: 9016.conflict (D-04)."""

    def __init__(self, first: "EffectKey") -> None:
        super().__init__(f"effect key already used by {first.reference}")
        self.first = first


class MessageSeen(Refused):
    """The same message (sender, MSH-10, content without MSH-7) was journalled before as entry ``first`` at ``at``: a resend (D-04)."""

    def __init__(self, first: str, at: datetime) -> None:
        super().__init__(f"message already journalled as {first}")
        self.first, self.at = first, at


class LeaseLost(Refused):
    """Lane ``lane`` of ``destination`` is held under another epoch, or is not free to claim."""

    def __init__(self, destination: str, lane: int, epoch: int) -> None:
        super().__init__(f"lane {lane} of {destination} is not held under epoch {epoch}")
        self.destination, self.lane, self.epoch = destination, lane, epoch


class CheckpointMoved(Refused):
    """Checkpoint ``name`` stands at ``actual``, not at ``expected``."""

    def __init__(self, name: str, expected: int, actual: int) -> None:
        super().__init__(f"checkpoint {name} is at {actual}, not {expected}")
        self.name, self.expected, self.actual = name, expected, actual


class IdTaken(Refused):
    """``what`` (journal entry, intent, control id, release) named ``id`` exists already."""

    def __init__(self, what: str, id: str) -> None:
        super().__init__(f"{what} {id} exists already")
        self.what, self.id = what, id


class Gone(Refused):
    """``what`` (timer, intent, effect key, message, release) named ``id`` is not there, or not in the state that this step starts from."""

    def __init__(self, what: str, id: str) -> None:
        super().__init__(f"{what} {id} is not there to be changed")
        self.what, self.id = what, id


class Unfit(Refused):
    """The database refuses a value of this commit (a number beyond 64 bits, say): a fault of the caller, which does not heal."""


class Busy(RecordError):
    """The bounded queue has no room for this priority (bulk gives way first, pump events last); nothing was written."""


class StoreUnavailable(RecordError):
    """The store cannot commit now. ``in_doubt``: it failed while committing, so the commit may be found there later; whole, or not at all."""

    def __init__(self, cause: str, *, in_doubt: bool = False) -> None:
        super().__init__(cause)
        self.cause, self.in_doubt = cause, in_doubt


class StoreFull(StoreUnavailable):
    """No room is left where the database lives."""


class StoreLocked(StoreUnavailable):
    """Another process holds the write lock for longer than we wait."""


class RecordWentBack(StoreUnavailable):
    """The database lacks commits that this process acknowledged (an old backup, a stale replica). Never heals without the lost part."""


class StoreClosed(StoreUnavailable):
    """The record was closed."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The server that owns a store: process number and name or address of its host as that host knows them; empty, 0 or ``None``: not known."""

    node: str = ""
    process: int = 0
    host: str = ""
    since: datetime | None = None

    def __str__(self) -> str:
        if not self.node:
            return "a server that has not said its name"
        told = [f"node {self.node}", f"process {self.process} on host {self.host}" if self.host else f"process {self.process}"]
        return ", ".join([*told, f"since {self.since.isoformat(timespec='seconds')}"] if self.since is not None else told)


class ServedAlready(RecordError):
    """``holder`` owns the store and its pumps: what the links, lanes and channels are doing is in its memory, and a second one would not know it."""

    def __init__(self, holder: Holder, found: str = "", action: str = "") -> None:
        found = found or "only one server may own a store and its pumps, and this store is served already by"
        super().__init__(f"{found} {holder} — do: {action or 'leave that one in charge, or stop it and start this one again'}")
        self.holder = holder


class ServingLost(ServedAlready):
    """``holder`` took the store over while this server was cut off from it."""

    def __init__(self, holder: Holder) -> None:
        action = "leave that one in charge, and find out what cut this one off from the store"
        super().__init__(holder, "this server has stopped, because the store that it was cut off from is served now by", action)


class SchemaMismatch(RecordError):
    """The schema ``found`` (empty: none) is older than the one ``needed`` here."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(f"the store's schema is {found or 'missing'}, this version needs {needed}: migrate it first")
        self.found, self.needed = found, needed


# ── what a commit is made of ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _instant(at: datetime) -> None:
    """Raises: ValueError: a time without an offset names no instant."""
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no offset")


def _storable(*texts: str) -> None:
    """Raises: ValueError: NUL or half a surrogate pair, which not every database can hold."""
    together = "".join(texts)  # one look at all of them: this is asked of every row
    if "\0" in together:
        raise ValueError("NUL in a text of the record")
    if not together.isascii():
        together.encode()


class Priority(IntEnum):
    """What goes first when commits queue (design: Everything bounded)."""

    PUMP = 0  # pump events and alarms
    ORDERS = 1
    DOCUMENTS = 2
    BULK = 3  # projections, imports, retention


@dataclass(frozen=True, slots=True)
class Expect:
    """``stream`` stood at ``version`` when the commit was decided; 0: it did not exist. ``None``: facts, true wherever they land (a pump's events)."""

    stream: str
    version: int | None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What happened, past tense. ``body`` is JSON text as it shall be read for ever; ``type_version`` selects its upcast."""

    stream: str
    type: str
    type_version: int
    at: datetime
    body: str

    def __post_init__(self) -> None:
        _instant(self.at)
        _storable(self.stream, self.type, self.body)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as committed. ``position`` counts the whole record from 1 without gaps, in the order of commits; ``digest`` chains it (SEC-27)."""

    position: int
    stream: str
    version: int
    type: str
    type_version: int
    at: datetime
    body: str
    digest: bytes


class Direction(Enum):
    """Which way a journalled message went."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What makes a message the same one again: sender, MSH-10, and a hash of the content without MSH-7 (D-04)."""

    sender: str
    control_id: str
    content_hash: bytes

    def __post_init__(self) -> None:
        _storable(self.sender, self.control_id)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A message byte for byte. ``entry_id`` is the caller's (time-ordered ids keep the index small); ``answers`` names the entry that it answers."""

    entry_id: str
    direction: Direction
    peer: str
    message_type: str
    control_id: str
    at: datetime
    body: bytes
    answers: str = ""
    key: MessageKey | None = None

    def __post_init__(self) -> None:
        _instant(self.at)
        _storable(self.entry_id, self.peer, self.message_type, self.control_id, self.answers)


@dataclass(frozen=True, slots=True)
class JournalHead:
    """A journal entry without its bytes, which retention may have taken: ``size`` in bytes and SHA-256 ``digest`` of them stay."""

    entry: int
    entry_id: str
    direction: Direction
    peer: str
    message_type: str
    control_id: str
    at: datetime
    size: int
    digest: bytes
    answers: str


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """The journal entry that first carried a message key, kept apart from the journal and as a rule for longer."""

    entry_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EffectKey:
    """D-04: unique in the store; ``content_hash`` tells a repeat from a conflict, ``reference`` names what the first use made."""

    key: str
    content_hash: bytes
    reference: str
    at: datetime

    def __post_init__(self) -> None:
        _instant(self.at)
        _storable(self.key, self.reference)


@dataclass(frozen=True, slots=True)
class KeyRelease:
    """A refusal does not use the key up (D-04): frees ``key`` if ``reference`` still holds it, else the commit is refused with ``Gone``."""

    key: str
    reference: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A step out into the world, on file before it is taken. The committer of it may take it until ``held_until``; afterwards whoever claims it."""

    intent_id: str
    kind: str
    subject: str
    body: str
    held_until: datetime

    def __post_init__(self) -> None:
        _instant(self.held_until)
        _storable(self.intent_id, self.kind, self.subject, self.body)


@dataclass(frozen=True, slots=True)
class IntentHeld:
    """Claims or prolongs an intent until ``until``; ``Gone`` unless it is still held until ``seen``, as the claimer read it."""

    intent_id: str
    seen: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class IntentDone:
    """The intent was carried out, or was found needless; ``Gone`` if somebody else has said so."""

    intent_id: str


@dataclass(frozen=True, slots=True)
class Timer:
    """A due time as a row: one for each (kind, subject), a later one replaces it."""

    kind: str
    subject: str
    due_at: datetime
    body: str = ""

    def __post_init__(self) -> None:
        _instant(self.due_at)
        _storable(self.kind, self.subject, self.body)


@dataclass(frozen=True, slots=True)
class TimerEnd:
    """Takes a timer away. With ``due_at``: it fires, and the commit is refused with ``Gone`` unless that very timer is still there."""

    kind: str
    subject: str
    due_at: datetime | None = None


class MessageState(Enum):
    """A message in a lane: the first two are open, the others settled for ever."""

    WAITING = "waiting"
    PARKED = "parked"  # a person must look; holds back its own order key only
    SENT = "sent"
    EXPIRED = "expired"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for a lane. It is sent after all earlier ones of its ``order_key`` in its lane, and resent byte-equal with the same MSH-10.

    ``not_after``: no longer worth sending. ``urgency``: smaller goes first among different order keys. (destination, control_id) is unique.
    """

    destination: str
    lane: int
    order_key: str
    control_id: str
    body: bytes
    at: datetime
    not_after: datetime | None = None
    urgency: int = 1

    def __post_init__(self) -> None:
        _instant(self.at)
        if self.not_after is not None:
            _instant(self.not_after)
        _storable(self.destination, self.order_key, self.control_id)


@dataclass(frozen=True, slots=True)
class LaneMessage:
    """An outgoing message as stored; ``attempts`` counts sendings that failed, ``note`` says why the last one did."""

    seq: int
    destination: str
    lane: int
    order_key: str
    control_id: str
    body: bytes
    at: datetime
    not_after: datetime | None
    urgency: int
    state: MessageState
    attempts: int
    due_at: datetime
    note: str
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send on a lane until ``until``. ``epoch`` fences it: a step under an older epoch is refused, whatever the clocks say."""

    destination: str
    lane: int
    owner: str
    epoch: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """Takes a lane whose epoch is still ``seen_epoch`` and whose lease is over at ``at``; ``seize`` takes it from a living owner (a pump's hello)."""

    destination: str
    lane: int
    owner: str
    seen_epoch: int
    at: datetime
    until: datetime
    seize: bool = False

    def __post_init__(self) -> None:
        _instant(self.at)
        _instant(self.until)
        _storable(self.destination, self.owner)


@dataclass(frozen=True, slots=True)
class Renew:
    """Prolongs or, with ``until`` in the past, gives back a lease. ``held_until``: the partner is down, nobody claims the lane before."""

    lease: Lease
    until: datetime
    held_until: datetime | None = None
    note: str = ""

    def __post_init__(self) -> None:
        _instant(self.until)
        if self.held_until is not None:
            _instant(self.held_until)
        _storable(self.note)


@dataclass(frozen=True, slots=True)
class MessageStep:
    """Moves message ``seq``: a worker under its ``lease`` to any state, a person (no lease) to waiting, parked or discarded, never to sent.

    To WAITING under a lease counts a failed attempt and sets ``due_at``, the back-off; by a person it frees a parked message from ``due_at`` on.
    """

    seq: int
    to: MessageState
    at: datetime
    lease: Lease | None = None
    due_at: datetime | None = None
    note: str = ""

    def __post_init__(self) -> None:
        _instant(self.at)
        if self.due_at is not None:
            _instant(self.due_at)
        _storable(self.note)
        if self.lease is None and self.to in (MessageState.SENT, MessageState.EXPIRED):
            raise ValueError(f"only the holder of the lane says {self.to.value}")
        if self.to is MessageState.WAITING and self.due_at is None:
            raise ValueError("a waiting message needs a due time")


@dataclass(frozen=True, slots=True)
class Projected:
    """Today's state beside its events: the JSON ``document`` under ``key`` in the named table; ``None`` takes it away."""

    name: str
    key: str
    document: str | None

    def __post_init__(self) -> None:
        _storable(self.name, self.key, self.document or "")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A projection has folded all events up to ``position``; refused unless it stood at ``expected``."""

    name: str
    expected: int
    position: int


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what to whom with what outcome (SEC-32); ``body`` is the FHIR AuditEvent as JSON text. Empty: does not apply."""

    at: datetime
    actor: str
    action: str
    outcome: str
    patient: str = ""
    pump: str = ""
    subject: str = ""
    body: str = ""

    def __post_init__(self) -> None:
        _instant(self.at)
        _storable(self.actor, self.action, self.outcome, self.patient, self.pump, self.subject, self.body)


@dataclass(frozen=True, slots=True)
class RecordedAudit:
    """An audit row as committed: number ``seq`` of its node's chain, ``digest`` over it and the row before (SEC-35)."""

    node: str
    seq: int
    at: datetime
    actor: str
    action: str
    outcome: str
    patient: str
    pump: str
    subject: str
    body: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """A release's bytes under its two hashes; immutable. Putting the same bytes again changes nothing, other bytes are refused."""

    library_hash: str
    mapping_hash: str
    at: datetime
    content: bytes

    def __post_init__(self) -> None:
        _instant(self.at)
        _storable(self.library_hash, self.mapping_hash)


@dataclass(frozen=True, slots=True)
class Activation:
    """From now on pumps with this library are checked with this mapping (D-25); an older mapping may be made active again."""

    library_hash: str
    mapping_hash: str
    at: datetime
    by: str

    def __post_init__(self) -> None:
        _instant(self.at)
        _storable(self.by)


def _once(what: str, named: Sequence[N], id_of: Callable[[N], object] = lambda each: each) -> None:
    """Raises: ValueError: one commit names the same thing twice."""
    if len(named) > 1 and len(set(map(id_of, named))) != len(named):
        raise ValueError(f"one commit names a {what} twice")


@dataclass(frozen=True, slots=True)
class Commit:
    """All that one decision changes, as a value: every part is written, or none. Of timers and projections of one key the last counts.

    Raises: ValueError: an event whose stream is not expected, or the same stream, key, entry, message, intent or lane named twice.
    """

    expects: tuple[Expect, ...] = ()
    events: tuple[NewEvent, ...] = ()
    journal: tuple[JournalEntry, ...] = ()
    keys: tuple[EffectKey, ...] = ()
    key_releases: tuple[KeyRelease, ...] = ()
    intents: tuple[Intent, ...] = ()
    intent_steps: tuple[IntentHeld | IntentDone, ...] = ()
    timers: tuple[Timer | TimerEnd, ...] = ()
    messages: tuple[Outgoing, ...] = ()
    message_steps: tuple[MessageStep, ...] = ()
    lane_steps: tuple[Claim | Renew, ...] = ()
    projections: tuple[Projected, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    audit: tuple[AuditRow, ...] = ()
    releases: tuple[StoredRelease, ...] = ()
    activations: tuple[Activation, ...] = ()
    priority: Priority = Priority.ORDERS

    def __post_init__(self) -> None:
        streams = {expect.stream for expect in self.expects}
        if len(streams) != len(self.expects):
            raise ValueError("one commit expects a stream twice")
        for event in self.events:
            if event.stream not in streams:
                raise ValueError(f"an event for {event.stream}, whose version is not expected")
        if len(self.journal) > 1:
            _once("journal entry", [entry.entry_id for entry in self.journal])
            _once("message key", [entry.key for entry in self.journal if entry.key is not None])
        if len(self.intents) + len(self.intent_steps) > 1:
            _once("intent", [*(intent.intent_id for intent in self.intents), *(step.intent_id for step in self.intent_steps)])
        _once("effect key", self.keys, lambda key: key.key)
        _once("key release", self.key_releases, lambda key: key.key)
        _once("control id", self.messages, lambda message: (message.destination, message.control_id))
        _once("message", self.message_steps, lambda step: step.seq)
        _once("lane", self.lane_steps, _lane)
        _once("checkpoint", self.checkpoints, lambda checkpoint: checkpoint.name)
        _once("release", self.releases, lambda release: (release.library_hash, release.mapping_hash))

    def size(self) -> int:
        """Bytes that weigh: bodies and documents. The committer bounds its groups and its queue by it."""
        size = sum(len(event.body) for event in self.events) + sum(len(entry.body) for entry in self.journal)
        size += sum(len(message.body) for message in self.messages) + sum(len(audit.body) for audit in self.audit)
        size += sum(len(row.document or "") for row in self.projections) + sum(len(release.content) for release in self.releases)
        return size + sum(len(intent.body) for intent in self.intents)


def _lane(step: Claim | Renew) -> tuple[str, int]:
    at = step if isinstance(step, Claim) else step.lease
    return at.destination, at.lane


@dataclass(frozen=True, slots=True)
class Committed:
    """Durable. ``position``: of this commit's last event, or of the record before it when it had none.

    ``versions``: of the streams that got events; ``message_seqs``: of its outgoing messages, in order.
    """

    position: int
    versions: Mapping[str, int] = field(default_factory=dict)
    message_seqs: tuple[int, ...] = ()


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


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
class LaneView:
    """One lane for the page of what is stuck; ``oldest_at`` of its open messages, ``note`` says why the lane or its oldest parked message is held."""

    destination: str
    lane: int
    owner: str
    epoch: int
    leased_until: datetime
    held_until: datetime
    note: str
    waiting: int
    parked: int
    oldest_at: datetime | None


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


class Lanes(Protocol):
    """Outgoing messages in order (design: Lanes)."""

    async def claim_lane(self, destination: str, owner: str, now: datetime, lease_s: int) -> Lease | None:
        """Lease the most urgent free lane of ``destination`` that has something to send now; ``None``: there is none, or others were faster.

        An empty ``destination`` means any. Raises: StoreUnavailable, Busy.
        """

    async def seize_lane(self, destination: str, lane: int, owner: str, now: datetime, lease_s: int) -> Lease:
        """Take this lane from whoever holds it, raising its epoch (a pump said hello to this node). Raises: LeaseLost: another seized it meanwhile."""

    async def lane_messages(self, lease: Lease, now: datetime, limit: int = 50) -> tuple[LaneMessage, ...]:
        """The first open message of each order key of the lane, if waiting and due, most urgent first.

        Past ``not_after`` they are still given: the worker says EXPIRED, in a commit that tells what follows from it.
        """

    async def lane_views(self, limit: int = 200) -> tuple[LaneView, ...]:
        """The lanes that hold open messages or are held back, those with the oldest message first: what is stuck."""

    async def open_messages(self, destination: str, lane: int, after: int = 0, limit: int = 200) -> tuple[LaneMessage, ...]:
        """The waiting and parked messages of one lane with a seq beyond ``after``, in order."""

    async def message(self, seq: int) -> LaneMessage | None:
        """One message in whatever state, or ``None`` if there is none or retention took it."""


class Record(Lanes, Protocol):
    """The record of interop: one write path, ``commit``; reads that may lag behind nobody's commit but those in flight.

    Every method may raise StoreUnavailable; ``Busy`` means too many wait already. Cancelling a caller does not undo a commit already taken up.
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


class Serving(Protocol):
    """The right to serve a store and to own its pumps: one server has it at a time, and it ends with that server's process, however that ends."""

    @property
    def is_held(self) -> bool:
        """Whether this server has it, as far as it knows; the store is not asked. While it has not, its record takes no commits."""

    async def confirm(self) -> None:
        """Ask whether this server has it still. Raises: StoreUnavailable: not now."""

    async def lost(self) -> None:
        """Watch over it, and take it anew where it got lost; never returns. Raises: ServingLost: another server has it now."""

    async def close(self) -> None:
        """Give it back."""


def lane_of(order_key: str, lanes: int) -> int:
    """The lane of an order key among ``lanes``: the same on every node and for ever, so that one infusion's messages keep their order."""
    return zlib.crc32(order_key.encode()) % lanes
