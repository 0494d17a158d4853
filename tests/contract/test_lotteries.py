"""Lotteries from opening to claiming, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from rooms.play.lotteries.commands import EnterLottery
from rooms.play.lotteries.conditions import Ask, FactRows
from rooms.play.lotteries.store import lottery_entries_table
from rooms.ports import Caller
from rooms.steps import run_steps
from rooms.unit import Unit
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, VIEWER, House, house_at, open_house
from tests.contract.lottery_house import (
    COINS,
    CROWD,
    coins_of,
    draw_now,
    enter,
    escrowed,
    gift,
    give_coins,
    nonce_of,
    opened,
    row_of,
    winners,
)


def kinds(house: House) -> list[str]:
    return [e.kind for e in house.events if e.kind.startswith("lottery.")]


def logged(house: House, kind: str) -> dict[str, Any]:
    (found,) = [e.data for e in house.events if e.kind == kind]
    return found


async def test_a_lottery_from_opening_to_its_end(house: House) -> None:
    lottery = await opened(house)
    shown = logged(house, "lottery.opened")["lottery"]
    assert shown["seed"] is None
    assert len(shown["commitment"]) == 64
    assert await coins_of(house, HOST) == [980]
    answers = await enter(house, lottery, *CROWD[:5], MODERATOR)
    assert all(answer["ok"] for answer in answers)
    row = await draw_now(house, lottery)
    assert kinds(house) == ["lottery.opened", "lottery.closed", "lottery.drawn"]
    closed, drawn = logged(house, "lottery.closed")["lottery"], logged(house, "lottery.drawn")["lottery"]
    assert closed["seed"] is None
    assert closed["entrants"] == drawn["entrants"] != None  # noqa: E711
    assert closed["entrants"]["count"] == 6
    assert drawn["seed"] == row.seed.hex()
    assert drawn["commitment"] == shown["commitment"]
    won = await winners(house, lottery)
    assert [w["user"]["id"] for w in drawn["winners_shown"]] == list(won)
    lucky = next(c for c in (*CROWD, MODERATOR) if c.id in won)
    (told,) = house.told(lucky, "lottery")
    assert told["data"]["status"] == "waiting"
    assert told["data"]["prize"]["amount"] == 10
    assert (await house.ok("lottery.claim", lucky, lottery=lottery))["given"] == {"coins": 10}
    assert await coins_of(house, lucky) == [10]
    assert await house.code("lottery.claim", lucky, lottery=lottery) == "already_claimed"
    assert await escrowed(house, lottery) == 10

    house.now_ms = row.claim_by_ms or 0
    unlucky = next(c for c in (*CROWD, MODERATOR) if won.get(c.id or "") and c is not lucky)
    assert await house.code("lottery.claim", unlucky, lottery=lottery) == "over"
    await house.run_timers()
    assert (await row_of(house, lottery)).phase == "ended"
    assert kinds(house)[-1] == "lottery.ended"
    assert await escrowed(house, lottery) == 0
    assert await coins_of(house, HOST, unlucky) == [990, 0]
    assert await house.run_timers() == 0


async def test_what_isnt_claimed_is_drawn_again_by_the_next_places(house: House) -> None:
    lottery = await opened(house, unclaimed="redraw")
    await enter(house, lottery, *CROWD[:5])
    row = await draw_now(house, lottery)
    first = list(await winners(house, lottery))
    assert len(first) == 2
    await house.ok("lottery.claim", next(c for c in CROWD if c.id == first[0]), lottery=lottery)
    house.now_ms = row.claim_by_ms or 0
    await house.run_timers()
    second = await winners(house, lottery)
    assert list(second.values()) == ["claimed", "unclaimed", "waiting"]
    heir = next(c for c in CROWD if c.id == list(second)[2])
    assert house.told(heir, "lottery")[0]["data"]["status"] == "waiting"
    assert await house.ok("lottery.claim", heir, lottery=lottery)
    assert await escrowed(house, lottery) == 0


async def test_rounds_of_drawing_again_are_bounded(house: House) -> None:
    lottery = await opened(house, unclaimed="redraw")
    await enter(house, lottery, *CROWD[:20])
    await draw_now(house, lottery)
    for _ in range(3):
        house.now_ms = (await row_of(house, lottery)).claim_by_ms or 0
        await house.run_timers()
    assert (await row_of(house, lottery)).phase == "ended"
    assert await coins_of(house, HOST) == [1000]
    assert list((await winners(house, lottery)).values()) == ["unclaimed"] * 6


async def test_without_entrants_the_prizes_go_back(house: House) -> None:
    lottery = await opened(house)
    row = await draw_now(house, lottery)
    assert row.phase == "ended"
    assert await coins_of(house, HOST) == [1000]
    assert kinds(house) == ["lottery.opened", "lottery.closed", "lottery.drawn", "lottery.ended"]


async def test_fewer_entrants_than_prizes(house: House) -> None:
    lottery = await opened(house, prizes=[COINS | {"count": 5}])
    await enter(house, lottery, *CROWD[:2])
    row = await draw_now(house, lottery)
    assert row.phase == "drawn"
    assert await coins_of(house, HOST) == [980]
    assert await escrowed(house, lottery) == 20


async def test_called_off_everything_goes_back(house: House) -> None:
    _, sku = await house.product(stock=3)
    prizes = [COINS, {"kind": "product", "ref": sku, "count": 2}]
    lottery = await opened(house, prizes=prizes)
    assert (await house.sku(sku)).held == 2
    await enter(house, lottery, VIEWER)
    await house.ok("lottery.cancel", HOST, lottery=lottery)
    found = await house.sku(sku)
    assert (found.stock, found.held) == (3, 0)
    assert await coins_of(house, HOST) == [1000]
    assert await house.code("lottery.enter", OTHER, lottery=lottery, nonce=nonce_of(OTHER)) == "over"
    assert await house.code("lottery.cancel", HOST, lottery=lottery) == "over"
    await draw_now(house, lottery)
    assert kinds(house) == ["lottery.opened", "lottery.ended"]


async def test_a_product_and_a_coupon_are_won(house: House) -> None:
    _, sku = await house.product(stock=3)
    terms = {"title": "5 off", "kind": "fixed", "value": 500, "currency": "CNY", "quota": 2, "valid_s": 60}
    coupon = (await house.ok("coupon.create", HOST, **terms))["coupon"]["id"]
    prizes = [{"kind": "product", "ref": sku, "count": 1}, {"kind": "coupon", "ref": coupon, "count": 1}]
    lottery = await opened(house, prizes=prizes)
    await enter(house, lottery, VIEWER, OTHER)
    await draw_now(house, lottery)
    won = list(await winners(house, lottery))
    first, second = (next(c for c in (VIEWER, OTHER) if c.id == user) for user in won)
    address = {"name": "Lin", "lines": ["1 Tea Road"]}
    given = (await house.ok("lottery.claim", first, lottery=lottery, address=address))["given"]
    assert given["order"]["status"] == "paid"
    assert given["order"]["total_minor"] == 0
    found = await house.sku(sku)
    assert (found.stock, found.held) == (2, 0)
    claim = (await house.ok("lottery.claim", second, lottery=lottery))["given"]["coupon"]
    order = (await house.ok("buy", second, sku=sku, qty=1, coupons=[claim]))["order"]
    assert order["total_minor"] == 4400
    refund = await house.ok("order.refund", HOST, order=given["order"]["id"], reason="broken", restock=True)
    assert refund["order"]["status"] == "refunded"


@pytest.mark.parametrize("kind", ["comment", "order", "gift", "this gift"])
async def test_conditions_are_checked_at_entry_and_shown_one_by_one(house: House, kind: str) -> None:
    product, sku = await house.product()
    await house.say(VIEWER, "I love TEA")
    await give_coins(house, VIEWER, 100)
    conditions: dict[str, dict[str, Any]] = {
        "comment": {"kind": "comment", "phrase": "love tea"},
        "order": {"kind": "order", "product": product},
        "gift": {"kind": "gift", "coins": 30},
        "this gift": {"kind": "gift", "gift": "rose", "coins": 30},
    }
    condition = conditions[kind]
    lottery = await opened(house, conditions=[condition])
    error = await house.error("lottery.enter", VIEWER, lottery=lottery, nonce=nonce_of(VIEWER))
    assert error["code"] == "conditions_unmet"
    assert error["temporary"]
    assert [c["done"] for c in error["details"]["conditions"]] == [False]
    assert not (await house.ok("lottery.check", VIEWER, lottery=lottery))["conditions"][0]["done"]
    await _do(house, kind, sku)
    stand = await house.ok("lottery.check", VIEWER, lottery=lottery)
    assert stand["conditions"] == [condition | {"done": True, "have": 30 if "gift" in kind else 1}]
    assert await house.ok("lottery.enter", VIEWER, lottery=lottery, nonce=nonce_of(VIEWER))
    assert await house.code("lottery.enter", OTHER, lottery=lottery, nonce=nonce_of(OTHER)) == (
        "conditions_unmet"
    )


async def _do(house: House, kind: str, sku: str) -> None:
    if kind == "comment":
        await house.say(VIEWER, "we all  Love   tea!")
    elif kind == "order":
        order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]
        await house.ok("order.pay", VIEWER, order=order["id"])
    else:
        await gift(house, VIEWER, 30)


async def test_weights_are_fixed_at_entry(house: House) -> None:
    await give_coins(house, VIEWER, 1000)
    lottery = await opened(house, weights={"by": "gift_coins", "per": 100, "max": 5})
    await gift(house, VIEWER, 250)
    (mine,) = await enter(house, lottery, VIEWER)
    (theirs,) = await enter(house, lottery, OTHER)
    assert (mine["entry"]["weight"], theirs["entry"]["weight"]) == (3, 1)
    row = await row_of(house, lottery)
    assert (row.entrants, row.weight) == (2, 4)


async def test_true_fans_weigh_more(house: House) -> None:
    await give_coins(house, VIEWER, 1000)
    await gift(house, VIEWER, 90)  # level 3, at a point a coin
    lottery = await opened(house, weights={"by": "fan_level", "per": 1, "max": 5})
    (mine,) = await enter(house, lottery, VIEWER)
    (theirs,) = await enter(house, lottery, OTHER)
    assert (mine["entry"]["weight"], theirs["entry"]["weight"]) == (3, 1)


async def test_refusals_change_nothing(house: House) -> None:
    lottery = await opened(house)
    await enter(house, lottery, VIEWER)
    before = await row_of(house, lottery)
    again = await house.error("lottery.enter", VIEWER, lottery=lottery, nonce="0" * 32)
    assert again["code"] == "already_entered"
    assert again["details"]["entry"]["nonce"] == nonce_of(VIEWER)
    for caller in (HOST, OPERATOR):
        assert await house.code("lottery.enter", caller, lottery=lottery, nonce="0" * 32) == "forbidden"
    assert await house.code("lottery.enter", OTHER, lottery=lottery, nonce="xyz") == "bad_request"
    assert await house.code("lottery.enter", OTHER, lottery="none", nonce="0" * 32) == "not_found"
    assert await house.code("lottery.claim", VIEWER, lottery=lottery) == "not_won"
    house.now_ms = before.closes_at_ms
    assert await house.code("lottery.enter", OTHER, lottery=lottery, nonce=nonce_of(OTHER)) == "over"
    assert await row_of(house, lottery) == before
    assert len(await house.rows(select(lottery_entries_table))) == 1


async def test_what_cant_be_paid_isnt_promised(house: House) -> None:
    _, sku = await house.product(stock=1)
    plain = {"title": "Tea", "seconds": 60}
    refused = {
        "insufficient_coins": [COINS],
        "not_enough_stock": [{"kind": "product", "ref": sku, "count": 2}],
        "not_found": [{"kind": "coupon", "ref": "none", "count": 1}],
    }
    for code, prizes in refused.items():
        assert await house.code("lottery.create", HOST, prizes=prizes, **plain) == code
    for prize in (
        {"kind": "coins", "ref": sku, "count": 1},
        {"kind": "coupon", "count": 1},
        COINS | {"count": 0},
    ):
        assert await house.code("lottery.create", HOST, prizes=[prize], **plain) == "bad_request"
    assert (await house.sku(sku)).held == 0
    assert kinds(house) == []


async def test_three_may_run_in_a_room_at_a_time(house: House) -> None:
    running = [await opened(house) for _ in range(3)]
    plain = {"title": "Tea", "prizes": [COINS], "seconds": 60}
    assert await house.code("lottery.create", HOST, **plain) == "too_many"
    await draw_now(house, running[0])
    assert await house.ok("lottery.create", HOST, **plain)


async def test_the_host_can_close_early_and_a_repeat_of_any_step_changes_nothing(house: House) -> None:
    lottery = await opened(house)
    await enter(house, lottery, VIEWER, OTHER)
    await house.ok("lottery.draw", HOST, lottery=lottery)
    assert await house.code("lottery.enter", CROWD[0], lottery=lottery, nonce="0" * 32) == "over"
    await house.run_timers()
    await draw_now(house, lottery)
    assert kinds(house) == ["lottery.opened", "lottery.closed", "lottery.drawn"]


async def test_many_who_enter_are_no_more_statements_than_one(house: House) -> None:
    condition = {"kind": "comment", "phrase": "tea"}
    lottery = await opened(house, conditions=[condition])
    for caller in CROWD:
        await house.say(caller, "tea")
    engine = house.store.writer._engine
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *about: statements.append(about[2]))

    def enter_together(group: list[Caller]) -> int:
        with engine.begin() as conn:
            statements.clear()
            unit = Unit(conn, house.now_ms)
            cmd = EnterLottery(room=ROOM, lottery=lottery, nonce="0" * 32, key="enter-key")
            runs = run_steps(unit, [house.services.lotteries.enter(unit, cmd, caller) for caller in group])
            assert [run.error for run in runs] == [None] * len(group)
            unit.flush()
            return sum("UPDATE" in s or "SELECT" in s or "INSERT" in s for s in statements)

    alone, together = [await asyncio.to_thread(enter_together, g) for g in (CROWD[:1], CROWD[1:])]
    assert together <= alone + 1  # what is in force everywhere is another, where several ask
    assert (await row_of(house, lottery)).entrants == len(CROWD)


async def test_entries_over_two_nodes_are_each_counted_once(shared_url: str) -> None:
    async with house_at(shared_url, node="first") as first, open_house(shared_url, node="second") as second:
        lottery = await opened(first)
        answers = await asyncio.gather(*(enter(node, lottery, *CROWD) for node in (first, second)))
        codes = [a["error"]["code"] for group in answers for a in group if not a["ok"]]
        assert codes == ["already_entered"] * len(CROWD)
        assert (await row_of(second, lottery)).entrants == len(CROWD)
        row = await row_of(first, lottery)
        first.now_ms = second.now_ms = row.closes_at_ms
        await asyncio.gather(first.run_timers(), second.run_timers())
        await asyncio.gather(first.run_timers(), second.run_timers())
        found = [e.kind for e in await first.log() if e.kind.startswith("lottery.")]
        assert found == ["lottery.opened", "lottery.closed", "lottery.drawn"]
        assert len(await winners(first, lottery)) == 2


async def test_what_nobody_could_fulfil_isnt_asked(house: House) -> None:
    _, sku = await house.product(stock=1)
    prizes = [{"kind": "product", "ref": sku, "count": 1}]

    class Ignorant:
        def knows(self, ask: Ask) -> bool:
            return ask.kind == "comment"

        def read(self, conn: Connection, ask: Ask, user_ids: Sequence[str]) -> Mapping[str, int]:
            return {}

    known, house.services.lotteries._facts = house.services.lotteries._facts, FactRows(Ignorant())
    terms = {"title": "Tea", "prizes": prizes, "seconds": 60}
    weights = {"by": "gift_coins", "per": 1, "max": 2}
    for more in ({"conditions": [{"kind": "order"}]}, {"weights": weights}):
        assert await house.code("lottery.create", HOST, **terms, **more) == "bad_request"
    assert (await house.sku(sku)).held == 0
    house.services.lotteries._facts = known
    assert await house.ok("lottery.create", HOST, **terms, weights=weights)
