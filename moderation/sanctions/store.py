"""The tables of sanctions: each that was ever given, and what is in force now.

``standings`` has one short row for each person and room (or ``*``, all rooms) with something in force, so
that a comment reads two keys. Its row and the sanctions that it names are written together, under the lock
of the user's head, and the room's where it is one room's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, String, Table, Text, select, text

from moderation.sanctions.rules import EVERYWHERE, SanctionKind, Terms, stricter
from rooms.rows import Kind, Rank, read
from rooms.schema import metadata


@dataclass(frozen=True, slots=True)
class SanctionRow:
    """A sanction: given once, never changed but for how it came to be over.

    ``room_id`` is ``EVERYWHERE`` for all rooms; ``until_ms`` None: until it is lifted. One whose time has
    come may have ``over_at_ms`` None still for a moment: the clock says whether it is in force.
    """

    id: str
    room_id: str
    user_id: str
    kind: str
    user_name: str
    reason: str
    by_id: str
    by_name: str
    by_role: str
    at_ms: int
    until_ms: int | None
    over_at_ms: int | None = None
    over_by_id: str | None = None
    over_why: str | None = None

    @property
    def terms(self) -> Terms:
        return Terms(self.id, self.until_ms, self.reason, self.by_id, self.by_role, self.at_ms)

    def in_force(self, now_ms: int) -> bool:
        return self.over_at_ms is None and self.terms.in_force(now_ms)

    @property
    def card(self) -> dict[str, Any]:
        """Whom it is on."""
        return {"id": self.user_id, "name": self.user_name}

    def wire(self) -> dict[str, Any]:
        """``sanction`` of docs/protocol.md."""
        return {
            "id": self.id,
            "kind": self.kind,
            "user": self.card,
            "everywhere": self.room_id == EVERYWHERE,
            "until_ms": self.until_ms,
            "reason": self.reason,
            "by": {"id": self.by_id, "name": self.by_name},
            "at_ms": self.at_ms,
        }

    def history(self, now_ms: int) -> dict[str, Any]:
        """The same with who may lift it and how it ended, for lists."""
        over = None
        if not self.in_force(now_ms):
            over = {
                "at_ms": self.until_ms if self.over_at_ms is None else self.over_at_ms,
                "by": self.over_by_id or None,
                "why": self.over_why or "ran_out",
            }
        return self.wire() | {"room": self.room_id, "by_role": self.by_role, "over": over}


sanctions_table = Table(
    "sanctions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("user_name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by_id", String(128), nullable=False),
    Column("by_name", Text, nullable=False),
    Column("by_role", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
    Column("over_at_ms", BigInteger),
    Column("over_by_id", String(128)),
    Column("over_why", String(16)),
    Index("ix_sanctions_room", "room_id", "id"),
    Index("ix_sanctions_user", "user_id", "id"),
    Index(
        "ix_sanctions_in_force",
        "room_id",
        "id",
        sqlite_where=text("over_at_ms IS NULL"),
        postgresql_where=text("over_at_ms IS NULL"),
    ),
)


@dataclass(frozen=True, slots=True)
class StandingRow:
    """What is in force on somebody: ``kinds`` is a JSON object of ``Terms`` by kind."""

    room_id: str
    user_id: str
    kinds: bytes

    def terms(self, kind: SanctionKind) -> Terms | None:
        found = orjson.loads(self.kinds).get(kind)
        return Terms(**found) if found else None

    def having(self, kind: SanctionKind, terms: Terms | None) -> StandingRow | None:
        """The row with this instead of what there was of the kind; None: then nothing is left."""
        kinds = orjson.loads(self.kinds)
        if terms is None:
            kinds.pop(kind, None)
        else:
            kinds[kind.value] = asdict(terms)
        return replace(self, kinds=orjson.dumps(kinds)) if kinds else None


NO_KINDS = b"{}"

standings_table = Table(
    "standings",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("kinds", LargeBinary, nullable=False),
    Index("ix_standings_user", "user_id"),
)

SANCTIONS: Kind[SanctionRow] = Kind(sanctions_table, SanctionRow, Rank.GUARDED)
STANDINGS: Kind[StandingRow] = Kind(standings_table, StandingRow, Rank.GUARDED)


def read_sanction(conn: Connection, sanction_id: str) -> SanctionRow | None:
    """Whom a sanction is on, and where, never changes: that needs no lock."""
    return next(read(conn, SANCTIONS, [(sanction_id,)]), None)


@dataclass(frozen=True, slots=True)
class Found:
    """What is in force on somebody in a room, of whichever scope is the stricter."""

    terms: Terms
    everywhere: bool


def read_in_force(
    conn: Connection, room_id: str, user_ids: Collection[str], now_ms: int
) -> dict[str, dict[SanctionKind, Found]]:
    """What is in force on these users in the room, by user and kind; who has nothing is left out."""
    scopes = (room_id, EVERYWHERE)
    rows = {
        (row.room_id, row.user_id): row
        for row in read(conn, STANDINGS, [(scope, user_id) for scope in scopes for user_id in user_ids])
    }
    found: dict[str, dict[SanctionKind, Found]] = {}
    for user_id in {user_id for _, user_id in rows}:
        here, all_over = rows.get((room_id, user_id)), rows.get((EVERYWHERE, user_id))
        for kind in SanctionKind:
            if it := strictest(here, all_over, kind, now_ms):
                found.setdefault(user_id, {})[kind] = it
    return found


def strictest(
    here: StandingRow | None, all_over: StandingRow | None, kind: SanctionKind, now_ms: int
) -> Found | None:
    """What of a kind is in force, of a room's row and the one for all rooms."""
    if here is None and all_over is None:
        return None
    of_all = all_over.terms(kind) if all_over else None
    terms = stricter(here.terms(kind) if here else None, of_all, now_ms)
    return None if terms is None else Found(terms, of_all is not None and terms.id == of_all.id)


def read_ban(conn: Connection, room_id: str, user_id: str, now_ms: int) -> Found | None:
    """The ban that keeps somebody out of a room, if there is one."""
    return read_in_force(conn, room_id, [user_id], now_ms).get(user_id, {}).get(SanctionKind.BAN)


def read_new_bans(conn: Connection, since_ms: int) -> list[SanctionRow]:
    """The bans that were given since then and aren't lifted: by their ids, in which the time is."""
    moment = f"{max(0, since_ms):012x}"
    query = select(sanctions_table).where(
        sanctions_table.c.id >= f"{moment[:8]}-{moment[8:]}",
        sanctions_table.c.kind == SanctionKind.BAN.value,
        sanctions_table.c.over_at_ms.is_(None),
    )
    return [SanctionRow(*record) for record in conn.execute(query)]


def read_banned(conn: Connection, user_ids: Collection[str], now_ms: int) -> set[tuple[str, str]]:
    """The bans in force on these users, each as its scope (a room, or ``EVERYWHERE``) and the user."""
    query = select(standings_table).where(standings_table.c.user_id.in_(user_ids))
    rows = [StandingRow(*record) for record in conn.execute(query)]
    return {
        (row.room_id, row.user_id)
        for row in rows
        if (terms := row.terms(SanctionKind.BAN)) is not None and terms.in_force(now_ms)
    }


def read_page(
    conn: Connection,
    room_id: str | None,
    now_ms: int,
    *,
    user_id: str | None = None,
    kinds: Collection[str] = (),
    in_force: bool | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[SanctionRow]:
    """Sanctions, newest first; ``before`` is the last id of the page before.

    ``room_id`` None: of any room. Asked for one user in a room, those that hold in all rooms are there too.
    """
    table = sanctions_table.c
    query = select(sanctions_table)
    if room_id is not None and user_id is not None and room_id != EVERYWHERE:
        query = query.where(table.room_id.in_((room_id, EVERYWHERE)))
    elif room_id is not None:
        query = query.where(table.room_id == room_id)
    if user_id is not None:
        query = query.where(table.user_id == user_id)
    if kinds:
        query = query.where(table.kind.in_(kinds))
    lasts = table.until_ms.is_(None) | (table.until_ms > now_ms)
    if in_force is True:
        query = query.where(table.over_at_ms.is_(None), lasts)
    elif in_force is False:
        query = query.where(table.over_at_ms.is_not(None) | ~lasts)
    if before is not None:
        query = query.where(table.id < before)
    found = conn.execute(query.order_by(table.id.desc()).limit(limit))
    return [SanctionRow(*record) for record in found]


def own_part(found: Mapping[SanctionKind, Found]) -> dict[str, Any]:
    """What ``you`` of ``enter`` says of somebody's sanctions; of a shadow, nobody is told theirs."""
    mute, warning = found.get(SanctionKind.MUTE), found.get(SanctionKind.WARN)
    return {
        "mute": {
            "sanction": mute.terms.id,
            "until_ms": mute.terms.until_ms,
            "reason": mute.terms.reason,
            "everywhere": mute.everywhere,
        }
        if mute
        else None,
        "warning": {
            "warning": warning.terms.id,
            "reason": warning.terms.reason,
            "at_ms": warning.terms.at_ms,
        }
        if warning
        else None,
    }
