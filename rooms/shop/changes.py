"""What makes and changes products has in common: what a unit knows of them, and writing what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select

from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.rows import Kind, Steps
from rooms.shop.sale_store import SALES
from rooms.shop.sales import say_what_is_left
from rooms.shop.shelf import SHELF, ShelfRow, read_shelves_of
from rooms.shop.store import (
    PRODUCTS,
    SKUS,
    ProductRow,
    SkuRow,
    product_card,
    products_table,
    read_skus,
)
from rooms.unit import Unit

Goods = tuple[ProductRow, Sequence[SkuRow]]


def put_changes(tx: Unit, old: Goods, new: Goods, shelves: Sequence[ShelfRow]) -> None:
    """Write what differs, and tell the rooms that show the product, whose heads must be locked."""
    product, skus = new
    known = {sku.id: sku for sku in old[1]}
    if product != old[0]:
        tx.put(PRODUCTS, product)
    for sku in skus:
        was = known.get(sku.id)
        if sku == was:
            continue
        tx.put(SKUS, sku)
        if was is None or sku.stock != was.stock:
            tell_stock(tx, sku)
    for row in shelves:
        card = product_card(product, skus, row.position)
        if card != product_card(*old, row.position):
            tx.append(row.room_id, "product.changed", {"product": card})


def lock_goods(tx: Unit, product_id: str, *rooms: str) -> Steps[None]:
    """The product's SKUs with their sales, ``rooms``, and every room that shows it. The product must be
    locked."""
    found = read_skus(tx.conn, [product_id]).get(product_id, [])
    yield SALES.rows(*(sku.id for sku in found))
    yield SKUS.rows(*(sku.id for sku in found))
    showing = {row.room_id for row in read_shelves_of(tx.conn, [product_id])}
    yield ROOMS.rows(*sorted(showing.union(rooms)))


def tell_stock(tx: Unit, sku: SkuRow) -> None:
    """Let the rooms know what is left. ``SALES`` must have been asked for, unless the SKU is new: then it has
    no sale."""
    if any(row.id == sku.id for row in tx.fresh(SKUS)):
        tx.stock_left(sku.id, sku.stock)
    else:
        say_what_is_left(tx, sku)


def shelves_of(tx: Unit, product_id: str) -> list[ShelfRow]:
    """Where the product stands now in this unit. The product must be locked."""
    rows = tx.take_in(SHELF, read_shelves_of(tx.conn, [product_id]))
    return sorted((r for r in rows if r.product_id == product_id), key=lambda r: r.room_id)


def refuse_taken(tx: Unit, seller_id: str, *, products: Iterable[ProductRow], skus: Iterable[SkuRow]) -> None:
    """External ids are unique among a seller's; of two nodes that give one at once, the database lets one
    through, and the other's group is carried out again. Raises ``Refused("external_id_taken")``."""
    _refuse_taken(tx, PRODUCTS, seller_id, [p.external_id for p in products if p.external_id])
    _refuse_taken(tx, SKUS, seller_id, [s.external_id for s in skus if s.external_id])


def _refuse_taken(tx: Unit, kind: Kind[Any], seller_id: str, names: list[str]) -> None:
    columns = kind.table.columns
    query = select(columns.id).where(columns.seller_id == seller_id, columns.external_id.in_(names))
    fresh = {row.external_id for row in tx.fresh(kind) if row.seller_id == seller_id}
    if names and (not fresh.isdisjoint(names) or tx.conn.execute(query.limit(1)).first()):
        raise Refused("external_id_taken")


def count_products(tx: Unit, seller_id: str) -> int:
    """Rarely asked; those made in the same group are still in memory."""
    query = select(func.count()).where(products_table.c.seller_id == seller_id)
    fresh = sum(row.seller_id == seller_id for row in tx.fresh(PRODUCTS))
    return (tx.conn.scalar(query) or 0) + fresh
