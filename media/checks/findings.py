"""Which of the scores that a checker gives are hits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

OTHERS = "*"
"""Among thresholds: every class that isn't named."""
FINDINGS_MAX = 10


class Finding(NamedTuple):
    """A class whose score (0 to 1) reached its threshold."""

    name: str
    score: float


def findings(scores: Mapping[str, float], thresholds: Mapping[str, float]) -> tuple[Finding, ...]:
    """The classes that hit, the surest first, at most ten. A class without a threshold never does, unless
    there is one for ``OTHERS``; what isn't a number hits as if it were 1."""
    hits = []
    for name, given in scores.items():
        score = given if given == given else 1.0  # NaN is no reason to let something through
        threshold = thresholds.get(name, thresholds.get(OTHERS))
        if threshold is not None and score >= threshold:
            hits.append(Finding(name, round(min(max(score, 0.0), 1.0), 3)))
    hits.sort(key=lambda one: (-one.score, one.name))
    return tuple(hits[:FINDINGS_MAX])
