"""Trails from before there were chains become chains, and can go back."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from alembic import command
from sqlalchemy import Connection, column, select, table

from moderation.audit import read_audit
from moderation.audit.checking import check_all
from moderation.audit.verify import Problem
from server.store.engine import open_writer
from server.store.migrate import config, migrate

OLD = table(
    "audit",
    *(column(n) for n in ("id", "room_id", "at_ms", "actor_id", "actor_name", "action", "target", "detail")),
)


def entry(room: str, n: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"0190-{n:08d}-{room}",
        "room_id": room,
        "at_ms": 1000 + n,
        "actor_id": "u-host",
        "actor_name": "Mei 梅",
        "action": "moderate.mute",
        "target": f"u-{n}",
        "detail": orjson.dumps({"reason": 'he said "no"', "seconds": 60}),
    } | more


def in_order(row: dict[str, Any]) -> tuple[str, str]:
    return row["room_id"], row["id"]


def as_was(conn: Connection) -> list[dict[str, Any]]:
    return sorted((dict(row._mapping) for row in conn.execute(select(OLD))), key=in_order)


COUNT = 450


async def test_old_entries_are_chained_in_their_order(database_url: str) -> None:
    """More than a portion of them, which ends in the middle of a trail."""
    rooms = ("", "@abc", "Zoo", "tea", "ünder")
    entries = [entry(room, n) for n in range(COUNT) for room in rooms]
    system = {"actor_id": "", "actor_name": "system", "action": "filter.deny"}
    entries.append(entry("tea", COUNT, **system, detail=b'{"text":"x","rules":[{"code":"insult"}]}'))

    def go() -> tuple[list[Problem], dict[str, int], list[dict[str, Any]]]:
        engine = open_writer(database_url)
        try:
            with engine.begin() as conn:
                command.upgrade(config(conn), "0024")
                conn.execute(OLD.insert(), entries)
            migrate(database_url)
            with engine.begin() as conn:
                found: list[Problem] = []
                sizes = {c.trail: c.tally.entries for c in check_all(conn, found.append)}
                lines = read_audit(conn, "tea")
            with engine.begin() as conn:
                command.downgrade(config(conn), "0024")
            with engine.begin() as conn:
                assert as_was(conn) == sorted(entries, key=in_order)
            migrate(database_url)
            with engine.begin() as conn:
                list(check_all(conn, found.append))
            return found, sizes, lines
        finally:
            engine.dispose()

    found, sizes, lines = await asyncio.to_thread(go)
    assert found == []
    assert sizes == dict.fromkeys(rooms, COUNT) | {"tea": COUNT + 1}
    newest = [(line["seq"], line["target"]) for line in lines[:3]]
    assert newest == [(COUNT + 1, f"u-{COUNT}"), (COUNT, f"u-{COUNT - 1}"), (COUNT - 1, f"u-{COUNT - 2}")]
    assert lines[0]["facts"] == {"by": "system", "codes": ["insult"]}
    assert (lines[1]["actor"], lines[1]["facts"]) == ({"id": "u-host", "name": "Mei 梅"}, {"seconds": 60})
