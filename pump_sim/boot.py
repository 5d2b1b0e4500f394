"""Switching on: what was kept comes back standing still, the self-tests run, and offers that waited are gone (SR-62, SR-69)."""

from pump_sim import wire
from pump_sim.clock import MICROSECONDS
from pump_sim.delivery import leave_program
from pump_sim.log import PumpLog
from pump_sim.machine import Machine
from pump_sim.physics import counted
from pump_sim.state import Channel
from pump_sim.states import DELIVERING, Event, Shadow, State


def power_on(m: Machine) -> None:
    """From off, or from the state in which power went without a word. ``power_on`` is the first word of the log after it."""
    if m.booted or (m.log.log_id and not m.state.on_mains and not m.state.battery_us):
        return  # it is on, or there is nothing to run on
    m.booted = True
    if not m.log.log_id:
        m.log = PumpLog(f"{m.config.pump_id[:32]}-{m.wall:%Y%m%dT%H%M%S%f}")
        m.state.battery_us = int(m.model.battery_min * 60 * MICROSECONDS)
    m.state.log_id = m.log.log_id
    delivered = {channel.channel_id: _freeze(m, channel) for channel in m.state.channels.values()}
    m.state.on, m.state.battery_since_us = True, m.at_us
    for channel_id in m.model.channel_ids:
        m.state.channels.setdefault(channel_id, Channel(channel_id, m.model.mode, set_installed=m.config.sets_loaded))
    m.event("power_on")
    _library(m)
    for channel in m.state.channels.values():
        _self_test(m, channel, was_delivering=delivered.get(channel.channel_id, False))


def _freeze(m: Machine, channel: Channel) -> bool:
    """Nothing flowed after the last moment that was written down; the monotonic clock may have begun anew. True: it was delivering then."""
    was_delivering = channel.state in DELIVERING
    if channel.run is not None:
        flow = channel.run.flow
        flow.ml = counted(flow, m.state.saved_us)
        was_delivering = was_delivering or bool(flow.rate)
        flow.rate, flow.since_us = flow.rate * 0, m.at_us
    channel.stopped_us, channel.called_back, channel.silenced_until_us = m.at_us, 0, 0
    channel.state = State.OFF
    return was_delivering


def _self_test(m: Machine, channel: Channel, *, was_delivering: bool) -> None:
    m.step(channel, Event.POWER_ON)
    channel.note = ""
    if channel.run is not None and channel.run.ended:
        channel.run = None  # it was over before
    for kind in [alarm.kind for alarm in channel.alarms]:
        m.clear_alarm(kind, channel)
    leave_program(m, channel, "power was lost")
    channel.shadow = Shadow.NONE
    if was_delivering:
        m.event("paused", channel, cause="power")
    if m.state.failing_tests:
        m.step(channel, Event.POST_FAILED)
        m.raise_alarm("fault", channel, f"Self-test failed: {', '.join(m.state.failing_tests)}")
    else:
        m.step(channel, Event.POST_PASSED_HELD if channel.run is not None else Event.POST_PASSED)


def _library(m: Machine) -> None:
    """SR-94: without a sound library nothing of the library starts, and what runs goes on. Another one than before is told."""
    active = m.library.ref if m.library is not None else None
    if active is None:
        m.raise_alarm("library", text=f"No drug library: {m.library_problem}" if m.library_problem else "No drug library is loaded")
    else:
        m.clear_alarm("library")
    if m.state.library_told and active != m.state.library:
        m.event("library_changed", library=wire.library(active))
    m.state.library, m.state.library_told = active, True


def take_library(m: Machine) -> None:
    """Another library is active while the pump is on: what waits was checked against the old one and goes, what runs goes on (SR-54)."""
    for channel in m.state.channels.values():
        if (
            channel.programme is not None and channel.programme.entry is not None and m.step(channel, Event.CANCEL)
        ) or channel.change is not None:
            leave_program(m, channel, "another drug library is active")
    _library(m)
