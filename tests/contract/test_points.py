"""Points: earned once for what was done, from the logs and by the minute, and redeemed for no more than there
is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from moderation.rulebook.rules import RoomRules
from rooms.heads import rooms_table
from rooms.points.minutes import Minute, Minutes
from rooms.points.offers import EditOffer, offers_table, redeemed_table
from rooms.points.reading import count_batch, read_batch, read_behind
from rooms.points.rules import PointRules, Task
from rooms.points.store import cursors_table, days_table, read_earned
from rooms.ports import Caller
from rooms.wallet.store import movements_table, read_balances
from rooms.watching import Span, Stream, read_watched, read_watched_in_room
from server.reconcile import CHECKS
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, VIEWER, House, house_at, open_house
from tests.contract.test_plans import Statements

RULES = PointRules(
    {
        "comment": Task(2, per=1, times=3),
        "watch": Task(3, per=60_000, times=10),
        "purchase": Task(20, times=2),
        "share": Task(5),
        "visit": Task(1),
        "like": Task(1, per=10, times=2),
    },
    a_day=500,
    levels=(5, 30),
)
STREAM = Stream(ROOM, 1000)
CROWD = [Caller(f"u-crowd{n:03}", f"One {n}") for n in range(40)]


@pytest.fixture
async def house(migrated_url: str) -> Any:
    async with house_at(migrated_url, points=RULES) as house:
        yield house


async def points(house: House, caller: Caller) -> int:
    user_id = caller.id or ""
    return (await house.store.read(lambda conn: read_balances(conn, "points", [user_id])))[user_id]


async def reconciled(house: House) -> list[Any]:
    return await house.store.read(lambda conn: [wrong for check in CHECKS for wrong in check(conn)])


async def watched(house: House, *spans: Span, stream: Stream = STREAM) -> None:
    minute = Minute(ROOM, stream, spans, {})
    work = Work("watched.add", lambda tx: Minutes(house.earnings).write(tx, minute))
    assert (await house.store.write(work)).ok


async def test_comments_earn_up_to_their_bound(house: House) -> None:
    for n in range(5):
        await house.say(VIEWER, f"hello {n}")
    gone = await house.say(OTHER, "take it back")
    await house.ok("moderate.delete", HOST, event=gone["id"])
    await house.say(HOST, "welcome")
    await house.count_points()
    assert await points(house, VIEWER) == 6
    assert await points(house, OTHER) == 0, "it was deleted"
    assert await points(house, HOST) == 0, "it is the host's own room"
    told = house.told(VIEWER, "wallet")
    assert [(t["data"]["points"], t["data"]["movement"]["amount"]) for t in told] == [(6, 6)]
    assert [t["data"]["level"] for t in house.told(VIEWER, "level")] == [1]
    assert await house.count_points() == 0, "all is counted"
    house.now_ms += 86_400_000
    await house.say(VIEWER, "good morning")
    await house.count_points()
    assert await points(house, VIEWER) == 8
    assert await reconciled(house) == []


async def test_a_comment_writes_nothing_for_points(house: House) -> None:
    await house.say(VIEWER, "hello")
    assert await house.rows(select(days_table)) == []
    assert await house.rows(select(movements_table)) == []
    assert await house.rows(select(cursors_table)) == []


async def test_orders_earn_when_they_are_paid(house: House) -> None:
    _, sku = await house.product()
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    await house.count_points()
    assert await points(house, VIEWER) == 0
    await house.ok("order.pay", VIEWER, order=order)
    await house.count_points()
    assert await points(house, VIEWER) == 20


async def test_what_is_refunded_or_deleted_is_taken_back(house: House) -> None:
    _, sku = await house.product()
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    await house.ok("order.pay", VIEWER, order=order)
    said = [await house.say(VIEWER, f"hello {n}") for n in range(4)]
    await house.count_points()
    assert await points(house, VIEWER) == 26
    assert [t["data"]["level"] for t in house.told(VIEWER, "level")] == [1]
    house.now_ms += 86_400_000
    await house.say(VIEWER, "the day after")
    # Of four comments three earned: the first that goes leaves three.
    for n, left in enumerate((28, 26)):
        await house.ok("moderate.delete", HOST, event=said[n]["id"])
        await house.count_points()
        assert await points(house, VIEWER) == left
    await house.ok("order.refund", HOST, order=order, reason="broken")
    await house.count_points()
    assert await points(house, VIEWER) == 6
    assert await house.count_points() == 0
    assert [m["kind"] for m in await house.rows(select(movements_table.c.kind))].count("points_back") == 2
    assert house.told(VIEWER, "wallet")[-1]["data"]["movement"]["amount"] == -20
    assert await reconciled(house) == []


async def hidden(house: House, event_id: str) -> None:
    """By somebody whose reports haven't been dismissed yet."""
    house.room_rules = RoomRules(reports_to_hide=1)
    await house.ok("report", Caller(f"u-of-{event_id}", "Wang"), event=event_id, why="spam")


async def put_back(house: House, event_id: str) -> None:
    await house.ok("review.claim", MODERATOR, item=event_id)
    await house.ok("review.decide", MODERATOR, item=event_id, decision="dismiss")


@pytest.mark.parametrize("counted", [True, False], ids=["as it happens", "afterwards"])
async def test_what_is_hidden_and_restored_earns_again(house: House, counted: bool) -> None:
    said = [await house.say(VIEWER, f"hello {n}") for n in range(2)]
    house.now_ms += 86_400_000  # the day of the comment counts, not that of the decision

    async def now(wanted: int) -> None:
        if counted:
            await house.count_points()
            assert await points(house, VIEWER) == wanted

    await now(4)
    await hidden(house, said[0]["id"])
    await now(2)
    await put_back(house, said[0]["id"])
    await now(4)
    await house.ok("moderate.delete", HOST, event=said[0]["id"])
    await now(2)
    await hidden(house, said[1]["id"])
    await put_back(house, said[1]["id"])
    await house.count_points()
    assert await points(house, VIEWER) == 2
    assert await house.count_points() == 0
    assert await reconciled(house) == []


async def test_what_was_spent_before_it_was_hidden_isnt_given_twice(house: House) -> None:
    said = [await house.say(VIEWER, f"hello {n}") for n in range(3)]
    await house.count_points()
    assert await points(house, VIEWER) == 6
    await house.ok("points.redeem", VIEWER, offer=await house.offer(points=5, amount=10))
    for event in said[:2]:
        await hidden(house, event["id"])
    await house.count_points()
    assert await points(house, VIEWER) == 0, "one was left of the four that they had earned"
    for event in said[:2]:
        await put_back(house, event["id"])
    await house.count_points()
    assert await points(house, VIEWER) == 1
    assert await reconciled(house) == []


async def test_what_is_spent_stays_spent(house: House) -> None:
    said = [await house.say(VIEWER, f"hello {n}") for n in range(3)]
    await house.count_points()
    offer = await house.offer(points=5, amount=10)
    await house.ok("points.redeem", VIEWER, offer=offer)
    for event in said:
        await house.ok("moderate.delete", HOST, event=event["id"])
    await house.count_points()
    assert await points(house, VIEWER) == 0
    for n in range(2):
        await house.say(VIEWER, f"again {n}")
    await house.count_points()
    assert await points(house, VIEWER) == 0, "five points are paid for with what they bought"
    await house.say(VIEWER, "again")
    await house.count_points()
    assert await points(house, VIEWER) == 1
    assert await reconciled(house) == []


async def test_a_gift_that_is_given_back_earns_nothing(house: House) -> None:
    house.earnings.rules = PointRules({"gift": Task(1, per=10, times=50)})
    await house.go_live()
    await house.grant_coins(VIEWER, 100)
    gift = (await house.ok("gift", VIEWER, gift="rose", count=25))["event"]["id"]
    await house.count_points()
    assert await points(house, VIEWER) == 2
    await house.ok("gift.refund", OPERATOR, gift=gift, reason="by mistake")
    await house.count_points()
    assert await points(house, VIEWER) == 0
    assert await reconciled(house) == []


async def test_what_was_read_twice_counts_once(house: House) -> None:
    for n in range(2):
        await house.say(VIEWER, f"hello {n}")
    (behind,) = await house.store.read(read_behind)
    batch = await house.store.read(lambda conn: read_batch(conn, behind, house.earnings.days))
    work = Work("points.count", lambda tx: count_batch(tx, batch, house.earnings))
    await house.store.write(work)
    await asyncio.gather(*(house.store.write(work) for _ in range(3)))
    assert await points(house, VIEWER) == 4
    assert len(house.told(VIEWER, "wallet")) == 1


async def test_a_long_log_is_counted_piece_by_piece(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rooms.points.reading.USERS_AT_ONCE", 7)
    monkeypatch.setattr("rooms.points.reading.ENTRIES_AT_ONCE", 30)
    for n in range(3):
        await asyncio.gather(*(house.say(caller, f"hello {n}") for caller in CROWD))
    assert await house.count_points() > 10
    assert {await points(house, caller) for caller in CROWD} == {6}
    assert await house.count_points() == 0
    assert await reconciled(house) == []


async def test_two_nodes_that_read_the_same_count_it_once(shared_url: str) -> None:
    async with (
        house_at(shared_url, points=RULES) as one,
        open_house(shared_url, node="two", points=RULES) as two,
    ):
        await asyncio.gather(*((one, two)[n % 2].say(c, "hello") for n, c in enumerate(CROWD)))
        await asyncio.gather(one.count_points(), two.count_points())
        await asyncio.gather(one.count_points(), two.count_points())
        assert {await points(one, caller) for caller in CROWD} == {2}
        assert await reconciled(one) == []


async def test_minutes_watched_count_once_whoever_tells_of_them(house: House) -> None:
    user = VIEWER.id or ""
    await watched(house, Span(user, 0, 60_000))
    await watched(house, Span(user, 0, 60_000), Span(OTHER.id or "", 0, 30_000))
    await watched(house, Span(user, 30_000, 90_000))
    found = await house.store.read(lambda conn: read_watched(conn, STREAM, [user, OTHER.id or "", "nobody"]))
    assert found == {user: 90_000, OTHER.id: 30_000}
    assert await points(house, VIEWER) == 3
    await watched(house, Span(user, 90_000, 120_000), stream=Stream(ROOM, 90_000))
    assert await points(house, VIEWER) == 6, "the day's minutes add up over streams"
    everything = await house.store.read(lambda conn: read_watched_in_room(conn, ROOM, [user]))
    assert everything == {user: 120_000}


async def test_two_nodes_that_saw_the_same_person(shared_url: str) -> None:
    async with (
        house_at(shared_url, points=RULES) as one,
        open_house(shared_url, node="two", points=RULES) as two,
    ):
        spans = [[Span(c.id or "", n * 60_000, (n + 1) * 60_000) for c in CROWD] for n in range(3)]
        for some in spans:
            await asyncio.gather(watched(one, *some), watched(two, *reversed(some)))
        ids = [c.id or "" for c in CROWD]
        found = await one.store.read(lambda conn: read_watched(conn, STREAM, ids))
        assert found == dict.fromkeys(ids, 180_000)
        assert {await points(one, caller) for caller in CROWD} == {9}


async def test_a_share_counts_once_a_day(house: House) -> None:
    assert (await house.ok("share", VIEWER))["points"] == 5
    assert (await house.ok("share", VIEWER))["points"] == 0
    house.now_ms += 86_400_000
    assert (await house.ok("share", VIEWER, key="the-same-key"))["points"] == 5
    assert (await house.ok("share", VIEWER, key="the-same-key"))["points"] == 5
    assert await points(house, VIEWER) == 10


async def test_levels_are_shown_beside_names(house: House) -> None:
    assert (await house.say(VIEWER, "hello"))["user"]["badges"] == []
    await house.earn(VIEWER, visit=1, like=25, share=1)
    earned = await house.store.read(lambda conn: read_earned(conn, [VIEWER.id or ""]))
    assert earned == {VIEWER.id: 8}
    house.levels.heard(VIEWER.id or "", 8)
    assert (await house.say(VIEWER, "hello"))["user"]["badges"] == ["level:1"]
    await house.go_live()
    await house.grant_coins(VIEWER, 1)
    given = await house.ok("gift", VIEWER, gift="rose")
    assert "level:1" in given["event"]["user"]["badges"]


# redeeming


async def test_points_become_coins(house: House) -> None:
    offer = await house.offer(points=5, amount=10, per_person=2, stock=9)
    assert await house.code("points.redeem", VIEWER, offer=offer) == "insufficient_points"
    await house.earn(VIEWER, share=1, like=20)
    answer = await house.ok("points.redeem", VIEWER, offer=offer, key="redeem-it")
    assert (answer["points"], answer["coins"]) == (2, 10)
    assert answer["offer"]["mine"] == 1
    assert await house.ok("points.redeem", VIEWER, offer=offer, key="redeem-it") == answer
    assert (await house.store.read(lambda conn: read_balances(conn, "wallet", [VIEWER.id or ""]))) == {
        VIEWER.id: 10
    }
    wallet = house.told(VIEWER, "wallet")[-1]["data"]
    assert (wallet["coins"], wallet["points"], wallet["movement"]["kind"]) == (10, 2, "redeem")
    earned = await house.store.read(lambda conn: read_earned(conn, [VIEWER.id or ""]))
    assert earned == {VIEWER.id: 7}, "a level isn't lost by redeeming"
    assert await reconciled(house) == []


async def test_points_become_a_coupon(house: House) -> None:
    terms = {"title": "5 off", "kind": "fixed", "value": 500, "currency": "CNY", "quota": 2, "valid_s": 60}
    coupon = (await house.ok("coupon.create", HOST, **terms))["coupon"]["id"]
    what = {"kind": "coupon", "room": ROOM, "coupon": coupon, "amount": None, "title": "5 off"}
    offer = await house.offer(**what, points=1, stock=9, per_person=3)
    await house.earn(VIEWER, share=1)
    claim = (await house.ok("points.redeem", VIEWER, offer=offer))["coupon"]
    assert claim["status"] == "free"
    _, sku = await house.product()
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1, coupons=[claim["id"]]))["order"]
    assert order["discount_minor"] == 500
    await house.ok("points.redeem", VIEWER, offer=offer)
    assert await house.code("points.redeem", VIEWER, offer=offer) == "sold_out", "the coupon's quota"
    await house.create("silk")
    assert await house.code("points.redeem", VIEWER, offer=offer, room="silk") == "not_found"


async def test_points_become_a_gift(house: House) -> None:
    offer = await _gift_offer(house)
    await house.earn(VIEWER, share=1)
    assert await house.code("points.redeem", VIEWER, offer=offer) == "not_live"
    await house.picture("publishing")
    assert await house.code("points.redeem", OTHER, offer=offer) == "insufficient_points"
    assert await house.code("points.redeem", HOST, offer=offer) == "gift_to_self"
    answer = await house.ok("points.redeem", VIEWER, offer=offer, key="redeem-it")
    assert (answer["points"], answer["offer"]["mine"]) == (1, 1)
    assert (answer["gift"]["kind"], answer["gift"]["data"]["coins"]) == ("gift", 3)
    assert await house.ok("points.redeem", VIEWER, offer=offer, key="redeem-it") == answer
    assert await house.coins_of(VIEWER) == 0
    assert await house.account("earnings", HOST) + await house.account("platform", HOST) == 3
    assert [event.kind for event in await house.log()].count("gift") == 1
    assert await house.code("points.redeem", VIEWER, offer=offer) == "already_claimed"
    assert await house.wrong_in_the_ledger() == []


async def _gift_offer(house: House) -> str:
    await house.go_live()
    await house.picture("stopped")
    return await house.offer(kind="gift", gift="rose", amount=3, points=4)


async def test_an_offer_has_its_bounds(house: House) -> None:
    offer = await house.offer(points=1, stock=5, per_person=2)
    for caller in CROWD[:8]:
        await house.earn(caller, share=1)
    answers = await asyncio.gather(
        *(house.do("points.redeem", caller, offer=offer) for caller in CROWD[:8] for _ in range(3))
    )
    taken = sum(answer["ok"] for answer in answers)
    assert taken == 5
    (row,) = await house.rows(select(offers_table))
    assert (row["stock"], row["taken"]) == (0, 5)
    assert all(r["count"] <= 2 for r in await house.rows(select(redeemed_table)))
    codes = {answer["error"]["code"] for answer in answers if not answer["ok"]}
    assert codes <= {"sold_out", "already_claimed"}
    assert await reconciled(house) == []

    edit = EditOffer(stock=3, withdrawn=True)
    work = Work("points.offer", lambda tx: house.services.offers.change(tx, offer, edit, OPERATOR))
    assert (await house.store.write(work)).ok
    assert await house.code("points.redeem", CROWD[9], offer=offer) == "not_found"
    assert await house.code("points.redeem", CROWD[9], offer="nothing") == "not_found"


async def test_the_checks_find_what_is_wrong(house: House) -> None:
    await house.earn(VIEWER, share=1)

    def spoil(tx: Any) -> Any:
        yield from ()
        tx.at_flush(lambda conn: conn.execute(days_table.update().values(total=6)))

    assert (await house.store.write(Work("spoil", spoil))).ok
    assert [(w.what, w.expected, w.found) for w in await reconciled(house)] == [
        ("points of all days", 5, 6),
        ("points of a day", 6, 5),
    ]


async def test_a_lottery_can_ask_who_follows_and_who_has_watched(house: House) -> None:
    await house.picture("publishing")
    (room,) = await house.rows(select(rooms_table.c.started_at_ms).where(rooms_table.c.id == ROOM))
    _, sku = await house.product()
    terms = {"title": "T", "seconds": 60, "prizes": [{"kind": "product", "ref": sku, "count": 1}]}
    conditions = [{"kind": "follow"}, {"kind": "watch", "minutes": 2}]
    made = await house.ok("lottery.create", HOST, **terms, conditions=conditions)
    entry = {"lottery": made["lottery"]["id"], "nonce": "0" * 32}
    assert await house.code("lottery.enter", VIEWER, **entry) == "conditions_unmet"
    await house.ok("follow", VIEWER)
    stream = Stream(ROOM, room["started_at_ms"])
    await watched(house, Span(VIEWER.id or "", 0, 119_999), stream=stream)
    assert await house.code("lottery.enter", VIEWER, **entry) == "conditions_unmet"
    await watched(house, Span(VIEWER.id or "", 119_999, 120_000), stream=stream)
    await house.ok("lottery.enter", VIEWER, **entry)


async def test_nothing_reads_a_whole_table(tmp_path: Path) -> None:
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}", points=RULES) as house:
        offer = await house.offer()
        statements = Statements(house.store.writer._engine)
        await house.ok("follow", VIEWER)
        await house.ok("unfollow", VIEWER)
        await house.ok("share", VIEWER)
        await house.say(OTHER, "hello")
        await house.count_points()
        await watched(house, *(Span(c.id or "", 0, 60_000) for c in CROWD))
        await house.ok("points.redeem", VIEWER, offer=offer)
        assert await statements.scans(house) == []
