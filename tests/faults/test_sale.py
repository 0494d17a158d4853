"""Many more buyers than units, and the node is killed in the middle of it: sold is what there was, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.world import running_world
from tests.support.sale import ENV, check, kill_busy, selling, until


async def one_sale(folder: Path, buyers: int, units: int, within_s: float) -> None:
    database = f"sqlite:///{folder / 'data' / 'danmart.db'}"
    async with running_world(folder, **ENV) as world, selling([world], buyers, units) as (sale, task):
        await until(sale, lambda: sale.answered("ok") >= units // 2, task)
        await kill_busy(sale, world)
        async with running_world(folder, **ENV) as again:
            watcher = await again.join("watcher")
            await watcher.enter(sale.room)
            sale.urls = [again.url]
            stored = await check(sale, task, database, units, within_s)
    assert sale.answered("lost"), "nothing was under way at the kill"
    statuses = {order.status for order in stored.orders.values()}
    assert "expired" in statuses, "no hold ran out and was sold again"


async def test_every_unit_is_sold_once_though_the_node_is_killed(tmp_path: Path) -> None:
    await one_sale(tmp_path, buyers=500, units=20, within_s=45)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_ten_thousand_buyers_for_a_hundred_units(tmp_path: Path) -> None:
    await one_sale(tmp_path, buyers=10_000, units=100, within_s=400)
