"""Users as the rooms know them: written down when they sign in, so that others can act on them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from rooms.heads import USERS, UserRow
from rooms.log import PrivateEvent, user_events
from rooms.ports import Caller
from rooms.rows import Steps, read
from rooms.unit import Unit


def seen(tx: Unit, *callers: Caller) -> Steps[Any]:
    """Write down who signed in, with the name and the operator's claim of the token. Repeatable."""
    yield USERS.rows(*(caller.id for caller in callers))
    for caller in callers:
        user_id = caller.id or ""
        user = tx.get(USERS, user_id)
        if user is None:
            user = UserRow(user_id, "", 0, 0, tx.now_ms, tx.now_ms)
        now = replace(user, name=caller.name, operator=int(caller.operator), seen_at_ms=tx.now_ms)
        tx.put(USERS, now)
    return {}


def read_private(
    conn: Connection, user_id: str, *, head: int, after: int | None, limit: int = 100
) -> list[bytes]:
    """A user's private events after a number up to the head, as sent (the latest ``limit``)."""
    if after is None or after >= head:
        return []
    query = (
        select(user_events.c.body)
        .where(user_events.c.user_id == user_id, user_events.c.seq > max(after, head - limit))
        .order_by(user_events.c.seq)
    )
    return list(conn.scalars(query))


def read_seqs(conn: Connection, user_ids: Collection[str]) -> dict[str, int]:
    """The heads of users' private events, in one query; unknown users are left out."""
    return {user_id: user.seq for user_id, user in read_users(conn, user_ids).items()}


def read_users(conn: Connection, user_ids: Collection[str]) -> dict[str, UserRow]:
    """Users' heads, in one query; unknown users are left out."""
    return {user.id: user for user in read(conn, USERS, [(user_id,) for user_id in user_ids])}


def read_private_events(conn: Connection, user_id: str, *, after: int, limit: int) -> list[PrivateEvent]:
    """Private events with ``seq > after``, in order, the first ``limit``."""
    query = select(user_events).where(user_events.c.user_id == user_id, user_events.c.seq > after)
    return [PrivateEvent(*r) for r in conn.execute(query.order_by(user_events.c.seq).limit(limit))]
