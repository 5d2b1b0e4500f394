"""The rows of the record, one named tuple a table: what the drivers write without SQLModel, which costs a second to import.

``tables.py`` declares the same tables and says what each is for; a test compares the two.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, get_type_hints


class Counters(NamedTuple):
    """The one row whose lock makes a commit the only one: last position and its digest, and the last numbers given out."""

    id: int
    position: int
    chain: bytes
    entry: int
    outgoing: int
    activation: int


class StreamRow(NamedTuple):
    stream: str
    version: int


class EventRow(NamedTuple):
    position: int
    stream: str
    version: int
    type: str
    type_version: int
    at: datetime
    body: str
    digest: bytes


class JournalHeadRow(NamedTuple):
    entry: int
    entry_id: str
    direction: str
    peer: str
    message_type: str
    control_id: str
    at: datetime
    size: int
    digest: bytes
    answers: str


class JournalBodyRow(NamedTuple):
    entry: int
    at: datetime
    body: bytes


class MessageKeyRow(NamedTuple):
    entry: int
    entry_id: str
    sender: str
    control_id: str
    content_hash: bytes
    at: datetime


class EffectKeyRow(NamedTuple):
    key: str
    content_hash: bytes
    reference: str
    at: datetime


class IntentRow(NamedTuple):
    intent_id: str
    kind: str
    subject: str
    body: str
    held_until: datetime


class TimerRow(NamedTuple):
    kind: str
    subject: str
    due_at: datetime
    body: str


class LaneRow(NamedTuple):
    destination: str
    lane: int
    epoch: int
    owner: str
    leased_until: datetime
    held_until: datetime
    note: str


class OutgoingRow(NamedTuple):
    """What was decided to be sent: never changed, so that a resend is byte-equal."""

    seq: int
    destination: str
    lane: int
    order_key: str
    control_id: str
    body: bytes
    at: datetime
    not_after: datetime | None
    urgency: int


class OpenRow(NamedTuple):
    """Where an unsettled outgoing message stands; the row goes when it is settled."""

    seq: int
    destination: str
    lane: int
    order_key: str
    urgency: int
    state: str
    attempts: int
    due_at: datetime
    note: str


class SettledRow(NamedTuple):
    """How an outgoing message ended."""

    seq: int
    state: str
    attempts: int
    at: datetime
    note: str


class ProjectionRow(NamedTuple):
    name: str
    key: str
    document: str


class CheckpointRow(NamedTuple):
    name: str
    position: int


class AuditRowStored(NamedTuple):
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


class AuditHeadRow(NamedTuple):
    node: str
    seq: int
    digest: bytes


class ReleaseRow(NamedTuple):
    library_hash: str
    mapping_hash: str
    at: datetime
    content: bytes


class ActivationRow(NamedTuple):
    seq: int
    library_hash: str
    mapping_hash: str
    at: datetime
    made_by: str


class ProbeRow(NamedTuple):
    """Written and taken away again to learn whether a store that failed can write once more."""

    id: int
    filler: bytes


class Table:
    """One table for the drivers: its row type, its primary key, with which each row begins, and its further unique keys; compared by identity."""

    def __init__(self, name: str, row: type[Any], key: tuple[str, ...], unique: tuple[tuple[str, ...], ...] = ()) -> None:
        self.name, self.row, self.key, self.unique = name, row, key, unique
        self.columns: tuple[str, ...] = row._fields
        hints = get_type_hints(row)
        self.optional = frozenset(column for column, hint in hints.items() if hint == datetime | None)
        self.kinds: dict[str, type] = {column: datetime if column in self.optional else hint for column, hint in hints.items()}
        self.instants = self.places(column for column, kind in self.kinds.items() if kind is datetime)
        self.blobs = self.places(column for column, kind in self.kinds.items() if kind is bytes)

    def key_of(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """The primary key of a row."""
        return row[: len(self.key)]

    def places(self, some: Iterable[str]) -> tuple[int, ...]:
        """Where these columns stand in a row."""
        return tuple(self.columns.index(column) for column in some)


COUNTERS = Table("counters", Counters, ("id",))
STREAMS = Table("streams", StreamRow, ("stream",))
EVENTS = Table("events", EventRow, ("position",), (("stream", "version"),))
JOURNAL_HEADS = Table("journal_heads", JournalHeadRow, ("entry",), (("entry_id",),))
JOURNAL_BODIES = Table("journal_bodies", JournalBodyRow, ("entry", "at"))
MESSAGE_KEYS = Table("message_keys", MessageKeyRow, ("entry",), (("sender", "control_id", "content_hash"),))
EFFECT_KEYS = Table("effect_keys", EffectKeyRow, ("key",))
INTENTS = Table("intents", IntentRow, ("intent_id",))
TIMERS = Table("timers", TimerRow, ("kind", "subject"))
LANES = Table("lanes", LaneRow, ("destination", "lane"))
OUTGOING = Table("outgoing", OutgoingRow, ("seq",), (("destination", "control_id"),))
OUTGOING_OPEN = Table("outgoing_open", OpenRow, ("seq",))
OUTGOING_SETTLED = Table("outgoing_settled", SettledRow, ("seq",))
PROJECTIONS = Table("projections", ProjectionRow, ("name", "key"))
CHECKPOINTS = Table("checkpoints", CheckpointRow, ("name",))
AUDIT = Table("audit", AuditRowStored, ("node", "seq"))
AUDIT_HEADS = Table("audit_heads", AuditHeadRow, ("node",))
RELEASES = Table("releases", ReleaseRow, ("library_hash", "mapping_hash"))
ACTIVATIONS = Table("activations", ActivationRow, ("seq",))
PROBE = Table("probe", ProbeRow, ("id",))

TABLES = (
    COUNTERS,
    STREAMS,
    EVENTS,
    JOURNAL_HEADS,
    JOURNAL_BODIES,
    MESSAGE_KEYS,
    EFFECT_KEYS,
    INTENTS,
    TIMERS,
    LANES,
    OUTGOING,
    OUTGOING_OPEN,
    OUTGOING_SETTLED,
    PROJECTIONS,
    CHECKPOINTS,
    AUDIT,
    AUDIT_HEADS,
    RELEASES,
    ACTIVATIONS,
    PROBE,
)
