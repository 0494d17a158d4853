"""A running demo node with built pages, and people in browsers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import aiohttp
import socketio.exceptions
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from server.pages import DEFAULT_ROOT
from tests.support.node import Node, running_node

WAIT_MS = 20_000

T = TypeVar("T")


def pages_are_built() -> bool:
    return (DEFAULT_ROOT / "viewer.html").is_file()


@asynccontextmanager
async def demo_node(folder: Path, *args: str, **env: str) -> AsyncIterator[Node]:
    async with running_node(folder, "--demo", *args, env=env) as node:
        yield node


async def demo_token(node: Node, name: str, role: str) -> str:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{node.url}/api/v1/demo/token", json={"name": name, "role": role}) as response,
    ):
        assert response.status == 200, await response.text()
        token: str = (await response.json())["token"]
        return token


async def room(node: Node) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"{node.url}/api/v1/rooms/demo") as response:
        card: dict[str, Any] = await response.json()
        return card


async def until_live(node: Node) -> None:
    """Wait until somebody is live in the demo's room."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while (await room(node))["status"] != "live":  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # the HTTP API has nothing to wait on


async def let_in(connect: Callable[[], Awaitable[T]]) -> T:
    """Connects somebody without a browser as browsers do: a node that is busy turns newcomers away, who come
    again."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while True:
            try:
                return await connect()
            except socketio.exceptions.ConnectionError:
                await asyncio.sleep(0.2)


class Person:
    """Somebody with a browser window of their own, signed in, on one page of the room."""

    def __init__(self, page: Page, context: BrowserContext, errors: list[str]) -> None:
        self.page = page
        self.context = context
        self.errors = errors

    def at(self, test_id: str) -> Locator:
        return self.page.get_by_test_id(test_id)

    async def see(self, test_id: str, text: str | re.Pattern[str] | None = None) -> Locator:
        """Wait until it is visible (and has the text)."""
        locator = self.at(test_id)
        if text is not None:
            locator = locator.filter(has_text=text)
        await expect(locator.first).to_be_visible(timeout=WAIT_MS)
        return locator.first

    async def gone(self, test_id: str, text: str) -> None:
        await expect(self.at(test_id).filter(has_text=text)).to_have_count(0, timeout=WAIT_MS)

    async def say(self, text: str) -> None:
        await self.at("comment-input").fill(text)
        await self.at("comment-send").click()

    async def video_moves(self, timeout_ms: int = WAIT_MS) -> None:
        """Wait until three different pictures have been shown."""
        await self.page.wait_for_function(
            """() => {
                const video = document.querySelector('[data-testid=video]')
                if (!video || video.videoWidth === 0) return false
                const seen = (window.__seen ??= new Set())
                const canvas = (window.__canvas ??= Object.assign(document.createElement('canvas'),
                                                                  { width: 64, height: 36 }))
                const draw = canvas.getContext('2d', { willReadFrequently: true })
                draw.drawImage(video, 0, 0, 64, 36)
                let sum = 0
                for (const byte of draw.getImageData(0, 0, 64, 36).data) sum = (sum * 31 + byte) | 0
                seen.add(sum)
                return seen.size > 3
            }""",
            timeout=timeout_ms,
            polling=100,
        )

    async def watches_by(self, protocol: Literal["whep", "hls"]) -> None:
        await expect(self.at("player-protocol")).to_have_attribute("data-value", protocol, timeout=WAIT_MS)


# Remembers the page's connections. To be run before the page's own scripts.
WATCHED = """
    window.__pcs = []
    const Own = window.RTCPeerConnection
    window.RTCPeerConnection = class extends Own {
        constructor(...given) { super(...given); window.__pcs.push(this) }
    }
"""

_SAME = """() => {
    const video = document.querySelector('[data-testid=video]')
    const stream = video?.srcObject
    const known = (window.__known ??= { video, stream, tracks: stream?.getTracks() })
    return {
        video: video === known.video,
        stream: stream === known.stream && stream.active,
        tracks: known.tracks.every((track) => track.readyState === 'live'),
        connections: window.__pcs.length,
        state: window.__pcs[0].connectionState,
    }
}"""


async def plays_on_the_same_connection(person: Person) -> None:
    """Since the first call of this: the same ``<video>``, stream, tracks and the page's only connection. The
    page was opened with ``before=WATCHED``."""
    found = await person.page.evaluate(_SAME)
    assert found == {"video": True, "stream": True, "tracks": True, "connections": 1, "state": "connected"}


async def arrive(
    browser: Browser,
    node: Node,
    path: str,
    name: str,
    role: Literal["viewer", "moderator", "host"],
    *,
    query: str = "",
    locale: str = "en-US",
    size: tuple[int, int] = (1280, 800),
    color_scheme: Literal["light", "dark"] = "light",
    before: str = "",
) -> Person:
    """Open a page of the demo's room as somebody new with this role. ``before`` is a script that runs in the
    page before its own."""
    person = await get_browser(browser, locale=locale, size=size, color_scheme=color_scheme, before=before)
    token = await demo_token(node, name, role)
    await person.page.goto(f"{node.url}/{path}/demo{query}#token={token}")
    return person


async def get_browser(
    browser: Browser,
    *,
    locale: str = "en-US",
    size: tuple[int, int] = (1280, 800),
    color_scheme: Literal["light", "dark"] = "light",
    before: str = "",
) -> Person:
    """Somebody new with an empty window, to go wherever a test wants."""
    context = await browser.new_context(
        locale=locale,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=color_scheme,
        permissions=["camera", "microphone"],
    )
    if before:
        await context.add_init_script(before)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    return Person(page, context, errors)
