"""Whoever comes is written down before it is let in, however many come at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from moderation.audit import AuditTrail, read_audit
from rooms.errors import Refused
from rooms.heads import users_table
from server.auth import GUEST, Identity
from server.signins import SignIns
from server.store.group import Answer, Work
from tests.contract.house import HOST, VIEWER, House


class Counting:
    """A store that counts what is written."""

    def __init__(self, house: House) -> None:
        self._store = house.store
        self.works = 0

    async def write(self, work: Work) -> Answer:
        self.works += 1
        return await self._store.write(work)


def crowd(count: int, name: str = "Ann", *, operator: bool = False) -> list[Identity]:
    return [Identity(f"u{n:03}", f"{name} {n}", operator=operator) for n in range(count)]


async def written(house: House) -> dict[str, tuple[str, int, int]]:
    rows = await house.rows(select(users_table).where(users_table.c.id.like("u0%")))
    return {row["id"]: (row["name"], row["operator"], row["seq"]) for row in rows}


def as_written(people: list[Identity]) -> dict[Any, tuple[str, int, int]]:
    return {who.id: (who.name, int(who.operator), 0) for who in people}


async def test_who_comes_in_the_same_moment_is_written_together(house: House) -> None:
    store = Counting(house)
    signins = SignIns(store)  # type: ignore[arg-type]
    people = crowd(100)
    await asyncio.gather(*(signins.note(who) for who in [*people, GUEST, *people]))
    assert await written(house) == as_written(people)
    assert store.works == 2  # 200 asked, 128 at once
    await asyncio.gather(*(signins.note(who) for who in people))
    assert store.works == 2
    renamed = crowd(100, "Bea", operator=True)
    await asyncio.gather(*(signins.note(who) for who in renamed))
    assert (await written(house), store.works) == (as_written(renamed), 3)


async def test_a_sign_in_leaves_the_number_of_private_events_alone(house: House) -> None:
    await house.ok("room.grant", HOST, user=VIEWER.id, role="moderator")
    before = len(house.told(VIEWER))
    assert before
    await SignIns(house.store, audit=AuditTrail()).note(Identity(VIEWER.id, "Lin the second"))
    row = (await house.rows(select(users_table).where(users_table.c.id == VIEWER.id)))[0]
    assert (row["name"], row["seq"], row["seen_at_ms"]) == ("Lin the second", before, house.now_ms)


async def test_somebody_who_cant_be_written_down_keeps_nobody_out(house: House) -> None:
    signins = SignIns(house.store, audit=AuditTrail())
    people = crowd(20)
    unwritable = Identity("\ud800", "half a letter")
    notes = [signins.note(who) for who in [*people[:7], unwritable, *people[7:]]]
    outcomes = await asyncio.gather(*notes, return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert [error.code for error in refused if isinstance(error, Refused)] == ["internal"]
    assert await written(house) == as_written(people)


async def test_nobody_counts_as_written_down_who_is_not(house: House) -> None:
    people = crowd(3)
    signins = SignIns(house.store, audit=AuditTrail())
    await house.store.writer.close()
    with pytest.raises(Refused, match="temporarily_unavailable"):
        await signins.note(people[0])
    with pytest.raises(Refused, match="temporarily_unavailable"):
        await signins.note(people[0])
    assert await written(house) == {}


async def test_a_name_that_isnt_shown_is_in_the_trail(house: House) -> None:
    """Once: not again for each node and each time that the same person comes."""
    lin = Identity("u-lin", "user-1a2b3c", called="Buy at evil.com")
    for _ in range(2):
        await SignIns(house.store, audit=AuditTrail()).note(lin)
    (note,) = await house.store.read(lambda conn: read_audit(conn, ""))
    assert (note["action"], note["target"]) == ("filter.name", "u-lin")
    assert note["detail"] == {"user": {"id": "u-lin", "name": "user-1a2b3c"}, "text": "Buy at evil.com"}
