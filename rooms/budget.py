"""What a room can read is finite: the budget that decides, once and before it is appended, whether a comment
is shown to all.

A bucket of tokens for the whole room, refilled at the budget's rate. While it is more than half full, nearly
everybody is shown. Below that nobody gets more than a fair share of the last seconds, and the last quarter is
kept for those who haven't spoken in them: a few who flood can't push out the many who say one thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
    fill = budget.tokens / (rules.burst * _TOKEN)
    lately = _lately(budget, sender)
    share = fair_share(rules, len(budget.shown.keys() | budget.before.keys()))
    if fill > 0.5:
        return lately < 2 * share
    return lately < 1 or (fill > 0.25 and lately < share)


def _lately(budget: Budget, sender: str) -> float:
    """How often the sender was shown in about the last ``WINDOW_MS``."""
    left = 1 - (budget.at_ms % WINDOW_MS) / WINDOW_MS
    return budget.shown.get(sender, 0) + budget.before.get(sender, 0) * left


def fair_share(rules: BudgetRules, senders: int) -> int:
    """How many comments in ``WINDOW_MS`` one of ``senders`` (and the next one to come) may have shown."""
    return max(1, rules.per_s * WINDOW_MS // 1000 // (senders + 1))
