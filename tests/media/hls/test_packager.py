"""From RTP packets to parts that FFmpeg plays, through everything that happens to a live stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from typing import Any

import pytest

from media.ports import TrackInfo
from tests.media.hls import rules
from tests.media.hls.source import (
    H264,
    OPUS,
    VP8,
    TimedPacket,
    audio_packets,
    broadcast,
    opus,
    pictures,
    video_packets,
)
from tests.media.hls.studio import ROOM, Studio, decode


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    running = Studio()
    yield running
    await running.hub.close()


def times(frames: Iterable[tuple[float, Any]]) -> list[float]:
    return [time for time, _ in frames]


def whole(studio: Studio, only: str = "") -> bytes:
    """All segments of a playlist (of one init section), played in a row."""
    read = rules.check(studio.text())
    init = only or read.segments[-1].init
    names = [segment.uri for segment in read.segments if segment.init == init]
    return studio.file(init) + b"".join(studio.file(name) for name in names)


async def test_every_picture_and_sound_can_be_played(studio: Studio) -> None:
    studio.begin()
    await studio.feed(broadcast(6))
    await studio.sink.close()
    frames = decode(whole(studio))
    assert times(frames["video"]) == pytest.approx([i / 25 for i in range(150)])
    assert len(frames["audio"]) >= 6 * 48_000 / 1024 - 3
    assert all(b - a == pytest.approx(1024 / 48_000) for a, b in pairwise(times(frames["audio"])))
    assert studio.metric("danmart_hls_part_duration_seconds_count") >= 21
    assert studio.metric("danmart_hls_packager_delay_seconds_sum") < 0.05  # over all parts


async def test_parts_in_a_row_are_the_segment_and_play_as_such(studio: Studio) -> None:
    studio.begin()
    await studio.feed(broadcast(5))
    read = rules.check(studio.text())
    assert [len(segment.parts) for segment in read.segments] == [8, 8, 3]
    for segment in read.segments[:2]:
        assert studio.file(segment.uri) == b"".join(studio.file(part.uri) for part in segment.parts)
        assert segment.duration == pytest.approx(2.0)
        assert segment.parts[0].independent
    parts = [part for segment in read.segments for part in segment.parts]
    frames = decode(studio.file(read.segments[0].init) + b"".join(studio.file(part.uri) for part in parts))
    assert len(frames["video"]) == round(sum(part.duration for part in parts) * 25)


async def test_an_independent_part_can_be_the_first(studio: Studio) -> None:
    studio.begin()
    await studio.feed(broadcast(5))
    read = rules.check(studio.text())
    last = read.segments[-1]
    assert last.parts[0].independent
    data = studio.file(last.init) + b"".join(studio.file(part.uri) for part in last.parts)
    frames = decode(data)
    assert len(frames["video"]) == 21
    assert frames["video"][0][0] == pytest.approx(4.0)


async def test_the_first_part_is_there_as_soon_as_it_is_complete(studio: Studio) -> None:
    studio.begin()
    for packet in broadcast(1):
        await studio.feed([packet])
        if studio.stream.window.segments:
            assert packet.at_ms == 280  # seven pictures of 40 ms, known complete when the eighth has come
            return
    pytest.fail("no part within a second")


async def test_program_date_time_is_the_wall_clock(studio: Studio) -> None:
    began_ms = studio.now_ms
    studio.begin()
    await studio.feed(broadcast(5))
    for segment in rules.check(studio.text()).segments:
        assert segment.started is not None
        assert segment.started.timestamp() * 1000 - began_ms == pytest.approx(segment.number * 2000, abs=50)


async def test_keyframes_are_asked_for(studio: Studio) -> None:
    studio.begin()
    assert studio.asked == 1
    await studio.feed(video_packets(pictures(6.0, keyframe_every=1000)))
    assert studio.asked >= 4  # at the start, then each second from 2 s on until one comes


async def test_a_loss_is_bridged_by_the_picture_before(studio: Studio) -> None:
    packets = broadcast(4)
    lost = [packet for packet in packets if not (packet.kind == "video" and 600 <= packet.at_ms < 700)]
    studio.begin()
    await studio.feed(lost)
    await studio.sink.close()
    assert studio.asked >= 2
    assert studio.metric("danmart_hls_lost_packets_total") > 0
    assert studio.metric("danmart_hls_dropped_total", what="picture") > 20
    frames = decode(whole(studio))
    shown = times(frames["video"])
    assert shown[:15] == pytest.approx([i / 25 for i in range(15)])
    assert shown[15:] == pytest.approx([i / 25 for i in range(50, 100)])
    assert all(b - a == pytest.approx(1024 / 48_000) for a, b in pairwise(times(frames["audio"])))


@pytest.mark.parametrize("tracks", [(H264, OPUS), (H264,)], ids=["sound", "no sound"])
async def test_a_publisher_that_stood_still_leaves_no_part_too_long(
    studio: Studio, tracks: tuple[TrackInfo, ...]
) -> None:
    """Nothing of it for two seconds, as when its machine was busy: the last picture stays, and it goes on."""
    packets = video_packets(pictures(2.4), sequence=0, timestamp=0)
    packets += video_packets(pictures(2.0), sequence=len(packets), timestamp=4 * 90_000, at_ms=4000)
    if OPUS in tracks:
        packets += audio_packets(opus(2.4), sequence=0, timestamp=0)
        packets += audio_packets(opus(2.0), sequence=120, timestamp=4 * 48_000, at_ms=4000)
    studio.begin(*tracks)
    await studio.feed(sorted(packets, key=lambda packet: packet.at_ms))
    await studio.sink.close()
    read = rules.check(studio.text())
    parts = [part for segment in read.segments for part in segment.parts]
    assert sum(part.duration for part in parts) == pytest.approx(6, abs=0.1)
    assert sum(len(studio.file(part.uri)) < 100 for part in parts) >= 4  # there was nothing to put in
    assert not any(segment.discontinuity for segment in read.segments)
    shown = times(decode(whole(studio))["video"])
    assert shown == pytest.approx([i / 25 for i in range(60)] + [4 + i / 25 for i in range(50)])


async def test_a_timestamp_that_jumps_by_hours_begins_a_new_period(studio: Studio) -> None:
    studio.begin(H264)
    before = video_packets(pictures(2.0), sequence=0, timestamp=0)
    after = video_packets(pictures(2.0), sequence=len(before), timestamp=2**31 - 1, at_ms=2000)
    await studio.feed(before + after)
    await studio.sink.close()
    read = rules.check(studio.text())
    assert [segment.discontinuity for segment in read.segments] == [False, True]
    assert sum(segment.duration for segment in read.segments) == pytest.approx(4, abs=0.1)
    assert len(decode(whole(studio))["video"]) == 50


async def test_packets_out_of_order_change_nothing(studio: Studio) -> None:
    packets = broadcast(3)
    shuffled = [
        TimedPacket(packet.at_ms + (i * 37 % 60 if i else 0), packet.kind, packet.data)
        for i, packet in enumerate(packets)
    ]
    studio.begin()
    await studio.feed(sorted(shuffled, key=lambda packet: packet.at_ms))
    await studio.sink.close()
    assert len(decode(whole(studio))["video"]) == 75


async def test_another_resolution_is_a_discontinuity(studio: Studio) -> None:
    studio.begin()
    small = video_packets(pictures(2.0), sequence=0, timestamp=0)
    large = video_packets(
        pictures(2.0, size=(640, 360)), sequence=len(small), timestamp=180_000, at_ms=2000, mtu=1200
    )
    await studio.feed(small + large)
    await studio.sink.close()
    read = rules.check(studio.text())
    assert [segment.discontinuity for segment in read.segments] == [False, True]
    assert [segment.number for segment in read.segments] == [0, 1]
    first, second = (decode(whole(studio, segment.init)) for segment in read.segments)
    assert first["video"][0][1].width == 320
    assert second["video"][0][1].width == 640
    assert second["video"][0][0] == pytest.approx(2.0, abs=0.05)
    multivariant = studio.stream.multivariant()
    assert multivariant is not None
    assert b"RESOLUTION=640x360" in multivariant.body


async def test_after_an_interruption_the_playlist_goes_on(studio: Studio) -> None:
    studio.begin()
    await studio.feed(broadcast(3))
    studio.sink.interrupted()
    before = rules.check(studio.text())
    assert not before.ended
    assert before.segments[-1].uri  # what was under way is complete now
    assert studio.hub.available(ROOM)
    studio.begin()
    again = video_packets(pictures(3.0), sequence=5000, timestamp=90_000_000, at_ms=20_000)
    sound = audio_packets(opus(3.0), sequence=900, timestamp=48_000_000, at_ms=20_000)
    await studio.feed(sorted(again + sound, key=lambda packet: packet.at_ms))
    await studio.sink.close()
    after = rules.check(studio.text())
    numbers = [segment.number for segment in after.segments]
    assert numbers == list(range(len(numbers)))
    assert [segment.discontinuity for segment in after.segments] == [False, False, True, False]
    resumed = after.segments[2]
    assert resumed.started is not None
    assert resumed.started.timestamp() == pytest.approx(1_760_000_020, abs=0.1)
    assert len(decode(whole(studio, resumed.init))["video"]) == 75


async def test_the_end_is_said_and_everything_stays_readable(studio: Studio) -> None:
    studio.begin()
    await studio.feed(broadcast(3))
    await studio.sink.close()
    read = rules.check(studio.text())
    assert read.ended
    assert not studio.hub.available(ROOM)
    assert len(decode(whole(studio))["video"]) == 75


async def test_a_room_that_goes_live_again_has_a_new_playlist(studio: Studio) -> None:
    studio.begin()
    await studio.feed(broadcast(3))
    await studio.sink.close()
    names = {segment.uri for segment in rules.check(studio.text()).segments}
    studio.sink = studio.hub.sink(ROOM)
    assert rules.check(studio.text()).ended  # until somebody publishes
    studio.begin()
    await studio.feed(broadcast(3))
    again = rules.check(studio.text())
    assert not again.ended
    assert not names & {segment.uri for segment in again.segments}


async def test_an_ended_stream_is_forgotten() -> None:
    studio = Studio(linger_s=0.01)
    studio.begin()
    await studio.feed(broadcast(1))
    stream = studio.stream
    await studio.sink.close()
    assert not await stream.wait(lambda: False, 10)  # closing releases who waits
    assert studio.hub.find(ROOM) is None
    await studio.hub.close()


async def test_vp8_has_no_hls(studio: Studio) -> None:
    studio.begin(VP8, OPUS)
    await studio.feed(audio_packets(opus(0.5)))
    assert not studio.hub.available(ROOM)
    assert studio.hub.find(ROOM) is None


async def test_a_room_without_sound(studio: Studio) -> None:
    studio.begin(H264)
    await studio.feed(video_packets(pictures(3.0)))
    await studio.sink.close()
    multivariant = studio.stream.multivariant()
    assert multivariant is not None
    assert b'CODECS="avc1.42c014"' in multivariant.body
    assert len(decode(whole(studio))["video"]) == 75


async def test_sender_reports_put_lips_and_sound_together(studio: Studio) -> None:
    """The sound's packets come 500 ms late; by the publisher's clock it belongs to its pictures."""
    studio.begin()
    video, audio = pictures(4.0), opus(4.0)
    packets = video_packets(video, timestamp=0, sequence=0)
    packets += audio_packets(audio, timestamp=0, sequence=0, at_ms=500)
    packets.sort(key=lambda packet: packet.at_ms)
    studio.report("video", 1_760_000_000_000, 0)
    studio.report("audio", 1_760_000_000_000, 0)
    await studio.feed(packets)
    await studio.sink.close()
    assert decode(whole(studio))["audio"][0][0] == pytest.approx(0, abs=0.03)


async def test_without_reports_arrival_decides(studio: Studio) -> None:
    studio.begin()
    packets = video_packets(pictures(4.0), timestamp=0, sequence=0)
    packets += audio_packets(opus(4.0), timestamp=0, sequence=0, at_ms=500)
    await studio.feed(sorted(packets, key=lambda packet: packet.at_ms))
    await studio.sink.close()
    assert decode(whole(studio))["audio"][0][0] == pytest.approx(0.5, abs=0.03)


async def test_malformed_packets_are_counted(studio: Studio) -> None:
    studio.begin()
    for data in (b"", b"\x80", b"\x00" * 40, b"\xbf" + bytes(11)):
        studio.sink.rtp("video", data, 0)
    assert studio.metric("danmart_hls_dropped_total", what="malformed") == 4
    await studio.feed(broadcast(1))
    assert studio.stream.window.segments


async def test_sound_is_dropped_when_the_worker_cannot_keep_up(studio: Studio) -> None:
    """All of it at once, without letting the loop run: the oldest packets go, and nothing grows."""
    studio.begin(H264, OPUS)
    for packet in broadcast(6):
        studio.sink.rtp(packet.kind, packet.data, packet.at_ms)
    assert studio.metric("danmart_hls_dropped_total", what="sound") >= 190
    await studio.sink.close()
    assert len(decode(whole(studio))["video"]) == 150


async def test_memory_is_bounded() -> None:
    studio = Studio(window_bytes=200_000, window_s=12)
    studio.begin()
    await studio.feed(broadcast(10))
    assert studio.metric("danmart_hls_buffered_bytes") <= 250_000
    assert len(studio.stream.window.segments) <= 6
    await studio.hub.close()
