"""Gifts in real browsers: one gives with a combo, the other sees the strip, the banner and the board."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, until_live

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PHONE = (390, 844)
WHO = """() => JSON.parse(atob(sessionStorage.getItem('danmart.token').split('.')[1]
    .replaceAll('-', '+').replaceAll('_', '/'))).sub"""


async def has(locator: Locator, name: str, value: str) -> None:
    await expect(locator).to_have_attribute(name, value, timeout=WAIT_MS)


async def choose(person: Person, gift: str) -> None:
    await person.see("gift-choice")
    await person.page.locator(f"[data-testid=gift-choice][data-id={gift}]").click()


async def uncovered(person: Person, *test_ids: str) -> None:
    """What one presses is on top of what else there is."""
    for test_id in test_ids:
        on_top = await person.at(test_id).first.evaluate(
            """element => {
                const box = element.getBoundingClientRect()
                const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
                return element.contains(top)
            }"""
        )
        assert on_top, f"{test_id} is covered"


async def test_a_gift_with_a_combo_and_a_banner(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        await until_live(node)
        giver = await arrive(browser, node, "r", "Lin", "viewer", size=PHONE)
        viewer = await arrive(browser, node, "r", "Wu", "viewer", locale="zh-CN", color_scheme="dark")
        host = await arrive(browser, node, "studio", "Mei", "host")
        await host.see("tab-play")
        await viewer.see("gift-button")
        user: str = await giver.page.evaluate(WHO)

        await giver.at("gift-button").click()
        balance = giver.at("gift-sheet").get_by_test_id("wallet-chip")
        await has(balance, "data-coins", "1000")
        await choose(giver, "clover")
        await giver.at("gift-send").click()
        await has(balance, "data-coins", "991")
        await giver.see("combo-button")
        await giver.at("combo-button").click()
        await has(balance, "data-coins", "982")
        await has(viewer.at("gift-combo"), "data-count", "2")
        await has(viewer.at("gift-line"), "data-count", "2")
        await expect(viewer.at("gift-line")).to_have_count(1)
        await expect(viewer.at("gift-line")).to_contain_text("送出 四叶草")

        await choose(giver, "fireworks")
        await giver.at("gift-send").click()
        await viewer.see("gift-banner", "烟花")
        await has(balance, "data-coins", "462")
        await giver.at("gift-send").click()
        await expect(giver.at("gift-error")).to_be_visible(timeout=WAIT_MS)
        await has(balance, "data-coins", "462")
        await giver.at("gift-top-button").click()
        await has(giver.page.locator(f"[data-testid=gift-place][data-user={user}]"), "data-coins", "538")
        await has(giver.at("fan-level"), "data-level", "7")
        await giver.page.keyboard.press("Escape")
        await uncovered(giver, "comment-input", "shelf-button", "gift-button", "like-button")
        await giver.say("worth it")
        await expect(viewer.at("comment").get_by_test_id("fan-badge")).to_have_attribute(
            "data-level", "7", timeout=WAIT_MS
        )

        await host.at("tab-play").click()
        await expect(host.at("gift-given")).to_have_count(3, timeout=WAIT_MS)
        await has(host.at("gift-place").first, "data-user", user)
        assert giver.errors == viewer.errors == host.errors == []
