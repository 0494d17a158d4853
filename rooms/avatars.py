"""People's own pictures: whose is shown, how often somebody may give another one, and the encoded files.

A picture is named after what it shows and whose it is: the same name always shows the same, and what is
done about one person's picture never touches another's. ``users.avatar`` says which one is shown; the files
are kept in SQL, so that every node has them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    select,
    text,
)

from rooms.errors import Refused
from rooms.heads import USERS, UserRow
from rooms.pace import window_wait_ms
from rooms.ports import Caller, Standing
from rooms.rows import Kind, Rank, Steps, read
from rooms.schema import Json, metadata
from rooms.unit import Unit

DIGEST_CHARS = 22
HOUR_MS = 3_600_000
ALL_ROOMS = "*"
"""What sanctions are kept under that hold everywhere."""
CHECKER_CHARS = 200
UNCHECKED = "checked_at_ms IS NULL AND removed = 0"
"""To be put into queries as it stands: so it is indexed."""


@dataclass(frozen=True, slots=True)
class AvatarRules:
    """``per_hour``: how many pictures somebody may give; ``removed_ms``: for how long none, after a moderator
    has removed one; ``replaced_ms``: for how long a picture is kept beside old comments when its owner has
    chosen another."""

    per_hour: int = 6
    removed_ms: int = 24 * HOUR_MS
    replaced_ms: int = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class AvatarFile:
    """``over_at_ms``: since when it isn't shown any more. A ``removed`` one was taken away by a moderator or
    for what a checker found: its bytes are gone, its name stays, so that the same picture doesn't come back.
    ``checked_at_ms``: when the checker ``checked_by`` looked at it; None: nobody has."""

    digest: str
    user_id: str
    at_ms: int
    over_at_ms: int | None
    removed: int
    body: bytes
    checked_at_ms: int | None = None
    checked_by: str = ""


@dataclass(frozen=True, slots=True)
class Served:
    """A picture as everybody gets it, and whether a checker has looked at it."""

    body: bytes
    checked: bool


@dataclass(frozen=True, slots=True)
class AvatarPace:
    """When somebody gave pictures within the last hour, and until when none is taken. From ``over_at_ms`` on
    it says nothing any more."""

    user_id: str
    recent: list[int]
    refused_until_ms: int
    over_at_ms: int


avatar_files = Table(
    "avatar_files",
    metadata,
    Column("digest", String(DIGEST_CHARS), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("over_at_ms", BigInteger),
    Column("removed", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("checked_at_ms", BigInteger),
    Column("checked_by", String(CHECKER_CHARS), nullable=False, server_default=""),
    Index("ix_avatar_files_user", "user_id"),
    Index("ix_avatar_files_over", "removed", "over_at_ms"),
    Index(
        "ix_avatar_files_unchecked", "digest", sqlite_where=text(UNCHECKED), postgresql_where=text(UNCHECKED)
    ),
)

avatar_paces = Table(
    "avatar_paces",
    metadata,
    Column("user_id", String(128), primary_key=True),
    Column("recent", Json, nullable=False),
    Column("refused_until_ms", BigInteger, nullable=False),
    Column("over_at_ms", BigInteger, nullable=False, index=True),
)

# Guarded by their user's row: whoever changes them holds that lock.
AVATAR_FILES: Kind[AvatarFile] = Kind(avatar_files, AvatarFile, Rank.GUARDED)
AVATAR_PACES: Kind[AvatarPace] = Kind(avatar_paces, AvatarPace, Rank.GUARDED)


def digest_of(user_id: str, body: bytes) -> str:
    """The name of somebody's picture: 128 bits of a hash, as 22 characters that an address may have."""
    said = user_id.encode("utf-8", "surrogatepass") + b"\0" + body
    return base64.urlsafe_b64encode(hashlib.sha256(said).digest()[:16]).rstrip(b"=").decode()


def counted(pace: AvatarPace, rules: AvatarRules, now_ms: int) -> AvatarPace:
    """The pace with one more picture. Raises ``Refused``: ``picture_refused`` after a removal,
    ``rate_limited``."""
    if now_ms < pace.refused_until_ms:
        message = "A moderator has removed your picture: wait until you may choose another one."
        details = {"reason": "removed", "until_ms": pace.refused_until_ms}
        wait_ms = pace.refused_until_ms - now_ms
        raise Refused("picture_refused", message, retry_after_ms=wait_ms, temporary=True, details=details)
    wait_ms = window_wait_ms(pace.recent, rules.per_hour, HOUR_MS, now_ms)
    if wait_ms:
        raise Refused("rate_limited", retry_after_ms=wait_ms)
    recent = [*pace.recent, now_ms][-rules.per_hour :]
    return replace(pace, recent=recent, over_at_ms=now_ms + HOUR_MS)


def barred(pace: AvatarPace, until_ms: int) -> AvatarPace:
    """The pace of somebody who may give no picture until then."""
    return replace(pace, refused_until_ms=until_ms, over_at_ms=max(pace.over_at_ms, until_ms))


def unpaced(user_id: str) -> AvatarPace:
    """Of somebody who has given none."""
    return AvatarPace(user_id, [], 0, 0)


@dataclass(slots=True)
class Faces:
    """The pictures of those who are connected to this node, as it last heard of them, for what they say.

    A comment asks here, not the database. Whoever enters a room is looked up with everything else that is,
    and their private events tell of each change; whoever has gone is forgotten. Asked on the writer's thread,
    told on the loop's: both only ever touch a single key.
    """

    _of: dict[str, str] = field(default_factory=dict)

    def heard(self, user_id: str, digest: str | None) -> None:
        """What somebody's picture is now; None: they have none, or have gone."""
        if digest:
            self._of[user_id] = digest
        else:
            self._of.pop(user_id, None)

    def card(self, tx: Unit, caller: Caller) -> dict[str, Any]:
        """Who says something, as others see it. ``avatar`` is there only when there is one. A row that the
        unit has read anyway is newer than what was heard."""
        user_id = caller.id or ""
        user = tx.get(USERS, user_id) if tx.asked(USERS, user_id) else None
        return faced(caller.card, user.avatar if user is not None else self._of.get(user_id))


def faced(card: dict[str, Any], avatar: str | None) -> dict[str, Any]:
    """Somebody's card with the name of their picture, if they have one."""
    return {**card, "avatar": avatar} if avatar else card


def _checked(file: AvatarFile, checker: str, now_ms: int) -> AvatarFile:
    return replace(file, checked_at_ms=now_ms, checked_by=checker[:CHECKER_CHARS])


class Avatars:
    """What people do about their own pictures. Each tells the user, on all connections."""

    def __init__(self, standing: Standing, rules: AvatarRules) -> None:
        self._standing = standing
        self.rules = rules

    def look(self, tx: Unit, caller: Caller) -> Steps[Any]:
        """Whether the caller may give a picture now: asked before one is decoded, and changes nothing.
        Refuses with ``unauthenticated``, ``banned`` and ``muted`` (of what holds everywhere),
        ``picture_refused``, ``rate_limited``."""
        yield from self._load(tx, caller)
        self._paced(tx, caller)
        return {}

    def set(self, tx: Unit, body: bytes, caller: Caller, checked_by: str | None = None) -> Steps[Any]:
        """Show this picture, encoded already, from now on. ``checked_by``: the checker that has looked at it.
        Refuses as :meth:`look` does, and with ``picture_refused`` what was removed. The same picture again is
        fine, and counts."""
        user_id, digest = caller.id or "", digest_of(caller.id or "", body)
        yield from self._load(tx, caller, digest)
        pace = self._paced(tx, caller)
        known = tx.get(AVATAR_FILES, digest)
        if known is not None and known.removed:
            message = "A moderator has removed this very picture: choose another one."
            raise Refused("picture_refused", message, details={"reason": "same"})
        user = tx.get(USERS, user_id) or UserRow(user_id, caller.name, 0, 0, tx.now_ms, tx.now_ms)
        before = tx.get(AVATAR_FILES, user.avatar) if user.avatar else None
        if before is not None:
            tx.put(AVATAR_FILES, replace(before, over_at_ms=tx.now_ms))
        tx.put(AVATAR_PACES, pace)
        file = known or AvatarFile(digest, user_id, tx.now_ms, None, 0, body)
        file = replace(file, at_ms=tx.now_ms, over_at_ms=None)
        tx.put(AVATAR_FILES, file if checked_by is None else _checked(file, checked_by, tx.now_ms))
        tx.put(USERS, replace(user, avatar=digest))
        tx.tell(user_id, "avatar", {"avatar": digest})
        return {"avatar": digest}

    def load(self, tx: Unit, user_id: str) -> Steps[None]:
        """What :meth:`take_down` reads. The user's row must have been asked for."""
        yield AVATAR_PACES.rows(user_id)

    def take_down(self, tx: Unit, user_id: str) -> tuple[list[str], int]:
        """Let none of somebody's be seen any more: the bytes go, the names stay, so that the same doesn't
        come back; and have none taken until a time. Gives the names, if there are any, and the time."""
        until_ms = tx.now_ms + self.rules.removed_ms
        files, user = own_files(tx, user_id), tx.get(USERS, user_id)
        for file in files:
            tx.put(AVATAR_FILES, replace(file, removed=1, body=b"", over_at_ms=tx.now_ms))
        if files and user is not None:
            tx.put(AVATAR_PACES, barred(tx.get(AVATAR_PACES, user_id) or unpaced(user_id), until_ms))
            tx.put(USERS, replace(user, avatar=""))
        return [file.digest for file in files], until_ms

    def load_file(self, user_id: str, digest: str) -> Steps[None]:
        """What :meth:`settle` and :meth:`take_down_one` read. As :meth:`load`."""
        yield AVATAR_PACES.rows(user_id)
        yield AVATAR_FILES.rows(digest)

    def settle(self, tx: Unit, digest: str, checker: str) -> bool:
        """A checker has looked; False if one had, or the picture is gone, and then nothing changes."""
        file = tx.get(AVATAR_FILES, digest)
        if file is None or file.removed or file.checked_at_ms is not None:
            return False
        tx.put(AVATAR_FILES, _checked(file, checker, tx.now_ms))
        return True

    def take_down_one(self, tx: Unit, digest: str) -> int | None:
        """Let this very picture be seen no more, as :meth:`take_down` does with all. Until when its owner may
        give none; None if it wasn't the one that they show, and then they may."""
        file = tx.get(AVATAR_FILES, digest)
        if file is None or file.removed:
            return None
        tx.put(AVATAR_FILES, replace(file, removed=1, body=b"", over_at_ms=tx.now_ms))
        user = tx.get(USERS, file.user_id)
        if user is None or user.avatar != digest:
            return None
        until_ms = tx.now_ms + self.rules.removed_ms
        tx.put(AVATAR_PACES, barred(tx.get(AVATAR_PACES, user.id) or unpaced(user.id), until_ms))
        tx.put(USERS, replace(user, avatar=""))
        return until_ms

    def _load(self, tx: Unit, caller: Caller, digest: str = "") -> Steps[None]:
        if caller.id is None:
            raise Refused("unauthenticated")
        yield USERS.rows(caller.id)
        yield from self._standing.load(ALL_ROOMS, caller.id)
        yield AVATAR_PACES.rows(caller.id)
        user = tx.get(USERS, caller.id)
        yield AVATAR_FILES.rows(digest, user.avatar if user else "")

    def _paced(self, tx: Unit, caller: Caller) -> AvatarPace:
        """The caller's pace with one more picture, if one may be given."""
        self._standing.refuse_banned(tx, ALL_ROOMS, caller)
        self._standing.refuse_muted(tx, ALL_ROOMS, caller)
        pace = tx.get(AVATAR_PACES, caller.id) or unpaced(caller.id or "")
        return counted(pace, self.rules, tx.now_ms)

    def clear(self, tx: Unit, user_id: str) -> Steps[Any]:
        """Show none, and keep none of those that were shown. Fine if there is none."""
        yield USERS.rows(user_id)
        yield AVATAR_PACES.rows(user_id)
        user = tx.get(USERS, user_id)
        for file in own_files(tx, user_id):
            tx.drop(AVATAR_FILES, file.digest)
        if user is not None and user.avatar:
            tx.put(USERS, replace(user, avatar=""))
            tx.tell(user_id, "avatar", {"avatar": None})
        return {}


def read_avatars(conn: Connection, user_ids: Collection[str]) -> dict[str, str]:
    """The pictures of those who have one, by user; one statement."""
    found = read(conn, USERS, [(user_id,) for user_id in sorted(set(user_ids))])
    return {user.id: user.avatar for user in found if user.avatar}


def show_faces(conn: Connection, cards: Iterable[dict[str, Any] | None]) -> None:
    """Put the pictures of these people on their cards, in place; one statement."""
    known = [card for card in cards if card is not None and card.get("id")]
    faces = read_avatars(conn, [card["id"] for card in known]) if known else {}
    for card in known:
        if avatar := faces.get(card["id"]):
            card["avatar"] = avatar


def read_served(conn: Connection, digests: Collection[str]) -> Mapping[str, Served]:
    """The files that there are, by name; those that were removed are left out."""
    table = avatar_files.c
    query = select(table.digest, table.body, table.checked_at_ms)
    found = conn.execute(query.where(table.digest.in_(digests), table.removed == 0))
    return {row.digest: Served(row.body, row.checked_at_ms is not None) for row in found}


def own_files(tx: Unit, user_id: str) -> list[AvatarFile]:
    """All pictures of somebody's that can still be seen, if only beside old comments. The user must be
    locked."""
    table = avatar_files.c
    query = select(avatar_files).where(table.user_id == user_id, table.removed == 0)
    files = tx.take_in(AVATAR_FILES, (AvatarFile(*row) for row in tx.conn.execute(query)))
    return [file for file in files if file.user_id == user_id and not file.removed]


def read_unchecked(conn: Connection, after: str, limit: int) -> list[tuple[str, str]]:
    """Pictures that no checker has looked at, by name, each with its owner."""
    table = avatar_files.c
    query = select(table.digest, table.user_id).where(text(UNCHECKED), table.digest > after)
    return [(row.digest, row.user_id) for row in conn.execute(query.order_by(table.digest).limit(limit))]


def count_unchecked(conn: Connection) -> int:
    return conn.scalar(select(func.count()).select_from(avatar_files).where(text(UNCHECKED))) or 0


def drop_replaced(conn: Connection, before_ms: int, limit: int) -> int:
    """Drop up to ``limit`` files that were replaced before then; how many there were."""
    table = avatar_files.c
    old = select(table.digest).where(table.removed == 0, table.over_at_ms < before_ms)
    digests = list(conn.scalars(old.order_by(table.over_at_ms).limit(limit)))
    if digests:
        # One of them may be shown again by now: nobody's row was locked.
        gone = avatar_files.delete().where(table.digest.in_(digests), table.removed == 0)
        conn.execute(gone.where(table.over_at_ms < before_ms))
    return len(digests)


def drop_paces(conn: Connection, now_ms: int, limit: int) -> int:
    """Drop up to ``limit`` paces that can't refuse anything any more; how many there were."""
    table = avatar_paces.c
    over = select(table.user_id).where(table.over_at_ms < now_ms)
    users = list(conn.scalars(over.order_by(table.over_at_ms).limit(limit)))
    if users:
        conn.execute(avatar_paces.delete().where(table.user_id.in_(users), table.over_at_ms < now_ms))
    return len(users)
