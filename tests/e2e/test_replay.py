"""A replay in a real browser: what was said and pinned is to be seen when it was, and deleted words never."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest
from playwright.async_api import Browser, expect

from clients.publish.barcode import decode, read_barcode
from tests.e2e.test_accessibility import Audit
from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, demo_token, get_browser, until_live
from tests.support.node import Node

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(150)]

IN_STEP_MS = 250
UPLINK_MS = 250
"""From the drawing of a picture to its arrival at the node."""

# What the strip at the picture's foot shows: the brightness of its cells.
CELLS = """() => {
    const video = document.querySelector('[data-testid=video]')
    const [width, height] = [video.videoWidth, video.videoHeight]
    const canvas = Object.assign(document.createElement('canvas'), { width, height })
    const draw = canvas.getContext('2d')
    draw.drawImage(video, 0, 0)
    const row = draw.getImageData(0, Math.floor(height * (1 - 1 / 48)), width, 1).data
    const cells = Array.from({ length: 64 }, (_, n) => row[4 * Math.floor(width * (n + 0.5) / 64)])
    return { at: video.currentTime * 1000, cells }
}"""

# When each thing that was asked for was first seen, by the picture's clock.
WATCH = """(wanted) => {
    const seen = (window.__seen_at = {})
    const look = () => {
        const video = document.querySelector('[data-testid=video]')
        for (const [name, [test_id, text]] of Object.entries(wanted)) {
            if (name in seen || !video) continue
            const found = [...document.querySelectorAll(`[data-testid=${test_id}]`)]
            if (found.some((each) => each.textContent.includes(text))) seen[name] = video.currentTime * 1000
        }
        requestAnimationFrame(look)
    }
    look()
}"""


class Shop:
    """The demo's room over HTTP, as somebody with a role."""

    def __init__(self, http: aiohttp.ClientSession, node: Node, token: str) -> None:
        self.http, self.node = http, node
        self.headers = {"Authorization": f"Bearer {token}"}

    async def run(self, command: str, **payload: Any) -> dict[str, Any]:
        url = f"{self.node.url}/api/v1/rooms/demo/commands/{command}"
        async with self.http.post(url, json=payload, headers=self.headers) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer

    async def ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        async with self.http.request(
            method, f"{self.node.url}{path}", headers=self.headers, **more
        ) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status < 300, answer
            return answer


async def record(host: Shop, viewer: Shop) -> tuple[str, dict[str, int]]:
    """A recording of the demo's stream with a pin and comments in it; gives its id, and when (Unix ms) what
    happened."""
    products = (await host.ask("GET", "/api/v1/rooms/demo/products"))["items"]
    cup = next(product for product in products if "cup" in product["title"])
    await host.run("recording.start", key="rec-start-1")
    recording = await until_recorded(host, 3_000)
    await viewer.run("comment", text="what a lovely glaze", key="comment-1")
    await asyncio.sleep(1.5)  # so much of the stream lies between them
    await host.run("pin", product=cup["id"], key="pin-cup-1")
    await asyncio.sleep(1.5)
    rude = (await viewer.run("comment", text="something rude", key="comment-2"))["event"]["id"]
    await until_recorded(host, 8_000)
    await host.run("recording.stop", key="rec-stop-1")
    async with asyncio.timeout(WAIT_MS / 1000):
        while (await host.ask("GET", f"/api/v1/recordings/{recording}"))["status"] != "ready":  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # the HTTP API has nothing to wait on
    await host.run("moderate.delete", event=rude, key="delete-rude-1")
    log = (await host.ask("GET", "/api/v1/rooms/demo/events?limit=1000"))["items"]
    when = {event["data"].get("text") or event["kind"]: event["at_ms"] for event in log}
    return recording, when


async def until_recorded(host: Shop, length_ms: int) -> str:
    async with asyncio.timeout(WAIT_MS / 1000):
        while True:
            for card in (await host.ask("GET", "/api/v1/rooms/demo/recordings"))["items"]:
                if card["duration_ms"] >= length_ms:
                    recording: str = card["id"]
                    return recording
            await asyncio.sleep(0.1)


async def test_a_replay_goes_in_step(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node, aiohttp.ClientSession() as http:
        await until_live(node)
        host = Shop(http, node, await demo_token(node, "Mei", "host"))
        viewer = Shop(http, node, await demo_token(node, "Lin", "viewer"))
        recording, when = await record(host, viewer)
        events = await timeline_is_right(viewer, recording)
        watcher = await get_browser(browser)
        await replay_is_in_step(watcher, node, recording, events, when)
        await seeking_rebuilds(watcher, events)
        await nothing_keeps_people_out(browser, node, watcher)
        await clip_is_in_step(host, http, recording, events)
        assert watcher.errors == []


async def timeline_is_right(viewer: Shop, recording: str) -> dict[str, int]:
    """Where the timeline has what; nothing is left of what was deleted."""
    page = await viewer.ask("GET", f"/api/v1/recordings/{recording}/timeline?snapshot=1")
    assert "rude" not in json.dumps(page)
    assert not any(item["kind"] == "comment.deleted" for item in page["items"])
    places = {item["data"].get("text") or item["kind"]: item["media_ms"] for item in page["items"]}
    assert 0 < places["what a lovely glaze"] < places["product.pinned"] < page["duration_ms"]
    assert len(page["snapshot"]["products"]) == 3
    later = await viewer.ask(
        "GET", f"/api/v1/recordings/{recording}/timeline?snapshot=1&from_ms={places['product.pinned'] + 1}"
    )
    assert [comment["data"]["text"] for comment in later["snapshot"]["comments"]] == ["what a lovely glaze"]
    assert len(later["snapshot"]["pins"]) == 2
    return places


async def replay_is_in_step(
    watcher: Person, node: Node, recording: str, events: dict[str, int], when: dict[str, int]
) -> None:
    page = watcher.page
    await page.goto(f"{node.url}/replay/{recording}")
    wanted = {
        "what a lovely glaze": ["comment", "what a lovely glaze"],
        "product.pinned": ["pinned-product", "cup"],
        "something rude": ["comment", "something rude"],
    }
    await page.evaluate(WATCH, wanted)
    await watcher.video_moves()
    await page.wait_for_function(
        "(ms) => document.querySelector('[data-testid=video]').currentTime * 1000 > ms",
        arg=events["product.pinned"] + 1_500,
        timeout=WAIT_MS,
    )
    seen = await page.evaluate("window.__seen_at")
    assert set(seen) == {"what a lovely glaze", "product.pinned"}
    for name, at in seen.items():
        assert abs(at - events[name]) <= IN_STEP_MS, (name, at, events[name])
    # The picture says when it was drawn: at each event's place, when the event was, but for the way here.
    await page.keyboard.press("k")
    lags = []
    for name in seen:
        lags.append(when[name] - await picture_at(watcher, events[name]))
        assert -IN_STEP_MS <= lags[-1] <= IN_STEP_MS + UPLINK_MS, (name, lags)
    assert max(lags) - min(lags) <= IN_STEP_MS, lags


async def picture_at(watcher: Person, media_ms: int) -> int:
    """Seek there, and read the time off the picture that is shown, less what it is off the place."""
    await watcher.page.evaluate(
        """(at) => new Promise((done) => {
            const video = document.querySelector('[data-testid=video]')
            video.addEventListener('seeked', () => requestAnimationFrame(() => done()), { once: true })
            video.currentTime = at / 1000
        })""",
        media_ms,
    )
    async with asyncio.timeout(WAIT_MS / 1000):
        while True:
            found = await watcher.page.evaluate(CELLS)
            drawn_ms = decode(found["cells"])
            if drawn_ms is not None:
                return int(drawn_ms + media_ms - round(found["at"]))
            await asyncio.sleep(0.05)


async def seeking_rebuilds(watcher: Person, events: dict[str, int]) -> None:
    """Back before the pin it isn't there; on again it is; the link to a place says it."""
    pin = watcher.at("pinned-product").filter(has_text="cup")
    for media_ms, count in (
        (events["product.pinned"] - 800, 0),
        (events["product.pinned"] + 800, 1),
        (100, 0),
    ):
        await watcher.at("seek").fill(str(media_ms))
        await expect(pin).to_have_count(count, timeout=WAIT_MS)
    await expect(watcher.at("comment")).to_have_count(0, timeout=WAIT_MS)
    await watcher.at("seek").fill(str(events["product.pinned"] + 1_000))
    await watcher.see("comment", "what a lovely glaze")
    await watcher.at("share-button").click()
    place_s = (events["product.pinned"] + 1_000) // 1000
    await expect(watcher.at("share-link-at")).to_have_value(f"{watcher.page.url}#t={place_s}")
    await watcher.page.keyboard.press("Escape")
    # What was shown then is bought as it is sold now.
    await pin.get_by_test_id("buy-button").click()
    await watcher.see("buy-sheet")
    await watcher.page.keyboard.press("Escape")


async def nothing_keeps_people_out(browser: Browser, node: Node, watcher: Person) -> None:
    """The page with all that it opens, and the studio's recordings, by axe's rules."""
    audit = Audit()
    await audit.look(watcher, "replay")
    for button, sheet in (
        ("chapters-button", "chapters"),
        ("share-button", "share"),
        ("shelf-button", "shelf"),
    ):
        await watcher.at(button).click()
        await watcher.see(sheet)
        await audit.look(watcher, f"replay, {sheet}")
        await watcher.page.keyboard.press("Escape")
    await watcher.page.set_viewport_size({"width": 390, "height": 844})
    await audit.look(watcher, "replay on a phone")
    studio = await arrive(browser, node, "studio", "Mei", "host", locale="zh-CN")
    await studio.at("tab-recordings").click()
    await studio.see("recording")
    await audit.look(studio, "recordings")
    await studio.at("recording-manage").first.click()
    await studio.see("recording-sheet")
    await studio.at("clip-chapter").last.click()
    await expect(studio.at("clip-download")).to_have_count(1, timeout=WAIT_MS)
    await audit.look(studio, "a recording")
    assert audit.faults == []
    assert studio.errors == []


async def clip_is_in_step(
    host: Shop, http: aiohttp.ClientSession, recording: str, events: dict[str, int]
) -> None:
    chapters = (await host.ask("GET", f"/api/v1/recordings/{recording}/chapters"))["items"]
    cup = next(chapter for chapter in chapters if "cup" in chapter["title"])
    assert abs(cup["from_ms"] - events["product.pinned"]) <= 1
    path = f"/api/v1/recordings/{recording}/clips"
    key = {"Idempotency-Key": "clip-key-1"}
    made = [await clip_of(host, path, {"product": cup["product"]}, key) for _ in range(2)]
    assert made[0]["id"] == made[1]["id"]
    clip = made[1]
    assert clip["status"] == "ready"
    assert clip["from_ms"] <= cup["from_ms"] < clip["from_ms"] + 2_500
    whole = await host.ask("POST", f"/api/v1/recordings/{recording}/download")
    for url, begins_ms, size in (
        (clip["url"], clip["from_ms"], clip["bytes"]),
        (whole["url"], 0, whole["bytes"]),
    ):
        async with http.get(f"{host.node.url}{url}") as response:
            data = await response.read()
            assert response.status == 200
        assert len(data) == size
        async with http.get(f"{host.node.url}{url}", headers={"Range": f"bytes={size // 2}-"}) as rest:
            assert (rest.status, await rest.read()) == (206, data[size // 2 :])
        await asyncio.to_thread(file_is_in_step, data, begins_ms, clip["from_ms"])


async def clip_of(host: Shop, path: str, asked: dict[str, Any], key: dict[str, str]) -> dict[str, Any]:
    url = f"{host.node.url}{path}"
    async with host.http.post(url, json=asked, headers=host.headers | key) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == 201, answer
        clip: dict[str, Any] = answer["clip"]
        return clip


def file_is_in_step(data: bytes, begins_ms: int, clip_ms: int) -> None:
    """It begins with a keyframe, its pictures are as far apart as when they were drawn, and sound goes with
    them to the end."""
    with av.open(io.BytesIO(data), "r") as container:
        ends, first = {"video": 0.0, "audio": 0.0}, None
        drawn: list[float] = []
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None:
                continue
            if first is None and packet.stream.type == "video":
                first = (float(packet.pts * packet.time_base), packet.is_keyframe)
            ends[packet.stream.type] = float(packet.pts * packet.time_base)
            frames = packet.decode() if packet.stream.type == "video" else []
            drawn += [lag for frame in frames if (lag := drawn_before(frame)) is not None]
    assert first == (0.0, True)
    assert abs(ends["video"] - ends["audio"]) < 0.5
    assert len(drawn) > 20
    assert max(drawn) - min(drawn) < IN_STEP_MS


def drawn_before(frame: Any) -> float | None:
    """The time that is drawn into a picture, less its place in the file."""
    drawn_ms = read_barcode(frame)
    return None if drawn_ms is None or frame.time is None else drawn_ms - frame.time * 1000
