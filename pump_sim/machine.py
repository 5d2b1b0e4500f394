"""The middle of a pump: its state, its log, one moment of time, and the few moves that everything else is made of. No I/O, no real time."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from pump_sim import wire
from pump_sim.alarms import KINDS
from pump_sim.amounts import Amount, ml
from pump_sim.clock import Now
from pump_sim.config import Config
from pump_sim.library import Library
from pump_sim.log import PumpLog
from pump_sim.models import Model
from pump_sim.physics import counted, run_at
from pump_sim.state import Alarm, Channel, Programme, PumpState, Run, Tombstone
from pump_sim.states import DELIVERING, SHADOW_TRANSITIONS, TRANSITIONS, Event
from pump_sim.view import EntryView
from pump_sim.wire import Frame

TOMBSTONE_LIFE: Final = timedelta(days=7)
NULLS: Final = ("patient", "library")
"""Fields of an event whose ``null`` says something: none. All others are left out where there is nothing to say."""
COUNT_STEP: Final = 1000
"""The counter is told in thousandths of a mL, rounded down: what is told never falls and never runs ahead (SR-51)."""


@dataclass(slots=True)
class Output:
    """What one input led to, in the order in which it is carried out.

    First ``keep`` (log frames), ``tombstones``, ``forget`` and the pump's state are made durable; then ``say`` is sent. ``close``: the link ends
    with this code. ``refused``: why a key did nothing. ``ignored``: events without a row (SR-61).
    """

    keep: list[Frame] = field(default_factory=list)
    tombstones: list[Tombstone] = field(default_factory=list)
    forget: int = 0
    say: list[Frame] = field(default_factory=list)
    close: int | None = None
    refused: str = ""
    ignored: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Link:
    """What the pump knows of its connection. ``ready``: the server has said what of the log it has."""

    connected: bool = False
    ready: bool = False
    sent_up_to: int = 0
    heartbeat_s: int = 10
    heard_us: int = 0
    status_us: int = 0
    told: dict[str, object] = field(default_factory=dict)


class Machine:
    """One pump's state and the moves on it. ``at_us`` is the moment being lived through, which may lie before ``now`` (SR-77)."""

    def __init__(self, config: Config, model: Model, library: Library | None, problem: str) -> None:
        self.config, self.model, self.library, self.library_problem = config, model, library, problem
        self.state = PumpState(care_area=config.care_area)
        self.log = PumpLog()
        self.tombstones: OrderedDict[str, Tombstone] = OrderedDict()
        self.ignored: deque[str] = deque(maxlen=1000)
        self.link = Link()
        self.out = Output()
        self.now = Now(datetime.min.replace(tzinfo=UTC), 0, 0)
        self.at_us = 0
        self.choices: dict[tuple[object, str, str], tuple[EntryView, ...]] = {}  # drawn for the screen once
        self.booted = False  # since this process, or the last power loss, began

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def wall(self) -> datetime:
        """The wall clock at the moment being lived through."""
        return self.now.back_to(self.at_us)

    # ── the log ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, word: str, **fields: Any) -> None:
        """One numbered word: kept, and sent once it is."""
        number = self.log.next
        frame = {"frame": word, "log_id": self.log.log_id, "number": number, "at": wire.instant(self.wall)}
        frame |= {
            name: value for name, value in fields.items() if value != "" and (value is not None or (name in NULLS and word == "event"))
        }
        self.log.add(frame)
        self.out.keep.append(frame)

    def event(self, kind: str, channel: Channel | None = None, **fields: Any) -> None:
        """An ``event``; where a channel has a run, its id and count go with it."""
        if channel is not None:
            fields = {"channel_id": channel.channel_id, **fields}
            if channel.run is not None:
                fields |= {"infusion_id": channel.run.infusion_id, "delivered": wire.amount(self.told(channel.run))}
        self.tell("event", kind=kind, **fields)

    def told(self, run: Run, at_us: int | None = None) -> Amount:
        """The cumulative counter as it is told."""
        exact = counted(run.flow, self.at_us if at_us is None else at_us)
        return ml(Fraction(int(exact * COUNT_STEP), COUNT_STEP))

    # ── moves ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def step(self, channel: Channel, event: Event) -> bool:
        """The table's row; without one nothing happens but a line in the pump's own log (SR-61)."""
        after = TRANSITIONS.get((channel.state, event))
        if after is None:
            self.ignore(f"channel {channel.channel_id}: {event.name} in {channel.state.name}")
            return False
        channel.state = after
        return True

    def shadow(self, channel: Channel, event: Event) -> bool:
        """Likewise for the change beside the run."""
        after = SHADOW_TRANSITIONS.get((channel.shadow, event))
        if after is None:
            self.ignore(f"channel {channel.channel_id}: {event.name} in {channel.shadow.name} of the change")
            return False
        channel.shadow = after
        return True

    def ignore(self, what: str) -> None:
        line = f"{wire.instant(self.wall)} {what}"
        self.ignored.append(line)
        self.out.ignored.append(line)

    def channel(self, channel_id: str) -> Channel | None:
        return self.state.channels.get(channel_id)

    def delivers(self) -> bool:
        return any(channel.state in DELIVERING for channel in self.state.channels.values())

    def flow(self, channel: Channel, rate: Fraction) -> None:
        """From this moment the channel runs at ``rate`` mL/h; 0: it stands, from this moment."""
        if channel.run is not None:
            flow = channel.run.flow
            run_at(flow, self.at_us, rate)
            if channel.occluded and rate and flow.occluded_at is None:
                flow.occluded_at = flow.ml
        channel.stopped_us = self.at_us

    # ── alarms ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def raise_alarm(self, kind: str, channel: Channel | None = None, text: str = "") -> None:
        """Once while it lasts. A new alarm breaks an audio pause (SR-95)."""
        alarms = channel.alarms if channel is not None else self.state.alarms
        if any(alarm.kind == kind for alarm in alarms):
            return
        self.state.alarm_count += 1
        alarm = Alarm(f"{self.log.log_id}-a{self.state.alarm_count}", kind, text or KINDS[kind].text, self.wall)
        alarms.append(alarm)
        if channel is not None:
            channel.silenced_until_us = 0
        self.event("alarm_raised", channel, alarm_id=alarm.alarm_id, code=KINDS[kind].code, priority=KINDS[kind].priority, text=alarm.text)

    def clear_alarm(self, kind: str, channel: Channel | None = None) -> None:
        alarms = channel.alarms if channel is not None else self.state.alarms
        for alarm in [each for each in alarms if each.kind == kind]:
            alarms.remove(alarm)
            self.event("alarm_cleared", channel, alarm_id=alarm.alarm_id)

    # ── tombstones ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def bury(self, offer_id: str, channel_id: str, how: str) -> Tombstone:
        """An id that is used up for ever from this moment."""
        stone = self.tombstones.get(offer_id)
        if stone is None:
            stone = self.tombstones[offer_id] = Tombstone(offer_id, channel_id, self.wall)
            while len(self.tombstones) > self.config.tombstones and next(iter(self.tombstones.values())).at < self.wall - TOMBSTONE_LIFE:
                self.tombstones.popitem(last=False)
        stone.how = how
        self.out.tombstones.append(stone)
        return stone

    def inscribe(self, programme: Programme, channel: Channel, how: str, infusion_id: str = "") -> None:
        """The values with which an offer was confirmed, for a later ``withdraw``."""
        stone = self.bury(programme.offer_id, channel.channel_id, how)
        stone.infusion_id = infusion_id or stone.infusion_id
        stone.by, stone.second_check_by = programme.confirmed_by, programme.second_check_by
        stone.settings, stone.edits = dict(programme.settings), programme.edits
        stone.overrides = tuple(programme.overrides.values())

    # ── the program under way ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def drop(self, channel: Channel, event: Event, *, shadow: bool) -> Programme | None:
        """Leave a program before it runs, by a row of its table; None: there was no row."""
        if not (self.shadow(channel, event) if shadow else self.step(channel, event)):
            return None
        if shadow:
            dropped, channel.change = channel.change, None
        else:
            dropped, channel.programme = channel.programme, None
        self.clear_alarm("unfinished", channel)
        return dropped

    def decide(self, channel: Channel, programme: Programme, decision: str, by: str = "", cause: str = "", text: str = "") -> None:
        """Say how an offer ended, or was confirmed; a program made by hand is nobody's offer."""
        if programme.by_hand:
            return
        values: dict[str, Any] = {}
        if decision == "confirmed":
            values = {
                "settings": wire.settings(programme.settings),
                "edits": wire.edits(programme.edits),
                "overrides": wire.overrides(programme.overrides.values()),
                "second_check_by": programme.second_check_by,
            }
        self.tell(
            "decision",
            offer_id=programme.offer_id,
            channel_id=channel.channel_id,
            decision=decision,
            by=by,
            cause=cause,
            text=text,
            **values,
        )
        self.inscribe(programme, channel, "" if decision == "confirmed" else decision)
