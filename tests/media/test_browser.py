"""A real Chromium publishes its camera by WHIP; another page watches by WHEP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page

from tests.media.world import World, running_world, until

pytestmark = pytest.mark.browser

# The pages are blank ones of the service's own origin (any 405 will do): media needs a secure context.
PUBLISH = """async ({bearer, takeover}) => {
    const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 360}, audio: true});
    const pc = window.pc = new RTCPeerConnection();
    for (const track of stream.getTracks()) {
        const transceiver = pc.addTransceiver(track, {direction: "sendonly", streams: [stream]});
    }
    await pc.setLocalDescription();
    const headers = {"Content-Type": "application/sdp", "Authorization": "Bearer " + bearer};
    if (takeover) headers["X-Danmart-Takeover"] = "1";
    const response = await fetch("/whip/demo", {method: "POST", headers, body: pc.localDescription.sdp});
    if (response.status !== 201) throw new Error(response.status + " " + await response.text());
    await pc.setRemoteDescription({type: "answer", sdp: await response.text()});
    window.resource = response.headers.get("Location");
}"""

WATCH = """async () => {
    const pc = window.pc = new RTCPeerConnection({bundlePolicy: "max-bundle"});
    const video = window.video = document.createElement("video");
    video.muted = true; video.autoplay = true; video.playsInline = true;
    document.body.append(video);
    const stream = new MediaStream();
    video.srcObject = stream;
    pc.ontrack = (event) => stream.addTrack(event.track);
    pc.addTransceiver("video", {direction: "recvonly"});
    pc.addTransceiver("audio", {direction: "recvonly"});
    await pc.setLocalDescription();
    window.asked = performance.now();
    const response = await fetch("/whep/demo", {
        method: "POST", headers: {"Content-Type": "application/sdp"}, body: pc.localDescription.sdp,
    });
    if (response.status !== 201) throw new Error(response.status + " " + await response.text());
    video.requestVideoFrameCallback(() => { window.first = performance.now() - window.asked; });
    await pc.setRemoteDescription({type: "answer", sdp: await response.text()});
}"""

RECEIVED = """async () => {
    const found = {};
    for (const report of (await window.pc.getStats()).values()) {
        if (report.type === "inbound-rtp") found[report.kind] = {
            frames: report.framesDecoded, packets: report.packetsReceived, lost: report.packetsLost,
            freezes: report.freezeCount, width: report.frameWidth, ssrc: report.ssrc,
            delay: report.jitterBufferDelay / report.jitterBufferEmittedCount,
        };
    }
    return {...found, first: window.first, shown: window.video.getVideoPlaybackQuality().totalVideoFrames};
}"""


@pytest.fixture
async def picture() -> AsyncIterator[World]:
    async with running_world(grace_s=10.0) as running:
        yield running


async def page_of(browser: Browser, world: World) -> Page:
    context = await browser.new_context()
    await context.grant_permissions(["camera", "microphone"], origin=world.base)
    page = await context.new_page()
    await page.goto(f"{world.base}/whep/demo")
    return page


async def frames_advance(page: Page, more: int) -> None:
    """Waits until ``more`` further pictures have been decoded and shown."""
    before = (await page.evaluate(RECEIVED))["shown"]
    await page.wait_for_function(
        "(wanted) => window.video.getVideoPlaybackQuality().totalVideoFrames >= wanted",
        arg=before + more,
        timeout=15_000,
    )


async def test_camera_in_one_browser_is_seen_in_another(browser: Browser, picture: World) -> None:
    studio, watcher = await page_of(browser, picture), await page_of(browser, picture)
    await studio.evaluate(PUBLISH, {"bearer": "alice", "takeover": False})
    await picture.until_said("live:alice")
    await until(lambda: bool(picture.service._streams["demo"].relay.tracks["video"].gop), "a keyframe")
    await watcher.evaluate(WATCH)
    await frames_advance(watcher, 30)
    seen = await watcher.evaluate(RECEIVED)
    assert seen["first"] < 2000
    assert seen["audio"]["packets"] > 10
    assert seen["video"]["lost"] == 0
    stats = picture.service.publisher_stats("demo")
    assert stats is not None
    assert stats.video is not None
    assert stats.video.codec == "H264"
    assert stats.rtt_ms is not None


async def test_reloaded_studio_goes_on_for_the_same_viewer(browser: Browser, picture: World) -> None:
    studio, watcher = await page_of(browser, picture), await page_of(browser, picture)
    await studio.evaluate(PUBLISH, {"bearer": "alice.first", "takeover": False})
    await picture.until_said("live:alice")
    await watcher.evaluate(WATCH)
    await frames_advance(watcher, 10)
    before = await watcher.evaluate(RECEIVED)
    await studio.reload()
    await studio.evaluate(PUBLISH, {"bearer": "alice.second", "takeover": True})
    await frames_advance(watcher, 30)
    after = await watcher.evaluate(RECEIVED)
    assert after["video"]["ssrc"] == before["video"]["ssrc"]
    assert after["video"]["lost"] == 0
    assert after["video"]["frames"] >= before["video"]["frames"] + 30
