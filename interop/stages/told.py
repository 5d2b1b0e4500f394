"""The story of an infusion step by step, and whose each step is: what stages 7 documents from (SR-50, D-11, D-12).

A word of the pump is told to a chart when an association covers the moment it happened at. It waits while there is none, and while a merge puts the
patient in doubt; once a person has back-filled or confirmed, it is told once, then. Nothing is told for the time before an association by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from interop.domain.document import About, Ordered
from interop.domain.events.association import AssociationBasis, AssociationEvent, SuspensionCause
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import InfusionEvent, Opening, RateCause, RateChanged
from interop.domain.lifecycle.associations import Association
from interop.domain.lifecycle.infusion import Stream, apply
from interop.domain.lifecycle.segments import Kind, Segment
from interop.domain.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Step:
    """One event, the infusion before and after it, and the programme whose settings it then runs by.

    What else is counted along the way, so that nobody has to walk all of it again for the next word: ``begun`` intervals began until then, and
    ``given`` is, for each of ``after.associations``, the volume (mL) of the intervals that lie wholly in its time; None: of none is it known.
    ``highest`` is the highest number that each of the pump's logs has told so far.
    """

    before: Stream | None
    event: InfusionEvent
    after: Stream
    programme_id: str
    begun: int
    given: tuple[Fraction | None, ...]
    highest: Mapping[str, int]


def steps_of(events: Sequence[InfusionEvent], known: Sequence[Step] = ()) -> tuple[Step, ...]:
    """All of them; ``known`` are those of the events before these. Raises: NoRow."""
    steps: list[Step] = [*known]
    for event in events:
        steps.append(_next(steps[-1] if steps else None, event))
    return tuple(steps)


def _next(last: Step | None, event: InfusionEvent) -> Step:
    before = last.after if last is not None else None
    after = apply(before, event)
    programme_id = last.programme_id if last is not None else ""
    if isinstance(event, Opening) or (isinstance(event, RateChanged) and event.cause is RateCause.PROGRAMME):
        programme_id = event.programme_id
    begins = after.open is not None and (before is None or before.open is not after.open)
    begun = (last.begun if last is not None else 0) + begins
    return Step(before, event, after, programme_id, begun, _given(last, after), _highest(last, event))


def _highest(last: Step | None, event: InfusionEvent) -> Mapping[str, int]:
    known = last.highest if last is not None else {}
    pump: PumpSaid | None = getattr(event, "pump", None)
    if pump is None or pump.number is None or pump.number <= known.get(pump.log_id, pump.number - 1):
        return known
    return {**known, pump.log_id: pump.number}


def _given(last: Step | None, after: Stream) -> tuple[Fraction | None, ...]:
    """With what was closed since; anew where it is whose it was that changed."""
    if last is None or last.after.associations is not after.associations:
        return tuple([_volume(after.segments, None, after, one) for one in after.associations])
    closed = after.segments[len(last.after.segments) :]
    if not closed:
        return last.given
    return tuple([_volume(closed, so_far, after, one) for so_far, one in zip(last.given, after.associations, strict=True)])


def _volume(closed: Sequence[Segment], so_far: Fraction | None, stream: Stream, one: Association) -> Fraction | None:
    known = [each.volume.to("mL").value for each in closed if each.volume is not None and holds_whole(stream, one, each)]
    return sum(known, so_far or Fraction(0)) if known else so_far


def due(steps: Sequence[Step], told_already: int, about: About) -> tuple[tuple[Step, Association], ...]:
    """The steps that are told by the commit of all events beyond the first ``told_already``, each with whose it is; none is due twice."""
    if any(isinstance(step.event, AssociationEvent) for step in steps[told_already:]):
        return _due_of_all(steps, told_already, about)  # what waited for it may be due by now
    return tuple(_due_at_once(steps, told_already, about))


def _due_at_once(steps: Sequence[Step], told_already: int, about: About) -> Iterator[tuple[Step, Association]]:
    """Each new step by itself: only an event of an association makes an older one due."""
    for index in range(told_already, len(steps)):
        step = steps[index]
        owner = owner_of(step.after, step.event.happened_at, about)
        if owner is not None and not is_held(owner) and not _is_said_before(steps, index):
            yield step, owner


def _due_of_all(steps: Sequence[Step], told_already: int, about: About) -> tuple[tuple[Step, Association], ...]:
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


Word = tuple[str, int, type[InfusionEvent]]


def _said_before(steps: Sequence[Step]) -> frozenset[int]:
    """The steps that are a word of the pump which an earlier step is already: whoever let it in twice, a chart is told once (SR-46)."""
    heard: set[Word] = set()
    again: list[int] = []
    for index, step in enumerate(steps):
        word = _word(step)
        if word is None:
            continue
        if word in heard:
            again.append(index)
        heard.add(word)
    return frozenset(again)


def _is_said_before(steps: Sequence[Step], index: int) -> bool:
    """The same of one step, without a look at the others' words where it has a new number, as nearly all have."""
    word = _word(steps[index])
    if word is None or not index or word[1] > steps[index - 1].highest.get(word[0], word[1] - 1):
        return False
    return any(_word(step) == word for step in steps[:index])


def _word(step: Step) -> Word | None:
    """Which word of which pump's log it is; None: it is none, or has no number."""
    pump: PumpSaid | None = getattr(step.event, "pump", None)
    return None if pump is None or pump.number is None else (pump.log_id, pump.number, type(step.event))


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


def holds_whole(stream: Stream, one: Association, closed: Segment) -> bool:
    """The interval lies in its time, all of it. One that ended before it began, by a clock that was set in between, lies nowhere."""
    begins_in_it = is_from_the_start(stream, one) or closed.start >= one.since
    return begins_in_it and closed.start <= closed.end and (one.until is None or closed.end <= one.until)


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
