"""START HERE for the pumps: ``Pumps`` hears every connected pump, keeps its newest report, and answers planning what the bedside looks like.

    hello ─▶ report on file, first ack ─▶ log words, each counted once: commit ─▶ ack ─▶ caught up: what is open is asked back, what runs is found
    status, heartbeat ─▶ the newest report, on file soon after
    gone ─▶ a timer: unless the pump is back, its infusions are told to be without contact (SR-45); nothing is inferred about them

A word of the log is committed together with the number up to which the log is known; so it counts once, across restarts and replays (SR-46).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from interop.conduct import naming
from interop.conduct.charting import Charting
from interop.conduct.decision import Decision, Told
from interop.conduct.hearing import Hearing
from interop.conduct.infusions import RunAt, infusion_at, run_on, runs_on_pump
from interop.conduct.offers import Offers
from interop.conduct.pump_state import PUMPS, PumpNow, pump_at, read_pump
from interop.conduct.returning import Returning
from interop.conduct.sent import on_pump
from interop.conduct.situation import look_at
from interop.conduct.streams import programme_at
from interop.conduct.world import HelloRefused, Ids, Link, NotConnected, OutcomeUnknown, ReleaseBook, Situation
from interop.domain import pump as said
from interop.domain.delivery import SecondCheck
from interop.domain.document import Reported
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import ContactLost, ContactRegained
from interop.domain.events.programme import RecallCause
from interop.domain.finding import Finding, Owner, PivError
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle.programme import State
from interop.domain.order import Order
from interop.domain.plan import Offer
from interop.ports import (
    AuditRow,
    Checkpoint,
    CheckpointMoved,
    Clock,
    Commit,
    Gone,
    Priority,
    Record,
    RecordError,
    StoreClosed,
    StreamMoved,
    Timer,
    TimerEnd,
)

log = logging.getLogger(__name__)

SILENT_PUMP: Final = "pump-silent"
"""The kind of timer that runs while a pump is not connected; its subject is the pump."""

WENT_BACK: Final = "A pump's log went back: it holds fewer words than are known here. It is let in when it begins a new log."
NEW_LOG: Final = "A pump began a new log: what it had not yet told is lost. Compare it with its channels."

AGAIN_S: Final = 1.0
MOST_TRIES: Final = 32
PAGE: Final = 200


@dataclass(slots=True)
class _Live:
    """A pump that is connected: its link, its report, the log that it tells from, and up to where that is known.

    ``left_before``: the offers that it had, or may have had, when it said hello; what leaves for it since then, its hello cannot know.
    """

    link: Link
    now: PumpNow
    log_id: str
    up_to: int
    hello: said.Hello
    left_before: tuple[str, ...]
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
        self.hearing = Hearing(record, ids, book, self.offers, charting, periodic_s)
        self._holes: set[tuple[str, str, int]] = set()
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
        return await look_at(self._record, pump, order, order.pump_id in self._live)

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

    async def hello(self, hello: said.Hello, link: Link, arrived_at: datetime) -> None:
        """Its state is on file and its first ack sent when this returns (SR-46). Raises: HelloRefused; RecordError."""
        if hello.simulated and not self._simulated_too:
            raise HelloRefused("a simulated pump is let in by a demo only")
        now = self._clock.now()
        known = await pump_at(self._record, hello.pump_id)
        name = _log_name(hello.pump_id, hello.log.log_id)
        up_to = await self._record.checkpoint(name)
        if hello.log.next - 1 < up_to:
            await self._record.commit((await self._told(WENT_BACK, hello.pump_id, Owner.BIOMED)).commit(now))
            raise HelloRefused("the log went back: begin another log_id")
        pump = PumpNow.of(hello, arrived_at, known, self._skew_limit)
        decision = Decision(
            kept=(pump.row(),),
            timers=(TimerEnd(SILENT_PUMP, hello.pump_id),),
            audit=(AuditRow(now, hello.pump_id, "pump.hello", "connected", pump=hello.pump_id, subject=hello.log.log_id),),
        )
        if known is not None and known.log_id != hello.log.log_id:
            decision = decision.and_(await self._told(NEW_LOG, hello.pump_id))
        checkpoints: tuple[Checkpoint, ...] = ()
        if hello.log.first > up_to + 1:
            words = f"A pump's log has a gap: words {up_to + 1} to {hello.log.first - 1} are lost. Compare it with its channels."
            decision = decision.and_(await self._told(words, hello.pump_id))
            checkpoints = (Checkpoint(name, up_to, hello.log.first - 1),)
            up_to = hello.log.first - 1
        await self._record.commit(replace(decision.commit(now, Priority.PUMP), checkpoints=checkpoints))
        live = _Live(link, pump, hello.log.log_id, up_to, hello, await on_pump(self._record, hello.pump_id))
        self._live[hello.pump_id] = live  # whatever fails from here on, ``gone`` finds it and the silence is counted
        self.changed.set()
        for run in await runs_on_pump(self._record, hello.pump_id):
            await self._regained(run)
        await self._ack(live)
        await self._caught_up(live)
        self.returning.came(hello.pump_id)

    async def heard(self, pump_id: str, word: said.Word, arrived_at: datetime) -> None:
        """Raises: RecordError: it is not on file; the pump says it again."""
        live = self._live.get(pump_id)
        if live is None:
            return
        self.changed.set()
        match word:
            case said.Heartbeat():
                live.now = live.now.timed(word.clock, arrived_at, self._skew_limit)
                self._keep(live)  # so that it is on file when the pump was heard last
            case said.Status():
                live.now = live.now.told(word).timed(word.clock, arrived_at, self._skew_limit)
                self._keep(live)
            case said.OfferShown() | said.OfferRefused() | said.Decision() | said.Event():
                await self._logged(live, word, arrived_at)
            case said.Withdrawn() | said.NeverSeen() | said.ConfirmedAfterAll():
                pump_said = PumpSaid(word.at, live.now.clock.correction)
                await self.offers.settle(word.offer_id, word, pump_said, (pump_id, word.channel_id))
            case _:
                log.warning("a second hello on one link is passed over", extra={"pump": pump_id})

    def gone(self, pump_id: str, link: Link) -> None:
        """From now on it is not connected; unless it is back in time, its infusions are without contact (SR-45)."""
        live = self._live.get(pump_id)
        if live is None or live.link is not link:
            return
        del self._live[pump_id]
        self.changed.set()
        pump = replace(live.now, connected=False)
        self._do(self._left(pump, pump.heard_at), f"gone {pump_id}")

    async def _left(self, pump: PumpNow, since: datetime) -> None:
        """On file, however long that takes: the silence counts ``since`` then. Not if it is back meanwhile."""
        due = since + timedelta(seconds=self._book().newest().rules.report_stale_s)
        timer = Timer(SILENT_PUMP, pump.pump_id, due, pump.heard_at.isoformat())
        while pump.pump_id not in self._live:
            try:
                await self._record.commit(Commit(projections=(pump.row(),), timers=(timer,), priority=Priority.PUMP))
            except StoreClosed:
                return
            except RecordError as fault:
                log.warning("it is not on file yet that a pump left", extra={"pump": pump.pump_id, "error_type": type(fault)})
                await asyncio.sleep(AGAIN_S)
                continue
            self.changed.set()
            return

    # ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _logged(self, live: _Live, word: said.Logged, arrived_at: datetime) -> None:
        pump_id = live.now.pump_id
        if word.log_id != live.log_id or word.number > live.up_to + 1:
            await self._hole(live, word)
            return
        live.now = replace(live.now, heard_at=arrived_at)
        if word.number > live.up_to:
            await self._count(live, word, self._said(live, word, arrived_at))
            live.now = _after(live, word)
            self.changed.set()  # the page shows it now, and not with the next status (SR-49)
            if isinstance(word, said.Event) and word.kind is said.Kind.PATIENT_CHANGED:
                await self.offers.recall_all(pump_id, pump_id, RecallCause.ASSOCIATION)
        await self._ack(live)
        if not live.caught_up and self._live.get(pump_id) is live:
            await self._caught_up(live)

    async def _hole(self, live: _Live, word: said.Logged) -> None:
        """Words between are missing: the pump must say them. One that cannot is told to a person, once."""
        key = (live.now.pump_id, live.log_id, live.up_to)
        if key not in self._holes:
            self._holes.add(key)
            words = f"A pump's log has a hole behind word {live.up_to}: it says word {word.number}. Nothing it tells is heard until it begins a new log."
            told = await self._told(words, live.now.pump_id, Owner.BIOMED)
            await self._record.commit(told.commit(self._clock.now()))
        live.link.close(1008, "a word of the log out of order")

    async def _count(self, live: _Live, word: said.Logged, pump_said: PumpSaid) -> None:
        """Commit what one word of the log comes to, that it is known, and up to where the pump's time is told. Raises: RecordError."""
        name = _log_name(live.now.pump_id, live.log_id)
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            decision = await self.hearing.word(live.now, word, pump_said, now)
            decision = decision.and_(Decision(kept=(_after(live, word).row(),)))
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

    async def _caught_up(self, live: _Live) -> None:
        """The pump has told all that its log held when it said hello: what is still open there is asked back, what runs unknown is found."""
        if live.caught_up or live.up_to < live.hello.log.next - 1:
            return
        live.caught_up = True
        pump_id = live.now.pump_id
        there = {channel.offer_id for channel in live.hello.channels} | {c.run.offer_id for c in live.hello.channels if c.run is not None}
        for programme_id in live.left_before:
            today = (await programme_at(self._record, programme_id)).today
            if today is None or not today.holds_channel:
                continue
            if programme_id not in there or today.state is State.UNCERTAIN or today.recalled is not None:
                await self.offers.ask_back(pump_id, today.channel_id, programme_id)
        for channel in live.hello.channels:
            if channel.offer_id and await self._is_over(channel.offer_id):  # attested, say, while the pump was away
                await self.offers.ask_back(pump_id, channel.channel_id, channel.offer_id)
            if channel.run is not None:
                await self._find(live, channel.channel_id, channel.run)

    async def _is_over(self, offer_id: str) -> bool:
        today = (await programme_at(self._record, offer_id)).today
        return today is None or not (today.holds_channel or today.state is State.CONFIRMED)

    async def _find(self, live: _Live, channel_id: str, run: said.Run) -> None:
        now = self._clock.now()
        decision = await self.hearing.unknown_run(live.now, channel_id, run, now)
        if decision is None:
            return
        try:
            await self._record.commit(decision.commit(now, Priority.PUMP))
        except (StreamMoved, Gone):
            return  # told meanwhile
        self.offers.posted(decision.messages)

    # ── contact ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def at_start(self) -> None:
        """No pump is connected until it says so; each has its time to come back. Raises: StoreUnavailable, Busy."""
        after, now = "", self._clock.now()
        while page := await self._record.projections(PUMPS, after, PAGE):
            for _, document in page:
                pump = read_pump(document)
                if pump.pump_id in self._live or not (pump.connected or await self._is_in_contact(pump.pump_id)):
                    continue
                if pump.connected:
                    self.returning.expect(pump.pump_id)
                await self._left(replace(pump, connected=False), max(now, pump.heard_at))
            after = page[-1][0]

    async def _is_in_contact(self, pump_id: str) -> bool:
        """Whether anything that runs there is not told to be without contact."""
        for run in await runs_on_pump(self._record, pump_id):
            today = (await infusion_at(self._record, run.infusion_id)).today
            if today is not None and today.stale_since is None:
                return True
        return False

    async def silent(self, timer: Timer) -> None:
        """The timer: the pump has not come back. All in one commit, which a pump that is back has made void. Raises: RecordError."""
        for _ in range(MOST_TRIES):
            now = self._clock.now()
            decision = Decision(timers=(TimerEnd(timer.kind, timer.subject, timer.due_at),))
            pump = await self.now(timer.subject)
            for run in await runs_on_pump(self._record, timer.subject):
                infusion = await infusion_at(self._record, run.infusion_id)
                if infusion.today is None or infusion.today.stale_since is not None or timer.subject in self._live:
                    continue
                lost = ContactLost(at=now, last_heard_at=datetime.fromisoformat(timer.body))
                decision = decision.and_(Decision(told=(Told(infusion.stream, infusion.version, (lost,)),)))
                decision = decision.and_(await self.hearing.charted(infusion, (lost,), pump, run, now))
            try:
                await self._record.commit(decision.commit(now, Priority.PUMP))
            except StreamMoved:
                continue
            self.offers.posted(decision.messages)
            return
        raise StreamMoved(timer.subject, 0, 0)

    async def _regained(self, run: RunAt) -> None:
        for _ in range(MOST_TRIES):
            infusion = await infusion_at(self._record, run.infusion_id)
            if infusion.today is None or infusion.today.stale_since is None:
                return
            now = self._clock.now()
            regained = ContactRegained(at=now)
            decision = Decision(told=(Told(infusion.stream, infusion.version, (regained,)),))
            decision = decision.and_(await self.hearing.charted(infusion, (regained,), await self.now(run.pump_id), run, now))
            try:
                await self._record.commit(decision.commit(now, Priority.PUMP))
            except StreamMoved:
                continue
            self.offers.posted(decision.messages)
            return
        raise StreamMoved(run.stream, 0, 0)

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
            at, pump.now = pump.now.documented(self._skew_limit)
            told = await self._charting.periodic(infusion, Reported(at, report), pump.now, run, now)
            decision = decision.and_(told).and_(Decision(kept=(pump.now.row(),)))  # so that a crash does not forget what was told
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

    def _said(self, live: _Live, word: said.Logged, arrived_at: datetime) -> PumpSaid:
        correction, clock = live.now.clock.word(word.at, arrived_at, self._skew_limit, is_new=word.number >= live.hello.log.next)
        live.now = replace(live.now, clock=clock)
        return PumpSaid(word.at, correction, word.log_id, word.number)

    @property
    def _skew_limit(self) -> timedelta:
        """Beyond it a pump's time is corrected (SR-11, D-24)."""
        return timedelta(seconds=self._book().newest().rules.skew_reported_s)

    async def _told(self, words: str, pump_id: str, owner: Owner = Owner.NURSE) -> Decision:
        return await self.hearing.told(words, pump_id, "", self._clock.now(), owner)

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


def _after(live: _Live, word: said.Logged) -> PumpNow:
    """The pump after a word of its log. An alarm that is told again after a cut is older than the hello, which says what is active now (SR-46)."""
    is_old_alarm = isinstance(word, said.Event) and word.alarm is not None and word.number < live.hello.log.next
    return live.now if is_old_alarm else live.now.after(word)


def _log_name(pump_id: str, log_id: str) -> str:
    return f"pump-log {naming.channel_of(pump_id, log_id)}"
