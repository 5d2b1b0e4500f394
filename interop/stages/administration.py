"""Stage 7: what the chart holds of an infusion, as a parent and one child for each interval at one rate (fhir-infusion.md 4.1). Pure.

Made from the story alone, so that the same story always gives the same resources under the same ids. An infusion that was two patients' one after the
other is two parents: an interval that lies in both is told to each by its own part, and its volume to neither (SR-50, SR-51).

A word changes the parents and the intervals from the one that went on before it; those that were over are as they were, unless whose they are changed.
So ``first_touched`` says from which step on they are to be made, and a long infusion's word costs no more than a short one's.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from hashlib import sha256
from typing import Final

from interop.domain.delivery import InfusionType
from interop.domain.document import About, Administration, Ordered, Status
from interop.domain.events.association import AssociationEndCause, SuspensionCause
from interop.domain.events.infusion import (
    BolusStarted,
    ChannelEvent,
    EndCause,
    Ended,
    Found,
    RateChanged,
    Resumed,
    Started,
    VolumeCompleted,
)
from interop.domain.lifecycle.associations import Association
from interop.domain.lifecycle.infusion import State, Stream
from interop.domain.lifecycle.segments import Kind, OpenSegment, Segment
from interop.domain.quantity import Quantity
from interop.stages.told import Step, difference, is_from_the_start, is_held, ordered_in

COMPLETES: Final = frozenset({EndCause.COMPLETED, EndCause.ORDER_ENDED, EndCause.DISSOCIATED, EndCause.IDLE})
"""D-22; any other end before the volume is given is a stop."""

LEAVES_COMPLETE: Final = frozenset({AssociationEndCause.DISSOCIATED, AssociationEndCause.IDLE, AssociationEndCause.DISCHARGED_AND_IDLE})
"""The same where the association ended."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One interval at one rate as the story tells it. ``end`` None: it goes on. ``number`` counts all that ever began, so that none is used twice."""

    number: int
    kind: Kind
    start: datetime
    start_is_known: bool
    rate: Quantity | None
    dose_rate: Quantity | None
    by: str
    ordered: Ordered | None
    end: datetime | None = None
    volume: Quantity | None = None


def administrations(steps: Sequence[Step], about: About, first: int = 0) -> tuple[Administration, ...]:
    """All that the chart shall hold of about's order after these steps, which are the infusion's from its first on.

    While a merge holds it, what it held before; a void association's are entered in error. With ``first`` only what may differ from what an earlier
    part of the story gave: parents, but not one that is held, and the intervals that began at that step or later.
    """
    if not steps:
        return ()
    stream = steps[-1].after
    return tuple(
        each
        for number, one in enumerate(stream.associations, 1)
        if one.placer_order_number == about.placer_order_number
        for each in _of_association(steps, number, one, about, first)
    )


def first_touched(steps: Sequence[Step], told_already: int, about: About) -> int:
    """The step that began the first interval which the steps beyond the first ``told_already`` can have changed, for ``administrations``; 0: any."""
    if not told_already:
        return 0
    before, after = steps[told_already - 1].after, steps[-1].after
    known = {one.id: one for one in before.associations}
    for one in after.associations:
        if one.placer_order_number == about.placer_order_number and not _leaves_the_past(known.get(one.id), one, before.segments):
            return 0
    if before.open is None:
        return told_already
    return bisect_left(steps, steps[told_already - 1].begun, hi=told_already, key=lambda step: step.begun)


def _leaves_the_past(before: Association | None, one: Association, over: Sequence[Segment]) -> bool:
    """Whether the intervals that were over are told as they were: an association that is new, void, or held or free by now tells all of them anew."""
    if before is None or before.is_void is not one.is_void or _merges(before) != _merges(one):
        return False
    until = one.until
    return until == before.until or until is None or all(each.end <= until for each in over)


def _is_doubted(one: Association) -> bool:
    """A merge holds it; what is void is told as void in any case."""
    return is_held(one) and not one.is_void


def _merges(one: Association) -> frozenset[str]:
    return frozenset(doubt.message_id for doubt in one.suspensions if doubt.cause is SuspensionCause.MERGE)


def _before_hold(steps: Sequence[Step], one: Association) -> Sequence[Step]:
    """The story up to the merge that still puts the association in doubt; all of it where none does, or where it is void anyway."""
    if not _is_doubted(one):
        return steps
    doubts = _merges(one)

    def is_raised(step: Step) -> bool:
        return any(doubt.message_id in doubts for each in step.after.associations if each.id == one.id for doubt in each.suspensions)

    held = next(n for n, step in enumerate(steps) if is_raised(step))
    return steps[:held]


def _of_association(story: Sequence[Step], number: int, one: Association, about: About, first: int) -> Iterator[Administration]:
    if first and _is_doubted(one):
        return
    steps = _before_hold(story, one)
    if not steps:
        return
    stream = steps[-1].after
    if len(stream.associations) < number:
        return  # made while another's merge held it: it is told when that is over
    one = stream.associations[number - 1]  # as it was then
    start = max(_began(steps), _since(stream, one))
    parent = parent_id(stream.infusion_id, number)
    children = tuple(_child(each, parent, stream, one, about) for each in _within(_intervals(steps, about, first), stream, one))
    yield _parent(steps, one, start, parent, children, about, steps[-1].given[number - 1])
    yield from children


def _parent(
    steps: Sequence[Step],
    one: Association,
    start: datetime,
    parent_id: str,
    children: Sequence[Administration],
    about: About,
    given: Fraction | None,
) -> Administration:
    """``children``: that which goes on is among them; ``given`` is the volume of all that are over, as far as it is known."""
    stream = steps[-1].after
    status, reason, over = _status(steps, one, about)
    end = over if over is None else max(start, over)  # two words of a pump whose clock was set between them
    ordered = ordered_in(steps[0], about)
    opening = steps[0].event
    by = opening.by if isinstance(opening, Started) and is_from_the_start(stream, one) else ""
    is_whole = is_from_the_start(stream, one) or one.since <= _began(steps)
    volume, at_least, until = _volume(steps, one, given, is_whole=is_whole and not isinstance(opening, Found), is_over=end is not None)
    return Administration(
        id=parent_id,
        about=about,
        patient=one.patient,
        infusion_id=stream.infusion_id,
        pump_id=stream.pump_id,
        channel_id=stream.channel_id,
        drug=stream.drug,
        status=status,
        status_reason=reason,
        start=start,
        end=end,
        start_is_known=is_whole and not isinstance(opening, Found),
        volume=volume,
        volume_at_least=at_least,
        volume_until=until,
        performer=(ordered.confirmed_by if ordered is not None else "") or by,
        verifier=ordered.second_check_by if ordered is not None else "",
        differs=next((each.differs for each in children if each.end is None and each.differs), ""),
        stale_since=stream.stale_since if status in (Status.IN_PROGRESS, Status.ON_HOLD) else None,
    )


def _child(interval: Interval, parent_id: str, stream: Stream, one: Association, about: About) -> Administration:
    goes_on = interval.end is None
    status = Status.ENTERED_IN_ERROR if one.is_void else Status.IN_PROGRESS if goes_on else Status.COMPLETED
    return Administration(
        id=f"{parent_id}-{interval.number}",
        parent_id=parent_id,
        about=about,
        patient=one.patient,
        infusion_id=stream.infusion_id,
        pump_id=stream.pump_id,
        channel_id=stream.channel_id,
        drug=stream.drug,
        status=status,
        kind=interval.kind,
        start=interval.start,
        end=None if interval.end is None else max(interval.start, interval.end),
        start_is_known=interval.start_is_known,
        rate=interval.rate,
        dose_rate=interval.dose_rate,
        volume=interval.volume,
        performer=interval.by,
        differs=difference(interval.kind, interval.rate, interval.ordered),
        stale_since=stream.stale_since if goes_on and not one.is_void else None,
    )


def _status(steps: Sequence[Step], one: Association, about: About) -> tuple[Status, str, datetime | None]:
    """D-22: status, its reason in words, and when it was over."""
    stream = steps[-1].after
    if one.is_void:
        return Status.ENTERED_IN_ERROR, "The association with this patient or order was wrong.", one.until
    over = _over(steps)
    if over is not None and (one.until is None or over.happened_at <= one.until):
        cause = over.cause
        if cause in COMPLETES or stream.volume_done:
            return Status.COMPLETED, "", over.happened_at
        return Status.STOPPED, f"Ended: {cause.value}.", over.happened_at
    if one.until is not None:
        if one.left_because is None or one.left_because in LEAVES_COMPLETE:
            return Status.COMPLETED, "", one.until
        return Status.STOPPED, f"No longer this patient's: {one.left_because.value}.", one.until
    if about.infusion_type is InfusionType.INTERMITTENT and stream.volume_done:
        given = next(step.event.happened_at for step in reversed(steps) if isinstance(step.event, VolumeCompleted))
        return Status.COMPLETED, "", given
    return (Status.ON_HOLD if stream.state is State.PAUSED else Status.IN_PROGRESS), "", None


def _over(steps: Sequence[Step]) -> Ended | None:
    """The end that holds; None: it is not over, or runs again."""
    if steps[-1].after.state is not State.ENDED:
        return None
    return next((step.event for step in reversed(steps) if isinstance(step.event, Ended)), None)


def _volume(
    steps: Sequence[Step], one: Association, given: Fraction | None, *, is_whole: bool, is_over: bool
) -> tuple[Quantity | None, Quantity | None, datetime | None]:
    """The volume so far, exact, and until when if it goes on; or the least that it was, from the intervals that can be told.

    It is the count at the pump's last word: exact for good if nothing was delivered after it. Nothing of another patient's is in it.
    """
    last = next((step for step in reversed(steps) if isinstance(step.event, ChannelEvent) and step.event.pump is not None), None)
    if last is not None and is_whole and one.until is None and last.after.counted.is_current and not steps[-1].after.counted.gaps:
        goes_on = last.after.open is not None
        if not (goes_on and is_over):
            return last.after.counted.total, None, last.event.happened_at if goes_on else None
    return None, None if given is None else Quantity(given, "mL"), None


def _within(intervals: Sequence[Interval], stream: Stream, one: Association) -> Iterator[Interval]:
    """The intervals that lie in the association's time, cut to it; one that is cut has no volume that can be told."""
    since = _since(stream, one)
    for each in intervals:
        start, end = max(each.start, since), each.end
        if one.until is not None and (end is None or end > one.until):
            end = one.until
        if end is not None and (end < start or (end == start and each.start != each.end)):
            continue
        is_cut = (start, end) != (each.start, each.end)
        volume = None if is_cut else each.volume
        yield replace(each, start=start, end=end, volume=volume, start_is_known=each.start_is_known and start == each.start)


def _intervals(steps: Sequence[Step], about: About, first: int) -> tuple[Interval, ...]:
    """Each that began at step ``first`` or later, but those that were over the moment they began."""
    told: list[Interval] = []
    going: Interval | None = None
    for step in steps[first:]:
        before, after = step.before, step.after
        if before is not None and before.open is after.open:
            continue
        if going is not None and before is not None:
            if len(after.segments) > len(before.segments):
                last = after.segments[-1]
                told.append(replace(going, end=last.end, volume=last.volume))
            going = None
        if after.open is not None:
            going = _begun(step, after.open, about)
    return (*told, going) if going is not None else tuple(told)


def _begun(step: Step, interval: OpenSegment, about: About) -> Interval:
    event = step.event
    by = event.by if isinstance(event, Started | RateChanged | Resumed | BolusStarted) else ""
    dose_rate = step.after.dose_rate if interval.kind is Kind.RATE else None
    known = not isinstance(event, Found)
    return Interval(step.begun, interval.kind, interval.start, known, interval.rate, dose_rate, by, ordered_in(step, about))


def _began(steps: Sequence[Step]) -> datetime:
    return steps[0].event.happened_at


def _since(stream: Stream, one: Association) -> datetime:
    """From when on it is theirs; an offer that was confirmed made it theirs before it began."""
    return datetime.min.replace(tzinfo=one.since.tzinfo) if is_from_the_start(stream, one) else one.since


def parent_id(infusion_id: str, number: int) -> str:
    """Of the ``number``-th association of an infusion: a FHIR id may hold less than a pump's own; the same infusion always has the same."""
    return f"{sha256(infusion_id.encode()).hexdigest()[:32]}-{number}"
