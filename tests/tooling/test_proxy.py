"""deploy/Caddyfile in a real Caddy, in front of a server that tells what reached it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.caddy import Proxy, running_caddy
from tests.support.node import running_node

PAGE = "<!doctype html><p>" + "弹幕" * 1000


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text=PAGE, content_type="text/html")


async def _part(_request: web.Request) -> web.Response:
    return web.Response(body=bytes(50_000), content_type="video/mp4")


async def _headers(request: web.Request) -> web.Response:
    return web.json_response({"peer": request.remote, **request.headers})


async def _secret(_request: web.Request) -> web.Response:
    return web.Response(text="for operators only")


async def _socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(f"echo {message.data}")
    return socket


@pytest.fixture
async def node_port() -> AsyncIterator[int]:
    app = web.Application()
    app.add_routes(
        [
            web.get("/", _page),
            web.get("/hls/part.m4s", _part),
            web.get("/headers", _headers),
            web.get("/metrics", _secret),
            web.get("/readyz", _secret),
            web.get("/socket", _socket),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
async def proxy(tmp_path: Path, node_port: int) -> AsyncIterator[Proxy]:
    async with running_caddy(tmp_path, node_port) as proxy:
        yield proxy


async def test_node_learns_who_asks_and_how(proxy: Proxy) -> None:
    async with proxy.http.get(f"{proxy.url}/headers", headers={"X-Forwarded-For": "203.0.113.66"}) as answer:
        seen = json.loads(await answer.read())
    assert seen["X-Forwarded-Proto"] == "https"
    assert seen["X-Forwarded-For"] == "127.0.0.1", "what a stranger claims must not get through"
    assert seen["Host"] == proxy.url.removeprefix("https://")


async def test_pages_are_compressed_and_video_is_not(proxy: Proxy) -> None:
    headers = {"Accept-Encoding": "gzip"}
    async with proxy.http.get(proxy.url, headers=headers) as page:
        assert page.headers["Content-Encoding"] == "gzip"
        assert len(await page.read()) < len(PAGE)
    async with proxy.http.get(f"{proxy.url}/hls/part.m4s", headers=headers) as part:
        assert "Content-Encoding" not in part.headers
        assert len(await part.read()) == 50_000


async def test_websockets_get_through(proxy: Proxy) -> None:
    async with proxy.http.ws_connect(f"{proxy.url}/socket") as socket:
        await socket.send_str("弹幕")
        assert await socket.receive_str(timeout=5) == "echo 弹幕"


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
async def test_what_is_for_operators_stays_inside(proxy: Proxy, path: str) -> None:
    async with proxy.http.get(f"{proxy.url}{path}") as answer:
        assert answer.status == 404
        assert await answer.read() == b""


async def test_a_real_node_works_behind_it(tmp_path: Path) -> None:
    settings = {
        "DANMART_LISTEN__TRUSTED_PROXIES": "127.0.0.1",
        "DANMART_LISTEN__PUBLIC_URL": "https://localhost",
    }
    async with running_node(tmp_path, env=settings) as node, running_caddy(tmp_path, node.port) as proxy:
        async with proxy.http.get(f"{proxy.url}/api/v1/rooms") as rooms:
            assert json.loads(await rooms.read()) == {"items": [], "next": None}
        address = f"{proxy.url}/socket.io/?EIO=4&transport=websocket"
        async with proxy.http.ws_connect(address) as socket:
            opened = await socket.receive_str(timeout=5)
            assert json.loads(opened.removeprefix("0"))["pingInterval"] > 0
            await socket.send_str("40/live,")
            assert (await socket.receive_str(timeout=5)).startswith("40/live,")
