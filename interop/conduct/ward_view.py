"""What the record and the pumps say of a ward now, for the bedside page: patients, their orders with the newest attempt, the channels. It writes nothing.

Folds of orders are kept in memory until an event of theirs is seen in the feed (``refresh``), so that a page that is drawn several times a second costs
the store little. What was read last is what a page shows; whoever acts on it asks ``conduct``, which reads again.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from interop.conduct import naming
from interop.conduct.about import BY_ORDER
from interop.conduct.infusions import RunAt, infusion_at, run_on, runs_of_order, unassociated
from interop.conduct.pump_state import PumpNow
from interop.conduct.pumps import Pumps
from interop.conduct.resources import Resources, Stored
from interop.conduct.streams import ProgrammeNow, all_rows, programme_at
from interop.conduct.ward_index import PatientHead, head_of, newest_of, orders_of
from interop.conduct.world import ReleaseBook
from interop.domain import pump as said
from interop.domain.events.codec import decode
from interop.domain.events.nouns import Reason
from interop.domain.events.order import EndReason, OrderEvent, OrderTold
from interop.domain.events.programme import AnswerLost, OfferNotSent, OfferSent, Planned, RefusedByChecks, RefusedByPump, Rejected
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle import order as orders
from interop.domain.lifecycle import programme as programmes
from interop.domain.patient import PatientId
from interop.ports import Clock, Record, RecordedEvent

MOST_ORDERS: Final = 100
"""Of one patient, as many are shown."""

KEPT: Final = 4096
FEED: Final = 500


@dataclass(frozen=True, slots=True)
class Running:
    """One infusion that is not over: where, whose, and how it stands by the record."""

    at: RunAt
    today: infusions.Stream


@dataclass(frozen=True, slots=True)
class Attempt:
    """One programme: what was planned, how it stands, and every reason against it, gravest first, in the words of the time."""

    planned: Planned
    today: programmes.Stream
    reasons: tuple[Reason, ...] = ()
    sent: OfferSent | None = None
    lost: AnswerLost | None = None
    rejected: Rejected | None = None
    running: Running | None = None


@dataclass(frozen=True, slots=True)
class OrderNow:
    """One order. ``stored`` None: it came with its own bedside request. ``state`` None: its Order stream says nothing, for the same reason."""

    id: str
    number: str
    drug: str
    stored: Stored | None
    state: orders.State | None
    ended_because: EndReason | None
    attempt: Attempt | None
    runs: tuple[Running, ...]


@dataclass(frozen=True, slots=True)
class ChannelNow:
    """One channel as the pump told it last, and what the record says of it. ``is_stale``: it may be otherwise by now (SR-45)."""

    pump: PumpNow
    report: said.ChannelReport
    is_stale: bool
    running: Running | None

    @property
    def place(self) -> tuple[str, str]:
        return self.pump.pump_id, self.report.channel_id


@dataclass(frozen=True, slots=True)
class PatientNow:
    """A patient with orders and channels."""

    head: PatientHead
    orders: tuple[OrderNow, ...]
    channels: tuple[ChannelNow, ...]


class WardView:
    """Reads. Every method may raise StoreUnavailable. Made on the running loop, one a server."""

    def __init__(self, record: Record, clock: Clock, book: Callable[[], ReleaseBook], pumps: Pumps | None, resources: Resources) -> None:
        self._record, self._clock, self._book, self._pumps, self._resources = record, clock, book, pumps, resources
        self._position: int | None = None
        self._forgotten = 0
        self._orders: OrderedDict[str, tuple[OrderNow, frozenset[str]]] = OrderedDict()

    async def refresh(self) -> int:
        """Forget what events have moved on; returns the position up to which that is done."""
        if self._position is None:
            self._position = await self._record.position()
        while rows := await self._record.feed(self._position, FEED):
            for row in rows:
                self._forget(row)
            self._position = rows[-1].position
        return self._position

    def _forget(self, row: RecordedEvent) -> None:
        self._forgotten += 1
        kind, _, name = row.stream.partition("/")
        if kind == "infusion":
            self._orders.clear()  # whose it is may have changed
        elif kind == "order":
            self._orders.pop(name, None)
        elif kind == "programme":
            if row.type == Planned.type and isinstance(planned := decode(row.body), Planned):
                self._orders.pop(planned.order_id, None)
            for id in [id for id, (_, streams) in self._orders.items() if row.stream in streams]:
                del self._orders[id]

    # ── patients and orders ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def patient(self, patient: PatientId) -> PatientNow:
        """One who is not on file has no orders."""
        head = await head_of(self._record, patient) or PatientHead(patient)
        found = [await self.order(id) for id in await orders_of(self._record, patient, MOST_ORDERS)]
        mine = tuple(order for order in found if _is_of(order, patient))
        return PatientNow(head, mine, await self._channels_of(patient, mine))

    async def order(self, order_id: str) -> OrderNow:
        """One that is not on file has neither state nor attempt."""
        kept = self._orders.get(order_id)
        if kept is not None:
            self._orders.move_to_end(order_id)
            return kept[0]
        forgotten = self._forgotten
        order, streams = await self._read_order(order_id)
        if forgotten != self._forgotten:
            return order  # something moved while it was read: not to be kept
        self._orders[order_id] = order, streams
        if len(self._orders) > KEPT:
            self._orders.popitem(last=False)
        return order

    async def _read_order(self, order_id: str) -> tuple[OrderNow, frozenset[str]]:
        rows = await all_rows(self._record, naming.order_stream(order_id))
        told = [event for row in rows if isinstance(event := decode(row.body), OrderEvent)]
        today = orders.fold(told)
        drug = next((event.drug for event in reversed(told) if isinstance(event, OrderTold)), "")
        newest = await newest_of(self._record, order_id)
        attempt = await self.attempt(newest) if newest else None
        number = naming.number_of(order_id)
        resource = number.removeprefix("#") if number.startswith("#") else await self._record.projection(BY_ORDER, order_id)
        stored = await self._resources.read(resource) if resource else None
        runs = tuple([running for run in await runs_of_order(self._record, order_id) if (running := await self._running(run)) is not None])
        state, because = (None, None) if today is None else (today.state, today.ended_because)
        return OrderNow(order_id, number, drug, stored, state, because, attempt, runs), frozenset({naming.programme_stream(newest)})

    async def attempt(self, programme_id: str) -> Attempt | None:
        """``None``: it is not planned yet."""
        programme = await programme_at(self._record, programme_id)
        planned = next((event for event in programme.events if isinstance(event, Planned)), None)
        if planned is None or programme.today is None:
            return None
        run = await run_on(self._record, planned.pump_id, planned.channel_id)
        running = await self._running(run) if run is not None and run.programme_id == programme_id else None
        return _attempt(planned, programme, programme.today, running)

    async def _running(self, run: RunAt) -> Running | None:
        today = (await infusion_at(self._record, run.infusion_id)).today
        return None if today is None else Running(run, today)

    # ── channels ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def channel(self, pump_id: str, channel_id: str) -> ChannelNow | None:
        """``None``: no such pump ever said hello, or it has no such channel; without a channel's name the only one there is."""
        pump = await self._pumps.now(pump_id) if self._pumps is not None else None
        report = pump.channel(channel_id) if pump is not None else None
        if pump is None or report is None:
            return None
        run = await run_on(self._record, pump_id, report.channel_id)
        return ChannelNow(pump, report, self._is_stale(pump), None if run is None else await self._running(run))

    async def knows_pump(self, pump_id: str) -> bool:
        """Whether a pump of that id ever said hello."""
        return self._pumps is not None and await self._pumps.now(pump_id) is not None

    async def nobodys(self, limit: int = 20) -> tuple[ChannelNow, ...]:
        """Channels that run what is nobody's, the oldest on file first (SR-48, SR-50)."""
        found: list[ChannelNow] = []
        for run in await unassociated(self._record):
            channel = await self.channel(run.pump_id, run.channel_id)
            if channel is not None and channel.running is not None and channel.running.at.infusion_id == run.infusion_id:
                found.append(channel)
            if len(found) >= limit:
                break
        return tuple(found)

    async def _channels_of(self, patient: PatientId, mine: tuple[OrderNow, ...]) -> tuple[ChannelNow, ...]:
        """Where orders of the patient run or wait, and every channel of a pump that says it is this patient's."""
        places = {(run.at.pump_id, run.at.channel_id) for order in mine for run in order.runs}
        places |= {
            (order.attempt.planned.pump_id, order.attempt.planned.channel_id)
            for order in mine
            if order.attempt is not None and order.attempt.today.holds_channel
        }
        for pump in self._pumps.connected() if self._pumps is not None else ():
            places |= {(pump.pump_id, report.channel_id) for report in pump.channels if report.patient == patient}
        found = [await self.channel(*place) for place in sorted(places)]
        return tuple(each for each in found if each is not None)

    def _is_stale(self, pump: PumpNow) -> bool:
        age = self._clock.now() - pump.heard_at
        return not pump.connected or age.total_seconds() > self._book().newest().rules.report_stale_s


def _attempt(planned: Planned, programme: ProgrammeNow, today: programmes.Stream, running: Running | None) -> Attempt:
    reasons: tuple[Reason, ...] = ()
    sent, lost, rejected = None, None, None
    for event in programme.events:
        match event:
            case RefusedByChecks() | RefusedByPump():
                reasons = event.reasons
            case OfferNotSent():
                reasons = (event.reason,)
            case OfferSent():
                sent = event
            case AnswerLost():
                lost = event
            case Rejected():
                rejected = event
    return Attempt(planned, today, reasons, sent, lost, rejected, running)


def _is_of(order: OrderNow, patient: PatientId) -> bool:
    """The rows that lead here only grow; an attempt that was planned for somebody else is not this patient's."""
    number = order.attempt.planned.patient if order.attempt is not None else None
    return order.stored is not None or number is None or (number.value, number.authority) == (patient.value, patient.authority)


def newest_first(found: tuple[OrderNow, ...]) -> tuple[OrderNow, ...]:
    """For a page: what waits for somebody, then what runs, then what may be started, then what is over."""
    return tuple(sorted(found, key=lambda order: (_rank(order), order.number)))


def _rank(order: OrderNow) -> int:
    if order.attempt is not None and order.attempt.today.state in (programmes.State.UNCERTAIN, programmes.State.OFFERED):
        return 0
    if order.runs:
        return 1
    return 3 if order.state is orders.State.ENDED else 2
