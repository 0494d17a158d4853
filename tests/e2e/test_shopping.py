"""An evening's shopping in real browsers: pins, chapters, a coupon, a declined card, a checkout elsewhere, a
refund; and what a buyer sees when there is a crowd, or when time runs out."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Locator, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, demo_token, let_in
from tests.server.world import Person as Caller
from tests.support.node import Node
from tests.support.shop_server import SECRET, ShopServer, running_shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

TEA, CUP, CAKE = "Jasmine tea", "Celadon cup", "Osmanthus cake"
PHONE = (390, 844)


@asynccontextmanager
async def node_with_shop(folder: Path) -> AsyncIterator[tuple[Node, ShopServer]]:
    async with running_shop(lambda: time.time_ns() // 1_000_000) as shop:
        settings = {
            "DANMART_PAYMENTS__PROVIDERS": '["sandbox", "external"]',
            "DANMART_PAYMENTS__EXTERNAL_URL": f"{shop.url}/checkout",
            "DANMART_PAYMENTS__EXTERNAL_REFUND_URL": f"{shop.url}/refund",
            "DANMART_PAYMENTS__EXTERNAL_SECRET": SECRET,
            "DANMART_OUTBOUND__ALLOW_PRIVATE": "127.0.0.0/8",
        }
        async with demo_node(folder, **settings) as node:
            yield node, shop


async def test_an_evening_of_shopping(browser: Browser, tmp_path: Path) -> None:
    async with node_with_shop(tmp_path) as (node, shop):
        host, lin, wu = await asyncio.gather(
            arrive(browser, node, "studio", "Mei", "host"),
            arrive(browser, node, "r", "Lin", "viewer"),
            arrive(browser, node, "r", "Wu", "viewer", size=PHONE, locale="zh-CN", color_scheme="dark"),
        )
        await three_are_pinned(host, lin, wu)
        await the_host_talks_about_one_after_the_other(host, lin, wu, node)
        await a_coupon_is_dropped_and_claimed(host, lin, wu)

        await lin_buys_eight_pieces_with_the_coupon(lin)
        await lin_is_declined_and_pays_with_another_card(lin)
        await lin_finds_the_order_again(lin)

        await wu_goes_to_the_checkout_and_comes_back_without_paying(wu, shop)
        await wu_pays_there(wu, shop)

        await the_host_refunds(host, lin, wu, shop)
        for person in (host, lin, wu):
            assert person.errors == []


def row_of(host: Person, title: str) -> Locator:
    return host.at("shelf-row").filter(has_text=title)


async def is_before_the_eyes(viewer: Person, title: str) -> None:
    """On a phone one card is in view at a time."""
    card = viewer.at("pinned-product").filter(has_text=title)
    await expect(card).to_be_in_viewport(ratio=0.9, timeout=WAIT_MS)


async def three_are_pinned(host: Person, lin: Person, wu: Person) -> None:
    await asyncio.gather(lin.see("pinned-product", TEA), wu.see("pinned-product", TEA))
    for title in (CUP, CAKE):
        await row_of(host, title).get_by_test_id("pin-button").click()
        await lin.see("pinned-product", title)
        await is_before_the_eyes(wu, title)
    await expect(lin.at("pinned-product")).to_have_count(3)
    # The latest pin is the first.
    await expect(lin.at("pinned-product").first).to_contain_text(CAKE)


async def the_host_talks_about_one_after_the_other(host: Person, lin: Person, wu: Person, node: Node) -> None:
    explained = lin.page.locator("[data-testid=pinned-product]", has=lin.at("explaining"))
    for title in (CUP, CAKE):
        await row_of(host, title).get_by_test_id("explain-button").click()
        await expect(explained).to_contain_text(title, timeout=WAIT_MS)
        await expect(explained).to_have_count(1)
        await is_before_the_eyes(wu, title)
    await row_of(host, CAKE).get_by_test_id("explain-button").click()
    await expect(explained).to_have_count(0, timeout=WAIT_MS)
    # The replay's chapters: which product, from when, until when.
    async with aiohttp.ClientSession() as http, http.get(f"{node.url}/api/v1/rooms/demo/events") as answer:
        log = (await answer.json())["items"]
    titles = {e["data"]["product"]["id"]: e["data"]["product"]["title"] for e in log if "added" in e["kind"]}
    chapters = [
        (event["kind"].partition(".")[2], titles[event["data"]["product"]].partition(" ·")[0])
        for event in log
        if event["kind"].startswith("explaining.")
    ]
    assert [each for each in chapters if each[0] == "started"] == [("started", CUP), ("started", CAKE)]
    assert chapters[-1] == ("stopped", CAKE)


async def a_coupon_is_dropped_and_claimed(host: Person, lin: Person, wu: Person) -> None:
    await host.at("tab-sales").click()
    await host.see("coupon-row")
    await host.at("coupon-seconds").select_option("60")
    await host.at("coupon-drop-button").click()
    for viewer in (lin, wu):
        await viewer.see("drop-countdown")
        await viewer.at("claim-button").click()
        # Whoever has one is offered it no more.
        await expect(viewer.at("coupon-drop")).to_have_count(0, timeout=WAIT_MS)
    await host.at("coupon-close").click()
    await host.see("coupon-drop-button")


async def lines(person: Person) -> list[tuple[str, int]]:
    """The price of the order on show, line by line, and its total."""
    found = [
        (await line.get_attribute("data-kind") or "", int(await line.get_attribute("data-minor") or 0))
        for line in await person.at("order-line").all()
    ]
    return [*found, ("total", int(await person.at("total").get_attribute("data-minor") or 0))]


async def lin_buys_eight_pieces_with_the_coupon(lin: Person) -> None:
    await lin.at("pinned-product").filter(has_text=CAKE).get_by_test_id("buy-button").click()
    await expect(lin.at("unit-price")).to_have_text(re.compile(r"36\.00"))
    await lin.at("sku-choice").filter(has_text="8 pieces").click()
    await expect(lin.at("unit-price")).to_have_text(re.compile(r"64\.00"))
    await expect(lin.at("buy-sheet").get_by_test_id("stock-left")).to_have_attribute("data-value", "4")
    await lin.at("my-coupon").click()
    await lin.at("delivery").locator("summary").click()
    await lin.at("delivery-name").fill("Lin")
    # An address that can't be delivered to isn't taken.
    await lin.see("delivery-bad")
    await expect(lin.at("hold-button")).to_have_attribute("aria-disabled", "true")
    await lin.at("delivery-lines").fill("5 Lotus Lane\nFlat 12")
    await lin.at("delivery-note").fill("No bell: the baby sleeps")
    await lin.at("hold-button").click()
    await lin.see("hold-countdown")
    assert await lines(lin) == [("item", 6400), ("coupon", -1000), ("total", 5400)]


async def lin_is_declined_and_pays_with_another_card(lin: Person) -> None:
    cards = lin.page.locator("input[name=card]")
    await cards.nth(1).check()
    await lin.at("pay-button").click()
    await lin.see("pay-error")
    await expect(lin.at("order-status")).to_have_attribute("data-status", "held")
    await cards.nth(0).check()
    await lin.at("pay-button").click()
    await expect(lin.at("order-status")).to_have_attribute("data-status", "paid", timeout=WAIT_MS)
    assert await lines(lin) == [("item", 6400), ("coupon", -1000), ("total", 5400)]
    await lin.at("buy-done").click()


async def lin_finds_the_order_again(lin: Person) -> None:
    await lin.page.reload()
    await lin.at("shelf-button").click()
    await lin.at("my-orders-button").click()
    await expect(lin.at("my-order")).to_have_attribute("data-status", "paid", timeout=WAIT_MS)
    await lin.at("my-order-open").click()
    await expect(lin.at("order-address")).to_contain_text("5 Lotus Lane, Flat 12")
    await expect(lin.at("order-details")).to_contain_text("No bell: the baby sleeps")
    await expect(lin.at("order-history").locator("li")).to_have_text(
        [re.compile("Unpaid"), re.compile("Paid")]
    )


async def wu_goes_to_the_checkout_and_comes_back_without_paying(wu: Person, shop: ShopServer) -> None:
    await wu.at("pinned-product").filter(has_text=CUP).get_by_test_id("buy-button").click()
    await wu.at("my-coupon").click()
    await wu.at("hold-button").click()
    await wu.see("hold-countdown")
    await wu.at("pay-methods").locator("input[value=external]").check()
    await wu.at("pay-button").click()
    await wu.page.wait_for_url(f"{shop.url}/checkout?*")
    # What the shop is told is what the buyer saw.
    await expect(wu.at("shop-amount")).to_have_text("11800")
    await expect(wu.at("shop-lines").locator("li")).to_have_count(2)
    await wu.at("shop-leave").click()
    await wu.see("pay-returned", "尚未付款")
    await expect(wu.at("order-status")).to_have_attribute("data-status", "held")
    # The address says no more of it: a reload is only a reload.
    assert "order=" not in wu.page.url


async def wu_pays_there(wu: Person, shop: ShopServer) -> None:
    await wu.at("pay-methods").locator("input[value=external]").check()
    await wu.at("pay-button").click()
    await wu.page.wait_for_url(f"{shop.url}/checkout?*")
    await wu.at("shop-pay").click()
    await expect(wu.at("order-status").or_(wu.at("held-reminder"))).to_be_visible(timeout=WAIT_MS)
    await expect(wu.at("order-status")).to_have_attribute("data-status", "paid", timeout=WAIT_MS)
    assert shop.money == 11800
    await wu.at("buy-done").click()


async def the_host_refunds(host: Person, lin: Person, wu: Person, shop: ShopServer) -> None:
    """Lin looks at the order in that moment; Wu's money goes back by way of the shop."""
    await host.at("tab-orders").click()
    await expect(host.at("order-row")).to_have_count(2, timeout=WAIT_MS)
    for buyer in ("Lin", "Wu"):
        row = host.at("order-row").filter(has_text=buyer)
        await row.get_by_test_id("order-open").click()
        sheet = await host.see("order-sheet")
        if buyer == "Lin":
            await expect(sheet.get_by_test_id("order-address")).to_contain_text("5 Lotus Lane, Flat 12")
            await expect(sheet).to_contain_text("No bell: the baby sleeps")
        await host.at("refund-button").click()
        await host.at("confirm-yes").click()
        await expect(row).to_have_attribute("data-status", "refunded", timeout=WAIT_MS)
        await sheet.get_by_label("Close").first.click()
    await expect(lin.at("my-order")).to_have_attribute("data-status", "refunded", timeout=WAIT_MS)
    await expect(lin.at("order-history").locator("li")).to_have_count(3)
    # The coupon is good again, and the shop has given the money back.
    await wu.at("pinned-product").filter(has_text=CUP).get_by_test_id("buy-button").click()
    await wu.see("my-coupon")
    async with asyncio.timeout(WAIT_MS / 1000):
        while shop.money:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the shop is asked from outside of every page


async def test_a_buyer_in_a_crowd_is_told_how_many_are_first_and_when_time_is_up(
    browser: Browser, tmp_path: Path
) -> None:
    one_by_one = {"DANMART_STORE__GROUP_MAX": "1", "DANMART_ROOMS__HOLD_S": "3"}
    async with demo_node(tmp_path, **one_by_one) as node:
        buyer = await arrive(browser, node, "r", "Lin", "viewer")
        await buyer.at("pinned-product").get_by_test_id("buy-button").click()
        await buyer.see("hold-button")
        async with crowd(node, 3) as others:
            await waits_behind(others, buyer, tmp_path)
        await buyer.see("hold-countdown")
        await sees_time_run_out_and_tries_again(buyer)
        assert buyer.errors == []


async def waits_behind(others: list[tuple[Caller, str]], buyer: Person, folder: Path) -> None:
    async with stuck_writer(folder):
        answers = [asyncio.create_task(other.ok("buy", sku=sku, qty=1)) for other, sku in others]
        # One is with the writer, one is next, and the third is told that it waits: then all three are there.
        told = [asyncio.create_task(other.until("buy.waiting")) for other, _ in others]
        _, untold = await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED)
        for task in untold:
            task.cancel()
        await buyer.at("hold-button").click()
        waiting = await buyer.see("buy-waiting")
        found = re.fullmatch(r"(\d+) before you", await waiting.inner_text())
        assert found is not None
        assert int(found[1]) >= 2
    await asyncio.gather(*answers)


async def sees_time_run_out_and_tries_again(buyer: Person) -> None:
    status = buyer.at("order-status")
    await expect(status).to_have_attribute("data-status", "expired", timeout=WAIT_MS)
    await buyer.at("buy-again").click()
    left = buyer.at("buy-sheet").get_by_test_id("stock-left")
    await expect(left).to_have_attribute("data-value", "50", timeout=WAIT_MS)
    await buyer.at("hold-button").click()
    await buyer.at("cancel-order").click()
    await expect(status).to_have_attribute("data-status", "cancelled", timeout=WAIT_MS)


@asynccontextmanager
async def crowd(node: Node, people: int) -> AsyncIterator[list[tuple[Caller, str]]]:
    """Others in the room, without browsers, each with what they will buy."""
    others: list[tuple[Caller, str]] = []
    try:
        for number in range(people):
            token = await demo_token(node, f"Guest {number}", "viewer")
            other = await let_in(partial(join, node, token))
            snapshot: dict[str, Any] = (await other.enter("demo"))["snapshot"]
            others.append((other, snapshot["products"][0]["skus"][0]["id"]))
        yield others
    finally:
        for other, _ in others:
            await other.close()


async def join(node: Node, token: str) -> Caller:
    other = Caller(None)
    try:
        await other.connect(node.url, {"token": token}, ("websocket",))
    except BaseException:
        await other.close()
        raise
    return other


@asynccontextmanager
async def stuck_writer(folder: Path) -> AsyncIterator[None]:
    """Nothing is written meanwhile: somebody else has the database to themselves."""
    path = folder / "data" / "danmart.db"
    lock = await asyncio.to_thread(sqlite3.connect, path, isolation_level=None, check_same_thread=False)
    try:
        await asyncio.to_thread(lock.execute, "BEGIN IMMEDIATE")
        yield
    finally:
        await asyncio.to_thread(lock.close)
