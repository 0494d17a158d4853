"""Webhooks on both databases: nothing is skipped, in order, whatever the receiver, the node or time do."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import event, func, select, update

from rooms.heads import ROOMS
from rooms.rows import Steps
from rooms.unit import Unit
from server.config.sections import Outbound as OutboundSettings
from server.outbound import Outbound
from server.store.group import Work
from server.webhooks import replaying
from server.webhooks.endpoints import EndpointChange, Endpoints, NewEndpoint, Replay
from server.webhooks.post import Post
from server.webhooks.reading import count_waiting, read_deliveries, read_due, read_heads
from server.webhooks.replaying import LogSpan, replay_log
from server.webhooks.saving import DELIVERED_KEPT_MS, LEASE_MS, prune
from server.webhooks.schedule import FAILURES_BEFORE_PAUSE, GIVE_UP_MS, PAUSE_MIN_MS, RETRIES_MS
from server.webhooks.service import Webhooks
from server.webhooks.tables import (
    DeliveryRow,
    cursors_table,
    deliveries_table,
    endpoints_table,
    leases_table,
)
from tests.contract.house import HOST, MODERATOR, ROOM, VIEWER, House, house_at, open_house
from tests.server.webhooks.receiver import Receiver, running_receiver

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = OutboundSettings(allow_private=(ip_network("127.0.0.0/8"),), timeout_s=10)


class Desk:
    """A node's webhooks over a house's store. ``look`` is what the node does once a second."""

    def __init__(self, house: House, *, alone: bool = True, node: str = "node", concurrent: int = 8) -> None:
        self.house = house
        self.endpoints = Endpoints(5)
        self.registry = CollectorRegistry()
        self.webhooks = Webhooks(
            house.store,
            Post(Outbound(LOOPBACK), lambda: house.now_ms),
            self.registry,
            node,
            alone=alone,
            clock_ms=lambda: house.now_ms,
            concurrent=concurrent,
            chance=lambda: 0.0,
        )

    async def write(self, name: str, steps: Any) -> dict[str, Any]:
        answer = await self.house.store.write(Work(name, steps))
        assert answer.ok, answer.body
        decoded: dict[str, Any] = orjson.loads(answer.body)
        return decoded

    async def endpoint(self, receiver: Receiver, *types: str, **more: Any) -> str:
        """A new endpoint, served from now on."""
        new = NewEndpoint(url=receiver.url, types=list(types or ("*",)), secret=SECRET, **more)
        made = await self.write("create", lambda tx: self.endpoints.create(tx, new))
        await self.webhooks.look()
        endpoint: str = made["id"]
        return endpoint

    async def deliveries(self, endpoint: str, status: str | None = None) -> list[DeliveryRow]:
        return await self.house.store.read(lambda conn: read_deliveries(conn, endpoint, status=status))

    async def until(self, endpoint: str, **counts: int) -> None:
        """Until so many deliveries have this status, on disk."""
        async with asyncio.timeout(10):
            while True:
                rows = await self.deliveries(endpoint)
                if all(sum(r.status == status for r in rows) == n for status, n in counts.items()):
                    return
                await asyncio.sleep(0.01)

    async def turn(self, ms: int) -> None:
        """So much later."""
        self.house.now_ms += ms
        await self.webhooks.look()

    async def crash(self) -> None:
        """End as a killed node does: nothing more is written."""
        for courier in self.webhooks._couriers.values():
            courier.done = True
        for courier in list(self.webhooks._couriers.values()):
            await courier.close()
        self.webhooks._couriers.clear()


@asynccontextmanager
async def desk_of(house: House, **options: Any) -> AsyncIterator[Desk]:
    desk = Desk(house, **options)
    try:
        yield desk
    finally:
        await desk.webhooks.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as receiver:
        yield receiver


@pytest.fixture
async def desk(house: House) -> AsyncIterator[Desk]:
    async with desk_of(house) as desk:
        yield desk


async def pins(house: House, number: int) -> None:
    """So many entries of the log that make one message each."""
    product, _ = await house.product()
    for n in range(number - 1):
        await house.ok("unpin" if n % 2 else "pin", HOST, product=product)


# what is told


async def test_an_orders_life_is_told_signed_and_in_order(
    house: House, desk: Desk, receiver: Receiver
) -> None:
    await house.product()  # before there is an endpoint
    _, sku = await house.product(stock=5)
    endpoint = await desk.endpoint(receiver, "order.*", "payment.*", "stock.*")
    order = (await house.ok("buy", VIEWER, sku=sku, qty=2))["order"]
    await house.ok("order.pay", VIEWER, order=order["id"], method="sandbox", card="ok")
    await desk.webhooks.look()
    await receiver.until(lambda: len(receiver.of("payment.succeeded")) == 1)
    await receiver.until(lambda: bool(receiver.of("stock.changed")))
    receiver.must_be_signed(SECRET)
    told = [got.type for got in receiver.got if not got.type.startswith("stock.")]
    assert told == ["order.held", "order.paid", "payment.succeeded"]
    paid = receiver.of("order.paid")[0].data
    assert (paid["room"], paid["order"]["id"], paid["order"]["status"]) == (ROOM, order["id"], "paid")
    assert receiver.of("payment.succeeded")[0].data["payment"] == {
        "order": order["id"],
        "amount_minor": 9800,
        "currency": "CNY",
    }
    stock = receiver.of("stock.changed")[-1].data
    assert (stock["sku"], stock["stock"], stock["held"]) == (sku, 3, 0)
    assert len({got.id for got in receiver.got}) == len(receiver.got)
    await desk.until(endpoint, waiting=0, dead=0)


async def test_a_payment_that_failed_is_told(house: House, desk: Desk, receiver: Receiver) -> None:
    _, sku = await house.product()
    await desk.endpoint(receiver, "payment.*")
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]
    assert (
        await house.code("order.pay", VIEWER, order=order["id"], method="sandbox", card="declined")
        == "payment_declined"
    )
    await desk.webhooks.look()
    await receiver.until_got(1)
    payment = receiver.got[0].data["payment"]
    assert receiver.got[0].type == "payment.failed"
    assert (payment["order"], payment["amount_minor"], payment["currency"]) == (order["id"], 4900, "CNY")


async def test_texts_are_told_only_where_they_are_asked_for(house: House, desk: Desk) -> None:
    async with running_receiver() as nosy, running_receiver() as discreet:
        await desk.endpoint(nosy, "comment.*", "moderation.*", texts=True)
        await desk.endpoint(discreet, "comment.*", "moderation.*")
        first = await house.say(VIEWER, "hello")
        await house.say(MODERATOR, "hello you", reply_to=first["id"])
        await desk.webhooks.look()
        for receiver in (nosy, discreet):
            await receiver.until_got(2)
        await house.ok("moderate.mute", MODERATOR, user=VIEWER.id, seconds=60, reason="loud")
        await desk.webhooks.look()
        for receiver in (nosy, discreet):
            await receiver.until(lambda r=receiver: bool(r.of("moderation.muted")))  # type: ignore[misc]
        assert {got.data["text"] for got in nosy.of("comment.created")} == {"hello", "hello you"}
        assert {got.data["shown"] for got in discreet.of("comment.created")} == {True}
        assert not any(b"hello" in got.body for got in discreet.got)
        assert nosy.of("moderation.muted")[0].data["sanction"]["user"]["id"] == VIEWER.id


async def test_a_text_that_was_deleted_meanwhile_is_not_sent(
    house: House, desk: Desk, receiver: Receiver
) -> None:
    endpoint = await desk.endpoint(receiver, "comment.created", texts=True)
    receiver.answer = lambda _: 500
    said = await house.say(VIEWER, "my address is")
    await desk.webhooks.look()
    await desk.until(endpoint, waiting=1)
    await house.ok("moderate.delete", MODERATOR, event=said["id"])
    receiver.answer = lambda _: 200
    await desk.turn(RETRIES_MS[0])
    await desk.until(endpoint, delivered=1)
    assert [b"address" in got.body for got in receiver.got] == [True, False]


async def test_filters_by_type_and_by_room(house: House, desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver, "room.changed", rooms=["tea"])
    await house.create("cake")
    for room in ("cake", "tea"):
        await house.ok("room.change", HOST, room=room, title=f"About {room}")
    await house.say(VIEWER, "hello")
    await desk.webhooks.look()
    await receiver.until_got(1)
    await house.ok("room.change", HOST, title="The end")
    await desk.webhooks.look()
    await receiver.until_got(2)
    assert [got.data["title"] for got in receiver.got] == ["About tea", "The end"]


async def test_a_room_that_is_new_is_told_of_from_its_beginning(
    house: House, desk: Desk, receiver: Receiver
) -> None:
    await desk.endpoint(receiver, "room.*")
    await house.create("cake")
    await desk.webhooks.look()
    await receiver.until_got(1)
    assert [(got.type, got.data["room"]) for got in receiver.got] == [("room.created", "cake")]


# nothing skipped


async def test_what_was_sent_and_not_written_down_comes_again_under_its_id(
    house: House, migrated_url: str, receiver: Receiver
) -> None:
    async with desk_of(house) as desk:
        await desk.endpoint(receiver, "product.*")
        receiver.hold.clear()
        await pins(house, 3)
        await desk.webhooks.look()
        await receiver.until_got(1)
        await desk.crash()
        receiver.hold.set()
    async with desk_of(house, node="another") as other:
        await other.webhooks.look()
        await receiver.until(lambda: len({got.id for got in receiver.got}) == 3)
        ids = [got.id for got in receiver.got]
        assert ids[0] == ids[1]  # arrived twice, told apart from news by its id
        assert [got.type for got in receiver.got[1:]] == [
            "product.added",
            "product.pinned",
            "product.unpinned",
        ]
        receiver.must_be_signed(SECRET)


async def test_a_restart_goes_on_where_the_node_stopped(
    house: House, migrated_url: str, receiver: Receiver
) -> None:
    async with desk_of(house) as desk:
        await desk.endpoint(receiver, "product.*")
        await pins(house, 3)
        await desk.webhooks.look()
        await receiver.until_got(3)
    await pins(house, 2)
    async with desk_of(house) as desk:
        await desk.webhooks.look()
        await receiver.until_got(5)
    assert len({got.id for got in receiver.got}) == 5


async def test_more_than_fits_at_once_arrives_whole_and_in_order(
    house: House, desk: Desk, receiver: Receiver
) -> None:
    endpoint = await desk.endpoint(receiver, "room.changed")

    def many(tx: Unit) -> Steps[None]:
        yield ROOMS.rows(ROOM)
        for n in range(300):
            tx.append(ROOM, "room.changed", {"title": f"title {n}"})

    await desk.write("many", many)
    await desk.webhooks.look()
    async with asyncio.timeout(30):
        while len(receiver.got) < 300:
            await desk.webhooks.look()
            await asyncio.sleep(0.02)
    assert [got.data["title"] for got in receiver.got] == [f"title {n}" for n in range(300)]
    cursor = (await house.rows(select(cursors_table).where(cursors_table.c.endpoint_id == endpoint)))[0]
    assert cursor["offset"] <= len(await house.log())


async def test_nothing_is_skipped_of_a_transaction_that_is_still_open(
    shared_url: str, receiver: Receiver
) -> None:
    """Two nodes write; one of them began first, got its ids and times first, and commits last."""
    async with house_at(shared_url, node="a") as a, open_house(shared_url, node="b") as b:
        await a.create("cake")
        async with desk_of(a, alone=False) as desk:
            await desk.endpoint(receiver, "room.changed")
            inside, go_on = threading.Event(), threading.Event()

            def slow(tx: Unit) -> Steps[None]:
                yield ROOMS.rows(ROOM)
                tx.append(ROOM, "room.changed", {"title": "slow"})
                inside.set()
                assert go_on.wait(20)

            writing = asyncio.create_task(b.store.write(Work("slow", slow)))
            assert await asyncio.to_thread(inside.wait, 10)
            await a.ok("room.change", HOST, room="cake", title="quick")
            await desk.webhooks.look()
            await receiver.until_got(1)
            go_on.set()
            assert (await writing).ok
            await a.ok("room.change", HOST, title="after")
            await desk.webhooks.look()
            await receiver.until_got(3)
            titles = [got.data["title"] for got in receiver.got]
            ids = [event.id for event in await a.log() if event.kind == "room.changed"]
            assert titles == ["quick", "slow", "after"]
            assert ids == sorted(ids)  # the slow one's id is from before the quick one's commit


async def test_one_node_serves_an_endpoint_and_another_takes_it_over(
    shared_url: str, receiver: Receiver
) -> None:
    async with house_at(shared_url, node="a") as a, open_house(shared_url, node="b", now_ms=a.now_ms) as b:
        async with desk_of(a, alone=False, node="a") as here, desk_of(b, alone=False, node="b") as there:
            endpoint = await here.endpoint(receiver, "product.*")
            await there.webhooks.look()
            assert (here.webhooks.served, there.webhooks.served) == ([endpoint], [])
            await pins(a, 2)
            await here.webhooks.look()
            await receiver.until_got(2)
            await here.until(endpoint, delivered=2)
            lost = here.webhooks._couriers[endpoint]
            # The first is away for longer than its lease: it knows nothing of the time that has passed.
            b.now_ms += LEASE_MS + 1
            await there.webhooks.look()
            assert there.webhooks.served == [endpoint]
            await pins(a, 2)
            lost.look(await a.store.read(read_heads))
            await there.webhooks.look()
            await receiver.until(lambda: len({got.id for got in receiver.got}) == 4)
            await there.until(endpoint, delivered=4)
            await here.webhooks.look()
            assert here.webhooks.served == []
        lease = (await a.rows(select(leases_table)))[0]
        assert (lease["node"], lease["fence"]) == ("", 2)


# receivers that don't take it


async def test_one_that_fails_is_tried_again_by_the_schedule_and_holds_up_nobody(
    house: House, desk: Desk, receiver: Receiver
) -> None:
    endpoint = await desk.endpoint(receiver, "product.*")
    receiver.answer = lambda got: 500 if got.type == "product.pinned" else 200
    await pins(house, 3)
    await desk.webhooks.look()
    await desk.until(endpoint, delivered=2, waiting=1)
    for attempt, wait_ms in enumerate(RETRIES_MS, 2):
        await desk.turn(wait_ms - 1)
        assert len(receiver.of("product.pinned")) == attempt - 1
        await desk.turn(1)
        await receiver.until(lambda n=attempt: len(receiver.of("product.pinned")) == n)  # type: ignore[misc]
        await desk.until(endpoint, dead=int(attempt == len(RETRIES_MS) + 1))
        await _settled(desk, endpoint, attempt)
    (dead,) = await desk.deliveries(endpoint, "dead")
    assert (dead.type, dead.attempts, dead.http_status) == ("product.pinned", 10, 500)
    assert len({got.id for got in receiver.of("product.pinned")}) == 1
    assert desk.registry.get_sample_value("danmart_webhook_deliveries_total", {"outcome": "dead"}) == 1
    receiver.answer = lambda _: 200
    await desk.write("again", lambda tx: desk.endpoints.replay_one(tx, endpoint, dead.id))
    await desk.webhooks.look()
    await receiver.until(lambda: len(receiver.of("product.pinned")) == 11)
    await _settled(desk, endpoint, 1)
    await desk.until(endpoint, dead=0, waiting=0)


async def _settled(desk: Desk, endpoint: str, attempts: int) -> None:
    async with asyncio.timeout(10):
        while True:
            rows = await desk.deliveries(endpoint)
            if all(row.attempts == attempts for row in rows if row.type == "product.pinned"):
                return
            await asyncio.sleep(0.01)


async def test_a_span_of_time_is_replayed(house: House, desk: Desk, receiver: Receiver) -> None:
    endpoint = await desk.endpoint(receiver, "product.*")
    begun = house.now_ms
    await pins(house, 2)
    house.now_ms += 1000
    await pins(house, 1)
    await desk.webhooks.look()
    await desk.until(endpoint, delivered=3)
    span = Replay(from_ms=begun, to_ms=begun + 1000, status="delivered")
    answer = await desk.write("replay", lambda tx: desk.endpoints.replay(tx, endpoint, span))
    assert (answer["replayed"], answer["more"]) == (2, False)
    await desk.webhooks.look()
    await receiver.until_got(5)
    ids = [got.id for got in receiver.got]
    assert set(ids[3:]) == set(ids[:2])


async def test_the_log_is_replayed_when_the_deliveries_are_long_forgotten(
    house: House, desk: Desk, receiver: Receiver
) -> None:
    await pins(house, 2)  # before the endpoint was made
    endpoint = await desk.endpoint(receiver, "product.*")
    await pins(house, 3)
    await desk.webhooks.look()
    await desk.until(endpoint, delivered=3)
    house.now_ms += DELIVERED_KEPT_MS + 1
    await desk.write("prune", lambda tx: prune(tx, [endpoint], 1000, []))
    assert await desk.deliveries(endpoint) == []
    last = (await house.log())[-1].offset

    async def replay(from_offset: int, to_offset: int, **more: Any) -> dict[str, Any]:
        span = LogSpan(room=ROOM, log="room", from_offset=from_offset, to_offset=to_offset, **more)
        return await desk.write("replay", lambda tx: replay_log(tx, endpoint, span))

    lost = receiver.got[1]
    one = await replay(1, last + 1000, id=lost.id)
    assert one == {"ok": True, "replayed": 1, "next_offset": None}
    await desk.webhooks.look()
    await receiver.until_got(4)
    await desk.until(endpoint, delivered=1)
    assert (receiver.got[3].id, receiver.got[3].data) == (lost.id, lost.data)
    assert (await replay(lost.data["offset"], lost.data["offset"]))["replayed"] == 1
    await desk.webhooks.look()
    await receiver.until_got(5)
    await desk.until(endpoint, delivered=1)
    assert (await replay(1, last))["replayed"] == 5, "what was before the endpoint can be told as well"
    await desk.webhooks.look()
    await receiver.until_got(10)
    assert [got.id for got in receiver.got[3:5]] == [lost.id, lost.id]
    assert len({got.id for got in receiver.got}) == 5
    # What is not there, or not for it.
    wrong: list[dict[str, Any]] = [{"id": "0" * 32}, {"room": "elsewhere"}]
    for more in wrong:
        plain: dict[str, Any] = {"room": ROOM, "log": "room", "from_offset": 1, "to_offset": last}
        span = LogSpan(**(plain | more))
        answer = await house.store.write(Work("r", lambda tx, s=span: replay_log(tx, endpoint, s)))  # type: ignore[misc]
        assert answer.code == "not_found"


async def test_a_long_log_is_replayed_in_bounded_steps(
    house: House, desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await desk.endpoint(receiver, "product.*")
    await pins(house, 7)
    await desk.webhooks.look()
    await desk.until(endpoint, delivered=7)
    monkeypatch.setattr(replaying, "ENTRIES_AT_ONCE", 3)
    at, steps = 1, []
    while at is not None:
        span = LogSpan(room=ROOM, log="room", from_offset=at, to_offset=10**6)
        answer = await desk.write("replay", lambda tx, s=span: replay_log(tx, endpoint, s))
        steps.append(answer["replayed"])
        at = answer["next_offset"]
    assert sum(steps) == 7
    assert max(steps) == 3
    monkeypatch.setattr(replaying, "WAITING_MAX", 2)
    span = LogSpan(room=ROOM, log="room", from_offset=1, to_offset=1)
    full = await house.store.write(Work("r", lambda tx: replay_log(tx, endpoint, span)))
    assert full.code == "too_many"


async def test_an_endpoint_that_is_away_costs_a_few_rows_and_gets_everything_later(
    house: House, desk: Desk
) -> None:
    async with running_receiver() as receiver:
        endpoint = await desk.endpoint(receiver, "product.*", "order.*")
    port = int(receiver.url.split(":")[2].split("/")[0])
    await pins(house, 40)
    await desk.webhooks.look()
    await desk.until(endpoint, waiting=FAILURES_BEFORE_PAUSE)
    for _ in range(3):
        await desk.turn(1)
    assert len(await desk.deliveries(endpoint)) == FAILURES_BEFORE_PAUSE
    async with running_receiver(port) as receiver:
        await desk.turn(PAUSE_MIN_MS)
        await desk.until(endpoint, delivered=40)
        assert len({got.id for got in receiver.got}) == 40
    assert desk.registry.get_sample_value("danmart_webhook_endpoints", {"state": "disabled"}) == 0


@pytest.mark.parametrize("how", ["gone", "failing"])
async def test_an_endpoint_is_disabled_and_goes_on_where_it_stopped(
    house: House, desk: Desk, receiver: Receiver, how: str
) -> None:
    endpoint = await desk.endpoint(receiver, "product.*")
    receiver.answer = lambda _: 410 if how == "gone" else 500
    await pins(house, 1)
    await desk.webhooks.look()
    await receiver.until_got(1)
    if how == "failing":
        await desk.until(endpoint, waiting=1)
        await desk.turn(GIVE_UP_MS)
    async with asyncio.timeout(10):
        while (row := (await house.rows(select(endpoints_table)))[0])["status"] != "disabled":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert row["reason"].startswith(how)
    await pins(house, 2)
    before = len(receiver.got)
    await desk.turn(RETRIES_MS[0])
    assert (desk.webhooks.served, len(receiver.got)) == ([], before)
    receiver.answer = lambda _: 200
    enable = EndpointChange(enabled=True)
    await desk.write("enable", lambda tx: desk.endpoints.change(tx, endpoint, enable))
    await desk.turn(RETRIES_MS[1])
    await desk.until(endpoint, delivered=3)


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
