"""What the house knows of users, for the conditions of lotteries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson
from sqlalchemy import Connection, func, select

from rooms.heads import rooms_table
from rooms.log import Visibility, room_events
from rooms.play.lotteries.conditions import Ask
from rooms.shop.store import orders_table
from rooms.wallet.store import entries_table, movements_table

DAY_MS = 86_400_000

Reader = Callable[[Connection, Ask, Sequence[str]], Mapping[str, int]]


class HouseFacts:
    """Implements the lotteries' ``Facts``: a statement or two for each question, whoever it is about."""

    def knows(self, ask: Ask) -> bool:
        # The ledger knows what was given, and not by which gift.
        return ask.kind in _READERS and not (ask.kind == "gift" and ask.ref)

    def read(self, conn: Connection, ask: Ask, user_ids: Sequence[str]) -> Mapping[str, int]:
        return _READERS[ask.kind](conn, ask, user_ids)


def _comments(conn: Connection, ask: Ask, user_ids: Sequence[str]) -> dict[str, int]:
    """Comments with the phrase in them, however it is cased or spaced; deleted ones don't count."""
    events = room_events.c
    epoch = select(rooms_table.c.epoch).where(rooms_table.c.id == ask.room_id).scalar_subquery()
    query = select(events.user_id, events.body).where(
        events.room_id == ask.room_id,
        events.user_id.in_(user_ids),
        events.epoch == epoch,
        events.offset > ask.after_offset,
        events.kind == "comment",
        events.visibility != Visibility.DELETED.value,
    )
    found: dict[str, int] = {}
    phrase = plain(ask.ref)
    for user_id, body in conn.execute(query):
        if phrase in plain(orjson.loads(body)["data"].get("text", "")):
            found[user_id] = found.get(user_id, 0) + 1
    return found


def plain(text: str) -> str:
    """As phrases are compared: in lower case, white space as one space."""
    return " ".join(text.casefold().split())


def _orders(conn: Connection, ask: Ask, user_ids: Sequence[str]) -> dict[str, int]:
    """Orders that somebody paid for: a prize is none."""
    orders = orders_table.c
    query = select(orders.buyer_id, func.count()).where(
        orders.buyer_id.in_(user_ids),
        orders.room_id == ask.room_id,
        orders.status == "paid",
        orders.payment_id.is_not(None),
    )
    if ask.ref:
        query = query.where(orders.product_id == ask.ref)
    return {user_id: int(count) for user_id, count in conn.execute(query.group_by(orders.buyer_id))}


def _gift_coins(conn: Connection, ask: Ask, user_ids: Sequence[str]) -> dict[str, int]:
    """Coins given in the room since then, by the ledger; what was given back doesn't count."""
    entries, movements = entries_table.c, movements_table.c
    query = (
        select(entries.owner, -func.sum(entries.amount))
        .join(movements_table, movements.id == entries.movement_id)
        .where(
            entries.kind == "wallet",
            entries.owner.in_(user_ids),
            movements.kind.in_(("gift", "gift_back")),
            movements.room_id == ask.room_id,
            movements.at_ms >= ask.since_ms,
        )
        .group_by(entries.owner)
    )
    return {user_id: max(0, int(coins)) for user_id, coins in conn.execute(query)}


_READERS: dict[str, Reader] = {
    "comment": _comments,
    "gift": _gift_coins,
    "order": _orders,
}
