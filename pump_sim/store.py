"""What a pump has written down, kept through ``kill -9``: one file a pump, a line an output, on disk before anything of it is sent (SR-69, SR-96)."""

import json
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from pump_sim.machine import Output
from pump_sim.stored import stored
from pump_sim.wire import Frame

COMPACT_AT_BYTES: Final = 4_000_000


class DamagedStore(Exception):
    """A line in the middle of the file cannot be read: what the pump knew is lost, and it must say so by another log."""


@dataclass(slots=True)
class Memory:
    """Everything written so far, folded: the last state, the log frames still kept, and the tombstones."""

    state: dict[str, Any] | None = None
    frames: OrderedDict[int, Frame] = field(default_factory=OrderedDict)
    forgotten: int = 0
    tombstones: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)

    def take(self, line: dict[str, Any]) -> None:
        state = line.get("state", self.state)
        if self.state is not None and state is not None and state["log_id"] != self.state["log_id"]:
            self.frames.clear()  # another log: its numbers begin anew
            self.forgotten = 0
        for frame in line.get("keep", ()):
            self.frames[frame["number"]] = frame
        self.forgotten = max(self.forgotten, line.get("forget", 0))
        while self.frames and next(iter(self.frames)) <= self.forgotten:
            self.frames.popitem(last=False)
        for stone in line.get("tombstones", ()):
            self.tombstones[stone["offer_id"]] = stone
        self.state = state


def line_of(out: Output, state: dict[str, Any]) -> dict[str, Any]:
    """One output as it is written down: whole or not at all."""
    line: dict[str, Any] = {"state": state}
    if out.keep:
        line["keep"] = out.keep
    if out.forget:
        line["forget"] = out.forget
    if out.tombstones:
        line["tombstones"] = [stored(stone) for stone in out.tombstones]
    return line


class Store(Protocol):
    """Where a pump writes."""

    memory: Memory

    def write(self, line: dict[str, Any]) -> None:
        """Durable when this returns."""

    def close(self) -> None: ...


class MemoryStore:
    """For a ward that runs in one thread: survives a pump that is thrown away, and nothing else."""

    def __init__(self) -> None:
        self.memory = Memory()

    def write(self, line: dict[str, Any]) -> None:
        self.memory.take(json.loads(json.dumps(line)))

    def close(self) -> None:
        return


class FileStore:
    """Append and fsync. A last line that was cut off is as if it had never been written; the file is written anew when it has grown."""

    def __init__(self, path: Path) -> None:
        """Raises: DamagedStore, OSError."""
        self.path = path
        self.memory = Memory()
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = self._read()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, 0, os.SEEK_END)
        _sync_folder(path.parent)

    def _read(self) -> int:
        """Fold the file; the length of what is whole."""
        if not self.path.exists():
            return 0
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                self.memory.take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DamagedStore(f"{self.path}:{number}: {error}") from None
        return whole

    def write(self, line: dict[str, Any]) -> None:
        self.memory.take(line)
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)
        if os.lseek(self._file, 0, os.SEEK_CUR) > COMPACT_AT_BYTES:
            self._compact()

    def _compact(self) -> None:
        memory = self.memory
        whole = {
            "state": memory.state,
            "keep": list(memory.frames.values()),
            "forget": memory.forgotten,
            "tombstones": list(memory.tombstones.values()),
        }
        beside = self.path.with_suffix(".new")
        with beside.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        _sync_folder(self.path.parent)
        os.close(self._file)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND)
        os.lseek(self._file, 0, os.SEEK_END)

    def close(self) -> None:
        os.close(self._file)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
