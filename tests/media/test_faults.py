"""Picture over bad lines, between real peers: it recovers, and comes no later than before."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import pytest
from playwright.async_api import Browser, Page

from tests.media.test_browser import WATCH
from tests.media.world import DARKEST, STRIPE, Client, Picture, World, running_world, until
from tests.support.rough_line import CLEAR, CUT, RoughLine, Weather, rough_line

Side = Literal["publisher", "viewer"]
SIDES: tuple[Side, ...] = ("publisher", "viewer")
Watch = Callable[["Show", RoughLine | None], Awaitable[None]]


@dataclass
class Show:
    """A publisher and a viewer, one of them behind a line.

    ``ages`` are those of the pictures when they come to the viewer, in seconds: where a browser watches, of
    what it shows, else of what it is sent, over the age of the first.
    """

    world: World
    picture: Picture
    line: RoughLine
    ages: list[float] = field(default_factory=list)
    see: Callable[[int], Awaitable[None]] | None = None
    """Waits for decoded pictures."""

    async def frames(self, more: int, deadline_s: float = 30) -> float:
        """Waits for so many more pictures; gives the seconds that took."""
        began, wanted = asyncio.get_running_loop().time(), len(self.ages) + more
        await until(lambda: len(self.ages) >= wanted, f"pictures in {self.line.weather}", deadline_s)
        return asyncio.get_running_loop().time() - began

    async def latency(self, frames: int = 10) -> float:
        """The median age of the next pictures, in seconds."""
        await self.frames(frames)
        return statistics.median(self.ages[-frames:])

    async def settles(self, before: float, within_s: float = 20) -> float:
        """Waits until the latency is what it was, give or take three pictures; gives how long it took."""
        began = asyncio.get_running_loop().time()
        while (late := await self.latency()) > before + 0.15:
            assert asyncio.get_running_loop().time() - began < within_s, (
                f"{late:.2f} s late, not {before:.2f}"
            )
        return asyncio.get_running_loop().time() - began


async def by_aiortc(show: Show, line: RoughLine | None) -> None:
    viewer = await show.world.watch(line=line)
    show.ages, show.see = viewer.transits, viewer.see


@asynccontextmanager
async def showing(side: Side, watch: Watch = by_aiortc) -> AsyncIterator[Show]:
    async with running_world(grace_s=20.0) as world, rough_line(world.service.udp_port) as line:
        publisher: Client = await world.publish(line=line if side == "publisher" else None)
        assert publisher.shows is not None
        await world.until_said("live:alice")
        show = Show(world, publisher.shows, line)
        await watch(show, line if side == "viewer" else None)
        yield show


@pytest.mark.parametrize("side", SIDES)
async def test_picture_goes_on_through_bad_weather_and_comes_back_after_a_cut(side: Side) -> None:
    async with showing(side) as show:
        before = await show.latency()
        for weather in (Weather(loss=0.05), Weather(reorder=0.1, repeat=0.1), Weather(delay_ms=100)):
            show.line.weather = weather
            await show.frames(8)
        show.line.weather = CUT
        await asyncio.sleep(0.8)  # the cut itself
        show.line.weather = CLEAR
        assert await show.frames(1) < 5
        await show.settles(before)
        assert show.world.service.viewers("demo") == 1


# Each new picture's three stripes, as brightness, told as soon as it is shown.
_TELL = """([dark, stripe]) => {
    const canvas = Object.assign(document.createElement("canvas"), {width: 160, height: 120});
    const pen = canvas.getContext("2d", {willReadFrequently: true});
    const look = () => {
        window.video.requestVideoFrameCallback(look);
        pen.drawImage(window.video, 0, 0, 160, 120);
        const shades = [0, 1, 2].map((digit) => {
            const [, green] = pen.getImageData(stripe / 2 + stripe * digit, 60, 1, 1).data;
            return 16 + green * 219 / 255;
        });
        tell(JSON.stringify(shades));
    };
    window.video.requestVideoFrameCallback(look);
}"""


async def by_browser(page: Page, show: Show, line: RoughLine | None) -> None:
    """A blank page of the service's own origin watches."""

    def tell(shades: str) -> None:
        show.ages.append(show.picture.age_s(json.loads(shades)))

    await page.expose_function("tell", tell)
    await page.goto(f"{show.world.base}/whep/demo")
    port = show.world.service.udp_port
    watch = WATCH.replace(
        "sdp: await response.text()",
        f'sdp: (await response.text()).replaceAll(" {port} typ", " {line.port if line else port} typ")',
    )
    await page.evaluate(watch)
    await page.evaluate(_TELL, [DARKEST, STRIPE])


WEATHERS = {
    "1% lost": Weather(loss=0.01),
    "5% lost": Weather(loss=0.05),
    "20% lost": Weather(loss=0.2),
    "200 ms": Weather(delay_ms=200),
    "reordered": Weather(reorder=0.2, reorder_ms=40),
    "repeated": Weather(repeat=0.2),
    "all of it": Weather(loss=0.05, delay_ms=100, reorder=0.1, repeat=0.05),
    "cut": CUT,
}


async def endure(show: Show, name: str, side: Side, kept_s: float) -> None:
    """Twelve seconds of weather (a cut of five), and what comes of it. ``kept_s``: how much of the delay a
    receiver may keep when it is over."""
    weather = WEATHERS[name]
    before = await show.latency(40)
    seen = len(show.ages)
    show.line.weather = weather
    seconds = 5 if weather == CUT else 12
    await asyncio.sleep(seconds)  # the weather itself
    share = (len(show.ages) - seen) / (seconds * 20)
    late = statistics.median(show.ages[seen:]) if show.ages[seen:] else 0
    show.line.weather = CLEAR
    first = await show.frames(1)
    settled = await show.settles(before + kept_s, 30)
    print(
        f"{side}, {name}: {before * 1000:.0f} ms before, {late * 1000:.0f} ms within, "
        f"{share:.0%} of the pictures; first after {first:.2f} s, settled after {settled:.1f} s"
    )
    assert first < 6
    assert show.world.service.viewers("demo") == 1
    if weather != CUT:
        assert share > (0.25 if weather.loss >= 0.2 else 0.75)


@pytest.mark.soak
@pytest.mark.timeout(200)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", WEATHERS)
async def test_pictures_come_through_bad_weather_and_as_early_as_before(side: Side, name: str) -> None:
    async with showing(side) as show:
        await endure(show, name, side, 0)
        assert show.see is not None
        await show.see(10)


@pytest.mark.soak
@pytest.mark.browser
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["5% lost", "20% lost", "200 ms", "all of it", "cut"])
async def test_browser_shows_the_picture_through_bad_weather(name: str, browser: Browser) -> None:
    """A browser keeps a delay that the line once had for minutes, whatever comes when: its own choice."""
    context = await browser.new_context()
    page = await context.new_page()
    async with showing("viewer", lambda show, line: by_browser(page, show, line)) as show:
        await endure(show, name, "viewer", 0.5)
    await context.close()
