"""The schema: declared once, migrated to, spoken by the drivers, checked without Alembic; and a record of long ago still reads."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from places import EARLY, PostgresPlace, SqlitePlace, in_postgres, in_sql
from samples import accepts
from sqlalchemy import BigInteger, LargeBinary, Text, UniqueConstraint
from sqlalchemy.ext.asyncio import create_async_engine

from interop.adapters.store import rows
from interop.adapters.store.chain import verify_audit, verify_events
from interop.adapters.store.migrate import MIGRATIONS, migrate_postgres, migrate_sqlite, sqlite_engine
from interop.adapters.store.partitions import AHEAD, drop_before, make_ahead, months, name_of
from interop.adapters.store.schema import HEAD
from interop.adapters.store.tables import Base, Instant
from interop.ports import (
    AuditQuery,
    Commit,
    Direction,
    EffectKey,
    FirstSeen,
    Intent,
    JournalEntry,
    Lease,
    MessageKey,
    MessageState,
    Retention,
    SchemaMismatch,
    StoredRelease,
    Timer,
)

pytestmark = pytest.mark.anyio

GOLDEN = Path(__file__).parent / "golden"


def test_the_revision_that_is_needed_is_the_newest_there_is() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert scripts.get_heads() == [HEAD]
    assert all(len(revision) == 4 and revision.isdigit() for revision in revisions)


# ── one description ──


def ours(kind: str, name: str | None) -> bool:
    return kind != "table" or not (name == "alembic_version" or (name or "").startswith("journal_bodies_"))


def differences(connection: Any) -> list[Any]:
    """What a migrated database lacks or has too much of, against the declared tables."""
    options = {"include_name": lambda name, kind, _: ours(kind, name), "compare_type": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)


async def test_a_migrated_sqlite_file_is_what_the_tables_declare(sqlite: SqlitePlace) -> None:
    engine = sqlite_engine(sqlite.path)
    with engine.begin() as connection:
        assert differences(connection) == []
        connection.exec_driver_sql("ALTER TABLE streams ADD COLUMN stray TEXT")
        assert len(differences(connection)) == 1
    engine.dispose()


@pytest.mark.parametrize("field", ["patient", "actor", "pump"])
async def test_sec_36_the_audit_of_one_patient_user_or_pump_is_found_by_its_index(sqlite: SqlitePlace, field: str) -> None:
    record = await sqlite.open()
    asked: list[str] = []
    ask = record._ask

    async def listen(statement: str, *rest: Any) -> Any:
        asked.append(statement)
        return await ask(statement, *rest)

    record._ask = listen
    await record.audit_search(AuditQuery(**{field: "x"}))
    with sqlite3.connect(sqlite.path) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {asked[0].replace('$', '?')}", (200, "x")).fetchall()
    assert f"USING INDEX audit_{field} " in str(plan)
    await record.close()


async def test_a_migrated_postgresql_is_what_the_tables_declare(postgres: PostgresPlace) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(postgres.url))
    async with engine.begin() as connection:
        assert await connection.run_sync(differences) == []
        await connection.exec_driver_sql("ALTER TABLE streams ADD COLUMN stray text")
        assert len(await connection.run_sync(differences)) == 1
    await engine.dispose()


KINDS: dict[type, type] = {BigInteger: int, Text: str, LargeBinary: bytes, Instant: datetime}


def test_the_drivers_rows_are_the_declared_tables() -> None:
    declared = Base.metadata.tables
    assert {table.name for table in rows.TABLES} == set(declared)
    for table in rows.TABLES:
        columns = declared[table.name].columns
        assert table.columns == tuple(column.name for column in columns), table.name
        assert table.kinds == {column.name: KINDS[type(column.type)] for column in columns}, table.name
        assert table.optional == {column.name for column in columns if column.nullable}, table.name
        assert table.key == tuple(column.name for column in columns if column.primary_key), table.name
        assert table.columns[: len(table.key)] == table.key, table.name
        unique = {
            tuple(constraint.columns.keys()) for constraint in declared[table.name].constraints if isinstance(constraint, UniqueConstraint)
        }
        assert set(table.unique) == unique, table.name


# ── which schema is there ──


async def test_a_store_whose_schema_is_old_is_refused_and_a_newer_one_only_noted(database: Any) -> None:
    await in_sql(database, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(SchemaMismatch, match=f"schema is 0000, this version needs {HEAD}: migrate it first"):
        await database.open()
    await in_sql(database, "UPDATE alembic_version SET version_num = '9999'")
    record = await database.open()
    assert len(record.cautions) == 1
    assert "9999" in record.cautions[0]
    await record.commit(accepts(1))


async def test_migrating_what_is_migrated_changes_nothing(database: Any) -> None:
    record = await database.open()
    await record.commit(accepts(1))
    if isinstance(database, PostgresPlace):
        await migrate_postgres(database.url)
    else:
        migrate_sqlite(database.path)
    await record.commit(accepts(2))
    assert (await verify_events(record)).rows == 2
    assert record.cautions == ()


def test_the_port_and_the_embedded_stores_load_without_the_heavy_libraries() -> None:
    heavy = ("sqlmodel", "sqlalchemy", "alembic", "asyncpg", "pydantic")
    modules = ("interop.ports", "interop.adapters.store.memory", "interop.adapters.store.sqlite", "interop.adapters.store.feed")
    program = f"import sys, {', '.join(modules)}; print([name for name in {heavy!r} if name in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ── a record of long ago ──


def golden_rows(revision: str, *, parse_instants: bool) -> Iterator[tuple[str, list[str], list[Any]]]:
    """(table, columns, cells) as a database of that revision held them."""

    def cell(column: str, value: Any) -> Any:
        if isinstance(value, dict):
            return bytes.fromhex(value["hex"])
        instant = parse_instants and (column == "at" or column.endswith(("_at", "_until", "_after")))
        return datetime.fromisoformat(value) if instant and value is not None else value

    for table, held in json.loads((GOLDEN / f"record_{revision}.json").read_text()).items():
        for row in held["rows"]:
            yield table, held["columns"], [cell(column, value) for column, value in zip(held["columns"], row, strict=True)]


async def old_record(database: Any, revision: str) -> Any:
    """A store made at ``revision``, filled with its golden rows, brought up to today."""
    if isinstance(database, PostgresPlace):
        root = database.server.url("postgres")
        await in_postgres(root, f"DROP DATABASE {database.database}", f"CREATE DATABASE {database.database}")
        await migrate_postgres(database.url, revision)
        connection = await asyncpg.connect(database.url)
        await connection.execute("DELETE FROM counters")
        for table, columns, cells in golden_rows(revision, parse_instants=True):
            places = ", ".join(f"${number}" for number in range(1, len(cells) + 1))
            await connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", *cells)
        await connection.close()
        await migrate_postgres(database.url)
    else:
        database.path.unlink()
        migrate_sqlite(database.path, revision)
        engine = sqlite_engine(database.path)
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM counters")
            for table, columns, cells in golden_rows(revision, parse_instants=False):
                places = ", ".join("?" for _ in cells)
                connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", tuple(cells))
        engine.dispose()
        migrate_sqlite(database.path)
    return await database.open()


SOON = EARLY + timedelta(seconds=5)


async def test_a_record_written_at_0001_still_reads_and_goes_on(database: Any) -> None:
    record = await old_record(database, "0001")
    first, second = await record.feed(0)
    assert (first.position, first.stream, first.version, first.type, first.type_version) == (1, "order/ORD1", 1, "OrderReceived", 1)
    assert (first.at, first.body) == (EARLY, '{"give_code":"DOPamine","dose_rate":"12.50","unit":"ug/kg/min"}')
    assert (second.at, second.type) == (datetime(2026, 3, 1, 7, 0, 5, 123456, tzinfo=UTC), "OrderVerified")
    assert (await verify_events(record)).rows == 2
    assert (await verify_audit(record, "node-a")).rows == 1
    assert await record.journal_body("entry-1") == b"\x0bMSH|^~\\&|\xe9\r\x1c\r"
    assert (await record.journal_head("entry-1")).direction is Direction.IN
    assert await record.seen(MessageKey("EHR", "MSG1", b"\x01" * 32)) == FirstSeen("entry-1", EARLY)
    assert await record.effect_key("EHR|ORD1|P1|A") == EffectKey("EHR|ORD1|P1|A", b"\x02" * 32, "programme/1", EARLY)
    assert await record.due_timers(SOON) == (Timer("offer", "programme/1", SOON, "{}"),)
    assert await record.claim_intents(SOON, 60) == (Intent("intent-1", "alert", "P1", "{}", SOON + timedelta(seconds=60)),)
    lease = await record.claim_lane("ehr", "worker", SOON, 60)
    assert lease == Lease("ehr", 3, "worker", 8, SOON + timedelta(seconds=60))
    (waiting,) = await record.lane_messages(lease, SOON)
    assert (waiting.seq, waiting.body, waiting.not_after, waiting.attempts, waiting.note) == (2, b"RRG", SOON, 1, "timed out")
    assert (await record.message(1)).state is MessageState.SENT
    assert await record.projection("orders", "ORD1") == '{"state":"active"}'
    assert await record.checkpoint("worklist@1") == 2
    assert await record.active_release("lib") == StoredRelease("lib", "map", EARLY, b"release")
    assert [row.actor for row in await record.audit_search(AuditQuery(patient="p1"))] == ["nurse/7"]
    assert (await record.commit(accepts(7))).position == 3
    assert (await verify_events(record)).rows == 3


# ── months of the journal on PostgreSQL ──


def test_months_go_over_the_year_in_utc() -> None:
    new_year_in_sydney = datetime.fromisoformat("2027-01-01T05:00:00+11:00")
    names = [name_of(first) for first, _ in months(new_year_in_sydney, 3)]
    assert names == ["journal_bodies_2026_12", "journal_bodies_2027_01", "journal_bodies_2027_02"]


async def test_the_journal_is_kept_by_month_and_whole_months_go_at_once(postgres: PostgresPlace) -> None:
    record = await postgres.open()
    for number, month in enumerate((1, 3, 4, 12), 1):
        at = EARLY.replace(month=month)
        entry = accepts(number).journal[0]
        await record.commit(journalled(entry, at))
    where = "SELECT tableoid::regclass::text FROM journal_bodies ORDER BY at"
    partitions = [row[0] for row in await in_postgres(postgres.url, where)]
    assert partitions == ["journal_bodies_other", "journal_bodies_2026_03", "journal_bodies_2026_04", "journal_bodies_other"]
    assert await record.prune(Retention(bodies=EARLY.replace(month=4, day=1))) == 2  # a partition dropped, a row deleted
    assert [row[0] for row in await in_postgres(postgres.url, where)] == ["journal_bodies_2026_04", "journal_bodies_other"]
    assert await record.journal_body("entry-EHR-00003") == b"RGV"


def journalled(entry: JournalEntry, at: datetime) -> Commit:
    return Commit(journal=(replace(entry, at=at),))


async def test_a_month_whose_rows_went_elsewhere_is_left_there(postgres: PostgresPlace, caplog: pytest.LogCaptureFixture) -> None:
    record = await postgres.open()
    await record.commit(journalled(accepts(1).journal[0], EARLY.replace(month=9)))
    connection = await asyncpg.connect(postgres.url)
    await make_ahead(connection, EARLY.replace(month=8))
    assert "no partition journal_bodies_2026_09" in caplog.text
    made = {
        row[0]
        for row in await connection.fetch("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'journal_bodies'::regclass")
    }
    assert {name_of(first) for first, _ in months(EARLY.replace(month=8), AHEAD + 1)} - made == {"journal_bodies_2026_09"}
    assert await drop_before(connection, EARLY.replace(month=12)) == 7
    await connection.close()
    assert await record.journal_body("entry-EHR-00001") == b"RGV"
