"""The shop's tables and rows, and what they look like on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    func,
    select,
    text,
)

from rooms.rows import Kind, Rank
from rooms.schema import Json, metadata


@dataclass(frozen=True, slots=True)
class ProductRow:
    """What a seller sells. Which rooms show it, and where, is the shelf's business (``rooms/shop/shelf.py``).

    ``external_id`` is the shop's own name for it, unique among the seller's; it never changes once it is set.
    """

    id: str
    seller_id: str
    external_id: str | None
    title: str
    category: str
    description: str
    pictures: list[str]
    created_at_ms: int

    @property
    def picture(self) -> str | None:
        """The first picture."""
        return self.pictures[0] if self.pictures else None


products_table = Table(
    "products",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("seller_id", String(128), nullable=False),
    Column("external_id", String(128)),
    Column("title", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("pictures", Json, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("ix_products_seller", "seller_id", "id"),
    # Two rows without an external id are not the same: NULLs differ, on SQLite and PostgreSQL alike.
    Index("ux_products_external", "seller_id", "external_id", unique=True),
)


@dataclass(frozen=True, slots=True)
class SkuRow:
    """What is sold: a variant of a product. ``stock`` can be bought now; ``held`` is reserved for unpaid
    orders; both together are what is on hand.

    ``version`` grows whenever what is on hand changes: by a sale, by the host, by the shop behind. Holds only
    move units between the two, so they leave it as it is, and a busy sale doesn't make the shop's word stale.
    """

    id: str
    product_id: str
    seller_id: str
    name: str
    price_minor: int
    currency: str
    stock: int
    held: int
    external_id: str | None = None
    position: int = 1
    version: int = 1

    @property
    def on_hand(self) -> int:
        return self.stock + self.held


skus_table = Table(
    "skus",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("product_id", String(36), nullable=False, index=True),
    Column("seller_id", String(128), nullable=False),
    Column("name", Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("stock", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("external_id", String(128)),
    Column("position", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ux_skus_external", "seller_id", "external_id", unique=True),
    CheckConstraint("stock >= 0", name="stock_not_negative"),
    CheckConstraint("held >= 0", name="held_not_negative"),
)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """``unit_price_minor`` is what one cost, the sale's price where one ran; ``subtotal_minor`` is what all
    would have cost at the list price, ``discount_minor`` what sale and coupons took off, ``lines`` how that
    comes to ``total_minor``. ``history``: each status with when, by whom (None: by itself), why. With
    ``coins`` it is a top-up, of no product: so many coins are what is bought.
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
    coins: int | None = None

    @property
    def coupon_ids(self) -> list[str]:
        return [line["ref"] for line in self.lines if line["kind"] == "coupon"]

    def wire(self) -> dict[str, Any]:
        """The order as docs/protocol.md has it. Where it goes to is not in it: events are kept for long, and
        an address has no business there."""
        bought: dict[str, Any] = {} if self.coins is None else {"coins": self.coins}
        return bought | {
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
    Column("coins", BigInteger),
    Index("ix_orders_room", "room_id", "created_at_ms"),
    Index("ix_orders_buyer", "buyer_id", "room_id", "created_at_ms"),
    CheckConstraint("qty > 0", name="qty_positive"),
)


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One attempt to pay an order. ``status``: started, succeeded, failed, refund_due, refunded,
    refund_failed: the provider had taken the refund on, and the money came back to it; somebody has to see
    to that.

    On a provider's own page (``redirect_url``) it is open until ``expires_at_ms``. ``reference`` is what the
    provider calls it, ``refund_reference`` what it calls the latest refund; ``problem`` is why that failed.
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
    refund_reference: str | None = None
    problem: str | None = None

    def wire(self) -> dict[str, Any]:
        """The attempt for the order's buyer, and who may see the room's orders: without the provider's page,
        which is the buyer's alone."""
        return {
            "id": self.id,
            "provider": self.provider,
            "status": self.status,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "created_at_ms": self.created_at_ms,
            "settled_at_ms": self.settled_at_ms,
            "reference": self.reference,
            "refund_reference": self.refund_reference,
            "problem": self.problem,
        }


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
    Column("refund_reference", String(255)),
    Column("problem", Text),
    # Few are owed at any time, among all that were ever made.
    Index(
        "ix_payments_owed",
        "status",
        "settled_at_ms",
        sqlite_where=text("status IN ('refund_due', 'refund_failed')"),
        postgresql_where=text("status IN ('refund_due', 'refund_failed')"),
    ),
)

PRODUCTS: Kind[ProductRow] = Kind(products_table, ProductRow, Rank.PRODUCTS)
SKUS: Kind[SkuRow] = Kind(skus_table, SkuRow, Rank.STOCK)
ORDERS: Kind[OrderRow] = Kind(orders_table, OrderRow, Rank.ORDERS)
PAYMENTS: Kind[PaymentRow] = Kind(payments_table, PaymentRow, Rank.PAYMENTS)


def product_card(product: ProductRow, skus: Sequence[SkuRow], position: int) -> dict[str, Any]:
    """The product as the log and the snapshot have it, ``skus`` in their order.

    Stock is a signal and not in it; nor is the description, so that the state of a room stays small.
    """
    return {
        "id": product.id,
        "title": product.title,
        "picture": product.picture,
        "pictures": product.pictures,
        "category": product.category,
        "position": position,
        "skus": [
            {"id": s.id, "name": s.name, "price_minor": s.price_minor, "currency": s.currency} for s in skus
        ],
    }


def product_page(product: ProductRow, skus: Sequence[SkuRow]) -> dict[str, Any]:
    """The product as its seller sees it, stock and external ids with it."""
    return {
        "id": product.id,
        "seller": product.seller_id,
        "external_id": product.external_id,
        "title": product.title,
        "category": product.category,
        "description": product.description,
        "picture": product.picture,
        "pictures": product.pictures,
        "created_at_ms": product.created_at_ms,
        "skus": [
            {
                "id": sku.id,
                "external_id": sku.external_id,
                "name": sku.name,
                "price_minor": sku.price_minor,
                "currency": sku.currency,
                "stock": sku.stock,
                "held": sku.held,
                "version": sku.version,
            }
            for sku in skus
        ],
    }


_PRODUCTS = select(products_table).where(products_table.c.id.in_(bindparam("ids", expanding=True)))


def read_products(conn: Connection, product_ids: Iterable[str]) -> dict[str, ProductRow]:
    """These products by id; those that aren't there are left out."""
    return {r.id: ProductRow(*r) for r in conn.execute(_PRODUCTS, {"ids": list(product_ids)})}


def in_order(skus: Iterable[SkuRow]) -> list[SkuRow]:
    """Variants in the order that their seller gave them."""
    return sorted(skus, key=lambda sku: (sku.position, sku.id))


_SKUS_OF = (
    select(skus_table)
    .where(skus_table.c.product_id.in_(bindparam("ids", expanding=True)))
    .order_by(skus_table.c.product_id, skus_table.c.position, skus_table.c.id)
)


def read_skus(conn: Connection, product_ids: Iterable[str]) -> dict[str, list[SkuRow]]:
    """The SKUs of products, by product, in their order. Which SKUs a product has changes only under the
    product's lock, so whoever holds that may lock the rows with these ids next."""
    found: dict[str, list[SkuRow]] = {}
    for record in conn.execute(_SKUS_OF, {"ids": list(product_ids)}):
        sku = SkuRow(*record)
        found.setdefault(sku.product_id, []).append(sku)
    return found


def read_product_id(conn: Connection, sku: str) -> str | None:
    """Whose SKU it is, which never changes."""
    return conn.scalar(select(skus_table.c.product_id).where(skus_table.c.id == sku))


def read_order(conn: Connection, order_id: str) -> OrderRow | None:
    record = conn.execute(select(orders_table).where(orders_table.c.id == order_id)).one_or_none()
    return OrderRow(*record) if record else None


def read_payments(conn: Connection, order_id: str) -> list[PaymentRow]:
    """Every attempt to pay an order, oldest first."""
    columns = payments_table.c
    query = select(payments_table).where(columns.order_id == order_id)
    found = conn.execute(query.order_by(columns.created_at_ms, columns.id))
    return [PaymentRow(*record) for record in found]


def read_orders(
    conn: Connection,
    room_id: str,
    *,
    buyer_id: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[OrderRow]:
    """Orders of a room's goods, newest first (ids sort by time); ``before`` is the last id of the page
    before. Top-ups are the operator's business, not the host's."""
    query = select(orders_table).where(orders_table.c.room_id == room_id, orders_table.c.coins.is_(None))
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
