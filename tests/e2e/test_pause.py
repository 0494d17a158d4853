"""The host pauses: viewers keep the last frame under the pause, nothing is torn down, and it goes on."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser, expect

from tests.e2e.test_first_stream import go_live
from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, room

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

IS_STILL = """async () => {
    const video = document.querySelector('[data-testid=video]')
    const before = video.currentTime
    await new Promise((resolve) => setTimeout(resolve, 700))
    return video.paused && video.currentTime === before && video.videoWidth > 0
}"""


async def test_a_pause_is_seen_at_once_and_over_at_once(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host")
        await go_live(host)
        live = await arrive(browser, node, "r", "Lin", "viewer", query="?via=whep")
        behind = await arrive(browser, node, "r", "Wu", "viewer", query="?via=hls", size=(390, 844))
        for viewer in (live, behind):
            await viewer.video_moves()
        await host.see("publisher-health", "every")
        await upload_picture(host)
        await host.at("pause").click()
        await host.see("pause-note")
        for viewer in (live, behind):
            await is_paused(viewer)
        newcomer = await arrive(browser, node, "r", "Bo", "viewer", query="?via=whep")
        await newcomer.see("pause-picture")
        assert (await room(node))["status"] == "live"
        await host.at("pause").click()
        for viewer in (live, behind, newcomer):
            await expect(viewer.at("stage-overlay")).to_have_count(0, timeout=WAIT_MS)
            await viewer.page.evaluate("window.__seen = new Set()")
            await viewer.video_moves()
        for person in (host, live, behind, newcomer):
            assert person.errors == []


async def upload_picture(host: Person) -> None:
    out = io.BytesIO()
    Image.new("RGB", (320, 180), "teal").save(out, "PNG")
    await host.at("tab-settings").click()
    await host.at("pause-picture-file").set_input_files(
        {"name": "break.png", "mimeType": "image/png", "buffer": out.getvalue()}
    )
    await host.see("pause-preview")


async def is_paused(viewer: Person) -> None:
    overlay = await viewer.see("stage-overlay")
    await expect(overlay).to_have_attribute("data-status", "paused")
    await viewer.see("pause-picture")
    assert await viewer.page.evaluate(IS_STILL)
