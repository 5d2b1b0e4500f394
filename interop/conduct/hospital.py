"""START HERE: ``Conduct``, which owns every task that writes the record: intake, planning, lanes, timers, recovery.

    conduct = Conduct(record, clock, ids, reader, renderer, book, ways={"ehr1-rrg": Way(Destination("ehr1-rrg"), sender="pcd03-demo", send=…)})
    await conduct.start()                    # takes up what was left undone; then open the doors
    await conduct.intake.receive(messages)   # each is answered by its own answer()
    …
    await conduct.stop()                     # after the doors are closed

All of it runs on one event loop and asks the clock and the loop for the time, so that a test runs a whole hospital on virtual time.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from interop.conduct.administrations import Administrations
from interop.conduct.answers import Answers
from interop.conduct.bedside import Bedside
from interop.conduct.burying import Burying
from interop.conduct.charting import Charting
from interop.conduct.desk import Desk, QueueView
from interop.conduct.documenting import Documenting
from interop.conduct.feeds import SILENT, fell_silent
from interop.conduct.gate import Gate
from interop.conduct.hearing import IDLE, PERIODIC
from interop.conduct.intake import Intake, SpeaksFor, Tally
from interop.conduct.lanes import DEFAULT_LIMITS, LaneLimits, LaneTally, LaneWorker
from interop.conduct.offering import Offering
from interop.conduct.offers import ANSWER_DUE, LIFE_OVER, Offers
from interop.conduct.planning import Outcome, Planning
from interop.conduct.pumps import SILENT_PUMP, Pumps
from interop.conduct.reading import Reader, Renderer, ResourceReader
from interop.conduct.recalling import WITHDRAW, Recalling
from interop.conduct.recovery import Handler, Recovery
from interop.conduct.resources import Resources
from interop.conduct.scanning import Scanning
from interop.conduct.sending import Send
from interop.conduct.tasks import Tasks
from interop.conduct.timers import Acts, Timers
from interop.conduct.world import Destination, Destinations, Ids, Link, NoPumps, PumpSide, Purpose, ReleaseBook
from interop.ports import (
    AuditRow,
    Busy,
    Clock,
    Commit,
    Intent,
    LaneView,
    MessageState,
    MessageStep,
    Outgoing,
    Record,
    RecordError,
    StoreHealth,
    StoreUnavailable,
)

log = logging.getLogger(__name__)

AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Way:
    """A destination, the sender profile whose orders are answered or documented there, and the way to it."""

    destination: Destination
    sender: str
    send: Send
    purpose: Purpose = Purpose.RRG


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of the queues inside (settings ``[limits]``)."""

    planning: int = 1024


@dataclass(frozen=True, slots=True)
class Health:
    """For the page of what is stuck, at one moment.

    ``down`` names destinations that do not answer, and until when nothing is sent there; ``oldest_unanswered`` is the oldest message in any lane.
    """

    store: StoreHealth
    store_failing_since: datetime | None
    queues: tuple[QueueView, ...]
    lanes: tuple[LaneView, ...]
    down: Mapping[str, datetime]
    oldest_unanswered: datetime | None
    intake: Tally
    sent: Mapping[str, LaneTally]


class Conduct:
    """The only writer of the record on this node."""

    def __init__(
        self,
        record: Record,
        clock: Clock,
        ids: Ids,
        reader: Reader,
        renderer: Renderer,
        book: ReleaseBook,
        *,
        speaks_for: SpeaksFor,
        ways: Sequence[Way] = (),
        pumps: PumpSide | None = None,
        resource_reader: ResourceReader | None = None,
        hears_pumps: bool = False,
        simulated_pumps: bool = False,
        documenting: Documenting | None = None,
        periodic_s: int = 0,
        bounds: Bounds | None = None,
        lane_limits: LaneLimits = DEFAULT_LIMITS,
        handlers: Mapping[str, Handler] | None = None,
    ) -> None:
        """Made on the running loop. ``ways``: one for each sender that listens for RRG.

        ``hears_pumps``: pumps may say hello to ``self.pumps``, simulated ones too if ``simulated_pumps``; otherwise ``pumps`` stands in for them, or
        none are there. ``documenting`` None: nothing goes to the chart; ``periodic_s``: how often a delivering channel does.
        ``handlers`` carry out kinds of intent that are not conduct's own.

        Raises: ValueError: two ways for one sender and purpose, or to one name.
        """
        if len({(way.purpose, way.sender) for way in ways}) != len(ways) or len({way.destination.name for way in ways}) != len(ways):
            raise ValueError("one way for each sender and purpose, and one name for each way")
        destinations = {way.sender: way.destination for way in ways if way.purpose is Purpose.RRG}
        self._record, self._clock, self._book = record, clock, book
        self._gate = Gate(record, self._healed)
        answers = Answers(renderer, ids, Destinations(destinations))
        self.pumps: Pumps | None = None
        self.bedside: Bedside | None = None
        carried: dict[str, Handler] = dict(handlers or {})
        acts: dict[str, Acts] = {}
        if hears_pumps:
            charting = Charting(record, documenting) if documenting is not None else None
            self.pumps, self.bedside = self._with_pumps(ids, answers, charting, simulated_too=simulated_pumps, periodic_s=periodic_s)
            carried[WITHDRAW] = self.pumps.offers.withdraw
            acts = _acts_of(self.pumps, self.bedside)
        self._pumps: PumpSide = pumps or self.pumps or NoPumps()
        returning = self.pumps.returning if self.pumps is not None else None
        planning = Planning(record, reader, answers, self.book, self._pumps, self._posted, resource_reader, returning)
        offering = Offering(record, planning, answers, self.book, self._posted)
        self._desk = Desk(planning, self._gate, clock.now, self._offer, bound=(bounds or Bounds()).planning)
        recalling = Recalling(record, answers, self._posted)
        burying = Burying(record, clock, ids, answers, self._posted)
        self._recovery = Recovery(record, clock, self._gate, self._desk, offering, recalling, self._offer, carried, self._take, burying)
        self._timers = Timers(record, clock, self._gate, {SILENT: fell_silent}, acts)
        self._workers = {
            way.destination.name: LaneWorker(record, clock, self._gate, way.send, way.destination.name, record.node, lane_limits)
            for way in ways
        }
        self._tasks: list[asyncio.Task[None]] = []
        self._steps: set[asyncio.Task[None]] = set()
        self.intake = Intake(record, clock, ids, reader, renderer, self.book, self._desk, speaks_for)
        self.resources = Resources(record, clock, ids, self.book, self._take)
        self.chart = Administrations(record)
        self.tasks = Tasks(record)
        self.scanning = Scanning(record, clock, ids, self.book, self._desk)

    def _with_pumps(
        self, ids: Ids, answers: Answers, charting: Charting | None, *, simulated_too: bool, periodic_s: int
    ) -> tuple[Pumps, Bedside]:
        record, clock = self._record, self._clock

        def offers(link_to: Callable[[str], Link | None]) -> Offers:
            return Offers(record, clock, ids, answers, self.book, self._posted, link_to, charting)

        pumps = Pumps(record, clock, ids, self.book, offers, simulated_too=simulated_too, charting=charting, periodic_s=periodic_s)
        return pumps, Bedside(record, clock, ids, pumps.offers, pumps.link_to, charting)

    def book(self) -> ReleaseBook:
        """The releases in force."""
        return self._book

    def use(self, book: ReleaseBook) -> None:
        """From now on these releases; what is being planned at this moment ends with those it began with."""
        self._book = book

    async def start(self) -> None:
        """Take up what was left undone, then run. Waits for the store. Open the doors after it. Raises: StoreClosed."""
        while True:
            await self._gate.is_open()
            try:
                for worker in self._workers.values():
                    await worker.take_over()
                if self.pumps is not None:
                    await self.pumps.at_start()
                taken = await self._recovery.at_start()
                break
            except (StoreUnavailable, Busy):
                if self._record.health().state.value == "closed":
                    raise
                await asyncio.sleep(AGAIN_S)
        if taken:
            log.info("steps that were left undone are taken up", extra={"count": taken})
        for name, runs in (("recovery", self._recovery.run()), ("timers", self._timers.run())):
            self._tasks.append(asyncio.create_task(runs, name=f"conduct {name}"))
        for name, worker in self._workers.items():
            self._tasks.append(asyncio.create_task(worker.run(), name=f"conduct lane {name}"))
        for task in self._tasks:
            task.add_done_callback(_ended)

    async def stop(self, within_s: float = 5.0) -> None:
        """Plan what was accepted as far as ``within_s`` of the loop's time reaches, give the lanes back, end. The record stays open."""
        try:
            async with asyncio.timeout(within_s):
                await self._desk.idle()
        except TimeoutError:
            log.warning("accepted requests are left to the next start", extra={"count": len(self._desk.ids)})
        await self._desk.stop()
        for task in (*self._tasks, *self._steps):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._steps, return_exceptions=True)
        if self.pumps is not None:
            await self.pumps.stop()
        for worker in self._workers.values():
            await worker.stop()
        self._gate.close()

    async def planned(self) -> None:
        """Until nothing that was accepted here waits to be planned."""
        await self._desk.idle()

    async def health(self) -> Health:
        """A snapshot. Raises: StoreUnavailable: the lanes cannot be read."""
        lanes = await self._record.lane_views()
        now = self._clock.now()
        return Health(
            store=self._record.health(),
            store_failing_since=self._gate.failing_since,
            queues=(self._desk.view(), QueueView("commits", self._record.health().queued, 4096)),
            lanes=lanes,
            down={name: until for name, worker in self._workers.items() if (until := worker.down_until) is not None and until > now},
            oldest_unanswered=min((view.oldest_at for view in lanes if view.oldest_at is not None), default=None),
            intake=self.intake.tally,
            sent={name: worker.tally for name, worker in self._workers.items()},
        )

    async def free_message(self, seq: int, actor: str) -> None:
        """A person lets a parked message go on, from now. Raises: Gone: it is not open. StoreUnavailable, Busy."""
        now = self._clock.now()
        step = MessageStep(seq, MessageState.WAITING, now, due_at=now, note=f"freed by {actor}")
        await self._record.commit(Commit(message_steps=(step,), audit=(AuditRow(now, actor, "message.free", "done", subject=str(seq)),)))
        for worker in self._workers.values():
            worker.look()

    async def discard_message(self, seq: int, actor: str, why: str) -> None:
        """A person takes a message out for ever; what waits behind it goes on. Raises: Gone, StoreUnavailable, Busy."""
        now = self._clock.now()
        step = MessageStep(seq, MessageState.DISCARDED, now, note=f"discarded by {actor}: {why}")
        await self._record.commit(Commit(message_steps=(step,), audit=(AuditRow(now, actor, "message.discard", why, subject=str(seq)),)))
        for worker in self._workers.values():
            worker.look()

    def _posted(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            worker = self._workers.get(message.destination)
            if worker is not None:
                worker.wake(message.lane)

    def _offer(self, outcome: Outcome) -> None:
        """The offer of a programme that was checked just now goes to the pump; its intent is on file until that has been recorded."""
        task = asyncio.create_task(self._carry_out(outcome), name=f"offer {outcome.programme_id}")
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)

    async def _carry_out(self, outcome: Outcome) -> None:
        offer = outcome.offered.offer if outcome.offered is not None else None
        if offer is None:
            return
        try:
            await self._pumps.offer(outcome.programme_id, offer)
        except RecordError as fault:
            log.warning("an offer is left to be taken up again", extra={"programme": outcome.programme_id, "error_type": type(fault)})
        except Exception:
            log.exception("an offer failed; its intent stays", extra={"programme": outcome.programme_id})

    def _take(self, intent: Intent) -> None:
        """Carry out at once what this process has just put on file."""
        task = asyncio.create_task(self._taken(intent), name=f"{intent.kind} {intent.subject}")
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)

    async def _taken(self, intent: Intent) -> None:
        try:
            await self._recovery.take(intent)
        except (StoreUnavailable, Busy) as fault:
            log.warning("an intent is left to be taken up again", extra={"entry": intent.intent_id, "error_type": type(fault)})

    def _healed(self, since: datetime, why: str) -> None:
        """Commits work again: the alert is recorded, as it could not be while they failed."""
        now = self._clock.now()
        log.error("the record took no commits for a time; nothing new was programmed meanwhile", extra={"since": since, "until": now})
        row = AuditRow(now, "system", "store.failed", f"{why} since {since.isoformat()}, works again")
        self._steps.add(task := asyncio.get_running_loop().create_task(self._tell(row)))
        task.add_done_callback(self._steps.discard)

    async def _tell(self, row: AuditRow) -> None:
        try:
            await self._record.commit(Commit(audit=(row,)))
        except RecordError as fault:
            log.error("an alert could not be recorded", extra={"error_type": type(fault)})


def _ended(task: "asyncio.Task[None]") -> None:
    """A task of ours that ends by a fault is told of at once; the others go on."""
    if not task.cancelled() and (fault := task.exception()) is not None:
        log.critical("a task of the server ended by a fault", extra={"error_type": type(fault)}, exc_info=fault)


def _acts_of(pumps: Pumps, bedside: Bedside) -> dict[str, Acts]:
    """Who acts when a timer of the pump side is due."""
    return {
        ANSWER_DUE: pumps.offers.answer_due,
        LIFE_OVER: pumps.offers.life_over,
        SILENT_PUMP: pumps.silent,
        IDLE: bedside.idle,
        PERIODIC: pumps.periodic,
    }
