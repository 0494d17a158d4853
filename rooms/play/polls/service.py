"""The polls' commands: started, voted in, closed; and what a poll does by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, TimerRow
from rooms.play.polls import rules
from rooms.play.polls.commands import PollRef, StartPoll, Vote
from rooms.play.polls.store import POLLS, VOTES, PollRow, read_poll, read_polls_in, read_votes
from rooms.ports import About, Audit, Caller, Standing, TextRules
from rooms.rows import Steps, new_id
from rooms.unit import Unit
from rooms.wording import Worded

QUESTION_MAX_CHARS = 200
OPTION_MAX_CHARS = 60
AT_ONCE_MAX = 3
TURN_TIMER = "poll.turn"
OVER_TIMER = "poll.room_over"


class Polls:
    """The commands ``poll.start``, ``.vote``, ``.close``, and the timers by which a poll closes and leaves
    the room, whichever node is alive then."""

    def __init__(self, standing: Standing, texts: TextRules, audit: Audit) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit

    def start(self, tx: Unit, cmd: StartPoll, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``too_many`` (open in this room), ``text_…``."""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "run_play")
        texts = Worded(self._texts, About("title", cmd.room, caller.id))
        question = texts.clean(cmd.question, QUESTION_MAX_CHARS)
        options = [texts.clean(option, OPTION_MAX_CHARS) for option in cmd.options]
        fresh = sum(row.room_id == cmd.room for row in tx.fresh(POLLS))
        if len(read_polls_in(tx.conn, cmd.room, ("open",))) + fresh >= AT_ONCE_MAX:
            raise Refused("too_many", details={"limit": AT_ONCE_MAX})
        poll = PollRow(
            id=new_id(),
            room_id=cmd.room,
            question=question,
            options=options,
            multiple=cmd.multiple,
            changeable=int(cmd.changeable),
            show_results=cmd.show_results,
            phase="open",
            opened_at_ms=tx.now_ms,
            ends_at_ms=None if cmd.seconds is None else tx.now_ms + cmd.seconds * 1000,
            voters=0,
            counts=[0] * len(options),
        )
        tx.put(POLLS, poll)
        if poll.ends_at_ms is not None:
            tx.wake(TURN_TIMER, poll.id, cmd.room, poll.ends_at_ms)
        tx.append(cmd.room, "poll.opened", {"poll": poll.wire()})
        self._audit.note(tx, cmd.room, caller, "poll.start", poll.id, {"question": question})
        return {"poll": poll.wire()}

    def vote(self, tx: Unit, cmd: Vote, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``not_found``, and what :func:`rooms.play.polls.rules.vote` refuses
        with."""
        user_id = caller.id or ""
        yield POLLS.rows(cmd.poll)
        yield VOTES.rows((cmd.poll, user_id))
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "play")
        poll = _poll(tx, cmd)
        known = tx.get(VOTES, poll.id, user_id)
        poll, vote = rules.vote(poll, user_id, cmd.options, known, tx.now_ms)
        tx.put(POLLS, poll)
        tx.put(VOTES, vote)
        tx.count(cmd.room, poll.id, **poll.signal())
        return {"vote": {"options": vote.options}}

    def close(self, tx: Unit, cmd: PollRef, caller: Caller) -> Steps[Any]:
        """Close it before its time; of one that is closed, take the results away. Refuses with
        ``forbidden``, ``not_found``, ``over``."""
        yield POLLS.rows(cmd.poll)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "run_play")
        poll = _poll(tx, cmd)
        if poll.phase == "ended":
            raise Refused("over", "This poll is over.", details={"state": poll.phase})
        self._audit.note(tx, cmd.room, caller, "poll.close", poll.id, {})
        return {"poll": _go_on(tx, poll).wire()}

    def turn(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a poll's end, and of the end of showing its results."""
        yield TIMERS.rows(timer.id)
        yield POLLS.rows(timer.ref)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        poll = tx.get(POLLS, timer.ref)
        if poll is not None and _is_due(poll, tx.now_ms):
            _go_on(tx, poll)
        return {}

    def room_over(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a room's end: its polls are closed, and no longer shown."""
        yield TIMERS.rows(timer.id)
        running = read_polls_in(tx.conn, timer.room_id, ("open", "closed"))
        yield POLLS.rows(*running)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        for poll_id in running:
            poll = tx.get(POLLS, poll_id)
            while poll is not None and poll.phase != "ended":
                poll = _go_on(tx, poll)
        return {}


def check(
    conn: Connection, room_id: str, poll_id: str, user_ids: Sequence[str]
) -> list[dict[str, Any]] | Refused:
    """For each of them ``{options, voters, counts}``: what they chose themselves (empty: nothing yet), and
    the counts as far as everybody may see them now, else None. ``Refused("not_found")`` for no poll of this
    room."""
    poll = read_poll(conn, poll_id)
    if poll is None or poll.room_id != room_id:
        return Refused("not_found", "There is no such poll in this room.")
    votes = read_votes(conn, poll.id, user_ids)
    counts = poll.counts if poll.phase != "open" or poll.show_results == "live" else None
    shown = {"voters": poll.voters, "counts": counts}
    return [{"options": vote.options if (vote := votes.get(user)) else [], **shown} for user in user_ids]


def _poll(tx: Unit, cmd: PollRef) -> PollRow:
    poll = tx.get(POLLS, cmd.poll)
    if poll is None or poll.room_id != cmd.room:
        raise Refused("not_found", "There is no such poll in this room.")
    return poll


def _is_due(poll: PollRow, now_ms: int) -> bool:
    if poll.phase == "open":
        return poll.ends_at_ms is not None and poll.ends_at_ms <= now_ms
    return poll.phase == "closed" and (poll.closed_at_ms or 0) + rules.SHOWN_MS <= now_ms


def _go_on(tx: Unit, poll: PollRow) -> PollRow:
    """From open to closed, from closed to ended."""
    if poll.phase == "open":
        poll = tx.put(POLLS, rules.close(poll, tx.now_ms))
        tx.append(poll.room_id, "poll.closed", {"poll": poll.wire()})
        tx.wake(TURN_TIMER, poll.id, poll.room_id, tx.now_ms + rules.SHOWN_MS)
        return poll
    poll = tx.put(POLLS, replace(poll, phase="ended"))
    tx.append(poll.room_id, "poll.ended", {"id": poll.id})
    return poll
