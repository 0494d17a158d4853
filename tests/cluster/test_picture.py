"""A room is published at one node and watched at all of them."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import aiohttp
import pytest

from media.cascade.pull import CREDENTIAL
from server.auth.cluster import ClusterTokens
from tests.cluster.picture import at, key_of
from tests.cluster.test_publishing import is_published_at, statuses
from tests.media.world import _loopback_candidates, until
from tests.server.world import SECRET, Person, World

__all__ = ["_loopback_candidates"]  # a fixture

Cluster = list[World]


@pytest.mark.alone  # beside other tests joining takes longer, at any node
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


async def playlist(http: aiohttp.ClientSession, room: str, query: str = "") -> tuple[int, str]:
    async with http.get(f"/hls/{room}/media.m3u8{query}") as answer:
        return answer.status, await answer.text()


async def until_hls(http: aiohttp.ClientSession, room: str) -> str:
    """The media playlist once there is one."""
    async with asyncio.timeout(30):
        while True:
            status, text = await playlist(http, room)
            if status == 200:
                return text
            await asyncio.sleep(0.05)


async def test_every_node_serves_the_same_bytes(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    async with (
        at(a) as camera,
        aiohttp.ClientSession(a.url) as there,
        aiohttp.ClientSession(b.url) as here,
    ):
        await camera.send(room, await key_of(a, room, host))
        assert await statuses(host, 1) == ["live"]
        text = await until_hls(here, room)
        number = int(text.split("#EXT-X-MEDIA-SEQUENCE:")[1].split()[0]) + 1
        # Players of both nodes wait for the same part, two of them here.
        query = f"?_HLS_msn={number}&_HLS_part=0"
        lists = await asyncio.gather(*(playlist(one, room, query) for one in (there, here, here)))
        assert {status for status, _ in lists} == {200}
        assert f"-{number}.0.m4s" in lists[0][1]
        assert {body for _, body in lists} == {lists[0][1]}
        names = dict.fromkeys(re.findall(r"[\w.-]+\.(?:m4s|mp4)", lists[0][1]))
        assert len(names) >= 4
        for name in names:  # the last one is the hint, which is waited for
            answers = [await fetch(one, f"/hls/{room}/{name}") for one in (there, here, here)]
            assert answers[0] == answers[1] == answers[2]
        before = await fetched(b)
        await asyncio.gather(*(fetch(here, f"/hls/{room}/{name}") for name in names))
        assert await fetched(b) == before  # all of them are there


async def test_a_stream_looks_the_same_from_every_node(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    path = f"/api/v1/rooms/{room}/poster.jpg"
    async with at(a) as camera, aiohttp.ClientSession(b.url) as here:
        await camera.send(room, await key_of(a, room, host))
        assert await statuses(host, 1) == ["live"]
        async with asyncio.timeout(30):
            while (await fetch(here, path))[0] != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        _, _, poster = await fetch(here, path)
        assert poster.startswith(b"\xff\xd8")
        status, card = await b.get(f"/api/v1/rooms/{room}")
        assert (status, card["poster"].partition("?")[0]) == (200, path)
        # Whoever takes it away at one node takes it away.
        status, _, _ = await b.request("DELETE", path, host.user)
        assert status == 200
        async with aiohttp.ClientSession(a.url) as there:
            assert (await fetch(there, path))[0] == 404
        assert (await fetch(here, path))[0] == 404


async def fetch(http: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers but for those of the moment and the server, body."""
    async with http.get(path, headers=headers) as answer:
        kept = {name.lower(): value for name, value in answer.headers.items()}
        for name in ("date", "server", "x-request-id"):
            kept.pop(name, None)
        return answer.status, kept, await answer.read()


async def fetched(world: World) -> float:
    return (await metrics(world))["danmart_relay_hls_fetched_total"]


async def test_a_session_of_another_node_is_passed_on_to_it(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    async with at(a) as camera, at(b) as viewer, aiohttp.ClientSession(b.url) as here:
        await camera.send(room, key := await key_of(a, room, host))
        assert await statuses(host, 1) == ["live"]
        await viewer.watch(room)
        assert (await fetch(here, camera.location))[0] == 405
        async with here.delete(camera.location) as answer:
            assert answer.status == 401
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        nobody = camera.location.replace(camera.location.split("/")[3], "node-that-never-was")
        async with here.delete(nobody, headers={"Authorization": f"Bearer {key}"}) as answer:
            assert answer.status == 404
        bearer = {"Authorization": f"Bearer {key}"}
        async with here.patch(camera.location, data=b"x" * 200_000, headers=bearer) as answer:
            assert answer.status == 413
        async with aiohttp.ClientSession(a.url) as there, there.delete(viewer.location) as answer:
            assert answer.status == 200
        async with here.delete(camera.location, headers={"Authorization": f"Bearer {key}"}) as answer:
            assert answer.status == 200
        assert await statuses(host, 2) == ["live", "ended"]


async def test_the_host_sees_all_nodes_viewers_from_any_of_them(cluster: Cluster) -> None:
    a, b = cluster
    room, host = await a.room()
    async with at(a) as camera, at(a) as one, at(b) as two, at(b) as three:
        await camera.send(room, await key_of(a, room, host))
        assert await statuses(host, 1) == ["live"]
        for viewer in (one, two, three):
            await viewer.watch(room)
        for world in (a, b):
            async with asyncio.timeout(30):
                while (await publisher(world, room, host))["viewers"]["whep"] != 3:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)


async def publisher(world: World, room: str, host: Person) -> Any:
    status, body = await world.get(f"/api/v1/rooms/{room}/publisher", host.user)
    assert status == 200
    return body


async def test_viewers_go_on_when_the_publisher_goes_to_another_node(cluster: Cluster) -> None:
    """Nobody renegotiates, where it came from or where it goes: an origin's viewers become another one's."""
    a, b = cluster
    room, host = await a.room()
    key = await key_of(a, room, host)
    async with at(a) as one, at(b) as two, at(a) as camera, at(b) as studio:
        await camera.send(room, key)
        assert await statuses(host, 1) == ["live"]
        for viewer in (one, two):
            await viewer.watch(room)
            await viewer.see(5)
        await studio.send(room, key, X_Danmart_Takeover="1")
        await until(lambda: camera.peer.connectionState == "closed", "the old publisher's end")
        await asyncio.gather(one.see(20), two.see(20))
        for viewer in (one, two):
            viewer.check()
            viewer.check("audio", 48_000)
        assert await statuses(host, 1) == ["live"]


async def test_the_public_listener_has_nothing_for_other_nodes(cluster: Cluster) -> None:
    a, _ = cluster
    room, _ = await a.room()
    name = "node"  # whatever it is called: the address isn't there
    credential = ClusterTokens(SECRET.encode()).mint(name, "publisher", room, time.time_ns() // 1_000_000)
    for path in (f"publisher/{room}", f"pull/{room}", f"hls/{room}/media.m3u8", f"whep/{room}"):
        async with (
            aiohttp.ClientSession(a.url) as http,
            http.get(f"/internal/{path}", headers={CREDENTIAL: credential}) as answer,
        ):
            assert answer.status == 404
