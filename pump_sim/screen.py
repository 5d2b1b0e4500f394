"""A pump's screen drawn as values from its state (SR-08); which keys do something now comes from the same guards that the keys themselves ask."""

from collections.abc import Iterable
from fractions import Fraction

from pump_sim import keys
from pump_sim.alarms import KINDS, RANK, WORDS
from pump_sim.amounts import Amount, ml, ml_per_h
from pump_sim.bedside import GUARDS, judged, open_breaches, under_review, why_not_new_patient, why_not_set_care_area
from pump_sim.clock import MICROSECONDS, Now
from pump_sim.library import Entry
from pump_sim.machine import Machine
from pump_sim.passing import ends_at
from pump_sim.programme import LABELS, missing, needed
from pump_sim.reports import battery_left_us, battery_percent
from pump_sim.state import Alarm, Channel, Programme, Run
from pump_sim.states import DELIVERING, UNSTARTED, Shadow, State
from pump_sim.view import AlarmView, CautionView, ChannelView, EntryView, KeyView, ProgramView, PumpView, RunView, ValueView

KEY_LABELS = {
    keys.OpenOffer: "Open the program",
    keys.Confirm: "Confirm",
    keys.Start: "START",
    keys.Reject: "Reject",
    keys.Edit: "Edit a value",
    keys.Override: "Override a soft limit",
    keys.SecondCheck: "Second check",
    keys.Program: "Program by hand",
    keys.Enter: "Enter a value",
    keys.Review: "Review",
    keys.Cancel: "Cancel",
    keys.Pause: "Pause",
    keys.Resume: "START",
    keys.Change: "Change rate or volume",
    keys.Clear: "End and clear",
}


def view(m: Machine, now: Now) -> PumpView:
    """Everything, as it stands at this moment."""
    kept_now, kept_at = m.now, m.at_us
    m.now, m.at_us = now, now.mono_us
    try:
        return _pump(m)
    finally:
        m.now, m.at_us = kept_now, kept_at


def _pump(m: Machine) -> PumpView:
    state, library = m.state, m.library
    return PumpView(
        pump_id=m.config.pump_id,
        model=m.model.key,
        title=m.model.title,
        simulated=True,
        faults=keys_of_faults(m),
        speed=m.config.speed,
        clock=m.wall.isoformat(timespec="seconds"),
        power=("mains" if state.on_mains else "battery") if state.on else "off",
        battery_percent=battery_percent(m),
        battery_minutes=None if state.on_mains else battery_left_us(m) // (60 * MICROSECONDS),
        connected=m.link.ready,
        patient=_patient(m),
        patient_name=state.patient_name,
        weight=str(state.weight) if state.weight is not None else "",
        care_area=state.care_area,
        care_areas=tuple(library.care_areas.items()) if library is not None and not why_not_set_care_area(m) else (),
        library=f"{library.ref.id} {library.ref.version}" if library is not None else "",
        library_hash=library.ref.hash if library is not None else "",
        notices=(*state.notices, *(alarm.text for alarm in state.alarms)),
        override_reasons=tuple(keys.OVERRIDE_REASONS.items()),
        channels=tuple(_channel(m, channel) for channel in state.channels.values()),
    )


def keys_of_faults(m: Machine) -> tuple[str, ...]:
    """The names of the keys that inject a fault; none where injection is off (SR-98)."""
    return tuple(name for name, key in keys.KEYS.items() if issubclass(key, keys.Injected)) if m.config.faults else ()


def _patient(m: Machine) -> str:
    return f"{m.state.patient.id} ({m.state.patient.authority})" if m.state.patient is not None else ""


def _channel(m: Machine, channel: Channel) -> ChannelView:
    library = m.library
    may_choose = library is not None and channel.state is State.IDLE
    alarms = sorted([*channel.alarms, *m.state.alarms], key=lambda alarm: (RANK[KINDS[alarm.kind].priority], alarm.since))
    return ChannelView(
        channel_id=channel.channel_id,
        mode=channel.mode,
        state=channel.state.name,
        state_words=channel.state.value,
        delivering=channel.state in DELIVERING,
        set_installed=channel.set_installed,
        door_open=channel.door_open,
        air=channel.air,
        syringe=str(ml(channel.syringe_volume)) if channel.syringe_volume is not None else "",
        program=_program(m, channel, channel.programme) if channel.programme is not None else None,
        change=_program(m, channel, channel.change) if channel.change is not None else None,
        run=_run(m, channel.run) if channel.run is not None else None,
        alarms=tuple(_alarm(alarm) for alarm in alarms),
        silenced_s=max(0, -(-(channel.silenced_until_us - m.at_us) // MICROSECONDS)),
        keys=tuple(_keys(m, channel)),
        entries=_choices(m, channel) if may_choose else (),
        order=channel.order,
        note=channel.note,
    )


def _choices(m: Machine, channel: Channel) -> tuple[EntryView, ...]:
    """What may be chosen by hand here, drawn once for a library and care area: it is long, and asked for at each look."""
    library = m.library
    if library is None:
        return ()
    key = (library.ref, m.state.care_area, channel.mode)
    if key not in m.choices:
        m.choices[key] = tuple(_entry(m, entry) for entry in library.choices(m.state.care_area, channel.mode))
    return m.choices[key]


def _alarm(alarm: Alarm) -> AlarmView:
    kind = KINDS[alarm.kind]
    return AlarmView(alarm.alarm_id, kind.code, WORDS[kind.priority], alarm.text, alarm.since.isoformat(timespec="seconds"))


def _entry(m: Machine, entry: Entry) -> EntryView:
    parts = " / ".join(str(part) for part in (entry.amount, entry.volume) if part is not None)
    programme = Programme(entry=entry, concentration=entry.concentration)
    title = f"{entry.tallman} {parts}, {entry.therapy}" if parts else f"{entry.tallman}, {entry.therapy}"
    absent = ("concentration",) if "concentration" in missing(programme, m.model) else ()
    return EntryView(entry.key, title, entry.dosing_unit, (*absent, *needed(programme, m.model)))


def _keys(m: Machine, channel: Channel) -> Iterable[KeyView]:
    """The keys that belong to what the channel shows now; one that would do nothing yet says why."""
    for key in _shown(channel):
        guard = GUARDS.get(key)
        yield KeyView(keys.name_of(key), KEY_LABELS[key], guard(m, channel) if guard is not None else "")
    if not m.delivers() and not why_not_new_patient(m):
        yield KeyView("new_patient", "New patient")


def _shown(channel: Channel) -> list[type[keys.Key]]:
    programme = under_review(channel)
    reviewing: list[type[keys.Key]] = [keys.Confirm, keys.Edit, keys.Override]
    if programme is not None and programme.needs_second_check:
        reviewing.append(keys.SecondCheck)
    leave: list[type[keys.Key]] = [keys.Cancel if (channel.change or channel.programme or Programme()).by_hand else keys.Reject]
    match channel.state:
        case State.IDLE:
            return [keys.Program]
        case State.PROGRAMMING:
            return [keys.Enter, keys.Review, keys.Cancel]
        case State.PENDING_REMOTE:
            return [keys.OpenOffer, keys.Reject]
        case State.REVIEW:
            return [*reviewing, *leave]
        case State.READY:
            second: list[type[keys.Key]] = [keys.SecondCheck] if programme is not None and programme.needs_second_check else []
            return [keys.Start, *second, *leave]
        case State.PAUSED | State.ALARM_STOPPED:
            shown: list[type[keys.Key]] = [keys.Resume, keys.Clear]
        case State.COMPLETE:
            return [keys.Clear]
        case State.INFUSING | State.KVO:
            shown = [keys.Pause]
        case _:
            return []
    match channel.shadow:
        case Shadow.NONE:
            return [*shown, keys.Change] if channel.state is State.INFUSING else shown
        case Shadow.PENDING:
            return [*shown, keys.OpenOffer, keys.Reject]
        case Shadow.REVIEW:
            return [*shown, *reviewing, *leave]


def _program(m: Machine, channel: Channel, programme: Programme) -> ProgramView:
    entry, run = programme.entry, channel.run
    judgement, left = open_breaches(m, channel, programme)
    breaches = {breach.name: breach.words for breach in judged(m, channel, programme).soft}
    open_names = {breach.name for breach in left}
    old = run.programme.settings if run is not None and programme is channel.change else {}
    second = f"by {programme.second_check_by}" if programme.second_check_by else "needed" if programme.needs_second_check else ""
    return ProgramView(
        source="hand" if programme.by_hand else "offer",
        is_change=programme is channel.change,
        patient=f"{programme.patient.id} ({programme.patient.authority})" if programme.patient is not None else "",
        patient_name=programme.patient_name,
        order=programme.order,
        requested_by=programme.requested_by,
        weight_source=_weight_source(programme),
        drug=entry.drug if entry is not None else "",
        tallman=entry.tallman if entry is not None else "",
        therapy=entry.therapy if entry is not None else "",
        care_area=entry.care_area if entry is not None else m.state.care_area,
        concentration=str(programme.concentration) if programme.concentration is not None else "",
        container=programme.container,
        values=tuple(
            _value(programme, name, value, old, breaches, open_names) for name, value in sorted(programme.settings.items(), key=_place)
        ),
        cautions=tuple(CautionView(caution.text, caution.action) for caution in programme.cautions),
        advisory=entry.advisory if entry is not None else "",
        high_alert=entry is not None and entry.high_alert,
        missing=missing(programme, m.model),
        hard_breaches=() if channel.state is State.PROGRAMMING else tuple(reason.text for reason in judgement.hard),
        second_check=second,
        confirmed_by=programme.confirmed_by,
        seconds_left=max(0, -(-(ends_at(programme) - m.at_us) // MICROSECONDS)) if channel.state in UNSTARTED or old else None,
    )


def _weight_source(programme: Programme) -> str:
    if "weight" not in programme.settings:
        return ""
    if programme.changes and "weight" not in programme.offered:
        return "of the running infusion"
    if programme.settings["weight"] != programme.offered.get("weight"):
        return "entered at this pump"
    return {"order": "from the order", "pump": "from this pump"}.get(programme.weight_source, "source not told")


VALUES = ("dose rate", "dose", "rate", "vtbi", "duration", "weight", "body surface area", "total dose")
"""The order in which values are read: what is given first."""


def _place(value: tuple[str, Amount]) -> int:
    return VALUES.index(value[0]) if value[0] in VALUES else len(VALUES)


def _value(
    programme: Programme, name: str, value: Amount, old: dict[str, Amount], breaches: dict[str, str], open_names: set[str]
) -> ValueView:
    offered = programme.offered.get(name)
    was = old.get(name)
    return ValueView(
        name=name,
        label=LABELS.get(name, name),
        text=str(value),
        number=str(value).removesuffix(f" {value.unit}"),
        unit=value.unit,
        old=str(was) if was is not None and name in ("rate", "dose rate", "vtbi") else "",
        offered=str(offered) if offered is not None and offered != value else "",
        breach=breaches.get(name, ""),
        overridden=name in breaches and name not in open_names,
    )


def _run(m: Machine, run: Run) -> RunView:
    programme, entry = run.programme, run.programme.entry
    settings = programme.settings
    delivered = m.told(run)
    vtbi = settings.get("vtbi")
    left = vtbi.value - (delivered.value - run.vtbi_from) if vtbi is not None else None
    return RunView(
        infusion_id=run.infusion_id,
        order=programme.order,
        drug=entry.drug if entry is not None else "",
        tallman=entry.tallman if entry is not None else "",
        therapy=entry.therapy if entry is not None else "",
        concentration=str(programme.concentration) if programme.concentration is not None else "",
        rate=str(ml_per_h(run.flow.rate)),
        set_rate=str(settings["rate"]),
        dose_rate=str(settings["dose rate"]) if "dose rate" in settings else str(settings.get("dose", "")),
        weight=str(settings.get("weight", "")),
        vtbi=str(vtbi) if vtbi is not None else "",
        vtbi_left=str(ml(max(left, Fraction(0)))) if left is not None else "",
        delivered=str(delivered),
        time_left=_time_left(run, left),
        started_at=run.started_at.isoformat(timespec="seconds"),
        confirmed_by=programme.confirmed_by,
        second_check_by=programme.second_check_by,
    )


def _time_left(run: Run, left: Fraction | None) -> str:
    """Hours and minutes until the VTBI is given, rounded down; empty: it stands, or has no VTBI, or keeps open."""
    if left is None or run.done or not run.flow.rate:
        return ""
    minutes = int(max(left, Fraction(0)) * 60 / run.flow.rate)
    return f"{minutes // 60} h {minutes % 60:02d} min"
