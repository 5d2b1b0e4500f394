"""Tells the story: each step is acted, its witnesses are asked until they prove it or its time is over, and all of it is said as it happens."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from interop.demo.processes import Missing
from interop.demo.step import Seen, Step, Who, Witness

H = TypeVar("H")

LOOK_EVERY_S: Final = 0.05
PATIENCE_S: Final = 86_400
"""How long a person may take for a step of the nurse's."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that was not proven: why, and what each witness said last."""

    step: str
    why: str
    said: tuple[tuple[Who, Seen], ...] = ()

    def lines(self) -> list[str]:
        told = [f"{who:<4}  {'proves it' if seen.holds else 'does not'}: {seen.what}" for who, seen in self.said]
        return [f"NOT PROVEN: {self.step}: {self.why}", *told]


@dataclass(slots=True)
class Told:
    """What became of the story. ``proven`` names the steps in their order."""

    proven: list[str] = field(default_factory=list)
    failure: Failure | None = None


@dataclass(frozen=True)
class Teller(Generic[H]):
    """How the story is told.

    Attributes:
        say: a line for the terminal.
        health: what is wrong with the processes of the demonstration, in one sentence; empty: nothing. Asked while a step waits for its witnesses.
        play: whether the nurse's part of the step at hand is to be played now. It is asked again and again while a person may do it by hand.
    """

    say: Say
    health: Callable[[], str]
    play: Callable[[], bool]

    def tell(self, steps: Sequence[Step[H]], hospital: H) -> Told:
        """All steps in their order, or up to the first that is not proven: those after it would stand on it."""
        told = Told()
        for number, step in enumerate(steps, 1):
            self.say("")
            self.say(f"{number:2}  {step.sentence}")
            told.failure = self._tell(step, hospital)
            if told.failure is not None:
                for line in ("", *told.failure.lines()):
                    self.say(line)
                break
            told.proven.append(step.name)
        return told

    def _tell(self, step: Step[H], hospital: H) -> Failure | None:
        """Whoever proves the step, proves it: also when it was done by hand before it could be played."""
        is_acted, within_s = False, PATIENCE_S * 1.0
        if step.by_hand and not self.play():
            self.say(f"      you   {step.by_hand}")
        begun = time.monotonic()
        seen: dict[Witness[H], Seen] = {}
        while True:
            if not is_acted and (not step.by_hand or self.play()):
                try:
                    step.act(hospital, lambda line: self.say(f"      {line}"))
                except Missing as fault:
                    return Failure(step.name, str(fault))
                is_acted, begun, within_s = True, time.monotonic(), step.within_s
            for witness in step.witnesses:
                if witness not in seen and not witness.still and (now := _look(witness, hospital)).holds:
                    seen[witness] = now
                    self.say(f"      {witness.who:<4}  {now.what}")
            if len(seen) == sum(not witness.still for witness in step.witnesses):
                return self._close(step, hospital, seen)
            trouble = self.health()
            if trouble or time.monotonic() - begun > within_s:
                last = tuple((each.who, seen.get(each) or _look(each, hospital)) for each in step.witnesses)
                return Failure(step.name, trouble or f"not within {within_s:.0f} s", last)
            time.sleep(LOOK_EVERY_S)

    def _close(self, step: Step[H], hospital: H, seen: dict[Witness[H], Seen]) -> Failure | None:
        """Those that are asked once; and those that are silent say why."""
        for witness in step.witnesses:
            if witness.still:
                seen[witness] = now = _look(witness, hospital)
                if now.holds:
                    self.say(f"      {witness.who:<4}  {now.what}")
        if not all(now.holds for now in seen.values()):
            return Failure(step.name, "a witness says otherwise", tuple((witness.who, now) for witness, now in seen.items()))
        for who, why in step.silent.items():
            self.say(f"      {who:<4}  - {why}")
        return None


def _look(witness: Witness[H], hospital: H) -> Seen:
    """A witness that cannot be asked proves nothing."""
    try:
        return witness.look(hospital)
    except (Missing, OSError, ValueError, LookupError) as fault:
        return Seen(False, f"it could not be asked: {type(fault).__name__}: {fault}")
