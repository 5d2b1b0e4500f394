"""The record: events, journal, keys, lanes, projections, audit, releases, with the triggers that keep them append-only."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TEXT as PostgresText

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(PostgresText(collation="C"), "postgresql")
BYTES = sa.LargeBinary()
INSTANT = sa.TIMESTAMP(timezone=True).with_variant(sa.Text(), "sqlite")
KINDS: dict[str, Any] = {"number": NUMBER, "text": TEXT, "bytes": BYTES, "instant": INSTANT}

# Table, primary key, columns in order with a kind each, unique keys, SQLite without row ids (found by a text key).
TABLES: tuple[tuple[str, str, str, Sequence[tuple[str, str]], bool], ...] = (
    ("counters", "id", "id:number position:number chain:bytes entry:number outgoing:number activation:number", (), False),
    ("streams", "stream", "stream:text version:number", (), True),
    (
        "events",
        "position",
        "position:number stream:text version:number type:text type_version:number at:instant body:text digest:bytes",
        (("events_stream_version", "stream version"),),
        False,
    ),
    (
        "journal_heads",
        "entry",
        "entry:number entry_id:text direction:text peer:text message_type:text control_id:text at:instant size:number digest:bytes answers:text",
        (("journal_heads_entry_id", "entry_id"),),
        False,
    ),
    (
        "message_keys",
        "entry",
        "entry:number entry_id:text sender:text control_id:text content_hash:bytes at:instant",
        (("message_keys_key", "sender control_id content_hash"),),
        False,
    ),
    ("effect_keys", "key", "key:text content_hash:bytes reference:text at:instant", (), True),
    ("intents", "intent_id", "intent_id:text kind:text subject:text body:text held_until:instant", (), True),
    ("timers", "kind subject", "kind:text subject:text due_at:instant body:text", (), True),
    (
        "lanes",
        "destination lane",
        "destination:text lane:number epoch:number owner:text leased_until:instant held_until:instant note:text",
        (),
        True,
    ),
    (
        "outgoing",
        "seq",
        "seq:number destination:text lane:number order_key:text control_id:text body:bytes at:instant not_after:instant? urgency:number",
        (("outgoing_control_id", "destination control_id"),),
        False,
    ),
    (
        "outgoing_open",
        "seq",
        "seq:number destination:text lane:number order_key:text urgency:number state:text attempts:number due_at:instant note:text",
        (),
        False,
    ),
    ("outgoing_settled", "seq", "seq:number state:text attempts:number at:instant note:text", (), False),
    ("projections", "name key", "name:text key:text document:text", (), False),
    ("checkpoints", "name", "name:text position:number", (), True),
    (
        "audit",
        "node seq",
        "node:text seq:number at:instant actor:text action:text outcome:text patient:text pump:text subject:text body:text digest:bytes",
        (),
        True,
    ),
    ("audit_heads", "node", "node:text seq:number digest:bytes", (), True),
    ("releases", "library_hash mapping_hash", "library_hash:text mapping_hash:text at:instant content:bytes", (), False),
    ("activations", "seq", "seq:number library_hash:text mapping_hash:text at:instant made_by:text", (), False),
    ("probe", "id", "id:number filler:bytes", (), False),
)

INDEXES = (
    ("effect_keys_at", "effect_keys", ("at",)),
    ("intents_held_until", "intents", ("held_until",)),
    ("timers_due_at", "timers", ("due_at",)),
    ("outgoing_open_order", "outgoing_open", ("destination", "lane", "order_key", "seq")),
    ("audit_patient", "audit", ("patient", "at")),
    ("audit_actor", "audit", ("actor", "at")),
    ("audit_pump", "audit", ("pump", "at")),
    ("audit_at", "audit", ("at",)),
    ("activations_library", "activations", ("library_hash", "seq")),
)

WHERE_GIVEN = ("audit_patient", "audit_pump")  # over the rows whose first column is not empty

APPEND_ONLY = ("events", "audit", "releases", "activations")  # neither changed nor deleted (SEC-27, SEC-35)
BYTE_EQUAL = ("journal_heads", "journal_bodies", "message_keys", "outgoing", "outgoing_settled")  # not changed; retention may delete


def _column(column: str, key: str) -> "sa.Column[Any]":
    name, kind = column.split(":")
    return sa.Column(name, KINDS[kind.rstrip("?")], primary_key=name in key.split(), nullable=kind.endswith("?"), autoincrement=False)


def upgrade() -> None:
    """Create everything, and the one row of counters."""
    sqlite = op.get_context().dialect.name == "sqlite"
    for name, key, columns, uniques, small in TABLES:
        unique = [sa.UniqueConstraint(*among.split(), name=called) for called, among in uniques]
        op.create_table(
            name, *(_column(column, key) for column in columns.split()), *unique, sqlite_strict=True, sqlite_with_rowid=not small
        )
    for index, table, among in INDEXES:
        given = sa.text(f"{among[0]} <> ''") if index in WHERE_GIVEN else None
        op.create_index(index, table, list(among), sqlite_where=given, postgresql_where=given)
    if sqlite:
        _sqlite()
    else:
        _postgres()
    counters = sa.table("counters", *(sa.column(name) for name in ("id", "position", "chain", "entry", "outgoing", "activation")))
    op.execute(counters.insert().values(id=1, position=0, chain=b"", entry=0, outgoing=0, activation=0))


def _sqlite() -> None:
    op.execute("CREATE TABLE journal_bodies (entry INTEGER NOT NULL PRIMARY KEY, at TEXT NOT NULL, body BLOB NOT NULL) STRICT")
    refuse = "BEGIN SELECT RAISE(ABORT, '{0} rows are not changed'); END"
    for table in (*APPEND_ONLY, *BYTE_EQUAL):
        op.execute(f"CREATE TRIGGER {table}_keep BEFORE UPDATE ON {table} {refuse.format(table)}")
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER {table}_stay BEFORE DELETE ON {table} {refuse.format(table)}")
    # REPLACE deletes without asking those triggers when recursive_triggers is off, so a row may not stand where another stood.
    taken = {
        "events": "NEW.position <= (SELECT max(position) FROM events) "
        "OR EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND version >= NEW.version)",
        "audit": "EXISTS (SELECT 1 FROM audit WHERE node = NEW.node AND seq >= NEW.seq)",
        "releases": "EXISTS (SELECT 1 FROM releases WHERE library_hash = NEW.library_hash AND mapping_hash = NEW.mapping_hash)",
        "activations": "EXISTS (SELECT 1 FROM activations WHERE seq >= NEW.seq)",
    }
    for table, condition in taken.items():
        op.execute(f"CREATE TRIGGER {table}_append BEFORE INSERT ON {table} WHEN {condition} {refuse.format(table)}")


def _postgres() -> None:
    op.execute(
        "CREATE TABLE journal_bodies (entry bigint NOT NULL, at timestamptz NOT NULL, body bytea NOT NULL, "
        "CONSTRAINT journal_bodies_pkey PRIMARY KEY (entry, at)) PARTITION BY RANGE (at)"
    )
    op.execute(
        "CREATE TABLE journal_bodies_other PARTITION OF journal_bodies DEFAULT"
    )  # no message is refused because its month was not prepared
    op.execute(
        "CREATE FUNCTION interop_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% rows are not changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER {table}_stay BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION interop_refuse()")
        op.execute(f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION interop_refuse()")
    for table in BYTE_EQUAL:
        op.execute(f"CREATE TRIGGER {table}_keep BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION interop_refuse()")
