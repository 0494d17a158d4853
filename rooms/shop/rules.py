"""The shop's decisions, pure: no I/O, no clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from rooms.errors import Refused
from rooms.shop.store import OrderRow, SkuRow

Outcome = Literal["succeeded", "failed"]


def take(sku: SkuRow, qty: int) -> SkuRow:
    """Reserve; raises ``Refused``: ``sold_out``, ``stock_held``, ``not_enough_stock``."""
    if sku.stock >= qty:
        return replace(sku, stock=sku.stock - qty, held=sku.held + qty)
    if sku.stock > 0:
        raise Refused("not_enough_stock", details={"left": sku.stock})
    if sku.held > 0:
        raise Refused("stock_held", retry_after_ms=5000)
    raise Refused("sold_out")


def give_back(sku: SkuRow, qty: int) -> SkuRow:
    """A hold ends unpaid."""
    return replace(sku, stock=sku.stock + qty, held=sku.held - qty)


def sell(sku: SkuRow, qty: int) -> SkuRow:
    """A hold is paid: what was reserved is gone for good."""
    return replace(sku, held=sku.held - qty, version=sku.version + 1)


def restock(sku: SkuRow, delta: int) -> SkuRow:
    """Add to what can be bought, or take away; raises ``Refused("not_enough_stock")`` below zero."""
    if sku.stock + delta < 0:
        raise Refused("not_enough_stock", details={"left": sku.stock})
    return replace(sku, stock=sku.stock + delta, version=sku.version + 1) if delta else sku


def count_anew(sku: SkuRow, on_hand: int) -> SkuRow:
    """So many are on hand, what is held for unpaid orders among them; raises ``Refused("not_enough_stock")``
    if more than that are held."""
    if on_hand < sku.held:
        raise Refused("not_enough_stock", "More are held for unpaid orders.", details={"held": sku.held})
    return restock(sku, on_hand - sku.on_hand)


def refuse_stale(sku: SkuRow, version: int | None) -> None:
    """Whoever decided by an older version than this doesn't know what is on hand; None: doesn't ask."""
    if version is not None and version != sku.version:
        details = {"version": sku.version, "stock": sku.stock, "held": sku.held}
        raise Refused("stale_version", details=details)


def refuse_unless_held(order: OrderRow, now_ms: int) -> None:
    """Only a hold that still runs can be paid or cancelled."""
    if order.status != "held" or now_ms >= order.hold_until_ms:
        status = "expired" if order.status == "held" else order.status
        raise Refused("order_not_held", details={"status": status})


def step(
    order: OrderRow, status: str, now_ms: int, *, by: str | None = None, reason: str | None = None
) -> OrderRow:
    """The order with its next status, and with that in its history. ``by`` None: it happened by itself."""
    return replace(order, status=status, history=[*order.history, entry(status, now_ms, by, reason)])


def entry(status: str, now_ms: int, by: str | None, reason: str | None = None) -> dict[str, Any]:
    """A line of an order's history."""
    line: dict[str, Any] = {"status": status, "at_ms": now_ms, "by": by}
    return line if reason is None else line | {"reason": reason}


def refund(order: OrderRow, now_ms: int, *, by: str | None, reason: str) -> OrderRow:
    """The money goes back; raises ``Refused("order_not_paid")``."""
    if order.status != "paid":
        raise Refused("order_not_paid", details={"status": order.status})
    return replace(step(order, "refunded", now_ms, by=by, reason=reason), refunded_at_ms=now_ms)
