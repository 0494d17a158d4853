"""What a viewer gets of a track: numbers without holes, repeats on demand, pictures that begin with a key."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.relay.counters import Counters
from media.relay.feed import Feed, Format
from media.relay.track import Packet, RoomTrack
from media.rtc import hooks
from media.rtc.udp import Address, UdpPort
from media.rtp import packet as rtp_packet
from media.rtp.packet import Rtp
from media.rtp.rtcp import ReportBlock
from media.rtp.sequence import distance16, distance32

KEY, DELTA = b"\x65picture", b"\x41picture"
SPS, IDR = b"\x67set", b"\x7c\x85start"


class Wire:
    """Stands for the port and for SRTP: keeps packets as they would go out. ``room`` false: socket full."""

    def __init__(self) -> None:
        self.sent: list[Rtp] = []
        self.room = True

    def send(self, data: memoryview, address: Address) -> bool:
        if self.room:
            self.sent.append(rtp_packet.parse(bytes(data)))
        return self.room

    def protect(self, length: int) -> int:
        return length


class Setup:
    def __init__(self, rtx: int | None = 97, codecs: tuple[str, ...] = ("H264",)) -> None:
        self.track = RoomTrack("video")
        self.track.switch("H264")
        self.counters = Counters()
        self.wire = Wire()
        formats = {name: Format(96, rtx) for name in codecs}
        extension = rtp_packet.mid_extension(4, "vid")
        self.feed = Feed(self.track, formats, 11, 12, extension, self.counters)
        self.feed.open(cast("UdpPort", self.wire), cast("hooks.Protector", self.wire), ("192.0.2.1", 1))
        self.next = 0

    def come(self, payload: bytes, *, marker: bool = True) -> Packet:
        """A packet of the publisher is forwarded."""
        self.next += 1
        rtp = Rtp(100, marker, self.next & 0xFFFF, self.next * 3000, 5, payload, {1: b"x"})
        packet = self.track.add(rtp, self.next, self.next * 33.0)
        assert packet is not None
        self.feed.forward(packet)
        return packet


def test_picture_begins_with_a_keyframe() -> None:
    setup = Setup()
    setup.come(DELTA)
    assert setup.wire.sent == []
    setup.come(KEY)
    setup.come(DELTA)
    assert [rtp.payload for rtp in setup.wire.sent] == [KEY, DELTA]


def test_packet_carries_the_viewers_own_numbers() -> None:
    setup = Setup()
    setup.come(KEY)
    [rtp] = setup.wire.sent
    assert (rtp.payload_type, rtp.ssrc, rtp.marker) == (96, 11, True)
    assert rtp.extensions == {4: b"vid"}
    assert rtp.sequence < 0x8000


@given(st.lists(st.sampled_from(["key", "delta", "hold", "full"]), max_size=120))
def test_viewer_never_sees_a_hole_that_nobody_can_fill(steps: list[str]) -> None:
    setup = Setup()
    of_sent: dict[int, bytes] = {}
    for index, step in enumerate(steps):
        if step == "hold":
            setup.feed.hold()
            continue
        setup.wire.room = step != "full"
        payload = (KEY if step == "key" else DELTA) + index.to_bytes(2, "big")
        before = len(setup.wire.sent)
        setup.come(payload)
        if len(setup.wire.sent) > before:
            of_sent[setup.wire.sent[-1].sequence] = payload
    live = list(setup.wire.sent)
    # A number that was used up by a full socket is a hole, and can be had again by NACK.
    holes = []
    for one, following in pairwise(live):
        step_size = distance16(following.sequence, one.sequence)
        assert step_size >= 1
        holes += [(one.sequence + ahead) & 0xFFFF for ahead in range(1, step_size)]
        assert distance32(following.timestamp, one.timestamp) > 0
    setup.wire.room = True
    setup.feed.nacked([*holes, *of_sent])
    again = {int.from_bytes(rtp.payload[:2], "big"): rtp.payload[2:] for rtp in setup.wire.sent[len(live) :]}
    assert set(again) == {*holes, *of_sent}
    assert {number: again[number] for number in of_sent} == of_sent


def test_repeat_uses_rtx_where_it_was_negotiated() -> None:
    setup = Setup()
    setup.come(KEY)
    first = setup.wire.sent[0]
    setup.feed.nacked([first.sequence, first.sequence])
    repeats = setup.wire.sent[1:]
    assert [(rtp.payload_type, rtp.ssrc, rtp.sequence) for rtp in repeats] == [(97, 12, 1), (97, 12, 2)]
    assert rtp_packet.unwrap_rtx(repeats[0], 96, 11) == first


def test_repeat_is_the_same_packet_without_rtx() -> None:
    setup = Setup(rtx=None)
    setup.come(KEY)
    setup.feed.nacked([setup.wire.sent[0].sequence])
    assert setup.wire.sent[1] == setup.wire.sent[0]


def test_what_is_no_longer_there_is_counted() -> None:
    setup = Setup()
    setup.feed.nacked([5])
    setup.come(KEY)
    first = setup.wire.sent[0].sequence
    for _ in range(1100):
        setup.come(DELTA)
    setup.feed.nacked([first, first - 1])
    assert setup.counters.nacks_unanswered == 3
    assert setup.counters.nacks_answered == 0


def test_repeats_are_limited_until_the_next_second() -> None:
    setup = Setup()
    setup.come(KEY)
    number = setup.wire.sent[0].sequence
    setup.feed.nacked([number] * 5000)
    assert setup.counters.nacks_answered == 600
    setup.feed.tick()
    setup.feed.nacked([number])
    assert setup.counters.nacks_answered == 601


def test_full_socket_drops_up_to_the_next_keyframe() -> None:
    setup = Setup()
    setup.come(KEY)
    setup.wire.room = False
    setup.come(DELTA)
    setup.wire.room = True
    setup.come(DELTA)
    assert len(setup.wire.sent) == 1
    assert setup.counters.dropped_blocked == 1
    assert setup.counters.dropped_held == 1
    setup.come(KEY)
    assert len(setup.wire.sent) == 2


def test_viewer_that_loses_a_lot_gets_no_more_until_a_keyframe() -> None:
    setup = Setup()
    setup.come(KEY)
    bad = ReportBlock(11, 80, 50, 0, 0, 0, 0)
    setup.feed.reported(bad, 0)
    assert not setup.feed.held
    setup.feed.reported(bad, 1000)
    assert setup.feed.held


def test_hopeless_viewer_is_counted_once() -> None:
    setup = Setup()
    setup.come(KEY)
    for second in range(20):
        setup.feed.reported(ReportBlock(11, 200, 50, 0, 0, 0, 0), second * 1000)
    assert setup.feed.is_hopeless
    assert setup.counters.viewers_hopeless == 1


def test_picture_after_a_hold_begins_with_parameter_sets_that_come_late() -> None:
    setup = Setup()
    setup.come(KEY)
    setup.feed.hold()
    sps, idr = (Rtp(100, False, number, 60_000, 5, payload, {}) for number, payload in ((2, SPS), (3, IDR)))
    for rtp in (idr, sps):  # overtaken
        packet = setup.track.add(rtp, rtp.sequence, 100)
        assert packet is not None
        setup.feed.forward(packet)
    first, key, late = setup.wire.sent
    assert (key.payload, late.payload) == (IDR, SPS)
    assert (late.sequence - first.sequence, key.sequence - first.sequence) == (1, 2)


def test_newcomer_gets_parameter_sets_that_came_late() -> None:
    setup = Setup()
    setup.come(KEY)
    for number, payload in ((3, IDR), (2, SPS), (4, DELTA)):
        setup.track.add(Rtp(100, False, number, 60_000, 5, payload, {}), number, 100)
    gop = setup.track.since_keyframe()
    assert [packet.payload for packet in gop] == [SPS, IDR, DELTA]
    setup.wire.sent.clear()
    setup.feed.hold()
    setup.feed.begin(gop)
    assert setup.feed.catch_up(len(gop)) == 0
    assert [rtp.payload for rtp in setup.wire.sent] == [SPS, IDR, DELTA]


def test_round_trip_is_measured_from_reports() -> None:
    setup = Setup()
    setup.feed.report_sent(0x1_2345_6789_0000, 1000)
    setup.feed.reported(ReportBlock(11, 0, 0, 0, 0, 0x2345_6789, 65536), 2080)
    assert setup.feed.rtt_ms == pytest.approx(80)


def test_codec_that_was_not_negotiated_is_not_sent() -> None:
    setup = Setup(codecs=("VP8",))
    setup.come(KEY)
    assert setup.wire.sent == []
    assert setup.counters.dropped_codec == 1


def test_burst_ends_at_the_present() -> None:
    setup = Setup()
    for index in range(30):
        setup.track.add(
            Rtp(100, True, index, index * 3000, 5, KEY if index == 0 else DELTA, {}), index, index * 33.0
        )
    gop = setup.track.gop
    assert len(gop) == 30
    setup.feed.begin(gop)
    assert setup.feed.catch_up(len(gop)) == 0
    times = [rtp.timestamp for rtp in setup.wire.sent]
    assert times[-1] == gop[-1].timestamp
    assert all(distance32(later, earlier) == 90 for earlier, later in pairwise(times))
    setup.feed.nacked([setup.wire.sent[3].sequence])
    assert setup.wire.sent[-1].timestamp == times[3]
