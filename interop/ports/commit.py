"""``Commit``: all that one decision changes, as one frozen value, and what it came to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from interop.ports.lanes import Claim, MessageStep, Outgoing, Renew
from interop.ports.parts import (
    Activation,
    AuditRow,
    Checkpoint,
    EffectKey,
    Expect,
    Intent,
    IntentDone,
    IntentHeld,
    JournalEntry,
    KeyRelease,
    NewEvent,
    Priority,
    Projected,
    StoredRelease,
    Timer,
    TimerEnd,
)

N = TypeVar("N")


def _once(what: str, named: Sequence[N], id_of: Callable[[N], object] = lambda each: each) -> None:
    """Raises: ValueError: one commit names the same thing twice."""
    if len(named) > 1 and len(set(map(id_of, named))) != len(named):
        raise ValueError(f"one commit names a {what} twice")


@dataclass(frozen=True, slots=True)
class Commit:
    """All that one decision changes, as a value: every part is written, or none. Of timers and projections of one key the last counts.

    Raises: ValueError: an event whose stream is not expected, or the same stream, key, entry, message, intent or lane named twice.
    """

    expects: tuple[Expect, ...] = ()
    events: tuple[NewEvent, ...] = ()
    journal: tuple[JournalEntry, ...] = ()
    keys: tuple[EffectKey, ...] = ()
    key_releases: tuple[KeyRelease, ...] = ()
    intents: tuple[Intent, ...] = ()
    intent_steps: tuple[IntentHeld | IntentDone, ...] = ()
    timers: tuple[Timer | TimerEnd, ...] = ()
    messages: tuple[Outgoing, ...] = ()
    message_steps: tuple[MessageStep, ...] = ()
    lane_steps: tuple[Claim | Renew, ...] = ()
    projections: tuple[Projected, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    audit: tuple[AuditRow, ...] = ()
    releases: tuple[StoredRelease, ...] = ()
    activations: tuple[Activation, ...] = ()
    priority: Priority = Priority.ORDERS

    def __post_init__(self) -> None:
        streams = {expect.stream for expect in self.expects}
        if len(streams) != len(self.expects):
            raise ValueError("one commit expects a stream twice")
        for event in self.events:
            if event.stream not in streams:
                raise ValueError(f"an event for {event.stream}, whose version is not expected")
        if len(self.journal) > 1:
            _once("journal entry", [entry.entry_id for entry in self.journal])
            _once("message key", [entry.key for entry in self.journal if entry.key is not None])
        if len(self.intents) + len(self.intent_steps) > 1:
            _once("intent", [*(intent.intent_id for intent in self.intents), *(step.intent_id for step in self.intent_steps)])
        _once("effect key", self.keys, lambda key: key.key)
        _once("key release", self.key_releases, lambda key: key.key)
        _once("control id", self.messages, lambda message: (message.destination, message.control_id))
        _once("message", self.message_steps, lambda step: step.seq)
        _once("lane", self.lane_steps, _lane)
        _once("checkpoint", self.checkpoints, lambda checkpoint: checkpoint.name)
        _once("release", self.releases, lambda release: (release.library_hash, release.mapping_hash))

    def size(self) -> int:
        """Bytes that weigh: bodies and documents. The committer bounds its groups and its queue by it."""
        size = sum([len(event.body) for event in self.events]) + sum([len(entry.body) for entry in self.journal])
        size += sum([len(message.body) for message in self.messages]) + sum([len(audit.body) for audit in self.audit])
        size += sum([len(row.document or "") for row in self.projections]) + sum([len(release.content) for release in self.releases])
        return size + sum([len(intent.body) for intent in self.intents])


def _lane(step: Claim | Renew) -> tuple[str, int]:
    at = step if isinstance(step, Claim) else step.lease
    return at.destination, at.lane


@dataclass(frozen=True, slots=True)
class Committed:
    """Durable. ``position``: of this commit's last event, or of the record before it when it had none.

    ``versions``: of the streams that got events; ``message_seqs``: of its outgoing messages, in order.
    """

    position: int
    versions: Mapping[str, int] = field(default_factory=dict)
    message_seqs: tuple[int, ...] = ()
