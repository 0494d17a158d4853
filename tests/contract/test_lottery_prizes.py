"""Whatever becomes of lotteries, what is put aside is what is still to be won: any walk, after every step."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import func, select, text

from rooms.play import checks
from rooms.play.lotteries import rules
from rooms.play.lotteries.checks import CHECKS as LOTTERY_CHECKS
from rooms.play.lotteries.store import LotteryRow, lotteries_table, lottery_winners_table
from rooms.shop.coupons.store import claims_table, coupons_table
from rooms.wallet.store import accounts_table
from server.store.engine import open_writer
from tests.contract.house import HOST, OTHER, VIEWER, House
from tests.contract.lottery_house import (
    CROWD,
    coins_of,
    draw_now,
    enter,
    give_coins,
    opened,
    row_of,
    winners,
)

CHECKS = (*LOTTERY_CHECKS, *checks.CHECKS)
PEOPLE = [VIEWER, OTHER, *CROWD[:4]]
PIECES, QUOTA, COINS = 40, 40, 2_000
STEPS = 30


class Walk:
    """A walk over everything that a lottery's prizes go through."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.chance = random.Random(seed)
        self.sku = self.coupon = ""

    async def begin(self) -> None:
        _, self.sku = await self.house.product(stock=PIECES)
        terms = {"title": "C", "kind": "fixed", "value": 1, "currency": "CNY", "valid_s": 10**6}
        answer = await self.house.ok("coupon.create", HOST, quota=QUOTA, **terms)
        self.coupon = answer["coupon"]["id"]
        await give_coins(self.house, HOST, COINS)

    async def step(self) -> None:
        lotteries = await self.lotteries()
        await self.chance.choice([self.open, self.enter, self.enter, self.claim, self.wait, self.end])(
            self.chance.choice(lotteries).id if lotteries else "none"
        )

    async def open(self, _: str) -> None:
        kinds = self.chance.sample(["coins", "product", "coupon"], self.chance.randint(1, 3))
        terms: dict[str, dict[str, Any]] = {
            "coins": {"amount": self.chance.randint(1, 90)},
            "product": {"ref": self.sku, "amount": 2},
            "coupon": {"ref": self.coupon},
        }
        prizes = [{"kind": kind, "count": self.chance.randint(1, 3), **terms[kind]} for kind in kinds]
        unclaimed = self.chance.choice(["redraw", "return"])
        times = {"seconds": 60, "claim_s": 60}
        await self.house.do("lottery.create", HOST, title="Walk", prizes=prizes, unclaimed=unclaimed, **times)

    async def enter(self, lottery: str) -> None:
        await enter(self.house, lottery, *self.chance.sample(PEOPLE, 3))

    async def claim(self, lottery: str) -> None:
        for caller in self.chance.sample(PEOPLE, 4):
            await self.house.do("lottery.claim", caller, lottery=lottery)

    async def wait(self, _: str) -> None:
        self.house.now_ms += 61_000
        for _round in range(3):
            await self.house.run_timers()

    async def end(self, lottery: str) -> None:
        await self.house.do(self.chance.choice(["lottery.draw", "lottery.cancel"]), HOST, lottery=lottery)

    async def lotteries(self) -> list[LotteryRow]:
        found = await self.house.rows(select(lotteries_table))
        return [LotteryRow(**row) for row in found]

    async def promised(self) -> dict[str, int]:
        """What is still to be won, by the lotteries' rows alone."""
        claimed = select(lottery_winners_table.c.lottery_id, lottery_winners_table.c.prize).where(
            lottery_winners_table.c.status == "claimed"
        )
        awarded = [(row["lottery_id"], row["prize"]) for row in await self.house.rows(claimed)]
        left = {"coins": 0, "product": 0, "coupon": 0}
        for lottery in await self.lotteries():
            if lottery.phase in ("ended", "cancelled"):
                continue
            for prize in lottery.held:
                left[prize.kind] += prize.amount * prize.count
            for mine in [prize for owner, prize in awarded if owner == lottery.id]:
                prize = lottery.held[rules.prize_index(lottery.prizes, mine)]
                left[prize.kind] -= prize.amount
            left = await self._without_given_back(lottery, left)
        return left

    async def _without_given_back(self, lottery: LotteryRow, left: dict[str, int]) -> dict[str, int]:
        """Prizes that had no entrants went back at the draw, those after them when nobody claimed."""
        if lottery.phase != "drawn":
            return left
        places = lottery_winners_table.c
        query = select(places.prize).where(
            places.lottery_id == lottery.id, places.status.in_(("waiting", "claimed"))
        )
        kept = {row["prize"] for row in await self.house.rows(query)}
        gone = [n for n in range(lottery.rules["winners"]) if n not in kept]
        assert len(gone) == lottery.given_back
        for n in gone:
            prize = lottery.held[rules.prize_index(lottery.prizes, n)]
            left[prize.kind] -= prize.amount
        return left

    async def check(self) -> None:
        promised = await self.promised()
        sku = await self.house.sku(self.sku)
        orders = sum(e["data"]["order"]["qty"] for e in self.house.briefed("order"))
        assert sku.held == promised["product"]
        assert sku.on_hand == PIECES - orders
        escrow = select(func.sum(accounts_table.c.balance)).where(accounts_table.c.kind == "escrow")
        ((_, held),) = (await self.house.rows(escrow))[0].items()
        assert (held or 0) == promised["coins"]
        assert sum(await coins_of(self.house, HOST, *PEOPLE)) + (held or 0) == COINS
        claims = await self.house.rows(select(claims_table))
        (coupon,) = await self.house.rows(select(coupons_table))
        assert coupon["claimed"] == len(claims) + promised["coupon"]
        assert await self.house.store.read(lambda conn: [w for check in CHECKS for w in check(conn)]) == []


@pytest.mark.parametrize("seed", range(4))
async def test_any_walk_keeps_what_is_promised(house: House, seed: int) -> None:
    walk = Walk(house, seed)
    await walk.begin()
    for _ in range(STEPS):
        await walk.step()
        await walk.check()
    # Nothing is left behind when all is over.
    for _ in range(6):
        await walk.wait("")
    await walk.check()
    assert await walk.promised() == {"coins": 0, "product": 0, "coupon": 0}
    assert {row.phase for row in await walk.lotteries()} <= {"ended", "cancelled"}
    assert await walk.lotteries()


SPOILED = {
    "UPDATE lottery_winners SET status = 'unclaimed' WHERE status = 'claimed'": [
        "coins of a place that is unclaimed",
    ],
    "UPDATE lottery_winners SET status = 'claimed' WHERE status = 'waiting'": [
        "coins of a lottery that is drawn",
        "coins of a place that is claimed",
    ],
    "UPDATE lotteries SET phase = 'ended'": [
        "coins of a lottery that is ended",
        "coins that nobody can win any more",
    ],
    "DELETE FROM lotteries": ["coins that nobody can win any more"],
}


async def test_the_books_show_what_was_tampered_with(house: House) -> None:
    lottery = await opened(house)
    await enter(house, lottery, *CROWD[:3])
    await draw_now(house, lottery)
    won = await winners(house, lottery)
    first = next(caller for caller in CROWD[:3] if caller.id in won)
    await house.ok("lottery.claim", first, lottery=lottery)
    assert await house.wrong_in_the_ledger() == []

    def spoilt(statement: str) -> list[str]:
        engine = open_writer(house.url)
        with engine.connect() as conn, conn.begin() as transaction:
            assert conn.execute(text(statement)).rowcount
            found = [wrong.what for check in CHECKS for wrong in check(conn)]
            transaction.rollback()
        engine.dispose()
        return found

    for statement, expected in SPOILED.items():
        assert await asyncio.to_thread(spoilt, statement) == expected, statement


async def test_the_end_of_the_room_leaves_its_lotteries_running(house: House) -> None:
    """What was announced is drawn, and won: who entered trusted in it."""
    await house.picture("publishing")
    lottery = await opened(house)
    await enter(house, lottery, VIEWER)
    await house.ok("room.end", HOST)
    await enter(house, lottery, OTHER)
    drawn = await draw_now(house, lottery)
    assert (drawn.phase, drawn.entrants) == ("drawn", 2)
    for caller in (VIEWER, OTHER):
        await house.ok("lottery.claim", caller, lottery=lottery)
    house.now_ms += 61_000
    await house.run_timers()
    assert (await row_of(house, lottery)).phase == "ended"
    assert await coins_of(house, VIEWER, OTHER) == [10, 10]
    assert await house.wrong_in_the_ledger() == []
