"""What the record and the right to serve it can answer instead of doing what was asked, by what the caller does about it:

RecordError
├── Refused              this commit only, nothing of it was written: read again, decide again
│   ├── StreamMoved      somebody else's events came first
│   ├── KeyTaken         the effect key has been used; carries the first use (D-04)
│   ├── MessageSeen      the same message was journalled before; carries the first entry (D-04)
│   ├── LeaseLost        another worker holds the lane now: stop sending on it
│   ├── CheckpointMoved  another node has folded these events already
│   ├── IdTaken          an id that must be new is not: a fault of the caller
│   ├── Gone             what was to be ended or changed is not there, or no longer so
│   └── Unfit            the database cannot hold a value of this commit
├── Busy                 the queue's share for this priority is full: slow down, ask again
├── StoreUnavailable     CE or a closed connection, never CA; heals by itself
│   ├── StoreFull        no room on the disk
│   ├── StoreLocked      another process holds the write lock
│   ├── RecordWentBack   the database is older than what was acknowledged: a person must look
│   └── StoreClosed      this process is shutting down
├── ServedAlready        another server owns the store and its pumps: this one does not start
│   └── ServingLost      another server took them over while this one was cut off: this one stops
└── SchemaMismatch       the schema is missing or older than this version needs: migrate first
"""

from dataclasses import dataclass
from datetime import datetime

from interop.domain.errors import OurError
from interop.ports.parts import EffectKey


class RecordError(OurError):
    """Base of what the record says instead of ``Committed``."""


class Refused(RecordError):
    """This commit was not written, no part of it; the others that shared its transaction were."""


class StreamMoved(Refused):
    """``stream`` stands at version ``actual``, not at the ``expected`` one that was decided on."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"stream {stream} is at version {actual}, not {expected}")
        self.stream, self.expected, self.actual = stream, expected, actual


class KeyTaken(Refused):
    """The effect key is in use. Same ``first.content_hash``: give the first answer again; another: 9016.conflict (D-04)."""

    def __init__(self, first: "EffectKey") -> None:
        super().__init__(f"effect key already used by {first.reference}")
        self.first = first


class MessageSeen(Refused):
    """The same message (sender, MSH-10, content without MSH-7) was journalled before as entry ``first`` at ``at``: a resend (D-04)."""

    def __init__(self, first: str, at: datetime) -> None:
        super().__init__(f"message already journalled as {first}")
        self.first, self.at = first, at


class LeaseLost(Refused):
    """Lane ``lane`` of ``destination`` is held under another epoch, or is not free to claim."""

    def __init__(self, destination: str, lane: int, epoch: int) -> None:
        super().__init__(f"lane {lane} of {destination} is not held under epoch {epoch}")
        self.destination, self.lane, self.epoch = destination, lane, epoch


class CheckpointMoved(Refused):
    """Checkpoint ``name`` stands at ``actual``, not at ``expected``."""

    def __init__(self, name: str, expected: int, actual: int) -> None:
        super().__init__(f"checkpoint {name} is at {actual}, not {expected}")
        self.name, self.expected, self.actual = name, expected, actual


class IdTaken(Refused):
    """``what`` (journal entry, intent, control id, release) named ``id`` exists already."""

    def __init__(self, what: str, id: str) -> None:
        super().__init__(f"{what} {id} exists already")
        self.what, self.id = what, id


class Gone(Refused):
    """``what`` (timer, intent, effect key, message, release) named ``id`` is not there, or not in the state that this step starts from."""

    def __init__(self, what: str, id: str) -> None:
        super().__init__(f"{what} {id} is not there to be changed")
        self.what, self.id = what, id


class Unfit(Refused):
    """The database refuses a value of this commit (a number beyond 64 bits, say): a fault of the caller, which does not heal."""


class Busy(RecordError):
    """The bounded queue has no room for this priority (bulk gives way first, pump events last); nothing was written."""


class StoreUnavailable(RecordError):
    """The store cannot commit now. ``in_doubt``: it failed while committing, so the commit may be found there later; whole, or not at all."""

    def __init__(self, cause: str, *, in_doubt: bool = False) -> None:
        super().__init__(cause)
        self.cause, self.in_doubt = cause, in_doubt


class StoreFull(StoreUnavailable):
    """No room is left where the database lives."""


class StoreLocked(StoreUnavailable):
    """Another process holds the write lock for longer than we wait."""


class RecordWentBack(StoreUnavailable):
    """The database lacks commits that this process acknowledged (an old backup, a stale replica). Never heals without the lost part."""


class StoreClosed(StoreUnavailable):
    """The record was closed."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The server that owns a store: process number and name or address of its host as that host knows them; empty, 0 or ``None``: not known."""

    node: str = ""
    process: int = 0
    host: str = ""
    since: datetime | None = None

    def __str__(self) -> str:
        if not self.node:
            return "a server that has not said its name"
        told = [f"node {self.node}", f"process {self.process} on host {self.host}" if self.host else f"process {self.process}"]
        return ", ".join([*told, f"since {self.since.isoformat(timespec='seconds')}"] if self.since is not None else told)


class ServedAlready(RecordError):
    """``holder`` owns the store and its pumps: what the links, lanes and channels are doing is in its memory, and a second one would not know it."""

    def __init__(self, holder: Holder, found: str = "", action: str = "") -> None:
        found = found or "only one server may own a store and its pumps, and this store is served already by"
        super().__init__(f"{found} {holder} — do: {action or 'leave that one in charge, or stop it and start this one again'}")
        self.holder = holder


class ServingLost(ServedAlready):
    """``holder`` took the store over while this server was cut off from it."""

    def __init__(self, holder: Holder) -> None:
        action = "leave that one in charge, and find out what cut this one off from the store"
        super().__init__(holder, "this server has stopped, because the store that it was cut off from is served now by", action)


class SchemaMismatch(RecordError):
    """The schema ``found`` (empty: none) is older than the one ``needed`` here."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(f"the store's schema is {found or 'missing'}, this version needs {needed}: migrate it first")
        self.found, self.needed = found, needed
