"""Giving roles: a host makes moderators in a room."""

from __future__ import annotations

from typing import Any

from moderation.audit import AuditTrail
from moderation.permissions import Action, Role
from moderation.standing import MEMBERS, MemberRow, RoomStanding, can
from rooms.commands import Grant
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit


class Roles:
    """The command ``room.grant``."""

    def __init__(self, standing: RoomStanding, audit: AuditTrail) -> None:
        self._standing = standing
        self._audit = audit

    def grant(self, tx: Unit, cmd: Grant, caller: Caller) -> Steps[Any]:
        """``viewer`` takes a role away. Refuses with ``forbidden``, ``outranked``, ``not_found``."""
        yield USERS.rows(cmd.user)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, cmd.user)
        tx.room(cmd.room)
        actor = self._standing.require(tx, cmd.room, caller, Action.GRANT_ROLE)
        target = tx.get(USERS, cmd.user)
        if target is None:
            raise Refused(
                "not_found", "There is no such user; who is to get a role must have signed in once."
            )
        self._standing.refuse_outranked(actor, self._standing.role_of_user(tx, cmd.room, cmd.user))
        role = Role(cmd.role)
        if role is Role.VIEWER:
            tx.drop(MEMBERS, cmd.room, cmd.user)
        else:
            tx.put(MEMBERS, MemberRow(cmd.room, cmd.user, target.name, role.value, tx.now_ms))
        # What it comes to: an operator may name the host, who stays the host.
        now = self._standing.role_of_user(tx, cmd.room, cmd.user)
        tx.tell(cmd.user, "role", {"role": now.value, "can": can(now)}, room_id=cmd.room)
        who = {"id": cmd.user, "name": target.name}
        tx.brief(cmd.room, "role", {"user": who, "role": now.value, "by": caller.card})
        self._audit.note(tx, cmd.room, caller, "room.grant", cmd.user, {"role": role.value})
        return {}
