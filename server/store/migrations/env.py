"""Alembic's entry point."""

from __future__ import annotations

from alembic import context

from server.store.migrate import target

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=target(), render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
