"""What the house knows of users, for the conditions of lotteries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson
from sqlalchemy import Connection, func, select

from rooms.follows import read_following
from rooms.gifts.fans import FanRow, FanRules, fans_table, level_of, points_of
from rooms.gifts.store import given_table
from rooms.heads import rooms_table
from rooms.log import Visibility, room_events
from rooms.play.lotteries.conditions import Ask
from rooms.shop.store import orders_table
from rooms.watching import Stream, read_watched

DAY_MS = 86_400_000

Reader = Callable[[Connection, Ask, Sequence[str]], Mapping[str, int]]


class HouseFacts:
    """Implements the lotteries' ``Facts``: a statement or two for each question, whoever it is about."""

    def __init__(self, fan_rules: FanRules) -> None:
        self._fan_rules = fan_rules

    def knows(self, ask: Ask) -> bool:
        return ask.kind in _READERS or ask.kind == "fan_level"

    def read(self, conn: Connection, ask: Ask, user_ids: Sequence[str]) -> Mapping[str, int]:
        if ask.kind == "fan_level":
            return self._fan_levels(conn, ask, user_ids)
        return _READERS[ask.kind](conn, ask, user_ids)

    def _fan_levels(self, conn: Connection, ask: Ask, user_ids: Sequence[str]) -> dict[str, int]:
        columns = fans_table.c
        query = select(fans_table).where(columns.host_id == ask.host_id, columns.user_id.in_(user_ids))
        fans = (FanRow(*record) for record in conn.execute(query))
        return {fan.user_id: level_of(points_of(fan, self._fan_rules)) for fan in fans}


def _comments(conn: Connection, ask: Ask, user_ids: Sequence[str]) -> dict[str, int]:
    """Comments with the phrase in them, however it is cased or spaced; what is deleted, or said in
    the shadow, doesn't count."""
    events = room_events.c
    epoch = select(rooms_table.c.epoch).where(rooms_table.c.id == ask.room_id).scalar_subquery()
    query = select(events.user_id, events.body).where(
        events.room_id == ask.room_id,
        events.user_id.in_(user_ids),
        events.epoch == epoch,
        events.offset > ask.after_offset,
        events.kind == "comment",
        events.visibility.not_in((Visibility.DELETED.value, Visibility.SHADOW.value)),
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
    """Coins given in the room since then, by one gift or any; what was given back doesn't count."""
    given = given_table.c
    query = select(given.giver_id, func.sum(given.coins)).where(
        given.giver_id.in_(user_ids),
        given.room_id == ask.room_id,
        given.at_ms >= ask.since_ms,
        given.refunded_at_ms.is_(None),
    )
    if ask.ref:
        query = query.where(given.gift_id == ask.ref)
    return {user_id: int(coins) for user_id, coins in conn.execute(query.group_by(given.giver_id))}


def _following(conn: Connection, ask: Ask, user_ids: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(read_following(conn, ask.host_id, user_ids), 1)


def _watched(conn: Connection, ask: Ask, user_ids: Sequence[str]) -> dict[str, int]:
    """Of the stream that is on, or was last; written down about once a minute."""
    started_ms = conn.scalar(select(rooms_table.c.started_at_ms).where(rooms_table.c.id == ask.room_id))
    return read_watched(conn, Stream(ask.room_id, started_ms), user_ids) if started_ms else {}


_READERS: dict[str, Reader] = {
    "comment": _comments,
    "follow": _following,
    "watch": _watched,
    "gift": _gift_coins,
    "order": _orders,
}
