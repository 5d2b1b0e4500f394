"""The shell of an offer's life: it leaves once, after its commit, and whatever is then heard of it is settled in one commit (SR-12, SR-13).

PLANNED ─commit─▶ OFFERED ─send─▶ pump          a crash between the two leaves a question on file, and a timer that asks it
pump's word, its silence, a clinician's statement ─▶ settling.decide ─commit─▶ answer in its lane, effect key, channel, timers
"""

import json
import logging
from asyncio import gather
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
from interop.conduct.infusions import InfusionNow, infusion_at, run_on
from interop.conduct.planning import OPEN, Posted, closed, offer_intent
from interop.conduct.pump_state import pump_at
from interop.conduct.recalling import WITHDRAWALS, ask_back, asked_back
from interop.conduct.sent import Sent, on_pump, sent_at
from interop.conduct.settling import ChannelMoved, Fact, NoLink, Settled
from interop.conduct.streams import ProgrammeNow, programme_at
from interop.conduct.to_show import last_program_row, to_show
from interop.conduct.world import Ids, Link, NotConnected, OutcomeUnknown, ReleaseBook
from interop.domain import pump as said
from interop.domain.errors import InteropError
from interop.domain.events.event import PumpSaid
from interop.domain.events.programme import Confirmed, Evidence, OfferOpened, OfferSent, OfferShown, Planned, RecallCause, Recalled
from interop.domain.finding import Owner
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle.programme import State
from interop.domain.lifecycle.table import NoRow
from interop.domain.plan import Offer
from interop.domain.sender import ApplicationAck
from interop.ports import AuditRow, Clock, Gone, Intent, KeyRelease, Record, StreamMoved, Timer, TimerEnd
from interop.stages.confirm import to_be_told

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
            programme, infusion = await gather(programme_at(self._record, programme_id), self._runs_there(offer))
            if programme.today is None or programme.today.state is not State.PLANNED:
                return
            sent, about = await gather(self._about(programme, offer), about_order(self._record, programme.today.order_id))
            if sent is None:
                return
            link = self._link_to(offer.pump_id)
            against = NoLink() if link is None else None if _is_as_planned(offer, infusion) else ChannelMoved()
            if against is not None:
                decision = (await self._settled(programme, sent, against, None, now)).and_(Decision(done=(offer_intent(programme_id),)))
            else:
                decision = self._leaves(programme, offer, sent, now)
            if infusion is not None:
                decision = decision.and_(Decision(told=(Told(infusion.stream, infusion.version),)))
            try:
                await self._record.commit(decision.commit(now))
            except StreamMoved:
                continue
            except Gone:
                return  # another has taken it there
            self.posted(decision.messages)
            if link is not None and against is None:
                name = ", ".join(about.patient_name) if about is not None else ""
                await self._out(link, to_show(programme, offer, name, self._profile(sent)[1], now))
            return
        raise StreamMoved(naming.programme_stream(programme_id), 0, 0)

    async def _runs_there(self, offer: Offer) -> InfusionNow | None:
        run = await run_on(self._record, offer.pump_id, offer.channel_id)
        return None if run is None else await infusion_at(self._record, run.infusion_id)

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

    async def _out(self, link: Link, frame: said.OfferToShow) -> None:
        try:
            await link.send(frame)
        except NotConnected:
            await self.settle(frame.offer_id, NoLink(), None)
        except OutcomeUnknown:
            log.warning("it is not known whether an offer reached its pump; it will be settled", extra={"programme": frame.offer_id})
        except InteropError:
            log.exception("an offer cannot be written for its pump; nothing of it left", extra={"programme": frame.offer_id})
            await self.settle(frame.offer_id, NoLink(), None)

    # ── what is heard of it ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def settle(self, programme_id: str, fact: Fact, pump: PumpSaid | None, told_by: tuple[str, str] | None = None) -> None:
        """Record a fact about an offer; ``told_by``: the pump and channel whose word it is. Raises: RecordError."""
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            decision = await self.heard(programme_id, fact, pump, now, told_by)
            try:
                await self._record.commit(decision.commit(now))
            except (StreamMoved, Gone):
                continue
            self.posted(decision.messages)
            return
        raise StreamMoved(naming.programme_stream(programme_id), 0, 0)

    async def heard(
        self, programme_id: str, fact: Fact, pump: PumpSaid | None, now: datetime, told_by: tuple[str, str] | None = None
    ) -> Decision:
        """What a fact about an offer comes to, to be committed by the caller; after StreamMoved or Gone, ask again. Raises: StoreUnavailable.

        A channel speaks of what was offered to itself; a word about another's offer counts for nothing but an alert (SEC-09, SEC-16).
        """
        sent, programme = await gather(sent_at(self._record, programme_id), programme_at(self._record, programme_id))
        if sent is None or programme.today is None:
            words = "A pump speaks of an offer that is not on file here. Look at the pump."
            return await self._told(words, Owner.NURSE, told_by or ("", ""), "", programme_id, now)
        if told_by is not None and told_by != (sent.pump_id, sent.channel_id):
            words = f"{told_by[0]} channel {told_by[1]} speaks of an offer that was made to {sent.pump_id} channel {sent.channel_id}. Look at both."
            return await self._told(words, Owner.BIOMED, told_by, sent.order_id, programme_id, now)
        try:
            return await self._settled(programme, sent, fact, pump, now)
        except NoRow:
            words = f"A pump's word about a program that is {programme.today.state.value} cannot be understood. Look at the pump."
            return await self._told(words, Owner.NURSE, (sent.pump_id, sent.channel_id), sent.order_id, programme_id, now)

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
        for words in (*filter(None, (settled.alert,)), *self._at_confirmation(programme, settled)):
            decision = decision.and_(await self._told(words, Owner.NURSE, (sent.pump_id, sent.channel_id), sent.order_id, id, now))
        if settled.answer is not None:
            decision = decision.and_(await self._answered(settled.answer, settled.uses_key, programme, sent, now))
        if settled.is_over:
            decision = decision.and_(await self._over(settled, sent, now))
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

    async def _over(self, settled: Settled, sent: Sent, now: datetime) -> Decision:
        """It is no open offer any more: the channel takes another, no answer is waited for.

        What was confirmed and does not run yet may still be wanted back, if its order ends meanwhile (SR-07).
        """
        id, event = sent.programme_id, settled.event
        waits_for_start = isinstance(event, Confirmed) and event.evidence is Evidence.DECISION
        decision = Decision(
            kept=sent.settled(),
            timers=(TimerEnd(ANSWER_DUE, id), TimerEnd(LIFE_OVER, id)),
            key_releases=await release_channel(self._record, sent.pump_id, sent.channel_id, id),
        )
        return decision if waits_for_start else decision.and_(await self.in_force(sent))

    async def in_force(self, sent: Sent) -> Decision:
        """It runs, or never will: there is nothing of it left to be taken back. Raises: StoreUnavailable."""
        decision = Decision(kept=(closed(sent.order_id, sent.programme_id),))
        if await self._record.projection(WITHDRAWALS, sent.programme_id) is not None:
            decision = decision.and_(asked_back(sent.programme_id))
        return decision

    async def _waits_for_start(self, programme: ProgrammeNow) -> bool:
        today = programme.today
        if today is None or today.state is not State.CONFIRMED:
            return False
        return await self._record.projection(OPEN, f"{today.order_id}/{today.programme_id}") is not None

    def _at_confirmation(self, programme: ProgrammeNow, settled: Settled) -> tuple[str, ...]:
        """D-13, D-23: what a person must be told of the values, and of who checked them."""
        event, planned = settled.event, next((each for each in programme.events if isinstance(each, Planned)), None)
        if not isinstance(event, Confirmed) or planned is None:
            return ()
        release = self._book().for_library(planned.library.digest) if planned.library is not None else None
        entry = release.library.by_key.get(planned.entry_key) if release is not None else None
        return tuple(to_be_told(planned, event.settings, event.overrides, event.by, event.second_check_by, entry))

    async def _told(self, words: str, owner: Owner, where: tuple[str, str], order_id: str, programme_id: str, now: datetime) -> Decision:
        return await raised(self._record, Alert(self._ids.new(), now, words, owner, *where, order_id, programme_id))

    def _profile(self, sent: Sent) -> tuple[ApplicationAck, int]:
        profile = self._book().newest().senders.get(sent.sender)
        return (ApplicationAck.ON_SCREEN, 30) if profile is None else (profile.application_ack, profile.answer_within_s)

    # ── asked back ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def withdraw(self, intent: Intent) -> None:
        """Carry out the intent "withdraw": ask the pump, as often as it takes, until the programme is settled. Raises: RecordError."""
        now = self._clock.now()
        programme = await programme_at(self._record, intent.subject)
        today = programme.today
        if today is None or not (today.holds_channel or await self._waits_for_start(programme)):
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
            if today is None or today.recalled is not None or not (today.holds_channel or await self._waits_for_start(programme)):
                return
            decision = Decision(
                told=(Told(programme.stream, programme.version, (Recalled(at=now, cause=cause, by=by),)),),
                audit=(AuditRow(now, by, "offer.recall", cause.value, pump=today.pump_id, subject=programme_id),),
            )
            if today.state is not State.UNCERTAIN:  # which is being asked for already
                decision = decision.and_(ask_back(programme_id, cause.value))
            try:
                await self._record.commit(decision.commit(now))
            except StreamMoved:
                continue
            await self.ask_back(today.pump_id, today.channel_id, programme_id)
            return
        raise StreamMoved(naming.programme_stream(programme_id), 0, 0)

    async def recall_all(self, pump_id: str, by: str, cause: RecallCause) -> None:
        """Everything that was offered to this pump and is still open there (SR-04, D-12). Raises: RecordError."""
        for programme_id in await on_pump(self._record, pump_id):
            await self.recall(programme_id, by, cause)

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


def _is_as_planned(offer: Offer, infusion: InfusionNow | None) -> bool:
    """A start needs a channel where nothing runs; a change needs the very infusion, at the rate, that it was planned for (SR-37, SR-47)."""
    changes, today = offer.program.changes, None if infusion is None else infusion.today
    if changes is None or today is None:
        return changes is None and today is None
    own_id = naming.infusion_id(today.pump_id, changes.infusion_id)
    return today.infusion_id == own_id and today.state is infusions.State.RUNNING and today.running_rate == changes.rate


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
