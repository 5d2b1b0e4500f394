"""Old rows of events, read as today's: one function a version, applied in a chain; a row itself is never rewritten.

A function takes what a row of version n says and returns what a row of version n + 1 would say; it must not change its argument. It may name what the
old row did not know as not known; it may not guess it. Every event stands at version 1, so the product's own table is empty.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from interop.domain.events.event import Event
from interop.domain.events.shapes import Json

Said = Mapping[str, Json]
Upcast = Callable[[Said], Said]


class BrokenChain(TypeError):
    """The upcasts do not lead every old version of an event, step by step, to the one of today."""


class Upcasts:
    """(type name, version n) → how to read it as version n + 1, complete for the given events.

    Raises: BrokenChain: a step is missing, or one belongs to no event or to no earlier version.
    """

    def __init__(self, steps: Mapping[tuple[str, int], Upcast], events: Iterable[type[Event]]) -> None:
        needed = {(event.type, old) for event in events for old in range(1, event.version)}
        if wrong := needed ^ steps.keys():
            raise BrokenChain(", ".join(f"{name} {version}" for name, version in sorted(wrong)))
        self._steps = dict(steps)

    def lead(self, name: str, version: int, to: int, said: Said) -> Said:
        """What the row says, read as version ``to`` of the same type; ``version`` is at least 1 and not above ``to``."""
        for old in range(version, to):
            said = self._steps[name, old](said)
        return said


UPCASTS: Mapping[tuple[str, int], Upcast] = MappingProxyType({})
"""The steps of this product's events."""
