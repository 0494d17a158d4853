"""The whole way: the demo's drawn host, a real node, both protocols, the command."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.world import demo_node, until_live


async def _probe(*args: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("danmart")), "probe", *args, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_the_demo_is_measured_by_both_protocols(tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        await until_live(node)
        args = ("--seconds", "3", "--json", "--max-p95-ms", "1")
        code, out = await _probe("demo", "--url", node.url, *args)
        async with aiohttp.ClientSession() as http, http.get(f"{node.url}/metrics") as response:
            metrics = await response.text()
    said = json.loads(out)
    seen: dict[str, dict[str, Any]] = {one["protocol"]: one for one in said["protocols"]}
    assert code == said["exit"] == 1, said  # nothing is that quick
    assert set(seen) == {"whep", "hls"}
    for figures in seen.values():
        assert figures["by"] == "pattern"
        assert (figures["width"], figures["height"]) == (640, 360)
        assert figures["frames"] > 5
        assert abs(figures["av_offset_ms"]) < 120
    # Generous: other tests share the machine. The benchmark holds the narrow bounds.
    assert 0 < seen["whep"]["glass_p50_ms"] < 600
    assert seen["whep"]["glass_p50_ms"] < seen["hls"]["glass_p50_ms"] < 4_000
    assert seen["whep"]["loss"] == 0
    for name in ("danmart_media_uplink_ms", "danmart_hls_packaging_ms"):
        assert int(float(re.search(rf"^{name}_count (\S+)$", metrics, re.MULTILINE)[1])) > 0  # type: ignore[index]
