"""Banning a range of addresses, and undoing that."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from moderation.evasion.address_bans import (
    ADDRESS_BANS,
    AddressBanRow,
    reached_table,
    read_address_ban,
    read_reached,
)
from moderation.evasion.ranges import SECONDS_MAX, SECONDS_MIN
from moderation.evasion.trace_rows import read_marks
from moderation.evasion.traces import Mark, Trace
from moderation.permissions import Action, Role
from moderation.sanctions.rules import Over, may_lift
from moderation.sanctions.service import Sanctions
from moderation.sanctions.store import read_ban
from moderation.standing import RoomStanding, is_staff_somewhere
from rooms.commands import Ban, Id, Keyed, RawText, UserId
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.ports import Audit, Caller, TextRules
from rooms.rows import Steps, new_id
from rooms.unit import Unit

LOOK_TIMER = "address_ban.look"
LOOK_AGAIN_MS = 3000
"""Who signed in while the ban was being committed knew nothing of it, nor it of them."""
REASON_CHARS = 200


class BanAddress(Keyed):
    user: UserId
    width: Literal["address", "network"] = "address"
    seconds: Annotated[int, Field(ge=SECONDS_MIN, le=SECONDS_MAX)]
    reason: RawText
    everywhere: bool = False


class AddressBanRef(Keyed):
    ban: Id


class AddressBans:
    """The commands ``moderate.ban_address`` and ``moderate.unban_address``.

    Nobody is kept out by an address as such: who comes from a banned range, and is new, gets a ban of the
    account (``reach``), by the right of who banned the range. So it holds wherever a ban does, and is seen,
    appealed and lifted like one.
    """

    def __init__(self, standing: RoomStanding, texts: TextRules, audit: Audit, sanctions: Sanctions) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._sanctions = sanctions

    def ban(self, tx: Unit, cmd: BanAddress, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``outranked``, ``not_found`` (nothing is known of where they were)."""
        yield USERS.rows(cmd.user)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, cmd.user)
        actor = self._require(tx, cmd.room, caller, everywhere=cmd.everywhere)
        user = tx.get(USERS, cmd.user)
        if user is None:
            raise Refused("not_found", "There is no such user.")
        self._standing.refuse_outranked(actor, self._standing.role_of_user(tx, cmd.room, cmd.user))
        mark = _latest(tx, cmd.user, Trace(cmd.width))
        ban = AddressBanRow(
            id=new_id(),
            room_id=cmd.room,
            everywhere=int(cmd.everywhere),
            digest=mark.digest,
            width=cmd.width,
            user_id=cmd.user,
            user_name=user.name,
            reason=self._texts.clean(cmd.reason, REASON_CHARS) if cmd.reason.strip() else "",
            by_id=caller.id or "",
            by_name=caller.name,
            at_ms=tx.now_ms,
            until_ms=tx.now_ms + cmd.seconds * 1000,
        )
        tx.put(ADDRESS_BANS, ban)
        for due_ms in (tx.now_ms, tx.now_ms + LOOK_AGAIN_MS):
            tx.wake(LOOK_TIMER, ban.id, cmd.room, due_ms)
        tx.brief(cmd.room, "address_banned", {"ban": ban.wire()})
        detail = {"ban": ban.id, "width": cmd.width, "seconds": cmd.seconds, "reason": ban.reason}
        detail |= {"everywhere": True} if cmd.everywhere else {}
        self._audit.note(tx, cmd.room, caller, "moderate.ban_address", cmd.user, detail)
        return {"ban": ban.wire()}

    def unban(self, tx: Unit, cmd: AddressBanRef, caller: Caller) -> Steps[Any]:
        """The bans of accounts that came of it are lifted too. Refuses with ``forbidden``, ``not_found``,
        ``outranked`` (somebody above the caller has banned the range)."""
        reached, known = read_reached(tx.conn, cmd.ban), read_address_ban(tx.conn, cmd.ban)
        giver_id = known.by_id if known else ""
        yield USERS.rows(*sorted({*reached, giver_id}))
        yield ROOMS.rows(cmd.room, *self._sanctions.appealed.rooms_of(tx.conn, reached))
        yield from self._standing.load(cmd.room, caller.id, giver_id or None)
        yield ADDRESS_BANS.rows(cmd.ban)
        ban = tx.get(ADDRESS_BANS, cmd.ban)
        actor = self._require(tx, cmd.room, caller, everywhere=bool(ban and ban.everywhere))
        if ban is None or ban.room_id != cmd.room or not ban.in_force(tx.now_ms):
            raise Refused("not_found", "There is no such ban in force here.")
        giver = self._standing.role_of_user(tx, cmd.room, giver_id)
        if not may_lift(actor, caller.id, giver.value, giver_id):
            raise Refused("outranked", "Somebody above you has banned this range.")
        tx.put(ADDRESS_BANS, replace(ban, until_ms=tx.now_ms))
        for sanction_id in reached.values():
            yield from self._sanctions.overturn(tx, cmd.room, sanction_id, caller, Over.LIFTED)
        tx.brief(cmd.room, "address_unbanned", {"ban": ban.id, "by": caller.card})
        detail = {"ban": ban.id, "lifted": len(reached)}
        self._audit.note(tx, cmd.room, caller, "moderate.unban_address", ban.user_id, detail)
        return {"lifted": len(reached)}

    def reach(self, tx: Unit, ban_id: str, user_id: str) -> Steps[Any]:
        """Ban the account of somebody whom a ban of a range reaches; does nothing if it is over, if that is
        done already, if they are banned anyway, or if anybody trusts them with a room. Refuses as a ban does.
        """
        ban = read_address_ban(tx.conn, ban_id)
        if ban is None or not ban.in_force(tx.now_ms):
            return {}
        yield USERS.rows(
            user_id, ban.by_id
        )  # first: whoever holds them is the only one who asks what follows
        if user_id in read_reached(tx.conn, ban_id) or read_ban(tx.conn, ban.room_id, user_id, tx.now_ms):
            return {}
        if is_staff_somewhere(tx.conn, user_id):
            return {}
        user = tx.get(USERS, ban.by_id)
        giver = Caller(ban.by_id or None, ban.by_name, operator=bool(user and user.operator))
        cmd = Ban(
            room=ban.room_id,
            key=new_id(),
            user=user_id,
            seconds=max(10, (ban.until_ms - tx.now_ms) // 1000),
            reason=ban.reason,
            everywhere=bool(ban.everywhere),
        )
        given = yield from self._sanctions.ban(tx, cmd, giver)
        sanction_id = given["sanction"]["id"]
        tx.insert(reached_table, {"ban_id": ban.id, "user_id": user_id, "sanction_id": sanction_id})
        return given

    def looked(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """Those who came from the range lately have been reached."""
        yield TIMERS.rows(timer.id)
        tx.drop(TIMERS, timer.id)
        return {}

    def _require(self, tx: Unit, room_id: str, caller: Caller, *, everywhere: bool) -> Role:
        tx.room(room_id)
        if everywhere:
            self._standing.require(tx, room_id, caller, Action.SANCTION_EVERYWHERE)
        return self._standing.require(tx, room_id, caller, Action.BAN_ADDRESS)


def _latest(tx: Unit, user_id: str, width: Trace) -> Mark:
    for mark, _ in read_marks(tx.conn, user_id):
        if mark.kind is width:
            return mark
    raise Refused("not_found", "Nothing is known of where this user was lately.")
