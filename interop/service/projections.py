"""The projections of this server: folded behind the commits for pages and statistics, and anew by ``interop rebuild``."""

import asyncio
import json
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from interop.adapters.store.feed import Projection, catch_up
from interop.ports import Record, RecordedEvent, RecordError, StoreClosed

log = logging.getLogger(__name__)

EVERY_S: Final = 2
"""How far behind a page may be: events are folded in pages, so that a busy server spends little on it."""


def _touched(event: RecordedEvent) -> Iterable[str]:
    return (event.stream,)


def _newest(key: str, document: str | None, event: RecordedEvent) -> str:
    """No field of the event itself: what is in a stream is read from the stream."""
    return json.dumps({"at": event.at.isoformat(), "position": event.position, "type": event.type, "version": event.version})


NEWEST_EVENT: Final = Projection("newest-event", 1, _touched, _newest)
"""Stream → the type, time and place of its newest event."""

PROJECTIONS: Final[Sequence[Projection]] = (NEWEST_EVENT,)


async def keep_up(record: Record, projections: Sequence[Projection] = PROJECTIONS, every_s: float = EVERY_S) -> None:
    """Fold what has been committed, until cancelled or the record is closed. One that fails holds up neither the others nor the record."""
    while True:
        for projection in projections:
            try:
                await catch_up(record, projection)
            except StoreClosed:
                return
            except RecordError as fault:
                log.warning("a projection waits for the store", extra={"error_type": type(fault)})
            except Exception:
                log.exception("a projection failed, and is tried again")
        await asyncio.sleep(every_s)
