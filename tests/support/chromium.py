"""Finds a Chromium and starts it so that it works in a container, as root, with a made-up camera.

``python -m tests.support.chromium`` prints the path of the one that the tests would take.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright
from playwright.sync_api import sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)


def find_chromium() -> str:
    """The path of a Chromium: ``$CHROMIUM``, else the system's, else the one that Playwright installed.

    Raises ``FileNotFoundError`` with what to do. Must not be called in an event loop.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    for name in _NAMES:
        path = shutil.which(name)
        if path:
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if Path(own).exists():
        return own
    raise FileNotFoundError(
        "no Chromium was found: install one (Debian: apt install chromium; elsewhere: "
        ".venv/bin/python -m playwright install chromium) or set CHROMIUM to its path"
    )


@asynccontextmanager
async def running_chromium(path: str, flags: Sequence[str] = ()) -> AsyncIterator[Browser]:
    """A browser with an empty profile of its own, and ``flags`` beside the usual ones.

    Starting takes about half a second. Its contexts (``new_context``) share nothing but the process.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


if __name__ == "__main__":
    try:
        print(find_chromium())
    except FileNotFoundError as error:
        sys.exit(str(error))
