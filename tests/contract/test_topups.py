"""Top-ups: whatever becomes of the payment, coins are in the wallet exactly when the money was taken."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from rooms.shop.payments import Charge, PaymentProvider, Redirect
from rooms.shop.rules import Outcome
from rooms.shop.store import orders_table, payments_table, read_open_orders, read_orders
from server.payments.sandbox import AFTER_HOLD_MS, sandbox_table
from server.store.group import Work
from tests.contract.house import HOST, OPERATOR, OTHER, VIEWER, House, house_at

CHECK_MS = 10_000


async def state(house: House) -> tuple[list[str], list[str], int]:
    """The statuses of orders and of payments, and the money that the provider keeps."""
    orders = await house.rows(select(orders_table.c.status))
    payments = await house.rows(select(payments_table.c.status))
    kept = select(sandbox_table.c.amount_minor).where(
        sandbox_table.c.outcome == "succeeded", sandbox_table.c.refunded == 0
    )
    money = sum(row["amount_minor"] for row in await house.rows(kept))
    return [o["status"] for o in orders], [p["status"] for p in payments], money


class Torn:
    """A line to the sandbox that breaks before the sandbox hears, or before its answer is heard."""

    name = "sandbox"

    def __init__(self, real: PaymentProvider, *, after: bool) -> None:
        self._real = real
        self._after = after
        self.look_up = real.look_up
        self.refund = real.refund

    async def charge(self, charge: Charge) -> Outcome | Redirect:
        if self._after:
            await self._real.charge(charge)
        raise ConnectionError("torn")


async def test_a_pack_is_bought_and_told(house: House) -> None:
    paid = await house.ok("wallet.topup", VIEWER, pack="small", key="topup-0001")
    assert (paid["order"]["status"], paid["order"]["coins"]) == ("paid", 60)
    again = await house.ok("wallet.topup", VIEWER, pack="small", key="topup-0001")
    assert again == paid
    assert await house.coins_of(VIEWER) == 60
    (news,) = house.told(VIEWER, "wallet")
    assert (news["data"]["coins"], news["data"]["movement"]["amount"]) == (60, 60)
    assert news["data"]["movement"]["ref"] == paid["order"]["id"]
    assert await state(house) == (["paid"], ["succeeded"], 600)
    assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")] == ["held", "paid"]
    assert {e.action for e in house.staff if e.kind == "order"} == {"manage_wallets"}
    assert await house.wrong_in_the_ledger() == []


async def test_what_cant_be_bought(house: House) -> None:
    assert await house.code("wallet.topup", VIEWER, pack="none") == "not_found"
    assert await house.code("wallet.topup", VIEWER, pack="small", method="coins") == "bad_request"
    assert await house.code("wallet.topup", VIEWER, pack="small", method="paypal") == "bad_request"
    await house.ok("wallet.topup", VIEWER, pack="small", key="topup-0001")
    assert await house.code("wallet.topup", VIEWER, pack="large", key="topup-0001") == "key_conflict"
    assert await house.coins_of(VIEWER) == 60


async def test_a_declined_card_and_then_a_good_one(house: House) -> None:
    for card, code in (("declined", "payment_declined"), ("ok", None)):
        answer = await house.do("wallet.topup", VIEWER, pack="small", card=card, key=f"topup-{card:_<4}")
        assert answer.get("error", {}).get("code") == code
    # The first is there to be paid still, and nobody does.
    house.now_ms += 60_000
    await house.run_timers()
    assert sorted((await state(house))[0]) == ["expired", "paid"]
    assert await house.coins_of(VIEWER) == 60
    assert await house.wrong_in_the_ledger() == []


@pytest.mark.parametrize("after", [False, True])
async def test_a_line_that_tears(house: House, after: bool) -> None:
    house.providers["sandbox"] = Torn(house.sandbox, after=after)
    assert await house.code("wallet.topup", VIEWER, pack="small", key="topup-0001") == "payment_pending"
    assert await house.coins_of(VIEWER) == 0
    house.now_ms += CHECK_MS
    await house.run_timers()
    assert await house.coins_of(VIEWER) == (60 if after else 0)
    house.providers["sandbox"] = house.sandbox
    paid = await house.ok("wallet.topup", VIEWER, pack="small", key="topup-0001")
    assert paid["order"]["status"] == "paid"
    assert await house.coins_of(VIEWER) == 60
    assert (await state(house))[2] == 600


async def test_one_that_hangs_and_one_that_says_it_twice(migrated_url: str) -> None:
    async with house_at(migrated_url, answer_within_s=0.3) as house:
        assert await house.code("wallet.topup", VIEWER, pack="small", card="hangs") == "payment_pending"
        house.now_ms += CHECK_MS
        await house.run_timers()
        await house.ok("wallet.topup", VIEWER, pack="small", card="twice")
        assert await house.coins_of(VIEWER) == 120
        assert await house.wrong_in_the_ledger() == []


async def test_money_that_comes_after_the_time_buys_coins_still(house: House) -> None:
    assert await house.code("wallet.topup", VIEWER, pack="small", card="after_hold") == "payment_pending"
    house.now_ms += 60_000
    for _ in range(2):
        await house.run_timers()
    assert await state(house) == (["expired"], ["started"], 600)
    house.now_ms += max(CHECK_MS, AFTER_HOLD_MS)
    await house.run_timers()
    assert await state(house) == (["paid"], ["succeeded"], 600)
    assert await house.coins_of(VIEWER) == 60


async def test_money_for_one_that_was_let_go_goes_back(house: House) -> None:
    assert await house.code("wallet.topup", VIEWER, pack="small", card="declined") == "payment_declined"
    (order,), (payment,) = [await house.rows(select(t.c.id)) for t in (orders_table, payments_table)]
    await house.ok("order.cancel", VIEWER, order=order["id"])
    await house.cashier.reported(payment["id"], "succeeded")
    assert (await state(house))[:2] == (["cancelled"], ["refund_due"])
    await house.run_timers()
    assert (await state(house))[:2] == (["cancelled"], ["refunded"])
    assert (await house.coins_of(VIEWER), house.told(VIEWER, "wallet")) == (0, [])
    assert {e.action for e in house.staff if e.kind == "payment"} == {"manage_wallets"}
    assert await house.wrong_in_the_ledger() == []


async def test_refunds_are_an_operators_and_take_the_coins(house: House) -> None:
    order = (await house.ok("wallet.topup", VIEWER, pack="small"))["order"]["id"]
    wish = {"order": order, "reason": "by mistake"}
    assert await house.code("order.refund", HOST, **wish) == "forbidden"
    await house.grant_coins(VIEWER, -1)
    error = await house.error("order.refund", OPERATOR, **wish)
    assert (error["code"], error["details"]) == ("insufficient_coins", {"balance": 59, "needed": 60})
    assert await state(house) == (["paid"], ["succeeded"], 600)
    await house.grant_coins(VIEWER, 1)
    await house.ok("order.refund", OPERATOR, **wish)
    await house.run_timers()
    assert await state(house) == (["refunded"], ["refunded"], 0)
    assert await house.coins_of(VIEWER) == 0
    assert house.told(VIEWER, "wallet")[-1]["data"]["movement"]["kind"] == "topup_back"
    assert await house.wrong_in_the_ledger() == []


async def test_money_that_the_provider_takes_back_takes_what_coins_there_are(house: House) -> None:
    order = (await house.ok("wallet.topup", VIEWER, pack="small"))["order"]["id"]
    await house.grant_coins(VIEWER, -50)
    payment = (await house.rows(select(payments_table.c.id)))[0]["id"]
    for _ in range(2):
        work = Work("refunded", lambda tx: house.payments.refunded(tx, payment, order))
        assert (await house.store.write(work)).ok
    assert await house.coins_of(VIEWER) == 0
    assert await house.account("correction", VIEWER) == 0  # 50 were put there, and 50 are missing
    assert await house.wrong_in_the_ledger() == []


async def test_the_host_sees_nothing_of_it(house: House) -> None:
    order = (await house.ok("wallet.topup", VIEWER, pack="small"))["order"]
    await house.ok("wallet.topup", OTHER, pack="small")
    assert await house.store.read(lambda conn: read_orders(conn, "tea")) == []
    mine = await house.store.read(lambda conn: read_open_orders(conn, "tea", ["u-lin"], paid_since_ms=0))
    assert [found.id for found in mine["u-lin"]] == [order["id"]]


async def test_many_at_once_are_a_coin_for_a_coin(house: House) -> None:
    tries = [(caller, card) for caller in (VIEWER, OTHER) for card in ("ok", "declined", "twice", "ok")]
    answers = await asyncio.gather(
        *(house.do("wallet.topup", caller, pack="small", card=card) for caller, card in tries)
    )
    assert sum(answer["ok"] for answer in answers) == 6
    assert [await house.coins_of(caller) for caller in (VIEWER, OTHER)] == [180, 180]
    assert await house.wrong_in_the_ledger() == []
