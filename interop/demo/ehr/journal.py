"""Everything the stand-in EHR said and heard, in one file that only grows; each line is on the disk before anything is answered."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

SENT: Final = "sent"
"""An order that left, HL7 or FHIR."""
ANSWERED: Final = "answered"
"""What came back on the same connection: an acknowledgement, or a response of HTTP."""
RECEIVED: Final = "received"
"""A message that came in at the listener."""
ACKNOWLEDGED: Final = "acknowledged"
"""What was said to it."""
STRAY: Final = "stray"
"""Bytes that came in outside every frame, or in a frame that did not end."""
TOLD: Final = "told"
"""What the story asked of this EHR: a fault, and its end."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. ``at`` is wall time; ``body`` the bytes, one character a byte; ``about`` what kind of thing it is and which other line it answers."""

    number: int
    at: str
    what: str
    body: str
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body.encode("latin-1")


class Journal:
    """The file and, in memory, what it holds."""

    def __init__(self, path: Path) -> None:
        """Opens it, and reads what an earlier life wrote; a line that a crash cut short stays in the file and counts for nothing. Raises: OSError."""
        self._grown = threading.Condition()
        self._entries: list[Entry] = []
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        written = path.read_bytes()
        for line in written.splitlines():
            try:
                self._entries.append(Entry(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        self._is_torn = bool(written) and not written.endswith(b"\n")
        self._given = max((entry.number for entry in self._entries), default=0)

    def add(self, what: str, body: bytes, **about: str) -> Entry:
        """Raises: OSError: it is not known to be on the disk, and nothing may be said to be; its number is not given again."""
        with self._grown:
            self._given += 1
            entry = Entry(self._given, datetime.now(UTC).isoformat(timespec="microseconds"), what, body.decode("latin-1"), about)
            line = (b"\n" if self._is_torn else b"") + json.dumps(asdict(entry)).encode() + b"\n"
            self._is_torn = True
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
            self._is_torn = False
            self._entries.append(entry)
            self._grown.notify_all()
            return entry

    def entries(self, after: int = 0, wait_s: float = 0) -> list[Entry]:
        """Those beyond the number ``after``; where there are none yet, wait for some."""
        with self._grown:
            self._grown.wait_for(lambda: bool(self._entries) and self._entries[-1].number > after, wait_s)
            return [entry for entry in self._entries if entry.number > after]

    def close(self) -> None:
        os.close(self._file)
