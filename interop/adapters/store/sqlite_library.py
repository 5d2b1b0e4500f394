"""Which SQLite we stand on: pysqlite3 brings its own; the one inside a Python of today loses data (the WAL-reset fault) and is a fall-back with a warning.

The fault, in SQLite 3.7.0 to 3.51.2, can corrupt a database in WAL mode when two connections write or checkpoint at the same moment.
"""

import importlib
import logging
import warnings
from dataclasses import dataclass
from typing import Any

log = logging.getLogger("interop.store")

FAULT_FROM, FAULT_TO = (3, 7, 0), (3, 51, 2)
NEEDED = (3, 37, 0)  # STRICT tables


class UnsafeSqlite(UserWarning):
    """The SQLite in use can corrupt the record."""


@dataclass(frozen=True, slots=True)
class SqliteLibrary:
    """A DB-API module and the version of the SQLite inside it; ``caution`` is empty if it is sound."""

    module: Any
    version: str
    caution: str


def caution_about(name: str, version: tuple[int, ...]) -> str:
    """The sentence for the engineer on call, or nothing."""
    if not FAULT_FROM <= version <= FAULT_TO:
        return ""
    return (
        f"{name} stands on SQLite {'.'.join(map(str, version))}: versions 3.7.0 to 3.51.2 can corrupt a database in WAL mode (the WAL-reset fault). "
        "Install pysqlite3 0.6.1 or newer."
    )


def choose_sqlite() -> SqliteLibrary:
    """pysqlite3 if it is installed, else the standard library's, with a warning where its version has the fault.

    Raises: RuntimeError: the only SQLite here is older than 3.37 and cannot hold the record.
    """
    try:
        module = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        module = importlib.import_module("sqlite3")
    version: tuple[int, ...] = module.sqlite_version_info
    if version < NEEDED:
        raise RuntimeError(f"SQLite {module.sqlite_version} is too old for the record: 3.37 or newer is needed")
    caution = caution_about(module.__name__, version)
    if caution:
        warnings.warn(caution, UnsafeSqlite, stacklevel=2)
        log.warning("this SQLite can corrupt the record: install pysqlite3 0.6.1 or newer", extra={"sqlite": str(module.sqlite_version)})
    return SqliteLibrary(module, str(module.sqlite_version), caution)
