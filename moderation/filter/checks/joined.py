"""Several comments of one sender, read together: what is cut in pieces and said one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from moderation.filter.checks import contacts, links, words
from moderation.filter.checks.subject import Subject
from moderation.filter.checks.words import Words
from moderation.filter.memory import Memory, Said
from moderation.rulebook.rules import RoomRules
from rooms.ports import TextReason

PIECE_MAX = 12
"""Folded characters of a piece: at least one beside the cut is as short as that."""
SYLLABLE_MAX = 3
SPAN_MAX = 32
"""Code points read on either side of the cut."""
TOGETHER_MAX = 6
_VOWEL = re.compile("[aeiouy\u0080-\U0010ffff]")


def check(subject: Subject, rules: RoomRules, memory: Memory, lists: Sequence[Words]) -> Iterable[TextReason]:
    """What the words, links and contacts find across the cut between earlier comments and this one. Of what
    stands on one side alone, that comment was judged by. A hit has no span: it isn't in one text. One that
    would be masked is refused: stars in the last piece would leave the word readable."""
    about = subject.about
    recent = memory.recent(about.room_id or "", about.user_id or "", about.now_ms)
    if not recent:
        return ()
    if len(subject.folded.seen.text) > PIECE_MAX and len(recent[-1].folded) > PIECE_MAX:
        return ()
    found: dict[tuple[str, str, str], TextReason] = {}
    for gap in (" ", "") if _is_cut_up(subject, recent) else (" ",):
        before = gap.join(said.text for said in recent[-TOGETHER_MAX:])[-SPAN_MAX:] + gap
        for reason in _across(subject, before, rules, lists):
            found.setdefault((reason.check, reason.code, reason.rule), reason)
    return found.values()


def _across(subject: Subject, before: str, rules: RoomRules, lists: Sequence[Words]) -> Iterator[TextReason]:
    whole = Subject.of(before + subject.text[:SPAN_MAX], subject.about)
    cut = len(before)
    reasons = (
        *words.check(whole, rules, lists),
        *links.check(whole, rules),
        *contacts.check(whole, rules),
    )
    for reason in reasons:
        if reason.start is not None and reason.end is not None and reason.start < cut < reason.end:
            verdict = "deny" if reason.verdict == "mask" else reason.verdict
            yield replace(reason, check="joined", verdict=verdict, start=None, end=None)


def _is_cut_up(subject: Subject, recent: Sequence[Said]) -> bool:
    """Whether these look like parts of one word: short, and not all of them can be said by themselves, as
    ``pen`` and ``is`` can."""
    pieces = [said.folded for said in recent[-TOGETHER_MAX:]] + [subject.folded.seen.text]
    return all(len(piece) <= SYLLABLE_MAX for piece in pieces) and not all(map(_VOWEL.search, pieces))
