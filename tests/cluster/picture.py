"""Publishers and viewers with real pictures, at the nodes of a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, cast

import aiohttp
from aiortc import AudioStreamTrack, RTCRtpSender

from media.rtp.sequence import distance16, distance32
from tests.media.world import Client, Picture
from tests.media.world import World as MediaWorld
from tests.server.world import Person, World


class Guest(Client):
    """Publishes or watches at one node. A viewer's packets and pictures are kept, over whatever happens."""

    def __init__(self, door: MediaWorld) -> None:
        super().__init__(door)
        self.door = door

    async def send(self, room: str, key: str, **headers: str) -> None:
        """Publish picture and sound."""
        self.bearer = key
        self.peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
        video = self.peer.addTransceiver(Picture(), direction="sendonly")
        video.setCodecPreferences(_h264())
        await self._negotiate(f"/whip/{room}", key, **headers)

    def check(self, kind: str = "video", clock_rate: int = 90_000, jump_s: float = 5) -> None:
        """One track all along: no hole, no repeat, and time that never goes back."""
        packets = self.packets[kind]
        assert len({packet.ssrc for packet in packets}) == 1
        for before, after in pairwise(packets):
            assert distance16(after.sequence, before.sequence) == 1
            assert 0 <= distance32(after.timestamp, before.timestamp) < jump_s * clock_rate


def _h264() -> list[Any]:
    codecs = RTCRtpSender.getCapabilities("video").codecs
    return [one for one in codecs if one.mimeType in ("video/H264", "video/rtx")]


@asynccontextmanager
async def at(world: World) -> AsyncIterator[Guest]:
    """Somebody at a node."""
    async with aiohttp.ClientSession(world.url) as http:
        door = MediaWorld(cast("Any", None), cast("Any", None), cast("Any", None), http, world.url)
        guest = Guest(door)
        try:
            yield guest
        finally:
            await guest.vanish()


async def key_of(world: World, room: str, host: Person) -> str:
    status, key = await world.post(f"/api/v1/rooms/{room}/stream-keys", {"label": "camera"}, host.user)
    assert status == 201
    text: str = key["key"]
    return text
