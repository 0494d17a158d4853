"""The word filter: every entry of every list looked for at once (Aho-Corasick) in normalised text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ahocorasick

from moderation.filter.clean import perceived_length
from moderation.filter.normalise import Gap, Kind, Normalised, normalise
from moderation.filter.word_lists import Entry, WordListError, bundled, read

MASK = "*"


@dataclass(frozen=True, slots=True)
class Reason:
    """One hit: the entry's text, its list's category and language, and the span in the checked text."""

    word: str
    category: str
    language: str | None
    action: Literal["mask", "deny"]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the lists say to a text. ``text`` is the text to show: masked for ``mask``, else unchanged."""

    action: Literal["allow", "mask", "deny"]
    text: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pattern:
    """An entry, ready for comparing with what the automaton found."""

    entry: Entry
    runs: tuple[int, ...]
    gaps: Mapping[int, Gap]
    """Where the entry has gaps itself."""
    whole_words: bool
    spaceless: bool


@dataclass(frozen=True, slots=True)
class WordHit:
    """An entry, and its span in the text (code points, end exclusive)."""

    entry: Entry
    start: int
    end: int


class TextFilter:
    """Checks texts against word lists. Pure after loading; a check depends on nothing but its text.

    ``size`` is the number of entries.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        by_text: dict[str, list[_Pattern]] = {}
        self.size = 0
        for entry in entries:
            self.size += 1
            for key, pattern in _patterns(entry):
                by_text.setdefault(key, []).append(pattern)
        self._automaton: Any = ahocorasick.Automaton()
        for key, patterns in by_text.items():
            self._automaton.add_word(key, (len(key), patterns))
        self._automaton.make_automaton()

    @classmethod
    def load(cls, paths: Sequence[Path] = (), *, with_bundled: bool = True) -> TextFilter:
        """The filter of the lists at ``paths`` and those that come with Danmart. Raises ``WordListError``."""
        entries = bundled() if with_bundled else []
        for path in paths:
            entries += read(path)
        return cls(entries)

    def hits(self, seen: Normalised, level_of: Callable[[str], int] = lambda category: 2) -> list[WordHit]:
        """The entries found, but those inside of what is allowed and those of categories of level 0."""
        hits = list(self._hits(seen))
        allowed = [(hit.start, hit.end) for hit in hits if hit.entry.action == "allow"]
        return [
            hit
            for hit in hits
            if hit.entry.action != "allow"
            and level_of(hit.entry.category)
            and not any(start <= hit.start and hit.end <= end for start, end in allowed)
        ]

    def check(self, text: str) -> Verdict:
        """What the lists say to ``text`` (as ``clean_text`` gives it)."""
        bad = self.hits(normalise(text))
        if not bad:
            return Verdict("allow", text)
        reasons = tuple(
            Reason(
                hit.entry.text,
                hit.entry.category,
                hit.entry.language,
                "deny" if hit.entry.action == "deny" else "mask",
                hit.start,
                hit.end,
            )
            for hit in bad
        )
        if any(hit.entry.action == "deny" for hit in bad):
            return Verdict("deny", text, reasons)
        return Verdict("mask", _masked(text, bad), reasons)

    def _hits(self, seen: Normalised) -> Iterator[WordHit]:
        if not len(self._automaton):
            return
        for last, (length, patterns) in self._automaton.iter(seen.text):
            first = last - length + 1
            for pattern in patterns:
                if _matches(pattern, seen, first, last + 1):
                    yield WordHit(pattern.entry, seen.starts[first], seen.ends[last])


def _patterns(entry: Entry) -> Iterator[tuple[str, _Pattern]]:
    """The patterns of an entry with the texts to look for: as written, and with each letter set apart."""
    seen = normalise(entry.text)
    if not seen.text:
        raise WordListError(f"{entry.text!r}: nothing is left of it to compare; remove it from its list")
    spaceless = Kind.IDEOGRAPH in seen.kinds
    match = entry.match or ("substring" if spaceless else "word")
    gaps = {index: gap for index, gap in enumerate(seen.gaps) if gap is not Gap.NONE}
    yield seen.text, _Pattern(entry, tuple(seen.runs), gaps, match == "word", spaceless)
    if max(seen.runs) > 1:  # a s s: letters that are apart are no run
        text = "".join(char * run for char, run in zip(seen.text, seen.runs, strict=True))
        at = [sum(seen.runs[:index]) for index in range(len(seen.runs))]
        moved = {at[index]: gap for index, gap in gaps.items()}
        yield text, _Pattern(entry, (1,) * len(text), moved, match == "word", spaceless)


def _matches(pattern: _Pattern, seen: Normalised, first: int, end: int) -> bool:
    if not _runs_match(pattern.runs, seen.runs[first:end]):
        return False
    gaps = [index for index in range(first + 1, end) if seen.gaps[index] is not Gap.NONE]
    if pattern.spaceless and not pattern.whole_words:
        return _spaceless_gaps_match(gaps, seen, end - first)
    if (pattern.whole_words or gaps) and not (seen.word_starts(first) and seen.word_starts(end)):
        return False
    return all(
        pattern.gaps.get(index - first) is Gap.WIDE or _looks_spaced_out(seen, index) for index in gaps
    )


def _runs_match(wanted: Sequence[int], found: Sequence[int]) -> bool:
    """Runs of a letter are as long as in the entry, or drawn out (fuuuck, ffuucckk); good is not god."""
    if tuple(found) == wanted:
        return True
    if any(have < want for have, want in zip(found, wanted, strict=True)):
        return False
    longer = [have for have, want in zip(found, wanted, strict=True) if have > want]
    return len(longer) > 1 or longer[0] > 2


def _spaceless_gaps_match(gaps: Sequence[int], seen: Normalised, length: int) -> bool:
    """加*微*信 is one word; 我想加。微信上说 is not, unless every character is set apart (加，微，信)."""
    if length > 2 and len(gaps) == length - 1:
        return True
    return all(seen.gaps[index] is not Gap.STOP for index in gaps)


def _looks_spaced_out(seen: Normalised, index: int) -> bool:
    """Whether the gap before ``index`` was put inside a word: ``f.uck``, ``f u c k``, not ``pen is``."""
    if seen.gaps[index] is not Gap.WIDE:
        return True
    alone_before = seen.word_starts(index - 1) and seen.runs[index - 1] == 1
    alone_after = seen.word_starts(index + 1) and seen.runs[index] == 1
    return alone_before or alone_after


def _masked(text: str, hits: Sequence[WordHit]) -> str:
    """``text`` with a star for each character of each hit; white space inside stays."""
    parts: list[str] = []
    position = 0
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        start = max(hit.start, position)
        if hit.end <= start:
            continue
        parts.append(text[position:start])
        words = text[start : hit.end].split(" ")
        parts.append(" ".join(MASK * perceived_length(word) for word in words))
        position = hit.end
    return "".join(parts) + text[position:]
