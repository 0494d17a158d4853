"""The host's page of transparency in a real browser: numbers, the chain, the log, and files of them."""

from __future__ import annotations

import csv
import io
import itertools
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, demo_token
from tests.support.node import Node

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(120)]

PHONE = (390, 844)
_keys = (f"transparent-{n}" for n in itertools.count(1))


async def do(node: Node, token: str, command: str, **payload: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": next(_keys)}
    url = f"{node.url}/api/v1/rooms/demo/commands/{command}"
    async with aiohttp.ClientSession(headers=headers) as http, http.post(url, json=payload) as response:
        body: dict[str, Any] = await response.json(content_type=None)
        return body


async def moderated(node: Node) -> str:
    """A viewer swears twice and is muted; gives who that is."""
    viewer, moderator = await demo_token(node, "Lin", "viewer"), await demo_token(node, "Bao", "moderator")
    for text in ("what the fuck", "shit happens"):
        said = await do(node, viewer, "comment", text=text)
    user: str = said["event"]["user"]["id"]
    await do(node, moderator, "moderate.mute", user=user, seconds=60, reason="swearing")
    return user


async def file_of(host: Person, button: str) -> str:
    async with host.page.expect_download(timeout=WAIT_MS) as download:
        await host.at(button).click()
    path = await (await download.value).path()
    return path.read_text(encoding="utf-8-sig")


async def test_a_host_sees_what_was_done_and_that_nobody_changed_it(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        user = await moderated(node)
        host = await arrive(browser, node, "studio", "Mei", "host", size=PHONE)
        await host.at("tab-transparency").click()
        rows = host.at("action-row")
        await expect(rows).to_have_count(2, timeout=WAIT_MS)
        assert [await row.get_attribute("data-count") for row in await rows.all()] == ["2", "1"]
        await host.see("tile-total", "3")
        await expect(host.at("chain")).to_have_attribute("data-ok", "true", timeout=WAIT_MS)

        await host.at("audit-sort").select_option("moderate.*")
        await expect(host.at("entry")).to_have_count(1, timeout=WAIT_MS)
        await host.see("entry", "swearing")
        await host.at("audit-sort").select_option("")
        await host.at("audit-target").fill(user)
        await host.at("audit-target").press("Enter")
        await expect(host.at("entry")).to_have_count(3, timeout=WAIT_MS)
        entries = json.loads(await file_of(host, "trail-json"))
        assert [entry["action"] for entry in entries] == ["filter.mask", "filter.mask", "moderate.mute"]
        lines = list(csv.DictReader(io.StringIO(await file_of(host, "trail-csv"))))
        assert [line["hash"] for line in lines] == [entry["hash"] for entry in entries]
        numbers = list(csv.reader(io.StringIO(await file_of(host, "numbers-save"))))
        assert ["action", "filter.mask", "system", "2"] in numbers

        await host.at("day-bars").locator("summary").click()
        await expect(host.at("day-table").locator("tbody tr").first).to_contain_text("2")
        await host.at("days-7").click()
        await expect(host.at("day-table").locator("tbody tr")).to_have_count(7, timeout=WAIT_MS)
        assert not await host.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert host.errors == []
