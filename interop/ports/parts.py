"""What a commit is made of: events, journal, keys, intents, timers, projections, audit, releases. Every value is checked where it is made."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum


def check_instant(at: datetime) -> None:
    """Raises: ValueError: a time without an offset names no instant."""
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no offset")


def check_storable(*texts: str) -> None:
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
        check_instant(self.at)
        check_storable(self.stream, self.type, self.body)


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
        check_storable(self.sender, self.control_id)


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
        check_instant(self.at)
        check_storable(self.entry_id, self.peer, self.message_type, self.control_id, self.answers)


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
        check_instant(self.at)
        check_storable(self.key, self.reference)


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
        check_instant(self.held_until)
        check_storable(self.intent_id, self.kind, self.subject, self.body)


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
        check_instant(self.due_at)
        check_storable(self.kind, self.subject, self.body)


@dataclass(frozen=True, slots=True)
class TimerEnd:
    """Takes a timer away. With ``due_at``: it fires, and the commit is refused with ``Gone`` unless that very timer is still there."""

    kind: str
    subject: str
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Projected:
    """Today's state beside its events: the JSON ``document`` under ``key`` in the named table; ``None`` takes it away."""

    name: str
    key: str
    document: str | None

    def __post_init__(self) -> None:
        check_storable(self.name, self.key, self.document or "")


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
        check_instant(self.at)
        check_storable(self.actor, self.action, self.outcome, self.patient, self.pump, self.subject, self.body)


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
        check_instant(self.at)
        check_storable(self.library_hash, self.mapping_hash)


@dataclass(frozen=True, slots=True)
class Activation:
    """From now on pumps with this library are checked with this mapping (D-25); an older mapping may be made active again."""

    library_hash: str
    mapping_hash: str
    at: datetime
    by: str

    def __post_init__(self) -> None:
        check_instant(self.at)
        check_storable(self.by)
