"""Bullet comments as their writers and readers notice them."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from sqlalchemy import event as sql_event
from sqlalchemy.exc import OperationalError

from rooms.comments import CommentRules
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Work
from tests.contract.house import (
    GUEST,
    HOST,
    MODERATOR,
    OPERATOR,
    OTHER,
    SENIOR,
    VIEWER,
    House,
    house_at,
    open_house,
)

DENIED = "make money from home, telegram me"


async def comments_in_log(house: House) -> list[dict[str, Any]]:
    return [orjson.loads(e.body) for e in await house.log() if e.kind == "comment"]


async def test_what_is_shown_is_clean(house: House) -> None:
    shown = {
        "  two \t\n words ": "two words",
        "bell\x07 and null\x00": "bell and null",
        "\u202eevil\u202c reversed": "evil reversed",
        "H" + "\u0300" * 50 + "i": "H" + "\u0300" * 4 + "i",
        "z\u200be\ufeffro": "zero",
        "<b>bold</b> & 你好": "<b>bold</b> & 你好",
    }
    for raw, clean in shown.items():
        event = await house.say(VIEWER, raw)
        assert event["data"]["text"] == clean
    assert [e["data"]["text"] for e in await comments_in_log(house)] == list(shown.values())


async def test_length_is_counted_as_people_count(house: House) -> None:
    family = "👨‍👩‍👧‍👦"
    assert (await house.say(VIEWER, family * 200))["data"]["text"] == family * 200
    for text in ("a" * 201, family * 201, "😀" * 10_000, "e" + "\u0301" * 15_000):
        error = await house.error("comment", VIEWER, text=text)
        assert (error["code"], error["details"]) == ("text_too_long", {"limit": 200})
        assert not error["temporary"]
    for text in ("", "   ", "\u202e\u200b", "\x00\x01"):
        assert await house.code("comment", VIEWER, text=text) == "text_empty"
    assert await house.code("comment", VIEWER, text="x" * 20_001) == "bad_request"
    assert len(await comments_in_log(house)) == 1


async def test_who_writes_is_on_the_event(house: House) -> None:
    badges = {HOST: ["host"], MODERATOR: ["moderator"], SENIOR: ["moderator"], OPERATOR: ["operator"]}
    for caller in (VIEWER, HOST, MODERATOR, SENIOR, OPERATOR):
        event = await house.say(caller, "hello")
        assert event["user"] == {"id": caller.id, "name": caller.name, "badges": badges.get(caller, [])}
        assert event["at_ms"] == house.now_ms


async def test_style_is_for_moderators_and_above(house: House) -> None:
    for style in ({"color": "red"}, {"lane": "top"}, {"color": "pink", "lane": "bottom"}):
        assert await house.code("comment", VIEWER, text="look", **style) == "style_not_allowed"
        for caller in (MODERATOR, SENIOR, HOST, OPERATOR):
            data = (await house.say(caller, "look", **style))["data"]
            assert {"color": "white", "lane": "scroll"} | style == {k: data[k] for k in ("color", "lane")}
    await house.say(VIEWER, "plain", color="white", lane="scroll")
    assert await house.code("comment", MODERATOR, text="look", color="#f00") == "bad_request"
    assert await house.code("comment", VIEWER, text="look", bold=True) == "bad_request"


async def test_slow_mode_says_exactly_how_long_to_wait(house: House) -> None:
    await house.ok("room.change", HOST, slow_mode_s=30)
    await house.say(VIEWER, "first", key="slow-0001")
    house.now_ms += 12_345
    error = await house.error("comment", VIEWER, text="second", key="slow-0002")
    assert (error["code"], error["temporary"]) == ("slow_mode", True)
    assert error["retry_after_ms"] == 17_655
    # Whoever never got the answer to the first one gets it now, not a wait.
    again = await house.ok("comment", VIEWER, text="first", key="slow-0001")
    assert again["event"]["data"]["text"] == "first"
    await house.say(OTHER, "others have a pace of their own")
    for caller in (MODERATOR, SENIOR, HOST, OPERATOR):
        await house.say(caller, "one")
        await house.say(caller, "two")
    house.now_ms += 17_654
    assert (await house.error("comment", VIEWER, text="second"))["retry_after_ms"] == 1
    house.now_ms += 1
    await house.say(VIEWER, "second", key="slow-0002")
    await house.ok("room.change", HOST, slow_mode_s=0)
    await house.say(VIEWER, "third")


async def test_slow_mode_holds_in_one_group_and_over_a_restart(migrated_url: str) -> None:
    async with house_at(migrated_url) as house:
        await house.ok("room.change", HOST, slow_mode_s=5)
        answers = await asyncio.gather(*(house.do("comment", VIEWER, text=f"n{i}") for i in range(4)))
        assert [a["ok"] for a in answers] == [True, False, False, False]
    async with open_house(migrated_url) as house:
        assert (await house.error("comment", VIEWER, text="after"))["retry_after_ms"] == 5000


async def test_slow_mode_that_begins_in_the_group_of_a_comment(house: House) -> None:
    await house.ok("room.change", HOST, slow_mode_s=30)
    await house.say(VIEWER, "so that there is a row of it")
    await house.ok("room.change", HOST, slow_mode_s=0)
    answers = await asyncio.gather(
        house.do("comment", VIEWER, text="before"),
        house.do("room.change", HOST, slow_mode_s=30),
        house.do("comment", OTHER, text="after"),
    )
    assert [answer["ok"] for answer in answers] == [True, True, True]
    assert house.store.writer._metrics.spoiled._value.get() == 0
    assert await house.code("comment", OTHER, text="and again") == "slow_mode"


async def test_only_moderators_may_comment_when_the_host_says_so(house: House) -> None:
    await house.ok("room.change", HOST, who_may_comment="moderators")
    error = await house.error("comment", VIEWER, text="may I?", key="closed-01")
    assert (error["code"], error["temporary"]) == ("comments_closed", True)
    for caller in (MODERATOR, SENIOR, HOST, OPERATOR):
        await house.say(caller, "we may")
    await house.ok("room.change", HOST, who_may_comment="everyone")
    await house.say(VIEWER, "may I?", key="closed-01")


async def test_too_fast(migrated_url: str) -> None:
    async with house_at(migrated_url, comments=CommentRules(per_window=3, window_ms=5000)) as house:
        for n in range(3):
            await house.say(VIEWER, f"n{n}", key=f"fast-000{n}")
            house.now_ms += 100
        error = await house.error("comment", VIEWER, text="n3", key="fast-0003")
        assert (error["code"], error["temporary"], error["retry_after_ms"]) == ("rate_limited", True, 4700)
        again = await house.ok("comment", VIEWER, text="n0", key="fast-0000")
        assert again["event"]["data"]["text"] == "n0"
        await house.say(OTHER, "others may")
        for n in range(5):
            await house.say(MODERATOR, f"staff {n}")
        house.now_ms += 4700
        await house.say(VIEWER, "n3", key="fast-0003")
        assert (await house.error("comment", VIEWER, text="n4"))["retry_after_ms"] == 100
        # A clock that is set back doesn't lock anybody out for longer than the window.
        house.now_ms -= 3_600_000
        assert (await house.error("comment", VIEWER, text="n4"))["retry_after_ms"] == 5000


async def test_what_the_filter_refuses_counts_as_said(migrated_url: str) -> None:
    async with house_at(migrated_url, comments=CommentRules(per_window=3, window_ms=5000)) as house:
        codes = [await house.code("comment", VIEWER, text=f"{DENIED} {n}") for n in range(5)]
        assert codes == ["text_refused"] * 3 + ["rate_limited"] * 2
        assert len(house.briefed("comment_refused")) == 3


def _explode(tx: Unit) -> Steps[Any]:
    raise RuntimeError("a bug")
    yield


async def test_what_had_to_be_tried_again_counts_once(migrated_url: str) -> None:
    async with house_at(migrated_url, comments=CommentRules(per_window=3, window_ms=5000)) as house:
        failures = iter([True, True])

        def fail(*_: Any) -> None:
            if next(failures, False):
                raise OperationalError("COMMIT", {}, Exception("connection lost"))

        sql_event.listen(house.store._writing, "commit", fail)
        await house.say(VIEWER, "through trouble")
        sql_event.remove(house.store._writing, "commit", fail)
        _, spoiled, second = await asyncio.gather(
            house.say(OTHER, "beside it"),
            house.store.write(Work("bug", _explode)),
            house.do("comment", VIEWER, text="beside somebody's bug"),
        )
        assert (spoiled.code, second["ok"]) == ("internal", True)
        await house.say(VIEWER, "the third")
        assert await house.code("comment", VIEWER, text="the fourth") == "rate_limited"


async def test_replies_quote(house: House) -> None:
    first = await house.say(OTHER, "how much is the tea?")
    reply = await house.say(VIEWER, "forty nine", reply_to=first["id"])
    assert reply["data"]["reply_to"] == {
        "id": first["id"],
        "name": "Wu",
        "user": OTHER.id,
        "offset": first["offset"],
        "text": "how much is the tea?",
    }
    long = await house.say(OTHER, "x" * 100)
    quoted = (await house.say(VIEWER, "yes", reply_to=long["id"]))["data"]["reply_to"]["text"]
    assert quoted == "x" * 39 + "…"


async def test_replies_to_what_is_not_there(house: House) -> None:
    await house.create("silk")
    foreign = await house.say(OTHER, "elsewhere", room="silk")
    gone = await house.say(OTHER, "soon gone")
    await house.ok("moderate.delete", MODERATOR, event=gone["id"])
    created = (await house.log())[0]
    for target in (foreign["id"], gone["id"], created.id, "no-such-event"):
        assert await house.code("comment", VIEWER, text="re", reply_to=target) == "not_found"
    assert await house.code("comment", VIEWER, text="re", reply_to="'; --") == "bad_request"
    assert len(await comments_in_log(house)) == 1


async def test_what_the_filter_refuses_reaches_the_staff_only(house: House) -> None:
    before = (await house.log())[-1].offset
    error = await house.error("comment", VIEWER, text=DENIED, key="denied-01")
    assert (error["code"], error["temporary"]) == ("text_refused", False)
    assert (await house.log())[-1].offset == before
    assert await house.code("comment", VIEWER, text=DENIED, key="denied-01") == "text_refused"
    (note,) = house.briefed("comment_refused")
    assert note["data"]["user"] == {"id": VIEWER.id, "name": VIEWER.name}
    assert note["data"]["text"] == DENIED
    assert note["data"]["reason"]
    assert not house.told(VIEWER)


async def test_staff_may_say_what_the_filter_would_refuse(house: House) -> None:
    event = await house.say(MODERATOR, DENIED)
    assert event["data"]["text"] == DENIED
    assert not house.briefed("comment_refused")


async def test_swearing_is_shown_masked(house: House) -> None:
    event = await house.say(VIEWER, "this is shit")
    assert event["data"]["text"] == "this is ****"
    assert b"shit" not in (await house.log())[-1].body


async def test_somebody_muted_is_told_why_and_how_long(house: House) -> None:
    mute = await house.ok("moderate.mute", MODERATOR, user=VIEWER.id, seconds=60, reason="be kind")
    house.now_ms += 18_000
    error = await house.error("comment", VIEWER, text="but")
    assert error["code"] == "muted"
    until_ms = house.now_ms + 42_000
    left = {"reason": "be kind", "until_ms": until_ms, "left_ms": 42_000, "everywhere": False}
    assert error["details"] == left | {"sanction": mute["sanction"]["id"]}
    await house.say(OTHER, "I may")


async def test_guests_and_strangers(house: House) -> None:
    assert await house.code("comment", GUEST, text="hello") == "unauthenticated"
    assert await house.code("comment", VIEWER, text="hello", room="nowhere") == "room_not_found"
    for bad in ({"room": "Not A Room"}, {"key": "short"}, {"text": 5}, {"text": None}):
        payload: dict[str, Any] = {"text": "hello", **bad}
        assert await house.code("comment", VIEWER, **payload) == "bad_request"
    assert await comments_in_log(house) == []


@pytest.mark.parametrize("text", ["好" * 200, "👨‍👩‍👧‍👦" * 200, "\U0001f1e8\U0001f1f3" * 200])
async def test_the_longest_texts_fit_everywhere(house: House, text: str) -> None:
    """Names, titles and reasons too: what a person counts as one character may be a dozen code points."""
    name = text[: len(text) // 5]
    author = Caller("u-long", name)
    await house.sign_in(author)
    event = await house.say(author, text)
    title = text[: len(text) // 2]
    await house.ok("room.change", HOST, title=title)
    await house.ok("product.add", HOST, title=title, price_minor=1, currency="CNY", stock=1)
    sku = (await house.log())[-1].data["product"]["skus"][0]["id"]
    await house.ok("buy", author, sku=sku, qty=1)
    await house.ok("room.grant", HOST, user=author.id, role="moderator")
    await house.ok("room.grant", HOST, user=author.id, role="viewer")
    await house.ok("moderate.mute", MODERATOR, user=author.id, seconds=60, reason=text)
    await house.ok("moderate.delete", MODERATOR, event=event["id"])
    assert await house.try_to_create(author, title="x") == "forbidden"
    await house.create("long", Caller("u-long", name, may_host=True))
