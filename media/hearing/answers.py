"""What a checker says of a window: ``{"hits": [{"label", "score"}], "text"?: …, "language"?: …}``. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HITS_MAX = 200
LABEL_CHARS = 64
TEXT_CHARS = 4_000
"""More than anybody says in a window: what is longer is no transcript of it."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Said:
    """``scores`` from 0 to 1 by label; ``text`` is what was said, empty if nobody transcribes or nothing
    was; ``language`` as in BCP 47, empty if it isn't known."""

    scores: Mapping[str, float] = field(default_factory=dict)
    text: str = ""
    language: str = ""


NOTHING_SAID = Said()


def read_said(answer: Any) -> Said:
    """Raises ``ValueError`` if the answer, decoded, isn't as agreed; what it has besides is ignored."""
    if not isinstance(answer, dict):
        raise ValueError("it doesn't answer with an object")
    hits, text, language = answer.get("hits"), answer.get("text"), answer.get("language")
    if not isinstance(hits, list) or len(hits) > HITS_MAX:
        raise ValueError("it doesn't answer with hits")
    scores: dict[str, float] = {}
    for hit in hits:
        label, score = _read_hit(hit)
        scores[label] = max(scores.get(label, 0.0), score)
    if text is not None and (not isinstance(text, str) or len(text) > TEXT_CHARS):
        raise ValueError(f"its text isn't one of at most {TEXT_CHARS} characters")
    if language is not None and (not isinstance(language, str) or len(language) > 35):
        raise ValueError("its language isn't one")
    tag = language if language and _LANGUAGE.fullmatch(language) else ""
    return Said(scores, text or "", tag)


def _read_hit(hit: Any) -> tuple[str, float]:
    label, score = (hit.get("label"), hit.get("score")) if isinstance(hit, dict) else (None, None)
    if not isinstance(label, str) or not 0 < len(label) <= LABEL_CHARS:
        raise ValueError("a hit has no label")
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise ValueError("a hit has no score")
    return label, float(score)
