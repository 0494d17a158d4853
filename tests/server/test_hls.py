"""Players at a whole node: private rooms' signed paths, posters, and who may see and remove them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from server.config import load
from server.node import Node
from tests.media.hls import rules
from tests.media.hls.source import H264, OPUS, broadcast
from tests.server.world import SECRET, token

pytestmark = pytest.mark.may_block
ROOMS = {"open": True, "closed": False}


class House:
    """A node in this process with a public and a private room, both with a stream of two seconds."""

    def __init__(self, node: Node, http: aiohttp.ClientSession) -> None:
        self.node, self.http = node, http

    async def ask(
        self, method: str, path: str, user: str | None = None, **more: Any
    ) -> tuple[int, bytes, Any]:
        headers = {"Authorization": f"Bearer {token(user, user)}"} if user else {}
        async with self.http.request(method, path, headers=headers, **more) as response:
            return response.status, await response.read(), response.headers

    async def page(self, room: str, user: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token(user, user)}"} if user else {}
        async with self.http.get(f"/api/v1/rooms/{room}", headers=headers) as response:
            assert response.status == 200
            return await response.json()

    async def poster(self, room: str, user: str | None = None) -> str:
        async with asyncio.timeout(30):
            while (found := (await self.page(room, user))["poster"]) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return str(found)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    settings = load(
        None, {"node": {"data_dir": tmp_path, "secret": SECRET}, "listen": {"port": 0}}, environ={}
    )
    node = Node(settings)
    await node.start()
    async with aiohttp.ClientSession(node.url) as http:
        for room, public in ROOMS.items():
            headers = {"Authorization": f"Bearer {token('mei', 'Mei', may_host=True)}"}
            body = {"id": room, "title": "Tea", "public": public}
            async with http.post("/api/v1/rooms", headers=headers, json=body) as response:
                assert response.status == 201, await response.text()
            sink = node.picture.hls.sink(room)
            sink.start((H264, OPUS), lambda: None)
            for packet in broadcast(2):
                sink.rtp(packet.kind, packet.data, packet.at_ms)
            await sink.drain()
        yield House(node, http)
    await node.close()


async def test_a_private_rooms_page_has_an_address_that_needs_no_token(house: House) -> None:
    assert (await house.ask("GET", "/hls/closed/index.m3u8"))[0] == 401
    assert (await house.ask("GET", "/api/v1/rooms/closed"))[0] == 401
    playback = (await house.page("closed", "lin"))["playback"]
    assert playback == (await house.page("closed", "wu"))["playback"]  # one for all: a CDN can keep it
    assert 900_000 <= playback["hls_until_ms"] - house.node._clock_ms() <= 1_800_000
    base = playback["hls"].removesuffix("index.m3u8")
    assert (await house.ask("GET", playback["hls"]))[0] == 200
    status, body, headers = await house.ask("GET", f"{base}media.m3u8")
    assert status == 200
    part = rules.check(body.decode()).segments[0].parts[0].uri
    status, body, headers = await house.ask("GET", base + part)
    assert (status, body[4:8]) == (200, b"moof")
    assert headers["Cache-Control"].startswith("public")
    assert (await house.ask("GET", base.replace("closed", "open") + "index.m3u8"))[0] == 403
    assert (await house.ask("GET", f"/hls/closed/{part}"))[0] == 401


async def test_most_is_answered_before_the_framework(house: House) -> None:
    playlist = "/hls/open/media.m3u8"
    await house.ask("GET", playlist)  # whether the room is public was not known yet
    status, _, headers = await house.ask("GET", playlist)
    assert status == 200
    assert "X-Request-Id" not in headers
    assert headers["Date"].endswith("GMT")
    status, _, headers = await house.ask("GET", "/api/v1/rooms/open")  # on the same connection
    assert headers["X-Request-Id"]
    assert "X-Request-Id" not in (await house.ask("GET", playlist))[2]


async def test_what_comes_as_a_body_is_not_taken_for_a_request(house: House) -> None:
    host, port = house.node.url.removeprefix("http://").split(":")
    await house.ask("GET", "/hls/open/media.m3u8")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = f"GET /hls/open/media.m3u8 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    head = f"POST /api/v1/rooms HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {token('mei', 'Mei', may_host=True)}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
    await asyncio.sleep(0.1)  # so that it comes as a piece of its own
    writer.write(body)
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 4")
    length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert b"EXTM3U" not in await reader.readexactly(length)
    writer.write(body)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_poster_is_seen_by_who_may_watch_and_removed_by_moderators(house: House) -> None:
    url = await house.poster("open")
    listed = (await (await house.http.get("/api/v1/rooms")).json())["items"]
    assert next(card for card in listed if card["id"] == "open")["poster"] == url
    status, body, headers = await house.ask("GET", url)
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert headers["Cache-Control"].startswith("public")
    with Image.open(io.BytesIO(body)) as image:
        assert image.size == (320, 180)
    async with house.http.get(url, headers={"If-None-Match": headers["ETag"]}) as response:
        assert response.status == 304
    plain = "/api/v1/rooms/open/poster.jpg"
    assert (await house.ask("DELETE", plain))[0] == 401
    assert (await house.ask("DELETE", plain, "lin"))[0] == 403
    assert (await house.ask("DELETE", plain, "mei"))[0] == 200
    assert (await house.ask("GET", url))[0] == 404
    assert (await house.page("open"))["poster"] is None
    _, audit, _ = await house.ask("GET", "/api/v1/rooms/open/audit", "mei")
    assert b"poster.remove" in audit


async def test_a_private_rooms_poster_is_not_for_everybody(house: House) -> None:
    url = await house.poster("closed", "lin")
    assert (await house.ask("GET", url))[0] == 200  # as an <img> asks
    assert (await house.ask("GET", url.replace("key=", "key=1")))[0] == 403
    plain = "/api/v1/rooms/closed/poster.jpg"
    assert (await house.ask("GET", plain))[0] == 401
    status, _, headers = await house.ask("GET", plain, "lin")
    assert status == 200
    assert headers["Cache-Control"].startswith("private")
