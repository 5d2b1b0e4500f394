"""Events of a Programme: one attempt to put an order on a channel, from the plan to the clinician's answer at the pump."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar

from interop.domain.events.event import Event, ToldByPump
from interop.domain.events.nouns import Edit, Library, Override, PatientNumber, Reason, Setting


class Attempt(Enum):
    """What the attempt would do on the channel."""

    START = "start"
    TITRATION = "titration"
    BOLUS = "bolus"
    NEXT_CONTAINER = "next container"
    STEPS = "steps"


class Evidence(Enum):
    """By which word of the pump a confirmation is known."""

    DECISION = "decision"  # the pump told it when it happened
    WITHDRAWAL_ANSWER = "answer to a withdrawal"
    RUNNING = "running"  # the channel runs it: the start, or a status, named the offer (D-09)


class RejectCause(Enum):
    """Why the offer ended at the pump without being run."""

    BY_CLINICIAN = "by clinician"
    OTHER_DRUG = "drug or concentration changed at the pump"  # D-23: what then runs is not this offer
    OTHER_PATIENT = "another patient on the pump"
    CLEARED = "cleared before it ran"  # 197298 MDC_EVT_PUMP_AUTO_PROG_CLEARED (IHE DEV TF-2, Appendix M)


class RecallCause(Enum):
    """Why the server wants an offer back."""

    ORDER_CHANGED = "order changed"
    ORDER_HELD = "order on hold"
    ORDER_ENDED = "order ended"
    ENTERED_IN_ERROR = "order entered in error"
    ENTRY_HELD = "entry on hold"
    SUPERSEDED = "replaced by a newer programme"
    ASSOCIATION = "association ended or suspended"
    CANCELLED_BY_CLIENT = "cancelled by the client that asked"


class Seen(Enum):
    """D-10: what the clinician saw on the channel. An offer that waits on the screen is answered there, not attested."""

    RUNS_AS_OFFERED = "runs as offered"
    RUNS_OTHERWISE = "runs something else"
    NOTHING = "nothing of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeEvent(Event):
    """Any event of a Programme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned(ProgrammeEvent):
    """A bedside request was planned: who asked for what, on which channel, with the plan and the frozen case that it was decided on.

    ``effect_key`` is the key of D-04. ``plan_digest`` and ``case_digest`` name the kept plan and case. ``requested_by`` asked; they did not confirm (D-13).
    ``settings`` is empty, and ``entry_key`` too, when no program could be derived.
    """

    type: ClassVar[str] = "programme.planned"

    programme_id: str
    attempt: Attempt
    order_id: str
    placer_order_number: str
    order_version: int | None  # None: the order is known from the bedside request alone
    pump_id: str
    channel_id: str
    patient: PatientNumber | None
    requested_by: str
    requested_at: datetime | None  # ORC-9, or the time of the scan
    message_id: str
    effect_key: str
    plan_digest: str
    case_digest: str
    library: Library | None
    mapping_digest: str
    drug: str
    entry_key: str
    settings: tuple[Setting, ...]
    weight_source: str  # D-17: ``order`` or ``pump``; empty: not dosed by weight
    cautions: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedByChecks(ProgrammeEvent):
    """A check spoke against it: nothing was offered, and every reason is kept as it was told."""

    type: ClassVar[str] = "programme.refused-by-checks"

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferNotSent(ProgrammeEvent):
    """The offer certainly never left the server: the pump was offline (9007), or the request grew too old first (9015)."""

    type: ClassVar[str] = "programme.offer-not-sent"

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferSent(ProgrammeEvent):
    """The offer goes out to the pump; recorded before the step into the world, so that a crash leaves a question on file.

    ``untouched_s``, ``idle_s`` and ``total_s`` bound its life on the pump's own clock, in seconds (D-09).
    """

    type: ClassVar[str] = "programme.offer-sent"

    offer_id: str
    untouched_s: int
    idle_s: int
    total_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferShown(ToldByPump, ProgrammeEvent):
    """The offer is on the pump's screen: what AA says, and no more (D-07, SR-15)."""

    type: ClassVar[str] = "programme.offer-shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferOpened(ToldByPump, ProgrammeEvent):
    """A clinician opened the offer at the pump: from now on inactivity ends it (D-09)."""

    type: ClassVar[str] = "programme.offer-opened"

    by: str  # empty: the pump did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedByPump(ToldByPump, ProgrammeEvent):
    """The pump did not take the offer, and said why."""

    type: ClassVar[str] = "programme.refused-by-pump"

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed(ToldByPump, ProgrammeEvent):
    """A clinician confirmed it at the pump: who, the second checker, the values as confirmed, the edits (D-23) and the soft limits overridden (SR-24)."""

    type: ClassVar[str] = "programme.confirmed"

    evidence: Evidence
    by: str  # empty: the pump did not say
    second_check_by: str  # D-13; empty: none was read
    settings: tuple[Setting, ...]
    edits: tuple[Edit, ...]
    overrides: tuple[Override, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(ToldByPump, ProgrammeEvent):
    """The offer ended at the pump by a person's act, before it ran."""

    type: ClassVar[str] = "programme.rejected"

    cause: RejectCause
    by: str  # empty: the pump did not say
    words: str  # the pump's own text, empty if none


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(ToldByPump, ProgrammeEvent):
    """The offer's time ran out on the pump's own clock, and the pump said so (SR-10)."""

    type: ClassVar[str] = "programme.expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLost(ProgrammeEvent):
    """No answer came in time: the pump may or may not hold the offer. It is settled, never sent again (SR-13)."""

    type: ClassVar[str] = "programme.answer-lost"

    waited_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled(ProgrammeEvent):
    """The server wants it back; an offer that left counts as open until the pump answers."""

    type: ClassVar[str] = "programme.recalled"

    cause: RecallCause
    by: str  # the person or message that caused it


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(ToldByPump, ProgrammeEvent):
    """The pump answered the withdrawal: it took the offer off its screen, and refuses its id for ever."""

    type: ClassVar[str] = "programme.withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverSeen(ToldByPump, ProgrammeEvent):
    """The pump answered the withdrawal: it never had the offer, and refuses its id for ever."""

    type: ClassVar[str] = "programme.never-seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested(ProgrammeEvent):
    """A named clinician said what they saw on the channel: it closes as unknown, never as not given (D-10)."""

    type: ClassVar[str] = "programme.attested"

    by: str
    seen_at: datetime
    saw: Seen
    words: str


EVENTS: tuple[type[ProgrammeEvent], ...] = (
    Planned,
    RefusedByChecks,
    OfferNotSent,
    OfferSent,
    OfferShown,
    OfferOpened,
    RefusedByPump,
    Confirmed,
    Rejected,
    Expired,
    AnswerLost,
    Recalled,
    Withdrawn,
    NeverSeen,
    Attested,
)
"""All events of a Programme, in the order of the story."""
