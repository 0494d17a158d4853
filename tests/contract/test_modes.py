"""A room's modes and its shield, as commenters meet them: with the rows that they ask for, and in time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlalchemy import select

from moderation.audit import read_audit
from rooms.comments import CommentRules, Comments
from rooms.follows import FollowRow, follows_table
from rooms.gifts.fans import fans_table, new_fan, points_for
from rooms.guests.store import guests_table
from rooms.heads import ROOMS, USERS
from rooms.history import read_now
from rooms.ports import Caller, CheckedText
from rooms.rows import Steps, as_dict
from rooms.unit import Unit
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, SENIOR, START_MS, VIEWER, House

MINUTE_MS = 60_000
DAY_MS = 86_400_000
TERMS = {"price_minor": 100, "currency": "CNY", "stock": 5, "title": "Tea"}


async def modes(house: House, by: Caller = SENIOR, **changes: Any) -> dict[str, Any]:
    settings: dict[str, Any] = (await house.ok("room.modes", by, **changes))["settings"]
    return settings


async def insert(house: House, table: Any, row: Any) -> None:
    def steps(tx: Unit) -> Steps[Any]:
        yield ROOMS.rows(ROOM)
        tx.insert(table, as_dict(row))
        return {}

    assert (await house.store.write(Work("insert", steps))).ok


async def refused(house: House, caller: Caller = VIEWER, text: str = "hello") -> dict[str, Any]:
    return await house.error("comment", caller, text=text)


async def test_followers_may_comment_once_they_have_followed_for_long_enough(house: House) -> None:
    await modes(house, who_may_comment="followers", followed_for_s=600)
    error = await refused(house)
    assert (error["code"], error["temporary"]) == ("followers_only", True)
    assert error["details"] == {"followed_for_s": 600, "followed_since_ms": None, "left_ms": None}
    await house.ok("follow", VIEWER)
    house.now_ms += 599_000
    error = await refused(house)
    assert error["details"] == {"followed_for_s": 600, "followed_since_ms": START_MS, "left_ms": 1000}
    assert error["retry_after_ms"] == 1000
    house.now_ms += 1000
    await house.say(VIEWER, "now I may")
    assert (await refused(house, OTHER))["code"] == "followers_only"
    for staff in (MODERATOR, SENIOR, HOST, OPERATOR):
        await house.say(staff, "we always may")
    await modes(house, who_may_comment="everyone")
    await house.say(OTHER, "so may I")


async def test_who_follows_and_comments_at_once_is_a_follower(house: House) -> None:
    await modes(house, who_may_comment="followers")
    await house.ok("follow", VIEWER)
    await house.say(VIEWER, "just followed")
    await house.ok("unfollow", VIEWER)
    assert (await refused(house))["code"] == "followers_only"


async def test_members_are_fans_from_a_level_on(house: House) -> None:
    await modes(house, who_may_comment="members", member_level=3)
    error = await refused(house)
    assert (error["code"], error["details"]) == ("members_only", {"level": 3, "yours": 0})
    fan = replace(new_fan(HOST.id or "", OTHER.id or "", "Wu"), coins=points_for(3))
    await insert(house, fans_table, fan)
    await house.say(OTHER, "as a fan")
    await modes(house, member_level=4)
    assert (await refused(house, OTHER))["details"] == {"level": 4, "yours": 3}


async def test_buyers_have_paid_for_something_of_this_host_and_kept_it(house: House) -> None:
    await modes(house, who_may_comment="buyers")
    assert (await refused(house))["code"] == "buyers_only"
    _, sku = await house.product()
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    assert (await refused(house))["code"] == "buyers_only", "it is only held"
    await house.ok("order.pay", VIEWER, order=order)
    await house.say(VIEWER, "good tea")
    await house.ok("order.refund", HOST, order=order, reason="broken")
    assert (await refused(house))["code"] == "buyers_only"
    await house.ok("wallet.topup", OTHER, pack="small")
    assert (await refused(house, OTHER))["code"] == "buyers_only", "coins are no goods of the host's"


async def test_what_was_bought_in_another_room_of_the_host_counts(house: House) -> None:
    await house.create("tea-two", HOST)
    await house.create("silk", Caller("u-silk", "Silk", may_host=True))
    await modes(house, who_may_comment="buyers")
    for room, host, buyer in (("tea-two", HOST, VIEWER), ("silk", Caller("u-silk", "Silk"), OTHER)):
        sku = (await house.ok("product.add", host, room=room, **TERMS))["product"]["skus"][0]["id"]
        order = (await house.ok("buy", buyer, room=room, sku=sku, qty=1))["order"]["id"]
        await house.ok("order.pay", buyer, room=room, order=order)
    await house.say(VIEWER, "from the other room")
    assert (await refused(house, OTHER))["code"] == "buyers_only"


async def test_emoji_only(house: House) -> None:
    await modes(house, emoji_only=True)
    await house.say(VIEWER, "🎉 👨‍👩‍👧‍👦 🇨🇳 1️⃣")
    error = await refused(house, VIEWER, "🎉 gg")
    assert (error["code"], error["temporary"]) == ("emoji_only", True)
    await house.say(MODERATOR, "words, as staff may")


async def test_who_is_on_stage_may_speak_whoever_else_may(house: House) -> None:
    await house.go_live()
    await house.ok("guest.ask", VIEWER)
    await house.ok("guest.invite", HOST, user=VIEWER.id)
    await house.ok("guest.answer", VIEWER, accept=True)
    await modes(house, who_may_comment="moderators", emoji_only=True)
    assert (await refused(house))["code"] == "comments_closed", "not there yet"
    slot = (await house.rows(select(guests_table)))[0]["slot"]

    def appear(tx: Unit) -> Steps[Any]:
        yield USERS.rows(VIEWER.id)
        yield ROOMS.rows(ROOM)
        house.services.guests.picture(tx, ROOM, slot, VIEWER.id or "", "publishing")
        return {}

    assert (await house.store.write(Work("on", appear))).ok
    await house.say(VIEWER, "from the stage")


async def test_everybody_is_told_what_changed_and_the_staff_by_whom(house: House) -> None:
    settings = await modes(house, who_may_comment="members", member_level=2, slow_mode_s=0)
    assert (settings["who_may_comment"], settings["member_level"], settings["shield"]) == ("members", 2, None)
    changed = (await house.log())[-1]
    assert (changed.kind, changed.data) == ("room.changed", {"who_may_comment": "members", "member_level": 2})
    note = house.briefed("modes")[-1]["data"]
    assert note == {"changes": {"who_may_comment": "members", "member_level": 2}, "by": SENIOR.card}
    head = len(await house.log())
    await modes(house, member_level=2)
    assert len(await house.log()) == head, "nothing has changed"
    assert await house.code("room.modes", SENIOR) == "bad_request"
    assert await house.code("room.modes", SENIOR, shield_for_s=60) == "bad_request"
    assert await house.code("room.modes", SENIOR, followed_for_s=7_776_001) == "bad_request"
    assert await house.code("room.modes", MODERATOR, slow_mode_s=5) == "forbidden"
    trail = await house.store.read(lambda conn: read_audit(conn, ROOM))
    assert (trail[0]["action"], trail[0]["actor"]["id"]) == ("room.modes", SENIOR.id)


# The shield


async def known_follower(house: House, *callers: Caller) -> None:
    """They have followed for a month, and everybody's account is as old."""
    house.now_ms += 30 * DAY_MS
    for caller in callers:
        row = FollowRow(HOST.id or "", caller.id or "", house.now_ms - 30 * DAY_MS)
        await insert(house, follows_table, row)


async def test_a_shield_goes_up_and_comes_down(house: House) -> None:
    await known_follower(house, VIEWER)
    await house.say(VIEWER, "hello")  # a first comment would wait for a moderator
    house.now_ms += MINUTE_MS
    before = await modes(house, slow_mode_s=5)
    up = (await modes(house, shield=True))["shield"]
    assert up == {
        "since_ms": house.now_ms,
        "until_ms": None,
        "who_may_comment": "followers",
        "followed_for_s": 600,
        "slow_mode_s": 30,
    }
    assert (await refused(house, OTHER))["code"] == "followers_only"
    await house.say(VIEWER, "one")
    house.now_ms += 29_000
    error = await refused(house, VIEWER, "two")
    assert (error["code"], error["retry_after_ms"]) == ("slow_mode", 1000)
    await house.say(MODERATOR, "staff isn't asked")
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    assert now.state.settings["shield"] == up
    await modes(house, emoji_only=True)
    after = await modes(house, shield=False)
    assert after == {**before, "emoji_only": True}
    house.now_ms += 1000
    await house.say(OTHER, "🎉")
    told = [(note["kind"], note["data"]) for note in house.briefed() if note["kind"] == "shield"]
    assert told == [
        ("shield", {"on": True, "until_ms": None, "by": SENIOR.card}),
        ("shield", {"on": False, "until_ms": None, "by": SENIOR.card}),
    ]
    trail = await house.store.read(lambda conn: read_audit(conn, ROOM))
    actions = [entry["action"] for entry in reversed(trail) if entry["action"].startswith("shield.")]
    assert actions == ["shield.on", "shield.off"]


async def test_a_shield_comes_down_by_itself_even_if_its_timer_is_late(house: House) -> None:
    await known_follower(house, VIEWER)
    await modes(house, shield=True, shield_for_s=60)
    assert (await refused(house, OTHER))["code"] == "followers_only"
    house.now_ms += MINUTE_MS
    await house.say(OTHER, "its time is over")
    assert await house.run_timers() == 1
    assert (await house.log())[-1].data == {"shield": None}
    assert house.briefed("shield")[-1]["data"] == {"on": False, "until_ms": None, "by": None}


async def test_an_old_timer_leaves_a_new_shield_alone(house: House) -> None:
    await modes(house, shield=True, shield_for_s=60)
    house.now_ms += 30_000
    await modes(house, shield=True, shield_for_s=120)
    house.now_ms += 30_000
    await house.run_timers()
    assert (await refused(house))["code"] == "followers_only"
    await modes(house, shield=True)
    head = len(await house.log())
    await modes(house, shield=True)
    assert len(await house.log()) == head
    house.now_ms += 3_600_000
    await house.run_timers()
    assert (await refused(house))["code"] == "followers_only", "until somebody takes it down"


async def test_a_newcomer_is_sent_away_where_nothing_can_wait(house: House) -> None:
    house.services.comments._held = None
    newcomer = Caller("u-new", "New")
    await known_follower(house, newcomer)
    await house.sign_in(newcomer)
    await modes(house, shield=True)
    house.now_ms += 600_000
    await house.sign_in(newcomer)  # signing in again makes nobody new, nor old
    error = await refused(house, newcomer)
    assert (error["code"], error["details"]) == ("comments_closed", {"left_ms": 3_000_000})
    house.now_ms += 3_000_000
    await house.say(newcomer, "an hour later")


class Waiting:
    """Where held comments go: remembers them."""

    def __init__(self) -> None:
        self.held: list[tuple[str | None, list[str]]] = []

    def hold(
        self, tx: Unit, room_id: str, caller: Caller, data: dict[str, Any], checked: CheckedText
    ) -> dict[str, Any]:
        self.held.append((caller.id, list(checked.codes)))
        return {"item": "i-1"}


async def test_newcomers_and_first_comments_wait_where_they_can(house: House) -> None:
    newcomer, waiting = Caller("u-new", "New"), Waiting()
    await house.say(VIEWER, "known here")
    await known_follower(house, newcomer, VIEWER, OTHER)
    await house.sign_in(newcomer)
    own = house.services.comments
    services = replace(
        house.services,
        comments=Comments(
            own._standing, own._texts, CommentRules(), house.fans, house.levels, own._audit, waiting
        ),
    )
    house.commands._services = services
    await modes(house, shield=True)
    assert (await house.ok("comment", newcomer, text="hi"))["held"] == {"item": "i-1"}
    assert (await house.ok("comment", OTHER, text="hi"))["held"] == {"item": "i-1"}
    await house.say(VIEWER, "my second one")
    assert waiting.held == [(newcomer.id, ["first_comment", "new_account"]), (OTHER.id, ["first_comment"])]
    await modes(house, shield=False)
    await house.say(OTHER, "as before")
    assert len(waiting.held) == 2


async def test_the_filter_is_told_of_the_shield(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await known_follower(house, VIEWER)
    told: list[int] = []
    texts = house.services.comments._texts
    check = texts.check

    def listen(text: str, about: Any) -> CheckedText:
        told.append(about.shield)
        return check(text, about)

    monkeypatch.setattr(texts, "check", listen)
    await house.say(VIEWER, "one")
    await modes(house, shield=True)
    await house.say(VIEWER, "two")
    assert told == [0, 4]


async def test_a_room_without_modes_asks_the_database_nothing_more(house: House) -> None:
    """The way of a comment is the hot one: modes cost those who use them."""
    asked: list[str] = []
    engine = house.store.writer._engine
    for _ in range(2):
        await house.say(VIEWER, "warm")

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    sql_event.listen(engine, "before_cursor_execute", note)
    await house.say(VIEWER, "plain")
    plain = " ".join(asked)
    for table in ("follows", "orders", "guests", "users"):
        assert table not in plain
    asked.clear()
    await modes(house, who_may_comment="buyers")
    asked.clear()
    await refused(house)
    assert any("orders" in statement for statement in asked)
    sql_event.remove(engine, "before_cursor_execute", note)
