"""The shop's tables and rows, and what they look like on the wire."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    bindparam,
    case,
    func,
    select,
)

from rooms.rows import Kind, Rank
from rooms.schema import Json, metadata
from rooms.shop.sale_store import sales_table


@dataclass(frozen=True, slots=True)
class ProductRow:
    id: str
    room_id: str
    title: str
    picture: str | None
    position: int
    removed: int
    created_at_ms: int


products_table = Table(
    "products",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("picture", String(300)),
    Column("position", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("ix_products_room", "room_id", "position"),
)


@dataclass(frozen=True, slots=True)
class SkuRow:
    """What is sold. ``stock`` can be bought now; ``held`` is reserved for unpaid orders."""

    id: str
    product_id: str
    room_id: str
    name: str
    price_minor: int
    currency: str
    stock: int
    held: int


skus_table = Table(
    "skus",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("product_id", String(36), nullable=False, index=True),
    Column("room_id", String(64), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("stock", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    CheckConstraint("stock >= 0", name="stock_not_negative"),
    CheckConstraint("held >= 0", name="held_not_negative"),
)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """``unit_price_minor`` is what one cost, the sale's price where one ran; ``subtotal_minor`` is what all
    would have cost at the list price, ``discount_minor`` what sale and coupons took off, ``lines`` how that
    comes to ``total_minor``. ``history``: each status with when, by whom (None: by itself), why.
    """

    id: str
    room_id: str
    product_id: str
    sku: str
    title: str
    qty: int
    unit_price_minor: int
    total_minor: int
    currency: str
    status: str
    buyer_id: str
    buyer_name: str
    created_at_ms: int
    hold_until_ms: int
    paid_at_ms: int | None
    payment_id: str | None
    sale_id: str | None = None
    subtotal_minor: int = 0
    discount_minor: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    address: dict[str, Any] | None = None
    note: str | None = None
    refunded_at_ms: int | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def coupon_ids(self) -> list[str]:
        return [line["ref"] for line in self.lines if line["kind"] == "coupon"]

    def wire(self) -> dict[str, Any]:
        """The order as docs/protocol.md has it. Where it goes to is not in it: events are kept for long, and
        an address has no business there."""
        return {
            "id": self.id,
            "room": self.room_id,
            "product": self.product_id,
            "sku": self.sku,
            "title": self.title,
            "qty": self.qty,
            "unit_price_minor": self.unit_price_minor,
            "subtotal_minor": self.subtotal_minor,
            "discount_minor": self.discount_minor,
            "total_minor": self.total_minor,
            "lines": self.lines,
            "currency": self.currency,
            "sale": self.sale_id,
            "status": self.status,
            "created_at_ms": self.created_at_ms,
            "hold_until_ms": self.hold_until_ms,
            "paid_at_ms": self.paid_at_ms,
            "refunded_at_ms": self.refunded_at_ms,
            "buyer": {"id": self.buyer_id, "name": self.buyer_name},
        }

    def whole(self) -> dict[str, Any]:
        """The same with address, note and history: for the buyer, and who may see the room's orders."""
        return self.wire() | {"address": self.address, "note": self.note, "history": self.history}


orders_table = Table(
    "orders",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("product_id", String(36), nullable=False),
    Column("sku", String(36), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("qty", Integer, nullable=False),
    Column("unit_price_minor", BigInteger, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False),
    Column("buyer_id", String(128), nullable=False),
    Column("buyer_name", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("hold_until_ms", BigInteger, nullable=False),
    Column("paid_at_ms", BigInteger),
    Column("payment_id", String(36)),
    Column("sale_id", String(36)),
    Column("subtotal_minor", BigInteger, nullable=False),
    Column("discount_minor", BigInteger, nullable=False),
    Column("lines", Json, nullable=False),
    Column("address", Json),
    Column("note", Text),
    Column("refunded_at_ms", BigInteger),
    Column("history", Json, nullable=False),
    Index("ix_orders_room", "room_id", "created_at_ms"),
    Index("ix_orders_buyer", "buyer_id", "room_id", "created_at_ms"),
    CheckConstraint("qty > 0", name="qty_positive"),
)


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One attempt to pay an order. ``status``: started, succeeded, failed, refund_due, refunded.

    On a provider's own page (``redirect_url``) it is open until ``expires_at_ms``. ``reference`` is what the
    provider calls it.
    """

    id: str
    order_id: str
    provider: str
    status: str
    amount_minor: int
    currency: str
    created_at_ms: int
    settled_at_ms: int | None
    reference: str | None = None
    redirect_url: str | None = None
    expires_at_ms: int | None = None


payments_table = Table(
    "payments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("order_id", String(36), nullable=False, index=True),
    Column("provider", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("settled_at_ms", BigInteger),
    Column("reference", String(255)),
    Column("redirect_url", Text),
    Column("expires_at_ms", BigInteger),
)

PRODUCTS: Kind[ProductRow] = Kind(products_table, ProductRow, Rank.PRODUCTS)
# For who only reads a product while holding its room's lock.
PRODUCTS_READ: Kind[ProductRow] = Kind(products_table, ProductRow, Rank.GUARDED)
SKUS: Kind[SkuRow] = Kind(skus_table, SkuRow, Rank.STOCK)
ORDERS: Kind[OrderRow] = Kind(orders_table, OrderRow, Rank.ORDERS)
PAYMENTS: Kind[PaymentRow] = Kind(payments_table, PaymentRow, Rank.PAYMENTS)


def product_card(product: ProductRow, skus: list[SkuRow]) -> dict[str, Any]:
    """The product as the log and the snapshot have it; stock is a signal and not in it."""
    return {
        "id": product.id,
        "title": product.title,
        "picture": product.picture,
        "position": product.position,
        "skus": [
            {"id": s.id, "name": s.name, "price_minor": s.price_minor, "currency": s.currency} for s in skus
        ],
    }


def read_sku_ids(conn: Connection, product_id: str) -> list[str]:
    """A product's SKUs in their order; which SKUs a product has never changes, so no lock is needed."""
    query = select(skus_table.c.id).where(skus_table.c.product_id == product_id).order_by(skus_table.c.id)
    return list(conn.scalars(query))


def read_product_id(conn: Connection, sku: str) -> str | None:
    """Whose SKU it is, which never changes either."""
    return conn.scalar(select(skus_table.c.product_id).where(skus_table.c.id == sku))


# While a sale runs, no more can be bought than is left of it.
_ON_OFFER = case(
    (
        (sales_table.c.status == "running") & (sales_table.c.remaining < skus_table.c.stock),
        sales_table.c.remaining,
    ),
    else_=skus_table.c.stock,
).label("stock")


def read_stock(conn: Connection, room_id: str) -> dict[str, int]:
    """What can be bought now, by SKU, of the products on the room's shelf."""
    query = (
        select(skus_table.c.id, _ON_OFFER)
        .join(products_table, products_table.c.id == skus_table.c.product_id)
        .outerjoin(sales_table, sales_table.c.sku == skus_table.c.id)
        .where(skus_table.c.room_id == room_id, products_table.c.removed == 0)
    )
    return {record.id: record.stock for record in conn.execute(query)}


def read_stocks(conn: Connection, room_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """The same for several rooms, in one query."""
    query = (
        select(skus_table.c.room_id, skus_table.c.id, _ON_OFFER)
        .join(products_table, products_table.c.id == skus_table.c.product_id)
        .outerjoin(sales_table, sales_table.c.sku == skus_table.c.id)
        .where(skus_table.c.room_id.in_(room_ids), products_table.c.removed == 0)
    )
    stocks: dict[str, dict[str, int]] = {}
    for record in conn.execute(query):
        stocks.setdefault(record.room_id, {})[record.id] = record.stock
    return stocks


def read_order(conn: Connection, order_id: str) -> OrderRow | None:
    record = conn.execute(select(orders_table).where(orders_table.c.id == order_id)).one_or_none()
    return OrderRow(*record) if record else None


def read_orders(
    conn: Connection,
    room_id: str,
    *,
    buyer_id: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[OrderRow]:
    """Orders of a room, newest first (ids sort by time); ``before`` is the last id of the page before."""
    query = select(orders_table).where(orders_table.c.room_id == room_id)
    if buyer_id is not None:
        query = query.where(orders_table.c.buyer_id == buyer_id)
    if before is not None:
        query = query.where(orders_table.c.id < before)
    return [OrderRow(*r) for r in conn.execute(query.order_by(orders_table.c.id.desc()).limit(limit))]


def _open_orders() -> Select[Any]:
    """Held ones and those paid lately, with each one's place among its buyer's, the newest being 1."""
    orders = orders_table.c
    place = func.row_number().over(partition_by=orders.buyer_id, order_by=orders.id.desc())
    found = (
        select(orders_table, place.label("place"))
        .where(
            orders.room_id == bindparam("room_id"),
            orders.buyer_id.in_(bindparam("buyer_ids", expanding=True)),
            (orders.status == "held")
            | ((orders.status == "paid") & (orders.paid_at_ms >= bindparam("since"))),
        )
        .subquery()
    )
    columns = [found.c[column.name] for column in orders_table.columns]
    return select(*columns).where(found.c.place <= bindparam("limit")).order_by(found.c.id.desc())


_OPEN_ORDERS = _open_orders()


def read_open_orders(
    conn: Connection, room_id: str, buyer_ids: Sequence[str], *, paid_since_ms: int, limit: int = 100
) -> dict[str, list[OrderRow]]:
    """What these buyers still have to pay in a room, and paid lately, by buyer: the latest ``limit`` of each,
    newest first. Who has no such order is left out."""
    bounds = {"room_id": room_id, "buyer_ids": buyer_ids, "since": paid_since_ms, "limit": limit}
    orders: dict[str, list[OrderRow]] = {}
    for record in conn.execute(_OPEN_ORDERS, bounds):
        order = OrderRow(*record)
        orders.setdefault(order.buyer_id, []).append(order)
    return orders
