"""The labelled cases: what is bad is found, what is fine is left alone, in both languages."""

from __future__ import annotations

import pytest

from bench.moderation import LABELLED, Ours, cases_of, measure

SETS = {file.stem: cases_of(file) for file in sorted(LABELLED.glob("*.jsonl"))}
CASES = [case for cases in SETS.values() for case in cases]


@pytest.fixture(scope="module")
def ours() -> Ours:
    return Ours()


def test_there_are_enough_cases_of_each_sort() -> None:
    assert len(CASES) >= 600
    for language in ("en", "zh"):
        bad = {case.kind for case in CASES if (case.label, case.language) == ("bad", language)}
        assert bad >= {
            "plain", "fullwidth", "confusables", "leetspeak", "invisible", "spacing", "punctuation",
            "repeats", "emoji", "split", "contacts", "links",
        }  # fmt: skip
        assert sum((case.label, case.language) == ("fine", language) for case in CASES) >= 150
    chinese = {case.kind for case in CASES if case.language == "zh"}
    assert chinese >= {"traditional", "pinyin", "initials", "apart", "homophones"}


@pytest.mark.parametrize("name", SETS)
def test_what_is_bad_is_found_and_what_is_fine_is_left_alone(ours: Ours, name: str) -> None:
    found = measure(SETS[name], ours.judge)
    assert found["recall"] >= 0.95, found["kinds"]
    assert found["false_positive_rate"] <= 0.02, found["kinds"]
