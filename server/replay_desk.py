"""What replays need, made from the node's parts: timelines, clips, and whole recordings to download."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from media.recording.archive import Archive
from rooms.recordings.blurs import Stretch
from rooms.recordings.clips import ClipRow, Clips, clips_table
from rooms.recordings.store import read_recording
from server.auth import SignedPaths
from server.clips import ClipMaker, Downloads, MovieMaker
from server.replay import Replays
from server.store.store import Store


class ReplayDesk:
    """``start`` goes on with the clips that were being made when the node ended; ``close`` before the store
    and the archive."""

    def __init__(
        self,
        store: Store,
        archive: Archive,
        clips: Clips,
        secret: bytes,
        *,
        alone: bool,
        clock_ms: Callable[[], int],
    ) -> None:
        self.store, self.archive = store, archive
        self.replays = Replays()
        self.clips = clips
        maker = MovieMaker(archive)
        self.downloads = Downloads(maker, store)
        self.maker = ClipMaker(archive, maker, store, self.clips, self._blurred)
        self._passes = SignedPaths(secret)
        self._alone, self._clock_ms = alone, clock_ms

    def pass_for(self, recording_id: str, *, whole: bool = False) -> str:
        """What lets whoever has it download files of a recording, for a quarter of an hour at least: a link
        carries no token. ``whole``: also what was blurred."""
        return self._passes.sign(_passed(recording_id, whole), self._clock_ms())

    def has_pass(self, recording_id: str, given: str, *, whole: bool = False) -> bool:
        return self._passes.verify(given, _passed(recording_id, whole), self._clock_ms())

    def _blurred(self, conn: Connection, recording_id: str) -> Sequence[Stretch]:
        recording = read_recording(conn, recording_id)
        return () if recording is None else self.replays.blurred(conn, recording)

    async def start(self) -> None:
        # Where there are several nodes, another may be at it: only what is long overdue is begun again.
        patience_ms = 0 if self._alone else self.clips.rules.patience_ms
        before_ms = self._clock_ms() - patience_ms
        for clip in await self.store.read(lambda conn: _unmade(conn, before_ms)):
            self.maker.begin(clip)

    async def close(self) -> None:
        """Idempotent."""
        await self.maker.close()


def _passed(recording_id: str, whole: bool) -> str:
    return f"recording/{recording_id}{'/whole' if whole else ''}"


def _unmade(conn: Connection, before_ms: int) -> list[ClipRow]:
    table = clips_table.c
    query = select(clips_table).where(table.status == "making", table.changed_at_ms <= before_ms)
    return [ClipRow(*row) for row in conn.execute(query.order_by(table.id))]
