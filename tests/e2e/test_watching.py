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
from tests.support.coturn import TURNSERVER, coturn
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


# Whatever the page does, its media may go by TURN only.
RELAYED = """
    const Direct = window.RTCPeerConnection
    const only = (config) => ({ ...config, iceTransportPolicy: 'relay' })
    window.RTCPeerConnection = class extends Direct {
        constructor(config) { super(only(config)); (window.__pcs ??= []).push(this) }
        setConfiguration(config) { super.setConfiguration(only(config)) }
    }
"""

PATH = """async () => {
    const reports = [...(await window.__pcs[0].getStats()).values()]
    const pair = reports.find((report) => report.type === 'candidate-pair' && report.nominated)
    return reports.find((report) => report.id === pair?.localCandidateId)?.candidateType
}"""


@pytest.mark.skipif(TURNSERVER is None, reason="coturn is not installed")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_host_and_viewer_behind_a_firewall_go_by_turn(
    browser: Browser, tmp_path: Path, transport: str
) -> None:
    with coturn(tmp_path, "s3cret") as port:
        turn = {
            "DANMART_MEDIA__TURN__URLS": f"turn:127.0.0.1:{port}?transport={transport}",
            "DANMART_MEDIA__TURN__SECRET": "s3cret",
        }
        async with demo_node(tmp_path, **turn) as node:
            host = await arrive(browser, node, "studio", "Mei", "host", before=RELAYED)
            await go_live(host)
            viewer = await arrive(browser, node, "r", "Lin", "viewer", query="?via=whep", before=RELAYED)
            await viewer.video_moves()
            await viewer.watches_by("whep")
            for person in (host, viewer):
                assert await person.page.evaluate(PATH) == "relay"


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
