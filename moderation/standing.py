"""Who somebody is in a room, and whether they may act: members' roles and sanctions in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, Text, select

from moderation.permissions import Action, Role, actions, may, outranks
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import Caller
from rooms.rows import Kind, Rank, Steps, read
from rooms.schema import metadata
from rooms.unit import Unit


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A role that a host gave somebody in a room. Hosts themselves stand in the room's row."""

    room_id: str
    user_id: str
    name: str
    role: str
    since_ms: int


members_table = Table(
    "members",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String(32), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class SanctionRow:
    """A sanction in force, or one that is over. ``until_ms`` None: until lifted; ``serial`` counts them."""

    room_id: str
    user_id: str
    kind: str
    user_name: str
    reason: str
    by_id: str
    by_name: str
    at_ms: int
    until_ms: int | None
    serial: int

    def wire(self) -> dict[str, Any]:
        return {
            "user": {"id": self.user_id, "name": self.user_name},
            "kind": self.kind,
            "until_ms": self.until_ms,
            "reason": self.reason,
            "by": {"id": self.by_id, "name": self.by_name},
            "at_ms": self.at_ms,
        }


sanctions_table = Table(
    "sanctions",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("user_name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by_id", String(128), nullable=False),
    Column("by_name", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
    Column("serial", Integer, nullable=False),
)

MEMBERS: Kind[MemberRow] = Kind(members_table, MemberRow, Rank.GUARDED)
SANCTIONS: Kind[SanctionRow] = Kind(sanctions_table, SanctionRow, Rank.GUARDED)

MUTE = "mute"


def in_force(sanction: SanctionRow | None, now_ms: int) -> bool:
    return sanction is not None and (sanction.until_ms is None or now_ms < sanction.until_ms)


def role_of(user_id: str | None, *, operator: bool, host_id: str, member_role: str | None) -> Role:
    """Somebody's role in a room, from what is known of them. The pure rule."""
    if user_id is None and not operator:
        return Role.GUEST
    if operator:
        return Role.OPERATOR
    if user_id == host_id:
        return Role.HOST
    return Role(member_role) if member_role else Role.VIEWER


class RoomStanding:
    """Implements the rooms' ``Standing`` port on the tables above."""

    def load(self, room_id: str, *user_ids: str | None) -> Steps[None]:
        """Members and sanctions of these users. The room must have been asked for before."""
        known = [user_id for user_id in user_ids if user_id is not None]
        yield MEMBERS.rows(*[(room_id, user_id) for user_id in known])
        yield SANCTIONS.rows(*[(room_id, user_id, MUTE) for user_id in known])

    def role(self, tx: Unit, room_id: str, caller: Caller) -> Role:
        room = tx.get(ROOMS, room_id)
        if room is None:
            raise Refused("room_not_found")
        member = tx.get(MEMBERS, room_id, caller.id) if caller.id is not None else None
        return role_of(
            caller.id,
            operator=caller.operator,
            host_id=room.host_id,
            member_role=member.role if member else None,
        )

    def role_of_user(self, tx: Unit, room_id: str, user_id: str) -> Role:
        """The role of somebody who isn't the caller; their ``USERS`` row must have been asked for."""
        user = tx.get(USERS, user_id)
        return self.role(tx, room_id, Caller(user_id, operator=bool(user and user.operator)))

    def may(self, role: str, action: str) -> bool:
        return may(Role(role), Action(action))

    def require(self, tx: Unit, room_id: str, caller: Caller, action: str) -> Role:
        role = self.role(tx, room_id, caller)
        if role is Role.GUEST:
            raise Refused("unauthenticated")
        if not may(role, Action(action)):
            raise Refused("forbidden")
        return role

    def require_seller(self, caller: Caller, seller_id: str) -> None:
        role = role_of(caller.id, operator=caller.operator, host_id=seller_id, member_role=None)
        if role is Role.GUEST:
            raise Refused("unauthenticated")
        if not may(role, Action.MANAGE_PRODUCTS):
            raise Refused("forbidden", "These are another seller's products.")

    def refuse_muted(self, tx: Unit, room_id: str, caller: Caller) -> None:
        if caller.id is None:
            return
        sanction = tx.get(SANCTIONS, room_id, caller.id, MUTE)
        if sanction is None or not in_force(sanction, tx.now_ms):
            return
        left_ms = None if sanction.until_ms is None else sanction.until_ms - tx.now_ms
        raise Refused(
            "muted",
            retry_after_ms=left_ms,
            details={"reason": sanction.reason, "until_ms": sanction.until_ms, "left_ms": left_ms},
        )

    def badges(self, role: str) -> list[str]:
        return list(_BADGES.get(Role(role), ()))

    def refuse_outranked(self, actor: Role, target: Role) -> None:
        if not outranks(actor, target):
            raise Refused("outranked")


_BADGES = {
    Role.MODERATOR: ("moderator",),
    Role.SENIOR_MODERATOR: ("moderator",),
    Role.HOST: ("host",),
    Role.OPERATOR: ("operator",),
}


def read_role(conn: Connection, room_id: str, caller: Caller, host_id: str) -> Role:
    """Somebody's role, read outside of a command."""
    member_role = None
    if caller.id is not None:
        query = select(members_table.c.role).where(
            members_table.c.room_id == room_id, members_table.c.user_id == caller.id
        )
        member_role = conn.scalar(query)
    return role_of(caller.id, operator=caller.operator, host_id=host_id, member_role=member_role)


def read_roles_of(conn: Connection, room_id: str, user_ids: Sequence[str]) -> dict[str, str]:
    """The roles that were given in a room, by user; who was given none is left out."""
    found = read(conn, MEMBERS, [(room_id, user_id) for user_id in user_ids])
    return {member.user_id: member.role for member in found}


def read_mutes_of(
    conn: Connection, room_id: str, user_ids: Sequence[str], now_ms: int
) -> dict[str, SanctionRow]:
    """The mutes in force on these users, by user."""
    found = read(conn, SANCTIONS, [(room_id, user_id, MUTE) for user_id in user_ids])
    return {mute.user_id: mute for mute in found if in_force(mute, now_ms)}


def read_mutes(conn: Connection, room_id: str, now_ms: int, *, limit: int = 500) -> list[SanctionRow]:
    """The room's mutes in force, newest first."""
    query = (
        select(sanctions_table)
        .where(
            sanctions_table.c.room_id == room_id,
            sanctions_table.c.kind == MUTE,
            sanctions_table.c.until_ms.is_(None) | (sanctions_table.c.until_ms > now_ms),
        )
        .order_by(sanctions_table.c.at_ms.desc())
        .limit(limit)
    )
    return [SanctionRow(*record) for record in conn.execute(query)]


def read_members(conn: Connection, room_id: str) -> list[MemberRow]:
    query = select(members_table).where(members_table.c.room_id == room_id)
    return [MemberRow(*record) for record in conn.execute(query.order_by(members_table.c.since_ms))]


def can(role: Role) -> list[str]:
    """The actions of a role, as ``enter`` tells them."""
    return [action.value for action in actions(role)]
