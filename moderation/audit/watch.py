"""Verifying all trails again and again: how far a pass is, what the last one came to, and whose it is.

One row holds it all. The node that is named there goes on with the pass, until it has said nothing for too
long; then another one goes on from where the row says.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, select

from moderation.audit.checking import next_trail
from moderation.audit.verify import Problem
from moderation.audit.walk import Walk
from rooms.errors import Refused
from rooms.rows import Kind, Rank, Steps
from rooms.schema import metadata
from rooms.unit import Unit

LEASE_MS = 20_000
"""The node must have said something within this time."""
FOUND_MAX = 20
"""Problems that are kept; all are counted."""
WEIGHT_MAX = 1_000
TRAIL_WEIGHT = 20
"""How many links the questions about a trail weigh, besides its links."""
AGAIN_AFTER_MS = 900_000
"""After a pass that found problems, the next one is never later: somebody is mending them."""

_NAME = "trails"


@dataclass(frozen=True, slots=True)
class WatchRow:
    """``going`` and ``last`` are JSON, empty where there is none."""

    name: str
    node: str
    expires_at_ms: int
    going: bytes
    last: bytes


watch_table = Table(
    "audit_watch",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("node", String(64), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("going", LargeBinary, nullable=False),
    Column("last", LargeBinary, nullable=False),
)

WATCH: Kind[WatchRow] = Kind(watch_table, WatchRow, Rank.NODES)


@dataclass(slots=True)
class Pass:
    """All trails, gone through once, in the order of their names. ``trail`` is the one that it is in or, with
    ``seq`` 0 and ``hash`` empty, is done with; None: before the first."""

    began_ms: int
    trail: str | None = None
    seq: int = 0
    hash: str = ""
    trails: int = 0
    entries: int = 0
    problems: int = 0
    found: list[dict[str, Any]] = field(default_factory=list)
    done_ms: int | None = None

    def told(self) -> dict[str, Any]:
        """Without the place where it is; ``done_ms`` if it is done."""
        names = ("began_ms", "trails", "entries", "problems", "found")
        done = {} if self.done_ms is None else {"done_ms": self.done_ms}
        return {name: getattr(self, name) for name in names} | done


@dataclass(frozen=True, slots=True)
class State:
    """What the row says."""

    node: str
    expires_at_ms: int
    going: Pass | None
    last: Pass | None

    @property
    def broken(self) -> list[dict[str, Any]]:
        """What was found in the pass that is under way or, if that has found nothing yet, in the last one."""
        for each in (self.going, self.last):
            if each is not None and each.problems:
                return each.found
        return []

    def is_due(self, now_ms: int, every_ms: int) -> bool:
        """Whether there is a pass to go on with, or to begin."""
        if self.going is not None or self.last is None or self.last.done_ms is None:
            return True
        wait_ms = min(every_ms, AGAIN_AFTER_MS) if self.last.problems else every_ms
        return now_ms - self.last.done_ms >= wait_ms


NOTHING = State("", 0, None, None)


class Going:
    """A pass that goes on, from where ``at`` says; ``at`` is kept up with it."""

    def __init__(self, at: Pass) -> None:
        self.at = at
        self._walk: Walk | None = None
        if at.trail is not None and at.hash:
            self._walk = Walk(at.trail, (at.seq, bytes.fromhex(at.hash)))

    def step(self, conn: Connection) -> list[Problem] | None:
        """The next slice, of bounded size: gives the problems found in it; None: that was all."""
        weight, found = 0, list[Problem]()
        while weight < WEIGHT_MAX:
            if self._walk is None:
                trail = next_trail(conn, self.at.trail)
                if trail is None:
                    return found or None
                self._walk = Walk(trail)
            weight += TRAIL_WEIGHT + self._portion(conn, self._walk, found)
        return found

    def _portion(self, conn: Connection, walk: Walk, found: list[Problem]) -> int:
        """Gives how many links it had."""
        at, told, before, known = self.at, len(walk.problems), _entries(walk), walk.count
        more = walk.step(conn)
        at.problems += walk.count - known
        found += walk.problems[told:]
        at.found += [problem.wire() for problem in walk.problems[told:]][: FOUND_MAX - len(at.found)]
        entries = _entries(walk) - before
        at.entries += entries
        at.trail = walk.trail
        if more and walk.checker is not None:
            seq, last = walk.checker.at
            at.seq, at.hash = seq, last.hex()
        else:
            at.seq, at.hash, self._walk = 0, "", None
            at.trails += 1
        return entries


def _entries(walk: Walk) -> int:
    return walk.checker.tally.entries if walk.checker is not None else 0


# The row


def read_state(conn: Connection) -> State:
    row = conn.execute(select(watch_table).where(watch_table.c.name == _NAME)).first()
    return NOTHING if row is None else _state(WatchRow(*row))


def _state(row: WatchRow) -> State:
    return State(row.node, row.expires_at_ms, _decoded(row.going), _decoded(row.last))


def _decoded(body: bytes) -> Pass | None:
    return Pass(**orjson.loads(body)) if body else None


def _encoded(at: Pass | None) -> bytes:
    return b"" if at is None else orjson.dumps(asdict(at))


def claim(tx: Unit, node: str, every_ms: int, *, alone: bool) -> Steps[dict[str, Any]]:
    """Begin a pass, or go on with one: gives ``going``, where it is. Refuses with ``busy`` while another node
    has it, with ``not_found`` if nothing is due. ``alone``: there is no other node."""
    yield WATCH.rows(_NAME)
    row = tx.get(WATCH, _NAME) or WatchRow(_NAME, "", 0, b"", b"")
    if not alone and row.node not in ("", node) and row.expires_at_ms > tx.now_ms:
        raise Refused("busy")
    state = _state(row)
    if not state.is_due(tx.now_ms, every_ms):
        raise Refused("not_found")
    at = state.going or Pass(tx.now_ms)
    tx.put(WATCH, replace(row, node=node, expires_at_ms=tx.now_ms + LEASE_MS, going=_encoded(at)))
    return {"going": asdict(at)}


def save(tx: Unit, node: str, at: Pass) -> Steps[dict[str, Any]]:
    """Say how far it is, which keeps the lease up; with ``done_ms`` it is the last pass from now on. Refuses
    with ``not_found`` if another node has taken over."""
    yield WATCH.rows(_NAME)
    row = tx.get(WATCH, _NAME)
    if row is None or row.node != node:
        raise Refused("not_found")
    if at.done_ms is None:
        tx.put(WATCH, replace(row, expires_at_ms=tx.now_ms + LEASE_MS, going=_encoded(at)))
    else:
        tx.put(WATCH, replace(row, node="", expires_at_ms=0, going=b"", last=_encoded(at)))
    return {}


def release(tx: Unit, node: str) -> Steps[dict[str, Any]]:
    """Let another node go on at once."""
    yield WATCH.rows(_NAME)
    row = tx.get(WATCH, _NAME)
    if row is not None and row.node == node:
        tx.put(WATCH, replace(row, node="", expires_at_ms=0))
    return {}
