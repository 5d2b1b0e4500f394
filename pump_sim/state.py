"""Everything a pump knows, as plain values that survive a power loss; ``stored.py`` writes and reads them."""

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from pump_sim.amounts import Amount
from pump_sim.library import Entry, LibraryRef
from pump_sim.states import Shadow, State


@dataclass(frozen=True, slots=True)
class Patient:
    id: str
    authority: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One value that a clinician changed (D-23); None: it was not there."""

    name: str
    was: Amount | None
    now: Amount | None


@dataclass(frozen=True, slots=True)
class Override:
    """A soft limit passed on purpose (SR-24)."""

    name: str
    attempted: Amount
    limit: Amount
    final: Amount
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Caution:
    text: str
    action: str


@dataclass(slots=True)
class Programme:
    """Values on their way to a run, or that a run was made from. Microseconds are those of the pump's monotonic clock.

    ``offer_id`` empty: made by hand. ``offered`` holds the settings as they came, to tell what a clinician edited.
    """

    offer_id: str = ""
    order: str = ""
    requested_by: str = ""
    weight_source: str = ""  # "order" or "pump"; empty: entered for this program
    patient: Patient | None = None
    patient_name: str = ""
    entry: Entry | None = None
    concentration: Amount | None = None
    container: str = ""
    settings: dict[str, Amount] = field(default_factory=dict)
    offered: dict[str, Amount] = field(default_factory=dict)
    cautions: tuple[Caution, ...] = ()
    overrides: dict[str, Override] = field(default_factory=dict)
    needs_second_check: bool = False
    second_check_by: str = ""
    edited_by: tuple[str, ...] = ()
    confirmed_by: str = ""
    changes: str = ""  # the infusion that a change is for
    shown_us: int = 0
    key_us: int = 0
    opened: bool = False
    alerted: bool = False
    untouched_s: int = 300
    idle_s: int = 180
    total_s: int = 900

    @property
    def by_hand(self) -> bool:
        return not self.offer_id

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What differs from the offer; nothing for a program made by hand. What only follows from other values is no edit where it was not offered."""
        if self.by_hand:
            return ()
        names = [*self.offered, *(name for name in self.settings if name not in (*self.offered, "duration", "total dose"))]
        pairs = ((name, self.offered.get(name), self.settings.get(name)) for name in names)
        return tuple(Edit(name, was, now) for name, was, now in pairs if was != now)


@dataclass(slots=True)
class Flow:
    """How much has left the pump for one infusion: ``ml`` at ``since_us``, and since then ``rate`` mL/h. Nominal: what the pump counts (SR-51)."""

    since_us: int = 0
    ml: Fraction = Fraction(0)
    rate: Fraction = Fraction(0)
    occluded_at: Fraction | None = None  # the count when the patient's side closed


@dataclass(slots=True)
class Run:
    """An infusion. ``vtbi_from``: the count at which the present VTBI began. ``done``: the VTBI is given."""

    infusion_id: str
    programme: Programme
    started_at: datetime
    started_by: str
    flow: Flow
    vtbi_from: Fraction = Fraction(0)
    near_end_told: bool = False
    done: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Alarm:
    """An active alarm; ``kind`` is its row in ``alarms.KINDS``."""

    alarm_id: str
    kind: str
    text: str
    since: datetime


@dataclass(slots=True)
class Channel:
    """One channel. ``contents``: mL that were really in the container at the count ``contents_at``; None: it never runs dry."""

    channel_id: str
    mode: str
    state: State = State.OFF
    shadow: Shadow = Shadow.NONE
    programme: Programme | None = None
    change: Programme | None = None
    run: Run | None = None
    set_installed: bool = True
    door_open: bool = False
    air: bool = False
    occluded: bool = False
    syringe_volume: Fraction | None = None
    contents: Fraction | None = None
    contents_at: Fraction = Fraction(0)
    alarms: list[Alarm] = field(default_factory=list)
    stopped_us: int = 0  # since when it stands, for the call-back alarm
    called_back: int = 0
    silenced_until_us: int = 0
    association_id: str = ""
    order: str = ""
    note: str = ""


@dataclass(slots=True)
class Tombstone:
    """An offer id that is used up: how it ended (``refused``, ``rejected``, ``expired``, ``withdrawn``, ``never_seen``, ``ran``), and with what values.

    Empty ``how``: it is on the screen still, or confirmed and not started.
    """

    offer_id: str
    channel_id: str
    at: datetime
    how: str = ""
    infusion_id: str = ""
    by: str = ""
    second_check_by: str = ""
    settings: dict[str, Amount] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    overrides: tuple[Override, ...] = ()


@dataclass(slots=True)
class PumpState:
    """The pump, but for its log and tombstones, which are kept beside it."""

    log_id: str = ""
    infusions: int = 0
    alarm_count: int = 0
    on: bool = False
    saved_us: int = 0  # the moment at which this was written
    alarms: list[Alarm] = field(default_factory=list)  # of the whole pump
    was_lost: bool = False  # the network, so that its return is told once
    patient: Patient | None = None
    patient_name: str = ""
    weight: Amount | None = None
    care_area: str = ""
    on_mains: bool = True
    battery_us: int = 0  # of running time left, at battery_since_us
    battery_since_us: int = 0
    notices: tuple[str, ...] = ()
    library: LibraryRef | None = None
    library_told: bool = False  # hello said which one there is, or that there is none
    failing_tests: tuple[str, ...] = ()
    channels: dict[str, Channel] = field(default_factory=dict)
