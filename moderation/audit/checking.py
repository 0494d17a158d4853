"""Verifying trails as they are stored: a page of links at a time, on one consistent snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal_column, select, union_all

from moderation.audit.reading import PAGE, read_head, read_links
from moderation.audit.tables import chain_table, details_table, heads_table
from moderation.audit.verify import ERASE, Anchors, Checker, Erased, Head, Problem, Tally


@dataclass(frozen=True, slots=True)
class Checked:
    """A trail that was gone through to its end."""

    trail: str
    head: Head | None
    tally: Tally


def check_trail(
    conn: Connection, trail: str, found: Callable[[Problem], None], anchors: Anchors | None = None
) -> Checked:
    """Go through a trail, telling ``found`` of each problem. In memory is a page of links, and the spans of
    places that were erased."""
    checker = Checker(trail, read_erased(conn, trail), anchors)
    after: int | None = None
    while True:
        page = read_links(conn, trail) if after is None else read_links(conn, trail, after=after)
        for link, details in page:
            _tell(found, checker.take(link, details))
        if len(page) < PAGE:
            break
        after = page[-1][0].seq
    head = read_head(conn, trail)
    _tell(found, checker.end(head))
    _tell(found, stray_details(conn, trail))
    return Checked(trail, head, checker.tally)


def check_all(
    conn: Connection, found: Callable[[Problem], None], anchors: Mapping[str, Anchors] | None = None
) -> Iterator[Checked]:
    """The same for all trails in the order of their names, then for those that only ``anchors`` know of."""
    known = anchors or {}
    here = set()
    for trail in read_trails(conn):
        if trail in known:
            here.add(trail)
        yield check_trail(conn, trail, found, known.get(trail))
    for trail in sorted(set(known) - here):
        yield check_trail(conn, trail, found, known[trail])


def read_erased(conn: Connection, trail: str, erased: Erased | None = None, *, after: int = 0) -> Erased:
    """What the trail says was erased of it; what it says behind a place is added to ``erased``."""
    erased, chain = erased or Erased(), chain_table.c
    # Word for word as the index of erasures has it: with a parameter it couldn't be used.
    erasing = chain.action == literal_column(f"'{ERASE}'")
    said = select(chain.facts).where(chain.trail == trail, chain.seq > after, erasing)
    for facts in conn.scalars(said):
        erased.take(facts)
    return erased


def next_trail(conn: Connection, after: str | None) -> str | None:
    """The first trail behind that name that any of the tables knows of; by their indexes."""
    each = []
    for table in (heads_table, chain_table, details_table):
        query = select(func.min(table.c.trail).label("name"))
        each.append(query if after is None else query.where(table.c.trail > after))
    found: str | None = conn.scalar(select(func.min(union_all(*each).subquery().c.name)))
    return found


def read_trails(conn: Connection) -> Iterator[str]:
    """The names of all trails that any of the tables knows of."""
    trail = next_trail(conn, None)
    while trail is not None:
        yield trail
        trail = next_trail(conn, trail)


def stray_details(
    conn: Connection, trail: str, *, after: int | None = None, to: int | None = None
) -> Iterator[Problem]:
    """Details that no link commits to, from behind one place on to another, that one included."""
    details, chain = details_table.c, chain_table.c
    same = (chain.trail == details.trail) & (chain.seq == details.seq)
    query = (
        select(details.seq)
        .select_from(details_table.outerjoin(chain_table, same))
        .where(details.trail == trail, chain.seq.is_(None))
        .order_by(details.seq)
        .limit(PAGE)
    )
    if after is not None:
        query = query.where(details.seq > after)
    if to is not None:
        query = query.where(details.seq <= to)
    for seq in conn.scalars(query):
        yield Problem(trail, seq, "details_stray", "details without an entry")


def _tell(found: Callable[[Problem], None], problems: Iterable[Problem]) -> None:
    for problem in problems:
        found(problem)
