"""Two nodes on one PostgreSQL: nothing is sold twice, done twice, or lost between them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest
import structlog.testing
from sqlalchemy import func, select

from moderation.sanctions.store import read_page
from rooms.heads import timers_table, users_table
from rooms.log import staff_events, user_events
from rooms.ports import Caller
from rooms.shop.store import orders_table
from server.payments.sandbox import sandbox_table
from tests.contract.house import (
    HOST,
    MODERATOR,
    OPERATOR,
    OTHER,
    ROOM,
    VIEWER,
    House,
    house_at,
    open_house,
)

BUYERS = [Caller(f"u-buyer{n:02}", f"Buyer {n}") for n in range(20)]


@pytest.fixture
async def nodes(shared_url: str) -> AsyncIterator[tuple[House, House]]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(house_at(shared_url, node="first"))
        second = await stack.enter_async_context(open_house(shared_url, node="second"))
        yield first, second


async def test_one_sku_bought_on_both_nodes_is_never_oversold(nodes: tuple[House, House]) -> None:
    first, second = nodes
    _, sku = await first.product(stock=60)
    both = [(node, buyer) for node in nodes for buyer in BUYERS for _ in range(4)]
    random.Random(1).shuffle(both)
    answers = await asyncio.gather(*(node.do("buy", buyer, sku=sku, qty=1) for node, buyer in both))
    codes = [a["error"]["code"] for a in answers if not a["ok"]]
    assert len(answers) - len(codes) == 60
    assert set(codes) == {"stock_held"}
    row = await second.sku(sku)
    assert (row.stock, row.held) == (0, 60)
    (count,) = await first.rows(select(func.count().label("n")).select_from(orders_table))
    assert count["n"] == 60


async def test_everything_at_once_on_both_nodes(nodes: tuple[House, House]) -> None:
    """Opposite orders of users, rooms and products: what would be a deadlock if locks had no order."""
    await nodes[0].create("silk")
    shelf = [await nodes[0].product(stock=1000) for _ in range(3)]
    dice = random.Random(2)

    async def act(node: House, buyer: Caller) -> dict[str, Any]:
        product, sku = dice.choice(shelf)
        match dice.randrange(6):
            case 0 | 1:
                bought = await node.do("buy", buyer, sku=sku, qty=dice.randint(1, 3))
                name = dice.choice(["order.pay", "order.cancel"])
                return await node.do(name, buyer, order=bought["order"]["id"])
            case 2:
                return await node.do("comment", buyer, text="hello", room=dice.choice([ROOM, "silk"]))
            case 3:
                return await node.do("product.change", HOST, product=product, stock_delta=1)
            case 4:
                target = dice.choice(BUYERS).id
                return await node.do("moderate.mute", MODERATOR, user=target, seconds=10, reason="")
            case _:
                return await node.do(dice.choice(["pin", "unpin"]), HOST, product=product)

    for node in nodes:
        await node.sign_in(*BUYERS)
    with structlog.testing.capture_logs() as logs:
        answers = await asyncio.gather(*(act(n, b) for _ in range(4) for b in BUYERS for n in nodes))
    codes = {a["error"]["code"] for a in answers if not a["ok"]}
    assert codes <= {"muted"}
    assert [entry for entry in logs if entry["event"] in ("writer_retry", "command_failed")] == []
    await offsets_have_no_holes(nodes, ROOM)
    await offsets_have_no_holes(nodes, "silk")
    await numbers_have_no_holes(nodes[0])


async def offsets_have_no_holes(nodes: tuple[House, House], room: str) -> None:
    log = await nodes[0].log(room)
    assert [e.offset for e in log] == list(range(1, len(log) + 1))
    assert [orjson.loads(e.body)["offset"] for e in log] == [e.offset for e in log]
    # What the nodes tell those connected is the log, each entry once.
    told = sorted(e.offset for node in nodes for e in node.events if e.room_id == room)
    assert told == [e.offset for e in log]


async def numbers_have_no_holes(node: House) -> None:
    for table, owner in ((user_events, user_events.c.user_id), (staff_events, staff_events.c.room_id)):
        query = select(owner, func.min(table.c.seq), func.max(table.c.seq), func.count()).group_by(owner)
        rows = [tuple(row.values()) for row in await node.rows(query)]
        assert rows
        assert all(low == 1 and high == count for _, low, high, count in rows)


async def test_timers_that_both_nodes_run_at_once_are_done_once(nodes: tuple[House, House]) -> None:
    first, second = nodes
    _, sku = await first.product(stock=100)
    for _ in range(3):
        await asyncio.gather(*(n.ok("buy", b, sku=sku, qty=1) for n in nodes for b in BUYERS[:10]))
    await first.sign_in(*BUYERS)
    mutes = {"seconds": 60, "reason": "flood"}
    await asyncio.gather(*(first.ok("moderate.mute", MODERATOR, user=b.id, **mutes) for b in BUYERS))
    await first.picture("publishing")
    await second.picture("lost")
    for node in nodes:
        node.now_ms += 60_000
        node.private.clear()
        node.staff.clear()
        node.events.clear()
    await asyncio.gather(*(node.run_timers() for node in nodes for _ in range(2)))
    row = await first.sku(sku)
    assert (row.stock, row.held) == (100, 0)
    kinds = [(e.user_id, e.kind) for node in nodes for e in node.private]
    assert sorted(k for k in kinds if k[1] == "order") == sorted((b.id, "order") for b in BUYERS[:10] * 6)
    assert sorted(k for k in kinds if k[1] == "unmuted") == sorted((b.id, "unmuted") for b in BUYERS)
    assert [e.kind for node in nodes for e in node.events] == ["room.status"]
    await first.run_timers()  # those that the room's end has set
    assert await first.rows(select(timers_table)) == []
    await numbers_have_no_holes(first)


async def test_paying_on_both_nodes_at_once_charges_once(nodes: tuple[House, House]) -> None:
    first, second = nodes
    _, sku = await first.product(stock=100)
    orders = [(await first.ok("buy", b, sku=sku, qty=1))["order"]["id"] for b in BUYERS]
    same = await asyncio.gather(
        *(
            node.do("order.pay", buyer, order=order, key=f"pay-{order[-12:]}")
            for buyer, order in zip(BUYERS, orders, strict=True)
            for node in nodes
        )
    )
    assert all(a["ok"] and a["order"]["status"] == "paid" for a in same)
    charges = await second.rows(select(sandbox_table))
    assert sorted(c["amount_minor"] for c in charges) == [4900] * 20
    paid = [e for n in nodes for e in n.private if b'"paid"' in e.body]
    assert len(paid) == 20
    row = await second.sku(sku)
    assert (row.stock, row.held) == (80, 0)


async def test_the_same_key_on_both_nodes(nodes: tuple[House, House]) -> None:
    """A client that reconnected elsewhere sends what was not answered again."""
    keys = [f"roaming-{n:03}" for n in range(30)]
    answers = await asyncio.gather(
        *(node.do("comment", VIEWER, text=f"said once: {key}", key=key) for key in keys for node in nodes)
    )
    assert all(a["ok"] for a in answers)
    assert [a["event"] for a in answers[::2]] == [a["event"] for a in answers[1::2]]
    assert len([e for e in await nodes[0].log() if e.kind == "comment"]) == 30
    conflict = await asyncio.gather(
        nodes[0].do("comment", OTHER, text="one", key="conflict-1"),
        nodes[1].do("comment", OTHER, text="two", key="conflict-1"),
    )
    assert sorted(a["ok"] for a in conflict) == [False, True]
    assert [a["error"]["code"] for a in conflict if not a["ok"]] == ["key_conflict"]


async def test_what_both_nodes_create_at_once_is_created_once(nodes: tuple[House, House]) -> None:
    codes = await asyncio.gather(
        *(node.try_to_create(HOST, id=f"new-{n}", title="New") for n in range(10) for node in nodes)
    )
    for pair in zip(codes[::2], codes[1::2], strict=True):
        assert set(pair) == {None, "room_exists"}
    newcomers = [Caller(f"u-new{n}", "New") for n in range(10)]
    await asyncio.gather(*(node.sign_in(*newcomers) for node in nodes))
    known = await nodes[0].rows(select(users_table.c.id).where(users_table.c.id.like("u-new%")))
    assert len(known) == 10


async def test_somebody_muted_on_one_node_is_muted_on_the_other(nodes: tuple[House, House]) -> None:
    first, second = nodes
    event = await second.say(VIEWER, "rude")
    await first.ok("moderate.mute", MODERATOR, user=VIEWER.id, seconds=60, reason="rude")
    await first.ok("moderate.delete", MODERATOR, event=event["id"])
    assert await second.code("comment", VIEWER, text="again") == "muted"
    assert await second.code("moderate.delete", MODERATOR, event=event["id"]) == "not_found"
    assert await second.code("comment", OTHER, text="re", reply_to=event["id"]) == "not_found"
    await second.ok("moderate.unmute", MODERATOR, user=VIEWER.id)
    await first.say(VIEWER, "sorry")


async def test_who_is_banned_warned_or_shadowed_on_one_node_is_on_the_other(
    nodes: tuple[House, House],
) -> None:
    first, second = nodes
    request = {"user": VIEWER.id, "seconds": 60, "reason": "rude"}
    await first.ok("moderate.ban", OPERATOR, **request, everywhere=True)
    assert await second.code("comment", VIEWER, text="hi") == "banned"
    await second.ok("moderate.unban", OPERATOR, user=VIEWER.id, everywhere=True)
    warning = (await second.ok("moderate.warn", MODERATOR, user=VIEWER.id, reason=""))["sanction"]["id"]
    assert await first.code("comment", VIEWER, text="hi") == "warned"
    await first.ok("warning.accept", VIEWER, warning=warning)
    await first.ok("moderate.shadow", HOST, **request)
    await second.say(VIEWER, "hi")
    assert [event.visibility for event in (await first.log()) if event.kind == "comment"] == ["shadow"]
    # Two who act in the same moment leave one in force, and the other as replaced.
    await asyncio.gather(*(node.ok("moderate.mute", HOST, **request) for node in nodes for _ in range(3)))
    now_ms = first.now_ms
    mutes = await first.store.read(lambda conn: read_page(conn, ROOM, now_ms, kinds=["mute"]))
    assert sorted(str(mute.over_why) for mute in mutes) == ["None"] + ["replaced"] * 5
