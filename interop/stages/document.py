"""Stage 7: which messages follow from what happened to an infusion (IHE DEV TF-2, 3.10 and Table M.1.2.1-4). Pure.

An interval that ends is a STOP, and one that begins a START, so that a change of rate is a STOP *transitioning* and a START and never a pause. Only what
the pump said is told: what the server concludes (idle, dissociated, order ended) says nothing of the delivery, and silence says nothing at all (SR-45).
A reset of the pump's counters is not told as 197306: the totals told here go on over it, and a receiver that began anew would count twice (SR-51).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from interop.domain.document import About, Delivery, Document, Kind, Reported
from interop.domain.events.association import AssociationVoided
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import (
    ChannelEvent,
    ContactLost,
    ContactRegained,
    EndCause,
    Ended,
    InfusionEvent,
    KvoEntered,
    NotDelivering,
    Paused,
    Source,
    Started,
    VolumeCompleted,
)
from interop.domain.events.programme import Expired, Planned, ProgrammeEvent, RejectCause, Rejected, Withdrawn
from interop.domain.lifecycle import segments
from interop.domain.lifecycle.associations import Association
from interop.domain.lifecycle.infusion import State, Stream
from interop.domain.lifecycle.segments import OpenSegment
from interop.domain.quantity import Quantity
from interop.stages.told import Step, difference, due, is_held, ordered_in, owner_of

NOTHING = Quantity.of("0", "mL")
STANDSTILL = Quantity.of("0", "mL/h")

WRONGLY = "Entered in error: it was told of the wrong patient or order."

SERVERS_OWN = frozenset({EndCause.ORDER_ENDED, EndCause.DISSOCIATED, EndCause.IDLE, EndCause.ATTESTED})
"""Ends that the server or a person concludes: the channel may go on, so that no message says that it stopped."""


def documents(steps: Sequence[Step], told_already: int, about: About) -> tuple[Document, ...]:
    """What must be told because of the steps beyond the first ``told_already``; last, one status of how things then stand, if they changed.

    ``steps`` are the whole of the infusion. Facts of ``about`` go to associations with its order only.
    """
    told: list[Document] = [each for step in steps[told_already:] for each in _told_wrongly(steps, step, about)]
    last = next((step for step in reversed(steps) if _is_a_change(step.event)), None)
    for step, owner in due(steps, told_already, about):
        told += _told(step, owner, about)
        if step is last:  # what the pump said last is told now, so that the status holds
            told += _as_it_stands(steps, step, about)
    return tuple(told)


def _told_wrongly(steps: Sequence[Step], step: Step, about: About) -> Iterator[Document]:
    """What had been told under an association that is now found to have been wrong, each again by its report id and marked so."""
    if not isinstance(step.event, AssociationVoided):
        return
    before = steps[: next(n for n, each in enumerate(steps) if each is step)]
    for each, owner in due(before, 0, about):
        if owner.id == step.event.association_id:
            for document in _told(each, owner, about):
                if document.report_id:
                    yield replace(document, is_wrong=True, words=WRONGLY)


def periodic(steps: Sequence[Step], reported: Reported, about: About) -> Document | None:
    """PCD-01 of a channel that runs this infusion; None: it is nobody's, held, over, lost (SR-45), or the report is not of a run."""
    if not steps:
        return None
    stream = steps[-1].after
    run, owner = reported.channel.run, owner_of(stream, reported.at, about)
    if run is None or owner is None or not owner.is_live or is_held(owner) or stream.stale_since is not None or stream.state is State.ENDED:
        return None
    counted = stream.counted.read(run.delivered)
    is_exact = counted.is_current and not counted.gaps
    segment = counted.since(stream.open.counted) if stream.open and stream.open.kind is not segments.Kind.BOLUS else None
    kind = stream.open.kind if stream.open else segments.Kind.RATE
    ordered = ordered_in(steps[-1], about)
    delivers = stream.state is not State.PAUSED
    return Document(
        kind=Kind.STATUS,
        about=about,
        patient=owner.patient,
        happened_at=reported.at,
        pump_id=stream.pump_id,
        channel_id=stream.channel_id,
        infusion_id=stream.infusion_id,
        source=stream.source if kind is not segments.Kind.BOLUS else Source.CLINICIAN,
        delivery=_standing(stream),
        reason=None if delivers else NotDelivering.NOT_SPECIFIED,
        flow=run.rate if delivers else STANDSTILL,
        rate=run.rate if kind is segments.Kind.KVO else run.set_rate if run.set_rate is not None else stream.running_rate,
        dose_rate=run.dose_rate if kind is segments.Kind.RATE else None,
        vtbi=run.vtbi,
        vtbi_left=run.vtbi_left,
        segment_volume=segment,
        total=counted.total if is_exact else None,
        total_at_least=None if is_exact else counted.total,
        drug=stream.drug,
        concentration=stream.concentration,
        dosing_weight=run.weight if run.weight is not None else stream.dosing_weight,
        differs=difference(kind, run.set_rate, ordered),
    )


def programme_ended(planned: Planned, event: ProgrammeEvent, about: About) -> Document | None:
    """197298 for an offer that AA was said of and that came to nothing (D-07); None: it has no patient, or the event does not end it so."""
    words = _why_cleared(event)
    if not words or planned.patient is None or planned.placer_order_number != about.placer_order_number:
        return None
    return Document(
        kind=Kind.AUTO_PROGRAM_CLEARED,
        about=about,
        patient=planned.patient,
        happened_at=event.happened_at,
        pump_id=planned.pump_id,
        channel_id=planned.channel_id,
        report_id=f"{planned.programme_id}.cleared",
        drug=planned.drug,
        words=words,
    )


def _why_cleared(event: ProgrammeEvent) -> str:
    match event:
        case Rejected(cause=RejectCause.BY_CLINICIAN):
            return "Rejected by the clinician at the pump before it ran."
        case Rejected(cause=cause):
            return f"Ended at the pump before it ran: {cause.value}."
        case Expired():
            return "Expired at the pump before it ran: nobody confirmed and started it in time."
        case Withdrawn():
            return "Recalled before it ran."
        case _:
            return ""


def _is_a_change(event: InfusionEvent) -> bool:
    """Whether the channel said something of the run, so that a status follows."""
    return isinstance(event, ChannelEvent) and not (isinstance(event, Ended) and event.cause in SERVERS_OWN)


def _told(step: Step, owner: Association, about: About) -> Iterator[Document]:
    before, event, after = step.before, step.event, step.after
    match event:
        case ContactLost() | ContactRegained():
            yield _contact(step, owner, about)
            return
        case Ended(cause=cause) if cause in SERVERS_OWN:
            return
        case ChannelEvent():
            pass
        case _:
            return
    closed = before.open if before is not None and before.open is not after.open else None
    begun = after.open if before is None or after.open is not before.open else None
    if isinstance(event, VolumeCompleted) and before is not None:
        yield _completed(step, before, owner, about, _at_completion(before))
    elif (
        isinstance(event, Ended)
        and event.cause is EndCause.COMPLETED
        and before is not None
        and closed is not None
        and not before.volume_done
    ):
        yield _completed(step, before, owner, about, Delivery.NOT_DELIVERING)
    elif closed is not None and before is not None and not (isinstance(event, KvoEntered) and before.volume_done):
        yield _stopped(step, before, closed, owner, about, goes_on=begun is not None)
    if begun is not None and (isinstance(event, Started) or before is not None):  # the start of one that was found running was not seen
        yield _started(step, begun, owner, about)


def _at_completion(before: Stream) -> Delivery:
    """KVO or standing still is told next; COMPLETE that comes after one of them began finds it there."""
    return Delivery.TRANSITIONING if before.state is State.RUNNING else _standing(before)


def _started(step: Step, begun: OpenSegment, owner: Association, about: About) -> Document:
    after, is_kvo = step.after, begun.kind is segments.Kind.KVO
    is_rate = begun.kind is segments.Kind.RATE
    return _document(
        step,
        Kind.DELIVERY_STARTED,
        owner,
        about,
        source=_source(after, begun.kind),
        delivery=Delivery.KVO if is_kvo else Delivery.DELIVERING,
        flow=begun.rate,
        rate=begun.rate,
        dose_rate=after.dose_rate if is_rate else None,
        vtbi=NOTHING if is_kvo else about.vtbi if is_rate else None,
        segment_volume=NOTHING,
        differs=difference(begun.kind, begun.rate, ordered_in(step, about)),
        part="start",
    )


def _stopped(step: Step, before: Stream, closed: OpenSegment, owner: Association, about: About, *, goes_on: bool) -> Document:
    is_rate = closed.kind is segments.Kind.RATE
    last = step.after.segments[-1] if len(step.after.segments) > len(before.segments) else None
    return _document(
        step,
        Kind.DELIVERY_STOPPED,
        owner,
        about,
        source=_source(before, closed.kind),
        delivery=Delivery.TRANSITIONING if goes_on else Delivery.NOT_DELIVERING,
        reason=None if goes_on else _reason(step.event),
        flow=closed.rate if goes_on else STANDSTILL,
        rate=closed.rate,
        dose_rate=before.dose_rate if is_rate else None,
        vtbi=about.vtbi if is_rate else None,
        segment_volume=last.volume if last is not None else None,
        part="stop",
    )


def _completed(step: Step, before: Stream, owner: Association, about: About, delivery: Delivery) -> Document:
    interval = before.open
    stands = delivery is Delivery.NOT_DELIVERING
    segment = step.after.counted.since(interval.counted) if interval is not None and interval.kind is segments.Kind.RATE else None
    return _document(
        step,
        Kind.DELIVERY_COMPLETED,
        owner,
        about,
        source=before.source,
        delivery=delivery,
        reason=NotDelivering.NOT_SPECIFIED if stands else None,
        flow=STANDSTILL if stands else interval.rate if interval is not None else None,
        rate=before.running_rate,
        dose_rate=before.dose_rate,
        vtbi=about.vtbi,
        vtbi_left=NOTHING if about.vtbi is not None else None,
        segment_volume=segment,
        part="complete",
    )


def _contact(step: Step, owner: Association, about: About) -> Document:
    """No value beside it: what the channel does now is not known, or is told by the pump's own log next (SR-45, SR-46)."""
    since = step.event.last_heard_at if isinstance(step.event, ContactLost) else None
    words = f"The pump was last heard at {since.isoformat()}; nothing is known of the infusion since then." if since else ""
    return Document(
        kind=Kind.CONTACT_CHANGED,
        about=about,
        patient=owner.patient,
        happened_at=step.event.happened_at,
        pump_id=step.after.pump_id,
        channel_id=step.after.channel_id,
        infusion_id=step.after.infusion_id,
        source=step.after.source,
        drug=step.after.drug,
        words=words,
        is_online=since is None,
    )


def _as_it_stands(steps: Sequence[Step], step: Step, about: About) -> Iterator[Document]:
    """One status of the infusion as the pump's last word left it; none of a lost pump, or of what is nobody's now."""
    stream, today = step.after, steps[-1].after
    owner = next((one for one in (today.association,) if one is not None and one.placer_order_number == about.placer_order_number), None)
    if owner is None or is_held(owner) or today.stale_since is not None:
        return
    interval = stream.open
    delivery = _standing(stream)
    stands = delivery is Delivery.NOT_DELIVERING
    kind = interval.kind if interval is not None else segments.Kind.RATE
    yield _document(
        step,
        Kind.STATUS,
        owner,
        about,
        source=_source(stream, kind),
        delivery=delivery,
        reason=_last_reason(steps) if stands else None,
        flow=STANDSTILL if stands else stream.rate,
        rate=stream.rate if interval is not None else stream.running_rate,
        dose_rate=stream.dose_rate if kind is segments.Kind.RATE else None,
        vtbi=about.vtbi,
        differs=difference(kind, stream.rate, ordered_in(step, about)),
        part="status",
    )


def _standing(stream: Stream) -> Delivery:
    match stream.state:
        case State.RUNNING:
            return Delivery.TRANSITIONING if stream.volume_done else Delivery.DELIVERING  # KVO or standing still is told next
        case State.KVO:
            return Delivery.KVO
        case State.PAUSED | State.ENDED:
            return Delivery.NOT_DELIVERING


def _reason(event: InfusionEvent) -> NotDelivering:
    match event:
        case Paused(reason=reason):
            return reason
        case Ended(by=by) if by:
            return NotDelivering.BY_CLINICIAN
        case _:
            return NotDelivering.NOT_SPECIFIED


def _last_reason(steps: Sequence[Step]) -> NotDelivering:
    return next((_reason(step.event) for step in reversed(steps) if isinstance(step.event, Paused | Ended)), NotDelivering.NOT_SPECIFIED)


def _source(stream: Stream, kind: segments.Kind) -> Source:
    """A bolus is the clinician's source of its own; which one the pump named is not kept with the interval."""
    return Source.CLINICIAN if kind is segments.Kind.BOLUS else stream.source


def _document(
    step: Step,
    kind: Kind,
    owner: Association,
    about: About,
    *,
    source: Source,
    delivery: Delivery,
    flow: Quantity | None,
    rate: Quantity | None,
    dose_rate: Quantity | None,
    vtbi: Quantity | None,
    part: str,
    reason: NotDelivering | None = None,
    vtbi_left: Quantity | None = None,
    segment_volume: Quantity | None = None,
    differs: str = "",
) -> Document:
    stream, counted = step.after, step.after.counted
    is_exact = counted.is_current and not counted.gaps
    return Document(
        kind=kind,
        about=about,
        patient=owner.patient,
        happened_at=step.event.happened_at,
        pump_id=stream.pump_id,
        channel_id=stream.channel_id,
        report_id=_report_id(stream, step.event, part),
        infusion_id=stream.infusion_id,
        source=source,
        delivery=delivery,
        reason=reason,
        flow=flow,
        rate=rate,
        dose_rate=dose_rate,
        vtbi=vtbi,
        vtbi_left=vtbi_left,
        segment_volume=segment_volume,
        total=counted.total if is_exact else None,
        total_at_least=None if is_exact else counted.total,
        drug=stream.drug,
        concentration=stream.concentration,
        dosing_weight=stream.dosing_weight,
        differs=differs,
        words=_clock(step.event),
    )


def _clock(event: InfusionEvent) -> str:
    """D-24: the pump's time as it is, and that it could not be corrected."""
    pump: PumpSaid | None = getattr(event, "pump", None)
    return "The error of the pump's clock is not known." if pump is not None and pump.correction is None else ""


def _report_id(stream: Stream, event: InfusionEvent, part: str) -> str:
    """Of a numbered word of the pump: the same whenever it is told."""
    pump: PumpSaid | None = getattr(event, "pump", None)
    if pump is None or pump.number is None:
        return ""
    return ".".join((stream.infusion_id, pump.log_id, str(pump.number), part))
