"""The right to serve a SQLite file: the system's lock on ``<database>.serving`` beside it, which the kernel releases when its process ends.

What the file says is for people only. It stays when the server has ended, and that keeps nobody from starting: the lock counts, not the file.
"""

import asyncio
import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Final

from interop.adapters.store.schema import HEAD
from interop.adapters.store.serving import NOT_HELD, WAIT_S, patiently
from interop.adapters.store.worker import Worker
from interop.ports import Clock, Holder, SchemaMismatch, ServedAlready, ServingLost, StoreUnavailable

log = logging.getLogger("interop.store")

LOOK_S: Final = 5.0
"""How often it is looked whether the locked file is still the one that others would find."""
MAX_BYTES: Final = 4096


class SqliteServing:
    """The ``Serving`` port on one file. Made by ``claim``."""

    def __init__(self, path: Path, holder: Holder, descriptor: int, look_s: float) -> None:
        self._path, self._holder, self._descriptor, self._look_s = path, holder, descriptor, look_s
        self._thread = Worker("interop-serving")
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
            await self._thread.call(self._look)  # a disk that hangs shall not hold the loop

    def _look(self) -> None:
        """Raises: ServingLost."""
        match found_at(self._descriptor, self._path):
            case Found.IT:
                self._hold()
            case Found.ANOTHER:
                self._take_anew()
            case Found.NOT_KNOWN:  # the lock is on the open file, which nobody else can reach either
                log.warning("it cannot be looked whether the locked file is still there", extra={"node": self._holder.node})

    def _hold(self) -> None:
        if not self._is_held:
            self._is_held = True
            log.warning("this server holds the store again", extra={"node": self._holder.node})

    def _take_anew(self) -> None:
        """Somebody has cleared the file away: whoever starts now would find another one, without a lock. Raises: ServingLost."""
        if self._is_held:
            log.error("the file whose lock says that this server holds the store is gone", extra={"node": self._holder.node})
        self._is_held = False
        try:
            descriptor = taken(self._path, self._holder)
        except ServedAlready as other:
            found = found_at(self._descriptor, self._path)
            if found is Found.IT:  # it is there again, and the lock in our way is our own
                return self._hold()
            if found is Found.NOT_KNOWN:
                return None
            raise ServingLost(other.holder) from None
        except StoreUnavailable as fault:
            log.warning("the store cannot be taken again yet", extra={"error_type": type(fault)})
            return None
        os.close(self._descriptor)
        self._descriptor = descriptor
        return self._hold()

    async def close(self) -> None:
        self._is_held = False
        self._thread.stop()
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
            found = found_at(descriptor, path)
            if found is Found.IT:
                return descriptor
            if found is Found.NOT_KNOWN:
                raise OSError(errno.EIO, "it cannot be looked at")
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # cleared away between opening and locking


class Found(Enum):
    """What is at the place of the locked file."""

    IT = "it"
    ANOTHER = "another, or none"
    NOT_KNOWN = "not known"


def found_at(descriptor: int, path: Path) -> Found:
    """Whether the open file is the one that is found at ``path``."""
    try:
        return Found.IT if os.path.samestat(os.fstat(descriptor), os.stat(path)) else Found.ANOTHER
    except FileNotFoundError:
        return Found.ANOTHER
    except OSError:
        return Found.NOT_KNOWN


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
