"""The polls' tables and rows, and what they look like on the wire. Nobody is shown who voted for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, String, Table, Text, select

from rooms.rows import Kind, Rank
from rooms.schema import Json, metadata


@dataclass(frozen=True, slots=True)
class PollRow:
    """``phase``: ``open``, ``closed`` (its results are shown), ``ended`` (no longer shown). ``ends_at_ms`` is
    None for one that somebody must close; ``voters`` have voted, ``counts`` is how many chose each option."""

    id: str
    room_id: str
    question: str
    options: list[str]
    multiple: int
    changeable: int
    show_results: str
    phase: str
    opened_at_ms: int
    ends_at_ms: int | None
    voters: int
    counts: list[int]
    closed_at_ms: int | None = None

    def wire(self) -> dict[str, Any]:
        """As everybody may see it: the counts once it is closed; before, signals have them, or nobody."""
        is_over = self.phase != "open"
        return {
            "id": self.id,
            "question": self.question,
            "options": self.options,
            "multiple": self.multiple,
            "changeable": bool(self.changeable),
            "show_results": self.show_results,
            "state": self.phase,
            "opened_at_ms": self.opened_at_ms,
            "ends_at_ms": self.ends_at_ms,
            "closed_at_ms": self.closed_at_ms,
            "voters": self.voters if is_over else None,
            "counts": self.counts if is_over else None,
        }

    def signal(self) -> dict[str, int]:
        """What the room's signals say of it: how many voted, and for what, by the option's number."""
        shown = {"voters": self.voters}
        if self.show_results == "live":
            shown |= {str(n): count for n, count in enumerate(self.counts)}
        return shown


polls_table = Table(
    "polls",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("question", Text, nullable=False),
    Column("options", Json, nullable=False),
    Column("multiple", Integer, nullable=False),
    Column("changeable", Integer, nullable=False),
    Column("show_results", String(8), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("ends_at_ms", BigInteger),
    Column("voters", BigInteger, nullable=False),
    Column("counts", Json, nullable=False),
    Column("closed_at_ms", BigInteger),
    Index("ix_polls_room", "room_id", "phase", "id"),
)


@dataclass(frozen=True, slots=True)
class VoteRow:
    """Somebody's vote: bit *n* of ``choices`` is set for option *n*."""

    poll_id: str
    user_id: str
    choices: int
    voted_at_ms: int

    @property
    def options(self) -> list[int]:
        return [n for n in range(self.choices.bit_length()) if self.choices >> n & 1]


poll_votes_table = Table(
    "poll_votes",
    metadata,
    Column("poll_id", String(36), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("choices", Integer, nullable=False),
    Column("voted_at_ms", BigInteger, nullable=False),
)

POLLS: Kind[PollRow] = Kind(polls_table, PollRow, Rank.PLAYS)
# Guarded by the poll's lock, which is taken before.
VOTES: Kind[VoteRow] = Kind(poll_votes_table, VoteRow, Rank.PLAY_ENTRIES, locked=False)


def read_poll(conn: Connection, poll_id: str) -> PollRow | None:
    row = conn.execute(select(polls_table).where(polls_table.c.id == poll_id)).one_or_none()
    return PollRow(*row) if row else None


def read_polls(
    conn: Connection, room_id: str, *, before: str | None = None, limit: int = 50
) -> list[PollRow]:
    """A room's polls, newest first; ``before`` is the last id of the page before."""
    query = select(polls_table).where(polls_table.c.room_id == room_id)
    if before is not None:
        query = query.where(polls_table.c.id < before)
    return [PollRow(*r) for r in conn.execute(query.order_by(polls_table.c.id.desc()).limit(limit))]


def read_polls_in(conn: Connection, room_id: str, phases: Sequence[str]) -> list[str]:
    """The ids of a room's polls in these phases."""
    polls = polls_table.c
    return list(conn.scalars(select(polls.id).where(polls.room_id == room_id, polls.phase.in_(phases))))


def read_votes(conn: Connection, poll_id: str, user_ids: Sequence[str]) -> dict[str, VoteRow]:
    """Their own votes, by user."""
    votes = poll_votes_table.c
    query = select(poll_votes_table).where(votes.poll_id == poll_id, votes.user_id.in_(user_ids))
    return {r.user_id: VoteRow(*r) for r in conn.execute(query)}
