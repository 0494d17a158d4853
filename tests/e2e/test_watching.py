"""Watching for long, and through trouble: what a viewer's page does by itself."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.test_first_stream import go_live
from tests.e2e.world import (
    WATCHED,
    Person,
    arrive,
    demo_node,
    plays_on_the_same_connection,
    room,
    until_live,
)
from tests.support.node import Node

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(400)]

MOVES_WITHIN_S = 3.0

# Frames that were decoded, packets that were lost for good, and freezes, as the browser counts them.
COUNTED = """async () => {
    const found = {}
    for (const report of (await window.__pcs[0].getStats()).values()) {
        if (report.type === 'inbound-rtp' && report.kind === 'video') Object.assign(found, {
            frames: report.framesDecoded, lost: report.packetsLost, freezes: report.freezeCount,
            frozen: report.totalFreezesDuration,
            delay: report.jitterBufferDelay / report.jitterBufferEmittedCount,
        })
    }
    return found
}"""


async def until_status(node: Node, status: str) -> float:
    async with asyncio.timeout(30):
        while (await room(node))["status"] != status:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return time.monotonic()


async def moves_again(viewer: Person) -> None:
    await viewer.page.evaluate("window.__seen = new Set()")
    await viewer.video_moves()


async def leave_and_come_back(node: Node, host: Person) -> float:
    """The host's page goes away and is there again some seconds later; gives when the room was live again."""
    studio = host.page.url
    await host.page.goto("about:blank")
    await until_status(node, "interrupted")
    await asyncio.sleep(2)  # as long as it takes to find the tab again
    await host.page.goto(studio)
    live_at = await until_status(node, "live")
    await host.see("end-stream")
    return live_at


async def test_three_minutes_with_a_reconnect_of_the_publisher_in_the_middle(
    browser: Browser, tmp_path: Path
) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host")
        host.page.on("dialog", lambda dialog: dialog.accept())
        await go_live(host)
        viewer = await arrive(browser, node, "r", "Lin", "viewer", before=WATCHED)
        await viewer.video_moves()
        await viewer.watches_by("whep")
        await plays_on_the_same_connection(viewer)
        began = await viewer.page.evaluate(COUNTED)

        await asyncio.sleep(85)
        middle = await viewer.page.evaluate(COUNTED)
        assert middle["frames"] - began["frames"] > 85 * 15

        live_at = await leave_and_come_back(node, host)
        await moves_again(viewer)
        moved_s = time.monotonic() - live_at
        await plays_on_the_same_connection(viewer)
        assert moved_s < MOVES_WITHIN_S

        again = await viewer.page.evaluate(COUNTED)
        await asyncio.sleep(85)
        ended = await viewer.page.evaluate(COUNTED)
        print(f"picture moved {moved_s:.2f} s after the publisher was back; {began} {middle} {ended}")
        assert ended["frames"] - again["frames"] > 85 * 15
        assert ended["lost"] == 0
        await plays_on_the_same_connection(viewer)
        assert (viewer.errors, host.errors) == ([], [])


async def test_a_viewer_of_a_full_node_comes_up_when_there_is_room(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text("[media]\nwhep_capacity = 1\n")
    async with demo_node(tmp_path, "--config", str(tmp_path / "small.toml")) as node:
        await until_live(node)
        first = await arrive(browser, node, "r", "Lin", "viewer")
        await first.watches_by("whep")
        second = await arrive(browser, node, "r", "Wu", "viewer")
        await second.watches_by("hls")
        await second.video_moves()
        await second.page.evaluate("document.querySelector('[data-testid=video]').same = true")
        await first.context.close()
        left = time.monotonic()
        async with asyncio.timeout(60):
            while await second.at("player-protocol").get_attribute("data-value") != "whep":  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        print(f"up again {time.monotonic() - left:.1f} s after there was room")
        await moves_again(second)
        assert await second.page.evaluate("document.querySelector('[data-testid=video]').same")
        assert second.errors == []
