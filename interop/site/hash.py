"""The two hashes that name a release: of the drug library, and of the mapping onto it (D-25, SR-22, SEC-26).

They are of what the files say, not of how they are laid out: the order of rows, tables and keys, comments, the spacing around cells, quoting, line
ends and byte order marks do not change them; any value does. Order sentences and README.md are no part of a release.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from interop.site.table import Row
from interop.site.toml_file import NumberText

LIBRARY = "interop drug library, form 1"
MAPPING = "interop mapping, form 1"


def library_hash(library_id: str, version: str, rows: Iterable[Row]) -> str:
    """SHA-256 in hexadecimal of one library version: its id, its version and every filled cell of every row.

    Id and version are part of it so that one hash names one ``LibraryRef``.
    """
    return _sha256([LIBRARY, library_id, version, _rows(rows)])


def mapping_hash(tables: Mapping[str, Iterable[Row]], files: Mapping[str, Mapping[str, object]]) -> str:
    """SHA-256 in hexadecimal of the mapping: its tables (by file), and its TOML files (by name) as read."""
    rows = {name: _rows(table) for name, table in tables.items()}
    return _sha256([MAPPING, rows, {name: _canonical(values) for name, values in files.items()}])


def _sha256(value: object) -> str:
    return hashlib.sha256(_text(value).encode()).hexdigest()


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _rows(rows: Iterable[Row]) -> list[str]:
    """Blank cells say nothing, so that a new optional column changes nothing until it is filled.

    The separators are control characters, which no cell of a sound site holds (``interop.site.text``).
    """
    return sorted("\x1f".join(map("\x1e".join, sorted(row.filled()))) for row in rows)


def _canonical(value: object) -> object:
    """TOML values: no array of the grammar depends on its order, but for the steps of a rate range, which carry their own."""
    match value:
        case Mapping():
            return {str(key): _canonical(each) for key, each in value.items()}
        case list():
            return sorted((_canonical(each) for each in value), key=_text)
        case NumberText(text=text):
            return {"number": text}
        case str() | bool() | int():
            return value
        case _:
            return {"other": str(value)}
