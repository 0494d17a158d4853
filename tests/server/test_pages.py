"""The pages' files: what is served, with which headers, and what stays out of reach."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from server.middlewares import problems, room_names
from server.pages import PAGES, Pages
from tests.server.world import World

Get = Callable[[str], AbstractAsyncContextManager[aiohttp.ClientResponse]]


@asynccontextmanager
async def serving(root: Path, embed_origins: Sequence[str] = ()) -> AsyncIterator[Get]:
    """A server of the pages under ``root``; asks for paths as they are written."""
    app = web.Application(middlewares=[problems, room_names])
    Pages(root, embed_origins).attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as http:
            yield lambda path: http.get(URL(url + path, encoded=True))
    finally:
        await runner.cleanup()


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A build, and a secret beside it."""
    root = tmp_path / "dist"
    (root / "assets").mkdir(parents=True)
    for name in PAGES.values():
        (root / name).write_text(f"<!doctype html><title>{name}</title>")
    (root / "assets" / "viewer-Dd2LdpDA.js").write_text("export {}")
    (root / "assets" / ".built").write_text("a stamp")
    (root / "favicon.svg").write_text("<svg/>")
    (root / "notes.txt").write_text("not a page")
    (tmp_path / "secret.key").write_text("secret")
    return root


def addresses() -> list[str]:
    return [path.replace("{room}", "tea").replace("{recording}", "r") for path in PAGES]


async def test_every_page_has_the_strict_headers(dist: Path) -> None:
    async with serving(dist, ["https://shop.example"]) as get:
        for path in addresses():
            async with get(path) as answer:
                assert (answer.status, answer.content_type) == (200, "text/html")
                policy = {
                    part.split()[0]: part.split()[1:]
                    for part in answer.headers["Content-Security-Policy"].split(";")
                }
                assert policy["default-src"] == ["'self'"]
                assert policy["object-src"] == policy["base-uri"] == ["'none'"]
                assert "script-src" not in policy  # so default-src rules: no inline, no eval
                assert policy["frame-ancestors"] == ["'self'", "https://shop.example"]
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["Cache-Control"] == "no-cache"


async def test_assets_are_kept_for_good_and_icons_are_not(dist: Path) -> None:
    async with serving(dist) as get:
        async with get("/assets/viewer-Dd2LdpDA.js") as answer:
            assert answer.status == 200
            assert answer.content_type.endswith("/javascript")
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with get("/favicon.svg") as answer:
            assert answer.status == 200
            assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../secret.key",
        "/assets/..%2f..%2fsecret.key",
        "/assets/%2e%2e/%2e%2e/secret.key",
        "/assets/..%5c..%5csecret.key",
        "/assets//etc/passwd",
        "/assets/.built",
        "/assets/",
        "/assets/viewer.html",
        "/assets/nothing.js",
        "/assets/x%00.js",
        "/secret.key",
        "/notes.txt",
        "/icon.png",
        "/r/Not%20A%20Room",
    ],
)
async def test_nothing_else_is_in_reach(dist: Path, path: str) -> None:
    async with serving(dist) as get, get(path) as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")


async def test_without_a_build_it_says_what_to_do_until_there_is_one(tmp_path: Path) -> None:
    async with serving(tmp_path / "dist") as get:
        async with get("/r/tea") as answer:
            problem = await answer.json()
            assert (answer.status, problem["code"]) == (404, "not_found")
            assert "npm run build" in problem["detail"]
        (tmp_path / "dist").mkdir()
        (tmp_path / "dist" / "viewer.html").write_text("<!doctype html>")
        async with get("/r/tea") as answer:
            assert answer.status == 200


async def test_the_node_serves_its_build_or_says_that_it_has_none(world: World) -> None:
    status, headers, body = await world.request("GET", "/r/tea")
    if status == 404:
        assert "npm run build" in body["detail"]
        return
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    scripts = re.findall(rb'src="(/assets/[^"]+)"', body)
    assert scripts
    for script in scripts:
        assert (await world.request("GET", script.decode()))[0] == 200
    assert not re.search(rb"<script(?![^>]*\bsrc=)", body)  # the policy would stop it
