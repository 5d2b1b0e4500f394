"""The clinician's keys. For each there is a guard that says in words why it does nothing now, which the screen shows beside the locked key."""

from collections.abc import Callable, Mapping

from pump_sim import keys, wire
from pump_sim.amounts import PLAIN, Amount, NotAnAmount, OtherMeasure, measure
from pump_sim.delivery import apply_change, end, hindrances, kvo_rate, leave_program, pause, resume, start
from pump_sim.machine import Machine
from pump_sim.programme import Breach, CannotSet, Judgement, judge, missing, set_value, unit_of
from pump_sim.state import Channel, Override, Patient, Programme
from pump_sim.states import DELIVERING, STANDING, UNSTARTED, Event, Shadow, State

CHANGEABLE = ("rate", "dose rate", "vtbi")
SILENCE_S = 120
LONGEST_TEXT = 1000


def under_review(channel: Channel) -> Programme | None:
    """The program or change that the clinician is looking at; None: none is open."""
    if channel.shadow is Shadow.REVIEW:
        return channel.change
    return channel.programme if channel.state in (State.REVIEW, State.READY) else None


def open_breaches(m: Machine, channel: Channel, programme: Programme) -> tuple[Judgement, tuple[Breach, ...]]:
    """The pump's judgement now, and the soft limits in it that nobody has passed on purpose."""
    judgement = judged(m, channel, programme)
    left = [breach for breach in judgement.soft if breach.name not in programme.overrides]
    return judgement, tuple(left)


def judged(m: Machine, channel: Channel, programme: Programme) -> Judgement:
    return judge(programme, m.model, channel.syringe_volume)


# ── guards: why not ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def why_not_open(m: Machine, channel: Channel) -> str:
    if channel.state is State.PENDING_REMOTE or channel.shadow is Shadow.PENDING:
        return ""
    return "No program waits here"


def why_not_edit(m: Machine, channel: Channel) -> str:
    if channel.state is State.REVIEW or channel.shadow is Shadow.REVIEW:
        return ""
    return "Nothing is under review" if channel.state is not State.READY else "It is confirmed: reject it to set other values"


def why_not_second_check(m: Machine, channel: Channel) -> str:
    return "" if under_review(channel) is not None else "Nothing is under review"


def why_not_confirm(m: Machine, channel: Channel) -> str:
    programme = under_review(channel)
    if programme is None or channel.state is State.READY:
        return "Nothing is under review"
    if channel.shadow is Shadow.REVIEW and channel.state is not State.INFUSING:
        return f"The channel is {channel.state.value}: a change needs a running infusion"
    judgement, left = open_breaches(m, channel, programme)
    if judgement.hard:
        return judgement.hard[0].text
    if left:
        return f"{left[0].words}: override with a reason, or set another value"
    if channel.shadow is Shadow.REVIEW and programme.needs_second_check and not programme.second_check_by:
        return "Another person must check the values first"
    return ""


def why_not_start(m: Machine, channel: Channel) -> str:
    programme = channel.programme
    if channel.state is not State.READY or programme is None:
        return "No program is confirmed"
    if blocked := hindrances(m, channel):
        return blocked[0]
    if programme.needs_second_check and not programme.second_check_by:
        return "Another person must check the values first"
    judgement, left = open_breaches(m, channel, programme)
    if judgement.hard or left:
        return (judgement.hard[0].text if judgement.hard else left[0].words) + ": reject it"
    return ""


def why_not_reject(m: Machine, channel: Channel) -> str:
    if channel.shadow is not Shadow.NONE or channel.state in UNSTARTED:
        return ""
    return "No program waits here"


def why_not_program(m: Machine, channel: Channel) -> str:
    return "" if channel.state is State.IDLE else f"The channel is {channel.state.value}"


def why_not_enter(m: Machine, channel: Channel) -> str:
    return "" if channel.state is State.PROGRAMMING else "Nothing is being programmed by hand"


def why_not_review(m: Machine, channel: Channel) -> str:
    programme = channel.programme
    if channel.state is not State.PROGRAMMING or programme is None:
        return "Nothing is being programmed by hand"
    if absent := missing(programme, m.model):
        return f"{absent[0]} is missing"
    hard = judged(m, channel, programme).hard
    return hard[0].text if hard else ""


def why_not_pause(m: Machine, channel: Channel) -> str:
    return "" if channel.state in DELIVERING else "Nothing is delivered here"


def why_not_resume(m: Machine, channel: Channel) -> str:
    if channel.state not in (State.PAUSED, State.ALARM_STOPPED) or channel.run is None:
        return "No infusion stands still here"
    if blocked := hindrances(m, channel):
        return blocked[0]
    if channel.run.done and not kvo_rate(m, channel.run):
        return "The volume to be infused is given"
    return ""


def why_not_change(m: Machine, channel: Channel) -> str:
    if channel.state is not State.INFUSING:
        return "Nothing is infused here"
    return "Answer the change that waits first" if channel.shadow is not Shadow.NONE else ""


def why_not_clear(m: Machine, channel: Channel) -> str:
    if channel.state in DELIVERING:
        return "Pause it first"
    return "" if channel.state in STANDING else "There is nothing to clear"


def why_not_set_care_area(m: Machine) -> str:
    waits = any(each.programme is not None or each.change is not None for each in m.state.channels.values())
    return "Answer the program that waits first" if waits else ""


def why_not_new_patient(m: Machine) -> str:
    return "Pause what is delivered first" if m.delivers() else ""


Guard = Callable[[Machine, Channel], str]
GUARDS: Mapping[type[keys.Key], Guard] = {
    keys.OpenOffer: why_not_open,
    keys.Edit: why_not_edit,
    keys.Override: why_not_edit,
    keys.SecondCheck: why_not_second_check,
    keys.Confirm: why_not_confirm,
    keys.Start: why_not_start,
    keys.Reject: why_not_reject,
    keys.Cancel: why_not_reject,
    keys.Program: why_not_program,
    keys.Enter: why_not_enter,
    keys.Review: why_not_review,
    keys.Pause: why_not_pause,
    keys.Resume: why_not_resume,
    keys.Change: why_not_change,
    keys.Clear: why_not_clear,
}
"""Each key of a channel with its guard; a key that is not here always does something."""


# ── what the keys do ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def press(m: Machine, channel: Channel, key: keys.Key) -> str:
    """One press on a channel; the words say why it did nothing, empty: it did."""
    guard = GUARDS.get(type(key))
    if guard is not None and (why := guard(m, channel)):
        return why
    badge = getattr(key, "badge", None)
    if badge is not None and not wire.ID.fullmatch(badge) and not isinstance(key, keys.Pause | keys.Clear):
        return "Read your badge first"
    _touched(m, channel)
    match key:
        case keys.OpenOffer():
            return _open(m, channel, key.badge)
        case keys.Edit():
            return _edit(m, channel, key.name, key.value, key.badge)
        case keys.Override():
            return _override(m, channel, key)
        case keys.SecondCheck():
            return _second_check(m, channel, key.badge)
        case keys.Confirm():
            return _confirm(m, channel, key.badge)
        case keys.Start():
            start(m, channel, key.badge)
        case keys.Reject():
            return _reject(m, channel, key)
        case keys.Cancel():
            return _reject(m, channel, keys.Reject(channel.channel_id, ""))
        case keys.Program():
            return _program(m, channel, key)
        case keys.Enter():
            return _enter(m, channel, key)
        case keys.Review():
            m.step(channel, Event.REVIEW)
        case keys.Pause():
            pause(m, channel, key.badge)
        case keys.Resume():
            resume(m, channel, key.badge)
        case keys.Change():
            return _change(m, channel, key)
        case keys.Clear():
            end(m, channel, Event.CLEAR, "cleared", key.badge)
        case keys.Silence():
            channel.silenced_until_us = m.at_us + SILENCE_S * 1_000_000
        case _:
            return f"{keys.name_of(type(key))} is no key of a channel"
    return ""


def _touched(m: Machine, channel: Channel) -> None:
    """Any key counts as someone being there (SR-67, D-09)."""
    for programme in (channel.programme, channel.change):
        if programme is not None and programme.opened:
            programme.key_us, programme.alerted = m.at_us, False
    m.clear_alarm("unfinished", channel)


def _open(m: Machine, channel: Channel, badge: str) -> str:
    shadow = channel.shadow is Shadow.PENDING
    programme = channel.change if shadow else channel.programme
    if programme is None or not (m.shadow(channel, Event.OPEN) if shadow else m.step(channel, Event.OPEN)):
        return "No program waits here"
    programme.opened, programme.key_us = True, m.at_us
    m.event("offer_opened", channel, offer_id=programme.offer_id, by=badge)
    return ""


def _typed(text: str, unit: str) -> Amount | str:
    """A number as a person types it, or the words why not."""
    if not PLAIN.fullmatch(text):
        return f"{text!r} is no number: digits, and a point with digits behind it and no zero at the end"
    try:
        return Amount.read(text, unit)
    except NotAnAmount as error:
        return str(error)


def _edit(m: Machine, channel: Channel, name: str, text: str, badge: str) -> str:
    programme = under_review(channel)
    if programme is None:
        return "Nothing is under review"
    if why := _set_under_review(m, channel, programme, name, text, badge):
        return why
    m.shadow(channel, Event.EDIT) if programme is channel.change else m.step(channel, Event.EDIT)
    return ""


def _set_under_review(m: Machine, channel: Channel, programme: Programme, name: str, text: str, badge: str) -> str:
    """Set one value; what the pump would refuse is not set, and whatever rested on the old value is void."""
    before = dict(programme.settings)
    try:
        value = _typed(text, unit_of(programme, name))
        if isinstance(value, str):
            return value
        if programme is channel.change and channel.run is not None:
            if name not in CHANGEABLE:
                return f"{name} of a running infusion is not changed"
            if name == "vtbi" and value.value <= m.told(channel.run).value:
                return "More than that is given already"
        set_value(programme, name, value, m.model)
    except CannotSet as error:
        return str(error)
    if hard := judged(m, channel, programme).hard:
        programme.settings = before
        return hard[0].text
    programme.second_check_by = ""  # the check was of other values (SR-44)
    programme.edited_by = tuple(dict.fromkeys((*programme.edited_by, badge)))
    programme.overrides = {
        each: override for each, override in programme.overrides.items() if programme.settings.get(each) == before.get(each)
    }
    return ""


def _override(m: Machine, channel: Channel, key: keys.Override) -> str:
    programme = under_review(channel)
    if programme is None:
        return "Nothing is under review"
    if key.reason not in keys.OVERRIDE_REASONS:
        return "Choose a reason"
    breach = next((each for each in judged(m, channel, programme).soft if each.name == key.name), None)
    if breach is None:
        return f"{key.name} passes no soft limit"
    m.shadow(channel, Event.OVERRIDE) if programme is channel.change else m.step(channel, Event.OVERRIDE)
    programme.overrides[key.name] = Override(key.name, breach.value, breach.limit, breach.value, key.reason, key.badge)
    programme.second_check_by = ""  # it was a check of values that nobody had passed a limit for
    return ""


def _second_check(m: Machine, channel: Channel, badge: str) -> str:
    programme = under_review(channel)
    if programme is None:
        return "Nothing is under review"
    if badge == programme.confirmed_by or badge in programme.edited_by:
        return "The second check is another person's"
    if badge in {override.by for override in programme.overrides.values()}:
        return "The second check is another person's"
    m.shadow(channel, Event.SECOND_CHECK) if programme is channel.change else m.step(channel, Event.SECOND_CHECK)
    programme.second_check_by = badge
    return ""


def _confirm(m: Machine, channel: Channel, badge: str) -> str:
    programme = under_review(channel)
    if programme is None:
        return "Nothing is under review"
    if badge == programme.second_check_by:
        return "The second check is another person's"
    programme.confirmed_by = badge
    if programme.patient is not None and m.state.patient is None:
        m.state.patient, m.state.patient_name = programme.patient, programme.patient_name
    if programme is channel.change:
        apply_change(m, channel, badge)
        return ""
    m.step(channel, Event.CONFIRM)
    m.decide(channel, programme, "confirmed", by=badge)
    return ""


def _reject(m: Machine, channel: Channel, key: keys.Reject) -> str:
    if key.cause not in ("by_clinician", "other_drug", "other_patient"):
        return f"{key.cause!r} is no reason to reject"
    if len(key.text) > LONGEST_TEXT or not key.text.isprintable():
        return "Say it in one line of at most 1,000 characters"
    shadow = channel.shadow is not Shadow.NONE
    waiting = channel.change if shadow else channel.programme
    if waiting is not None and not waiting.by_hand and not key.badge:
        return "Read your badge first"
    dropped = m.drop(channel, Event.CANCEL, shadow=shadow)
    if dropped is not None:
        m.decide(channel, dropped, "rejected", by=key.badge, cause=key.cause, text=key.text)
    return ""


def _program(m: Machine, channel: Channel, key: keys.Program) -> str:
    entry = None
    if key.entry_key:
        if m.library is None:
            return "There is no usable drug library: only rate and volume can be set"
        entry = m.library.entries.get(key.entry_key)
        if entry is None or entry.care_area != m.state.care_area or entry.mode != channel.mode or entry.infusion_type == "pca":
            return "This entry is not in the library for this care area and channel"
    if m.step(channel, Event.PROGRAM):
        channel.programme = Programme(
            entry=entry,
            patient=m.state.patient,
            concentration=entry.concentration if entry is not None else None,
            container=" / ".join(str(part) for part in (entry.amount, entry.volume) if part is not None) if entry is not None else "",
            needs_second_check=entry is not None and entry.second_check == "at_pump",
            edited_by=(key.badge,),
            opened=True,
            shown_us=m.at_us,
            key_us=m.at_us,
        )
        channel.note = ""
    return ""


def _enter(m: Machine, channel: Channel, key: keys.Enter) -> str:
    programme = channel.programme
    if programme is None:
        return "Nothing is being programmed by hand"
    try:
        if key.name == "concentration":
            return _enter_concentration(m, channel, programme, key)
        value = _typed(key.value, unit_of(programme, key.name))
        if isinstance(value, str):
            return value
        set_value(programme, key.name, value, m.model)
    except CannotSet as error:
        return str(error)
    m.step(channel, Event.ENTER)
    return ""


def _enter_concentration(m: Machine, channel: Channel, programme: Programme, key: keys.Enter) -> str:
    entry = programme.entry
    if entry is None or entry.is_fluid or entry.concentration is not None:
        return "The concentration is not entered here"
    if programme.settings.keys() - {"weight", "body surface area"}:
        return "Enter the concentration before the values that follow from it"
    value = _typed(key.value, key.unit)
    if isinstance(value, str):
        return value
    if not measure(value.unit).per_volume or not value.value or measure(value.unit).kind != measure(entry.dosing_unit).kind:
        return f"{value} is no concentration of this drug"
    programme.concentration = value
    m.step(channel, Event.ENTER)
    return ""


def _change(m: Machine, channel: Channel, key: keys.Change) -> str:
    """The first step: the run's own values, with one of them changed, beside what goes on running."""
    run = channel.run
    if run is None:
        return "Nothing is infused here"
    if key.name not in CHANGEABLE:
        return f"{key.name} of a running infusion is not changed"
    entry = run.programme.entry
    change = Programme(
        entry=entry,
        order=run.programme.order,
        patient=run.programme.patient,
        concentration=run.programme.concentration,
        settings=dict(run.programme.settings),
        needs_second_check=entry is not None and entry.second_check == "at_pump",
        changes=run.infusion_id,
        opened=True,
        shown_us=m.at_us,
        key_us=m.at_us,
    )
    channel.change = change
    if why := _set_under_review(m, channel, change, key.name, key.value, key.badge):
        channel.change = None
        return why
    m.shadow(channel, Event.EDIT)
    return ""


# ── the whole pump ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def set_care_area(m: Machine, care_area: str) -> str:
    if why := why_not_set_care_area(m):
        return why
    if m.library is not None and care_area not in m.library.care_areas:
        return f"The library has no care area {care_area!r}"
    if care_area != m.state.care_area:
        m.state.care_area = care_area
        m.event("care_area_changed", care_area=care_area)
    return ""


def set_patient(m: Machine, key: keys.SetPatient) -> str:
    patient = Patient(key.patient, key.authority)
    if not key.patient or not wire.ID.fullmatch(key.badge):
        return "Read the wristband and your badge"
    if m.state.patient not in (None, patient):
        return "Another patient is on this pump: press new patient first"
    others = {each.programme.patient for each in m.state.channels.values() if each.programme is not None and each.programme.patient}
    if others - {patient}:
        return "A program for another patient waits: reject it first"
    is_new = m.state.patient is None
    m.state.patient, m.state.patient_name = patient, key.name
    if is_new and not any(channel.run is not None for channel in m.state.channels.values()):
        m.event("patient_changed", patient=wire.patient(patient), by=key.badge)
    return ""


def set_weight(m: Machine, key: keys.SetWeight) -> str:
    value = _typed(key.value, key.unit)
    if isinstance(value, str):
        return value
    try:
        in_kg = value.to("kg").value
    except OtherMeasure as error:
        return str(error)
    if key.unit not in ("kg", "g") or not in_kg:
        return "The weight is in kg or g"
    m.state.weight = value
    return ""


def new_patient(m: Machine, badge: str) -> str:
    """SEC-29: every channel is cleared, and nothing of the last patient stays on the pump but its log until that is acknowledged."""
    if why := why_not_new_patient(m):
        return why
    if not wire.ID.fullmatch(badge):
        return "Read your badge first"
    for channel in m.state.channels.values():
        if channel.run is not None:
            end(m, channel, Event.NEW_PATIENT, "new_patient", badge)
        elif channel.state in UNSTARTED and m.step(channel, Event.NEW_PATIENT):
            leave_program(m, channel, "another patient was chosen at the pump", cause="other_patient", by=badge)
        channel.association_id = channel.order = channel.note = ""
    m.state.patient, m.state.patient_name, m.state.weight = None, "", None
    m.event("patient_changed", patient=None, by=badge)
    return ""
