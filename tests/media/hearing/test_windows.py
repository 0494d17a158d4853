"""Which stretches of a stream are listened to: nothing is lost at a border, nothing grows on and on."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.hearing import windows as module
from media.hearing.windows import RATE, Packet, Sampling, Window, Windows, unpack

PACKET = RATE // 50

samplings = st.builds(
    lambda length, gap, lead: Sampling(length + gap, length, lead),
    st.integers(PACKET, 20 * PACKET),
    st.integers(0, 20 * PACKET),
    st.integers(0, 5 * PACKET),
)
contiguous = samplings.map(lambda s: Sampling(s.length, s.length, s.lead))
streams = st.builds(
    lambda first, steps: list(accumulate(steps, initial=first)),
    st.integers(0, 2**33),
    st.lists(st.sampled_from([PACKET] * 20 + [1, 2 * PACKET, 7 * PACKET, 60 * PACKET]), max_size=150),
)


def cut(sampling: Sampling, times: list[int]) -> list[Window]:
    """The windows of packets at these times; each packet's bytes tell its time."""
    windows = Windows(sampling)
    made = [windows.push(time, str(time).encode()) for time in times]
    return [one for one in (*made, windows.rest()) if one is not None]


def test_windows_begin_every_so_often_each_with_what_came_right_before() -> None:
    made = cut(Sampling(10 * PACKET, 4 * PACKET, 2 * PACKET), [n * PACKET for n in range(27)])
    numbers = [[packet.time // PACKET for packet in one.packets] for one in made]
    assert numbers == [[0, 1, 2, 3], [8, 9, 10, 11, 12, 13], [18, 19, 20, 21, 22, 23]]
    assert [one.duration_ms for one in made] == [80, 120, 120]


def test_what_is_said_right_before_the_end_is_listened_to() -> None:
    made = cut(Sampling(10 * PACKET, 10 * PACKET, PACKET), [n * PACKET for n in range(13)])
    assert [packet.time // PACKET for packet in made[-1].packets] == [9, 10, 11, 12]
    assert made[-1].end == 13 * PACKET  # with the last packet's sound
    # Without anything new there is no window.
    assert len(cut(Sampling(10 * PACKET, 4 * PACKET, 2 * PACKET), [n * PACKET for n in range(10)])) == 1


@given(contiguous, streams)
def test_where_all_is_listened_to_nothing_is_left_out(sampling: Sampling, times: list[int]) -> None:
    heard = {packet.time for window in cut(sampling, times) for packet in window.packets}
    assert heard == set(times)


@given(contiguous, streams, st.data())
def test_what_is_no_longer_than_the_lead_is_whole_in_a_window(
    sampling: Sampling, times: list[int], data: st.DataObject
) -> None:
    """Wherever a word begins, and whatever border it crosses."""
    begins = data.draw(st.sampled_from(times))
    word = {time for time in times if begins <= time <= begins + sampling.lead}
    assert any(word <= {packet.time for packet in window.packets} for window in cut(sampling, times))


@given(samplings, streams)
def test_windows_are_bounded_in_order_and_as_it_was_sent(sampling: Sampling, times: list[int]) -> None:
    made = cut(sampling, times)
    for window in made:
        at = [packet.time for packet in window.packets]
        assert at == sorted(at)
        assert window.start == at[0]
        assert at[-1] < window.end <= window.start + sampling.length + sampling.lead
        assert all(packet.data == str(packet.time).encode() for packet in window.packets)
        assert unpack(window.packed()) == [Packet(p.time - window.start, p.data) for p in window.packets]
    fresh = [window.packets[-1].time for window in made]
    assert fresh == sorted(set(fresh))  # each has something that the one before didn't


@given(samplings, streams)
def test_what_is_kept_is_bounded(sampling: Sampling, times: list[int]) -> None:
    windows = Windows(sampling)
    for time in times:
        windows.push(time, b"12345")
        kept = [packet.time for packet in windows._kept]
        assert not kept or kept[-1] - kept[0] <= sampling.length + sampling.lead
        assert windows._bytes == 5 * len(kept)


def test_a_stream_that_begins_anew_is_listened_to_from_there() -> None:
    far = 10**6
    windows = Windows(Sampling(4 * PACKET, 4 * PACKET, PACKET))
    assert windows.push(far, b"x") is None
    assert windows.push(far + PACKET, b"y") is None
    assert windows.push(far, b"late") is None  # a little late: left out
    before = windows.push(0, b"anew")
    assert before is not None
    assert [packet.data for packet in before.packets] == [b"x", b"y"]
    after = [windows.push(n * PACKET, b"z") for n in range(1, 5)][-1]
    assert after is not None
    assert [packet.data for packet in after.packets] == [b"anew", b"z", b"z", b"z"]


@pytest.mark.parametrize(("data", "count"), [(b"", module.PACKETS_MAX), (bytes(30_000), 100)])
def test_times_that_stand_still_keep_nobody_from_listening(data: bytes, count: int) -> None:
    windows = Windows(Sampling(RATE, RATE, 0))
    made = [windows.push(1 + n // 1000, data) for n in range(count + 1)]
    assert made[-1] is not None
    assert len(made[-1].packets) == count


@given(st.binary(max_size=40))
def test_what_is_no_window_is_refused(body: bytes) -> None:
    try:
        packets = unpack(body)
    except ValueError:
        return
    assert Window(0, 1, tuple(packets)).packed() == body
