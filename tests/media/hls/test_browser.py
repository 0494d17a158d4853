"""A real browser takes the init section and each part as they are."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser

from tests.media.hls import rules
from tests.media.hls.source import H264, broadcast, pictures, video_packets
from tests.media.hls.test_http import Site, running_site

APPEND = """async ({codecs, urls}) => {
    const video = document.createElement('video'), source = new MediaSource();
    video.src = URL.createObjectURL(source);
    await new Promise(opened => source.addEventListener('sourceopen', opened, {once: true}));
    const buffer = source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
    for (const url of urls) {
        const data = await (await fetch(url)).arrayBuffer();
        await new Promise((done, failed) => {
            buffer.addEventListener('updateend', done, {once: true});
            buffer.addEventListener('error', () => failed(new Error(url)), {once: true});
            buffer.appendBuffer(data);
        });
    }
    video.muted = true;
    video.playbackRate = 4;
    await video.play();
    await new Promise((seen, failed) => {
        video.addEventListener('error', () => failed(new Error(video.error.message)));
        video.addEventListener('timeupdate', () => video.currentTime > 4 && seen());
    });
    const ranges = [...Array(buffer.buffered.length).keys()];
    const quality = video.getVideoPlaybackQuality();
    return {
        ranges: ranges.map(i => [buffer.buffered.start(i), buffer.buffered.end(i)]),
        size: [video.videoWidth, video.videoHeight],
        frames: quality.totalVideoFrames,
    };
}"""


async def play(browser: Browser, site: Site) -> dict[str, Any]:
    """What a browser makes of all parts in a row."""
    read = rules.check(await site.text("media.m3u8"))
    index = rules.attributes((await site.text("index.m3u8")).splitlines()[2].split(":", 1)[1])
    names = [read.segments[0].init]
    names += [part.uri for segment in read.segments for part in segment.parts]
    page = await browser.new_page()
    await page.goto(f"{site.base}/hls/demo/nothing.mp4")  # a page of the same origin
    urls = [f"{site.base}/hls/demo/{name}" for name in names]
    seen: dict[str, Any] = await page.evaluate(APPEND, {"codecs": index["CODECS"], "urls": urls})
    assert len(seen["ranges"]) == 1, seen
    assert seen["ranges"][0][0] < 0.05
    return seen


@pytest.mark.browser
async def test_media_source_plays_the_parts(browser: Browser) -> None:
    async with running_site(5) as site:
        await site.studio.feed(packet for packet in broadcast(6.0) if packet.at_ms >= 5000)
        seen = await play(browser, site)
    assert seen["ranges"][0][1] > 5.3
    assert seen["size"] == [320, 180]
    assert seen["frames"] > 50


@pytest.mark.browser
async def test_media_source_plays_over_parts_with_nothing_in_them(browser: Browser) -> None:
    async with running_site(0) as site:
        packets = video_packets(pictures(2.0), sequence=0, timestamp=0)
        packets += video_packets(pictures(3.0), sequence=len(packets), timestamp=4 * 90_000, at_ms=4000)
        site.studio.begin(H264)
        await site.studio.feed(packets)
        seen = await play(browser, site)
    assert seen["ranges"][0][1] > 6
