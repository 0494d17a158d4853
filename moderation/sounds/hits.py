"""When what was heard is something to act on: labels, and what the filter finds in the text. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rooms.ports import JUDGEMENTS, CheckedText, TextReason

Measure = Literal["alert", "interrupt"]
AGAIN_MS = 60_000
"""What has been told of isn't told again for so long: windows overlap, and people repeat themselves."""
KNOWN_MAX, STREAMS_MAX = 500, 512
_GRAVE = JUDGEMENTS.index("hold")

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """What there is against a window: ``labels`` with their scores, the surest first; ``reasons`` are the
    filter's, spans in ``text``."""

    labels: tuple[tuple[str, float], ...]
    text: str = ""
    reasons: tuple[TextReason, ...] = ()

    @classmethod
    def of(cls, labels: Iterable[tuple[str, float]], checked: CheckedText | None, text: str) -> Hit:
        """``checked`` is what the filter makes of the text as a comment of the room's."""
        reasons = checked.reasons if checked is not None else ()
        return cls(tuple(labels), text, tuple(one for one in reasons if one.verdict != "allow"))

    def __bool__(self) -> bool:
        return bool(self.labels or self.reasons)

    @property
    def keys(self) -> frozenset[Key]:
        """What makes it another hit than the one before: labels, and the words that hit."""
        words = {(one.check, one.code, self.text[one.start : one.end].casefold()) for one in self.reasons}
        return frozenset({("label", name) for name, _ in self.labels} | words)

    def measure(self, wanted: Measure) -> Measure:
        """What is done where that is the room's rule. A stream isn't broken off for words that in a comment
        would be shown with stars."""
        grave = any(JUDGEMENTS.index(one.verdict) >= _GRAVE for one in self.reasons)
        return wanted if self.labels or grave else "alert"


@dataclass(slots=True)
class Told:
    """What has been told of one stream lately. Bounded."""

    _since: dict[Key, int] = field(default_factory=dict)

    def is_news(self, hit: Hit, now_ms: int) -> bool:
        """Whether there is anything in it that hasn't been told."""
        return any(now_ms - self._since.get(key, now_ms - AGAIN_MS) >= AGAIN_MS for key in hit.keys)

    def tell(self, hit: Hit, now_ms: int) -> None:
        """It is being told."""
        late = [key for key, since in self._since.items() if now_ms - since >= AGAIN_MS]
        for key in late:
            del self._since[key]
        for key in sorted(hit.keys):
            if len(self._since) < KNOWN_MAX:
                self._since[key] = now_ms

    def untell(self, hit: Hit) -> None:
        """It couldn't be told after all."""
        for key in hit.keys:
            self._since.pop(key, None)


class Lately:
    """``Told`` of the streams that were last heard of."""

    def __init__(self, streams_max: int = STREAMS_MAX) -> None:
        self._streams_max = streams_max
        self._told: OrderedDict[str, Told] = OrderedDict()

    def of(self, stream: str) -> Told:
        told = self._told.setdefault(stream, Told())
        self._told.move_to_end(stream)
        if len(self._told) > self._streams_max:
            self._told.popitem(last=False)
        return told


def words_of(reasons: Sequence[TextReason]) -> list[dict[str, str]]:
    """The reasons as the trail has them: what hit, not where."""
    return [{"check": one.check, "code": one.code, "rule": one.rule} for one in reasons]
