"""The short cuts change nothing: with each of them taken out, the filter comes to the same for every text.

The straightforward filter here tries each spelling at each place of a text, one by one, and lets every check
look for everything. Rules and lists are the same, so that it stays true whatever they say.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from bench.moderation import LABELLED, Case, cases_of, filler
from moderation.filter import TextFilter, gaps, holes, normalise, patterns, words
from moderation.filter import folded as folded_module
from moderation.filter.checks import contacts, links, screen, walls
from moderation.filter.entries import Entry
from moderation.filter.entries import ways as texts_of
from moderation.filter.folded import folded
from moderation.filter.memory import Memory
from moderation.filter.normalise import Normalised, Reading
from moderation.filter.pipeline import Pipeline
from moderation.filter.spellings import Key, Spelling
from moderation.filter.word_lists import bundled
from moderation.rulebook.rules import DEFAULT_RULES, RoomRules
from rooms.ports import About

EVERYTHING = re.compile("")
ENTRIES = [*bundled(), *filler(300)]
CASES = [case for file in sorted(LABELLED.glob("*.jsonl")) for case in cases_of(file)]
STRICT = RoomRules(levels={entry.category: 4 for entry in ENTRIES})
Found = list[tuple[Spelling, int, int]]


class PlainKeys:
    """``Keys`` without automata, numbers or anything left out: each spelling is tried at each place."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._spellings: list[Spelling] = []
        self._by_start: dict[str, list[Spelling]] = {}

    def __len__(self) -> int:
        return len(self._spellings)

    def add(self, entry: int, made: Key) -> int:
        self._spellings.append(Spelling.of(self._entries[entry], made))
        self._by_start.setdefault(made[0][:2], []).append(self._spellings[-1])
        return len(self._spellings) - 1

    def link(self) -> None: ...

    def spelling(self, number: int, key: str) -> Spelling:
        assert self._spellings[number].key == key
        return self._spellings[number]

    def find(self, reading: Reading) -> Found:
        return list(self._find(reading.text))

    def _find(self, text: str) -> Iterator[tuple[Spelling, int, int]]:
        for first in range(len(text)):
            for start in {text[first : first + 1], text[first : first + 2]}:
                for spelling in self._by_start.get(start, ()):
                    if text.startswith(spelling.key, first):
                        yield spelling, first, first + len(spelling.key)


class PlainPatterns:
    """``Patterns`` that are searched for one after the other."""

    def __init__(self) -> None:
        self._compiled: list[tuple[Entry, Any]] = []

    def add(self, entry: Entry) -> None:
        self._compiled.append((entry, re2.compile(f"(?i){entry.text}")))

    def compile(self) -> None: ...

    def find(self, seen: Normalised, level_of: Callable[[str], int]) -> Iterator[tuple[Entry, int, int]]:
        for entry, compiled in self._compiled:
            if entry.action != "allow" and entry.severity > level_of(entry.category):
                continue
            for found in compiled.finditer(seen.kept):
                yield entry, found.start(), found.end() - 1
            if not patterns._OF_WORDS.search(entry.text):
                for found in compiled.finditer(seen.text):
                    yield entry, seen.at[found.start()], seen.at[found.end() - 1]


def _at(reading: Reading) -> Sequence[int]:
    if reading._at is None:
        compared = re.compile(f"[^\\W_]|[{normalise_module._MARKS}]")
        return [found.start() for found in compared.finditer(reading.kept)]
    return reading._at


normalise_module: Any = __import__("moderation.filter.normalise", fromlist=["normalise"])


def without_short_cuts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(screen, "may_hold", lambda views: True)
    patch.setattr(links, "MAYBE", EVERYTHING)
    for gate in ("_MAY_HAVE_DIGITS", "_MAY_BE_SPELLED", "_ANNOUNCED", "_AT", "_DOT"):
        patch.setattr(contacts, gate, EVERYTHING)
    patch.setattr(holes, "_HOLED", EVERYTHING)
    patch.setattr(walls, "_SHORT", 0)
    patch.setattr(gaps, "_side_by_side", lambda reading, first, end: False)
    patch.setattr(Reading, "at", property(_at))
    folded_module._kept.cache_clear()


@pytest.fixture(scope="module")
def fast() -> TextFilter:
    return TextFilter(ENTRIES)


@pytest.fixture(scope="module")
def plain() -> TextFilter:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "Keys", PlainKeys)
        patch.setattr(words, "Patterns", PlainPatterns)
        return TextFilter(ENTRIES)


def judged(lists: TextFilter, rules: RoomRules, case: Case, kind: Any) -> Any:
    memory = Memory()
    for second, earlier in enumerate(case.before):
        memory.count("tea", "lin", earlier, folded(earlier), 1000 * second)
    about = About(kind, "tea", "lin", 1000 * len(case.before))
    folded_module._kept.cache_clear()
    checked = Pipeline((lists,), rules).check(case.text, about, memory)
    return checked.verdict, checked.text, set(checked.reasons)


def assert_same(
    fast: TextFilter, plain: TextFilter, cases: Sequence[Case], rules: RoomRules, kind: str
) -> None:
    came_to = [judged(fast, rules, case, kind) for case in cases]
    with pytest.MonkeyPatch.context() as patch:
        without_short_cuts(patch)
        for case, quickly in zip(cases, came_to, strict=True):
            assert judged(plain, rules, case, kind) == quickly, case
    folded_module._kept.cache_clear()


def test_all_labelled_cases_come_to_the_same(fast: TextFilter, plain: TextFilter) -> None:
    assert_same(fast, plain, CASES, DEFAULT_RULES, "comment")
    assert_same(fast, plain, CASES[::4], STRICT, "product")


def _mangled(dice: random.Random, words: Sequence[str]) -> str:
    """A listed word as an evader may write it, or nearly."""
    chars = list(dice.choice(words))
    for _ in range(dice.randrange(5)):
        at = dice.randrange(len(chars) + 1)
        chars[at : at + dice.randrange(2)] = (
            dice.choice(" .*-_，。#@1$0!|\u200b\u0301一〇шＡ🅰加微bt"),
            *chars[at : at + 1],
        )
    return (
        dice.choice(["", "a ", "我", "so: "])
        + "".join(chars)
        + dice.choice(["", "s", "吧", " b", "ing!", " .com"])
    )


def test_listed_words_mangled_come_to_the_same(fast: TextFilter, plain: TextFilter) -> None:
    dice = random.Random(23)
    listed = [
        text.strip("*") for entry in ENTRIES if entry.match != "regex" for text in [*texts_of(entry.text)][:3]
    ]
    cases = [Case(_mangled(dice, listed), "bad", "zh", "mangled") for _ in range(1500)]
    assert_same(fast, plain, cases, STRICT, "comment")


PIECES = st.sampled_from(
    [
        *"fuckasshit傻逼加微信一二三点. .*-_@1$0|·\u200b\u0301\u202eуｆ🅰\ud800\0é﷼ﷺ",
        "www ",
        " dot com",
        "vx",
        "qq",
        "138",
        "oh",
        "one ",
        "at ",
    ]
)


@given(st.text(st.characters(), max_size=60) | st.lists(PIECES, max_size=30).map("".join), st.booleans())
def test_any_text_comes_to_the_same(fast: TextFilter, plain: TextFilter, text: str, cut: bool) -> None:
    before = (text[: len(text) // 2],) if cut else ()
    rest = text[len(text) // 2 :] if cut else text
    for kind in ("comment", "name"):
        assert_same(fast, plain, [Case(rest, "fine", "zh", "any", before)], STRICT, kind)


def test_gaps_count_in_texts_that_are_read_out(fast: TextFilter, plain: TextFilter) -> None:
    """Read out, this one is as long as before: "s hit" isn't one word there either."""
    case = Case("支持size s hit the shelves", "fine", "zh", "pinyin")
    assert_same(fast, plain, [case], STRICT, "comment")
    assert judged(fast, STRICT, case, "comment")[0] == "allow"


def test_a_text_is_found_in_every_automaton(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large lists take several, one after the other."""
    monkeypatch.setattr("moderation.filter.keys.SHARD_KEYS", 50)
    lists = TextFilter(filler(400))
    for entry in filler(400):
        assert [hit.entry.text for hit in lists.hits(normalise(f"so {entry.text}!"))] == [entry.text]


def test_patterns_with_and_without_words_that_they_need() -> None:
    """Also so many that they are matched in several passes, and of those that take a text in any case."""
    texts = [r"gr[e3]+n t[e3]a", r"\d{3}-\d{4}", "[xyz]{3}", "品味.{1,3}人生", r"\bof (late|old)\b"]
    entries = [
        Entry(f"{text}{end}", "deny", match="regex") for text in texts for end in ("", *map(str, range(90)))
    ]
    fast, plain = patterns.Patterns(), PlainPatterns()
    for entry in entries:
        fast.add(entry)
        plain.add(entry)
    fast.compile()
    saids = "GR33n tea7 tea 555-01234 xYz12 品味的人生5 品 味 我 人 生, of late and OF old9, é"
    for said in [saids, *saids.split(" "), saids[::-1]]:
        found = fast.find(normalise(said), lambda _: 4)
        assert set(found) == set(plain.find(normalise(said), lambda _: 4))
    assert {entry.text[:4] for entry, _, _ in fast.find(normalise(saids), lambda _: 4)} == {
        t[:4] for t in texts
    }
