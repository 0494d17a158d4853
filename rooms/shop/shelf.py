"""A room's shelf: which of its seller's products it shows, in which order, which are pinned and explained.

A product may stand on several shelves; its stock is one. What is here is guarded twice: whoever changes a row
holds the product's lock and the room's, so either of them is enough to read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    case,
    func,
    select,
)

from rooms.errors import Refused
from rooms.rows import Kind, Rank
from rooms.schema import metadata
from rooms.shop.sale_store import sales_table
from rooms.shop.store import skus_table

PINS_MAX = 3


@dataclass(frozen=True, slots=True)
class ShelfRow:
    """A product on a room's shelf. ``position`` orders the shelf; ``pinned`` grows from one pin of the room
    to the next (None: not pinned); ``explaining`` is 1 for the one that the host is talking about."""

    room_id: str
    product_id: str
    position: int
    pinned: int | None = None
    explaining: int = 0


shelf_table = Table(
    "shelf",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("product_id", String(36), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
    Column("pinned", BigInteger),
    Column("explaining", Integer, nullable=False),
)

SHELF: Kind[ShelfRow] = Kind(shelf_table, ShelfRow, Rank.GUARDED)


@dataclass(frozen=True, slots=True)
class OfferRow:
    """What a buyer in a room needs to know of a product that stands on the room's shelf."""

    room_id: str
    product_id: str
    title: str


# A view, made by the migrations: who buys learns in one statement that the product is on the shelf, and what
# it is called. It is only read, and beside the tables that are compared with what the migrations make.
_offers = Table(
    "offers",
    MetaData(),
    Column("room_id", String(64), primary_key=True),
    Column("product_id", String(36), primary_key=True),
    Column("title", Text, nullable=False),
)
OFFERS: Kind[OfferRow] = Kind(_offers, OfferRow, Rank.GUARDED)


# Decisions


def place(shelf: Iterable[ShelfRow], room_id: str, product_id: str, limit: int) -> ShelfRow:
    """A product's row at the end of the shelf. Raises ``Refused("too_many")``."""
    rows = list(shelf)
    if len(rows) >= limit:
        raise Refused("too_many", f"A shelf has at most {limit} products.", details={"limit": limit})
    return ShelfRow(room_id, product_id, max((row.position for row in rows), default=0) + 1)


def move(shelf: Iterable[ShelfRow], product_id: str, position: int) -> list[ShelfRow]:
    """The whole shelf with one product at ``position`` (from 1; beyond the end is the end), numbered anew
    from 1 without holes. The product must be on it."""
    rows = in_order(shelf)
    moved = next(row for row in rows if row.product_id == product_id)
    rows.remove(moved)
    rows.insert(position - 1, moved)
    return [replace(row, position=place) for place, row in enumerate(rows, 1)]


def pin(shelf: Iterable[ShelfRow], product_id: str) -> tuple[ShelfRow, ShelfRow | None]:
    """The product's row with the newest pin, and the row that loses its pin for it: the oldest of those that
    are pinned, if there are ``PINS_MAX`` of others already. The product must be on the shelf."""
    rows = list(shelf)
    mine = next(row for row in rows if row.product_id == product_id)
    others = [row for row in rows if row.pinned is not None and row is not mine]
    others.sort(key=lambda row: row.pinned or 0)
    newest = max([mine.pinned or 0, *(row.pinned or 0 for row in others)])
    evicted = replace(others[0], pinned=None) if len(others) >= PINS_MAX else None
    return replace(mine, pinned=newest + 1), evicted


def pins(shelf: Iterable[ShelfRow]) -> list[str]:
    """The pinned products, newest pin first."""
    pinned = [row for row in shelf if row.pinned is not None]
    return [row.product_id for row in sorted(pinned, key=lambda row: row.pinned or 0, reverse=True)]


def in_order(shelf: Iterable[ShelfRow]) -> list[ShelfRow]:
    return sorted(shelf, key=lambda row: (row.position, row.product_id))


# Reading


def read_shelf(conn: Connection, room_id: str) -> list[ShelfRow]:
    """The room's shelf in its order."""
    query = select(shelf_table).where(shelf_table.c.room_id == room_id)
    return in_order(ShelfRow(*record) for record in conn.execute(query))


_SHELVES_OF = select(shelf_table).where(shelf_table.c.product_id.in_(bindparam("ids", expanding=True)))


def read_shelves_of(conn: Connection, product_ids: Iterable[str]) -> list[ShelfRow]:
    """Where these products stand."""
    found = conn.execute(_SHELVES_OF, {"ids": list(product_ids)})
    return sorted((ShelfRow(*r) for r in found), key=lambda row: (row.product_id, row.room_id))


def count_skus(conn: Connection, product_ids: Collection[str]) -> int:
    """How many SKUs these products have together."""
    if not product_ids:
        return 0
    query = select(func.count()).where(skus_table.c.product_id.in_(product_ids))
    return conn.scalar(query) or 0


# While a sale runs in the room, no more can be bought there than is left of it.
_ON_OFFER = case(
    (
        (sales_table.c.status == "running")
        & (sales_table.c.room_id == shelf_table.c.room_id)
        & (sales_table.c.remaining < skus_table.c.stock),
        sales_table.c.remaining,
    ),
    else_=skus_table.c.stock,
).label("stock")


def read_stock(conn: Connection, room_id: str) -> dict[str, int]:
    """What can be bought now, by SKU, of the products on the room's shelf."""
    return read_stocks(conn, [room_id]).get(room_id, {})


def read_stocks(conn: Connection, room_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """The same for several rooms, in one query."""
    query = (
        select(shelf_table.c.room_id, skus_table.c.id, _ON_OFFER)
        .join(skus_table, skus_table.c.product_id == shelf_table.c.product_id)
        .outerjoin(sales_table, sales_table.c.sku == skus_table.c.id)
        .where(shelf_table.c.room_id.in_(room_ids))
    )
    stocks: dict[str, dict[str, int]] = {}
    for record in conn.execute(query):
        stocks.setdefault(record.room_id, {})[record.id] = record.stock
    return stocks


_SHOWN = (
    select(skus_table.c.id, shelf_table.c.room_id)
    .join(shelf_table, shelf_table.c.product_id == skus_table.c.product_id)
    .where(skus_table.c.id.in_(bindparam("skus", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class Left:
    """What can be bought of a SKU now, and what instead in some of the rooms that show it."""

    stock: int
    in_room: Mapping[str, int]


def share_stock(conn: Connection, left: Mapping[str, Left]) -> dict[str, dict[str, int]]:
    """What is left, by room and SKU, for all rooms that show these SKUs: one statement a group, however many
    buy."""
    told: dict[str, dict[str, int]] = {}
    for sku, room_id in conn.execute(_SHOWN, {"skus": list(left)}):
        told.setdefault(room_id, {})[sku] = left[sku].in_room.get(room_id, left[sku].stock)
    return told
