"""A viewer asks, is invited and comes on stage; everybody sees both, by the layout that the host chose."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.e2e.test_first_stream import go_live
from tests.e2e.world import WAIT_MS, Person, arrive, demo_node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

# Three different pictures have been shown, by the video that is given.
MOVES = """async (video) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 })
    const draw = canvas.getContext('2d', { willReadFrequently: true })
    const seen = new Set()
    const until = performance.now() + %d
    while (seen.size < 3) {
        if (performance.now() > until) throw new Error('the picture does not move')
        await new Promise((resolve) => setTimeout(resolve, 100))
        if (video.videoWidth === 0) continue
        draw.drawImage(video, 0, 0, 64, 36)
        let sum = 0
        for (const byte of draw.getImageData(0, 0, 64, 36).data) sum = (sum * 31 + byte) | 0
        seen.add(sum)
    }
}"""


async def moves(video: Locator) -> None:
    await expect(video).to_be_attached(timeout=WAIT_MS)
    await video.evaluate(MOVES % WAIT_MS)


async def come_on_stage(host: Person, guest: Person, name: str) -> None:
    """The guest asks, the host invites, and the guest goes on stage."""
    await (await guest.see("guest-ask")).click()
    await guest.see("guest-asked")
    await host.at("tab-guests").click()
    row = host.at("guest-row").filter(has_text=name)
    await row.get_by_test_id("guest-invite").click()
    await guest.see("guest-sheet")
    await expect(guest.at("guest-go")).to_be_disabled()
    await guest.at("guest-devices").click()
    await guest.see("guest-level")
    await guest.at("guest-go").click()
    await expect(guest.at("on-stage")).to_have_attribute("data-value", "live", timeout=WAIT_MS)


async def test_a_guest_is_seen_beside_the_host_and_removed(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host")
        await go_live(host)
        guest = await arrive(browser, node, "r", "Lin", "viewer", size=(390, 844))
        viewer = await arrive(browser, node, "r", "Wu", "viewer", query="?via=whep")
        await viewer.video_moves()
        await come_on_stage(host, guest, "Lin")

        # Everybody sees both move: the viewer, the host in the studio, the guest (itself at once).
        await moves(viewer.at("guest-video"))
        await moves(viewer.at("video"))
        await moves(host.at("guest-video"))
        await moves(guest.at("video"))
        await moves(guest.at("own-video"))
        await guest.watches_by("whep")
        assert await guest.at("guest-video").count() == 0
        assert await guest.at("video").evaluate("video => video.muted") is False, "the guest hears the host"
        await expect(viewer.at("guest-tile")).to_have_text("Lin")
        await muted_together(viewer)
        await layouts_change(host, viewer)

        # The guest's sound is taken off the host's microphone, and the host's off the guest's.
        track = "() => document.querySelector('[data-testid=own-video]').srcObject.getAudioTracks()[0]"
        assert (await guest.page.evaluate(f"({track})().getSettings()"))["echoCancellation"] is True

        await host.at("guest-row").filter(has_text="Lin").get_by_test_id("guest-remove").click()
        await expect(viewer.at("guest-tile")).to_have_count(0, timeout=WAIT_MS)
        await expect(viewer.at("cast")).to_have_attribute("data-layout", "alone")
        await guest.see("guest-ask")
        await expect(guest.at("toasts")).to_contain_text("not on stage any more", timeout=WAIT_MS)
        await expect(host.at("guest-preview")).to_have_count(0)
        await moves(viewer.at("video"))
        for person in (host, guest, viewer):
            assert person.errors == []


async def muted_together(viewer: Person) -> None:
    videos = viewer.page.locator("video")
    for silent in (False, True):
        await viewer.at("sound-toggle").click()
        for n in range(await videos.count()):
            assert await videos.nth(n).evaluate("video => video.muted") is silent


async def layouts_change(host: Person, viewer: Person) -> None:
    """Live, and no picture is begun anew for it."""
    await viewer.page.evaluate("document.querySelectorAll('video').forEach((v) => { v.kept = true })")
    for layout, kind, big in (
        ("side", "side", "host"),
        ("guest:g1", "spot", "g1"),
        ("grid", "grid", "host"),
        ("host", "spot", "host"),
    ):
        await host.at(f"layout-{layout}").click()
        await expect(viewer.at("cast")).to_have_attribute("data-layout", kind, timeout=WAIT_MS)
        await expect(viewer.at("cast")).to_have_attribute("data-big", big)
        await expect(host.at(f"layout-{layout}")).to_have_attribute("aria-pressed", "true")
        boxes = [await viewer.at(tile).bounding_box() for tile in ("host-tile", "guest-tile")]
        areas = [box["width"] * box["height"] for box in boxes if box is not None]
        if kind == "spot":
            assert (areas[0] > 2 * areas[1]) is (big == "host")
        else:
            assert areas[0] == pytest.approx(areas[1], rel=0.05)
    kept = await viewer.page.evaluate("[...document.querySelectorAll('video')].map((v) => v.kept === true)")
    assert kept == [True, True]


@pytest.mark.soak
async def test_a_guest_who_reloads_comes_back_and_who_leaves_is_gone(
    browser: Browser, tmp_path: Path
) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host")
        await go_live(host)
        guest = await arrive(browser, node, "r", "Lin", "viewer")
        await guest.video_moves()
        await come_on_stage(host, guest, "Lin")
        await moves(host.at("guest-video"))
        behind = await arrive(browser, node, "r", "Wu", "viewer", query="?via=hls")
        await moves(behind.at("guest-video"))
        await guest.page.reload()
        await guest.see("guest-sheet")
        await guest.at("guest-devices").click()
        await guest.at("guest-go").click()
        await expect(guest.at("on-stage")).to_have_attribute("data-value", "live", timeout=WAIT_MS)
        await moves(host.at("guest-video"))
        await guest.at("guest-leave").click()
        await expect(host.at("guest-preview")).to_have_count(0, timeout=WAIT_MS)
        await expect(host.at("guest-row")).to_have_count(0)
        await guest.see("guest-ask")
