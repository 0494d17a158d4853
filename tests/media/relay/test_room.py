"""The relay's own promises: slices of time, a bound on what waits, sinks that can't hurt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from media.metrics import register
from media.ports import MediaKind, TrackInfo
from media.relay import room as room_module
from media.relay.counters import Counters
from media.relay.feed import Feed, Format
from media.relay.room import MAX_WAITING, RoomRelay
from media.relay.viewer import Viewer
from media.rtc import hooks
from media.rtc.udp import Address, UdpPort
from media.rtp import packet as rtp_packet
from media.rtp import rtcp
from media.rtp.packet import Rtp
from tests.media.world import running_world, until

TRACKS = [TrackInfo("video", "H264", 90000), TrackInfo("audio", "opus", 48000, 2)]


class Wire:
    def __init__(self) -> None:
        self.sent: list[int] = []

    def send(self, data: memoryview, address: Address) -> bool:
        self.sent.append(rtp_packet.parse(bytes(data)).sequence)
        return True

    def protect(self, length: int) -> int:
        return length


class Room:
    def __init__(self, viewers: int) -> None:
        self.counters = Counters()
        self.keyframes_wanted = 0
        self.relay = RoomRelay(self.counters, self._want)
        self.relay.begin(TRACKS)
        self.next = 0
        self.wires = [self.join() for _ in range(viewers)]

    def _want(self) -> None:
        self.keyframes_wanted += 1

    def join(self) -> Wire:
        wire = Wire()
        track = self.relay.tracks["video"]
        feed = Feed(track, {"H264": Format(96)}, 1, 2, b"", self.counters)
        feed.open(cast("UdpPort", wire), cast("hooks.Protector", wire), ())
        self.relay.joined(Viewer(self.relay, cast("UdpPort", wire), {"video": feed}, "test"))
        return wire

    def publish(self, payload: bytes = b"\x41x") -> None:
        self.next += 1
        rtp = Rtp(96, True, self.next & 0xFFFF, self.next * 3000, 5, payload, {})
        self.relay.publish("video", rtp, self.next, self.next * 33.0)


async def test_long_write_gives_the_loop_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "SLICE_S", 0.0)
    room = Room(viewers=200)
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        if room.relay.is_busy:
            asyncio.get_running_loop().call_soon(turn)

    for payload in (b"\x65k", b"\x41a", b"\x41b"):
        room.publish(payload)
    turn()
    await until(lambda: not room.relay.is_busy, "everything written")
    assert turns > 10
    first = room.wires[0].sent
    assert len(first) == 3
    assert all(wire.sent == first for wire in room.wires)


async def test_newcomer_during_a_long_write_gets_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "SLICE_S", 0.0)
    room = Room(viewers=100)
    for payload in (b"\x65k", b"\x41a"):
        room.publish(payload)
    assert room.relay.is_busy
    newcomer = room.join()
    room.publish(b"\x41b")
    await until(lambda: not room.relay.is_busy, "everything written")
    assert len(newcomer.sent) == 3
    assert newcomer.sent == sorted(set(newcomer.sent))


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "SLICE_S", 0.0)
    room = Room(viewers=100)
    room.publish(b"\x65k")
    for _ in range(MAX_WAITING + 10):
        room.publish()
    assert room.counters.dropped_overload > 0
    assert room.keyframes_wanted > 0
    await until(lambda: not room.relay.is_busy, "everything written")
    before = [len(wire.sent) for wire in room.wires]
    room.publish(b"\x65again")
    await until(lambda: not room.relay.is_busy, "everything written")
    assert [len(wire.sent) for wire in room.wires] == [count + 1 for count in before]


async def test_newcomer_catches_up_step_by_step_and_then_follows() -> None:
    room = Room(viewers=1)
    room.publish(b"\x65k")
    for _ in range(120):
        room.publish()
    newcomer = room.join()
    assert 0 < len(newcomer.sent) < 50  # not all at once
    room.publish()
    live = len(newcomer.sent)
    await until(lambda: not room.relay.is_busy, "everything written")
    assert live < len(newcomer.sent) == 122
    room.publish()
    steps = {later - earlier for earlier, later in pairwise(newcomer.sent)}
    assert steps == {1}
    assert len(newcomer.sent) == 123


async def test_newcomer_that_leaves_at_once_is_sent_no_more() -> None:
    room = Room(viewers=0)
    room.publish(b"\x65k")
    for _ in range(120):
        room.publish()
    newcomer = room.join()
    room.relay.left(next(iter(room.relay.viewers)))
    sent = len(newcomer.sent)
    assert not room.relay.is_busy
    await asyncio.sleep(0.03)  # the steps that it would have had
    assert len(newcomer.sent) == sent


async def test_newcomer_without_recent_pictures_asks_for_a_keyframe() -> None:
    room = Room(viewers=0)
    room.join()
    assert room.keyframes_wanted == 1


class MemorySink:
    """Keeps what it is told; fails in ``rtp`` when ``broken``."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.told: list[str] = []
        self.packets: list[Rtp] = []
        self.clocks: list[tuple[MediaKind, int]] = []
        self.request_keyframe: Callable[[], None] = lambda: None

    def start(self, tracks: Sequence[TrackInfo], request_keyframe: Callable[[], None]) -> None:
        self.told.append("start " + " ".join(track.codec for track in tracks))
        self.request_keyframe = request_keyframe

    def rtp(self, kind: MediaKind, packet: bytes, arrival_ms: int) -> None:
        if self.broken:
            raise RuntimeError("the disk is full")
        if kind == "video":
            self.packets.append(rtp_packet.parse(packet))

    def sender_report(self, kind: MediaKind, ntp_ms: float, rtp_timestamp: int) -> None:
        self.clocks.append((kind, rtp_timestamp))

    def interrupted(self) -> None:
        self.told.append("interrupted")

    async def close(self) -> None:
        self.told.append("close")


async def test_sink_reads_one_track_over_two_publishers() -> None:
    sinks: list[MemorySink] = []

    def make(room: str) -> list[MemorySink]:
        sinks.append(MemorySink())
        return sinks[-1:]

    async with running_world(make, takeover_silence_s=0.5, keyframe_interval_s=0.5) as world:
        first = await world.publish()
        await world.until_said("live:alice")
        [sink] = sinks
        await until(lambda: len(sink.clocks) >= 2, "sender reports")
        keys = world.service._node.counters.keyframe_requests
        await until(lambda: world.service._node.counters.keyframe_requests > keys, "keyframes in step")
        await first.vanish()
        await until(lambda: sink.told[-1] == "interrupted", "the interruption")
        second = await world.publish()
        await until(lambda: len(sink.told) == 3, "the second start")
        seen = len(sink.packets)
        await until(lambda: len(sink.packets) > seen + 10, "pictures")
        await second.delete()
        await until(lambda: sink.told[-1] == "close", "the end")
        assert sink.told == ["start H264 opus", "interrupted", "start H264 opus", "close"]
        numbers = [rtp.sequence for rtp in sink.packets]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(sinks) == 1


async def test_broken_sink_does_not_take_the_picture_away() -> None:
    async with running_world(lambda room: [MemorySink(broken=True)]) as world:
        await world.publish()
        await world.until_said("live:alice")
        viewer = await world.watch()
        await viewer.see(5)


def test_metrics_tell_all_counters() -> None:
    registry, counters = CollectorRegistry(), Counters()
    unregister = register(registry, counters, {"viewers": ("viewers", lambda: 3.0)})
    counters.packets_out, counters.dropped_blocked = 7, 2
    assert registry.get_sample_value("danmart_media_packets_out_total") == 7
    assert registry.get_sample_value("danmart_media_packets_dropped_total", {"reason": "blocked"}) == 2
    assert registry.get_sample_value("danmart_media_viewers") == 3
    unregister()
    assert registry.get_sample_value("danmart_media_packets_out_total") is None


async def test_a_report_that_was_held_up_does_not_move_the_tracks_apart() -> None:
    now_ms = 1_000_000.0
    relay = RoomRelay(Counters(), lambda: None, wall_ms=lambda: now_ms)
    relay.begin(TRACKS)
    for track in TRACKS:
        relay.publish(track.kind, Rtp(96, True, 1, 0, 7, b"\x65", {}), 1, now_ms)
    relay.sender_report("video", rtcp.ntp_from_unix_ms(now_ms - 300), 0)  # the second one is quicker
    relay.sender_report("audio", rtcp.ntp_from_unix_ms(now_ms), 0)
    video, audio = relay.tracks["video"], relay.tracks["audio"]
    assert video.timestamp_at(now_ms) == (video.map_timestamp(0) + 300 * 90) & 0xFFFFFFFF
    assert audio.timestamp_at(now_ms) == audio.map_timestamp(0)
