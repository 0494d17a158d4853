"""What a room can read is finite: the rest is kept, counted, and shown to its sender."""

from __future__ import annotations

import asyncio

import orjson

from rooms.budget import BudgetRules
from rooms.comments import CommentRules
from rooms.history import visible
from rooms.log import Visibility
from rooms.ports import Caller
from rooms.state import EMPTY, encode_state, fold_all
from tests.contract.house import HOST, MODERATOR, OTHER, VIEWER, House, house_at

RULES = CommentRules(per_window=1000, budget=BudgetRules(per_s=20, burst=20))


async def flood(house: House, caller: Caller, count: int) -> list[str]:
    answers = await asyncio.gather(
        *(house.ok("comment", caller, text=f"{caller.name} {n}") for n in range(count))
    )
    return [answer["event"]["id"] for answer in answers]


async def test_a_flood_is_kept_in_whole_and_shown_in_part(database_url: str) -> None:
    async with house_at(database_url, comments=RULES) as house:
        said = await flood(house, VIEWER, 100)
        comments = [e for e in await house.log() if e.kind == "comment"]
        assert [e.id for e in comments] == said
        shown = [e for e in comments if e.visibility == Visibility.ALL]
        assert 10 <= len(shown) <= 20
        for viewer, count in ((None, len(shown)), (OTHER.id, len(shown)), (VIEWER.id, 100)):
            seen, left_out = visible(comments, viewer)
            assert (len(seen), left_out) == (count, 100 - count)
        state = orjson.loads(encode_state(fold_all(EMPTY, await house.log())))
        assert [c["id"] for c in state["comments"]] == [e.id for e in shown]


async def test_host_and_moderators_are_never_left_out(database_url: str) -> None:
    async with house_at(database_url, comments=RULES) as house:
        await flood(house, VIEWER, 100)
        ids = [*await flood(house, HOST, 30), *await flood(house, MODERATOR, 30)]
        shown = {e.id for e in await house.log() if e.visibility == Visibility.ALL}
        assert shown.issuperset(ids)


async def test_who_speaks_rarely_is_heard_through_a_flood(database_url: str) -> None:
    async with house_at(database_url, comments=RULES) as house:
        for _ in range(10):
            house.now_ms += 1000
            await flood(house, VIEWER, 40)
            (said,) = await flood(house, OTHER, 1)
            (event,) = [e for e in await house.log() if e.id == said]
            assert event.visibility == Visibility.ALL


async def test_the_budget_outlives_the_node(database_url: str) -> None:
    async with house_at(database_url, comments=RULES) as house:
        await flood(house, VIEWER, 100)
        late = house.now_ms
    house = await asyncio.to_thread(lambda: House(database_url, comments=RULES))
    house.now_ms = late
    await house.store.start()
    try:
        await flood(house, VIEWER, 10)
        mine = (await house.log())[-10:]
        assert all(e.visibility == Visibility.SENDER for e in mine)
    finally:
        await house.store.close()
