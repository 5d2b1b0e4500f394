"""Takes a programme that was planned towards the pump, and never one whose check is not of this very moment (SR-47).

What this process planned just now goes on as it is. An intent "offer" that is claimed later, after a crash or from another node, is checked again in
full as things stand then: what no longer passes is refused, and what would now be set otherwise is refused as stale, for the nurse to scan again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from interop.conduct.answers import Answer, Answers, refusal
from interop.conduct.asked import Asked, asked_of
from interop.conduct.decision import Decision, Told
from interop.conduct.effects import no_longer_waits, release_channel, waiting_for
from interop.conduct.keeping import settings_of
from interop.conduct.planning import Facts, Outcome, Planning, Posted, closed, offer_intent, understood
from interop.conduct.streams import ProgrammeNow, programme_at
from interop.conduct.world import ReleaseBook
from interop.domain.case import PriorEffect
from interop.domain.events.nouns import Reason
from interop.domain.events.programme import OfferNotSent, Planned, ProgrammeEvent, RefusedByChecks
from interop.domain.finding import Finding, PivError
from interop.domain.lifecycle.programme import State
from interop.ports import AuditRow, Gone, Intent, KeyRelease, Record, StreamMoved


@dataclass(frozen=True, slots=True)
class Checked:
    """What the new check came to: an answer that ends the programme, or none, and then its offer may leave now."""

    decision: Decision
    answer: Answer | None


def decide(programme: ProgrammeNow, facts: Facts, now: datetime) -> Checked:
    """The new check of a programme that was planned and whose offer has not left. Pure.

    A refusal gives the effect key back (D-04), so that the nurse may ask again for the same.
    """
    planned = next(event for event in programme.events if isinstance(event, Planned))
    made = facts.plan
    if made.offer is None:
        reasons = made.refusals
        event: ProgrammeEvent = RefusedByChecks(at=now, reasons=tuple(map(Reason.of, reasons)))
    elif not _is_same(facts, planned):
        reasons = (Finding.against(PivError.STALE, "program", "what would be set has changed since this was planned"),)
        event = RefusedByChecks(at=now, reasons=tuple(map(Reason.of, reasons)))
    elif facts.cannot_offer is not None:
        reasons = (facts.cannot_offer,)
        event = OfferNotSent(at=now, reason=Reason.of(facts.cannot_offer))
    else:
        leans_on = [Told(expect.stream, expect.version) for expect in facts.situation.expects if expect.version is not None]
        return Checked(Decision(told=(Told(programme.stream, programme.version), *leans_on)), None)
    answer = refusal(reasons)
    decision = Decision(
        told=(Told(programme.stream, programme.version, (event,)),),
        key_releases=(KeyRelease(planned.effect_key, planned.programme_id),),
        done=(offer_intent(planned.programme_id),),
        kept=(closed(planned.order_id, planned.programme_id),),
        audit=(
            AuditRow(
                now,
                planned.requested_by or facts.asked.sender,
                "order.check-again",
                f"refused {answer.reasons[0].code_text}",
                planned.patient.value if planned.patient is not None else "",
                planned.pump_id,
                planned.programme_id,
            ),
        ),
    )
    return Checked(decision, answer)


def _is_same(facts: Facts, planned: Planned) -> bool:
    """The entry, its library, what would be set and what must be seen are those that were planned."""
    made, library = facts.plan, facts.case.release.library.ref
    entry_key = made.match.entry.key if made.match.entry is not None else ""
    now = (entry_key, library.hash, settings_of(made.match.program), tuple(map(Reason.of, made.cautions)))
    then = planned.library.digest if planned.library is not None else ""
    return now == (planned.entry_key, then, planned.settings, planned.cautions)


class Offering:
    """The shell of the new check."""

    def __init__(self, record: Record, planning: Planning, answers: Answers, book: Callable[[], ReleaseBook], posted: Posted) -> None:
        self._record, self._planning, self._answers, self._book, self._posted = record, planning, answers, book, posted

    async def check_again(self, intent: Intent, now: Callable[[], datetime]) -> Outcome | None:
        """Check the programme of a claimed intent "offer"; ``None``: nothing is to be done for it any more.

        Raises: RecordError, BadIntent: the intent stays, and is claimed again.
        """
        asked = await asked_of(intent.subject, intent.body, self._record)
        await self._planning.after_its_pump(asked)
        while True:
            at = now()
            programme = await programme_at(self._record, intent.subject)
            if programme.today is None or programme.today.state is not State.PLANNED:
                await self._needless(intent, at)
                return None
            release = self._book().newest()
            request = self._planning.read(asked, release)
            facts = await self._planning.look(
                asked, request, understood(request, release), programme.today.effect_key, PriorEffect.NONE, at
            )
            checked = decide(programme, facts, at)
            if checked.answer is None:
                return Outcome(intent.subject, None, facts.plan)
            decision = await self._answered(checked, asked, programme, at)
            try:
                await self._record.commit(decision.commit(at))
            except StreamMoved:
                continue
            except Gone:
                return None
            self._posted(decision.messages)
            return Outcome(intent.subject, checked.answer, None)

    async def _answered(self, checked: Checked, asked: Asked, programme: ProgrammeNow, now: datetime) -> Decision:
        """The same answer to the request and to all that repeated it meanwhile."""
        decision, answer = checked.decision, checked.answer
        if programme.today is None or answer is None:
            return decision
        today = programme.today
        freed = await release_channel(self._record, today.pump_id, today.channel_id, today.programme_id)
        decision = decision.and_(Decision(key_releases=freed))
        for each in (asked, *await waiting_for(self._record, asked.id)):
            decision = decision.and_(self._answers.to(each, answer, programme.today.order_id, now))
            if each is not asked:
                decision = decision.and_(Decision(kept=(no_longer_waits(asked.id, each),)))
        return decision

    async def _needless(self, intent: Intent, now: datetime) -> None:
        try:
            await self._record.commit(Decision(done=(intent.intent_id,)).commit(now))
        except Gone:
            return
