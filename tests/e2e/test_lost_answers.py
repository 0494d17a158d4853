"""An acknowledgement is lost on the way: the page asks again with the same key, and shows what is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.async_api import Browser, WebSocket, expect

from tests.e2e.world import WAIT_MS, Person, get_browser, let_in
from tests.server.world import Person as Caller
from tests.server.world import World, fresh, running_world, token
from tests.support.cut_line import CutLine, cut_line

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]

_COMMAND = re.compile(r"42/live,(\d+)(\[.*\])", re.DOTALL)
_REPLY = re.compile(r"43/live,(\d+)(\[.*\])", re.DOTALL)


class Heard:
    """What a page's sockets carried: each command with the acknowledgement that got through, if one did."""

    def __init__(self, person: Person) -> None:
        self.asked: list[list[Any]] = []
        person.page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        open_here: dict[str, list[Any]] = {}

        def sent(text: str | bytes) -> None:
            if isinstance(text, str) and (found := _COMMAND.fullmatch(text)):
                name, payload = orjson.loads(found[2])
                open_here[found[1]] = asked = [name, payload, None]
                self.asked.append(asked)

        def received(text: str | bytes) -> None:
            if isinstance(text, str) and (found := _REPLY.fullmatch(text)) and found[1] in open_here:
                open_here[found[1]][2] = orjson.loads(found[2])[0]

        socket.on("framesent", sent)
        socket.on("framereceived", received)

    def answers(self, command: str) -> list[str]:
        """What got through, ``ok`` or the error's code, after at least the first answer was lost. However
        often it was asked, it must have been with the same key."""
        asked = [each for each in self.asked if each[0] == command]
        assert len({payload["key"] for _, payload, _ in asked}) == 1
        assert asked[0][2] is None
        replies = [reply for *_, reply in asked if reply is not None]
        return ["ok" if reply["ok"] else reply["error"]["code"] for reply in replies]

    def forget(self) -> None:
        self.asked.clear()


async def choose(buyer: Person, product: str) -> None:
    await buyer.at("shelf-button").click()
    card = buyer.at("shelf-product").and_(buyer.page.locator(f'[data-id="{product}"]'))
    await card.get_by_test_id("buy-button").click()
    await buyer.see("hold-button")


async def until_done(host: Caller, product: str, status: str) -> None:
    """Until the host is told of it: then it is on disk."""

    def fits(event: dict[str, Any]) -> bool:
        order = event["data"].get("order", {})
        return event["kind"] == "order" and (order["product"], order["status"]) == (product, status)

    await host.until("staff", fits)


async def orders(world: World, room: str, user: str) -> list[dict[str, Any]]:
    status, body = await world.get(f"/api/v1/rooms/{room}/orders", user)
    assert status == 200
    items: list[dict[str, Any]] = body["items"]
    return items


async def test_a_purchase_whose_answer_was_lost_is_shown_as_it_is(browser: Browser, tmp_path: Path) -> None:
    async with running_world(tmp_path) as world, cut_line(world.node.port) as line:
        room, host = await let_in(world.room)
        (product, _), (last, sku) = await world.product(host), await world.product(host, stock=1)
        user, buyer = fresh("buyer"), await get_browser(browser)
        heard = Heard(buyer)
        await buyer.page.goto(f"{line.url}/r/{room}#token={token(user, 'Lin')}")

        await choose(buyer, product)
        line.mute()
        await buyer.at("hold-button").click()
        await until_done(host, product, "held")
        line.cut()
        await buyer.see("hold-countdown")
        assert heard.answers("buy") == ["ok"]
        line.mute()
        await buyer.at("pay-button").click()
        await until_done(host, product, "paid")
        line.cut()
        await buyer.see("buy-done")
        await expect(buyer.at("pay-error")).to_have_count(0)
        await buyer.at("buy-done").click()
        assert [order["status"] for order in await orders(world, room, user)] == ["paid"]

        await choose(buyer, last)
        heard.forget()
        line.mute()
        await buyer.at("hold-button").click()
        await until_done(host, last, "held")
        world.node.kill9()
        await world.close()
        await the_node_comes_back(tmp_path, line, room, sku, buyer)
        # The new node knew that nothing is left, but not who had it: asked once more, it looked.
        assert heard.answers("buy") == ["stock_held", "ok"]
        assert buyer.errors == []


async def the_node_comes_back(folder: Path, line: CutLine, room: str, sku: str, buyer: Person) -> None:
    """To somebody else first, so that it has in memory that nothing is left."""
    async with running_world(folder) as world:
        other = await let_in(lambda: world.viewer(room))
        assert await other.code("buy", sku=sku, qty=1) == "stock_held"
        line.port = world.node.port
        line.cut()
        await expect(buyer.at("hold-countdown").or_(buyer.at("buy-error"))).to_be_visible(timeout=WAIT_MS)
        await expect(buyer.at("buy-error")).to_have_count(0)
