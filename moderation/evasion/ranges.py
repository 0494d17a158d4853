"""Bans of address ranges: who they reach, decided without I/O.

Many people may share an address: a family, a dormitory, everybody behind one gateway of a provider. So a ban
of a range always ends, and reaches only those without a name here, or with a new one; who was known before
goes in and out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

NEW_MS: Final = 86_400_000
"""An account that was known for less than this when a range was banned is reached by the ban."""
SECONDS_MIN: Final = 600
SECONDS_MAX: Final = 14 * 86_400


@dataclass(frozen=True, slots=True)
class Sharers:
    """How many have come from a range lately, and how many of those a ban would reach."""

    people: int
    reached: int


def reaches(known_since_ms: int | None, ban_at_ms: int) -> bool:
    """Whether a ban of a range reaches somebody who came from it; ``known_since_ms`` None: not known yet."""
    return known_since_ms is None or known_since_ms > ban_at_ms - NEW_MS


def sharers(known_since_ms: Iterable[int], now_ms: int) -> Sharers:
    """What a ban made now would do to those who came from a range."""
    known = list(known_since_ms)
    return Sharers(len(known), sum(reaches(since_ms, now_ms) for since_ms in known))
