"""Packets come out in order, once, and a missing one is waited for no longer than allowed."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.hls.reorder import Reorder
from media.rtp.packet import Rtp


def packet(number: int) -> Rtp:
    return Rtp(96, False, number & 0xFFFF, number, 1, b"x", {})


def test_a_missing_packet_is_waited_for() -> None:
    reorder = Reorder(wait_ms=100)
    assert [p.sequence for p, _ in reorder.push(packet(1), 0)] == [1]
    assert reorder.push(packet(3), 10) == []
    released = reorder.push(packet(2), 90)
    assert [(p.sequence, lossy) for p, lossy in released] == [(2, False), (3, False)]
    assert reorder.lost == 0


def test_a_packet_that_does_not_come_is_given_up() -> None:
    reorder = Reorder(wait_ms=100)
    reorder.push(packet(1), 0)
    reorder.push(packet(4), 10)
    reorder.push(packet(5), 60)
    released = reorder.push(packet(6), 111)
    assert [(p.sequence, lossy) for p, lossy in released] == [(4, True), (5, False), (6, False)]
    assert reorder.lost == 2
    assert reorder.push(packet(2), 112) == []  # its turn is over


def test_holding_is_bounded_in_number() -> None:
    reorder = Reorder(wait_ms=10_000, capacity=8)
    reorder.push(packet(0), 0)
    released = [out for number in range(2, 12) for out in reorder.push(packet(number), 1)]
    assert [p.sequence for p, _ in released][:3] == [2, 3, 4]


def test_a_source_that_starts_anew_is_followed() -> None:
    reorder = Reorder(wait_ms=100)
    reorder.push(packet(100), 0)
    assert [(p.sequence, lossy) for p, lossy in reorder.push(packet(40_000), 1)] == [(40_000, True)]


@given(
    start=st.integers(0, 0xFFFF),
    delays=st.lists(st.one_of(st.none(), st.integers(0, 30)), min_size=2, max_size=120),
    repeats=st.sets(st.integers(0, 119)),
)
def test_any_mix_of_delay_loss_and_repeats(start: int, delays: list[int | None], repeats: set[int]) -> None:
    """Packets 5 ms apart, late by up to 150 ms or lost: those that came leave in order, without repeats."""
    arrivals = [(0, -1, start)]
    came = {start}
    for i, delay in enumerate(delays, 1):
        if delay is None:
            continue
        came.add(start + i)
        arrivals.append((5 * (i + delay), i, start + i))
        if i in repeats:
            arrivals.append((5 * (i + delay) + 1, i, start + i))
    flush = start + len(delays) + 1
    arrivals += [(5 * (len(delays) + 31), 998, flush), (5 * len(delays) + 1000, 999, flush + 1)]
    reorder = Reorder(wait_ms=200)
    out = [(p.timestamp, lossy) for at, _, n in sorted(arrivals) for p, lossy in reorder.push(packet(n), at)]
    numbers = [number for number, _ in out]
    assert numbers == sorted(came | {flush, flush + 1})
    for (before, _), (number, lossy) in pairwise(out):
        assert lossy == (number != before + 1)
