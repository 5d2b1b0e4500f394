"""The frozen snapshot of everything a plan may look at besides the request: kept with every real plan, so that it can be replayed."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from interop.domain.channel import Channel
from interop.domain.patient import PatientFacts, PatientId
from interop.domain.quantity import Quantity
from interop.domain.release import Release


@dataclass(frozen=True, slots=True)
class Association:
    """What the bedside scan tied together: one patient, one order, one channel (SR-02). ``provisional`` until confirmed at the pump (D-11)."""

    patient: PatientId
    placer_order_number: str
    pump_id: str
    channel_id: str
    made_at: datetime
    provisional: bool = True
    system_group: str = ""  # whose order number it is (D-04): two systems may use the same number


@dataclass(frozen=True, slots=True)
class ContainerLabel:
    """What the label of the container said when it was scanned: the order that it was made for, and the code of what is in it (D-11)."""

    placer_order_number: str
    code: str
    system: str


@dataclass(frozen=True, slots=True)
class BedsideScan:
    """The bedside moment of an order that has none of its own (FHIR, pharmacy orders): who scanned wristband, container and channel, and when.

    ``container`` None: what `explain` and a readiness view suppose; a real scan always has one, and an empty label refuses.
    """

    id: str
    at: datetime
    clinician: str
    patient: PatientId
    pump_id: str
    channel_id: str
    container: ContainerLabel | None = None


class PriorEffect(Enum):
    """D-04: whether this request's key was used before."""

    NONE = "none"
    SAME_CONTENT = "same content"
    OTHER_CONTENT = "other content"


@dataclass(frozen=True, slots=True)
class EarlierProgram:
    """The last program of the same order, for what must be said in words: a tenfold change (D-18)."""

    dose_rate: Quantity | None
    rate: Quantity | None
    dose: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """All that the checks may know. ``None`` means the record does not know, and what must be known blocks (SR-29)."""

    release: Release  # the newest mapping on the pump's library; where that library is unknown, the newest there is, and SR-22 refuses
    channel: Channel | None  # None: no such channel is known (9001)
    association: Association | None
    scan: BedsideScan | None = None  # for an order that does not come from the bedside itself (D-06)
    patient: PatientFacts | None = None
    open_offer_on_channel: str = ""  # the order whose offer waits on this channel (D-05)
    live_on: str = ""  # another channel where this very order is live (D-05)
    earlier: EarlierProgram | None = None
    prior_effect: PriorEffect = PriorEffect.NONE
    held_entries: frozenset[str] = frozenset()  # D-25: entry keys on hold
    held_codes: frozenset[tuple[str, str]] = frozenset()  # D-25: (system, code) on hold
    in_doubt: str = ""  # D-12, SR-05: what put the pump's association in doubt, until one bedside confirmation; empty: nothing
    order_state: str = ""  # state of the Order stream where it exists: active, held, ended, waiting
    assumptions: tuple[str, ...] = ()  # D-29: what `explain` or a readiness view assumed, said aloud
