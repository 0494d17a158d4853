"""Coins in real browsers: bought by a viewer on a phone, spent, and seen in the studio."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


async def has(person: Person, test_id: str, coins: int) -> None:
    await expect(person.at(test_id)).to_have_attribute("data-coins", str(coins), timeout=WAIT_MS)


async def test_coins_are_bought_and_spent(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        viewer = await arrive(browser, node, "r", "Lin", "viewer", size=(390, 844), locale="zh-CN")
        await has(viewer, "wallet-chip", 1_000)
        await viewer.at("wallet-chip").click()
        await viewer.see("wallet-sheet", "我的钱包")
        await expect(viewer.at("pack")).to_have_count(5)
        await viewer.page.get_by_label("被拒").check()
        await viewer.at("topup-pay").click()
        await viewer.see("topup-error")
        await has(viewer, "wallet-balance", 1_000)
        await viewer.page.locator("[data-testid=pack][data-coins='300']").check(force=True)
        await viewer.page.get_by_label("支付成功").check()
        await viewer.at("topup-pay").click()
        await has(viewer, "wallet-balance", 1_300)
        await has(viewer, "wallet-chip", 1_300)
        line = viewer.at("statement-line")
        await expect(line.first).to_have_attribute("data-amount", "300", timeout=WAIT_MS)
        await expect(line).to_have_count(2)
        await viewer.page.keyboard.press("Escape")

        await viewer.at("shelf-button").click()
        await (
            viewer.page.locator("[data-testid=shelf] article")
            .filter(has_text="Celadon")
            .get_by_test_id("buy-button")
            .click()
        )
        await viewer.at("hold-button").click()
        await viewer.page.locator("input[name=method][value=coins]").check()
        await viewer.at("pay-button").filter(has_text="1,280").click()
        await expect(viewer.at("order-status")).to_have_attribute("data-status", "paid", timeout=WAIT_MS)
        await viewer.at("buy-done").click()
        await has(viewer, "wallet-chip", 20)

        host = await arrive(browser, node, "studio", "Mei", "host")
        await host.at("tab-orders").click()
        await has(host, "earned-takings", 1_280)
        assert viewer.errors + host.errors == []
