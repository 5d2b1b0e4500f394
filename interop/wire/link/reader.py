"""What a pump sends → a noun of ``interop.domain.pump`` (docs/pump-link.md, sections 1 and 3). Any bytes give a word or ``BadFrame``, nothing else.

Fields that the contract does not know are passed over; what it knows must have its form, and amounts become exact quantities here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec

from interop.domain import pump as said
from interop.domain.channel import ChannelState
from interop.domain.errors import PumpError
from interop.domain.events.nouns import Edit, Override, Setting
from interop.domain.library import LibraryRef
from interop.domain.patient import PatientId
from interop.domain.quantity import NotANumber, Quantity
from interop.wire.link import from_pump as frames
from interop.wire.link import values

T = TypeVar("T")
N = TypeVar("N")

STATES: Final[Mapping[str, ChannelState]] = MappingProxyType({state.name.lower(): state for state in ChannelState})
"""A channel's state by its word in a frame."""

SETTING_UNITS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "rate": frozenset({"mL/h"}),
        "vtbi": frozenset({"mL"}),
        "weight": frozenset({"kg", "g"}),
        "duration": frozenset({"s", "min", "h", "d"}),
        "body surface area": frozenset({"m2"}),
    }
)
"""Settings whose unit is settled by their name."""


class BadFrame(PumpError):
    """The frame is not in the contract. ``field`` is the path of what is wrong (empty: the whole of it), ``why`` a word of ours; neither quotes the frame."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field or 'the frame'}: {why}")
        self.field, self.why = field, why

    def within(self, place: str) -> "BadFrame":
        """The same fault, seen from further out."""
        return BadFrame(f"{place}.{self.field}", self.why)


def read(frame: bytes | str) -> said.Word:
    """The word that a frame says.

    Raises: BadFrame: too large, no JSON, of a kind that is not in the contract, or a field without its form.
    """
    try:
        data = frame.encode() if isinstance(frame, str) else frame
        if len(data) > values.MAX_BYTES:
            raise BadFrame("", "too large")
        decoded = _DECODER.decode(data)
    except msgspec.ValidationError as fault:
        raise _named(str(fault)) from None
    except (msgspec.DecodeError, UnicodeError):
        raise BadFrame("", "no JSON in UTF-8") from None
    except RecursionError:
        raise BadFrame("", "too deep") from None
    word: said.Word = _WORDS[type(decoded)](decoded)
    return word


_DECODER: Final = msgspec.json.Decoder(frames.FromPump)
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")
_PLACE: Final = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`\Z")


def _named(complaint: str) -> BadFrame:
    """msgspec's complaint without what it quotes of the frame: the path is made of our own names and of numbers."""
    place = _PLACE.search(complaint)
    path = place[1] if place else ""
    missing = _MISSING.match(complaint)
    if missing:
        return BadFrame(f"{path}.{missing[1]}" if path else missing[1], "missing")
    return BadFrame(path, "unknown" if path == "frame" else "not of its form")


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


_quantity = lru_cache(maxsize=8192)(Quantity.of)  # most of a status is as it was in the one before


def _amount(amount: Any, field: str) -> Quantity:
    try:
        return _quantity(amount.value, amount.unit)
    except NotANumber:
        raise BadFrame(f"{field}.value", "no plain decimal") from None
    except KeyError:
        raise BadFrame(f"{field}.unit", "no unit of the table") from None


def _if_any(amount: Any, field: str) -> Quantity | None:
    return None if amount is None else _amount(amount, field)


def _above_zero(amount: Any, field: str) -> Quantity | None:
    if amount is None:
        return None
    quantity = _amount(amount, field)
    if not quantity.value:
        raise BadFrame(f"{field}.value", "zero")
    return quantity


def _concentration(amount: values.Concentration | None, field: str) -> Quantity | None:
    quantity = _above_zero(amount, field)
    if quantity is not None and not quantity.measure.is_concentration:
        raise BadFrame(f"{field}.unit", "no amount in a volume")
    return quantity


def _instant(at: datetime, field: str) -> datetime:
    if at.year not in values.YEARS:
        raise BadFrame(field, "not of its form")
    return at


def _instant_if_any(at: datetime | None, field: str) -> datetime | None:
    return None if at is None else _instant(at, field)


def _patient(patient: values.Patient | None) -> PatientId | None:
    return None if patient is None else PatientId(patient.id, patient.authority or "")


def _library(library: values.LibraryRef | None) -> LibraryRef | None:
    return None if library is None else LibraryRef(library.id, library.version, library.hash)


def _each(make: Callable[[T], N], listed: Iterable[T] | None, field: str) -> tuple[N, ...]:
    made: list[N] = []
    for each in listed or ():
        try:
            made.append(make(each))
        except BadFrame as fault:
            raise fault.within(f"{field}[{len(made)}]") from None
    return tuple(made)


# ── what channels do ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _alarm(alarm: frames.Alarm) -> said.Alarm:
    return said.Alarm(alarm.alarm_id, alarm.code, alarm.priority, alarm.text or "", _instant_if_any(alarm.since, "since"))


def _run(run: frames.Run | None) -> said.Run | None:
    if run is None:
        return None
    try:
        return said.Run(
            run.infusion_id,
            run.offer_id or "",
            run.order or "",
            run.entry_key or "",
            run.drug or "",
            run.tallman or "",
            _concentration(run.concentration, "concentration"),
            _if_any(run.rate, "rate"),
            _if_any(run.set_rate, "set_rate"),
            _if_any(run.dose_rate, "dose_rate"),
            _above_zero(run.weight, "weight"),
            _if_any(run.vtbi, "vtbi"),
            _if_any(run.vtbi_left, "vtbi_left"),
            _if_any(run.delivered, "delivered"),
            run.second_check_by or "",
            _instant_if_any(run.started_at, "started_at"),
        )
    except BadFrame as fault:
        raise fault.within("run") from None


def _channel(channel: frames.ChannelStatus) -> said.ChannelReport:
    return said.ChannelReport(
        channel.channel_id,
        channel.mode,
        STATES[channel.state],
        channel.care_area or "",
        _patient(channel.patient),
        _above_zero(channel.weight, "weight"),
        channel.set_installed,
        channel.door_open,
        channel.air,
        _above_zero(channel.syringe_volume, "syringe_volume"),
        channel.offer_id or "",
        _each(_alarm, channel.alarms, "alarms"),
        _run(channel.run),
    )


def _channels(channels: list[frames.ChannelStatus]) -> tuple[said.ChannelReport, ...]:
    reports = _each(_channel, channels, "channels")
    if len({report.channel_id for report in reports}) != len(reports):
        raise BadFrame("channels", "a channel twice")  # of two states, none is the one
    return reports


def _setting(setting: frames.SettingSaid) -> Setting:
    return Setting(setting.name, _named_amount(setting.name, setting.set, "set"))


def _edit(edit: frames.EditSaid) -> Edit:
    was = None if edit.was is None else _named_amount(edit.name, edit.was, "was")
    return Edit(edit.name, was, None if edit.now is None else _named_amount(edit.name, edit.now, "now"))


def _named_amount(name: str, amount: values.Amount, field: str) -> Quantity:
    quantity = _amount(amount, field)
    if name in SETTING_UNITS and quantity.unit not in SETTING_UNITS[name]:
        raise BadFrame(f"{field}.unit", "not a unit of this setting")
    return quantity


def _override(override: frames.OverrideSaid) -> Override:
    return Override(
        override.name,
        _amount(override.attempted, "attempted"),
        _amount(override.limit, "limit"),
        _amount(override.final, "final"),
        override.reason,
        override.by,
    )


# ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _hello(frame: frames.HelloFrame) -> said.Hello:
    if frame.log.first > frame.log.next:
        raise BadFrame("log.first", "after next")
    return said.Hello(
        pump_id=frame.pump_id,
        model=frame.model,
        clock=_instant(frame.clock, "clock"),
        library=_library(frame.library),
        log=said.LogRange(frame.log.log_id, frame.log.first, frame.log.next),
        can=frozenset(frame.can),
        channels=_channels(frame.channels),
        maker=frame.maker or "",
        serial=frame.serial or "",
        firmware=frame.firmware or "",
        simulated=bool(frame.simulated),
        tombstones=frame.tombstones,
        power=frame.power,
        battery_percent=frame.battery_percent,
        protocol=frame.protocol,
    )


def _heartbeat(frame: frames.HeartbeatFrame) -> said.Heartbeat:
    return said.Heartbeat(_instant(frame.clock, "clock"))


def _status(frame: frames.StatusFrame) -> said.Status:
    return said.Status(
        _instant(frame.clock, "clock"), _channels(frame.channels), frame.power, frame.battery_percent, frame.request_id or ""
    )


def _offer_shown(frame: frames.OfferShownFrame) -> said.OfferShown:
    return said.OfferShown(frame.log_id, frame.number, _instant(frame.at, "at"), frame.offer_id, frame.channel_id)


def _offer_refused(frame: frames.OfferRefusedFrame) -> said.OfferRefused:
    reasons = tuple(said.PumpReason(reason.code, reason.text) for reason in frame.reasons)
    return said.OfferRefused(frame.log_id, frame.number, _instant(frame.at, "at"), frame.offer_id, frame.channel_id, reasons)


def _decision(frame: frames.DecisionFrame) -> said.Decision:
    return said.Decision(
        frame.log_id,
        frame.number,
        _instant(frame.at, "at"),
        frame.offer_id,
        frame.channel_id,
        frame.decision,
        frame.by or "",
        frame.second_check_by or "",
        frame.cause,
        frame.text or "",
        _each(_setting, frame.settings, "settings"),
        _each(_edit, frame.edits, "edits"),
        _each(_override, frame.overrides, "overrides"),
    )


def _event(frame: frames.EventFrame) -> said.Event:
    for field in frames.MAY_BE_NULL.intersection(frames.NEEDS[frame.kind]):
        if getattr(frame, field) is msgspec.UNSET:
            raise BadFrame(field, "missing")
    alarm = None
    if frame.alarm_id is not None:
        alarm = said.Alarm(frame.alarm_id, frame.code or "", frame.priority or "", frame.text or "")
    is_change = frame.kind is said.Kind.RATE_CHANGED
    return said.Event(
        frame.log_id,
        frame.number,
        _instant(frame.at, "at"),
        frame.kind,
        frame.channel_id or "",
        frame.infusion_id or "",
        _if_any(frame.delivered, "delivered"),
        frame.by or "",
        frame.offer_id or "",
        frame.cause or "",
        _run(frame.run),
        _if_any(frame.new, "new") if is_change else _if_any(frame.rate, "rate"),
        _if_any(frame.old, "old"),
        _if_any(frame.dose_rate, "dose_rate"),
        _if_any(frame.vtbi, "vtbi"),
        _if_any(frame.before, "before"),
        _each(_edit, frame.edits, "edits"),
        alarm,
        _patient(frame.patient or None),
        frame.care_area or "",
        _library(frame.library or None),
    )


def _withdrawn(frame: frames.WithdrawnFrame) -> said.Withdrawn:
    return said.Withdrawn(frame.offer_id, frame.channel_id, _instant(frame.at, "at"))


def _never_seen(frame: frames.NeverSeenFrame) -> said.NeverSeen:
    return said.NeverSeen(frame.offer_id, frame.channel_id, _instant(frame.at, "at"))


def _confirmed(frame: frames.ConfirmedFrame) -> said.ConfirmedAfterAll:
    return said.ConfirmedAfterAll(
        frame.offer_id,
        frame.channel_id,
        _instant(frame.at, "at"),
        frame.runs,
        frame.by or "",
        frame.second_check_by or "",
        _each(_setting, frame.settings, "settings"),
        _each(_edit, frame.edits, "edits"),
        _each(_override, frame.overrides, "overrides"),
    )


_WORDS: Final[Mapping[type, Callable[[Any], said.Word]]] = {
    frames.HelloFrame: _hello,
    frames.HeartbeatFrame: _heartbeat,
    frames.StatusFrame: _status,
    frames.OfferShownFrame: _offer_shown,
    frames.OfferRefusedFrame: _offer_refused,
    frames.DecisionFrame: _decision,
    frames.EventFrame: _event,
    frames.WithdrawnFrame: _withdrawn,
    frames.NeverSeenFrame: _never_seen,
    frames.ConfirmedFrame: _confirmed,
}
