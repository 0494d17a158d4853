"""Moderation of all rooms in numbers: the same before a day is kept and afterwards."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import pytest
from sqlalchemy import func, select

from moderation.audit.days import DAY_MS, days_table
from moderation.audit.transparency import read_deeds, tally
from server import transparency
from server.transparency import SETTLED_MS, Asked, PlatformNumbers
from server.transparency_files import COLUMNS, sheet
from tests.contract.house import HOST, MODERATOR, ROOM, House
from tests.contract.test_audit import note


async def moderated(house: House) -> int:
    """Three days of two rooms, and what is no room's; gives the first day. The clock is in the fourth."""
    house.now_ms = (house.now_ms // DAY_MS + 1) * DAY_MS
    first = house.now_ms // DAY_MS
    for day in range(3):
        await note(
            house,
            (ROOM, MODERATOR, "filter.mask", "u", {"rules": [{"code": "insult"}]}),
            (ROOM, MODERATOR, "moderate.mute", "u", {"seconds": 60 + day}),
            ("silk", HOST, "review.release", "u", {"kind": "held", "waited_ms": 1200 + day}),
            ("", HOST, "filter.name", "u", {}),
            ("@seller", HOST, "picture.refuse", "u", {}),
            (ROOM, HOST, "room.change", ROOM, {}),
            (ROOM, HOST, "filter.rules", ROOM, {}),
        )
        house.now_ms += DAY_MS
    return first


def numbers(house: House) -> PlatformNumbers:
    return PlatformNumbers(house.store, lambda: house.now_ms)


async def kept_days(house: House) -> int:
    (row,) = await house.rows(select(func.count(days_table.c.day.distinct()).label("n")))
    return int(row["n"])


async def test_days_are_kept_when_they_are_over_and_change_nothing(house: House) -> None:
    first = await moderated(house)
    asked = Asked(first, first + 3, 10)
    live = await numbers(house).told(asked)
    assert (live["total"], live["rooms_moderated"]) == (15, 2)
    assert [(room["room"], room["total"]) for room in live["rooms"]] == [(ROOM, 6), ("silk", 3)]
    assert live["rooms"][0]["title"] != ""
    assert live["held"]["response"] == {"count": 3, "p50_ms": 1200, "p90_ms": 1200}
    assert [sum(day[s] for s in ("filter", "acted", "decided")) for day in live["days"]] == [5, 5, 5, 0]

    while await numbers(house).settle():
        pass
    kept = await kept_days(house)
    assert kept >= 2, "the third may still be written into"
    assert await numbers(house).told(asked) == live
    house.now_ms += SETTLED_MS
    while await numbers(house).settle():
        pass
    assert await kept_days(house) == kept + 1
    again = await numbers(house).told(asked)
    assert again == {**live, "to_ms": house.now_ms}


async def test_a_room_has_the_numbers_that_its_host_sees(house: House) -> None:
    first = await moderated(house)
    while await numbers(house).settle():
        pass
    told = await numbers(house).told(Asked(first, first + 3, 1))
    (room,) = told["rooms"]

    def hosts(conn: Any) -> dict[str, Any]:
        deeds = read_deeds(conn, ROOM, now_ms=house.now_ms, days=4, offset_min=0)
        return tally(deeds, now_ms=house.now_ms, days=4, offset_min=0)

    seen = await house.store.read(hosts)
    assert {name: room[name] for name in room if name not in ("room", "title")} == {
        name: seen[name] for name in seen if name in room
    }


async def test_nodes_that_keep_the_same_day_at_once_keep_it_once(house: House) -> None:
    first = await moderated(house)
    asked = Asked(first, first + 2, 10)
    live = await numbers(house).told(asked)
    for _ in range(6):
        await asyncio.gather(*(numbers(house).settle() for _ in range(3)))
    assert await numbers(house).told(asked) == live


async def test_what_nobody_can_ask_for_any_more_is_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transparency, "KEPT_DAYS", 5)
    await moderated(house)
    while await numbers(house).settle():
        pass
    house.now_ms += 7 * DAY_MS
    keeper = numbers(house)
    while await keeper.settle():
        pass
    oldest = (await house.rows(select(func.min(days_table.c.day).label("day"))))[0]["day"]
    assert oldest >= house.now_ms // DAY_MS - 6


async def test_a_file_is_safe_in_a_spreadsheet_and_says_the_same(house: House) -> None:
    first = await moderated(house)
    await house.ok("room.change", HOST, title="=1+1")
    told = await numbers(house).told(Asked(first, first + 3, 10))
    rows = list(csv.DictReader(io.StringIO(sheet(told).decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    mutes = [row for row in rows if row["what"] == "moderate.mute"]
    assert [(row["room"], row["title"], row["count"]) for row in mutes] == [
        ("", "", "3"),
        (ROOM, "'=1+1", "3"),
    ]
    assert sheet(told, bom=True).startswith(b"\xef\xbb\xbf")
