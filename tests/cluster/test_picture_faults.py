"""Nodes, Valkey and leases go away under a picture that is watched elsewhere."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psycopg
import pytest
from playwright.async_api import Browser

from tests.cluster.picture import at, key_of
from tests.cluster.test_picture import playlist, until_hls
from tests.cluster.test_publishing import statuses
from tests.cluster.world import environment, running_cluster
from tests.media.world import _loopback_candidates, until
from tests.server.world import World, running_world
from tests.support.valkey import ValkeyServer

__all__ = ["_loopback_candidates"]  # a fixture

pytestmark = [pytest.mark.soak, pytest.mark.timeout(180)]

Cluster = list[World]
HLS_JS = Path(__file__).parents[2] / "clients/web/node_modules/hls.js/dist/hls.light.min.js"


@pytest.fixture
async def three(tmp_path: Path, database: str, bus_server: ValkeyServer) -> AsyncIterator[Cluster]:
    """Nodes that may be killed."""
    async with running_cluster(tmp_path, database, bus_server.url, nodes=3) as worlds:
        yield worlds
        if not bus_server.runs:
            bus_server.up()


class HlsPlayer:
    """Follows the playlist of a node by blocking reloads, and fetches what is new: parts in order."""

    def __init__(self, world: World, room: str) -> None:
        self.room = room
        self.http = aiohttp.ClientSession(world.url)
        self.numbers: list[int] = []
        self.discontinuities: list[int] = []
        self.troubles: list[str] = []
        self.at: list[float] = []
        self.bytes = 0
        self._task = asyncio.create_task(self._play())
        self._next: tuple[int, int] | None = None

    async def _play(self) -> None:
        while True:
            query = f"?_HLS_msn={self._next[0]}&_HLS_part={self._next[1]}" if self._next else ""
            status, text = await playlist(self.http, self.room, query)
            if status != 200:
                self.troubles.append(f"{status} for {query}")
                await asyncio.sleep(0.5)
                continue
            await self._take(text)

    async def _take(self, text: str) -> None:
        first = int(text.split("#EXT-X-MEDIA-SEQUENCE:")[1].split(maxsplit=1)[0])
        segments = re.findall(r"-(\d+)\.m4s$", text, re.MULTILINE)
        parts = re.findall(r'EXT-X-PART:.*URI="([\w-]+-(\d+)\.(\d+)\.m4s)"', text)
        assert [int(number) for number in segments] == list(range(first, first + len(segments)))
        assert "#EXT-X-ENDLIST" not in text
        gone = int(text.split("#EXT-X-DISCONTINUITY-SEQUENCE:")[1].split(maxsplit=1)[0])
        self.discontinuities.append(gone + text.count("#EXT-X-DISCONTINUITY\n"))
        for name, number, part in parts:
            if self._next is not None and (int(number), int(part)) < self._next:
                continue
            async with self.http.get(f"/hls/{self.room}/{name}") as answer:
                if answer.status != 200:
                    self.troubles.append(f"{answer.status} for {name}")
                    continue
                self.bytes += len(await answer.read())
            self._next = int(number), int(part) + 1
            self.numbers.append(int(number))
            self.at.append(time.monotonic())

    async def see(self, more: int) -> None:
        wanted = len(self.numbers) + more
        await until(lambda: len(self.numbers) >= wanted or self._task.done(), f"{wanted} parts")
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.http.close()

    @property
    def longest_pause_s(self) -> float:
        return max((b - a for a, b in zip(self.at, self.at[1:], strict=False)), default=0.0)


async def test_the_origin_is_killed_and_its_viewers_elsewhere_go_on(three: Cluster) -> None:
    a, b, c = three
    room, host = await b.room()
    key = await key_of(b, room, host)
    async with at(c) as viewer, at(b) as other, at(b) as studio:
        async with at(a) as camera:
            await camera.send(room, key)
            assert await statuses(host, 1) == ["live"]
            await viewer.watch(room)
            await other.watch(room)
            async with aiohttp.ClientSession(c.url) as http:
                await until_hls(http, room)
            player = HlsPlayer(c, room)
            await asyncio.gather(viewer.see(20), other.see(20), player.see(8))
            await asyncio.to_thread(a.node.kill9)
        began = time.monotonic()
        await studio.send(room, key, X_Danmart_Takeover="1")
        await asyncio.gather(viewer.see(1), other.see(1))
        print(f"pictures again after {time.monotonic() - began:.2f} s")
        await asyncio.gather(viewer.see(20), other.see(20), player.see(12))
        print(f"HLS paused for {player.longest_pause_s:.2f} s, {player.troubles}")
        for one in (viewer, other):
            one.check(jump_s=20)
            one.check("audio", 48_000, jump_s=20)
        assert [trouble for trouble in player.troubles if "msn" in trouble] == []
        assert player.numbers == sorted(player.numbers)
        assert player.discontinuities == sorted(player.discontinuities)
        assert player.discontinuities[-1] > player.discontinuities[0]
        await player.close()


async def test_hls_goes_on_when_the_publisher_goes_to_another_node(three: Cluster) -> None:
    a, b, c = three
    room, host = await b.room()
    key = await key_of(b, room, host)
    async with at(a) as camera, at(b) as studio:
        await camera.send(room, key)
        assert await statuses(host, 1) == ["live"]
        async with aiohttp.ClientSession(c.url) as http:
            await until_hls(http, room)
        players = [HlsPlayer(world, room) for world in three]
        await asyncio.gather(*(player.see(8) for player in players))
        await studio.send(room, key, X_Danmart_Takeover="1")
        await until(lambda: camera.peer.connectionState == "closed", "the old publisher's end")
        await asyncio.gather(*(player.see(16) for player in players))
        for player in players:
            print(f"HLS paused for {player.longest_pause_s:.2f} s, {player.troubles}")
            assert player.troubles == []
            assert player.numbers == sorted(player.numbers)
            assert player.discontinuities[-1] > player.discontinuities[0]
            await player.close()


async def test_pictures_find_their_way_while_valkey_is_away(three: Cluster, bus_server: ValkeyServer) -> None:
    a, b, c = three
    room, host = await b.room()
    key = await key_of(b, room, host)
    async with at(a) as camera, at(b) as studio, at(c) as viewer, at(b) as late:
        await camera.send(room, key)
        assert await statuses(host, 1) == ["live"]
        await viewer.watch(room)
        await viewer.see(5)
        await asyncio.to_thread(bus_server.down)
        await late.watch(room)
        await late.see(5)
        await studio.send(room, key, X_Danmart_Takeover="1")
        await until(lambda: camera.peer.connectionState == "closed", "the old publisher's end")
        await asyncio.gather(viewer.see(20), late.see(20))
        viewer.check()


async def test_a_node_that_lost_its_lease_is_left_though_it_goes_on_sending(
    three: Cluster, database: str
) -> None:
    """As behind a cut: the lease is another's in SQL, and the old node doesn't know yet."""
    a, b, c = three
    room, host = await b.room()
    key = await key_of(b, room, host)
    async with at(a) as camera, at(b) as studio, at(c) as viewer:
        await camera.send(room, key)
        assert await statuses(host, 1) == ["live"]
        await viewer.watch(room)
        await viewer.see(10)
        a.node.freeze()  # its viewers elsewhere see nothing more
        await asyncio.to_thread(expire, database, room)
        await studio.send(room, key)
        began = time.monotonic()
        await viewer.see(30)
        print(f"pictures again after {time.monotonic() - began:.2f} s")
        viewer.check(jump_s=20)
        a.node.kill9()


def expire(postgres_url: str, room: str) -> None:
    """The lease has run out: its node hasn't been heard of."""
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        connection.execute("UPDATE origins SET expires_at_ms = 0 WHERE room_id = %s", (room,))


async def test_a_gateway_in_front_passes_publishers_and_viewers_on(
    three: Cluster, tmp_path: Path, database: str, bus_server: ValkeyServer
) -> None:
    env = environment(database, bus_server.url) | {"DANMART_NODE__ROLES": "gateway"}
    async with running_world(tmp_path / "front", **env) as front:
        room, host = await front.room()
        key = await key_of(front, room, host)
        async with at(front) as camera, at(front) as viewer:
            await camera.send(room, key)
            assert await statuses(host, 1) == ["live"]
            await viewer.watch(room)
            await viewer.see(10)
            # Both are at the same node, though others have as much room.
            assert camera.location.split("/")[3] == viewer.location.split("/")[3]
            async with aiohttp.ClientSession(front.url) as http:
                assert "#EXTM3U" in await until_hls(http, room)
            status, found = await front.get(f"/api/v1/rooms/{room}/publisher", host.user)
            assert (status, found["viewers"]["whep"]) == (200, 1)
            assert await viewer.delete() == 200
            assert await camera.delete() == 200
            assert await statuses(host, 2) == ["live", "ended"]


async def test_all_workers_show_what_one_of_them_publishes(
    tmp_path: Path, database: str, bus_server: ValkeyServer
) -> None:
    """Behind one port, requests land anywhere."""
    env = environment(database, bus_server.url)
    async with running_world(tmp_path, "--workers", "2", **env) as world:
        room, host = await world.room()
        async with at(world) as camera:
            await camera.send(room, await key_of(world, room, host))
            assert await statuses(host, 1) == ["live"]
            nodes: set[str] = set()
            async with asyncio.timeout(60):
                while len(nodes) < 2:
                    async with at(world) as viewer:
                        await viewer.watch(room)
                        await viewer.see(3)
                        nodes.add(viewer.location.split("/")[3])
            assert await camera.delete() == 200


PLAY = """url => {
    const video = document.createElement('video');
    document.body.append(video);
    video.muted = true;
    const hls = new Hls({lowLatencyMode: true, enableWorker: false, liveDurationInfinity: true});
    window.video = video;
    window.troubles = [];
    hls.on(Hls.Events.ERROR, (_, {fatal, details}) => troubles.push((fatal ? 'fatal ' : '') + details));
    hls.on(Hls.Events.LEVEL_UPDATED, (_, {details}) => {  // as clients/web/src/media/hls.ts
        const stands = video.currentTime > 0 && video.readyState < 3;
        const past = video.currentTime < details.fragmentStart - 0.5;
        if (stands && past) video.currentTime = hls.liveSyncPosition;
    });
    hls.loadSource(url);
    hls.attachMedia(video);
    hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
}"""


@pytest.mark.browser
@pytest.mark.parametrize("dies", [True, False], ids=["killed", "taken over"])
async def test_hls_js_goes_on_without_a_reload(three: Cluster, browser: Browser, dies: bool) -> None:
    a, b, c = three
    room, host = await b.room()
    key = await key_of(b, room, host)
    context = await browser.new_context(bypass_csp=True)
    page = await context.new_page()
    await page.goto(f"{c.url}/healthz")
    await page.add_script_tag(path=HLS_JS)

    async def plays_on(seconds: float) -> None:
        now: float = await page.evaluate("video.currentTime")
        frames: int = await page.evaluate("video.getVideoPlaybackQuality().totalVideoFrames")
        script = f"video.currentTime > {now + seconds} && !video.paused"
        try:
            await page.wait_for_function(script, timeout=20_000)
        finally:
            print(await page.evaluate("[video.currentTime, troubles, video.error && video.error.message]"))
        assert await page.evaluate("video.getVideoPlaybackQuality().totalVideoFrames") > frames + 10

    async with at(a) as camera, at(b) as studio:
        await camera.send(room, key)
        assert await statuses(host, 1) == ["live"]
        await page.evaluate(PLAY, f"{c.url}/hls/{room}/index.m3u8")
        await page.wait_for_function("video.currentTime > 3", timeout=20_000)
        if dies:
            await asyncio.to_thread(a.node.kill9)
        await studio.send(room, key, X_Danmart_Takeover="1")
        if not dies:
            await until(lambda: camera.peer.connectionState == "closed", "the old publisher's end")
        await plays_on(6)
        troubles = await page.evaluate("troubles")
        assert not [one for one in troubles if one.startswith("fatal")], troubles
        await context.close()
