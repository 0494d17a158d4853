"""Products and SKUs deleted for good.

What may still need them keeps them: stock held for unpaid orders, a sale that is announced or running, a
coupon for the product that can be claimed. Orders carry all that is told of them, so their history stays; a
refund has no stock to go back to, and money that comes too late goes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rooms.commands import ProductRef, SkuRef
from rooms.errors import Refused
from rooms.ports import Audit, Caller, Standing
from rooms.rows import Steps
from rooms.shop.changes import lock_goods, put_changes, shelves_of
from rooms.shop.coupons.store import COUPONS, CouponRow, read_dropped
from rooms.shop.sale_rules import phase
from rooms.shop.sale_store import SALES
from rooms.shop.sales import end_sale
from rooms.shop.shelf import SHELF, ShelfRow
from rooms.shop.shelves import require_shown, skus_now
from rooms.shop.store import PRODUCTS, SKUS, ProductRow, SkuRow
from rooms.unit import Unit


class Removal:
    """Deleting from a room (``product.delete``, ``sku.delete``) and over HTTP (``product``, ``sku``).

    All refuse with ``not_found`` and, while something depends on it, with ``in_use``, which is temporary.
    Done twice with another key it is ``not_found``, and nothing is changed.
    """

    def __init__(self, standing: Standing, audit: Audit) -> None:
        self._standing = standing
        self._audit = audit

    def delete(self, tx: Unit, cmd: ProductRef, caller: Caller) -> Steps[Any]:
        """A product that stands on the room's shelf. Refuses with ``forbidden`` too."""
        yield from self._load_shown(tx, cmd, caller)
        self._delete(tx, self._shown(tx, cmd, caller), caller)
        return {}

    def delete_sku(self, tx: Unit, cmd: SkuRef, caller: Caller) -> Steps[Any]:
        """One SKU of such a product. Refuses with ``forbidden``, and ``bad_request`` for the last one."""
        yield from self._load_shown(tx, cmd, caller)
        self._delete_sku(tx, self._shown(tx, cmd, caller), cmd.sku, caller)
        return {}

    def product(self, tx: Unit, product_id: str, caller: Caller) -> Steps[Any]:
        """A product of the caller's, on any shelves or none."""
        yield PRODUCTS.rows(product_id)
        yield from lock_goods(tx, product_id)
        self._delete(tx, _own(tx, product_id, caller), caller)
        return {}

    def sku(self, tx: Unit, product_id: str, sku_id: str, caller: Caller) -> Steps[Any]:
        """One SKU of such a product. Refuses with ``bad_request`` for the last one."""
        yield PRODUCTS.rows(product_id)
        yield from lock_goods(tx, product_id)
        self._delete_sku(tx, _own(tx, product_id, caller), sku_id, caller)
        return {}

    def _load_shown(self, tx: Unit, cmd: ProductRef | SkuRef, caller: Caller) -> Steps[None]:
        yield PRODUCTS.rows(cmd.product)
        yield from lock_goods(tx, cmd.product, cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield SHELF.rows((cmd.room, cmd.product))

    def _shown(self, tx: Unit, cmd: ProductRef | SkuRef, caller: Caller) -> ProductRow:
        require_shown(tx, self._standing, cmd.room, cmd.product, caller, "manage_products")
        product = tx.get(PRODUCTS, cmd.product)
        if product is None:
            raise Refused("not_found")
        return product

    def _delete(self, tx: Unit, product: ProductRow, caller: Caller) -> None:
        skus, shelves = skus_now(tx, product.id), shelves_of(tx, product.id)
        _refuse_in_use(tx, skus)
        _refuse_dropped(tx, product)
        _take_away(tx, skus)
        for row in shelves:
            _take_off(tx, row)
        tx.drop(PRODUCTS, product.id)
        detail: dict[str, Any] = {"title": product.title, "external_id": product.external_id}
        detail |= {"skus": [{"id": s.id, "name": s.name, "on_hand": s.on_hand} for s in skus]}
        self._note(tx, product, shelves, caller, "product.delete", product.id, detail)

    def _delete_sku(self, tx: Unit, product: ProductRow, sku_id: str, caller: Caller) -> None:
        skus, shelves = skus_now(tx, product.id), shelves_of(tx, product.id)
        sku = next((sku for sku in skus if sku.id == sku_id), None)
        if sku is None:
            raise Refused("not_found", "This product has no such SKU.")
        if len(skus) == 1:
            raise Refused("bad_request", "A product has at least one SKU: delete the product instead.")
        _refuse_in_use(tx, [sku])
        _take_away(tx, [sku])
        left = [other for other in skus if other is not sku]
        put_changes(tx, (product, skus), (product, left), shelves)
        detail = {"product": product.id, "title": product.title, "name": sku.name, "on_hand": sku.on_hand}
        detail |= {"external_id": sku.external_id}
        self._note(tx, product, shelves, caller, "sku.delete", sku.id, detail)

    def _note(
        self,
        tx: Unit,
        product: ProductRow,
        shelves: Iterable[ShelfRow],
        caller: Caller,
        action: str,
        target: str,
        detail: dict[str, Any],
    ) -> None:
        """In the seller's trail, and in that of each room that has lost something."""
        self._audit.note_of_seller(tx, product.seller_id, caller, action, target, detail)
        for row in shelves:
            self._audit.note(tx, row.room_id, caller, action, target, detail)


def _own(tx: Unit, product_id: str, caller: Caller) -> ProductRow:
    product = tx.get(PRODUCTS, product_id)
    if product is None or not (caller.operator or product.seller_id == caller.id):
        raise Refused("not_found")
    return product


def _refuse_in_use(tx: Unit, skus: Iterable[SkuRow]) -> None:
    for sku in skus:
        if sku.held:
            raise Refused("in_use", "Unpaid orders hold some of it.", details={"reason": "held"})
        sale = tx.get(SALES, sku.id)
        if sale is not None and phase(sale, tx.now_ms) != "ended":
            details = {"reason": "sale", "sale": sale.id}
            raise Refused("in_use", "A sale of it is announced or running.", details=details)


def _refuse_dropped(tx: Unit, product: ProductRow) -> None:
    """Coupons are dropped under their product's lock, so none is while this is decided."""
    dropped = tx.take_in(COUPONS, read_dropped(tx.conn, product.seller_id, product.id))
    for coupon in dropped:
        if coupon.product_id == product.id and _is_dropped(coupon, tx.now_ms):
            details = {"reason": "drop", "coupon": coupon.id}
            raise Refused("in_use", "A coupon for it can be claimed at the moment.", details=details)


def _is_dropped(coupon: CouponRow, now_ms: int) -> bool:
    return coupon.phase == "open" and (coupon.drop_until_ms or 0) > now_ms


def _take_away(tx: Unit, skus: Iterable[SkuRow]) -> None:
    for sku in skus:
        sale = tx.get(SALES, sku.id)
        if sale is not None:  # its time is over, and only its timer hasn't come around yet
            end_sale(tx, sale, "time")
        tx.drop(SKUS, sku.id)


def _take_off(tx: Unit, row: ShelfRow) -> None:
    """The room's shelf loses it, as with ``product.remove``."""
    if row.explaining:
        tx.append(row.room_id, "explaining.stopped", {"product": row.product_id})
    tx.drop(SHELF, row.room_id, row.product_id)
    tx.append(row.room_id, "product.removed", {"id": row.product_id, "deleted": True})
