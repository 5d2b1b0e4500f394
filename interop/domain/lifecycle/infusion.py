"""The table of an Infusion: what a channel really runs, with or without an order. Nothing is inferred: silence of the pump moves no state (SR-45)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import reduce
from types import MappingProxyType

from interop.domain.events import association, infusion
from interop.domain.events.association import (
    AssociationBackfilled,
    AssociationEnded,
    AssociationEvent,
    AssociationMade,
    AssociationRestored,
    AssociationSuspended,
    AssociationVoided,
)
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import (
    AlarmCleared,
    AlarmRaised,
    BolusStarted,
    BolusStopped,
    ChannelEvent,
    ContactLost,
    ContactRegained,
    ContainerChanged,
    CountersReset,
    EditedAtPump,
    EndCause,
    Ended,
    Found,
    InfusionEvent,
    KvoEntered,
    Paused,
    RateChanged,
    Resumed,
    SegmentClosed,
    Source,
    Started,
    VolumeCompleted,
)
from interop.domain.lifecycle.associations import Association, Associations, Contradiction
from interop.domain.lifecycle.associations import after as associations_after
from interop.domain.lifecycle.counters import Counted, opened_at
from interop.domain.lifecycle.segments import Kind, OpenSegment, Segment
from interop.domain.lifecycle.table import NoRow, Table
from interop.domain.quantity import Quantity


class State(Enum):
    """What the channel does with it, as the pump last told."""

    RUNNING = "running"
    PAUSED = "paused"
    KVO = "kvo"
    ENDED = "ended"


BESIDE: tuple[type[InfusionEvent], ...] = (
    ContainerChanged,  # container and VTBI change, the rate does not (D-19)
    EditedAtPump,  # a new rate is told by its own event
    CountersReset,  # the count goes on from the new beginning
    AlarmRaised,  # if it stops the pump, that is told by its own event
    AlarmCleared,  # delivery resumes only when the pump says so
    ContactLost,  # stale, and nothing more is known
    ContactRegained,  # the pump's log tells the rest
    AssociationMade,
    AssociationBackfilled,
    AssociationSuspended,  # blocks programming or documents, never the delivery
    AssociationRestored,
    AssociationEnded,
    AssociationVoided,
)
"""Told beside the delivery: moves no state while it is not ended."""

TRANSITIONS: Mapping[tuple[State | None, type[InfusionEvent]], State] = MappingProxyType(
    {
        (None, Started): State.RUNNING,  # a clinician, at the pump
        (None, Found): State.RUNNING,  # seen running; a pause or KVO that was found is told next
        (State.RUNNING, RateChanged): State.RUNNING,  # STOP transitioning and START: not a pause
        (State.RUNNING, SegmentClosed): State.RUNNING,  # VTBI changed, or an hourly total
        (State.RUNNING, BolusStarted): State.RUNNING,  # the running rate waits
        (State.RUNNING, BolusStopped): State.RUNNING,  # the running rate goes on
        (State.RUNNING, VolumeCompleted): State.RUNNING,  # KVO or standing still is told next
        (State.RUNNING, KvoEntered): State.KVO,  # no longer the dose that was ordered
        (State.RUNNING, Paused): State.PAUSED,  # by a clinician, an alarm, between doses, for a piggyback
        (State.RUNNING, Ended): State.ENDED,  # an intermittent one at its VTBI, or cleared
        (State.PAUSED, Resumed): State.RUNNING,  # cumulative counter kept
        (State.PAUSED, KvoEntered): State.KVO,  # back to KVO after a pause of it
        (State.PAUSED, VolumeCompleted): State.PAUSED,  # COMPLETE told after the stop
        (State.PAUSED, Ended): State.ENDED,  # cleared, dissociated, idle too long
        (State.KVO, Resumed): State.RUNNING,  # next container or a new VTBI
        (State.KVO, SegmentClosed): State.KVO,  # an hourly total
        (State.KVO, VolumeCompleted): State.KVO,  # COMPLETE told after KVO began
        (State.KVO, Paused): State.PAUSED,  # a STOP that is not delivering is no end yet
        (State.KVO, Ended): State.ENDED,  # cleared, or the order ended (D-22)
        **{(state, event): state for state in (State.RUNNING, State.PAUSED, State.KVO) for event in BESIDE},
        (State.ENDED, Resumed): State.RUNNING,  # closed too early, by time or by statement: the pump's word is the truth; and an alert
        (State.ENDED, AlarmCleared): State.ENDED,  # the alarm of its end
        (State.ENDED, AssociationBackfilled): State.ENDED,  # found in the review after a downtime (SR-48)
        (State.ENDED, AssociationSuspended): State.ENDED,  # a merge holds its documents (D-12)
        (State.ENDED, AssociationRestored): State.ENDED,  # a person confirmed
        (State.ENDED, AssociationEnded): State.ENDED,  # dissociated, or idle for 12 h
        (State.ENDED, AssociationVoided): State.ENDED,  # found wrong afterwards
    }
)

ALERTS: Mapping[tuple[State | None, type[InfusionEvent]], str] = MappingProxyType(
    {(State.ENDED, Resumed): "An infusion that had been closed as ended runs again. Look at the pump."}
)

EVENTS: tuple[type[InfusionEvent], ...] = (*infusion.EVENTS, *association.EVENTS)

TABLE: Table[State, InfusionEvent] = Table("Infusion", State, EVENTS, TRANSITIONS, ALERTS)


@dataclass(frozen=True, slots=True)
class Stream:
    """An infusion as its events tell it. Empty or None: not told.

    ``running_rate`` and ``dose_rate`` are the last ones it ran at, kept through bolus, KVO, pause and end, for the next container (D-19).
    ``last_word`` is the pump's last word of the channel, ``last_added`` its last one that added a volume beside the counter: none is told twice.
    """

    state: State
    infusion_id: str
    pump_id: str
    channel_id: str
    source: Source
    programme_id: str
    entry_key: str
    drug: str
    concentration: Quantity | None
    dosing_weight: Quantity | None
    running_rate: Quantity | None
    dose_rate: Quantity | None
    counted: Counted
    open: OpenSegment | None
    segments: tuple[Segment, ...] = ()
    associations: Associations = ()
    alarms: tuple[AlarmRaised, ...] = ()
    volume_done: bool = False
    is_edited: bool = False
    stale_since: datetime | None = None
    last_word: PumpSaid | None = None
    last_added: PumpSaid | None = None
    ended_because: EndCause | None = None

    @property
    def rate(self) -> Quantity | None:
        """The rate of the interval that goes on; None: it stands still, or the rate was not told."""
        return self.open.rate if self.open else None

    @property
    def volume(self) -> Quantity:
        """Delivered since the start, in mL, boluses included; "at least" unless ``volume_is_exact``."""
        return self.counted.total

    @property
    def volume_is_exact(self) -> bool:
        return not self.counted.gaps

    @property
    def association(self) -> Association | None:
        """Whose it is now; None: unassociated, so nothing is documented by itself (SR-50)."""
        return next((one for one in self.associations if one.is_live), None)


def alert(stream: Stream | None, event: InfusionEvent) -> str:
    """The words for a person who must be told of this event at once; empty: nobody is disturbed. ``stream`` is as it was before the event."""
    return TABLE.alert(stream.state if stream else None, event)


def apply(stream: Stream | None, event: InfusionEvent) -> Stream:
    """The infusion after the event.

    Raises: NoRow: the table has no row, the associations contradict it, it comes too late, or its volume was added before.
    """
    if stream is None:
        if not isinstance(event, Started | Found):
            raise NoRow(None, event)
        return _opened(event, TABLE.step(None, event))
    state = TABLE.step(stream.state, event)
    return replace(_told(stream, event), state=state)


def _told(stream: Stream, event: InfusionEvent) -> Stream:
    """What the event tells besides the state, which is that of before."""
    match event:
        case ChannelEvent():
            return _delivery(_counted(stream, event), event)
        case AssociationEvent():
            try:
                return replace(stream, associations=associations_after(stream.associations, event))
            except Contradiction as contradiction:
                raise NoRow(stream.state, event, str(contradiction)) from contradiction
        case AlarmRaised():
            return replace(stream, alarms=(*_other_alarms(stream, event.alarm_id), event))
        case AlarmCleared():
            return replace(stream, alarms=_other_alarms(stream, event.alarm_id))
        case ContactLost():
            return replace(stream, stale_since=event.last_heard_at)
        case _:  # ContactRegained
            return replace(stream, stale_since=None)


def fold(events: Iterable[InfusionEvent]) -> Stream | None:
    """Raises: NoRow."""
    return reduce(apply, events, None)


def _opened(event: Started | Found, state: State) -> Stream:
    counted = opened_at(event.delivered)
    if isinstance(event, Found):
        counted = replace(counted, gaps=counted.gaps + 1)  # what it gave before
    return Stream(
        state=state,
        infusion_id=event.infusion_id,
        pump_id=event.pump_id,
        channel_id=event.channel_id,
        source=event.source,
        programme_id=event.programme_id,
        entry_key=event.entry_key,
        drug=event.drug,
        concentration=event.concentration,
        dosing_weight=event.dosing_weight,
        running_rate=event.rate,
        dose_rate=event.dose_rate,
        counted=counted,
        open=OpenSegment(Kind.RATE, event.happened_at, event.rate, counted),
        last_word=event.pump,
    )


def _delivery(stream: Stream, event: ChannelEvent) -> Stream:
    """Intervals and rates; the count is that of after the event."""
    match event:
        case RateChanged():
            changed = replace(stream, running_rate=event.new, dose_rate=event.dose_rate)
            if stream.open and stream.open.kind is Kind.BOLUS:
                return changed  # the bolus goes on at its own rate; the new one comes after it
            return _next(changed, event, Kind.RATE, event.new)
        case SegmentClosed():
            kind = stream.open.kind if stream.open else Kind.RATE
            return _next(stream, event, kind, stream.rate)
        case KvoEntered():
            return _next(stream, event, Kind.KVO, event.rate)
        case Resumed():
            resumed = replace(stream, running_rate=event.rate, dose_rate=event.dose_rate, volume_done=False, ended_because=None)
            return _next(resumed, event, Kind.RATE, event.rate)
        case BolusStarted():
            return _next(stream, event, Kind.BOLUS, event.rate)
        case BolusStopped():
            return _after_bolus(stream, event)
        case Paused():
            return _closed(stream, event)
        case Ended():
            return replace(_closed(stream, event), ended_because=event.cause)
        case VolumeCompleted():
            return replace(stream, volume_done=True)
        case ContainerChanged():
            return replace(stream, volume_done=False)
        case EditedAtPump():
            return replace(stream, is_edited=True)
        case _:  # CountersReset: counted, and nothing else
            return stream


def _after_bolus(stream: Stream, event: BolusStopped) -> Stream:
    """The bolus by its own counter; then the rate that the pump tells, or the previous one (D-21).

    A bolus that is told only at its end lies somewhere in the interval before, whose own volume then cannot be told.
    """
    rate = stream.running_rate if event.rate_after is None else event.rate_after
    segments = stream.segments
    if stream.open:
        volume = event.volume if stream.open.kind is Kind.BOLUS else None
        segments = (*segments, replace(stream.open.closed(event.happened_at, stream.counted), volume=volume))
    going_on = OpenSegment(Kind.RATE, event.happened_at, rate, stream.counted)
    return replace(stream, segments=segments, open=going_on, running_rate=rate)


def _closed(stream: Stream, event: ChannelEvent) -> Stream:
    if stream.open is None:
        return stream
    segment = stream.open.closed(event.happened_at, stream.counted)
    segments = stream.segments if segment.is_empty else (*stream.segments, segment)
    counted = stream.counted.apart(None) if segment.kind is Kind.BOLUS else stream.counted  # cut off without its own counter
    return replace(stream, segments=segments, open=None, counted=counted)


def _next(stream: Stream, event: ChannelEvent, kind: Kind, rate: Quantity | None) -> Stream:
    closed = _closed(stream, event)
    return replace(closed, open=OpenSegment(kind, event.happened_at, rate, closed.counted))


def _counted(stream: Stream, event: ChannelEvent) -> Stream:
    """The count after the event. A word that comes late is not told into a story that is further: it would set an old rate, or count twice (SR-51)."""
    if event.pump and stream.last_word and stream.last_word.is_after(event.pump):
        raise NoRow(stream.state, event, "said before what is known already")
    match event:
        case CountersReset():
            before = event.before if event.pump else None  # a word without the pump's time cannot be told from its repeat
            counted = _added(stream, event, stream.counted.began_anew(before, event.delivered))
        case BolusStopped(in_cumulative=False):
            volume = event.volume if event.pump else None  # likewise
            counted = _added(stream, event, stream.counted.read(_reading(stream, event)).apart(volume))
        case _:
            counted = replace(stream, counted=stream.counted.read(_reading(stream, event)))
    return replace(counted, last_word=event.pump or stream.last_word)


def _reading(stream: Stream, event: ChannelEvent) -> Quantity | None:
    """The reading, if it has its place in time: of a later word, or the same reading in the same word."""
    if event.pump is None or (stream.last_word and not event.pump.is_after(stream.last_word) and event.delivered != stream.counted.highest):
        return None
    return event.delivered


def _added(stream: Stream, event: ChannelEvent, counted: Counted) -> Stream:
    """What adds to the count beside the counter does so once for each word of the pump."""
    if event.pump and stream.last_added and not event.pump.is_after(stream.last_added):
        raise NoRow(stream.state, event, "its volume was added before")
    return replace(stream, counted=counted, last_added=event.pump or stream.last_added)


def _other_alarms(stream: Stream, alarm_id: str) -> tuple[AlarmRaised, ...]:
    return tuple(alarm for alarm in stream.alarms if alarm.alarm_id != alarm_id)
