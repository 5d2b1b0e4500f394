"""One server owns a store and its pumps: who comes second is told who does, and who was cut off from the store commits nothing until it is sure."""

import asyncio
import errno
import fcntl
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from places import PostgresPlace, in_postgres
from samples import accepts

from interop.adapters.store import claim_serving, sqlite_serving
from interop.adapters.store.postgres import PostgresRecord
from interop.adapters.store.postgres_link import PostgresLimits
from interop.adapters.store.postgres_serving import LOCK, THIS_LOCK, PostgresServing
from interop.adapters.store.sqlite import SqliteRecord
from interop.adapters.store.sqlite_serving import Found, SqliteServing
from interop.ports import Committed, SchemaMismatch, ServedAlready, Serving, ServingLost, StoreUnavailable

pytestmark = pytest.mark.anyio

SHORT = PostgresLimits(answer_s=0.5)


def url_of(place: Any) -> str:
    return place.url if isinstance(place, PostgresPlace) else f"sqlite:///{place.path}"


async def claimed(place: Any, node: str) -> Serving:
    return await claim_serving(url_of(place), node=node, clock=place.clock)


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)


async def commits(record: Any, number: int) -> bool:
    try:
        return isinstance(await record.commit(accepts(number)), Committed)
    except StoreUnavailable:
        return False


async def test_a_second_server_is_told_who_owns_the_store_and_may_have_it_when_that_one_has_ended(database: Any):
    first = await claimed(database, "ward-a")
    assert first.is_held
    with pytest.raises(
        ServedAlready, match=rf"by node ward-a, process {os.getpid()}.*, since 20\d\d-.* — do: leave that one in charge"
    ) as told:
        await claimed(database, "ward-b")
    assert told.value.holder.node == "ward-a"
    await first.confirm()
    await first.close()
    assert not first.is_held
    second = await claimed(database, "ward-b")
    await second.confirm()
    await second.close()


async def test_a_command_works_on_the_record_beside_the_server_that_owns_it(database: Any):
    serving = await claimed(database, "ward-a")
    assert await commits(await database.open("console"), 1)
    await serving.close()


async def test_a_store_in_memory_is_shared_with_nobody():
    serving = await claim_serving("memory:", node="ward-a", clock=None)  # type: ignore[arg-type]
    await serving.confirm()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(serving.lost(), 0.01)
    await serving.close()


# ── SQLite: a lock of the system on a file beside the database ──


async def test_a_link_to_the_database_is_the_same_store(sqlite: Any):
    other = sqlite.path.parent / "elsewhere"
    other.mkdir()
    (other / "link.db").symlink_to(sqlite.path)
    first = await claimed(sqlite, "ward-a")
    with pytest.raises(ServedAlready):
        await SqliteServing.claim(other / "link.db", "ward-b", sqlite.clock, wait_s=0)
    await first.close()


async def test_a_file_that_a_former_server_left_keeps_nobody_from_starting(sqlite: Any):
    left = Path(f"{sqlite.path}.serving")
    left.write_text('{"node": "long-gone", "process": 1, "host": "h", "since": "2020-01-01T00:00:00+00:00"}', encoding="utf-8")
    serving = await claimed(sqlite, "ward-a")
    assert "long-gone" not in left.read_text(encoding="utf-8")
    await serving.close()


async def test_a_database_that_is_missing_is_to_be_migrated_and_no_file_is_made_for_it(tmp_path: Path, sqlite: Any):
    with pytest.raises(SchemaMismatch):
        await SqliteServing.claim(tmp_path / "none" / "interop.db", "ward-a", sqlite.clock)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"node": "ward-a"}', b"\xff", b"null"])
async def test_a_holder_that_cannot_be_read_is_still_in_the_way(sqlite: Any, said: bytes):
    serving = await claimed(sqlite, "ward-a")
    Path(f"{sqlite.path}.serving").write_bytes(said)
    with pytest.raises(ServedAlready, match="a server that has not said its name"):
        await SqliteServing.claim(sqlite.path, "ward-b", sqlite.clock, wait_s=0)
    await serving.close()


async def test_a_place_without_locks_is_called_so_and_nothing_is_guessed(sqlite: Any, monkeypatch: pytest.MonkeyPatch):
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", no_locks)
        with pytest.raises(StoreUnavailable, match=r"cannot be locked \(No locks available\), so it is not known"):
            await claimed(sqlite, "ward-a")
    Path(f"{sqlite.path}.serving").unlink()
    Path(f"{sqlite.path}.serving").mkdir()
    with pytest.raises(StoreUnavailable, match=r"cannot be locked \(Is a directory\), so it is not known"):
        await claimed(sqlite, "ward-a")


async def test_a_file_that_was_cleared_away_is_made_anew_and_keeps_the_next_one_out(sqlite: Any):
    serving = await SqliteServing.claim(sqlite.path, "ward-a", sqlite.clock, look_s=0.01)
    watch = asyncio.create_task(serving.lost())
    file = Path(f"{sqlite.path}.serving")
    file.unlink()
    await until(lambda: file.exists() and bool(file.read_bytes()) and serving.is_held)
    with pytest.raises(ServedAlready, match="ward-a"):
        await SqliteServing.claim(sqlite.path, "ward-b", sqlite.clock, wait_s=0)
    watch.cancel()
    await serving.close()


async def test_a_folder_that_was_away_for_a_while_is_held_again_when_it_is_back(sqlite: Any):
    serving = await SqliteServing.claim(sqlite.path, "first", sqlite.clock, look_s=0.05)
    watch = asyncio.create_task(serving.lost())
    folder, away = sqlite.path.parent, sqlite.path.parent.with_name("away")
    folder.rename(away)
    await until(lambda: not serving.is_held)
    with pytest.raises(StoreUnavailable):
        await serving.confirm()
    away.rename(folder)
    await until(lambda: serving.is_held)
    await serving.confirm()
    assert not watch.done()
    watch.cancel()
    await serving.close()


async def test_a_file_that_cannot_be_looked_at_once_is_no_reason_to_stop(sqlite: Any, monkeypatch: pytest.MonkeyPatch):
    serving = await SqliteServing.claim(sqlite.path, "first", sqlite.clock, look_s=0.05)
    answers = [Found.ANOTHER, Found.NOT_KNOWN, Found.IT]
    real = sqlite_serving.found_at

    def found_at(descriptor: int, path: Path) -> Found:
        return answers.pop(0) if answers else real(descriptor, path)

    monkeypatch.setattr(sqlite_serving, "found_at", found_at)
    watch = asyncio.create_task(serving.lost())
    await until(lambda: not answers)
    await until(lambda: serving.is_held)
    assert not watch.done()
    watch.cancel()
    await serving.close()


async def test_a_server_whose_file_was_cleared_away_and_taken_by_another_commits_nothing_more(sqlite: Any):
    serving = await SqliteServing.claim(sqlite.path, "ward-a", sqlite.clock, look_s=0.01)
    record = await SqliteRecord.open(sqlite.path, "ward-a", sqlite.clock, serving=serving)
    assert await commits(record, 1)
    Path(f"{sqlite.path}.serving").unlink()
    other = await claimed(sqlite, "ward-b")
    with pytest.raises(ServingLost, match=r"this server has stopped.*by node ward-b"):
        await asyncio.wait_for(serving.lost(), 30)
    assert not await commits(record, 2)
    await record.close()
    await serving.close()
    await other.confirm()
    await other.close()


# ── PostgreSQL: a session's advisory lock ──


async def backend(place: PostgresPlace) -> int:
    """The number of the PostgreSQL process that has the lock in this database; 0: nobody has it."""
    found = await in_postgres(
        place.url, f"SELECT pid FROM pg_locks JOIN pg_database ON oid = database WHERE {THIS_LOCK} AND datname = current_database()"
    )
    return int(found[0]["pid"]) if found else 0


async def a_server(place: PostgresPlace, limits: PostgresLimits = SHORT) -> tuple[PostgresServing, Any, "asyncio.Task[None]"]:
    serving = await PostgresServing.claim(place.url, "ward-a", limits)
    record = await PostgresRecord.open(place.url, "ward-a", place.clock, serving=serving)
    assert await commits(record, 1)
    return serving, record, asyncio.create_task(serving.lost())


async def test_a_lock_that_went_with_its_connection_is_taken_again_before_the_next_commit(postgres: PostgresPlace):
    serving, record, watch = await a_server(postgres)
    before = await backend(postgres)
    await in_postgres(postgres.url, f"SELECT pg_terminate_backend({before})")
    await until(lambda: _other_than(before, postgres))
    await until(lambda: commits(record, 2))
    assert not watch.done()
    watch.cancel()
    await record.close()
    await serving.close()


async def _other_than(before: int, place: PostgresPlace) -> bool:
    return await backend(place) not in (0, before)


async def test_nothing_is_committed_while_the_lock_is_lost_and_the_server_is_told_when_another_has_it(postgres: PostgresPlace):
    serving, record, watch = await a_server(postgres)
    taking = asyncio.create_task(in_postgres(postgres.url, f"SELECT pg_advisory_lock({LOCK})", "SELECT pg_sleep(3)"))
    await until(lambda: waits(postgres))
    await in_postgres(postgres.url, f"SELECT pg_terminate_backend({await backend(postgres)})")
    with pytest.raises(ServingLost, match="a server that has not said its name"):
        await asyncio.wait_for(watch, 30)
    assert not serving.is_held
    assert not await commits(record, 2)
    assert await record.version("order/2") == 0
    await taking
    await record.close()
    await serving.close()


async def waits(place: PostgresPlace) -> bool:
    return bool(await in_postgres(place.url, f"SELECT FROM pg_locks WHERE NOT granted AND objid = {LOCK}"))


async def test_a_server_is_not_taken_for_another_one_when_its_own_lost_session_has_the_lock_still(postgres: PostgresPlace):
    """As after a cut in the network: PostgreSQL has not seen yet that the connection is dead."""
    serving, record, watch = await a_server(postgres)
    before = await backend(postgres)
    os.kill(before, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailable):
            await serving.confirm()
        assert not await commits(record, 2)
        await asyncio.sleep(1.5)  # at least one attempt to take it again
        assert not watch.done()
        assert not serving.is_held
    finally:
        os.kill(before, signal.SIGCONT)
    await until(lambda: _other_than(before, postgres))
    await until(lambda: commits(record, 3))
    watch.cancel()
    await record.close()
    await serving.close()


async def test_a_lock_that_was_given_away_behind_the_server_is_noticed(postgres: PostgresPlace):
    """By a pooler between us and PostgreSQL that clears a session, say."""
    serving, record, watch = await a_server(postgres)
    await serving._connection.execute("SELECT pg_advisory_unlock_all()")
    with pytest.raises(StoreUnavailable):
        await serving.confirm()
    await until(lambda: serving.is_held)
    await serving.confirm()
    watch.cancel()
    await record.close()
    await serving.close()
