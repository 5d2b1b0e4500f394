"""Events of an Infusion: what a channel really runs, as the pump told it (IHE DEV TF-2, 3.10 and Appendix M); whose it is stands in ``association``."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar

from interop.domain.events.event import Event, ToldByPump
from interop.domain.events.nouns import Edit
from interop.domain.quantity import Quantity


class NotAVolume(ValueError):
    """A counter or delivered volume is negative, or its unit is no volume: nothing may be added up from it (SR-51)."""


class Source(Enum):
    """What the pump delivers from (MDC 158016, ``pump-source-info-…``)."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    PCA = "pca"
    LOADING = "loading"
    CLINICIAN = "clinician"
    INTERMITTENT = "intermittent"
    PRIMING = "priming"


class NotDelivering(Enum):
    """Why it stands still (MDC 158006, ``pump-stopped-…``)."""

    STANDBY = "standby"
    BETWEEN_DOSES = "between-doses"
    PRIMING = "priming"
    DELAYED = "delayed"
    ALARMING = "alarming"
    BY_CLINICIAN = "by-clinician"
    POWERED_OFF = "powered-off"
    NOT_SPECIFIED = "not-specified"
    FLUSHING = "flushing"
    SWITCHING_DEVICE = "switching-device"
    SWITCHING_SOURCE = "switching-source"


class RateCause(Enum):
    """What changed the rate."""

    CLINICIAN = "clinician at the pump"  # documented as it is, flagged if it differs from the order (SR-39)
    PROGRAMME = "confirmed programme"
    PUMP = "the pump's own program"  # the next step, a ramp, the end of a loading dose, TCI
    NOT_SAID = "not said"


class EndCause(Enum):
    """Why the infusion is over."""

    COMPLETED = "completed"  # D-22: an intermittent one, at its VTBI
    CLEARED = "program cleared at the pump"  # 197296 MDC_EVT_PUMP_PROG_CLEARED
    REPROGRAMMED = "another program on the channel"  # D-23: another drug or concentration, or the mode without a library
    NEW_PATIENT = "another patient on the pump"
    ORDER_ENDED = "order ended"  # D-22: while it stands still or keeps the vein open
    DISSOCIATED = "dissociated"
    IDLE = "idle too long"
    ATTESTED = "attested by a clinician"  # of a pump that does not come back


@dataclass(frozen=True, slots=True, kw_only=True)
class InfusionEvent(Event):
    """Any event of an Infusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEvent(ToldByPump, InfusionEvent):
    """What the pump said of the channel. ``delivered`` is its cumulative volume counter of this infusion at that moment; None: not told.

    Raises: NotAVolume.
    """

    delivered: Quantity | None

    def __post_init__(self) -> None:
        require_volume(self.delivered)


def require_volume(amount: Quantity | None) -> None:
    """Raises: NotAVolume: ``amount`` is negative or in a unit that is no volume."""
    if amount is not None and (amount.value < 0 or not amount.measure.is_volume):
        raise NotAVolume(amount.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(ChannelEvent):
    """What opens an infusion: where, from which programme (empty: by hand), what, how fast, by which weight (D-17). None or empty: not told."""

    infusion_id: str
    pump_id: str
    channel_id: str
    source: Source
    programme_id: str
    entry_key: str  # empty: without a library
    drug: str
    concentration: Quantity | None
    rate: Quantity | None
    dose_rate: Quantity | None
    vtbi: Quantity | None
    dosing_weight: Quantity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Opening):
    """A clinician started it at the pump."""

    type: ClassVar[str] = "infusion.started"

    by: str  # empty: the pump did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Opening):
    """A channel was seen running whose start we did not see: what it gave before is not known here (SR-48)."""

    type: ClassVar[str] = "infusion.found"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChanged(ChannelEvent):
    """It goes on at another rate: a STOP *transitioning* and a START, which is no pause."""

    type: ClassVar[str] = "infusion.rate-changed"

    old: Quantity | None
    new: Quantity
    dose_rate: Quantity | None
    cause: RateCause
    programme_id: str  # empty: by hand, or by the pump
    by: str  # empty: the pump did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentClosed(ChannelEvent):
    """A segment ended with its counters and the next goes on at the same rate: VTBI changed, or an hourly total."""

    type: ClassVar[str] = "infusion.segment-closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeCompleted(ChannelEvent):
    """The programmed volume or dose is delivered; whether it then keeps the vein open or stands still is told next."""

    type: ClassVar[str] = "infusion.volume-completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KvoEntered(ChannelEvent):
    """It keeps the vein open: no longer the dose that was ordered (SR-87)."""

    type: ClassVar[str] = "infusion.kvo-entered"

    rate: Quantity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(ChannelEvent):
    """It stands still, and may go on: by a clinician, an alarm, between doses, or while a piggyback runs."""

    type: ClassVar[str] = "infusion.paused"

    reason: NotDelivering
    by: str  # empty: the pump did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(ChannelEvent):
    """It delivers again, after a pause or KVO; the cumulative counter goes on."""

    type: ClassVar[str] = "infusion.resumed"

    rate: Quantity | None
    dose_rate: Quantity | None
    by: str  # empty: the pump did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class BolusStarted(ChannelEvent):
    """A bolus, loading dose or patient's demand dose began; the running rate waits (D-21)."""

    type: ClassVar[str] = "infusion.bolus-started"

    source: Source
    rate: Quantity | None
    dose: Quantity | None
    vtbi: Quantity | None
    programme_id: str  # empty: by hand, or on the patient's demand
    by: str  # empty: the pump did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class BolusStopped(ChannelEvent):
    """The bolus is over, given in whole or cut short, with the volume of its own counter.

    ``in_cumulative``: the pump model's cumulative counter includes boluses, so ``volume`` must not be added to it. ``rate_after`` None: not told, the
    previous rate goes on (D-21).
    """

    type: ClassVar[str] = "infusion.bolus-stopped"

    volume: Quantity | None
    dose: Quantity | None
    in_cumulative: bool
    whole: bool
    rate_after: Quantity | None

    def __post_init__(self) -> None:
        require_volume(self.delivered)
        require_volume(self.volume)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerChanged(ChannelEvent):
    """A further container of the same order hangs (D-19): container and VTBI change, the rate does not."""

    type: ClassVar[str] = "infusion.container-changed"

    container_id: str  # as scanned; empty: not scanned
    vtbi: Quantity | None
    programme_id: str  # empty: by hand
    by: str  # empty: the pump did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedAtPump(ChannelEvent):
    """A clinician changed values of what runs at the pump (D-23); a new rate is told by its own event too."""

    type: ClassVar[str] = "infusion.edited-at-pump"

    edits: tuple[Edit, ...]
    by: str  # empty: the pump did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class CountersReset(ChannelEvent):
    """The pump's volume counter began anew, cleared or after a reboot: ``before`` is its last value, ``delivered`` the first one after (SR-51)."""

    type: ClassVar[str] = "infusion.counters-reset"

    before: Quantity | None

    def __post_init__(self) -> None:
        require_volume(self.delivered)
        require_volume(self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRaised(ToldByPump, InfusionEvent):
    """The pump alarms; ``alarm_id`` is the alert's identity, ``code`` its MDC term, ``priority`` PH, PM, PL or PN (IHE DEV TF-2, B.8.5)."""

    type: ClassVar[str] = "infusion.alarm-raised"

    alarm_id: str
    code: str
    priority: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCleared(ToldByPump, InfusionEvent):
    """An alarm is over; after an outage only alarms without this are still sent (D-26)."""

    type: ClassVar[str] = "infusion.alarm-cleared"

    alarm_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLost(InfusionEvent):
    """The pump is not heard any more: the channel is stale since then, and nothing is inferred about the infusion (SR-45)."""

    type: ClassVar[str] = "infusion.contact-lost"

    last_heard_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRegained(InfusionEvent):
    """The pump is heard again; what happened meanwhile follows from its own log (SR-46)."""

    type: ClassVar[str] = "infusion.contact-regained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(ChannelEvent):
    """It is over: nothing more of it is delivered."""

    type: ClassVar[str] = "infusion.ended"

    cause: EndCause
    by: str  # who ended it or attested to it; empty: nobody named


EVENTS: tuple[type[InfusionEvent], ...] = (
    Started,
    Found,
    RateChanged,
    SegmentClosed,
    VolumeCompleted,
    KvoEntered,
    Paused,
    Resumed,
    BolusStarted,
    BolusStopped,
    ContainerChanged,
    EditedAtPump,
    CountersReset,
    AlarmRaised,
    AlarmCleared,
    ContactLost,
    ContactRegained,
    Ended,
)
"""The events of an Infusion that tell of the channel, in the order of the story."""
