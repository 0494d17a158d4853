"""The moderators' queue in real browsers: worked on by keyboard alone, and appealed to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node
from tests.support.node import Node

TEN_MINUTES = re.compile(r"10:00|9:[0-5]\d")
"""They run while people look for them."""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]


async def test_a_queue_is_worked_on_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        moderator = await arrive(browser, node, "desk", "Bao", "moderator")
        await moderator.see("queue")
        lin = await arrive(browser, node, "r", "Lin", "viewer")
        wu = await arrive(browser, node, "r", "Wu", "viewer", locale="zh-CN", size=(390, 844))
        for text in ("first of them", "second of them", "third of them"):
            await lin.say(text)
            await wu.see("comment", text)
            await report(wu, text)
        await expect(moderator.at("queue-item")).to_have_count(3, timeout=WAIT_MS)
        await expect(moderator.at("tab-queue")).to_contain_text("3")

        keys = moderator.page.keyboard
        await keys.press("q")
        await at_item(moderator, "first of them")
        await expect(current(moderator).locator(".chip.good")).to_be_visible(
            timeout=WAIT_MS
        )  # taken by dwelling
        await another_sees_who_is_on_it(browser, node, "first of them")

        # What comes meanwhile waits at the side.
        await lin.say("fourth of them")
        await wu.see("comment", "fourth of them")
        await report(wu, "fourth of them")
        await moderator.see("queue-new", "1")
        await expect(moderator.at("queue-item")).to_have_count(3)

        await keys.press("r")
        await lin.gone("comment", "first of them")
        await at_item(moderator, "second of them")
        await keys.press("a")
        await at_item(moderator, "third of them")
        await keys.press("n")
        await expect(moderator.at("queue-item")).to_have_count(2, timeout=WAIT_MS)
        await keys.press("j")
        await at_item(moderator, "fourth of them")
        await keys.press("r")
        await at_item(moderator, "third of them")
        await keys.press("a")
        await moderator.see("queue", "Nothing waits for you")
        await lin.see("comment", "second of them")
        await lin.see("comment", "third of them")
        await lin.gone("comment", "fourth of them")
        await moderator.see("queue-times")
        await held_ones_are_decided_by_keyboard(moderator, lin, wu)
        for person in (moderator, lin, wu):
            assert person.errors == []


async def held_ones_are_decided_by_keyboard(moderator: Person, lin: Person, wu: Person) -> None:
    """Two that the filter held: their sender is told, and one of them is shown in the end."""
    shown, refused = "look at www.elsewhere.example.net", "or at www.other.example.net"
    for text in (shown, refused):
        await lin.say(text)
        await lin.see("held-notice", text)
    await expect(moderator.at("tab-queue")).to_contain_text("2", timeout=WAIT_MS)
    await moderator.page.keyboard.press("j")  # the keyboard is the queue's still
    await at_item(moderator, shown)
    await moderator.page.keyboard.press("a")
    await wu.see("comment", shown)
    await at_item(moderator, refused)
    await moderator.page.keyboard.press("r")
    await moderator.see("queue", "Nothing waits for you")
    await wu.gone("comment", refused)


async def another_sees_who_is_on_it(browser: Browser, node: Node, text: str) -> None:
    host = await arrive(browser, node, "desk", "Mei", "host")
    row = host.at("queue-item").filter(has_text=text)
    await expect(row.get_by_test_id("queue-taken")).to_contain_text("Bao", timeout=WAIT_MS)
    assert host.errors == []
    await host.context.close()


async def test_a_muted_viewer_appeals_and_speaks_again(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        moderator = await arrive(browser, node, "desk", "Bao", "moderator")
        host = await arrive(browser, node, "desk", "Mei", "host")
        lin = await arrive(browser, node, "r", "Lin", "viewer", size=(390, 844))
        await lin.say("only quoting")
        await mute(moderator, "only quoting")

        await lin.see("mute-notice", TEN_MINUTES)
        await lin.see("mute-reason", "Spam")
        await lin.at("appeal-open").click()
        await lin.at("appeal-text").fill("I was only quoting the host")
        await lin.at("appeal-send").click()
        await lin.see("appeal-state")
        await lin.page.reload()
        await expect(lin.at("appeal-state")).to_have_attribute("data-state", "open", timeout=WAIT_MS)

        await host.see("queue-item", "I was only quoting the host")
        # Not theirs to answer: a plain moderator doesn't see it.
        await expect(moderator.at("queue-item")).to_have_count(0)
        keys = host.page.keyboard
        await keys.press("q")
        await keys.press("r")
        await expect(host.at("queue-reason")).to_be_focused(timeout=WAIT_MS)  # not without a word
        await keys.press("Escape")
        await keys.press("g")
        await expect(lin.at("mute-notice")).to_have_count(0, timeout=WAIT_MS)
        await lin.say("thank you")
        await lin.see("comment", "thank you")
        for person in (moderator, host, lin):
            assert person.errors == []


def current(person: Person) -> Locator:
    """The item that the keys are about."""
    return person.page.locator("[data-testid=queue-item][aria-current=true]")


async def at_item(person: Person, text: str) -> None:
    """Wait until that is the one that is opened."""
    said = current(person).get_by_test_id("queue-said")
    await expect(said).to_have_text(text, timeout=WAIT_MS)


async def report(person: Person, text: str) -> None:
    row = person.at("comment").filter(has_text=text)
    await row.hover()
    await row.get_by_test_id("report-button").click()
    await person.see("report-sheet", text)
    await person.at("report-send").click()
    await expect(person.at("report-sheet")).to_have_count(0, timeout=WAIT_MS)


async def mute(moderator: Person, text: str) -> None:
    row = moderator.at("comment").filter(has_text=text)
    await row.hover()
    await row.get_by_test_id("mute-button").click()
    await moderator.at("mute-confirm").click()
    await expect(moderator.at("mute-sheet")).to_have_count(0, timeout=WAIT_MS)
