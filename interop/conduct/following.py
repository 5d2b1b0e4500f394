"""What a pump's events say of its infusions, as events of the record (D-09, D-11, D-23). Pure: what is not known here is not guessed.

A run that names an offer is its programme's: the pump's word that it runs confirms it, whatever the record believed until then (D-09), and makes the
association that the bedside request asked for (D-11). A run that names none is nobody's, and waits for a person (SR-48, SR-50).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from interop.conduct import naming
from interop.conduct.decision import Told
from interop.conduct.infusions import InfusionNow, RunAt
from interop.conduct.sent import Sent
from interop.conduct.settling import Runs
from interop.conduct.streams import ProgrammeNow
from interop.domain import pump as said
from interop.domain.errors import PumpError
from interop.domain.events.association import AssociationBasis, AssociationEndCause, AssociationEnded, AssociationMade
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import (
    AlarmCleared,
    AlarmRaised,
    ContainerChanged,
    CountersReset,
    EditedAtPump,
    EndCause,
    Ended,
    Found,
    InfusionEvent,
    KvoEntered,
    NotDelivering,
    Paused,
    RateCause,
    RateChanged,
    Resumed,
    Source,
    Started,
    VolumeCompleted,
)
from interop.domain.events.nouns import PatientNumber, Setting
from interop.domain.events.programme import Planned
from interop.domain.lifecycle import infusion as infusions
from interop.ports import Projected
from interop.stages.confirm import not_as_offered

ENDS: Final[Mapping[str, EndCause]] = MappingProxyType(
    {
        "cleared": EndCause.CLEARED,
        "reprogrammed": EndCause.REPROGRAMMED,
        "new_patient": EndCause.NEW_PATIENT,
        "completed": EndCause.COMPLETED,
    }
)
PAUSES: Final[Mapping[str, NotDelivering]] = MappingProxyType(
    {
        "clinician": NotDelivering.BY_CLINICIAN,
        "alarm": NotDelivering.ALARMING,
        "door": NotDelivering.ALARMING,
        "power": NotDelivering.POWERED_OFF,
    }
)
RATES: Final[Mapping[str, RateCause]] = MappingProxyType(
    {"clinician": RateCause.CLINICIAN, "offer": RateCause.PROGRAMME, "pump": RateCause.PUMP}
)


class NotSaid(PumpError):
    """The event lacks what its kind must say; a person is told, and the log goes on."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the record holds of what an event speaks of. ``sent`` and ``programme`` are of the offer that it names."""

    infusion: InfusionNow | None = None
    run: RunAt | None = None
    programme: ProgrammeNow | None = None
    sent: Sent | None = None
    order_number: str = ""  # D-20
    others: tuple[tuple[RunAt, InfusionNow], ...] = ()  # all that runs on this pump, where the event is of the whole pump
    patients: frozenset[PatientNumber] = frozenset()  # whom the pump names, and whose infusions it runs
    elsewhere: str = ""  # where the offer that the event names was made to, if that is not this channel


@dataclass(frozen=True, slots=True)
class Followed:
    """What an event comes to. ``alerts`` are words for a person; ``rows`` lead from channel and order to what runs from now on.

    ``idle``: the infusion of that id stands still or is over from now on; ``busy``: it delivers (SR-04 counts the hours between). ``run`` is the row of
    an infusion that is told of for the first time.
    """

    told: tuple[Told, ...] = ()
    alerts: tuple[str, ...] = ()
    rows: tuple[Projected, ...] = ()
    idle: str = ""
    busy: str = ""
    run: RunAt | None = None
    confirms: Runs | None = None
    """The programme ``known.sent`` is in force, by the pump's word that it runs: to be settled in the same commit (D-09)."""


def follow(pump_id: str, event: said.Event, pump: PumpSaid, known: Known, association_id: str, now: datetime) -> Followed:
    """Raises: NoRow: the record has no row for it, or it contradicts what is known. NotSaid."""
    match event.kind:
        case said.Kind.STARTED:
            return _started(pump_id, event, pump, known, association_id, now)
        case said.Kind.PATIENT_CHANGED:
            return _patient_changed(event, known, now)
        case said.Kind.RATE_CHANGED:
            return _rate_changed(event, pump, known, now)
    if not event.channel_id and event.kind in (said.Kind.ALARM_RAISED, said.Kind.ALARM_CLEARED):
        return _of_the_whole_pump(event, pump, known, now)
    if known.infusion is None:
        if event.infusion_id:
            raise NotSaid("it speaks of an infusion whose start is not on file")
        return Followed()  # of the pump, or of a channel where nothing runs: its status says the rest
    happened = _happened(event, pump, now)
    return Followed() if happened is None else _to(known, (happened,))


def found(pump_id: str, channel_id: str, run: said.Run, known: Known, association_id: str, now: datetime) -> Followed:
    """A channel runs what the record never saw start, and the pump's log has nothing more to say of it (SR-48)."""
    opening = Found(at=now, pump=None, delivered=run.delivered, **_opening(pump_id, channel_id, run, known))
    return _opened(pump_id, channel_id, run, opening, "", known, association_id, now)


def _happened(event: said.Event, pump: PumpSaid, now: datetime) -> InfusionEvent | None:
    delivered, by = event.delivered, event.by
    match event.kind:
        case said.Kind.EDITED:
            return EditedAtPump(at=now, pump=pump, delivered=delivered, edits=event.edits, by=by)
        case said.Kind.PAUSED:
            return Paused(at=now, pump=pump, delivered=delivered, reason=PAUSES.get(event.cause, NotDelivering.NOT_SPECIFIED), by=by)
        case said.Kind.RESUMED:
            return Resumed(at=now, pump=pump, delivered=delivered, rate=event.rate, dose_rate=event.dose_rate, by=by)
        case said.Kind.VOLUME_COMPLETED:
            return VolumeCompleted(at=now, pump=pump, delivered=delivered)
        case said.Kind.KVO_ENTERED:
            return KvoEntered(at=now, pump=pump, delivered=delivered, rate=event.rate)
        case said.Kind.ENDED:
            return Ended(at=now, pump=pump, delivered=delivered, cause=ENDS.get(event.cause, EndCause.CLEARED), by=by)
        case said.Kind.CONTAINER_CHANGED:
            return ContainerChanged(at=now, pump=pump, delivered=delivered, container_id="", vtbi=event.vtbi, programme_id="", by=by)
        case said.Kind.COUNTERS_RESET:
            return CountersReset(at=now, pump=pump, delivered=delivered, before=event.before)
        case said.Kind.ALARM_RAISED if event.alarm is not None:
            alarm = event.alarm
            return AlarmRaised(at=now, pump=pump, alarm_id=alarm.alarm_id, code=alarm.code, priority=alarm.priority, text=alarm.text)
        case said.Kind.ALARM_CLEARED if event.alarm is not None:
            return AlarmCleared(at=now, pump=pump, alarm_id=event.alarm.alarm_id)
        case _:
            return None


def _started(pump_id: str, event: said.Event, pump: PumpSaid, known: Known, association_id: str, now: datetime) -> Followed:
    if event.run is None or not event.channel_id:
        raise NotSaid("a start without its run or its channel")
    run = event.run
    opening = Started(at=now, pump=pump, delivered=run.delivered, by=event.by, **_opening(pump_id, event.channel_id, run, known))
    return _opened(pump_id, event.channel_id, run, opening, event.by, known, association_id, now)


def _opening(pump_id: str, channel_id: str, run: said.Run, known: Known) -> dict[str, Any]:
    return {
        "infusion_id": naming.infusion_id(pump_id, run.infusion_id),
        "pump_id": pump_id,
        "channel_id": channel_id,
        "source": Source.PRIMARY,
        "programme_id": "" if known.sent is None else known.sent.programme_id,
        "entry_key": run.entry_key,
        "drug": run.drug,
        "concentration": run.concentration,
        "rate": run.rate if run.rate is not None else run.set_rate,
        "dose_rate": run.dose_rate,
        "vtbi": run.vtbi,
        "dosing_weight": run.weight,
    }


def _opened(
    pump_id: str, channel_id: str, run: said.Run, opening: Started | Found, by: str, known: Known, association_id: str, now: datetime
) -> Followed:
    """A run from an offer is its order's if it is what was offered, for whom it was offered; if not, it is nobody's and a person is told (D-23)."""
    infusion_id = naming.infusion_id(pump_id, run.infusion_id)
    version = 0 if known.infusion is None else known.infusion.version
    events: list[InfusionEvent] = [opening]
    alerts: list[str] = []
    confirms: Runs | None = None
    at = RunAt(infusion_id, pump_id, channel_id)
    if known.programme is not None and known.sent is not None and known.programme.today is not None:
        planned = next(each for each in known.programme.events if isinstance(each, Planned))
        confirms = _runs(run, by)
        against = list(not_as_offered(planned, run, known.patients))
        alerts += [f"{each} It is documented for nobody: look at the pump." for each in against]
        if not against and planned.patient is not None:
            events.append(
                AssociationMade(
                    at=now,
                    association_id=association_id,
                    patient=planned.patient,
                    placer_order_number=planned.placer_order_number,
                    basis=AssociationBasis.OFFER_CONFIRMED,
                    by=known.programme.today.confirmed_by or by,
                )
            )
            at = RunAt(
                infusion_id,
                pump_id,
                channel_id,
                planned.order_id,
                planned.placer_order_number,
                known.sent.sender,
                planned.programme_id,
                planned.patient,
                known.order_number,
            )
    elif run.offer_id:
        alerts.append(_not_here(known))
    after = infusions.fold(events) if known.infusion is None or known.infusion.today is None else _applied(known.infusion, events)
    if after is None:
        raise NotSaid("nothing was opened")
    rows = at.rows()
    if known.run is not None and known.run.infusion_id != infusion_id:  # the end of what ran here before was never told
        rows = (*known.run.over(), *rows)
        alerts.append("Another infusion ran on this channel before, and its end was not told. Complete its documentation.")
    told = Told(naming.infusion_stream(infusion_id), version, tuple(events))
    return Followed((told,), tuple(alerts), rows, busy=infusion_id, run=at, confirms=confirms)


def _not_here(known: Known) -> str:
    if known.elsewhere:
        return f"A channel runs a program that was offered to {known.elsewhere}. It is documented for nobody: look at the pump."
    return "A channel runs a program whose offer is not on file here. Look at the pump."


def _runs(run: said.Run, by: str) -> Runs:
    """D-09: a start that arrives after the offer was expired, withdrawn, refused or in doubt is the truth."""
    values = (("rate", run.set_rate or run.rate), ("dose rate", run.dose_rate), ("vtbi", run.vtbi))
    return Runs(by, run.second_check_by, tuple(Setting(name, value) for name, value in values if value is not None))


def _of_the_whole_pump(event: said.Event, pump: PumpSaid, known: Known, now: datetime) -> Followed:
    """An alarm of the pump itself is one of everything that it runs."""
    told: list[Told] = []
    for _, infusion in known.others:
        happened = _happened(event, pump, now)
        if happened is not None and infusion.today is not None:
            infusions.apply(infusion.today, happened)
            told.append(Told(infusion.stream, infusion.version, (happened,)))
    return Followed(tuple(told))


def _rate_changed(event: said.Event, pump: PumpSaid, known: Known, now: datetime) -> Followed:
    if known.infusion is None or event.rate is None:
        raise NotSaid("a change of rate without its infusion or its rate")
    cause = RATES.get(event.cause, RateCause.NOT_SAID)
    programme_id = known.sent.programme_id if known.sent is not None and cause is RateCause.PROGRAMME else ""
    changed = RateChanged(
        at=now,
        pump=pump,
        delivered=event.delivered,
        old=event.old_rate,
        new=event.rate,
        dose_rate=event.dose_rate,
        cause=cause,
        programme_id=programme_id,
        by=event.by,
    )
    followed = _to(known, (changed,))
    if not programme_id:
        alerts = (_not_here(known),) if event.offer_id else ()
        return replace(followed, alerts=(*followed.alerts, *alerts))
    return replace(followed, confirms=_runs(said.Run(event.infusion_id, set_rate=event.rate, dose_rate=event.dose_rate), event.by))


def _to(known: Known, events: Sequence[InfusionEvent]) -> Followed:
    """The events into the infusion's stream, with what a person must be told. Raises: NoRow."""
    infusion = known.infusion
    if infusion is None or infusion.today is None:
        raise NotSaid("it speaks of an infusion whose start is not on file")
    alerts = _words(*(infusions.alert(infusion.today, event) for event in events))
    after = _applied(infusion, events)
    told = (Told(infusion.stream, infusion.version, tuple(events)),)
    runs_again = infusion.today.state is infusions.State.ENDED and after.state is not infusions.State.ENDED
    rows: tuple[Projected, ...] = ()
    if known.run is not None and after.state is infusions.State.ENDED:
        rows = known.run.over()
    elif runs_again:
        rows = _run_of(after, known).rows()
    if after.state is infusion.today.state:
        return Followed(told, alerts, rows)  # an alarm while it stands still does not begin the hours anew
    delivers = after.state in (infusions.State.RUNNING, infusions.State.KVO)
    idle = "" if delivers or after.association is None else after.infusion_id
    return Followed(told, alerts, rows, idle, after.infusion_id if delivers else "")


def _run_of(stream: infusions.Stream, known: Known) -> RunAt:
    """The row of an infusion that had been taken for ended, from what its own stream and its programme still say."""
    association, programme = stream.association, known.programme
    if association is None or programme is None or programme.today is None or known.sent is None:
        return RunAt(stream.infusion_id, stream.pump_id, stream.channel_id)
    return RunAt(
        stream.infusion_id,
        stream.pump_id,
        stream.channel_id,
        programme.today.order_id,
        association.placer_order_number,
        known.sent.sender,
        stream.programme_id,
        association.patient,
        known.order_number,
    )


def _applied(infusion: InfusionNow, events: Sequence[InfusionEvent]) -> infusions.Stream:
    after = infusion.today
    for event in events:
        after = infusions.apply(after, event)
    if after is None:
        raise NotSaid("no event")
    return after


def _patient_changed(event: said.Event, known: Known, now: datetime) -> Followed:
    """SR-04: another patient at the pump ends every association there but that patient's own; what still runs is told by its own events."""
    told: list[Told] = []
    rows: list[Projected] = []
    for run, infusion in known.others:
        association = infusion.today.association if infusion.today is not None else None
        if association is None:
            continue
        if event.patient is not None and (event.patient.value, event.patient.authority) == (
            association.patient.value,
            association.patient.authority,
        ):
            continue
        ended = AssociationEnded(at=now, association_id=association.id, cause=AssociationEndCause.NEW_PATIENT, by=event.by)
        told.append(Told(infusion.stream, infusion.version, (ended,)))
        rows += run.let_go()
    return Followed(tuple(told), rows=tuple(rows))


def _words(*words: str) -> tuple[str, ...]:
    return tuple(each for each in words if each)
