"""A check finds something in the picture: viewers see it blurred, a moderator looks at it and clears it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.async_api import Browser, expect

from server.config import load
from server.node import Node
from tests.e2e.world import WAIT_MS, arrive, until_live
from tests.server.test_vision import Fixed
from tests.support import node as nodes

pytestmark = [
    pytest.mark.soak,
    pytest.mark.browser,
    pytest.mark.timeout(150),
    pytest.mark.may_block,  # the node starts in the test's loop
]

FILTER = "element => getComputedStyle(element).filter"


@asynccontextmanager
async def demo(folder: Path, measure: str, **vision: Any) -> AsyncIterator[nodes.Node]:
    """A demo in this process, in whose rooms this is done about hits; stored pictures are left alone."""
    chosen: dict[str, Any] = {
        "node": {"data_dir": folder},
        "listen": {"port": 0},
        "demo": True,
        "vision": {
            "checker": "tests.media.vision.colours:by_file",
            "every_s": 0.5,
            "hits": 1,
            "of": 1,
            "calm": 50,
            "late_per_min": 0,
            **vision,
        },
    }
    node = Node(load(None, chosen, environ={}))
    object.__setattr__(node.picture.vision._ground, "rules", Fixed(measure).of)
    await node.start()
    try:
        await until_live(cast("nodes.Node", node))
        yield cast("nodes.Node", node)
    finally:
        await node.close()


async def test_viewers_see_a_blur_until_a_moderator_has_looked(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    red = tmp_path / "red"
    monkeypatch.setenv("VISION_TEST_RED", str(red))
    async with demo(tmp_path, "blur") as node:
        viewer = await arrive(browser, node, "r", "Lin", "viewer", query="?via=whep", size=(390, 844))
        moderator = await arrive(browser, node, "desk", "Bao", "moderator")
        await viewer.video_moves()
        assert await viewer.at("video").evaluate(FILTER) == "none"
        red.touch()
        await viewer.see("tile-blurred", "being checked")
        assert "blur" in await viewer.at("video").evaluate(FILTER)
        alert = await moderator.see("picture-alert", "Bare breasts, 93% sure")
        still = alert.get_by_test_id("picture-still").locator("img")
        blurred = await still.get_attribute("src", timeout=WAIT_MS)
        await alert.get_by_test_id("picture-still").click()
        await expect(still).not_to_have_attribute("src", blurred or "", timeout=WAIT_MS)
        waiting = await moderator.see("queue-item", "Bare breasts, 93% sure")
        await waiting.get_by_role("button").first.click()
        in_queue = waiting.get_by_test_id("picture-still").locator("img")
        await expect(in_queue).to_be_visible(timeout=WAIT_MS)
        newcomer = await arrive(browser, node, "r", "Wu", "viewer", query="?via=whep")
        await newcomer.see("tile-blurred")
        await alert.get_by_test_id("picture-clear").click()
        for one in (viewer, newcomer):
            await expect(one.at("tile-blurred")).to_have_count(0, timeout=WAIT_MS)
        assert await viewer.at("video").evaluate(FILTER) == "none"
        await expect(moderator.at("picture-alert")).to_have_count(0, timeout=WAIT_MS)
        await moderator.at("tab-log").click()
        await moderator.see("log-entry", "Bao cleared the host's picture")
        for person in (viewer, moderator, newcomer):
            assert person.errors == []
