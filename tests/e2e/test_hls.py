"""Low-Latency HLS in a real browser, through the page's own player."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, Request

from clients.publish import barcode
from tests.e2e.world import arrive, demo_node, until_live
from tests.media.hls import rules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PIXELS = """() => {
    const video = document.querySelector('[data-testid=video]')
    const canvas = Object.assign(document.createElement('canvas'),
                                 { width: video.videoWidth, height: video.videoHeight })
    const draw = canvas.getContext('2d', { willReadFrequently: true })
    draw.drawImage(video, 0, 0)
    const y = Math.floor(canvas.height * (1 - 1 / 48))
    const line = draw.getImageData(0, y, canvas.width, 1).data
    return { width: canvas.width, at: Date.now(), line: [...line].filter((_, i) => i % 4 === 1) }
}"""


async def test_hls_js_joins_a_young_stream_and_fetches_each_part_once(
    browser: Browser, tmp_path: Path
) -> None:
    async with demo_node(tmp_path) as node:
        await until_live(node)
        await until_old(node.url, 2.0)
        asked: Counter[str] = Counter()

        def count(request: Request) -> None:
            if found := re.search(r"/hls/demo/([\w.-]+\.m4s)", request.url):
                asked[found[1]] += 1

        viewer = await arrive(browser, node, "r", "Lin", "viewer", query="?via=hls")
        viewer.page.on("request", count)
        await viewer.video_moves()
        await viewer.watches_by("hls")
        started = time.monotonic()
        glass: list[int] = []
        while len(glass) < 10 and time.monotonic() - started < 20:
            seen = await viewer.page.evaluate(PIXELS)
            line: list[int] = seen["line"]
            shown = barcode.decode(barcode.sample(seen["width"], 2, lambda x, _: line[x]))  # noqa: B023
            if shown is not None and time.monotonic() - started > 1:
                glass.append(seen["at"] - shown)
            await asyncio.sleep(0.1)
        await viewer.context.close()
    assert asked, "the player fetched parts"
    assert max(asked.values()) <= 2, asked.most_common(5)  # one may be fetched anew after a seek
    assert len(glass) == 10
    assert sorted(glass)[5] <= 2500, glass


async def until_old(url: str, seconds: float) -> None:
    """Wait until the playlist holds that much."""
    async with asyncio.timeout(30), aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{url}/hls/demo/media.m3u8") as response:
                if response.status == 200:
                    segments = rules.check(await response.text()).segments
                    if sum(part.duration for segment in segments for part in segment.parts) >= seconds:
                        return
            await asyncio.sleep(0.05)
