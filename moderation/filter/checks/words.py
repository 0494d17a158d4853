"""The words of lists, at the levels of the room's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from moderation.filter.checks.subject import Subject
from moderation.filter.normalise import Normalised
from moderation.filter.words import WordHit
from moderation.rulebook.rules import RoomRules
from rooms.ports import Judgement, TextReason

CLAIMS = "claims"
"""The category of what advertising law forbids to say of a product. It is looked for in product texts alone,
whatever its level, and judged by the rules' ``claims``."""


class Words(Protocol):
    """Compiled lists of words."""

    def hits(self, seen: Normalised, level_of: Callable[[str], int]) -> Sequence[WordHit]: ...


def check(subject: Subject, rules: RoomRules, lists: Sequence[Words]) -> Sequence[TextReason]:
    """The words' categories are the codes; the rule is the word as it is listed."""
    claims = subject.about.kind == "product" and rules.claims != "allow"

    def level_of(category: str) -> int:
        if category == CLAIMS:
            return 4 if claims else 0
        return rules.level(category)

    seen = subject.folded.seen
    hits = [hit for words in lists for hit in words.hits(seen, level_of)]
    return list(_reasons(hits, rules)) if hits else ()


def _reasons(hits: Iterable[WordHit], rules: RoomRules) -> Iterator[TextReason]:
    for hit in hits:
        entry = hit.entry
        if entry.action == "allow":
            continue
        check, verdict = ("claims", rules.claims) if entry.category == CLAIMS else ("words", entry.action)
        yield TextReason(check, entry.category, verdict, entry.text, hit.start, hit.end)


def strictest(reasons: Sequence[TextReason]) -> Judgement:
    """The strictest of the reasons' verdicts; without any, ``allow``."""
    return max((reason.verdict for reason in reasons), key=_SEVERITY.__getitem__, default="allow")


_SEVERITY: dict[Judgement, int] = {"allow": 0, "mask": 1, "hold": 2, "deny": 3}
