"""hls.js, as it comes, over what live streams do: their publisher goes away and comes back, sizes change."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Response

from tests.media.hls.source import TimedPacket, broadcast
from tests.media.hls.studio import Studio
from tests.media.hls.test_http import Site, running_site

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(120), pytest.mark.may_block]

HLS_JS = Path(__file__).parents[3] / "clients" / "web" / "node_modules" / "hls.js" / "dist" / "hls.min.js"
WAIT_MS = 30_000

OPEN = """(size) => {
    const video = document.body.appendChild(document.createElement('video'));
    window.seen = {fatal: [], sizes: [], began: 0};
    video.addEventListener('loadstart', () => window.seen.began++);
    video.addEventListener('resize', () => window.seen.sizes.push(video.videoHeight));
    window.hls = new Hls({enableWorker: false, lowLatencyMode: true});
    hls.on(Hls.Events.ERROR, (_, {fatal, details}) => fatal && window.seen.fatal.push(details));
    hls.loadSource('/hls/demo/index.m3u8');
    hls.attachMedia(video);
    video.muted = true;
    video.play();
}"""
AT = "document.querySelector('video').currentTime"


async def play_live(studio: Studio, packets: Iterable[TimedPacket], late_ms: int = 0) -> None:
    """Feeds packets when they are due, the first one now."""
    began, first, due = time.monotonic(), None, []
    for packet in packets:
        first = packet.at_ms if first is None else first
        due.append(TimedPacket(packet.at_ms + late_ms, packet.kind, packet.data))
        wait_s = (packet.at_ms - first) / 1000 - (time.monotonic() - began)
        if wait_s > 0.04:
            await studio.feed(due)
            due = []
            await asyncio.sleep(wait_s)
    await studio.feed(due)


@contextlib.asynccontextmanager
async def watching(browser: Browser, site: Site) -> AsyncIterator[tuple[Page, Counter[tuple[str, int]]]]:
    """A page in which hls.js plays, and how often each playlist was answered how."""
    page, answers = await browser.new_page(), Counter[tuple[str, int]]()

    def count(response: Response) -> None:
        name = response.url.rpartition("/")[2].partition("?")[0]
        answers[name, response.status] += 1

    await page.goto(f"{site.base}/hls/demo/nothing.mp4")  # a page of the same origin
    await page.add_script_tag(path=HLS_JS)
    page.on("response", count)
    await page.evaluate(OPEN)
    try:
        yield page, answers
    finally:
        await page.close()


async def until(page: Page, condition: str) -> None:
    try:
        await page.wait_for_function(condition, timeout=WAIT_MS, polling=50)
    except Exception as error:
        raise AssertionError(f"{condition}: {await page.evaluate('window.seen')}") from error


async def seen(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate("window.seen")
    return found


@pytest.mark.parametrize(("wait_s", "away_s"), [(1.0, 7), (12.0, 28)], ids=["refused", "grace"])
async def test_it_goes_on_when_the_publisher_is_back(browser: Browser, wait_s: float, away_s: int) -> None:
    packets = broadcast(24)
    async with running_site(0, wait_s=wait_s) as site:
        site.studio.begin()
        live = asyncio.create_task(play_live(site.studio, [p for p in packets if p.at_ms < 8_000]))
        async with watching(browser, site) as (page, answers):
            await until(page, f"{AT} > 2")
            await live
            site.studio.sink.interrupted()
            await asyncio.sleep(away_s)  # the publisher is away for so long
            before = await page.evaluate(AT)
            site.studio.begin()
            rest = [p for p in packets if p.at_ms >= 8_000]
            live = asyncio.create_task(play_live(site.studio, rest, late_ms=away_s * 1000))
            await until(page, f"{AT} > {before + 4}")
            found = await seen(page)
            assert found["fatal"] == []
            assert found["began"] == 1, "the same playback"
            assert answers["index.m3u8", 200] == 1
            if wait_s < 10:  # hls.js waits for ten seconds by itself
                assert answers["media.m3u8", 503] >= 1
            live.cancel()
            await asyncio.gather(live, return_exceptions=True)


async def test_it_changes_between_sizes_and_back(browser: Browser) -> None:
    ladder: dict[str, Any] = {
        "ladder_rooms": frozenset({"demo"}),
        "ladder_heights": (90,),
        "ladder_preset": "ultrafast",
    }
    async with running_site(0, **ladder) as site:
        site.studio.begin()
        live = asyncio.create_task(play_live(site.studio, broadcast(40)))
        async with watching(browser, site) as (page, answers):
            await until(page, f"{AT} > 2 && hls.levels.length === 2")
            for height in (90, 180, 90):
                await page.evaluate(
                    "height => { hls.nextLevel = hls.levels.findIndex(level => level.height === height) }",
                    height,
                )
                await until(page, f"document.querySelector('video').videoHeight === {height}")
                at = await page.evaluate(AT)
                await until(page, f"{AT} > {at + 1.5}")
            found = await seen(page)
            assert found["fatal"] == []
            assert found["began"] == 1
            assert answers["media.m3u8", 200] > 3
            assert answers["media-90.m3u8", 200] > 3
        live.cancel()
        await asyncio.gather(live, return_exceptions=True)
