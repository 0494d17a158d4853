"""Viewers' reports of comments: how many it takes, what is hidden meanwhile, and what reporters are told.

A comment's reports are one item, called by the comment's own id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Connection

from moderation.audit import AuditTrail
from moderation.deletions import read_author
from moderation.permissions import Action, Role
from moderation.review.commands import WHYS, Report
from moderation.review.hiding import kept_aside, put_back, strike
from moderation.review.ports import RulesOf
from moderation.review.rules import Item, decided, new_item, refuse_partial, reported, weight_of
from moderation.review.showing import show
from moderation.review.store import (
    ITEMS,
    REPORTS,
    ReportRow,
    count_reports,
    read_item,
    read_record,
    read_reported,
    read_untold,
)
from moderation.standing import RoomStanding
from rooms.corrections import Purge
from rooms.errors import Refused
from rooms.heads import EVENTS, ROOMS, TIMERS, USERS, TimerRow
from rooms.log import LogEvent, Visibility
from rooms.ports import SYSTEM, Answered, Caller, TextRules
from rooms.rows import Steps
from rooms.unit import Unit

ANSWER_TIMER = "review.answer"
PER_WINDOW = 10
WINDOW_MS = 60_000
TEXT_MAX_CHARS = 200
TEXTS_KEPT = 5
"""Of what reporters have written beside their reasons, the first few are enough to decide by."""
TOLD_AT_ONCE = 50
SETTLED_AT_ONCE = 500
"""Of somebody's reported comments, when all that they said is deleted; the hidden ones first."""


class Reports:
    """The command ``report``, and what is decided of reports."""

    def __init__(
        self, standing: RoomStanding, texts: TextRules, audit: AuditTrail, rules: RulesOf, answered: Answered
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._rules = rules
        self._answered = answered

    def report(self, tx: Unit, cmd: Report, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``not_found``, ``already_reported``, ``rate_limited``; with ``over``
        where moderators have let the comment stand."""
        user_id = caller.id or ""
        author = read_author(tx.conn, cmd.event)
        yield USERS.rows(user_id, author or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, author)
        yield EVENTS.rows(cmd.event)
        yield ITEMS.rows(cmd.event)
        yield REPORTS.rows((cmd.event, user_id))
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, Action.REPORT)
        event = self._reported(tx, cmd, caller)
        said = self._texts.clean(cmd.text, TEXT_MAX_CHARS) if cmd.text.strip() else ""
        self._refuse_fast(tx, user_id)

        weight = weight_of(**_record(tx, user_id))
        tx.put(REPORTS, ReportRow(cmd.event, user_id, cmd.room, tx.now_ms, cmd.why, weight, "", 0))
        before = tx.get(ITEMS, cmd.event) or _first(event, tx.now_ms)
        role = self._standing.role_of_user(tx, cmd.room, author) if author else Role.GUEST
        room_rules = self._rules(cmd.room)
        item = reported(
            before,
            weight,
            room_rules.reports_to_queue,
            room_rules.reports_to_hide,
            of_staff=self._standing.may(role, Action.SEE_STAFF),
            now_ms=tx.now_ms,
        )
        item = _with_facts(item, event, cmd.why, said, hiding=bool(item.hidden) and not before.hidden)
        if item.hidden and not before.hidden:
            self._hide(tx, item, event)
        tx.put(ITEMS, item)
        show(tx, item)
        return {}

    def _reported(self, tx: Unit, cmd: Report, caller: Caller) -> LogEvent:
        event = tx.get(EVENTS, cmd.event)
        if event is None or event.room_id != cmd.room or event.kind != "comment":
            raise Refused("not_found", "There is no such comment in this room.")
        if event.user_id == caller.id:
            raise Refused("forbidden", "This comment is your own.")
        if tx.get(REPORTS, cmd.event, caller.id) is not None:
            raise Refused("already_reported")
        if event.visibility != Visibility.ALL:
            raise Refused("not_found", "This comment is gone already.")
        item = tx.get(ITEMS, cmd.event)
        if item is not None and item.state == "decided":
            message = "Moderators have looked at this comment and let it stand."
            raise Refused("over", message, details={"reason": "approved"})
        return event

    def _refuse_fast(self, tx: Unit, user_id: str) -> None:
        since_ms = tx.now_ms - WINDOW_MS
        fresh = sum(report.user_id == user_id for report in tx.fresh(REPORTS))
        if count_reports(tx.conn, user_id, since_ms) + fresh >= PER_WINDOW:
            raise Refused("rate_limited", retry_after_ms=WINDOW_MS)

    def _hide(self, tx: Unit, item: Item, event: LogEvent) -> None:
        strike(tx, item.room_id, event, self._answered)
        tx.tell(item.user_id, "comment_deleted", {"id": event.id, "until": "review"}, room_id=item.room_id)
        detail = {"item": item.id, "reports": item.reports, "text": item.facts["text"]}
        self._audit.note(tx, item.room_id, SYSTEM, "report.hide", event.id, detail)

    # decisions

    def rows(self, tx: Unit, item: Item, caller: Caller) -> Steps[None]:
        reply_to = item.facts.get("_aside", {}).get("reply_to")
        yield EVENTS.rows(item.about, *([reply_to] if reply_to else []))

    def refuse(self, tx: Unit, item: Item, caller: Caller, decider: Role, owner: Role) -> None:
        refuse_partial(item, caller.id, decider, owner)

    def carry_out(self, tx: Unit, item: Item, caller: Caller) -> Steps[Item]:
        """Upheld, the comment is deleted; dismissed, it stands, and is shown again if it was hidden."""
        yield from ()
        event = tx.get(EVENTS, item.about)
        facts = item.facts
        if item.decision == "uphold":
            if event is not None and event.visibility == Visibility.ALL:
                strike(tx, item.room_id, event, self._answered)
            if not item.hidden:
                tx.tell(item.user_id, "comment_deleted", {"id": item.about}, room_id=item.room_id)
        elif item.hidden:
            put_back(tx, item.room_id, item.about, facts["_aside"])
            tx.tell(item.user_id, "comment_restored", {"id": item.about}, room_id=item.room_id)
        return self.settle(tx, item, caller)

    def comment_deleted(self, tx: Unit, room_id: str, event_id: str, caller: Caller) -> None:
        """A moderator has deleted a comment by themselves: its reports, if there are any, were right. The
        room must be locked."""
        found = read_item(tx.conn, event_id)
        items = {item.id: item for item in tx.take_in(ITEMS, [found] if found else [])}
        item = items.get(event_id)
        if item is None or item.room_id != room_id or item.state not in ("gathering", "open"):
            return
        self._settle_as_right(tx, item, caller)

    def comments_purged(self, tx: Unit, room_id: str, span: Purge, caller: Caller) -> None:
        """The same for all of somebody's comments: one that reports have hidden must not come back with the
        words that are kept aside. The room must be locked."""
        found = read_reported(tx.conn, room_id, span.user_id, SETTLED_AT_ONCE)
        for item in tx.take_in(ITEMS, found):
            reported_here = item.kind == "report" and item.room_id == room_id
            waits = item.state in ("gathering", "open")
            if reported_here and waits and span.takes(item.user_id, item.offset):
                self._settle_as_right(tx, item, caller)

    def _settle_as_right(self, tx: Unit, item: Item, caller: Caller) -> None:
        whose = replace(item, state="open", claim_id="", claim_until_ms=0)
        done = decided(whose, "uphold", "", caller.id or "", caller.name, tx.now_ms)
        tx.put(ITEMS, self.settle(tx, done, caller))
        show(tx, done)

    def settle(self, tx: Unit, item: Item, caller: Caller) -> Item:
        """Note what was decided, let the reporters be told, and keep no more of the comment than before."""
        outcome = "upheld" if item.decision == "uphold" else "dismissed"
        table = REPORTS.table
        about = (table.c.event_id == item.about) & (table.c.outcome == "")

        def answer(conn: Connection) -> None:
            conn.execute(table.update().where(about).values(outcome=outcome))

        tx.at_flush(answer)
        tx.wake(ANSWER_TIMER, item.about, item.room_id, tx.now_ms)
        facts = item.facts
        detail = {"item": item.id, "kind": item.kind, "reports": item.reports, "waited_ms": item.waited_ms}
        detail |= {"whys": facts["whys"], "text": facts["text"]}
        self._audit.note(tx, item.room_id, caller, f"report.{outcome}", item.about, detail)
        return replace(
            item, body=orjson.dumps({name: value for name, value in facts.items() if name != "_aside"})
        )

    def answer(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer after a decision: each reporter is told once what came of it, some at a time."""
        yield TIMERS.rows(timer.id)
        waiting = read_untold(tx.conn, timer.ref, TOLD_AT_ONCE)
        yield USERS.rows(*(report.user_id for report in waiting))
        yield ROOMS.rows(timer.room_id)
        yield REPORTS.rows(*((report.event_id, report.user_id) for report in waiting))
        if tx.get(TIMERS, timer.id) is None:
            return {}
        for known in waiting:
            report = tx.get(REPORTS, known.event_id, known.user_id)
            if report is None or report.told:
                continue
            tx.put(REPORTS, replace(report, told=1))
            what = {"event": report.event_id, "outcome": report.outcome}
            tx.tell(report.user_id, "report_answered", what, room_id=report.room_id)
        tx.drop(TIMERS, timer.id)
        if len(waiting) == TOLD_AT_ONCE:
            tx.wake(ANSWER_TIMER, timer.ref, timer.room_id, tx.now_ms)
        return {}


def _record(tx: Unit, user_id: str) -> dict[str, int]:
    record = read_record(tx.conn, user_id)
    return {"upheld": record.get("upheld", 0), "dismissed": record.get("dismissed", 0)}


def _first(event: LogEvent, now_ms: int) -> Item:
    wire = orjson.loads(event.body)
    return new_item(
        event.id,
        event.room_id,
        "report",
        now_ms,
        state="gathering",
        about=event.id,
        user_id=event.user_id or "",
        user_name=(wire.get("user") or {}).get("name", ""),
        offset=event.offset,
        body=orjson.dumps({"text": wire["data"]["text"], "said_at_ms": event.at_ms, "whys": {}, "texts": []}),
    )


def _with_facts(item: Item, event: LogEvent, why: str, said: str, *, hiding: bool) -> Item:
    facts = item.facts
    whys = facts["whys"] | {why: facts["whys"].get(why, 0) + 1}
    facts["whys"] = {name: whys[name] for name in WHYS if name in whys}
    if said and len(facts["texts"]) < TEXTS_KEPT:
        facts["texts"] = [*facts["texts"], {"why": why, "text": said}]
    if hiding:
        facts["_aside"] = kept_aside(event)
    return replace(item, body=orjson.dumps(facts))
