"""The right to serve a SQLite file: the system's lock on ``<database>.serving`` beside it, which the kernel releases when its process ends.

What the file says is for people only. It stays when the server has ended, and that keeps nobody from starting: the lock counts, not the file.
"""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import socket
from datetime import datetime
from pathlib import Path
from typing import Final

from interop.adapters.store.schema import HEAD
from interop.adapters.store.serving import NOT_HELD, WAIT_S, patiently
from interop.ports import Clock, Holder, SchemaMismatch, ServedAlready, ServingLost, StoreUnavailable

log = logging.getLogger("interop.store")

LOOK_S: Final = 5.0
"""How often it is looked whether the locked file is still the one that others would find."""
MAX_BYTES: Final = 4096


class SqliteServing:
    """The ``Serving`` port on one file. Made by ``claim``."""

    def __init__(self, path: Path, holder: Holder, descriptor: int, look_s: float) -> None:
        self._path, self._holder, self._descriptor, self._look_s = path, holder, descriptor, look_s
        self._is_held = True

    @classmethod
    async def claim(cls, database: Path, node: str, clock: Clock, wait_s: float = WAIT_S, look_s: float = LOOK_S) -> "SqliteServing":
        """Raises: SchemaMismatch: there is no database. ServedAlready. StoreUnavailable: the system cannot lock a file there."""
        if not database.exists():
            raise SchemaMismatch("", HEAD)
        real = database.resolve()  # one lock for one file, whatever links lead to it
        path = real.with_name(f"{real.name}.serving")
        holder = Holder(node, os.getpid(), socket.gethostname(), clock.now())

        async def take() -> int:
            return taken(path, holder)

        return cls(path, holder, await patiently(take, wait_s), look_s)

    @property
    def is_held(self) -> bool:
        return self._is_held

    async def confirm(self) -> None:
        if not self._is_held:
            raise StoreUnavailable(NOT_HELD)

    async def lost(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            if not is_at(self._descriptor, self._path):
                self._take_anew()

    def _take_anew(self) -> None:
        """Somebody has cleared the file away: whoever starts now would find another one, without a lock."""
        if self._is_held:
            log.error("the file whose lock says that this server holds the store is gone", extra={"node": self._holder.node})
        self._is_held = False
        try:
            descriptor = taken(self._path, self._holder)
        except ServedAlready as other:
            raise ServingLost(other.holder) from None
        except StoreUnavailable as fault:
            log.warning("the store cannot be taken again yet", extra={"error_type": type(fault)})
            return
        os.close(self._descriptor)
        self._descriptor, self._is_held = descriptor, True
        log.warning("this server holds the store again", extra={"node": self._holder.node})

    async def close(self) -> None:
        self._is_held = False
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def taken(path: Path, holder: Holder) -> int:
    """A descriptor that holds the lock on the file at ``path``, which now names ``holder``. Raises: ServedAlready, StoreUnavailable."""
    try:
        descriptor = _locked(path)
    except BlockingIOError:
        raise ServedAlready(_named(path)) from None
    except OSError as fault:
        raise StoreUnavailable(
            f"{path} cannot be locked ({fault.strerror}), so it is not known whether another server serves this store — "
            "do: keep the database in a folder that this server may write to, on a file system with locks"
        ) from fault
    with contextlib.suppress(OSError):  # a full disk: the name is missing then, the lock is not
        os.ftruncate(descriptor, 0)  # first, so that no former holder is named
        os.pwrite(descriptor, _text(holder), 0)
    return descriptor


def _locked(path: Path) -> int:
    """Raises: BlockingIOError: another process has the lock. OSError: there are no locks here."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # cleared away between opening and locking


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that is found at ``path``."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _text(holder: Holder) -> bytes:
    since = "" if holder.since is None else holder.since.isoformat()
    return json.dumps({"node": holder.node, "process": holder.process, "host": holder.host, "since": since}).encode() + b"\n"


def _named(path: Path) -> Holder:
    """Who the file names; nobody where it cannot be read: whoever holds its lock may be writing it now."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(MAX_BYTES))
        return Holder(str(said["node"]), int(said["process"]), str(said["host"]), datetime.fromisoformat(said["since"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Holder()
