"""The commands about a room's shelf: what of its host's products stands on it, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from rooms.commands import MoveProduct, ProductRef
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Audit, Caller, Standing
from rooms.rows import Steps
from rooms.shop.changes import tell_stock
from rooms.shop.sale_store import SALES
from rooms.shop.sales import end_sale
from rooms.shop.shelf import SHELF, ShelfRow, count_skus, move, place, read_shelf
from rooms.shop.store import PRODUCTS, SKUS, ProductRow, SkuRow, in_order, product_card, read_skus
from rooms.unit import Unit


class Shelves:
    """The commands ``shelf.add``, ``shelf.move`` and ``product.remove``."""

    def __init__(self, standing: Standing, audit: Audit, *, products_max: int, skus_max: int) -> None:
        self._standing = standing
        self._audit = audit
        self._products_max = products_max
        self._skus_max = skus_max

    def add(self, tx: Unit, cmd: ProductRef, caller: Caller) -> Steps[Any]:
        """A product of the room's host onto the end of its shelf; where it stands already it stays. Refuses
        with ``forbidden``, ``not_found``, ``too_many``."""
        yield PRODUCTS.rows(cmd.product)
        found = read_skus(tx.conn, [cmd.product]).get(cmd.product, [])
        yield SALES.rows(*(sku.id for sku in found))
        yield SKUS.rows(*(sku.id for sku in found))
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield SHELF.rows((cmd.room, cmd.product))
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "manage_products")
        product = tx.get(PRODUCTS, cmd.product)
        if product is None or product.seller_id != room.host_id:
            raise Refused("not_found", "The room's host has no such product.")
        skus = skus_now(tx, product.id)
        row = tx.get(SHELF, cmd.room, cmd.product)
        if row is not None:
            return {"product": product_card(product, skus, row.position)}
        row = self.placed(tx, cmd.room, product.id, skus)
        card = self.show(tx, row, product, skus)
        self._audit.note(tx, cmd.room, caller, "shelf.add", product.id, {"title": product.title})
        return {"product": card}

    def move(self, tx: Unit, cmd: MoveProduct, caller: Caller) -> Steps[Any]:
        """A product to another place; the shelf is numbered anew. Refuses with ``forbidden``,
        ``not_found``."""
        yield PRODUCTS.rows(cmd.product)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield SHELF.rows((cmd.room, cmd.product))
        self.require(tx, cmd, caller)
        shelf = shelf_now(tx, cmd.room)
        moved = move(shelf, cmd.product, cmd.position)
        for row in moved:
            tx.put(SHELF, row)
        if [row.product_id for row in moved] != [row.product_id for row in shelf]:
            position = next(row.position for row in moved if row.product_id == cmd.product)
            data = {"id": cmd.product, "position": position}
            tx.append(cmd.room, "product.moved", data)
            self._audit.note(tx, cmd.room, caller, "shelf.move", cmd.product, data)
        return {"products": [row.product_id for row in moved]}

    def remove(self, tx: Unit, cmd: ProductRef, caller: Caller) -> Steps[Any]:
        """Takes it off this shelf and ends its sales in this room; the product, its holds and orders stay.
        Refuses with ``forbidden``, ``not_found``."""
        yield PRODUCTS.rows(cmd.product)
        sku_ids = [sku.id for sku in read_skus(tx.conn, [cmd.product]).get(cmd.product, [])]
        yield SALES.rows(*sku_ids)
        yield SKUS.rows(*sku_ids)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield SHELF.rows((cmd.room, cmd.product))
        row = self.require(tx, cmd, caller)
        product = tx.get(PRODUCTS, cmd.product)
        for sale in [sale for sku_id in sku_ids if (sale := tx.get(SALES, sku_id))]:
            if sale.room_id == cmd.room:
                end_sale(tx, sale, "product_removed")
        if row.explaining:
            tx.append(cmd.room, "explaining.stopped", {"product": cmd.product})
        tx.drop(SHELF, cmd.room, cmd.product)
        tx.append(cmd.room, "product.removed", {"id": cmd.product})
        detail = {"title": product.title if product else ""}
        self._audit.note(tx, cmd.room, caller, "product.remove", cmd.product, detail)
        return {}

    def require(
        self, tx: Unit, cmd: ProductRef | MoveProduct, caller: Caller, action: str = "manage_products"
    ) -> ShelfRow:
        """The product's place on the room's shelf, which must have been asked for. Raises ``Refused``."""
        return require_shown(tx, self._standing, cmd.room, cmd.product, caller, action)

    def placed(self, tx: Unit, room_id: str, product_id: str, skus: Sequence[SkuRow]) -> ShelfRow:
        """The row at the end of the shelf, not written yet. Raises ``Refused("too_many")``."""
        self.refuse_full(tx, room_id, len(skus))
        return place(shelf_now(tx, room_id), room_id, product_id, self._products_max)

    def space(self, tx: Unit, room_id: str) -> int:
        """How many SKUs more the room's shelf can show. The room must be locked, and so whoever adds SKUs to
        what stands there, or takes some away, waits."""
        shown = {row.product_id for row in shelf_now(tx, room_id)}
        fresh = sum(sku.product_id in shown for sku in tx.fresh(SKUS))
        gone = sum(sku.product_id in shown for sku in tx.gone(SKUS))
        return self._skus_max - (count_skus(tx.conn, shown) + fresh - gone)

    def refuse_full(self, tx: Unit, room_id: str, more: int) -> None:
        """Raises ``Refused("too_many")`` if the shelf can't show so many SKUs more."""
        if more > 0 and self.space(tx, room_id) < more:
            limit = self._skus_max
            raise Refused("too_many", f"A shelf shows at most {limit} SKUs.", details={"limit": limit})

    def space_read(self, conn: Connection, room_id: str) -> int:
        """The same as ``space``, by what is committed."""
        return self._skus_max - count_skus(conn, [row.product_id for row in read_shelf(conn, room_id)])

    def show(self, tx: Unit, row: ShelfRow, product: ProductRow, skus: Sequence[SkuRow]) -> dict[str, Any]:
        """Put the product on the shelf and tell the room; gives its card."""
        tx.put(SHELF, row)
        card = product_card(product, skus, row.position)
        tx.append(row.room_id, "product.added", {"product": card})
        for sku in skus:
            tell_stock(tx, sku)
        return card


def skus_now(tx: Unit, product_id: str) -> list[SkuRow]:
    """The SKUs of a product as they are now in this unit, in their order. The product must be locked, and
    its SKUs asked for."""
    found = read_skus(tx.conn, [product_id]).get(product_id, [])
    fresh = [sku for sku in tx.fresh(SKUS) if sku.product_id == product_id]
    return in_order([*(row for sku in found if (row := tx.get(SKUS, sku.id))), *fresh])


def shelf_now(tx: Unit, room_id: str) -> list[ShelfRow]:
    """The room's shelf as it is now in this unit, in its order. The room must be locked."""
    rows = tx.take_in(SHELF, read_shelf(tx.conn, room_id))
    return sorted((r for r in rows if r.room_id == room_id), key=lambda r: (r.position, r.product_id))


def require_shown(
    tx: Unit, standing: Standing, room_id: str, product_id: str, caller: Caller, action: str
) -> ShelfRow:
    """The product's place on the room's shelf, if the caller may ``action`` in the room. Raises ``Refused``:
    ``room_not_found``, ``forbidden``, ``not_found``."""
    tx.room(room_id)
    standing.require(tx, room_id, caller, action)
    row = tx.get(SHELF, room_id, product_id)
    if row is None:
        raise Refused("not_found", "There is no such product on this room's shelf.")
    return row
