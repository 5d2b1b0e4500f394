"""START HERE for the pumps: ``Pumps`` hears every connected pump, keeps its newest report, and answers planning what the bedside looks like.

    hello ─▶ report on file, first ack ─▶ log words, each counted once: commit ─▶ ack ─▶ caught up: what is open is asked back, what runs is found
    status, heartbeat ─▶ the newest report, on file soon after
    gone ─▶ a timer: unless the pump is back, its infusions are told to be without contact (SR-45); nothing is inferred about them

A word of the log is committed together with the number up to which the log is known; so it counts once, across restarts and replays (SR-46).
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from interop.conduct import naming
from interop.conduct.alerts import Alert, raised
from interop.conduct.charting import Charting
from interop.conduct.decision import Decision, Told
from interop.conduct.following import Followed, Known, NotSaid, follow, found
from interop.conduct.infusions import InfusionNow, RunAt, infusion_at, run_on, runs_of_order, runs_on_pump
from interop.conduct.offers import Offers
from interop.conduct.planning import ORDER_NUMBERS
from interop.conduct.pump_state import PUMPS, PumpNow, channel_of, pump_at, read_pump
from interop.conduct.returning import Returning
from interop.conduct.sent import on_pump, sent_at
from interop.conduct.streams import programme_at
from interop.conduct.to_show import last_program
from interop.conduct.world import HelloRefused, Ids, Link, NotConnected, OutcomeUnknown, ReleaseBook, Situation
from interop.domain import pump as said
from interop.domain.channel import Running
from interop.domain.delivery import SecondCheck
from interop.domain.document import Reported
from interop.domain.errors import InteropError
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import ContactLost, ContactRegained, InfusionEvent
from interop.domain.events.programme import Planned
from interop.domain.finding import Finding, Owner, PivError
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle.programme import State
from interop.domain.lifecycle.table import NoRow
from interop.domain.order import Order
from interop.domain.patient import PatientId
from interop.domain.plan import Offer
from interop.domain.quantity import Quantity
from interop.ports import (
    AuditRow,
    Busy,
    Checkpoint,
    CheckpointMoved,
    Clock,
    Commit,
    Expect,
    Gone,
    Priority,
    Record,
    RecordError,
    StoreUnavailable,
    StreamMoved,
    Timer,
    TimerEnd,
)

log = logging.getLogger(__name__)

SILENT_PUMP: Final = "pump-silent"
"""The kind of timer that runs while a pump is not connected; its subject is the pump."""

IDLE: Final = "association-idle"
"""The kind of timer of an infusion that stands still or is over; its subject is the infusion (SR-04)."""

PERIODIC: Final = "chart-periodic"
"""The kind of timer of a delivering infusion that is documented; its subject is the infusion."""

MOST_TRIES: Final = 32
PAGE: Final = 200


@dataclass(slots=True)
class _Live:
    """A pump that is connected: its link, its report, the log that it tells from, and up to where that is known."""

    link: Link
    now: PumpNow
    log_id: str
    up_to: int
    hello: said.Hello
    caught_up: bool = False
    dirty: bool = False
    keeping: "asyncio.Task[None] | None" = None


class Pumps:
    """See the module. What it needs of an offer's life is in ``offers``."""

    def __init__(
        self,
        record: Record,
        clock: Clock,
        ids: Ids,
        book: Callable[[], ReleaseBook],
        make_offers: Callable[[Callable[[str], Link | None]], Offers],
        *,
        simulated_too: bool,
        charting: Charting | None = None,
        periodic_s: int = 0,
    ) -> None:
        """``simulated_too``: pumps that say they are simulated are let in; only a demo does that (SR-98).

        ``charting`` None: nothing is documented here. ``periodic_s``: how often a delivering channel is told by PCD-01; 0: never by itself.
        """
        self._charting, self._periodic_s = charting, periodic_s
        self._record, self._clock, self._ids, self._book = record, clock, ids, book
        self._simulated_too = simulated_too
        self._live: dict[str, _Live] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.offers = make_offers(self.link_to)
        self.returning = Returning()
        self.changed = asyncio.Event()
        """Set by every word of a pump, and when one comes or goes; whoever follows the reports clears it."""

    def link_to(self, pump_id: str) -> Link | None:
        """The connected pump."""
        live = self._live.get(pump_id)
        return None if live is None else live.link

    async def now(self, pump_id: str) -> PumpNow | None:
        """Its newest report: this moment's if it is connected, else the one on file. Raises: StoreUnavailable."""
        live = self._live.get(pump_id)
        return live.now if live is not None else await pump_at(self._record, pump_id)

    def connected(self) -> tuple[PumpNow, ...]:
        """The reports of the pumps that are connected to this node."""
        return tuple(live.now for live in self._live.values())

    # ── what planning asks ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def situation(self, order: Order) -> Situation:
        """Raises: StoreUnavailable."""
        pump = await self.now(order.pump_id) if order.pump_id else None
        report = pump.channel(order.channel_id) if pump is not None else None
        if pump is None or report is None:
            return Situation()
        channel_id, key = report.channel_id, naming.channel_key(pump.pump_id, report.channel_id)
        runs = await runs_on_pump(self._record, pump.pump_id)
        here = next((run for run in runs if run.channel_id == channel_id), None)
        expects: tuple[Expect, ...] = ()
        running = _running(report, here, await self._offered_concentration(here))
        if here is not None:
            infusion = await infusion_at(self._record, here.infusion_id)
            expects = (Expect(infusion.stream, infusion.version),)
        order_id = naming.order_id(order.system_group, order.placer_order_number)
        elsewhere = [
            run for run in await runs_of_order(self._record, order_id) if (run.pump_id, run.channel_id) != (pump.pump_id, channel_id)
        ]
        held = await self._record.effect_key(key)
        open_offer = await programme_at(self._record, held.reference) if held is not None else None
        in_doubt = await self._in_doubt(runs)
        return Situation(
            channel=channel_of(pump, report, running, _patient_of(here, runs), pump.pump_id in self._live),
            open_offer_on_channel=open_offer.today.placer_order_number if open_offer is not None and open_offer.today is not None else "",
            open_programme=held.reference if held is not None else "",
            live_on=f"{elsewhere[0].pump_id} channel {elsewhere[0].channel_id}" if elsewhere else "",
            in_doubt=in_doubt,
            earlier=await last_program(self._record, order_id),
            expects=expects,
            channel_key=key,
        )

    async def _offered_concentration(self, here: RunAt | None) -> Quantity | None:
        """What runs from an offer has its concentration exactly; the link says it to nine decimals."""
        if here is None or not here.programme_id:
            return None
        events = (await programme_at(self._record, here.programme_id)).events
        planned = next((event for event in events if isinstance(event, Planned)), None)
        settings = planned.settings if planned is not None else ()
        return next((each.set for each in settings if each.name == "concentration"), None)

    async def _in_doubt(self, runs: tuple[RunAt, ...]) -> str:
        """D-12: what put any association of this pump in doubt; empty: nothing."""
        for run in runs:
            today = (await infusion_at(self._record, run.infusion_id)).today
            association = today.association if today is not None else None
            if association is not None and association.suspensions:
                return association.suspensions[0].cause.value
        return ""

    def cannot_offer(self, offer: Offer, now: datetime) -> Finding | None:
        """9007 while the pump is not connected; 9017 where it cannot do what the entry asks for."""
        live = self._live.get(offer.pump_id)
        if live is None:
            return Finding.against(PivError.OFFLINE, "channel", f"{offer.pump_id} is not connected")
        if offer.program.second_check is SecondCheck.AT_PUMP and said.Ability.SECOND_CHECK not in live.now.can:
            text = f"{offer.pump_id} cannot ask for the second check that {offer.program.entry.tallman} needs"
            return Finding.against(PivError.CANNOT_ACCEPT, "channel", text, action="Program by hand with an independent second check.")
        return None

    async def offer(self, programme_id: str, offer: Offer) -> None:
        """Raises: RecordError."""
        await self.offers.send(programme_id, offer)

    # ── what a link tells ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def hello(self, hello: said.Hello, link: Link) -> None:
        """Its state is on file and its first ack sent when this returns (SR-46). Raises: HelloRefused; RecordError."""
        if hello.simulated and not self._simulated_too:
            raise HelloRefused("a simulated pump is let in by a demo only")
        now = self._clock.now()
        known = await pump_at(self._record, hello.pump_id)
        up_to = await self._record.checkpoint(_log_name(hello.pump_id, hello.log.log_id))
        pump = PumpNow.of(hello, now)
        decision = Decision(
            kept=(pump.row(),),
            timers=(TimerEnd(SILENT_PUMP, hello.pump_id),),
            audit=(AuditRow(now, hello.pump_id, "pump.hello", "connected", pump=hello.pump_id, subject=hello.log.log_id),),
        )
        if known is not None and known.log_id != hello.log.log_id:
            decision = decision.and_(
                self._alert("A pump began a new log: what it had not yet told is lost. Compare it with its channels.", hello.pump_id)
            )
        checkpoints: tuple[Checkpoint, ...] = ()
        if hello.log.first > up_to + 1:
            words = f"A pump's log has a gap: words {up_to + 1} to {hello.log.first - 1} are lost. Compare it with its channels."
            decision = decision.and_(self._alert(words, hello.pump_id))
            checkpoints = (Checkpoint(_log_name(hello.pump_id, hello.log.log_id), up_to, hello.log.first - 1),)
            up_to = hello.log.first - 1
        await self._record.commit(replace(decision.commit(now, Priority.PUMP), checkpoints=checkpoints))
        for run in await runs_on_pump(self._record, hello.pump_id):
            await self._contact(run, ContactRegained(at=now), lambda today: today.stale_since is not None)
        live = _Live(link, pump, hello.log.log_id, up_to, hello)
        self._live[hello.pump_id] = live
        self.changed.set()
        await self._ack(live)
        await self._caught_up(live)
        self.returning.came(hello.pump_id)

    async def heard(self, pump_id: str, word: said.Word) -> None:
        """Raises: RecordError: it is not on file; the pump says it again."""
        live = self._live.get(pump_id)
        if live is None:
            return
        self.changed.set()
        now = self._clock.now()
        match word:
            case said.Heartbeat():
                live.now = replace(live.now, clock_skew=word.clock - now, heard_at=now)
            case said.Status():
                live.now = live.now.told(word, now)
                self._keep(live)
            case said.OfferShown() | said.OfferRefused() | said.Decision() | said.Event():
                await self._logged(live, word)
            case said.Withdrawn() | said.NeverSeen() | said.ConfirmedAfterAll():
                await self.offers.settle(word.offer_id, word, self._said(live, word), pump_id)
            case _:
                log.warning("a second hello on one link is passed over", extra={"pump": pump_id})

    def gone(self, pump_id: str, link: Link) -> None:
        """From now on it is not connected; unless it is back in time, its infusions are without contact (SR-45)."""
        live = self._live.get(pump_id)
        if live is None or live.link is not link:
            return
        del self._live[pump_id]
        self.changed.set()
        self._do(self._left(replace(live.now, connected=False)), f"gone {pump_id}")

    async def _left(self, pump: PumpNow) -> None:
        due = pump.heard_at + timedelta(seconds=self._book().newest().rules.report_stale_s)  # since its last word, not since the line broke
        timer = Timer(SILENT_PUMP, pump.pump_id, due, pump.heard_at.isoformat())
        try:
            await self._record.commit(Commit(projections=(pump.row(),), timers=(timer,), priority=Priority.PUMP))
            self.changed.set()
        except RecordError as fault:
            log.warning("it is not on file that a pump left", extra={"pump": pump.pump_id, "error_type": type(fault)})

    # ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _logged(self, live: _Live, word: said.Logged) -> None:
        pump_id = live.now.pump_id
        if word.log_id != live.log_id or word.number > live.up_to + 1:
            live.link.close(1008, "a word of the log out of order")
            return
        live.now = replace(live.now, heard_at=self._clock.now())
        if word.number > live.up_to:
            await self._count(live, word)
            if isinstance(word, said.Event):
                live.now = live.now.after_event(word)
        await self._ack(live)
        if not live.caught_up and self._live.get(pump_id) is live:
            await self._caught_up(live)

    async def _count(self, live: _Live, word: said.Logged) -> None:
        """Commit what one word of the log comes to, and that it is known. Raises: RecordError."""
        name, pump_said = _log_name(live.now.pump_id, live.log_id), self._said(live, word)
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            decision = await self._decided(live, word, pump_said)
            commit = replace(decision.commit(now, Priority.PUMP), checkpoints=(Checkpoint(name, live.up_to, word.number),))
            try:
                await self._record.commit(commit)
            except CheckpointMoved as moved:
                live.up_to = moved.actual  # told on an older link of the same pump
                if moved.actual >= word.number:
                    return
                if moved.actual + 1 < word.number:  # words between are not on file: the pump says them again
                    live.link.close(1008, "a word of the log out of order")
                    raise StreamMoved(name, word.number - 1, moved.actual) from None
                continue
            except (StreamMoved, Gone):
                continue
            live.up_to = word.number
            self.offers.posted(decision.messages)
            return
        raise StreamMoved(name, live.up_to, live.up_to)

    async def _decided(self, live: _Live, word: said.Logged, pump_said: PumpSaid) -> Decision:
        now = self._clock.now()
        try:
            if not isinstance(word, said.Event):
                return await self.offers.heard(word.offer_id, word, pump_said, now, live.now.pump_id)
            if word.kind is said.Kind.OFFER_OPENED:
                return await self.offers.heard(word.offer_id, word, pump_said, now, live.now.pump_id)
            known = await self._known(live, word)
            followed = follow(live.now.pump_id, word, pump_said, known, self._ids.new(), now)
            return await self._decision(live, word.channel_id, followed, known)
        except (StoreUnavailable, Busy):
            raise
        except (NoRow, NotSaid) as fault:
            return self._puzzled(live, word, fault)
        except (InteropError, ValueError) as fault:
            log.exception("a pump's word could not be followed; a person is told, and the log goes on", extra={"pump": live.now.pump_id})
            return self._puzzled(live, word, fault)

    async def _decision(self, live: _Live, channel_id: str, followed: Followed, known: Known) -> Decision:
        now = self._clock.now()
        timers: tuple[Timer | TimerEnd, ...] = ()
        if followed.idle:
            due = now + timedelta(hours=self._book().newest().rules.association_idle_h)
            timers = (Timer(IDLE, followed.idle, due),)
        elif followed.busy:
            timers = (TimerEnd(IDLE, followed.busy),)
            if self._charting is not None and self._periodic_s:
                timers = (*timers, Timer(PERIODIC, followed.busy, now + timedelta(seconds=self._periodic_s)))
        decision = Decision(told=followed.told, kept=followed.rows, timers=timers)
        if self._charting is not None:
            infusions_known = {
                each.stream: each for each in (known.infusion, *(infusion for _, infusion in known.others)) if each is not None
            }
            for told in followed.told:
                events = tuple(event for event in told.events if isinstance(event, InfusionEvent))
                if events:
                    before = infusions_known.get(told.stream) or InfusionNow(told.stream, 0, None)
                    decision = decision.and_(await self._charting.after(before, events, live.now, followed.run or known.run, now))
        for words in followed.alerts:
            decision = decision.and_(self._alert(words, live.now.pump_id, channel_id))
        return decision

    def _puzzled(self, live: _Live, word: said.Logged, fault: Exception) -> Decision:
        """An event without a row reaches a person, and is never dropped: its kind and number are told, its place in the log is known."""
        kind = word.kind.value if isinstance(word, said.Event) else type(word).__name__
        words = f"The pump told '{kind}' (word {word.number} of its log), which does not fit what is known here. Look at the pump."
        log.warning("a pump's word does not fit the record", extra={"pump": live.now.pump_id, "error_type": type(fault)})
        return self._alert(words, live.now.pump_id, word.channel_id)

    async def _known(self, live: _Live, event: said.Event) -> Known:
        pump_id = live.now.pump_id
        offer_id = event.offer_id or (event.run.offer_id if event.run is not None else "")
        own_id = event.run.infusion_id if event.run is not None else event.infusion_id
        infusion = await infusion_at(self._record, naming.infusion_id(pump_id, own_id)) if own_id else None
        if infusion is not None and infusion.today is None and event.kind is not said.Kind.STARTED:
            infusion = None
        if not offer_id and infusion is not None and infusion.today is not None:
            offer_id = infusion.today.programme_id
        sent = await sent_at(self._record, offer_id) if offer_id else None
        if sent is not None and sent.pump_id != pump_id:
            sent = None  # another pump's offer says nothing of what runs here (SEC-09)
        programme = await programme_at(self._record, offer_id) if sent is not None else None
        run = await run_on(self._record, pump_id, event.channel_id) if event.channel_id else None
        others: tuple[tuple[RunAt, InfusionNow], ...] = ()
        if event.kind is said.Kind.PATIENT_CHANGED:
            others = tuple(
                [(each, await infusion_at(self._record, each.infusion_id)) for each in await runs_on_pump(self._record, pump_id)]
            )
        matching = run if run is not None and infusion is not None and run.stream == infusion.stream else None
        number = await self._record.projection(ORDER_NUMBERS, offer_id) if sent is not None else None
        return Known(infusion, matching, programme, sent, "" if number is None else json.loads(number), others)

    async def _caught_up(self, live: _Live) -> None:
        """The pump has told all that its log held when it said hello: what is still open there is asked back, what runs unknown is found."""
        if live.caught_up or live.up_to < live.hello.log.next - 1:
            return
        live.caught_up = True
        pump_id = live.now.pump_id
        there = {channel.offer_id for channel in live.hello.channels} | {c.run.offer_id for c in live.hello.channels if c.run is not None}
        for programme_id in await on_pump(self._record, pump_id):
            programme = await programme_at(self._record, programme_id)
            today = programme.today
            if today is None or not today.holds_channel:
                continue
            if programme_id not in there or today.state is State.UNCERTAIN or today.recalled is not None:
                await self.offers.ask_back(pump_id, today.channel_id, programme_id)
        for channel in live.hello.channels:
            if channel.run is not None:
                await self._find(live, channel.channel_id, channel.run)

    async def _find(self, live: _Live, channel_id: str, run: said.Run) -> None:
        """SR-48: a run whose start nobody told is on file from now on, for review."""
        pump_id = live.now.pump_id
        now = self._clock.now()
        infusion = await infusion_at(self._record, naming.infusion_id(pump_id, run.infusion_id))
        if infusion.today is not None:
            return
        sent = await sent_at(self._record, run.offer_id) if run.offer_id else None
        if sent is not None and sent.pump_id != pump_id:
            sent = None
        programme = await programme_at(self._record, run.offer_id) if sent is not None else None
        try:
            known = Known(infusion, None, programme, sent)
            followed = found(pump_id, channel_id, run, known, self._ids.new(), now)
            words = "A channel runs an infusion whose start was not told. Look at the pump, and associate it."
            decision = (await self._decision(live, channel_id, followed, known)).and_(self._alert(words, pump_id, channel_id))
            await self._record.commit(decision.commit(now, Priority.PUMP))
            self.offers.posted(decision.messages)
        except (StreamMoved, Gone):
            return  # told meanwhile
        except (NoRow, NotSaid):
            log.warning("what a channel runs does not fit the record", extra={"pump": pump_id})

    # ── contact ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def at_start(self) -> None:
        """Pumps that were connected to the process before are not, until they say so. Raises: StoreUnavailable, Busy."""
        after = ""
        while page := await self._record.projections(PUMPS, after, PAGE):
            for _, document in page:
                pump = read_pump(document)
                if pump.connected and pump.pump_id not in self._live:
                    self.returning.expect(pump.pump_id)
                    await self._left(replace(pump, connected=False))
            after = page[-1][0]

    async def silent(self, timer: Timer) -> None:
        """The timer: the pump has not come back. Raises: RecordError."""
        now = self._clock.now()
        end = TimerEnd(timer.kind, timer.subject, timer.due_at)
        if timer.subject not in self._live:
            for run in await runs_on_pump(self._record, timer.subject):
                await self._contact(
                    run, ContactLost(at=now, last_heard_at=datetime.fromisoformat(timer.body)), lambda today: today.stale_since is None
                )
        await self._record.commit(Commit(timers=(end,), priority=Priority.PUMP))

    async def _contact(self, run: RunAt, event: ContactLost | ContactRegained, applies: Callable[[infusions.Stream], bool]) -> None:
        for _ in range(MOST_TRIES):
            infusion = await infusion_at(self._record, run.infusion_id)
            if infusion.today is None or not applies(infusion.today):
                return
            now = self._clock.now()
            decision = Decision(told=(Told(infusion.stream, infusion.version, (event,)),))
            if self._charting is not None:
                decision = decision.and_(await self._charting.after(infusion, (event,), await self.now(run.pump_id), run, now))
            try:
                await self._record.commit(decision.commit(now, Priority.PUMP))
            except StreamMoved:
                continue
            self.offers.posted(decision.messages)
            return

    async def periodic(self, timer: Timer) -> None:
        """The timer of a delivering channel: PCD-01 as it last reported itself, and the next one. Raises: RecordError."""
        now = self._clock.now()
        infusion = await infusion_at(self._record, timer.subject)
        today = infusion.today
        decision = Decision(timers=(TimerEnd(timer.kind, timer.subject, timer.due_at),))
        if self._charting is None or today is None or today.state is infusions.State.ENDED:
            await self._record.commit(decision.commit(now))
            return
        again = Timer(timer.kind, timer.subject, now + timedelta(seconds=self._periodic_s))
        decision = Decision(timers=(*decision.timers, again))
        pump = self._live.get(today.pump_id)
        run = await run_on(self._record, today.pump_id, today.channel_id)
        report = pump.now.channel(today.channel_id) if pump is not None else None
        if pump is not None and report is not None and run is not None and run.infusion_id == timer.subject:
            told = await self._charting.periodic(infusion, Reported(pump.now.heard_at, report), pump.now, run, now)
            decision = decision.and_(told)
        await self._record.commit(decision.commit(now, Priority.DOCUMENTS))
        self.offers.posted(decision.messages)

    # ── small things ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ack(self, live: _Live) -> None:
        try:
            await live.link.send(said.Ack(live.log_id, live.up_to, self._clock.now()))
        except (NotConnected, OutcomeUnknown):
            return  # it says it again, and is acknowledged then

    def _keep(self, live: _Live) -> None:
        """Put the newest report on file; while one is being written, the next waits and only the newest counts."""
        live.dirty = True
        if live.keeping is None or live.keeping.done():
            live.keeping = self._do(self._kept(live), f"keep {live.now.pump_id}")

    async def _kept(self, live: _Live) -> None:
        while live.dirty and self._live.get(live.now.pump_id) is live:
            live.dirty = False
            try:
                await self._record.commit(Commit(projections=(live.now.row(),), priority=Priority.PUMP))
            except RecordError as fault:
                log.warning("a pump's report is not on file yet", extra={"pump": live.now.pump_id, "error_type": type(fault)})
                return  # the next status brings a newer one

    def _said(self, live: _Live, word: said.LogWord | said.WithdrawalAnswer) -> PumpSaid:
        skew, small = live.now.clock_skew, timedelta(seconds=self._book().newest().rules.skew_reported_s)
        correction = -skew if abs(skew) > small else timedelta(0)  # within it, it may be the way a word took, and moves nothing (SR-11)
        if isinstance(word, said.LogWord):
            return PumpSaid(word.at, correction, word.log_id, word.number)
        return PumpSaid(word.at, correction)

    def _alert(self, words: str, pump_id: str, channel_id: str = "") -> Decision:
        return raised(Alert(self._ids.new(), self._clock.now(), words, Owner.NURSE, pump_id, channel_id))

    def _do(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """End what is under way; the links are the door's to close."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _log_name(pump_id: str, log_id: str) -> str:
    return f"pump-log {naming.channel_of(pump_id, log_id)}"


NINE_DECIMALS: Final = 10**9


def _running(report: said.ChannelReport, here: RunAt | None, offered: Quantity | None) -> Running | None:
    """What runs there: the amounts by the pump's word, whose it is by the record's alone (SR-50).

    ``offered`` is the exact concentration of the offer that runs; it stands where the pump's word is the same to the link's nine decimals.
    """
    run = report.run
    rate = None if run is None else run.set_rate or run.rate
    if run is None or rate is None:
        return None
    return Running(
        placer_order_number=here.placer_order_number if here is not None else "",
        entry_key=run.entry_key,
        drug=run.drug,
        concentration=offered if offered is not None and _same_on_the_link(offered, run.concentration) else run.concentration,
        rate=rate,
        dose_rate=run.dose_rate,
        dosing_weight=run.weight,
        infusion_id=run.infusion_id,
        system_group=naming.group_of(here.order_id) if here is not None else "",
        order_number=here.order_number if here is not None else "",
    )


def _same_on_the_link(exact: Quantity, told: Quantity | None) -> bool:
    return told is not None and exact.unit == told.unit and abs(exact.value - told.value) * NINE_DECIMALS <= 1


def _patient_of(here: RunAt | None, runs: tuple[RunAt, ...]) -> PatientId | None:
    """Whose the pump is, by its associations: all channels of one pump have the same patient (SR-03)."""
    number = next((run.patient for run in (here, *runs) if run is not None and run.patient is not None), None)
    return None if number is None else PatientId(number.value, number.authority)
