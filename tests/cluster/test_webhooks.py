"""Two nodes, one endpoint, and the node that serves it killed: nothing is skipped, repeats have one id."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster.world import running_cluster
from tests.server.webhooks.receiver import Receiver, running_receiver
from tests.server.world import World, fresh, token
from tests.support.postgres import PostgresServer
from tests.support.valkey import ValkeyServer

LOCAL = {"DANMART_OUTBOUND__ALLOW_PRIVATE": "127.0.0.0/8"}


def serving_node(url: str) -> str:
    """The name of the node that serves the only endpoint. Blocks."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT node FROM webhook_leases").fetchone()
    return str(found[0]) if found else ""


async def sell(world: World, room: str, sku: str, number: int) -> list[str]:
    """Orders bought over HTTP, so that it doesn't matter which node dies."""
    made = []
    for _ in range(number):
        user = fresh("buyer")
        path = f"/api/v1/rooms/{room}/commands/buy"
        status, answer = await world.post(path, {"sku": sku, "qty": 1}, user, key=fresh("key-buy-00"))
        assert status == 200, answer
        made.append(answer["order"]["id"])
    return made


def told(receiver: Receiver) -> dict[str, set[str]]:
    """The webhook ids under which each order was told of as held."""
    found: dict[str, set[str]] = {}
    for got in receiver.of("order.held"):
        found.setdefault(got.data["order"]["id"], set()).add(got.id)
    return found


async def test_a_killed_nodes_endpoint_is_taken_over_and_nothing_is_skipped(
    tmp_path: Path, postgres: PostgresServer, valkey: ValkeyServer
) -> None:
    name = postgres.create_database()
    url = postgres.url(name)
    try:
        async with (
            running_receiver() as receiver,
            running_cluster(tmp_path, url, valkey.url, 2, **LOCAL) as worlds,
        ):
            await _kill_the_courier(url, receiver, worlds)
    finally:
        postgres.drop_database(name)


async def tell_of_orders(world: World, receiver: Receiver) -> None:
    body: dict[str, Any] = {"url": receiver.url, "types": ["order.*"]}
    headers = {"Authorization": f"Bearer {token('root', operator=True)}"}
    status, _, made = await world.request("POST", "/api/v1/webhooks", json=body, headers=headers)
    assert status == 201, made


@pytest.mark.alone
async def test_what_another_node_commits_is_told_at_once(
    tmp_path: Path, postgres: PostgresServer, valkey: ValkeyServer
) -> None:
    """Nobody watches the room anywhere, so that only the readers of logs can have heard of it."""
    name = postgres.create_database()
    url = postgres.url(name)
    try:
        async with (
            running_receiver() as receiver,
            running_cluster(tmp_path, url, valkey.url, 2, **LOCAL) as worlds,
        ):
            room, host = await worlds[0].room()
            _, sku = await worlds[0].product(host, stock=200)
            await host.close()
            await tell_of_orders(worlds[1], receiver)
            known_at = asyncio.get_running_loop().time() + 3
            while asyncio.get_running_loop().time() < known_at:  # nodes learn of endpoints as they look
                await told_after(worlds[0], room, sku, receiver)
            serving = await asyncio.to_thread(serving_node, url)
            (other,) = [w for w in worlds if not serving.endswith(f"-{w.node.process.pid}")]
            late = [await told_after(other, room, sku, receiver) for _ in range(20)]
    finally:
        postgres.drop_database(name)
    print("told after ms:", *(f"{1000 * s:.0f}" for s in sorted(late)))
    assert statistics.median(late) < 0.25  # by the looks alone it would be half a second
    assert max(late) < 1


async def told_after(world: World, room: str, sku: str, receiver: Receiver) -> float:
    """How long after the answer to its buyer an order reaches the receiver, in seconds."""
    (order,) = await sell(world, room, sku, 1)
    began = asyncio.get_running_loop().time()
    await receiver.until(lambda: order in told(receiver))
    return asyncio.get_running_loop().time() - began


async def _kill_the_courier(url: str, receiver: Receiver, worlds: list[World]) -> None:
    room, host = await worlds[0].room()
    _, sku = await worlds[0].product(host, stock=200)
    await tell_of_orders(worlds[1], receiver)
    orders = await sell(worlds[0], room, sku, 5) + await sell(worlds[1], room, sku, 5)
    await receiver.until(lambda: set(told(receiver)) >= set(orders))
    serving = await asyncio.to_thread(serving_node, url)
    pids = [str(world.node.process.pid) for world in worlds]
    (victim,) = [world for world, pid in zip(worlds, pids, strict=True) if serving.endswith(f"-{pid}")]
    survivor = worlds[1 - worlds.index(victim)]
    receiver.hold.clear()  # so that something is under way when the node dies
    before = len(receiver.got)
    orders += await sell(survivor, room, sku, 6)
    await receiver.until(lambda: len(receiver.got) > before)
    await asyncio.to_thread(victim.node.kill9)
    orders += await sell(survivor, room, sku, 6)
    receiver.hold.set()
    await receiver.until(lambda: set(told(receiver)) >= set(orders), within_s=15)
    ids = told(receiver)
    assert set(ids) == set(orders)
    assert all(len(of_order) == 1 for of_order in ids.values())
    assert len(receiver.of("order.held")) > len(orders)  # what was under way came again
