"""Carries out the intent "plan": from an accepted request to a recorded programme and its answer, in one commit.

The case is read from the record, the plan is made by ``pathway.plan`` and the decision by ``decide``, both pure; then one commit holds the programme,
what it was decided on (SR-52), the effect key (D-04), the answer in its lane and the end of the intent. So a request is planned exactly once, whatever
crashes: before the commit nothing of it is there and the intent is taken up again; after it the intent is gone.

Planning runs on the event loop itself: a plan and its texts take well under the 5 ms that the loop may be held, and a thread would cost a good part of
that again without running beside it.
"""

import json
from asyncio import gather
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from interop.conduct import naming
from interop.conduct.about import BY_ORDER, about_row
from interop.conduct.answers import Answer, Answers, refusal
from interop.conduct.asked import Asked
from interop.conduct.decision import Decision, Step, Told
from interop.conduct.effects import Earlier, earlier_effect
from interop.conduct.feeds import silent_feed
from interop.conduct.keeping import keep
from interop.conduct.programme_index import rows_of_task
from interop.conduct.programmes import planned_event
from interop.conduct.reading import Reader, ResourceReader
from interop.conduct.returning import Returning
from interop.conduct.streams import OrderNow, order_now
from interop.conduct.ward_index import rows_of_programme
from interop.conduct.world import PumpSide, ReleaseBook, Situation
from interop.domain.case import Association, BedsideScan, Case, PriorEffect
from interop.domain.envelope import NotAccepted
from interop.domain.errors import OurError
from interop.domain.events.nouns import Reason
from interop.domain.events.programme import OfferNotSent, ProgrammeEvent, RefusedByChecks
from interop.domain.finding import Finding, Sub
from interop.domain.order import Order
from interop.domain.plan import Plan
from interop.domain.release import Release
from interop.domain.request import OrderRequest, VerificationPolicy
from interop.domain.sender import Format, SenderProfile, VerificationRule
from interop.pathway import plan
from interop.ports import AuditRow, EffectKey, Gone, KeyTaken, Outgoing, Projected, Record, StreamMoved
from interop.stages.normalise import normalise

OFFER: Final = "offer"
"""The kind of intent that takes a programme to the pump; its subject is the programme."""


def offer_intent(programme_id: str) -> str:
    """The id of the intent that takes this programme to the pump, once."""
    return f"{programme_id}o"


OPEN: Final = "open-programme"
"""(Order, programme) → the body of its request's intent: what may still leave, or has left and is not settled (D-06)."""


ORDER_NUMBERS: Final = "order-number"
"""Programme → the order's own number, where the request names it by an administration's (D-20)."""


def closed(order_id: str, programme_id: str) -> Projected:
    """The programme is open no longer; in the commit of the event that settles it."""
    return Projected(OPEN, f"{order_id}/{programme_id}", None)


MOST_TRIES: Final = 16
"""Each try that fails means that somebody else's commit came first; so many in a row mean that something is wrong."""


class KeepsMoving(OurError):
    """What a plan leans on changed under it ``MOST_TRIES`` times; its intent stays and is taken up again."""


Posted = Callable[[Sequence[Outgoing]], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one planning was decided on. ``request_id``: of the order's MedicationRequest on this server; empty: it has none."""

    asked: Asked
    request: OrderRequest
    order: Order | None
    case: Case
    plan: Plan
    key: str
    order_now: OrderNow
    situation: Situation
    cannot_offer: Finding | None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided; ``offered`` is the plan whose offer shall leave now."""

    programme_id: str
    answer: Answer | None
    offered: Plan | None


def decide(facts: Facts, now: datetime) -> tuple[Decision, Outcome]:
    """Stages 4 and 5 as events: refused with every reason, planned but not to be sent, or planned and to be offered. Pure.

    An effect key is used by what shall leave, and by nothing else (D-04).
    """
    asked, made = facts.asked, facts.plan
    kept = keep(facts.request, facts.case, made, now)
    first = planned_event(asked, facts.request, facts.order, facts.order_now, made, facts.case.release, facts.key, kept, now)
    events: list[ProgrammeEvent] = [first]
    answer: Answer | None = None
    steps: tuple[Step, ...] = ()
    keys: tuple[EffectKey, ...] = ()
    open_row: tuple[Projected, ...] = ()
    if made.offer is None:
        answer = refusal(made.refusals)
        events.append(RefusedByChecks(at=now, reasons=tuple(map(Reason.of, made.refusals))))
        outcome = f"refused {answer.reasons[0].code_text}"
    elif facts.cannot_offer is not None:
        answer = refusal([facts.cannot_offer])
        events.append(OfferNotSent(at=now, reason=Reason.of(facts.cannot_offer)))
        outcome = f"not sent {answer.reasons[0].code_text}"
    else:
        steps = (Step(offer_intent(asked.id), OFFER, asked.id, asked.body()),)
        content = bytes.fromhex(asked.effect_hash)
        keys = tuple(EffectKey(key, content, asked.id, now) for key in (facts.key, facts.situation.channel_key) if key)
        open_row = (Projected(OPEN, f"{first.order_id}/{asked.id}", asked.body()), *_number_row(facts, asked.id), *_about(facts))
        outcome = "to be offered"
    told = Told(naming.programme_stream(asked.id), 0, tuple(events))
    leans_on = [Told(expect.stream, expect.version) for expect in facts.situation.expects if expect.version is not None]
    decision = Decision(
        told=(told, Told(facts.order_now.stream, facts.order_now.version), *leans_on),
        steps=steps,
        keys=keys,
        done=(asked.id,),
        kept=(
            *kept.rows,
            *open_row,
            *rows_of_programme(facts.request, facts.order, first),
            *rows_of_task(facts.request, facts.order, first, facts.request_id),
        ),
        audit=(_audit(asked, first.requested_by, first.patient.value if first.patient else "", first.pump_id, outcome, now),),
    )
    return decision, Outcome(asked.id, answer, made if steps else None)


def _about(facts: Facts) -> tuple[Projected, ...]:
    return about_row(facts.request, facts.order, facts.plan, facts.case.release, facts.request_id)


def _number_row(facts: Facts, programme_id: str) -> tuple[Projected, ...]:
    """D-20: for a sender whose ORC-2 is an administration's, which order it belongs to, so that a later change finds what runs."""
    order = facts.order
    if order is None or not order.order_number or order.order_number == order.placer_order_number:
        return ()
    return (Projected(ORDER_NUMBERS, programme_id, json.dumps(order.order_number)),)


def decide_again(asked: Asked, earlier: Earlier, now: datetime) -> tuple[Decision, Outcome]:
    """The same request again, after one that left (D-04): nothing new is planned, and the first answer is given as soon as it is known. Pure."""
    decision = Decision(
        told=(Told(earlier.stream, earlier.version),),
        done=(asked.id,),
        kept=() if earlier.answer is not None else (earlier.also_waits(asked),),
        audit=(_audit(asked, "", "", "", f"repeats {earlier.programme_id}", now),),
    )
    return decision, Outcome(earlier.programme_id, earlier.answer, None)


class Planning:
    """The shell: reads, asks ``decide``, commits."""

    def __init__(
        self,
        record: Record,
        reader: Reader,
        answers: Answers,
        book: Callable[[], ReleaseBook],
        pumps: PumpSide,
        posted: Posted,
        resources: ResourceReader | None = None,
        returning: Returning | None = None,
    ) -> None:
        """``posted`` is told of every message that was put into a lane, after its commit. ``resources`` None: no stored order is ever scanned here.

        ``returning``: pumps that were connected to the server's last life; None: there are none.
        """
        self._resources, self._returning = resources, returning
        self._record, self._reader, self._answers, self._book, self._pumps = record, reader, answers, book, pumps
        self._posted = posted

    async def plan(self, asked: Asked, now: Callable[[], datetime]) -> Outcome | None:
        """Plan one request and commit it; ``None``: it had been planned already.

        Raises: StoreUnavailable, Busy: not now; the intent stays. KeepsMoving.
        """
        await self.after_its_pump(asked)
        for _ in range(MOST_TRIES):
            at = now()
            decision, outcome, order_key = await self._decided(asked, at)
            if outcome.answer is not None:
                decision = decision.and_(self._answers.to(asked, outcome.answer, order_key or asked.id, at))
            try:
                await self._record.commit(decision.commit(at))
            except (StreamMoved, KeyTaken):
                if await self._is_planned(asked):
                    return None
                continue
            except Gone:
                return None
            self._posted(decision.messages)
            return outcome
        raise KeepsMoving(asked.id)

    async def after_its_pump(self, asked: Asked) -> None:
        """After a start: until the pump that the request names is back, or will not come."""
        if self._returning is None or not self._returning.is_awaited:
            return
        release = self._book().newest()
        order = understood(self.read(asked, release), release)
        if order is not None:
            await self._returning.of(_at_its_pump(order, asked.scan).pump_id)

    async def give_up(self, asked: Asked, fault: Exception, now: datetime) -> Outcome:
        """Fail closed: a request whose planning met a fault of ours is refused (9016.check-failed), so that nobody waits for an answer.

        The type of the fault only is told: its text may hold what must not be shown (SEC-30). Raises: RecordError.
        """
        answer = refusal([Finding.against(Sub.CHECK_FAILED, "planning", f"planning could not be finished ({type(fault).__name__})")])
        outcome = f"refused {answer.reasons[0].code_text} ({type(fault).__name__})"
        decision = Decision(done=(asked.id,), audit=(_audit(asked, "", "", "", outcome, now),))
        decision = decision.and_(self._answers.to(asked, answer, asked.id, now))
        await self._record.commit(decision.commit(now))
        self._posted(decision.messages)
        return Outcome(asked.id, answer, None)

    async def _is_planned(self, asked: Asked) -> bool:
        """The stream that our own commit makes is there: an earlier try was written after all, or another node was faster."""
        return await self._record.version(naming.programme_stream(asked.id)) > 0

    async def _decided(self, asked: Asked, now: datetime) -> tuple[Decision, Outcome, str]:
        book = self._book()
        release = book.newest()
        request = self.read(asked, release)
        order = understood(request, release)
        number = request.placer_order_number.value.text
        order_id = naming.order_id(request.system_group, number) if number else ""
        key = naming.effect_key(request, order, asked.scan) if order is not None else ""
        earlier = await earlier_effect(self._record, key) if key else None
        if earlier is not None and earlier.content_hash == asked.effect_hash:
            return *decide_again(asked, earlier, now), order_id
        prior = PriorEffect.NONE if earlier is None else PriorEffect.OTHER_CONTENT
        facts = await self.look(asked, request, order, key, prior, now)
        return *decide(facts, now), order_id

    async def look(self, asked: Asked, request: OrderRequest, order: Order | None, key: str, prior: PriorEffect, now: datetime) -> Facts:
        """The full check of a request as things stand now, also of one that was planned before (SR-47). Raises: StoreUnavailable."""
        book = self._book()
        number = request.placer_order_number.value.text
        order_id = naming.order_id(request.system_group, number)
        situation, known, resource = await gather(
            self._situation(order, asked.scan), order_now(self._record, request), self._record.projection(BY_ORDER, order_id)
        )
        if situation.open_programme == asked.id:  # planned before: its own hold of the channel stands in nobody's way
            situation = replace(situation, open_offer_on_channel="")
        case = case_of(request, order, situation, known, prior, _release_for(situation, book), asked.received_at, asked.scan)
        silent = await silent_feed(self._record, known.sender, case.release.rules)
        if silent is not None:
            request = replace(request, findings=(silent, *request.findings))
        made = plan(request, case, now)
        cannot = self._pumps.cannot_offer(made.offer, now) if made.offer is not None else None
        return Facts(asked, request, order, case, made, key, known, situation, cannot, (resource or "") if number else "")

    async def _situation(self, order: Order | None, scan: BedsideScan | None) -> Situation:
        return Situation() if order is None else await self._pumps.situation(_at_its_pump(order, scan))

    def read(self, asked: Asked, release: Release) -> OrderRequest:
        """The order as sent, by the newest profile of its sender. A sender that has lost its profile is refused, with everything else that is wrong."""
        profile = release.senders.get(asked.sender)
        if asked.scan is not None:
            return self._stored(asked, profile, release)
        if profile is not None:
            return self._reader.request(asked.message, profile)
        try:
            request = self._reader.request(asked.message, _nobody(asked.sender))
        except NotAccepted as fault:  # it was accepted once: the journal holds other bytes than came in
            raise OurError(f"an accepted message cannot be read: {fault.why.value}") from fault
        unknown = Finding.against(Sub.UNKNOWN_SENDER, "MSH-3", f"{asked.sender} is no longer a sender of this site")
        return replace(request, findings=(unknown, *request.findings))

    def _stored(self, asked: Asked, profile: SenderProfile | None, release: Release) -> OrderRequest:
        """The stored resource of a scanned order."""
        if self._resources is None:
            raise OurError("an order was scanned, and nothing here reads resources")
        try:
            request = self._resources.order(asked.message, profile or _nobody(asked.sender, Format.FHIR_R4), release.spellings.keys())
        except NotAccepted as fault:  # it was accepted once: the journal holds other bytes than came in
            raise OurError(f"a stored order cannot be read: {fault.why.value}") from fault
        if profile is not None:
            return request
        unknown = Finding.against(Sub.UNKNOWN_SENDER, "sender", f"{asked.sender} is no longer a sender of this site")
        return replace(request, findings=(unknown, *request.findings))


def understood(request: OrderRequest, release: Release) -> Order | None:
    """The order, for what the case needs of it; ``None`` where the reading fails, which the plan then says itself (SR-29)."""
    try:
        return normalise(request, release)
    except Exception:
        return None


def case_of(
    request: OrderRequest,
    order: Order | None,
    situation: Situation,
    known: OrderNow,
    prior: PriorEffect,
    release: Release,
    received_at: datetime,
    scan: BedsideScan | None = None,
) -> Case:
    """The frozen case. A PCD-03 request is the bedside scan itself: it makes a provisional association of what it names (D-11).

    A pump that is named without a channel and has only one is that channel (D-08).
    """
    association = None
    channel_id = situation.channel.channel_id if situation.channel is not None else ""
    if order is not None and scan is not None and order.placer_order_number:
        association = Association(
            scan.patient,
            order.placer_order_number,
            scan.pump_id,
            scan.channel_id or channel_id,
            scan.at,
            provisional=True,
            system_group=order.system_group,
        )
    elif order is not None and request.bedside and order.patient_ids and order.placer_order_number and order.pump_id:
        made_at = order.requested_at or received_at
        association = Association(
            order.patient_ids[0],
            order.placer_order_number,
            order.pump_id,
            order.channel_id or channel_id,
            made_at,
            provisional=True,
            system_group=order.system_group,
        )
    return Case(
        release=release,
        channel=situation.channel,
        association=association,
        scan=scan,
        in_doubt=situation.in_doubt,
        patient=situation.patient,
        open_offer_on_channel=situation.open_offer_on_channel,
        live_on=situation.live_on,
        earlier=situation.earlier,
        prior_effect=prior,
        held_entries=situation.held_entries,
        held_codes=situation.held_codes,
        order_state=known.state,
    )


def _at_its_pump(order: Order, scan: BedsideScan | None) -> Order:
    """An order that was scanned at a pump, as one that names it: for the look at that pump, and for nothing else."""
    return order if scan is None else replace(order, pump_id=scan.pump_id, channel_id=scan.channel_id)


def _release_for(situation: Situation, book: ReleaseBook) -> Release:
    """D-25; where the pump's library is unknown the newest stands in, and SR-22 refuses."""
    library = situation.channel.library if situation.channel is not None else None
    found = book.for_library(library.hash) if library is not None else None
    return found if found is not None else book.newest()


def _nobody(name: str, format: Format = Format.HL7V2) -> SenderProfile:
    return SenderProfile(name, "", format, (), "", VerificationRule(VerificationPolicy.NONE))


def _audit(asked: Asked, actor: str, patient: str, pump: str, outcome: str, now: datetime) -> AuditRow:
    return AuditRow(now, actor or asked.sender, "order.plan", outcome, patient, pump, asked.id)
