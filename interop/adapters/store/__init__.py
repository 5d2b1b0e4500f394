"""The record: ``open_record`` for the memory, SQLite and PostgreSQL stores, and ``claim_serving`` for the server that owns one.

Each driver is imported only when its store is opened.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from interop.ports import Clock, Record, Serving

POSTGRES_SCHEMES = ("postgresql", "postgres")


async def open_record(url: str, *, node: str, clock: Clock, migrate: bool = False, serving: Serving | None = None) -> Record:
    """Open the record at ``memory:``, ``sqlite:///relative``, ``sqlite:////absolute`` or ``postgresql://…`` as ``node``.

    ``migrate`` brings the schema up first (and makes a SQLite file that is missing); without it the schema must be there.
    With ``serving`` the record takes commits only while that is held: a server that has lost its store programs nothing.

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
        return await SqliteRecord.open(path, node, clock, serving=serving)
    if scheme in POSTGRES_SCHEMES:
        from interop.adapters.store.postgres import PostgresRecord

        if migrate:
            from interop.adapters.store.migrate import migrate_postgres

            await migrate_postgres(url)
        return await PostgresRecord.open(url, node, clock, serving=serving)
    raise _unknown(scheme)


async def claim_serving(url: str, *, node: str, clock: Clock) -> Serving:
    """Take the right to serve the store at this address, for one server at a time; commands that work beside a server do without.

    Raises:
        ValueError: the address is of no store known here.
        SchemaMismatch: there is no such file.
        ServedAlready: another server has it.
        StoreUnavailable: the store cannot be reached, or cannot tell whether another server has it.
    """
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        from interop.adapters.store.serving import Unshared

        return Unshared()
    if scheme == "sqlite":
        from interop.adapters.store.sqlite_serving import SqliteServing

        return await SqliteServing.claim(sqlite_path(url), node, clock)
    if scheme in POSTGRES_SCHEMES:
        from interop.adapters.store.postgres_serving import PostgresServing

        return await PostgresServing.claim(url, node)
    raise _unknown(scheme)


def _unknown(scheme: str) -> ValueError:
    return ValueError(f"no store is known for {scheme or 'an address without a scheme'}: memory:, sqlite:///path or postgresql://…")


def sqlite_path(url: str) -> Path:
    """The file of a ``sqlite:///`` address: relative after three slashes, absolute after four. Raises: ValueError: it names none."""
    parts = urlsplit(url)
    path = unquote(parts.path[1:])
    if parts.netloc or not path:
        raise ValueError("a SQLite address is sqlite:///relative/path or sqlite:////absolute/path")
    return Path(path)
