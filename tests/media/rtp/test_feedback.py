from __future__ import annotations

import itertools

from aiortc.rtp import (
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import rtcp
from media.rtp.nack import MAX_MISSING, MAX_TRIES, MissingPackets
from media.rtp.pacing import KeyframePacer
from media.rtp.reception import Reception

u32 = st.integers(0, 0xFFFFFFFF)


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        list(rtcp.parse(data))
    except ValueError:
        return


@given(u32, u32, st.sets(st.integers(0, 70_000), min_size=1, max_size=60))
def test_nack_names_exactly_what_is_missing(ssrc: int, media: int, lost: set[int]) -> None:
    data = rtcp.nack(ssrc, media, sorted(lost))
    [read] = rtcp.parse(data)
    assert isinstance(read, rtcp.Nack)
    assert read.media_ssrc == media
    assert sorted(read.sequences) == sorted(number & 0xFFFF for number in lost)
    [theirs] = RtcpPacket.parse(data)
    assert isinstance(theirs, RtcpRtpfbPacket)
    assert sorted(number & 0xFFFF for number in theirs.lost) == sorted(number & 0xFFFF for number in lost)


@given(st.integers(0, 2**40), st.lists(u32, max_size=4))
def test_bitrate_estimate_is_read_by_others(bits: int, sources: list[int]) -> None:
    [theirs] = RtcpPacket.parse(rtcp.bitrate_estimate(1, bits, sources))
    assert isinstance(theirs, RtcpPsfbPacket)
    read, ssrcs = unpack_remb_fci(theirs.fci)
    assert ssrcs == sources
    assert read <= bits < read + (bits >> 17) + 1


def test_reports_are_read_by_others() -> None:
    block = rtcp.ReportBlock(5, 12, -3, 70_000, 9, 1, 2)
    [report] = RtcpPacket.parse(rtcp.receiver_report(1, [block]))
    assert isinstance(report, RtcpRrPacket)
    assert (report.reports[0].ssrc, report.reports[0].packets_lost) == (5, -3)
    compound = rtcp.sender_report(7, 2**63 + 5, 99, 3, 1000) + rtcp.source_description(7, "room")
    sender = RtcpPacket.parse(compound)[0]
    assert isinstance(sender, RtcpSrPacket)
    assert (sender.sender_info.ntp_timestamp, sender.sender_info.rtp_timestamp) == (2**63 + 5, 99)
    assert list(rtcp.parse(compound)) == [rtcp.SenderReport(7, 2**63 + 5, 99)]
    assert list(rtcp.parse(rtcp.receiver_report(1, [block]))) == [rtcp.ReceiverReport((block,))]


def test_keyframe_requests_of_both_kinds_are_read() -> None:
    assert list(rtcp.parse(rtcp.picture_loss(1, 2))) == [rtcp.KeyframeRequest(2)]
    fir = bytes(RtcpPsfbPacket(fmt=4, ssrc=1, media_ssrc=0, fci=(2).to_bytes(4, "big") + b"\x01\x00\x00\x00"))
    assert list(rtcp.parse(fir)) == [rtcp.KeyframeRequest(2)]
    assert list(rtcp.parse(rtcp.bye(3, 4))) == [rtcp.Bye((3, 4))]


@given(st.floats(0, 4e12))
def test_clock_goes_there_and_back(unix_ms: float) -> None:
    assert abs(rtcp.unix_ms_from_ntp(rtcp.ntp_from_unix_ms(unix_ms)) - unix_ms) < 0.01


@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_requests_for_keyframes_are_a_second_apart(times: list[int]) -> None:
    pacer = KeyframePacer(1000)
    sent = []
    for now in sorted(times):
        pacer.want()
        if pacer.due(now):
            sent.append(now)
    assert all(later - earlier >= 1000 for earlier, later in itertools.pairwise(sent))
    if times:
        assert sent[0] == min(times)
        assert pacer.due(max(times) + 1000)
        pacer.satisfied()
        assert not pacer.due(max(times) + 9000)


@given(st.sets(st.integers(1, 300)), st.randoms(use_true_random=False))
def test_all_holes_are_asked_for_and_nothing_else(lost: set[int], random: object) -> None:
    missing = MissingPackets()
    for sequence in range(302):
        if sequence not in lost:
            missing.add(sequence)
    assert set(missing.due(0, 50)) == lost
    assert missing.due(49, 50) == []
    assert set(missing.due(50, 50)) == lost
    for sequence in lost:
        missing.add(sequence)
    assert missing.due(1000, 50) == []
    assert missing.recovered == len(lost)


def test_asking_ends() -> None:
    missing = MissingPackets()
    missing.add(1)
    missing.add(3)
    asked = [missing.due(step * 100, 50) for step in range(MAX_TRIES + 3)]
    assert asked == [[2]] * MAX_TRIES + [[]] * 3
    assert len(missing) == 0


def test_what_is_missing_is_bounded() -> None:
    missing = MissingPackets()
    for sequence in range(0, 4000, 3):
        missing.add(sequence)
    assert len(missing) <= MAX_MISSING
    missing.add(1_000_000)
    assert len(missing) == 0


def test_reception_reports_loss_and_the_last_sender_report() -> None:
    reception = Reception(5, 90000)
    for sequence in range(100):
        if sequence % 4 != 3 or sequence == 99:
            reception.add(sequence, sequence * 3000, 1000, sequence * 1000 / 30)
    loss = reception.take_loss()
    assert loss == 0.24
    reception.sender_report(0x1234_5678_9ABC_DEF0, 4000)
    report = reception.report(loss, 4500)
    assert report.lost == 24
    assert report.fraction == int(0.24 * 256)
    assert report.highest == 99
    assert report.last_sr == 0x5678_9ABC
    assert report.delay == 32768
    assert report.jitter < 5
    assert reception.take_loss() == 0
