"""A lottery in real browsers: opened in the studio, entered by two, drawn, claimed, and checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


async def open_lottery(host: Person, *, phrase: str, winners: int) -> None:
    """A lottery for the first product, by the studio's form."""
    await host.at("tab-play").click()
    await host.at("new-lottery").click()
    await host.at("lottery-title").fill("Tea for two")
    product = await host.at("lottery-prize").locator("option").nth(1).get_attribute("value")
    await host.at("lottery-prize").select_option(product)
    await host.at("lottery-count").fill(str(winners))
    await host.at("lottery-phrase").fill(phrase)
    await host.at("lottery-must-follow").check()
    await host.at("lottery-start").click()
    await host.see("lottery-row")


async def enter(person: Person) -> None:
    """Do what is asked, and enter."""
    await person.see("lottery-card")
    await person.at("lottery-open").click()
    waiting = person.page.locator("[data-testid=lottery-condition][data-done=false]")
    await expect(waiting).to_have_count(2, timeout=WAIT_MS)
    await person.at("lottery-enter").click()
    await person.see("lottery-error")
    await person.at("lottery-say").click()
    await expect(waiting).to_have_count(1, timeout=WAIT_MS)
    await person.at("lottery-follow").click()
    await expect(waiting).to_have_count(0, timeout=WAIT_MS)
    await expect(person.at("follow-button")).to_have_attribute("aria-pressed", "true")
    await person.at("lottery-enter").click()
    await person.see("lottery-entered")


async def test_from_announcement_to_verification(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host")
        viewer = await arrive(browser, node, "r", "Lin", "viewer")
        phone = await arrive(
            browser, node, "r", "吴", "viewer", locale="zh-CN", size=(390, 844), color_scheme="dark"
        )
        await open_lottery(host, phrase="tea please", winners=2)
        for person in (viewer, phone):
            await enter(person)
        await host.see("lottery-row", re.compile("2 taking part"))
        await host.at("lottery-draw").click()
        for person in (viewer, phone):
            await expect(person.at("lottery-card")).to_have_attribute("data-state", "drawn", timeout=WAIT_MS)
            await expect(person.at("lottery-winners").locator("li")).to_have_count(2, timeout=WAIT_MS)
            await person.at("lottery-claim").click()
            await person.see("lottery-claimed")
        await expect(host.at("lottery-row-winners")).to_contain_text("Lin", timeout=WAIT_MS)

        async with viewer.context.expect_page() as opening:
            await viewer.at("lottery-verify").click()
        page = await opening.value
        result = page.get_by_test_id("verify-result")
        await expect(result).to_have_attribute("data-good", "true", timeout=WAIT_MS)
        await expect(page.get_by_test_id("verify-listed")).to_contain_text("in the list")

        # The same link after somebody has changed what the room was shown.
        forged = re.sub("commitment=.{64}", f"commitment={'0' * 64}", page.url)
        other = await viewer.context.new_page()
        await other.goto(forged)
        await expect(other.get_by_test_id("verify-result")).to_have_attribute(
            "data-good", "false", timeout=WAIT_MS
        )
        await expect(other.get_by_test_id("verify-seed")).to_have_attribute("data-good", "false")
        assert viewer.errors == phone.errors == host.errors == []
