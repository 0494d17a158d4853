"""Comments that wait for a moderator: implements the rooms' port ``Held``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from moderation.audit import AuditTrail
from moderation.permissions import Role
from moderation.review.expiry import run_out
from moderation.review.ports import Speaking
from moderation.review.rules import Item, new_item, refuse_partial
from moderation.review.showing import show
from moderation.review.store import ITEMS, count_held
from rooms.errors import Refused
from rooms.heads import USERS, TimerRow
from rooms.ports import JUDGEMENTS, SYSTEM, About, Caller, CheckedText, TextReason, TextRules
from rooms.rows import Steps, new_id
from rooms.unit import Unit

HELD_TIMER = "review.held"
_BY_TEXT_ALONE = frozenset({"words", "links", "contacts", "walls"})
"""The checks that come to the same later, unless the lists or the rules have changed."""


@dataclass(frozen=True, slots=True)
class HoldRules:
    """How long a comment may wait, in ms, and how many may: of one sender, and in a room."""

    held_ms: int = 15 * 60_000
    per_user: int = 3
    per_room: int = 500


class Holding:
    """Comments held, let through, refused, run out. ``speaking`` is given later: it holds comments here."""

    speaking: Speaking

    def __init__(self, audit: AuditTrail, texts: TextRules, rules: HoldRules) -> None:
        self._audit = audit
        self._texts = texts
        self._rules = rules

    def hold(
        self, tx: Unit, room_id: str, caller: Caller, data: dict[str, Any], checked: CheckedText
    ) -> dict[str, Any] | Refused:
        """Let a comment wait, in the room whose lock is held; gives what its sender is told of it. When too
        many wait already it gives a refusal, ``too_many``; that of the room's tells its staff."""
        user_id = caller.id or ""
        if self._count(tx, room_id, user_id) >= self._rules.per_user:
            details = {"limit": self._rules.per_user, "reason": "held"}
            return Refused("too_many", "Wait for a moderator to look at those before.", details=details)
        if self._count(tx, room_id, None) >= self._rules.per_room:
            tx.brief(room_id, "review_full", {"limit": self._rules.per_room}, action="review")
            details = {"limit": self._rules.per_room, "reason": "queue"}
            message = "The moderators can't keep up with what they have to look at."
            return Refused("too_many", message, details=details, temporary=True)
        item = new_item(
            new_id(),
            room_id,
            "held",
            tx.now_ms,
            user_id=user_id,
            user_name=caller.name,
            due_at_ms=tx.now_ms + self._rules.held_ms,
            offset=tx.room(room_id).head,
            body=orjson.dumps(_facts(data, checked)),
        )
        tx.put(ITEMS, item)
        tx.wake(HELD_TIMER, item.id, room_id, item.due_at_ms or 0)
        show(tx, item)
        return told(item)

    def _count(self, tx: Unit, room_id: str, user_id: str | None) -> int:
        """Those in the database, and those that this unit is about to add."""
        fresh = sum(
            item.kind == "held" and item.room_id == room_id and user_id in (None, item.user_id)
            for item in tx.fresh(ITEMS)
        )
        return count_held(tx.conn, room_id, user_id) + fresh

    def again(self, item: Item) -> dict[str, Any] | None:
        """What would be made of its text now, if that is something else than when it was held: the lists, or
        the room's rules, were changed since. For who has just taken it."""
        try:
            now = self._texts.judge(item.facts["text"], About("comment", item.room_id, item.user_id))
        except Refused:
            return None  # the room's rules are being read
        was = max(
            (reason["verdict"] for reason in item.facts["reasons"] if reason["check"] in _BY_TEXT_ALONE),
            key=JUDGEMENTS.index,
            default="allow",
        )
        # What was to be masked has its stars already.
        if now.verdict == was or (was, now.verdict) == ("mask", "allow"):
            return None
        return {"verdict": now.verdict, "reasons": [_reason(reason) for reason in now.reasons]}

    # decisions

    def rows(self, tx: Unit, item: Item, caller: Caller) -> Steps[None]:
        yield from self.speaking.approval_rows(tx, item.room_id, item.user_id, item.facts.get("reply_to"))

    def refuse(self, tx: Unit, item: Item, caller: Caller, decider: Role, owner: Role) -> None:
        refuse_partial(item, caller.id, decider, owner)

    def carry_out(self, tx: Unit, item: Item, caller: Caller) -> Steps[Item]:
        """Refuses with ``user_muted`` to let somebody speak who may not any more."""
        yield from ()
        facts = item.facts
        said: dict[str, Any] = {}
        if item.decision == "release":
            user = tx.get(USERS, item.user_id)
            # By the name that it was said under, and that the moderator has seen: the room may show another
            # one than the user's.
            author = Caller(item.user_id, item.user_name, operator=bool(user and user.operator))
            data = {name: facts[name] for name in ("text", "color", "lane")}
            try:
                event = self.speaking.approve(tx, item.room_id, author, data, facts.get("reply_to"))
            except Refused as refusal:
                raise Refused("user_muted", "Its writer may not speak here now.") from refusal
            said["event"] = orjson.Fragment(event.body)
        self._answer(tx, item, said)
        detail = {
            "item": item.id,
            "kind": item.kind,
            "waited_ms": item.waited_ms,
            "rules": [reason["rule"] for reason in facts["reasons"]],
            "text": facts["text"],
        }
        self._audit.note(tx, item.room_id, caller, f"review.{item.decision}", item.user_id, detail)
        return item

    def run_out(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a held comment: it is refused, unless somebody has decided, or is looking at it."""
        yield from run_out(tx, timer, self._over)
        return {}

    def _over(self, tx: Unit, item: Item) -> None:
        self._answer(tx, item, {})
        detail = {"item": item.id, "kind": item.kind, "waited_ms": item.waited_ms, "text": item.facts["text"]}
        self._audit.note(tx, item.room_id, SYSTEM, "review.expire", item.user_id, detail)

    def _answer(self, tx: Unit, item: Item, said: dict[str, Any]) -> None:
        what = {"item": item.id, "decision": item.decision, "reason": item.reason, **said}
        tx.tell(item.user_id, "held_decided", what, room_id=item.room_id)


def told(item: Item) -> dict[str, Any]:
    """A comment that waits, as its sender sees it. Nothing of why: it may be for something that they aren't
    told of, and then it has to look as it does otherwise."""
    return {"id": item.id, "at_ms": item.at_ms, "until_ms": item.due_at_ms, "text": item.facts["text"]}


def _facts(data: dict[str, Any], checked: CheckedText) -> dict[str, Any]:
    reasons = [_reason(reason) for reason in checked.reasons]
    facts = {name: data[name] for name in ("text", "color", "lane")} | {"reasons": reasons}
    # The words that it quotes are looked up when it is released: they may be gone by then.
    return facts | ({"reply_to": data["reply_to"]["id"]} if "reply_to" in data else {})


def _reason(reason: TextReason) -> dict[str, Any]:
    return {
        "check": reason.check,
        "code": reason.code,
        "verdict": reason.verdict,
        "rule": reason.rule,
        "start": reason.start,
        "end": reason.end,
    }
