"""D-06: when an order changes, is held or ends, what was planned from its old version is recalled: before it leaves, or else from the pump.

What has not left is withdrawn here, in one commit with its answers. What has left is marked as recalled and given to the pump's side to withdraw.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from interop.conduct.alerts import Alert, raised
from interop.conduct.answers import Answer, Answers, refusal
from interop.conduct.asked import Asked, BadIntent, asked_of
from interop.conduct.decision import Decision, Step, Told
from interop.conduct.effects import no_longer_waits, release_channel, waiting_for
from interop.conduct.infusions import runs_of_order
from interop.conduct.planning import OPEN, Posted, closed, offer_intent
from interop.conduct.streams import ProgrammeNow, programme_at
from interop.domain.events.order import EndReason, OrderChanged, OrderEnded, OrderEvent, OrderHeld
from interop.domain.events.programme import RecallCause, Recalled
from interop.domain.finding import Finding, Owner, Sub
from interop.domain.lifecycle.programme import State
from interop.ports import AuditRow, Gone, Intent, KeyRelease, Projected, Record, StreamMoved

log = logging.getLogger(__name__)

RECALL: Final = "recall"
"""The kind of intent; its subject is the order, its body the cause."""

WITHDRAW: Final = "withdraw"
"""The kind of intent that asks the pump to give an offer back; its subject is the programme."""

WITHDRAWALS: Final = "withdrawal"
"""Programme → nothing more: its intent to withdraw is on file."""

PAGE: Final = 200

SENTENCES: Final = {
    RecallCause.ORDER_CHANGED: "the order was changed after this was asked for",
    RecallCause.ORDER_HELD: "the order was put on hold after this was asked for",
    RecallCause.ORDER_ENDED: "the order ended after this was asked for",
    RecallCause.ENTERED_IN_ERROR: "the order was entered in error",
    RecallCause.ENTRY_HELD: "pharmacy has put this entry on hold",
    RecallCause.SUPERSEDED: "a newer program took its place",
    RecallCause.ASSOCIATION: "the channel's patient is in doubt or has changed",
    RecallCause.CANCELLED_BY_CLIENT: "it was taken back by whoever asked for it",
}
"""For the answer to a request that had none yet."""


def cause_of(events: tuple[OrderEvent, ...]) -> RecallCause | None:
    """Why offers of this order are void now; ``None``: these events leave them standing. The gravest word counts."""
    for event in events:
        if isinstance(event, OrderEnded):
            return RecallCause.ENTERED_IN_ERROR if event.reason is EndReason.ENTERED_IN_ERROR else RecallCause.ORDER_ENDED
    if any(isinstance(event, OrderHeld) for event in events):
        return RecallCause.ORDER_HELD
    return RecallCause.ORDER_CHANGED if any(isinstance(event, OrderChanged) for event in events) else None


def ask_back(programme_id: str, why: str) -> Decision:
    """The pump shall give the offer back: once for each programme, and asked until it has answered. An uncertain one is being asked for already."""
    step = Step(f"{programme_id}w", WITHDRAW, programme_id, why)
    return Decision(steps=(step,), kept=(Projected(WITHDRAWALS, programme_id, "{}"),))


def asked_back(programme_id: str) -> Decision:
    """The pump has answered, or need not any more."""
    return Decision(done=(f"{programme_id}w",), kept=(Projected(WITHDRAWALS, programme_id, None),))


@dataclass(frozen=True, slots=True)
class Recall:
    """What recalling one programme comes to; the answer is for a request that has had none."""

    decision: Decision
    answer: Answer | None


def decide(programme: ProgrammeNow, cause: RecallCause, by: str, now: datetime) -> Recall | None:
    """``None``: there is nothing to recall any more. Pure.

    What is confirmed and still open here has not been started: the pump can give it back (SR-07).
    """
    today = programme.today
    if today is None or today.recalled is not None or today.state not in (State.PLANNED, State.OFFERED, State.UNCERTAIN, State.CONFIRMED):
        return None
    told = Told(programme.stream, programme.version, (Recalled(at=now, cause=cause, by=by),))
    audit = AuditRow(now, by, "order.recall", cause.value, pump=today.pump_id, subject=today.programme_id)
    if today.state is not State.PLANNED:
        asked_back = Decision() if today.state is State.UNCERTAIN else ask_back(today.programme_id, cause.value)
        return Recall(Decision(told=(told,), audit=(audit,)).and_(asked_back), None)
    decision = Decision(
        told=(told,),
        key_releases=(KeyRelease(today.effect_key, today.programme_id),),
        done=(offer_intent(today.programme_id),),
        kept=(closed(today.order_id, today.programme_id),),
        audit=(audit,),
    )
    return Recall(decision, refusal([Finding.against(Sub.ORDER_NOT_ACTIVE, "order", SENTENCES[cause])]))


class Recalling:
    """The shell."""

    def __init__(self, record: Record, answers: Answers, posted: Posted) -> None:
        self._record, self._answers, self._posted = record, answers, posted

    async def carry_out(self, intent: Intent, now: Callable[[], datetime]) -> None:
        """Recall every open programme of the order. Raises: StoreUnavailable, Busy: the intent stays; BadIntent."""
        cause = RecallCause(intent.body)
        prefix = f"{intent.subject}/"
        after = prefix
        while page := await self._record.projections(OPEN, after, PAGE):
            for key, body in page:
                if key.startswith(prefix):
                    await self._recall_one(key.removeprefix(prefix), body, cause, intent.intent_id, now)
            after = page[-1][0]
            if not after.startswith(prefix):
                break
        done = Decision(done=(intent.intent_id,)).and_(await self._still_runs(intent, cause, now()))
        try:
            await self._record.commit(done.commit(now()))
        except Gone:
            return

    async def _recall_one(self, programme_id: str, body: str, cause: RecallCause, by: str, now: Callable[[], datetime]) -> None:
        try:
            asked = await asked_of(programme_id, body, self._record)
        except BadIntent:  # its message is gone; the order's other programmes are recalled all the same
            log.exception("an open programme cannot be recalled", extra={"programme": programme_id})
            return
        await self._recall(asked, cause, by, now)

    async def _still_runs(self, intent: Intent, cause: RecallCause, now: datetime) -> Decision:
        """SR-38: the pump is never stopped; a person is told that it runs on without its order, or on an order that has changed."""
        decision = Decision()
        for run in await runs_of_order(self._record, intent.subject):
            words = (
                f"{SENTENCES[cause].partition(' after')[0].capitalize()}, and the channel still runs it. Look at the pump and at the order."
            )
            alert = Alert(
                sha256(f"{intent.intent_id} {run.infusion_id}".encode()).hexdigest()[:20],
                now,
                words,
                Owner.NURSE,
                run.pump_id,
                run.channel_id,
                intent.subject,
                "",
                run.infusion_id,
            )
            decision = decision.and_(await raised(self._record, alert))
        return decision

    async def _recall(self, asked: Asked, cause: RecallCause, by: str, now: Callable[[], datetime]) -> None:
        while True:
            at = now()
            programme = await programme_at(self._record, asked.id)
            recall = decide(programme, cause, by, at)
            if recall is None or programme.today is None:
                return
            decision = recall.decision
            if recall.answer is not None:
                today = programme.today
                freed = await release_channel(self._record, today.pump_id, today.channel_id, today.programme_id)
                decision = decision.and_(Decision(key_releases=freed))
                decision = decision.and_(self._answers.to(asked, recall.answer, programme.today.order_id, at))
                for each in await waiting_for(self._record, asked.id):
                    decision = decision.and_(self._answers.to(each, recall.answer, programme.today.order_id, at))
                    decision = decision.and_(Decision(kept=(no_longer_waits(asked.id, each),)))
            try:
                await self._record.commit(decision.commit(at))
            except (StreamMoved, Gone):
                continue  # the pump's side was faster: look again
            self._posted(decision.messages)
            return
