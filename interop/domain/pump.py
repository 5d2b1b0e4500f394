"""What a pump says and hears, as nouns (docs/pump-link.md): frozen, and the same whatever wire carries them. Import it as ``said``.

Empty and ``None`` mean that the pump did not say; nothing here is guessed. Instants are on the pump's own clock unless the name says otherwise.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from fractions import Fraction
from typing import Final

from interop.domain.channel import ChannelState
from interop.domain.delivery import Mode, SecondCheck
from interop.domain.events.nouns import Edit, Override, Setting
from interop.domain.library import LibraryRef
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity

DECIMALS: Final = 9
"""As many a value has on the link, at most."""


def as_told(amount: Quantity) -> Quantity:
    """The amount as the link can tell it: to the nearest of nine decimals. The pump says it back so; what it says is compared with this."""
    return Quantity(Fraction(round(amount.value * 10**DECIMALS), 10**DECIMALS), amount.unit)


class Ability(Enum):
    """What a pump, or the gateway before it, can do; what is missing is a guarantee that the nurse does not have."""

    WITHDRAW = "withdraw"
    READ_BACK = "read_back"
    TITRATE = "titrate"
    SECOND_CHECK = "second_check"


class Power(Enum):
    MAINS = "mains"
    BATTERY = "battery"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that is active at the pump. ``code`` is its MDC term, ``priority`` PH, PM, PL or PN (IHE DEV TF-2, B.8.5)."""

    alarm_id: str
    code: str
    priority: str
    text: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What an occupied channel runs. ``rate`` is what it delivers now, ``set_rate`` as programmed, in mL/h; ``delivered`` counts this infusion, in mL.

    ``infusion_id`` is the pump's own and is never used twice. ``offer_id`` empty: programmed by hand. ``entry_key`` empty: without the library.
    """

    infusion_id: str
    offer_id: str = ""
    placer_order_number: str = ""
    entry_key: str = ""
    drug: str = ""
    tallman: str = ""
    concentration: Quantity | None = None
    rate: Quantity | None = None
    set_rate: Quantity | None = None
    dose_rate: Quantity | None = None
    weight: Quantity | None = None
    vtbi: Quantity | None = None
    vtbi_left: Quantity | None = None
    delivered: Quantity | None = None
    second_check_by: str = ""
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """A channel's status as the pump told it."""

    channel_id: str
    mode: Mode
    state: ChannelState
    care_area: str = ""
    patient: PatientId | None = None
    weight: Quantity | None = None
    set_installed: bool | None = None
    door_open: bool | None = None
    air: bool | None = None
    syringe_volume: Quantity | None = None
    offer_id: str = ""
    alarms: tuple[Alarm, ...] = ()
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class LogRange:
    """What the pump still holds of its log: from ``first`` up to, not including, ``next``."""

    log_id: str
    first: int
    next: int


@dataclass(frozen=True, slots=True)
class Hello:
    """The first word of a connection. ``protocol`` other than 1 is for a later server."""

    pump_id: str
    model: str
    clock: datetime
    library: LibraryRef | None
    log: LogRange
    can: frozenset[Ability]
    channels: tuple[ChannelReport, ...]
    maker: str = ""
    serial: str = ""
    firmware: str = ""
    simulated: bool = False
    tombstones: int | None = None
    power: Power | None = None
    battery_percent: int | None = None
    protocol: int = 1


@dataclass(frozen=True, slots=True)
class Heartbeat:
    clock: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """The channels that changed, as they are now. ``request_id`` answers a read-back; only the newest status counts."""

    clock: datetime
    channels: tuple[ChannelReport, ...]
    power: Power | None = None
    battery_percent: int | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class LogWord:
    """A numbered word of the log: kept by the pump until it is acknowledged, told in order, counted once."""

    log_id: str
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class OfferShown(LogWord):
    """The offer is on the screen (SR-15)."""

    offer_id: str
    channel_id: str


@dataclass(frozen=True, slots=True)
class PumpReason:
    """``code`` is a PCD-03 code as text (``9024``), or one with a word behind it (``9016.replayed``)."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class OfferRefused(LogWord):
    """The offer was not shown and is not kept."""

    offer_id: str
    channel_id: str
    reasons: tuple[PumpReason, ...]


class Answer(Enum):
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Cause(Enum):
    """Why a rejected offer ended (docs/pump-link.md, decision)."""

    BY_CLINICIAN = "by_clinician"
    OTHER_DRUG = "other_drug"
    OTHER_PATIENT = "other_patient"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Decision(LogWord):
    """How the offer ended at the pump: by whom, with which values, edits (D-23) and overridden soft limits (SR-24)."""

    offer_id: str
    channel_id: str
    decision: Answer
    by: str = ""
    second_check_by: str = ""
    cause: Cause | None = None
    text: str = ""
    settings: tuple[Setting, ...] = ()
    edits: tuple[Edit, ...] = ()
    overrides: tuple[Override, ...] = ()


class Kind(Enum):
    """Kinds of event (docs/pump-link.md, log frames)."""

    OFFER_OPENED = "offer_opened"
    STARTED = "started"
    RATE_CHANGED = "rate_changed"
    EDITED = "edited"
    PAUSED = "paused"
    RESUMED = "resumed"
    VOLUME_COMPLETED = "volume_completed"
    KVO_ENTERED = "kvo_entered"
    ENDED = "ended"
    CONTAINER_CHANGED = "container_changed"
    COUNTERS_RESET = "counters_reset"
    ALARM_RAISED = "alarm_raised"
    ALARM_CLEARED = "alarm_cleared"
    PATIENT_CHANGED = "patient_changed"
    CARE_AREA_CHANGED = "care_area_changed"
    LIBRARY_CHANGED = "library_changed"
    NETWORK_LOST = "network_lost"
    NETWORK_REGAINED = "network_regained"
    POWER_LOST = "power_lost"
    POWER_ON = "power_on"


@dataclass(frozen=True, slots=True)
class Event(LogWord):
    """Something happened at the pump; ``kind`` says which of the fields mean something (docs/pump-link.md). ``channel_id`` empty: the whole pump.

    ``delivered`` is the cumulative counter of ``infusion_id`` at that moment, in mL. ``cause`` is the word of the kind's own list.
    """

    kind: Kind
    channel_id: str = ""
    infusion_id: str = ""
    delivered: Quantity | None = None
    by: str = ""
    offer_id: str = ""
    cause: str = ""
    run: Run | None = None
    rate: Quantity | None = None  # the new one, where there is an old one
    old_rate: Quantity | None = None
    dose_rate: Quantity | None = None
    vtbi: Quantity | None = None
    before: Quantity | None = None
    edits: tuple[Edit, ...] = ()
    alarm: Alarm | None = None
    patient: PatientId | None = None
    care_area: str = ""
    library: LibraryRef | None = None


@dataclass(frozen=True, slots=True)
class WithdrawalAnswer:
    """Any answer to a withdrawal; the pump refuses the id from now on, for ever."""

    offer_id: str
    channel_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Withdrawn(WithdrawalAnswer):
    """It was on the screen, or confirmed and not started, and is gone."""


@dataclass(frozen=True, slots=True)
class NeverSeen(WithdrawalAnswer):
    """Nothing of it can run: unknown, or refused, rejected or expired before."""


@dataclass(frozen=True, slots=True)
class ConfirmedAfterAll(WithdrawalAnswer):
    """It runs (``runs``), or ran."""

    runs: bool = False
    by: str = ""
    second_check_by: str = ""
    settings: tuple[Setting, ...] = ()
    edits: tuple[Edit, ...] = ()
    overrides: tuple[Override, ...] = ()


Logged = OfferShown | OfferRefused | Decision | Event
Word = Hello | Heartbeat | Status | Logged | Withdrawn | NeverSeen | ConfirmedAfterAll


# ── to the pump ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class OfferAttempt(Enum):
    START = "start"
    TITRATION = "titration"


@dataclass(frozen=True, slots=True)
class ShownCaution:
    text: str
    action: str


@dataclass(frozen=True, slots=True)
class Changes:
    """The run that a titration would change, and the values that it runs at: shown as old beside new."""

    infusion_id: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class OfferToShow:
    """A program for one channel, to be shown; it starts nothing (SR-01). Bound to patient, order, channel, library and one id (SEC-22).

    ``untouched_s``, ``idle_s`` and ``total_s`` count on the pump's monotonic clock (D-09); ``expires_at`` is on the server's.
    """

    offer_id: str
    pump_id: str
    channel_id: str
    attempt: OfferAttempt
    expires_at: datetime
    untouched_s: int
    idle_s: int
    total_s: int
    answer_within_s: int
    patient: PatientId
    patient_name: str
    placer_order_number: str
    requested_by: str
    library: LibraryRef
    entry_key: str
    drug: str
    tallman: str
    therapy: str
    care_area: str
    concentration: Quantity | None
    container_amount: Quantity | None
    container_volume: Quantity | None
    settings: tuple[Setting, ...]
    second_check: SecondCheck
    weight_source: str
    cautions: tuple[ShownCaution, ...]
    changes: Changes | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """All of the log up to here is durable; the pump may forget it. ``clock`` is the server's."""

    log_id: str
    up_to: int
    clock: datetime
    heartbeat_s: int = 10


@dataclass(frozen=True, slots=True)
class Withdraw:
    offer_id: str
    channel_id: str


@dataclass(frozen=True, slots=True)
class ReadBack:
    request_id: str


@dataclass(frozen=True, slots=True)
class Associate:
    """Whose the channel is, to be shown there."""

    association_id: str
    channel_id: str
    patient: PatientId
    placer_order_number: str


@dataclass(frozen=True, slots=True)
class Dissociate:
    association_id: str
    channel_id: str


@dataclass(frozen=True, slots=True)
class LibraryAvailable:
    library: LibraryRef


ToPump = Ack | OfferToShow | Withdraw | ReadBack | Associate | Dissociate | LibraryAvailable
