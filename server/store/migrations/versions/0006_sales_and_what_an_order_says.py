"""Flash sales; and an order's lines, address, note and history"""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    _add_to_orders()
    op.create_table(
        "sales",
        sa.Column("sku", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        *_sale(),
        sa.PrimaryKeyConstraint("sku", name=op.f("pk_sales")),
        sa.UniqueConstraint("id", name=op.f("uq_sales_id")),
        sa.CheckConstraint("remaining >= 0", name=op.f("ck_sales_remaining_not_negative")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_sales_held_not_negative")),
        sa.CheckConstraint("remaining + held <= quantity", name=op.f("ck_sales_no_more_than_announced")),
    )
    op.create_index("ix_sales_room", "sales", ["room_id"])
    op.create_table(
        "past_sales",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("sku", sa.String(length=36), nullable=False),
        *_sale(),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_sales")),
    )
    op.create_index("ix_past_sales_room", "past_sales", ["room_id", "id"])
    op.create_table(
        "sale_buyers",
        sa.Column("sale_id", sa.String(length=36), nullable=False),
        sa.Column("buyer_id", sa.String(length=128), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sale_id", "buyer_id", name=op.f("pk_sale_buyers")),
    )


def _sale() -> list[sa.Column[Any]]:
    return [
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("product_id", sa.String(length=36), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("per_buyer", sa.Integer(), nullable=False),
        sa.Column("starts_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stackable", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    ]


def _add_to_orders() -> None:
    no_bytes = sa.text("'\\x5b5d'" if op.get_bind().dialect.name == "postgresql" else "X'5B5D'")  # []
    for column in (
        sa.Column("sale_id", sa.String(length=36)),
        sa.Column("subtotal_minor", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("discount_minor", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("lines", sa.LargeBinary(), nullable=False, server_default=no_bytes),
        sa.Column("address", sa.LargeBinary()),
        sa.Column("note", sa.Text()),
        sa.Column("refunded_at_ms", sa.BigInteger()),
        sa.Column("history", sa.LargeBinary(), nullable=False, server_default=no_bytes),
    ):
        op.add_column("orders", column)
    _fill_in()


def _fill_in() -> None:
    """Orders from before say of themselves what is known: one line, and the ways to their status."""
    conn = op.get_bind()
    names = (
        "id",
        "title",
        "total_minor",
        "status",
        "buyer_id",
        "created_at_ms",
        "hold_until_ms",
        "paid_at_ms",
    )
    orders = sa.table("orders", *(sa.column(n) for n in (*names, "subtotal_minor", "lines", "history")))
    fill = (
        orders.update()
        .where(orders.c.id == sa.bindparam("order"))
        .values(
            subtotal_minor=sa.bindparam("subtotal"),
            lines=sa.bindparam("new_lines"),
            history=sa.bindparam("new_history"),
        )
    )
    last = ""
    while True:
        query = sa.select(*(orders.c[n] for n in names)).where(orders.c.id > last).order_by(orders.c.id)
        rows = conn.execute(query.limit(_AT_ONCE)).all()
        if not rows:
            return
        conn.execute(fill, [_filled(row) for row in rows])
        last = rows[-1].id


def _filled(row: Any) -> dict[str, Any]:
    history = [{"status": "held", "at_ms": row.created_at_ms, "by": row.buyer_id}]
    if row.status != "held":
        at_ms = row.paid_at_ms if row.status == "paid" else row.hold_until_ms
        by = None if row.status == "expired" else row.buyer_id
        history.append({"status": row.status, "at_ms": at_ms, "by": by})
    lines = [{"kind": "item", "label": row.title, "amount_minor": row.total_minor}]
    return {
        "order": row.id,
        "subtotal": row.total_minor,
        "new_lines": orjson.dumps(lines),
        "new_history": orjson.dumps(history),
    }


def downgrade() -> None:
    for table in ("sale_buyers", "past_sales", "sales"):
        op.drop_table(table)
    for column in (
        "history",
        "refunded_at_ms",
        "note",
        "address",
        "lines",
        "discount_minor",
        "subtotal_minor",
        "sale_id",
    ):
        op.drop_column("orders", column)
