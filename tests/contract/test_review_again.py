"""A held comment, when the lists have changed since: who takes it is told what would be made of it now."""

from __future__ import annotations

from typing import Any

import pytest

from moderation.review.store import read_item
from tests.contract.house import HOST, MODERATOR, ROOM, VIEWER, House
from tests.contract.test_rulebooks import put


@pytest.fixture
async def held(house: House) -> str:
    await put(house, "doubted", "[action=hold]", "quux")
    answer = await house.ok("comment", VIEWER, text="a quux and a zorblax")
    item: str = answer["held"]["id"]
    return item


async def claim(house: House, item: str) -> dict[str, Any] | None:
    answer = await house.ok("review.claim", MODERATOR, item=item)
    assert answer.keys() <= {"ok", "item", "now"}
    now: dict[str, Any] | None = answer.get("now")
    return now


async def test_nothing_is_said_while_it_would_be_held_again(house: House, held: str) -> None:
    assert await claim(house, held) is None
    await put(house, "others", "thud")
    assert await claim(house, held) is None


async def test_a_word_that_was_denied_meanwhile_is_shown_to_who_takes_it(house: House, held: str) -> None:
    made = await put(house, "denied", "zorblax")
    now = await claim(house, held)
    assert now is not None
    assert now["verdict"] == "deny"
    denied = next(reason for reason in now["reasons"] if reason["verdict"] == "deny")
    assert (denied["check"], denied["rule"], denied["start"], denied["end"]) == ("words", "zorblax", 13, 20)
    # It is worked out when it is asked for, and kept nowhere.
    item = await house.store.read(lambda conn: read_item(conn, held))
    assert item is not None
    assert {reason["rule"] for reason in item.facts["reasons"]} == {"quux"}
    assert all("now" not in event["data"] for event in house.briefed("review"))
    await house.filter_desk.delete_list(ROOM, "denied", made["version"], HOST)
    assert await claim(house, held) is None
    # The moderator decides, nevertheless.
    await put(house, "denied", "zorblax")
    await house.ok("review.decide", MODERATOR, item=held, decision="release")


async def test_what_would_be_let_through_by_now_says_so(house: House, held: str) -> None:
    await put(house, "doubted", "thud")
    assert await claim(house, held) == {"verdict": "allow", "reasons": []}
    await put(house, "stars", "[action=mask]", "zorblax")
    now = await claim(house, held)
    assert now is not None
    assert (now["verdict"], [reason["rule"] for reason in now["reasons"]]) == ("mask", ["zorblax"])


async def test_stars_that_are_there_already_are_no_news(house: House) -> None:
    """Nor is what the comment waits for besides: that isn't its text's."""
    await put(house, "stars", "[action=mask]", "zorblax")
    await house.ok("moderate.restrict", MODERATOR, user=VIEWER.id, seconds=None, reason="")
    held = (await house.ok("comment", VIEWER, text="a zorblax"))["held"]
    assert held["text"] == "a *******"
    assert await claim(house, held["id"]) is None
