"""Every log frame that a pump ever numbered, one a line, also those that were acknowledged and forgotten: the pump's own log as a witness, never read by it."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pump_sim.wire import Frame

MOST_AT_ONCE: Final = 1000


class History:
    """One pump's file; it only grows. What the process died before writing here is taken from what the pump itself kept (``catch_up``)."""

    def __init__(self, path: Path) -> None:
        """A last line that was cut off is taken away. Raises: OSError; ValueError: a line is no log frame."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        data = path.read_bytes() if path.exists() else b""
        whole = data.rfind(b"\n") + 1
        self._last: dict[str, int] = {}
        for line in data[:whole].splitlines():
            frame = json.loads(line)
            self._last[frame["log_id"]] = frame["number"]
        self._count = data[:whole].count(b"\n")
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.ftruncate(self._file, whole)

    @property
    def count(self) -> int:
        """How many frames there are."""
        return self._count

    def catch_up(self, kept: Iterable[Frame]) -> None:
        """What the pump has on its disk and the file has not: the process died in between."""
        self.add([frame for frame in kept if frame["number"] > self._last.get(frame["log_id"], 0)])

    def add(self, frames: list[Frame]) -> None:
        """Written when this returns, so before any of it is sent."""
        if not frames:
            return
        data = b"".join(json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for frame in frames)
        while data:
            data = data[os.write(self._file, data) :]
        self._count += len(frames)
        for frame in frames:
            self._last[frame["log_id"]] = frame["number"]

    def after(self, line: int) -> list[dict[str, Any]]:
        """At most ``MOST_AT_ONCE`` frames beyond the first ``line`` ones, in their order."""
        frames = []
        with self._path.open("rb") as file:
            for place, text in enumerate(file):
                if place >= line + MOST_AT_ONCE:
                    break
                if place >= line:
                    frames.append(json.loads(text))
        return frames

    def close(self) -> None:
        os.close(self._file)
