"""Timed work: what waits for nobody is never kept waiting by what does."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rooms.heads import TIMERS, TimerRow, timers_table
from rooms.rows import Steps
from rooms.shop.orders import HOLD_TIMER
from rooms.unit import Unit
from server.store.group import Answer, Work
from server.store.migrate import migrate
from server.timers import AT_ONCE, OUTSIDE_AT_ONCE, Timers
from tests.contract.house import HOST, VIEWER, House, house_at


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "danmart.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
async def house(template: Path, tmp_path: Path) -> AsyncIterator[House]:
    shutil.copyfile(template, tmp_path / "danmart.db")
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        yield house


def _wake(tx: Unit, kind: str, count: int) -> Steps[Any]:
    yield TIMERS.rows()
    for number in range(count):
        tx.wake(kind, str(number), "tea", tx.now_ms - 1)


async def wake(house: House, kind: str, count: int) -> None:
    assert (await house.store.write(Work("wake", lambda tx: _wake(tx, kind, count)))).ok


class Done:
    """Counts the timers that are committed."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self._write = house.store.write
        self._count = 0
        self._news = asyncio.Condition()
        monkeypatch.setattr(house.store, "write", self.write)

    async def write(self, work: Work) -> Answer:
        answer = await self._write(work)
        if work.name.startswith("timer:"):
            async with self._news:
                self._count += 1
                self._news.notify_all()
        return answer

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: self._count >= count)


async def test_holds_end_while_hundreds_of_payments_wait_for_a_provider(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, away = 0, asyncio.Event()

    async def ask(timer: TimerRow) -> None:
        nonlocal asked
        asked += 1
        await away.wait()

    _, sku = await house.product(stock=5)
    await wake(house, "ask", AT_ONCE + OUTSIDE_AT_ONCE + 50)
    await house.ok("buy", VIEWER, sku=sku, qty=2)
    house.now_ms += 60_000
    done, inside = Done(house, monkeypatch), {HOLD_TIMER: house.services.orders.expire}
    timers = Timers(house.store, lambda: house.now_ms, inside=inside, outside={"ask": ask})
    await timers.start()
    try:
        await done.wait_for(1)
        # Also one that comes when as many as may are waiting.
        await house.ok("buy", VIEWER, sku=sku, qty=5)
        house.now_ms += 60_000
        await done.wait_for(2)
        assert (await house.sku(sku)).stock == 5
        assert asked == OUTSIDE_AT_ONCE
    finally:
        await timers.close()


@pytest.mark.alone
async def test_holds_that_end_all_at_once_are_soon_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 1500
    _, sku = await house.product(stock=count)
    await asyncio.gather(*(house.ok("buy", VIEWER, sku=sku, qty=1) for _ in range(count)))
    assert (await house.sku(sku)).stock == 0
    house.now_ms += 60_000
    done, inside = Done(house, monkeypatch), {HOLD_TIMER: house.services.orders.expire}
    timers = Timers(house.store, lambda: house.now_ms, inside=inside, outside={})
    began = time.perf_counter()
    await timers.start()
    try:
        await done.wait_for(count)
    finally:
        await timers.close()
    took_s = time.perf_counter() - began
    row = await house.sku(sku)
    assert (row.stock, row.held) == (count, 0)
    assert took_s < 5  # alone it is half a second; this machine may be busy


async def test_what_is_not_due_waits(house: House) -> None:
    _, sku = await house.product()
    plan = {"price_minor": 1, "quantity": 1, "per_buyer": 1, "duration_s": 60, "countdown_s": 10}
    await house.ok("sale.start", HOST, sku=sku, **plan)
    assert await house.run_timers() == 0
    assert [row["kind"] for row in await house.rows(select(timers_table))] == ["sale.turn"] * 2
