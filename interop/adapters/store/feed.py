"""Projections that pages and statistics read: folded from the feed behind the commits, each with a checkpoint in the commit of what it counts.

What decisions read is folded in the commit of the events themselves; both can be rebuilt from the events by the same fold (``interop rebuild``).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from interop.ports import Checkpoint, CheckpointMoved, Commit, Priority, Projected, Record, RecordedEvent, RecordError

log = logging.getLogger("interop.store")


@dataclass(frozen=True, slots=True)
class Projection:
    """A pure fold of events into JSON documents. A new ``version`` is built beside the old one, which pages read until they are told otherwise.

    ``touches`` names the keys that an event may change; ``fold`` (key, document or ``None``, event) says the document after it, ``None`` for none.
    """

    name: str
    version: int
    touches: Callable[[RecordedEvent], Iterable[str]]
    fold: Callable[[str, str | None, RecordedEvent], str | None]

    @property
    def table(self) -> str:
        """The named table, and the name of the checkpoint."""
        return f"{self.name}@{self.version}"


async def catch_up(record: Record, projection: Projection, page: int = 500) -> int:
    """Fold all that has been committed since the checkpoint; returns the position reached. Another node's work is taken over, never done twice.

    Raises: RecordError: the store cannot be read or written; what was folded before stands. Whatever the fold raises.
    """
    position = await record.checkpoint(projection.table)
    if position == 0 and await record.projections(projection.table, limit=1):
        await record.clear_projection(projection.table)  # a rebuild that was interrupted
    while events := await record.feed(position, page):
        try:
            await _fold_page(record, projection, position, events)
            position = events[-1].position
        except CheckpointMoved as moved:
            position = moved.actual
    return position


async def _fold_page(record: Record, projection: Projection, position: int, events: Sequence[RecordedEvent]) -> None:
    documents: dict[str, str | None] = {}
    for event in events:
        for key in projection.touches(event):
            if key not in documents:
                documents[key] = await record.projection(projection.table, key)
            documents[key] = projection.fold(key, documents[key], event)
    commit = Commit(
        projections=tuple(Projected(projection.table, key, document) for key, document in documents.items()),
        checkpoints=(Checkpoint(projection.table, position, events[-1].position),),
        priority=Priority.BULK,
    )
    await record.commit(commit)


async def rebuild(record: Record, projection: Projection, page: int = 500) -> int:
    """Fold anew from the first event; pages see the projection grow. For a table that is folded in the commits themselves: with no server running."""
    await record.clear_projection(projection.table)
    return await catch_up(record, projection, page)


async def lag(record: Record, projection: Projection) -> int:
    """How many events the projection is behind: a page says "stale" by it."""
    return await record.position() - await record.checkpoint(projection.table)


async def follow(record: Record, projections: Sequence[Projection], poll_s: float = 1.0) -> None:
    """Keep projections up to date until cancelled: woken by commits of this node (on PostgreSQL of any), and every ``poll_s`` in any case.

    A projection that fails is tried again with the next wake-up and holds up neither the others nor the record.
    """
    reached = 0
    while True:
        for projection in projections:
            try:
                reached = max(reached, await catch_up(record, projection))
            except RecordError as error:
                log.warning("a projection waits", extra={"projection": projection.table, "error_type": type(error)})
                await asyncio.sleep(poll_s)
            except Exception:
                log.exception("a projection failed", extra={"projection": projection.table})
                await asyncio.sleep(poll_s)
        await record.beyond(reached, poll_s)
