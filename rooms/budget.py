"""What a room can read is finite: the budget that decides, once and before it is appended, whether a comment
is shown to all.

A bucket of tokens for the whole room, refilled at the budget's rate. What one sender may take of it shrinks
with the bucket's level and with the number of senders: a few who flood keep it at the level where they have
had their share, and what is below that level is for those who say one thing now and then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import BigInteger, Column, String, Table

from rooms.rows import Kind, Rank
from rooms.schema import Json, metadata

WINDOW_MS = 5000
_TOKEN = 1000


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """``per_s`` comments a second are shown to everybody in the long run, ``burst`` at once."""

    per_s: int = 20
    burst: int = 20


@dataclass(frozen=True, slots=True)
class Budget:
    """A room's budget: thousandths of tokens as of ``at_ms``; who was shown how often in this window and the
    one before it."""

    tokens: int
    at_ms: int
    window: int = 0
    shown: Mapping[str, int] = field(default_factory=dict)
    before: Mapping[str, int] = field(default_factory=dict)


def full(rules: BudgetRules, now_ms: int) -> Budget:
    """The budget of a room in which nobody has spoken for a while."""
    return Budget(rules.burst * _TOKEN, now_ms)


def spend(budget: Budget, rules: BudgetRules, sender: str, now_ms: int) -> tuple[Budget, bool]:
    """The budget after a comment, and whether it is shown to all. A clock that goes back adds nothing."""
    budget = _as_of(budget, rules, max(now_ms, budget.at_ms))
    if not _affords(budget, rules, sender):
        return budget, False
    shown = {**budget.shown, sender: budget.shown.get(sender, 0) + 1}
    return replace(budget, tokens=budget.tokens - _TOKEN, shown=shown), True


def _as_of(budget: Budget, rules: BudgetRules, now_ms: int) -> Budget:
    refilled = budget.tokens + (now_ms - budget.at_ms) * rules.per_s
    budget = replace(budget, tokens=min(rules.burst * _TOKEN, refilled), at_ms=now_ms)
    window = now_ms // WINDOW_MS
    if window == budget.window:
        return budget
    before = budget.shown if window == budget.window + 1 else {}
    return replace(budget, window=window, shown={}, before=before)


def _affords(budget: Budget, rules: BudgetRules, sender: str) -> bool:
    if budget.tokens < _TOKEN:
        return False
    level = budget.tokens / (rules.burst * _TOKEN)
    share = fair_share(rules, len(budget.shown.keys() | budget.before.keys()))
    lately = _lately(budget, sender)
    return lately < 1 or lately < 2 * share * level


def _lately(budget: Budget, sender: str) -> float:
    """How often the sender was shown in about the last ``WINDOW_MS``."""
    left = 1 - (budget.at_ms % WINDOW_MS) / WINDOW_MS
    return budget.shown.get(sender, 0) + budget.before.get(sender, 0) * left


def fair_share(rules: BudgetRules, senders: int) -> int:
    """How many comments in ``WINDOW_MS`` one of ``senders`` (and the next one to come) may have shown."""
    return max(1, rules.per_s * WINDOW_MS // 1000 // (senders + 1))


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A room's budget in SQL, so that it is one for all nodes."""

    room_id: str
    tokens: int
    at_ms: int
    window: int
    shown: Mapping[str, int]
    before: Mapping[str, int]

    def budget(self) -> Budget:
        return Budget(self.tokens, self.at_ms, self.window, self.shown, self.before)


def as_row(room_id: str, budget: Budget) -> BudgetRow:
    return BudgetRow(room_id, budget.tokens, budget.at_ms, budget.window, budget.shown, budget.before)


budgets_table = Table(
    "budgets",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("tokens", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("window", BigInteger, nullable=False),
    Column("shown", Json, nullable=False),
    Column("before", Json, nullable=False),
)

BUDGETS: Kind[BudgetRow] = Kind(budgets_table, BudgetRow, Rank.GUARDED)
