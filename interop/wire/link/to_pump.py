"""The frames that the server sends, field for field as in docs/pump-link.md, section 4; ``writer`` makes them. None of them starts anything (SR-01)."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from interop.domain.delivery import SecondCheck
from interop.domain.pump import OfferAttempt
from interop.wire.link.from_pump import Frame
from interop.wire.link.values import Amount, Concentration, Count, Id, Instant, LibraryRef, Seconds, Sentence, Volume, Words

MOST: Final = 64

SettingName = Literal["rate", "dose rate", "dose", "vtbi", "duration", "weight", "total dose", "body surface area"]


class AckFrame(Frame, frozen=True, gc=False, kw_only=True, tag="ack"):
    """All of the log up to here is durable."""

    log_id: Id
    up_to: Count
    clock: Instant
    heartbeat_s: Seconds


class ConfirmableFor(Struct, frozen=True, gc=False):
    """How long an offer lives, on the pump's monotonic clock."""

    untouched: Seconds
    idle: Seconds
    total: Seconds


class PatientShown(Struct, frozen=True, gc=False, omit_defaults=True):
    """Whose the offer is."""

    id: Words
    authority: Words | None = None
    name: Words | None = None


class Container(Struct, frozen=True, gc=False, omit_defaults=True):
    """What hangs: so much in such a volume."""

    amount: Amount | None = None
    volume: Volume | None = None


class SettingAsked(Struct, frozen=True, gc=False, omit_defaults=True):
    """A value of the program; ``asked`` before the one rounding to the pump's step, left out where nobody asked it."""

    name: SettingName
    set: Amount
    asked: Amount | None = None


class CautionShown(Struct, frozen=True, gc=False):
    """What must be seen before the values can be confirmed."""

    text: Sentence
    action: Sentence


class ChangesShown(Struct, frozen=True, gc=False):
    """The run that a titration would change."""

    infusion_id: Id
    settings: Annotated[list[SettingAsked], Meta(max_length=MOST)]


class OfferFrame(Frame, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="offer"):
    """A program for one channel, to be shown."""

    offer_id: Id
    channel_id: Id
    attempt: OfferAttempt
    expires_at: Instant
    confirmable_for_s: ConfirmableFor
    answer_within_s: Seconds
    patient: PatientShown
    order: Words
    requested_by: Words
    library: LibraryRef
    entry_key: Words
    drug: Words
    tallman: Words
    therapy: Annotated[Sentence, Meta(description="Empty: the entry has none.")]
    care_area: Words
    settings: Annotated[list[SettingAsked], Meta(min_length=1, max_length=MOST)]
    second_check: SecondCheck
    cautions: Annotated[list[CautionShown], Meta(max_length=MOST)]
    concentration: Concentration | None = None
    container: Container | None = None
    weight_source: Literal["order", "pump"] | None = None
    changes: ChangesShown | None = None


class WithdrawFrame(Frame, frozen=True, gc=False, kw_only=True, tag="withdraw"):
    """Give this offer back, and refuse its id for ever."""

    offer_id: Id
    channel_id: Id


class ReadBackFrame(Frame, frozen=True, gc=False, kw_only=True, tag="read_back"):
    """Say the status of every channel."""

    request_id: Id


class AssociateFrame(Frame, frozen=True, gc=False, kw_only=True, tag="associate"):
    """Whose the channel is, to be shown there."""

    association_id: Id
    channel_id: Id
    patient: PatientShown
    order: Words


class DissociateFrame(Frame, frozen=True, gc=False, kw_only=True, tag="dissociate"):
    """Show no order any more."""

    association_id: Id
    channel_id: Id


class LibraryAvailableFrame(Frame, frozen=True, gc=False, kw_only=True, tag="library_available"):
    """Another library is to be fetched."""

    library: LibraryRef


ToPump = AckFrame | OfferFrame | WithdrawFrame | ReadBackFrame | AssociateFrame | DissociateFrame | LibraryAvailableFrame
