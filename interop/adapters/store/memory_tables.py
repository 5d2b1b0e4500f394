"""Tables as dictionaries with unique keys, retention and a way back, for the memory store."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from interop.adapters.store import rows
from interop.adapters.store.rows import Table
from interop.adapters.store.steps import Change, Clear, Delete, Insert, Look, Lookup, Prune, Savepoint, Step, Upsert, Write
from interop.ports import Unfit

Key = tuple[Any, ...]
Columns = tuple[str, ...]


class MemoryTables:
    """Rows by every unique key. What a transaction changed is taken back in reverse by ``roll_back``."""

    def __init__(self) -> None:
        self._index: dict[Table, dict[Columns, dict[Key, Any]]] = {
            table: {by: {} for by in (table.key, *table.unique)} for table in rows.TABLES
        }
        self._undo: list[Callable[[], object]] = []
        self._mark = 0

    def all(self, table: Table) -> list[Any]:
        """Every row, the oldest key first."""
        return list(self._index[table][table.key].values())

    def find(self, table: Table, by: Columns, key: Key) -> Any:
        """The row of a unique key, or ``None``."""
        return self._index[table][by].get(key)

    def insert(self, table: Table, new: Iterable[Any]) -> None:
        """Raises: Unfit: a key is taken, or a cell is of a kind that the databases refuse."""
        for given in new:
            row = table.row._make(_stored(table, given))
            keys = [(by, self._key(table, by, row)) for by in self._index[table]]
            for by, key in keys:
                if key in self._index[table][by]:
                    raise Unfit(f"{table.name} {by}")
            for by, key in keys:
                self._index[table][by][key] = row
            self._undo.append(partial(self._take, table, row))

    def delete(self, table: Table, keys: Iterable[Key]) -> int:
        """Take rows by primary key; returns how many were there."""
        found = [row for row in (self.find(table, table.key, tuple(key)) for key in keys) if row is not None]
        for row in found:
            self._take(table, row)
            self._undo.append(partial(self._give, table, row))
        return len(found)

    def _key(self, table: Table, by: Columns, row: Any) -> Key:
        return tuple(row[place] for place in table.places(by))

    def _take(self, table: Table, row: Any) -> None:
        for by, index in self._index[table].items():
            del index[self._key(table, by, row)]

    def _give(self, table: Table, row: Any) -> None:
        for by, index in self._index[table].items():
            index[self._key(table, by, row)] = row

    def keep(self) -> None:
        """The transaction stands."""
        self._undo.clear()
        self._mark = 0

    def roll_back(self, mark: int = 0) -> None:
        """As it was at ``mark`` changes into the transaction."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def do(self, step: Step) -> list[Any]:
        """Carry out one step of a script. Raises: Unfit."""
        match step:
            case Look(lookups):
                return [self._look(lookup) for lookup in lookups]
            case Write(changes):
                for change in changes:
                    self._change(change)
            case Savepoint.SET:
                self._mark = len(self._undo)
            case Savepoint.BACK:
                self.roll_back(self._mark)
            case Clear(name, limit):
                self.delete(rows.CHECKPOINTS, [(name,)])
                return [self.delete(rows.PROJECTIONS, sorted(self._keys(rows.PROJECTIONS, lambda row: row.name == name))[:limit])]
            case Prune():
                return [self._prune(step)]
        return []

    def _look(self, lookup: Lookup) -> list[Any]:
        found = (self.find(lookup.table, lookup.by, tuple(key)) for key in lookup.keys)
        return [row for row in found if row is not None]

    def _change(self, change: Change) -> None:
        match change:
            case Insert(table, new):
                self.insert(table, new)
            case Upsert(table, new):
                self.delete(table, [self._key(table, table.key, row) for row in new])
                self.insert(table, new)
            case Delete(table, keys):
                self.delete(table, keys)

    def _keys(self, table: Table, which: Callable[[Any], bool]) -> list[Key]:
        return [self._key(table, table.key, row) for row in self.all(table) if which(row)]

    def _oldest(self, table: Table, before: datetime | None, limit: int) -> list[Key]:
        """Of the ``limit`` rows with the lowest numbers those before an instant."""
        if before is None:
            return []
        return [self._key(table, table.key, row) for row in sorted(self.all(table))[:limit] if row.at < before]

    def _prune(self, step: Prune) -> int:
        old, limit = step.retention, step.limit
        went = self.delete(rows.JOURNAL_BODIES, self._oldest(rows.JOURNAL_BODIES, old.bodies, limit))
        bodies = {row.entry for row in self.all(rows.JOURNAL_BODIES)}
        heads = self._oldest(rows.JOURNAL_HEADS, old.heads, limit)
        went += self.delete(rows.JOURNAL_HEADS, [key for key in heads if key[0] not in bodies])
        went += self.delete(rows.MESSAGE_KEYS, self._oldest(rows.MESSAGE_KEYS, old.message_keys, limit))
        effects = sorted(self.all(rows.EFFECT_KEYS), key=lambda row: (row.at, row.key))[:limit]
        went += self.delete(rows.EFFECT_KEYS, [(row.key,) for row in effects if old.effect_keys is not None and row.at < old.effect_keys])
        settled = self._oldest(rows.OUTGOING_SETTLED, old.settled_messages, limit)
        self.delete(rows.OUTGOING, settled)
        return went + self.delete(rows.OUTGOING_SETTLED, settled)


def _stored(table: Table, row: Any) -> Iterator[Any]:
    """The cells as a database gives them back, instants in UTC. Raises: Unfit: of a kind that it refuses."""
    for cell, (column, kind) in zip(row, table.kinds.items(), strict=True):
        if cell is None and column in table.optional:
            yield None
        elif not isinstance(cell, kind) or (isinstance(cell, int) and not -(2**63) <= cell < 2**63):
            raise Unfit(f"{table.name}.{column}")
        else:
            yield cell.astimezone(UTC) if isinstance(cell, datetime) else cell
