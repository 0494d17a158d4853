"""A guest may be published at another node than its host."""

from __future__ import annotations

import asyncio

from tests.cluster.test_publishing import key_of, studio
from tests.media.world import _loopback_candidates
from tests.server.test_guests import token_of
from tests.server.world import World

__all__ = ["_loopback_candidates"]  # a fixture


async def test_a_guest_at_another_node_is_seen_and_removed_there(cluster: list[World]) -> None:
    a, b = cluster
    room, host = await a.room()
    guest = await b.viewer(room)
    async with studio() as picture, studio() as camera, studio() as twin:
        assert await picture.go_live(a, room, await key_of(a, room, host)) == 201
        await host.event("room.status")
        await host.ok("guest.invite", user=guest.user)
        await guest.ok("guest.answer", accept=True)
        token = await token_of(guest, "g1")
        assert await camera.go_live(b, f"{room}:g1", token) == 201
        await host.event("guest.joined")
        # The slot is published at one node, as a room is.
        assert await twin.go_live(a, f"{room}:g1", token) == 409
        await host.ok("guest.remove", user=guest.user)
        await asyncio.wait_for(camera.lost.wait(), 10)
        assert (await host.event("guest.left"))["data"]["reason"] == "removed"
