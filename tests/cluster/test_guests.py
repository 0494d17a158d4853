"""A guest may be published at another node than its host, and is watched at all of them."""

from __future__ import annotations

import asyncio

import aiohttp

from tests.cluster.picture import at, key_of
from tests.cluster.test_picture import until_hls
from tests.cluster.test_publishing import studio
from tests.media.world import _loopback_candidates
from tests.server.test_guests import token_of
from tests.server.world import World

__all__ = ["_loopback_candidates"]  # a fixture


async def test_a_guest_at_another_node_is_seen_everywhere_and_removed_there(cluster: list[World]) -> None:
    a, b = cluster
    room, host = await a.room()
    guest = await b.viewer(room)
    async with at(a) as picture, studio() as camera, studio() as twin, at(a) as viewer:
        await picture.send(room, await key_of(a, room, host))
        await host.event("room.status")
        await host.ok("guest.invite", user=guest.user)
        await guest.ok("guest.answer", accept=True)
        token = await token_of(guest, "g1")
        assert await camera.go_live(b, f"{room}:g1", token) == 201
        await host.event("guest.joined")
        await viewer.watch(f"{room}:g1")
        await viewer.see(5)
        async with aiohttp.ClientSession(a.url) as http:
            assert "#EXT-X-PART" in await until_hls(http, f"{room}:g1")
        # The slot is published at one node, as a room is.
        assert await twin.go_live(a, f"{room}:g1", token) == 409
        await host.ok("guest.remove", user=guest.user)
        await asyncio.wait_for(camera.lost.wait(), 10)
        assert (await host.event("guest.left"))["data"]["reason"] == "removed"
