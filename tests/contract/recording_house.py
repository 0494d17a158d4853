"""A keeper of recordings on a house, whose studio a test plays into a folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from media.hls import HlsConfig, HlsHub
from media.recording.archive import Archive
from media.recording.folder import FolderArchive
from media.recording.metrics import RecordingMetrics
from rooms.recordings.service import RecordingRules
from rooms.recordings.store import RecordingRow, SegmentRow, read_recordings, read_segments
from server.recordings import RecordingKeeper
from tests.contract.house import ROOM, House
from tests.media.hls.source import TimedPacket, broadcast
from tests.media.hls.studio import Studio

ALL = ("recording", "ready", "failed", "deleted")


class Cinema(Studio):
    """A node's keeper and its packager. ``node`` names it; two of them may share a house and an archive."""

    def __init__(
        self,
        house: House,
        archive: Archive,
        *,
        node: str = "node",
        alone: bool = True,
        rules: RecordingRules | None = None,
        keep_days: int | None = None,
    ) -> None:
        super().__init__()
        self.house, self.archive = house, archive
        self.metrics = RecordingMetrics(self.registry)
        self.keeper = RecordingKeeper(
            house.store,
            archive,
            house.services.recordings,
            rules or RecordingRules(),
            self.metrics,
            node,
            alone=alone,
            keep_days=keep_days,
            clock_ms=lambda: house.now_ms,
        )

    async def open(self) -> None:
        self.keeper._run = asyncio.Event().wait  # type: ignore[method-assign, assignment]
        await self.keeper.start()
        self.hub = HlsHub(
            HlsConfig(), CollectorRegistry(), clock=lambda: self.house.now_ms, taps=self.keeper.taps
        )
        self.sink = self.hub.sink(ROOM)

    async def play(self, packets: list[TimedPacket]) -> None:
        """The house's clock goes on with the stream."""
        began_ms = self.house.now_ms - packets[0].at_ms
        self.begin()
        for number, packet in enumerate(packets):
            self.house.now_ms = began_ms + packet.at_ms
            self.sink.rtp(packet.kind, packet.data, packet.at_ms)
            if number % 40 == 39:
                await self.sink.drain()
        await self.sink.drain()

    async def look(self) -> None:
        """As the keeper does once a second, with what it does now and then; by itself it does nothing."""
        if self.keeper._to_recover is None:
            await self.keeper._recover()
        await self.keeper._look()
        await self.keeper._tidy()

    async def settle(self, status: str) -> RecordingRow:
        """Looks until the newest recording has this status."""
        async with asyncio.timeout(30):
            while True:
                await self.look()
                rows = await recordings_of(self.house)
                if rows and rows[0].status == status:
                    return rows[0]
                await asyncio.sleep(0.01)

    async def assigned(self) -> None:
        """Looks until the stream is being recorded."""
        async with asyncio.timeout(30):
            while all(r.recording is None for r in self.keeper._recorders):
                await self.look()
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """The stream is over; the keeper goes on meanwhile."""
        closing = asyncio.create_task(self.sink.close())
        while not closing.done():
            await self.look()
            await asyncio.sleep(0.005)
        await closing

    async def close(self) -> None:
        await self.stop()
        await self.hub.close()
        await self.keeper.close()


@asynccontextmanager
async def cinema(house: House, folder: Path, **more: object) -> AsyncIterator[Cinema]:
    made = Cinema(house, FolderArchive(folder), **more)  # type: ignore[arg-type]
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def recordings_of(house: House, room: str = ROOM) -> list[RecordingRow]:
    """The newest first, deleted ones too."""
    return await house.store.read(
        lambda conn: read_recordings(conn, room, statuses=ALL, public_only=False, limit=100)
    )


async def segments_of(house: House, recording: str) -> list[SegmentRow]:
    return await house.store.read(lambda conn: read_segments(conn, recording))


def packets(seconds: float) -> list[TimedPacket]:
    return list(broadcast(seconds))
