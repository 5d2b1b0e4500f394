"""The record's tables, declared once for SQLModel: migrations are compared with them, and so are the row types that the drivers write (``rows.py``).

Amounts never stand in a column of their own: they are text inside JSON bodies. Instants are timestamptz, on SQLite UTC text of one length.
Text compares by code point on both databases. Imported by migrations and tests only: SQLModel costs a second to import.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import TIMESTAMP, BigInteger, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TEXT as PostgresText
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import registry
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel


class Instant(TypeDecorator[datetime]):
    """An instant: timestamptz, or UTC text with six decimals and +00:00."""

    impl = TIMESTAMP(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, which knows no time."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else TIMESTAMP(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Raises: ValueError: a time without an offset."""
        if value is None or dialect.name != "sqlite":
            return value
        if value.utcoffset() is None:
            raise ValueError("a time without an offset")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Always with an offset."""
        return datetime.fromisoformat(value) if isinstance(value, str) else value


NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # a key of SQLite's is its row id only as INTEGER
TEXT = Text().with_variant(PostgresText(collation="C"), "postgresql")
BYTES = LargeBinary()

STRICT = {"sqlite_strict": True}
SMALL = {"sqlite_strict": True, "sqlite_with_rowid": False}


class Base(SQLModel, registry=registry()):
    """A registry of its own, so that nobody else's tables get into the record's migrations."""


def _number(**more: Any) -> Any:
    return Field(sa_type=NUMBER, sa_column_kwargs={"autoincrement": False}, **more)


def _text(**more: Any) -> Any:
    return Field(sa_type=TEXT, **more)


def _bytes(**more: Any) -> Any:
    return Field(sa_type=BYTES, **more)


def _instant(**more: Any) -> Any:
    return Field(sa_type=Instant, **more)


class Counters(Base, table=True):
    """One row: its lock orders all commits. Position and digest of the last event, and the last numbers given out."""

    __tablename__ = "counters"
    __table_args__ = STRICT
    id: int = _number(primary_key=True)
    position: int = _number()
    chain: bytes = _bytes()
    entry: int = _number()
    outgoing: int = _number()
    activation: int = _number()


class Stream(Base, table=True):
    """How far each stream has come."""

    __tablename__ = "streams"
    __table_args__ = SMALL
    stream: str = _text(primary_key=True)
    version: int = _number()


class Event(Base, table=True):
    """What happened; triggers refuse to change or delete a row, and the digests chain them."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("stream", "version", name="events_stream_version"), STRICT)
    position: int = _number(primary_key=True)
    stream: str = _text()
    version: int = _number()
    type: str = _text()
    type_version: int = _number()
    at: datetime = _instant()
    body: str = _text()
    digest: bytes = _bytes()


class JournalHead(Base, table=True):
    """What was received or sent, without its bytes."""

    __tablename__ = "journal_heads"
    __table_args__ = (UniqueConstraint("entry_id", name="journal_heads_entry_id"), STRICT)
    entry: int = _number(primary_key=True)
    entry_id: str = _text()
    direction: str = _text()
    peer: str = _text()
    message_type: str = _text()
    control_id: str = _text()
    at: datetime = _instant()
    size: int = _number()
    digest: bytes = _bytes()
    answers: str = _text()


class JournalBody(Base, table=True):
    """The bytes, apart: partitioned by month of ``at`` on PostgreSQL; on SQLite ``entry`` alone is the key, in the order of time."""

    __tablename__ = "journal_bodies"
    __table_args__ = {"sqlite_strict": True, "postgresql_partition_by": "RANGE (at)"}
    entry: int = _number(primary_key=True)
    at: datetime = _instant(primary_key=True)
    body: bytes = _bytes()


class MessageKey(Base, table=True):
    """D-04: which messages have been seen."""

    __tablename__ = "message_keys"
    __table_args__ = (UniqueConstraint("sender", "control_id", "content_hash", name="message_keys_key"), STRICT)
    entry: int = _number(primary_key=True)
    entry_id: str = _text()
    sender: str = _text()
    control_id: str = _text()
    content_hash: bytes = _bytes()
    at: datetime = _instant()


class EffectKey(Base, table=True):
    """D-04: what has been done once and shall not be done again."""

    __tablename__ = "effect_keys"
    __table_args__ = (Index("effect_keys_at", "at"), SMALL)
    key: str = _text(primary_key=True)
    content_hash: bytes = _bytes()
    reference: str = _text()
    at: datetime = _instant()


class Intent(Base, table=True):
    """Steps into the world that are not known to be taken."""

    __tablename__ = "intents"
    __table_args__ = (Index("intents_held_until", "held_until"), SMALL)
    intent_id: str = _text(primary_key=True)
    kind: str = _text()
    subject: str = _text()
    body: str = _text()
    held_until: datetime = _instant()


class Timer(Base, table=True):
    """Due times."""

    __tablename__ = "timers"
    __table_args__ = (Index("timers_due_at", "due_at"), SMALL)
    kind: str = _text(primary_key=True)
    subject: str = _text(primary_key=True)
    due_at: datetime = _instant()
    body: str = _text()


class Lane(Base, table=True):
    """Who may send on a lane, under which epoch."""

    __tablename__ = "lanes"
    __table_args__ = SMALL
    destination: str = _text(primary_key=True)
    lane: int = _number(primary_key=True)
    epoch: int = _number()
    owner: str = _text()
    leased_until: datetime = _instant()
    held_until: datetime = _instant()
    note: str = _text()


class Outgoing(Base, table=True):
    """What is to be sent, byte for byte; triggers refuse to change a row."""

    __tablename__ = "outgoing"
    __table_args__ = (UniqueConstraint("destination", "control_id", name="outgoing_control_id"), STRICT)
    seq: int = _number(primary_key=True)
    destination: str = _text()
    lane: int = _number()
    order_key: str = _text()
    control_id: str = _text()
    body: bytes = _bytes()
    at: datetime = _instant()
    not_after: datetime | None = _instant(nullable=True, default=None)
    urgency: int = _number()


class OutgoingOpen(Base, table=True):
    """Where each unsettled message stands."""

    __tablename__ = "outgoing_open"
    __table_args__ = (Index("outgoing_open_order", "destination", "lane", "order_key", "seq"), STRICT)
    seq: int = _number(primary_key=True)
    destination: str = _text()
    lane: int = _number()
    order_key: str = _text()
    urgency: int = _number()
    state: str = _text()
    attempts: int = _number()
    due_at: datetime = _instant()
    note: str = _text()


class OutgoingSettled(Base, table=True):
    """How each settled message ended."""

    __tablename__ = "outgoing_settled"
    __table_args__ = STRICT
    seq: int = _number(primary_key=True)
    state: str = _text()
    attempts: int = _number()
    at: datetime = _instant()
    note: str = _text()


class Projection(Base, table=True):
    """Documents folded from events: named tables of (key, JSON)."""

    __tablename__ = "projections"
    __table_args__ = STRICT
    name: str = _text(primary_key=True)
    key: str = _text(primary_key=True)
    document: str = _text()


class Checkpoint(Base, table=True):
    """How far each projection has read the feed."""

    __tablename__ = "checkpoints"
    __table_args__ = SMALL
    name: str = _text(primary_key=True)
    position: int = _number()


def _where_given(name: str, column: str) -> Index:
    """Over the rows that have one: most rows of a busy hour, the accepting of messages, have none."""
    given = text(f"{column} <> ''")
    return Index(name, column, "at", sqlite_where=given, postgresql_where=given)


class Audit(Base, table=True):
    """Who did what; triggers refuse to change or delete a row, and the digests chain them node by node (SEC-35, SEC-36)."""

    __tablename__ = "audit"
    __table_args__ = (
        _where_given("audit_patient", "patient"),
        Index("audit_actor", "actor", "at"),
        _where_given("audit_pump", "pump"),
        Index("audit_at", "at"),
        SMALL,
    )
    node: str = _text(primary_key=True)
    seq: int = _number(primary_key=True)
    at: datetime = _instant()
    actor: str = _text()
    action: str = _text()
    outcome: str = _text()
    patient: str = _text()
    pump: str = _text()
    subject: str = _text()
    body: str = _text()
    digest: bytes = _bytes()


class AuditHead(Base, table=True):
    """Number and digest of each node's last audit row."""

    __tablename__ = "audit_heads"
    __table_args__ = SMALL
    node: str = _text(primary_key=True)
    seq: int = _number()
    digest: bytes = _bytes()


class Release(Base, table=True):
    """Libraries with their mappings; triggers refuse to change or delete a row."""

    __tablename__ = "releases"
    __table_args__ = STRICT
    library_hash: str = _text(primary_key=True)
    mapping_hash: str = _text(primary_key=True)
    at: datetime = _instant()
    content: bytes = _bytes()


class Activation(Base, table=True):
    """Which mapping counts for a library from when on; triggers refuse to change or delete a row."""

    __tablename__ = "activations"
    __table_args__ = (Index("activations_library", "library_hash", "seq"), STRICT)
    seq: int = _number(primary_key=True)
    library_hash: str = _text()
    mapping_hash: str = _text()
    at: datetime = _instant()
    made_by: str = _text()


class Probe(Base, table=True):
    """Written and taken away to learn whether a store that failed can write again."""

    __tablename__ = "probe"
    __table_args__ = STRICT
    id: int = _number(primary_key=True)
    filler: bytes = _bytes()
