"""A guest's picture beside the host's, on a running node: seen while it holds its slot, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from tests.cluster.test_publishing import Studio, key_of, studio
from tests.media.world import _loopback_candidates
from tests.server.world import DEADLINE_S, Person, World, shared_node
from tests.support.node import Node

__all__ = ["_loopback_candidates"]  # a fixture

GRACE_S = "1"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with shared_node(tmp_path_factory.mktemp("node"), DANMART_MEDIA__GRACE_S=GRACE_S) as node:
        yield node


class Stage:
    """A room whose host is live, and a guest in its slot with a camera of its own."""

    def __init__(self, world: World, room: str, host: Person, guest: Person, camera: Studio) -> None:
        self.world, self.room, self.host, self.guest, self.camera = world, room, host, guest, camera
        self.stream = ""

    async def come(self, at: World | None = None) -> None:
        """The guest is invited, accepts, publishes with a token of its own, and is seen."""
        await self.host.ok("guest.invite", user=self.guest.user)
        slot = (await self.guest.ok("guest.answer", accept=True))["guest"]["slot"]
        self.stream = f"{self.room}:{slot}"
        token = await token_of(self.guest, slot)
        assert await self.camera.go_live(at or self.world, self.stream, token) == 201
        joined = await self.host.event("guest.joined")
        assert joined["data"] == {"slot": slot, "user": {"id": self.guest.user, "name": "Lin"}}

    async def left(self) -> str:
        """Why the log says that the guest left, once it does."""
        reason: str = (await self.host.event("guest.left"))["data"]["reason"]
        return reason

    async def status(self) -> str:
        status: str = (await self.world.get(f"/api/v1/rooms/{self.room}", self.host.user))[1]["status"]
        return status


async def token_of(person: Person, slot: str | None = None) -> str:
    payload = {} if slot is None else {"slot": slot}
    token: str = (await person.ok("publish.token", **payload))["token"]
    return token


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[Stage]:
    room, host = await world.room()
    guest = await world.viewer(room)
    async with studio() as picture, studio() as camera:
        assert await picture.go_live(world, room, await key_of(world, room, host)) == 201
        await host.event("room.status", lambda event: event["data"]["status"] == "live")
        yield Stage(world, room, host, guest, camera)


async def watch(world: World, stream: str) -> int:
    """The status of the answer to a WHEP viewer."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        peer.addTransceiver("video", direction="recvonly")
        await peer.setLocalDescription(await peer.createOffer())
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                f"{world.url}/whep/{stream}",
                data=peer.localDescription.sdp,
                headers={"Content-Type": "application/sdp"},
            ) as answer,
        ):
            return answer.status
    finally:
        await peer.close()


async def refusal(world: World, stream: str, bearer: str) -> str:
    """The code that a publisher is refused with, before its offer is looked at."""
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {bearer}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{world.url}/whip/{stream}", data="no offer", headers=headers) as answer,
    ):
        code: str = (await answer.json(content_type=None))["code"]
        return code


async def test_a_guest_is_seen_beside_the_host_and_removed(world: World) -> None:
    async with opened(world) as stage:
        await stage.come()
        assert await watch(world, stage.stream) == 201
        assert await watch(world, stage.room) == 201
        status, playlist = await world.get(f"/hls/{stage.stream}/index.m3u8")
        assert (status, b"#EXT-X-STREAM-INF" in playlist) == (200, True)
        token = await token_of(stage.guest, "g1")
        assert await refusal(world, stage.stream, token) == "bad_sdp", "only the offer is wrong"
        await stage.host.ok("guest.remove", user=stage.guest.user)
        await asyncio.wait_for(stage.camera.lost.wait(), DEADLINE_S)
        assert await stage.left() == "removed"
        assert await refusal(world, stage.stream, token) == "forbidden"
        assert await stage.guest.code("publish.token", slot="g1") == "forbidden"
        assert await stage.status() == "live"
        assert await watch(world, stage.stream) == 404


async def test_a_removed_guests_picture_is_over_at_once_and_the_slot_is_the_next_ones(world: World) -> None:
    async with opened(world) as stage, studio() as other:
        await stage.come()
        await stage.host.ok("guest.remove", user=stage.guest.user)
        async with asyncio.timeout(1):
            while await watch(world, stage.stream) != 404:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        next_one = await world.viewer(stage.room, "Wu")
        await stage.host.ok("guest.invite", user=next_one.user)
        slot = (await next_one.ok("guest.answer", accept=True))["guest"]["slot"]
        assert slot == "g1"
        assert await other.go_live(world, stage.stream, await token_of(next_one, slot)) == 201
        await stage.host.event("guest.joined", lambda event: event["data"]["user"]["name"] == "Wu")
        assert not other.lost.is_set()


async def test_a_mute_takes_the_picture_away(world: World) -> None:
    async with opened(world) as stage:
        await stage.come()
        await stage.host.ok("moderate.mute", user=stage.guest.user, seconds=60, reason="")
        await asyncio.wait_for(stage.camera.lost.wait(), DEADLINE_S)
        assert await stage.left() == "removed"


async def test_the_end_of_the_room_ends_the_guests_picture(world: World) -> None:
    async with opened(world) as stage:
        await stage.come()
        token = await token_of(stage.guest, "g1")
        await stage.host.ok("room.end")
        assert await refusal(world, stage.stream, token) == "forbidden"
        await asyncio.wait_for(stage.camera.lost.wait(), DEADLINE_S)
        assert await stage.left() == "ended"
        assert await stage.status() == "ended"


async def test_a_guest_whose_connection_breaks_leaves_after_the_grace_period(world: World) -> None:
    async with opened(world) as stage:
        await stage.come()
        await stage.camera.peer.close()  # without the goodbye that WHIP has
        assert await stage.left() == "lost"
        assert await stage.status() == "live"
        statuses = [
            e["data"] for f in stage.host.all("events") for e in f["items"] if e["kind"] == "room.status"
        ]
        assert statuses == [{"status": "live"}], "a guest's picture says nothing of the room"


async def test_who_may_not_publish_to_a_slot(world: World) -> None:
    async with opened(world) as stage:
        room, host, guest = stage.room, stage.host, stage.guest
        await host.ok("guest.invite", user=guest.user)
        assert await guest.code("publish.token", slot="g1") == "forbidden", "not accepted yet"
        await guest.ok("guest.answer", accept=True)
        other = await world.viewer(room)
        assert await other.code("publish.token", slot="g1") == "forbidden"
        assert await host.code("publish.token", slot="g1") == "forbidden"
        own, hosts = await token_of(guest, "g1"), await token_of(host)
        assert await refusal(world, f"{room}:g1", hosts) == "forbidden"
        assert await refusal(world, room, own) == "forbidden"
        assert await refusal(world, f"{room}:g2", own) == "forbidden"
        assert await refusal(world, f"{room}:g1", await key_of(world, room, host)) == "forbidden"
        assert await guest.code("publish.token") == "forbidden"
        await guest.ok("guest.withdraw")
        assert await refusal(world, f"{room}:g1", own) == "forbidden"


@pytest.mark.parametrize("name", [":g1", "{room}:", "{room}:G1", "{room}:g1:g2", "{room}:" + "g" * 17])
async def test_what_is_no_streams_name(world: World, name: str) -> None:
    room, _ = await world.room()
    for path in ("/whep/{}", "/whip/{}"):
        status, body = await world.post(path.format(name.format(room=room)), {})
        assert (status, body["code"]) == (404, "room_not_found")
    # Only pictures go by streams' names.
    status, _ = await world.get(f"/api/v1/rooms/{room}:g1")
    assert status == 404


async def test_newcomers_know_who_is_on_stage_and_guests_where_they_stand(world: World) -> None:
    async with opened(world) as stage:
        await stage.come()
        await stage.host.ok("stage.layout", layout="guest:g1")
        await stage.host.event("stage.layout")
        wu = await world.join("wu-newcomer", "Wu")
        entered: dict[str, Any] = await wu.enter(stage.room)
        shown = entered["snapshot"]["stage"]
        assert shown["layout"] == "guest:g1"
        assert [(g["slot"], g["user"]["name"]) for g in shown["guests"]] == [("g1", "Lin")]
        assert entered["you"]["guest"] is None
        await wu.ok("guest.ask")
        assert (await wu.enter(stage.room))["you"]["guest"]["status"] == "asked"
        again = await stage.host.enter(stage.room)
        assert [(g["user"]["name"], g["status"]) for g in again["staff"]["guests"]] == [
            ("Lin", "on"),
            ("Wu", "asked"),
        ]
