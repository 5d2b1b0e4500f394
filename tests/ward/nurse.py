"""A clinician as a seeded script: looks at one pump every few seconds and presses what a person might press, mostly the right thing."""

import random
from collections import Counter
from dataclasses import dataclass, field

from pump_sim import keys
from pump_sim.keys import Key
from pump_sim.view import ChannelView, ProgramView
from tests.ward.pumps import SimPump


@dataclass
class Habits:
    """In percent of the moments in which it could be done."""

    ignores: int = 8  # an offer, until it ends by itself
    rejects: int = 5
    edits: int = 5
    pauses: int = 3
    changes: int = 2


@dataclass
class Nurse:
    pump: SimPump
    dice: random.Random
    habits: Habits = field(default_factory=Habits)
    done: Counter[str] = field(default_factory=Counter)
    ignored: set[str] = field(default_factory=set)
    stays: dict[str, float] = field(default_factory=dict)  # infusion → when this nurse means to end it

    def look(self, at_s: float) -> None:
        """One look at the pump, and at most one key on each channel."""
        for channel in self.pump.pump.view(self.pump.now()).channels:
            key = self._wants(channel, at_s)
            if key is not None and not self.pump.press(key):
                self.done[type(key).__name__] += 1

    def _chance(self, percent: int) -> bool:
        return self.dice.randrange(100) < percent

    def _wants(self, channel: ChannelView, at_s: float) -> Key | None:
        may = {key.name for key in channel.keys if not key.why_not}
        id = channel.channel_id
        if channel.run is not None and channel.run.infusion_id not in self.stays:
            self.stays[channel.run.infusion_id] = at_s + self.dice.uniform(20, 90)
        if "open_offer" in may:
            return self._opens(channel)
        reviewed = channel.change or channel.program
        if reviewed is not None and any(key.name in ("confirm", "override", "edit") for key in channel.keys):
            return self._reviews(id, reviewed, may)
        if "start" in may:
            return keys.Start(id, "N7") if not self._chance(2) else keys.Reject(id, "N7")
        if any(key.name == "start" for key in channel.keys):
            if reviewed is not None and reviewed.second_check == "needed":
                return keys.SecondCheck(id, "N9")
            return keys.Reject(id, "N7") if "reject" in may else None
        if channel.state in ("INFUSING", "KVO"):
            return self._runs(channel, id, may, at_s)
        if channel.state in ("PAUSED", "ALARM_STOPPED", "COMPLETE"):
            return self._stands(channel, id, may, at_s)
        return None

    def _opens(self, channel: ChannelView) -> Key | None:
        waits = channel.change or channel.program
        name = f"{waits.order if waits is not None else ''} {channel.run.infusion_id if channel.run is not None else ''}"
        if name in self.ignored:
            return None
        if self._chance(self.habits.ignores):
            self.ignored.add(name)
            return None
        return keys.OpenOffer(channel.channel_id, "N7") if not self._chance(self.habits.rejects) else keys.Reject(channel.channel_id, "N7")

    def _reviews(self, id: str, program: ProgramView, may: set[str]) -> Key | None:
        if self._chance(self.habits.rejects):
            return keys.Reject(id, "N7")
        if program.hard_breaches:
            return keys.Reject(id, "N7")
        breached = next((value for value in program.values if value.breach and not value.overridden), None)
        if breached is not None and "override" in may:
            return keys.Override(id, breached.name, "patient-condition" if self._chance(50) else "prescriber-confirmed", "N7")
        if self._chance(self.habits.edits) and "edit" in may:
            rate = next((value for value in program.values if value.name == "rate"), None)
            if rate is not None:
                return keys.Edit(id, "rate", str(max(1, int(float(rate.number)) + self.dice.choice((-1, 1)))), "N7")
        if program.second_check == "needed" and "second_check" in may:
            return keys.SecondCheck(id, "N9")
        return keys.Confirm(id, "N7") if "confirm" in may else keys.Reject(id, "N7")

    def _runs(self, channel: ChannelView, id: str, may: set[str], at_s: float) -> Key | None:
        run = channel.run
        if run is None:
            return None
        if at_s > self.stays[run.infusion_id] or channel.state == "KVO":
            return keys.Pause(id, "N7") if "pause" in may else None
        if self._chance(self.habits.pauses) and "pause" in may:
            return keys.Pause(id, "N7")
        if self._chance(self.habits.changes) and "change" in may:
            rate = run.set_rate.split(" ")[0].replace(",", "")
            return keys.Change(id, "rate", str(max(1, int(float(rate)) + self.dice.choice((-1, 1)))), "N7")
        return None

    def _stands(self, channel: ChannelView, id: str, may: set[str], at_s: float) -> Key | None:
        if channel.door_open:
            return keys.CloseDoor(id)
        if channel.air:
            return keys.ClearAir(id)
        if channel.alarms and any(alarm.priority == "high" for alarm in channel.alarms):
            return keys.ReleaseOcclusion(id)
        ends = channel.run is not None and at_s > self.stays[channel.run.infusion_id]
        if (ends or channel.state == "COMPLETE") and "clear" in may:
            return keys.Clear(id, "N7")
        return keys.Resume(id, "N7") if "resume" in may else keys.Clear(id, "N7") if "clear" in may else None
