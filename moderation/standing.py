"""Who somebody is in a room, and whether they may act: members' roles and sanctions in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Index, String, Table, Text, literal, select, union_all

from moderation.permissions import Action, Role, actions, may, outranks
from moderation.sanctions.rules import EVERYWHERE, SanctionKind
from moderation.sanctions.store import STANDINGS, Found, read_ban, strictest
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
    Index("ix_members_user", "user_id"),
)


MEMBERS: Kind[MemberRow] = Kind(members_table, MemberRow, Rank.GUARDED)


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
        """Members, and what is in force on these users. The room must have been asked for before."""
        known = [user_id for user_id in user_ids if user_id is not None]
        yield MEMBERS.rows(*[(room_id, user_id) for user_id in known])
        yield STANDINGS.rows(*[(scope, user_id) for scope in (room_id, EVERYWHERE) for user_id in known])

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
        role = self.require_owed(tx, room_id, caller, action)
        self.refuse_banned(tx, room_id, caller)
        return role

    def require_owed(self, tx: Unit, room_id: str, caller: Caller, action: str) -> Role:
        role = self.role(tx, room_id, caller)
        if role is Role.GUEST:
            raise Refused("unauthenticated")
        if not may(role, Action(action)):
            raise Refused("forbidden")
        return role

    def refuse_banned(self, tx: Unit, room_id: str, caller: Caller) -> None:
        if caller.id is None or caller.operator:
            return
        ban = self.in_force(tx, room_id, caller.id, SanctionKind.BAN)
        if ban is not None:
            raise refused_by(SanctionKind.BAN, ban, tx.now_ms)

    def require_seller(self, caller: Caller, seller_id: str) -> None:
        role = role_of(caller.id, operator=caller.operator, host_id=seller_id, member_role=None)
        if role is Role.GUEST:
            raise Refused("unauthenticated")
        if not may(role, Action.MANAGE_PRODUCTS):
            raise Refused("forbidden", "These are another seller's products.")

    def refuse_muted(self, tx: Unit, room_id: str, caller: Caller) -> None:
        if caller.id is None:
            return
        mute = self.in_force(tx, room_id, caller.id, SanctionKind.MUTE)
        if mute is not None:
            raise refused_by(SanctionKind.MUTE, mute, tx.now_ms)

    def refuse_warned(self, tx: Unit, room_id: str, caller: Caller) -> None:
        if caller.id is None:
            return
        warning = self.in_force(tx, room_id, caller.id, SanctionKind.WARN)
        if warning is not None:
            raise refused_by(SanctionKind.WARN, warning, tx.now_ms)

    def is_shadowed(self, tx: Unit, room_id: str, caller: Caller) -> bool:
        if caller.id is None:
            return False
        return self.in_force(tx, room_id, caller.id, SanctionKind.SHADOW) is not None

    def is_restricted(self, tx: Unit, room_id: str, caller: Caller) -> bool:
        if caller.id is None:
            return False
        return self.in_force(tx, room_id, caller.id, SanctionKind.RESTRICT) is not None

    def in_force(self, tx: Unit, room_id: str, user_id: str, kind: SanctionKind) -> Found | None:
        """What of a kind is in force on somebody, here or everywhere: the stricter of both."""
        here, all_over = tx.get(STANDINGS, room_id, user_id), tx.get(STANDINGS, EVERYWHERE, user_id)
        return strictest(here, all_over, kind, tx.now_ms)

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


def refused_by(kind: SanctionKind, found: Found, now_ms: int) -> Refused:
    """What somebody is answered who is kept from something by a sanction."""
    terms = found.terms
    if kind is SanctionKind.WARN:
        return Refused("warned", details={"warning": terms.id, "reason": terms.reason})
    left_ms = terms.left_ms(now_ms)
    details = {
        "reason": terms.reason,
        "until_ms": terms.until_ms,
        "left_ms": left_ms,
        "sanction": terms.id,
        "everywhere": found.everywhere,
    }
    code = "banned" if kind is SanctionKind.BAN else "muted"
    return Refused(code, retry_after_ms=left_ms, details=details)


def refuse_banned(conn: Connection, room_id: str, user_id: str, now_ms: int) -> None:
    """Raises ``Refused("banned")``, read outside of a command. Not to be asked of operators."""
    ban = read_ban(conn, room_id, user_id, now_ms)
    if ban is not None:
        raise refused_by(SanctionKind.BAN, ban, now_ms)


def is_staff_somewhere(conn: Connection, user_id: str) -> bool:
    """Whether somebody is an operator, hosts a room, or has been given a role in one."""
    users, rooms = USERS.table.c, ROOMS.table.c
    query = union_all(
        select(literal(1)).where(members_table.c.user_id == user_id),
        select(literal(1)).where(rooms.host_id == user_id),
        select(literal(1)).where(users.id == user_id, users.operator == 1),
    ).limit(1)
    return conn.scalar(query) is not None


def read_members(conn: Connection, room_id: str) -> list[MemberRow]:
    query = select(members_table).where(members_table.c.room_id == room_id)
    return [MemberRow(*record) for record in conn.execute(query.order_by(members_table.c.since_ms))]


def can(role: Role) -> list[str]:
    """The actions of a role, as ``enter`` tells them."""
    return [action.value for action in actions(role)]
