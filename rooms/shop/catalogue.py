"""The room's shelf: products added, changed, removed, pinned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import func, select

from rooms.commands import AddProduct, ChangeProduct, ProductRef
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Audit, Caller, Standing, TextRules
from rooms.rows import Steps, new_id
from rooms.shop.rules import restock
from rooms.shop.sale_store import SALES
from rooms.shop.sales import end_sale, say_what_is_left
from rooms.shop.store import (
    PRODUCTS,
    SKUS,
    ProductRow,
    SkuRow,
    product_card,
    products_table,
    read_sku_ids,
)
from rooms.unit import Unit

TITLE_MAX_CHARS = 120


class Catalogue:
    """The commands ``product.add``, ``product.change``, ``product.remove``, ``pin``, ``unpin``."""

    def __init__(
        self, standing: Standing, texts: TextRules, audit: Audit, *, products_max: int = 200
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._products_max = products_max

    def add(self, tx: Unit, cmd: AddProduct, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``too_many``, ``text_…``."""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "manage_products")
        title = self._texts.clean(cmd.title, TITLE_MAX_CHARS)
        position = self._next_position(tx, cmd.room)
        product = ProductRow(new_id(), cmd.room, title, cmd.picture, position, 0, tx.now_ms)
        sku = SkuRow(
            new_id(), product.id, cmd.room, "", cmd.price_minor, cmd.currency, stock=cmd.stock, held=0
        )
        tx.put(PRODUCTS, product)
        tx.put(SKUS, sku)
        card = product_card(product, [sku])
        tx.append(cmd.room, "product.added", {"product": card})
        tx.stock_left(cmd.room, sku.id, sku.stock)
        self._audit.note(tx, cmd.room, caller, "product.add", product.id, {"stock": sku.stock, **card})
        return {"product": card}

    def change(self, tx: Unit, cmd: ChangeProduct, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``not_found``, ``not_enough_stock``, ``text_…``."""
        yield PRODUCTS.rows(cmd.product)
        yield SALES.rows(*(sku_ids := read_sku_ids(tx.conn, cmd.product)))
        yield SKUS.rows(*sku_ids)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        product = self._product(tx, cmd.room, cmd.product, caller, "manage_products")
        skus = [sku for sku_id in sku_ids if (sku := tx.get(SKUS, sku_id))]
        new_skus = [_changed(sku, cmd) for sku in skus]
        title = product.title if cmd.title is None else self._texts.clean(cmd.title, TITLE_MAX_CHARS)
        new = tx.put(PRODUCTS, replace(product, title=title, picture=cmd.picture or product.picture))
        for sku, new_sku in zip(skus, new_skus, strict=True):
            tx.put(SKUS, new_sku)
            if new_sku.stock != sku.stock:
                say_what_is_left(tx, new_sku)
        card = product_card(new, new_skus)
        if card != product_card(product, skus):
            tx.append(cmd.room, "product.changed", {"product": card})
        changes = cmd.model_dump(exclude={"room", "key", "product"}, exclude_none=True)
        self._audit.note(tx, cmd.room, caller, "product.change", product.id, changes)
        return {"product": card}

    def remove(self, tx: Unit, cmd: ProductRef, caller: Caller) -> Steps[Any]:
        """Takes it off the shelf and ends its sales; holds and orders of it stay. Refuses with ``forbidden``,
        ``not_found``."""
        yield PRODUCTS.rows(cmd.product)
        yield SALES.rows(*(sku_ids := read_sku_ids(tx.conn, cmd.product)))
        yield SKUS.rows(*sku_ids)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        product = self._product(tx, cmd.room, cmd.product, caller, "manage_products")
        for sale in [sale for sku_id in sku_ids if (sale := tx.get(SALES, sku_id))]:
            end_sale(tx, sale, "product_removed")
        tx.put(PRODUCTS, replace(product, removed=1))
        tx.append(cmd.room, "product.removed", {"id": product.id})
        self._audit.note(tx, cmd.room, caller, "product.remove", product.id, {"title": product.title})
        return {}

    def pin(self, tx: Unit, cmd: ProductRef, caller: Caller) -> Steps[Any]:
        return self._pin(tx, cmd, caller, "product.pinned")

    def unpin(self, tx: Unit, cmd: ProductRef, caller: Caller) -> Steps[Any]:
        return self._pin(tx, cmd, caller, "product.unpinned")

    def _pin(self, tx: Unit, cmd: ProductRef, caller: Caller, kind: str) -> Steps[Any]:
        yield PRODUCTS.rows(cmd.product)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        product = self._product(tx, cmd.room, cmd.product, caller, "pin")
        tx.append(cmd.room, kind, {"id": product.id})
        self._audit.note(tx, cmd.room, caller, kind, product.id, {})
        return {}

    def _product(self, tx: Unit, room_id: str, product_id: str, caller: Caller, action: str) -> ProductRow:
        tx.room(room_id)
        self._standing.require(tx, room_id, caller, action)
        product = tx.get(PRODUCTS, product_id)
        if product is None or product.removed or product.room_id != room_id:
            raise Refused("not_found", "There is no such product on this room's shelf.")
        return product

    def _next_position(self, tx: Unit, room_id: str) -> int:
        """Rarely called, so it may ask the database; products added in the same group are still in memory."""
        query = select(func.count(), func.max(products_table.c.position)).where(
            products_table.c.room_id == room_id, products_table.c.removed == 0
        )
        count, highest = tx.conn.execute(query).one()
        fresh = [p for p in tx.fresh(PRODUCTS) if p.room_id == room_id]
        if count + len(fresh) >= self._products_max:
            raise Refused("too_many", details={"limit": self._products_max})
        return max([highest or 0, *(p.position for p in fresh)]) + 1


def _changed(sku: SkuRow, cmd: ChangeProduct) -> SkuRow:
    sku = restock(sku, cmd.stock_delta or 0)
    return sku if cmd.price_minor is None else replace(sku, price_minor=cmd.price_minor)
