"""All that a screen of the pump must show, as plain frozen values: text is ready to be read, and nothing is left out or shortened (SR-08)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ValueView:
    """One value. ``name`` is its key (``dose rate``), ``label`` its words; ``old`` is what runs now where a change waits, else empty.

    ``offered`` is what the server offered where a clinician has edited it; ``breach`` says which soft limit it passes; ``overridden``: with a reason.
    """

    name: str
    label: str
    text: str
    number: str
    unit: str
    old: str = ""
    offered: str = ""
    breach: str = ""
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class CautionView:
    text: str
    action: str


@dataclass(frozen=True, slots=True)
class AlarmView:
    """``priority``: ``high``, ``medium``, ``low`` or ``info``."""

    alarm_id: str
    code: str
    priority: str
    text: str
    since: str


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key that may be pressed now, by its name in ``keys.KEYS``; locked where ``why_not`` says what is missing first."""

    name: str
    label: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry that may be chosen by hand."""

    key: str
    title: str
    dosing_unit: str
    needs: tuple[str, ...]  # the names of the values to enter


@dataclass(frozen=True, slots=True)
class ProgramView:
    """A program under way to a run, or a change of what runs. ``seconds_left``: until it ends by itself; None: it does not."""

    source: str  # "offer" or "hand"
    is_change: bool
    patient: str
    patient_name: str
    order: str
    requested_by: str
    weight_source: str  # words, empty where there is no weight
    drug: str
    tallman: str
    therapy: str
    care_area: str
    concentration: str
    container: str
    values: tuple[ValueView, ...]
    cautions: tuple[CautionView, ...]
    advisory: str
    high_alert: bool
    missing: tuple[str, ...]  # names of values that must still be entered
    hard_breaches: tuple[str, ...]
    second_check: str  # "", "needed", or "by BADGE"
    confirmed_by: str
    seconds_left: int | None


@dataclass(frozen=True, slots=True)
class RunView:
    infusion_id: str
    order: str
    drug: str
    tallman: str
    therapy: str
    concentration: str
    rate: str  # what it delivers now
    set_rate: str
    dose_rate: str
    weight: str
    vtbi: str
    vtbi_left: str
    delivered: str
    time_left: str
    started_at: str
    confirmed_by: str
    second_check_by: str


@dataclass(frozen=True, slots=True)
class ChannelView:
    channel_id: str
    mode: str
    state: str  # name of states.State
    state_words: str
    delivering: bool
    set_installed: bool
    door_open: bool
    air: bool
    syringe: str
    program: ProgramView | None
    change: ProgramView | None
    run: RunView | None
    alarms: tuple[AlarmView, ...]
    silenced_s: int
    keys: tuple[KeyView, ...]
    entries: tuple[EntryView, ...]
    order: str  # whose the channel is, as the server associated it
    note: str  # the last key that did nothing, and why


@dataclass(frozen=True, slots=True)
class PumpView:
    """The whole pump. ``simulated`` is always true."""

    pump_id: str
    model: str
    title: str
    simulated: bool
    faults: tuple[str, ...]
    speed: str
    clock: str
    power: str
    battery_percent: int
    battery_minutes: int | None
    connected: bool
    patient: str
    patient_name: str
    weight: str
    care_area: str
    care_areas: tuple[tuple[str, str], ...]
    library: str
    library_hash: str
    notices: tuple[str, ...]
    override_reasons: tuple[tuple[str, str], ...]
    channels: tuple[ChannelView, ...]
