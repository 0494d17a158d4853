"""What is known of who comments, read for the gates of a room that ask for it, and for no other room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Select, String, Table, exists, select

from rooms.errors import Refused
from rooms.follows import FollowRow, follows_table
from rooms.gifts.fans import Fans
from rooms.guests.store import GUESTS
from rooms.heads import UserRow, rooms_table, users_table
from rooms.log import Visibility, room_events
from rooms.modes import (
    Facts,
    Gate,
    filter_level_of,
    gates_of,
    is_first_to_hold,
    newcomer_left_ms,
    refusal,
    refuse_words,
    slow_mode_of,
)
from rooms.ports import TextReason
from rooms.rows import Key, Kind, Rank, Steps
from rooms.shop.store import orders_table
from rooms.unit import Unit

# Only read, under the room's lock: nothing depends on that it stays so, and nobody waits for it.
FOLLOWER: Kind[FollowRow] = Kind(follows_table, FollowRow, Rank.GUARDED, locked=False)
SEEN: Kind[UserRow] = Kind(users_table, UserRow, Rank.GUARDED, locked=False)


@dataclass(frozen=True, slots=True)
class Known:
    """That something is so of a user, in a room or with a seller (``place``)."""

    place: str
    user_id: str


def _facts_table(name: str) -> Table:
    """Never a table: it names what a query finds out."""
    place, user = Column("place", String, primary_key=True), Column("user_id", String, primary_key=True)
    return Table(name, MetaData(), place, user)


def _read_bought(conn: Connection, keys: Sequence[Key]) -> Iterable[Known]:
    """Who has paid for something in one of the seller's rooms, and has not been given all of it back."""
    orders, rooms, users = orders_table.c, rooms_table.c, users_table.c

    def query(place: str) -> Select[Any]:
        bought = exists().where(
            orders.buyer_id == users.id,
            orders.room_id == rooms.id,
            rooms.host_id == place,
            orders.status == "paid",
            orders.payment_id.is_not(None),  # a prize was bought by nobody
            orders.coins.is_(None),
        )
        return select(users.id).where(bought)

    return _read(conn, keys, query)


def _read_spoken(conn: Connection, keys: Sequence[Key]) -> Iterable[Known]:
    """Whose comments the room was shown before."""
    events, users = room_events.c, users_table.c

    def query(place: str) -> Select[Any]:
        spoken = exists().where(
            events.room_id == place,
            events.user_id == users.id,
            events.kind == "comment",
            events.visibility == Visibility.ALL.value,
        )
        return select(users.id).where(spoken)

    return _read(conn, keys, query)


def _read(conn: Connection, keys: Sequence[Key], query: Any) -> Iterable[Known]:
    """One statement for each place, and for each user in it a look into an index."""
    users: dict[str, list[str]] = {}
    for place, user_id in keys:
        users.setdefault(place, []).append(user_id)
    for place, ids in users.items():
        for user_id in conn.scalars(query(place).where(users_table.c.id.in_(ids))).all():
            yield Known(place, user_id)


BOUGHT: Kind[Known] = Kind(_facts_table("bought"), Known, Rank.GUARDED, locked=False, source=_read_bought)
SPOKEN: Kind[Known] = Kind(_facts_table("spoken"), Known, Rank.GUARDED, locked=False, source=_read_spoken)


@dataclass(frozen=True, slots=True)
class Admission:
    """The gates of a room as they were when the rows for them were read, and what those say of somebody.

    A mode that begins while a comment waits for its rows is for those that come after it.
    """

    gates: tuple[Gate, ...]
    facts: Facts
    on_stage: bool

    @property
    def slow_mode_s(self) -> int:
        return slow_mode_of(self.gates)

    @property
    def filter_level(self) -> int:
        return filter_level_of(self.gates)

    def refuse(self, now_ms: int, *, can_hold: bool) -> None:
        """Raises ``Refused``: ``comments_closed``, ``followers_only``, ``members_only``, ``buyers_only``.
        Who is on stage was let in by the host. ``can_hold``: newcomers need not be sent away, as there is
        somewhere for their comments to wait."""
        if self.on_stage:
            return
        if (refused := refusal(self.gates, self.facts, now_ms)) is not None:
            raise refused
        left_ms = newcomer_left_ms(self.gates, self.facts, now_ms)
        if left_ms and not can_hold:
            raise Refused(
                "comments_closed",
                "The shield is up: an account as new as this can't comment yet.",
                retry_after_ms=left_ms,
                details={"left_ms": left_ms},
            )

    def refuse_words(self, text: str) -> None:
        """Raises ``Refused("emoji_only")``."""
        if not self.on_stage:
            refuse_words(self.gates, text)

    def reasons_to_hold(self, now_ms: int) -> tuple[TextReason, ...]:
        """Why a moderator has to look at whatever this person says."""
        if self.on_stage:
            return ()
        found = []
        if newcomer_left_ms(self.gates, self.facts, now_ms):
            found.append(TextReason("shield", "new_account", "hold"))
        if is_first_to_hold(self.gates, self.facts):
            found.append(TextReason("shield", "first_comment", "hold"))
        return tuple(found)


_NOBODY_ASKS = Admission((), Facts(), on_stage=False)


def admission(tx: Unit, room_id: str, user_id: str, fans: Fans) -> Steps[Admission]:
    """What the room's modes ask of somebody, and how it is. Where no modes are used, the fan's row, which is
    for the badge too, is the only one that is read. The gates are looked at before anything is waited for,
    when those who came before this comment, and nobody else, have set them."""
    room = tx.room(room_id)
    gates = gates_of(room, tx.now_ms)
    yield fans.rows(tx, room.host_id, user_id)
    if not gates:
        return _NOBODY_ASKS
    place, seller = (room.id, user_id), (room.host_id, user_id)
    follows = any(gate.who == "followers" for gate in gates)
    buys = any(gate.who == "buyers" for gate in gates)
    is_new = any(gate.newcomer_s for gate in gates)
    is_first = any(gate.hold_first for gate in gates)
    yield GUESTS.rows(place)
    yield FOLLOWER.rows(*([seller] if follows else []))
    yield BOUGHT.rows(*([seller] if buys else []))
    yield SEEN.rows(*([user_id] if is_new else []))
    yield SPOKEN.rows(*([place] if is_first else []))
    guest = tx.get(GUESTS, *place)
    follow = tx.get(FOLLOWER, *seller) if follows else None
    user = tx.get(SEEN, user_id) if is_new else None
    facts = Facts(
        followed_since_ms=follow.since_ms if follow else None,
        level=fans.level(tx, *seller),
        bought=buys and tx.get(BOUGHT, *seller) is not None,
        since_ms=user.since_ms if user else 0,
        has_spoken=not is_first or tx.get(SPOKEN, *place) is not None,
    )
    return Admission(gates, facts, on_stage=guest is not None and guest.status == "on")
