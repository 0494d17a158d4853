"""A room is published at one node and watched at all of them."""

from __future__ import annotations

import asyncio
import time

from tests.cluster.picture import at, key_of
from tests.cluster.test_publishing import is_published_at, statuses
from tests.media.world import _loopback_candidates, until
from tests.server.world import World

__all__ = ["_loopback_candidates"]  # a fixture

Cluster = list[World]


async def test_viewers_at_another_node_have_their_picture_within_a_second(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    async with at(a) as camera, at(b) as first, at(b) as second:
        await camera.send(room, await key_of(a, room, host))
        assert await statuses(host, 1) == ["live"]
        asked = time.monotonic()
        await asyncio.gather(first.watch(room), second.watch(room))
        await first.see(1)
        assert time.monotonic() - asked < 1
        await asyncio.gather(first.see(20), second.see(20))
        await until(lambda: first.samples > 9600, "sound")
        first.check()
        first.check("audio", 48_000)
        # However many watch there, it is pulled once.
        assert (await metrics(b))["danmart_relay_connects_total"] == 1
        assert await is_published_at(b, room, host)


async def metrics(world: World) -> dict[str, float]:
    """The node's numbers that have no labels."""
    status, body = await world.get("/metrics")
    assert status == 200
    lines = body.decode().splitlines()
    pairs = [line.rpartition(" ") for line in lines if not line.startswith("#") and "{" not in line]
    return {name: float(value) for name, _, value in pairs}
