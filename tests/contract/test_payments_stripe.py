"""Paying at Stripe, against a local server that speaks as Stripe documents it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from moderation.audit import Wanted, read_audit
from rooms.errors import Refused
from rooms.rows import Steps
from rooms.shop.owed import count_owed, read_owed
from rooms.shop.payments import give_back
from rooms.shop.store import ORDERS, PAYMENTS, orders_table, payments_table
from rooms.unit import Unit
from server.payments.stripe_checkout import Account, StripeCheckout
from server.store.group import Work
from tests.contract.house import HOST, OPERATOR, OTHER, ROOM, VIEWER, House, house_at
from tests.support.stripe_server import SECRET_KEY, WEBHOOK_SECRET, StripeServer, running_stripe, signed

HOLD_MS = 60_000


@dataclass
class Till:
    """A house whose money goes over Stripe."""

    house: House
    stripe: StripeServer

    async def order(self, *, stock: int = 1, price_minor: int = 4900, currency: str = "CNY") -> str:
        """A held order of everything there is."""
        added = await self.house.ok(
            "product.add", HOST, title="Tea", price_minor=price_minor, currency=currency, stock=stock
        )
        self.sku = added["product"]["skus"][0]["id"]
        order: str = (await self.house.ok("buy", VIEWER, sku=self.sku, qty=1))["order"]["id"]
        return order

    async def page(self, order: str, **more: Any) -> str:
        """The session of the page that ``order.pay`` sends the buyer to."""
        answer = await self.house.ok("order.pay", VIEWER, order=order, method="stripe", **more)
        return next(s for s, row in self.stripe.sessions.items() if row["url"] == answer["redirect"]["url"])

    async def tell(self, kind: str, thing: dict[str, Any]) -> dict[str, Any]:
        body = self.stripe.event(kind, thing)
        return await self.house.cashier.receive("stripe", signed(body), body)

    async def refused(self, body: bytes, headers: dict[str, str]) -> str:
        with pytest.raises(Refused) as error:
            await self.house.cashier.receive("stripe", headers, body)
        return error.value.code

    async def statuses(self, order: str) -> tuple[str, list[str]]:
        """The order's, and its payments', oldest first."""
        (row,) = await self.house.rows(select(orders_table.c.status).where(orders_table.c.id == order))
        query = select(payments_table.c.status).where(payments_table.c.order_id == order)
        rows = await self.house.rows(query.order_by(payments_table.c.created_at_ms, payments_table.c.id))
        return row["status"], [each["status"] for each in rows]

    def counted(self, outcome: str) -> float:
        labels = {"provider": "stripe", "outcome": outcome}
        return self.house.registry.get_sample_value("danmart_payments_total", labels) or 0.0


@pytest.fixture
async def till(migrated_url: str) -> AsyncIterator[Till]:
    async with (
        house_at(migrated_url, answer_within_s=20.0) as house,
        running_stripe(lambda: house.now_ms) as s,
    ):
        provider = StripeCheckout(Account(SECRET_KEY, WEBHOOK_SECRET, s.url))
        house.providers["stripe"] = provider
        yield Till(house, s)
        await provider.close()


async def test_the_way_to_stripe_and_back(till: Till) -> None:
    house, order = till.house, await till.order(stock=3)
    answer = await house.ok("order.pay", VIEWER, order=order, method="stripe", key="stripe-01")
    (session,) = till.stripe.sessions.values()
    assert answer["redirect"] == {"url": session["url"]}
    assert answer["expires_at_ms"] == house.now_ms + HOLD_MS - 2000
    assert session["metadata"] == {"payment": answer["payment"], "order": order, "room": "tea"}
    assert (session["amount_total"], session["currency"]) == (4900, "cny")
    assert session["success_url"] == f"https://live.example/r/tea?order={order}&checkout=done"
    assert session["cancel_url"] == f"https://live.example/r/tea?order={order}&checkout=cancelled"
    # The same page again, by the same key and by another.
    assert await house.ok("order.pay", VIEWER, order=order, method="stripe", key="stripe-01") == answer
    assert await house.ok("order.pay", VIEWER, order=order, method="stripe", key="stripe-02") == answer
    assert len(till.stripe.sessions) == 1
    assert await till.statuses(order) == ("held", ["started"])
    told = await till.tell("checkout.session.completed", till.stripe.pay(session["id"]))
    assert told == {"payment": answer["payment"], "status": "succeeded"}
    assert await till.statuses(order) == ("paid", ["succeeded"])
    assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")] == ["held", "paid"]
    # Said again, and contradicted: nothing changes.
    await till.tell("checkout.session.completed", session)
    await till.tell("checkout.session.expired", session)
    assert await till.statuses(order) == ("paid", ["succeeded"])
    house.now_ms += 10 * HOLD_MS
    await house.run_timers()
    assert await house.run_timers() == 0
    assert (till.counted("redirected"), till.counted("succeeded"), till.counted("failed")) == (1, 1, 0)


async def test_another_buyers_page_is_nobodys(till: Till) -> None:
    order = await till.order()
    await till.page(order)
    assert await till.house.code("order.pay", OTHER, order=order, method="stripe") == "not_found"
    error = await till.house.error("order.pay", VIEWER, order=order, method="external")
    assert (error["code"], error["details"][0]["path"]) == ("bad_request", "method")


async def test_events_that_prove_nothing(till: Till) -> None:
    order = await till.order()
    session = till.stripe.sessions[await till.page(order)]
    paid = {**session, "status": "complete", "payment_status": "paid"}
    body = till.stripe.event("checkout.session.completed", paid)
    assert await till.refused(body, {}) == "bad_signature"
    assert await till.refused(body, signed(body, secret="whsec_of_somebody_else")) == "bad_signature"
    assert await till.refused(body, signed(body, age_s=301)) == "bad_signature"
    assert await till.refused(body.replace(b"4900", b"0001"), signed(body)) == "bad_signature"
    assert await till.refused(b"\xff\xfe", signed(b"x")) in ("bad_signature", "bad_request")
    for text in (b"[]", b"{}", b"not json", b'"text"'):
        assert await till.refused(text, signed(text)) == "bad_request"
    for wrong in ({"amount_total": 1}, {"currency": "usd"}, {"amount_total": None}):
        body = till.stripe.event("checkout.session.completed", {**paid, **wrong})
        assert await till.refused(body, signed(body)) in ("payment_mismatch", "bad_request")
    foreign = {**paid, "metadata": {"payment": "somebody-elses"}}
    body = till.stripe.event("checkout.session.completed", foreign)
    assert await till.refused(body, signed(body)) == "not_found"
    assert await till.tell("checkout.session.completed", {**paid, "metadata": {}}) == {"ignored": True}
    assert await till.tell("customer.created", {"id": "cus_1", "object": "customer"}) == {"ignored": True}
    assert await till.statuses(order) == ("held", ["started"])


async def test_a_sandbox_payment_is_none_of_stripes_business(till: Till) -> None:
    order = await till.order()
    await till.house.error("order.pay", VIEWER, order=order, card="declined")
    (row,) = await till.house.rows(select(payments_table))
    thing = {"id": "cs_x", "object": "checkout.session", "payment_status": "paid", "currency": "cny"}
    body = till.stripe.event(
        "checkout.session.completed", {**thing, "amount_total": 4900, "metadata": {"payment": row["id"]}}
    )
    assert await till.refused(body, signed(body)) == "not_found"
    assert await till.statuses(order) == ("held", ["failed"])


async def test_the_page_is_closed_before_the_hold_ends(till: Till) -> None:
    house, order = till.house, await till.order()
    session = await till.page(order)
    house.now_ms += 10_000
    await house.run_timers()
    assert len(till.stripe.asked) == 1  # so early nobody asks
    house.now_ms += HOLD_MS - 12_000
    await house.run_timers()
    assert till.stripe.sessions[session]["status"] == "expired"
    assert await till.statuses(order) == ("held", ["failed"])
    house.now_ms += 2_000
    await house.run_timers()
    assert await till.statuses(order) == ("expired", ["failed"])
    sku = await house.sku(till.sku)
    assert (sku.stock, sku.held) == (1, 0)
    assert await house.run_timers() == 0


async def test_a_payment_that_no_webhook_tells_of(till: Till) -> None:
    house = till.house
    order = await till.order()
    till.stripe.pay(await till.page(order))
    for _ in range(2):
        house.now_ms += (HOLD_MS - 2_000) // 2
        await house.run_timers()
    assert await till.statuses(order) == ("paid", ["succeeded"])
    assert till.stripe.money == 4900


async def test_a_payment_in_the_moment_in_which_the_page_is_closed(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, order = till.house, await till.order()
    session = await till.page(order)
    real = till.stripe._act

    def paid_just_now(request: Any, params: dict[str, Any]) -> Any:
        if request.path.endswith("/expire"):
            till.stripe.pay(session)
        return real(request, params)

    monkeypatch.setattr(till.stripe, "_act", paid_just_now)
    house.now_ms += HOLD_MS - 2_000
    await house.run_timers()
    assert await till.statuses(order) == ("paid", ["succeeded"])


@pytest.mark.parametrize("sold_on", [False, True])
async def test_money_that_comes_after_the_hold(till: Till, sold_on: bool) -> None:
    """The webhook comes when the stock is back on the shelf, or sold to somebody else."""
    house, order = till.house, await till.order()
    session = till.stripe.pay(await till.page(order))
    till.stripe.down = True
    house.now_ms += HOLD_MS
    with pytest.raises(ConnectionError):
        await house.run_timers()
    assert (await till.statuses(order))[0] == "expired"
    if sold_on:
        await house.ok("buy", OTHER, sku=till.sku, qty=1)
    till.stripe.down = False
    await till.tell("checkout.session.completed", session)
    await house.run_timers()
    sku = await house.sku(till.sku)
    if sold_on:
        assert await till.statuses(order) == ("expired", ["refunded"])
        assert (till.stripe.money, sku.stock, sku.held) == (0, 0, 1)
        assert [r["metadata"] for r in till.stripe.refunds] == [{"payment": session["metadata"]["payment"]}]
    else:
        assert await till.statuses(order) == ("paid", ["succeeded"])
        assert (till.stripe.money, sku.stock, sku.held) == (4900, 0, 0)
        assert house.stock[till.sku] == 0
        assert [e["data"]["order"]["status"] for e in house.told(VIEWER, "order")] == [
            "held",
            "expired",
            "paid",
        ]


async def test_money_for_an_order_that_was_let_go(till: Till) -> None:
    house, order = till.house, await till.order()
    session = await till.page(order)
    await house.ok("order.cancel", VIEWER, order=order)
    assert await house.code("order.pay", VIEWER, order=order, method="stripe") == "order_not_held"
    await till.tell("checkout.session.completed", till.stripe.pay(session))
    await house.run_timers()
    assert await till.statuses(order) == ("cancelled", ["refunded"])
    assert till.stripe.money == 0


async def test_the_first_of_two_moneys_counts(till: Till) -> None:
    house, order = till.house, await till.order()
    session = await till.page(order)
    house.now_ms += 1
    await house.ok("order.pay", VIEWER, order=order, method="sandbox")
    await till.tell("checkout.session.completed", till.stripe.pay(session))
    await house.run_timers()
    assert await till.statuses(order) == ("paid", ["refunded", "succeeded"])
    assert till.stripe.money == 0


@pytest.mark.parametrize("paid", [True, False])
async def test_money_that_takes_its_time(till: Till, paid: bool) -> None:
    """A bank debit: the page is done, the hold ends, and days later it is known."""
    house, order = till.house, await till.order()
    session = await till.page(order)
    assert await till.tell("checkout.session.completed", till.stripe.pay(session, status="unpaid")) == {
        "ignored": True
    }
    for _ in range(8):
        house.now_ms += HOLD_MS
        await house.run_timers()
    assert await till.statuses(order) == ("expired", ["started"])
    row = till.stripe.bank_says(session, paid=paid)
    kind = "succeeded" if paid else "failed"
    await till.tell(f"checkout.session.async_payment_{kind}", row)
    assert await till.statuses(order) == (("paid", ["succeeded"]) if paid else ("expired", ["failed"]))


async def test_stripe_is_away(till: Till) -> None:
    house, order = till.house, await till.order()
    till.stripe.down = True
    error = await house.error("order.pay", VIEWER, order=order, method="stripe", key="stripe-01")
    assert (error["code"], error["temporary"]) == ("payment_pending", True)
    till.stripe.down = False
    # Stripe would give the same 500 to the same key for a day: the attempt is given up and made anew.
    house.now_ms += 10_000
    await house.run_timers()
    assert await till.statuses(order) == ("held", ["failed"])
    session = await till.page(order)
    await till.tell("checkout.session.completed", till.stripe.pay(session))
    assert (await till.statuses(order))[0] == "paid"
    assert till.counted("unanswered") == 1


async def test_stripe_answers_too_late(till: Till) -> None:
    """The time limit ends the wait; the same key asks for the same session, which is made once."""
    house, order = till.house, await till.order()
    house.cashier._answer_within_s = 0.3
    till.stripe.stuck.clear()
    code = await house.code("order.pay", VIEWER, order=order, method="stripe", key="stripe-01")
    assert code == "payment_pending"
    till.stripe.stuck.set()
    house.cashier._answer_within_s = 20.0
    answer = await house.ok("order.pay", VIEWER, order=order, method="stripe", key="stripe-01")
    made = [s["url"] for s in till.stripe.sessions.values()]
    assert made == [answer["redirect"]["url"]]


async def test_a_key_that_stripe_refuses(till: Till) -> None:
    provider = StripeCheckout(Account("sk_test_wrong", WEBHOOK_SECRET, till.stripe.url))
    till.house.providers["stripe"] = provider
    order = await till.order()
    assert await till.house.code("order.pay", VIEWER, order=order, method="stripe") == "payment_declined"
    await till.house.ok("order.pay", VIEWER, order=order, method="sandbox")
    await provider.close()


async def test_yen_have_no_cents(till: Till) -> None:
    order = await till.order(price_minor=1200, currency="JPY")
    session = await till.page(order)
    assert till.stripe.sessions[session]["amount_total"] == 1200
    kuna = await till.order(price_minor=1200, currency="ISK")
    session = await till.page(kuna)
    assert till.stripe.sessions[session]["amount_total"] == 120_000
    await till.tell("checkout.session.completed", till.stripe.pay(session))
    assert (await till.statuses(kuna))[0] == "paid"
    dinar = await till.order(price_minor=1234, currency="KWD")  # a last digit that Stripe can't take
    assert await till.house.code("order.pay", VIEWER, order=dinar, method="stripe") == "payment_declined"


async def test_the_host_gives_the_money_back(till: Till) -> None:
    house, order = till.house, await till.order()
    await till.tell("checkout.session.completed", till.stripe.pay(await till.page(order)))

    def refund(tx: Unit) -> Steps[Any]:
        yield ORDERS.rows(order)
        row = tx.get(ORDERS, order)
        assert row is not None
        yield PAYMENTS.rows(row.payment_id)
        return {"due": give_back(tx, row)}

    answers = [await house.store.write(Work("refund", refund)) for _ in range(2)]
    assert [orjson.loads(answer.body)["due"] for answer in answers] == [True, False]
    till.stripe.down = True
    await house.run_timers()
    assert (await till.statuses(order))[1] == ["refund_due"]
    assert await house.run_timers() == 0  # not at once again
    till.stripe.down = False
    house.now_ms += 5_000
    await house.run_timers()
    assert (await till.statuses(order))[1] == ["refunded"]
    assert (till.stripe.money, len(till.stripe.refunds)) == (0, 1)
    assert (till.counted("refund_failed"), till.counted("refunded")) == (1, 1)


async def test_a_refund_in_stripes_dashboard(till: Till) -> None:
    order = await till.order()
    session = await till.page(order)
    await till.tell("checkout.session.completed", till.stripe.pay(session))
    part = await till.tell("charge.refunded", till.stripe.charge_of(session, refunded=False))
    assert part == {"ignored": True}
    await till.tell("charge.refunded", till.stripe.charge_of(session, refunded=True))
    assert await till.statuses(order) == ("refunded", ["refunded"])
    await till.tell("charge.refunded", till.stripe.charge_of(session, refunded=True))
    assert [e["data"]["order"]["status"] for e in till.house.told(VIEWER, "order")] == [
        "held",
        "paid",
        "refunded",
    ]


async def test_many_say_the_same_at_once(till: Till) -> None:
    order = await till.order()
    session = till.stripe.pay(await till.page(order))
    told = await asyncio.gather(*(till.tell("checkout.session.completed", session) for _ in range(8)))
    assert {each["status"] for each in told} == {"succeeded"}
    statuses = [e["data"]["order"]["status"] for e in till.house.told(VIEWER, "order")]
    assert statuses == ["held", "paid"]


async def refunded_order(till: Till) -> tuple[str, dict[str, Any]]:
    """An order whose money Stripe has taken on to give back, and the refund."""
    order = await till.order()
    await till.tell("checkout.session.completed", till.stripe.pay(await till.page(order)))
    await till.house.ok("order.refund", HOST, order=order, reason="broken")
    await till.house.run_timers()
    (refund,) = till.stripe.refunds
    assert await till.statuses(order) == ("refunded", ["refunded"])
    return order, dict(refund)


async def owed(till: Till) -> dict[str, int]:
    counts = await till.house.store.read(count_owed)
    return {status: number for status, (number, _) in counts.items()}


@pytest.mark.parametrize("kind", ["refund.failed", "refund.updated", "charge.refund.updated"])
async def test_a_refund_that_comes_back_is_seen_and_tried_again(till: Till, kind: str) -> None:
    house = till.house
    order, made = await refunded_order(till)
    assert till.stripe.money == 0
    failed = dict(till.stripe.fail_refund(till.stripe.refunds[0]))
    for _ in range(2):  # Stripe may say anything twice
        assert (await till.tell(kind, failed))["status"] == "refund_failed"
    # What was under way before it failed arrives only now.
    await till.tell("refund.updated", made)
    await till.tell("charge.refunded", till.stripe.charge_of(next(iter(till.stripe.sessions)), refunded=True))
    assert await till.statuses(order) == ("refunded", ["refund_failed"])
    assert await owed(till) == {"refund_failed": 1, "refund_due": 0}
    (debt,) = await house.store.read(lambda conn: read_owed(conn, status="refund_failed"))
    assert (debt.wire()["problem"], debt.wire()["order"]) == ("expired_or_canceled_card", order)
    assert house.briefed("payment")[-1]["data"]["payment"]["status"] == "refund_failed"
    assert till.counted("refund_came_back") == 1
    house.now_ms += 24 * 3_600_000
    await house.run_timers()
    assert len(till.stripe.refunds) == 1, "nobody has decided anything yet"
    # An operator has it tried again; what is told of the first one changes nothing any more.
    assert (await house.cashier.retry_refund(debt.payment.id, OPERATOR)).ok
    await till.tell(kind, failed)
    assert await till.statuses(order) == ("refunded", ["refund_due"])
    await house.run_timers()
    assert await till.statuses(order) == ("refunded", ["refunded"])
    await till.tell(kind, failed)
    assert await till.statuses(order) == ("refunded", ["refunded"])
    assert (till.stripe.money, await owed(till)) == (0, {"refund_failed": 0, "refund_due": 0})
    assert (await house.cashier.retry_refund(debt.payment.id, OPERATOR)).code == "refund_not_failed"


async def test_a_refund_may_fail_before_we_have_written_that_it_was_taken_on(till: Till) -> None:
    order, made = await refunded_order(till)
    failed = till.stripe.fail_refund(till.stripe.refunds[0])
    await till.tell("refund.failed", failed)
    (debt,) = await till.house.store.read(lambda conn: read_owed(conn, status="refund_failed"))
    await till.house.cashier.retry_refund(debt.payment.id, OPERATOR)
    # The second is made and fails at once; the answer to our request comes after the event.
    second = {**made, "id": "re_second", "status": "failed", "failure_reason": "unknown"}
    await till.tell("refund.failed", second)
    answer = await till.house.store.write(
        Work("late", lambda tx: till.house.payments.refunded(tx, debt.payment.id, order, "re_second"))
    )
    assert answer.ok
    assert await till.statuses(order) == ("refunded", ["refund_failed"])
    # The buyer gets the money by a bank transfer, which an operator writes down.
    assert (await till.house.cashier.settle_refund(debt.payment.id, OPERATOR, "by bank transfer")).ok
    assert await till.statuses(order) == ("refunded", ["refunded"])
    settled = Wanted(ROOM, action="payment.refund_settled")
    (entry,) = await till.house.store.read(lambda conn: read_audit(conn, ROOM, wanted=settled))
    assert entry["actor"]["id"] == OPERATOR.id
    assert entry["detail"]["note"] == "by bank transfer"


async def test_refunds_that_are_not_ours_to_judge(till: Till) -> None:
    order, made = await refunded_order(till)
    assert await till.tell("refund.failed", {**made, "status": "failed", "metadata": {}}) == {"ignored": True}
    assert await till.tell("refund.updated", {**made, "status": "pending"}) == {"ignored": True}
    body = till.stripe.event("refund.failed", {**made, "status": "failed", "amount": 1})
    assert await till.refused(body, signed(body)) == "payment_mismatch"
    # One of before, of a payment that has been given back by another since.
    other = {**made, "id": "re_other", "status": "failed", "failure_reason": "unknown"}
    assert (await till.tell("refund.failed", other))["status"] == "refunded"
    assert await till.statuses(order) == ("refunded", ["refunded"])
