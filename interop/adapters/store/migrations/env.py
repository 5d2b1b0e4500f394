"""Alembic's entry: runs the revisions on the connection that ``migrate`` opened, inside its transaction."""

from alembic import context

from interop.adapters.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
context.run_migrations()
