"""The story as data: a step has a sentence, an act, and the witnesses that have to prove it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Generic, TypeVar

H = TypeVar("H")
"""The hospital that the story is played in."""


class Who(StrEnum):
    """Who is asked. The first three are the witnesses, and none of them is the server's own word on what it did."""

    EHR = "EHR"  # the bytes that the stand-in EHR got
    PUMP = "pump"  # the pump's own log
    FHIR = "FHIR"  # a read at /fhir/r4
    PAGE = "page"  # what the nurse must be told beside that, at the bedside page


THREE: Final = frozenset({Who.EHR, Who.PUMP, Who.FHIR})


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness says now: whether that proves the step, and in one line what it saw."""

    holds: bool
    what: str


@dataclass(frozen=True)
class Witness(Generic[H]):
    """``look`` is asked until it holds. With ``still`` it is asked once, when all others hold: what must not have happened has not happened by then."""

    who: Who
    look: Callable[[H], Seen]
    still: bool = False


@dataclass(frozen=True, kw_only=True)
class Step(Generic[H]):
    """One step of the story.

    Attributes:
        sentence: what happens, for the one who watches.
        act: makes it happen; what it has to tell goes to the second argument, a line at a time.
        by_hand: what a person does, and where, if the nurse's part is not played; empty: nothing of this step is the nurse's.
        within_s: how long the witnesses have after the act, in seconds of the wall.
        silent: why a witness has nothing to say here. Each of the three speaks or has its reason.
    """

    name: str
    sentence: str
    act: Callable[[H, Callable[[str], None]], None]
    witnesses: tuple[Witness[H], ...]
    by_hand: str = ""
    within_s: float = 10
    silent: Mapping[Who, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises: ValueError: a witness neither speaks nor has a reason to be silent, or does both; or nobody speaks."""
        speaking = {witness.who for witness in self.witnesses} & THREE
        if not speaking or speaking & set(self.silent) or speaking | set(self.silent) != THREE:
            raise ValueError(f"{self.name}: each of the three witnesses speaks, or it is said why not")
