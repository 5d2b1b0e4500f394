"""Brings a store's schema to a revision with Alembic, in one transaction: a crash leaves the old schema whole.

Alembic and SQLAlchemy cost a second to import, so nothing but ``open_record(..., migrate=True)`` and the command that migrates comes here.
"""

from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine

from interop.adapters.store.schema import HEAD
from interop.adapters.store.sqlite_library import choose_sqlite

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x1A7E_0B01  # PostgreSQL advisory lock: nodes that start together migrate one after the other


async def migrate_postgres(url: str, revision: str = HEAD) -> None:
    """Raises: OSError or asyncpg's errors: the server cannot be reached or refuses."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url))
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            await connection.run_sync(upgrade, revision)
    finally:
        await engine.dispose()


def migrate_sqlite(path: Path, revision: str = HEAD) -> None:
    """Creates the file if it is missing, for its owner only. Raises: sqlalchemy.exc.OperationalError: it is locked or cannot be written."""
    path.touch(mode=0o600)
    engine = sqlite_engine(path)
    try:
        with engine.begin() as connection:
            upgrade(connection, revision)
    finally:
        engine.dispose()


def sqlite_engine(path: Path) -> Any:
    """An engine on the same SQLite library that the record uses; a transaction takes the write lock when it begins."""
    engine = create_engine(URL.create("sqlite", database=str(path)), module=choose_sqlite().module)

    @event.listens_for(engine, "connect")
    def _no_implicit_transactions(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin_immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def upgrade(connection: Connection, revision: str) -> None:
    """Run the missing revisions on an open transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
