"""What one screen draws: the pump's view as it stands, and for each key whether it may be pressed, with what, and why not."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from pump_sim import keys
from pump_sim.amounts import Amount, measure
from pump_sim.faults import AT_START, FAULTS
from pump_sim.fleet import Unit
from pump_sim.models import model
from pump_sim.panel.words import change, slip
from pump_sim.programme import LABELS, CannotSet, dose_name, is_dosed, missing, needed, unit_of
from pump_sim.state import Channel, Programme
from pump_sim.view import AlarmView, CautionView, ChannelView, KeyView, ProgramView, PumpView

READ_BADGE: Final = "Scan your badge first"
SEE_CAUTIONS: Final = "Mark each caution as seen first"

SHORTCUTS: Final[Mapping[str, str]] = {
    "open_offer": "O",
    "confirm": "C",
    "start": "S",
    "resume": "S",
    "pause": "P",
    "clear": "L",
    "edit": "T",
    "change": "T",
    "override": "V",
    "second_check": "K",
    "reject": "J",
    "cancel": "J",
    "program": "G",
    "review": "W",
    "silence": "Q",
}
"""With Alt, on the channel in hand; letters that browsers keep for themselves are not among them."""

SHAPES: Final[Mapping[str, str]] = {"high": "!!!", "medium": "!!", "low": "!", "info": "i"}

STANCES: Final[Mapping[str, str]] = {
    "OFF": "off",
    "POST": "off",
    "IDLE": "idle",
    "PROGRAMMING": "pending",
    "PENDING_REMOTE": "pending",
    "REVIEW": "pending",
    "READY": "ready",
    "INFUSING": "runs",
    "PAUSED": "stands",
    "ALARM_STOPPED": "stopped",
    "KVO": "kvo",
    "COMPLETE": "stands",
    "FAULT": "stopped",
}
"""How a state is drawn; its words always stand beside."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A key as it is drawn. ``why_not``: it is locked, because."""

    name: str
    label: str
    shortcut: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Field:
    """A value that may be typed: its name for the key, its words, its unit, and what stands there now."""

    name: str
    label: str
    unit: str
    now: str
    units: tuple[str, ...] = ()
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A caution with the mark that says it was seen; other words make another mark."""

    caution: CautionView
    mark: str


@dataclass(frozen=True, slots=True)
class ChannelFace:
    view: ChannelView
    stance: str
    keys: Mapping[str, Drawn]
    program: ProgramView | None  # what is under way: the program, or the change beside the run
    cautions: tuple[Shown, ...]
    changes: Mapping[str, str]  # value name → what became of it, in words
    slips: frozenset[str]
    fields: tuple[Field, ...]
    duration: str  # the time of the program, as a clock tells it
    ordered_duration: str
    permille: int | None
    alarms: tuple[AlarmView, ...]

    @property
    def sounds(self) -> bool:
        """What only informs makes no sound."""
        return any(alarm.priority != "info" for alarm in self.alarms)


@dataclass(frozen=True, slots=True)
class PumpFace:
    view: PumpView
    badge: str
    told: str
    is_on: bool
    factor: str
    channels: tuple[ChannelFace, ...]
    alarms: tuple[AlarmView, ...]  # of the whole pump
    notices: tuple[str, ...]
    may_leave_patient: str  # why not
    faults: Mapping[str, str]

    @property
    def sounds(self) -> bool:
        return any(alarm.priority != "info" for alarm in self.alarms)

    @property
    def self_tests(self) -> tuple[str, ...]:
        return keys.SELF_TESTS

    @property
    def worst(self) -> str:
        """The priority that a room hears; empty: none."""
        all_ = {alarm.priority for alarm in (*self.alarms, *(alarm for channel in self.channels for alarm in channel.alarms))}
        return next((priority for priority in ("high", "medium", "low") if priority in all_), "")


def face_of(unit: Unit, badge: str, told: str) -> PumpFace:
    """The screen now. Asking changes nothing."""
    view = unit.view()
    common = _of_all(view)
    factor = unit.clock.factor
    new = next(
        (key.why_not for channel in view.channels for key in channel.keys if key.name == "new_patient"), "Pause what is delivered first"
    )
    return PumpFace(
        view=view,
        badge=badge,
        told=told,
        is_on=view.power != "off",
        factor="" if factor == 1 else f"{factor} times as fast as life",
        channels=tuple(_channel(unit, each, badge, common) for each in view.channels),
        alarms=tuple(alarm for alarm in (view.channels[0].alarms if view.channels else ()) if alarm.alarm_id in common),
        notices=tuple(notice for notice in view.notices if notice not in {a.text for each in view.channels for a in each.alarms}),
        may_leave_patient=new or ("" if badge else READ_BADGE),
        faults={name: words for name, words in FAULTS.items() if name not in AT_START} if view.faults else {},
    )


def _of_all(view: PumpView) -> frozenset[str]:
    """Alarms that every channel shows are the pump's own, and are drawn once."""
    if len(view.channels) < 2:
        return frozenset()
    return frozenset.intersection(*(frozenset(alarm.alarm_id for alarm in channel.alarms) for channel in view.channels))


def _channel(unit: Unit, view: ChannelView, badge: str, common: frozenset[str]) -> ChannelFace:
    channel = unit.pump.channels[view.channel_id]
    program = view.change or view.program
    programme = channel.change or channel.programme
    return ChannelFace(
        view=view,
        stance=STANCES[view.state],
        keys={key.name: _drawn(key, badge) for key in view.keys if key.name != "new_patient"},
        program=program,
        cautions=tuple(Shown(caution, mark_of(caution)) for caution in program.cautions) if program is not None else (),
        changes=_changes(channel, programme),
        slips=_slips(channel, programme),
        fields=tuple(_fields(unit, channel)),
        duration=_clocked(programme.settings.get("duration")) if programme is not None else "",
        ordered_duration=_clocked(programme.offered.get("duration")) if programme is not None else "",
        permille=_permille(unit, channel),
        alarms=tuple(alarm for alarm in view.alarms if alarm.alarm_id not in common),
    )


def _drawn(key: KeyView, badge: str) -> Drawn:
    fields = keys.KEYS[key.name].__dataclass_fields__
    needs_badge = "badge" in fields and key.name not in ("pause", "clear", "second_check")
    return Drawn(key.name, key.label, SHORTCUTS.get(key.name, ""), key.why_not or (READ_BADGE if needs_badge and not badge else ""))


def mark_of(caution: CautionView) -> str:
    return hashlib.sha256(f"{caution.text}\n{caution.action}".encode()).hexdigest()[:16]


# ── from old to new ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _before(channel: Channel, programme: Programme) -> tuple[Mapping[str, Amount], str]:
    """What a program's values are held against, and what that is called."""
    if programme is channel.change and channel.run is not None:
        return channel.run.programme.settings, "what runs now"
    return programme.offered, "what was ordered"


def _pairs(channel: Channel, programme: Programme | None) -> list[tuple[str, Amount, Amount, str]]:
    if programme is None:
        return []
    before, than = _before(channel, programme)
    return [
        (name, before[name], value, than)
        for name, value in programme.settings.items()
        if name in before and name in ("rate", "dose rate", "dose", "vtbi") and (before[name] != value or programme is channel.change)
    ]


def _changes(channel: Channel, programme: Programme | None) -> dict[str, str]:
    return {name: change(old, new, than) for name, old, new, than in _pairs(channel, programme)}


def _slips(channel: Channel, programme: Programme | None) -> frozenset[str]:
    return frozenset(name for name, old, new, _ in _pairs(channel, programme) if slip(old, new))


# ── what may be typed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fields(unit: Unit, channel: Channel) -> list[Field]:
    """The values that ``enter``, ``edit`` or ``change`` may set now."""
    programme = channel.change or channel.programme
    if programme is None:
        if channel.run is None:
            return []
        return [_field(channel.run.programme, name) for name in ("dose rate", "rate", "vtbi") if name in channel.run.programme.settings]
    if programme is channel.change:
        return [_field(programme, name) for name in ("dose rate", "rate", "vtbi") if name in programme.settings]
    pump = model(unit.config.model)
    names = [*needed(programme, pump), *(name for name in ("vtbi", "duration") if name not in needed(programme, pump))]
    absent = missing(programme, pump)
    order = [name for name in ("weight", "body surface area", "dose rate", "dose", "rate", "vtbi", "duration") if name in names]
    fields = [_field(programme, name, absent) for name in order if name != "dose rate" or dose_name(programme.entry) == "dose rate"]
    return [*_concentration(programme, absent), *fields]


def _field(programme: Programme, name: str, absent: tuple[str, ...] = ()) -> Field:
    try:
        unit = unit_of(programme, name)
    except CannotSet:
        unit = programme.settings[name].unit
    now = programme.settings.get(name)
    return Field(name, LABELS[name], unit, str(now) if now is not None else "", is_missing=name in absent)


def _concentration(programme: Programme, absent: tuple[str, ...]) -> list[Field]:
    """A drug of any strength is told its own, in a unit of the drug's own kind."""
    entry = programme.entry
    if (
        entry is None
        or not is_dosed(entry)
        or entry.concentration is not None
        or programme.settings.keys() - {"weight", "body surface area"}
    ):
        return []
    kind = measure(entry.dosing_unit).kind
    units = tuple(f"{each}/mL" for each in COUNTED if measure(each).kind == kind)
    now = str(programme.concentration) if programme.concentration is not None else ""
    return [Field("concentration", LABELS["concentration"], "", now, units, "concentration" in absent)]


COUNTED: Final = ("mg", "ug", "g", "[iU]", "m[iU]", "mmol", "meq", "[arb'U]", "ng")


def _clocked(duration: Amount | None) -> str:
    """``6 h 56 min 40 s``; ``≈`` where a part of a second is left out."""
    if duration is None:
        return ""
    exact = duration.to("min").value * 60
    seconds = int(exact)
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return ("≈" if exact != seconds else "") + (" ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s")


def _permille(unit: Unit, channel: Channel) -> int | None:
    """How much of the VTBI is given, for a bar that is beside the number."""
    run = channel.run
    vtbi = run.programme.settings.get("vtbi") if run is not None else None
    if run is None or vtbi is None or not vtbi.value:
        return None
    given = unit.pump.counted(channel.channel_id, unit.clock.now()) - run.vtbi_from
    return int(min(max(given / vtbi.to("mL").value, Fraction(0)), Fraction(1)) * 1000)
