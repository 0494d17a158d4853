"""What counts as emoji alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.emoji import is_emoji

ZWJ, VS16, KEYCAP = "\u200d", "\ufe0f", "\u20e3"
BASES = ["😀", "❤", "👩", "💻", "🏳", "🌈", "🦀", "☺", "🫠", "🐈", "⬛", "⚕", "🚀"]
TONES = ["", "🏻", "🏽", "🏿"]

elements = st.builds(
    lambda base, vs16, tone: base + (VS16 if vs16 else "") + tone,
    st.sampled_from(BASES),
    st.booleans(),
    st.sampled_from(TONES),
)
families = st.lists(elements, min_size=1, max_size=5).map(ZWJ.join)
flags = st.text(st.sampled_from([chr(c) for c in range(0x1F1E6, 0x1F200)]), min_size=2, max_size=2)
keycaps = st.builds(
    lambda c, vs: c + vs + KEYCAP, st.sampled_from("0123456789#*"), st.sampled_from(["", VS16])
)
regions = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=6).map(
    lambda tag: "🏴" + "".join(chr(0xE0000 + ord(c)) for c in tag) + "\U000e007f"
)
sequences = st.one_of(families, flags, keycaps, regions)
spaces = st.sampled_from(["", " ", "  ", "\n"])


@given(st.lists(st.tuples(spaces, sequences), min_size=1, max_size=30), spaces)
def test_any_row_of_sequences_is_emoji(parts: list[tuple[str, str]], end: str) -> None:
    assert is_emoji("".join(space + one for space, one in parts) + end)


@given(
    st.lists(sequences, max_size=8),
    st.characters(categories=["L", "Nd", "P"], exclude_characters="#*‼⁉〰〽ℹ").filter(lambda c: c != "〰"),
    st.integers(0, 8),
)
def test_one_letter_digit_or_mark_among_them_makes_it_text(parts: list[str], other: str, place: int) -> None:
    parts.insert(min(place, len(parts)), f" {other} ")
    assert not is_emoji("".join(parts))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1",
        "#",
        "*",
        "12:30",
        "🇨",
        "🇨🇳🇬",
        ZWJ,
        VS16,
        KEYCAP,
        "a" + KEYCAP,
        "😀" + ZWJ,
        ZWJ + "😀",
        "1" + VS16,
        "😀︎",
        "x😀",
        "😀x",
        "五",
        "🏴\U000e0067\U000e0062",
        "→",
        "½",
        "①",
    ],
)
def test_what_only_looks_like_it_is_text(text: str) -> None:
    assert not is_emoji(text)


def test_a_hostile_text_is_read_in_one_walk() -> None:
    for piece in ("👩" + ZWJ, "🏴\U000e0067", "🇨", "1" + VS16, "😀🏽" + ZWJ):
        assert not is_emoji(piece * 5001)
