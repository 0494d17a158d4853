"""Streams that are listened to: from packets to windows, in turn, the newest first, and none in the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from media.checks.keeper import Away
from media.hearing.answers import Said
from media.hearing.ear import Ear, EarRules, SoundSink
from media.hearing.metrics import HearingMetrics
from media.hearing.process import Heard, NoSound
from media.hearing.windows import RATE, Sampling, Window
from media.ports import TrackInfo
from media.rtp.packet import build
from tests.media.world import until

OPUS = TrackInfo("audio", "opus", RATE, 2)
VP8 = TrackInfo("video", "VP8", 90_000)
PACKET = RATE // 50
SECOND = 50
"""In packets."""


@dataclass
class Fake:
    """A judge and a book: a window is what its packets' bytes say, one after the other."""

    judged: list[str] = field(default_factory=list)
    said: list[tuple[str, str, bool]] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fails: bool = False

    async def judge(self, window: Window) -> Heard:
        text = b"".join(packet.data for packet in window.packets).decode()
        self.judged.append(text)
        await self.gate.wait()
        if "!" in text:
            raise Away("gone")
        if "?" in text:
            raise NoSound("none")
        return Heard(Said(text=text), quiet=text.strip(".") == "")

    async def heard(self, stream: str, window: Window, heard: Heard, *, live: bool) -> None:
        if self.fails:
            raise OSError("the database is away")
        self.windows.append(window)
        self.said.append((stream, heard.said.text, live))


@dataclass
class World:
    fake: Fake
    ear: Ear
    registry: CollectorRegistry
    sinks: dict[str, tuple[SoundSink, list[int]]] = field(default_factory=dict)

    def sink(self, stream: str) -> SoundSink:
        if stream not in self.sinks:
            self.sinks[stream] = (self.ear.sink(stream), [0])
            self.sinks[stream][0].start([VP8, OPUS], lambda: None)
        return self.sinks[stream][0]

    def say(self, stream: str, text: str, order: Callable[[list[int]], list[int]] = list) -> None:
        """A packet of 20 ms for each letter; ``order`` is that of their arrival."""
        sink, (first, *_) = self.sink(stream), self.sinks[stream][1]
        for n in order(list(range(len(text)))):
            data = build(111, False, first + n & 0xFFFF, (first + n) * PACKET, 7, text[n].encode())
            sink.rtp("audio", data, (first + n) * 20)
        self.sinks[stream][1][0] += len(text)

    def count(self, outcome: str) -> float:
        return self.registry.get_sample_value("danmart_hearing_windows_total", {"outcome": outcome}) or 0

    @property
    def texts(self) -> list[str]:
        return [text for _, text, _ in self.fake.said]


@asynccontextmanager
async def listening(
    wanted: Callable[[str], bool] = lambda stream: True, at_once: int = 1, lead: int = 0
) -> AsyncIterator[World]:
    """An ear that cuts a window from five packets."""
    fake, registry = Fake(), CollectorRegistry()
    rules = EarRules(Sampling(5 * PACKET, 5 * PACKET, lead * PACKET), 1.0, at_once)
    ear = Ear(fake, fake, rules, HearingMetrics(registry), wanted, wall_ms=lambda: 1_000_000)
    fake.gate.set()
    await ear.start()
    try:
        yield World(fake, ear, registry)
    finally:
        await ear.close()


async def test_what_is_said_is_handed_on_in_windows_with_the_time() -> None:
    async with listening(lead=2) as world:
        for word in ("hello", "there"):
            world.say("tea", word)
            await asyncio.sleep(0)
        world.say("tea", "x")
        await until(lambda: len(world.texts) == 2, "two windows")
        assert world.fake.said == [("tea", "hello", True), ("tea", "lothere", True)]
        assert [window.at_ms for window in world.fake.windows] == [1_000_000 - 100, 1_000_000 - 140]
        assert world.count("checked") == 2


async def test_packets_that_arrive_late_are_put_in_order() -> None:
    async with listening() as world:
        world.say("tea", "hello.", lambda numbers: [0, 2, 1, 4, 3, 3, 5])
        await until(lambda: world.texts == ["hello"], "a window")


async def test_the_last_words_are_listened_to_and_nothing_is_live_then() -> None:
    async with listening() as world:
        world.say("tea", "hel")
        world.sink("tea").interrupted()
        await until(lambda: world.texts == ["hel"], "what came before the interruption")
        world.say("tea", "lo")
        await world.sink("tea").close()
        await until(lambda: len(world.texts) == 2, "what came before the end")
        assert world.fake.said == [("tea", "hel", True), ("tea", "lo", False)]


async def test_while_listening_takes_long_the_newest_window_waits_and_streams_take_turns() -> None:
    async with listening() as world:
        world.fake.gate.clear()
        world.say("tea", "first.")
        await until(lambda: len(world.fake.judged) == 1, "the first is on its way")
        world.say("tea", "2222.3333.4444.")
        world.say("silk:a", "aaaaa.")
        world.fake.gate.set()
        await until(lambda: len(world.texts) == 3, "three windows")
        assert [stream for stream, _, _ in world.fake.said] == ["tea", "tea", "silk:a"]
        assert world.texts[1:] == [".4444", "aaaaa"]
        assert world.count("skipped") == 2


async def test_several_are_asked_about_at_once_and_no_more() -> None:
    async with listening(at_once=2) as world:
        world.fake.gate.clear()
        for stream in ("a", "b", "c"):
            world.say(stream, "hello.")
        await until(lambda: len(world.fake.judged) == 2, "two are on their way")
        await asyncio.sleep(0)
        assert len(world.fake.judged) == 2
        world.fake.gate.set()
        await until(lambda: len(world.texts) == 3, "all are heard")


async def test_what_cannot_be_judged_is_counted_and_the_next_is() -> None:
    async with listening() as world:
        for text, outcome in (("away!", "failed"), ("what?", "undecodable"), (".....", "quiet")):
            world.say("tea", text)
            world.sink("tea").interrupted()
            await until(lambda o=outcome: world.count(o) == 1, outcome)  # type: ignore[misc]
        world.fake.fails = True
        world.say("tea", "hello")
        world.sink("tea").interrupted()
        await until(lambda: world.count("checked") == 1, "heard, and not written down")
        world.fake.fails = False
        world.say("tea", "again")
        world.sink("tea").interrupted()
        await until(lambda: world.texts == ["again"], "it goes on")


async def test_a_stream_is_listened_to_from_when_it_is_wanted() -> None:
    wanted: set[str] = set()
    async with listening(lambda stream: stream in wanted) as world:
        world.say("tea", "x" * SECOND)
        wanted.add("tea")
        world.say("tea", "y" * (SECOND + 5))
        await until(lambda: len(world.texts) >= 1, "a window")
        assert set("".join(world.texts)) == {"y"}
        wanted.clear()
        world.say("tea", "z" * SECOND * 2)
        world.sink("tea").interrupted()
        await until(lambda: not len(world.ear._mailbox), "all is heard")
        assert world.texts[-1].count("z") <= SECOND  # looked up once a second


async def test_what_is_no_sound_of_a_stream_is_passed_over() -> None:
    async with listening() as world:
        sink = world.sink("tea")
        sink.rtp("audio", b"rubbish", 0)
        sink.rtp("video", build(96, False, 1, 0, 7, b"picture"), 0)
        deaf = world.ear.sink("mute")
        deaf.start([VP8], lambda: None)
        deaf.rtp("audio", build(111, False, 1, 0, 7, b"sound"), 0)
        await deaf.close()
        world.say("tea", "hello.")
        await until(lambda: world.texts == ["hello"], "the sound")
