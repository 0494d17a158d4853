"""The migrations make the schema that the code expects, from nothing and over again."""

from __future__ import annotations

import asyncio

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import column, table

from rooms.shop.store import OrderRow, read_orders
from server.store.engine import open_writer
from server.store.migrate import config, migrate, target


async def test_migrations_lead_to_the_models(database_url: str) -> None:
    def compare() -> list[object]:
        migrate(database_url)
        migrate(database_url)
        engine = open_writer(database_url)
        with engine.begin() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            difference: list[object] = compare_metadata(context, target())
        engine.dispose()
        return difference

    assert await asyncio.to_thread(compare) == []


async def test_orders_from_before_say_what_is_known_of_them(database_url: str) -> None:
    old = {
        "room_id": "tea",
        "product_id": "p",
        "sku": "s",
        "title": 'Tea: \u8336 "green"',
        "qty": 2,
        "unit_price_minor": 50,
        "total_minor": 100,
        "currency": "CNY",
        "buyer_id": "lin",
        "buyer_name": "Lin",
        "created_at_ms": 1,
        "hold_until_ms": 9,
    }
    statuses: dict[str, int | None] = {"held": None, "paid": 5, "expired": None}

    def upgrade() -> list[OrderRow]:
        engine = open_writer(database_url)
        with engine.begin() as connection:
            command.upgrade(config(connection), "0005")
            insert = table("orders", *(column(n) for n in ("id", *old, "status", "paid_at_ms"))).insert()
            rows = [old | {"id": s, "status": s, "paid_at_ms": at_ms} for s, at_ms in statuses.items()]
            connection.execute(insert, rows)
        migrate(database_url)
        with engine.begin() as connection:
            orders = read_orders(connection, "tea")
        engine.dispose()
        return orders

    orders = {order.status: order for order in await asyncio.to_thread(upgrade)}
    assert set(orders) == set(statuses)
    for order in orders.values():
        assert order.lines == [{"kind": "item", "label": old["title"], "amount_minor": 100}]
        assert (order.subtotal_minor, order.discount_minor) == (100, 0)
        assert (order.address, order.note, order.sale_id) == (None, None, None)
    begun = {"status": "held", "at_ms": 1, "by": "lin"}
    assert orders["held"].history == [begun]
    assert orders["paid"].history == [begun, {"status": "paid", "at_ms": 5, "by": "lin"}]
    assert orders["expired"].history == [begun, {"status": "expired", "at_ms": 9, "by": None}]


async def test_several_nodes_may_start_at_once(postgres_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate, postgres_url) for _ in range(4)))
