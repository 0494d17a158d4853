"""Chromium at both nodes: who is muted at one is refused at the other, and told why, and let speak again."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.world import WAIT_MS, Person, get_browser
from tests.server.world import World, fresh, token

TEN_MINUTES = re.compile(r"10:00|9:[0-5]\d")
"""They run while people look for them."""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]


async def visit(browser: Browser, world: World, page: str, user: str, name: str, **claims: bool) -> Person:
    person = await get_browser(browser)
    await person.page.goto(f"{world.node.url}/{page}#token={token(user, name, **claims)}")
    return person


async def test_a_mute_on_one_node_is_a_refusal_on_the_other(browser: Browser, cluster: list[World]) -> None:
    here, there = cluster
    room, mei = await here.room()
    user = fresh("viewer")
    desk = await visit(browser, here, f"desk/{room}", mei.user or "", "Mei", may_host=True)
    lin = await visit(browser, there, f"r/{room}", user, "Lin")
    await lin.say("anybody from elsewhere?")
    row = await desk.see("comment", "anybody from elsewhere?")
    await row.hover()
    await row.get_by_test_id("mute-button").click()
    await desk.at("mute-reason-input").fill("asks too much")
    await desk.at("mute-confirm").click()

    await lin.see("mute-notice", TEN_MINUTES)
    await lin.see("mute-reason", "asks too much")
    await expect(lin.at("comment-input")).to_have_count(0)
    past_the_page = await there.join(user, "Lin")
    await past_the_page.enter(room)
    assert await past_the_page.code("comment", text="and past the page?") == "muted"

    await desk.at("tab-mutes").click()
    await desk.at("active-mute").get_by_test_id("unmute-button").click()
    await expect(lin.at("mute-notice")).to_have_count(0, timeout=WAIT_MS)
    await lin.say("thank you")
    await desk.see("comment", "thank you")
    assert (desk.errors, lin.errors) == ([], [])
