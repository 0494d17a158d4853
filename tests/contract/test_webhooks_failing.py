"""Webhooks whose receiver does not take them: tried again, put off, given up, replayed."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from server.webhooks.endpoints import EndpointChange, Replay
from server.webhooks.schedule import FAILURES_BEFORE_PAUSE, GIVE_UP_MS, PAUSE_MIN_MS, RETRIES_MS
from server.webhooks.tables import endpoints_table
from tests.contract.desk import Desk, pins
from tests.contract.house import House
from tests.server.webhooks.receiver import Receiver, running_receiver

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
    async with asyncio.timeout(30):
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
    async with asyncio.timeout(30):
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
