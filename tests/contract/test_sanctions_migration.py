"""Mutes of before sanctions were kept: each goes on, to its end, and can be lifted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from alembic import command
from sqlalchemy import Connection, text

from server.store.engine import open_writer
from server.store.migrate import config

OLD = (
    "INSERT INTO sanctions"
    " (room_id, user_id, kind, user_name, reason, by_id, by_name, at_ms, until_ms, serial)"
    " VALUES (:room, :user, 'mute', :user, 'flood', 'bao', 'Bao', :at, :until, 1)"
)


def rows(conn: Connection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(text(query)).mappings()]


def test_mutes_in_force_go_on_and_those_that_are_over_are_gone(tmp_path: Path) -> None:
    engine = open_writer(f"sqlite:///{tmp_path / 'danmart.db'}")
    with engine.connect() as conn:
        command.upgrade(config(conn), "0025")
        mutes = [("lin", 1, None), ("wu", 2, 5_000), ("lifted", 3, 0)]
        for user, at, until in mutes:
            conn.execute(text(OLD), {"room": "tea", "user": user, "at": at, "until": until})
        conn.execute(text("INSERT INTO timers VALUES ('t', 'mute.end', '1:wu', 'tea', 5000)"))
        conn.commit()
        command.upgrade(config(conn), "0026")
        given = rows(conn, "SELECT * FROM sanctions ORDER BY at_ms")
        assert [(row["user_id"], row["until_ms"], row["over_at_ms"]) for row in given] == [
            ("lin", None, None),
            ("wu", 5_000, None),
        ]
        assert given[0]["id"] < given[1]["id"]
        standings = {
            row["user_id"]: orjson.loads(row["kinds"]) for row in rows(conn, "SELECT * FROM standings")
        }
        for row in given:
            names = ("id", "until_ms", "reason", "by_id", "by_role", "at_ms")
            assert standings[row["user_id"]] == {"mute": {name: row[name] for name in names}}
        (timer,) = rows(conn, "SELECT * FROM timers")
        assert (timer["kind"], timer["ref"]) == ("sanction.end", f"{given[1]['id']}:wu")
        assert (timer["room_id"], timer["due_at_ms"]) == ("tea", 5_000)

        command.downgrade(config(conn), "0025")
        back = rows(conn, "SELECT user_id, until_ms, serial FROM sanctions ORDER BY at_ms")
        assert [tuple(row.values()) for row in back] == [("lin", None, 1), ("wu", 5_000, 1)]
        assert rows(conn, "SELECT kind, ref FROM timers") == [{"kind": "mute.end", "ref": "1:wu"}]
    engine.dispose()
