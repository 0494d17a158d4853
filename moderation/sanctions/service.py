"""Sanctions given, lifted, acknowledged and run out. In SQL, so they hold after reconnects and restarts, and
on every node."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import Connection

from moderation.audit import AuditTrail
from moderation.permissions import Role
from moderation.sanctions import rules
from moderation.sanctions.rules import EVERYWHERE, SECRET, Over, SanctionKind, Terms
from moderation.sanctions.store import (
    NO_KINDS,
    SANCTIONS,
    STANDINGS,
    SanctionRow,
    StandingRow,
    read_sanction,
)
from moderation.standing import RoomStanding
from rooms.commands import (
    AcceptWarning,
    Ban,
    Mark,
    Mute,
    OfUser,
    Shadow,
    Unban,
    Unmark,
    Unmute,
    Unshadow,
    Unwarn,
    Warn,
)
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.ports import Caller, TextRules
from rooms.rows import Steps, new_id
from rooms.unit import Unit

END_TIMER = "sanction.end"
REASON_MAX_CHARS = 200

# What the one concerned and the staff are told; of those that are ``SECRET``, only the staff.
GIVEN = {
    SanctionKind.MUTE: "muted",
    SanctionKind.BAN: "banned",
    SanctionKind.SHADOW: "shadowed",
    SanctionKind.WARN: "warned",
    SanctionKind.WATCH: "watched",
    SanctionKind.RESTRICT: "restricted",
}
OVER = {
    SanctionKind.MUTE: "unmuted",
    SanctionKind.BAN: "unbanned",
    SanctionKind.SHADOW: "unshadowed",
    SanctionKind.WARN: "warning_accepted",
    SanctionKind.WATCH: "unwatched",
    SanctionKind.RESTRICT: "unrestricted",
}
_ENDS_SPEAKING = (SanctionKind.MUTE, SanctionKind.BAN)


class StageDoor(Protocol):
    """Where those are taken off a stage who may not speak, or not be there."""

    def rooms_of(self, conn: Connection, user_id: str) -> Collection[str]:
        """The rooms on whose stage somebody is, or waits to be."""
        ...

    def silenced(self, tx: Unit, room_id: str, user_id: str, *, banned: bool) -> None:
        """In the sanction's transaction, with the user's and the room's rows locked."""
        ...


class Appealed(Protocol):
    """Where those wait who have asked for a sanction to be lifted."""

    def rooms_of(self, conn: Connection, user_ids: Collection[str]) -> Collection[str]:
        """The rooms in which these people's appeals wait. Nobody who is locked appeals anew."""
        ...

    def sanction_over(self, tx: Unit, sanction_id: str, caller: Caller, *, lifted: bool) -> None:
        """Somebody has lifted it, or put another in its place. The room of the appeal must be locked."""
        ...


class _NobodyAppeals:
    def rooms_of(self, conn: Connection, user_ids: Collection[str]) -> Collection[str]:
        return ()

    def sanction_over(self, tx: Unit, sanction_id: str, caller: Caller, *, lifted: bool) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Act:
    """A sanction that somebody wants to give, or (``seconds`` and ``reason`` left out) to lift."""

    cmd: OfUser
    caller: Caller
    kind: SanctionKind
    everywhere: bool = False
    seconds: int | None = None
    reason: str = ""
    only: str | None = None
    """To be lifted only if it is this one."""

    @property
    def scope(self) -> str:
        return EVERYWHERE if self.everywhere else self.cmd.room


class Sanctions:
    """The commands ``moderate.mute`` and its like, ``warning.accept``, and the end of a sanction.

    Each of a kind takes the place of the one before, in the room or everywhere; a room's and one that holds
    everywhere know nothing of each other, and whoever has both is kept away by the stricter.
    """

    def __init__(
        self, standing: RoomStanding, texts: TextRules, audit: AuditTrail, stage: StageDoor | None = None
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._stage = stage
        self.appealed: Appealed = _NobodyAppeals()
        """Given later: it lifts sanctions here."""

    # what moderators do: each refuses with ``forbidden``, ``outranked``, ``not_found``

    def mute(self, tx: Unit, cmd: Mute, caller: Caller) -> Steps[Any]:
        return self._give(
            tx, _Act(cmd, caller, SanctionKind.MUTE, cmd.everywhere, cmd.seconds, cmd.reason), "moderate.mute"
        )

    def unmute(self, tx: Unit, cmd: Unmute, caller: Caller) -> Steps[Any]:
        return self._lift(tx, _Act(cmd, caller, SanctionKind.MUTE, cmd.everywhere), "moderate.unmute")

    def ban(self, tx: Unit, cmd: Ban, caller: Caller) -> Steps[Any]:
        """Whoever is in the room is put out of it at every node, as soon as the private event is there."""
        return self._give(
            tx, _Act(cmd, caller, SanctionKind.BAN, cmd.everywhere, cmd.seconds, cmd.reason), "moderate.ban"
        )

    def unban(self, tx: Unit, cmd: Unban, caller: Caller) -> Steps[Any]:
        return self._lift(tx, _Act(cmd, caller, SanctionKind.BAN, cmd.everywhere), "moderate.unban")

    def shadow(self, tx: Unit, cmd: Shadow, caller: Caller) -> Steps[Any]:
        act = _Act(cmd, caller, SanctionKind.SHADOW, seconds=cmd.seconds, reason=cmd.reason)
        return self._give(tx, act, "moderate.shadow")

    def unshadow(self, tx: Unit, cmd: Unshadow, caller: Caller) -> Steps[Any]:
        return self._lift(tx, _Act(cmd, caller, SanctionKind.SHADOW), "moderate.unshadow")

    def watch(self, tx: Unit, cmd: Mark, caller: Caller) -> Steps[Any]:
        act = _Act(cmd, caller, SanctionKind.WATCH, seconds=cmd.seconds, reason=cmd.reason)
        return self._give(tx, act, "moderate.watch")

    def unwatch(self, tx: Unit, cmd: Unmark, caller: Caller) -> Steps[Any]:
        return self._lift(tx, _Act(cmd, caller, SanctionKind.WATCH), "moderate.unwatch")

    def restrict(self, tx: Unit, cmd: Mark, caller: Caller) -> Steps[Any]:
        act = _Act(cmd, caller, SanctionKind.RESTRICT, seconds=cmd.seconds, reason=cmd.reason)
        return self._give(tx, act, "moderate.restrict")

    def unrestrict(self, tx: Unit, cmd: Unmark, caller: Caller) -> Steps[Any]:
        return self._lift(tx, _Act(cmd, caller, SanctionKind.RESTRICT), "moderate.unrestrict")

    def warn(self, tx: Unit, cmd: Warn, caller: Caller) -> Steps[Any]:
        return self._give(tx, _Act(cmd, caller, SanctionKind.WARN, reason=cmd.reason), "moderate.warn")

    def unwarn(self, tx: Unit, cmd: Unwarn, caller: Caller) -> Steps[Any]:
        """Withdraw a warning that isn't acknowledged yet; the sheet with it closes at who got it."""
        act = _Act(cmd, caller, SanctionKind.WARN, only=cmd.warning)
        return self._lift(tx, act, "moderate.unwarn")

    # what the one concerned does

    def accept(self, tx: Unit, cmd: AcceptWarning, caller: Caller) -> Steps[Any]:
        """Refuses with ``unauthenticated``, ``not_found`` (also for a warning that another has replaced)."""
        user_id = caller.id or ""
        yield USERS.rows(user_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield SANCTIONS.rows(cmd.warning)
        tx.room(cmd.room)
        if self._standing.role(tx, cmd.room, caller) is Role.GUEST:
            raise Refused("unauthenticated")
        row = tx.get(SANCTIONS, cmd.warning)
        mine = row is not None and (row.room_id, row.user_id) == (cmd.room, caller.id)
        if row is None or not mine or row.kind != SanctionKind.WARN or not row.in_force(tx.now_ms):
            raise Refused("not_found", "No such warning waits for you here.")
        self._over(tx, cmd.room, row, Over.ACCEPTED, caller)
        self._audit.note(tx, cmd.room, caller, "warning.accept", user_id, {"sanction": row.id})
        return {}

    # what happens otherwise

    def overturn(
        self, tx: Unit, room_id: str, sanction_id: str, by: Caller, why: Over = Over.APPEAL
    ) -> Steps[SanctionRow | None]:
        """Lift a sanction, whoever gave it; whether ``by`` may is the caller's to ask (``rules.may_lift``).

        The sanctioned user's and the room's rows must be locked already (``read_sanction`` says whose); so
        must the rooms of their appeals, for which nothing is left to decide, unless this is the decision.
        Gives the sanction as it is now, or None if there is none or it was over before. Doesn't note it.
        """
        found = read_sanction(tx.conn, sanction_id)
        if found is None:
            return None
        yield STANDINGS.rows((found.room_id, found.user_id))
        yield SANCTIONS.rows(sanction_id)
        row = tx.get(SANCTIONS, sanction_id)
        if row is None or not row.in_force(tx.now_ms):
            return None
        over = self._over(tx, room_id, row, why, by)
        if why is Over.LIFTED:
            self.appealed.sanction_over(tx, sanction_id, by, lifted=True)
        return over

    def run_out(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a sanction: tell everybody concerned, unless it was lifted or replaced meanwhile."""
        sanction_id, user_id = timer.ref.split(":", 1)
        yield TIMERS.rows(timer.id)
        yield USERS.rows(user_id)
        yield ROOMS.rows(timer.room_id)
        yield STANDINGS.rows((timer.room_id, user_id))
        yield SANCTIONS.rows(sanction_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        row = tx.get(SANCTIONS, sanction_id)
        if row is not None and row.over_at_ms is None and not row.in_force(tx.now_ms):
            self._over(tx, timer.room_id, row, Over.RAN_OUT, None)
        return {}

    # inside

    def _give(self, tx: Unit, act: _Act, noted: str) -> Steps[Any]:
        cmd, caller = act.cmd, act.caller
        yield USERS.rows(cmd.user)
        stages = self._stages(tx, act)
        yield ROOMS.rows(cmd.room, *stages, *self.appealed.rooms_of(tx.conn, (cmd.user,)))
        yield from self._standing.load(cmd.room, caller.id, cmd.user)
        tx.room(cmd.room)
        actor, target = self._roles(tx, act)
        rules.refuse_giving(actor, target, act.kind, act.seconds, everywhere=act.everywhere)
        self._standing.refuse_banned(tx, cmd.room, caller)
        name = self._name(tx, cmd.user)
        before = _terms(tx, act)
        softens = act.kind is not SanctionKind.WARN  # whoever warns again spares nobody anything
        if softens and before is not None and before.in_force(tx.now_ms):
            rules.refuse_undoing(actor, caller.id, before)
        reason = self._texts.clean(act.reason, REASON_MAX_CHARS) if act.reason.strip() else ""
        sanction = _sanction(tx, act, name, reason, actor)
        if before is not None:
            _close(tx, before, Over.REPLACED, caller)
            self.appealed.sanction_over(tx, before.id, caller, lifted=False)
        self._impose(tx, act, sanction, rules.guarded(sanction.terms, before, actor, tx.now_ms))
        for room_id in stages:
            self._silence(tx, room_id, sanction)
        detail = {"sanction": sanction.id, "seconds": act.seconds, "reason": reason}
        if act.everywhere:
            detail["everywhere"] = True
        self._audit.note(tx, cmd.room, caller, noted, cmd.user, detail)
        return {"sanction": sanction.wire()}

    def _impose(self, tx: Unit, act: _Act, sanction: SanctionRow, terms: Terms) -> None:
        tx.put(SANCTIONS, sanction)
        _stand(tx, sanction, terms)
        if sanction.until_ms is not None:
            tx.wake(END_TIMER, f"{sanction.id}:{sanction.user_id}", sanction.room_id, sanction.until_ms)
        data = {"sanction": sanction.wire()}
        if act.kind not in SECRET:
            room_id = None if act.everywhere else sanction.room_id
            tx.tell(sanction.user_id, GIVEN[act.kind], data, room_id=room_id)
        tx.brief(act.cmd.room, GIVEN[act.kind], data)

    def _lift(self, tx: Unit, act: _Act, noted: str) -> Steps[Any]:
        cmd, caller = act.cmd, act.caller
        yield USERS.rows(cmd.user)
        yield ROOMS.rows(cmd.room, *self.appealed.rooms_of(tx.conn, (cmd.user,)))
        yield from self._standing.load(cmd.room, caller.id, cmd.user)
        tx.room(cmd.room)
        actor, target = self._roles(tx, act)
        rules.refuse_lifting(actor, target, act.kind, everywhere=act.everywhere)
        self._standing.refuse_banned(tx, cmd.room, caller)
        terms = _terms(tx, act)
        row = _row(tx, terms.id) if terms is not None else None
        if terms is None or row is None or not row.in_force(tx.now_ms) or act.only not in (None, row.id):
            raise Refused("not_found", "Nothing like that is in force on this user.")
        rules.refuse_undoing(actor, caller.id, terms)
        self._over(tx, cmd.room, row, Over.LIFTED, caller)
        self.appealed.sanction_over(tx, row.id, caller, lifted=True)
        detail: dict[str, Any] = {"sanction": row.id}
        if act.everywhere:
            detail["everywhere"] = True
        self._audit.note(tx, cmd.room, caller, noted, cmd.user, detail)
        return {}

    def _over(self, tx: Unit, room_id: str, row: SanctionRow, why: Over, by: Caller | None) -> SanctionRow:
        """It is over: in the tables, and for who is to hear of it. ``room_id`` is whose staff that is."""
        kind = SanctionKind(row.kind)
        over = _close(tx, row.terms, why, by) or row
        standing = tx.get(STANDINGS, row.room_id, row.user_id)
        if standing is not None and (terms := standing.terms(kind)) is not None and terms.id == row.id:
            _stand(tx, row, None)
        everywhere = row.room_id == EVERYWHERE
        what: dict[str, Any] = {"warning" if kind is SanctionKind.WARN else "sanction": row.id}
        if everywhere:
            what["everywhere"] = True
        if kind not in SECRET:
            tx.tell(row.user_id, OVER[kind], what, room_id=None if everywhere else row.room_id)
        if room_id != EVERYWHERE:
            tx.brief(room_id, OVER[kind], {"user": row.card, "by": by.card if by else None} | what)
        return over

    def _roles(self, tx: Unit, act: _Act) -> tuple[Role, Role]:
        """The one's who acts, and the other's."""
        room_id = act.cmd.room
        actor = self._standing.role(tx, room_id, act.caller)
        return actor, self._standing.role_of_user(tx, room_id, act.cmd.user)

    def _name(self, tx: Unit, user_id: str) -> str:
        target = tx.get(USERS, user_id)
        if target is None:
            raise Refused(
                "not_found",
                "There is no such user: only who has signed in once can be acted on, a guest never.",
            )
        return target.name

    def _stages(self, tx: Unit, act: _Act) -> list[str]:
        """The rooms whose stage the user will have to leave. The user must be locked: nobody comes on a stage
        without that."""
        if self._stage is None or act.kind not in _ENDS_SPEAKING:
            return []
        if not act.everywhere:
            return [act.cmd.room]
        return sorted(self._stage.rooms_of(tx.conn, act.cmd.user))

    def _silence(self, tx: Unit, room_id: str, sanction: SanctionRow) -> None:
        if self._stage is not None and tx.get(ROOMS, room_id) is not None:
            banned = sanction.kind == SanctionKind.BAN
            self._stage.silenced(tx, room_id, sanction.user_id, banned=banned)


def _terms(tx: Unit, act: _Act) -> Terms | None:
    """What there is of the kind already, in the act's scope."""
    standing = tx.get(STANDINGS, act.scope, act.cmd.user)
    return standing.terms(act.kind) if standing is not None else None


def _row(tx: Unit, sanction_id: str) -> SanctionRow | None:
    """The sanction's row, which the locks held guard. Asked for by a ``yield`` it would make who acts come
    after those whom they act on, of one group."""
    if not tx.asked(SANCTIONS, sanction_id):
        found = read_sanction(tx.conn, sanction_id)
        if found is None:
            return None
        tx.take_in(SANCTIONS, [found])
    return tx.get(SANCTIONS, sanction_id)


def _sanction(tx: Unit, act: _Act, name: str, reason: str, actor: Role) -> SanctionRow:
    return SanctionRow(
        id=new_id(),
        room_id=act.scope,
        user_id=act.cmd.user,
        kind=act.kind.value,
        user_name=name,
        reason=reason,
        by_id=act.caller.id or "",
        by_name=act.caller.name,
        by_role=actor.value,
        at_ms=tx.now_ms,
        until_ms=None if act.seconds is None else tx.now_ms + act.seconds * 1000,
    )


def _stand(tx: Unit, row: SanctionRow, terms: Terms | None) -> None:
    """Write what is in force of the sanction's kind; who has nothing any more has no row."""
    now = tx.get(STANDINGS, row.room_id, row.user_id) or StandingRow(row.room_id, row.user_id, NO_KINDS)
    left = now.having(SanctionKind(row.kind), terms)
    if left is None:
        tx.drop(STANDINGS, row.room_id, row.user_id)
    else:
        tx.put(STANDINGS, left)


def _close(tx: Unit, terms: Terms, why: Over, by: Caller | None) -> SanctionRow | None:
    """Say in a sanction's row how it came to be over. One that had run out before had run out."""
    row = _row(tx, terms.id)
    if row is None or row.over_at_ms is not None:
        return row
    at_ms, by_id = tx.now_ms, by.id if by else None
    if not terms.in_force(tx.now_ms):
        at_ms, by_id, why = terms.until_ms or tx.now_ms, None, Over.RAN_OUT
    return tx.put(SANCTIONS, replace(row, over_at_ms=at_ms, over_by_id=by_id, over_why=why.value))
