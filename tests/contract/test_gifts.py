"""Gifts on both databases: coins, combos, boards, levels and refunds; and that the books agree with them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, event, func, select

from rooms.errors import Refused
from rooms.gifts.boards import read_top
from rooms.gifts.catalogue import GiftTerms, gifts_table, read_gifts
from rooms.gifts.checks import CHECKS
from rooms.gifts.defaults import DEFAULT_GIFTS
from rooms.gifts.fans import FANS, KNOWN_MS, fans_table, new_fan
from rooms.gifts.store import combos_table, given_table, read_given, totals_table
from rooms.ports import Caller
from rooms.wallet import ledger
from rooms.wallet.rules import Account
from rooms.wallet.store import entries_table, movements_table, read_balances
from server.gifts import GiftKeeper
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, VIEWER, House, house_at, open_house


@pytest.fixture
async def live(house: House) -> House:
    """On the air; Lin has 1,000 coins, Wu 100."""
    await house.go_live()
    await house.grant_coins(VIEWER, 1000)
    await house.grant_coins(OTHER, 100)
    return house


async def balances(house: House, kind: str, *callers: Caller) -> list[int]:
    owners = [caller.id or "" for caller in callers]
    found = await house.store.read(lambda conn: read_balances(conn, kind, owners))
    return [found[owner] for owner in owners]


async def top(house: House, span: Any, caller: Caller = VIEWER, room: str = ROOM) -> dict[str, Any]:
    return await house.store.read(
        lambda conn: read_top(conn, house.fans, room, span, caller.id, house.now_ms)
    )


def places(board: dict[str, Any]) -> list[tuple[str, int]]:
    return [(row["user"]["id"], row["coins"]) for row in board["items"]]


async def wrong(house: House) -> list[Any]:
    """What the checks of ``danmart reconcile`` find."""

    def find(conn: Connection) -> list[Any]:
        return [finding for check in CHECKS for finding in check(conn)]

    return await house.store.read(find)


async def test_a_gift_moves_coins_to_the_host_and_the_platform_and_is_seen_by_all(live: House) -> None:
    answer = await live.ok("gift", VIEWER, gift="clover", count=3)
    assert answer["coins"] == 1000 - 27
    assert await balances(live, "wallet", VIEWER) == [973]
    assert await balances(live, "earnings", HOST) == [14]
    assert await balances(live, "platform", HOST) == [13]
    event = orjson.loads((await live.log())[-1].body)
    assert event == answer["event"]
    assert event["kind"] == "gift"
    assert event["user"] == {"id": VIEWER.id, "name": VIEWER.name, "badges": ["fan:1"]}
    card = {
        "id": "clover",
        "names": {"en": "Lucky clover", "zh": "四叶草"},
        "picture": "/gifts/clover.svg",
        "price": 9,
        "tier": "small",
        "effect": "none",
    }
    combo = {"id": event["id"], "count": 3, "coins": 27}
    assert event["data"] == {"gift": card, "count": 3, "coins": 27, "combo": combo, "banner": False}
    told = live.told(VIEWER, "wallet")[-1]
    assert told["data"]["coins"] == 973
    assert told["data"]["movement"]["amount"] == -27
    assert told["data"]["movement"]["ref"] == event["id"]
    assert await wrong(live) == []


async def test_large_ones_and_dear_ones_are_announced(live: House) -> None:
    assert (await live.ok("gift", VIEWER, gift="fireworks"))["event"]["data"]["banner"]
    assert not (await live.ok("gift", VIEWER, gift="rose", count=99))["event"]["data"]["banner"]
    await live.grant_coins(OTHER, 500)
    assert (await live.ok("gift", OTHER, gift="rose", count=500))["event"]["data"]["banner"]


async def test_the_same_gift_within_five_seconds_is_one_combo(live: House) -> None:
    first = (await live.ok("gift", VIEWER, gift="rose", count=2))["event"]
    live.now_ms += 5000
    second = (await live.ok("gift", VIEWER, gift="rose"))["event"]
    assert second["data"]["combo"] == {"id": first["id"], "count": 3, "coins": 3}
    others = (await live.ok("gift", OTHER, gift="rose"))["event"]
    heart = (await live.ok("gift", VIEWER, gift="heart"))["event"]
    assert others["data"]["combo"]["id"] == others["id"]
    assert heart["data"]["combo"]["id"] == heart["id"]
    live.now_ms += 5001
    late = (await live.ok("gift", VIEWER, gift="rose"))["event"]
    assert late["data"]["combo"] == {"id": late["id"], "count": 1, "coins": 1}
    assert await wrong(live) == []


async def test_a_combo_doesnt_outlast_its_stream(live: House) -> None:
    first = (await live.ok("gift", VIEWER, gift="rose"))["event"]
    await live.ok("room.end", HOST)
    live.now_ms += 1
    await live.go_live()
    second = (await live.ok("gift", VIEWER, gift="rose"))["event"]
    assert second["data"]["combo"]["id"] == second["id"] != first["id"]


async def test_those_of_one_group_are_one_combo_and_one_debit_each(live: House) -> None:
    answers = await asyncio.gather(*(live.do("gift", OTHER, gift="clover", count=2) for _ in range(8)))
    taken = [a for a in answers if a["ok"]]
    assert len(taken) == 5
    assert {a["error"]["code"] for a in answers if not a["ok"]} == {"insufficient_coins"}
    assert [a["event"]["data"]["combo"]["count"] for a in taken] == [2, 4, 6, 8, 10]
    assert await balances(live, "wallet", OTHER) == [10]
    assert await wrong(live) == []


async def test_a_repeat_gives_the_same_answer_and_takes_nothing(live: House) -> None:
    request = {"gift": "tea", "count": 2, "key": "the-same-gift"}
    first = await live.ok("gift", VIEWER, **request)
    live.now_ms += 60_000
    assert await live.ok("gift", VIEWER, **request) == first
    assert await live.code("gift", VIEWER, **{**request, "count": 3}) == "key_conflict"
    assert await balances(live, "wallet", VIEWER) == [990]


@pytest.mark.parametrize("count", [0, -1, 10**9, 10_000, 1.0, "1", True])
async def test_counts_that_make_no_sense(live: House, count: Any) -> None:
    assert await live.code("gift", VIEWER, gift="rose", count=count) == "bad_request"
    assert await balances(live, "wallet", VIEWER) == [1000]


async def test_what_cant_be_given(house: House) -> None:
    await house.grant_coins(VIEWER, 10)
    await house.grant_coins(HOST, 10)
    await house.go_live()
    await house.ok("room.end", HOST)
    head = len(await house.log())
    assert await house.code("gift", VIEWER, gift="rose") == "not_live"
    assert await house.code("gift", HOST, gift="rose") == "gift_to_self"
    await house.go_live()
    terms = DEFAULT_GIFTS["rose"].model_copy(update={"withdrawn": True})
    await put(house, "rose", terms)
    assert await house.code("gift", VIEWER, gift="rose") == "gift_withdrawn"
    assert await house.code("gift", VIEWER, gift="nothing") == "not_found"
    error = await house.error("gift", VIEWER, gift="tea", count=3)
    assert (error["code"], error["details"]) == ("insufficient_coins", {"balance": 10, "needed": 15})
    assert await house.code("gift", MODERATOR, gift="tea") == "insufficient_coins"
    assert len(await house.log()) == head + 1  # live again, and nothing else
    assert await house.rows(select(given_table)) == []
    assert await balances(house, "wallet", VIEWER, HOST) == [10, 10]


async def test_an_interrupted_host_can_be_given_to_and_so_can_the_muted_give(live: House) -> None:
    await live.picture("lost")
    await live.ok("moderate.mute", MODERATOR, user=VIEWER.id, seconds=60, reason="")
    await live.ok("gift", VIEWER, gift="rose")


async def put(house: House, gift_id: str, terms: GiftTerms) -> None:
    work = Work("put", lambda tx: house.gift_catalogue.put(tx, gift_id, terms, OPERATOR))
    assert (await house.store.write(work)).ok


async def test_the_catalogue_has_ten_gifts_once_and_what_an_operator_changes_stays(house: House) -> None:
    await house.go_live()
    gifts = await house.store.read(read_gifts)
    assert [gift.id for gift in gifts] == list(DEFAULT_GIFTS)
    dearer = DEFAULT_GIFTS["rose"].model_copy(update={"price": 7})
    await put(house, "rose", dearer)
    await house.go_live()
    assert (await house.rows(select(gifts_table).where(gifts_table.c.id == "rose")))[0]["price"] == 7
    await house.grant_coins(VIEWER, 7)
    await house.ok("gift", VIEWER, gift="rose")
    assert await balances(house, "wallet", VIEWER) == [0]


async def test_boards_count_this_stream_this_week_and_all_time(live: House) -> None:
    await live.ok("gift", VIEWER, gift="lantern")
    await live.ok("gift", OTHER, gift="cake")
    assert places(await top(live, "stream")) == [(OTHER.id, 66), (VIEWER.id, 30)]
    assert (await top(live, "stream"))["you"]["place"] == 2
    await live.ok("room.end", HOST)
    live.now_ms += 8 * 86_400_000
    await live.go_live()
    await live.ok("gift", VIEWER, gift="crown")
    assert places(await top(live, "stream")) == [(VIEWER.id, 188)]
    assert places(await top(live, "week")) == [(VIEWER.id, 188)]
    assert places(await top(live, "all")) == [(VIEWER.id, 218), (OTHER.id, 66)]
    assert (await top(live, "week", OTHER))["you"] is None
    assert (await top(live, "all", OTHER))["you"]["place"] == 2
    assert await wrong(live) == []


async def test_boards_are_each_hosts_own_over_all_rooms(live: House) -> None:
    other_host = Caller("u-silk", "Silk", may_host=True)
    await live.create("silk", other_host)
    await live.go_live("silk")
    await live.create("tea2")
    await live.go_live("tea2")
    for room in (ROOM, "silk", "tea2"):
        await live.ok("gift", VIEWER, gift="tea", room=room)
    assert places(await top(live, "stream")) == [(VIEWER.id, 5)]
    assert places(await top(live, "all")) == [(VIEWER.id, 10)]
    assert places(await top(live, "all", room="silk")) == [(VIEWER.id, 5)]
    with pytest.raises(Refused, match="room_not_found"):
        await top(live, "all", room="nowhere")


async def test_of_two_with_as_much_who_had_it_first_is_before_and_only_ten_are_shown(live: House) -> None:
    people = [Caller(f"u-{n:02d}", f"N{n}") for n in (12, 3, 9, 1, 7, 5, 11, 2, 8, 4, 10, 6)]
    for person in people:
        live.now_ms += 10
        await live.grant_coins(person, 5)
        await live.ok("gift", person, gift="tea")
    board = await top(live, "week", people[10])
    assert [user for user, _ in places(board)] == [person.id for person in people[:10]]
    assert board["you"] == {"place": 11, "user": {"id": "u-10", "name": "N10"}, "coins": 5}


async def test_a_refund_gives_the_coins_back_and_corrects_everything(live: House) -> None:
    kept = (await live.ok("gift", VIEWER, gift="lantern"))["event"]
    gone = (await live.ok("gift", VIEWER, gift="lantern", count=2))["event"]
    request = {"gift": gone["id"], "reason": "a child pressed it"}
    assert await live.code("gift.refund", HOST, **request) == "forbidden"
    assert await live.code("gift.refund", OPERATOR, **{**request, "gift": "nothing"}) == "not_found"
    refunded = await live.ok("gift.refund", OPERATOR, **request)
    assert refunded["gift"]["refunded_at_ms"] == live.now_ms
    assert await live.code("gift.refund", OPERATOR, **request) == "gift_refunded"
    assert await balances(live, "wallet", VIEWER) == [970]
    assert await balances(live, "earnings", HOST) == [15]
    assert await balances(live, "platform", HOST) == [15]
    event = orjson.loads((await live.log())[-1].body)
    assert event["data"] == {"id": gone["id"], "combo": kept["id"], "count": 2, "coins": 60}
    assert "user" not in event
    assert live.told(VIEWER, "wallet")[-1]["data"]["movement"]["amount"] == 60
    for span in ("stream", "week", "all"):
        assert places(await top(live, span)) == [(VIEWER.id, 30)]
    again = (await live.ok("gift", VIEWER, gift="lantern"))["event"]
    assert again["data"]["combo"] == {"id": again["id"], "count": 1, "coins": 30}
    assert await wrong(live) == []


async def test_what_the_host_was_paid_out_meanwhile_is_owed_and_the_giver_gets_all_back(live: House) -> None:
    gone = (await live.ok("gift", VIEWER, gift="clover"))["event"]
    await drain(live, "earnings", 4)
    await drain(live, "platform", 4)
    await live.ok("gift.refund", OPERATOR, gift=gone["id"], reason="fraud")
    assert await balances(live, "wallet", VIEWER) == [1000]
    assert await balances(live, "earnings", HOST) == [0]
    assert await balances(live, "platform", HOST) == [0]
    assert await balances(live, "correction", HOST) == [8 - 8]
    assert await wrong(live) == []


async def drain(house: House, kind: str, amount: int) -> None:
    source, target = Account(kind, HOST.id or ""), Account("correction", HOST.id or "")

    def take(tx: Any) -> Any:
        yield ledger.accounts(source, target)
        ledger.pay(tx, "correction", f"drain {kind}", source, target, amount)
        return {}

    assert (await house.store.write(Work("drain", take))).ok


async def test_a_fans_level_is_shown_with_comments_and_counts_what_was_said_up_to_a_limit(
    live: House,
) -> None:
    assert (await live.say(VIEWER, "hello"))["user"]["badges"] == []
    for n in range(19):
        await live.say(VIEWER, f"hello {n}")
    await live.say(HOST, "welcome")
    keeper = GiftKeeper(live.store, live.fans, lambda: live.now_ms)
    await keeper.write_fans()
    assert (await top(live, "all"))["fan"] == {"level": 1, "points": 20, "next": 40}
    assert (await live.say(VIEWER, "me again"))["user"]["badges"] == ["fan:1"]
    live.fans.watched(HOST.id or "", VIEWER.id or "", 25 * 60_000)
    live.now_ms += 86_400_000
    await keeper.write_fans()
    assert (await top(live, "all"))["fan"] == {"level": 2, "points": 47, "next": 90}
    answer = await live.ok("gift", VIEWER, gift="clover", count=5)
    assert answer["fan"] == {"level": 3, "points": 92, "next": 160}
    assert answer["event"]["user"]["badges"] == ["fan:3"]
    assert (await live.say(VIEWER, "three"))["user"]["badges"] == ["fan:3"]
    assert [row["user_id"] for row in await live.rows(select(fans_table))] == [VIEWER.id]
    assert (await top(live, "all", OTHER))["fan"]["level"] == 0


async def test_comments_ask_for_a_badge_once_and_show_what_was_given_since(live: House) -> None:
    asked: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if " FROM fans " in statement:
            asked.append(statement)

    engine = live.store.writer._engine
    event.listen(engine, "before_cursor_execute", note)
    for n in range(3):
        assert (await live.say(VIEWER, f"hello {n}"))["user"]["badges"] == []
    assert len(asked) == 1
    event.remove(engine, "before_cursor_execute", note)
    await live.ok("gift", VIEWER, gift="clover", count=5)
    assert (await live.say(VIEWER, "and now"))["user"]["badges"] == ["fan:2"]


async def test_what_was_not_committed_raises_nobodys_level(live: House) -> None:
    key = (HOST.id or "", VIEWER.id or "")

    def rise_and_fall(tx: Any) -> Any:
        yield FANS.rows(key)
        tx.put(FANS, replace(new_fan(*key, "Lin"), coins=1000))
        assert live.fans.badges(tx, *key) == ["fan:10"]
        raise RuntimeError("and nothing of it stays")

    assert not (await live.store.write(Work("rise", rise_and_fall))).ok
    assert (await live.say(VIEWER, "hello"))["user"]["badges"] == []


async def test_a_gift_on_another_node_shows_within_a_minute(shared_url: str) -> None:
    async with house_at(shared_url) as one, open_house(shared_url, node="other") as other:
        await one.go_live()
        await one.grant_coins(VIEWER, 100)
        assert (await other.say(VIEWER, "hello"))["user"]["badges"] == []
        await one.ok("gift", VIEWER, gift="clover", count=5)
        other.now_ms += KNOWN_MS
        assert (await other.say(VIEWER, "hello again"))["user"]["badges"] == ["fan:2"]


async def test_two_nodes_write_the_books_of_one_giver(shared_url: str) -> None:
    async with house_at(shared_url) as one, open_house(shared_url, node="other") as other:
        await one.go_live()
        await one.grant_coins(VIEWER, 60)
        gifts = [
            house.do("gift", VIEWER, gift=gift, count=1)
            for _ in range(15)
            for gift in ("rose", "heart")
            for house in (one, other)
        ]
        answers = await asyncio.gather(*gifts)
        spent = sum(a["event"]["data"]["coins"] for a in answers if a["ok"])
        assert await balances(one, "wallet", VIEWER) == [60 - spent]
        assert spent in (59, 60)
        totals = {row["coins"] for row in await one.rows(select(totals_table))}
        assert totals == {spent}
        for combo in await one.rows(select(combos_table)):
            mine = given_table.c.combo_id == combo["id"]
            query = select(func.sum(given_table.c.coins).label("coins")).where(mine)
            assert int((await one.rows(query))[0]["coins"]) == combo["coins"]
        assert await wrong(one) == []


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (totals_table, {"coins": 7}),
        (fans_table, {"coins": 7}),
        (combos_table, {"coins": 7}),
        (given_table, {"coins": 31}),
        (given_table, {"combo_n": 5}),
        (given_table, {"refunded_at_ms": 5}),
        (movements_table, {"ref": "something else"}),
        (entries_table, {"amount": 7}),
    ],
    ids=lambda value: getattr(value, "name", "") or next(iter(value)),
)
async def test_reconciling_finds_what_somebody_changed(live: House, table: Any, change: Any) -> None:
    gift = (await live.ok("gift", VIEWER, gift="lantern"))["event"]["id"]
    assert await wrong(live) == []
    changing = table.update().values(**change)
    if table is movements_table:
        changing = changing.where(table.c.ref == gift)
    if table is entries_table:
        changing = changing.where(table.c.kind == "earnings")

    def tamper(tx: Any) -> Any:
        yield from ()
        tx.conn.execute(changing)
        return {}

    assert (await live.store.write(Work("tamper", tamper))).ok
    assert await wrong(live) != []


async def test_the_hosts_list_goes_page_by_page(live: House) -> None:
    for _ in range(5):
        await live.ok("gift", VIEWER, gift="rose")
    first = await live.store.read(lambda conn: read_given(conn, ROOM, limit=3))
    rest = await live.store.read(lambda conn: read_given(conn, ROOM, before=first[-1].id))
    ids = [row.id for row in first + rest]
    assert len(ids) == 5
    assert ids == sorted(ids, reverse=True)
