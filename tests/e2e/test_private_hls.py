"""A private room by HLS: its signed address is exchanged on the way, and the picture goes on."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Response, Route, expect

from server.auth.signed_paths import BUCKET_MS, SignedPaths
from tests.e2e.test_tokens import ROOM, SECRET, SETTINGS, token
from tests.e2e.world import WAIT_MS, Person, get_browser
from tests.support.node import Node, running_node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

# The page's clock can be put forward; its timers go on as they do.
SKEWED = "window.__skew = 0; { const own = Date.now; Date.now = () => own() + window.__skew }"
PLACE = "() => document.querySelector('[data-testid=video]').currentTime"
MINUTE_MS = 60_000


@pytest.mark.soak
async def test_a_private_room_plays_on_through_an_exchange_of_its_key(
    browser: Browser, tmp_path: Path
) -> None:
    async with running_node(tmp_path, env=SETTINGS) as node:
        host = await go_live(browser, node)
        left_s = BUCKET_MS / 1000 - time.time() % (BUCKET_MS / 1000)
        if left_s < 60:
            await asyncio.sleep(left_s)  # so that the last quarter's key doesn't run out on the way
        now_ms = time.time_ns() // 1_000_000
        old = SignedPaths(SECRET.encode()).sign("tea", now_ms - BUCKET_MS)
        viewer = await get_browser(browser, before=SKEWED)
        keys: list[str] = []
        refused: list[str] = []
        a_quarter_later = False

        async def come_early(route: Route) -> None:
            """Until then, the answers are those of the last quarter."""
            answer = await route.fetch()
            page: dict[str, Any] = await answer.json()
            if not a_quarter_later and "playback" in page:
                page["playback"]["hls"] = re.sub(r"~[^/]+", f"~{old}", page["playback"]["hls"])
                page["playback"]["hls_until_ms"] = now_ms + 14 * MINUTE_MS
            await route.fulfill(response=answer, json=page)

        def note(response: Response) -> None:
            if found := re.search(r"/hls/tea/~([^/]+)/", response.url):
                keys.append(found[1])
            if "/hls/" in response.url and response.status >= 400:
                refused.append(f"{response.status} {response.url}")

        await viewer.page.route("**/api/v1/rooms/tea", come_early)
        viewer.page.on("response", note)
        await viewer.page.goto(f"{node.url}/r/tea?via=hls#token={token('lin', 'Lin', 3600)}")
        await viewer.video_moves()
        await viewer.watches_by("hls")
        assert set(keys) == {old}
        a_quarter_later = True
        await viewer.page.evaluate(f"window.__skew = {3 * MINUTE_MS}")
        async with asyncio.timeout(WAIT_MS / 1000):
            while keys[-1] == old:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # what the page asks for can't be waited on
        new, before = keys[-1], len(keys)
        at = await viewer.page.evaluate(PLACE)
        await viewer.page.wait_for_function(f"(at) => ({PLACE})() > at + 4", arg=at, timeout=WAIT_MS)
        assert set(keys[before:]) == {new}
        assert keys.index(new) == len(keys) - keys[::-1].count(new), "no way back"
        assert refused == []
        assert viewer.errors == host.errors == []


async def go_live(browser: Browser, node: Node) -> Person:
    """A private room, and its host, who is live."""
    mei = token("mei", "Mei", 3600, may_host=True)
    async with aiohttp.ClientSession(node.url) as http:
        async with http.post("/api/v1/rooms", json=ROOM, headers={"Authorization": f"Bearer {mei}"}) as made:
            assert made.status == 201, await made.text()
        host = await get_browser(browser)
        await host.page.goto(f"{node.url}/studio/tea#token={mei}")
        await expect(host.at("go-live")).to_be_enabled(timeout=WAIT_MS)
        await host.at("go-live").click()
        await host.see("end-stream")
    return host


VP8_ONLY = """
    const own = RTCRtpSender.getCapabilities.bind(RTCRtpSender)
    RTCRtpSender.getCapabilities = (kind) => {
        const all = own(kind)
        if (kind !== "video") return all
        return { ...all, codecs: all.codecs.filter(({ mimeType }) => /VP8|rtx/.test(mimeType)) }
    }
"""


async def test_a_publisher_of_vp8_alone_has_no_hls_and_is_told(browser: Browser, tmp_path: Path) -> None:
    async with running_node(tmp_path, env=SETTINGS) as node, aiohttp.ClientSession(node.url) as http:
        made = await get_browser(browser, before=VP8_ONLY)
        mei = token("mei", "Mei", 3600, may_host=True)
        headers = {"Authorization": f"Bearer {mei}"}
        async with http.post("/api/v1/rooms", json=ROOM | {"public": True}, headers=headers) as answer:
            assert answer.status == 201
        await made.page.goto(f"{node.url}/studio/tea#token={mei}")
        await expect(made.at("go-live")).to_be_enabled(timeout=WAIT_MS)
        await made.at("go-live").click()
        await made.see("end-stream")
        await made.see("publisher-health", "every")
        await expect(made.page.get_by_text(re.compile("viewers who need HLS see nothing"))).to_be_visible(
            timeout=WAIT_MS
        )
        async with http.get("/hls/tea/index.m3u8") as answer:
            assert answer.status == 404
            assert (await answer.json())["code"] == "not_live"
        viewer = await get_browser(browser)
        await viewer.page.goto(f"{node.url}/r/tea#token={token('lin', 'Lin', 3600)}")
        await viewer.video_moves()
        await viewer.watches_by("whep")
        assert made.errors == viewer.errors == []
