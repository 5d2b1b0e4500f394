"""Delivery: start, pause, resume, change and end of an infusion, and what stops it. Called by keys and by the passing of volume and time only."""

from collections.abc import Iterator
from fractions import Fraction

from pump_sim import wire
from pump_sim.alarms import KINDS
from pump_sim.amounts import ml_per_h, plain
from pump_sim.machine import Machine
from pump_sim.physics import counted, reached_at
from pump_sim.reports import battery_left_us, run_status
from pump_sim.state import Channel, Edit, Flow, Programme, Run
from pump_sim.states import DELIVERING, Event, Shadow, State

NEAR_END_H = Fraction(10, 60)
NEAR_END_SHARE = Fraction(5, 100)

END_ALARMS = ("near-end", "end", "call-back")


def hindrances(m: Machine, channel: Channel) -> list[str]:
    """Why nothing may begin or go on to flow here (SR-64)."""
    reasons = []
    if channel.door_open:
        reasons.append("The door is open")
    if not channel.set_installed:
        reasons.append("No syringe is loaded" if channel.mode == "SYRINGE" else "No set is loaded")
    if channel.air:
        reasons.append("There is air in the line")
    if not m.state.on_mains and not battery_left_us(m):
        reasons.append("There is no mains power and the battery is empty")
    reasons += [f"Alarm: {alarm.text}" for alarm in channel.alarms if KINDS[alarm.kind].is_high]
    return reasons


def start(m: Machine, channel: Channel, badge: str) -> None:
    """The start key on a confirmed program: a new infusion."""
    programme = channel.programme
    if programme is None or not m.step(channel, Event.START):
        return
    m.state.infusions += 1
    infusion_id = f"{m.log.log_id}-{m.state.infusions}"
    channel.programme, channel.note = None, ""
    channel.run = Run(infusion_id, programme, m.wall, badge, Flow(since_us=m.at_us))
    channel.contents_at = Fraction(0)
    m.clear_alarm("unfinished", channel)
    m.flow(channel, rate_of(programme))
    if not programme.by_hand:
        m.inscribe(programme, channel, "ran", infusion_id)
    m.event("started", channel, run=run_status(m, channel.run), by=badge)


def rate_of(programme: Programme) -> Fraction:
    return programme.settings["rate"].to("mL/h").value


def pause(m: Machine, channel: Channel, badge: str) -> None:
    if m.step(channel, Event.PAUSE):
        m.flow(channel, Fraction(0))
        m.event("paused", channel, cause="clinician", by=badge)


def resume(m: Machine, channel: Channel, badge: str) -> None:
    """The start key on an infusion that stands: it goes on as it was, or keeps the vein open once its volume is given."""
    run = channel.run
    if run is None or not m.step(channel, Event.RESUME_KVO if run.done else Event.RESUME):
        return
    m.clear_alarm("call-back", channel)
    channel.called_back = 0
    if run.done:
        _keep_open(m, channel, run)
        return
    m.flow(channel, rate_of(run.programme))
    dose_rate = run.programme.settings.get("dose rate")
    m.event(
        "resumed",
        channel,
        rate=wire.amount(run.programme.settings["rate"]),
        dose_rate=wire.amount(dose_rate) if dose_rate is not None else None,
        by=badge,
    )


def stop_by_alarm(m: Machine, channel: Channel, kind: str, text: str = "") -> None:
    """An alarm that stops: at once, and delivery waits for a person when its cause is mended."""
    m.raise_alarm(kind, channel, text)
    if channel.state in DELIVERING and m.step(channel, Event.ALARM_STOP):
        m.flow(channel, Fraction(0))
        cause = {"door": "door", "set": "door", "battery-empty": "power"}.get(kind, "alarm")
        m.event("paused", channel, cause=cause)


def fault(m: Machine, channel: Channel, text: str) -> None:
    """SR-93: stopped, and latched until service or a power cycle."""
    was_delivering = channel.state in DELIVERING
    if not m.step(channel, Event.FAULT):
        return
    m.raise_alarm("fault", channel, text)
    if was_delivering:
        m.flow(channel, Fraction(0))
        m.event("paused", channel, cause="alarm")
    leave_program(m, channel, "the pump has a fault")


def leave_program(m: Machine, channel: Channel, text: str, cause: str = "cleared", by: str = "") -> None:
    """Whatever waits on the channel ends without having run; the channel's own state is somebody else's move."""
    for programme in (channel.programme, channel.change):
        if programme is not None:
            m.decide(channel, programme, "rejected", by=by, cause=cause, text=text)
    if channel.shadow is not Shadow.NONE:
        m.shadow(channel, Event.CANCEL)
    channel.programme = channel.change = None
    m.clear_alarm("unfinished", channel)


def end(m: Machine, channel: Channel, event: Event, cause: str, badge: str) -> bool:
    """This infusion is over, and its id does not come back."""
    run = channel.run
    if run is None or not m.step(channel, event):
        return False
    for kind in END_ALARMS:
        m.clear_alarm(kind, channel)
    leave_program(m, channel, "the infusion was ended", by=badge)
    if not run.ended:
        m.event("ended", channel, cause=cause, by=badge)
    if channel.contents is not None:
        channel.contents -= counted(run.flow, m.at_us) - channel.contents_at
    channel.run, channel.contents_at, channel.note = None, Fraction(0), ""
    return True


def apply_change(m: Machine, channel: Channel, badge: str) -> None:
    """A confirmed change comes into force; until this moment the flow went on unchanged (SR-37, SR-66)."""
    run, change = channel.run, channel.change
    if run is None or change is None or not m.step(channel, Event.CHANGE):
        return
    m.shadow(channel, Event.CONFIRM)
    m.clear_alarm("unfinished", channel)
    before = dict(run.programme.settings)
    channel.change = None
    run.programme.settings = {**before, **change.settings}
    run.programme.overrides |= change.overrides
    run.programme.second_check_by = change.second_check_by or run.programme.second_check_by
    if not change.by_hand:
        m.decide(channel, change, "confirmed", by=badge)
        m.inscribe(change, channel, "ran", run.infusion_id)
    after = run.programme.settings
    run.near_end_told = False
    m.clear_alarm("near-end", channel)
    if after["rate"] != before["rate"]:
        m.flow(channel, rate_of(run.programme))
        dose_rate = after.get("dose rate")
        m.event(
            "rate_changed",
            channel,
            old=wire.amount(before["rate"]),
            new=wire.amount(after["rate"]),
            dose_rate=wire.amount(dose_rate) if dose_rate is not None else None,
            cause="clinician" if change.by_hand else "offer",
            offer_id=change.offer_id,
            by=badge,
        )
    edits = [Edit(name, before.get(name), after[name]) for name in after if name == "vtbi" and before.get(name) != after[name]]
    if edits:
        m.event("edited", channel, edits=wire.edits(edits), by=badge)


# ── what the passing volume brings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def marks(m: Machine, channel: Channel) -> Iterator[tuple[int, str]]:
    """The moments at which the volume given reaches something, if the rate stays: (microsecond, what)."""
    run = channel.run
    if run is None or channel.state not in DELIVERING:
        return
    vtbi = run.programme.settings.get("vtbi")
    at: list[tuple[int | None, str]] = []
    if channel.state is State.INFUSING and vtbi is not None:
        target = run.vtbi_from + vtbi.value
        if not run.near_end_told:
            at.append((reached_at(run.flow, target - min(run.flow.rate * NEAR_END_H, vtbi.value * NEAR_END_SHARE)), "near-end"))
        at.append((reached_at(run.flow, target), "end"))
    if run.flow.occluded_at is not None:
        at.append((reached_at(run.flow, run.flow.occluded_at + m.model.compliance * m.model.occlusion_limit), "occlusion"))
    if channel.contents is not None:
        at.append((reached_at(run.flow, channel.contents_at + channel.contents), "empty"))
    yield from ((when, what) for when, what in at if when is not None)


def reach(m: Machine, channel: Channel, what: str) -> None:
    """A mark is reached at this moment."""
    run = channel.run
    if run is None:
        return
    match what:
        case "near-end":
            run.near_end_told = True
            m.raise_alarm("near-end", channel)
        case "end":
            _volume_done(m, channel, run)
        case "occlusion":
            stop_by_alarm(m, channel, "occlusion", f"Occlusion on the patient's side: {plain(m.model.occlusion_limit, 0)} mmHg")
        case _:
            stop_by_alarm(m, channel, "syringe-empty" if channel.mode == "SYRINGE" else "container-empty")


def _volume_done(m: Machine, channel: Channel, run: Run) -> None:
    """SR-87: exactly the VTBI is given, not the bit that the moment was rounded up by; then KVO, or the channel stands."""
    run.flow.ml, run.flow.since_us = run.vtbi_from + run.programme.settings["vtbi"].value, m.at_us
    run.done = True
    m.clear_alarm("near-end", channel)
    m.raise_alarm("end", channel)
    m.event("volume_completed", channel)
    if channel.change is not None:
        leave_program(m, channel, "the volume to be infused is given")
    if kvo_rate(m, run):
        m.step(channel, Event.VTBI_DONE_KVO)
        _keep_open(m, channel, run)
    else:
        m.step(channel, Event.VTBI_DONE)
        m.flow(channel, Fraction(0))
        run.ended = True
        m.event("ended", channel, cause="completed")


def kvo_rate(m: Machine, run: Run) -> Fraction:
    """The smaller of the programmed rate and the profile's KVO setting, in mL/h; 0: none."""
    entry = run.programme.entry
    return min(rate_of(run.programme), m.model.kvo_in(entry.care_area if entry is not None else m.state.care_area))


def _keep_open(m: Machine, channel: Channel, run: Run) -> None:
    m.flow(channel, kvo_rate(m, run))
    m.event("kvo_entered", channel, rate=wire.amount(ml_per_h(run.flow.rate)))
