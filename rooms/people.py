"""Users as the rooms know them: written down when they sign in, so that others can act on them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from rooms.heads import USERS, UserRow
from rooms.log import PrivateEvent, user_events
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit


def seen(tx: Unit, caller: Caller) -> Steps[Any]:
    """Write down that somebody signed in, with the name and the operator's claim of the token. Repeatable."""
    user_id = caller.id or ""
    yield USERS.rows(user_id)
    user = tx.get(USERS, user_id) or UserRow(user_id, "", 0, 0, 0)
    tx.put(USERS, replace(user, name=caller.name, operator=int(caller.operator), seen_at_ms=tx.now_ms))
    return {}


def read_private(
    conn: Connection, user_id: str, *, after: int | None, limit: int = 100
) -> tuple[int, list[bytes]]:
    """A user's head, and the private events after a number as sent (the latest ``limit``)."""
    head = conn.scalar(select(USERS.table.c.seq).where(USERS.table.c.id == user_id)) or 0
    if after is None or after >= head:
        return head, []
    query = (
        select(user_events.c.body)
        .where(user_events.c.user_id == user_id, user_events.c.seq > max(after, head - limit))
        .order_by(user_events.c.seq)
    )
    return head, list(conn.scalars(query))


def read_seqs(conn: Connection, user_ids: Collection[str]) -> dict[str, int]:
    """The heads of users' private events, in one query; unknown users are left out."""
    users = USERS.table.c
    found = conn.execute(select(users.id, users.seq).where(users.id.in_(user_ids)))
    return {record.id: record.seq for record in found}


def read_private_events(conn: Connection, user_id: str, *, after: int, limit: int) -> list[PrivateEvent]:
    """Private events with ``seq > after``, in order, the first ``limit``."""
    query = select(user_events).where(user_events.c.user_id == user_id, user_events.c.seq > after)
    return [PrivateEvent(*r) for r in conn.execute(query.order_by(user_events.c.seq).limit(limit))]
