"""``kill -9`` while a stream is recorded: what the archive has acknowledged is there, whole, and plays."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from media.recording.folder import FolderArchive
from media.recording.fragments import scan
from media.recording.names import init_name, parse_segment
from server.recording_repair import find_unwritten
from tests.media.hls.studio import decode
from tests.media.recording.studio import REC


async def killed(folder: Path, after: int) -> Counter[str]:
    """What a recorder said that it had written, by file, before it was killed."""
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.media.recording.victim", str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert victim.stdout is not None
    said: Counter[str] = Counter()
    async with asyncio.timeout(40):
        for _ in range(after):
            name, length = (await victim.stdout.readline()).decode().split()
            said[name] += int(length)
    victim.kill()
    await victim.communicate()
    return said


@pytest.mark.parametrize("after", [random.Random(7).randrange(20, 60)])
async def test_nothing_that_was_written_is_lost(tmp_path: Path, after: int) -> None:
    said = await killed(tmp_path, after)
    archive = FolderArchive(tmp_path)
    files = {file.name: file.bytes for file in await archive.list(REC)}
    assert all(files[name] >= length for name, length in said.items())
    last = max(said, key=lambda name: parse_segment(name) or (0, 0))
    data = await archive.read(REC, last)
    with (tmp_path / REC / last).open("ab") as file:  # and a part that was torn
        file.write(data[:200])
    made = await find_unwritten(archive, REC, set(), set())
    assert len(made.periods) == 1
    assert sum(segment.bytes for segment in made.segments) >= said.total()
    init, pictures = await archive.read(REC, init_name(1)), 0
    for segment in made.segments:
        data = await archive.read(REC, f"p1-{segment.number}.m4s")
        assert scan(data).length == len(data) == segment.bytes
        pictures += len(decode(init + data)["video"])
    assert pictures / 25 == pytest.approx(sum(s.duration for s in made.segments) / 90_000, abs=0.01)
    await archive.close()
