"""One simulated pump: ``handle(input, now)`` is the whole of it, a pure state machine without I/O and without real time.

    pump = Pump(Config("PUMP-1"), library, seed=1)
    pump.handle(PowerOn(), now)                 # the keys are in keys.py
    out = pump.handle(Connected(), now)         # out.say[0] is hello
    out = pump.handle(Received(text), now)      # a frame of the server
    out = pump.handle(Tick(), now)              # time has passed
    pump.view(now)                              # all that the screen shows

Carry out an ``Output`` in its order: make ``keep``, ``tombstones``, ``forget`` and ``kept()`` durable, then send ``say``. A whole ward runs so in one thread.
``next_due`` says when to tick again; ticking more often, or at 1,000 times the speed, changes nothing that is told (SR-77).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pump_sim import bedside, keys, remote, reports, wire
from pump_sim.amounts import PLAIN
from pump_sim.boot import power_on, take_library
from pump_sim.clock import MICROSECONDS, Now
from pump_sim.config import Config
from pump_sim.delivery import fault, stop_by_alarm
from pump_sim.keys import Key
from pump_sim.library import Library
from pump_sim.log import PumpLog
from pump_sim.machine import Link, Machine, Output
from pump_sim.models import model
from pump_sim.passing import dues, live_until, power_off
from pump_sim.physics import Delivery, counted
from pump_sim.reports import battery_left_us
from pump_sim.screen import view
from pump_sim.state import Channel, PumpState, Tombstone
from pump_sim.states import DELIVERING
from pump_sim.stored import restored, stored
from pump_sim.view import PumpView
from pump_sim.wire import Frame

STATUS_S = 5
WINDOW = 256
"""So many log frames are on their way at once; the next ones follow the acknowledgement."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The link is up: hello is said, and nothing else until the server's first ack."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    pass


@dataclass(frozen=True, slots=True)
class Received:
    """One text frame of the server."""

    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed, and nothing else."""


@dataclass(frozen=True, slots=True)
class NewLibrary:
    """Biomed has loaded another library, or a damaged one (None, and the words why)."""

    library: Library | None
    problem: str = ""


Input = Key | Connected | Disconnected | Received | Tick | NewLibrary


class Pump:
    """One pump. It begins switched off: press ``PowerOn``."""

    def __init__(self, config: Config, library: Library | None, seed: int = 0, *, problem: str = "") -> None:
        """``problem``: why there is no library, for the screen.

        Raises: KeyError: no such model.
        """
        self._m = Machine(config, model(config.model), library, problem)
        self.delivery = Delivery.seeded(self._m.model, seed) if config.ripple else Delivery()

    # ── what survives ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def kept(self) -> dict[str, Any]:
        """The state as JSON values, to be made durable with each output. Log and tombstones are told by the outputs."""
        self._m.state.saved_us = self._m.at_us
        kept: dict[str, Any] = stored(self._m.state)
        return kept

    def remember(self, kept: dict[str, Any] | None, log: Iterable[Frame], forgotten: int, tombstones: Iterable[dict[str, Any]]) -> None:
        """What was made durable before power went, before ``PowerOn``: the last state, the log frames still kept, up to which number it was forgotten.

        Raises: ValueError, KeyError, TypeError: it is no state of this version.
        """
        if kept is None:
            return
        self._m.state = restored(PumpState, kept)
        self._m.log = PumpLog(self._m.state.log_id, forgotten + 1, tuple(log))
        for row in tombstones:
            stone = restored(Tombstone, row)
            self._m.tombstones[stone.offer_id] = stone

    def lose_log(self) -> None:
        """The log is lost, and what was not acknowledged with it: another one begins at 1 with ``PowerOn`` (a fault)."""
        self._m.log = PumpLog()

    def after_power_loss(self) -> "Pump":
        """The same pump as it comes back when power went without a word after the last input: press ``PowerOn``. For a ward without disks."""
        m = self._m
        pump = Pump(m.config, m.library, problem=m.library_problem)
        pump.delivery = self.delivery
        stones = [stored(stone) for stone in m.tombstones.values()]
        pump.remember(self.kept(), m.log.after(0), m.log.first - 1, stones)
        return pump

    # ── the machine ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def handle(self, what: Input, now: Now) -> Output:
        """One input at one moment; ``now`` never goes back on the monotonic clock."""
        m = self._m
        m.out, m.now = Output(), now
        live_until(m, now.mono_us)
        m.at_us = now.mono_us
        match what:
            case keys.PowerOn():
                power_on(m)
            case _ if not m.state.on or not m.booted:
                m.out.refused = "The pump is off" if isinstance(what, Key) else ""
            case Key():
                m.out.refused = self._press(what)
            case Connected():
                m.link = Link(connected=True, heard_us=now.link_us, status_us=now.link_us)
                m.link.told = self._standing(self._statuses())
                m.out.say.append(reports.hello(m))
            case Disconnected():
                self._lost()
            case Received(text):
                self._received(text)
            case NewLibrary(library, problem):
                m.library, m.library_problem = library, problem
                take_library(m)
            case Tick():
                pass
        self._say()
        return m.out

    def view(self, now: Now) -> PumpView:
        """All that the screen shows at this moment; asking changes nothing."""
        return view(self._m, now)

    def next_due(self, now: Now) -> int | None:
        """Microseconds of the monotonic clock from now until something falls due; None: nothing does."""
        at_us = min((at for at, _, _ in dues(self._m)), default=None)
        return None if at_us is None else max(0, at_us - now.mono_us)

    def next_word_due(self, now: Now) -> int | None:
        """Microseconds of the link's clock from now until the next heartbeat or status; None: there is no link."""
        link = self._m.link
        if not link.connected:
            return None
        at = link.heard_us + link.heartbeat_s * MICROSECONDS
        if link.ready and self._m.delivers():
            at = min(at, link.status_us + STATUS_S * MICROSECONDS)
        return max(0, at - now.link_us)

    # ── truth, for tests and for the flow trace ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def pump_id(self) -> str:
        return self._m.config.pump_id

    @property
    def log_id(self) -> str:
        return self._m.log.log_id

    @property
    def ignored(self) -> tuple[str, ...]:
        """The last events that had no row (SR-61)."""
        return tuple(self._m.ignored)

    @property
    def channels(self) -> dict[str, Channel]:
        """The channels themselves, to be read and not written."""
        return self._m.state.channels

    def counted(self, channel_id: str, now: Now) -> Fraction:
        """mL of the running infusion by the pump's own counter, exactly; 0: there is none."""
        run = self._m.state.channels[channel_id].run
        return counted(run.flow, now.mono_us) if run is not None else Fraction(0)

    def given(self, channel_id: str, now: Now) -> Fraction:
        """mL that really reached the patient, by the flow model."""
        return self.delivery.given(self.counted(channel_id, now))

    def delivers(self, channel_id: str) -> bool:
        return self._m.state.channels[channel_id].state in DELIVERING

    # ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _press(self, key: Key) -> str:
        m = self._m
        if isinstance(key, keys.Injected):
            if not m.config.faults:
                return "Fault injection is off"
            return self._inject(key)
        channel_id = getattr(key, "channel", None)
        if channel_id is not None:
            channel = m.channel(channel_id)
            if channel is None:
                return f"This pump has no channel {channel_id}"
            why = _physical(m, channel, key) if isinstance(key, PHYSICAL) else bedside.press(m, channel, key)
            channel.note = why
            return why
        match key:
            case keys.SetCareArea():
                return bedside.set_care_area(m, key.care_area)
            case keys.SetPatient():
                return bedside.set_patient(m, key)
            case keys.SetWeight():
                return bedside.set_weight(m, key)
            case keys.NewPatient():
                return bedside.new_patient(m, key.badge)
            case keys.Plug() | keys.Unplug():
                _mains(m, on=isinstance(key, keys.Plug))
            case keys.PowerOff():
                power_off(m)
            case _:
                return "This key does nothing here"
        return ""

    def _inject(self, key: keys.Injected) -> str:
        m = self._m
        if isinstance(key, keys.FailSelfTest):
            if key.what not in keys.SELF_TESTS:
                return f"There is no self-test {key.what!r}"
            m.state.failing_tests = tuple(dict.fromkeys((*m.state.failing_tests, key.what)))
            return ""
        if isinstance(key, keys.SetBattery):
            if not PLAIN.fullmatch(key.percent) or Fraction(key.percent) > 100:
                return "0 to 100"
            m.state.battery_us = int(m.model.battery_min * 60 * MICROSECONDS * Fraction(key.percent) / 100)
            m.state.battery_since_us = m.at_us
            return ""
        channel = m.channel(getattr(key, "channel", ""))
        if channel is None:
            return "This pump has no such channel"
        match key:
            case keys.Occlude():
                channel.occluded = True
                if channel.run is not None and channel.state in DELIVERING and channel.run.flow.occluded_at is None:
                    channel.run.flow.occluded_at = counted(channel.run.flow, m.at_us)
            case keys.Air():
                channel.air = True
                if channel.state in DELIVERING:
                    stop_by_alarm(m, channel, "air")
            case keys.InternalFault():
                fault(m, channel, key.what)
        return ""

    # ── the link ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _received(self, text: str) -> None:
        m = self._m
        if not m.link.connected:
            return
        try:
            frame = wire.read(text)
        except wire.BadFrame as error:
            m.ignore(f"bad frame: {error}")
            m.out.close = 1008
            self._lost()
            return
        match frame:
            case wire.Ack():
                self._acknowledged(frame)
            case wire.Offer():
                remote.take_offer(m, frame)
            case wire.Withdraw():
                remote.take_withdrawal(m, frame)
            case wire.ReadBack():
                self._status([*self._statuses().values()], frame.request_id)
            case wire.Associate():
                remote.take_association(m, frame)
            case wire.Dissociate():
                remote.take_dissociation(m, frame)
            case wire.LibraryAvailable():
                remote.take_library_notice(m, frame)

    def _acknowledged(self, ack: wire.Ack) -> None:
        m = self._m
        m.link.heartbeat_s = ack.heartbeat_s
        if ack.log_id == m.log.log_id:
            if ack.up_to >= m.log.next:
                m.ignore(f"ack of {ack.up_to}, and the log is at {m.log.next - 1}")
            else:
                m.log.forget(ack.up_to)
                m.out.forget = ack.up_to
                m.link.sent_up_to = max(m.link.sent_up_to, ack.up_to)
        if not m.link.ready:
            m.link.ready = True
            if m.state.was_lost:
                m.state.was_lost = False
                m.event("network_regained")

    def _lost(self) -> None:
        """SR-96: therapy goes on, and the log is kept until there is a link again."""
        m = self._m
        if m.link.ready and not m.state.was_lost:
            m.state.was_lost = True
            m.event("network_lost")
        m.link = Link()

    def _statuses(self) -> dict[str, dict[str, Any]]:
        m = self._m
        return {channel_id: reports.channel_status(m, channel) for channel_id, channel in m.state.channels.items()}

    def _standing(self, statuses: dict[str, dict[str, Any]]) -> dict[str, object]:
        """What differs between two of these is told at once."""
        standing: dict[str, object] = {channel_id: reports.standing_still(status) for channel_id, status in statuses.items()}
        return standing | {"power": (self._m.state.on_mains, self._m.state.on)}

    def _say(self) -> None:
        """What is due to be said: log frames in order, then the status if something changed or it is time, then the heartbeat."""
        m, link = self._m, self._m.link
        if not link.connected:
            return
        if link.ready:
            for frame in m.log.after(link.sent_up_to):
                if frame["number"] >= m.log.first + WINDOW:
                    break
                m.out.say.append(frame)
                link.sent_up_to = frame["number"]
            self._say_status()
        if m.now.link_us >= link.heard_us + link.heartbeat_s * MICROSECONDS:
            link.heard_us = m.now.link_us
            m.out.say.append(reports.heartbeat(m))

    def _say_status(self) -> None:
        m, link = self._m, self._m.link
        statuses = self._statuses()
        standing = self._standing(statuses)
        periodic = m.delivers() and m.now.link_us >= link.status_us + STATUS_S * MICROSECONDS
        if standing == link.told and not periodic:
            return
        channels = [
            status
            for channel_id, status in statuses.items()
            if standing[channel_id] != link.told.get(channel_id) or (periodic and m.state.channels[channel_id].state in DELIVERING)
        ]
        link.told = standing
        self._status(channels)

    def _status(self, channels: list[dict[str, Any]], request_id: str = "") -> None:
        m = self._m
        m.link.status_us = m.now.link_us
        m.out.say.append(reports.status(m, channels, request_id))


PHYSICAL = (keys.LoadSet, keys.RemoveSet, keys.OpenDoor, keys.CloseDoor, keys.ClearAir, keys.ReleaseOcclusion)


def _physical(m: Machine, channel: Channel, key: Key) -> str:
    """Hands on the set, the door and the line."""
    delivering = channel.state in DELIVERING
    match key:
        case keys.LoadSet():
            for text in (key.syringe_volume, key.contents):
                if text and not PLAIN.fullmatch(text):
                    return f"{text!r} is no volume"
            channel.set_installed = True
            channel.syringe_volume = Fraction(key.syringe_volume) if key.syringe_volume else None
            channel.contents = Fraction(key.contents) if key.contents else None
            channel.contents_at = counted(channel.run.flow, m.at_us) if channel.run is not None else Fraction(0)
            for kind in ("set", "container-empty", "syringe-empty"):
                m.clear_alarm(kind, channel)
        case keys.RemoveSet():
            channel.set_installed = False
            if delivering:
                stop_by_alarm(m, channel, "set")
        case keys.OpenDoor():
            channel.door_open = True
            if delivering:
                stop_by_alarm(m, channel, "door")
        case keys.CloseDoor():
            channel.door_open = False
            m.clear_alarm("door", channel)
        case keys.ClearAir():
            channel.air = False
            m.clear_alarm("air", channel)
        case keys.ReleaseOcclusion():
            channel.occluded = False
            if channel.run is not None:
                channel.run.flow.occluded_at = None
            m.clear_alarm("occlusion", channel)
    return ""


def _mains(m: Machine, *, on: bool) -> None:
    if m.state.on_mains == on:
        return
    m.state.battery_us, m.state.battery_since_us = battery_left_us(m), m.at_us
    m.state.on_mains = on
    if not on:
        m.raise_alarm("battery")
        return
    for kind in ("battery", "battery-low", "battery-empty"):
        m.clear_alarm(kind)
    for channel in m.state.channels.values():
        m.clear_alarm("battery-empty", channel)
