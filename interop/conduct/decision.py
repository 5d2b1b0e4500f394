"""What a decision says, before anything is written: events and intents, and the one commit that makes both durable (design: decide first, act later)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from interop.domain.events.codec import encode
from interop.domain.events.event import Event
from interop.ports import (
    AuditRow,
    Commit,
    EffectKey,
    Expect,
    Intent,
    IntentDone,
    JournalEntry,
    KeyRelease,
    NewEvent,
    Outgoing,
    Priority,
    Projected,
    Timer,
    TimerEnd,
)

HOLD_S = 30
"""How long the committer of an intent may carry it out before others may claim it. Late is safe: whoever commits first has done it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step out into the world that a decision asks for; it becomes an intent under ``id``."""

    id: str
    kind: str
    subject: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """Events for one stream, decided when it stood at ``version``; without events it only says that the decision leans on that version."""

    stream: str
    version: int
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that one decision changes. Plain values, so that a decision can be tested without a record."""

    told: tuple[Told, ...] = ()
    steps: tuple[Step, ...] = ()
    journal: tuple[JournalEntry, ...] = ()
    keys: tuple[EffectKey, ...] = ()
    key_releases: tuple[KeyRelease, ...] = ()
    done: tuple[str, ...] = ()
    timers: tuple[Timer | TimerEnd, ...] = ()
    messages: tuple[Outgoing, ...] = ()
    kept: tuple[Projected, ...] = ()
    audit: tuple[AuditRow, ...] = ()

    @property
    def events(self) -> tuple[Event, ...]:
        """All of them, stream after stream."""
        return tuple(event for told in self.told for event in told.events)

    def and_(self, other: "Decision") -> "Decision":
        """Both, as one. Raises: ValueError, when it is committed: both name the same stream, key or message."""
        return Decision(*(getattr(self, name) + getattr(other, name) for name in Decision.__slots__))

    def commit(self, now: datetime, priority: Priority = Priority.ORDERS) -> Commit:
        """The commit that makes it durable; its intents are held by the committer for ``HOLD_S`` from ``now``.

        Raises: CannotEncode, ValueError.
        """
        held_until = now + timedelta(seconds=HOLD_S)
        return Commit(
            expects=tuple([Expect(told.stream, told.version) for told in self.told]),
            events=tuple(rows_of(self.told)) if self.told else (),
            journal=self.journal,
            keys=self.keys,
            key_releases=self.key_releases,
            intents=tuple([Intent(step.id, step.kind, step.subject, step.body, held_until) for step in self.steps]),
            intent_steps=tuple([IntentDone(id) for id in self.done]),
            timers=self.timers,
            messages=self.messages,
            projections=self.kept,
            audit=self.audit,
            priority=priority,
        )


def rows_of(told: Iterable[Told]) -> Iterable[NewEvent]:
    """The events as rows. Raises: CannotEncode."""
    for each in told:
        for event in each.events:
            yield NewEvent(each.stream, event.type, event.version, event.at, encode(event))
