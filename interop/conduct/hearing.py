"""One word of a pump's log → one decision: what is settled, what is followed, what is charted, and who must be told. Nothing here commits.

A word that fits nothing reaches a person and is never dropped, and a fault of ours in charting never costs the word itself.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from interop.conduct import naming
from interop.conduct.alerts import Alert, raised
from interop.conduct.charting import Charting
from interop.conduct.decision import Decision
from interop.conduct.following import Followed, Known, NotSaid, follow, found
from interop.conduct.infusions import InfusionNow, RunAt, infusion_at, run_on, runs_on_pump
from interop.conduct.offers import Offers
from interop.conduct.planning import ORDER_NUMBERS
from interop.conduct.programme_index import became
from interop.conduct.pump_state import PumpNow
from interop.conduct.sent import Sent, sent_at
from interop.conduct.streams import order_at, programme_at
from interop.conduct.world import Ids, ReleaseBook
from interop.domain import pump as said
from interop.domain.errors import InteropError
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import InfusionEvent
from interop.domain.events.nouns import PatientNumber
from interop.domain.finding import Owner
from interop.domain.lifecycle.order import State as OrderState
from interop.domain.lifecycle.table import NoRow
from interop.ports import Busy, Record, StoreUnavailable, Timer, TimerEnd

log = logging.getLogger(__name__)

IDLE: Final = "association-idle"
"""The kind of timer of an infusion that stands still or is over; its subject is the infusion (SR-04)."""

PERIODIC: Final = "chart-periodic"
"""The kind of timer of a delivering infusion that is documented; its subject is the infusion."""

WHOLE_PUMP: Final = frozenset({said.Kind.PATIENT_CHANGED, said.Kind.ALARM_RAISED, said.Kind.ALARM_CLEARED})
"""Kinds that may speak of everything that the pump runs."""

NOT_CHARTED: Final = "What a pump told could not be documented. Chart it by hand, and tell the engineer on call."


class Hearing:
    """``charting`` None: nothing is documented here; ``periodic_s``: how often a delivering channel is told by PCD-01, 0: never by itself."""

    def __init__(
        self,
        record: Record,
        ids: Ids,
        book: Callable[[], ReleaseBook],
        offers: Offers,
        charting: Charting | None,
        periodic_s: int,
    ) -> None:
        self._record, self._ids, self._book, self._offers = record, ids, book, offers
        self._charting, self._periodic_s = charting, periodic_s

    async def word(self, pump: PumpNow, word: said.Logged, pump_said: PumpSaid, now: datetime) -> Decision:
        """Raises: StoreUnavailable, Busy: ask again. Whatever else is wrong becomes an alert."""
        try:
            if not isinstance(word, said.Event) or word.kind is said.Kind.OFFER_OPENED:
                return await self._offers.heard(word.offer_id, word, pump_said, now, (pump.pump_id, word.channel_id))
            known = await self._known(pump, word)
            followed = follow(pump.pump_id, word, pump_said, known, self._ids.new(), now)
            return await self._decided(pump, word.channel_id, followed, known, pump_said, now)
        except (StoreUnavailable, Busy):
            raise
        except (NoRow, NotSaid) as fault:
            return await self._puzzled(pump, word, fault, now)
        except (InteropError, ValueError) as fault:
            log.exception("a pump's word could not be followed; a person is told, and the log goes on", extra={"pump": pump.pump_id})
            return await self._puzzled(pump, word, fault, now)

    async def unknown_run(self, pump: PumpNow, channel_id: str, run: said.Run, now: datetime) -> Decision | None:
        """SR-48: a run whose start nobody told is on file from now on, for review; ``None``: its start is on file. Raises: StoreUnavailable, Busy."""
        infusion = await infusion_at(self._record, naming.infusion_id(pump.pump_id, run.infusion_id))
        if infusion.today is not None:
            return None
        sent, elsewhere = await self._offer(pump.pump_id, channel_id, run.offer_id)
        programme = await programme_at(self._record, sent.programme_id) if sent is not None else None
        run_there = await run_on(self._record, pump.pump_id, channel_id)
        known = Known(infusion, run_there, programme, sent, patients=await self._patients(pump, channel_id), elsewhere=elsewhere)
        try:
            followed = found(pump.pump_id, channel_id, run, known, self._ids.new(), now)
            decision = await self._decided(pump, channel_id, followed, known, None, now)
        except (NoRow, NotSaid):
            words = "A channel runs what does not fit what is known here. Look at the pump."
            return await self.told(words, pump.pump_id, channel_id, now)
        words = "A channel runs an infusion whose start was not told. Look at the pump, and associate it."
        return decision.and_(await self.told(words, pump.pump_id, channel_id, now))

    async def charted(
        self, infusion: InfusionNow, events: tuple[InfusionEvent, ...], pump: PumpNow | None, run: RunAt | None, now: datetime
    ) -> Decision:
        """What goes to the chart; where that fails, the events are written all the same and a person is told. Raises: StoreUnavailable, Busy."""
        if self._charting is None or not events:
            return Decision()
        try:
            return await self._charting.after(infusion, events, pump, run, now)
        except (StoreUnavailable, Busy):
            raise
        except Exception:
            log.exception("what a pump told could not be documented", extra={"entry": infusion.stream})
            return await self.told(NOT_CHARTED, pump.pump_id if pump is not None else "", run.channel_id if run is not None else "", now)

    async def told(self, words: str, pump_id: str, channel_id: str, now: datetime, owner: Owner = Owner.NURSE) -> Decision:
        """An alert. Raises: StoreUnavailable."""
        return await raised(self._record, Alert(self._ids.new(), now, words, owner, pump_id, channel_id))

    async def _decided(
        self, pump: PumpNow, channel_id: str, followed: Followed, known: Known, pump_said: PumpSaid | None, now: datetime
    ) -> Decision:
        decision = Decision(told=followed.told, kept=followed.rows, timers=self._timers(followed, now))
        if followed.confirms is not None and known.sent is not None:
            runs_in = followed.told[0].stream.removeprefix(naming.infusion_stream(""))
            decision = decision.and_(Decision(kept=(became(known.sent.programme_id, runs_in),)))
            settled = await self._offers.heard(known.sent.programme_id, followed.confirms, pump_said, now)
            decision = decision.and_(settled) if settled.told else decision.and_(settled).and_(await self._offers.in_force(known.sent))
            decision = decision.and_(await self._dead_order(known.sent, pump, channel_id, now))
        before = {each.stream: each for each in (known.infusion, *(infusion for _, infusion in known.others)) if each is not None}
        for told in followed.told:
            events = tuple(event for event in told.events if isinstance(event, InfusionEvent))
            infusion = before.get(told.stream) or InfusionNow(told.stream, 0, None)
            decision = decision.and_(await self.charted(infusion, events, pump, followed.run or known.run, now))
        for words in followed.alerts:
            decision = decision.and_(await self.told(words, pump.pump_id, channel_id, now))
        return decision

    def _timers(self, followed: Followed, now: datetime) -> tuple[Timer | TimerEnd, ...]:
        if followed.idle:
            return (Timer(IDLE, followed.idle, now + timedelta(hours=self._book().newest().rules.association_idle_h)),)
        if not followed.busy:
            return ()
        timers: tuple[Timer | TimerEnd, ...] = (TimerEnd(IDLE, followed.busy),)
        if self._charting is not None and self._periodic_s:
            timers = (*timers, Timer(PERIODIC, followed.busy, now + timedelta(seconds=self._periodic_s)))
        return timers

    async def _dead_order(self, sent: Sent, pump: PumpNow, channel_id: str, now: datetime) -> Decision:
        """SR-07, SR-38: what began after its order had ended is told to a person; the pump goes on."""
        order = await order_at(self._record, naming.order_stream(sent.order_id))
        if order.today is None or order.today.state is OrderState.ACTIVE:
            return Decision()
        words = f"The channel began to run an order that is {order.today.state.value}. Look at the pump and at the order."
        return await self.told(words, pump.pump_id, channel_id, now)

    async def _puzzled(self, pump: PumpNow, word: said.Logged, fault: Exception, now: datetime) -> Decision:
        """Its kind and number are told, its place in the log is known."""
        kind = word.kind.value if isinstance(word, said.Event) else type(word).__name__
        words = f"The pump told '{kind}' (word {word.number} of its log), which does not fit what is known here. Look at the pump."
        log.warning("a pump's word does not fit the record", extra={"pump": pump.pump_id, "error_type": type(fault)})
        return await self.told(words, pump.pump_id, word.channel_id, now)

    async def _known(self, pump: PumpNow, event: said.Event) -> Known:
        pump_id, is_start = pump.pump_id, event.kind is said.Kind.STARTED
        offer_id = event.offer_id or (event.run.offer_id if event.run is not None else "")
        own_id = event.run.infusion_id if event.run is not None else event.infusion_id
        infusion = await infusion_at(self._record, naming.infusion_id(pump_id, own_id)) if own_id else None
        if infusion is not None and infusion.today is None and not is_start:
            infusion = None
        if not offer_id and infusion is not None and infusion.today is not None:
            offer_id = infusion.today.programme_id
        sent, elsewhere = await self._offer(pump_id, event.channel_id, offer_id)
        programme = await programme_at(self._record, offer_id) if sent is not None else None
        run = await run_on(self._record, pump_id, event.channel_id) if event.channel_id else None
        others: tuple[tuple[RunAt, InfusionNow], ...] = ()
        if event.kind in WHOLE_PUMP and not event.channel_id:
            runs = await runs_on_pump(self._record, pump_id)
            others = tuple([(each, await infusion_at(self._record, each.infusion_id)) for each in runs])
        if run is not None and not is_start and (infusion is None or run.stream != infusion.stream):
            run = None
        number = await self._record.projection(ORDER_NUMBERS, offer_id) if sent is not None else None
        patients = await self._patients(pump, event.channel_id) if is_start else frozenset[PatientNumber]()
        return Known(infusion, run, programme, sent, "" if number is None else json.loads(number), others, patients, elsewhere)

    async def _offer(self, pump_id: str, channel_id: str, offer_id: str) -> tuple[Sent | None, str]:
        """The offer that a word names, if it was made to that very channel; else where it was made to (SEC-09, SEC-16)."""
        sent = await sent_at(self._record, offer_id) if offer_id else None
        if sent is None or (sent.pump_id, sent.channel_id) == (pump_id, channel_id):
            return sent, ""
        return None, f"{sent.pump_id} channel {sent.channel_id}"

    async def _patients(self, pump: PumpNow, channel_id: str) -> frozenset[PatientNumber]:
        """Whom the pump names on any channel, and whose infusions the record knows on it (SR-03)."""
        reported = {PatientNumber(each.patient.value, each.patient.authority) for each in pump.channels if each.patient is not None}
        runs = await runs_on_pump(self._record, pump.pump_id)
        return frozenset(reported | {run.patient for run in runs if run.patient is not None and run.channel_id != channel_id})
