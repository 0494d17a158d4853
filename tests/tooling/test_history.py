"""The checker of histories finds each thing that can be wrong, and nothing in what is right."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from tests.support.history import Asked, Stored, StoredOrder, StoredPayment, faults


def done(order: str, status: str = "held") -> dict[str, Any]:
    return {"ok": True, "order": {"id": order, "qty": 1, "status": status}}


def no(code: str, *, temporary: bool) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "temporary": temporary}}


def sound() -> tuple[list[Asked], Stored]:
    """Ann pays, after a lost acknowledgement; Bo's hold runs out; Cy cancels; Di comes too late."""
    history = [
        Asked("ann", "buy", {"key": "a"}),
        Asked("ann", "buy", {"key": "a"}, no("stock_held", temporary=True)),
        Asked("ann", "buy", {"key": "a"}, done("1")),
        Asked("ann", "order.pay", {"key": "ap"}, no("payment_declined", temporary=True)),
        Asked("ann", "order.pay", {"key": "ap2"}, done("1", "paid")),
        Asked("bo", "buy", {"key": "b"}, done("2")),
        Asked("bo", "order.pay", {"key": "bp"}),
        Asked("cy", "buy", {"key": "c"}),
        Asked("cy", "order.cancel", {"key": "cc"}, done("3", "cancelled")),
        Asked("di", "buy", {"key": "d"}, no("sold_out", temporary=False)),
    ]
    orders = [
        StoredOrder("1", "ann", 1, 100, "paid"),
        StoredOrder("2", "bo", 1, 100, "expired"),
        StoredOrder("3", "cy", 1, 100, "cancelled"),
    ]
    payments = [
        StoredPayment("1", "failed", 100),
        StoredPayment("1", "succeeded", 100),
        StoredPayment("2", "refunded", 100),
    ]
    keys = {("ann", "a"): "1", ("bo", "b"): "2", ("cy", "c"): "3"}
    return history, Stored(3, 2, 0, {order.id: order for order in orders}, payments, keys)


def test_a_sound_history_has_no_faults() -> None:
    assert faults(*sound()) == []


History = list[Asked]


def _status(stored: Stored, order: str, status: str) -> None:
    stored.orders[order] = replace(stored.orders[order], status=status)


def oversold(history: History, stored: Stored) -> None:
    stored.received = 0
    stored.stock = -1


def a_unit_that_came_back_twice(history: History, stored: Stored) -> None:
    stored.stock += 1


def a_hold_that_nobody_has(history: History, stored: Stored) -> None:
    stored.held += 1
    stored.stock -= 1


def an_acknowledged_order_that_is_lost(history: History, stored: Stored) -> None:
    del stored.orders["2"], stored.keys["bo", "b"]
    stored.payments.pop()


def an_acknowledged_payment_that_is_lost(history: History, stored: Stored) -> None:
    _status(stored, "1", "expired")
    stored.stock += 1
    stored.payments[1] = StoredPayment("1", "refunded", 100)


def an_acknowledged_cancellation_that_is_lost(history: History, stored: Stored) -> None:
    _status(stored, "3", "held")
    stored.stock, stored.held = 1, 1


def somebody_elses_order(history: History, stored: Stored) -> None:
    history[5].answer = done("3")


def two_orders_for_one_key(history: History, stored: Stored) -> None:
    stored.orders["4"] = StoredOrder("4", "ann", 1, 100, "cancelled")
    history.append(Asked("ann", "buy", {"key": "a"}, done("4")))
    stored.keys["ann", "another"] = "4"
    history.append(Asked("ann", "buy", {"key": "another"}))


def a_final_no_after_a_yes(history: History, stored: Stored) -> None:
    history.append(Asked("ann", "buy", {"key": "a"}, no("sold_out", temporary=False)))


def a_final_no_to_who_holds_one(history: History, stored: Stored) -> None:
    history.append(Asked("cy", "buy", {"key": "c"}, no("sold_out", temporary=False)))


def an_order_without_a_key(history: History, stored: Stored) -> None:
    stored.orders["9"] = StoredOrder("9", "bo", 1, 100, "expired")


def an_order_that_nobody_asked_for(history: History, stored: Stored) -> None:
    stored.orders["9"] = StoredOrder("9", "ed", 1, 100, "expired")
    stored.keys["ed", "e"] = "9"


def one_order_for_two_keys(history: History, stored: Stored) -> None:
    history.append(Asked("ann", "buy", {"key": "z"}))
    stored.keys["ann", "z"] = "1"


def a_key_whose_order_is_gone(history: History, stored: Stored) -> None:
    stored.keys["di", "d2"] = "8"


def money_kept_for_nothing(history: History, stored: Stored) -> None:
    stored.payments[2] = StoredPayment("2", "succeeded", 100)


def paid_twice(history: History, stored: Stored) -> None:
    stored.payments.append(StoredPayment("1", "succeeded", 100))


def paid_and_no_money(history: History, stored: Stored) -> None:
    stored.payments[1] = StoredPayment("1", "refunded", 100)


def money_on_its_way(history: History, stored: Stored) -> None:
    stored.payments[2] = StoredPayment("2", "refund_due", 100)


BROKEN: dict[Callable[[History, Stored], None], str] = {
    oversold: "negative",
    a_unit_that_came_back_twice: "is not 3",
    a_hold_that_nobody_has: "its orders",
    an_acknowledged_order_that_is_lost: "is not there",
    an_acknowledged_payment_that_is_lost: "acknowledged as paid",
    an_acknowledged_cancellation_that_is_lost: "acknowledged as cancelled",
    somebody_elses_order: "another's",
    two_orders_for_one_key: "was answered",
    a_final_no_after_a_yes: "was answered",
    a_final_no_to_who_holds_one: "refused for good",
    an_order_without_a_key: "has no key",
    an_order_that_nobody_asked_for: "never asked for",
    one_order_for_two_keys: "2 keys",
    a_key_whose_order_is_gone: "which is not there",
    money_kept_for_nothing: "was kept",
    paid_twice: "was kept",
    paid_and_no_money: "was kept",
    money_on_its_way: "still refund_due",
}


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda breaks: breaks.__name__)
def test_each_fault_is_found(breaks: Callable[[History, Stored], None]) -> None:
    history, stored = deepcopy(sound())
    breaks(history, stored)
    found = faults(history, stored)
    assert any(BROKEN[breaks] in fault for fault in found), found
