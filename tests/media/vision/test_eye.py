"""Streams that are looked at: which, how often, by whom, and without the loop's noticing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction

import av
import pytest
from prometheus_client import CollectorRegistry

from media.ports import CmafPart, Period, TrackInfo
from media.rtp.packet import build, parse
from media.vision.eye import Eye, EyeRules, Sighting, VisionTap
from media.vision.mailbox import Frame
from media.vision.metrics import VisionMetrics
from media.vision.process import Away, NoPicture, Plan, Seen, Worker
from media.vision.rules import Steadiness
from media.vision.vp8 import Keyframes, Vp8Sink
from tests.media.vision import colours
from tests.media.vision.test_process import CHECKER, READY_S, picture
from tests.media.world import until

VP8 = TrackInfo("video", "VP8", 90_000)


@dataclass
class Fake:
    """A judge and a book: what a frame's bytes say is what is seen."""

    looked: list[tuple[str, bytes]] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    on: set[str] = field(default_factory=set)
    fails: int = 0
    cost_s: float = 0.0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def judge(self, frame: Frame, *, stills: bool = False) -> Seen:
        await self.gate.wait()
        self.looked.append((frame.kind, frame.data))
        if frame.data == b"away":
            raise Away("gone")
        if frame.data == b"rubbish":
            raise NoPicture("none")
        return Seen({"red": 1.0 if frame.data == b"red" else 0.0}, cpu_s=self.cost_s)

    async def is_on(self, stream: str) -> bool:
        return stream in self.on

    async def turned(self, sighting: Sighting) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("the database is away")
        self.said.append((sighting.stream, sighting.turn))

    def ended(self, stream: str) -> None:
        self.over.append(stream)


@dataclass
class World:
    fake: Fake
    eye: Eye
    registry: CollectorRegistry
    now: list[float]
    taps: dict[str, VisionTap] = field(default_factory=dict)

    def show(self, stream: str, data: bytes) -> None:
        """A keyframe of it, a second after what was shown last."""
        self.now[0] += 1
        tap = self.taps.setdefault(stream, self.eye.tap(stream))
        tap.period(Period(b"init", "avc1", 320, 180, has_audio=False))
        tap.part(CmafPart(data, 0, 1, 0, True, True, False))

    @property
    def looked(self) -> list[bytes]:
        return [data for _, data in self.fake.looked]

    async def until_looked(self, count: int) -> None:
        await until(lambda: len(self.fake.looked) >= count, f"{count} looks")

    def count(self, outcome: str) -> float:
        return self.registry.get_sample_value("danmart_vision_frames_total", {"outcome": outcome}) or 0


@asynccontextmanager
async def looking(
    wanted: Callable[[str], bool] = lambda stream: True, cpu_share: float = 1.0
) -> AsyncIterator[World]:
    """An eye on streams, with a clock that only the test turns."""
    fake, registry, now = Fake(), CollectorRegistry(), [100.0]
    rules = EyeRules(1.0, {"red": 0.5}, Steadiness(1, 1, 2), cpu_share)
    eye = Eye(fake, fake, rules, VisionMetrics(registry), wanted, lambda: now[0])
    fake.gate.set()
    await eye.start()
    try:
        yield World(fake, eye, registry, now)
    finally:
        await eye.close()


async def test_what_is_seen_is_told_when_it_begins_and_when_it_is_over() -> None:
    async with looking() as world:
        for number, data in enumerate((b"grey", b"red", b"red", b"grey", b"grey", b"grey", b"red"), 1):
            world.show("tea", data)
            await world.until_looked(number)
        await until(lambda: len(world.fake.said) == 3, "all is said")
        assert world.fake.said == [("tea", "begin"), ("tea", "end"), ("tea", "begin")]


async def test_keyframes_alone_are_looked_at_and_no_more_often_than_asked() -> None:
    async with looking() as world:
        world.show("tea", b"first")
        await world.until_looked(1)
        tap = world.taps["tea"]
        tap.part(CmafPart(b"too soon", 0, 1, 0, True, True, False))
        world.now[0] += 5
        tap.part(CmafPart(b"no keyframe", 0, 1, 0, False, False, False))
        world.show("tea", b"second")
        await world.until_looked(2)
        assert world.looked == [b"first", b"second"]


async def test_a_stream_that_is_not_wanted_is_not_looked_at() -> None:
    async with looking(lambda stream: stream != "off") as world:
        world.show("off", b"red")
        world.show("tea", b"grey")
        await world.until_looked(1)
        assert world.looked == [b"grey"]


async def test_while_looking_takes_long_the_newest_frame_waits_and_streams_take_turns() -> None:
    async with looking() as world:
        world.fake.gate.clear()
        world.show("tea", b"tea 1")
        await until(lambda: not len(world.eye._mailbox), "the first is on its way")
        for number in (2, 3, 4):
            world.show("tea", b"tea %d" % number)
            world.show("silk", b"silk %d" % number)
        world.fake.gate.set()
        await world.until_looked(3)
        assert world.looked == [b"tea 1", b"tea 4", b"silk 4"]
        assert world.count("skipped") == 4


async def test_what_cannot_be_judged_is_counted_and_changes_nothing() -> None:
    async with looking() as world:
        for number, data in enumerate((b"away", b"rubbish", b"red"), 1):
            world.show("tea", data)
            await world.until_looked(number)
        await until(lambda: world.fake.said == [("tea", "begin")], "it goes on")
        assert (world.count("failed"), world.count("undecodable"), world.count("checked")) == (1, 1, 1)


async def test_what_could_not_be_written_is_said_again() -> None:
    async with looking() as world:
        world.fake.fails = 2
        for number in (1, 2, 3):
            world.show("tea", b"red")
            await world.until_looked(number)
        await until(lambda: world.fake.said == [("tea", "begin")], "said in the end")
        assert world.fake.fails == 0


async def test_a_node_that_starts_again_goes_on_where_it_was() -> None:
    async with looking() as world:
        world.fake.on.add("tea")
        for number in (1, 2):
            world.show("tea", b"grey")
            await world.until_looked(number)
        await until(lambda: world.fake.said == [("tea", "end")], "what was blurred is sharp")


async def test_an_ended_stream_is_forgotten_but_not_for_its_successor() -> None:
    async with looking() as world:
        world.show("tea", b"red")
        await world.until_looked(1)
        old = world.taps.pop("tea")
        world.show("tea", b"red")
        await old.close()
        assert world.fake.over == []
        await world.taps["tea"].close()
        assert world.fake.over == ["tea"]
        assert [world.eye._watches, world.eye._due, world.eye._taps] == [{}, {}, {}]


async def test_looking_keeps_to_its_share_of_the_processor() -> None:
    async with looking(cpu_share=0.5) as world:
        world.fake.cost_s = 30.0
        world.show("tea", b"1")
        await world.until_looked(1)
        assert world.eye._pace.not_before == world.now[0] + 60


# VP8, of which no parts are made


def frames(count: int) -> list[tuple[bytes, bool]]:
    """Red pictures in VP8; which of them are keyframes."""
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = 320, 180, "yuv420p"
    codec.time_base, codec.bit_rate, codec.thread_count = Fraction(1, 25), 400_000, 1
    codec.options = {"deadline": "realtime", "lag-in-frames": "0"}
    made = []
    for number in range(count):
        frame = av.VideoFrame(320, 180, "yuv420p")
        for plane, value in zip(frame.planes, (80 + number, 90, 240), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts = number
        made += [(bytes(packet), packet.is_keyframe) for packet in codec.encode(frame)]
    return made


def packets(encoded: list[tuple[bytes, bool]], size: int = 40) -> list[bytes]:
    """The same as RTP, with picture ids as browsers have them (RFC 7741, 4.2)."""
    sent: list[bytes] = []
    for number, (data, _) in enumerate(encoded):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        for at, piece in enumerate(pieces):
            head = bytes([0x90 if at == 0 else 0x80, 0x80, 0x80 | number >> 8, number & 0xFF])
            last = at == len(pieces) - 1
            sent.append(build(96, last, (65_530 + len(sent)) & 0xFFFF, number * 3600, 7, head + piece))
    return sent


def test_a_keyframe_is_put_together_from_its_packets() -> None:
    encoded = frames(3)
    whole = Keyframes()
    found = [one for p in packets(encoded) if (one := whole.take(parse(p))) is not None]
    assert found == [data for data, is_key in encoded if is_key]
    assert len(packets(encoded[:1])) > 2  # so that there is something to put together


def test_one_with_a_hole_is_left_out() -> None:
    sent = packets(frames(1))
    for missing in range(len(sent)):
        whole = Keyframes()
        assert not any(whole.take(parse(p)) for n, p in enumerate(sent) if n != missing)


async def test_a_stream_of_vp8_alone_is_looked_at_too() -> None:
    async with looking() as world:
        asked: list[int] = []
        sink = Vp8Sink(world.eye, "tea")
        sink.start([VP8], lambda: asked.append(1))
        sent = packets(frames(1))
        sink.rtp("video", sent[-1], 5_000)  # somewhere in the middle: a keyframe is asked for
        assert asked == [1]
        for packet in sent:
            sink.rtp("video", packet, 5_100)
        sink.rtp("video", b"no packet", 5_200)
        await world.until_looked(1)
        assert world.fake.looked == [("vp8", frames(1)[0][0])]
        other = Vp8Sink(world.eye, "silk")
        other.start([TrackInfo("video", "H264", 90_000)], lambda: asked.append(2))
        other.rtp("video", sent[0], 9_000)
        assert asked == [1]


async def test_the_worker_sees_what_vp8_shows() -> None:
    worker = Worker(Plan(CHECKER), VisionMetrics(CollectorRegistry()))
    await worker.start()
    assert await worker.until_ready(READY_S)
    seen = await worker.ask(Frame("vp8", frames(1)[0][0]), {"red": 0.5})
    await worker.close()
    assert seen.scores["red"] > 0.9
    assert seen.still


@pytest.mark.alone
async def test_the_loop_does_not_feel_a_worker_that_is_at_it() -> None:
    """Large pictures, one after the other, for a second: the loop's turns stay short."""
    worker = Worker(Plan(CHECKER), VisionMetrics(CollectorRegistry()))
    await worker.start()
    assert await worker.until_ready(READY_S)
    large = picture(colours.GREY, (2560, 1440))
    done, latest, checked = time.monotonic() + 1.0, [0.0], 0

    async def watch() -> None:
        while time.monotonic() < done:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            latest.append(time.monotonic() - before - 0.001)

    watching = asyncio.create_task(watch())
    while time.monotonic() < done:
        await worker.ask(large, {"red": 0.5})
        checked += 1
    await watching
    await worker.close()
    assert checked >= 3
    assert sorted(latest)[int(len(latest) * 0.99)] < 0.02
