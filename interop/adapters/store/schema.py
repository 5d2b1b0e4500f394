"""Which schema this version needs, and whether the one found will do; read with the driver, because importing Alembic costs a second."""

from interop.ports import SchemaMismatch

HEAD = "0001"  # the newest module in migrations/versions; a test compares the two
FIND_TABLE = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'",
    "postgresql": "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'alembic_version'",
}
FIND_REVISION = "SELECT version_num FROM alembic_version"


def check_revision(found: str) -> str:
    """The caution for a schema that is newer than this version knows, which works because migrations only expand; else nothing.

    Raises: SchemaMismatch: it is missing or older.
    """
    if found < HEAD:  # revisions are numbered with four digits, so text order is their order
        raise SchemaMismatch(found, HEAD)
    if found > HEAD:
        return f"the store's schema {found} is newer than the {HEAD} that this version was made for"
    return ""
