"""Which SQLite the record stands on is looked up when it runs, and the one with the WAL-reset fault is warned of in clear words."""

import sqlite3
import sys
from typing import Any

import pytest
from places import SqlitePlace

from interop.adapters.store.sqlite_file import SqliteFile
from interop.adapters.store.sqlite_library import UnsafeSqlite, caution_about, choose_sqlite


@pytest.mark.parametrize(
    ("version", "faulty"),
    [((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 53, 4), False)],
)
def test_the_versions_that_can_corrupt_the_record_are_told(version: tuple[int, int, int], faulty: bool) -> None:
    said = caution_about("sqlite3", version)
    assert bool(said) is faulty
    if faulty:
        assert "3.7.0 to 3.51.2" in said
        assert "pysqlite3" in said
        assert ".".join(map(str, version)) in said


def test_the_sqlite_that_we_bring_is_sound() -> None:
    library = choose_sqlite()
    assert library.module.__name__ == "pysqlite3.dbapi2"
    assert library.caution == ""


def without_pysqlite3(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]) -> None:
    monkeypatch.setitem(sys.modules, "pysqlite3.dbapi2", None)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    monkeypatch.setattr(sqlite3, "sqlite_version", ".".join(map(str, version)))


@pytest.mark.anyio
async def test_without_it_the_record_opens_on_pythons_own_with_a_warning_and_a_caution(
    sqlite: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pysqlite3(monkeypatch, (3, 40, 1))
    with pytest.warns(UnsafeSqlite, match=r"sqlite3 stands on SQLite 3\.40\.1: versions 3\.7\.0 to 3\.51\.2 can corrupt"):
        record: Any = await sqlite.open()
    assert len(record.cautions) == 1
    assert "WAL-reset" in record.cautions[0]


def test_pythons_own_is_taken_without_a_word_once_it_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    without_pysqlite3(monkeypatch, (3, 51, 3))
    assert choose_sqlite().caution == ""


def test_a_sqlite_too_old_for_strict_tables_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    without_pysqlite3(monkeypatch, (3, 36, 0))
    with pytest.raises(RuntimeError, match="too old"):
        choose_sqlite()


@pytest.mark.anyio
async def test_every_commit_waits_for_the_disk(sqlite: SqlitePlace) -> None:
    file = SqliteFile(sqlite.path, choose_sqlite(), sqlite.limits)
    connection = file.connect(write=True)
    settings = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "recursive_triggers")}
    assert settings == {"journal_mode": "wal", "synchronous": 2, "recursive_triggers": 1}  # 2: FULL
    connection.close()


@pytest.mark.anyio
async def test_a_reading_connection_cannot_write(sqlite: SqlitePlace) -> None:
    file = SqliteFile(sqlite.path, choose_sqlite(), sqlite.limits)
    writer, reader = file.connect(write=True), file.connect(write=False)
    with pytest.raises(file.library.module.OperationalError, match="readonly"):
        reader.execute("DELETE FROM streams")
    reader.close()
    writer.close()
