"""One SQLite file: how it is opened, whether it is still the same file, and what its errors mean."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

from interop.adapters.store import schema
from interop.adapters.store.chain import instant_text
from interop.adapters.store.rows import Table
from interop.adapters.store.sqlite_library import SqliteLibrary
from interop.ports import RecordError, StoreFull, StoreLocked, StoreUnavailable, Unfit

_BUSY, _LOCKED, _FULL = 5, 6, 13
_VALUE_FAULTS = {18, 19, 20, 25}  # TOOBIG, CONSTRAINT, MISMATCH, RANGE: of one unit, not of the store


@dataclass(frozen=True, slots=True)
class SqliteLimits:
    """``lock_wait_s``: how long another process may hold the write lock before we say so. ``longest_s``: a group takes no more units after that.

    ``reads_waiting``: bound of the queue "reads". ``max_pages``: the file's bound in pages of 4 KiB; 0: the disk's.
    """

    lock_wait_s: float = 1.0
    longest_s: float = 0.020
    readers: int = 4
    reads_waiting: int = 256
    max_pages: int = 0


class SqliteFile:
    """The file at ``path`` through one SQLite library."""

    def __init__(self, path: Path, library: SqliteLibrary, limits: SqliteLimits) -> None:
        self.path, self.library, self.limits = path, library, limits
        self._names = (str(path), f"{path}-wal")

    def connect(self, *, write: bool) -> Any:
        """A connection to the file, which must exist: an empty database is never made where the record was.

        Raises: StoreUnavailable.
        """
        mode = "rw" if write else "ro"
        try:
            connection = self.library.module.connect(
                f"file:{quote(str(self.path))}?mode={mode}",
                uri=True,
                timeout=self.limits.lock_wait_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
        except self.library.module.Error as error:
            raise self.translate(error) from error
        try:
            self._prepare(connection, write)
        except self.library.module.Error as error:
            connection.close()
            raise self.translate(error) from error
        except RecordError:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: Any, write: bool) -> None:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cache_size = -32000")
        if not write:
            connection.execute("PRAGMA query_only = ON")
            return
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreUnavailable(f"this file system does not let SQLite keep a write-ahead log (journal mode {mode})")
        connection.execute(
            "PRAGMA synchronous = FULL"
        )  # NORMAL does not sync at commit: an acknowledged message could be lost with the power
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA recursive_triggers = ON")  # so that REPLACE meets the triggers that refuse to delete
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")  # 16 MB: a busy page is copied into the file once for many commits
        if self.limits.max_pages:
            connection.execute(f"PRAGMA max_page_count = {self.limits.max_pages}")

    def revision(self, connection: Any) -> str:
        """The schema's revision; empty: there is none."""
        if not connection.execute(schema.FIND_TABLE["sqlite"]).fetchone()[0]:
            return ""
        row = connection.execute(schema.FIND_REVISION).fetchone()
        return "" if row is None else str(row[0])

    def identity(self) -> tuple[tuple[int, int], ...]:
        """What tells the file and its log from others put in their place. Raises: StoreUnavailable: one of them is gone."""
        try:
            found = [os.stat(name) for name in self._names]
        except OSError as error:
            raise StoreUnavailable(f"the database file is gone ({error.strerror})") from error
        return tuple((file.st_dev, file.st_ino) for file in found)

    def translate(self, error: Exception, *, in_doubt: bool = False) -> StoreUnavailable | Unfit:
        """An error of the library as what it means here; texts of SQLite hold names of columns and never values."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if isinstance(error, self.library.module.IntegrityError | self.library.module.DataError) or code in _VALUE_FAULTS:
            return Unfit(str(error))
        if code == _FULL:
            return StoreFull("no room for the database", in_doubt=in_doubt)
        if code in (_BUSY, _LOCKED):
            return StoreLocked("another process holds the database's write lock", in_doubt=in_doubt)
        return StoreUnavailable(f"SQLite: {error}", in_doubt=in_doubt)


def to_sqlite(table: Table, rows: Iterable[Any]) -> list[Any]:
    """The cells of all rows, row after row: instants as text, bytes as the type that the driver binds without looking for an adapter (1.5 us each)."""
    cells, width = list(chain.from_iterable(rows)), len(table.columns)
    for place in table.instants:
        cells[place::width] = [None if at is None else instant_text(at) for at in cells[place::width]]
    for place in table.blobs:
        cells[place::width] = [bytearray(blob) if isinstance(blob, bytes) else blob for blob in cells[place::width]]
    return cells


def from_sqlite(row: Sequence[Any], instants: Iterable[int]) -> Sequence[Any]:
    """A row with its instants read back."""
    cells = list(row)
    for place in instants:
        if cells[place] is not None:
            cells[place] = datetime.fromisoformat(cells[place])
    return cells
