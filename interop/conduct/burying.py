"""Gives up a step that can never be carried out, since its message is no longer in the journal or its body is of another version, so that nothing of it
stays open: its programme is refused, its keys are free, whoever can still be answered is, and a person is told.
"""

import logging
from dataclasses import dataclass
from typing import Final

from interop.conduct.alerts import Alert, raised
from interop.conduct.answers import Answers, refusal
from interop.conduct.asked import Asked, BadIntent, asked_of
from interop.conduct.decision import Decision, Told
from interop.conduct.effects import WAITING, release_channel
from interop.conduct.planning import OFFER, Posted, closed
from interop.conduct.recalling import RECALL
from interop.conduct.streams import ProgrammeNow, programme_at
from interop.conduct.world import Ids
from interop.domain.events.nouns import Reason
from interop.domain.events.programme import RefusedByChecks
from interop.domain.finding import Finding, Owner, Sub
from interop.domain.lifecycle.programme import State
from interop.ports import AuditRow, Clock, Gone, Intent, KeyRelease, Projected, Record, StreamMoved

log = logging.getLogger(__name__)

PAGE: Final = 200
MOST_TRIES: Final = 16
MOST_TOLD: Final = 1024

WHY: Final = "what was asked for is no longer on file"
NOT_OFFERED: Final = "An order was accepted and could not be offered to this pump: its message is no longer on file. Program by hand."
NOT_RECALLED: Final = "An order changed or ended, and its offers could not be taken back. Look at its pumps."


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Who repeated the request: the row of each, and those of them that can be read."""

    rows: tuple[Projected, ...] = ()
    asked: tuple[Asked, ...] = ()


class Burying:
    """The shell."""

    def __init__(self, record: Record, clock: Clock, ids: Ids, answers: Answers, posted: Posted) -> None:
        self._record, self._clock, self._ids, self._answers, self._posted = record, clock, ids, answers, posted
        self._told: set[str] = set()

    async def bury(self, intent: Intent, fault: BadIntent) -> None:
        """Nothing can be done for it ever. Raises: RecordError, and what the programme's stream raises: it stays."""
        log.error("an intent can never be carried out", exc_info=fault, extra={"entry": intent.intent_id, "intent": intent.kind})
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            programme = await programme_at(self._record, intent.subject) if intent.kind == OFFER else None
            decision = Decision(
                done=(intent.intent_id,),
                audit=(AuditRow(now, "system", f"intent.{intent.kind}", f"given up: {fault}", subject=intent.subject),),
            )
            decision = decision.and_(await raised(self._record, self._alert(intent, programme, "can never be carried out")))
            if programme is not None:
                decision = decision.and_(await self._refused(programme, intent.subject))
            try:
                await self._record.commit(decision.commit(now))
            except (StreamMoved, Gone):
                continue  # carried out elsewhere meanwhile, or a key was freed: look again
            self._posted(decision.messages)
            return

    async def tell(self, intent: Intent) -> None:
        """Once in the life of this process: it could not be carried out, and is tried again. Raises: StoreUnavailable, Busy."""
        if intent.intent_id in self._told:
            return
        alert = self._alert(intent, None, "could not be carried out and is tried again")
        await self._record.commit((await raised(self._record, alert)).commit(alert.at))
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told.add(intent.intent_id)

    def _alert(self, intent: Intent, programme: ProgrammeNow | None, what: str) -> Alert:
        id, now = self._ids.new(), self._clock.now()
        if programme is not None and programme.today is not None:
            today = programme.today
            return Alert(id, now, NOT_OFFERED, Owner.NURSE, today.pump_id, today.channel_id, today.order_id, today.programme_id)
        if intent.kind == RECALL:
            return Alert(id, now, NOT_RECALLED, Owner.NURSE, order_id=intent.subject)
        return Alert(id, now, f"A step of the server ('{intent.kind}') {what}. The engineer on call must look.", Owner.IT)

    async def _refused(self, programme: ProgrammeNow, programme_id: str) -> Decision:
        """9016.check-failed, as for any check that could not be finished."""
        today, now = programme.today, self._clock.now()
        if today is None or today.state is not State.PLANNED:
            return Decision()
        finding = Finding.against(Sub.CHECK_FAILED, "request", WHY)
        effect = await self._record.effect_key(today.effect_key) if today.effect_key else None
        mine = (KeyRelease(today.effect_key, programme_id),) if effect is not None and effect.reference == programme_id else ()
        waiting = await self._waiting(programme_id)
        decision = Decision(
            told=(Told(programme.stream, programme.version, (RefusedByChecks(at=now, reasons=(Reason.of(finding),)),)),),
            key_releases=(*mine, *await release_channel(self._record, today.pump_id, today.channel_id, programme_id)),
            kept=(closed(today.order_id, programme_id), *waiting.rows),
        )
        for asked in waiting.asked:
            decision = decision.and_(self._answers.to(asked, refusal([finding]), today.order_id, now))
        return decision

    async def _waiting(self, programme_id: str) -> _Waiting:
        prefix, found = f"{programme_id}/", _Waiting()
        after = prefix
        while page := await self._record.projections(WAITING, after, PAGE):
            for key, body in page:
                if not key.startswith(prefix):
                    return found
                try:
                    asked: tuple[Asked, ...] = (await asked_of(key.removeprefix(prefix), body, self._record),)
                except BadIntent:
                    asked = ()
                found = _Waiting((*found.rows, Projected(WAITING, key, None)), (*found.asked, *asked))
            after = page[-1][0]
        return found
