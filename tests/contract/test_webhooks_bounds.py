"""What webhooks cost at most: requests at once, rows kept, leases, statements."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select, update

from rooms.heads import ROOMS
from rooms.rows import Steps
from rooms.unit import Unit
from server.webhooks.reading import count_waiting, read_due
from server.webhooks.saving import DELIVERED_KEPT_MS, prune
from server.webhooks.tables import cursors_table, deliveries_table, endpoints_table, leases_table
from tests.contract.desk import Desk, desk_of, pins
from tests.contract.house import VIEWER, House, house_at
from tests.server.webhooks.receiver import Receiver, running_receiver

# bounds


async def test_to_one_endpoint_there_are_only_so_many_at_once(house: House, receiver: Receiver) -> None:
    async with desk_of(house, concurrent=3) as desk:
        await desk.endpoint(receiver, "order.held")
        _, sku = await house.product(stock=50)
        for _ in range(10):
            await house.ok("buy", VIEWER, sku=sku, qty=1)
        receiver.hold.clear()
        await desk.webhooks.look()
        await receiver.until_got(3)
        await desk.webhooks.look()
        assert receiver.under_way == 3
        receiver.hold.set()
        await receiver.until_got(10)
        assert receiver.most_under_way == 3


async def test_what_ended_long_ago_is_dropped_and_a_deleted_endpoint_leaves_nothing(
    house: House, desk: Desk, receiver: Receiver
) -> None:
    endpoint = await desk.endpoint(receiver, "product.*")
    await pins(house, 2)
    await desk.webhooks.look()
    await desk.until(endpoint, delivered=2)
    desk.webhooks._looks = 0
    await desk.turn(DELIVERED_KEPT_MS + 1)
    assert await desk.deliveries(endpoint) == []
    await pins(house, 2)
    await desk.webhooks.look()
    await desk.until(endpoint, delivered=2)
    await desk.write("delete", lambda tx: desk.endpoints.delete(tx, endpoint))
    for _ in range(2):
        desk.webhooks.nudge()
        await desk.webhooks.look()
    for table in (endpoints_table, leases_table, cursors_table, deliveries_table):
        assert (await house.rows(select(func.count().label("n")).select_from(table)))[0]["n"] == 0


async def test_a_lease_that_was_lost_writes_nothing(house: House, desk: Desk, receiver: Receiver) -> None:
    endpoint = await desk.endpoint(receiver, "product.*")
    receiver.hold.clear()
    await pins(house, 1)
    await desk.webhooks.look()
    await receiver.until_got(1)

    def steal(tx: Unit) -> Steps[None]:
        yield ROOMS.rows()
        tx.at_flush(lambda conn: _ignore(conn.execute(update(leases_table).values(node="x", fence=99))))

    await desk.write("steal", steal)
    receiver.hold.set()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while not desk.webhooks._couriers[endpoint].done:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert await desk.deliveries(endpoint) == []
    assert desk.webhooks._couriers[endpoint].done


def _ignore(_: object) -> None:
    """A statement whose result says nothing."""


async def test_what_is_asked_of_many_deliveries_is_found_by_an_index(tmp_path: Path) -> None:
    """What a busy endpoint asks all the time, on SQLite, which says how it finds it."""
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        asked: dict[str, Any] = {}

        def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            if "webhook_deliveries" in statement and not statement.startswith("INSERT"):
                asked.setdefault(statement, parameters)

        for engine in (house.store._reading, house.store.writer._engine):
            event.listen(engine, "before_cursor_execute", note)
        async with running_receiver() as receiver, desk_of(house) as desk:
            endpoint = await desk.endpoint(receiver, "product.*")
            await pins(house, 2)
            await desk.webhooks.look()
            await desk.until(endpoint, delivered=2)
            await desk.write("prune", lambda tx: prune(tx, [endpoint], 10, []))
            await house.store.read(lambda conn: read_due(conn, endpoint, 0, 10))
            await house.store.read(lambda conn: count_waiting(conn, endpoint, 10))
        assert len(asked) >= 5
        for statement, parameters in list(asked.items()):
            first = parameters[0] if isinstance(parameters, list) else parameters
            plan = await house.store.read(
                lambda conn, s=statement, p=first: conn.exec_driver_sql(  # type: ignore[misc]
                    f"EXPLAIN QUERY PLAN {s}", p
                ).fetchall()
            )
            steps = [str(step[-1]) for step in plan]
            slow = [s for s in steps if ("SCAN" in s and "json_each" not in s) or "B-TREE" in s]
            assert not slow, (steps, statement)
