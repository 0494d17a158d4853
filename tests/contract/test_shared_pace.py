"""With several nodes the pace of comments is one, whichever node takes them."""

from __future__ import annotations

from rooms.comments import CommentRules
from tests.contract.house import HOST, MODERATOR, OTHER, VIEWER, house_at, open_house

RULES = CommentRules(per_window=4, window_ms=10_000, shared=True)


async def test_comments_on_two_nodes_are_counted_together(shared_url: str) -> None:
    async with (
        house_at(shared_url, node="a", comments=RULES) as a,
        open_house(shared_url, node="b", comments=RULES) as b,
    ):
        for number in range(4):
            await (a, b)[number % 2].say(VIEWER, f"{number}")
            a.now_ms += 1000
            b.now_ms = a.now_ms
        for house in (a, b):
            error = await house.error("comment", VIEWER, text="one more")
            assert (error["code"], error["retry_after_ms"]) == ("rate_limited", 6000)
        await b.say(OTHER, "somebody else")
        for number in range(6):
            await b.say(MODERATOR, f"staff {number}")
        a.now_ms += 6000
        b.now_ms = a.now_ms
        await b.say(VIEWER, "the first is out of the window")
        assert await a.code("comment", VIEWER, text="again") == "rate_limited"


async def test_slow_mode_counts_what_was_shown_only(shared_url: str) -> None:
    async with house_at(shared_url, comments=RULES) as house:
        await house.say(VIEWER, "before slow mode")
        await house.ok("room.change", HOST, slow_mode_s=30)
        await house.say(VIEWER, "the first in slow mode")
        assert await house.code("comment", VIEWER, text="too soon") == "slow_mode"
