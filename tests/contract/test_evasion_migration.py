"""Since when people are known who came before that was written down."""

from __future__ import annotations

import asyncio

from alembic import command
from sqlalchemy import text

from server.store.engine import open_writer
from server.store.migrate import config

DAY_MS = 86_400_000
NOW_MS = 20_000 * DAY_MS
USER = (
    "INSERT INTO users (id, name, operator, seq, seen_at_ms, since_ms) VALUES (:id, '', 0, 0, :seen, :since)"
)
COMMENT = (
    'INSERT INTO room_events (room_id, epoch, "offset", id, kind, at_ms, user_id, visibility, body)'
    " VALUES (:room, 'e', :at, :id, 'comment', :at, :user, 'all', :body)"
)
TOLD = "INSERT INTO user_events (user_id, seq, at_ms, kind, body) VALUES (:user, 1, :at, 'order', :body)"
POINTS = "INSERT INTO points_days (day, user_id, done, earned, total) VALUES (:day, :user, '{}', '{}', 1)"


async def test_the_first_that_somebody_did_is_since_when_they_are_known(database_url: str) -> None:
    await asyncio.to_thread(upgrade, database_url)


def upgrade(database_url: str) -> None:
    engine = open_writer(database_url)
    with engine.connect() as conn:
        command.upgrade(config(conn), "0032")
        seen = [
            ("talker", 0),
            ("buyer", 0),
            ("fan", 0),
            ("earner", 0),
            ("silent", 0),
            ("newer", 77),
            ("none", 0),
        ]
        for user, since in seen:
            at = 0 if user == "none" else NOW_MS
            conn.execute(text(USER), {"id": user, "seen": at, "since": since})
        for room, at in (("tea", 5_000), ("silk", 4_000), ("tea", 6_000)):
            row = {"room": room, "at": at, "id": f"{room}{at}", "user": "talker", "body": b"{}"}
            conn.execute(text(COMMENT), row)
        conn.execute(
            text(COMMENT), {"room": "tea", "at": 1, "id": "of-newer", "user": "newer", "body": b"{}"}
        )
        conn.execute(text(COMMENT), {"room": "tea", "at": 2, "id": "nobody", "user": None, "body": b"{}"})
        conn.execute(text(TOLD), {"user": "buyer", "at": 3_000, "body": b"{}"})
        conn.execute(text("INSERT INTO follows VALUES (:host, 'fan', 2000)"), [{"host": "a"}])
        conn.execute(text(POINTS), {"user": "earner", "day": 100})
        conn.execute(text(POINTS), {"user": "silent", "day": NOW_MS // DAY_MS})
        conn.commit()
        command.upgrade(config(conn), "0035")
        known = {row.id: row.since_ms for row in conn.execute(text("SELECT id, since_ms FROM users"))}
        assert known == {
            "talker": 4_000,
            "buyer": 3_000,
            "fan": 2_000,
            "earner": 101 * DAY_MS + DAY_MS // 2,
            "silent": NOW_MS,  # points of today say less than when they were seen
            "newer": 77,
            "none": 0,
        }
        command.downgrade(config(conn), "0032")
        conn.rollback()
    engine.dispose()
