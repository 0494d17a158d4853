"""Packets into frames."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from clients.probe.assembler import WAIT_MS, Assembler, Frame, h264_key, vp8_key

KEY, DELTA = b"\x00\x00\x00\x01\x65", b"\x00\x00\x00\x01\x41"


def _packets(frames: int, each: int, first: int = 65_530) -> list[tuple[int, int, bytes, bool]]:
    """Number, timestamp, data, marker; the first frame is a keyframe; numbers wrap."""
    made = []
    for n in range(frames * each):
        frame, place = divmod(n, each)
        head = (KEY if frame == 0 else DELTA) if place == 0 else b"."
        made.append((first + n & 0xFFFF, frame * 3000, head, place == each - 1))
    return made


@given(st.integers(1, 5), st.randoms(use_true_random=False))
def test_frames_come_out_whole_and_in_order_however_packets_are_shuffled(
    each: int, chance: random.Random
) -> None:
    packets = _packets(6, each)
    first, rest = packets[0], packets[1:]
    chance.shuffle(rest)
    assembler, frames = Assembler(), list[Frame]()
    for number, timestamp, data, marker in [first, *rest, *rest[:3]]:
        frames += assembler.add(number, timestamp, data, 0, marker=marker)
    assert [frame.timestamp for frame in frames] == [n * 3000 for n in range(6)]
    assert all(len(frame.data) == 5 + each - 1 for frame in frames)
    assert (assembler.lost, assembler.received) == (0, 6 * each)


def test_a_hole_is_waited_for_then_given_up_until_a_keyframe() -> None:
    assembler = Assembler()
    first, _, *others = _packets(4, 2, first=100)
    assert assembler.add(*first[:3], 0, marker=False) == []
    for number, timestamp, data, marker in others:
        assert assembler.add(number, timestamp, data, 0, marker=marker) == []
    assert not assembler.wants_keyframe
    assert assembler.add(108, 12_000, DELTA, WAIT_MS, marker=True) == []
    assert assembler.wants_keyframe
    assert assembler.lost == 1
    assert assembler.add(109, 15_000, KEY, WAIT_MS, marker=True) == [Frame(15_000, KEY)]
    assert not assembler.wants_keyframe


def test_a_retransmission_in_time_fills_the_hole() -> None:
    assembler = Assembler()
    one, two, three = _packets(3, 1, first=7)
    assert len(assembler.add(*one[:3], 0, marker=True)) == 1
    assert assembler.add(*three[:3], 10, marker=True) == []
    assert len(assembler.add(*two[:3], 90, marker=True)) == 2
    assert assembler.lost == 0


def test_keyframes_are_told_by_their_units() -> None:
    assert h264_key(KEY)
    assert h264_key(DELTA + b"\x00\x00\x01\x67\x42")
    assert not h264_key(DELTA)
    assert not h264_key(b"\x00\x00\x01")
    assert vp8_key(b"\x10.")
    assert not vp8_key(b"\x11.")
    assert not vp8_key(b"")
