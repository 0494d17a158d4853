"""Normalised text: the plainest form of each character, and spans that lead back to the original."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.filter.normalise import Gap, normalise
from moderation.filter.readings import by_sound, further


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Hello, World", "helloworld"),
        ("ＡＢＣ①ß", "abc1ss"),
        ("crème brûlée", "cremebrulee"),
        ("İstanbul", "istanbul"),
        ("한국어", "한국어"),
        ("がぎ", "がぎ"),
        ("हिन्दी", "हिन्दी"),
        ("раураl", "paypal"),
        ("h\u200be\u202ey", "hey"),
        ("𝓅𝒶𝓈𝓈 Ꮪ", "passs"),
        ("7up 24/7", "7up247"),
        ("don't", "dont"),
        ("媽媽100", "妈妈100"),
    ],
)
def test_plain_form(text: str, plain: str) -> None:
    assert normalise(text).text == plain


def test_gaps_are_known_and_spans_lead_back() -> None:
    seen = normalise("aab.c d，e")
    assert seen.text == "aabcde"
    assert [seen.gap(index) for index in range(1, 6)] == [Gap.NONE, Gap.NONE, Gap.TIGHT, Gap.WIDE, Gap.STOP]
    assert list(zip(seen.starts, seen.ends, strict=True)) == [
        (0, 1), (1, 2), (2, 3), (4, 5), (6, 7), (8, 9),
    ]  # fmt: skip


def test_one_character_may_come_to_several() -> None:
    seen = normalise("ﬁ x㎏")
    assert (seen.text, seen.starts, seen.ends) == ("fixkg", [0, 0, 2, 3, 3], [1, 1, 3, 4, 4])


def test_what_hangs_on_a_letter_belongs_to_its_span() -> None:
    seen = normalise("e\u0301\u200bx")
    assert seen.text == "ex"
    assert seen.ends == [3, 4]


ANYTHING = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Cn", "Cf", "Mn", "Me"]),
        st.sampled_from("aﬁ㎏加微 .🇫🅰\u202e"),
    ),
    max_size=100,
)


@given(ANYTHING)
def test_spans_are_in_order_inside_the_text(text: str) -> None:
    seen = normalise(text)
    assert len(seen.starts) == len(seen.ends) == len(seen.text)
    assert seen.starts == sorted(seen.starts)
    assert seen.ends == sorted(seen.ends)
    for start, end in zip(seen.starts, seen.ends, strict=True):
        assert 0 <= start < end <= len(text)


@given(ANYTHING)
def test_folded_text_is_folded_to_itself_and_can_be_encoded(text: str) -> None:
    once = normalise(text)
    once.kept.encode("utf-8")
    assert normalise(once.text).text == once.text


@given(ANYTHING)
def test_each_reading_has_its_characters_where_the_plain_one_has_them(text: str) -> None:
    seen = normalise(text)
    for reading in (*further(seen), by_sound(seen.kept)):
        assert len(reading.kept) == len(seen.kept)
        assert len(reading.at) == len(reading.text)
        assert list(reading.at) == sorted(reading.at)
        assert all(0 <= at < len(seen.kept) for at in reading.at)


@given(st.text(max_size=100))
def test_case_makes_no_difference(text: str) -> None:
    if text.isascii():
        assert normalise(text.upper()).text == normalise(text.lower()).text
