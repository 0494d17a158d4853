"""Bullet comments: who may say what, how fast, and in which style."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from rooms.avatars import Faces
from rooms.budget import BUDGETS, BudgetRules, as_row, full, spend
from rooms.commands import PostComment
from rooms.errors import Refused
from rooms.gates import Admission, admission
from rooms.gifts.fans import Fans
from rooms.heads import EVENTS, ROOMS, RoomRow
from rooms.log import LogEvent, Visibility
from rooms.pace import Pacer, window_wait_ms
from rooms.paces import PACES, PaceRow
from rooms.points.earning import Levels
from rooms.ports import SYSTEM, About, Audit, Caller, CheckedText, Held, Standing, TextReason, TextRules
from rooms.rows import Steps
from rooms.unit import Unit

REPLY_QUOTE_CHARS = 40
RESTRICTED = "restricted"
"""Why a comment waits that is fine by itself. Its sender isn't told."""


@dataclass(frozen=True, slots=True)
class CommentRules:
    """Limits: ``per_window`` comments in ``window_ms`` for each user over all rooms; what a room can read.

    ``shared``: there are other nodes, whose comments count as well, for each room by itself.
    """

    max_chars: int = 200
    per_window: int = 5
    window_ms: int = 5000
    shared: bool = False
    budget: BudgetRules = field(default_factory=BudgetRules)


def slow_mode_wait_ms(slow_mode_s: int, last_ms: int | None, now_ms: int) -> int:
    """How long somebody must wait before the next comment, in milliseconds; 0: not at all."""
    if not slow_mode_s or last_ms is None:
        return 0
    # A clock that was set back must not lock anybody out for longer than slow mode does.
    return min(slow_mode_s * 1000, max(0, last_ms + slow_mode_s * 1000 - now_ms))


def quote(event: LogEvent | None, room: RoomRow, shadow_of: str | None = None) -> dict[str, Any]:
    """The few words of the comment that is replied to; raises ``Refused("not_found")``. ``shadow_of``: who
    replies unseen, and takes what they said unseen for a comment like others."""
    known = event is not None and event.room_id == room.id and event.kind == "comment"
    if event is None or not known or not _readable(event, shadow_of):
        raise Refused("not_found", "The comment that this replies to is gone.")
    wire = orjson.loads(event.body)
    text: str = wire["data"]["text"]
    short = text if len(text) <= REPLY_QUOTE_CHARS else text[: REPLY_QUOTE_CHARS - 1] + "…"
    # Whose it is, and its place: by those a purge finds the words that are to go.
    user = wire["user"]
    return {
        "id": event.id,
        "name": user["name"],
        "user": user["id"],
        "offset": event.offset,
        "text": short,
    }


def _readable(event: LogEvent, shadow_of: str | None) -> bool:
    if event.visibility == Visibility.SHADOW:
        return shadow_of is not None and event.user_id == shadow_of
    return event.visibility == Visibility.ALL


class Comments:
    """The command ``comment``. ``fans``, ``levels`` and ``faces`` are shown beside names; ``fans`` counts who
    speaks. What the filter holds goes to ``held``; without one it is refused."""

    def __init__(
        self,
        standing: Standing,
        texts: TextRules,
        rules: CommentRules,
        fans: Fans,
        levels: Levels,
        audit: Audit,
        held: Held | None = None,
        faces: Faces | None = None,
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._held = held
        self._rules = rules
        self._fans = fans
        self._levels = levels
        self._faces = faces or Faces()
        self._pacer = Pacer(rules.per_window, rules.window_ms)

    def post(
        self, tx: Unit, cmd: PostComment, caller: Caller, found: tuple[TextReason, ...] = ()
    ) -> Steps[Any]:
        """``found`` is what was found out about the text before it came here. Refuses with ``muted``,
        ``comments_closed``, ``followers_only``, ``members_only``, ``buyers_only``, ``emoji_only``,
        ``slow_mode``, ``rate_limited``, ``text_…``, …"""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        modes = yield from admission(tx, cmd.room, caller.id or "", self._fans)
        if self._rules.shared or modes.slow_mode_s:
            yield PACES.rows((cmd.room, caller.id or ""))
        yield BUDGETS.rows(cmd.room)
        if cmd.reply_to:
            yield EVENTS.rows(cmd.reply_to)

        room = tx.room(cmd.room)
        role = self._refuse(tx, room, cmd, caller, modes)
        staff = self._standing.may(role, "see_staff")
        shadowed = self._standing.is_shadowed(tx, cmd.room, caller)
        data: dict[str, Any] = {
            "text": self._texts.clean(cmd.text, self._rules.max_chars),
            "color": cmd.color,
            "lane": cmd.lane,
        }
        if not staff:
            modes.refuse_words(data["text"])
        if cmd.reply_to:
            data["reply_to"] = quote(tx.get(EVENTS, cmd.reply_to), room, caller.id if shadowed else None)
        self._count(tx, room, caller)
        checked = None
        if not staff:
            found += self._reasons_to_hold(tx, cmd.room, caller, modes)
            about = About("comment", cmd.room, caller.id, tx.now_ms, found, modes.filter_level)
            checked = self._judge(tx, cmd.text, data, about, caller)
            if checked.verdict == "deny" or (checked.verdict == "hold" and self._held is None):
                codes = [code for code in checked.codes if code != RESTRICTED]
                return Refused("text_refused", details=[{"code": code} for code in codes])
        if modes.slow_mode_s:
            pace = tx.get(PACES, cmd.room, caller.id or "")
            tx.put(PACES, PaceRow(cmd.room, caller.id or "", tx.now_ms, pace.recent if pace else None))
        if checked is not None and checked.verdict == "hold" and self._held is not None:
            held = self._held.hold(tx, cmd.room, caller, data, checked)
            return held if isinstance(held, Refused) else {"held": held}
        event = self._say(tx, room, caller, role, data, staff=staff, shadowed=shadowed)
        return {"event": orjson.Fragment(event.body)}

    def approval_rows(self, tx: Unit, room_id: str, author_id: str, reply_to: str | None) -> Steps[None]:
        """What ``approve`` reads beside the author's standing. After ``ROOMS`` in the lock order."""
        yield self._fans.rows(tx, tx.room(room_id).host_id, author_id)
        if reply_to:
            yield EVENTS.rows(reply_to)

    def approve(
        self, tx: Unit, room_id: str, author: Caller, data: dict[str, Any], reply_to: str | None
    ) -> LogEvent:
        """Say what a moderator has let through, now and as its author. It needs no room in the budget. What
        it replies to may be gone by now: then it stands without. Refuses with ``muted``, ``forbidden``, …"""
        room = tx.room(room_id)
        role = self._standing.require(tx, room_id, author, "comment")
        self._standing.refuse_muted(tx, room_id, author)
        shadowed = self._standing.is_shadowed(tx, room_id, author)
        if reply_to:
            with contextlib.suppress(Refused):
                said = tx.get(EVENTS, reply_to)
                data = {**data, "reply_to": quote(said, room, author.id if shadowed else None)}
        return self._say(tx, room, author, role, data, staff=True, shadowed=shadowed)

    def _say(
        self,
        tx: Unit,
        room: RoomRow,
        author: Caller,
        role: str,
        data: dict[str, Any],
        *,
        staff: bool,
        shadowed: bool,
    ) -> LogEvent:
        """A comment that nobody but its sender sees takes none of what the room can read, nor does the
        ``staff``'s, or one that they have let through."""
        fan_of = (room.host_id, author.id or "")
        levels = self._levels.badges(author.id) + self._fans.badges(tx, *fan_of)
        user = self._faces.card(tx, author) | {"badges": self._standing.badges(role) + levels}
        self._fans.said(tx, *fan_of, author.name)
        shown = shadowed or staff or self._fits(tx, room.id, user["id"])
        visibility = Visibility.ALL if shown else Visibility.SENDER
        if shadowed:
            visibility = Visibility.SHADOW
        reply_to = data["reply_to"]["id"] if "reply_to" in data else None
        event = tx.append(room.id, "comment", data, user=user, visibility=visibility, reply_to=reply_to)
        if shadowed:
            tx.brief(room.id, "comment_shadowed", {"event": orjson.Fragment(event.body)})
        return event

    def _refuse(self, tx: Unit, room: RoomRow, cmd: PostComment, caller: Caller, modes: Admission) -> str:
        """Whether the caller may comment here, now and in this style; gives the caller's role."""
        role = self._standing.require(tx, cmd.room, caller, "comment")
        self._standing.refuse_muted(tx, cmd.room, caller)
        self._standing.refuse_warned(tx, cmd.room, caller)
        staff = self._standing.may(role, "see_staff")
        if not staff:
            modes.refuse(tx.now_ms, can_hold=self._held is not None)
        if (cmd.color, cmd.lane) != ("white", "scroll") and not self._standing.may(role, "style"):
            raise Refused("style_not_allowed")
        if not staff:
            self._refuse_fast(tx, room, caller.id or "", modes.slow_mode_s)
        return role

    def _reasons_to_hold(
        self, tx: Unit, room_id: str, caller: Caller, modes: Admission
    ) -> tuple[TextReason, ...]:
        """Why whatever the caller says is to wait for a moderator, where there is somewhere to wait."""
        if self._held is None:
            return ()
        restricted = self._standing.is_restricted(tx, room_id, caller)
        found = (TextReason("standing", RESTRICTED, "hold"),) if restricted else ()
        return found + modes.reasons_to_hold(tx.now_ms)

    def _judge(self, tx: Unit, raw: str, data: dict[str, Any], about: About, caller: Caller) -> CheckedText:
        """What the filter says to a comment, whose text becomes what may be shown of it."""
        text = data["text"]
        checked = self._texts.check(text, about)
        data["text"] = checked.text
        if checked.verdict != "allow":
            self._note(tx, about.room_id or "", caller, raw, checked)
        if checked.verdict != "deny":
            tx.at_rollback(self._texts.said(text, about))
        return checked

    def _count(self, tx: Unit, room: RoomRow, caller: Caller) -> None:
        """Before the filter: who is refused by it counts too, or the staff's notes could be flooded."""
        user_id, now_ms = caller.id or "", tx.now_ms
        self._pacer.take(user_id, now_ms)
        tx.at_rollback(lambda: self._pacer.give_back(user_id, now_ms))
        if self._rules.shared:
            pace = tx.get(PACES, room.id, user_id)
            since = now_ms - self._rules.window_ms
            recent = [at for at in (pace.recent or [] if pace else []) if at > since]
            recent = [*recent, now_ms][-self._rules.per_window :]
            tx.put(PACES, PaceRow(room.id, user_id, pace.at_ms if pace else 0, recent))

    def _note(self, tx: Unit, room_id: str, caller: Caller, raw: str, checked: CheckedText) -> None:
        """What the filter did to a comment, for the staff and the trail."""
        if checked.verdict == "deny":
            note = {"user": caller.card, "text": checked.text, "reason": ", ".join(checked.codes)}
            tx.brief(room_id, "comment_refused", note)
        rules = [{"check": r.check, "code": r.code, "rule": r.rule} for r in checked.reasons]
        detail = {"user": caller.card, "text": raw, "rules": rules}
        self._audit.note(tx, room_id, SYSTEM, f"filter.{checked.verdict}", caller.id or "", detail)

    def _fits(self, tx: Unit, room_id: str, user_id: str) -> bool:
        """Whether the room's readers have room for it. Its sender sees it either way."""
        row = tx.get(BUDGETS, room_id)
        budget = row.budget() if row else full(self._rules.budget, tx.now_ms)
        budget, fits = spend(budget, self._rules.budget, user_id, tx.now_ms)
        tx.put(BUDGETS, as_row(room_id, budget))
        return fits

    def _refuse_fast(self, tx: Unit, room: RoomRow, user_id: str, slow_mode_s: int) -> None:
        pace = tx.get(PACES, room.id, user_id) if tx.asked(PACES, room.id, user_id) else None
        wait_ms = slow_mode_wait_ms(slow_mode_s, pace.at_ms if pace else None, tx.now_ms)
        if wait_ms:
            raise Refused("slow_mode", retry_after_ms=wait_ms)
        wait_ms = self._pacer.wait_ms(user_id, tx.now_ms)
        if self._rules.shared and pace and pace.recent:
            per_window, window_ms = self._rules.per_window, self._rules.window_ms
            wait_ms = max(wait_ms, window_wait_ms(pace.recent, per_window, window_ms, tx.now_ms))
        if wait_ms:
            raise Refused("rate_limited", retry_after_ms=wait_ms)
