"""Bans, shadow mutes, warnings, and sanctions that hold everywhere, as those on either end notice them."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, func, select

from moderation.audit import read_audit
from moderation.sanctions.rules import EVERYWHERE, Over
from moderation.sanctions.service import Sanctions
from moderation.sanctions.store import SanctionRow, read_page, read_sanction, standings_table
from rooms.budget import BudgetRules
from rooms.comments import CommentRules
from rooms.gifts.fans import FanRules
from rooms.heads import ROOMS, USERS
from rooms.history import visible
from rooms.log import Visibility
from rooms.play.lotteries.conditions import Ask as Wanted
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit
from server.facts import HouseFacts
from server.live.entering import Ask, Enter, Side, read_sides
from server.store.group import Work
from tests.contract.house import (
    HOST,
    MODERATOR,
    OPERATOR,
    OTHER,
    ROOM,
    SENIOR,
    VIEWER,
    House,
    house_at,
    open_house,
)

SILK = Caller("u-silk", "Silk", may_host=True)


async def give(
    house: House, kind: str, by: Caller = SENIOR, of: Caller = VIEWER, **more: Any
) -> dict[str, Any]:
    request: dict[str, Any] = {"user": of.id, "reason": "flood", **more}
    if kind != "warn":
        request.setdefault("seconds", 60)
    sanction: dict[str, Any] = (await house.ok(f"moderate.{kind}", by, **request))["sanction"]
    return sanction


async def enters(house: House, who: Caller = VIEWER, room: str = ROOM) -> dict[str, Any] | str:
    """What ``enter`` says of the caller, or the code that it refuses with."""
    asked, now_ms = [Ask(Enter(room=room), who)], house.now_ms
    (side,) = await house.store.read(lambda conn: read_sides(conn, asked, now_ms))
    if not isinstance(side, Side):
        return side.code
    answer: dict[str, Any] = orjson.loads(orjson.dumps({"you": side.you, "staff": side.staff}))
    return answer


async def standings(house: House) -> int:
    return int((await house.rows(select(func.count().label("n")).select_from(standings_table)))[0]["n"])


async def history(house: House, who: Caller = VIEWER) -> list[SanctionRow]:
    """Oldest first."""
    now_ms = house.now_ms
    return (await house.store.read(lambda conn: read_page(conn, None, now_ms, user_id=who.id)))[::-1]


async def says(house: House, who: Caller = VIEWER, room: str = ROOM) -> str | None:
    """The code that a comment is refused with."""
    answer = await house.do("comment", who, text="hello", room=room)
    return None if answer["ok"] else str(answer["error"]["code"])


# Bans


async def test_a_ban_refuses_everything_in_the_room_but_what_was_promised(house: House) -> None:
    await house.go_live()
    _, sku = await house.product()
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    other = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    await house.grant_coins(VIEWER, 100)
    sanction = await give(house, "ban", seconds=3600, reason="threats")
    error = await house.error("comment", VIEWER, text="hello")
    assert error["code"] == "banned"
    left_ms = 3_600_000
    assert error["retry_after_ms"] == left_ms
    assert error["details"] == {
        "reason": "threats",
        "until_ms": house.now_ms + left_ms,
        "left_ms": left_ms,
        "sanction": sanction["id"],
        "everywhere": False,
    }
    requests: dict[str, dict[str, Any]] = {
        "buy": {"sku": sku, "qty": 1},
        "gift": {"gift": "rose"},
        "packet.send": {"coins": 1, "count": 1},
        "follow": {},
        "share": {},
        "guest.ask": {},
        "wallet.topup": {"pack": "small"},
    }
    for name, request in requests.items():
        assert await house.code(name, VIEWER, **request) == "banned", name
    await house.ok("order.pay", VIEWER, order=order)
    await house.ok("order.cancel", VIEWER, order=other)
    assert await enters(house) == "banned"
    assert not isinstance(await enters(house, OTHER), str)
    house.now_ms += left_ms
    assert await says(house) is None
    assert not isinstance(await enters(house), str)


async def test_a_ban_is_told_to_whom_it_concerns_and_can_be_lifted(house: House) -> None:
    head = len(await house.log())
    sanction = await give(house, "ban", seconds=None)
    assert house.told(VIEWER)[-1]["kind"] == "banned"
    assert house.told(VIEWER)[-1]["room"] == ROOM
    assert house.told(VIEWER)[-1]["data"] == {"sanction": sanction}
    assert house.briefed("banned")[-1]["data"] == {"sanction": sanction}
    assert len(await house.log()) == head
    assert await house.code("moderate.unban", MODERATOR, user=VIEWER.id) == "forbidden"
    await house.ok("moderate.unban", HOST, user=VIEWER.id)
    assert house.told(VIEWER)[-1]["data"] == {"sanction": sanction["id"]}
    who = {"user": {"id": VIEWER.id, "name": VIEWER.name}, "by": {"id": HOST.id, "name": HOST.name}}
    assert house.briefed("unbanned")[-1]["data"] == who | {"sanction": sanction["id"]}
    assert await says(house) is None
    assert await standings(house) == 0
    assert await house.code("moderate.unban", HOST, user=VIEWER.id) == "not_found"


async def test_a_moderator_who_is_banned_moderates_no_more(house: House) -> None:
    await give(house, "ban", HOST, MODERATOR)
    request = {"user": VIEWER.id, "seconds": 60, "reason": ""}
    assert await house.code("moderate.mute", MODERATOR, **request) == "banned"
    assert await enters(house, MODERATOR) == "banned"


async def test_an_operator_is_kept_out_of_nowhere(house: House) -> None:
    """A ban from before somebody became an operator."""
    await give(house, "ban", OPERATOR, everywhere=True)
    promoted = Caller(VIEWER.id, VIEWER.name, operator=True)
    assert await says(house, promoted) is None
    assert not isinstance(await enters(house, promoted), str)


async def test_who_is_banned_everywhere_makes_no_room_of_their_own(house: House) -> None:
    await house.sign_in(SILK)
    await give(house, "ban", OPERATOR, SILK, everywhere=True)
    assert await house.try_to_create(SILK, id="silk", title="Silk") == "banned"
    await house.ok("moderate.unban", OPERATOR, user=SILK.id, everywhere=True)
    assert await house.try_to_create(SILK, id="silk", title="Silk") is None


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_ban_takes_its_target_off_the_stage(house: House, everywhere: bool) -> None:
    await house.go_live()
    await house.ok("guest.ask", VIEWER)
    other = None
    if everywhere:
        await house.create("silk", SILK)
        await house.go_live("silk")
        other = "silk"
        await house.ok("guest.ask", VIEWER, room="silk")
    await give(house, "ban", OPERATOR, everywhere=everywhere)
    gone = [e for e in house.told(VIEWER, "guest") if e["data"]["guest"]["status"] == "gone"]
    assert {e["room"] for e in gone} == {ROOM, *([other] if other else [])}
    assert {e["data"]["guest"]["reason"] for e in gone} == {"banned"}


# In a room, and everywhere


async def test_a_mute_in_a_room_and_one_everywhere_know_nothing_of_each_other(house: House) -> None:
    await house.create("silk", SILK)
    await house.sign_in(SILK)
    here = await give(house, "mute", MODERATOR, seconds=60)
    all_over = await give(house, "mute", OPERATOR, seconds=30, everywhere=True)
    assert all_over["everywhere"]
    assert house.told(VIEWER)[-1].get("room") is None
    error = await house.error("comment", VIEWER, text="hello")
    assert (error["details"]["sanction"], error["details"]["everywhere"]) == (here["id"], False)
    error = await house.error("comment", VIEWER, text="hello", room="silk")
    assert (error["details"]["sanction"], error["details"]["everywhere"]) == (all_over["id"], True)
    entered = await enters(house)
    assert not isinstance(entered, str)
    assert entered["you"]["mute"]["sanction"] == here["id"]
    # Lifting one leaves the other.
    await house.ok("moderate.unmute", MODERATOR, user=VIEWER.id)
    assert (await house.error("comment", VIEWER, text="hello"))["details"]["sanction"] == all_over["id"]
    assert await house.code("moderate.unmute", MODERATOR, user=VIEWER.id) == "not_found"
    assert await house.code("moderate.unmute", HOST, user=VIEWER.id, everywhere=True) == "forbidden"
    await house.ok("moderate.unmute", OPERATOR, user=VIEWER.id, everywhere=True)
    assert await says(house) is None
    assert await says(house, room="silk") is None


async def test_what_holds_everywhere_runs_out_by_itself(house: House) -> None:
    await give(house, "ban", OPERATOR, seconds=10, everywhere=True)
    house.now_ms += 10_000
    assert await says(house) is None  # by the clock
    assert await house.run_timers() == 1
    assert [e["kind"] for e in house.told(VIEWER)] == ["banned", "unbanned"]
    (row,) = await history(house)
    assert (row.room_id, row.over_at_ms, row.over_why) == (EVERYWHERE, row.until_ms, Over.RAN_OUT)
    assert await standings(house) == 0


# Shadow mutes


async def test_who_is_in_the_shadow_notices_nothing_and_nobody_else_sees_them(house: House) -> None:
    before = await house.say(VIEWER, "seen")
    told = len(house.told(VIEWER))
    sanction = await give(house, "shadow", seconds=None)
    assert len(house.told(VIEWER)) == told
    assert house.briefed("shadowed")[-1]["data"] == {"sanction": sanction}
    said = await house.say(VIEWER, "unseen")
    assert said.keys() == before.keys()
    assert said["offset"] == before["offset"] + 1
    # A reply to oneself is taken as ever; others can't reply to what isn't there for them.
    await house.say(VIEWER, "still unseen", reply_to=said["id"])
    assert await house.code("comment", OTHER, text="what?", reply_to=said["id"]) == "not_found"
    assert [e["data"]["event"]["data"]["text"] for e in house.briefed("comment_shadowed")] == [
        "unseen",
        "still unseen",
    ]
    entered = await enters(house)
    assert not isinstance(entered, str)
    assert (entered["you"]["mute"], entered["you"]["warning"]) == (None, None)
    log = (await house.log())[-2:]
    assert [event.visibility for event in log] == [Visibility.SHADOW] * 2
    assert visible(log, OTHER.id) == ([], 0)
    assert visible(log, None) == ([], 0)
    assert visible(log, VIEWER.id) == (log, 0)
    await house.ok("moderate.unshadow", HOST, user=VIEWER.id)
    assert len(house.told(VIEWER)) == told
    await house.say(VIEWER, "seen again")
    assert (await house.log())[-1].visibility == Visibility.ALL
    # What was said in the shadow stays there.
    assert await house.code("comment", VIEWER, text="look", reply_to=said["id"]) == "not_found"


async def test_what_is_said_in_the_shadow_takes_nothing_of_what_a_room_can_read(migrated_url: str) -> None:
    rules = CommentRules(per_window=1000, budget=BudgetRules(per_s=1, burst=2))
    async with house_at(migrated_url, comments=rules) as house:
        await give(house, "shadow")
        for _ in range(5):
            await house.say(VIEWER, "unseen")
        await house.say(OTHER, "seen")
        assert (await house.log())[-1].visibility == Visibility.ALL


async def test_a_shadow_fulfils_no_lottery(house: House) -> None:
    await give(house, "shadow")
    await house.say(VIEWER, "tea please")
    await house.say(OTHER, "tea please")
    wanted = Wanted("comment", "tea", ROOM, HOST.id or "", 0, 0)
    users = [VIEWER.id or "", OTHER.id or ""]
    found = await house.store.read(lambda conn: HouseFacts(FanRules()).read(conn, wanted, users))
    assert found == {OTHER.id: 1}


# Warnings


async def test_a_warning_keeps_the_next_comment_until_it_is_acknowledged(house: House) -> None:
    sanction = await give(house, "warn", MODERATOR, reason="be kind")
    assert house.told(VIEWER, "warned")[-1]["data"] == {"sanction": sanction}
    error = await house.error("comment", VIEWER, text="hello")
    assert error["code"] == "warned"
    assert error["details"] == {"warning": sanction["id"], "reason": "be kind"}
    entered = await enters(house)  # it survives a reload
    assert not isinstance(entered, str)
    assert entered["you"]["warning"] == {
        "warning": sanction["id"],
        "reason": "be kind",
        "at_ms": house.now_ms,
    }
    assert await house.code("warning.accept", OTHER, warning=sanction["id"]) == "not_found"
    await house.ok("warning.accept", VIEWER, warning=sanction["id"])
    assert await says(house) is None
    assert house.told(VIEWER, "warning_accepted")[-1]["data"] == {"warning": sanction["id"]}
    assert house.briefed("warning_accepted")[-1]["data"]["warning"] == sanction["id"]
    assert await house.code("warning.accept", VIEWER, warning=sanction["id"]) == "not_found"
    (row,) = await history(house)
    assert (row.over_why, row.over_by_id) == (Over.ACCEPTED, VIEWER.id)


async def test_of_two_warnings_the_later_one_is_to_be_acknowledged(house: House) -> None:
    first = await give(house, "warn", MODERATOR)
    second = await give(house, "warn", MODERATOR, reason="again")
    assert await house.code("warning.accept", VIEWER, warning=first["id"]) == "not_found"
    await house.ok("warning.accept", VIEWER, warning=second["id"])
    assert [row.over_why for row in await history(house)] == [Over.REPLACED, Over.ACCEPTED]


async def test_a_warning_is_withdrawn_before_it_is_acknowledged(house: House) -> None:
    sanction = await give(house, "warn", MODERATOR, reason="be kind")
    assert await house.code("moderate.unwarn", VIEWER, user=VIEWER.id) == "forbidden"
    assert await house.code("moderate.unwarn", MODERATOR, user=OTHER.id) == "not_found"
    assert await house.code("moderate.unwarn", MODERATOR, user=VIEWER.id, warning="another") == "not_found"
    await house.ok("moderate.unwarn", MODERATOR, user=VIEWER.id, warning=sanction["id"])
    assert house.told(VIEWER, "warning_accepted")[-1]["data"] == {"warning": sanction["id"]}
    brief = house.briefed("warning_accepted")[-1]["data"]
    assert (brief["warning"], brief["by"]["id"]) == (sanction["id"], MODERATOR.id)
    assert await says(house) is None
    assert await house.code("moderate.unwarn", MODERATOR, user=VIEWER.id) == "not_found"
    assert await house.code("warning.accept", VIEWER, warning=sanction["id"]) == "not_found"
    (row,) = await history(house)
    assert (row.over_why, row.over_by_id) == (Over.LIFTED, MODERATOR.id)
    assert await standings(house) == 0


async def test_warning_again_is_no_way_to_withdraw_the_hosts_warning(house: House) -> None:
    of_host = await give(house, "warn", HOST, reason="stop that")
    assert await house.code("moderate.unwarn", SENIOR, user=VIEWER.id) == "outranked"
    again = await give(house, "warn", MODERATOR, reason="once more")
    for actor in (MODERATOR, SENIOR):
        assert await house.code("moderate.unwarn", actor, user=VIEWER.id) == "outranked"
    assert await house.code("moderate.unwarn", HOST, user=VIEWER.id, warning=of_host["id"]) == "not_found"
    third = await give(house, "warn", MODERATOR, reason="and again")
    assert await house.code("moderate.unwarn", MODERATOR, user=VIEWER.id) == "outranked"
    await house.ok("moderate.unwarn", HOST, user=VIEWER.id, warning=third["id"])
    assert again["id"] != third["id"]
    assert await says(house) is None


# Who undoes what


async def test_nobody_lifts_or_softens_what_was_imposed_from_above(house: House) -> None:
    given_by_host = await give(house, "mute", HOST, seconds=3600)
    for actor in (MODERATOR, SENIOR):
        assert await house.code("moderate.unmute", actor, user=VIEWER.id) == "outranked"
        milder = {"user": VIEWER.id, "seconds": 10, "reason": ""}
        assert await house.code("moderate.mute", actor, **milder) == "outranked"
    assert (await house.error("comment", VIEWER, text="hi"))["details"]["sanction"] == given_by_host["id"]
    await house.ok("moderate.unmute", OPERATOR, user=VIEWER.id)
    # What one gave oneself one may lift, whatever one is by now.
    await give(house, "mute", SENIOR, seconds=None)
    await house.ok("room.grant", HOST, user=SENIOR.id, role="moderator")
    await house.ok("moderate.unmute", SENIOR, user=VIEWER.id)
    assert await says(house) is None


async def overturn(house: House, sanction_id: str, by: Caller = HOST) -> Any:
    """As who grants an appeal does it."""
    sanctions: Sanctions = house.services.sanctions

    def work(tx: Unit) -> Steps[Any]:
        found = read_sanction(tx.conn, sanction_id)
        yield USERS.rows(found.user_id if found else "")
        yield ROOMS.rows(ROOM)
        row = yield from sanctions.overturn(tx, ROOM, sanction_id, by)
        return {"over": row.over_why if row else None}

    answer = await house.store.write(Work("overturn", work))
    assert answer.ok, answer.body
    return orjson.loads(answer.body)["over"]


@pytest.mark.parametrize("kind", ["mute", "ban", "warn", "shadow"])
async def test_an_appeal_lifts_any_sanction_once(house: House, kind: str) -> None:
    sanction = await give(house, kind)
    assert await overturn(house, sanction["id"]) == Over.APPEAL
    assert await overturn(house, sanction["id"]) is None
    assert await overturn(house, "nothing") is None
    assert await says(house) is None
    (row,) = await history(house)
    assert (row.over_at_ms, row.over_by_id, row.over_why) == (house.now_ms, HOST.id, Over.APPEAL)
    over = {"mute": "unmuted", "ban": "unbanned", "warn": "warning_accepted"}
    assert [e["kind"] for e in house.told(VIEWER)][1:] == ([over[kind]] if kind in over else [])
    house.now_ms += 60_000
    await house.run_timers()
    assert len(await history(house)) == 1


async def test_an_appeal_against_what_was_replaced_changes_nothing(house: House) -> None:
    first = await give(house, "mute", seconds=60)
    second = await give(house, "mute", seconds=120)
    assert await overturn(house, first["id"]) is None
    assert (await house.error("comment", VIEWER, text="hi"))["details"]["sanction"] == second["id"]


async def test_guests_without_an_account_cant_be_acted_on(house: House) -> None:
    error = await house.error("moderate.ban", HOST, user="u-nobody", seconds=60, reason="")
    assert error["code"] == "not_found"
    assert "guest" in error["message"]


# Lists, and what lasts


async def test_the_staff_see_what_is_in_force_and_what_was(house: House) -> None:
    await give(house, "mute", MODERATOR)
    shadow = await give(house, "shadow", of=OTHER)
    ban = await give(house, "ban", OPERATOR, OTHER, everywhere=True)
    entered = await enters(house, MODERATOR)
    assert not isinstance(entered, str)
    assert [s["kind"] for s in entered["staff"]["sanctions"]] == ["shadow", "mute"]
    assert [s["kind"] for s in entered["staff"]["mutes"]] == ["mute"]

    def pages(conn: Connection) -> list[list[str]]:
        now_ms = house.now_ms
        of_other = read_page(conn, ROOM, now_ms, user_id=OTHER.id)
        first = read_page(conn, ROOM, now_ms, limit=1)
        rest = read_page(conn, ROOM, now_ms, before=first[-1].id)
        return [[row.kind for row in rows] for rows in (of_other, first, rest)] + [
            [row.id for row in read_page(conn, EVERYWHERE, now_ms)],
            [row.kind for row in read_page(conn, ROOM, now_ms + 60_000, in_force=True)],
            [row.kind for row in read_page(conn, ROOM, now_ms + 60_000, in_force=False)],
        ]

    assert await house.store.read(pages) == [
        ["ban", "shadow"],
        ["shadow"],
        ["mute"],
        [ban["id"]],
        [],
        ["shadow", "mute"],
    ]
    assert shadow["kind"] == "shadow"


async def test_all_of_it_holds_after_a_restart(migrated_url: str) -> None:
    async with house_at(migrated_url) as house:
        await give(house, "ban", seconds=3600)
        await give(house, "shadow", of=OTHER, seconds=None)
        await give(house, "warn", of=MODERATOR, by=HOST)
        now_ms = house.now_ms
    async with open_house(migrated_url, now_ms=now_ms + 60_000) as house:
        assert await says(house) == "banned"
        assert await says(house, MODERATOR) == "warned"
        await house.say(OTHER, "unseen")
        assert (await house.log())[-1].visibility == Visibility.SHADOW
        house.now_ms += 3_540_000
        assert await house.run_timers() == 1
        assert await says(house) is None


async def test_every_sanction_is_in_the_audit_trail(house: House) -> None:
    before = len(await house.store.read(lambda conn: read_audit(conn, ROOM)))
    await give(house, "ban")
    await house.ok("moderate.unban", SENIOR, user=VIEWER.id)
    await give(house, "shadow")
    await house.ok("moderate.unshadow", SENIOR, user=VIEWER.id)
    warning = await give(house, "warn")
    await house.ok("warning.accept", VIEWER, warning=warning["id"])
    await give(house, "warn")
    await house.ok("moderate.unwarn", SENIOR, user=VIEWER.id)
    await give(house, "mute", OPERATOR, everywhere=True)
    trail = (await house.store.read(lambda conn: read_audit(conn, ROOM)))[::-1][before:]
    assert [entry["action"] for entry in trail] == [
        "moderate.ban",
        "moderate.unban",
        "moderate.shadow",
        "moderate.unshadow",
        "moderate.warn",
        "warning.accept",
        "moderate.warn",
        "moderate.unwarn",
        "moderate.mute",
    ]
    assert trail[0]["detail"].keys() == {"sanction", "seconds", "reason"}
    assert trail[1]["detail"] == {"sanction": trail[0]["detail"]["sanction"]}
    assert trail[-1]["detail"]["everywhere"] is True
    assert all(entry["target"] == VIEWER.id for entry in trail)


# Whatever happens in whatever order

DOINGS = ("mute", "unmute", "ban", "unban", "wait", "timers")


@pytest.mark.parametrize("seed", range(2))
async def test_the_tables_agree_with_each_other_whatever_happens(house: House, seed: int) -> None:
    """A model of both kinds in both scopes, and the tables after every step of a walk."""
    chance = random.Random(seed)
    model: dict[tuple[str, bool], int | None] = {}
    for _ in range(25):
        everywhere, length = chance.random() < 0.5, chance.choice([10, 20, None])
        await step(house, model, chance.choice(DOINGS), everywhere, length)
    for kind, everywhere in model:
        await house.do(f"moderate.un{kind}", OPERATOR, user=VIEWER.id, everywhere=everywhere)
    house.now_ms += 100_000
    await house.run_timers()
    assert await standings(house) == 0
    assert all(row.over_at_ms is not None for row in await history(house))


async def step(
    house: House, model: dict[tuple[str, bool], int | None], name: str, everywhere: bool, length: int | None
) -> None:
    def lasts(key: tuple[str, bool]) -> bool:
        until_ms = model.get(key, 0)
        return until_ms is None or until_ms > house.now_ms

    if name in ("mute", "ban"):
        await give(house, name, OPERATOR, seconds=length, everywhere=everywhere)
        model[name, everywhere] = None if length is None else house.now_ms + length * 1000
    elif name == "wait":
        house.now_ms += 10_000
    elif name == "timers":
        await house.run_timers()
    else:
        answer = await house.do(f"moderate.{name}", OPERATOR, user=VIEWER.id, everywhere=everywhere)
        assert answer["ok"] == lasts((name[2:], everywhere))
        model.pop((name[2:], everywhere), None)
    banned, muted = (lasts((kind, False)) or lasts((kind, True)) for kind in ("ban", "mute"))
    assert await says(house) == ("banned" if banned else "muted" if muted else None)
    assert (await enters(house) == "banned") == banned
