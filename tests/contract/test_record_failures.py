"""Disk full, locked file, lost database: everyone is told quickly, nothing is half written, the alert is given, and it heals by itself."""

import asyncio
import os
import shutil
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from places import PostgresPlace, SqlitePlace, StoppedClock, in_postgres, in_sql
from postgres_server import PostgresServer
from processes import start
from samples import a_message, accepts, an_effect, happens

from interop.adapters.store import open_record
from interop.adapters.store.chain import verify_events
from interop.adapters.store.postgres_link import PostgresLimits, connect, insist_on_durability
from interop.adapters.store.sqlite import SqliteReaders
from interop.adapters.store.sqlite_file import SqliteFile
from interop.adapters.store.sqlite_library import choose_sqlite
from interop.ports import (
    Commit,
    Committed,
    RecordWentBack,
    SchemaMismatch,
    StoreClosed,
    StoreFull,
    StoreHealth,
    StoreLocked,
    StoreState,
    StoreUnavailable,
)

pytestmark = pytest.mark.anyio


class Alarm:
    """What the engineer on call hears."""

    def __init__(self, record: Any) -> None:
        self.heard: list[StoreHealth] = []
        record.watch(self.heard.append)

    @property
    def states(self) -> list[StoreState]:
        return [health.state for health in self.heard]


async def until(state: StoreState, record: Any) -> None:
    async with asyncio.timeout(30):
        while record.health().state is not state:
            await asyncio.sleep(0.01)


async def many_fail(record: Any, first: int, kind: type[StoreUnavailable], make: Callable[[int], Commit] = accepts) -> None:
    """A crowd commits; those that the store could not take are all told so, as ``kind``, and leave nothing behind."""
    told = await asyncio.gather(*(record.commit(make(number)) for number in range(first, first + 300)), return_exceptions=True)
    failures = [answer for answer in told if not isinstance(answer, Committed)]
    assert failures
    assert {type(failure) for failure in failures} == {kind}
    for number, answer in enumerate(told, first):
        there = await record.version(f"order/{number}") == 1
        assert there or not isinstance(answer, Committed)
        assert there == (await record.journal_body(f"entry-EHR-{number:05d}") is not None)
    assert (await verify_events(record)).sound


def bulky(number: int) -> Commit:
    return happens(f"order/{number}", 0, journal=(a_message(number, os.urandom(20_000)),))


async def fails_and_heals(
    record: Any, first: int, kind: type[StoreUnavailable], mend: Callable[[], Any], make: Callable[[int], Commit] = accepts
) -> None:
    alarm = Alarm(record)
    await many_fail(record, first, kind, make)
    assert alarm.states[0] is StoreState.FAILING
    with pytest.raises(kind):
        await record.commit(Commit(keys=(an_effect("refused while failing"),)))
    mended = mend()
    if isinstance(mended, Awaitable):
        await mended
    await until(StoreState.OPEN, record)
    assert alarm.states[-1] is StoreState.OPEN
    await record.commit(accepts(first + 5000))
    assert (await verify_events(record)).sound


# ── SQLite ──


async def test_sec_35_a_file_at_its_bound_stops_commits_and_not_reading_and_heals_with_room(sqlite: SqlitePlace) -> None:
    object.__setattr__(sqlite.limits, "max_pages", 300)
    record = await sqlite.open()

    def more_room() -> None:
        object.__setattr__(sqlite.limits, "max_pages", 1_000_000)

    await fails_and_heals(record, 1, StoreFull, more_room, bulky)


async def test_a_full_disk_stops_commits_and_heals_when_room_is_made(small_disk: Path, sqlite: SqlitePlace) -> None:
    shutil.move(sqlite.path, small_disk / "record.db")
    sqlite.path = small_disk / "record.db"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(28 * 2**20))
    record = await sqlite.open()
    await fails_and_heals(record, 1, StoreFull, ballast.unlink, bulky)


async def test_a_locked_file_is_told_as_locked_and_heals_when_the_lock_goes(sqlite: SqlitePlace) -> None:
    record = await sqlite.open()
    await record.commit(accepts(1))
    holder = start("lock_holder.py", str(sqlite.path))
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert await asyncio.to_thread(holder.stdout.readline) == b"locked\n"
        await fails_and_heals(record, 100, StoreLocked, holder.stdin.close)


async def test_a_short_lock_is_waited_for(sqlite: SqlitePlace) -> None:
    object.__setattr__(sqlite.limits, "lock_wait_s", 30)
    record = await sqlite.open()
    holder = start("lock_holder.py", str(sqlite.path))
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert await asyncio.to_thread(holder.stdout.readline) == b"locked\n"
        commit = asyncio.create_task(record.commit(accepts(1)))
        await asyncio.sleep(0.05)
        holder.stdin.close()
        assert isinstance(await commit, Committed)


async def test_a_file_that_is_moved_away_takes_no_more_commits_until_it_is_back(sqlite: SqlitePlace) -> None:
    record = await sqlite.open()
    await record.commit(accepts(1))
    names = [Path(f"{sqlite.path}{suffix}") for suffix in ("", "-wal", "-shm")]
    for name in names:
        name.rename(f"{name}.away")
    alarm = Alarm(record)
    with pytest.raises(StoreUnavailable, match="gone"):
        await record.commit(accepts(2))
    await asyncio.sleep(0.1)
    assert alarm.states == [StoreState.FAILING] * len(alarm.states)
    assert not sqlite.path.exists()  # an empty record is never made in its place
    for name in names:
        Path(f"{name}.away").rename(name)
    await until(StoreState.OPEN, record)
    assert (await record.commit(accepts(2))).position == 2


async def test_sec_44_an_older_copy_in_its_place_is_not_taken_for_the_record(sqlite: SqlitePlace) -> None:
    record = await sqlite.open()
    await record.commit(accepts(1))
    await record.close()
    backup = sqlite.path.with_suffix(".backup")
    shutil.copy(sqlite.path, backup)
    record = await sqlite.open()
    await record.commit(accepts(2))
    newest = sqlite.path.with_suffix(".newest")
    sqlite.path.rename(newest)
    Path(f"{sqlite.path}-wal").rename(f"{newest}-wal")
    shutil.copy(backup, sqlite.path)
    alarm = Alarm(record)
    with pytest.raises(StoreUnavailable):
        await record.commit(accepts(3))
    async with asyncio.timeout(30):
        while not isinstance(alarm.heard[-1].cause, RecordWentBack):
            await asyncio.sleep(0.01)
    with pytest.raises(RecordWentBack, match="1 or differs; 2 was acknowledged"):
        await record.commit(accepts(3))
    for name in (sqlite.path, Path(f"{sqlite.path}-wal"), Path(f"{sqlite.path}-shm")):
        name.unlink(missing_ok=True)
    newest.rename(sqlite.path)
    Path(f"{newest}-wal").rename(f"{sqlite.path}-wal")
    await until(StoreState.OPEN, record)
    assert (await record.commit(accepts(3))).position == 3


async def test_a_read_that_began_before_the_store_failed_does_not_leave_its_connection_to_the_next(sqlite: SqlitePlace) -> None:
    file = SqliteFile(sqlite.path, choose_sqlite(), sqlite.limits)
    writer = file.connect(write=True)
    readers = SqliteReaders(file)
    opened: list[Any] = []

    class Meanwhile(SqliteFile):
        """The store fails while the first read is under way."""

        def connect(self, *, write: bool) -> Any:
            opened.append(super().connect(write=write))
            if len(opened) == 1:
                readers.forget()
            return opened[-1]

    readers._file = Meanwhile(sqlite.path, file.library, sqlite.limits)
    for reads in range(1, 4):
        assert await readers.ask("SELECT position FROM counters", (), ()) == [(0,)]
        assert len(opened) == min(reads, 2)
    with pytest.raises(file.library.module.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
    await readers.close()
    writer.close()


class SlowFile(SqliteFile):
    """``SELECT slow()`` answers when it is let go."""

    go_on: threading.Event

    def connect(self, *, write: bool) -> Any:
        connection = super().connect(write=write)
        connection.create_function("slow", 0, lambda: int(self.go_on.wait(30)))
        return connection


async def test_a_read_that_takes_long_holds_up_no_other_that_was_asked_together_with_it(sqlite: SqlitePlace) -> None:
    file = SlowFile(sqlite.path, choose_sqlite(), sqlite.limits)
    file.go_on = threading.Event()
    readers = SqliteReaders(file)
    before, slow, after = (asyncio.create_task(readers.ask(sql, (), ())) for sql in ("SELECT 1", "SELECT slow()", "SELECT 3"))
    assert await asyncio.wait_for(before, 20) == [(1,)]
    assert await asyncio.wait_for(after, 20) == [(3,)]
    assert not slow.done()
    file.go_on.set()
    assert await slow == [(1,)]
    await readers.close()


async def test_readers_that_are_closed_twice_while_a_read_is_under_way_close_after_it(sqlite: SqlitePlace) -> None:
    file = SlowFile(sqlite.path, choose_sqlite(), sqlite.limits)
    file.go_on = threading.Event()
    readers = SqliteReaders(file)
    slow = asyncio.create_task(readers.ask("SELECT slow()", (), ()))
    await asyncio.sleep(0)
    given_up, first, second = (asyncio.create_task(readers.close()) for _ in range(3))
    await asyncio.sleep(0.02)
    given_up.cancel()
    assert not first.done()
    file.go_on.set()
    await asyncio.wait_for(asyncio.gather(first, second), 20)
    assert await slow == [(1,)]
    with pytest.raises(StoreClosed):
        await readers.ask("SELECT 1", (), ())


@pytest.mark.parametrize("content", [b"", b"this is not a database, but it is long enough to be taken for one" * 100])
async def test_a_file_without_a_record_is_not_opened(sqlite: SqlitePlace, content: bytes) -> None:
    sqlite.path.write_bytes(content)
    with pytest.raises((SchemaMismatch, StoreUnavailable)):
        await sqlite.open()


async def test_a_missing_file_is_made_by_migrating_only(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    with pytest.raises(SchemaMismatch):
        await open_record(url, node="n", clock=StoppedClock())
    assert not (tmp_path / "new.db").exists()
    record = await open_record(url, node="n", clock=StoppedClock(), migrate=True)
    await record.commit(accepts(1))
    await record.close()
    assert (tmp_path / "new.db").stat().st_mode & 0o077 == 0


# ── PostgreSQL ──


async def test_a_server_that_crashes_and_comes_back_keeps_what_it_acknowledged(
    postgres: PostgresPlace, postgres_server: PostgresServer
) -> None:
    record = await postgres.open()
    alarm = Alarm(record)
    crowd = [asyncio.create_task(record.commit(accepts(number))) for number in range(1, 2001)]
    await crowd[0]
    await asyncio.to_thread(postgres_server.stop, "immediate")
    told = await asyncio.gather(*crowd, return_exceptions=True)
    committed = [number for number, answer in enumerate(told, 1) if isinstance(answer, Committed)]
    assert {type(answer) for answer in told} <= {Committed, StoreUnavailable}
    with pytest.raises(StoreUnavailable):
        await record.commit(Commit(keys=(an_effect("while it is down"),)))
    await asyncio.to_thread(postgres_server.start)
    await until(StoreState.OPEN, record)
    assert alarm.states[0] is StoreState.FAILING
    for number in committed[:50] + committed[-50:]:
        assert await record.journal_body(f"entry-EHR-{number:05d}") == b"RGV"
    assert await record.position() >= len(committed)
    assert (await verify_events(record)).sound
    await record.commit(accepts(5000))


async def test_a_cut_connection_heals(postgres: PostgresPlace) -> None:
    record = await postgres.open()
    await record.commit(accepts(1))
    await in_postgres(postgres.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'interop node-a %'")
    with pytest.raises(StoreUnavailable):
        await record.commit(accepts(2))
    await until(StoreState.OPEN, record)
    await record.commit(accepts(3))
    assert await record.version("order/1") == 1


async def test_a_session_that_holds_the_records_lock_is_told_as_locked(postgres: PostgresPlace) -> None:
    record = await postgres.open()
    holder = await asyncpg.connect(postgres.url)
    await holder.execute("BEGIN; SELECT 1 FROM counters FOR UPDATE")
    await fails_and_heals(record, 1, StoreLocked, holder.close)


async def test_a_node_that_hangs_in_a_commit_loses_the_lock(postgres: PostgresPlace) -> None:
    hung = await connect(postgres.url, "hung", PostgresLimits(answer_s=0.2))
    await hung.execute("BEGIN; SELECT 1 FROM counters FOR UPDATE")
    record = await postgres.open("node-b")
    assert isinstance(await record.commit(accepts(1)), Committed)
    hung.terminate()


async def test_a_full_tablespace_is_told_as_full_and_heals_with_room(
    postgres: PostgresPlace, postgres_server: PostgresServer, small_disk: Path
) -> None:
    space = small_disk / "space"
    space.mkdir()
    for folder in (small_disk, space):
        shutil.chown(folder, postgres_server.user or os.getuid())
    for parent in small_disk.parents:
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o111)
    root = postgres_server.url("postgres")
    await in_postgres(root, f"CREATE TABLESPACE small LOCATION '{space}'", f"ALTER DATABASE {postgres.database} SET TABLESPACE small")
    ballast = small_disk / "ballast"
    # when it goes there is room for the largest group, which the store proves before it takes commits again
    ballast.write_bytes(bytes(20 * 2**20))
    record = await postgres.open()
    try:
        await fails_and_heals(record, 1, StoreFull, ballast.unlink, bulky)
    finally:
        await record.close()
        await in_postgres(root, f"ALTER DATABASE {postgres.database} SET TABLESPACE pg_default", "DROP TABLESPACE small")


async def test_sec_44_a_database_made_anew_is_not_taken_for_the_record(postgres: PostgresPlace) -> None:
    record = await postgres.open()
    await record.commit(accepts(1))
    root = postgres.server.url("postgres")
    await in_postgres(root, f"DROP DATABASE {postgres.database} WITH (FORCE)")
    alarm = Alarm(record)
    with pytest.raises(StoreUnavailable):
        await record.commit(accepts(2))
    await postgres.make()
    async with asyncio.timeout(30):
        while not isinstance(alarm.heard[-1].cause, RecordWentBack):
            await asyncio.sleep(0.01)


async def test_a_session_waits_for_the_disk_even_where_the_database_says_otherwise(postgres: PostgresPlace) -> None:
    await in_postgres(postgres.server.url("postgres"), f"ALTER DATABASE {postgres.database} SET synchronous_commit = off")
    connection = await connect(postgres.url, "n", PostgresLimits())
    assert await insist_on_durability(connection) == ()
    assert await connection.fetchval("SHOW synchronous_commit") == "on"
    await connection.close()


async def test_a_server_without_fsync_is_a_caution() -> None:
    class Careless:
        async def fetchval(self, query: str) -> str:
            return "off" if query == "SHOW fsync" else "on"

    (caution,) = await insist_on_durability(Careless())
    assert "fsync = off" in caution


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await open_record(f"postgresql://interop@/record?host={tmp_path}", node="n", clock=StoppedClock())


async def test_a_database_without_a_schema_is_not_opened(postgres_server: PostgresServer) -> None:
    with pytest.raises(SchemaMismatch, match="missing"):
        await open_record(postgres_server.url("postgres"), node="n", clock=StoppedClock())


# ── every store ──


async def test_sec_44_a_record_that_goes_back_under_a_running_node_takes_no_more_commits(database: Any) -> None:
    record = await database.open()
    await record.commit(accepts(1))
    await record.commit(accepts(2))
    await in_sql(database, "UPDATE counters SET position = 1, chain = (SELECT digest FROM events WHERE events.position = 1)")
    with pytest.raises(RecordWentBack, match="2 was acknowledged"):
        await record.commit(accepts(3))
    assert await record.version("order/3") == 0


async def test_a_closed_record_says_so_and_its_closing_alarms_nobody(record: Any, caplog: pytest.LogCaptureFixture) -> None:
    await record.commit(accepts(1))
    await record.close()
    assert [line.message for line in caplog.records if line.levelname in ("WARNING", "ERROR", "CRITICAL")] == []
    for asked in (record.commit(accepts(2)), record.version("order/1"), record.feed(0)):
        with pytest.raises(StoreClosed):
            await asked
    assert record.health().state is StoreState.CLOSED


async def test_the_memory_record_rehearses_a_failure_and_heals() -> None:
    record: Any = await open_record("memory:", node="n", clock=StoppedClock())
    alarm = Alarm(record)
    record.fail_with(StoreFull("no room"))
    with pytest.raises(StoreFull):
        await record.commit(accepts(1))
    assert await record.version("order/1") == 0
    record.fail_with(None)
    await until(StoreState.OPEN, record)
    assert alarm.states == [StoreState.FAILING, StoreState.OPEN]
    await record.commit(accepts(1))
    await record.close()


@pytest.mark.parametrize("url", ["", "record.db", "mysql://x/y", "sqlite://host/path", "sqlite://"])
async def test_an_address_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///"):
        await open_record(url, node="n", clock=StoppedClock())
