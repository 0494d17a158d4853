"""``python -m tests.media.recording.victim FOLDER``: records until it is killed, and says what is written."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from media.recording.folder import FolderArchive
from tests.media.hls.source import broadcast
from tests.media.recording.studio import RecordedStudio


class Telling(FolderArchive):
    async def append(self, recording: str, name: str, data: bytes) -> None:
        await super().append(recording, name, data)
        print(name, len(data), flush=True)


async def main(folder: Path) -> None:
    studio = RecordedStudio(Telling(folder))
    studio.begin()
    packets = list(broadcast(30))
    for at in range(0, len(packets), 40):
        await studio.feed(packets[at : at + 40])
        await studio.written()
        await asyncio.sleep(0.01)
    await asyncio.Event().wait()


asyncio.run(main(Path(sys.argv[1])))
