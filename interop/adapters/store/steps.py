"""What a group of commits asks of a driver, step by step, as values: the same scripts run on a thread, on asyncpg and in memory."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from interop.adapters.store.rows import Table
from interop.ports import Commit, Retention

Row = Any  # a row type of rows.py


@dataclass(frozen=True, slots=True)
class Lookup:
    """The rows whose unique columns ``by`` equal one of ``keys``."""

    table: Table
    by: tuple[str, ...]
    keys: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Insert:
    """New rows; a taken key is an error of the whole script."""

    table: Table
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Upsert:
    """Rows that replace those of the same primary key; no key twice."""

    table: Table
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Delete:
    """Rows to take away by primary key; absent ones do not matter."""

    table: Table
    keys: list[tuple[Any, ...]]


Change = Insert | Upsert | Delete


@dataclass(frozen=True, slots=True)
class Look:
    """Reply: for each lookup its rows, in any order."""

    lookups: tuple[Lookup, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """Deletes come before the other changes of their table; otherwise their order does not matter."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Prune:
    """Take at most ``limit`` old rows of each kind. Reply: one number, how many went."""

    retention: Retention
    limit: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Take at most ``limit`` rows of one projection. Reply: one number, how many went."""

    name: str
    limit: int


class Savepoint(Enum):
    """A mark inside the transaction, for the rare case that a unit must be tried alone."""

    SET = "SAVEPOINT unit"
    BACK = "ROLLBACK TO SAVEPOINT unit"
    RELEASE = "RELEASE SAVEPOINT unit"


Step = Look | Write | Prune | Clear | Savepoint
T = TypeVar("T")
Script = Generator[Step, list[Any], T]
Chore = Prune | Clear
Work = Commit | Chore


def size_of(work: Work) -> int:
    """Bytes that it writes, near enough; a chore weighs nothing."""
    return work.size() if isinstance(work, Commit) else 0
