"""The recordings of this node: which of its streams are recorded as what, and what of it is written down.

SQL says what is to be recorded (``rooms/recordings/service.py``). Once a second, and at once when a stream
begins or ends here, it is read for the streams that are published here; recorders are told, and what they
have made is written down in one transaction for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection

from media.ports import PartTap, Period
from media.recording.archive import Archive, ArchiveError
from media.recording.metrics import RecordingMetrics
from media.recording.names import POSTER
from media.recording.recorder import Assignment, Recorder, Segment, Trouble
from rooms.errors import Refused
from rooms.history import read_room
from rooms.recordings import writing
from rooms.recordings.blurs import read_said, stretches
from rooms.recordings.service import RecordingRules, Recordings, quota_share
from rooms.recordings.store import (
    PeriodRow,
    RecordingRow,
    SegmentRow,
    read_periods,
    read_recording,
    read_running,
    read_segments,
    read_statuses,
    read_unfinished,
    read_usage,
)
from rooms.recordings.timeline import Timeline
from rooms.recordings.writing import Claim, Made, MadeSegment
from rooms.rows import Steps
from rooms.unit import Unit
from server.recording_repair import draw_poster, find_unwritten, first_shown
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
TIDY_EVERY_S = 10.0
ORPHANED_MS = 30_000
"""A recording that ended so long ago and isn't finished has nobody who does it."""
PENDING_MAX = 5_000
"""Segments that wait for the database. What is dropped then is found in the files at the recording's end."""
NEARLY_FULL = 0.9
PURGED_AT_ONCE = 20


@dataclass(slots=True)
class _Writing:
    """A recording that is written here: its row as it was claimed, and what isn't written down yet."""

    claim: Claim
    row: RecordingRow
    periods: list[PeriodRow] = field(default_factory=list)
    segments: list[MadeSegment] = field(default_factory=list)
    holes: int = 0
    warned: bool = False


class RecordingKeeper:
    """Implements ``media.recording.recorder.Book``. ``taps`` is what the packager asks for."""

    def __init__(
        self,
        store: Store,
        archive: Archive,
        service: Recordings,
        rules: RecordingRules,
        metrics: RecordingMetrics,
        node: str,
        *,
        alone: bool,
        keep_days: int | None,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store, self._archive, self._service, self._rules = store, archive, service, rules
        self._metrics, self._node, self._alone = metrics, node, alone
        self._keep_ms = None if keep_days is None else keep_days * 24 * 3600 * 1000
        self._clock_ms = clock_ms
        self._recorders: list[Recorder] = []
        self._to_recover: list[str] | None = None
        self._writing: dict[str, _Writing] = {}
        self._nudged = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._side: set[asyncio.Task[None]] = set()
        self._troubled: dict[str, Trouble] = {}
        self._next_tidy = 0.0
        metrics.running.set_function(lambda: len(self._writing))
        metrics.troubled.set_function(lambda: len(self._troubled))

    # what the packager and its recorders call

    def taps(self, stream: str) -> Sequence[PartTap]:
        """A recorder for a host's stream; guests' aren't recorded."""
        if ":" in stream or self._task is None:
            return ()
        # One that ended a moment ago may still be writing what it has.
        recorder = Recorder(stream, self._archive, self, self._metrics)
        self._recorders.append(recorder)
        return (recorder,)

    def began_period(self, recording: str, number: int, period: Period) -> None:
        if (writing_here := self._writing.get(recording)) is not None:
            writing_here.periods.append(
                PeriodRow(
                    recording, number, period.codecs, period.width, period.height, int(period.has_audio)
                )
            )

    def made_segment(self, segment: Segment) -> None:
        writing_here = self._writing.get(segment.recording)
        if writing_here is None or len(writing_here.segments) >= PENDING_MAX:
            return
        writing_here.segments.append(
            MadeSegment(
                number=segment.number,
                period=segment.period,
                ticks=segment.ticks,
                duration=segment.duration,
                started_ms=segment.started_ms,
                bytes=segment.bytes,
                discontinuity=segment.discontinuity,
                independent=segment.independent,
            )
        )

    def in_trouble(self, stream: str, recording: str, trouble: Trouble | None) -> None:
        if trouble is None:
            self._troubled.pop(recording, None)
        else:
            self._troubled[recording] = trouble
            if (writing_here := self._writing.get(recording)) is not None:
                writing_here.holes += 1
        log.warning("recording_trouble", room=stream, recording=recording, trouble=trouble)
        self._aside(self._tell_trouble(recording, trouble))

    def stirred(self, stream: str) -> None:
        self._nudged.set()

    # its life

    async def start(self) -> None:
        """Begin. What a node of the past has left unfinished is repaired soon."""
        try:
            await self._archive.start()
        except ArchiveError as error:
            log.error("recordings_have_no_place", error=str(error))
        self._task = asyncio.create_task(self._run(), name="recordings")

    async def close(self) -> None:
        """Write down what was made. The streams have ended before. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for aside in list(self._side):
            aside.cancel()
        await asyncio.gather(*self._side, return_exceptions=True)
        with contextlib.suppress(Refused):
            await self._write_down()
        await self._archive.close()

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._side.add(task)
        task.add_done_callback(self._side.discard)

    async def _do(self, name: str, steps: Callable[[Unit], Steps[Any]], *, patient: bool = False) -> None:
        """Raises ``Refused`` if it can't be done now."""
        answer = await self._store.write(Work(f"recording.{name}", steps, patient=patient))
        if not answer.ok:
            raise Refused("temporarily_unavailable")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_look = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_look):
                    await self._nudged.wait()
            self._nudged.clear()
            next_look = loop.time() + LOOK_EVERY_S
            try:
                if self._to_recover is None:
                    await self._recover()
                await self._look()
                if loop.time() >= self._next_tidy:
                    self._next_tidy = loop.time() + TIDY_EVERY_S
                    await self._tidy()
            except Refused:
                log.debug("recordings_wait_for_the_database")
            except ArchiveError as error:
                log.warning("recordings_wait_for_the_archive", error=str(error))
            except Exception:
                log.exception("recordings_failed")

    # what is to be recorded

    async def _look(self) -> None:
        await self._write_down()
        rooms = sorted({recorder.stream for recorder in self._recorders})
        running, statuses = await self._store.read(
            lambda conn: (read_running(conn, rooms), read_statuses(conn, rooms))
        )
        for recorder in list(self._recorders):
            row = running.get(recorder.stream)
            if recorder.closed and recorder.decided:
                # The recording goes on if the room does: with a later stream, here or at another node.
                if not recorder.busy_with:
                    self._recorders.remove(recorder)
            elif row is not None:
                if recorder.recording != row.id or self._is_lost(row):
                    await self._begin(recorder, row)
            elif recorder.recording is not None or _is_known(recorder, statuses.get(recorder.stream)):
                recorder.assign(None)
        await self._finish_ended()

    def _is_lost(self, row: RecordingRow) -> bool:
        here = self._writing.get(row.id)
        return here is None or here.claim.fence != row.fence

    async def _begin(self, recorder: Recorder, row: RecordingRow) -> None:
        if self._writing.pop(row.id, None) is not None:
            log.warning("recording_lost", recording=row.id)
        claims: list[Claim] = []
        await self._do("claim", lambda tx: writing.claim(tx, row.id, self._node, claims))
        if claims:
            mine = claims[-1]
            self._writing[row.id] = _Writing(mine, row)
            recorder.assign(Assignment(row.id, mine.period, mine.number))
            log.info("recording_begun", room=recorder.stream, recording=row.id)
        elif recorder.recording is not None:
            recorder.assign(None)

    async def _finish_ended(self) -> None:
        """Those that aren't wanted any more, and that nothing is written to here."""
        busy = {id_ for recorder in self._recorders for id_ in recorder.busy_with}
        over = [id_ for id_ in self._writing if id_ not in busy]
        if not over:
            return
        await self._write_down()
        for recording in over:
            row = await self._read_row(recording)
            here = self._writing.get(recording)
            if here is None or row is None or row.status != "recording" or row.fence != here.claim.fence:
                self._writing.pop(recording, None)
            elif not row.wanted:
                await self._finish(row)
                del self._writing[recording]
            self._troubled.pop(recording, None)

    async def _read_row(self, recording: str) -> RecordingRow | None:
        return await self._store.read(lambda conn: read_recording(conn, recording))

    # writing it down

    async def _write_down(self) -> None:
        waiting = {
            id_: here for id_, here in self._writing.items() if here.periods or here.segments or here.holes
        }
        if not waiting:
            return
        made = [
            Made(id_, here.claim.fence, tuple(here.periods), tuple(here.segments), here.holes)
            for id_, here in waiting.items()
        ]
        lost: set[str] = set()
        await self._do("write", lambda tx: writing.write_down(tx, made, lost), patient=True)
        for each in made:
            here = waiting[each.recording]
            del here.periods[: len(each.periods)]
            del here.segments[: len(each.segments)]
            here.holes -= each.holes
            if each.recording in lost:
                self._writing.pop(each.recording, None)

    async def _tell_trouble(self, recording: str, trouble: str | None) -> None:
        with contextlib.suppress(Refused):
            await self._do("trouble", lambda tx: writing.trouble(tx, recording, trouble))

    async def _recover(self) -> None:
        """Which recordings a node of the past may have left with files that nobody has written down."""
        found = list(await self._archive.unsent())
        if self._alone:
            found += [row.id for row in await self._store.read(read_unfinished)]
        self._to_recover = sorted(set(found))
        await self._recover_some()

    async def _recover_some(self) -> None:
        for recording in list(self._to_recover or ()):
            row = await self._read_row(recording)
            if row is not None and row.archive == self._archive.kind and row.status != "deleted":
                await self._repair(row)
            elif row is None or row.status == "deleted":
                await self._archive.delete(recording)
            self._to_recover = [each for each in self._to_recover or () if each != recording]

    async def _repair(self, row: RecordingRow) -> None:
        """Write down what has files but no rows. Raises ``ArchiveError``, ``Refused``."""
        segments, periods = await self._store.read(
            lambda conn: (read_segments(conn, row.id), read_periods(conn, row.id))
        )
        made = await find_unwritten(self._archive, row.id, {each.number for each in segments}, set(periods))
        if made.segments or made.periods:
            await self._do("repair", lambda tx: writing.write_down(tx, [made], set()))

    async def _finish(self, row: RecordingRow, *, orphaned: bool = False) -> None:
        """Nothing follows: look that nothing is missing, draw the poster, say that it is ready."""
        poster = None
        try:
            await self._repair(row)
            poster = await self._draw(row)
        except ArchiveError as error:
            log.warning("recording_not_repaired", recording=row.id, error=str(error))
        node = None if orphaned else self._node
        await self._do("finish", lambda tx: writing.finish(tx, row.id, node, poster))
        log.info("recording_finished", room=row.room_id, recording=row.id)

    async def _draw(self, row: RecordingRow) -> str | None:
        found = await self._store.read(lambda conn: _for_poster(conn, row))
        if found is None:
            return None
        segment, blurred = found
        picture = await draw_poster(self._archive, segment, blurred=blurred)
        if picture is None:
            return None
        await self._archive.write(row.id, POSTER, picture)
        return POSTER

    # what is done now and then

    async def _tidy(self) -> None:
        now_ms = self._clock_ms()
        for chore in (self._recover_some, lambda: self._finish_orphans(now_ms), self._mind_quotas):
            await chore()
        await self._delete_old(now_ms)
        await self._purge()

    async def _finish_orphans(self, now_ms: int) -> None:
        """Those that ended while nobody wrote them: the node that did is gone."""
        for row in await self._store.read(read_unfinished):
            late = self._alone or now_ms - row.changed_at_ms >= ORPHANED_MS
            if late and not row.wanted and row.id not in self._writing and row.archive == self._archive.kind:
                await self._finish(row, orphaned=True)

    async def _mind_quotas(self) -> None:
        """Hosts hear of a bound before it is reached; at the bound their recordings end."""
        if not self._writing or (self._rules.room_max_bytes is None and self._rules.max_bytes is None):
            return
        usage = await self._store.read(read_usage)
        for recording, here in list(self._writing.items()):
            share = quota_share(usage, here.row.room_id, self._rules)
            if share >= 1:
                await self._give_up(recording)
            elif share >= NEARLY_FULL and not here.warned:
                here.warned = True
                await self._tell_trouble(recording, "nearly_full")

    async def _give_up(self, recording: str) -> None:
        await self._do("give_up", lambda tx: self._service.give_up(tx, recording, "quota"))
        self._nudged.set()

    async def _delete_old(self, now_ms: int) -> None:
        keep_ms = self._keep_ms
        old = await self._store.read(lambda conn: writing.read_old(conn, now_ms, keep_ms, PURGED_AT_ONCE))
        if old:
            await self._do("delete_old", lambda tx: writing.delete_old(tx, old, tx.now_ms, keep_ms))

    async def _purge(self) -> None:
        """Delete deleted recordings' files. What fails is tried again the next time."""
        kind = self._archive.kind
        for recording in await self._store.read(
            lambda conn: writing.read_to_purge(conn, kind, PURGED_AT_ONCE)
        ):
            await self._purge_one(recording)

    async def _purge_one(self, recording: str) -> None:
        await self._archive.delete(recording)
        dropped = [writing.DROPPED_AT_ONCE]
        while dropped[-1] == writing.DROPPED_AT_ONCE:
            await self._do("drop", lambda tx: writing.drop_rows(tx, recording, dropped))
        await self._do("gone", lambda tx: writing.files_gone(tx, recording))
        self._metrics.deleted.inc()
        log.info("recording_deleted", recording=recording)


def _for_poster(conn: Connection, row: RecordingRow) -> tuple[SegmentRow, bool] | None:
    """What its poster is drawn from, and whether it has to be blurred."""
    segments, room = read_segments(conn, row.id), read_room(conn, row.room_id)
    if room is None:
        return None
    said = read_said(conn, room.id, room.epoch, after=0, to=room.head)
    return first_shown(segments, stretches(said, Timeline.of(segments)))


def _is_known(recorder: Recorder, status: str | None) -> bool:
    """Whether it has just turned out that a stream isn't to be recorded. Going live and beginning to record
    are one transaction; before it, nothing is known."""
    return not recorder.decided and (recorder.closed or status == "live")
