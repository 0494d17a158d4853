"""What is tidied up goes; what still says something stays."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import func, select

from rooms.commands import SLOW_MODE_MAX_S
from rooms.comments import CommentRules
from rooms.paces import PaceRow, is_over, paces_table
from rooms.ports import Caller
from rooms.shop.sale_store import sale_buyers_table
from server import housekeeping
from server.checkpoints import Checkpoints
from server.housekeeping import Housekeeping
from tests.contract.house import HOST, OTHER, VIEWER, House, house_at

WINDOW_MS = 10_000
RULES = CommentRules(per_window=5, window_ms=WINDOW_MS, shared=True)


def keeping(house: House) -> Housekeeping:
    return Housekeeping(house.store, Checkpoints(), lambda: house.now_ms, pace_window_ms=WINDOW_MS)


async def paces(house: House) -> int:
    return int((await house.rows(select(func.count().label("n")).select_from(paces_table)))[0]["n"])


async def test_paces_that_are_over_are_dropped_and_others_still_hold(migrated_url: str) -> None:
    async with house_at(migrated_url, comments=RULES) as house:
        for _ in range(5):
            await house.say(VIEWER, "early")
        house.now_ms += WINDOW_MS - 1
        for _ in range(5):
            await house.say(OTHER, "late")
        assert not await keeping(house).prune_paces()
        assert await paces(house) == 2
        house.now_ms += 1
        assert not await keeping(house).prune_paces()
        assert await paces(house) == 1
        assert await house.code("comment", OTHER, text="one more") == "rate_limited"
        await house.say(VIEWER, "again")


async def test_slow_mode_holds_as_long_as_it_may_be_set_for(migrated_url: str) -> None:
    async with house_at(migrated_url, comments=RULES) as house:
        await house.ok("room.change", HOST, slow_mode_s=SLOW_MODE_MAX_S)
        await house.say(VIEWER, "the first")
        house.now_ms += SLOW_MODE_MAX_S * 1000 - 1
        await keeping(house).prune_paces()
        assert await house.code("comment", VIEWER, text="too soon") == "slow_mode"
        house.now_ms += 1
        await keeping(house).prune_paces()
        assert await paces(house) == 0
        await house.say(VIEWER, "the second")


async def test_many_are_dropped_in_bounded_steps(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "PACES_AT_ONCE", 4)
    async with house_at(migrated_url, comments=RULES) as house:
        await house.create("cake")
        people = [Caller(f"u-{n}", f"Lin {n}") for n in range(5)]
        await house.sign_in(*people)
        for person in people:
            await house.say(person, "hello")
            await house.say(person, "hello", room="cake")
        house.now_ms += WINDOW_MS
        keeper = keeping(house)
        left = []
        while await keeper.prune_paces():
            left.append(await paces(house))
        assert left == [6, 2]
        assert await paces(house) == 0


async def test_who_comments_again_meanwhile_keeps_the_row(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house_at(migrated_url, comments=RULES) as house:
        await house.say(VIEWER, "early")
        house.now_ms += WINDOW_MS
        keeper, write = keeping(house), house.store.write

        async def late(work: object) -> object:
            monkeypatch.setattr(house.store, "write", write)
            await house.say(VIEWER, "between reading and dropping")
            return await write(work)  # type: ignore[arg-type]

        monkeypatch.setattr(house.store, "write", late)
        await keeper.prune_paces()
        assert await paces(house) == 1


def test_a_row_is_over_when_neither_time_counts_any_more() -> None:
    slowest_ms = SLOW_MODE_MAX_S * 1000
    assert is_over(PaceRow("r", "u", 0, [1, 5]), 10, slowest_ms)
    assert not is_over(PaceRow("r", "u", 0, [1, slowest_ms]), 10, slowest_ms + 9)
    assert not is_over(PaceRow("r", "u", 1), 10, slowest_ms)
    assert is_over(PaceRow("r", "u", 1), 10, slowest_ms + 1)


async def test_who_bought_how_much_is_forgotten_a_week_after_the_sale(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BUYERS_AT_ONCE", 2)
    monkeypatch.setattr(housekeeping, "SALES_AT_ONCE", 2)
    async with house_at(migrated_url) as house:
        people = [Caller(f"u-{n}", f"Lin {n}") for n in range(5)]
        await house.sign_in(*people)
        plan = {"price_minor": 1, "quantity": 9, "per_buyer": 2, "duration_s": 60}

        async def sale() -> tuple[str, str]:
            _, sku = await house.product(stock=9)
            return sku, (await house.ok("sale.start", HOST, sku=sku, **plan))["sale"]["id"]

        async def kept() -> dict[str, int]:
            rows = await house.rows(select(sale_buyers_table))
            return dict(Counter(row["sale_id"] for row in rows))

        async def tidy(tidier: Housekeeping) -> None:
            for _ in range(20):
                if not await tidier.prune_buyers():
                    return
            raise AssertionError("it doesn't come to an end")

        old_sku, old = await sale()
        orders = [(await house.ok("buy", p, sku=old_sku, qty=1, sale=old))["order"]["id"] for p in people]
        await house.ok("order.pay", people[0], order=orders[0])
        house.now_ms += 60_000
        await house.run_timers()
        sku, running = await sale()
        for person in people[:3]:
            await house.ok("buy", person, sku=sku, qty=2, sale=running)
        tidier = keeping(house)
        await tidy(tidier)
        ended_at_ms = house.now_ms
        house.now_ms = ended_at_ms + housekeeping.BUYERS_KEPT_MS
        await tidy(tidier)
        assert await kept() == {old: 5, running: 3}
        house.now_ms += 1
        await tidy(tidier)
        assert await kept() == {running: 3}  # whose timer hasn't come around: it is as if it ran
        await house.ok("order.refund", HOST, order=orders[0], reason="broken", restock=True)
        await house.run_timers()
        assert await kept() == {running: 3}
