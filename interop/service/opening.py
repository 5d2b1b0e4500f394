"""The record of the settings, opened for as long as it is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from interop.adapters.store import claim_serving, open_record
from interop.ports import Clock, Record, Serving
from interop.service.settings import Settings
from interop.service.settings_load import store_address


@asynccontextmanager
async def opened(settings: Settings, clock: Clock, serving: Serving | None = None) -> AsyncIterator[Record]:
    """The record. Raises: SchemaMismatch, StoreUnavailable, SecretUnreadable."""
    record = await open_record(store_address(settings), node=settings.node.name, clock=clock, serving=serving)
    try:
        yield record
    finally:
        await record.close()


@asynccontextmanager
async def served(settings: Settings, clock: Clock) -> AsyncIterator[tuple[Record, Serving]]:
    """The record for the one server that owns it and its pumps; others are kept out from before it is opened until after it is closed.

    Raises: ServedAlready; SchemaMismatch, StoreUnavailable, SecretUnreadable.
    """
    serving = await claim_serving(store_address(settings), node=settings.node.name, clock=clock)
    try:
        async with opened(settings, clock, serving) as record:
            yield record, serving
    finally:
        await serving.close()


async def migrate_store(settings: Settings, clock: Clock) -> None:
    """Bring the schema up with Alembic, and make a SQLite file that is missing. Raises: StoreUnavailable, SecretUnreadable, and the drivers' errors."""
    await (await open_record(store_address(settings), node=settings.node.name, clock=clock, migrate=True)).close()
