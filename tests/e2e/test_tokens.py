"""A viewer's page in a shop's frame, open for longer than its tokens live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, expect

from server.auth.own import sign
from tests.e2e.world import WAIT_MS, WATCHED, get_browser
from tests.support.node import running_node

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(120)]

SECRET = "a secret of this test's node, long enough"
SETTINGS = {"DANMART_NODE__SECRET": SECRET, "DANMART_AUTH__LEEWAY_S": "0"}
LIVES_S = 8
ROOM = {"id": "tea", "title": "Tea", "public": False}

_SHOP = """<!doctype html><title>Shop</title><body><script>
    window.asked = 0
    const frame = document.body.appendChild(document.createElement("iframe"))
    frame.allow = "autoplay"
    frame.width = 1200
    frame.height = 700
    const origin = new URLSearchParams(location.search).get("live")
    const give = async () => (await fetch("/token", { cache: "no-store" })).text()
    addEventListener("message", async ({ source, data }) => {
        if (source !== frame.contentWindow || data?.type !== "danmart.token.wanted") return
        window.asked += 1
        const token = window.mute ? "another person's" : await give()
        source.postMessage({ type: "danmart.token", token }, origin)
    })
    give().then((token) => { frame.src = `${origin}/r/tea?via=whep#token=${token}` })
</script>"""


def token(user: str, name: str, life_s: int, *, may_host: bool = False) -> str:
    now_ms = time.time_ns() // 1_000_000
    return sign(SECRET.encode(), user, name, now_ms=now_ms, life_s=life_s, operator=False, may_host=may_host)


@asynccontextmanager
async def shop() -> AsyncIterator[str]:
    """The origin of a shop's page that frames a room for its customer Lin."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=_SHOP, content_type="text/html")

    async def give(_: web.Request) -> web.Response:
        return web.Response(text=token("lin", "Lin", LIVES_S))

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/token", give)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_framed_page_gets_new_tokens_from_the_shop(browser: Browser, tmp_path: Path) -> None:
    async with (
        shop() as origin,
        running_node(tmp_path, env={"DANMART_LISTEN__EMBED_ORIGINS": origin, **SETTINGS}) as node,
        aiohttp.ClientSession(node.url) as http,
    ):
        mei = token("mei", "Mei", 3600, may_host=True)
        headers = {"Authorization": f"Bearer {mei}"}
        async with http.post("/api/v1/rooms", json=ROOM, headers=headers) as made:
            assert made.status == 201, await made.text()
        host = await get_browser(browser)
        await host.page.goto(f"{node.url}/studio/tea#token={mei}")
        await expect(host.at("go-live")).to_be_enabled(timeout=WAIT_MS)
        await host.at("go-live").click()
        await host.see("end-stream")

        lin = await get_browser(browser, before=WATCHED)
        await lin.page.goto(f"{origin}/?live={node.url}")
        frame = lin.page.frame_locator("iframe")
        await expect(frame.get_by_test_id("player-protocol")).to_have_attribute(
            "data-value", "whep", timeout=WAIT_MS
        )
        await asyncio.sleep(2 * LIVES_S)  # two tokens later
        assert await lin.page.evaluate("window.asked") >= 2
        await expect(frame.get_by_test_id("player-protocol")).to_have_attribute("data-phase", "playing")
        await frame.get_by_test_id("comment-input").fill("still here")
        await frame.get_by_test_id("comment-send").click()
        await host.see("comment", "still here")
        assert lin.errors == []

        await lin.page.evaluate("window.mute = true")  # and a shop that gives no more ends it
        await expect(frame.get_by_text("Your sign-in has run out")).to_be_visible(timeout=2 * LIVES_S * 1000)
