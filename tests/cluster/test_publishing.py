"""A room is published at one node: what concerns its publisher may be said at any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from tests.cluster.test_faults import mistreated
from tests.media.world import Picture, _loopback_candidates
from tests.server.world import Person, World
from tests.support.valkey import ValkeyServer

__all__ = ["_loopback_candidates", "mistreated"]  # fixtures

Cluster = list[World]


class Studio:
    """Somebody with a camera."""

    def __init__(self, picture: Picture | None = None) -> None:
        self.picture = picture or Picture()
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.lost = asyncio.Event()
        self.peer.on("connectionstatechange", self._changed)

    def _changed(self) -> None:
        if self.peer.connectionState in ("closed", "failed"):
            self.lost.set()

    async def go_live(self, world: World, room: str, key: str, **headers: str) -> int:
        """The status of the answer; with 201, packets flow."""
        video = self.peer.addTransceiver(self.picture, direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        video.setCodecPreferences([one for one in codecs if one.mimeType in ("video/H264", "video/rtx")])
        await self.peer.setLocalDescription(await self.peer.createOffer())
        headers |= {"Content-Type": "application/sdp", "Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                f"{world.url}/whip/{room}", data=self.peer.localDescription.sdp, headers=headers
            ) as answer,
        ):
            if answer.status == 201:
                await self.peer.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
            return answer.status


@asynccontextmanager
async def studio(picture: Picture | None = None) -> AsyncIterator[Studio]:
    one = Studio(picture)
    try:
        yield one
    finally:
        await one.peer.close()


async def key_of(world: World, room: str, host: Person) -> str:
    status, key = await world.post(f"/api/v1/rooms/{room}/stream-keys", {"label": "camera"}, host.user)
    assert status == 201
    text: str = key["key"]
    return text


async def is_published_at(world: World, room: str, host: Person) -> bool:
    status, body = await world.get(f"/api/v1/rooms/{room}/publisher", host.user)
    assert status in (200, 404), body
    return status == 200


async def statuses(host: Person, count: int) -> list[str]:
    """The room's first changes of status."""
    found: list[str] = []
    async with asyncio.timeout(15):
        while len(found) < count:
            await asyncio.sleep(0.02)
            items = [item for frame in host.all("events") for item in frame["items"]]
            found = [item["data"]["status"] for item in items if item["kind"] == "room.status"]
    return found


async def until_unpublished(world: World, room: str, host: Person, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while await is_published_at(world, room, host):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_room_that_is_ended_at_another_node_stops_its_publisher(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await b.room()
    async with studio() as camera:
        assert await camera.go_live(a, room, await key_of(b, room, host)) == 201
        assert await statuses(host, 1) == ["live"]
        assert await is_published_at(a, room, host)
        await host.ok("room.end")
        # By the bus: much sooner than the next renewal of the lease.
        await until_unpublished(a, room, host, within_s=1)
        await asyncio.wait_for(camera.lost.wait(), 10)
        assert await statuses(host, 2) == ["live", "ended"]
    async with studio() as again:
        assert await again.go_live(b, room, await key_of(b, room, host)) == 201
        assert await statuses(host, 3) == ["live", "ended", "live"]


async def test_it_stops_without_valkey_too(cluster: Cluster, mistreated: ValkeyServer) -> None:
    a, b = cluster
    room, host = await b.room()
    async with studio() as camera:
        assert await camera.go_live(a, room, await key_of(b, room, host)) == 201
        assert await statuses(host, 1) == ["live"]
        await asyncio.to_thread(mistreated.down)
        await host.ok("room.end")
        await until_unpublished(a, room, host, within_s=5)
    mistreated.up()
    assert await statuses(host, 2) == ["live", "ended"]


async def test_a_key_in_use_at_another_node_is_taken_over_when_that_is_said(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await b.room()
    key = await key_of(b, room, host)
    async with studio() as old, studio() as refused, studio() as new:
        assert await old.go_live(a, room, key) == 201
        assert await statuses(host, 1) == ["live"]
        assert await refused.go_live(b, room, key) == 409
        assert await new.go_live(b, room, key, **{"X-Danmart-Takeover": "1"}) == 201
        await asyncio.wait_for(old.lost.wait(), 10)
        # It is asked for at either node, and is at one.
        assert await is_published_at(a, room, host)
        assert await is_published_at(b, room, host)
        await host.ok("room.end")
        # Nobody saw an interruption: the room was live all the time.
        assert await statuses(host, 2) == ["live", "ended"]


async def test_a_key_that_is_revoked_at_another_node_ends_its_stream_at_once(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await b.room()
    async with studio() as camera:
        key = await key_of(b, room, host)
        assert await camera.go_live(a, room, key) == 201
        assert await statuses(host, 1) == ["live"]
        health = await host.until("publisher", lambda one: one["video"]["fps"] > 0)
        assert (health["room"], health["status"], health["protocol"]) == (room, "live", "whip")
        assert "no_sound" in health["advice"]
        await host.until("publisher", lambda one: one["uplink_ms"] is not None)
        said = await host.until("signals", lambda one: one.get("latency", {}).get("uplink_ms") is not None)
        assert 0 <= said["latency"]["uplink_ms"] < 5_000
        path = f"/api/v1/rooms/{room}/stream-keys"
        _, keys = await b.get(path, host.user)
        status, _, _ = await b.request("DELETE", f"{path}/{keys['items'][0]['id']}", host.user)
        assert status == 200
        await until_unpublished(a, room, host, within_s=5)
        await asyncio.wait_for(camera.lost.wait(), 10)
        assert await statuses(host, 2) == ["live", "ended"]
    async with studio() as again:
        assert await again.go_live(a, room, key) == 401
