"""A node with a ladder, as Debian's players see it: live, recorded, cut and downloaded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.test_hls import until_old
from tests.e2e.test_replay import Shop, clip_of, until_recorded
from tests.e2e.world import WAIT_MS, demo_node, demo_token, until_live
from tests.media.hls import rules
from tests.media.hls.programs import decode, needs_ffmpeg, needs_gstreamer, probe, show

pytestmark = [pytest.mark.soak, pytest.mark.timeout(180), needs_ffmpeg, needs_gstreamer]

LADDER = {"DANMART_MEDIA__LADDER__ROOMS": "demo", "DANMART_MEDIA__LADDER__HEIGHTS": "[240,144]"}


async def test_live_with_a_ladder_and_without(tmp_path: Path) -> None:
    for number, settings in enumerate(({}, LADDER)):
        async with demo_node(tmp_path / str(number), **settings) as node, aiohttp.ClientSession() as http:
            await until_live(node)
            await until_old(node.url, 4.0)
            async with http.get(f"{node.url}/hls/demo/index.m3u8") as response:
                variants = rules.variants(await response.text())
            assert len(variants) == (3 if settings else 1)
            for name, size in [("index.m3u8", ""), *((uri, found["RESOLUTION"]) for found, uri in variants)]:
                address = f"{node.url}/hls/demo/{name}"
                found = await probe(address)
                assert size in ("", f"{found['video']['width']}x{found['video']['height']}")
                assert found["audio"]["codec_name"] == "aac"
                assert await decode(address, seconds=2) >= 15
                for legacy in (False, True):
                    assert len(await show(address, 30, legacy=legacy)) == 30


async def test_recordings_clips_and_downloads(tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node, aiohttp.ClientSession() as http:
        await until_live(node)
        host = Shop(http, node, await demo_token(node, "Mei", "host"))
        cup = (await host.ask("GET", "/api/v1/rooms/demo/products"))["items"][0]
        await host.run("recording.start", key="rec-start-1")
        recording = await until_recorded(host, 2_000)
        await host.run("pin", product=cup["id"], key="pin-cup-1")
        await until_recorded(host, 6_000)
        await host.run("recording.stop", key="rec-stop-1")
        async with asyncio.timeout(WAIT_MS / 1000):
            while True:
                card = await host.ask("GET", f"/api/v1/recordings/{recording}")
                if card["status"] == "ready":
                    break
                await asyncio.sleep(0.1)  # the HTTP API has nothing to wait on
        key = {"Idempotency-Key": "clip-key-1"}
        path = f"/api/v1/recordings/{recording}/clips"
        clip = await clip_of(host, path, {"product": cup["id"]}, key)
        whole = await host.ask("POST", f"/api/v1/recordings/{recording}/download")
        length_s = card["duration_ms"] / 1000
        clip_s = (clip["to_ms"] - clip["from_ms"]) / 1000
        for address, seconds, legacy in (
            (f"/recordings/{recording}/index.m3u8", length_s, (False, True)),
            (f"/recordings/{recording}/media.m3u8", length_s, (False, True)),
            (clip["url"], clip_s, (False,)),
            (whole["url"], length_s, (False,)),
        ):
            found = await probe(node.url + address)
            assert {kind: entry["codec_name"] for kind, entry in found.items()} == {
                "video": "h264", "audio": "aac",
            }, address  # fmt: skip
            pictures = await decode(node.url + address)
            assert pictures >= 10 * seconds, address  # the demo draws 20 and more a second
            for older in legacy:
                assert len(await show(node.url + address, 10_000, legacy=older)) == pictures, address
