"""The record: one entry, ``open_record``, for the memory, SQLite and PostgreSQL stores; each driver is imported only when its store is opened."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from interop.ports import Clock, Record

POSTGRES_SCHEMES = ("postgresql", "postgres")


async def open_record(url: str, *, node: str, clock: Clock, migrate: bool = False) -> Record:
    """Open the record at ``memory:``, ``sqlite:///relative``, ``sqlite:////absolute`` or ``postgresql://…`` as ``node``.

    ``migrate`` brings the schema up first (and makes a SQLite file that is missing); without it the schema must be there.

    Raises:
        ValueError: the address is of no store known here.
        SchemaMismatch: the schema is missing or older.
        StoreUnavailable: the store cannot be reached or written.
    """
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        from interop.adapters.store.memory import MemoryRecord

        return MemoryRecord(node, clock)
    if scheme == "sqlite":
        from interop.adapters.store.sqlite import SqliteRecord

        path = sqlite_path(url)
        if migrate:
            from interop.adapters.store.migrate import migrate_sqlite

            migrate_sqlite(path)
        return await SqliteRecord.open(path, node, clock)
    if scheme in POSTGRES_SCHEMES:
        from interop.adapters.store.postgres import PostgresRecord

        if migrate:
            from interop.adapters.store.migrate import migrate_postgres

            await migrate_postgres(url)
        return await PostgresRecord.open(url, node, clock)
    raise ValueError(f"no store is known for {scheme or 'an address without a scheme'}: memory:, sqlite:///path or postgresql://…")


def sqlite_path(url: str) -> Path:
    """The file of a ``sqlite:///`` address: relative after three slashes, absolute after four. Raises: ValueError: it names none."""
    parts = urlsplit(url)
    path = unquote(parts.path[1:])
    if parts.netloc or not path:
        raise ValueError("a SQLite address is sqlite:///relative/path or sqlite:////absolute/path")
    return Path(path)
