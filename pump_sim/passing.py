"""What the passing of time does by itself: every moment at which something falls due, lived through in order and at its own time (SR-77)."""

from collections.abc import Iterator
from fractions import Fraction

from pump_sim.clock import MICROSECONDS
from pump_sim.delivery import marks, reach, stop_by_alarm
from pump_sim.machine import Machine
from pump_sim.physics import run_at
from pump_sim.reports import battery_left_us
from pump_sim.state import Channel, Programme
from pump_sim.states import Event, State

UNFINISHED_S = 60  # SR-67
CALL_BACK_S = 120  # SR-68
BATTERY_LOW_S = 30 * 60  # SR-89
BATTERY_ALARM_S = 3 * 60  # SR-90

Due = tuple[int, str, str]
"""Microsecond, channel (empty: the pump), what."""


def dues(m: Machine) -> Iterator[Due]:
    """Everything that lies ahead, in no order."""
    if not m.state.on or not m.booted:
        return
    for channel in m.state.channels.values():
        yield from ((at, channel.channel_id, what) for at, what in marks(m, channel))
        for programme, what in ((channel.programme, "program"), (channel.change, "change")):
            if programme is not None:
                yield from ((at, channel.channel_id, f"{what} {end}") for at, end in _lives(programme))
        if channel.state is State.PAUSED:
            yield channel.stopped_us + CALL_BACK_S * (channel.called_back + 1) * MICROSECONDS, channel.channel_id, "call-back"
    yield from _battery(m)


def _lives(programme: Programme) -> Iterator[tuple[int, str]]:
    """D-09: untouched from when it was shown; once opened, idle from the last key, and in all. SR-67 for what is made by hand."""
    if not programme.opened:
        yield programme.shown_us + programme.untouched_s * MICROSECONDS, "expires"
        return
    idle = programme.key_us + programme.idle_s * MICROSECONDS
    yield (idle if programme.by_hand else min(idle, programme.shown_us + programme.total_s * MICROSECONDS)), "expires"
    if not programme.alerted:
        yield programme.key_us + UNFINISHED_S * MICROSECONDS, "unfinished"


def ends_at(programme: Programme) -> int:
    """The microsecond at which it ends by itself."""
    return next(at for at, what in _lives(programme) if what == "expires")


def _battery(m: Machine) -> Iterator[Due]:
    if m.state.on_mains:
        return
    empty = m.state.battery_since_us + m.state.battery_us
    kinds = {alarm.kind for alarm in m.state.alarms}
    if "battery-low" not in kinds:
        yield max(m.state.battery_since_us, empty - BATTERY_LOW_S * MICROSECONDS), "", "battery low"
    if "battery-empty" not in kinds:
        yield empty, "", "battery empty"
    else:
        yield empty + BATTERY_ALARM_S * MICROSECONDS, "", "off"


def live_until(m: Machine, until_us: int) -> bool:
    """Live through all that falls due up to this moment, each at its own; True: something happened."""
    happened = False
    while due := min((each for each in dues(m) if each[0] <= until_us), default=None, key=_order):
        m.at_us = max(m.at_us, due[0])
        _happen(m, due)
        happened = True
    m.at_us = until_us
    return happened


_RANK = ("near-end", "end", "occlusion", "empty")


def _order(due: Due) -> tuple[int, str, int]:
    at_us, channel, what = due
    return at_us, channel, _RANK.index(what) if what in _RANK else len(_RANK)


def _happen(m: Machine, due: Due) -> None:
    _, channel_id, what = due
    channel = m.channel(channel_id)
    if channel is None:
        _power(m, what)
        return
    match what:
        case "program expires":
            _expire(m, channel, shadow=False)
        case "change expires":
            _expire(m, channel, shadow=True)
        case "program unfinished" | "change unfinished":
            programme = channel.programme if what.startswith("program") else channel.change
            if programme is not None:
                programme.alerted = True
            m.raise_alarm("unfinished", channel)
        case "call-back":
            channel.called_back += 1
            channel.silenced_until_us = 0  # it sounds again every two minutes (SR-68)
            m.raise_alarm("call-back", channel)
        case _:
            reach(m, channel, what)


def _expire(m: Machine, channel: Channel, *, shadow: bool) -> None:
    dropped = m.drop(channel, Event.EXPIRE, shadow=shadow)
    assert dropped is not None, "a program waits only in states that it can leave"
    m.decide(channel, dropped, "expired")
    channel.note = "Nobody acted in time: the program is gone"


def _power(m: Machine, what: str) -> None:
    match what:
        case "battery low":
            m.raise_alarm("battery-low")
        case "battery empty":
            m.raise_alarm("battery-empty")
            for channel in m.state.channels.values():
                if channel.run is not None and channel.run.flow.rate:
                    stop_by_alarm(m, channel, "battery-empty")
        case _:
            power_off(m)


# ── power ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def power_off(m: Machine) -> None:
    """Power is gone: nothing flows, nothing is forgotten, the link ends."""
    if not m.state.on:
        return
    m.event("power_lost")
    m.state.battery_us, m.state.battery_since_us = battery_left_us(m), m.at_us
    for channel in m.state.channels.values():
        if channel.run is not None and channel.run.flow.rate:
            run_at(channel.run.flow, m.at_us, Fraction(0))
            m.event("paused", channel, cause="power")
        m.step(channel, Event.POWER_OFF)
    m.state.on = m.booted = False
    m.out.close = 1001
    m.link.connected = m.link.ready = False
