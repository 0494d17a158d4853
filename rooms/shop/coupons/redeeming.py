"""Coupons and orders: a hold reserves, an order that comes to nothing gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from rooms.ports import Caller
from rooms.rows import Steps
from rooms.shop.coupons.rules import claim_key, give_back, refuse_unless_usable
from rooms.shop.coupons.service import tell
from rooms.shop.coupons.store import CLAIMS, TERMS, ClaimRow, CouponRow
from rooms.shop.pricing import CouponKind, CouponTerms
from rooms.shop.store import ORDERS, OrderRow
from rooms.unit import Unit


class CouponRedeeming:
    """Implements the orders' ``CouponPort``. An id is a claim's: only its holder can name it."""

    def load(self, ids: Sequence[str], caller: Caller) -> Steps[None]:
        """The caller's claims and their terms; raises ``Refused("not_found")`` for what can't be an id."""
        yield from _load(ids, caller.id or "")

    def load_for(self, order: OrderRow) -> Steps[None]:
        yield from _load(order.coupon_ids, order.buyer_id)

    def terms(self, tx: Unit, ids: Sequence[str], caller: Caller, room_id: str) -> list[CouponTerms]:
        """What they take off, in the order of ``ids``. Raises ``Refused``: ``not_found``, ``coupon_used``,
        ``coupon_expired``."""
        found = []
        for claim_id in ids:
            row = tx.get(CLAIMS, *claim_key(claim_id, caller.id or ""))
            row = refuse_unless_usable(row, room_id, tx.now_ms)
            found.append(_terms(row, _coupon(tx, row)))
        return found

    def redeem(self, tx: Unit, ids: Sequence[str], order_id: str) -> None:
        """Reserve them for an order that this unit has put. After ``terms`` in the same handler."""
        order = tx.get(ORDERS, order_id)
        buyer_id = order.buyer_id if order else ""
        for claim_id in ids:
            row = tx.get(CLAIMS, *claim_key(claim_id, buyer_id))
            if row is not None:
                _write(tx, replace(row, order_id=order_id))

    def give_back(self, tx: Unit, order: OrderRow) -> None:
        """The hold ended unpaid, or the order was refunded. Safe to do twice."""
        for claim_id in order.coupon_ids:
            row = tx.get(CLAIMS, *claim_key(claim_id, order.buyer_id))
            if row is not None and (after := give_back(row, order, tx.now_ms)) is not row:
                _write(tx, after)


def _load(ids: Sequence[str], user_id: str) -> Steps[None]:
    keys = [claim_key(claim_id, user_id) for claim_id in ids]
    yield CLAIMS.rows(*keys)
    yield TERMS.rows(*(coupon_id for coupon_id, _, _ in keys))


def _coupon(tx: Unit, row: ClaimRow) -> CouponRow:
    coupon = tx.get(TERMS, row.coupon_id)
    if coupon is None:
        raise LookupError(f"the coupon of {row.id} is gone")
    return coupon


def _write(tx: Unit, row: ClaimRow) -> None:
    tell(tx, tx.put(CLAIMS, row), _coupon(tx, row))


def _terms(row: ClaimRow, coupon: CouponRow) -> CouponTerms:
    return CouponTerms(
        kind=cast("CouponKind", coupon.kind),
        value=coupon.value,
        minimum_minor=coupon.minimum_minor,
        product=coupon.product_id,
        stackable=bool(coupon.stackable),
        id=row.id,
        label=coupon.title,
        currency=coupon.currency,
    )
