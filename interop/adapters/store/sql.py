"""The SQL of the steps, made from the row types: one statement a table and kind, for SQLite (by row) and for PostgreSQL (by arrays, ``unnest``)."""

import re
from datetime import datetime
from functools import cache
from typing import Any

from interop.adapters.store.rows import Table
from interop.adapters.store.steps import Chore, Clear

POSTGRES_TYPES = {int: "bigint", str: "text", bytes: "bytea", datetime: "timestamptz"}


def columns(table: Table, alias: str = "") -> str:
    """The table's columns in the order of its row type, for SELECT."""
    return ", ".join(f"{alias}.{column}" if alias else column for column in table.columns)


def _on_conflict(table: Table) -> str:
    rest = [column for column in table.columns if column not in table.key]
    return f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in rest)}"


# How many keys one SQLite statement asks for, or rows it writes: few different statements, few hand-overs of the interpreter's lock.
CHUNKS = (64, 16, 4, 1)


@cache
def sqlite_lookup(table: Table, by: tuple[str, ...], keys: int) -> str:
    """The rows of ``keys`` keys."""
    select = f"SELECT {columns(table)} FROM {table.name} WHERE "
    if keys == 1:
        return select + " AND ".join(f"{column} = ?" for column in by)
    one = "?" if len(by) == 1 else f"({', '.join('?' for _ in by)})"
    among = ", ".join(one for _ in range(keys))
    return select + (f"{by[0]} IN ({among})" if len(by) == 1 else f"({', '.join(by)}) IN (VALUES {among})")


@cache
def sqlite_insert(table: Table, replace: bool, count: int) -> str:
    """So many rows."""
    places = ", ".join([f"({', '.join('?' for _ in table.columns)})"] * count)
    return f"INSERT INTO {table.name} ({columns(table)}) VALUES {places}" + (_on_conflict(table) if replace else "")


@cache
def sqlite_delete(table: Table) -> str:
    """One row by its primary key, for executemany."""
    return f"DELETE FROM {table.name} WHERE {' AND '.join(f'{column} = ?' for column in table.key)}"


def _arrays(table: Table, some: tuple[str, ...], first: int = 1) -> str:
    """One array parameter a column, numbered from ``first``."""
    return ", ".join(f"${number}::{POSTGRES_TYPES[table.kinds[column]]}[]" for number, column in enumerate(some, first))


@cache
def postgres_look(lookups: tuple[tuple[Table, tuple[str, ...]], ...]) -> str:
    """One row with, for each lookup, an array of the rows of all its keys: one round trip for a group's facts."""
    found, first = [], 1
    for table, by in lookups:
        on = " AND ".join(f"t.{column} = k.{column}" for column in by)
        keys = f"unnest({_arrays(table, by, first)}) AS k ({', '.join(by)})"
        found.append(f"(SELECT array_agg(ROW({columns(table, 't')})) FROM {keys} JOIN {table.name} t ON {on})")
        first += len(by)
    return f"SELECT {', '.join(found)}"


@cache
def postgres_write(changes: tuple[tuple[Table, bool], ...]) -> str:
    """All rows of all tables in one statement, one array a column; with ``True`` rows of the same key are replaced."""
    parts, first = [], 1
    for number, (table, replace) in enumerate(changes):
        insert = f"INSERT INTO {table.name} ({columns(table)}) SELECT * FROM unnest({_arrays(table, table.columns, first)})"
        parts.append(f"written_{number} AS ({insert}{_on_conflict(table) if replace else ''})")
        first += len(table.columns)
    return f"WITH {', '.join(parts)} SELECT 1"


@cache
def postgres_delete(table: Table) -> str:
    """All rows by primary key, one array a key column."""
    on = " AND ".join(f"t.{column} = k.{column}" for column in table.key)
    return f"DELETE FROM {table.name} t USING unnest({_arrays(table, table.key)}) AS k ({', '.join(table.key)}) WHERE {on}"


@cache
def numbered_for_sqlite(sql: str) -> str:
    """``$1`` as SQLite numbers its parameters: ``?1``."""
    return re.sub(r"\$(\d+)", r"?\1", sql)


# Retention: each statement takes the oldest ``$2`` rows into account and deletes those before ``$1``. Journal and outgoing are written in the order of
# time, so the oldest are the lowest numbers, and no statement ever walks a whole table.
PRUNE_BODIES = """DELETE FROM journal_bodies WHERE entry IN
    (SELECT entry FROM (SELECT entry, at FROM journal_bodies ORDER BY entry LIMIT $2) AS oldest WHERE at < $1)"""
PRUNE_HEADS = """DELETE FROM journal_heads WHERE entry IN
    (SELECT entry FROM (SELECT entry, at FROM journal_heads ORDER BY entry LIMIT $2) AS oldest WHERE at < $1)
    AND NOT EXISTS (SELECT 1 FROM journal_bodies b WHERE b.entry = journal_heads.entry)"""
PRUNE_MESSAGE_KEYS = """DELETE FROM message_keys WHERE entry IN
    (SELECT entry FROM (SELECT entry, at FROM message_keys ORDER BY entry LIMIT $2) AS oldest WHERE at < $1)"""
PRUNE_EFFECT_KEYS = "DELETE FROM effect_keys WHERE key IN (SELECT key FROM effect_keys WHERE at < $1 ORDER BY at, key LIMIT $2)"
PRUNE_SETTLED = """DELETE FROM outgoing WHERE seq IN
    (SELECT seq FROM (SELECT seq, at FROM outgoing_settled ORDER BY seq LIMIT $2) AS oldest WHERE at < $1)"""
PRUNE_SETTLED_STATE = """DELETE FROM outgoing_settled WHERE seq IN (SELECT seq FROM outgoing_settled ORDER BY seq LIMIT $1)
    AND NOT EXISTS (SELECT 1 FROM outgoing g WHERE g.seq = outgoing_settled.seq)"""
CLEAR_PROJECTION = "DELETE FROM projections WHERE name = $1 AND key IN (SELECT key FROM projections WHERE name = $1 ORDER BY key LIMIT $2)"
CLEAR_CHECKPOINT = "DELETE FROM checkpoints WHERE name = $1"


def chore(step: Chore) -> list[tuple[str, tuple[Any, ...], bool]]:
    """The statements of a chore: SQL with ``$n``, its arguments, and whether its rows count."""
    if isinstance(step, Clear):
        return [(CLEAR_CHECKPOINT, (step.name,), False), (CLEAR_PROJECTION, (step.name, step.limit), True)]
    old, limit = step.retention, step.limit
    by_age = (
        (PRUNE_BODIES, old.bodies),
        (PRUNE_HEADS, old.heads),
        (PRUNE_MESSAGE_KEYS, old.message_keys),
        (PRUNE_EFFECT_KEYS, old.effect_keys),
        (PRUNE_SETTLED, old.settled_messages),
    )
    statements: list[tuple[str, tuple[Any, ...], bool]] = [
        (statement, (before, limit), True) for statement, before in by_age if before is not None
    ]
    if old.settled_messages is not None:
        statements.append((PRUNE_SETTLED_STATE, (limit,), False))
    return statements
