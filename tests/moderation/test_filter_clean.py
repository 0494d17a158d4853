"""Cleaning: what is invisible, reorders or overflows is gone, what people write in their scripts stays."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.filter import clean
from moderation.filter.clean import clean_name, clean_text, perceived_length, tidy
from rooms.errors import Refused

NASTY = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from(
            "\u200b\u200c\u200d\u202e\u2066\u0301\u0489\ufe0f\ufe0e\u20e3\u034f\u115f\u2800\u3000\n\t"
        ),
        st.sampled_from("aé한가각가ا👨👩🏽🇨🇳🏴\U000e0067\U000e007f\U000e0100葛\ud800\udfff"),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    "text",
    [
        "hello, world",
        "上链接！三二一",
        "👨‍👩‍👧‍👦 family",
        "🏳️‍🌈 ❤️ 1️⃣ ©️",
        "👍🏽👩🏽‍🚀",
        "🇨🇳🇫🇷",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "می‌خواهم",
        "क्‍ष हिन्दी",
        "Việt Nam: ệ",
        "ยิ้มที่นี่",
        "שָׁלוֹם",
        "ကြွှေ့",
        "葛\U000e0100城市",
        "مرحبا",
    ],
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert clean_text(text, 200) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  a \t\n\r\n b\u3000\u2028c  ", "a b c"),
        ("abc\u202edcba\u202c", "abcdcba"),
        ("\u2066x\u2069\u200f", "x"),
        ("a\x00\x07\x1b[31mb", "a[31mb"),
        ("in\u200bvis\u2060ible\ufeff", "invisible"),
        ("a\u200db", "ab"),
        ("x\U000e0068\U000e0069", "x"),
        ("a\ufe0fb", "ab"),
        ("\u0301\u0301a", "a"),
        ("x\ue000y", "xy"),
        ("e\u0301", "é"),
        ("a\ud83db", "ab"),
        ("a\u2800\u2800b", "a b"),
    ],
)
def test_what_is_invisible_or_reorders_is_removed(raw: str, clean: str) -> None:
    assert clean_text(raw, 200) == clean


def test_stacked_marks_are_cut_to_what_scripts_need() -> None:
    assert clean_text("Z" + "\u0334" * 50 + "a", 200) == "Z" + "\u0334" * 4 + "a"
    assert len(clean_text("ก" + "ิ" * 100, 200)) == 5
    assert len(clean_text("न" + "ा" * 1000, 200)) == 5


@pytest.mark.parametrize("raw", ["", "   ", "\u200b\u202e", "\u3164\u3164", "\u2800", "\u0301\u0301", "\n\n"])
def test_nothing_left_is_refused(raw: str) -> None:
    with pytest.raises(Refused) as refused:
        clean_text(raw, 200)
    assert refused.value.code == "text_empty"


@pytest.mark.parametrize("raw", ["😀" * 10_000, "a" * 201, "好" * 201, "👨‍👩‍👧‍👦" * 201, "न" + "ा" * 5000])
def test_too_long_is_refused_and_says_the_limit(raw: str) -> None:
    with pytest.raises(Refused) as refused:
        clean_text(raw, 200)
    assert refused.value.code == "text_too_long"
    assert refused.value.details == {"limit": 200}


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("abc", 3),
        ("👨‍👩‍👧‍👦", 1),
        ("🇨🇳🇫🇷", 2),
        ("👍🏽", 1),
        ("1️⃣", 1),
        ("é", 1),
        ("हिन्दी", 3),
        ("好的", 2),
        ("", 0),
    ],
)
def test_length_is_counted_as_people_count(text: str, length: int) -> None:
    assert perceived_length(text) == length


def test_the_limit_is_in_perceived_characters() -> None:
    family = "👨‍👩‍👧‍👦" * 200
    assert clean_text(family, 200) == family


def test_a_long_name_is_cut_between_characters() -> None:
    assert clean_name("👨‍👩‍👧‍👦" * 50) == "👨‍👩‍👧‍👦" * 40
    assert clean_name("a\u202eb\n") == "ab"
    assert clean_name("\u200b") == ""
    assert clean_name("a" * 39 + " b") == "a" * 39


def test_characters_taken_for_plain_are_one_each() -> None:
    plain = [char for char in map(chr, range(0x11000)) if clean._PLAIN.fullmatch(char)]
    assert len(plain) > 30_000
    for char in plain:
        assert unicodedata.category(char) not in ("Mn", "Mc", "Me", "Cc", "Cf", "Cs", "Co")
        assert list(clean._starts(f"a{char}b")) == [0, 1, 2]


@given(NASTY)
def test_cleaning_is_idempotent_and_encodable(raw: str) -> None:
    once = tidy(raw)
    assert tidy(once) == once
    once.encode("utf-8")
    assert once == once.strip()
    assert perceived_length(once) <= len(once)


@given(NASTY)
def test_a_name_is_never_longer_than_asked_for(raw: str) -> None:
    name = clean_name(raw * 3, 20)
    assert perceived_length(name) <= 20
    assert clean_name(name, 20) == name


@given(NASTY)
def test_nothing_that_overrides_direction_survives(raw: str) -> None:
    assert not {unicodedata.bidirectional(char) for char in tidy(raw)} & {
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    }  # fmt: skip
