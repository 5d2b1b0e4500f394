"""A small hospital for stories about the record: an EHR that sends orders and listens for answers, a server that can be killed, a record that stays.

    async def story() -> None:
        hospital = await Hospital.open()
        answer = await hospital.send(an_order(1))
        await hospital.settled()
        assert hospital.ehr.answers == [...]

The record outlives the server, as a disk does: ``crash`` drops everything the server has in memory, and ``restart`` builds it anew from the record.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from interop.adapters.store.memory import MemoryRecord
from interop.conduct.alerts import open_alerts
from interop.conduct.documenting import Documenting
from interop.conduct.hospital import Bounds, Conduct, Way
from interop.conduct.intake import Intake
from interop.conduct.lanes import LaneLimits
from interop.conduct.sending import Became, Delivery
from interop.conduct.world import Destination, Destinations, Purpose, Releases, Situation
from interop.domain.events.codec import decode
from interop.domain.events.event import Event
from interop.domain.finding import Finding
from interop.domain.order import Order
from interop.domain.plan import Offer
from interop.ports import Commit, Committed, JournalHead, LaneMessage, RecordError, StoreClosed, StoreUnavailable
from interop.wire.fhir.medication_administration import AdministrationRenderer
from interop.wire.fhir.reader import MedicationRequestReader
from interop.wire.hl7v2.ack import Us
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.oru import OruRenderer
from interop.wire.hl7v2.reader import RgvReader, RgvRenderer
from tests.conduct.virtual import MORNING, LoopClock
from tests.wards.messages import a_dopamine_rgv
from tests.wards.ward import a_channel, demo_release, dtm

LISTENER = "ehr1-rrg"
CHART = "ehr1-documents"
SENDER = "pcd03-demo"


def an_order(number: int, **words: Any) -> bytes:
    """The bedside request of order ORD-<number>, asked for ten seconds before the story begins."""
    asked = {
        "requested_at": dtm(MORNING - timedelta(seconds=10)),
        "sent_at": dtm(MORNING - timedelta(seconds=9)),
        "weight_at": dtm(MORNING - timedelta(hours=1)),
    }
    return a_dopamine_rgv(**{"message_id": f"G{number:04d}", "order": f"ORD-{number}", "location": "", **asked, **words})


class Incoming:
    """A message as the door hands it on, and what it was answered."""

    def __init__(self, message: bytes, peer: object, received_at: datetime) -> None:
        self.message, self.peer, self.received_at = message, peer, received_at
        self.answers: list[bytes | None] = []
        self.failed: list[Exception] = []

    def answer(self, content: bytes | None) -> None:
        self.answers.append(content)

    def fail(self, fault: Exception) -> None:
        self.failed.append(fault)


async def answer_to(intake: Intake, message: bytes, peer: object, received_at: datetime) -> bytes | None:
    """The answer to a message that came alone. Raises: what it failed with."""
    incoming = Incoming(message, peer, received_at)
    await intake.receive([incoming])
    for fault in incoming.failed:
        raise fault
    (answer,) = incoming.answers
    return answer


@dataclass(frozen=True)
class Said:
    """An answer as the EHR reads it."""

    code: str
    answers: str
    control_id: str
    error: str = ""
    order: str = ""

    @classmethod
    def by(cls, message: bytes) -> "Said":
        parsed = Message.parse(message)
        msa, err, orc = parsed.first("MSA"), parsed.first("ERR"), parsed.first("ORC")
        return cls(msa.text(1) or "", msa.text(2) or "", parsed.first("MSH").text(10) or "", err.text(5, 1) or "", orc.text(2, 1) or "")


class Counter:
    """Ids in order: the whole story is the same each time it is told."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self) -> str:
        return f"N{next(self._numbers):08d}"


class Crash(Exception):
    """The server is gone at this very moment."""


class Mortal:
    """The record as one life of the server sees it. After its death nothing it does reaches the record any more.

    ``fails`` is asked before and after each commit, with the number of the commit and the moment; what it returns is raised there.
    """

    def __init__(self, record: MemoryRecord, fails: Callable[[int, str], Exception | None]) -> None:
        self._record, self._fails = record, fails
        self.commits = 0
        self.dead = False
        self._telling: set[asyncio.Future[None]] = set()
        self.died: asyncio.Event = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        if self.dead and name not in ("health", "watch", "node"):
            raise StoreClosed("this server is dead")
        return getattr(self._record, name)

    async def commit(self, commit: Commit) -> Committed:
        if self.dead:
            raise StoreClosed("this server is dead")
        self.commits += 1
        number = self.commits
        self._meet(number, "before")
        try:
            committed = await self._record.commit(commit)
        finally:
            if self.dead:
                raise StoreClosed("this server is dead")
        self._meet(number, "after")
        return committed

    def queue(self, commit: Commit, told: Callable[[Committed | RecordError], None]) -> None:
        async def tell() -> None:
            try:
                told(await self.commit(commit))
            except RecordError as refused:
                told(refused)

        task = asyncio.ensure_future(tell())  # each begins in its turn
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def claim_intents(self, now: datetime, lease_s: int, limit: int = 50) -> Any:
        if self.dead:
            raise StoreClosed("this server is dead")
        return await self._record.claim_intents(now, lease_s, limit)

    def _meet(self, number: int, moment: str) -> None:
        failure = self._fails(number, moment)
        if isinstance(failure, Crash):
            self.dead = True
            self.died.set()
            raise StoreClosed("this server died")
        if failure is not None:
            raise failure


@dataclass
class Ehr:
    """The listener for RRG. ``behave`` decides what becomes of the nth message that arrives; by default it is taken and acknowledged."""

    behave: Callable[[int, Said], Became] = lambda number, said: Became.ACCEPTED
    takes_s: float = 0.01
    received: list[bytes] = field(default_factory=list)
    acknowledged: list[bytes] = field(default_factory=list)

    async def send(self, message: bytes) -> Delivery:
        said = Said.by(message)
        became = self.behave(len(self.received) + 1, said)
        if became is not Became.UNREACHABLE:
            self.received.append(message)
        await asyncio.sleep(self.takes_s)
        if became is Became.ACCEPTED:
            self.acknowledged.append(message)
        return Delivery(became)

    @property
    def answers(self) -> list[Said]:
        """What it has taken, each message once, as a resend is told by its MSH-10."""
        return [Said.by(message) for message in dict.fromkeys(self.received)]


class Bedside:
    """Pumps as planning sees them: one idle LVP channel for each that is named, and whether an offer can leave for it."""

    def __init__(self, *, connected: bool = True, care_area: str = "ICU") -> None:
        self.connected, self.care_area = connected, care_area
        self.offered: list[tuple[str, Offer]] = []
        self.looks = 0
        self.rate: str = ""
        self.clock = LoopClock()

    async def situation(self, order: Order) -> Situation:
        self.looks += 1
        patient = order.patient_ids[0] if order.patient_ids else None
        channel = a_channel(
            pump_id=order.pump_id, channel_id=order.channel_id, patient=patient, care_area=self.care_area, reported_at=self.clock.now()
        )
        return Situation(channel=channel)

    def cannot_offer(self, offer: Offer, now: datetime) -> Finding | None:
        from interop.domain.finding import PivError

        return None if self.connected else Finding.against(PivError.OFFLINE, "channel", "the pump is not connected")

    async def offer(self, programme_id: str, offer: Offer) -> None:
        self.offered.append((programme_id, offer))


@dataclass
class Hospital:
    """See the module."""

    record: MemoryRecord
    clock: LoopClock
    ids: Counter
    ehr: Ehr
    pumps: Any
    limits: LaneLimits
    fails: Callable[[int, str], Exception | None]
    bounds: Bounds
    conduct: Conduct = field(init=False)
    life: Mortal = field(init=False)
    acknowledged: list[str] = field(default_factory=list)
    chart: Ehr = field(default_factory=Ehr)  # the listener for documents
    release: Any = None
    speaks: Callable[[object, Any], bool] = lambda peer, opened: True

    @classmethod
    async def open(
        cls,
        *,
        ehr: Ehr | None = None,
        pumps: Any = None,
        limits: LaneLimits | None = None,
        fails: Callable[[int, str], Exception | None] = lambda number, moment: None,
        bounds: Bounds | None = None,
        release: Any = None,
        record: Any = None,
    ) -> "Hospital":
        clock = LoopClock()
        there = record or MemoryRecord("node-a", clock)
        hospital = cls(there, clock, Counter(), ehr or Ehr(), pumps, limits or LaneLimits(), fails, bounds or Bounds(), release=release)
        await hospital.begin()
        return hospital

    async def begin(self) -> None:
        """A new life of the server, on the same record."""
        self.life = Mortal(self.record, self.fails)
        ways = [Way(Destination(LISTENER), SENDER, self.ehr)]
        documents = None
        if self.pumps == "real":
            chart = Destination(CHART, worth_s=300)
            ways.append(Way(chart, SENDER, self.chart, Purpose.DOCUMENTS))
            documents = Documenting(OruRenderer(Us(("INTEROP",))), AdministrationRenderer(), self.ids, Destinations({SENDER: chart}))
        book = Releases(self.release or demo_release())
        self.conduct = Conduct(
            self.life,  # type: ignore[arg-type]
            self.clock,
            self.ids,
            RgvReader(),
            RgvRenderer(),
            book,
            speaks_for=lambda peer, opened: self.speaks(peer, opened),
            ways=ways,
            documenting=documents,
            periodic_s=60 if documents is not None else 0,
            pumps=self.pumps if self.pumps != "real" else None,
            resource_reader=MedicationRequestReader(),
            hears_pumps=self.pumps == "real",
            simulated_pumps=True,
            bounds=self.bounds,
            lane_limits=self.limits,
        )
        await self.conduct.start()

    @property
    def bedside(self) -> Any:
        """The server's own pump side."""
        assert self.conduct.pumps is not None
        return self.conduct.pumps

    async def alerts(self) -> list[str]:
        """What a person must look at, in words."""
        return [alert.words for alert in await open_alerts(self.record)]

    async def crash(self) -> None:
        """The process is killed: nothing of its memory is left, and nothing more of it reaches the record or the EHR."""
        self.life.dead = True
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if not task.get_name().startswith(("interop committer", "ehr", "Task-1")):
                task.cancel()
        await asyncio.sleep(0)

    async def restart(self) -> None:
        await self.crash()
        await self.begin()

    async def send(self, message: bytes, peer: object = "ehr-1") -> Said | None:
        """Send one message and read its answer; ``None``: the connection ended without one."""
        try:
            answer = await answer_to(self.conduct.intake, message, peer, self.clock.now())
        except StoreClosed:
            return None
        if answer is None or self.life.dead:
            return None
        said = Said.by(answer)
        if said.code == "CA":
            self.acknowledged.append(said.answers)
        return said

    async def settled(self, within_s: float = 600) -> None:
        """Until nothing is left to be planned or sent, or so long has passed."""
        until = asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < until:
            await self.conduct.planned()
            await asyncio.sleep(0.1)
            if not self.life.dead and not await self.open_messages() and not await self.undone():
                return

    async def open_messages(self) -> list[LaneMessage]:
        return [message for name in (LISTENER, CHART) for lane in range(8) for message in await self.record.open_messages(name, lane)]

    def in_hand(self) -> int:
        """How many offers and the like are under way: an offer that is on file may not have reached its pump."""
        return len(self.conduct._steps)

    async def undone(self) -> int:
        """How many intents are left."""
        return len(self.record._backend.tables.all(_intents()))

    async def events(self, kind: str = "") -> list[Event]:
        rows = await self.record.feed(0, 10_000)
        return [decode(row.body) for row in rows if row.type.startswith(kind)]

    async def planned(self) -> list[Any]:
        return list(await self.events("programme.planned"))

    async def journal(self) -> Sequence[JournalHead]:
        return await self.record.journal(limit=10_000)

    async def close(self) -> None:
        await self.conduct.stop()
        await self.record.close()

    def break_store(self, why: str = "no room") -> None:
        self.record.fail_with(StoreUnavailable(why))

    def mend_store(self) -> None:
        self.record.fail_with(None)


def _intents() -> Any:
    from interop.adapters.store import rows

    return rows.INTENTS


def changed(release: Any, **profile: Any) -> Any:
    """The demo release with its PCD-03 sender changed."""
    senders = dict(release.senders)
    senders[SENDER] = replace(senders[SENDER], **profile)
    return replace(release, senders=senders)
