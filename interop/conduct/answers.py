"""The one application answer to a request (D-07): its code, and the RRG that takes its place in the sender's lane."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from interop.conduct.asked import Asked
from interop.conduct.decision import Decision
from interop.conduct.reading import Renderer
from interop.conduct.world import Destinations, Ids
from interop.domain.finding import Finding, PivError, Sub
from interop.ports import Direction, JournalEntry, Outgoing, lane_of

POSITIVE: Final = "AA"
RRG: Final = "RRG^O16"
NOW_OR_NEVER: Final = 0
"""The urgency of an RRG: a nurse waits for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """MSA-1 is AA, AE or AR; the reasons, gravest first, are empty for AA and only for AA."""

    code: str
    reasons: tuple[Finding, ...] = ()

    @property
    def is_positive(self) -> bool:
        return self.code == POSITIVE


def refusal(reasons: Sequence[Finding]) -> Answer:
    """AE or AR, fixed per code (D-08). A conflict of keys comes first: every other reason speaks of content that is not the first one's (D-04).

    Raises: ValueError: no reason has a code.
    """
    coded = [reason for reason in reasons if reason.piv_error is not None]
    if not coded:
        raise ValueError("a refusal has a reason with a code")
    ordered = tuple(sorted(coded, key=lambda reason: reason.code is not Sub.CONFLICT))
    return Answer(code_of(ordered[0]), ordered)


def code_of(reason: Finding) -> str:
    """AE or AR of the gravest reason (D-08); an unknown outcome is AE, though 9016 as such is AR (D-07)."""
    if reason.code is Sub.OUTCOME_UNKNOWN:
        return "AE"
    return (reason.piv_error or PivError.OTHER).acknowledgment_code


class Answers:
    """Puts answers into lanes."""

    def __init__(self, renderer: Renderer, ids: Ids, destinations: Destinations) -> None:
        self._renderer, self._ids, self._destinations = renderer, ids, destinations

    def to(self, asked: Asked, answer: Answer, order_key: str, now: datetime) -> Decision:
        """The RRG in the lane of the request's sender, and in the journal; nothing where the sender wants none or listens nowhere.

        ``order_key`` keeps the answers about one order in their order. Past the destination's ``worth_s`` it is no longer sent (D-07).
        """
        destination = self._destinations.of(asked.sender)
        if destination is None or not asked.application.wants(positive=answer.is_positive):
            return Decision()
        control_id = self._ids.new()
        body = self._renderer.answer(asked.message, answer.code, answer.reasons, control_id, now)
        message = Outgoing(
            destination=destination.name,
            lane=lane_of(order_key, destination.lanes),
            order_key=order_key,
            control_id=control_id,
            body=body,
            at=now,
            not_after=now + timedelta(seconds=destination.worth_s),
            urgency=NOW_OR_NEVER,
        )
        entry = JournalEntry(control_id, Direction.OUT, destination.name, RRG, control_id, now, body, answers=asked.id)
        return Decision(messages=(message,), journal=(entry,))
