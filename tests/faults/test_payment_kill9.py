"""``kill -9`` between charge and settling: the provider has the money, the node never heard of it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from tests.faults.load import CONNECTION_LOST, pages
from tests.server.world import World, key, running_world

HOLDS = {"DANMART_ROOMS__HOLD_S": "300"}


def charges(folder: Path) -> dict[str, int]:
    """The provider's books: what it took for which payment."""
    with contextlib.closing(sqlite3.connect(folder / "data" / "danmart.db")) as db:
        return dict(db.execute("SELECT payment_id, amount_minor FROM sandbox_charges WHERE refunded = 0"))


async def until_charged(folder: Path, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await asyncio.to_thread(charges, folder)) < count:
            await asyncio.sleep(0.01)


async def paid_orders(world: World, room: str, host: str) -> dict[str, str]:
    return {
        order["id"]: order["status"] for order in await pages(world, f"/api/v1/rooms/{room}/orders", host)
    }


async def test_what_was_charged_is_paid_after_all(tmp_path: Path) -> None:
    """Three payments hang at the provider when the node dies. One is asked for again with its key, two by
    nobody: the timers find them."""
    async with running_world(tmp_path, **HOLDS) as world:
        room, host = await world.room()
        _, sku = await world.product(host, stock=3)
        buyer = await world.viewer(room)
        orders = [(await buyer.ok("buy", sku=sku, qty=1))["order"]["id"] for _ in range(3)]
        keys = [key() for _ in orders]
        paying = [
            asyncio.create_task(buyer.do("order.pay", order=order, card="hangs", key=each))
            for order, each in zip(orders, keys, strict=True)
        ]
        await until_charged(tmp_path, 3)
        world.node.kill9()
        for task in paying:
            task.cancel()
        await asyncio.gather(*paying, return_exceptions=True)
    async with running_world(tmp_path, **HOLDS) as world:
        person = await world.join(buyer.user)
        await person.enter(room)
        retried: dict[str, Any] | None = None
        with contextlib.suppress(*CONNECTION_LOST):
            # It hangs as it did before, until the node has had enough; nothing is charged twice.
            retried = await person.do("order.pay", order=orders[0], card="hangs", key=keys[0])
        assert retried is not None
        assert retried["ok"] or retried["error"]["code"] == "payment_pending"
        async with asyncio.timeout(25):
            while set((await paid_orders(world, room, str(host.user))).values()) != {"paid"}:
                await asyncio.sleep(0.1)
        books = await asyncio.to_thread(charges, tmp_path)
        assert sorted(books.values()) == [4900] * 3
        _, shelf = await world.get(f"/api/v1/rooms/{room}/products", str(host.user))
        assert [sku["stock"] for product in shelf["items"] for sku in product["skus"]] == [0]
