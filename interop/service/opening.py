"""The record of the settings, opened for as long as it is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from interop.adapters.store import open_record
from interop.ports import Clock, Record
from interop.service.settings import Settings
from interop.service.settings_load import store_address


@asynccontextmanager
async def opened(settings: Settings, clock: Clock) -> AsyncIterator[Record]:
    """The record. Raises: SchemaMismatch, StoreUnavailable, SecretUnreadable."""
    record = await open_record(store_address(settings), node=settings.node.name, clock=clock)
    try:
        yield record
    finally:
        await record.close()


async def migrate_store(settings: Settings, clock: Clock) -> None:
    """Bring the schema up with Alembic, and make a SQLite file that is missing. Raises: StoreUnavailable, SecretUnreadable, and the drivers' errors."""
    await (await open_record(store_address(settings), node=settings.node.name, clock=clock, migrate=True)).close()
