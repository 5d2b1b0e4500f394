"""The frames that a pump sends, field for field as in docs/pump-link.md, section 3; ``reader`` makes nouns of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from interop.domain.delivery import Mode
from interop.domain.pump import Ability, Answer, Cause, Kind, Power
from interop.wire.link.values import (
    Amount,
    Concentration,
    Count,
    Id,
    Instant,
    LibraryRef,
    Name,
    Number,
    Patient,
    Percent,
    Priority,
    Rate,
    Sentence,
    Size,
    State,
    Volume,
    Weight,
    Words,
)

MOST_CHANNELS: Final = 64
MOST: Final = 256
"""Of anything else that a frame lists."""


class Alarm(Struct, frozen=True, gc=False):
    """An active alarm."""

    alarm_id: Id
    code: Words
    priority: Priority
    text: Sentence | None = None
    since: Instant | None = None


class Run(Struct, frozen=True, gc=False):
    """What an occupied channel runs."""

    infusion_id: Id
    offer_id: Id | None = None
    order: Words | None = None
    entry_key: Words | None = None
    drug: Words | None = None
    tallman: Words | None = None
    concentration: Concentration | None = None
    rate: Rate | None = None
    set_rate: Rate | None = None
    dose_rate: Amount | None = None
    weight: Weight | None = None
    vtbi: Volume | None = None
    vtbi_left: Volume | None = None
    delivered: Volume | None = None
    second_check_by: Words | None = None
    started_at: Instant | None = None


class ChannelStatus(Struct, frozen=True, gc=False):
    """A channel as it is now."""

    channel_id: Id
    mode: Mode
    state: State
    alarms: Annotated[list[Alarm], Meta(max_length=MOST)]
    care_area: Words | None = None
    patient: Patient | None = None
    weight: Weight | None = None
    set_installed: bool | None = None
    door_open: bool | None = None
    air: bool | None = None
    syringe_volume: Size | None = None
    offer_id: Id | None = None
    run: Run | None = None


class LogRange(Struct, frozen=True, gc=False):
    """The part of its log that the pump still holds: from ``first`` up to, not including, ``next``."""

    log_id: Id
    first: Number
    next: Number


class SettingSaid(Struct, frozen=True, gc=False):
    """A value as it runs."""

    name: Name
    set: Amount


class EditSaid(Struct, frozen=True, gc=False):
    """A value that a clinician changed; ``null``: it was not there before, or is not there now."""

    name: Name
    was: Amount | None = None
    now: Amount | None = None


class OverrideSaid(Struct, frozen=True, gc=False):
    """A soft limit passed on purpose."""

    name: Name
    attempted: Amount
    limit: Amount
    final: Amount
    reason: Sentence
    by: Words


class ReasonSaid(Struct, frozen=True, gc=False):
    """Why an offer was refused."""

    code: Id
    text: Sentence


Settings = Annotated[list[SettingSaid], Meta(max_length=MOST)]
Edits = Annotated[list[EditSaid], Meta(max_length=MOST)]
Overrides = Annotated[list[OverrideSaid], Meta(max_length=MOST)]
Channels = Annotated[list[ChannelStatus], Meta(max_length=MOST_CHANNELS)]


class Frame(Struct, frozen=True, gc=False, kw_only=True, tag_field="frame"):
    """What all frames have: their kind."""


class HelloFrame(Frame, frozen=True, gc=False, kw_only=True, tag="hello"):
    """The first frame of a connection."""

    protocol: Annotated[int, Meta(ge=1, le=9999, extra_json_schema={"const": 1})]
    pump_id: Id
    model: Id
    clock: Instant
    library: LibraryRef | None
    log: LogRange
    can: Annotated[list[Ability], Meta(max_length=MOST)]
    channels: Channels
    maker: Words | None = None
    serial: Words | None = None
    firmware: Words | None = None
    simulated: bool | None = None
    tombstones: Count | None = None
    power: Power | None = None
    battery_percent: Percent | None = None


class HeartbeatFrame(Frame, frozen=True, gc=False, kw_only=True, tag="heartbeat"):
    """Sent every 10 s."""

    clock: Instant


class StatusFrame(Frame, frozen=True, gc=False, kw_only=True, tag="status"):
    """The channels that changed."""

    clock: Instant
    channels: Channels
    power: Power | None = None
    battery_percent: Percent | None = None
    request_id: Id | None = None


class LogFrame(Frame, frozen=True, gc=False, kw_only=True):
    """A numbered frame of the log."""

    log_id: Id
    number: Number
    at: Instant


class OfferShownFrame(LogFrame, frozen=True, gc=False, kw_only=True, tag="offer_shown"):
    """The offer is on the screen."""

    offer_id: Id
    channel_id: Id


class OfferRefusedFrame(LogFrame, frozen=True, gc=False, kw_only=True, tag="offer_refused"):
    """The offer was not shown and is not kept."""

    offer_id: Id
    channel_id: Id
    reasons: Annotated[list[ReasonSaid], Meta(max_length=MOST)]


class DecisionFrame(LogFrame, frozen=True, gc=False, kw_only=True, tag="decision"):
    """The clinician's answer."""

    offer_id: Id
    channel_id: Id
    decision: Answer
    by: Words | None = None
    second_check_by: Words | None = None
    cause: Cause | None = None
    text: Sentence | None = None
    settings: Settings | None = None
    edits: Edits | None = None
    overrides: Overrides | None = None


class EventFrame(LogFrame, frozen=True, gc=False, kw_only=True, tag="event"):
    """Something happened at the pump; ``kind`` says which fields it needs."""

    kind: Kind
    channel_id: Id | None = None
    infusion_id: Id | None = None
    delivered: Volume | None = None
    by: Words | None = None
    offer_id: Id | None = None
    cause: Name | None = None
    run: Run | None = None
    rate: Rate | None = None
    old: Rate | None = None
    new: Rate | None = None
    dose_rate: Amount | None = None
    vtbi: Volume | None = None
    before: Volume | None = None
    edits: Edits | None = None
    alarm_id: Id | None = None
    code: Words | None = None
    priority: Priority | None = None
    text: Sentence | None = None
    patient: Patient | UnsetType | None = UNSET
    care_area: Words | UnsetType | None = UNSET
    library: LibraryRef | UnsetType | None = UNSET


class WithdrawalFrame(Frame, frozen=True, gc=False, kw_only=True):
    """An answer to a withdrawal."""

    offer_id: Id
    channel_id: Id
    at: Instant


class WithdrawnFrame(WithdrawalFrame, frozen=True, gc=False, kw_only=True, tag="withdrawn"):
    """It was on the screen, or confirmed and not started, and is gone."""


class NeverSeenFrame(WithdrawalFrame, frozen=True, gc=False, kw_only=True, tag="never_seen"):
    """Nothing of it can run."""


class ConfirmedFrame(WithdrawalFrame, frozen=True, gc=False, kw_only=True, tag="confirmed"):
    """It runs, or ran."""

    runs: bool
    by: Words | None = None
    second_check_by: Words | None = None
    settings: Settings | None = None
    edits: Edits | None = None
    overrides: Overrides | None = None


FromPump = (
    HelloFrame
    | HeartbeatFrame
    | StatusFrame
    | OfferShownFrame
    | OfferRefusedFrame
    | DecisionFrame
    | EventFrame
    | WithdrawnFrame
    | NeverSeenFrame
    | ConfirmedFrame
)

_OF_A_RUN: Final = ("channel_id", "infusion_id", "delivered")

NEEDS: Final[Mapping[Kind, tuple[str, ...]]] = MappingProxyType(
    {
        Kind.OFFER_OPENED: ("channel_id", "offer_id"),
        Kind.STARTED: ("channel_id", "run"),
        Kind.RATE_CHANGED: (*_OF_A_RUN, "old", "new", "cause"),
        Kind.EDITED: (*_OF_A_RUN, "edits"),
        Kind.PAUSED: (*_OF_A_RUN, "cause"),
        Kind.RESUMED: (*_OF_A_RUN, "rate"),
        Kind.VOLUME_COMPLETED: _OF_A_RUN,
        Kind.KVO_ENTERED: (*_OF_A_RUN, "rate"),
        Kind.ENDED: (*_OF_A_RUN, "cause"),
        Kind.CONTAINER_CHANGED: (*_OF_A_RUN, "vtbi"),
        Kind.COUNTERS_RESET: (*_OF_A_RUN, "before"),
        Kind.ALARM_RAISED: ("alarm_id", "code", "priority"),
        Kind.ALARM_CLEARED: ("alarm_id",),
        Kind.PATIENT_CHANGED: ("patient",),
        Kind.CARE_AREA_CHANGED: ("care_area",),
        Kind.LIBRARY_CHANGED: ("library",),
        Kind.NETWORK_LOST: (),
        Kind.NETWORK_REGAINED: (),
        Kind.POWER_LOST: (),
        Kind.POWER_ON: (),
    }
)
"""What each kind of event must say. The reader asks for ``MAY_BE_NULL`` only: what else is missing, conduct tells a person of, and the log goes on."""

MAY_BE_NULL: Final = frozenset({"patient", "care_area", "library"})
"""Fields in which ``null`` says "none", so that leaving them out is not the same."""

CAUSES: Final[Mapping[Kind, tuple[str, ...]]] = MappingProxyType(
    {
        Kind.RATE_CHANGED: ("clinician", "offer", "pump"),
        Kind.PAUSED: ("clinician", "alarm", "door", "power"),
        Kind.ENDED: ("cleared", "reprogrammed", "new_patient", "completed"),
    }
)
"""The words that ``cause`` may be."""
