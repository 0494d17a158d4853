"""Sets of whole numbers that mostly follow one another, as text and as spans. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

Span = tuple[int, int]
"""From and to, both in it."""


def spans_of(numbers: Iterable[int]) -> list[Span]:
    """The numbers as spans, in order."""
    return merged((number, number) for number in numbers)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same numbers in as few spans as can be, in order."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def written(spans: Iterable[Span]) -> str:
    """``3,17-19``."""
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def parsed(text: str) -> list[Span]:
    """Raises ``ValueError`` for what ``written`` doesn't write."""
    spans = []
    for part in text.split(",") if text else ():
        low, dash, high = part.partition("-")
        span = int(low), int(high) if dash else int(low)
        if span[0] > span[1]:
            raise ValueError(f"{part}: ends before it begins")
        spans.append(span)
    return spans


def holds(spans: list[Span], number: int) -> bool:
    """Whether a number is in one of the spans, which are as ``merged`` gives them."""
    place = bisect_right(spans, number, key=lambda span: span[0]) - 1
    return place >= 0 and number <= spans[place][1]
