"""A check hears something in what the host says: a moderator reads it, listens to it, and clears it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.async_api import Browser, expect

from server.config import load
from server.node import Node
from tests.e2e.test_accessibility import Audit
from tests.e2e.world import WAIT_MS, arrive, until_live
from tests.support import node as nodes

pytestmark = [
    pytest.mark.soak,
    pytest.mark.browser,
    pytest.mark.timeout(150),
    pytest.mark.may_block,  # the node starts in the test's loop
]


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[nodes.Node]:
    """A demo in this process, whose drawn host says what is in a file."""
    chosen: dict[str, Any] = {
        "node": {"data_dir": folder},
        "listen": {"port": 0},
        "demo": True,
        "hearing": {
            "checker": "tests.media.hearing.tones:says",
            "every_s": 2,
            "window_s": 2,
            "lead_s": 1,
        },
    }
    node = Node(load(None, chosen, environ={}))
    await node.start()
    try:
        await until_live(cast("nodes.Node", node))
        yield cast("nodes.Node", node)
    finally:
        await node.close()


async def test_a_moderator_reads_and_hears_what_was_said(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = tmp_path / "says"
    says.write_text("welcome")
    monkeypatch.setenv("HEARING_TEST_SAYS", str(says))
    async with demo(tmp_path) as node:
        moderator = await arrive(browser, node, "desk", "Bao", "moderator")
        await moderator.see("tab-log")
        says.write_text("just call me at 138 1234 5678 then")
        alert = await moderator.see("sound-alert", "just call me")
        await expect(alert.locator("mark").first).to_contain_text("138", timeout=WAIT_MS)
        waiting = await moderator.see("queue-item", "just call me")
        await waiting.get_by_role("button").first.click()
        sound = waiting.get_by_test_id("sound-audio")
        await expect(sound).to_be_visible(timeout=WAIT_MS)
        await moderator.page.wait_for_function(
            "() => [...document.querySelectorAll('audio')].some((one) => one.duration > 1)", timeout=WAIT_MS
        )
        audit = Audit()
        await audit.look(moderator, "desk: a sound")
        assert audit.faults == []
        await alert.get_by_test_id("sound-clear").click()
        await expect(moderator.at("sound-alert")).to_have_count(0, timeout=WAIT_MS)
        await moderator.at("tab-log").click()
        await moderator.see("log-entry", "Bao cleared the sound of the host's stream")
        assert moderator.errors == []
