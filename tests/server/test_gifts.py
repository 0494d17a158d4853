"""Gifts at a running node, over its HTTP API and its socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from rooms.gifts.catalogue import GiftTerms
from tests.server.world import World, running_world, token
from tests.support.coins import endow, put_on_air

ROSE = {"names": {"en": "Rose", "zh": "玫瑰"}, "picture": "/gifts/rose.svg", "price": 3}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as world:
        yield world


def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'danmart.db'}"


async def put(world: World, gift: str, terms: dict[str, Any], **claims: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token('u-root', **claims)}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.put(f"{world.url}/api/v1/gifts/{gift}", json=terms) as response,
    ):
        return response.status, await response.json()


async def test_the_catalogue_is_read_once_and_changed_by_operators_only(world: World) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{world.url}/api/v1/gifts") as first:
            gifts = (await first.json())["items"]
            tag = first.headers["ETag"]
        assert len(gifts) == 10
        assert gifts[0]["names"] == {"en": "Rose", "zh": "玫瑰"}
        async with http.get(f"{world.url}/api/v1/gifts", headers={"If-None-Match": tag}) as same:
            assert (same.status, await same.read()) == (304, b"")
        assert (await put(world, "rose", ROSE))[0] == 403
        assert (await put(world, "rose", ROSE, operator=True))[0] == 200
        assert (await put(world, "heart", ROSE | {"withdrawn": True}, operator=True))[0] == 200
        async with http.get(f"{world.url}/api/v1/gifts", headers={"If-None-Match": tag}) as other:
            assert other.status == 200
            now = {gift["id"]: gift["price"] for gift in (await other.json())["items"]}
        assert now["rose"] == 3
        assert "heart" not in now
    status, page = await world.get("/api/v1/gifts", None)
    assert (status, len(page["items"])) == (200, 9)


@pytest.mark.parametrize(
    "change",
    [
        {"price": 0},
        {"price": 100_001},
        {"names": {}},
        {"names": {"en": ""}},
        {"names": {"<b>": "x"}},
        {"picture": "https://elsewhere.example/x.svg"},
        {"picture": "/gifts/../../etc.svg"},
        {"effect": "explode"},
        {"surprise": 1},
    ],
)
def test_what_a_gift_cant_be(change: dict[str, Any]) -> None:
    GiftTerms.model_validate(ROSE)
    with pytest.raises(ValidationError):
        GiftTerms.model_validate(ROSE | change)


async def test_everybody_sees_a_gift_and_the_board_and_the_host_what_it_earned(
    world: World, tmp_path: Path
) -> None:
    room, host = await world.room()
    giver = await world.viewer(room)
    other = await world.viewer(room, "Wu")
    await asyncio.to_thread(endow, database(tmp_path), [str(giver.user)], 100)
    assert await giver.code("gift", gift="rose") == "not_live"
    await asyncio.to_thread(put_on_air, database(tmp_path), room)
    answer = await giver.ok("gift", gift="tea", count=4)
    assert answer["coins"] == 80
    seen = await other.event("gift")
    assert seen == answer["event"]
    told = await giver.until("you", lambda event: event["kind"] == "wallet")
    assert told["data"]["coins"] == 80
    board = await other.send("gift.top", {"room": room, "span": "week"})
    assert [(row["user"]["id"], row["coins"]) for row in board["items"]] == [(giver.user, 20)]
    assert board["you"] is None
    status, page = await world.get(f"/api/v1/rooms/{room}/gifts/top?span=all", None)
    assert (status, page["items"], page["fan"]) == (200, board["items"], None)
    assert (await world.get(f"/api/v1/rooms/{room}/gifts/top?span=ever", None))[0] == 400
    status, page = await world.get(f"/api/v1/rooms/{room}/gifts", host.user)
    assert [(given["id"], given["earned"]) for given in page["items"]] == [(seen["id"], 10)]
    assert (await world.get(f"/api/v1/rooms/{room}/gifts", other.user))[0] == 403


async def test_gifts_that_were_missed_are_recovered(world: World, tmp_path: Path) -> None:
    room, _ = await world.room()
    giver, away = await world.viewer(room), await world.viewer(room, "Wu")
    await asyncio.to_thread(endow, database(tmp_path), [str(giver.user)], 100)
    await asyncio.to_thread(put_on_air, database(tmp_path), room)
    entered = await away.enter(room)
    await away.close()
    for _ in range(3):
        await giver.ok("gift", gift="rose")
    back = await world.join(str(away.user))
    answer = await back.enter(room, after={"epoch": entered["epoch"], "offset": entered["offset"]})
    gifts = [item["data"]["combo"]["count"] for item in answer["items"] if item["kind"] == "gift"]
    while 3 not in gifts:  # what isn't in the answer is in the next frame
        following = await back.event("gift", lambda event: event["data"]["combo"]["count"] not in gifts)
        gifts.append(following["data"]["combo"]["count"])
    assert gifts == [1, 2, 3]
