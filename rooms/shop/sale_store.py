"""Flash sales in SQL: those announced or running by SKU, those that are over, and who has bought how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    delete,
    select,
)

from rooms.rows import Kind, Rank
from rooms.schema import metadata


@dataclass(frozen=True, slots=True)
class SaleRow:
    """A sale that is announced (``scheduled``) or ``running``; its SKU has no other one.

    Of ``quantity`` units ``remaining`` can be bought at ``price_minor``, ``held`` are in unpaid orders, the
    rest is paid for. Whoever changes the row, or what a buyer has in the sale, holds the row's lock.
    """

    sku: str
    id: str
    room_id: str
    product_id: str
    price_minor: int
    currency: str
    quantity: int
    remaining: int
    held: int
    per_buyer: int
    starts_at_ms: int
    ends_at_ms: int
    status: str
    stackable: int
    created_at_ms: int

    def wire(self) -> dict[str, Any]:
        """The sale as docs/protocol.md has it."""
        return {
            "id": self.id,
            "room": self.room_id,
            "sku": self.sku,
            "product": self.product_id,
            "price_minor": self.price_minor,
            "currency": self.currency,
            "quantity": self.quantity,
            "left": self.remaining,
            "per_buyer": self.per_buyer,
            "starts_at_ms": self.starts_at_ms,
            "ends_at_ms": self.ends_at_ms,
            "status": self.status,
            "stackable": bool(self.stackable),
        }


def _columns() -> list[Column[Any]]:
    return [
        Column("room_id", String(64), nullable=False),
        Column("product_id", String(36), nullable=False),
        Column("price_minor", BigInteger, nullable=False),
        Column("currency", String(3), nullable=False),
        Column("quantity", BigInteger, nullable=False),
        Column("remaining", BigInteger, nullable=False),
        Column("held", BigInteger, nullable=False),
        Column("per_buyer", Integer, nullable=False),
        Column("starts_at_ms", BigInteger, nullable=False),
        Column("ends_at_ms", BigInteger, nullable=False),
        Column("status", String(16), nullable=False),
        Column("stackable", Integer, nullable=False),
        Column("created_at_ms", BigInteger, nullable=False),
    ]


sales_table = Table(
    "sales",
    metadata,
    Column("sku", String(36), primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    *_columns(),
    Index("ix_sales_room", "room_id"),
    CheckConstraint("remaining >= 0", name="remaining_not_negative"),
    CheckConstraint("held >= 0", name="held_not_negative"),
    CheckConstraint("remaining + held <= quantity", name="no_more_than_announced"),
)


@dataclass(frozen=True, slots=True)
class PastSaleRow:
    """A sale that is over; ``reason``: ``sold_out``, ``time``, ``host`` or ``product_removed``."""

    id: str
    sku: str
    room_id: str
    product_id: str
    price_minor: int
    currency: str
    quantity: int
    remaining: int
    held: int
    per_buyer: int
    starts_at_ms: int
    ends_at_ms: int
    status: str
    stackable: int
    created_at_ms: int
    ended_at_ms: int
    reason: str

    @classmethod
    def of(cls, sale: SaleRow, ended_at_ms: int, reason: str) -> PastSaleRow:
        return cls(**asdict(sale) | {"status": "ended", "ended_at_ms": ended_at_ms, "reason": reason})

    def wire(self) -> dict[str, Any]:
        """The sale as docs/protocol.md has it."""
        return {
            "id": self.id,
            "room": self.room_id,
            "sku": self.sku,
            "product": self.product_id,
            "price_minor": self.price_minor,
            "currency": self.currency,
            "quantity": self.quantity,
            "left": self.remaining,
            "per_buyer": self.per_buyer,
            "starts_at_ms": self.starts_at_ms,
            "ends_at_ms": self.ends_at_ms,
            "status": self.status,
            "stackable": bool(self.stackable),
            "ended_at_ms": self.ended_at_ms,
            "ended_reason": self.reason,
        }


past_sales_table = Table(
    "past_sales",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("sku", String(36), nullable=False),
    *_columns(),
    Column("ended_at_ms", BigInteger, nullable=False),
    Column("reason", String(16), nullable=False),
    Index("ix_past_sales_room", "room_id", "id"),
)


@dataclass(frozen=True, slots=True)
class SaleBuyerRow:
    """How many units somebody holds or has paid for in a sale; guarded by the sale's lock."""

    sale_id: str
    buyer_id: str
    qty: int


sale_buyers_table = Table(
    "sale_buyers",
    metadata,
    Column("sale_id", String(36), primary_key=True),
    Column("buyer_id", String(128), primary_key=True),
    Column("qty", Integer, nullable=False),
)

SALES: Kind[SaleRow] = Kind(sales_table, SaleRow, Rank.SALES)
# Locked by nobody: whoever changes one holds its sale's lock; whoever only reads a past one finds it final.
SALE_BUYERS: Kind[SaleBuyerRow] = Kind(sale_buyers_table, SaleBuyerRow, Rank.GUARDED)
PAST_SALES: Kind[PastSaleRow] = Kind(past_sales_table, PastSaleRow, Rank.GUARDED)


def read_counted(conn: Connection, after: str, limit: int) -> list[str]:
    """Sales of which it is kept who bought how much: their ids, in order, after an id. One look into the
    index for each, however many bought."""
    buyers, found = sale_buyers_table.c, [after]
    while len(found) <= limit:
        following = select(buyers.sale_id).where(buyers.sale_id > found[-1]).order_by(buyers.sale_id).limit(1)
        if (sale_id := conn.scalar(following)) is None:
            break
        found.append(sale_id)
    return found[1:]


def read_over(conn: Connection, sale_ids: Sequence[str], before_ms: int) -> list[str]:
    """Which of these sales ended before a time."""
    past = past_sales_table.c
    query = select(past.id).where(past.id.in_(sale_ids), past.ended_at_ms < before_ms)
    return sorted(conn.scalars(query))


def drop_buyers(conn: Connection, sale_id: str, limit: int) -> int:
    """Forget how much some of a sale's buyers bought; gives how many went. Only for a sale that is over: it
    takes no orders, and what comes back goes to nobody's limit any more, so nothing reads these rows."""
    buyers = sale_buyers_table.c
    some = select(buyers.buyer_id).where(buyers.sale_id == sale_id).limit(limit)
    return conn.execute(
        delete(sale_buyers_table).where(buyers.sale_id == sale_id, buyers.buyer_id.in_(some))
    ).rowcount


def read_sku_of_sale(conn: Connection, sale_id: str) -> str | None:
    """Of a sale that isn't over; it never changes, so no lock is needed."""
    return conn.scalar(select(sales_table.c.sku).where(sales_table.c.id == sale_id))


def read_sales(conn: Connection, room_id: str) -> list[SaleRow]:
    """A room's sales that are announced or running."""
    query = select(sales_table).where(sales_table.c.room_id == room_id).order_by(sales_table.c.starts_at_ms)
    return [SaleRow(*record) for record in conn.execute(query)]


def read_past_sales(
    conn: Connection, room_id: str, *, before: str | None = None, limit: int = 50
) -> list[PastSaleRow]:
    """A room's sales that are over, newest first; ``before`` is the last id of the page before."""
    past = past_sales_table.c
    query = select(past_sales_table).where(past.room_id == room_id)
    if before is not None:
        query = query.where(past.id < before)
    return [PastSaleRow(*record) for record in conn.execute(query.order_by(past.id.desc()).limit(limit))]
