"""Each moment that somebody watched counts once, whoever tells of it and how often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rooms.watching import Span, WatchedRow, extended


def total(*spans: tuple[int, int]) -> int:
    row = WatchedRow("tea", 1, "lin", 0, 0, spans[0][0], spans[0][0])
    for from_ms, until_ms in spans:
        row = extended(row, Span("lin", from_ms, until_ms))
    return row.ms


def test_spans_that_touch_are_one() -> None:
    assert total((0, 60), (60, 120)) == 120
    assert total((0, 60), (30, 90)) == 90
    assert total((30, 90), (0, 60)) == 90
    assert total((0, 60), (0, 60), (10, 20)) == 60


def test_a_gap_counts_for_nothing() -> None:
    assert total((0, 60), (100, 160)) == 120
    assert total((100, 160), (0, 60)) == 60, "long before: taken for known"
    assert total((100, 100), (50, 40)) == 0


spans = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 90)).map(lambda s: (s[0], s[0] + s[1])),
    min_size=1,
    max_size=12,
)


@given(spans)
def test_never_more_than_there_was(told: list[tuple[int, int]]) -> None:
    moments = {moment for from_ms, until_ms in told for moment in range(from_ms, until_ms)}
    assert total(*told) <= len(moments)


@given(spans)
def test_in_order_nothing_is_missed_and_a_repeat_changes_nothing(told: list[tuple[int, int]]) -> None:
    told = sorted(told)
    moments = {moment for from_ms, until_ms in told for moment in range(from_ms, until_ms)}
    assert total(*told) == len(moments)
    assert total(*(span for span in told for _ in range(2))) == len(moments)
