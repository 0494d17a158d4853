"""What players get over HTTP, and when."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import av
import pytest
from aiohttp import web

from media.hls import routes
from media.hls.players import Players
from media.ports import Whence
from rooms.errors import Refused
from server.socket.door import Door
from server.socket.hub import Hub
from tests.media.hls import rules
from tests.media.hls.source import TimedPacket, broadcast
from tests.media.hls.studio import Studio, decode

DEADLINE_S = 5.0


class OneGate:
    """Lets everybody watch, or only who has the ``secret``."""

    secret: str | None = None
    key: str = "1.good"
    looked: int = 0

    def __init__(self) -> None:
        self.asked_from: set[Whence] = set()
        self.doubted: list[Whence] = []

    async def may_publish(self, room: str, bearer: str | None) -> Any:
        raise NotImplementedError

    async def may_begin(self, room: str, principal: Any, *, takeover: bool) -> None:
        raise NotImplementedError

    async def may_watch(self, room: str, bearer: str | None, whence: Any = None) -> None:
        if room != "demo":
            raise Refused("room_not_found")
        if self.secret is not None and bearer != self.secret:
            raise Refused("forbidden")
        self.doubted.append(whence)

    def is_open(self, room: str, whence: Whence) -> bool:
        self.asked_from.add(whence)
        return room == "demo" and self.secret is None and whence.told == ()

    async def look(self, room: str) -> None:
        self.looked += 1

    def opens(self, room: str, key: str) -> bool:
        return room == "demo" and key == self.key


@web.middleware
async def refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        headers = getattr(refused, "headers", None)
        return web.json_response({"code": refused.code}, status=refused.kind.http, headers=headers)


class Site:
    """A studio behind a real server, and a client without automatic decompression."""

    def __init__(
        self, studio: Studio, gate: OneGate, http: aiohttp.ClientSession, base: str, players: Players | None
    ) -> None:
        self.studio, self.gate, self.http, self.base, self.players = studio, gate, http, base, players

    async def get(self, path: str, **headers: str) -> tuple[int, bytes, Any]:
        async with self.http.get(f"/hls/demo/{path}", headers=headers) as response:
            return response.status, await response.read(), response.headers

    async def text(self, path: str) -> str:
        status, body, _ = await self.get(path)
        assert status == 200, body
        return body.decode()

    def ask(self, path: str) -> asyncio.Task[tuple[int, bytes, Any]]:
        return asyncio.create_task(self.get(path))

    async def until_waiting(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while self.studio.metric("danmart_hls_waiting_requests") != count:  # noqa: ASYNC110
                await asyncio.sleep(0.002)


@asynccontextmanager
async def running_site(seconds: float = 0, *, fast: bool = True, **settings: Any) -> AsyncIterator[Site]:
    """``fast``: behind the door of a node, where most is answered before aiohttp."""
    studio, gate = Studio(**settings), OneGate()
    app = web.Application(middlewares=[refusals])
    app.add_routes(routes(studio.hub, gate, gate))
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    players = Players(studio.hub, gate) if fast else None
    hub = cast("Hub", SimpleNamespace(closing=True))  # no sockets here
    door = Door(hub, runner.server, players=players, trusted=(), hosts=None)
    server = await asyncio.get_running_loop().create_server(door, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    if seconds:
        studio.begin()
        await studio.feed(broadcast(seconds))
    plain = {"Accept-Encoding": "identity"}
    async with aiohttp.ClientSession(base, auto_decompress=False, headers=plain) as http:
        try:
            yield Site(studio, gate, http, base, players)
        finally:
            server.close()
            door.close()
            if players is not None:
                players.close()
            await studio.hub.close()
            await runner.cleanup()


@pytest.fixture(params=[True, False], ids=["players", "aiohttp"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """A room that has been live for five seconds: segments 0 and 1 whole, 2 with three parts."""
    async with running_site(5, fast=request.param) as running:
        yield running


def after(seconds: float, until: float) -> list[TimedPacket]:
    return [packet for packet in broadcast(until) if packet.at_ms >= seconds * 1000]


async def test_playlists_and_media(site: Site) -> None:
    status, body, headers = await site.get("index.m3u8")
    assert status == 200
    assert headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert b'CODECS="avc1.42c014,mp4a.40.2",RESOLUTION=320x180,FRAME-RATE=25.000\nmedia.m3u8\n' in body
    status, body, headers = await site.get("media.m3u8")
    assert headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert "no-cache" in headers["Cache-Control"]
    read = rules.check(body.decode())
    data = b""
    for name in [read.segments[0].init, *(segment.uri for segment in read.segments[:2])]:
        status, body, headers = await site.get(name)
        assert status == 200
        assert headers["Content-Type"] == "video/mp4"
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Access-Control-Allow-Origin"] == "*"
        data += body
    assert len(decode(data)["video"]) == 100
    status, part, _ = await site.get(read.segments[0].parts[0].uri)
    assert status == 200
    assert site.studio.file(read.segments[0].uri).startswith(part)


async def test_a_blocked_reload_is_answered_with_the_part_that_it_waits_for(site: Site) -> None:
    waiting = [site.ask("media.m3u8?_HLS_msn=2&_HLS_part=3") for _ in range(3)]
    later = site.ask("media.m3u8?_HLS_msn=2&_HLS_part=4")
    await site.until_waiting(4)
    await site.studio.feed(after(5, 5.4))
    async with asyncio.timeout(DEADLINE_S):
        answers = await asyncio.gather(*waiting)
    assert not later.done()
    bodies = {body for _, body, _ in answers}
    assert len(bodies) == 1
    read = rules.check(bodies.pop().decode())
    assert len(read.segments[-1].parts) == 4
    assert site.studio.hub.viewers("demo") == 4
    await site.studio.feed(after(5.4, 5.7))
    async with asyncio.timeout(DEADLINE_S):
        status, body, headers = await later
    assert status == 200
    assert len(rules.check(body.decode()).segments[-1].parts) == 5
    assert "max-age=1" in headers["Cache-Control"]


async def test_a_whole_segment_can_be_waited_for(site: Site) -> None:
    waiting = site.ask("media.m3u8?_HLS_msn=2")
    await site.until_waiting(1)
    await site.studio.feed(after(5, 6.1))
    async with asyncio.timeout(DEADLINE_S):
        _, body, _ = await waiting
    assert rules.check(body.decode()).segments[2].uri


async def test_the_hinted_part_is_waited_for(site: Site) -> None:
    hint = rules.check(await site.text("media.m3u8")).hint
    waiting = site.ask(hint)
    await site.until_waiting(1)
    await site.studio.feed(after(5, 5.4))
    async with asyncio.timeout(DEADLINE_S):
        status, body, _ = await waiting
    assert status == 200
    assert body == site.studio.file(hint)


async def test_a_hint_that_comes_to_nothing_is_not_found(site: Site) -> None:
    await site.studio.feed(after(5, 5.95))
    hint = rules.check(await site.text("media.m3u8")).hint
    waiting = site.ask(hint)
    await site.until_waiting(1)
    site.studio.sink.interrupted()
    site.studio.begin()
    async with asyncio.timeout(DEADLINE_S):
        status, _, headers = await waiting
    assert status in (200, 404)
    assert (status == 404) == (site.studio.stream.window.find(hint) is None)
    assert "immutable" not in headers.get("Cache-Control", "") or status == 200


async def test_a_delta_update_gives_what_the_full_playlist_says() -> None:
    async with running_site(34) as site:
        full = await site.text("media.m3u8")
        await site.studio.feed(after(34, 35))
        delta = await site.text("media.m3u8?_HLS_skip=YES")
        assert rules.check(delta).skipped
        assert len(delta) < len(full)
        assert rules.merge(full, delta) == await site.text("media.m3u8")


@pytest.mark.parametrize(
    "query", ["_HLS_msn=9", "_HLS_part=1", "_HLS_msn=2&_HLS_part=40", "_HLS_msn=abc", "_HLS_skip=maybe"]
)
async def test_a_reload_that_makes_no_sense_is_a_bad_request(site: Site, query: str) -> None:
    status, body, _ = await site.get(f"media.m3u8?{query}")
    assert status == 400
    assert b"bad_request" in body


@pytest.mark.parametrize("fast", [True, False], ids=["players", "aiohttp"])
async def test_in_an_interruption_there_is_the_playlist_but_none_with_what_isnt_there(fast: bool) -> None:
    async with running_site(5, fast=fast, wait_s=0.05) as site:
        site.studio.sink.interrupted()
        text = await site.text("media.m3u8")
        assert not rules.check(text).ended
        number = rules.check(text).segments[-1].number + 1
        for asked in (f"_HLS_msn={number}&_HLS_part=0", f"_HLS_msn={number}&_HLS_skip=YES"):
            status, _, headers = await site.get(f"media.m3u8?{asked}")
            assert status == 503
            assert headers["Cache-Control"] == "no-store"
            assert headers["Access-Control-Allow-Origin"] == "*"
        assert await site.text("media.m3u8") == text  # on the same connection
        assert (await site.get(site.studio.stream.window.hint))[0] == 404


async def test_the_end_releases_who_waits(site: Site) -> None:
    waiting = site.ask("media.m3u8?_HLS_msn=3&_HLS_part=5")
    hinted = site.ask(rules.check(await site.text("media.m3u8")).hint)
    await site.until_waiting(2)
    await site.studio.sink.close()
    async with asyncio.timeout(DEADLINE_S):
        _, body, _ = await waiting
        status, _, _ = await hinted
    assert rules.check(body.decode()).ended
    assert status == 200  # what was under way has become the part


async def test_closing_the_hub_releases_who_waits(site: Site) -> None:
    waiting = [site.ask("media.m3u8?_HLS_msn=3"), site.ask(site.studio.stream.window.hint)]
    await site.until_waiting(2)
    await site.studio.hub.close()
    async with asyncio.timeout(DEADLINE_S):
        answers = await asyncio.gather(*waiting)
    assert all(status in (200, 404) for status, _, _ in answers)
    assert site.studio.metric("danmart_hls_waiting_requests") == 0
    site.studio.begin()  # a publisher that comes now finds nobody
    await site.studio.feed(after(5, 5.6))
    assert not site.studio.hub.available("demo")


async def test_waiting_is_bounded_in_number() -> None:
    async with running_site(5, max_waiting=2) as site:
        waiting = [site.ask("media.m3u8?_HLS_msn=3") for _ in range(2)]
        await site.until_waiting(2)
        status, body, _ = await site.get("media.m3u8?_HLS_msn=3")
        assert status == 503
        assert b"busy" in body
        assert (await site.get("media.m3u8"))[0] == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await site.studio.feed(after(5, 5.6))  # whoever has gone away is noticed with the next part
        await site.until_waiting(0)


async def test_a_player_that_comes_before_the_first_picture_waits() -> None:
    async with running_site() as site:
        assert (await site.get("index.m3u8"))[0] == 404
        site.studio.begin()
        waiting = [site.ask("index.m3u8"), site.ask("media.m3u8")]
        await site.until_waiting(2)
        await site.studio.feed(broadcast(1))
        async with asyncio.timeout(DEADLINE_S):
            assert [status for status, _, _ in await asyncio.gather(*waiting)] == [200, 200]


async def test_compression_validators_and_head(site: Site) -> None:
    plain = await site.text("media.m3u8")
    status, body, headers = await site.get("media.m3u8", **{"Accept-Encoding": "gzip, br"})
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(body).decode() == plain
    status, body, _ = await site.get("media.m3u8", **{"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"")
    segment = rules.check(plain).segments[0]
    _, _, headers = await site.get(segment.uri)
    assert (await site.get(segment.uri, **{"If-None-Match": headers["ETag"]}))[0] == 304
    async with site.http.head(f"/hls/demo/{segment.uri}") as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) == len(site.studio.file(segment.uri))
        assert await response.read() == b""


async def test_what_is_not_there(site: Site) -> None:
    for name in ("other-0.m4s", "x.mp4", f"{site.studio.stream.window.stream}-99.m4s"):
        assert (await site.get(name))[0] == 404
    assert (await site.get("..%2f..%2fetc.m4s"))[0] == 404
    async with site.http.get("/hls/nowhere/index.m3u8") as response:
        assert response.status == 404
        assert b"room_not_found" in await response.read()


async def test_a_private_room_takes_the_credential_from_header_or_query(site: Site) -> None:
    site.gate.secret = "to/ken"
    assert (await site.get("index.m3u8"))[0] == 403
    status, _, headers = await site.get("media.m3u8", Authorization="Bearer to/ken")
    assert status == 200
    assert headers["Cache-Control"].startswith("private")
    body = await site.text("index.m3u8?token=to%2Fken")
    assert "\nmedia.m3u8?token=to%2Fken\n" in body
    read = rules.check(await site.text("media.m3u8?token=to%2Fken"))
    first = read.segments[0]
    for uri in (first.init, first.uri, first.parts[0].uri):
        assert uri.endswith("?token=to%2Fken")
        status, _, headers = await site.get(uri)
        assert status == 200
        assert headers["Cache-Control"].startswith("private")
    assert (await site.get(first.uri.split("?")[0]))[0] == 403


async def test_any_origin_may_read(site: Site) -> None:
    async with site.http.options(
        "/hls/demo/media.m3u8", headers={"Origin": "https://shop.example"}
    ) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.may_block
async def test_ffmpeg_plays_it(site: Site) -> None:
    """FFmpeg's own HLS client, from the multivariant playlist to the end of the stream."""
    await site.studio.sink.close()
    url = f"{site.base}/hls/demo/index.m3u8"

    def play() -> tuple[int, int]:
        with av.open(url, options={"live_start_index": "0"}) as container:
            video = container.streams.video[0]
            assert (video.width, video.height) == (320, 180)
            kinds = [packet.stream.type for packet in container.demux() for _ in packet.decode()]
        return kinds.count("video"), kinds.count("audio")

    video, audio = await asyncio.to_thread(play)
    assert video == 125
    assert audio >= 5 * 48_000 / 1024 - 4


async def test_a_range_is_part_of_a_file(site: Site) -> None:
    segment = rules.check(await site.text("media.m3u8")).segments[0]
    whole = site.studio.file(segment.uri)
    for asked, first, last in (
        ("0-99", 0, 99),
        ("100-", 100, len(whole) - 1),
        ("-7", len(whole) - 7, len(whole) - 1),
    ):
        status, body, headers = await site.get(segment.uri, Range=f"bytes={asked}")
        assert status == 206
        assert body == whole[first : last + 1]
        assert headers["Content-Range"] == f"bytes {first}-{last}/{len(whole)}"
        assert headers["Content-Type"] == "video/mp4"
    status, _, headers = await site.get(segment.uri, Range=f"bytes={len(whole)}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    status, body, _ = await site.get(segment.uri, Range="bytes=0-1", **{"If-Range": '"another"'})
    assert (status, body) == (200, whole)


async def test_no_cache_keeps_a_refusal(site: Site) -> None:
    for path in ("other-0.m4s", "media.m3u8?_HLS_msn=99"):
        status, _, headers = await site.get(path)
        assert status in (400, 404)
        assert headers["Cache-Control"] == "no-store"
        assert headers["Access-Control-Allow-Origin"] == "*"


async def test_a_signed_path_opens_a_private_room_and_may_be_cached(site: Site) -> None:
    site.gate.secret = "token"
    for path in ("index.m3u8", "media.m3u8"):
        status, body, headers = await site.get(f"~1.good/{path}")
        assert status == 200
        assert headers["Cache-Control"].startswith(("public", "no-cache"))
        assert b"token" not in body
        assert (await site.get(f"~1.bad/{path}"))[0] == 403
    segment = rules.check(await site.text("~1.good/media.m3u8")).segments[0]
    status, body, headers = await site.get(f"~1.good/{segment.uri}")
    assert (status, body) == (200, site.studio.file(segment.uri))
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (await site.get(segment.uri))[0] == 403


async def test_a_connection_is_answered_by_whom_each_request_suits() -> None:
    """Pages, parts, refusals and reloads on one connection, as browsers and proxies send them."""
    async with running_site(5) as site:
        assert site.players is not None
        segment = rules.check(await site.text("media.m3u8")).segments[0]
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(site.base, connector=connector) as http:
            for path, status, fast in (
                ("media.m3u8", 200, 1),
                ("nothing.m4s", 404, 0),
                (segment.uri, 200, 1),
                ("media.m3u8?more=1", 200, 0),
                (segment.parts[0].uri, 200, 1),
            ):
                async with http.get(f"/hls/demo/{path}") as response:
                    await response.read()
                    assert response.status == status
                    assert len(site.players) - 1 == fast, path  # the site's own connection is one too
                    assert len(connector._conns) == 1


async def test_the_gate_hears_where_each_request_comes_from() -> None:
    """A proxy's connection has requests of many people: whom the gate doubts is asked about once more."""
    async with running_site(5) as site:
        assert site.players is not None
        told = "203.0.113.7, 10.0.0.1"
        for headers in ({}, {"X-Forwarded-For": told}, {"Forwarded": "for=192.0.2.1"}, {}):
            status, body, _ = await site.get("media.m3u8", **headers)
            assert (status, bool(body)) == (200, True)
            assert len(site.players) == (not headers), headers
        whence: list[tuple[tuple[str, str], ...]]
        whence = [(("x-forwarded-for", told),), (("forwarded", "for=192.0.2.1"),), ()]
        assert site.gate.asked_from == {Whence("127.0.0.1", each) for each in whence}
        assert site.gate.doubted == [Whence("127.0.0.1", each) for each in whence[:2]]


async def test_requests_that_come_together_are_answered_one_after_the_other(site: Site) -> None:
    segment = rules.check(await site.text("media.m3u8")).segments[0]
    host, port = site.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    names = [segment.parts[0].uri, "nothing.m4s", segment.parts[1].uri, segment.init]
    writer.write(
        b"".join(f"GET /hls/demo/{name} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for name in names)
    )
    bodies = []
    for _ in names:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        bodies.append((head[9:12], await reader.readexactly(length)))
    assert [status for status, _ in bodies] == ["200", "404", "200", "200"]
    for index in (0, 2, 3):
        assert bodies[index][1] == site.studio.file(names[index])
    writer.close()


async def test_who_doesnt_read_is_hung_up_on_and_costs_little() -> None:
    now = [0.0]
    async with running_site(5) as site:
        assert site.players is not None
        site.players.clock = lambda: now[0]
        segment = rules.check(await site.text("media.m3u8")).segments[0]
        host, port = site.base.removeprefix("http://").split(":")
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, (host, int(port)))
        one = f"GET /hls/demo/{segment.uri} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        for _ in range(100):
            await loop.sock_sendall(sock, one)
        async with asyncio.timeout(DEADLINE_S):
            while not any(socket._paused for socket in site.players._sockets):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        now[0] += 31
        async with asyncio.timeout(DEADLINE_S):
            while any(socket._paused for socket in site.players._sockets):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        sock.close()


async def test_waiting_ends_in_time_without_a_part() -> None:
    now = [0.0]
    async with running_site(5) as site:
        assert site.players is not None
        site.players.clock = lambda: now[0]
        waiting = [site.ask("media.m3u8?_HLS_msn=2&_HLS_part=3"), site.ask(site.studio.stream.window.hint)]
        await site.until_waiting(2)
        now[0] += 12
        async with asyncio.timeout(DEADLINE_S):
            answers = await asyncio.gather(*waiting)
        assert [status for status, _, _ in answers] == [503, 404]
        assert answers[0][2]["Retry-After"] == "1"
        assert all(headers["Cache-Control"] == "no-store" for _, _, headers in answers)
