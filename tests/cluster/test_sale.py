"""Two nodes sell one product; one of them is killed, and so is the database, while everybody buys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.cluster.world import environment
from tests.server.world import running_world
from tests.support.postgres import PostgresServer
from tests.support.sale import ENV, check, kill_busy, selling, until
from tests.support.valkey import ValkeyServer


async def one_sale(
    folder: Path, postgres: PostgresServer, redis_url: str, buyers: int, units: int, within_s: float
) -> None:
    database = postgres.url(postgres.create_database())
    env = {**environment(database, redis_url), **ENV}
    async with AsyncExitStack() as stack:
        a, b = [
            await stack.enter_async_context(running_world(folder / name, **env))
            for name in ("node-a", "node-b")
        ]
        sale, task = await stack.enter_async_context(selling([a, b], buyers, units))
        await until(sale, lambda: sale.answered("ok") >= units // 3, task)
        await kill_busy(sale, a)
        await until(sale, lambda: sale.answered("ok") >= units // 2, task)
        await asyncio.to_thread(postgres.crash)
        noticed = sale.answered("lost") + 1
        await until(
            sale,
            lambda: sale.answered("temporarily_unavailable") > 0 or sale.answered("lost") > noticed,
            task,
        )
        postgres.up()
        back = await stack.enter_async_context(running_world(folder / "node-a", **env))
        sale.urls = [back.url, b.url]
        stored = await check(sale, task, database, units, within_s)
    assert sale.answered("lost"), "nothing was under way at the kill"
    assert "expired" in {order.status for order in stored.orders.values()}, "no hold was sold again"


@pytest.fixture
def fragile() -> Iterator[PostgresServer]:
    """A database that may be killed: nobody else's tests are on it."""
    server = PostgresServer(durable=True)
    yield server
    server.stop()


async def test_every_unit_is_sold_once_though_a_node_and_the_database_are_killed(
    tmp_path: Path, fragile: PostgresServer, bus_server: ValkeyServer
) -> None:
    await one_sale(tmp_path, fragile, bus_server.url, buyers=500, units=20, within_s=45)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_ten_thousand_buyers_for_a_hundred_units(
    tmp_path: Path, fragile: PostgresServer, bus_server: ValkeyServer
) -> None:
    await one_sale(tmp_path, fragile, bus_server.url, buyers=10_000, units=100, within_s=600)
