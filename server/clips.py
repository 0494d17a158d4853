"""Making MP4 files of recordings: clips that are kept, and whole ones for downloading."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

import structlog
from sqlalchemy import Connection

from media.movie import Movie, MovieBuilder
from media.movie.pieces import OWN
from media.recording.archive import Archive, ArchiveError
from media.recording.names import init_name, segment_name
from rooms.errors import Refused
from rooms.recordings.blurs import Stretch, overlap
from rooms.recordings.clips import ClipRow, Clips, Made, file_name
from rooms.recordings.store import SegmentRow, read_segments
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

TICKS_A_MS = 90
AT_ONCE = 1
WAITING_MAX = 8
PIECE_BYTES = 256 * 1024
MOVIES_KEPT = 4


Without = Sequence[Stretch]
Cut = tuple[str, tuple[Stretch, ...]]


class MovieMaker:
    """Makes movies of archived segments. Two passes over the archive; what is held is a segment and the
    tables (about 5 MB for four hours)."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def index(
        self,
        recording_id: str,
        segments: Sequence[SegmentRow],
        begin_ms: int = 0,
        end_ms: int | None = None,
        floor_ms: int = 0,
    ) -> Movie:
        """The movie of these segments (all of those that are played between the two, or more). Where some are
        left out it goes on with the next. Nothing from before ``floor_ms`` is in it.

        Raises ``ArchiveError``, ``FileNotFoundError``, and ``ValueError`` if there is nothing to show.
        """
        end = None if end_ms is None else end_ms * TICKS_A_MS
        builder = MovieBuilder(begin_ms * TICKS_A_MS, end, floor_ms * TICKS_A_MS)
        period, base, shown_to_ms, cut_ms = None, 0, None, 0
        for number, segment in enumerate(segments, 1):
            is_cut = shown_to_ms is not None and segment.media_ms > shown_to_ms
            if is_cut:
                cut_ms += segment.media_ms - (shown_to_ms or 0)
            shown_to_ms = segment.media_ms + segment.duration_ms
            if segment.period != period or segment.discontinuity or is_cut:
                period = segment.period
                base = (segment.media_ms - cut_ms) * TICKS_A_MS - segment.ticks
                init = await self._archive.read(recording_id, init_name(period))
                builder.period(init, base)
            name = segment_name(segment.period, segment.number)
            data = await self._archive.read(recording_id, name, 0, segment.bytes)
            await asyncio.to_thread(builder.segment, number, data)
        return await asyncio.to_thread(builder.finish)

    async def media(
        self, recording_id: str, segments: Sequence[SegmentRow], movie: Movie, start: int, stop: int
    ) -> AsyncIterator[bytes]:
        """The media data from ``start`` to before ``stop``, in pieces of at most ``PIECE_BYTES``."""
        known, data = 0, b""
        for number, at, length in movie.pieces.between(start, stop):
            if number == OWN:
                yield movie.pieces.own[at : at + length]
                continue
            if number != known:
                segment = segments[number - 1]
                name = segment_name(segment.period, segment.number)
                known, data = number, await self._archive.read(recording_id, name, 0, segment.bytes)
            for begin in range(at, at + length, PIECE_BYTES):
                yield data[begin : min(begin + PIECE_BYTES, at + length)]


class Downloads:
    """Whole recordings as files: their movies, the last few of which are remembered."""

    def __init__(self, maker: MovieMaker, store: Store) -> None:
        self._maker, self._store = maker, store
        self._one_at_a_time = asyncio.Lock()
        self._movies: OrderedDict[Cut, tuple[list[SegmentRow], Movie]] = OrderedDict()

    async def movie(self, recording_id: str, without: Without = ()) -> tuple[list[SegmentRow], Movie]:
        """Of a recording that is complete, without some stretches. Raises as :meth:`MovieMaker.index`. May be
        cancelled."""
        cut = recording_id, tuple(without)
        async with self._one_at_a_time:
            if cut not in self._movies:
                every = await self._store.read(lambda conn: read_segments(conn, recording_id))
                segments = left_over(every, without)
                movie = await self._maker.index(recording_id, segments)
                self._movies[cut] = segments, movie
                while len(self._movies) > MOVIES_KEPT:
                    self._movies.popitem(last=False)
            self._movies.move_to_end(cut)
            return self._movies[cut]

    async def read(
        self, recording_id: str, start: int, stop: int, without: Without = ()
    ) -> AsyncIterator[bytes]:
        """The file's bytes from ``start`` to before ``stop``."""
        segments, movie = await self.movie(recording_id, without)
        head = len(movie.head)
        if start < head:
            yield movie.head[start:stop]
        if stop > head:
            begin = max(0, start - head)
            async for data in self._maker.media(recording_id, segments, movie, begin, stop - head):
                yield data


class ClipMaker:
    """Makes the clips that were asked for, one after the other; at most ``WAITING_MAX`` wait."""

    def __init__(
        self,
        archive: Archive,
        maker: MovieMaker,
        store: Store,
        clips: Clips,
        blurred: Callable[[Connection, str], Without] = lambda conn, recording_id: (),
    ) -> None:
        """``blurred``: what of a recording was."""
        self._archive, self._maker, self._store, self._clips = archive, maker, store, clips
        self._blurred = blurred
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def refuse_if_full(self) -> None:
        """Raises ``Refused("busy")``."""
        if len(self._tasks) >= WAITING_MAX:
            raise Refused("busy", "Other clips are being made: try again in a while.", retry_after_ms=5_000)

    def begin(self, clip: ClipRow) -> None:
        """Make it, soon. A clip that is being made already is left to that."""
        if clip.status == "making" and clip.id not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._run(clip), name=f"clip-{clip.id}")
            self._tasks[clip.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(clip.id, None))

    def is_making(self, clip_id: str) -> bool:
        return clip_id in self._tasks

    async def wait(self, clip_id: str, seconds: float) -> None:
        """Until it is made, or as long as that. May be cancelled: the clip is made all the same."""
        task = self._tasks.get(clip_id)
        if task is not None:
            await asyncio.wait([task], timeout=seconds)

    async def close(self) -> None:
        """What is being made stays undone, and is told to be when it is next looked at. Idempotent."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, clip: ClipRow) -> None:
        async with self._turn:
            made: Made | str
            try:
                made = await self._make(clip)
            except (ArchiveError, FileNotFoundError, ValueError) as error:
                log.warning("clip_failed", clip=clip.id, error=str(error)[:300])
                made = "archive_full" if isinstance(error, ArchiveError) and error.full else "unreadable"
            answer = await self._store.write(
                Work("clip.settle", lambda tx: self._clips.settle(tx, clip.id, made))
            )
            if isinstance(made, str) or not answer.ok or b'"gone":true' in answer.body:
                await self._discard(clip)

    async def _make(self, clip: ClipRow) -> Made:
        every, blurred = await self._store.read(
            lambda conn: (read_segments(conn, clip.recording_id), self._blurred(conn, clip.recording_id))
        )
        segments = _around(every, clip.from_ms, clip.to_ms)
        # The keyframe before what was asked for may be of a picture that was blurred.
        floor_ms = max((one.to_ms for one in blurred if one.to_ms <= clip.from_ms), default=0)
        movie = await self._maker.index(clip.recording_id, segments, clip.from_ms, clip.to_ms, floor_ms)
        name = file_name(clip.id)
        await self._archive.delete(clip.recording_id, name)  # what an attempt before has left
        await self._archive.append(clip.recording_id, name, movie.head)
        waiting = bytearray()
        async for data in self._maker.media(clip.recording_id, segments, movie, 0, movie.pieces.size):
            waiting += data
            if len(waiting) >= PIECE_BYTES:
                await self._archive.append(clip.recording_id, name, bytes(waiting))
                waiting.clear()
        await self._archive.append(clip.recording_id, name, bytes(waiting))
        await self._archive.complete(clip.recording_id, name)
        start_ms, length_ms = movie.start // TICKS_A_MS, movie.duration // TICKS_A_MS
        return Made(start_ms, length_ms, movie.size, movie.width, movie.height)

    async def _discard(self, clip: ClipRow) -> None:
        with suppress(ArchiveError):
            await self._archive.delete(clip.recording_id, file_name(clip.id))


def left_over(segments: Sequence[SegmentRow], without: Without) -> list[SegmentRow]:
    """The segments in which nothing of ``without`` is; after some were left out, from the next on that begins
    with a keyframe: what comes before can't be decoded."""
    left: list[SegmentRow] = []
    whole = True
    for segment in segments:
        if overlap(without, segment.media_ms, segment.media_ms + segment.duration_ms):
            whole = False
        elif whole or segment.independent:
            whole = True
            left.append(segment)
    return left


def _around(segments: Sequence[SegmentRow], from_ms: int, to_ms: int) -> list[SegmentRow]:
    """The segments that a stretch is made of: from the last one with a keyframe before it, to a little after
    it, as sound may come later than its picture."""
    begin = max(
        (n for n, s in enumerate(segments) if s.independent and s.media_ms <= from_ms),
        default=0,
    )
    return [s for n, s in enumerate(segments) if n >= begin and s.media_ms < to_ms + LATE_SOUND_MS]


LATE_SOUND_MS = 1_000
