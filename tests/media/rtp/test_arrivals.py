from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.rtp.arrivals import Arrivals


def read(data: bytes) -> dict[int, float | None]:
    """A receiver of the feedback: arrival in ms, or ``None`` for a lost packet, by 16-bit number."""
    assert len(data) == 4 * (int.from_bytes(data[2:4], "big") + 1)
    assert (data[0] & 0xDF, data[1]) == (0x8F, 205)
    end = len(data) - (data[-1] if data[0] & 0x20 else 0)
    base, count = int.from_bytes(data[12:14], "big"), int.from_bytes(data[14:16], "big")
    time = int.from_bytes(data[16:19], "big") * 64.0
    at = 20
    statuses: list[int] = []
    while len(statuses) < count:
        chunk = int.from_bytes(data[at : at + 2], "big")
        assert chunk >> 14 == 3
        statuses += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        at += 2
    found: dict[int, float | None] = {}
    for index, status in enumerate(statuses[:count]):
        if status:
            time += int.from_bytes(data[at : at + status], "big", signed=status == 2) * 0.25
            at += status
        found[(base + index) & 0xFFFF] = time if status else None
    assert at == end
    return found


@given(
    st.integers(0, 0xFFFF),
    st.lists(st.tuples(st.integers(1, 40), st.floats(-20, 9000)), min_size=1, max_size=80),
    st.sets(st.integers(0, 80)),
)
def test_sender_learns_when_each_packet_came(
    first: int, steps: list[tuple[int, float]], beats: set[int]
) -> None:
    arrivals = Arrivals()
    now, number = 100_000.0, first
    true: dict[int, float] = {}
    told: dict[int, float | None] = {}
    for index, (step, wait) in enumerate(steps):
        now = max(now + wait, 100_000.0)
        true[number & 0xFFFF] = now
        arrivals.add(number & 0xFFFF, now)
        number += step
        if index in beats:
            for data in arrivals.take(1, 2):
                told.update(read(data))
    for data in arrivals.take(1, 2):
        told.update(read(data))
    assert {key for key, value in told.items() if value is not None} == set(true)
    assert all(abs((told[key] or 0) - value) <= 0.5 for key, value in true.items())
    assert len(told) == min(number - steps[-1][0] - first + 1, 0x10000)
    assert list(arrivals.take(1, 2)) == []


def test_late_packet_stays_lost() -> None:
    arrivals = Arrivals()
    arrivals.add(10, 5.0)
    arrivals.add(12, 6.0)
    assert [set(read(data)) for data in arrivals.take(1, 2)] == [{10, 11, 12}]
    arrivals.add(11, 9.0)
    assert list(arrivals.take(1, 2)) == []
