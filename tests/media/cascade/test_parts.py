"""What is decided without any I/O: framing, asking, clocks, bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.cascade import wire
from media.cascade.asking import ASK_AGAIN_MS, Asking
from media.cascade.outlet import MAX_WAITING, Outlet, first_pictures
from media.cascade.skew import Skew
from media.ports import TrackInfo
from media.relay.counters import Counters
from media.relay.track import Packet

PACKETS = st.builds(
    Packet,
    st.sampled_from(["video", "audio"]),
    st.sampled_from(["H264", "VP8", "opus"]),
    st.integers(0, 2**63),
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.binary(max_size=1500),
    st.booleans(),
)
READERS = (
    lambda message: list(wire.read_packets(message)),
    wire.read_tracks,
    wire.read_status,
    wire.read_clock,
    wire.read_time,
    wire.read_missing,
    wire.read_viewers,
    wire.read_ask_time,
)


@given(st.lists(PACKETS, max_size=20))
def test_packets_are_what_they_were(packets: list[Packet]) -> None:
    assert list(wire.read_packets(wire.packets(packets))) == packets


@given(st.binary(min_size=1, max_size=200))
def test_what_nobody_said_is_refused_in_one_way(message: bytes) -> None:
    for read in READERS:
        try:
            read(message)
        except ValueError:
            continue


def test_words_are_what_they_were() -> None:
    tracks = (TrackInfo("video", "VP8", 90000), TrackInfo("audio", "opus", 48000, 2))
    assert wire.read_tracks(wire.tracks(tracks)) == tracks
    assert [wire.read_status(wire.status(one)) for one in wire.STATUSES] == list(wire.STATUSES)
    assert wire.read_clock(wire.clock("audio", 1234.5, 77)) == ("audio", 1234.5, 77)
    assert wire.read_time(wire.time(1.5, 2.5)) == (1.5, 2.5)
    assert wire.read_missing(wire.missing("video", [1, 2**40])) == ("video", (1, 2**40))
    assert wire.read_viewers(wire.viewers(7)) == 7
    assert wire.read_ask_time(wire.ask_time(9.0)) == 9.0


def packet(number: int, *, keyframe: bool = False, kind: str = "video", size: int = 10) -> Packet:
    codec = "H264" if kind == "video" else "opus"
    return Packet(kind, codec, number, number, False, bytes(size), keyframe)  # type: ignore[arg-type]


class Reader:
    """The other end of an outlet."""

    def __init__(self) -> None:
        self.woken = self.keyframes = 0
        self.counters = Counters()
        self.outlet = Outlet(self.counters, self._wake, self._want)

    def _wake(self) -> None:
        self.woken += 1

    def _want(self) -> None:
        self.keyframes += 1

    def read(self) -> list[Packet]:
        found: list[Packet] = []
        while (message := self.outlet.take()) is not None:
            if message[0] == wire.Say.PACKETS:
                found += wire.read_packets(message)
        return found


def test_pictures_begin_with_a_keyframe_and_sound_at_once() -> None:
    reader = Reader()
    for one in (packet(1), packet(1, kind="audio"), packet(2, keyframe=True), packet(3)):
        reader.outlet.packet(one)
    assert [(one.kind, one.sequence) for one in reader.read()] == [("audio", 1), ("video", 2), ("video", 3)]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=400))
def test_whatever_is_dropped_pictures_never_begin_in_the_middle(steps: list[tuple[bool, bool]]) -> None:
    reader, number = Reader(), 0
    shown: list[Packet] = []
    for keyframe, reads in steps:
        for first in (keyframe, *[False] * 40):
            number += 1
            reader.outlet.packet(packet(number, keyframe=first))
            assert len(reader.outlet) <= MAX_WAITING
        if reads:
            shown += reader.read()
    shown += reader.read()
    before = 0
    for one in shown:
        assert one.keyframe or one.sequence == before + 1
        before = one.sequence


def test_what_was_said_outlives_what_is_dropped() -> None:
    reader = Reader()
    reader.outlet.begin([TrackInfo("video", "H264", 90000)])
    reader.outlet.packet(packet(1, keyframe=True))
    for number in range(2, MAX_WAITING + 10):
        reader.outlet.packet(packet(number))
    assert reader.keyframes == 1
    assert reader.counters.relay_dropped > MAX_WAITING - 10
    message = reader.outlet.take()
    assert message is not None
    assert message[0] == wire.Say.TRACKS


def test_pictures_of_the_past_are_in_order_or_not_there() -> None:
    gop = [packet(5, keyframe=True), packet(7), packet(6)]
    assert [one.sequence for one in first_pictures(gop)] == [5, 6, 7]
    assert first_pictures([packet(4), *gop]) == []
    assert first_pictures([]) == []


def said(messages: list[bytes]) -> list[int]:
    return [message[0] for message in messages]


def test_a_packet_is_asked_for_once_for_everybody_and_again_after_a_while() -> None:
    asking = Asking()
    assert [asking.missed("video", 7, now) for now in (0.0, 1.0, 2.0)] == [True, False, False]
    assert asking.missed("audio", 7, 2.0)
    messages = asking.take(3.0, 0.0, 0)
    assert [wire.read_missing(m)[1] for m in messages if m[0] == wire.Say.MISSING] == [(7,), (7,)]
    assert not asking.missed("video", 7, 100.0)
    assert asking.missed("video", 7, ASK_AGAIN_MS + 1)
    assert not any(asking.missed("video", -number, 0.0) for number in range(1, 3))
    assert sum(asking.missed("video", number, 0.0) for number in range(100, 10_000)) <= wire.MAX_MISSING


def test_keyframes_are_paced_and_one_answers_all() -> None:
    asking = Asking()
    asking.want_keyframe()
    assert wire.Say.KEYFRAME in said(asking.take(0.0, 0.0, 0))
    asking.want_keyframe()
    assert wire.Say.KEYFRAME not in said(asking.take(100.0, 0.0, 0))
    assert asking.is_open
    assert wire.Say.KEYFRAME in said(asking.take(600.0, 0.0, 0))
    asking.keyframe_came()
    assert said(asking.take(1300.0, 0.0, 3)) == [wire.Say.VIEWERS, wire.Say.ASK_TIME]


@given(
    st.floats(-1e6, 1e6),
    st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), min_size=1, max_size=30),
)
def test_the_clocks_distance_is_off_by_half_a_round_trip_at_most(
    ahead_ms: float, trips: list[tuple[float, float]]
) -> None:
    skew = Skew()
    for index, (there_ms, back_ms) in enumerate(trips[-16:]):
        asked = index * 1000.0
        skew.add(asked, asked + there_ms + ahead_ms, asked + there_ms + back_ms)
    assert skew.ms is not None
    best = min(there + back for there, back in trips[-16:])
    assert abs(skew.ms + ahead_ms) <= best / 2 + 1e-3


def test_no_answer_no_clock() -> None:
    skew = Skew()
    assert skew.ms is None
    skew.add(10.0, 5.0, 9.0)  # our clock was set back meanwhile
    assert skew.ms is None


@pytest.mark.parametrize("now", ["idle", "live"])
def test_a_status_is_one_byte(now: str) -> None:
    assert len(wire.status(now)) == 2
