"""The API's documents in a real browser: everything is there, can be found, and fits on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, expect

from tests.support.node import running_node

pytestmark = pytest.mark.browser

OPERATIONS = """async () => {
    const described = await (await fetch('/api/openapi.json')).json();
    return [described.paths, described.webhooks].flatMap(Object.values).flatMap(Object.keys).length;
}"""
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
async def test_every_operation_is_there_and_can_be_found(
    browser: Browser, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    faults: list[str] = []
    async with running_node(tmp_path) as node:
        page = await browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{node.url}/api/docs#post-api-v1-webhooks")
        await expect(page.locator(".operation")).to_have_count(await page.evaluate(OPERATIONS))
        await expect(page.locator("#post-api-v1-webhooks")).to_be_in_viewport()
        await expect(page.locator("#post-api-v1-webhooks")).to_contain_text("https?://")
        assert not await page.evaluate(TOO_WIDE)
        await page.keyboard.press("/")
        await page.keyboard.type("replay one message")
        await expect(page.locator(".operation")).to_have_count(1)
        await page.fill("#search", "order.paid")
        await expect(page.locator(".operation .path").first).to_have_text("order.paid")
        assert not await page.evaluate(TOO_WIDE)
        dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (dark == "rgb(19, 16, 21)") == (scheme == "dark")
        assert all(url.startswith(node.url) for url in asked)
        await page.close()
    assert faults == []
