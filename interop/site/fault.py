"""A fault in a site's files: where it stands, what is wrong, what to do about it."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """An error keeps the release from being built; a warning is told and stays with whoever approves it."""

    ERROR = "error"
    WARNING = "warning"


class Place(NamedTuple):
    """A character in a file of the site: lines and columns count from 1, ``file`` is relative to the site's folder with ``/``."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, rendered ``file:line:column: what — do: action``."""

    file: str
    line: int
    column: int
    what: str
    action: str
    severity: Severity = Severity.ERROR

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    @property
    def place(self) -> Place:
        return Place(self.file, self.line, self.column)

    def __str__(self) -> str:
        kind = "" if self.is_error else "warning: "
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.what} — do: {self.action}"


class Faults:
    """Collects every fault of a site while it is read and checked; nothing stops at the first."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    def error(self, place: Place, what: str, action: str) -> None:
        self._found.append(Fault(*place, what, action))

    def warning(self, place: Place, what: str, action: str) -> None:
        self._found.append(Fault(*place, what, action, Severity.WARNING))

    @property
    def has_errors(self) -> bool:
        return any(fault.is_error for fault in self._found)

    def in_order(self) -> tuple[Fault, ...]:
        """All faults by file, line and column; those of one place in the order they were found."""
        return tuple(sorted(self._found, key=lambda fault: fault.place))
