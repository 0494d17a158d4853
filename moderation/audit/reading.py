"""Reading the trails: pages for people, and everything in order for those who export or verify."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Select, select, tuple_

from moderation.audit.chain import Details, Link
from moderation.audit.tables import chain_table, details_table, heads_table

PAGE = 1_000
_FIRST = -(2**63)
_COLUMNS = len(chain_table.columns)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: None and "" let all through. ``action`` may end in ``*``; what was at ``since_ms`` is
    in, at ``until_ms`` isn't. ``trail`` None: all trails."""

    trail: str | None
    action: str = ""
    actor: str = ""
    target: str = ""
    since_ms: int | None = None
    until_ms: int | None = None

    def narrow(self, query: Select[Any]) -> Select[Any]:
        """A query over chain and details, for these only."""
        chain, details = chain_table.c, details_table.c
        if self.trail is not None:
            # Of both, so that an index of either can be used.
            query = query.where(chain.trail == self.trail, details.trail == self.trail)
        if self.action.endswith("*"):
            query = query.where(chain.action.startswith(self.action[:-1], autoescape=True))
        elif self.action:
            query = query.where(chain.action == self.action)
        if self.actor:
            query = query.where(details.actor_id == self.actor)
        if self.target:
            query = query.where(details.target == self.target)
        if self.since_ms is not None:
            query = query.where(chain.at_ms >= self.since_ms)
        return query if self.until_ms is None else query.where(chain.at_ms < self.until_ms)


@dataclass(frozen=True, slots=True)
class Entry:
    """A link with what it says, as far as that is still there."""

    link: Link
    details: Details

    def wire(self) -> dict[str, Any]:
        """As the API gives it. What is erased is null, and ``erased`` says which halves are."""
        link, details = self.link, self.details
        erased = [
            half for half, salt in (("who", details.who_salt), ("what", details.what_salt)) if salt is None
        ]
        return {
            "id": link.id,
            "seq": link.seq,
            "at_ms": link.at_ms,
            "actor": {"id": details.actor_id or None, "name": details.actor_name or ""},
            "action": link.action,
            "target": details.target or "",
            "detail": {} if details.detail is None else orjson.loads(details.detail),
            "facts": orjson.loads(link.facts),
            "erased": erased,
            "hash": link.hash.hex(),
        }

    def whole(self) -> dict[str, Any]:
        """The same with everything that is needed to verify it; ``detail`` as text, byte for byte."""
        link, details = self.link, self.details
        return {
            "trail": link.trail,
            **self.wire(),
            "facts": link.facts,
            "detail": None if details.detail is None else details.detail.decode(),
            "prev_hash": link.prev_hash.hex(),
            "who_digest": link.who_digest.hex(),
            "what_digest": link.what_digest.hex(),
            "who_salt": None if details.who_salt is None else details.who_salt.hex(),
            "what_salt": None if details.what_salt is None else details.what_salt.hex(),
        }


def _entries() -> Select[Any]:
    same = (chain_table.c.trail == details_table.c.trail) & (chain_table.c.seq == details_table.c.seq)
    return select(chain_table, details_table).select_from(chain_table.join(details_table, same))


def _entry(row: Any) -> Entry:
    return Entry(Link(*row[:_COLUMNS]), Details(*row[_COLUMNS:]))


def read_audit(
    conn: Connection,
    trail: str,
    *,
    before: str | None = None,
    limit: int = 100,
    wanted: Wanted | None = None,
) -> list[dict[str, Any]]:
    """A trail, newest first; ``before`` is the ``seq`` (or the id) that the page before ended with. Of
    ``wanted`` the trail doesn't matter."""
    chain = chain_table.c
    query = (wanted or Wanted(trail)).narrow(_entries()).where(chain.trail == trail)
    if before is not None:
        query = query.where(chain.seq < _place(conn, trail, before))
    found = conn.execute(query.order_by(chain.seq.desc()).limit(limit))
    return [_entry(row).wire() for row in found]


def _place(conn: Connection, trail: str, before: str) -> int:
    if before.isascii() and before.isdigit() and len(before) <= 18:
        return int(before)
    chain = chain_table.c
    return conn.scalar(select(chain.seq).where(chain.trail == trail, chain.id == before)) or 0


def read_page(
    conn: Connection, wanted: Wanted, after: tuple[str, int] | None = None, limit: int = PAGE
) -> list[Entry]:
    """Entries in the order of trails and places, from behind ``after`` (a trail and a place) on."""
    chain = chain_table.c
    query = wanted.narrow(_entries())
    if after is not None:
        if wanted.trail is not None:
            query = query.where(chain.seq > after[1])
        else:
            query = query.where(tuple_(chain.trail, chain.seq) > tuple_(*after))
    return [_entry(row) for row in conn.execute(query.order_by(chain.trail, chain.seq).limit(limit))]


def read_entries(conn: Connection, wanted: Wanted, limit: int = PAGE) -> Iterator[Entry]:
    """All of them, in that order; in memory is a page at a time."""
    after: tuple[str, int] | None = None
    while page := read_page(conn, wanted, after, limit):
        yield from page
        after = page[-1].link.trail, page[-1].link.seq


def read_links(
    conn: Connection, trail: str, *, after: int = _FIRST, limit: int = PAGE
) -> list[tuple[Link, Details | None]]:
    """A trail's links from behind a place on, with their details if these are there at all."""
    same = (chain_table.c.trail == details_table.c.trail) & (chain_table.c.seq == details_table.c.seq)
    query = (
        select(chain_table, details_table)
        .select_from(chain_table.outerjoin(details_table, same))
        .where(chain_table.c.trail == trail, chain_table.c.seq > after)
        .order_by(chain_table.c.seq)
        .limit(limit)
    )
    return [
        (Link(*row[:_COLUMNS]), None if row[_COLUMNS] is None else Details(*row[_COLUMNS:]))
        for row in conn.execute(query)
    ]


def read_head(conn: Connection, trail: str) -> tuple[int, bytes] | None:
    """The place and the hash of a trail's last link, by the table of heads; None: it has no head."""
    heads = heads_table.c
    row = conn.execute(select(heads.seq, heads.hash).where(heads.trail == trail)).first()
    return None if row is None else (row.seq, row.hash)


def read_heads(conn: Connection, limit: int = PAGE) -> Iterator[tuple[str, int, bytes]]:
    """All heads, in the order of trails."""
    heads = heads_table.c
    query, after = select(heads.trail, heads.seq, heads.hash).order_by(heads.trail).limit(limit), None
    while page := conn.execute(query if after is None else query.where(heads.trail > after)).all():
        yield from ((row.trail, row.seq, row.hash) for row in page)
        after = page[-1].trail
