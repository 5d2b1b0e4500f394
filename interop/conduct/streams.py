"""What the record says of an order today: a fold of its events.

A fold is kept for the next time, and only what was committed since is then read and folded on: a long infusion's word costs no more than a short one's.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import reduce
from typing import Final, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from interop.conduct import naming
from interop.domain.events.codec import decode
from interop.domain.events.order import OrderEvent, OrderReceived
from interop.domain.events.programme import ProgrammeEvent
from interop.domain.lifecycle import order as orders
from interop.domain.lifecycle import programme as programmes
from interop.domain.request import OrderRequest
from interop.ports import Record, RecordedEvent

PAGE = 500

MOST_EVENTS: Final = 100_000
"""How many events the kept folds of one kind of stream hold together, for each record; the longest unused go first."""


class Folded(Protocol):
    """A stream as it stood at a version, and how much it weighs."""

    @property
    def version(self) -> int: ...

    @property
    def weight(self) -> int: ...


N = TypeVar("N", bound=Folded)


class Folds(Generic[N]):
    """The newest folds that this process has made of committed events, for each record; what they lean on never changes (events are only added)."""

    def __init__(self, most: int = MOST_EVENTS) -> None:
        self._most = most
        self._of: WeakKeyDictionary[Record, OrderedDict[str, N]] = WeakKeyDictionary()
        self._weight: WeakKeyDictionary[Record, int] = WeakKeyDictionary()

    def get(self, record: Record, stream: str) -> N | None:
        folds = self._of.get(record)
        if folds is None or stream not in folds:
            return None
        folds.move_to_end(stream)
        return folds[stream]

    def put(self, record: Record, stream: str, now: N) -> None:
        """For the next time; not where somebody who read later was faster, or where it would push out all others."""
        folds = self._of.setdefault(record, OrderedDict())
        before = folds.get(stream)
        if (before is not None and before.version >= now.version) or now.weight > self._most:
            return
        folds[stream] = now
        folds.move_to_end(stream)
        held = self._weight.get(record, 0) + now.weight - (0 if before is None else before.weight)
        while held > self._most:
            held -= folds.popitem(last=False)[1].weight
        self._weight[record] = held


@dataclass(frozen=True, slots=True)
class OrderNow:
    """An Order stream and the version that was read. ``today`` None: nobody told this order but the bedside request itself.

    ``sender`` is the profile of who told it first.
    """

    stream: str
    version: int
    today: orders.Stream | None
    sender: str = ""

    @property
    def state(self) -> str:
        """For ``Case.order_state``; empty where there is no stream."""
        return "" if self.today is None else self.today.state.value


async def order_now(record: Record, request: OrderRequest) -> OrderNow:
    """The order that a request names. Raises: StoreUnavailable, UnreadableEvent, NoRow."""
    number = request.placer_order_number.value.text
    return await order_at(record, naming.order_stream(naming.order_id(request.system_group, number)))


async def order_at(record: Record, stream: str) -> OrderNow:
    """Raises: StoreUnavailable, UnreadableEvent, NoRow."""
    told = [event for row in await all_rows(record, stream) if isinstance(event := decode(row.body), OrderEvent)]
    sender = next((event.sender for event in told if isinstance(event, OrderReceived)), "")
    return OrderNow(stream, len(told), orders.fold(told), sender)


@dataclass(frozen=True, slots=True)
class ProgrammeNow:
    """A Programme stream, the version that was read, and its events."""

    stream: str
    version: int
    events: tuple[ProgrammeEvent, ...]
    today: programmes.Stream | None

    @property
    def weight(self) -> int:
        return len(self.events)


async def programme_at(record: Record, programme_id: str) -> ProgrammeNow:
    """Raises: StoreUnavailable, UnreadableEvent, NoRow."""
    stream = naming.programme_stream(programme_id)
    known = _PROGRAMMES.get(record, stream) or ProgrammeNow(stream, 0, (), None)
    rows = await all_rows(record, stream, known.version)
    if not rows:
        return known
    new = [event for row in rows if isinstance(event := decode(row.body), ProgrammeEvent)]
    today = reduce(programmes.apply, new, known.today)
    now = ProgrammeNow(stream, known.version + len(rows), (*known.events, *new), today)
    _PROGRAMMES.put(record, stream, now)
    return now


_PROGRAMMES: Folds[ProgrammeNow] = Folds()


async def all_rows(record: Record, stream: str, after: int = 0) -> list[RecordedEvent]:
    """Every event of one stream beyond a version, in order. Raises: StoreUnavailable."""
    rows: list[RecordedEvent] = []
    while page := await record.events(stream, after + len(rows), PAGE):
        rows += page
        if len(page) < PAGE:
            break
    return rows
