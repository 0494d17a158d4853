"""Who follows which host, and how many do.

Following is nothing that the room is told: it is between a viewer and a host, and a crowd that follows would
drown what people say. Who follows gets a private event, so that all tabs agree; how many they
are is a signal of the room in which somebody came or went; the room's staff gets a note,
at most one every ``TELL_EVERY_MS`` for each host, which says who was the last and how many they are by now.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    MetaData,
    String,
    Table,
    select,
    tuple_,
)

from rooms.avatars import faced
from rooms.commands import FollowHost
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS, users_table
from rooms.hosts import HOSTS, host_of
from rooms.ports import Caller, Standing
from rooms.rows import Kind, Rank, Steps, read
from rooms.schema import metadata
from rooms.unit import Unit

TELL_EVERY_MS = 10_000
FOLLOWERS = "followers"
"""What the count goes by among the numbers that a room's signals say; no play is called so."""


@dataclass(frozen=True, slots=True)
class FollowRow:
    host_id: str
    user_id: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class FollowedRow:
    """A host's followers, counted with each one that comes and goes; ``told_ms`` is when the staff last got
    a note."""

    host_id: str
    followers: int
    told_ms: int


follows_table = Table(
    "follows",
    metadata,
    Column("host_id", String(128), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Index("ix_follows_newest", "host_id", "since_ms", "user_id"),
)

followed_table = Table(
    "followed",
    metadata,
    Column("host_id", String(128), primary_key=True),
    Column("followers", BigInteger, nullable=False),
    Column("told_ms", BigInteger, nullable=False),
    CheckConstraint("followers >= 0", name="not_negative"),
)

FOLLOWS: Kind[FollowRow] = Kind(follows_table, FollowRow, Rank.PEOPLE)
# To ask who follows, as it was committed: no lock, as nothing depends on that it stays so.
FOLLOWING: Kind[FollowRow] = Kind(follows_table.to_metadata(MetaData()), FollowRow, Rank.PEOPLE, locked=False)
FOLLOWED: Kind[FollowedRow] = Kind(followed_table, FollowedRow, Rank.PEOPLE)


class Follows:
    """The commands ``follow`` and ``unfollow``."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def follow(self, tx: Unit, cmd: FollowHost, caller: Caller) -> Steps[Any]:
        """Follow the room's host; who does already goes on doing so. Refuses with ``forbidden``,
        ``follow_self``."""
        user_id, host_id, followed = yield from self._load(tx, cmd, caller)
        if user_id == host_id:
            raise Refused("follow_self")
        if tx.get(FOLLOWS, host_id, user_id) is None:
            tx.put(FOLLOWS, FollowRow(host_id, user_id, tx.now_ms))
            followed = replace(followed, followers=followed.followers + 1)
            if tx.now_ms - followed.told_ms >= TELL_EVERY_MS:
                followed = replace(followed, told_ms=tx.now_ms)
                tx.brief(cmd.room, "followed", {"user": caller.card, "followers": followed.followers})
            _tell(tx, cmd.room, user_id, tx.put(FOLLOWED, followed), following=True)
        return {"following": True, "followers": followed.followers}

    def unfollow(self, tx: Unit, cmd: FollowHost, caller: Caller) -> Steps[Any]:
        """No longer follow the room's host; who doesn't need not stop. Refuses with ``forbidden``."""
        user_id, host_id, followed = yield from self._load(tx, cmd, caller)
        if tx.get(FOLLOWS, host_id, user_id) is not None:
            tx.drop(FOLLOWS, host_id, user_id)
            followed = replace(followed, followers=followed.followers - 1)
            _tell(tx, cmd.room, user_id, tx.put(FOLLOWED, followed), following=False)
        return {"following": False, "followers": followed.followers}

    def _load(self, tx: Unit, cmd: FollowHost, caller: Caller) -> Steps[tuple[str, str, FollowedRow]]:
        user_id = caller.id or ""
        yield HOSTS.rows(cmd.room)
        host_id = host_of(tx, cmd.room)
        # The count first: whoever holds it may look for single rows of the host in any order.
        yield FOLLOWED.rows(host_id)
        yield FOLLOWS.rows((host_id, user_id))
        yield USERS.rows(user_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, user_id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "follow")
        return user_id, host_id, tx.get(FOLLOWED, host_id) or FollowedRow(host_id, 0, 0)


def _tell(tx: Unit, room_id: str, user_id: str, followed: FollowedRow, *, following: bool) -> None:
    said = {"host": followed.host_id, "following": following, "followers": followed.followers}
    tx.tell(user_id, "follow", said, room_id=room_id)
    tx.count(room_id, FOLLOWERS, n=followed.followers)


def read_following(conn: Connection, host_id: str, user_ids: Collection[str]) -> dict[str, int]:
    """Those of the users who follow the host, with the time since when; one statement."""
    found = read(conn, FOLLOWS, [(host_id, user_id) for user_id in user_ids])
    return {follow.user_id: follow.since_ms for follow in found}


def read_followers(conn: Connection, host_id: str) -> int:
    """How many follow the host."""
    return sum(followed.followers for followed in read(conn, FOLLOWED, [(host_id,)]))


def read_follower_page(
    conn: Connection, host_id: str, *, before: tuple[int, str] | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """A host's followers with their names, the newest first; ``before`` is the last one's time and id of the
    page before."""
    follows = follows_table.c
    query = (
        select(follows.user_id, users_table.c.name, users_table.c.avatar, follows.since_ms)
        .outerjoin(users_table, users_table.c.id == follows.user_id)
        .where(follows.host_id == host_id)
    )
    if before is not None:
        query = query.where(tuple_(follows.since_ms, follows.user_id) < before)
    rows = conn.execute(query.order_by(follows.since_ms.desc(), follows.user_id.desc()).limit(limit))
    return [
        {"user": faced({"id": r.user_id, "name": r.name or ""}, r.avatar), "since_ms": r.since_ms}
        for r in rows
    ]
