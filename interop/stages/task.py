"""What a chart is told of one programme as a Task: its own events, and those of the infusion that it became (D-22, fhir-infusion.md 4.3). Pure.

How far it came is said by the programme until the pump runs it, and from then on by the infusion: whatever was believed before, the pump's word is the
truth (D-09). What nobody knows is told as unknown, and never as not given (D-10). An infusion is told as far as it is this order's (SR-50), and while a
merge of patients puts that in doubt, as it stood before (D-12).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from interop.domain.events.association import AssociationSuspended
from interop.domain.events.infusion import EndCause, Ended, InfusionEvent, NotDelivering, Paused
from interop.domain.events.nouns import Reason
from interop.domain.events.programme import (
    AnswerLost,
    Attempt,
    Attested,
    Confirmed,
    OfferNotSent,
    OfferSent,
    OfferShown,
    Planned,
    ProgrammeEvent,
    RecallCause,
    RefusedByChecks,
    RefusedByPump,
    RejectCause,
    Rejected,
)
from interop.domain.finding import Finding, Owner, PivError, Sub
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle import programme as programmes
from interop.domain.lifecycle import segments
from interop.domain.lifecycle.associations import Association
from interop.domain.lifecycle.programme import State
from interop.domain.quantity import Quantity
from interop.domain.task import Named, Note, Standing, Status, Task
from interop.stages.administration import parent_id
from interop.stages.told import is_held

RECALLED: Final[Mapping[RecallCause, Standing]] = MappingProxyType(
    {
        RecallCause.ORDER_CHANGED: Standing.ORDER_CHANGED,
        RecallCause.ORDER_HELD: Standing.ORDER_HELD,
        RecallCause.ORDER_ENDED: Standing.ORDER_STOPPED,
        RecallCause.ENTERED_IN_ERROR: Standing.ORDER_IN_ERROR,
        RecallCause.ENTRY_HELD: Standing.ENTRY_HELD,
        RecallCause.SUPERSEDED: Standing.SUPERSEDED,
        RecallCause.ASSOCIATION: Standing.ASSOCIATION_IN_DOUBT,
        RecallCause.CANCELLED_BY_CLIENT: Standing.CANCELLED_BY_CLIENT,
    }
)

REJECTED: Final[Mapping[RejectCause, Standing]] = MappingProxyType(
    {
        RejectCause.BY_CLINICIAN: Standing.REJECTED_AT_PUMP,
        RejectCause.OTHER_DRUG: Standing.OTHER_DRUG,
        RejectCause.OTHER_PATIENT: Standing.OTHER_PATIENT,
        RejectCause.CLEARED: Standing.CLEARED,
    }
)

AGAIN: Final = "Ask again at the bedside if it is still wanted."

NEXT: Final[Mapping[Standing, tuple[str, Owner]]] = MappingProxyType(
    {
        Standing.AWAITING_CONFIRMATION: ("At the pump: confirm, then press start.", Owner.NURSE),
        Standing.OPENED: ("At the pump: confirm, then press start.", Owner.NURSE),
        Standing.BEING_RECALLED: ("Do not start it.", Owner.NURSE),
        Standing.CONFIRMED: ("Press start at the pump.", Owner.NURSE),
        Standing.KVO: ("Hang the next container, or end it, at the pump.", Owner.NURSE),
        Standing.PAUSED: ("Go on, or end it, at the pump.", Owner.NURSE),
        Standing.ALARM: ("Look at the pump.", Owner.NURSE),
        Standing.TIMEOUT: (AGAIN, Owner.NURSE),
        Standing.REJECTED_AT_PUMP: (AGAIN, Owner.NURSE),
        Standing.CLEARED: (AGAIN, Owner.NURSE),
        Standing.OTHER_DRUG: ("Look at the pump: what runs there is not this order's.", Owner.NURSE),
        Standing.OTHER_PATIENT: ("Check the wristband and the pump; do not start.", Owner.NURSE),
        Standing.OUTCOME_UNKNOWN: ("Look at the pump before programming by hand, and say what you see.", Owner.NURSE),
        Standing.ATTESTED_UNKNOWN: ("Whether any of it was given is not known here: chart what was seen.", Owner.NURSE),
        Standing.NOT_AS_OFFERED: ("Look at the pump, and associate what runs there.", Owner.NURSE),
        Standing.WITHDRAWN: (AGAIN, Owner.NURSE),
        Standing.ORDER_CHANGED: ("Ask again at the bedside for the order as it is now.", Owner.NURSE),
        Standing.ASSOCIATION_IN_DOUBT: ("Scan patient and pump again.", Owner.NURSE),
    }
)
"""What to do next and whose move it is; where nothing is listed, nothing is to be done, or the reasons say it."""

OPEN: Final = frozenset({Standing.QUEUED, Standing.SENT, Standing.AWAITING_CONFIRMATION, Standing.OPENED})
"""While it is open the cautions of the plan are told too."""


@dataclass(frozen=True, slots=True)
class Pump:
    """What the pump says of itself; empty: it never said hello."""

    model: str = ""
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class _Stands:
    """``run`` is the infusion as it may be told of; None: it is not told of (yet), or is not this order's."""

    status: Status
    standing: Standing
    run: infusions.Stream | None = None
    number: int = 0


def task_of(
    events: Sequence[ProgrammeEvent], infusion: Sequence[InfusionEvent], today: infusions.Stream | None, named: Named, pump: Pump
) -> Task | None:
    """None: it is not planned yet. ``infusion`` is all of the infusion that this programme runs in, ``today`` its fold; empty: none is on file.

    Raises: NoRow: the events are not those of one programme.
    """
    planned = events[0] if events else None
    stream = programmes.fold(events)
    if not isinstance(planned, Planned) or stream is None:
        return None
    stands = _of_run(planned, infusion, today, named) if today is not None else None
    if stands is None:
        stands = _of_programme(planned, stream, events)
    reasons = _reasons(events, stream) if stands.run is None else ()
    stale = stands.run.stale_since if stands.run is not None and stands.status in (Status.IN_PROGRESS, Status.ON_HOLD) else None
    return Task(
        id=planned.programme_id,
        version=len(events) + len(infusion),
        status=stands.status,
        standing=stands.standing,
        reason=reasons[0] if reasons else None,
        notes=tuple(_notes(planned, stream, events, stands, reasons, stale)),
        placer_order_number=planned.placer_order_number,
        named=named,
        patient=planned.patient,
        requested_by=planned.requested_by,
        pump_id=planned.pump_id,
        channel_id=planned.channel_id,
        pump_model=pump.model,
        is_simulated=pump.is_simulated,
        drug=planned.drug,
        authored_at=planned.at,
        modified_at=max(each.at for each in (planned, events[-1], *infusion[-1:])),
        open_until=_open_until(events, stream),
        settings=planned.settings,
        administration_id=parent_id(stands.run.infusion_id, stands.number) if stands.run is not None and stands.number else "",
        stale_since=stale,
    )


# ── until it runs ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_programme(planned: Planned, stream: programmes.Stream, events: Sequence[ProgrammeEvent]) -> _Stands:
    match stream.state:
        case State.PLANNED:
            return _Stands(Status.REQUESTED, Standing.QUEUED)
        case State.OFFERED:
            return _Stands(Status.ACCEPTED if stream.shown else Status.REQUESTED, _offered(stream))
        case State.CONFIRMED:
            confirmed = Standing.CONFIRMED if planned.attempt is Attempt.START else Standing.CHANGED
            return _Stands(Status.READY, Standing.BEING_RECALLED if stream.recalled else confirmed)
        case State.REFUSED:
            never_left = isinstance(_last(events, RefusedByChecks, RefusedByPump, OfferNotSent), OfferNotSent)
            return _Stands(Status.FAILED, Standing.NOT_SENT) if never_left else _Stands(Status.REJECTED, Standing.REFUSED)
        case State.REJECTED:
            rejected = _last(events, Rejected)
            cause = rejected.cause if isinstance(rejected, Rejected) else RejectCause.BY_CLINICIAN
            return _Stands(Status.REJECTED, REJECTED[cause])
        case State.EXPIRED:
            return _Stands(Status.FAILED, Standing.TIMEOUT)
        case State.WITHDRAWN:
            return _Stands(Status.CANCELLED, Standing.WITHDRAWN if stream.recalled is None else RECALLED[stream.recalled])
        case State.UNCERTAIN:
            return _Stands(Status.FAILED, Standing.OUTCOME_UNKNOWN)
        case State.ATTESTED:
            return _Stands(Status.FAILED, Standing.ATTESTED_UNKNOWN)


def _offered(stream: programmes.Stream) -> Standing:
    if stream.recalled is not None:
        return Standing.BEING_RECALLED
    if stream.opened:
        return Standing.OPENED
    return Standing.AWAITING_CONFIRMATION if stream.shown else Standing.SENT


def _open_until(events: Sequence[ProgrammeEvent], stream: programmes.Stream) -> datetime | None:
    """D-09: untouched so long on the screen, and never longer than its whole life; the pump counts on its own clock and has the last word."""
    sent = _last(events, OfferSent)
    if stream.state is not State.OFFERED or not isinstance(sent, OfferSent):
        return None
    if stream.opened:
        return sent.at + timedelta(seconds=sent.total_s)
    shown = _last(events, OfferShown)
    since = sent.at if shown is None else max(sent.at, shown.happened_at)
    return since + timedelta(seconds=sent.untouched_s)


# ── once it runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_run(planned: Planned, events: Sequence[InfusionEvent], today: infusions.Stream, named: Named) -> _Stands | None:
    """None: the infusion is not this programme's, or may not be told of yet."""
    if not any(getattr(event, "programme_id", "") == planned.programme_id for event in events):
        return None
    one = _ours(planned, events, today, named)
    if one is None:
        return _Stands(Status.FAILED, Standing.NOT_AS_OFFERED)
    if one.is_void:
        return _Stands(Status.ENTERED_IN_ERROR, Standing.WRONG_ASSOCIATION, today, _number(today, one))
    stream: infusions.Stream | None = today
    if is_held(one):
        events = _before_hold(events, one)
        stream = infusions.fold(events)
        one = next((each for each in stream.associations if each.id == one.id), one) if stream is not None else one
        if stream is None or one not in stream.associations:
            return None
    if stream is None:
        return None
    status, standing = _run(stream, events, one)
    return _Stands(status, standing, stream, _number(stream, one))


def _ours(planned: Planned, events: Sequence[InfusionEvent], stream: infusions.Stream, named: Named) -> Association | None:
    """The association by which this infusion is the programme's order's: the one that holds, else the last that did, else one that never was true."""
    if planned.attempt is Attempt.START:
        patients = {planned.patient, *named.patient_numbers}
        ours = [
            each for each in stream.associations if each.placer_order_number == planned.placer_order_number and each.patient in patients
        ]
    else:  # D-20: a change may have a number of its own; whose infusion it changed is what counts
        since = next(event.at for event in events if getattr(event, "programme_id", "") == planned.programme_id)
        ours = [each for each in stream.associations if each.until is None or each.until > since]
    rank = sorted(ours, key=lambda each: (each.is_live, not each.is_void))
    return rank[-1] if rank else None


def _number(stream: infusions.Stream, one: Association) -> int:
    return next(number for number, each in enumerate(stream.associations, 1) if each.id == one.id)


def _before_hold(events: Sequence[InfusionEvent], one: Association) -> Sequence[InfusionEvent]:
    """The story up to the merge that still puts the association in doubt."""
    doubts = {doubt.message_id for doubt in one.suspensions}
    for number, event in enumerate(events):
        if isinstance(event, AssociationSuspended) and event.association_id == one.id and event.message_id in doubts:
            return events[:number]
    return events


def _run(stream: infusions.Stream, events: Sequence[InfusionEvent], one: Association) -> tuple[Status, Standing]:
    over = next((event for event in reversed(events) if isinstance(event, Ended)), None)
    if stream.state is infusions.State.ENDED and over is not None and (one.until is None or over.happened_at <= one.until):
        whole = stream.volume_done or over.cause is EndCause.COMPLETED
        return Status.COMPLETED, Standing.DELIVERED if whole else Standing.STOPPED
    if one.until is not None:
        return Status.COMPLETED, Standing.NO_LONGER_ASSOCIATED
    match stream.state:
        case infusions.State.PAUSED:
            pause = next((event for event in reversed(events) if isinstance(event, Paused)), None)
            is_alarm = pause is not None and pause.reason is NotDelivering.ALARMING
            return Status.ON_HOLD, Standing.ALARM if is_alarm else Standing.PAUSED
        case infusions.State.KVO:
            return Status.IN_PROGRESS, Standing.KVO
        case _:
            is_bolus = stream.open is not None and stream.open.kind is segments.Kind.BOLUS
            return Status.IN_PROGRESS, Standing.BOLUS if is_bolus else Standing.INFUSING


# ── in words ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _reasons(events: Sequence[ProgrammeEvent], stream: programmes.Stream) -> tuple[Reason, ...]:
    """What speaks against it, gravest first, as it was told; nothing once it is confirmed, or while nobody spoke."""
    match stream.state:
        case State.REFUSED:
            last = _last(events, RefusedByChecks, RefusedByPump, OfferNotSent)
            if isinstance(last, OfferNotSent):
                return (last.reason,)
            return last.reasons if isinstance(last, RefusedByChecks | RefusedByPump) else ()
        case State.REJECTED:
            last = _last(events, Rejected)
            words = (last.words or f"Rejected at the pump: {last.cause.value}") if isinstance(last, Rejected) else ""
            return (Reason.of(Finding.against(PivError.REJECTED_BY_USER, "channel", words)),)
        case State.EXPIRED:
            return (Reason.of(Finding.against(PivError.TIMED_OUT, "channel", "nobody confirmed and started it at the pump in time")),)
        case State.UNCERTAIN | State.ATTESTED:
            sentence = "the pump did not answer; it may hold the program"
            return (Reason.of(Finding.against(Sub.OUTCOME_UNKNOWN, "channel", sentence)),)
        case _:
            return ()


def _notes(
    planned: Planned,
    stream: programmes.Stream,
    events: Sequence[ProgrammeEvent],
    stands: _Stands,
    reasons: Sequence[Reason],
    stale: datetime | None,
) -> Iterator[Note]:
    if (stands.status is Status.REJECTED and stands.standing is Standing.REFUSED) or stands.standing is Standing.NOT_SENT:
        for reason in reasons:
            yield Note(" ".join(filter(None, (sentence(reason.sentence), reason.action, f"For: {reason.owner}."))))
    elif stands.standing in NEXT:
        action, owner = NEXT[stands.standing]
        yield Note(f"{stands.standing.words}. {action} For: {owner.value}.")
    else:
        yield Note(f"{stands.standing.words}.")
    if stands.standing in OPEN:
        for caution in planned.cautions:
            yield Note(f"Caution: {sentence(caution.sentence)}")
    for event in events:
        if isinstance(event, Attested):
            yield Note(f"Saw on the channel: {event.saw.value}.", event.seen_at, event.by)
            if event.words:
                yield Note(sentence(event.words), event.seen_at, event.by)
    if any(isinstance(event, AnswerLost) for event in events) and stream.state is not State.UNCERTAIN:
        yield Note("The pump's answer was lost for a time; the offer was never sent again.")
    yield from _late(events)
    if stream.confirmed is not None:
        for edit in stream.confirmed.edits:
            yield Note(f"Changed by the clinician at the pump: {edit.name} {_amount(edit.now)}, offered {_amount(edit.was)}.")
    if stands.status is Status.ENTERED_IN_ERROR:
        return
    if stale is not None:
        yield Note(f"The pump was last heard at {stale.isoformat()}: whether it goes on since then is not known. Look at the pump.")


def _late(events: Sequence[ProgrammeEvent]) -> Iterator[Note]:
    """D-09: it was over, as far as anybody knew, and the pump said otherwise."""
    before: programmes.Stream | None = None
    for event in events:
        words = programmes.alert(before, event) if before is not None and isinstance(event, Confirmed) else ""
        if words:
            yield Note(words, event.at)
        before = programmes.apply(before, event)


def sentence(text: str) -> str:
    """As a sentence: a capital at its start, a full stop at its end."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""


def _amount(amount: Quantity | None) -> str:
    return "none" if amount is None else str(amount)


def _last(events: Sequence[ProgrammeEvent], *kinds: type[ProgrammeEvent]) -> ProgrammeEvent | None:
    return next((event for event in reversed(events) if isinstance(event, kinds)), None)
