"""Boards of who gave most: of a stream, of a week, of all time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from rooms.avatars import show_faces
from rooms.errors import Refused
from rooms.gifts.fans import Fans, fans_table, read_fan
from rooms.gifts.rules import Span, scope_of, week_of
from rooms.gifts.store import read_board, totals_table
from rooms.history import read_room


def read_top(
    conn: Connection, fans: Fans, room_id: str, span: Span, user_id: str | None, now_ms: int
) -> dict[str, Any]:
    """The answer to ``gift.top``: the first ten, one's own place, and how far one is as a fan.

    The stream is the room's last one, whether it is over or not. Raises ``Refused("room_not_found")``.
    """
    room = read_room(conn, room_id)
    if room is None:
        raise Refused("room_not_found")
    where = {"host_id": room.host_id}
    if span == "all":
        rows, own = read_board(conn, fans_table, where, user_id)
    else:
        where["scope"] = scope_of(span, room_id, room.started_at_ms or 0, week_of(now_ms))
        rows, own = read_board(conn, totals_table, where, user_id)
    fan = read_fan(conn, room.host_id, user_id) if user_id is not None else None
    items, you = [row.wire() for row in rows], own.wire() if own else None
    show_faces(conn, [item["user"] for item in (*items, *([you] if you else ()))])
    return {
        "span": span,
        "items": items,
        "you": you,
        "fan": fans.wire(fan) if user_id is not None else None,
    }
