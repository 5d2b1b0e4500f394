"""A state machine as a table: (state, event) → state. An event without a row is never dropped and never guessed at: it reaches a person."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import Generic, NamedTuple, TypeVar

from interop.domain.errors import InteropError
from interop.domain.events.event import Event

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Event)


class NoRow(InteropError):
    """The event has no row in this state, or contradicts what the stream holds: a person must look. Carries ``state`` and ``event``."""

    def __init__(self, state: Enum | None, event: Event, why: str = "no row") -> None:
        super().__init__(f"{event.type} in state {state.value if state else 'none'}: {why}")
        self.state, self.event, self.why = state, event, why


class Alert(NamedTuple):
    """Words for a person that depend on more than state and event: when they are said, and what is said."""

    when: str
    words: str


@dataclass(frozen=True, slots=True)
class Table(Generic[S, E]):
    """The rows of one stream, and among them those that a person must be told of at once, with the words. State None: no stream yet.

    ``further_alerts`` are those of the stream's own ``alert``, listed here to be drawn.
    """

    name: str
    states: type[S]
    events: tuple[type[E], ...]
    rows: Mapping[tuple[S | None, type[E]], S]
    alerts: Mapping[tuple[S | None, type[E]], str]
    further_alerts: tuple[Alert, ...] = ()

    def step(self, state: S | None, event: E) -> S:
        """The state after the event.

        Raises: NoRow.
        """
        try:
            return self.rows[state, type(event)]
        except KeyError:
            raise NoRow(state, event) from None

    def fold(self, events: Iterable[E]) -> S | None:
        """The state that a stream's events lead to; None: there are none.

        Raises: NoRow.
        """
        return reduce(self.step, events, None)

    def alert(self, state: S | None, event: E) -> str:
        """The words for a person who must be told of this row at once; empty: nobody is disturbed."""
        return self.alerts.get((state, type(event)), "")
