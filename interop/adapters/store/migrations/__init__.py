"""Alembic's side of the store: they only expand; a contraction waits one release."""
