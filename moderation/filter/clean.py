"""Text from people, made harmless to show: nothing invisible, nothing that reorders or overflows its line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from rooms.errors import Refused

MARKS_MAX = 4
"""Combining marks kept on one letter. Real scripts need three or four; more is decoration out of the line."""

CODE_POINTS_PER_CHAR_MAX = 16
"""A family emoji with skin tones has eleven code points. Longer texts are refused before any work on them."""

_ZWNJ, _ZWJ = "\u200c", "\u200d"

# Controls that aren't white space, surrogates, private use, non-characters, fillers that look like nothing,
# and format characters, above all the bidirectional overrides and isolates. Left out, for the rules below:
# joiners, U+FE0E/F, ideographic variation selectors, tags, and the Arabic number signs U+0600-0605.
_UNSAFE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0\ufff0-\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e00ff"
    "\U000e01f0-\U0010ffff]"
)
_SPACES = re.compile("[\\s\u2800]+")

_EMOJI = "\xa9\xae\u203c\u2049\u20e3\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_JOINING = "\u0600-\u08ff\u0900-\u0dff\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u1800-\u18af"
_IDEOGRAPH = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

# Each alternative but the last keeps what is where it belongs; the last group is what doesn't.
_MISPLACED = re.compile(
    f"(?<=[{_EMOJI}\ufe0f]){_ZWJ}(?=[{_EMOJI}])"
    f"|(?<=[{_JOINING}])[{_ZWNJ}{_ZWJ}](?=[{_JOINING}])"
    f"|(?<=[{_EMOJI}0-9#*])[\ufe0e\ufe0f]"
    f"|(?<=[{_IDEOGRAPH}])[\U000e0100-\U000e01ef]"
    "|(?<=\U0001f3f4)[\U000e0020-\U000e007e]{1,6}\U000e007f"
    f"|([{_ZWNJ}{_ZWJ}\ufe0e\ufe0f\U000e0100-\U000e01ef\U000e0020-\U000e007f])"
)
_REPEATED_JOINERS = re.compile(f"([{_ZWNJ}{_ZWJ}])[{_ZWNJ}{_ZWJ}]+")


# Letters, ideographs, kana, syllables and signs that are one character each: most of what is ever written.
_PLAIN = re.compile(
    "[ -~\xa1-\xa8\xaa-\xac\xaf-\u02ff\u2010-\u2027\u2030-\u205e"
    "\u3001-\u3029\u3031-\u303c\u3041-\u3096\u309b-\u3163\u3165-\u3296\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff9d]*"
)


def clean_text(raw: str, max_chars: int) -> str:
    """``raw`` as it may be shown, 1 to ``max_chars`` characters as people count them (an emoji is one).

    The result is in NFC, has single spaces instead of any other white space and none at its ends, and
    cleaning it again changes nothing. Raises ``Refused``: ``text_empty``, ``text_too_long``.
    """
    if len(raw) > max_chars * CODE_POINTS_PER_CHAR_MAX:
        raise Refused("text_too_long", details={"limit": max_chars})
    text = tidy(raw)
    if not text:
        raise Refused("text_empty")
    if perceived_length(text) > max_chars:
        raise Refused("text_too_long", details={"limit": max_chars})
    return text


def clean_name(raw: str, max_chars: int = 40) -> str:
    """A person's name as it may be shown, cut after ``max_chars`` characters; may be empty."""
    text = tidy(raw[: max_chars * CODE_POINTS_PER_CHAR_MAX])
    starts = list(_starts(text))
    return tidy(text[: starts[max_chars]]) if len(starts) > max_chars else text


def tidy(raw: str) -> str:
    """``raw`` without what is unsafe to show, of any length, perhaps empty."""
    if raw.isascii() and raw.isprintable():
        return " ".join(raw.split())
    text = _SPACES.sub(" ", _UNSAFE.sub("", raw))
    text = _REPEATED_JOINERS.sub(r"\1", text)
    text = _MISPLACED.sub(lambda match: "" if match[1] else match[0], text)
    text = unicodedata.normalize("NFC", text)
    return (text if _PLAIN.fullmatch(text) else _without_excess_marks(text)).strip()


def perceived_length(text: str) -> int:
    """How many characters a person sees: emoji sequences, flags and letters with marks are one each."""
    return len(text) if _PLAIN.fullmatch(text) else sum(1 for _ in _starts(text))


def _starts(text: str) -> Iterator[int]:
    """Where each perceived character of ``text`` begins (UAX 29, near enough for counting)."""
    before, flags = "", 0
    for index, char in enumerate(text):
        flags = flags + 1 if "\U0001f1e6" <= char <= "\U0001f1ff" else 0
        joined = before == _ZWJ and not char.isalpha()
        if not (joined or (flags and flags % 2 == 0) or _extends(char)) or index == 0:
            yield index
        before = char


def _extends(char: str) -> bool:
    """Whether ``char`` belongs to the character before it."""
    if char < "\u0300":
        return False
    return (
        char in (_ZWJ, _ZWNJ)
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
        or unicodedata.category(char)[0] == "M"
    )


def _without_excess_marks(text: str) -> str:
    kept: list[str] = []
    marks = vowels = MARKS_MAX  # as if full: a mark with nothing to stand on is left out
    for char in text:
        category = unicodedata.category(char) if char >= "\u0300" else ""
        if category[:1] != "M":
            marks = vowels = MARKS_MAX if char == " " else 0
        elif category == "Mc":  # vowel signs that take room of their own
            vowels += 1
            if vowels > MARKS_MAX:
                continue
        elif not _is_selector(char):
            marks += 1
            if marks > MARKS_MAX:
                continue
        kept.append(char)
    return "".join(kept)


def _is_selector(char: str) -> bool:
    return char in "\ufe0e\ufe0f" or char >= "\U000e0100"
