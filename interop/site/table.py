"""CSV tables with the line and column of every cell: a thin reader over the ``csv`` module (RFC 4180), one header, no dialects.

Line numbers stay right across quoted newlines. Where a cell begins is worked out only when a fault asks for it.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from interop.site.fault import Faults, Place
from interop.site.text import read_text


@dataclass(frozen=True, slots=True)
class Columns:
    """The closed header of a table: ``required`` in the order in which they are written, ``optional`` may be left out."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def knows(self, name: str) -> bool:
        return name in self.required or name in self.optional


class Row:
    """One record. ``row["drug"]`` is the cell without surrounding blanks, "" where it is blank or its optional column is not there."""

    __slots__ = ("_cells", "line", "table")

    def __init__(self, table: "Table", line: int, cells: Mapping[str, str]) -> None:
        self.table, self.line, self._cells = table, line, cells

    def __getitem__(self, column: str) -> str:
        return self._cells.get(column, "")

    def __contains__(self, column: str) -> bool:
        """Whether the cell says anything."""
        return bool(self._cells.get(column))

    def place(self, column: str) -> Place:
        """Where the cell begins; the start of the record for a column that the table does not have."""
        table = self.table
        if column not in table.positions:
            return Place(table.file, self.line, 1)
        line, start = cell_start(table.lines, self.line, table.positions[column])
        return Place(table.file, line, start)

    @property
    def name(self) -> str:
        """``formulary.csv:17``, for explanations."""
        return f"{self.table.file}:{self.line}"

    def filled(self) -> list[tuple[str, str]]:
        """(column, text) of every cell that says something."""
        return [cell for cell in self._cells.items() if cell[1]]


@dataclass(slots=True)
class Table:
    """A file's records. ``whole`` is False where a record or the header could not be read, so that names in it may be missing."""

    file: str
    lines: list[str] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    whole: bool = True


def cell_start(lines: list[str], line: int, index: int) -> tuple[int, int]:
    """Line and column (from 1) of cell ``index`` (from 0) of the record that begins on ``line``."""
    quoted, cell = False, 0
    if index == 0:
        return line, 1
    for number in range(line, len(lines) + 1):
        for column, character in enumerate(lines[number - 1], 1):
            if character == '"':
                quoted = not quoted
            elif character == "," and not quoted:
                cell += 1
                if cell == index:
                    return number, column + 1
        if not quoted:
            break
    return line, 1


def read_table(file: str, data: bytes, columns: Columns, faults: Faults) -> Table:
    """All records of a CSV file; every fault of its form is told, and a record that cannot be read is left out."""
    table = Table(file)
    text = read_text(file, data, faults)
    if text is None:
        table.whole = False
        return table
    table.lines = io.StringIO(text).readlines()  # splits at \n only, as the line numbers of an editor do
    records = _records(table, faults)
    header = next(records, None)
    if header is None:
        faults.error(Place(file, 1, 1), "the file is empty: it has no header", f"begin with {','.join(columns.required)}")
        table.whole = False
        return table
    if not _read_header(table, header[0], header[1], columns, faults):
        table.whole = False
        return table
    names = [name.strip() for name in header[1]]
    all_known = all(columns.knows(name) for name in names)
    for line, cells in records:
        if len(cells) != len(names):
            _ragged(table, line, cells, names, faults)
            continue
        values = dict(zip(names, map(str.strip, cells), strict=True))
        if not all_known:
            values = {name: value for name, value in values.items() if columns.knows(name)}
        table.rows.append(Row(table, line, values))
    return table


def _records(table: Table, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, cells) of every record that is not blank; after an unreadable one the next line goes on."""
    reader = csv.reader(table.lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            table.whole = False
            unclosed = "unexpected end of data" in str(error)
            what = "a quote is opened here and never closed" if unclosed else f"the record is not CSV ({error})"
            column = table.lines[line - 1].find('"') + 1 if unclosed and line <= len(table.lines) else 1
            faults.error(Place(table.file, line, max(column, 1)), what, "close the quote, and write a quote inside a cell twice")
            continue
        if any(cell.strip() for cell in cells):
            yield line, cells
        elif len(cells) > 1:
            faults.warning(Place(table.file, line, 1), "a record of blank cells only", "delete the line")


def _read_header(table: Table, line: int, header: list[str], columns: Columns, faults: Faults) -> bool:
    """Notes where each column stands. False: no record can be read by it."""
    names = [name.strip() for name in header]
    table.positions = {name: index for index, name in reversed(list(enumerate(names))) if columns.knows(name)}
    readable = True
    if len(names) == 1 and any(separator in names[0] for separator in ";\t"):
        what = "the header is not separated by commas"
        faults.error(Place(table.file, line, 1), what, "save the table with commas between its cells")
        return False
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            what, action = f"column {name!r} stands in the header twice", "keep one of the two"
            readable = False
        elif not columns.knows(name):
            what, action = f"unknown column {name!r}", "delete it, or correct its name; no column is passed over"
        else:
            seen.add(name)
            continue
        faults.error(Place(table.file, *cell_start(table.lines, line, index)), what, action)
        seen.add(name)
    for name in columns.required:
        if name not in seen:
            faults.error(Place(table.file, line, 1), f"column {name!r} is missing", "add it; a cell with nothing to say stays blank")
            readable = False
    return readable


def _ragged(table: Table, line: int, cells: list[str], names: list[str], faults: Faults) -> None:
    table.whole = False
    few = len(cells) < len(names)
    at = len(cells) - 1 if few else len(names)
    what = f"{len(cells)} cells under {len(names)} columns"
    missing = f"; the first missing one is {names[len(cells)]!r}" if few else ""
    action = "quote a cell that holds a comma" if not few else "fill up the record, with blank cells where nothing is said"
    faults.error(Place(table.file, *cell_start(table.lines, line, at)), what + missing, action)
