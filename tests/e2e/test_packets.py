"""A red packet in real browsers: the host sends it, two viewers open it, everybody sees who was luckiest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.e2e.test_accessibility import Audit
from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, until_live

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PHONE = (390, 844)


async def has(locator: Locator, name: str, value: str) -> None:
    await expect(locator).to_have_attribute(name, value, timeout=WAIT_MS)


async def coins_of(person: Person) -> int:
    return int(await person.at("packet-got").get_attribute("data-coins") or 0)


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


async def shot(person: Person, name: str) -> None:
    """For looking at it: only where a folder is named."""
    if folder := os.environ.get("DANMART_SHOTS"):
        await person.page.wait_for_timeout(500)
        await person.page.screenshot(path=Path(folder) / f"{name}.png")


async def test_a_packet_from_the_host_to_the_luckiest(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        await until_live(node)
        audit = Audit()
        host = await arrive(browser, node, "studio", "Mei", "host")
        lin = await arrive(browser, node, "r", "Lin", "viewer", size=PHONE)
        wu = await arrive(browser, node, "r", "Wu", "viewer", locale="zh-CN", color_scheme="dark")
        await host.see("tab-play")
        await lin.see("gift-button")
        await wu.see("gift-button")

        await host.at("tab-play").click()
        await host.at("packet-send-button").click()
        await host.at("packet-coins").fill("1")
        await expect(host.at("packet-send")).to_be_disabled()
        await host.at("packet-coins").fill("100")
        await host.at("packet-count").fill("2")
        await host.at("packet-greeting").fill("Good evening")
        await shot(host, "host-form")
        await audit.look(host, "the form in the studio")
        await host.at("packet-send").click()
        await has(host.at("packet-card"), "data-left", "2")

        await lin.see("packet-card")
        await lin.see("packet-card")
        await shot(lin, "lin-card")
        await audit.look(lin, "a card")
        await uncovered(lin, "comment-input", "shelf-button", "gift-button", "like-button", "packet-look")
        await lin.at("packet-look").click()
        await expect(lin.at("packet-sheet")).to_contain_text("Good evening")
        await shot(lin, "lin-envelope")
        await lin.at("packet-open").click()
        await lin.see("packet-got")
        first = await coins_of(lin)
        assert 1 <= first <= 99
        await has(wu.at("packet-card"), "data-left", "1")
        await expect(lin.at("packet-share")).to_have_count(1, timeout=WAIT_MS)
        assert await lin.at("packet-luckiest").count() == 0

        await wu.at("packet-look").click()
        await wu.at("packet-open").click()
        await wu.see("packet-got")
        assert first + await coins_of(wu) == 100
        for viewer in (lin, wu):
            await has(viewer.at("packet-shares"), "data-ended", "empty")
            await expect(viewer.at("packet-share")).to_have_count(2, timeout=WAIT_MS)
            await expect(viewer.at("packet-luckiest")).to_have_count(1)
        luckiest = await lin.page.locator("li:has([data-testid=packet-luckiest])").get_attribute("data-coins")
        assert int(luckiest or 0) == max(first, 100 - first)
        await shot(lin, "lin-result")
        await audit.look(lin, "who got what")
        await shot(wu, "wu-result")
        await expect(host.at("packet-card")).to_have_count(0, timeout=WAIT_MS)
        await lin.page.keyboard.press("Escape")
        await expect(lin.at("packet-card")).to_have_count(0)

        await lin.at("gift-button").click()
        await shot(lin, "lin-gifts")
        await lin.at("packet-send-button").click()
        await has(lin.at("packet-form").get_by_test_id("wallet-chip"), "data-coins", str(1000 + first))
        await lin.at("packet-coins").fill("9000")
        await lin.at("packet-count").fill("1")
        await lin.at("packet-send").click()
        await lin.see("packet-form-error", "coins")
        await shot(lin, "lin-form")
        await audit.look(lin, "the form")
        assert audit.faults == []
        assert host.errors == lin.errors == wu.errors == []
