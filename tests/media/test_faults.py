"""Picture over bad lines, between real peers: it recovers, and comes no later than before."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import pytest

from tests.media.world import Client, World, running_world, until
from tests.support.rough_line import CLEAR, CUT, RoughLine, Weather, rough_line

Side = Literal["publisher", "viewer"]
SIDES: tuple[Side, ...] = ("publisher", "viewer")


@dataclass
class Show:
    """A publisher and a viewer, one of them behind a line."""

    world: World
    viewer: Client
    line: RoughLine

    async def frames(self, more: int, deadline_s: float = 30) -> float:
        """Waits for so many more pictures; gives the seconds that took."""
        began, wanted = asyncio.get_running_loop().time(), len(self.viewer.ages) + more
        await until(
            lambda: len(self.viewer.ages) >= wanted,
            f"{more} more pictures in this weather: {self.line.weather}",
            deadline_s,
        )
        return asyncio.get_running_loop().time() - began

    async def latency(self, frames: int = 10) -> float:
        """The median age of the next pictures, in seconds."""
        await self.frames(frames)
        return statistics.median(self.viewer.ages[-frames:])

    async def settles(self, before: float) -> float:
        """Waits until the latency is what it was, give or take three pictures; gives how long it took."""
        began = asyncio.get_running_loop().time()
        while await self.latency() > before + 0.15:
            assert asyncio.get_running_loop().time() - began < 20, "the picture stays late"
        return asyncio.get_running_loop().time() - began


@asynccontextmanager
async def showing(side: Side) -> AsyncIterator[Show]:
    async with running_world(grace_s=20.0) as world, rough_line(world.service.udp_port) as line:
        publisher = await world.publish(line=line if side == "publisher" else None)
        await world.until_said("live:alice")
        viewer = await world.watch(line=line if side == "viewer" else None)
        viewer.shows = publisher.shows
        yield Show(world, viewer, line)


@pytest.mark.parametrize("side", SIDES)
async def test_picture_goes_on_through_loss_delay_reordering_and_repeats(side: Side) -> None:
    async with showing(side) as show:
        before = await show.latency()
        for weather in (
            Weather(loss=0.05),
            Weather(reorder=0.1, repeat=0.1),
            Weather(loss=0.2),
            Weather(delay_ms=100),
        ):
            show.line.weather = weather
            await show.frames(12)
        show.line.weather = CLEAR
        await show.settles(before)
        assert show.line.lost > 10
        assert show.world.service.viewers("demo") == 1


@pytest.mark.parametrize("side", SIDES)
async def test_picture_comes_back_after_a_cut(side: Side) -> None:
    async with showing(side) as show:
        before = await show.latency()
        show.line.weather = CUT
        await asyncio.sleep(1.5)  # the cut itself
        show.line.weather = CLEAR
        assert await show.frames(1) < 5
        await show.settles(before)


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "weather",
    [
        Weather(loss=0.01),
        Weather(loss=0.05),
        Weather(loss=0.2),
        Weather(delay_ms=200),
        Weather(reorder=0.2, reorder_ms=40),
        Weather(repeat=0.2),
        Weather(loss=0.05, delay_ms=100, reorder=0.1, repeat=0.05),
        CUT,
    ],
    ids=lambda weather: str(weather).replace("Weather", ""),
)
async def test_picture_in_bad_weather_for_long(
    side: Side, weather: Weather, record_property: Callable[[str, object], None]
) -> None:
    async with showing(side) as show:
        before = await show.latency(20)
        seen = len(show.viewer.ages)
        show.line.weather = weather
        await asyncio.sleep(5 if weather == CUT else 15)  # the weather itself
        during = len(show.viewer.ages) - seen
        show.line.weather = CLEAR
        first = await show.frames(1)
        settled = await show.settles(before)
        figures = f"{side} {weather}: pictures {during}, first {first:.2f} s, settled {settled:.2f} s"
        record_property("figures", figures)
        print(figures)
        assert first < 6
        if weather != CUT:
            assert during > 15 * 20 * (0.3 if weather.loss >= 0.2 else 0.8)
