"""Normalised text: the plainest form of each character, and spans that lead back to the original."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.filter.normalise import Gap, normalise


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Hello, World", "heloworld"),
        ("ＡＢＣ①ß", "abc1s"),
        ("crème brûlée", "cremebrule"),
        ("İstanbul", "istanbul"),
        ("한국어", "한국어"),
        ("がぎ", "がぎ"),
        ("हिन्दी", "हिन्दी"),
        ("раураl", "paypal"),
        ("h\u200be\u202ey", "hey"),
        ("p4ssw0rd", "pasword"),
        ("7up 24/7", "7up247"),
        ("don't", "dont"),
        ("妈妈100", "妈妈100"),
    ],
)
def test_plain_form(text: str, plain: str) -> None:
    assert normalise(text).text == plain


def test_gaps_and_runs_are_remembered() -> None:
    seen = normalise("aab.c d，e")
    assert seen.text == "abcde"
    assert seen.runs == [2, 1, 1, 1, 1]
    assert seen.gaps == [Gap.NONE, Gap.NONE, Gap.TIGHT, Gap.WIDE, Gap.STOP]
    assert [(start, end) for start, end in zip(seen.starts, seen.ends, strict=True)] == [
        (0, 2), (2, 3), (4, 5), (6, 7), (8, 9),
    ]  # fmt: skip


def test_what_hangs_on_a_letter_belongs_to_its_span() -> None:
    seen = normalise("e\u0301\u200bx")
    assert seen.text == "ex"
    assert seen.ends == [3, 4]


@given(st.text(max_size=100))
def test_spans_are_in_order_inside_the_text_and_lists_are_parallel(text: str) -> None:
    seen = normalise(text)
    size = len(seen.text)
    assert all(len(column) == size for column in (seen.starts, seen.ends, seen.runs, seen.gaps, seen.kinds))
    assert seen.starts == sorted(seen.starts)
    assert seen.ends == sorted(seen.ends)
    for start, end in zip(seen.starts, seen.ends, strict=True):
        assert 0 <= start < end <= len(text)


@given(st.text(max_size=100))
def test_case_makes_no_difference(text: str) -> None:
    if text.isascii():
        assert normalise(text.upper()).text == normalise(text.lower()).text
