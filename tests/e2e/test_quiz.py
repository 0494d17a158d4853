"""A quiz and a poll in real browsers: made in the studio, played by two, right and wrong, places and bars."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


async def start_quiz(host: Person) -> None:
    """One question, and a product for the first place, by the studio's form; on a phone."""
    await host.at("tab-play").click()
    await host.at("new-quiz").click()
    await host.at("quiz-title").fill("Tea quiz")
    await host.at("quiz-draft-text").fill("Which tea is green?")
    for n, option in enumerate(("Oolong", "Longjing")):
        await host.at("quiz-draft-option").nth(n).fill(option)
    await host.at("quiz-draft-right").nth(1).check()
    await host.at("quiz-draft-seconds").select_option("60")
    await host.at("quiz-prizes").select_option("top")
    product = await host.at("lottery-prize").locator("option").nth(1).get_attribute("value")
    await host.at("lottery-prize").select_option(product)
    await host.at("quiz-start").click()
    await host.see("quiz-row")


def option(person: Person, name: str) -> Locator:
    return person.at("play-option").filter(has_text=name)


async def clear_of(person: Person, card: str) -> None:
    """What is played covers neither the box for comments nor the buttons beside it."""
    for other in ("comment-input", "shelf-button", "like-button"):
        await person.at(other).click(trial=True, timeout=WAIT_MS)
    box = await person.at(card).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


async def test_a_quiz_from_its_form_to_its_prize(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host", size=(390, 844))
        viewer = await arrive(browser, node, "r", "Lin", "viewer")
        phone = await arrive(
            browser, node, "r", "吴", "viewer", locale="zh-CN", size=(390, 844), color_scheme="dark"
        )
        await start_quiz(host)
        await viewer.see("quiz-card", "Tea quiz")
        await host.at("quiz-ask").click()
        for person in (viewer, phone):
            await person.see("quiz-question", "Which tea is green?")
            await person.see("quiz-countdown")
        await clear_of(phone, "quiz-card")
        await option(viewer, "Longjing").click()
        await viewer.see("quiz-said", "Your answer is in")
        await expect(option(viewer, "Oolong")).to_be_disabled()
        await option(phone, "Oolong").click()
        await expect(host.at("quiz-answers")).to_have_attribute("data-value", "2", timeout=WAIT_MS)
        await phone.page.reload()
        await phone.see("quiz-said", "已提交答案")
        await expect(option(phone, "Oolong")).to_have_attribute("aria-pressed", "true")

        await host.at("quiz-close").click()
        await viewer.see("quiz-said", re.compile(r"Right! \+\d+ · \d+ points · Place 1 of 2"))
        await phone.see("quiz-said", "答错了")
        await expect(option(phone, "Longjing")).to_have_class(re.compile("right"))
        await expect(option(phone, "Oolong")).to_have_attribute("data-count", "1")
        await phone.at("quiz-ranking").click()
        await phone.see("quiz-leaders", "Lin")
        await phone.page.keyboard.press("Escape")

        await host.at("quiz-end").click()
        await host.at("confirm-yes").click()
        await viewer.see("quiz-won", "Place 1 in “Tea quiz”")
        await expect(phone.at("quiz-card")).to_have_count(0, timeout=WAIT_MS)
        assert viewer.errors == phone.errors == host.errors == []


async def test_a_poll_from_its_form_to_its_results(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host")
        viewer = await arrive(browser, node, "r", "Lin", "viewer")
        phone = await arrive(
            browser, node, "r", "吴", "viewer", locale="zh-CN", size=(390, 844), color_scheme="dark"
        )
        await host.at("tab-play").click()
        await host.at("new-poll").click()
        await host.at("poll-draft-question").fill("Which tea next?")
        await host.at("poll-option-more").click()
        for n, tea in enumerate(("Green", "Black", "White")):
            await host.at("poll-draft-option").nth(n).fill(tea)
        await host.at("poll-multiple").select_option("2")
        await host.at("poll-changeable").check()
        await host.at("poll-start").click()
        for person, teas in ((viewer, ("Green", "White")), (phone, ("White",))):
            await person.see("poll-question", "Which tea next?")
            for tea in teas:
                await option(person, tea).click()
            await person.at("poll-vote").click()
            await expect(option(person, "White")).to_have_attribute("data-count", re.compile("[12]"))
        await clear_of(phone, "poll-card")
        await expect(host.at("poll-voters")).to_have_attribute("data-value", "2", timeout=WAIT_MS)
        await phone.at("poll-change").click()
        await option(phone, "White").click()
        await option(phone, "Black").click()
        await phone.at("poll-vote").click()
        await expect(option(host, "Black")).to_have_attribute("data-count", "1", timeout=WAIT_MS)
        await host.at("poll-close").click()
        await viewer.see("poll-said", "Closed · 2 votes")
        for tea in ("Green", "Black", "White"):
            await expect(option(phone, tea)).to_have_attribute("data-count", "1", timeout=WAIT_MS)
        await host.at("poll-close").click()
        await expect(viewer.at("poll-card")).to_have_count(0, timeout=WAIT_MS)
        assert viewer.errors == phone.errors == host.errors == []
