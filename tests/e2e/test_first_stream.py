"""The main job, in real browsers: a host goes live, viewers watch, talk and buy, a moderator mutes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.world import (
    WAIT_MS,
    WATCHED,
    Person,
    arrive,
    demo_node,
    plays_on_the_same_connection,
    room,
    until_live,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

CUP = "Celadon cup"


async def test_a_stream_from_camera_to_purchase(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host")
        await go_live(host)

        viewer = await arrive(browser, node, "r", "Lin", "viewer", query="?via=whep")
        await viewer.video_moves()
        await viewer.watches_by("whep")
        other = await arrive(browser, node, "r", "Wu", "viewer", query="?via=hls", size=(390, 844))
        await other.video_moves()
        await other.watches_by("hls")

        await comments_cross(host, viewer, other)
        await host_pins(host, viewer)
        await viewer_buys(host, viewer, other)

        moderator = await arrive(browser, node, "desk", "Bao", "moderator")
        await moderator_mutes(moderator, viewer, other)
        for person in (host, viewer, other, moderator):
            assert person.errors == []


async def go_live(host: Person) -> None:
    """From the studio, with the browser's made-up camera; the demo's host steps aside."""
    await host.see("level-meter")
    await expect(host.at("go-live")).to_be_enabled(timeout=WAIT_MS)
    await host.at("go-live").click()
    await host.see("end-stream")
    await host.see("elapsed")


async def comments_cross(host: Person, viewer: Person, other: Person) -> None:
    await viewer.say("hello from Lin")
    await host.see("comment", "hello from Lin")
    await other.see("comment", "hello from Lin")
    await host.say("welcome, Lin 你好")
    await viewer.see("comment", "welcome, Lin 你好")
    # Bold characters are text like any other, markup is never anything but text.
    await other.say("<img src=x onerror=alert(1)> 100% real")
    await viewer.see("comment", "<img src=x onerror=alert(1)> 100% real")


async def host_pins(host: Person, viewer: Person) -> None:
    row = host.at("shelf-row").filter(has_text=CUP)
    await row.get_by_test_id("pin-button").click()
    await viewer.see("pinned-product", CUP)


async def viewer_buys(host: Person, viewer: Person, other: Person) -> None:
    card = await viewer.see("pinned-product", CUP)
    await expect(card.get_by_test_id("stock-left")).to_contain_text("20")
    await card.get_by_test_id("buy-button").click()
    await viewer.see("buy-sheet")
    await viewer.at("hold-button").click()
    await viewer.see("hold-countdown")
    await viewer.at("pay-button").click()
    await viewer.see("buy-done")
    other_card = other.at("pinned-product").filter(has_text=CUP)
    await expect(other_card.get_by_test_id("stock-left")).to_contain_text("19", timeout=WAIT_MS)
    await host.at("tab-orders").click()
    await host.see("order-row", re.compile(rf"{CUP}.*Lin|Lin.*{CUP}", re.DOTALL))
    await expect(host.at("order-row").first).to_contain_text("Paid", timeout=WAIT_MS)
    await viewer.page.keyboard.press("Escape")


async def moderator_mutes(moderator: Person, viewer: Person, other: Person) -> None:
    row = moderator.at("comment").filter(has_text="hello from Lin")
    await expect(row).to_be_visible(timeout=WAIT_MS)
    await row.hover()
    await row.get_by_test_id("mute-button").click()
    await moderator.at("mute-reason-input").fill("advertising")
    await moderator.at("mute-for-600").click()
    await moderator.at("mute-confirm").click()
    await moderator.at("tab-mutes").click()
    await moderator.see("active-mute", "Lin")
    notice = await viewer.see("mute-notice")
    await expect(notice).to_contain_text("advertising")
    await viewer.page.reload()
    await expect(await viewer.see("mute-notice")).to_contain_text("advertising")
    refusal = await viewer.page.evaluate(REFUSED_COMMENT)
    assert refusal["ok"] is False
    assert refusal["error"]["code"] == "muted"
    assert refusal["error"]["details"]["reason"] == "advertising"
    assert 0 < refusal["error"]["details"]["left_ms"] <= 600_000

    await row.hover()
    await row.get_by_test_id("delete-button").click()
    await other.gone("comment", "hello from Lin")


# The page hides the box from who is muted; whoever gets round the page is refused by the server.
REFUSED_COMMENT = """async () => {
    const token = Object.values(sessionStorage).join(' ').match(/eyJ[\\w-]+\\.[\\w-]+\\.[\\w-]+/)[0]
    const response = await fetch('/api/v1/rooms/demo/commands/comment', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Authorization': `Bearer ${token}`,
                   'Idempotency-Key': 'muted-or-not-1' },
        body: JSON.stringify({ text: 'can you hear me' }),
    })
    const problem = await response.json()
    return { ok: response.ok, error: { code: problem.code, details: problem.errors } }
}"""


async def test_the_demo_is_on_the_air_for_who_opens_the_page(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        await until_live(node)
        viewer = await arrive(browser, node, "r", "Lin", "viewer", before=WATCHED)
        await viewer.video_moves()
        await viewer.watches_by("whep")
        await viewer.see("live-badge")
        shown_ms = await viewer.page.evaluate("performance.now()")
        print(f"moving pictures {shown_ms:.0f} ms after the page was asked for")
        await plays_on_the_same_connection(viewer)
        before = await viewer.page.evaluate(
            r"/a=ice-ufrag:\S+/.exec(window.__pcs[0].currentRemoteDescription.sdp)[0]"
        )
        async with viewer.page.expect_response(lambda answer: answer.request.method == "PATCH") as restart:
            await viewer.page.evaluate("dispatchEvent(new Event('online'))")  # another network
        assert (await restart.value).status == 200
        await viewer.page.wait_for_function(RESTARTED, arg=before, timeout=WAIT_MS)
        await viewer.page.evaluate("window.__seen = new Set()")
        await viewer.video_moves()
        await plays_on_the_same_connection(viewer)


# ICE has begun anew, with the server's new credentials, and is done.
RESTARTED = """(before) => {
    const [pc] = window.__pcs
    return pc.signalingState === 'stable' && pc.iceConnectionState === 'connected'
        && !pc.currentRemoteDescription.sdp.includes(before)
}"""


async def test_a_reloaded_studio_goes_on_and_then_the_demo_host_comes_back(
    browser: Browser, tmp_path: Path
) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host")
        await go_live(host)
        viewer = await arrive(browser, node, "r", "Lin", "viewer", query="?via=whep", before=WATCHED)
        await viewer.video_moves()
        await plays_on_the_same_connection(viewer)

        # The studio asks before it lets go of a live stream; this host means it.
        host.page.on("dialog", lambda dialog: dialog.accept())
        await host.page.evaluate("window.before = true")
        await host.page.reload()
        assert await host.page.evaluate("window.before") is None
        await host.see("end-stream")
        await viewer.page.evaluate("window.__seen = new Set()")
        await viewer.video_moves()
        await plays_on_the_same_connection(viewer)
        assert (await room(node))["status"] == "live"

        await host.at("end-stream").click()
        await host.at("confirm-yes").click()
        await host.see("go-live")
        await viewer.page.evaluate("window.__seen = new Set()")
        await viewer.video_moves()
        assert (await room(node))["status"] == "live"


async def test_a_full_node_sends_viewers_to_hls_by_itself(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "full.toml").write_text("[media]\nwhep_capacity = 0\n")
    async with demo_node(tmp_path, "--config", str(tmp_path / "full.toml")) as node:
        viewer = await arrive(browser, node, "r", "Lin", "viewer")
        await viewer.video_moves()
        await viewer.watches_by("hls")
