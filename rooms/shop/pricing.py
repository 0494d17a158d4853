"""What an order costs: one pure function, exact in minor units, with a line for each thing that counts.

Coupons are taken in a fixed order, however they were named: vouchers, percentages, thresholds, fixed amounts,
each kind by id. Each takes from what the ones before have left, never more than that; a minimum is
held against the price of the goods before any coupon. So one coupon more never makes an order dearer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rooms.errors import Refused

CouponKind = Literal["voucher", "percent", "threshold", "fixed"]

_ORDER: dict[str, int] = {"voucher": 0, "percent": 1, "threshold": 2, "fixed": 3}


@dataclass(frozen=True, slots=True)
class SalePrice:
    """A running flash sale: its price replaces the list price if that isn't lower, and keeps coupons out
    unless ``stackable``."""

    id: str
    price_minor: int
    stackable: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class CouponTerms:
    """What a coupon takes off.

    ``value`` is minor units of ``currency`` for ``threshold`` and ``fixed``; whole percent (0-100) for
    ``percent``, whose discount is rounded down; the most that one piece is paid with for ``voucher`` (0:
    whatever it costs). ``minimum_minor`` is what the goods must cost at least. ``product`` None: of any;
    ``currency`` "": in any.
    """

    kind: CouponKind
    value: int
    minimum_minor: int
    product: str | None
    stackable: bool
    id: str
    label: str
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Priced:
    """``subtotal_minor`` is at the list price; ``unit_price_minor`` is what a piece costs before coupons.
    The amounts of ``lines`` add up to ``total_minor``, which is ``subtotal_minor - discount_minor``."""

    subtotal_minor: int
    discount_minor: int
    total_minor: int
    lines: list[dict[str, Any]]
    unit_price_minor: int


def price(
    unit_price_minor: int,
    qty: int,
    sale: SalePrice | None = None,
    coupons: Sequence[CouponTerms] = (),
    *,
    label: str = "",
    product: str = "",
    currency: str = "",
) -> Priced:
    """The price of ``qty`` pieces of ``product`` at a list price.

    Raises ``Refused("coupon_not_applicable")`` with ``details`` ``{coupon, reason}`` if one can't be used
    with this order, rather than to charge more than the buyer was shown: ``sale``, ``not_stackable``,
    ``product``, ``currency``, ``minimum``, ``twice``.
    """
    subtotal = unit_price_minor * qty
    unit = unit_price_minor if sale is None else min(unit_price_minor, sale.price_minor)
    goods = left = unit * qty
    lines: list[dict[str, Any]] = [{"kind": "item", "label": label, "amount_minor": subtotal}]
    if sale is not None:
        lines.append({"kind": "sale", "label": sale.label, "amount_minor": goods - subtotal, "ref": sale.id})
    if coupons:
        _refuse_unusable(coupons, goods, sale, product, currency)
    for coupon in sorted(coupons, key=lambda c: (_ORDER[c.kind], c.id)):
        off = min(_discount(coupon, left, unit), left)
        left -= off
        lines.append({"kind": "coupon", "label": coupon.label, "amount_minor": -off, "ref": coupon.id})
    return Priced(subtotal, subtotal - left, left, lines, unit)


def _discount(coupon: CouponTerms, left_minor: int, unit_minor: int) -> int:
    if coupon.kind == "percent":
        return left_minor * coupon.value // 100
    if coupon.kind == "voucher":
        return min(unit_minor, coupon.value) if coupon.value else unit_minor
    return coupon.value


def _refuse_unusable(
    coupons: Sequence[CouponTerms], goods_minor: int, sale: SalePrice | None, product: str, currency: str
) -> None:
    if len({coupon.id for coupon in coupons}) < len(coupons):
        raise _unusable(coupons[0], "twice")
    for coupon in coupons:
        if sale is not None and not sale.stackable:
            raise _unusable(coupon, "sale")
        if len(coupons) > 1 and not coupon.stackable:
            raise _unusable(coupon, "not_stackable")
        if coupon.product not in (None, product):
            raise _unusable(coupon, "product")
        if coupon.currency not in ("", currency):
            raise _unusable(coupon, "currency")
        if goods_minor < coupon.minimum_minor:
            raise _unusable(coupon, "minimum")


def _unusable(coupon: CouponTerms, reason: str) -> Refused:
    return Refused("coupon_not_applicable", details={"coupon": coupon.id, "reason": reason})
