"""What a named clinician says and does at the bedside page, and what the hospital says of the patient: each one command, each with its actor.

Nothing here touches delivery (SR-01): it settles what is known, ties infusions to orders or lets them go, and takes back what waits on a screen.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from interop.conduct import naming
from interop.conduct.about import row_of
from interop.conduct.alerts import Alert, raised, said_now, seen
from interop.conduct.charting import Charting
from interop.conduct.decision import Decision, Told
from interop.conduct.hearing import IDLE
from interop.conduct.infusions import InfusionNow, RunAt, associated_with, infusion_at, no_longer_of, run_on
from interop.conduct.offers import Offers
from interop.conduct.pump_state import pump_at
from interop.conduct.settling import Attest
from interop.conduct.streams import programme_at
from interop.conduct.world import Ids, Link, NotConnected, OutcomeUnknown
from interop.domain import pump as said
from interop.domain.document import About
from interop.domain.errors import SenderError
from interop.domain.events.association import (
    AssociationBackfilled,
    AssociationBasis,
    AssociationEndCause,
    AssociationEnded,
    AssociationRestored,
    AssociationSuspended,
    RestoreCause,
    SuspensionCause,
)
from interop.domain.events.infusion import InfusionEvent
from interop.domain.events.nouns import PatientNumber
from interop.domain.events.programme import Attested, RecallCause, Seen
from interop.domain.finding import Owner
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle.programme import State
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity, UnitMismatch
from interop.ports import AuditRow, Clock, Projected, Record, StreamMoved, Timer, TimerEnd

log = logging.getLogger(__name__)

MOST_TRIES: Final = 32


class NotSo(SenderError):
    """What was asked for does not fit what is known; the text is for the person who asked, and names no patient."""


class Adt(Enum):
    """What the hospital says of a patient (D-12); the messages that say it are read elsewhere."""

    TRANSFER = "transfer"  # A02
    DISCHARGE = "discharge"  # A03
    CLASS_CHANGE = "change of patient class"  # A06, A07
    MERGE = "merge"  # A40


@dataclass(frozen=True, slots=True)
class PatientFact:
    """One such word. ``cancels``: the message that is taken back (A11, A12, A13), instead of ``what``."""

    message_id: str
    patient: PatientId
    what: Adt | None
    cancels: str = ""


SUSPENDS: Final = {
    Adt.TRANSFER: SuspensionCause.TRANSFER,
    Adt.DISCHARGE: SuspensionCause.DISCHARGE,
    Adt.CLASS_CHANGE: SuspensionCause.CLASS_CHANGE,
    Adt.MERGE: SuspensionCause.MERGE,
}


@dataclass(frozen=True, slots=True)
class ToAssociate:
    """An infusion that is nobody's, and the order that it is said to be of: patient by wristband, drug and concentration by the order (D-11)."""

    pump_id: str
    channel_id: str
    order_id: str
    placer_order_number: str
    sender: str
    patient: PatientId
    drug: str
    concentration: Quantity | None
    about: About | None = None  # what its documents say of the order; None: what is on file of it


class Bedside:
    """The shell. Every command may raise StoreUnavailable and Busy; then it was not done."""

    def __init__(
        self,
        record: Record,
        clock: Clock,
        ids: Ids,
        offers: Offers,
        link_to: Callable[[str], Link | None],
        charting: Charting | None = None,
    ) -> None:
        """``charting`` None: nothing is documented here."""
        self._charting = charting
        self._record, self._clock, self._ids, self._offers, self._link_to = record, clock, ids, offers, link_to

    # ── offers ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def attest(self, programme_id: str, by: str, saw: Seen, words: str) -> None:
        """D-10: a named clinician looked at the pump; it closes as unknown. Raises: NotSo: it is not uncertain, or was settled at this moment."""
        today = (await programme_at(self._record, programme_id)).today
        if today is None or today.state is not State.UNCERTAIN:
            raise NotSo("this program is not in doubt any more")
        await self._offers.settle(programme_id, Attest(by, saw, words), None)
        events = (await programme_at(self._record, programme_id)).events
        if not any(isinstance(event, Attested) and event.by == by for event in events):
            raise NotSo("the pump has answered meanwhile: look at what it said")

    async def recall(self, programme_id: str, by: str) -> None:
        """Take an offer back that waits on a screen; the pump has the last word. Raises: NotSo: it does not wait."""
        today = (await programme_at(self._record, programme_id)).today
        if today is None or not today.holds_channel:
            raise NotSo("this program does not wait on a pump any more")
        await self._offers.recall(programme_id, by, RecallCause.CANCELLED_BY_CLIENT)

    async def seen(self, alert_id: str, by: str, words: str = "") -> None:
        """A person has looked at what an alert is about. Raises: NotSo: somebody else has, or it was said again since."""
        alert = await said_now(self._record, alert_id)
        if alert is None:
            raise NotSo("somebody has looked at this already")
        if alert.id != alert_id:
            raise NotSo("it has happened again since this page was drawn: look again")
        now = self._clock.now()
        await self._record.commit(seen(alert_id, by, words, now).commit(now))

    # ── whose it is ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def dissociate(self, pump_id: str, channel_id: str, by: str) -> None:
        """What runs there is nobody's from now on; it goes on running. Raises: NotSo."""
        run = await run_on(self._record, pump_id, channel_id)

        def ended(infusion: InfusionNow, now: datetime) -> tuple[InfusionEvent, ...]:
            association = infusion.today.association if infusion.today is not None else None
            if association is None:
                raise NotSo("nothing on this channel is anybody's")
            return (AssociationEnded(at=now, association_id=association.id, cause=AssociationEndCause.DISSOCIATED, by=by),)

        if run is None:
            raise NotSo("nothing runs on this channel")
        told = await self._tell(run.infusion_id, ended, "bedside.dissociate", by, Decision())
        await self._show(pump_id, said.Dissociate(_id_of(told), channel_id))

    async def associate(self, wanted: ToAssociate, by: str) -> None:
        """D-11: what runs becomes an order's without being programmed, and all that it gave is that order's. Raises: NotSo: it does not fit."""
        run = await run_on(self._record, wanted.pump_id, wanted.channel_id)
        if run is None:
            raise NotSo("nothing runs on this channel")
        number = PatientNumber(wanted.patient.value, wanted.patient.authority)
        id = self._ids.new()

        def backfilled(infusion: InfusionNow, now: datetime) -> tuple[InfusionEvent, ...]:
            today = infusion.today
            if today is None or today.association is not None:
                raise NotSo("this infusion is an order's already")
            if today.drug != wanted.drug:
                raise NotSo(f"the channel runs {today.drug or 'something without a name'}, the order is for {wanted.drug}")
            if not _same(today.concentration, wanted.concentration):
                raise NotSo("the channel runs another concentration than the order's")
            return (
                AssociationBackfilled(
                    at=now,
                    association_id=id,
                    patient=number,
                    placer_order_number=wanted.placer_order_number,
                    basis=AssociationBasis.REVIEW,
                    by=by,
                    since=infusion.events[0].happened_at,
                    until=None,
                ),
            )

        theirs = RunAt(
            run.infusion_id,
            run.pump_id,
            run.channel_id,
            wanted.order_id,
            wanted.placer_order_number,
            wanted.sender,
            run.programme_id,
            number,
        )
        rows = theirs.rows() if wanted.about is None else (*theirs.rows(), row_of(wanted.order_id, wanted.about))
        await self._tell(run.infusion_id, backfilled, "bedside.associate", by, Decision(kept=rows), theirs)
        await self._show(wanted.pump_id, said.Associate(id, wanted.channel_id, wanted.patient, wanted.placer_order_number))

    async def confirm_patient(self, pump_id: str, channel_id: str, patient: PatientId, by: str) -> None:
        """D-12, SR-05: one bedside confirmation, by wristband, lifts every doubt on this channel, also about what is over there.

        Raises: NotSo: another patient, or no doubt.
        """
        run = await run_on(self._record, pump_id, channel_id)
        theirs = await associated_with(self._record, PatientNumber(patient.value, patient.authority))
        over = [each.infusion_id for each in theirs if (each.pump_id, each.channel_id) == (pump_id, channel_id)]
        if run is None and not over:
            raise NotSo("nothing runs on this channel")

        def restored(infusion: InfusionNow, now: datetime) -> tuple[InfusionEvent, ...]:
            association = infusion.today.association if infusion.today is not None else None
            if association is None or not association.suspensions:
                return ()
            if (association.patient.value, association.patient.authority) != (patient.value, patient.authority):
                raise NotSo("the wristband is another patient's than the one whose infusion this is: dissociate it first")
            lifts = tuple(doubt.message_id for doubt in association.suspensions)
            return (
                AssociationRestored(at=now, association_id=association.id, cause=RestoreCause.BEDSIDE, lifts=lifts, by=by, message_id=""),
            )

        lifted: list[InfusionEvent] = []
        for id in dict.fromkeys((*(() if run is None else (run.infusion_id,)), *over)):  # what runs there first: whose it is, decides
            lifted += await self._tell(id, restored, "bedside.confirm-patient", by, Decision())
        if not lifted:
            raise NotSo("nothing is in doubt on this channel")

    # ── what the hospital says ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def patient_fact(self, fact: PatientFact) -> None:
        """D-12: never ends the documentation of what infuses; puts it in doubt, ends what is idle and discharged, or lifts the doubt again.

        What waits on the screen of a pump in doubt is taken back: nobody confirms it for a patient who may not be there.
        """
        patient = PatientNumber(fact.patient.value, fact.patient.authority)
        theirs = await associated_with(self._record, patient)
        if fact.what is not None:
            for pump_id in dict.fromkeys(run.pump_id for run in theirs):
                await self._offers.recall_all(pump_id, fact.message_id, RecallCause.ASSOCIATION)
        for run in theirs:
            infusion = await infusion_at(self._record, run.infusion_id)
            if _is_of(patient, infusion):
                await self._fact(run, patient, fact)
                continue
            gone = Decision(told=(Told(infusion.stream, infusion.version),), kept=(no_longer_of(patient, run.infusion_id),))
            try:
                await self._record.commit(gone.commit(self._clock.now()))
            except StreamMoved:
                await self._fact(run, patient, fact)  # it may have become theirs again

    async def _fact(self, run: RunAt, patient: PatientNumber, fact: PatientFact) -> None:
        words = ""

        def events(infusion: InfusionNow, now: datetime) -> tuple[InfusionEvent, ...]:
            today = infusion.today
            association = today.association if today is not None else None
            if today is None or association is None or association.patient != patient:
                return ()
            if fact.what is None:
                known = [doubt for doubt in association.suspensions if doubt.message_id == fact.cancels]
                if not known:
                    return ()
                return (
                    AssociationRestored(
                        at=now,
                        association_id=association.id,
                        cause=RestoreCause.CANCELLED,
                        lifts=(fact.cancels,),
                        by="",
                        message_id=fact.message_id,
                    ),
                )
            if any(doubt.message_id == fact.message_id for doubt in association.suspensions):
                return ()
            if fact.what is Adt.DISCHARGE and today.state in (infusions.State.PAUSED, infusions.State.ENDED):
                cause = AssociationEndCause.DISCHARGED_AND_IDLE
                return (AssociationEnded(at=now, association_id=association.id, cause=cause, by=""),)
            return (AssociationSuspended(at=now, association_id=association.id, cause=SUSPENDS[fact.what], message_id=fact.message_id),)

        if fact.what is not None:
            words = f"A {fact.what.value} was told for the patient of this infusion. Confirm at the bedside whose it is."
        more = Decision()
        if words:
            more = await raised(
                self._record,
                Alert(
                    self._ids.new(), self._clock.now(), words, Owner.NURSE, run.pump_id, run.channel_id, run.order_id, "", run.infusion_id
                ),
            )
        await self._tell(run.infusion_id, events, "patient.fact", fact.message_id, more)

    # ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def idle(self, timer: Timer) -> None:
        """SR-04: it has stood still or been over for so long that it is nobody's any more. Raises: StoreUnavailable, Busy."""

        def ended(infusion: InfusionNow, now: datetime) -> tuple[InfusionEvent, ...]:
            today = infusion.today
            association = today.association if today is not None else None
            if today is None or association is None or today.state in (infusions.State.RUNNING, infusions.State.KVO):
                return ()
            return (AssociationEnded(at=now, association_id=association.id, cause=AssociationEndCause.IDLE, by=""),)

        end = Decision(timers=(TimerEnd(IDLE, timer.subject, timer.due_at),))
        await self._tell(timer.subject, ended, "association.idle", "system", end)

    # ── small things ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _tell(
        self,
        infusion_id: str,
        decide: Callable[[InfusionNow, datetime], tuple[InfusionEvent, ...]],
        action: str,
        by: str,
        more: Decision,
        theirs: RunAt | None = None,
    ) -> tuple[InfusionEvent, ...]:
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            infusion = await infusion_at(self._record, infusion_id)
            events = decide(infusion, now)
            for event in events:
                infusions.apply(infusion.today, event)  # one event each: what the table has no row for is refused before it is written
            if not events:
                more = Decision(timers=more.timers)
            charted = await self._charted(infusion, events, theirs, now)
            told = Decision(
                told=(Told(infusion.stream, infusion.version, events),),
                kept=await self._let_go(infusion) if any(isinstance(event, AssociationEnded) for event in events) else (),
                audit=(AuditRow(now, by, action, "done" if events else "nothing to do", subject=infusion_id),),
            )
            try:
                await self._record.commit(told.and_(more).and_(charted).commit(now))
            except StreamMoved:
                continue
            self._offers.posted(charted.messages)
            return events
        raise StreamMoved(naming.infusion_stream(infusion_id), 0, 0)

    async def _let_go(self, infusion: InfusionNow) -> tuple[Projected, ...]:
        """The rows of what is nobody's from now on: where it still is on its channel, it waits there for review."""
        today = infusion.today
        if today is None or today.association is None:
            return ()
        gone = no_longer_of(today.association.patient, today.infusion_id)
        run = await run_on(self._record, today.pump_id, today.channel_id)
        return (gone, *run.let_go()) if run is not None and run.infusion_id == today.infusion_id else (gone,)

    async def _charted(self, infusion: InfusionNow, events: tuple[InfusionEvent, ...], theirs: RunAt | None, now: datetime) -> Decision:
        if self._charting is None or not events or infusion.today is None:
            return Decision()
        return await self._charting.after(infusion, events, await pump_at(self._record, infusion.today.pump_id), theirs, now)

    async def _show(self, pump_id: str, frame: said.Associate | said.Dissociate) -> None:
        link = self._link_to(pump_id)
        if link is None:
            return
        try:
            await link.send(frame)
        except (NotConnected, OutcomeUnknown):
            log.info("a pump does not show yet whose its channel is", extra={"pump": pump_id})


def _is_of(patient: PatientNumber, infusion: InfusionNow) -> bool:
    association = infusion.today.association if infusion.today is not None else None
    return association is not None and association.patient == patient


def _same(here: Quantity | None, there: Quantity | None) -> bool:
    if here is None or there is None:
        return here is there
    try:
        return here == there
    except UnitMismatch:
        return False


def _id_of(events: Iterable[InfusionEvent]) -> str:
    return next((event.association_id for event in events if isinstance(event, AssociationEnded)), "")
