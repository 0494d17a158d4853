"""AAC becomes Opus in order and in its place, and both tracks go by one clock."""

from __future__ import annotations

import array
import asyncio
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import av
import pytest

from media.ports import MediaKind, Principal
from media.relay.counters import Counters
from media.relay.source import Source
from media.rtmp import sound
from media.rtmp.chunks import AUDIO, VIDEO
from media.rtmp.publisher import RtmpPublisher
from media.rtmp.session import Tag
from media.rtmp.sound import OPUS_SAMPLES, RATE, AacToOpus, OpusLine, Timed
from media.rtp.packet import Rtp
from media.rtp.rtcp import unix_ms_from_ntp
from tests.media.rtmp.encoder import tone
from tests.media.world import until

ONSET = RATE // 2


def aac(rate: int = RATE) -> tuple[bytes, list[Timed]]:
    """A second: half of it silent, then a tone; the configuration and the frames."""
    codec = av.CodecContext.create("aac", "w")
    codec.sample_rate, codec.layout, codec.format = rate, "stereo", "fltp"
    codec.open()
    frames = []
    for at in range(0, rate, 1024):
        part = tone(at, 1024)
        part.sample_rate = rate
        if at < rate // 2:
            for plane in part.planes:
                plane.update(bytes(plane.buffer_size))
        frames += codec.encode(part)
    times = [round((packet.pts or 0) * RATE / rate) for packet in frames]
    return codec.extradata or b"", [Timed(time, bytes(p)) for time, p in zip(times, frames, strict=True)]


def onset(packets: list[Timed]) -> int:
    """Where it gets loud, on the packets' own time line."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.format = RATE, "stereo", "s16"
    for packet in packets:
        for frame in decoder.decode(av.Packet(packet.data)):
            samples = array.array("h", bytes(frame.planes[0])[: frame.samples * 4])
            loud = next((i for i, one in enumerate(samples) if abs(one) > 2000), None)
            if loud is not None:
                return packet.time + loud // 2
    raise AssertionError("it stays silent")


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_sound_comes_out_where_it_belongs(rate: int) -> None:
    config, frames = aac(rate)
    converter = AacToOpus(config)
    made = converter.convert(frames[:10]) + converter.convert(frames[10:])
    assert {b.time - a.time for a, b in itertools.pairwise(made)} == {OPUS_SAMPLES}
    assert abs(onset(made) - ONSET) < RATE * 30 // 1000


def test_a_hole_in_the_sound_stays_one_and_rounded_times_make_none() -> None:
    config, frames = aac()
    shaky = [Timed(one.time + (i % 3 - 1) * 48, one.data) for i, one in enumerate(frames)]
    later = [Timed(one.time + 5 * RATE, one.data) for one in frames]
    made = AacToOpus(config).convert(shaky + later)
    steps = [b.time - a.time for a, b in itertools.pairwise(made)]
    assert min(set(steps)) == OPUS_SAMPLES
    assert len([step for step in steps if step != OPUS_SAMPLES]) == 1
    assert abs(sum(steps) - 6 * RATE) < RATE // 10


def test_what_is_no_aac_is_left_out() -> None:
    config, frames = aac()
    made = AacToOpus(config).convert([Timed(0, b"\xff" * 40), *frames])
    assert abs(onset(made) - ONSET) < RATE * 30 // 1000


async def test_a_worker_that_cannot_keep_up_loses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "_MOST_PENDING", 3)
    gate = threading.Event()
    given: list[Timed] = []
    seen: list[int] = []

    class Slow:
        def convert(self, frames: list[Timed]) -> list[Timed]:
            gate.wait(20)
            seen.append(len(frames))
            return frames

    with ThreadPoolExecutor(1) as pool:
        line = OpusLine(Slow(), pool, given.extend)  # type: ignore[arg-type]
        for number in range(6):
            line.push(Timed(number, b""))
        gate.set()
        await until(lambda: len(given) == 4, "what is left")
        assert [one.time for one in given] == [0, 3, 4, 5]
        assert (line.dropped, seen) == (2, [1, 3])
        line.close()
        line.push(Timed(9, b""))
        assert len(given) == 4


class Room:
    """A target that keeps what it gets."""

    def __init__(self) -> None:
        self.packets: list[tuple[MediaKind, Rtp]] = []
        self.zero_ms: dict[MediaKind, float] = {}
        self.over: list[str] = []

    def received(self, publisher: Source, kind: MediaKind, rtp: Rtp, sequence: int) -> None:
        self.packets.append((kind, rtp))

    def clock(self, publisher: Source, kind: MediaKind, ntp: int, timestamp: int) -> None:
        self.zero_ms[kind] = unix_ms_from_ntp(ntp) - timestamp / (90 if kind == "video" else 48)

    def gone(self, publisher: Source, reason: str) -> None:
        self.over.append(reason)


AVC = b"\x17\0\0\0\0" + b"\1\x42\xe0\x1f\xff\xe1\0\5\x67\x42\xe0\x1f\x8c\1\0\4\x68\xce\x3c\x80"


def picture(ms: int, offset: int = 0, kind: bytes = b"\x65") -> Tag:
    return Tag(VIDEO, ms, b"\x17\1" + offset.to_bytes(3, "big") + b"\0\0\0\5" + kind + b"abcd")


@contextmanager
def publisher(wall: list[float]) -> Iterator[tuple[RtmpPublisher, Room]]:
    room = Room()
    with ThreadPoolExecutor(1) as pool:
        one = RtmpPublisher(
            Principal("p", "p"),
            room,
            Counters(),
            pool,
            lambda reason: None,
            clock=lambda: 0.0,
            wall_ms=lambda: wall[0],
        )
        yield one, room


async def test_both_tracks_go_by_one_clock_however_they_arrive() -> None:
    wall = [1_000_000.0]
    config, frames = aac()
    with publisher(wall) as (one, room):
        one.tag(Tag(VIDEO, 0, AVC))
        wall[0] += 400  # the way was slow at first
        one.tag(Tag(AUDIO, 0, b"\xaf\0" + config))
        for frame in frames:
            ms = max(0, frame.time * 1000 // RATE)
            wall[0] = 1_000_050.0 + ms
            one.tag(picture(ms))
            one.tag(Tag(AUDIO, ms, b"\xaf\1" + frame.data))
            await asyncio.sleep(0)
        await until(lambda: len(room.zero_ms) == 2, "a report of each")
        assert room.zero_ms["video"] == pytest.approx(room.zero_ms["audio"], abs=1)
        one.tick()
        assert room.zero_ms["video"] == pytest.approx(room.zero_ms["audio"], abs=1)
        assert room.zero_ms["video"] == pytest.approx(1_000_000.0, abs=60)
        one.close("enough")
        one.lost("twice")
        assert room.over == ["enough"]


async def test_pictures_bear_the_time_at_which_they_are_shown_in_the_order_of_decoding() -> None:
    with publisher([0.0]) as (one, room):
        one.metadata({"videocodecid": 7.0})
        one.tag(Tag(VIDEO, 0, AVC))
        for ms, offset, kind in ((0, 80, b"\x65"), (40, 160, b"\x41"), (80, 40, b"\x01")):
            one.tag(picture(ms, offset, kind))
        times = [rtp.timestamp // 90 for _, rtp in room.packets if rtp.marker]
        assert times == [80, 200, 120]
        assert [track.kind for track in one.tracks] == ["video"]
        assert room.packets[0][1].payload[0] & 0x1F == 24  # SPS and PPS before the keyframe
