"""What the pump reports of itself: hello, heartbeat, status and the run inside it (docs/pump-link.md, section 3). Nothing here changes anything."""

from typing import Any

from pump_sim import wire
from pump_sim.alarms import KINDS
from pump_sim.amounts import ml, ml_per_h
from pump_sim.clock import MICROSECONDS
from pump_sim.machine import Machine
from pump_sim.physics import counted
from pump_sim.state import Alarm, Channel, Run
from pump_sim.states import LINK_STATES, State
from pump_sim.wire import Frame

CAN = ("withdraw", "read_back", "titrate", "second_check")
MOVING = ("delivered", "vtbi_left")
"""Fields that change all the time while a channel delivers, and are no change to tell at once."""


def hello(m: Machine) -> Frame:
    return wire.frame_of(
        "hello",
        protocol=1,
        pump_id=m.config.pump_id,
        model=m.model.key,
        maker=m.model.maker,
        serial=m.config.serial,
        firmware=m.config.firmware,
        simulated=True,
        clock=wire.instant(m.now.wall),
        log={"log_id": m.log.log_id, "first": m.log.first, "next": m.log.next},
        tombstones=m.config.tombstones,
        can=list(CAN),
        channels=[channel_status(m, channel) for channel in m.state.channels.values()],
        **power(m),
    ) | {"library": wire.library(m.library.ref if m.library is not None else None)}


def heartbeat(m: Machine) -> Frame:
    return wire.frame_of("heartbeat", clock=wire.instant(m.now.wall))


def status(m: Machine, channels: list[dict[str, Any]], request_id: str = "") -> Frame:
    return wire.frame_of("status", clock=wire.instant(m.now.wall), channels=channels, request_id=request_id, **power(m))


def power(m: Machine) -> dict[str, Any]:
    words = ("mains" if m.state.on_mains else "battery") if m.state.on else "off"
    return {"power": words, "battery_percent": battery_percent(m)}


def battery_left_us(m: Machine) -> int:
    """Running time that the battery still has, at the moment being lived through."""
    passed = m.at_us - m.state.battery_since_us if m.state.on else 0
    full = int(m.model.battery_min * 60 * MICROSECONDS)
    return min(full, m.state.battery_us + passed) if m.state.on_mains else max(0, m.state.battery_us - passed)


def battery_percent(m: Machine) -> int:
    return int(battery_left_us(m) * 100 / (m.model.battery_min * 60 * MICROSECONDS))


def channel_status(m: Machine, channel: Channel) -> dict[str, Any]:
    """One channel as the link tells it."""
    state = m.state
    waiting = channel.programme or channel.change
    by_hand = channel.state in (State.REVIEW, State.READY) and channel.programme is not None and channel.programme.by_hand
    told: dict[str, Any] = {
        "channel_id": channel.channel_id,
        "mode": channel.mode,
        "state": "programming" if by_hand else LINK_STATES[channel.state],
        "care_area": state.care_area,
        "patient": wire.patient(state.patient),
        "weight": wire.amount(state.weight) if state.weight is not None else None,
        "set_installed": channel.set_installed,
        "door_open": channel.door_open,
        "air": channel.air,
        "syringe_volume": wire.amount(ml(channel.syringe_volume)) if channel.syringe_volume is not None else None,
        "offer_id": waiting.offer_id if waiting is not None else None,
        "alarms": [alarm_status(alarm) for alarm in alarms_of(m, channel)],
        "run": run_status(m, channel.run) if channel.run is not None else None,
    }
    return {name: value for name, value in told.items() if value is not None and value != ""}


def alarms_of(m: Machine, channel: Channel) -> list[Alarm]:
    """The channel's own, and on the first channel those of the whole pump: a status has no other place for them."""
    is_first = channel is next(iter(m.state.channels.values()))
    return [*channel.alarms, *(m.state.alarms if is_first else ())]


def alarm_status(alarm: Alarm) -> dict[str, Any]:
    kind = KINDS[alarm.kind]
    return {
        "alarm_id": alarm.alarm_id,
        "code": kind.code,
        "priority": kind.priority,
        "text": alarm.text,
        "since": wire.instant(alarm.since),
    }


def run_status(m: Machine, run: Run) -> dict[str, Any]:
    programme = run.programme
    entry, settings = programme.entry, programme.settings
    vtbi = settings.get("vtbi")
    delivered = m.told(run)
    left = ml(max(vtbi.value - (delivered.value - run.vtbi_from), 0 * vtbi.value)) if vtbi is not None else None
    told: dict[str, Any] = {
        "infusion_id": run.infusion_id,
        "offer_id": programme.offer_id,
        "order": programme.order,
        "entry_key": entry.key if entry is not None else None,
        "drug": entry.drug if entry is not None else None,
        "tallman": entry.tallman if entry is not None else None,
        "concentration": programme.concentration,
        "rate": ml_per_h(run.flow.rate),
        "set_rate": settings["rate"],
        "dose_rate": settings.get("dose rate"),
        "weight": settings.get("weight"),
        "vtbi": vtbi,
        "vtbi_left": left,
        "delivered": delivered,
        "second_check_by": programme.second_check_by,
        "started_at": wire.instant(run.started_at),
    }
    return {
        name: value if isinstance(value, str) else wire.amount(value) for name, value in told.items() if value is not None and value != ""
    }


def standing_still(told: dict[str, Any]) -> dict[str, Any]:
    """A channel's status without what moves by itself: two of these differ only by a change that is told at once."""
    if "run" not in told:
        return told
    return {**told, "run": {name: value for name, value in told["run"].items() if name not in MOVING}}


def exact(m: Machine, run: Run) -> Any:
    """The simulator's own truth: mL counted, exactly."""
    return counted(run.flow, m.at_us)
