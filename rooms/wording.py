"""What hosts write for everybody to read: titles, products, questions. Nobody looks at it before it is shown,
so what the filter would hold is refused, with the words that it is about, for the host to mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rooms.errors import Refused
from rooms.ports import About, CheckedText, TextRules


class Wording(Protocol):
    """Makes of what somebody wrote what may be shown."""

    def clean(self, raw: str, max_chars: int) -> str:
        """Raises ``Refused``: ``text_empty``, ``text_too_long``, ``text_refused``."""
        ...


@dataclass(frozen=True, slots=True)
class Worded:
    """``Wording`` by the filter: ``texts`` that are such as ``about`` says."""

    texts: TextRules
    about: About

    def clean(self, raw: str, max_chars: int) -> str:
        return worded(self.texts, raw, max_chars, self.about)


def worded(texts: TextRules, raw: str, max_chars: int, about: About) -> str:
    """The text cleaned, and masked where the filter says so. Raises ``Refused``: ``text_empty``,
    ``text_too_long``, ``text_refused``, whose details are the words and what they are."""
    text = texts.clean(raw, max_chars)
    checked = texts.check(text, about)
    if checked.verdict in ("deny", "hold"):
        raise Refused("text_refused", details=named(text, checked))
    return checked.text


def named(text: str, checked: CheckedText) -> list[dict[str, str]]:
    """What of a text isn't allowed: each word as it stands there, with what it is; in order, each once."""
    found = {
        (reason.code, text[reason.start : reason.end] if reason.start is not None else "")
        for reason in checked.reasons
        if reason.verdict in ("deny", "hold")
    }
    return [{"word": word, "code": code} for code, word in sorted(found, key=lambda one: text.find(one[1]))]
