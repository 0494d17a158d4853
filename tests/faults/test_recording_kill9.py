"""``kill -9`` in the middle of a recording: what was recorded plays, and the recording goes on."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import aiohttp
import av
import pytest

from media.recording.fragments import scan
from media.recording.names import parse_segment
from tests.support.node import Node, running_node

ON = {"DANMART_RECORDING__DEFAULT": "on", "DANMART_RECORDING__MIN_FREE_BYTES": "0"}


class Host:
    """The demo's host, over HTTP."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.http = aiohttp.ClientSession(node.url)
        self.headers: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        async with self.http.post("/api/v1/demo/token", json={"name": "Mei", "role": "host"}) as answer:
            token = (await answer.json())["token"]
        self.headers = {"Authorization": f"Bearer {token}"}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def get(self, path: str) -> Any:
        async with self.http.get(f"/api/v1{path}", headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def recording(self, **wanted: Any) -> dict[str, Any]:
        """The only recording there is, when it is as wanted: ``more_than`` so long (ms), with this status."""
        async with asyncio.timeout(40):
            while True:
                found = (await self.get("/rooms/demo/recordings"))["items"]
                if found:
                    assert len(found) == 1, found
                    row: dict[str, Any] = found[0]
                    if row["duration_ms"] > wanted.get("more_than", -1) and row["status"] == wanted["status"]:
                        return row
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        async with self.http.post(
            "/api/v1/rooms/demo/commands/recording.stop",
            json={},
            headers=self.headers | {"Idempotency-Key": "stop-recording"},
        ) as answer:
            assert answer.status == 200, await answer.text()

    async def text(self, path: str) -> str:
        async with self.http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()


def whole_ms(folder: Path) -> int:
    """How long what is in the files plays, as far as they are whole."""
    files = [path for path in folder.iterdir() if parse_segment(path.name)]
    return sum(scan(path.read_bytes()).duration for path in files) // 90


def play(url: str) -> float:
    """Plays a playlist as FFmpeg does: how many milliseconds of pictures there are. Times begin anew where
    the publisher came back, so the steps are added up."""
    times: list[float] = []
    with av.open(url) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            times.append(frame.time)
    return sum(1000 * (b - a) for a, b in pairwise(times) if 0 < b - a < 1)


@pytest.mark.soak  # a recorder alone is killed in tests/media/recording/test_kill9.py
@pytest.mark.timeout(180)
async def test_what_was_recorded_before_a_kill_plays(tmp_path: Path) -> None:
    async with running_node(tmp_path, "--demo", env=ON) as node:
        async with Host(node) as host:
            row = await host.recording(status="recording", more_than=1500)
        node.kill9()
    folder = tmp_path / "data" / "recordings" / row["id"]
    before_ms = await asyncio.to_thread(whole_ms, folder)
    assert before_ms >= row["duration_ms"] > 1500
    async with running_node(tmp_path, "--demo", env=ON) as node, Host(node) as host:
        repaired = await host.recording(status="recording", more_than=before_ms - 50)
        assert repaired["id"] == row["id"]
        growing = await host.text(f"/recordings/{row['id']}/media.m3u8")
        assert "#EXT-X-PLAYLIST-TYPE:EVENT" in growing
        assert "#EXT-X-ENDLIST" not in growing
        await host.recording(status="recording", more_than=before_ms + 500)
        await host.stop()
        done = await host.recording(status="ready")
        assert await asyncio.to_thread(whole_ms, folder) == done["duration_ms"]
        text = await host.text(f"/recordings/{row['id']}/media.m3u8")
        assert text.startswith("#EXTM3U\n")
        assert text.count("#EXT-X-MAP") == text.count("#EXT-X-DISCONTINUITY") + 1 == 2
        assert text.rstrip().endswith("#EXT-X-ENDLIST")
        played_ms = await asyncio.to_thread(play, f"{node.url}{done['playlist']}")
        assert played_ms == pytest.approx(done["duration_ms"], abs=600)  # but for each period's last
