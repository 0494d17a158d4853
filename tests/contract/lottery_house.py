"""What tests of lotteries need beside a house: coins, entrants, and a clock turned to the draw."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from sqlalchemy import select

from rooms.play.lotteries.store import LotteryRow, lotteries_table, read_lines, read_winners
from rooms.ports import Caller
from rooms.wallet.store import read_balances
from tests.contract.house import HOST, House

CROWD = [Caller(f"u-lucky{n:03}", f"Lucky {n}") for n in range(40)]
COINS: dict[str, Any] = {"kind": "coins", "amount": 10, "count": 2}


def nonce_of(caller: Caller) -> str:
    return hashlib.md5((caller.id or "").encode(), usedforsecurity=False).hexdigest()


async def give_coins(house: House, caller: Caller, coins: int) -> None:
    await house.grant_coins(caller, coins)


async def gift(house: House, giver: Caller, coins: int) -> None:
    """As many roses, of a coin each, for the host."""
    await house.go_live()
    await house.ok("gift", giver, gift="rose", count=coins)


async def coins_of(house: House, *callers: Caller) -> list[int]:
    ids = [caller.id or "" for caller in callers]
    found = await house.store.read(lambda conn: read_balances(conn, "wallet", ids))
    return [found[user_id] for user_id in ids]


async def escrowed(house: House, lottery: str) -> int:
    return (await house.store.read(lambda conn: read_balances(conn, "escrow", [lottery])))[lottery]


async def opened(house: House, **terms: Any) -> str:
    """A lottery's id; the host has coins enough for the usual prizes."""
    await give_coins(house, HOST, 1000)
    house.now_ms += 1
    plain = {"title": "Tea for two", "prizes": [COINS], "seconds": 60, "claim_s": 60}
    answer = await house.ok("lottery.create", HOST, **(plain | terms))
    lottery: str = answer["lottery"]["id"]
    return lottery


async def enter(house: House, lottery: str, *callers: Caller) -> list[dict[str, Any]]:
    return await asyncio.gather(
        *(house.do("lottery.enter", each, lottery=lottery, nonce=nonce_of(each)) for each in callers)
    )


async def row_of(house: House, lottery: str) -> LotteryRow:
    query = select(lotteries_table).where(lotteries_table.c.id == lottery)
    return await house.store.read(lambda conn: LotteryRow(*conn.execute(query).one()))


async def draw_now(house: House, lottery: str) -> LotteryRow:
    """Turn the clock to the closing time and let the timers do the rest."""
    row = await row_of(house, lottery)
    house.now_ms = max(house.now_ms, row.closes_at_ms)
    await house.run_timers()
    await house.run_timers()
    return await row_of(house, lottery)


async def winners(house: House, lottery: str) -> dict[str, str]:
    """Who has which status, in the order of places; not the reserves."""
    rows = await house.store.read(lambda conn: read_winners(conn, lottery))
    return {row.user_id: row.status for row in rows if row.status != "reserve"}


async def lines(house: House, lottery: str) -> list[str]:
    return await house.store.read(lambda conn: read_lines(conn, lottery, after="", limit=10_000))
