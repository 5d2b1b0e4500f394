"""The story of an infusion step by step, and whose each step is: what stages 7 documents from (SR-50, D-11, D-12).

A word of the pump is told to a chart when an association covers the moment it happened at. It waits while there is none, and while a merge puts the
patient in doubt; once a person has back-filled or confirmed, it is told once, then. Nothing is told for the time before an association by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from interop.domain.document import About, Ordered
from interop.domain.events.association import AssociationBasis, AssociationEvent, SuspensionCause
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import InfusionEvent, Opening, RateCause, RateChanged
from interop.domain.lifecycle.associations import Association
from interop.domain.lifecycle.infusion import Stream, apply
from interop.domain.lifecycle.segments import Kind
from interop.domain.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Step:
    """One event, the infusion before and after it, and the programme whose settings it then runs by."""

    before: Stream | None
    event: InfusionEvent
    after: Stream
    programme_id: str


def steps_of(events: Sequence[InfusionEvent], known: Sequence[Step] = ()) -> tuple[Step, ...]:
    """All of them; ``known`` are those of the events before these. Raises: NoRow."""
    steps: list[Step] = [*known]
    stream: Stream | None = known[-1].after if known else None
    programme_id = known[-1].programme_id if known else ""
    for event in events:
        after = apply(stream, event)
        if isinstance(event, Opening) or (isinstance(event, RateChanged) and event.cause is RateCause.PROGRAMME):
            programme_id = event.programme_id
        steps.append(Step(stream, event, after, programme_id))
        stream = after
    return tuple(steps)


def due(steps: Sequence[Step], told_already: int, about: About) -> tuple[tuple[Step, Association], ...]:
    """The steps that are told by the commit of all events beyond the first ``told_already``, each with whose it is; none is due twice."""
    told: dict[int, Association] = {}
    now_due: list[int] = []
    said_before = _said_before(steps)
    for last, step in enumerate(steps):
        candidates = range(last + 1) if isinstance(step.event, AssociationEvent) else range(last, last + 1)
        for index in candidates:
            if index in told or index in said_before:
                continue
            owner = owner_of(step.after, steps[index].event.happened_at, about)
            if owner is not None and not is_held(owner):
                told[index] = owner
                if last >= told_already:
                    now_due.append(index)
    return tuple((steps[index], told[index]) for index in sorted(now_due))


def _said_before(steps: Sequence[Step]) -> frozenset[int]:
    """The steps that are a word of the pump which an earlier step is already: whoever let it in twice, a chart is told once (SR-46)."""
    heard: set[tuple[str, int, type[InfusionEvent]]] = set()
    again: list[int] = []
    for index, step in enumerate(steps):
        pump: PumpSaid | None = getattr(step.event, "pump", None)
        if pump is None or pump.number is None:
            continue
        word = (pump.log_id, pump.number, type(step.event))
        if word in heard:
            again.append(index)
        heard.add(word)
    return frozenset(again)


def owner_of(stream: Stream, at: datetime, about: About) -> Association | None:
    """Whose it was at that moment, if it was about's order; None: nobody's as far as is known, or another order's."""
    return next((one for one in owned(stream, about) if covers(stream, one, at)), None)


def owned(stream: Stream, about: About) -> tuple[Association, ...]:
    """The associations with about's order that are not void."""
    return tuple(one for one in stream.associations if not one.is_void and one.placer_order_number == about.placer_order_number)


def covers(stream: Stream, one: Association, at: datetime) -> bool:
    return (is_from_the_start(stream, one) or at >= one.since) and (one.until is None or at < one.until)


def is_from_the_start(stream: Stream, one: Association) -> bool:
    """An offer that was confirmed made the infusion this patient's before it began, whenever we heard of it (D-11)."""
    return one.basis is AssociationBasis.OFFER_CONFIRMED and bool(stream.programme_id) and stream.associations[0].id == one.id


def is_held(one: Association) -> bool:
    """A merge holds the documents until a person confirms; transfer and discharge do not (D-12)."""
    return any(doubt.cause is SuspensionCause.MERGE for doubt in one.suspensions)


def ordered_in(step: Step, about: About) -> Ordered | None:
    """What was offered of the program that runs at this step; None: it is not known, so nothing is compared with it."""
    return about.programme(step.programme_id)


def difference(kind: Kind, rate: Quantity | None, ordered: Ordered | None) -> str:
    """The sentence for a rate other than the one offered and confirmed (SR-39); empty: it is that one, or there is nothing to compare."""
    wanted = ordered.setting("rate") if ordered is not None else None
    if kind is not Kind.RATE or rate is None or wanted is None or not (rate.measure.is_flow and wanted.measure.is_flow) or rate == wanted:
        return ""
    return f"The rate was set at the pump and differs from the order: {rate}, ordered {wanted}."
