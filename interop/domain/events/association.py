"""Events of an Infusion that tell whose it is: made at the bedside, put in doubt by ADT, ended, or found to have been wrong (D-11, D-12, D-23)."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar

from interop.domain.events.infusion import InfusionEvent
from interop.domain.events.nouns import PatientNumber


class AssociationBasis(Enum):
    """By what the channel is known to be this patient's and this order's (D-11)."""

    OFFER_CONFIRMED = "offer confirmed at the pump"
    BEDSIDE_SCAN = "bedside scan"
    REVIEW = "review of an unassociated infusion"


class AssociationEndCause(Enum):
    """Why an association is over (D-12, D-23)."""

    DISSOCIATED = "dissociated"
    IDLE = "idle too long"
    NEW_PATIENT = "another patient on the pump"
    DISCHARGED_AND_IDLE = "discharged and idle"
    EDITED = "drug or concentration changed at the pump"


class SuspensionCause(Enum):
    """What put an association in doubt (D-12)."""

    TRANSFER = "transfer"
    DISCHARGE = "discharge"
    CLASS_CHANGE = "change of patient class"
    MERGE = "merge"


class RestoreCause(Enum):
    """What lifted the doubt (D-12)."""

    BEDSIDE = "bedside confirmation"
    CANCELLED = "admission, transfer or discharge message cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationEvent(InfusionEvent):
    """Any event about whose infusion it is."""

    association_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationOpened(AssociationEvent):
    """What opens an association: patient, order, the person who vouches for it, and by what."""

    patient: PatientNumber
    placer_order_number: str
    basis: AssociationBasis
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationMade(AssociationOpened):
    """The infusion is this patient's and this order's, from now on (D-11)."""

    type: ClassVar[str] = "infusion.association-made"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationBackfilled(AssociationOpened):
    """A person found that it had been this patient's and this order's since an earlier time (D-11, SR-50)."""

    type: ClassVar[str] = "infusion.association-backfilled"

    since: datetime
    until: datetime | None  # None: it still is


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationSuspended(AssociationEvent):
    """A transfer, discharge or merge put it in doubt: no new programming, or no documents, until a person confirms (D-12, SR-05)."""

    type: ClassVar[str] = "infusion.association-suspended"

    cause: SuspensionCause
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRestored(AssociationEvent):
    """The doubt is lifted: by one bedside confirmation, or because the message that raised it was cancelled (D-12)."""

    type: ClassVar[str] = "infusion.association-restored"

    cause: RestoreCause
    lifts: tuple[str, ...]  # message ids of the suspensions that are lifted; others stay
    by: str  # empty: a message did it
    message_id: str  # empty: a person did it


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationEnded(AssociationEvent):
    """It is not theirs any more, from now on; what was documented stays."""

    type: ClassVar[str] = "infusion.association-ended"

    cause: AssociationEndCause
    by: str  # empty: nobody named


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationVoided(AssociationEvent):
    """It never was theirs: the wrong patient or order; all that was documented under it is entered in error."""

    type: ClassVar[str] = "infusion.association-voided"

    by: str
    words: str


EVENTS: tuple[type[AssociationEvent], ...] = (
    AssociationMade,
    AssociationBackfilled,
    AssociationSuspended,
    AssociationRestored,
    AssociationEnded,
    AssociationVoided,
)
"""The events of an Infusion that tell whose it is, in the order of the story."""
