"""Erasing what trails say of a person, or said long ago. The chains stay whole, and say what was erased."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, select, tuple_

from moderation.audit.chain import canonical
from moderation.audit.ranges import spans_of, written
from moderation.audit.tables import chain_table, details_table
from moderation.audit.trail import BY_SYSTEM, Note, write_notes
from moderation.audit.verify import ERASE, HALVES
from moderation.permissions import Action, Role, may
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.log import room_events
from rooms.ports import SYSTEM, Caller
from rooms.rows import Steps
from rooms.unit import Unit

PORTION = 500
"""Entries that are looked at, and at most erased, at once."""
Place = tuple[str, int]

_COLUMNS = {"who": ("who_salt", "actor_id", "actor_name"), "what": ("what_salt", "target", "detail")}
_OWN_WORDS = (Role.GUEST.value, Role.VIEWER.value)
"""As one of these somebody speaks for oneself: then what was said is erased too. What a moderator did to
others is about these."""


@dataclass(frozen=True, slots=True)
class Found:
    """Places to erase, by halves, and where to go on looking; None: that was all."""

    who: tuple[Place, ...]
    what: tuple[Place, ...]
    after: Place | None


@dataclass(slots=True)
class Count:
    """What was erased."""

    entries: int = 0
    who: int = 0
    what: int = 0

    def add(self, other: Count, *, sign: int = 1) -> None:
        self.entries += sign * other.entries
        self.who += sign * other.who
        self.what += sign * other.what


class Erasures:
    """``reason`` is noted with each: a word, such as ``request`` or ``age``."""

    def erase(self, tx: Unit, found: Found, caller: Caller, reason: str, count: Count) -> Steps[Any]:
        """Erase these halves, unless they are erased already, and note it in the trails that they are of.
        Refuses with ``forbidden`` whoever may not. ``count`` is added to when it is written."""
        yield ROOMS.rows()
        if not (caller.operator and may(Role.OPERATOR, Action.ERASE)):
            raise Refused("forbidden")
        tx.at_flush(lambda conn: _erase(conn, tx, found, caller, reason, count))
        return {}


def _erase(conn: Connection, tx: Unit, found: Found, caller: Caller, reason: str, count: Count) -> None:
    gone = {"who": _wipe(conn, "who", found.who), "what": _wipe(conn, "what", found.what)}
    by = BY_SYSTEM if caller is SYSTEM else Role.OPERATOR.value
    for trail in sorted({trail for half in HALVES for trail, _ in gone[half]}):
        places = {half: [seq for of, seq in gone[half] if of == trail] for half in HALVES}
        spans = {half: written(spans_of(places[half])) for half in HALVES if places[half]}
        facts = canonical({"by": by, "why": reason, **spans})
        detail = orjson.dumps({"why": reason})
        tx.at_end(write_notes, Note(trail, tx.now_ms, caller, ERASE, "", detail, facts))
    done = Count(len(set(gone["who"]) | set(gone["what"])), len(gone["who"]), len(gone["what"]))
    count.add(done)
    tx.at_rollback(lambda: count.add(done, sign=-1))


def _wipe(conn: Connection, half: str, places: Sequence[Place]) -> list[Place]:
    """Those that were still there. In their order, so that two who erase the same wait for each other."""
    columns = details_table.c
    gone = []
    for trail in sorted({trail for trail, _ in places}):
        seqs = sorted(seq for of, seq in places if of == trail)
        there = columns[_COLUMNS[half][0]].is_not(None)
        mine = select(columns.seq).where(columns.trail == trail, columns.seq.in_(seqs), there)
        held = list(conn.scalars(mine.order_by(columns.seq).with_for_update()))
        if held:
            change = details_table.update().where(columns.trail == trail, columns.seq.in_(held), there)
            conn.execute(change.values(dict.fromkeys(_COLUMNS[half])))
            gone += [(trail, seq) for seq in held]
    return gone


# Finding


def find_of_person(conn: Connection, user_id: str, after: Place | None, limit: int = PORTION) -> Found:
    """What the next entries say of somebody: who they were done by, to whom, or whom they name; what became
    of comments of theirs; and their own words. Looks at ``limit`` entries and gives what of them it found."""
    rows = _details_after(conn, after, limit)
    theirs = _comments_of(conn, user_id, {row.target for row in rows if row.target})
    needle = orjson.dumps(user_id)
    who, what = [], []
    for row in rows:
        place = row.trail, row.seq
        is_actor = row.actor_id == user_id
        if is_actor:
            who.append(place)
        own_words = is_actor and _role(row.facts) in _OWN_WORDS
        about = row.target == user_id or row.target in theirs or (row.detail and needle in row.detail)
        if row.detail is not None and (about or own_words):
            what.append(place)
    return Found(tuple(who), tuple(what), _last(rows, limit))


def find_older(conn: Connection, before_ms: int, after: Place | None, limit: int = PORTION) -> Found:
    """Those of the next entries that are from before then. Looks at ``limit`` of them, too."""
    rows = _details_after(conn, after, limit)
    old = [row for row in rows if row.at_ms < before_ms]
    who = tuple((row.trail, row.seq) for row in old if row.actor_id is not None)
    what = tuple((row.trail, row.seq) for row in old if row.target is not None)
    return Found(who, what, _last(rows, limit))


def _details_after(conn: Connection, after: Place | None, limit: int) -> Sequence[Any]:
    details, chain = details_table.c, chain_table.c
    same = (chain.trail == details.trail) & (chain.seq == details.seq)
    said = details.actor_id, details.target, details.detail
    query = (
        select(details.trail, details.seq, *said, chain.at_ms, chain.facts)
        .select_from(details_table.join(chain_table, same))
        .order_by(details.trail, details.seq)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(details.trail, details.seq) > tuple_(*after))
    return conn.execute(query).all()


def _comments_of(conn: Connection, user_id: str, targets: Collection[str]) -> set[str]:
    """Those of the targets that are entries of rooms' logs by this user."""
    events = room_events.c
    query = select(events.id).where(events.id.in_(sorted(targets)), events.user_id == user_id)
    return set(conn.scalars(query)) if targets else set()


def _role(facts: str) -> str:
    role: str = orjson.loads(facts).get("by", "")
    return role


def _last(rows: Sequence[Any], limit: int) -> Place | None:
    return (rows[-1].trail, rows[-1].seq) if len(rows) == limit else None
