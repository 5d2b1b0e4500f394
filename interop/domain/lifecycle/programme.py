"""The table of a Programme: one attempt to put an order on a channel. Nothing here starts anything: only the pump's word confirms (SR-01).

A closed offer still takes the pump's word about how it closed, because answers cross: the pump rejects while we withdraw. It takes no word of ours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import reduce
from types import MappingProxyType

from interop.domain.events.event import ToldByPump
from interop.domain.events.nouns import Setting
from interop.domain.events.programme import (
    EVENTS,
    AnswerLost,
    Attempt,
    Attested,
    Confirmed,
    Evidence,
    Expired,
    NeverSeen,
    OfferNotSent,
    OfferOpened,
    OfferSent,
    OfferShown,
    Planned,
    ProgrammeEvent,
    RecallCause,
    Recalled,
    RefusedByChecks,
    RefusedByPump,
    Rejected,
    Seen,
    Withdrawn,
)
from interop.domain.lifecycle.table import Alert, NoRow, Table
from interop.domain.quantity import Quantity


class State(Enum):
    """How far the attempt came, and what is known of it."""

    PLANNED = "planned"
    OFFERED = "offered"  # out to the pump
    CONFIRMED = "confirmed"
    REFUSED = "refused"  # by a check or by the pump
    REJECTED = "rejected"  # by a person at the pump
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    UNCERTAIN = "uncertain"  # the pump may hold it
    ATTESTED = "attested"  # closed as unknown


TRANSITIONS: Mapping[tuple[State | None, type[ProgrammeEvent]], State] = MappingProxyType(
    {
        (None, Planned): State.PLANNED,  # 4  decided on a frozen case
        (State.PLANNED, RefusedByChecks): State.REFUSED,  # 4  at once, or at the new check after a restart (SR-47)
        (State.PLANNED, OfferNotSent): State.REFUSED,  # 5  offline, or too old before it could leave
        (State.PLANNED, Recalled): State.WITHDRAWN,  # 5  nothing had left yet
        (State.PLANNED, OfferSent): State.OFFERED,  # 5  the only way to the pump, once (SR-12)
        (State.OFFERED, OfferNotSent): State.REFUSED,  # 5  no byte left after all: there was no link
        (State.OFFERED, OfferShown): State.OFFERED,  # 5  waits on the pump's screen
        (State.OFFERED, OfferOpened): State.OFFERED,  # 6  a clinician looks at it
        (State.OFFERED, Recalled): State.OFFERED,  # 5  open until the pump answers
        (State.OFFERED, RefusedByPump): State.REFUSED,  # 5  door open, hard limit, another patient …
        (State.OFFERED, Confirmed): State.CONFIRMED,  # 6  a clinician, at the pump
        (State.OFFERED, Rejected): State.REJECTED,  # 6  a clinician, at the pump
        (State.OFFERED, Expired): State.EXPIRED,  # 6  nobody came
        (State.OFFERED, Withdrawn): State.WITHDRAWN,  # 5  recalled in time
        (State.OFFERED, NeverSeen): State.WITHDRAWN,  # 5  recalled before it arrived
        (State.OFFERED, AnswerLost): State.UNCERTAIN,  # 5  sent, no answer: settle, never resend
        (State.UNCERTAIN, OfferShown): State.UNCERTAIN,  # 5  it did arrive; the withdrawal is under way all the same
        (State.UNCERTAIN, OfferOpened): State.UNCERTAIN,  # 6  not an outcome either
        (State.UNCERTAIN, Recalled): State.UNCERTAIN,  # 5  wanted back anyhow
        (State.UNCERTAIN, RefusedByPump): State.REFUSED,  # 5  the answer, late
        (State.UNCERTAIN, Confirmed): State.CONFIRMED,  # 6  late decision, answer to the withdrawal, or it runs
        (State.UNCERTAIN, Rejected): State.REJECTED,  # 6  the answer, late
        (State.UNCERTAIN, Expired): State.EXPIRED,  # 6  the answer, late
        (State.UNCERTAIN, Withdrawn): State.WITHDRAWN,  # 5  settled
        (State.UNCERTAIN, NeverSeen): State.WITHDRAWN,  # 5  the pump will refuse this offer for ever
        (State.UNCERTAIN, Attested): State.ATTESTED,  # 6  a named clinician looked; closed as unknown (D-10)
        (State.CONFIRMED, Confirmed): State.CONFIRMED,  # 6  the same said again: the withdrawal crossed the decision
        (State.CONFIRMED, Rejected): State.REJECTED,  # 6  cleared before it ran
        (State.CONFIRMED, Expired): State.EXPIRED,  # 6  confirmed, never started, and the pump let go of it
        (State.CONFIRMED, Recalled): State.CONFIRMED,  # 5  its order ended before anybody pressed start (SR-07)
        (State.CONFIRMED, Withdrawn): State.WITHDRAWN,  # 5  confirmed, never started, and recalled in time
        (State.CONFIRMED, OfferShown): State.CONFIRMED,  # 5  replayed: the answer to the withdrawal had overtaken the log
        (State.CONFIRMED, OfferOpened): State.CONFIRMED,  # 6  likewise
        (State.REFUSED, Confirmed): State.CONFIRMED,  # 6  the pump's word is the truth; and an alert (D-09)
        (State.REJECTED, Confirmed): State.CONFIRMED,  # 6  the pump's word is the truth; and an alert (D-09)
        (State.EXPIRED, Confirmed): State.CONFIRMED,  # 6  the pump's word is the truth; and an alert (D-09)
        (State.WITHDRAWN, Confirmed): State.CONFIRMED,  # 6  the pump's word is the truth; and an alert (D-09)
        (State.ATTESTED, Confirmed): State.CONFIRMED,  # 6  the pump's word is the truth; and an alert (D-09)
        (State.REFUSED, OfferShown): State.REFUSED,  # 5  it was answered as not sent, and it is there; and an alert
        (State.REFUSED, OfferOpened): State.REFUSED,  # 6  likewise
        (State.REFUSED, Withdrawn): State.REFUSED,  # 5  the withdrawal crossed the refusal
        (State.REFUSED, NeverSeen): State.REFUSED,  # 5  a refused offer is not kept
        (State.REJECTED, OfferShown): State.REJECTED,  # 5  how it began, told again
        (State.REJECTED, OfferOpened): State.REJECTED,  # 6  likewise
        (State.REJECTED, Withdrawn): State.REJECTED,  # 5  the withdrawal crossed the rejection
        (State.REJECTED, NeverSeen): State.REJECTED,  # 5  likewise
        (State.EXPIRED, OfferShown): State.EXPIRED,  # 5  how it began, told again
        (State.EXPIRED, OfferOpened): State.EXPIRED,  # 6  likewise
        (State.EXPIRED, Withdrawn): State.EXPIRED,  # 5  the withdrawal crossed the expiry
        (State.EXPIRED, NeverSeen): State.EXPIRED,  # 5  likewise
        (State.WITHDRAWN, Withdrawn): State.WITHDRAWN,  # 5  asked twice, after a crash
        (State.WITHDRAWN, NeverSeen): State.WITHDRAWN,  # 5  asked twice, after a crash
        (State.WITHDRAWN, OfferShown): State.WITHDRAWN,  # 5  replayed: the answer to the withdrawal had overtaken the log
        (State.WITHDRAWN, OfferOpened): State.WITHDRAWN,  # 6  likewise
        (State.WITHDRAWN, RefusedByPump): State.REFUSED,  # 5  had ended so before we asked: replayed after a lost link
        (State.WITHDRAWN, Rejected): State.REJECTED,  # 6  had ended so before we asked
        (State.WITHDRAWN, Expired): State.EXPIRED,  # 6  had ended so before we asked
        (State.ATTESTED, OfferShown): State.ATTESTED,  # 5  stays closed as unknown; and an alert
        (State.ATTESTED, OfferOpened): State.ATTESTED,  # 6  likewise
        (State.ATTESTED, RefusedByPump): State.ATTESTED,  # 5  stays closed as unknown; the pump's word is on file
        (State.ATTESTED, Rejected): State.ATTESTED,  # 6  likewise
        (State.ATTESTED, Expired): State.ATTESTED,  # 6  likewise
        (State.ATTESTED, Withdrawn): State.ATTESTED,  # 5  likewise
        (State.ATTESTED, NeverSeen): State.ATTESTED,  # 5  likewise
    }
)

ALERTS: Mapping[tuple[State | None, type[ProgrammeEvent]], str] = MappingProxyType(
    {
        (State.OFFERED, AnswerLost): "The pump did not answer. Look at the pump before programming by hand.",
        (State.REFUSED, Confirmed): "The pump confirmed a program that had been refused. Look at the pump.",
        (State.REJECTED, Confirmed): "The pump confirmed a program that had been rejected. Look at the pump.",
        (State.EXPIRED, Confirmed): "The pump confirmed a program that had expired. Look at the pump.",
        (State.WITHDRAWN, Confirmed): "The pump confirmed a program that had been withdrawn. Look at the pump.",
        (State.ATTESTED, Confirmed): "The pump confirmed a program that a clinician's statement had closed. Look at the pump.",
        (State.REFUSED, OfferShown): "The pump shows a program that had been refused. Look at the pump.",
        (State.REFUSED, OfferOpened): "The pump shows a program that had been refused. Look at the pump.",
        (State.ATTESTED, OfferShown): "The pump shows a program that a clinician's statement had closed. Look at the pump.",
        (State.ATTESTED, OfferOpened): "The pump shows a program that a clinician's statement had closed. Look at the pump.",
    }
)
"""Rows that a person is told of at once; ``alert`` adds those that depend on more than the state."""

RECALLED = Alert(
    "`programme.confirmed` while the offer was being recalled",
    "A clinician confirmed a program that was being recalled. Look at the pump, and at the order.",
)
TOLD_OTHERWISE = Alert(
    "`programme.confirmed` again, with other values",
    "The pump confirmed the same program twice, with different values. Look at the pump.",
)
ATTESTED_OTHERWISE = Alert(
    "the pump tells that the offer never ran, after a clinician saw it run",
    "A clinician saw this program run, and the pump says it never did. Look at the pump.",
)

TABLE: Table[State, ProgrammeEvent] = Table(
    "Programme", State, EVENTS, TRANSITIONS, ALERTS, further_alerts=(RECALLED, TOLD_OTHERWISE, ATTESTED_OTHERWISE)
)


@dataclass(frozen=True, slots=True)
class Stream:
    """A programme as its events tell it. Empty or None: not told.

    ``confirmed`` is the fullest confirmation told and stays when the state moves on; ``last_reason`` says in words why it stands where it stands.
    """

    state: State
    programme_id: str
    attempt: Attempt
    order_id: str
    placer_order_number: str
    pump_id: str
    channel_id: str
    effect_key: str
    offer_id: str = ""
    shown: bool = False
    opened: bool = False
    recalled: RecallCause | None = None
    confirmed: Confirmed | None = None
    attested_by: str = ""
    attested: Seen | None = None
    last_reason: str = ""

    @property
    def holds_channel(self) -> bool:
        """The pump has the offer, or may have it: the channel takes no other (D-05, D-10)."""
        return self.state in (State.OFFERED, State.UNCERTAIN)

    @property
    def confirmed_by(self) -> str:
        return self.confirmed.by if self.confirmed else ""

    @property
    def second_check_by(self) -> str:
        return self.confirmed.second_check_by if self.confirmed else ""

    @property
    def confirmed_at(self) -> datetime | None:
        return self.confirmed.happened_at if self.confirmed else None

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The values as confirmed at the pump; empty before."""
        return self.confirmed.settings if self.confirmed else ()

    @property
    def is_edited(self) -> bool:
        """Confirmed with other values than offered (D-23)."""
        return self.confirmed is not None and bool(self.confirmed.edits)


def alert(stream: Stream | None, event: ProgrammeEvent) -> str:
    """The words for a person who must be told of this event at once; empty: nobody is disturbed. ``stream`` is as it was before the event."""
    if stream is None:
        return TABLE.alert(None, event)
    match event:
        case Confirmed() if stream.confirmed and _differ(stream.confirmed, event):
            return TOLD_OTHERWISE.words
        case Confirmed() if stream.recalled and stream.holds_channel:
            return RECALLED.words
        case RefusedByPump() | Rejected() | Expired() | Withdrawn() | NeverSeen() if stream.attested is Seen.RUNS_AS_OFFERED:
            return ATTESTED_OTHERWISE.words
        case _:
            return TABLE.alert(stream.state, event)


def _differ(known: Confirmed, told: Confirmed) -> bool:
    """Both told their values, and not the same ones."""
    values: list[dict[str, Quantity]] = [{setting.name: setting.set for setting in word.settings} for word in (known, told)]
    return all(values) and values[0] != values[1]


def apply(stream: Stream | None, event: ProgrammeEvent) -> Stream:
    """The programme after the event.

    Raises: NoRow: the table has no row, or a pump speaks of an offer that was never sent, or denies what it said.
    """
    if stream is None:
        if not isinstance(event, Planned):
            raise NoRow(None, event)
        return _planned(TABLE.step(None, event), event)
    state = TABLE.step(stream.state, event)
    if isinstance(event, ToldByPump) and not stream.offer_id:
        raise NoRow(stream.state, event, "no offer of it was ever sent")
    if stream.state is State.CONFIRMED and (why := _denies(stream.confirmed, event)):
        raise NoRow(stream.state, event, why)
    stream = replace(stream, state=state)
    match event:
        case RefusedByChecks(reasons=reasons) | RefusedByPump(reasons=reasons):
            return replace(stream, last_reason=" ".join(reason.sentence for reason in reasons))
        case OfferNotSent():
            return replace(stream, last_reason=event.reason.sentence)
        case OfferSent():
            return replace(stream, offer_id=event.offer_id)
        case OfferShown():
            return replace(stream, shown=True)
        case OfferOpened():
            return replace(stream, shown=True, opened=True)
        case Recalled():
            return replace(stream, recalled=event.cause, last_reason=event.cause.value)
        case Confirmed():
            return replace(stream, confirmed=_fuller(stream.confirmed, event), last_reason="")
        case AnswerLost():
            return replace(stream, last_reason=f"no answer within {event.waited_s} s")
        case Rejected():
            return replace(stream, last_reason=event.words or event.cause.value)
        case Attested():
            return replace(stream, attested=event.saw, attested_by=event.by, last_reason=event.words or event.saw.value)
        case _:
            return stream


def _denies(confirmed: Confirmed | None, event: ProgrammeEvent) -> str:
    """Why a word after the confirmation contradicts it; empty: it does not. What is confirmed and was not seen to run may still be taken back."""
    by_decision = confirmed is not None and confirmed.evidence is Evidence.DECISION
    match event:
        case Withdrawn() if not by_decision:
            return "it runs, or ran"
        case OfferShown() | OfferOpened() if by_decision:
            return "the same log has told the decision already"
        case _:
            return ""


def _fuller(known: Confirmed | None, told: Confirmed) -> Confirmed:
    """The first word stands, but the decision itself says more (who, the second check) than a channel that was seen running."""
    if known is None or (told.evidence is Evidence.DECISION and known.evidence is not Evidence.DECISION):
        return told
    return known


def _planned(state: State, event: Planned) -> Stream:
    return Stream(
        state=state,
        programme_id=event.programme_id,
        attempt=event.attempt,
        order_id=event.order_id,
        placer_order_number=event.placer_order_number,
        pump_id=event.pump_id,
        channel_id=event.channel_id,
        effect_key=event.effect_key,
    )


def fold(events: Iterable[ProgrammeEvent]) -> Stream | None:
    """Raises: NoRow."""
    return reduce(apply, events, None)
