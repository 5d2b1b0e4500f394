"""The shell of an offer's life: it leaves once, after its commit, and whatever is then heard of it is settled in one commit (SR-12, SR-13).

PLANNED ─commit─▶ OFFERED ─send─▶ pump          a crash between the two leaves a question on file, and a timer that asks it
pump's word, its silence, a clinician's statement ─▶ settling.decide ─commit─▶ answer in its lane, effect key, channel, timers
"""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from interop.conduct import naming, settling
from interop.conduct.about import about_order
from interop.conduct.alerts import Alert, raised
from interop.conduct.answers import Answer, Answers
from interop.conduct.asked import asked_of
from interop.conduct.charting import Charting
from interop.conduct.decision import Decision, Told
from interop.conduct.effects import ANSWERS, keep_answer, no_longer_waits, release_channel, waiting_for
from interop.conduct.infusions import infusion_at, run_on
from interop.conduct.planning import OPEN, Posted, closed, offer_intent
from interop.conduct.pump_state import pump_at
from interop.conduct.recalling import WITHDRAWALS, ask_back, asked_back
from interop.conduct.sent import Sent, sent_at
from interop.conduct.settling import Fact, NoLink, Settled
from interop.conduct.streams import ProgrammeNow, programme_at
from interop.conduct.to_show import last_program_row, to_show
from interop.conduct.world import Ids, Link, NotConnected, OutcomeUnknown, ReleaseBook
from interop.domain import pump as said
from interop.domain.errors import InteropError
from interop.domain.events.event import PumpSaid
from interop.domain.events.programme import Confirmed, OfferOpened, OfferSent, OfferShown, RecallCause, Recalled
from interop.domain.finding import Owner
from interop.domain.lifecycle.programme import State
from interop.domain.lifecycle.table import NoRow
from interop.domain.plan import Offer
from interop.domain.sender import ApplicationAck
from interop.ports import AuditRow, Clock, Gone, Intent, KeyRelease, Record, StreamMoved, Timer, TimerEnd

log = logging.getLogger(__name__)

ANSWER_DUE: Final = "offer-answer"
"""The kind of timer for an offer that left: the pump must have said by then that it is on its screen."""

LIFE_OVER: Final = "offer-life"
"""The kind of timer for an offer on the screen: by then the pump must have said how it ended."""

GRACE_S: Final = 30
"""How much longer than the pump's own clock the server waits for word of the end."""

MOST_TRIES: Final = 32


class Offers:
    """See the module. ``link_to`` gives the connected pump, or ``None``."""

    def __init__(
        self,
        record: Record,
        clock: Clock,
        ids: Ids,
        answers: Answers,
        book: Callable[[], ReleaseBook],
        posted: Posted,
        link_to: Callable[[str], Link | None],
        charting: Charting | None = None,
    ) -> None:
        """``charting`` None: nothing is documented here."""
        self._charting = charting
        self._record, self._clock, self._ids, self._answers, self._book = record, clock, ids, answers, book
        self.posted, self._link_to = posted, link_to

    # ── out to the pump ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, programme_id: str, offer: Offer) -> None:
        """Carry out the intent "offer" of a programme that was checked just now. Raises: RecordError."""
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            programme = await programme_at(self._record, programme_id)
            if programme.today is None or programme.today.state is not State.PLANNED:
                return
            link = self._link_to(offer.pump_id)
            sent = await self._about(programme, offer)
            if sent is None:
                return
            decision = (
                self._leaves(programme, offer, sent, now) if link is not None else await self._settled(programme, sent, NoLink(), None, now)
            )
            if link is None:
                decision = decision.and_(Decision(done=(offer_intent(programme_id),)))
            elif (run := await run_on(self._record, offer.pump_id, offer.channel_id)) is not None:
                infusion = await infusion_at(self._record, run.infusion_id)
                decision = decision.and_(Decision(told=(Told(infusion.stream, infusion.version),)))
            try:
                await self._record.commit(decision.commit(now))
            except StreamMoved:
                continue
            except Gone:
                return  # another has taken it there
            self.posted(decision.messages)
            if link is not None:
                await self._out(link, programme, offer, sent, now)
            return
        raise StreamMoved(naming.programme_stream(programme_id), 0, 0)

    async def _about(self, programme: ProgrammeNow, offer: Offer) -> Sent | None:
        today = programme.today
        if today is None:
            return None
        asked = await self._record.projection(OPEN, f"{today.order_id}/{today.programme_id}")
        if asked is None:
            return None
        sender = str(json.loads(asked)["sender"])
        return Sent(today.programme_id, today.order_id, sender, offer.pump_id, offer.channel_id, asked)

    def _leaves(self, programme: ProgrammeNow, offer: Offer, sent: Sent, now: datetime) -> Decision:
        event = OfferSent(at=now, offer_id=sent.programme_id, untouched_s=offer.untouched_s, idle_s=offer.idle_s, total_s=offer.total_s)
        due = now + timedelta(seconds=self._profile(sent)[1])
        return Decision(
            told=(Told(programme.stream, programme.version, (event,)),),
            done=(offer_intent(sent.programme_id),),
            kept=sent.rows(),
            timers=(Timer(ANSWER_DUE, sent.programme_id, due, now.isoformat()),),
            audit=(
                AuditRow(
                    now, offer.requested_by or sent.sender, "offer.send", "sent", offer.patient.value, offer.pump_id, sent.programme_id
                ),
            ),
        )

    async def _out(self, link: Link, programme: ProgrammeNow, offer: Offer, sent: Sent, now: datetime) -> None:
        about = await about_order(self._record, sent.order_id)
        name = ", ".join(about.patient_name) if about is not None else ""
        frame = to_show(programme, offer, name, self._profile(sent)[1], now)
        try:
            await link.send(frame)
        except NotConnected:
            await self.settle(sent.programme_id, NoLink(), None)
        except OutcomeUnknown:
            log.warning("it is not known whether an offer reached its pump; it will be settled", extra={"programme": sent.programme_id})
        except InteropError:
            log.exception("an offer cannot be written for its pump; nothing of it left", extra={"programme": sent.programme_id})
            await self.settle(sent.programme_id, NoLink(), None)

    # ── what is heard of it ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def settle(self, programme_id: str, fact: Fact, pump: PumpSaid | None, by_pump: str = "") -> None:
        """Record a fact about an offer; ``by_pump``: the pump whose word it is. Raises: RecordError."""
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            decision = await self.heard(programme_id, fact, pump, now, by_pump)
            try:
                await self._record.commit(decision.commit(now))
            except (StreamMoved, Gone):
                continue
            self.posted(decision.messages)
            return
        raise StreamMoved(naming.programme_stream(programme_id), 0, 0)

    async def heard(self, programme_id: str, fact: Fact, pump: PumpSaid | None, now: datetime, by_pump: str = "") -> Decision:
        """What a fact about an offer comes to, to be committed by the caller; after StreamMoved or Gone, ask again. Raises: StoreUnavailable.

        A pump speaks of what was offered to itself, and its word about another's offer counts for nothing but an alert (SEC-09, SEC-16).
        """
        sent = await sent_at(self._record, programme_id)
        programme = await programme_at(self._record, programme_id)
        if sent is None or programme.today is None:
            return self._puzzled(programme_id, "A pump speaks of an offer that is not on file here. Look at the pump.", now)
        if by_pump and sent.pump_id != by_pump:
            words = f"{by_pump} speaks of an offer that was made to {sent.pump_id}. Look at both pumps."
            return raised(Alert(self._ids.new(), now, words, Owner.BIOMED, by_pump, "", sent.order_id, programme_id))
        try:
            return await self._settled(programme, sent, fact, pump, now)
        except NoRow:
            words = f"A pump's word about a program that is {programme.today.state.value} cannot be understood. Look at the pump."
            return self._puzzled(programme_id, words, now, sent)

    async def _settled(self, programme: ProgrammeNow, sent: Sent, fact: Fact, pump: PumpSaid | None, now: datetime) -> Decision:
        """Raises: NoRow."""
        today, id = programme.today, sent.programme_id
        answered = (
            today is None or today.state not in (State.PLANNED, State.OFFERED) or await self._record.projection(ANSWERS, id) is not None
        )
        settled = settling.decide(programme, fact, self._profile(sent)[0], answered, pump, now)
        if settled.event is None or settled.after is None:
            return Decision()
        decision = Decision(
            told=(Told(programme.stream, programme.version, (settled.event,)),),
            audit=(AuditRow(now, _by(fact), "offer.settle", settled.after.state.value, pump=sent.pump_id, subject=id),),
        )
        if settled.asks_back:
            decision = decision.and_(ask_back(id, "no answer"))
        if settled.alert:
            alert = Alert(self._ids.new(), now, settled.alert, Owner.NURSE, sent.pump_id, sent.channel_id, sent.order_id, id)
            decision = decision.and_(raised(alert))
        if settled.answer is not None:
            decision = decision.and_(await self._answered(settled.answer, settled.uses_key, programme, sent, now))
        if settled.is_over:
            decision = decision.and_(await self._over(programme, sent, now))
        else:
            decision = decision.and_(Decision(timers=_timers(settled, programme, id, now)))
        if answered and self._charting is not None:
            told_by = await pump_at(self._record, sent.pump_id)
            decision = decision.and_(await self._charting.programme_ended(programme, settled.event, sent.order_id, told_by, now))
        if isinstance(settled.event, Confirmed) and today is not None:
            decision = decision.and_(Decision(kept=last_program_row(today.order_id, settled.event, programme)))
        return decision

    async def _answered(self, answer: Answer, uses_key: bool, programme: ProgrammeNow, sent: Sent, now: datetime) -> Decision:
        """The same answer to the request and to all that repeated it; kept for repeats, or else the effect key is free again (D-04)."""
        decision = Decision(kept=(keep_answer(sent.programme_id, answer),)) if uses_key else Decision()
        if not uses_key and programme.today is not None:
            decision = Decision(key_releases=(KeyRelease(programme.today.effect_key, sent.programme_id),))
        asked = await asked_of(sent.programme_id, sent.asked, self._record)
        for each in (asked, *await waiting_for(self._record, sent.programme_id)):
            decision = decision.and_(self._answers.to(each, answer, sent.order_id, now))
            if each is not asked:
                decision = decision.and_(Decision(kept=(no_longer_waits(sent.programme_id, each),)))
        return decision

    async def _over(self, programme: ProgrammeNow, sent: Sent, now: datetime) -> Decision:
        """Nothing of it is open any more: the channel takes another, nothing is waited for."""
        id = sent.programme_id
        decision = Decision(
            kept=(closed(sent.order_id, id), *sent.settled()),
            timers=(TimerEnd(ANSWER_DUE, id), TimerEnd(LIFE_OVER, id)),
            key_releases=await release_channel(self._record, sent.pump_id, sent.channel_id, id),
        )
        if await self._record.projection(WITHDRAWALS, id) is not None:
            decision = decision.and_(asked_back(id))
        return decision

    def _puzzled(self, programme_id: str, words: str, now: datetime, sent: Sent | None = None) -> Decision:
        where = ("", "", "") if sent is None else (sent.pump_id, sent.channel_id, sent.order_id)
        return raised(Alert(self._ids.new(), now, words, Owner.NURSE, *where, programme_id))

    def _profile(self, sent: Sent) -> tuple[ApplicationAck, int]:
        profile = self._book().newest().senders.get(sent.sender)
        return (ApplicationAck.ON_SCREEN, 30) if profile is None else (profile.application_ack, profile.answer_within_s)

    # ── asked back ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def withdraw(self, intent: Intent) -> None:
        """Carry out the intent "withdraw": ask the pump, as often as it takes, until the programme is settled. Raises: RecordError."""
        now = self._clock.now()
        programme = await programme_at(self._record, intent.subject)
        today = programme.today
        if today is None or not today.holds_channel:
            try:
                await self._record.commit(asked_back(intent.subject).commit(now))
            except Gone:
                return
            return
        await self.ask_back(today.pump_id, today.channel_id, intent.subject)

    async def ask_back(self, pump_id: str, channel_id: str, programme_id: str) -> None:
        """Ask a connected pump for an offer; its answer is settled when it comes."""
        link = self._link_to(pump_id)
        if link is None:
            return
        sent = await sent_at(self._record, programme_id)
        try:
            await link.send(said.Withdraw(programme_id, sent.channel_id if sent is not None else channel_id))
        except (NotConnected, OutcomeUnknown):
            return  # asked again when it says hello, and by the intent

    async def recall(self, programme_id: str, by: str, cause: RecallCause = RecallCause.CANCELLED_BY_CLIENT) -> None:
        """A person takes an offer back that left; the pump has the last word. Raises: RecordError."""
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            programme = await programme_at(self._record, programme_id)
            today = programme.today
            if today is None or not today.holds_channel or today.recalled is not None:
                return
            decision = Decision(
                told=(Told(programme.stream, programme.version, (Recalled(at=now, cause=cause, by=by),)),),
                audit=(AuditRow(now, by, "offer.recall", cause.value, pump=today.pump_id, subject=programme_id),),
            )
            if today.state is State.OFFERED:
                decision = decision.and_(ask_back(programme_id, cause.value))
            try:
                await self._record.commit(decision.commit(now))
            except StreamMoved:
                continue
            await self.ask_back(today.pump_id, today.channel_id, programme_id)
            return

    # ── timers ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def answer_due(self, timer: Timer) -> None:
        """The pump's time to answer is over. Raises: RecordError."""
        fact = settling.AnswerDue(_since(timer, self._clock.now()))
        await self._due(timer, fact)

    async def life_over(self, timer: Timer) -> None:
        """The offer's life is over by our clock. Raises: RecordError."""
        fact = settling.LifeOver(_since(timer, self._clock.now()))
        await self._due(timer, fact)

    async def _due(self, timer: Timer, fact: settling.AnswerDue | settling.LifeOver) -> None:
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            decision = await self.heard(timer.subject, fact, None, now)
            fired = replace(decision, timers=(TimerEnd(timer.kind, timer.subject, timer.due_at),))
            try:
                await self._record.commit(fired.commit(now))
            except StreamMoved:
                continue
            self.posted(fired.messages)
            programme = await programme_at(self._record, timer.subject)
            if programme.today is not None and programme.today.state is State.UNCERTAIN:
                await self.ask_back(programme.today.pump_id, programme.today.channel_id, timer.subject)
            return


def _timers(settled: Settled, programme: ProgrammeNow, id: str, now: datetime) -> tuple[Timer | TimerEnd, ...]:
    sent = next((event for event in programme.events if isinstance(event, OfferSent)), None)
    if sent is None:
        return ()
    match settled.event:
        case OfferShown():
            due = now + timedelta(seconds=sent.untouched_s + GRACE_S)
        case OfferOpened():
            due = now + timedelta(seconds=sent.total_s + GRACE_S)
        case _:
            return ()
    return TimerEnd(ANSWER_DUE, id), Timer(LIFE_OVER, id, due, sent.at.isoformat())


def _since(timer: Timer, now: datetime) -> int:
    return max(0, int((now - datetime.fromisoformat(timer.body)).total_seconds()))


def _by(fact: Fact) -> str:
    by = getattr(fact, "by", "")
    return by if isinstance(by, str) and by else "pump"
