"""The group-commit writer: once a key, each by itself, nothing lost."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import orjson
import pytest
from sqlalchemy import event as sql_event
from sqlalchemy.exc import OperationalError

from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Answer, Work
from tests.contract.house import HOST, OTHER, ROOM, VIEWER, House, house_at


async def test_the_same_key_gives_the_first_answer_and_changes_nothing(house: House) -> None:
    first = await house.ok("comment", VIEWER, text="hello", key="once-0001")
    again = await house.ok("comment", VIEWER, text="hello", key="once-0001")
    assert again == first
    assert len([e for e in await house.log() if e.kind == "comment"]) == 1


async def test_the_same_key_twice_in_one_group(house: House) -> None:
    answers = await asyncio.gather(
        *(house.do("comment", VIEWER, text="hello", key="twice-001") for _ in range(5))
    )
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["ok"]
    assert len([e for e in await house.log() if e.kind == "comment"]) == 1


async def test_a_key_used_for_something_else_is_a_conflict(house: House) -> None:
    await house.ok("comment", VIEWER, text="hello", key="reused-01")
    assert await house.code("comment", VIEWER, text="bye", key="reused-01") == "key_conflict"
    answers = await asyncio.gather(
        house.do("comment", VIEWER, text="a", key="reused-02"),
        house.do("comment", VIEWER, text="b", key="reused-02"),
    )
    assert [answer["ok"] for answer in answers] == [True, False]


async def test_keys_are_each_users_own(house: House) -> None:
    await house.ok("comment", VIEWER, text="hello", key="shared-01")
    await house.ok("comment", OTHER, text="hello too", key="shared-01")


async def test_a_final_refusal_is_remembered_a_temporary_one_is_not(house: House) -> None:
    _, sku = await house.product(stock=1)
    assert await house.code("buy", VIEWER, sku=sku, qty=2, key="final-001") == "not_enough_stock"
    await house.ok("buy", OTHER, sku=sku, qty=1)
    assert await house.code("buy", VIEWER, sku=sku, qty=1, key="tempo-001") == "stock_held"
    product = (await house.log())[-1].data["product"]["id"]
    await house.ok("product.change", HOST, product=product, stock_delta=5)
    assert await house.code("buy", VIEWER, sku=sku, qty=2, key="final-001") == "not_enough_stock"
    await house.ok("buy", VIEWER, sku=sku, qty=1, key="tempo-001")


async def test_offsets_have_no_holes_whatever_is_refused(house: House) -> None:
    texts = ["fine", "", "also fine", "x" * 500, "last"] * 40
    answers = await asyncio.gather(*(house.do("comment", VIEWER, text=text) for text in texts))
    assert sum(answer["ok"] for answer in answers) == 120
    offsets = [e.offset for e in await house.log()]
    assert offsets == list(range(1, len(offsets) + 1))
    assert [e.offset for e in house.events] == offsets


async def test_private_events_are_numbered_without_holes(house: House) -> None:
    _, sku = await house.product(stock=50)
    await asyncio.gather(*(house.ok("buy", VIEWER, sku=sku, qty=1) for _ in range(30)))
    seqs = [e.seq for e in house.private if e.user_id == VIEWER.id]
    assert seqs == list(range(1, 31))


def _explode(tx: Unit) -> Steps[Any]:
    yield ROOMS.rows(ROOM)
    tx.append(ROOM, "comment", {"text": "must not stay"})
    raise RuntimeError("a bug")


def _refuse_late(tx: Unit) -> Steps[Any]:
    yield ROOMS.rows(ROOM)
    tx.append(ROOM, "comment", {"text": "must not stay"})
    raise Refused("forbidden")


@pytest.mark.parametrize(("bad", "code"), [(_explode, "internal"), (_refuse_late, "forbidden")])
async def test_a_bug_spoils_only_its_own_command(house: House, bad: Any, code: str) -> None:
    good = [house.do("comment", VIEWER, text=f"n{i}") for i in range(20)]
    said = asyncio.gather(*good)
    spoiled = await house.store.write(Work("bug", bad))
    assert spoiled.code == code
    assert all(answer["ok"] for answer in await said)
    events = [e for e in await house.log() if e.kind == "comment"]
    assert len(events) == 20
    assert not any(b"must not stay" in e.body for e in events)


async def test_rows_must_be_asked_for_in_the_lock_order(house: House) -> None:
    def backwards(tx: Unit) -> Steps[Any]:
        yield ROOMS.rows(ROOM)
        yield USERS.rows("u-lin")

    assert (await house.store.write(Work("backwards", backwards))).code == "internal"


async def test_a_full_queue_says_busy(database_url: str) -> None:
    async with house_at(database_url) as house:
        house.store.writer._queue._maxsize = 5  # type: ignore[attr-defined]
        answers = await asyncio.gather(*(house.do("comment", VIEWER, text=f"n{i}") for i in range(40)))
        busy = [a for a in answers if not a["ok"]]
        assert busy
        assert {a["error"]["code"] for a in busy} == {"busy"}
        assert all(a["error"]["retry_after_ms"] for a in busy)
        accepted = [e for e in await house.log() if e.kind == "comment"]
        assert len(accepted) == 40 - len(busy)


async def test_closing_ends_also_when_everything_else_was_cancelled(database_url: str) -> None:
    """As when a loop is torn down under a full queue: whoever closes must not wait for who is gone."""
    async with house_at(database_url) as house:
        (writing,) = [task for task in asyncio.all_tasks() if task.get_name() == "writer"]
        writing.cancel()
        await asyncio.wait([writing])
        unheard = asyncio.create_task(house.do("comment", VIEWER, text="nobody there"))
        await asyncio.sleep(0)  # it is in the queue
        async with asyncio.timeout(10):
            await house.store.close()
        unheard.cancel()


async def test_a_lost_connection_is_mended_by_trying_again(house: House) -> None:
    failures = iter([True, True])

    def fail(*_: Any) -> None:
        if next(failures, False):
            raise OperationalError("COMMIT", {}, Exception("connection lost"))

    sql_event.listen(house.store._writing, "commit", fail)
    try:
        await house.ok("comment", VIEWER, text="through trouble")
    finally:
        sql_event.remove(house.store._writing, "commit", fail)
    assert len([e for e in await house.log() if e.kind == "comment"]) == 1


async def test_a_commit_whose_answer_was_lost_is_not_done_twice(postgres_url: str) -> None:
    async with house_at(postgres_url) as house:
        dialect: Any = house.store._writing.dialect
        real_commit = dialect.do_commit
        lose = iter([True])

        def commit_and_lose(connection: Any) -> None:
            real_commit(connection)
            if next(lose, False):
                raise dialect.dbapi.OperationalError("server closed the connection")

        dialect.do_commit = commit_and_lose
        answer = await house.ok("comment", VIEWER, text="exactly once")
        dialect.do_commit = real_commit
        events = [e for e in await house.log() if e.kind == "comment"]
        assert [e.id for e in events] == [answer["event"]["id"]]
        # What was told to those connected is what was committed.
        assert [e.id for e in house.events if e.kind == "comment"] == [answer["event"]["id"]]


async def test_a_cancelled_caller_does_not_cancel_the_command(house: House) -> None:
    task = asyncio.create_task(house.do("comment", VIEWER, text="still said"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await house.ok("comment", OTHER, text="a later one")
    texts = [orjson.loads(e.body)["data"]["text"] for e in await house.log() if e.kind == "comment"]
    assert texts == ["still said", "a later one"]


async def test_what_is_urgent_goes_first_and_finds_room_in_a_full_queue(migrated_url: str) -> None:
    begun, order = threading.Event(), list[str]()
    gate = threading.Event()

    def noted(name: str) -> Work:
        def steps(tx: Unit) -> Steps[Any]:
            yield ROOMS.rows()
            begun.set()
            gate.wait(10)
            order.append(name)

        return Work(name, steps, urgent=name.startswith("timer"))

    def submit(name: str) -> asyncio.Task[Answer]:
        return asyncio.create_task(house.store.write(noted(name)))

    async with house_at(migrated_url) as house:
        writer = house.store.writer
        writer._queue_max, writer._group_max = 3, 2
        first = submit("first")
        await asyncio.to_thread(begun.wait, 10)
        buyers = [submit(f"buyer {n}") for n in range(4)]
        timers = [submit(f"timer {n}") for n in range(2)]
        done, _ = await asyncio.wait(buyers, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().code for task in done] == ["busy"]
        gate.set()
        answers = await asyncio.gather(first, *buyers, *timers)
    assert [answer.code for answer in answers].count(None) == 6
    assert order == ["first", "timer 0", "timer 1", "buyer 0", "buyer 1", "buyer 2"]
