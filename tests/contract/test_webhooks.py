"""Webhooks on both databases: what is told, nothing skipped and in order, whatever becomes of nodes."""

from __future__ import annotations

import asyncio
import threading

from sqlalchemy import select

from rooms.heads import ROOMS
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Work
from server.webhooks.reading import read_heads
from server.webhooks.saving import LEASE_MS
from server.webhooks.schedule import RETRIES_MS
from server.webhooks.tables import cursors_table, leases_table
from tests.contract.desk import SECRET, Desk, desk_of, pins
from tests.contract.house import HOST, MODERATOR, ROOM, VIEWER, House, house_at, open_house
from tests.server.webhooks.receiver import Receiver, running_receiver

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
