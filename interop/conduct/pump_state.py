"""What the server knows of a pump: its newest report as a row of the record, and the channel that a plan is checked against, made from it.

A report says what was true when it was said. Whether it still is, depends on when the pump was last heard (SR-45): nothing is inferred from silence.
"""

import functools
import json
import logging
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from interop.conduct.kept import shape_of
from interop.conduct.pump_clock import PumpClock
from interop.domain import pump as said
from interop.domain.channel import Channel, ChannelState, Running
from interop.domain.library import LibraryRef
from interop.domain.patient import PatientId
from interop.ports import Projected, Record

log = logging.getLogger(__name__)

PUMPS: Final = "pump"
"""Pump id → its newest report."""

MOST_ALARMS: Final = 256
"""Of one channel, as many as a status may name."""


@dataclass(frozen=True, slots=True)
class PumpNow:
    """A pump as it last told itself. ``heard_at`` is when that arrived, on our clock; ``clock_skew`` is the pump's clock minus ours then.

    ``clock`` is how its time is told in ours.
    """

    pump_id: str
    model: str
    maker: str
    serial: str
    firmware: str
    simulated: bool
    library: LibraryRef | None
    can: frozenset[said.Ability]
    channels: tuple[said.ChannelReport, ...]
    power: said.Power | None
    battery_percent: int | None
    clock_skew: timedelta
    heard_at: datetime
    connected: bool
    log_id: str
    clock: PumpClock = field(default_factory=PumpClock)

    @classmethod
    def of(cls, hello: said.Hello, arrived_at: datetime, known: "PumpNow | None", skew_limit: timedelta) -> "PumpNow":
        """``known`` is what is on file of this pump: its clock goes on from there."""
        clock = PumpClock() if known is None else known.clock
        if known is not None and known.log_id != hello.log.log_id:
            clock = clock.of_new_log()
        pump = cls(
            hello.pump_id,
            hello.model,
            hello.maker,
            hello.serial,
            hello.firmware,
            hello.simulated,
            hello.library,
            hello.can,
            hello.channels,
            hello.power,
            hello.battery_percent,
            hello.clock - arrived_at,
            arrived_at,
            True,
            hello.log.log_id,
            clock,
        )
        return pump.timed(hello.clock, arrived_at, skew_limit)

    def timed(self, clock: datetime, arrived_at: datetime, skew_limit: timedelta) -> "PumpNow":
        """After a frame that said the pump's clock. Measured where it arrived: how long it waits here is no error of the pump's clock (D-24)."""
        skew = clock - arrived_at
        return replace(self, clock_skew=skew, heard_at=arrived_at, clock=self.clock.measured(skew, skew_limit))

    def channel(self, channel_id: str) -> said.ChannelReport | None:
        """The channel of that name; without a name the only one there is, and none where there are several (D-08)."""
        if not channel_id:
            return self.channels[0] if len(self.channels) == 1 else None
        return next((each for each in self.channels if each.channel_id == channel_id), None)

    def told(self, status: said.Status) -> "PumpNow":
        """After a status: the channels that it names are as it says, the others as before. A pump has the channels that its hello named."""
        newer = {each.channel_id: each for each in status.channels}
        channels = tuple(newer.pop(each.channel_id, each) for each in self.channels)
        if newer:
            _more_than_said(self.pump_id)
        return replace(
            self,
            channels=channels,
            power=status.power or self.power,
            battery_percent=self.battery_percent if status.battery_percent is None else status.battery_percent,
        )

    def documented(self, limit: timedelta) -> tuple[datetime, "PumpNow"]:
        """When it gave its newest report, by its own clock told in ours; and the pump after that was documented."""
        at, clock = self.clock.documented(self.heard_at + self.clock_skew, self.heard_at, limit)
        return at, replace(self, clock=clock)

    def after(self, word: said.Logged) -> "PumpNow":
        """What a word of the log says of the pump, before its next status does: what runs where, what waits there, whose it is."""
        match word:
            case said.Event(kind=said.Kind.LIBRARY_CHANGED):
                return replace(self, library=word.library)
            case said.Event(kind=said.Kind.CARE_AREA_CHANGED):
                return self._each(word.channel_id, care_area=word.care_area)
            case said.Event(kind=said.Kind.ALARM_RAISED | said.Kind.ALARM_CLEARED) if word.alarm is not None:
                return self._alarmed(word, word.alarm)
            case said.Event(kind=said.Kind.PATIENT_CHANGED):
                return self._each("", patient=word.patient)
            case said.Event(kind=said.Kind.STARTED):
                return self._each(word.channel_id or "?", state=ChannelState.INFUSING, run=word.run, offer_id="")
            case said.Event(kind=said.Kind.ENDED):
                return self._each(word.channel_id or "?", state=ChannelState.IDLE, run=None)
            case said.OfferShown():
                return self._pending(word.channel_id, word.offer_id)
            case said.Decision(decision=said.Answer.CONFIRMED):
                return self._pending(word.channel_id, word.offer_id)
            case said.Decision() | said.OfferRefused():
                return self._free_of(word.channel_id, word.offer_id)
        return self

    def _alarmed(self, word: said.Event, alarm: said.Alarm) -> "PumpNow":
        """An alarm of a channel, or of the whole pump, is active from now on or not any more; the newest ``MOST_ALARMS`` are kept."""
        active = (replace(alarm, since=word.at),) if word.kind is said.Kind.ALARM_RAISED else ()
        channels = []
        for each in self.channels:
            if word.channel_id in ("", each.channel_id):
                others = tuple(other for other in each.alarms if other.alarm_id != alarm.alarm_id)
                each = replace(each, alarms=(*others, *active)[-MOST_ALARMS:])
            channels.append(each)
        return replace(self, channels=tuple(channels))

    def _pending(self, channel_id: str, offer_id: str) -> "PumpNow":
        """An offer waits there, or waits to be started; what runs goes on."""
        report = self.channel(channel_id)
        state = ChannelState.PENDING if report is not None and report.state is ChannelState.IDLE else None
        changes = {"offer_id": offer_id} if state is None else {"offer_id": offer_id, "state": state}
        return self._each(channel_id, **changes)

    def _free_of(self, channel_id: str, offer_id: str) -> "PumpNow":
        """That offer waits there no longer; what runs goes on."""
        report = self.channel(channel_id)
        if report is None or report.offer_id != offer_id:
            return self
        state = ChannelState.IDLE if report.state is ChannelState.PENDING else report.state
        return self._each(channel_id, offer_id="", state=state)

    def _each(self, channel_id: str, **changes: Any) -> "PumpNow":
        """With these changes of the channel of that name; an empty one means all of them."""
        return replace(
            self, channels=tuple(replace(each, **changes) if channel_id in ("", each.channel_id) else each for each in self.channels)
        )

    def row(self) -> Projected:
        return Projected(PUMPS, self.pump_id, json.dumps(_SHAPE.write(self)))


_SHAPE = shape_of(PumpNow)


def read_pump(document: str) -> PumpNow:
    """Raises: Misfit, ValueError: another version wrote it."""
    pump: PumpNow = _SHAPE.read(json.loads(document))
    return pump


async def pump_at(record: Record, pump_id: str) -> PumpNow | None:
    """The newest report on file; ``None``: this pump never said hello. Raises: StoreUnavailable."""
    document = await record.projection(PUMPS, pump_id)
    return None if document is None else read_pump(document)


@functools.lru_cache(maxsize=1024)
def _more_than_said(pump_id: str) -> None:
    """Once for each pump."""
    log.warning("a pump tells of channels that its hello did not name; they are passed over", extra={"pump": pump_id})


def channel_of(pump: PumpNow, report: said.ChannelReport, running: Running | None, patient: PatientId | None, online: bool) -> Channel:
    """The channel for a case. What the pump did not say blocks: an unsaid set is no set, an unsaid power no power (SR-29).

    ``running`` is the record's word on what runs, ``patient`` that of the pump's associations, where the pump itself names none (SR-03).
    """
    return Channel(
        pump_id=pump.pump_id,
        channel_id=report.channel_id,
        model=pump.model,
        mode=report.mode,
        state=report.state,
        library=pump.library,
        care_area=report.care_area,
        reported_at=pump.heard_at,
        online=online,
        powered=pump.power in (said.Power.MAINS, said.Power.BATTERY),
        set_installed=report.set_installed is True and report.door_open is not True and report.air is not True,
        alarming=any(alarm.priority == "PH" for alarm in report.alarms),
        patient=report.patient or patient,
        weight=report.weight,
        clock_skew=pump.clock_skew,
        running=running,
        syringe_volume=report.syringe_volume,
    )
