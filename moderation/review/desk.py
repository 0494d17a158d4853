"""The moderators' queue: items claimed, let go and decided, each kind by its own part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from moderation.permissions import Action, Role
from moderation.review import rules
from moderation.review.commands import Decide, ItemRef
from moderation.review.ports import Deciding
from moderation.review.rules import Item
from moderation.review.showing import show
from moderation.review.store import ITEMS, read_claimed, read_item
from moderation.standing import RoomStanding
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import Caller, TextRules
from rooms.rows import Steps
from rooms.unit import Unit

REASON_MAX_CHARS = 200


class Review:
    """The commands ``review.claim``, ``review.release`` and ``review.decide``.

    Who lets go of an item says so to the others; a claim that isn't renewed runs out.
    """

    def __init__(
        self,
        standing: RoomStanding,
        texts: TextRules,
        kinds: Mapping[str, Deciding],
        again: Mapping[str, Callable[[Item], dict[str, Any] | None]] = MappingProxyType({}),
    ) -> None:
        """``again`` gives, by kind, what would be made of an item now, where that is something else."""
        self._standing = standing
        self._texts = texts
        self._kinds = kinds
        self._again = again

    def claim(self, tx: Unit, cmd: ItemRef, caller: Caller) -> Steps[Any]:
        """Also how a claim is renewed. ``now``, if it is there, is what would be made of the item by now.
        Refuses with ``forbidden``, ``not_found``, ``over``, ``claimed``."""
        item, _ = yield from self._item(tx, cmd, caller)
        mine = rules.claimed(item, caller.id or "", caller.name, tx.now_ms)
        tx.put(ITEMS, mine)
        show(tx, mine)
        again = self._again.get(item.kind)
        now = again(item) if again is not None else None
        return {"item": mine.wire(tx.now_ms)} | ({"now": now} if now else {})

    def release(self, tx: Unit, cmd: ItemRef, caller: Caller) -> Steps[Any]:
        """Leave it to others. An item that the caller hasn't is as it was. Refuses with ``forbidden``,
        ``not_found``."""
        item, _ = yield from self._item(tx, cmd, caller)
        free = rules.let_go(item, caller.id or "")
        if free is not item:
            tx.put(ITEMS, free)
            show(tx, free)
        return {"item": free.wire(tx.now_ms)}

    def decide(self, tx: Unit, cmd: Decide, caller: Caller) -> Steps[Any]:
        """Takes the item, if nobody has it. Refuses with ``forbidden``, ``outranked``, ``not_found``,
        ``over``, ``claimed``, ``user_muted``, ``bad_request`` (see ``rules.decided``), ``text_too_long``."""
        item, role = yield from self._item(tx, cmd, caller)
        part = self._kinds[item.kind]
        yield from part.rows(tx, item, caller)
        owner = self._standing.role_of_user(tx, cmd.room, item.user_id) if item.user_id else Role.GUEST
        part.refuse(tx, item, caller, role, owner)
        reason = self._texts.clean(cmd.reason, REASON_MAX_CHARS) if cmd.reason.strip() else ""
        done = rules.decided(item, cmd.decision, reason, caller.id or "", caller.name, tx.now_ms)
        done = yield from part.carry_out(tx, done, caller)
        tx.put(ITEMS, done)
        show(tx, done)
        return {"item": done.wire(tx.now_ms)}

    def left(self, tx: Unit, room_id: str, user_id: str) -> Steps[Any]:
        """A moderator has gone: what they had is free again."""
        yield ROOMS.rows(room_id)
        found = read_claimed(tx.conn, room_id, user_id)
        yield ITEMS.rows(*(item.id for item in found))
        if tx.get(ROOMS, room_id) is None:
            return {}
        for known in found:
            item = tx.get(ITEMS, known.id)
            if item is not None and (free := rules.let_go(item, user_id)) is not item:
                tx.put(ITEMS, free)
                show(tx, free)
        return {}

    def _item(self, tx: Unit, cmd: ItemRef, caller: Caller) -> Steps[tuple[Item, Role]]:
        known = read_item(tx.conn, cmd.item)
        owner = known.user_id if known else ""
        yield USERS.rows(*{caller.id or "", owner})
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, owner or None)
        yield ITEMS.rows(cmd.item)
        tx.room(cmd.room)
        role = self._standing.require(tx, cmd.room, caller, Action.REVIEW)
        item = tx.get(ITEMS, cmd.item)
        if item is None or item.room_id != cmd.room or item.state == "gathering":
            raise Refused("not_found", "There is no such item in this room's queue.")
        self._standing.require(tx, cmd.room, caller, item.action)
        return item, role
