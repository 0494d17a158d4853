"""Appeals against mutes and bans: one for each sanction, decided by somebody else than who gave it.

An appeal is called by its sanction's id, and lies in the queue of the room where it was written. One against
a sanction that holds in all rooms is for operators alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Protocol

import orjson
from sqlalchemy import Connection

from moderation.audit import AuditTrail
from moderation.permissions import Action, Role
from moderation.review.commands import Appeal
from moderation.review.expiry import run_out
from moderation.review.ports import RulesOf
from moderation.review.reading import told_of_appeal
from moderation.review.rules import Item, decided, let_go, new_item, refuse_partial
from moderation.review.showing import show
from moderation.review.store import ITEMS, read_appealed, read_item
from moderation.sanctions.rules import EVERYWHERE, SanctionKind
from moderation.sanctions.store import SANCTIONS, SanctionRow
from moderation.standing import RoomStanding
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS, TimerRow
from rooms.ports import SYSTEM, Caller, TextRules
from rooms.rows import Steps
from rooms.unit import Unit

APPEAL_TIMER = "review.appeal"
TEXT_MAX_CHARS = 500
APPEALABLE = (SanctionKind.MUTE, SanctionKind.BAN)
"""A shadow mute isn't: who has one doesn't know. A warning only has to be read."""


class Lifting(Protocol):
    """Where a sanction is lifted whose appeal was granted."""

    def overturn(self, tx: Unit, room_id: str, sanction_id: str, by: Caller) -> Steps[SanctionRow | None]:
        """With the rows of the user and the room locked. None: it was over before."""
        ...


class Appeals:
    """The command ``appeal``, and what is decided of appeals."""

    def __init__(
        self, standing: RoomStanding, texts: TextRules, audit: AuditTrail, rules: RulesOf, lifting: Lifting
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._rules = rules
        self._lifting = lifting

    def appeal(self, tx: Unit, cmd: Appeal, caller: Caller) -> Steps[Any]:
        """A ban keeps nobody from it. Refuses with ``forbidden`` (the room takes none), ``not_found``,
        ``over``, ``already_appealed``, ``text_…``."""
        user_id = caller.id or ""
        yield USERS.rows(user_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield ITEMS.rows(cmd.sanction)
        yield SANCTIONS.rows(cmd.sanction)
        room = tx.room(cmd.room)
        self._standing.require_owed(tx, cmd.room, caller, Action.REPORT)
        sanction = self._appealable(tx, cmd, user_id)
        if not self._rules(cmd.room).appeals:
            raise Refused("forbidden", "This room takes no appeals.", details={"reason": "no_appeals"})
        text = self._texts.clean(cmd.text, TEXT_MAX_CHARS)
        everywhere = sanction.room_id == EVERYWHERE
        item = new_item(
            cmd.sanction,
            cmd.room,
            "appeal",
            tx.now_ms,
            action=(Action.SANCTION_EVERYWHERE if everywhere else Action.ANSWER_APPEAL).value,
            about=cmd.sanction,
            user_id=user_id,
            user_name=caller.name,
            due_at_ms=sanction.until_ms,
            offset=room.head,
            body=orjson.dumps({"text": text, "sanction": sanction.wire(), "_by_role": sanction.by_role}),
        )
        tx.put(ITEMS, item)
        if item.due_at_ms is not None:
            tx.wake(APPEAL_TIMER, item.id, cmd.room, item.due_at_ms)
        show(tx, item)
        return {"appeal": self._told(tx, item)}

    def _appealable(self, tx: Unit, cmd: Appeal, user_id: str) -> SanctionRow:
        sanction = tx.get(SANCTIONS, cmd.sanction)
        if (
            sanction is None
            or sanction.user_id != user_id
            or sanction.room_id not in (cmd.room, EVERYWHERE)
            or sanction.kind not in APPEALABLE
        ):
            raise Refused("not_found", "There is no such sanction on you here.")
        if (known := tx.get(ITEMS, cmd.sanction)) is not None:
            details = {"state": known.state, "decision": known.decision or None}
            raise Refused("already_appealed", details=details)
        if not sanction.in_force(tx.now_ms):
            raise Refused("over", "This sanction isn't in force any more.")
        return sanction

    # decisions

    def rows(self, tx: Unit, item: Item, caller: Caller) -> Steps[None]:
        yield SANCTIONS.rows(item.about)

    def refuse(self, tx: Unit, item: Item, caller: Caller, decider: Role, owner: Role) -> None:
        facts = item.facts
        imposer = (facts["sanction"]["by"]["id"] or "", Role(facts["_by_role"]))
        refuse_partial(item, caller.id, decider, owner, imposer)

    def carry_out(self, tx: Unit, item: Item, caller: Caller) -> Steps[Item]:
        """Granted, the sanction is lifted; one that was over before was unjust all the same."""
        if item.decision == "grant":
            yield from self._lifting.overturn(tx, item.room_id, item.about, caller)
        self._tell(tx, item)
        action = "appeal.granted" if item.decision == "grant" else "appeal.refused"
        self._note(tx, item, caller, action)
        return item

    # what settles them otherwise

    def rooms_of(self, conn: Connection, user_ids: Collection[str]) -> list[str]:
        """The rooms in which these people's appeals wait."""
        return read_appealed(conn, user_ids) if user_ids else []

    def sanction_over(self, tx: Unit, sanction_id: str, caller: Caller, *, lifted: bool) -> None:
        """Somebody has lifted the sanction by themselves: its appeal, if one waits, is granted by them. If
        another took its place, nothing is left to be decided; that one can be appealed. The appeal's room
        must be locked."""
        found = read_item(tx.conn, sanction_id)
        items = {item.id: item for item in tx.take_in(ITEMS, [found] if found else [])}
        item = items.get(sanction_id)
        if item is None or item.kind != "appeal" or item.state != "open":
            return
        if tx.asked(ROOMS, item.room_id):  # else it was written since: its timer, or who decides, finds out
            self._settle(tx, let_go(item, item.claim_id), caller, lifted=lifted)

    def _settle(self, tx: Unit, item: Item, caller: Caller, *, lifted: bool) -> None:
        if lifted:
            done = decided(item, "grant", "", caller.id or "", caller.name, tx.now_ms)
        else:
            done = replace(item, state="expired", decision="expired", decided_at_ms=tx.now_ms)
        tx.put(ITEMS, done)
        self._tell(tx, done)
        show(tx, done)
        self._note(tx, done, caller, "appeal.granted" if lifted else "appeal.expired")

    def _note(self, tx: Unit, item: Item, caller: Caller, action: str) -> None:
        facts = item.facts
        detail = {
            "sanction": item.about,
            "kind": facts["sanction"]["kind"],
            "waited_ms": item.waited_ms,
            "reason": item.reason,
            "text": facts["text"],
        }
        self._audit.note(tx, item.room_id, caller, action, item.user_id, detail)

    def run_out(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of an appeal whose sanction has run out: nothing is left to be decided."""
        yield from run_out(tx, timer, self._over)
        return {}

    def _over(self, tx: Unit, item: Item) -> None:
        self._tell(tx, item)
        self._note(tx, item, SYSTEM, "appeal.expired")

    def _tell(self, tx: Unit, item: Item) -> None:
        tx.tell(item.user_id, "appeal", {"appeal": told_of_appeal(item)}, room_id=item.room_id)

    def _told(self, tx: Unit, item: Item) -> dict[str, Any]:
        """The same for who has just written it, whose other pages hear of it too."""
        self._tell(tx, item)
        return told_of_appeal(item)
