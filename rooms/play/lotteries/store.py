"""The lotteries' tables and rows, and what they look like on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    func,
    select,
)

from rooms.play.lotteries import draw
from rooms.play.prizes import Holder, Prize, prize_of
from rooms.rows import Kind, Rank
from rooms.schema import Json, metadata

SHOWN_WINNERS = 20
RUNNING = ("open", "closing", "closed")


@dataclass(frozen=True, slots=True)
class LotteryRow:
    """``phase``: ``open`` (can be entered), ``closing`` (nobody enters any more, the list is being hashed),
    ``closed`` (its hash is in the log), ``drawn`` (winners claim), ``ended`` (its prizes are awarded or
    given back), ``cancelled``.

    ``host_id`` is the room's, ``payer_id`` who opened it and paid for coins. ``seed`` is secret until the
    draw, ``tag_secret`` for ever. ``rules`` and ``prizes`` are what was hashed
    when it opened, so they never change. ``opened_offset`` is where the room's log stood then. ``weight`` is
    the sum of the entrants' weights; ``rounds`` how often the time to claim was over; ``given_back`` how many
    single prizes went back; ``shown`` the winners that the log shows.
    """

    id: str
    room_id: str
    host_id: str
    payer_id: str
    phase: str
    rules: dict[str, Any]
    prizes: list[dict[str, Any]]
    seed: bytes
    tag_secret: bytes
    opened_at_ms: int
    opened_offset: int
    closes_at_ms: int
    entrants: int = 0
    weight: int = 0
    entrants_hash: bytes | None = None
    drawn_at_ms: int | None = None
    claim_by_ms: int | None = None
    rounds: int = 0
    given_back: int = 0
    shown: list[dict[str, Any]] | None = None

    @property
    def holder(self) -> Holder:
        return Holder(self.id, self.room_id, self.payer_id, self.rules["title"])

    @property
    def held(self) -> list[Prize]:
        return [prize_of(wire) for wire in self.prizes]

    @property
    def hashes(self) -> dict[str, str]:
        """What was shown before anybody entered."""
        rules, prizes = draw.rules_hash(self.rules), draw.prizes_hash(self.prizes)
        return {
            "commitment": draw.commitment(self.seed, rules, prizes).hex(),
            "rules_hash": rules.hex(),
            "prizes_hash": prizes.hex(),
        }

    def wire(self) -> dict[str, Any]:
        """As everybody may see it, docs/protocol.md has it. What isn't known yet is None."""
        state = {"closing": "open"}.get(self.phase, self.phase)
        drawn = self.drawn_at_ms is not None
        return {
            **{name: self.rules[name] for name in ("id", "title", "conditions", "weights", "winners")},
            **{name: self.rules[name] for name in ("claim_s", "unclaimed")},
            "state": state,
            "prizes": self.prizes,
            "opened_at_ms": self.opened_at_ms,
            "closes_at_ms": self.closes_at_ms,
            **self.hashes,
            "entrants": None if self.entrants_hash is None else self.closing(),
            "seed": self.seed.hex() if drawn else None,
            "drawn_at_ms": self.drawn_at_ms,
            "claim_by_ms": self.claim_by_ms,
            "winners_shown": self.shown or [],
        }

    def closing(self) -> dict[str, Any]:
        """What is shown between the last entry and the draw."""
        return {"count": self.entrants, "weight": self.weight, "hash": (self.entrants_hash or b"").hex()}


lotteries_table = Table(
    "lotteries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("host_id", String(128), nullable=False),
    Column("payer_id", String(128), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("rules", Json, nullable=False),
    Column("prizes", Json, nullable=False),
    Column("seed", LargeBinary, nullable=False),
    Column("tag_secret", LargeBinary, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("opened_offset", BigInteger, nullable=False),
    Column("closes_at_ms", BigInteger, nullable=False),
    Column("entrants", BigInteger, nullable=False),
    Column("weight", BigInteger, nullable=False),
    Column("entrants_hash", LargeBinary),
    Column("drawn_at_ms", BigInteger),
    Column("claim_by_ms", BigInteger),
    Column("rounds", Integer, nullable=False),
    Column("given_back", Integer, nullable=False),
    Column("shown", Json),
    Index("ix_lotteries_room", "room_id", "phase", "id"),
    CheckConstraint("weight >= entrants", name="weights_count"),
)


@dataclass(frozen=True, slots=True)
class EntryRow:
    """Somebody's entry. ``tag`` is what the published list calls them."""

    lottery_id: str
    tag: str
    user_id: str
    user_name: str
    nonce: str
    weight: int
    entered_at_ms: int

    @property
    def line(self) -> str:
        return draw.line_of(self.tag, self.nonce, self.weight)

    def wire(self) -> dict[str, Any]:
        """What an entrant is told of it."""
        return {"lottery": self.lottery_id, "tag": self.tag, "nonce": self.nonce, "weight": self.weight}


# By tag, so that the list comes out of the index in its order. A tag follows from the user's id.
lottery_entries_table = Table(
    "lottery_entries",
    metadata,
    Column("lottery_id", String(36), primary_key=True),
    Column("tag", String(32), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("user_name", Text, nullable=False),
    Column("nonce", String(32), nullable=False),
    Column("weight", BigInteger, nullable=False),
    Column("entered_at_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class WinnerRow:
    """A place of the draw. ``status``: ``waiting`` (to be claimed), ``claimed``, ``unclaimed``, or
    ``reserve`` (comes into question when a prize is drawn again). ``prize`` is which single prize, from 0."""

    lottery_id: str
    user_id: str
    place: int
    tag: str
    user_name: str
    status: str
    prize: int | None
    claimed_at_ms: int | None = None

    def wire(self) -> dict[str, Any]:
        """As the published file has it."""
        return {"place": self.place, "entry": self.tag, "prize": self.prize, "status": self.status}

    def shown(self) -> dict[str, Any]:
        """As the room sees it."""
        return {
            "place": self.place,
            "entry": self.tag,
            "prize": self.prize,
            "user": {"id": self.user_id, "name": self.user_name},
        }


lottery_winners_table = Table(
    "lottery_winners",
    metadata,
    Column("lottery_id", String(36), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("tag", String(32), nullable=False),
    Column("user_name", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("prize", Integer),
    Column("claimed_at_ms", BigInteger),
    Index("ux_lottery_winners_place", "lottery_id", "place", unique=True),
)

LOTTERIES: Kind[LotteryRow] = Kind(lotteries_table, LotteryRow, Rank.PLAYS)
ENTRIES: Kind[EntryRow] = Kind(lottery_entries_table, EntryRow, Rank.PLAY_ENTRIES)
# Guarded by the lottery's lock, which is taken before.
WINNERS: Kind[WinnerRow] = Kind(lottery_winners_table, WinnerRow, Rank.PLAY_ENTRIES)


def read_lottery(conn: Connection, lottery_id: str) -> LotteryRow | None:
    row = conn.execute(select(lotteries_table).where(lotteries_table.c.id == lottery_id)).one_or_none()
    return LotteryRow(*row) if row else None


def read_lotteries(
    conn: Connection, room_id: str, *, before: str | None = None, limit: int = 50
) -> list[LotteryRow]:
    """A room's lotteries, newest first; ``before`` is the last id of the page before."""
    query = select(lotteries_table).where(lotteries_table.c.room_id == room_id)
    if before is not None:
        query = query.where(lotteries_table.c.id < before)
    return [LotteryRow(*r) for r in conn.execute(query.order_by(lotteries_table.c.id.desc()).limit(limit))]


def count_running(conn: Connection, room_id: str) -> int:
    query = select(func.count()).select_from(lotteries_table)
    query = query.where(lotteries_table.c.room_id == room_id, lotteries_table.c.phase.in_(RUNNING))
    return conn.scalar(query) or 0


_e = lottery_entries_table.c
_LINES = (
    select(_e.tag, _e.nonce, _e.weight)
    .where(_e.lottery_id == bindparam("lottery_id"), _e.tag > bindparam("after"))
    .order_by(_e.tag)
    .limit(bindparam("limit"))
)


def read_lines(conn: Connection, lottery_id: str, *, after: str, limit: int) -> list[str]:
    """Lines of the published list in its order, those with tags after ``after``."""
    bounds = {"lottery_id": lottery_id, "after": after, "limit": limit}
    return [f"{tag}:{nonce}:{weight}" for tag, nonce, weight in conn.execute(_LINES, bounds)]


def read_entries(conn: Connection, lottery_id: str, tags: Sequence[str]) -> dict[str, EntryRow]:
    """Entries by their tags."""
    query = select(lottery_entries_table).where(_e.lottery_id == lottery_id, _e.tag.in_(tags))
    return {r.tag: EntryRow(*r) for r in conn.execute(query)}


_w = lottery_winners_table.c
_WINNERS = select(lottery_winners_table).where(_w.lottery_id == bindparam("lottery_id")).order_by(_w.place)


def read_winners(conn: Connection, lottery_id: str) -> list[WinnerRow]:
    """All places that were drawn, reserves among them, in order."""
    return [WinnerRow(*r) for r in conn.execute(_WINNERS, {"lottery_id": lottery_id})]
