"""Orders paid with coins: a coin is gone exactly when the order is paid, and back when it is refunded."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from moderation.audit import read_audit
from rooms.shop.store import payments_table
from rooms.wallet.corrections import NO_ROOM
from rooms.wallet.rules import Account
from server.store.group import Answer, Work
from tests.contract.house import HOST, OPERATOR, OTHER, VIEWER, House


async def held(house: House, *, stock: int = 1, price_minor: int = 4900) -> str:
    _, sku = await house.product(stock=stock, price_minor=price_minor)
    order: str = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    return order


async def test_an_order_is_paid_and_given_back(house: House) -> None:
    await house.grant_coins(VIEWER, 500)
    order = await held(house, price_minor=4901)  # 490.1 coins
    paid = await house.ok("order.pay", VIEWER, order=order, method="coins", key="pay-coins")
    assert paid["order"]["status"] == "paid"
    assert await house.ok("order.pay", VIEWER, order=order, method="coins", key="pay-coins") == paid
    assert (await house.coins_of(VIEWER), await house.account("takings", HOST)) == (9, 491)
    assert house.told(VIEWER, "wallet")[-1]["data"]["movement"]["amount"] == -491
    await house.ok("order.refund", HOST, order=order, reason="broken")
    await house.run_timers()
    await house.run_timers()
    assert (await house.coins_of(VIEWER), await house.account("takings", HOST)) == (500, 0)
    assert await house.rows(select(payments_table.c.status)) == [{"status": "refunded"}]
    assert house.told(VIEWER, "wallet")[-1]["data"] | {"movement": 0} == {"coins": 500, "movement": 0}
    assert await house.wrong_in_the_ledger() == []


async def test_who_hasnt_enough_pays_nothing_and_may_pay_otherwise(house: House) -> None:
    await house.grant_coins(VIEWER, 489)
    order = await held(house)
    error = await house.error("order.pay", VIEWER, order=order, method="coins", key="pay-coins")
    assert (error["code"], error["details"]) == ("insufficient_coins", {"balance": 489, "needed": 490})
    assert await house.coins_of(VIEWER) == 489
    await house.grant_coins(VIEWER, 1)
    paid = await house.ok("order.pay", VIEWER, order=order, method="coins", key="pay-coins")
    assert paid["order"]["status"] == "paid"
    assert await house.coins_of(VIEWER) == 0
    assert await house.wrong_in_the_ledger() == []


async def test_a_currency_that_coins_arent_taken_for(house: House) -> None:
    added = await house.ok("product.add", HOST, title="Tea", price_minor=1, currency="JPY", stock=1)
    order = (await house.ok("buy", VIEWER, sku=added["product"]["skus"][0]["id"], qty=1))["order"]["id"]
    assert await house.code("order.pay", VIEWER, order=order, method="coins") == "bad_request"
    await house.ok("order.pay", VIEWER, order=order)


async def test_an_order_that_is_gone_takes_no_coins(house: House) -> None:
    """The hold runs out, and its stock goes to somebody else, between the attempt and the coins."""
    await house.grant_coins(VIEWER, 1000)
    _, sku = await house.product(stock=1)
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    coins = house.providers["coins"]
    charge = coins.charge

    async def late(*args: object) -> object:
        house.now_ms += 60_000
        await house.run_timers()
        await house.ok("buy", OTHER, sku=sku, qty=1)
        return await charge(*args)  # type: ignore[arg-type]

    coins.charge = late  # type: ignore[method-assign,assignment]
    assert await house.code("order.pay", VIEWER, order=order, method="coins") == "order_not_held"
    assert await house.coins_of(VIEWER) == 1000
    assert await house.rows(select(payments_table.c.status)) == [{"status": "failed"}]
    assert await house.wrong_in_the_ledger() == []


async def test_a_node_that_dies_between_the_attempt_and_the_coins(house: House) -> None:
    await house.grant_coins(VIEWER, 1000)
    order = await held(house)

    async def dies(*_: object) -> None:
        raise ConnectionError("the node is gone")

    coins = house.providers["coins"]
    charge, coins.charge = coins.charge, dies  # type: ignore[method-assign,assignment]
    assert await house.code("order.pay", VIEWER, order=order, method="coins") == "payment_pending"
    coins.charge = charge  # type: ignore[method-assign]
    assert await house.code("order.pay", VIEWER, order=order, method="sandbox") == "payment_pending"
    house.now_ms += 10_000
    await house.run_timers()
    await house.ok("order.pay", VIEWER, order=order, method="sandbox")
    assert await house.coins_of(VIEWER) == 1000
    assert await house.wrong_in_the_ledger() == []


async def test_two_orders_and_coins_for_one(house: House) -> None:
    await house.grant_coins(VIEWER, 600)
    _, sku = await house.product(stock=2)
    orders = [(await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"] for _ in range(2)]
    answers = await asyncio.gather(
        *(house.do("order.pay", VIEWER, order=order, method="coins") for order in orders)
    )
    assert sorted(answer["ok"] for answer in answers) == [False, True]
    assert await house.coins_of(VIEWER) == 110
    assert await house.wrong_in_the_ledger() == []


async def payout(house: House, coins: int) -> Answer:
    request = house.services.payouts.request
    return await house.store.write(Work("payout", lambda tx: request(tx, coins, HOST)))


async def test_a_payout_and_its_two_ends(house: House) -> None:
    service = house.services.payouts
    account = Account("earnings", HOST.id or "")
    correct = house.services.corrections.correct
    await house.store.write(Work("earn", lambda tx: correct(tx, account, 100, "gifts", OPERATOR)))
    await house.grant_coins(VIEWER, 490)
    await house.ok("order.pay", VIEWER, order=await held(house), method="coins")
    assert (await payout(house, 9)).code == "below_minimum"
    assert (await payout(house, 591)).code == "insufficient_funds"
    assert (await payout(house, 590)).ok
    (asked,) = [e["data"]["payout"] for e in house.told(HOST, "payout")]
    assert (asked["coins"], asked["status"]) == (590, "requested")
    balances = [await house.account(kind, HOST) for kind in ("earnings", "takings", "payout", "paid_out")]
    assert balances == [0, 0, 590, 0]

    async def settle(steps: object, *args: object) -> Answer:
        return await house.store.write(Work("settle", lambda tx: steps(tx, *args)))  # type: ignore[operator]

    assert (await settle(service.done, asked["id"], None, HOST)).code == "forbidden"
    assert (await settle(service.give_back, asked["id"], "wrong account", OPERATOR)).ok
    assert (await settle(service.done, asked["id"], None, OPERATOR)).code == "payout_settled"
    assert [await house.account(kind, HOST) for kind in ("earnings", "takings")] == [100, 490]
    assert (await payout(house, 120)).ok
    asked = house.told(HOST, "payout")[-1]["data"]["payout"]
    assert (await settle(service.done, asked["id"], "transfer 17", OPERATOR)).ok
    assert (await settle(service.done, "none", None, OPERATOR)).code == "not_found"
    balances = [await house.account(kind, HOST) for kind in ("earnings", "takings", "payout", "paid_out")]
    assert balances == [0, 470, 0, 120]
    assert await house.wrong_in_the_ledger() == []


async def test_coins_of_a_seller_who_was_paid_out_go_back_all_the_same(house: House) -> None:
    await house.grant_coins(VIEWER, 490)
    order = await held(house)
    await house.ok("order.pay", VIEWER, order=order, method="coins")
    assert (await payout(house, 400)).ok
    await house.ok("order.refund", HOST, order=order, reason="broken")
    await house.run_timers()
    assert await house.coins_of(VIEWER) == 490
    assert (await house.account("takings", HOST), await house.account("correction", HOST)) == (0, -400)
    assert await house.wrong_in_the_ledger() == []


async def test_a_correction_says_why_and_who(house: House) -> None:
    correct = house.services.corrections.correct
    account = Account("wallet", VIEWER.id or "")

    async def by(caller: object, amount: int, reason: str) -> str | None:
        work = Work("correct", lambda tx: correct(tx, account, amount, reason, caller))  # type: ignore[arg-type]
        return (await house.store.write(work)).code

    assert await by(HOST, 5, "because") == "forbidden"
    assert await by(OPERATOR, 5, "  ") == "text_empty"
    assert await by(OPERATOR, -5, "took too many") == "insufficient_coins"
    assert await by(OPERATOR, 5, "a present") is None
    assert await house.coins_of(VIEWER) == 5
    (line,) = await house.store.read(lambda conn: read_audit(conn, NO_ROOM))
    assert (line["action"], line["target"], line["actor"]["id"]) == ("wallet.correct", VIEWER.id, OPERATOR.id)
    assert (line["detail"]["reason"], line["detail"]["amount"]) == ("a present", 5)
    assert await house.wrong_in_the_ledger() == []
