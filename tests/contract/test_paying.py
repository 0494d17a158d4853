"""Paying and what goes wrong in between, as buyers and hosts notice it."""

from __future__ import annotations

import asyncio

import pytest

from rooms.errors import Refused
from server.store.group import Answer, Work, refused
from tests.contract.house import OTHER, VIEWER, House, house_at, open_house
from tests.contract.shop import CHECK_MS, HOLD_MS, Shaky, buy, money, order_status, payment_statuses, stock


async def test_paying_twice_charges_once(house: House) -> None:
    _, sku = await house.product()
    order = await buy(house, sku)
    first = await house.ok("order.pay", VIEWER, order=order, key="pay-00001")
    assert await house.ok("order.pay", VIEWER, order=order, key="pay-00001") == first
    error = await house.error("order.pay", VIEWER, order=order, key="pay-00002")
    assert (error["code"], error["details"]) == ("order_not_held", {"status": "paid"})
    changed = {"order": order, "card": "declined", "key": "pay-00001"}
    assert await house.code("order.pay", VIEWER, **changed) == "key_conflict"
    assert await payment_statuses(house) == ["succeeded"]
    assert await money(house) == 4900


async def test_paying_twice_at_once(house: House) -> None:
    _, sku = await house.product()
    one, two = await buy(house, sku), await buy(house, sku)
    same = await asyncio.gather(
        *(house.do("order.pay", VIEWER, order=one, key="same-0001") for _ in range(4))
    )
    assert all(answer["ok"] and answer == same[0] for answer in same)
    apart = await asyncio.gather(
        *(house.do("order.pay", VIEWER, order=two, key=f"apart-00{n}") for n in range(4))
    )
    assert [answer["ok"] for answer in apart] == [True, False, False, False]
    assert {a["error"]["code"] for a in apart[1:]} <= {"payment_pending", "order_not_held"}
    assert await money(house) == 9800
    assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")].count("paid") == 2


async def test_a_key_of_another_order_moves_no_money(house: House) -> None:
    _, sku = await house.product()
    one, two = await buy(house, sku), await buy(house, sku)
    await house.ok("order.pay", VIEWER, order=one, key="pay-00001")
    assert await house.code("order.pay", VIEWER, order=two, key="pay-00001") == "key_conflict"
    house.now_ms += CHECK_MS
    await house.run_timers()
    assert await money(house) == 4900
    assert await order_status(house, two) == "held"
    await house.ok("order.pay", VIEWER, order=two, key="pay-00002")


async def test_a_key_of_another_order_that_was_declined_moves_no_money_either(house: House) -> None:
    _, sku = await house.product()
    one, two = await buy(house, sku), await buy(house, sku)
    declined = {"order": one, "card": "declined", "key": "pay-00001"}
    assert await house.code("order.pay", VIEWER, **declined) == "payment_declined"
    assert await house.code("order.pay", VIEWER, order=two, key="pay-00001") == "key_conflict"
    assert await house.code("order.pay", VIEWER, **declined) == "payment_declined"
    assert await payment_statuses(house) == ["failed"]
    assert await money(house) == 0
    await house.ok("order.cancel", VIEWER, order=two)


async def test_a_declined_card(house: House) -> None:
    _, sku = await house.product(stock=1)
    order = await buy(house, sku)
    error = await house.error("order.pay", VIEWER, order=order, card="declined")
    assert (error["code"], error["temporary"]) == ("payment_declined", True)
    assert await order_status(house, order) == "held"
    assert await money(house) == 0
    await house.ok("order.pay", VIEWER, order=order)
    assert sorted(await payment_statuses(house)) == ["failed", "succeeded"]
    assert await stock(house, sku) == (0, 0)
    house.now_ms += CHECK_MS
    await house.run_timers()
    assert await order_status(house, order) == "paid"
    assert await money(house) == 4900


async def test_cancelling_while_the_payment_is_under_way(house: House) -> None:
    _, sku = await house.product(stock=1)
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.late = asyncio.Event()
    paying = asyncio.create_task(house.ok("order.pay", VIEWER, order=order))
    await shaky.was_asked()
    for name in ("order.cancel", "order.pay"):
        error = await house.error(name, VIEWER, order=order)
        assert (error["code"], error["temporary"]) == ("payment_pending", True)
    shaky.late.set()
    assert (await paying)["order"]["status"] == "paid"
    assert await house.code("order.cancel", VIEWER, order=order) == "order_not_held"
    assert await stock(house, sku) == (0, 0)


async def test_cancelling_and_paying_at_once(house: House) -> None:
    _, sku = await house.product(stock=10)
    orders = [await buy(house, sku) for _ in range(10)]
    acts = [("order.pay", o) for o in orders] + [("order.cancel", o) for o in orders]
    acts = acts[5:] + acts[:5]
    answers = await asyncio.gather(*(house.do(name, VIEWER, order=order) for name, order in acts))
    won = [act for act, answer in zip(acts, answers, strict=True) if answer["ok"]]
    assert sorted(order for _, order in won) == sorted(orders)  # one of the two each, never both
    paid = sum(name == "order.pay" for name, _ in won)
    assert await money(house) == paid * 4900
    assert await stock(house, sku) == (10 - paid, 0)


async def test_money_that_comes_after_the_hold_goes_back(house: House) -> None:
    _, sku = await house.product(stock=1)
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.late = asyncio.Event()
    paying = asyncio.create_task(house.error("order.pay", VIEWER, order=order, key="late-0001"))
    await shaky.was_asked()
    house.now_ms += HOLD_MS
    shaky.deaf = True
    with pytest.raises(ConnectionError):
        await house.run_timers()
    assert await order_status(house, order) == "expired"
    sold = await buy(house, sku, caller=OTHER)
    shaky.late.set()
    error = await paying
    assert (error["code"], error["details"]) == ("order_not_held", {"status": "expired", "refund": True})
    assert await money(house) == 4900  # the provider is still away
    shaky.deaf = False
    await house.run_timers()
    assert await money(house) == 0
    assert await payment_statuses(house) == ["refunded"]
    assert await order_status(house, order) == "expired"
    again = await house.error("order.pay", VIEWER, order=order, key="late-0001")
    assert again == error
    assert await house.run_timers() == 0
    await house.ok("order.pay", OTHER, order=sold)
    assert await money(house) == 4900


@pytest.mark.parametrize("breaks", ["before", "after"])
async def test_an_unreachable_provider(house: House, breaks: str) -> None:
    """The same key again goes on with the same attempt, whatever became of it."""
    _, sku = await house.product()
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.breaks = breaks
    error = await house.error("order.pay", VIEWER, order=order, key="shaky-001")
    assert (error["code"], error["temporary"]) == ("payment_pending", True)
    assert error["retry_after_ms"] > 0
    assert await house.code("order.pay", VIEWER, order=order) == "payment_pending"
    shaky.breaks = ""
    paid = await house.ok("order.pay", VIEWER, order=order, key="shaky-001")
    assert paid["order"]["status"] == "paid"
    house.now_ms += CHECK_MS
    await house.run_timers()
    assert await money(house) == 4900
    assert await payment_statuses(house) == ["succeeded"]


@pytest.mark.parametrize(("breaks", "status"), [("before", "held"), ("after", "paid")])
async def test_a_payment_that_nobody_asks_about_again(house: House, breaks: str, status: str) -> None:
    _, sku = await house.product()
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.breaks = breaks
    assert await house.code("order.pay", VIEWER, order=order) == "payment_pending"
    house.now_ms += CHECK_MS
    shaky.deaf = True
    with pytest.raises(ConnectionError):
        await house.run_timers()
    assert await payment_statuses(house) == ["started"]
    shaky.deaf = False
    assert await house.run_timers() == 1
    assert await order_status(house, order) == status
    assert house.told(VIEWER, "order")[-1]["data"]["order"]["status"] == status
    assert await money(house) == (4900 if status == "paid" else 0)
    if status == "held":
        await house.ok("order.cancel", VIEWER, order=order)
    assert await house.run_timers() == 0


async def test_a_charge_that_arrives_after_it_was_given_up(house: House) -> None:
    """The provider had not heard of it when asked: the order is free again, and then the money comes."""
    _, sku = await house.product()
    one, two, three = [await buy(house, sku) for _ in range(3)]
    shaky = Shaky(house)
    shaky.late = asyncio.Event()
    late = [asyncio.create_task(house.do("order.pay", VIEWER, order=o)) for o in (one, two, three)]
    await shaky.was_asked(3)
    house.now_ms += CHECK_MS
    await house.run_timers()
    assert await payment_statuses(house) == ["failed"] * 3
    await house.ok("order.cancel", VIEWER, order=two)
    gate, shaky.late = shaky.late, None
    await house.ok("order.pay", VIEWER, order=three)  # another attempt, which succeeds
    gate.set()
    first, second, third = await asyncio.gather(*late)
    assert first["order"]["status"] == "paid"
    assert second["error"]["details"] == {"status": "cancelled", "refund": True}
    assert third["error"]["details"] == {"status": "paid", "refund": True}
    await house.run_timers()
    assert await money(house) == 2 * 4900  # of the first and the third, once each
    assert await stock(house, sku) == (3, 0)


async def test_a_crash_between_charge_and_settling(migrated_url: str) -> None:
    async with house_at(migrated_url) as house:
        _, sku = await house.product(stock=2)
        order, lost = await buy(house, sku), await buy(house, sku)
        shaky = Shaky(house)
        shaky.breaks = "after"
        await house.do("order.pay", VIEWER, order=order, key="crash-001")
        shaky.breaks = "before"
        await house.do("order.pay", VIEWER, order=lost, key="crash-002")
        now_ms = house.now_ms
    async with open_house(migrated_url, now_ms=now_ms + CHECK_MS) as house:
        assert await house.run_timers() == 2
        assert await order_status(house, order) == "paid"
        assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")] == ["paid"]
        again = await house.ok("order.pay", VIEWER, order=order, key="crash-001")
        assert again["order"]["status"] == "paid"
        # The attempt that never reached the provider is made now.
        await house.ok("order.pay", VIEWER, order=lost, key="crash-002")
        assert await money(house) == 2 * 4900
        assert await stock(house, sku) == (0, 0)


async def test_a_database_that_is_away_while_a_payment_is_checked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer must stay until its word is written down."""
    _, sku = await house.product()
    order = await buy(house, sku)
    shaky = Shaky(house)
    shaky.breaks = "after"
    await house.do("order.pay", VIEWER, order=order)
    house.now_ms += CHECK_MS
    real = house.store.write

    async def away(work: Work) -> Answer:
        if work.name == "payment.settle":
            return refused(Refused("temporarily_unavailable"))
        return await real(work)

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "write", away)
        with pytest.raises(ConnectionError):
            await house.run_timers()
    assert await order_status(house, order) == "held"
    await house.run_timers()
    assert await order_status(house, order) == "paid"
    assert await house.run_timers() == 0
