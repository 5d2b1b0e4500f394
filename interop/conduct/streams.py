"""What the record says of an order today: a fold of its events."""

from dataclasses import dataclass

from interop.conduct import naming
from interop.domain.events.codec import decode
from interop.domain.events.order import OrderEvent, OrderReceived
from interop.domain.events.programme import ProgrammeEvent
from interop.domain.lifecycle import order as orders
from interop.domain.lifecycle import programme as programmes
from interop.domain.request import OrderRequest
from interop.ports import Record, RecordedEvent

PAGE = 500


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


async def programme_at(record: Record, programme_id: str) -> ProgrammeNow:
    """Raises: StoreUnavailable, UnreadableEvent, NoRow."""
    stream = naming.programme_stream(programme_id)
    told = tuple(event for row in await all_rows(record, stream) if isinstance(event := decode(row.body), ProgrammeEvent))
    return ProgrammeNow(stream, len(told), told, programmes.fold(told))


async def all_rows(record: Record, stream: str) -> list[RecordedEvent]:
    """Every event of one stream, in order. Raises: StoreUnavailable."""
    rows: list[RecordedEvent] = []
    while page := await record.events(stream, len(rows), PAGE):
        rows += page
        if len(page) < PAGE:
            break
    return rows
