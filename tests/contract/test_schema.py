"""The migrations make the schema that the code expects, from nothing and over again."""

from __future__ import annotations

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from server.store.engine import open_writer
from server.store.migrate import migrate, target


async def test_migrations_lead_to_the_models(database_url: str) -> None:
    def compare() -> list[object]:
        migrate(database_url)
        migrate(database_url)
        engine = open_writer(database_url)
        with engine.begin() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            difference: list[object] = compare_metadata(context, target())
        engine.dispose()
        return difference

    assert await asyncio.to_thread(compare) == []


async def test_several_nodes_may_start_at_once(postgres_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate, postgres_url) for _ in range(4)))
