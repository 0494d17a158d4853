"""The log, what is folded from it, and what is read from its middle."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, Update, select

from rooms.heads import rooms_table
from rooms.history import read_events, read_now, read_room
from rooms.log import LogEvent, checkpoints
from rooms.people import read_private, read_seqs
from rooms.rows import Steps
from rooms.state import COMMENTS_KEPT, EMPTY, encode_state, fold_all
from rooms.unit import News, Unit
from server.checkpoints import Checkpoints
from server.store.group import Work
from server.store.keys import KEPT_MS, command_keys, prune
from tests.contract.house import HOST, MODERATOR, OTHER, ROOM, VIEWER, House

DAY_MS = 24 * 3600 * 1000


async def checkpoint(house: House) -> None:
    answer = await house.store.write(Work("checkpoint", lambda tx: Checkpoints().save(tx, ROOM)))
    assert answer.ok, answer.body


async def write(house: House, statement: Update) -> None:
    def steps(tx: Unit) -> Steps[Any]:
        tx.at_flush(lambda conn: _run(conn, statement))
        return {}
        yield

    assert (await house.store.write(Work("statement", steps))).ok


def _run(conn: Connection, statement: Update) -> None:
    conn.execute(statement)


async def state_now(house: House) -> dict[str, Any]:
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    state: dict[str, Any] = orjson.loads(encode_state(now.state))
    return state


async def state_from_the_log(house: House) -> dict[str, Any]:
    state: dict[str, Any] = orjson.loads(encode_state(fold_all(EMPTY, await house.log())))
    return state


class Chance:
    """Somebody who does whatever comes to mind."""

    def __init__(self, house: House, seed: int) -> None:
        self._house = house
        self._dice = random.Random(seed)
        self._products: list[str] = []
        self._comments: list[str] = []

    async def act(self) -> None:
        acts = [self._say] * 6 + [self._reply, self._delete, self._delete, self._shelf, self._pin]
        acts += [self._picture, self._settings]
        await self._dice.choice(acts)()

    async def _say(self, **more: Any) -> None:
        text = self._dice.choice(["你好", "<b>", "how much?", "🎉" * 20, '"quoted" \\ text'])
        caller = self._dice.choice([VIEWER, OTHER, MODERATOR])
        event = await self._house.say(caller, f"{text} {self._dice.random()}", **more)
        self._comments.append(event["id"])

    async def _reply(self) -> None:
        if self._comments:
            await self._say(reply_to=self._dice.choice(self._comments))

    async def _delete(self) -> None:
        if self._comments:
            gone = self._comments.pop(self._dice.randrange(len(self._comments)))
            await self._house.ok("moderate.delete", HOST, event=gone)

    async def _shelf(self) -> None:
        if len(self._products) < 5:
            self._products.append((await self._house.product())[0])
            return
        product = self._dice.choice(self._products)
        if self._dice.random() < 0.5:
            self._products.remove(product)
            await self._house.ok("product.remove", HOST, product=product)
        else:
            await self._house.ok(
                "product.change", HOST, product=product, price_minor=self._dice.randrange(99)
            )

    async def _pin(self) -> None:
        if self._products:
            name = self._dice.choice(["pin", "pin", "unpin"])
            await self._house.ok(name, HOST, product=self._dice.choice(self._products))

    async def _picture(self) -> None:
        self._house.now_ms += 1000
        await self._house.picture(self._dice.choice(["publishing", "lost", "stopped", "gave_up"]))

    async def _settings(self) -> None:
        await self._house.ok("room.change", HOST, title=f"Evening {self._dice.randrange(9)}")


@pytest.mark.parametrize("seed", range(2))
async def test_a_checkpoint_and_the_tail_are_the_whole_log(house: House, seed: int) -> None:
    chance, dice, saved = Chance(house, seed), random.Random(seed), 0
    for _ in range(100):
        await chance.act()
        if dice.random() < 0.08:
            await checkpoint(house)
            saved += 1
        if dice.random() < 0.2:
            assert await state_now(house) == await state_from_the_log(house)
    assert await state_now(house) == await state_from_the_log(house)
    assert saved > 3
    log = await house.log()
    assert [e.offset for e in log] == list(range(1, len(log) + 1))
    told = [orjson.loads(s.body)["seq"] for s in house.staff]
    assert told == list(range(1, len(told) + 1))


async def test_a_checkpoint_spares_reading_what_it_covers(house: House) -> None:
    for n in range(COMMENTS_KEPT + 10):
        await house.say(VIEWER, f"n{n}")
    whole = await state_now(house)
    assert [c["data"]["text"] for c in whole["comments"]] == [f"n{n}" for n in range(10, COMMENTS_KEPT + 10)]
    await checkpoint(house)
    await checkpoint(house)
    (kept,) = await house.rows(select(checkpoints))
    assert orjson.loads(kept["state"]) == whole
    tail = await house.say(VIEWER, "after it")
    assert (await state_now(house))["comments"] == [*whole["comments"][1:], tail]
    # A checkpoint of another fold, or of another epoch, is not looked at.
    for stale in ({"fold_version": 0}, {"epoch": "another"}):
        spoiled = {**kept, "state": b"not even JSON", **stale}

        await write(house, checkpoints.update().values(**spoiled))
        assert await state_now(house) == await state_from_the_log(house)


async def test_when_a_checkpoint_is_due(house: House) -> None:
    counting = Checkpoints(every=5)
    await house.say(VIEWER, "one")
    counting.count(_news(house.events[-1:]))
    assert counting.due() == []
    counting.count(_news(house.events[-1:] * 4))
    assert counting.due() == [ROOM]
    assert counting.due() == []


def _news(events: list[LogEvent]) -> Any:
    return News(events, [], [], {}, {})


async def test_what_was_missed_is_read_from_where_somebody_was(house: House) -> None:
    for n in range(20):
        await house.say(VIEWER, f"n{n}")
    row = await house.store.read(lambda conn: read_room(conn, ROOM))
    assert row is not None

    async def offsets(**span: Any) -> list[int]:
        found = await house.store.read(lambda conn: read_events(conn, ROOM, row.epoch, **span))
        return [e.offset for e in found]

    head = row.head
    assert await offsets(after=head - 3) == [head - 2, head - 1, head]
    assert await offsets(after=head - 3, to=head - 1) == [head - 2, head - 1]
    assert await offsets(after=0, limit=4) == [1, 2, 3, 4]
    assert await offsets(after=head) == []
    assert await house.store.read(lambda conn: read_events(conn, ROOM, "another", after=0)) == []
    assert await house.store.read(lambda conn: read_now(conn, "nowhere")) is None


async def test_private_events_are_read_from_where_somebody_was(house: House) -> None:
    _, sku = await house.product(stock=200)
    for _ in range(12):
        await house.ok("buy", VIEWER, sku=sku, qty=1)

    heads = await house.store.read(lambda conn: read_seqs(conn, [VIEWER.id or "", "u-nobody"]))
    assert heads == {VIEWER.id: 12}

    async def read(**after: Any) -> list[int]:
        bodies = await house.store.read(lambda conn: read_private(conn, VIEWER.id or "", head=12, **after))
        return [orjson.loads(body)["seq"] for body in bodies]

    assert await read(after=None) == []
    assert await read(after=9) == [10, 11, 12]
    assert await read(after=0) == list(range(1, 13))
    assert await read(after=0, limit=5) == [8, 9, 10, 11, 12]
    assert await read(after=12) == await read(after=99) == []
    stored = await house.store.read(lambda conn: read_private(conn, VIEWER.id or "", head=12, after=0))
    assert stored == [e.body for e in house.private if e.user_id == VIEWER.id]


async def test_keys_are_kept_for_seven_days(house: House) -> None:
    first = await house.ok("comment", VIEWER, text="hello", key="week-0001")
    house.now_ms += 1
    later = await house.ok("comment", VIEWER, text="hello", key="week-0002")
    house.now_ms += KEPT_MS

    async def tidy(**limit: int) -> int:
        went: list[int] = []

        def work(tx: Unit) -> Steps[Any]:
            tx.at_flush(lambda conn: went.append(prune(conn, tx.now_ms, **limit)))
            return {}
            yield

        assert (await house.store.write(Work("prune", work))).ok
        return went[0]

    # Up to the last moment the first answer is given.
    assert await house.ok("comment", VIEWER, text="hello", key="week-0001") == first
    went = [await tidy(limit=2) for _ in range(4)]
    assert went[0] == 2
    assert went[-1] == 0
    kept = {r["key"] for r in await house.rows(select(command_keys.c.key))}
    assert kept == {"week-0002"}
    assert await house.ok("comment", VIEWER, text="hello", key="week-0002") == later
    again = await house.ok("comment", VIEWER, text="hello", key="week-0001")
    assert again["event"]["id"] != first["event"]["id"]
    house.now_ms += DAY_MS
    assert await tidy() == 1


async def test_an_answer_is_given_after_the_head_has_moved(house: House) -> None:
    """What was acknowledged is what the database holds, to the byte."""
    for caller in (VIEWER, OTHER, MODERATOR):
        event = await house.say(caller, "hello")
        (row,) = await house.rows(select(rooms_table.c.head).where(rooms_table.c.id == ROOM))
        assert row["head"] == event["offset"]
        assert orjson.loads((await house.log())[-1].body) == event
