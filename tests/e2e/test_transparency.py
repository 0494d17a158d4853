"""The host's page of transparency in a real browser: numbers, the chain, the log, and files of them."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from playwright.async_api import Browser, expect

from moderation.audit.verify import Problem
from moderation.audit.watch import Pass, watch_table
from server.auth.own import sign
from server.store.engine import open_writer
from tests.e2e.test_filter import SECRET
from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, demo_token, get_browser
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


async def test_an_operator_sees_all_rooms_and_what_was_changed_past_the_node(
    browser: Browser, tmp_path: Path
) -> None:
    async with demo_node(tmp_path, DANMART_NODE__SECRET=SECRET) as node:
        await moderated(node)
        operator = await get_browser(browser, size=PHONE)
        now_ms = time.time_ns() // 1_000_000
        token = sign(
            SECRET.encode(), "root", "Root", now_ms=now_ms, life_s=600, operator=True, may_host=False
        )
        await operator.page.goto(f"{node.url}/platform#token={token}")
        await operator.at("tab-transparency").click()
        await operator.see("tile-total", "3")
        (room,) = await operator.at("moderated-room").all()
        assert await room.get_attribute("data-room") == "demo"
        assert await room.get_attribute("data-total") == "3"
        await room.locator("summary").click()
        await expect(room.locator("[data-action='moderate.mute']")).to_be_visible(timeout=WAIT_MS)
        await expect(operator.at("trails")).to_have_attribute("data-broken", "false", timeout=WAIT_MS)
        await expect(operator.at("trail-alarm")).to_have_count(0)
        told = json.loads(await file_of(operator, "numbers-json"))
        assert (told["total"], [each["room"] for each in told["rooms"]]) == (3, ["demo"])
        lines = list(csv.DictReader(io.StringIO(await file_of(operator, "numbers-csv"))))
        assert {"room": "demo", "what": "moderate.mute", "by": "moderator", "count": "1"}.items() <= next(
            line for line in lines if line["room"] and line["what"] == "moderate.mute"
        ).items()
        assert not await operator.page.evaluate("document.documentElement.scrollWidth > innerWidth")

        await alarm(tmp_path, "demo", 3)
        await operator.page.reload()
        await operator.see("trail-alarm", "demo, entry 3")
        await expect(operator.at("tab-filter")).to_have_attribute("aria-selected", "true")
        assert operator.errors == []


async def alarm(folder: Path, trail: str, seq: int) -> None:
    """As if a pass had found this; what passes find is shown where they are tested."""
    problem = Problem(trail, seq, "altered", "the entry isn't what its hash says")
    done = Pass(
        1, entries=3, trails=1, problems=1, found=[problem.wire()], done_ms=time.time_ns() // 1_000_000
    )

    def write() -> None:
        engine = open_writer(f"sqlite:///{next(folder.rglob('danmart.db'))}")
        with engine.begin() as conn:
            row = {"name": "trails", "node": "", "expires_at_ms": 0, "going": b""}
            conn.execute(watch_table.delete())
            conn.execute(watch_table.insert(), {**row, "last": orjson.dumps(asdict(done))})
        engine.dispose()

    await asyncio.to_thread(write)
