"""deploy/Caddyfile in a real Caddy, in front of a server that tells what reached it."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.support.processes import ServerProcess, free_port

ROOT = Path(__file__).parents[2]
CADDY = Path(sys.prefix) / "bin" / "caddy"
PAGE = "<!doctype html><p>" + "弹幕" * 1000


@dataclass(frozen=True, slots=True)
class Proxy:
    """A client of the proxy, and its address."""

    http: aiohttp.ClientSession
    url: str


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


def _config(folder: Path, port: int, node_port: int) -> Path:
    """The Caddyfile as Caddy reads it, off the ports and the certificate store that belong to the machine."""
    environment = os.environ | {"DOMAIN": f"localhost:{port}", "NODE": f"127.0.0.1:{node_port}"}
    file = str(ROOT / "deploy/Caddyfile")
    adapt = [str(CADDY), "adapt", "--config", file, "--adapter", "caddyfile", "--validate"]
    adapted = subprocess.run(adapt, env=environment | {"HOME": str(folder)}, capture_output=True, check=True)
    config: dict[str, Any] = json.loads(adapted.stdout)
    config["admin"] = {"disabled": True}
    config["apps"]["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    config["apps"]["http"]["http_port"] = free_port()
    config["apps"]["http"]["https_port"] = port
    result = folder / "caddy.json"
    result.write_text(json.dumps(config))
    return result


@pytest.fixture
async def proxy(tmp_path: Path, node_port: int) -> AsyncIterator[Proxy]:
    port = free_port()
    server = ServerProcess(
        [CADDY, "run", "--config", _config(tmp_path, port, node_port)],
        log=tmp_path / "caddy.log",
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
    )
    url = f"https://localhost:{port}"
    try:
        authority = await _authority(tmp_path / "caddy/pki/authorities/local/root.crt", server)
        connector = aiohttp.TCPConnector(ssl=authority)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as http:
            await _wait_until_it_answers(http, url, server)
            yield Proxy(http, url)
    finally:
        server.stop()


async def _authority(file: Path, server: ServerProcess) -> ssl.SSLContext:
    for _ in range(500):
        if await asyncio.to_thread(file.exists):  # Caddy renames it into place when it's whole
            return ssl.create_default_context(cafile=file)
        assert server.process.poll() is None, server.tail()
        await asyncio.sleep(0.02)
    raise AssertionError(server.tail())


async def _wait_until_it_answers(http: aiohttp.ClientSession, url: str, server: ServerProcess) -> None:
    for _ in range(500):
        try:
            async with http.get(url):
                return
        except aiohttp.ClientConnectionError:
            assert server.process.poll() is None, server.tail()
            await asyncio.sleep(0.02)
    raise AssertionError(server.tail())


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
