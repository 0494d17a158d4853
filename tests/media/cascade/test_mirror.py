"""HLS of another node: fetched once, bounded, and there while origins change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from media.cascade.mirror import Copy, Mirror, Shelf
from media.cascade.pull import CREDENTIAL
from media.relay.counters import Counters
from rooms.errors import Refused
from tests.media.cascade.world import Town, TownNeighbours
from tests.media.world import _refusals, until

LIST = {"Content-Type": "application/vnd.apple.mpegurl", "ETag": '"1"', "Cache-Control": "public, max-age=1"}
PART = {"Content-Type": "video/mp4", "Cache-Control": "public, max-age=31536000, immutable"}


class Origin:
    """Answers what it is told to; counts who asks."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refused = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.body = b"#EXTM3U\nx.m4s\n"

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs.partition("/demo/")[2])
        assert request.headers[CREDENTIAL] == "s:a:hls:demo"
        await self.gate.wait()
        if self.refused:
            raise Refused("not_live", retry_after_ms=1000)
        if request.path.endswith(".m3u8"):
            return web.Response(body=self.body, headers=LIST)
        return web.Response(body=request.path.encode(), headers=PART)


class World:
    def __init__(self, mirror: Mirror, origin: Origin, town: Town, http: aiohttp.ClientSession) -> None:
        self.mirror, self.origin, self.town, self.http = mirror, origin, town, http

    async def get(self, name: str, **headers: str) -> tuple[int, bytes, str]:
        async with self.http.get(f"/hls/demo/{name}", headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers.get("Cache-Control", "")


@asynccontextmanager
async def mirrored(wait_s: float = 5, most_waiting: int = 100) -> AsyncIterator[World]:
    town, origin = Town(), Origin()
    there = web.Application(middlewares=[_refusals])
    there.router.add_get("/internal/hls/demo/{name}", origin.handle)
    here = web.Application(middlewares=[_refusals])

    async def admit(request: web.Request) -> None:
        if request.query.get("token") == "bad":
            raise Refused("bad_token")

    async def handle(request: web.Request) -> web.StreamResponse:
        if not await mirror.serves("demo"):
            raise Refused("not_live")
        return await mirror.serve(request, "demo", request.match_info["name"])

    here.router.add_get("/hls/demo/{name}", handle)
    runners = [web.AppRunner(app, shutdown_timeout=0.1) for app in (there, here)]
    for runner in runners:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    town.urls["a"], base = (f"http://127.0.0.1:{runner.addresses[0][1]}" for runner in runners)
    town.owners["demo"] = "a"
    async with aiohttp.ClientSession() as between, aiohttp.ClientSession(base) as http:
        mirror = Mirror(
            TownNeighbours(town, "b"),
            lambda: between,
            admit,
            node="b",
            most_bytes=1000,
            wait_s=wait_s,
            most_waiting=most_waiting,
            counters=Counters(),
        )
        try:
            yield World(mirror, origin, town, http)
        finally:
            origin.gate.set()
            await mirror.close()
            for runner in runners:
                await runner.cleanup()


async def test_a_part_is_fetched_once_for_those_who_wait_and_those_who_come() -> None:
    async with mirrored() as world:
        world.origin.gate.clear()
        waiting = [asyncio.create_task(world.get("p-1.m4s")) for _ in range(20)]
        await until(lambda: world.mirror.waiting == 20, "all wait")
        waiting[0].cancel()  # who asked first hangs up
        world.origin.gate.set()
        answers = await asyncio.gather(*waiting[1:])
        assert set(answers) == {(200, b"/internal/hls/demo/p-1.m4s", "public, max-age=31536000, immutable")}
        assert await world.get("p-1.m4s") == answers[0]
        assert world.origin.asked == ["p-1.m4s"]


async def test_a_credential_is_the_callers_and_never_goes_further() -> None:
    async with mirrored() as world:
        status, body, cache = await world.get("media.m3u8?token=good")
        assert (status, body, cache) == (200, b"#EXTM3U\nx.m4s?token=good\n", "private, max-age=1")
        assert (await world.get("media.m3u8"))[1:] == (b"#EXTM3U\nx.m4s\n", "public, max-age=1")
        assert (await world.get("media.m3u8?token=bad"))[0] == 401
        assert world.origin.asked == ["media.m3u8"]
        assert (await world.get("media.m3u8", **{"If-None-Match": '"1"'}))[:2] == (304, b"")


async def test_a_reload_waits_for_the_next_origin() -> None:
    async with mirrored() as world:
        await world.get("media.m3u8")
        world.origin.refused = True
        world.origin.body = b"#EXTM3U\nnew.m4s\n"
        reload = asyncio.create_task(world.get("media.m3u8?_HLS_msn=7"))
        await until(lambda: len(world.origin.asked) >= 3, "it asks again")
        world.origin.refused = False
        assert (await reload)[:2] == (200, b"#EXTM3U\nnew.m4s\n")


async def test_without_an_origin_there_is_the_last_playlist_and_then_nothing() -> None:
    async with mirrored(wait_s=0.1) as world:
        await world.get("media.m3u8")
        await world.get("p-1.m4s")
        world.town.owners.clear()
        world.town.urls.clear()
        await asyncio.sleep(0.35)  # what is known of the origin is looked at again
        assert (await world.get("media.m3u8"))[:2] == (200, b"#EXTM3U\nx.m4s\n")
        assert (await world.get("media.m3u8?_HLS_msn=7"))[0] == 503  # that isn't in it
        assert (await world.get("p-1.m4s"))[0] == 200
        assert (await world.get("p-2.m4s"))[0] == 404


async def test_a_stream_that_nobody_publishes_is_not_asked_for() -> None:
    async with mirrored() as world:
        world.town.owners.clear()
        assert (await world.get("media.m3u8"))[0] == 404
        assert world.origin.asked == []


async def test_more_than_can_wait_are_sent_away() -> None:
    async with mirrored(most_waiting=3) as world:
        world.origin.gate.clear()
        waiting = [asyncio.create_task(world.get("p-1.m4s")) for _ in range(3)]
        await until(lambda: world.mirror.waiting == 3, "all wait")
        assert (await world.get("p-1.m4s"))[0] == 503
        world.origin.gate.set()
        assert {answer[0] for answer in await asyncio.gather(*waiting)} == {200}


def test_the_shelf_keeps_what_was_asked_for_last() -> None:
    shelf = Shelf(250)
    copies = {name: Copy(200, bytes(100), {}, "immutable", 0.0) for name in "abc"}
    for name in "ab":
        shelf.put(("demo", name), copies[name])
    assert shelf.get(("demo", "a")) is copies["a"]
    shelf.put(("demo", "c"), copies["c"])
    assert [shelf.get(("demo", name)) is not None for name in "abc"] == [True, False, True]
    assert shelf.bytes == 200
    shelf.put(("demo", "huge"), Copy(200, bytes(300), {}, "immutable", 0.0))
    assert shelf.get(("demo", "huge")) is None
