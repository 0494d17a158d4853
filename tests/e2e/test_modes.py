"""A raid, in real browsers: the shield goes up on the desk, the viewer is told why, and it comes down."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(120)]


async def test_a_shield_closes_the_composer_with_a_reason_and_opens_it_again(
    browser: Browser, tmp_path: Path
) -> None:
    async with demo_node(tmp_path) as node:
        desk = await arrive(browser, node, "desk", "Mei", "host")
        viewer = await arrive(browser, node, "r", "Lin", "viewer", size=(390, 844))
        await viewer.say("buy my stuff, everybody")
        await desk.see("comment", "buy my stuff")

        await the_shield_goes_up(desk, viewer)
        await one_comment_is_masked(desk, viewer)
        await all_of_them_are_deleted(desk, viewer)
        await the_shield_comes_down(desk, viewer)
        for person in (desk, viewer):
            assert person.errors == []


async def the_shield_goes_up(desk: Person, viewer: Person) -> None:
    await desk.page.keyboard.press("Shift+S")
    await desk.at("confirm-yes").click()
    await expect(desk.at("shield-chip")).to_have_attribute("aria-pressed", "true", timeout=WAIT_MS)
    why = await viewer.see("barred")
    await expect(why).to_contain_text("The moderators have put up a shield")
    await expect(viewer.at("comment-input")).to_have_count(0)
    await viewer.at("barred-follow").click()
    await expect(why).to_contain_text("You may comment in 9:", timeout=WAIT_MS)
    await desk.at("tab-modes").click()
    await expect(desk.at("shield-card")).to_have_attribute("data-up", "true")


async def one_comment_is_masked(desk: Person, viewer: Person) -> None:
    await desk.at("comment").filter(has_text="buy my stuff").click()
    await desk.page.keyboard.press("x")
    await desk.at("confirm-yes").click()
    await viewer.see("comment", "***")
    await viewer.gone("comment", "buy my stuff")
    await desk.see("comment", "***")


async def all_of_them_are_deleted(desk: Person, viewer: Person) -> None:
    await desk.at("purge-button").click()
    await expect(desk.at("confirm")).to_contain_text("can't be undone")
    await desk.at("confirm-yes").click()
    await viewer.gone("comment", "***")
    await desk.gone("comment", "***")


async def the_shield_comes_down(desk: Person, viewer: Person) -> None:
    await desk.at("tab-modes").click()
    await desk.at("shield-switch").click()
    await expect(viewer.at("barred")).to_have_count(0, timeout=WAIT_MS)
    await viewer.say("hello again")
    await desk.see("comment", "hello again")
    await desk.at("emoji-only").click()
    await expect(viewer.at("comment-input")).to_have_attribute(
        "placeholder", "Emoji only: 🎉 👏 ❤️", timeout=WAIT_MS
    )
    await viewer.at("comment-input").fill("words")
    await viewer.see("emoji-hint")
    await expect(viewer.at("comment-send")).to_be_disabled()
    await viewer.say("🎉")
    await desk.see("comment", "🎉")
