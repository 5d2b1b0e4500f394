"""What becomes of an offer that left: the pump's words, its silence, and a clinician's statement, as events of its programme (D-07, D-09, D-10).

Pure. An offer without an answer becomes uncertain and is settled, by the pump's word or a named person's; it is never sent again (SR-13).
"""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from interop.conduct.answers import POSITIVE, Answer, refusal
from interop.conduct.recalling import SENTENCES
from interop.conduct.streams import ProgrammeNow
from interop.domain import pump as said
from interop.domain.events.event import PumpSaid
from interop.domain.events.nouns import Reason, Setting
from interop.domain.events.programme import (
    AnswerLost,
    Attested,
    Confirmed,
    Evidence,
    Expired,
    NeverSeen,
    OfferNotSent,
    OfferOpened,
    OfferShown,
    ProgrammeEvent,
    RefusedByPump,
    RejectCause,
    Rejected,
    Seen,
    Withdrawn,
)
from interop.domain.finding import Code, Finding, PivError, Sub
from interop.domain.lifecycle import programme as programmes
from interop.domain.lifecycle.programme import State
from interop.domain.sender import ApplicationAck

LOOK_FIRST: Final = "the pump did not answer; it may hold the program"

CAUSES: Final = MappingProxyType(
    {
        said.Cause.BY_CLINICIAN: RejectCause.BY_CLINICIAN,
        said.Cause.OTHER_DRUG: RejectCause.OTHER_DRUG,
        said.Cause.OTHER_PATIENT: RejectCause.OTHER_PATIENT,
        said.Cause.CLEARED: RejectCause.CLEARED,
    }
)


@dataclass(frozen=True, slots=True)
class NoLink:
    """Not a byte of the offer left: there was no connection after all."""


@dataclass(frozen=True, slots=True)
class ChannelMoved:
    """What the channel does is not what was planned on: nothing left, and the nurse scans again (SR-47)."""


@dataclass(frozen=True, slots=True)
class AnswerDue:
    """The pump had so long to say that the offer is on its screen, in seconds."""

    waited_s: int


@dataclass(frozen=True, slots=True)
class LifeOver:
    """By the server's clock the offer has ended at the pump, and the pump has not said so; ``waited_s`` since it was sent."""

    waited_s: int


@dataclass(frozen=True, slots=True)
class Attest:
    """D-10: what a named clinician saw on the channel."""

    by: str
    saw: Seen
    words: str


@dataclass(frozen=True, slots=True)
class Runs:
    """The channel runs it, by the pump's own word (D-09): known so where its decision was not told, or not yet."""

    by: str
    second_check_by: str
    settings: tuple[Setting, ...]


Fact = (
    said.OfferShown
    | said.OfferRefused
    | said.Decision
    | said.Event
    | said.Withdrawn
    | said.NeverSeen
    | said.ConfirmedAfterAll
    | Runs
    | NoLink
    | ChannelMoved
    | AnswerDue
    | LifeOver
    | Attest
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a fact comes to. Nothing in it: the fact changes nothing.

    ``answer`` is the first answer to the request, given now. ``asks_back``: the pump shall be asked for the offer. ``uses_key``: the answer is
    kept for repeats; otherwise a refusal gives the effect key back (D-04). ``alert`` are words for a person.
    """

    event: ProgrammeEvent | None = None
    after: programmes.Stream | None = None
    answer: Answer | None = None
    uses_key: bool = True
    asks_back: bool = False
    alert: str = ""

    @property
    def is_over(self) -> bool:
        """The pump does not have it as an open offer any more."""
        return self.after is not None and not self.after.holds_channel and self.after.state is not State.PLANNED


def decide(programme: ProgrammeNow, fact: Fact, ack: ApplicationAck, answered: bool, pump: PumpSaid | None, now: datetime) -> Settled:
    """``answered``: the request has had its one answer (D-07). Raises: NoRow: a person must look."""
    today = programme.today
    if today is None:
        return Settled()
    if isinstance(fact, AnswerDue | LifeOver):
        is_due = today.state is State.OFFERED and (isinstance(fact, LifeOver) or not today.shown)
        if not is_due:
            return Settled()
    event = _event(fact, today, pump, now)
    if event is None:
        return Settled()
    after = programmes.apply(today, event)
    words = programmes.alert(today, event)
    answer, uses_key = (None, True) if answered else _answer(event, after, ack)
    asks_back = isinstance(event, AnswerLost) and today.recalled is None
    return Settled(event, after, answer, uses_key, asks_back, words)


def _event(fact: Fact, today: programmes.Stream, pump: PumpSaid | None, now: datetime) -> ProgrammeEvent | None:
    match fact:
        case said.OfferShown():
            return OfferShown(at=now, pump=pump)
        case said.OfferRefused():
            return RefusedByPump(at=now, pump=pump, reasons=tuple(Reason.of(_finding(each)) for each in fact.reasons) or _no_reason())
        case said.Decision(decision=said.Answer.CONFIRMED):
            return _confirmed(fact, Evidence.DECISION, pump, now)
        case said.Decision(decision=said.Answer.REJECTED):
            cause = CAUSES.get(fact.cause, RejectCause.BY_CLINICIAN) if fact.cause is not None else RejectCause.BY_CLINICIAN
            return Rejected(at=now, pump=pump, cause=cause, by=fact.by, words=fact.text)
        case said.Decision():
            return Expired(at=now, pump=pump)
        case said.Event(kind=said.Kind.OFFER_OPENED):
            return OfferOpened(at=now, pump=pump, by=fact.by) if today.holds_channel else None
        case said.Withdrawn():
            return Withdrawn(at=now, pump=pump)
        case said.NeverSeen():
            return NeverSeen(at=now, pump=pump)
        case said.ConfirmedAfterAll():
            return _confirmed(fact, Evidence.WITHDRAWAL_ANSWER, pump, now)
        case Runs(by=by, second_check_by=second, settings=settings):
            if today.state is State.CONFIRMED:
                return None
            return Confirmed(
                at=now,
                pump=pump,
                evidence=Evidence.RUNNING,
                by=by,
                second_check_by=second,
                settings=settings,
                edits=(),
                overrides=(),
            )
        case NoLink() | ChannelMoved():
            return OfferNotSent(at=now, reason=Reason.of(_why_not(fact)))
        case AnswerDue(waited_s=waited) | LifeOver(waited_s=waited):
            return AnswerLost(at=now, waited_s=waited)
        case Attest():
            return Attested(at=now, by=fact.by, seen_at=now, saw=fact.saw, words=fact.words)
        case _:
            return None


def _confirmed(fact: said.Decision | said.ConfirmedAfterAll, evidence: Evidence, pump: PumpSaid | None, now: datetime) -> Confirmed:
    return Confirmed(
        at=now,
        pump=pump,
        evidence=evidence,
        by=fact.by,
        second_check_by=fact.second_check_by,
        settings=fact.settings,
        edits=fact.edits,
        overrides=fact.overrides,
    )


def _answer(event: ProgrammeEvent, after: programmes.Stream, ack: ApplicationAck) -> tuple[Answer | None, bool]:
    """The one answer, if this is its moment, and whether the effect key stays used by it (D-04, D-07)."""
    match event:
        case OfferShown() | OfferOpened():
            return (Answer(POSITIVE), True) if ack is ApplicationAck.ON_SCREEN else (None, True)
        case Confirmed():
            return Answer(POSITIVE), True
        case AnswerLost():
            return refusal([Finding.against(Sub.OUTCOME_UNKNOWN, "channel", LOOK_FIRST)]), True
        case RefusedByPump(reasons=reasons):
            return refusal([_told(each) for each in reasons]), False
        case OfferNotSent(reason=reason):
            return refusal([_told(reason)]), False
        case Rejected():
            return refusal([Finding.against(PivError.REJECTED_BY_USER, "channel", event.words)]), False
        case Expired():
            return refusal([Finding.against(PivError.TIMED_OUT, "channel", "nobody confirmed it at the pump in time")]), False
        case Withdrawn() | NeverSeen():
            words = SENTENCES[after.recalled] if after.recalled is not None else "it was taken off the pump before it was confirmed"
            return refusal([Finding.against(Sub.ORDER_NOT_ACTIVE if after.recalled else PivError.TIMED_OUT, "order", words)]), False
        case _:
            return None, True


def _why_not(fact: NoLink | ChannelMoved) -> Finding:
    if isinstance(fact, NoLink):
        return Finding.against(PivError.OFFLINE, "channel", "the pump was not connected")
    return Finding.against(PivError.STALE, "channel", "what the channel does has changed since this was planned")


def code_of(text: str) -> Code:
    """``9024`` or ``9016.replayed`` as this product knows it; a word that it does not know leaves the number, an unknown number is 9016."""
    number, _, word = text.partition(".")
    known = next((sub for sub in Sub if sub.key == word and str(sub.parent.number) == number), None) if word else None
    return known or next((code for code in PivError if str(code.number) == number), PivError.OTHER)


def _finding(reason: said.PumpReason) -> Finding:
    return Finding.against(code_of(reason.code), "pump", reason.text)


def _no_reason() -> tuple[Reason, ...]:
    return (Reason.of(Finding.against(PivError.CANNOT_ACCEPT, "pump", "the pump did not say why")),)


def _told(reason: Reason) -> Finding:
    """The finding again, from what is kept of it."""
    return Finding.against(code_of(reason.code), reason.field, reason.sentence, action=reason.action)
