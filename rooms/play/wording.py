"""What hosts write into quizzes and polls, as everybody may see it."""

from __future__ import annotations

from rooms.errors import Refused
from rooms.ports import TextRules


def worded(texts: TextRules, raw: str, max_chars: int) -> str:
    """The text cleaned, and masked where the filter says so. Raises ``Refused``: ``text_empty``,
    ``text_too_long``, ``text_refused``."""
    checked = texts.check(texts.clean(raw, max_chars))
    if checked.verdict == "deny":
        raise Refused("text_refused")
    return checked.text
