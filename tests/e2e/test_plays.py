"""Everything at once on a phone: one play lies open, and nothing that one presses is covered."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.test_gifts import PHONE, uncovered
from tests.e2e.test_shopping import join
from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, demo_token, let_in, until_live
from tests.server.world import Person as Caller
from tests.support.node import Node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


async def member(node: Node, name: str, role: str) -> Caller:
    token = await demo_token(node, name, role)
    return await let_in(lambda: join(node, token))


async def play_everything(host: Caller, giver: Caller) -> str:
    """A sale, a coupon, two lotteries, a poll, a red packet, and a quiz, whose id it gives."""
    product = (await host.enter("demo"))["snapshot"]["products"][0]
    await giver.enter("demo")
    sku, prize = product["skus"][0]["id"], [{"kind": "product", "ref": product["skus"][0]["id"], "count": 1}]
    await host.ok(
        "sale.start", sku=sku, price_minor=900, quantity=9, per_buyer=2, countdown_s=10, duration_s=600
    )
    coupon = {
        "title": "Evening",
        "kind": "fixed",
        "value": 500,
        "currency": "CNY",
        "quota": 9,
        "valid_s": 600,
    }
    made = await host.ok("coupon.create", **coupon)
    await host.ok("coupon.drop", coupon=made["coupon"]["id"], seconds=600)
    for title in ("Tea for two", "Tea for three, and something else besides"):
        await host.ok("lottery.create", title=title, prizes=prize, seconds=600)
    await host.ok("poll.start", question="Which tea next?", options=["Longjing", "Pu-erh"])
    question = {"text": "Which tea is green?", "options": ["Oolong", "Longjing"], "right": 1, "seconds": 60}
    quiz: str = (await host.ok("quiz.start", title="Tea quiz", questions=[question]))["quiz"]["id"]
    await giver.ok("packet.send", coins=60, count=10)
    return quiz


async def lies_open(person: Person, *kinds: str) -> None:
    """The card of one kind, and of no other."""
    for kind in ("lottery", "poll", "packet", "quiz"):
        cards = person.page.locator(f"[data-testid={kind}-card]:visible")
        await expect(cards).to_have_count(1 if kind in kinds else 0, timeout=WAIT_MS)


async def reaches(person: Person, card: str) -> None:
    """All that is always pressed, the sale's button too, and the card leaves the top of the picture free."""
    await uncovered(person, "follow-button", "comment-input", "shelf-button", "gift-button", "like-button")
    await uncovered(person, "sale-buy", "claim-button")
    box = await person.page.locator(f"[data-testid={card}]:visible").bounding_box()
    assert box is not None
    assert box["y"] > PHONE[1] / 2


async def test_one_lies_open_and_the_others_wait_in_a_row(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        await until_live(node)
        lin = await arrive(browser, node, "r", "Lin", "viewer", size=PHONE, color_scheme="dark")
        await lin.see("follow-button")
        host, giver = await member(node, "Mei", "host"), await member(node, "Wu", "viewer")
        try:
            quiz = await play_everything(host, giver)
            await lies_open(lin, "packet")
            chips = lin.at("play-chip")
            await expect(chips).to_have_count(5)
            await host.ok("quiz.ask", quiz=quiz)
            await lies_open(lin, "quiz")
            await reaches(lin, "quiz-card")

            # What comes meanwhile waits until the question's time is over, or it is chosen.
            await giver.ok("packet.send", coins=60, count=10)
            await expect(chips).to_have_count(6, timeout=WAIT_MS)
            await lies_open(lin, "quiz")
            await chips.first.click()
            await lies_open(lin, "packet")
            await lin.page.locator("[data-testid=packet-card]:visible button").last.click()
            await lies_open(lin)
            await expect(chips.first).to_be_focused()
            await lin.page.keyboard.press("Enter")
            await lies_open(lin, "packet")
            await host.ok("quiz.close", quiz=quiz)
            await lies_open(lin, "quiz")
            assert lin.errors == []
        finally:
            await host.close()
            await giver.close()
