"""Points in real browsers: one follows, shares and redeems on a phone, and the other sees the level."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.test_gifts import PHONE, has, uncovered
from tests.e2e.world import arrive, demo_node, until_live

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


async def test_following_sharing_and_redeeming(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path, DANMART_POINTS__SHARE="30") as node:
        await until_live(node)
        lin = await arrive(browser, node, "r", "Lin", "viewer", size=PHONE)
        wu = await arrive(browser, node, "r", "Wu", "viewer", locale="zh-CN", color_scheme="dark")
        await wu.see("comment-input")

        await lin.see("follow-button", "Follow")
        await uncovered(lin, "follow-button", "comment-input", "shelf-button")
        await lin.at("follow-button").click()
        await has(lin.at("follow-button"), "aria-pressed", "true")
        await has(lin.at("follow-button"), "data-followers", "1")
        await wu.at("follow-button").click()
        await has(wu.at("follow-button"), "data-followers", "2")

        await lin.page.get_by_role("button", name="View settings").click()
        await lin.at("settings-points").click()
        await has(lin.at("task-share"), "data-done", "0")
        await lin.at("share-button").click()
        await has(lin.at("task-share"), "data-done", "1")
        await has(lin.at("points-balance"), "data-points", "30")
        await has(lin.at("points-level"), "data-level", "1")
        await lin.at("redeem-button").click()
        await has(lin.at("points-balance"), "data-points", "25")
        await has(lin.at("points-level"), "data-level", "1")
        await lin.page.keyboard.press("Escape")

        await lin.say("my first level")
        badge = wu.at("comment").filter(has_text="my first level").get_by_test_id("level-badge")
        await has(badge, "data-level", "1")
        await lin.page.reload()
        await has(lin.at("follow-button"), "aria-pressed", "true")
        await expect(lin.at("follow-button")).to_be_visible()
        assert lin.errors == wu.errors == []
