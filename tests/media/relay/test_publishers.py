"""Publishers that do what they shouldn't: what the room's viewers get all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import av
from aiortc.codecs.h264 import h264_depayload

from media.relay.counters import Counters
from media.relay.feed import Feed, Format
from media.relay.room import RoomRelay
from media.relay.track import MAX_GOP_PACKETS
from media.relay.viewer import Viewer
from media.rtc import hooks
from media.rtc.udp import UdpPort
from media.rtp.packet import Rtp
from media.rtp.sequence import distance32
from tests.media.hls.source import nal_units, payloads, pictures
from tests.media.relay.test_feed import Wire
from tests.media.relay.test_room import TRACKS

FPS = 5
TICKS = 90_000 // FPS


class Room:
    """A room without a network: ``send`` publishes access units, ``join`` gives what a viewer is sent."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.relay = RoomRelay(Counters(), self._ask)
        self.relay.begin(TRACKS)
        self.sequence = 65_000

    def _ask(self) -> None:
        self.asked += 1

    def join(self) -> Wire:
        wire = Wire()
        feed = Feed(self.relay.tracks["video"], {"H264": Format(96)}, 1, 2, b"", Counters())
        feed.open(cast("UdpPort", wire), cast("hooks.Protector", wire), ())
        viewer = Viewer(self.relay, cast("UdpPort", wire), {"video": feed}, "test", lambda: self.now)
        viewer.peer = cast("Any", SimpleNamespace(send_rtcp=lambda data: None))
        viewer.is_connected = True
        self.relay.joined(viewer)
        return wire

    def send(self, unit: bytes, frame: int) -> None:
        """An access unit that is shown as the ``frame``-th."""
        parts = payloads(nal_units(unit))
        for index, part in enumerate(parts):
            self.sequence += 1
            last = index == len(parts) - 1
            rtp = Rtp(100, last, self.sequence & 0xFFFF, frame * TICKS & 0xFFFFFFFF, 5, part, {})
            self.relay.publish("video", rtp, self.sequence, self.now * 1000)
        self.now += 1 / FPS


def shown(wire: Wire) -> list[tuple[int, int, int]]:
    """What a decoder makes of it: time (from the first on), width and height of each picture, as shown."""
    codec = av.CodecContext.create("h264", "r")
    first = wire.sent[0].timestamp
    frames = []
    for data, timestamp in _units(wire.sent):
        packet = av.Packet(data)
        packet.pts, packet.time_base = distance32(timestamp, first), Fraction(1, 90_000)
        frames += codec.decode(packet)
    frames += codec.decode(None)
    return [(int(frame.pts or 0), frame.width, frame.height) for frame in frames]


def _units(packets: Sequence[Rtp]) -> Iterator[tuple[bytes, int]]:
    unit = b""
    for packet in packets:
        unit += h264_depayload(packet.payload)
        if packet.marker:
            yield unit, packet.timestamp
            unit = b""


async def test_another_resolution_needs_nothing_from_viewers() -> None:
    room = Room()
    viewer = room.join()
    small, large = pictures(0.6, keyframe_every=15), pictures(0.6, keyframe_every=15, size=(640, 360))
    for number, unit in enumerate([*small, *large]):
        room.send(unit, number)
    assert [size for _, *size in shown(viewer)] == [[320, 180]] * 15 + [[640, 360]] * 15
    assert room.relay.tracks["video"].size == (640, 360)
    newcomer = room.join()
    assert {tuple(size) for _, *size in shown(newcomer)} == {(640, 360)}


async def test_a_minute_without_a_keyframe_is_bridged_and_bounded() -> None:
    room = Room()
    units = pictures(12.2, keyframe_every=2000)  # a minute at five a second
    viewer = room.join()
    asked = room.asked
    room.send(units[0], 0)
    for number, unit in enumerate(units[1:-1], 1):
        if number == 50:
            newcomer = room.join()
            assert room.asked == asked + 1  # at once
        if number % FPS == 0:
            room.relay.tick(room.now * 1000)
        room.send(unit, number)
        assert len(room.relay.tracks["video"].gop) <= MAX_GOP_PACKETS
    assert len(shown(viewer)) == len(units) - 1
    assert newcomer.sent == []
    # It was asked for again and again for who waits, but not by everybody each second.
    assert 10 <= room.asked - asked <= 20
    room.send(pictures(1)[0], len(units))
    [(_, *size)] = shown(newcomer)
    assert size == [320, 180]


def _with_b_frames() -> list[tuple[bytes, int]]:
    """Access units in the order of decoding, with their place in the order of showing."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = 320, 180, "yuv420p"
    codec.framerate, codec.time_base = Fraction(FPS), Fraction(1, FPS)
    codec.thread_count = 1
    codec.options = {"preset": "fast", "x264-params": "keyint=25:bframes=2:b-adapt=0:scenecut=0"}
    made = []
    for number in range(50):
        frame = av.VideoFrame(320, 180, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([number * 4]) * plane.buffer_size)
        frame.pts = number
        made += codec.encode(frame)
    return [(bytes(packet), int(packet.pts or 0)) for packet in [*made, *codec.encode(None)]]


async def test_b_frames_reach_viewers_whole_and_in_their_order() -> None:
    room = Room()
    viewer = room.join()
    units = _with_b_frames()
    places = [place for _, place in units]
    assert places != sorted(places)
    newcomer = None
    for index, (unit, place) in enumerate(units):
        room.send(unit, place)
        if index == 40:  # after the second keyframe
            newcomer = room.join()
    assert newcomer is not None
    times = [time for time, *_ in shown(viewer)]
    assert times == [number * TICKS for number in range(50)]
    late = shown(newcomer)
    assert len(late) >= 20
    assert [time for time, *_ in late][-9:] == sorted(time for time, *_ in late)[-9:]
