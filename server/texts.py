"""The rooms' port ``TextRules`` on the moderation filter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from moderation.filter import TextFilter, clean_text
from rooms.ports import NOTHING, About, CheckedText, TextReason


class Texts:
    """Cleans and judges what people write, with the word lists that come along and those of the config."""

    def __init__(self, word_lists: Sequence[Path] = ()) -> None:
        self._filter = TextFilter.load(word_lists)

    def clean(self, raw: str, max_chars: int) -> str:
        return clean_text(raw, max_chars)

    def check(self, text: str, about: About = NOTHING) -> CheckedText:
        verdict = self._filter.check(text)
        reasons = tuple(
            TextReason("words", hit.category, hit.action, hit.word, hit.start, hit.end)
            for hit in verdict.reasons
        )
        return CheckedText(verdict.action, verdict.text, reasons)
