"""What the node that records writes down: that it is the one, what there is, and that it is done.

All of it is internal work: safe to do twice, and dropped if another node has the recording by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, delete, func, select, tuple_, update

from rooms.heads import ROOMS
from rooms.origins import is_elsewhere, read_origin
from rooms.recordings.service import forget, is_running
from rooms.recordings.store import (
    RECORDINGS,
    PeriodRow,
    RecordingRow,
    SegmentRow,
    periods_table,
    read_last_segment,
    recordings_table,
    segments_table,
)
from rooms.rows import Steps, as_dict
from rooms.unit import Unit

NUMBERS_LEFT = 1000
PERIODS_LEFT = 10
"""So many are left out when another writer goes on: for what the one before has made and not written down."""
TICKS_A_MS = 90
SEAM_MS = 50
DROPPED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """A recording is this node's to write: the first numbers that are free."""

    recording: str
    fence: int
    period: int
    number: int


@dataclass(frozen=True, slots=True)
class MadeSegment:
    """A file that is whole; times in 90 kHz ticks, ``started_ms`` of the clock."""

    number: int
    period: int
    ticks: int
    duration: int
    started_ms: int
    bytes: int
    discontinuity: bool
    independent: bool


@dataclass(frozen=True, slots=True)
class Made:
    """What there is to be written down of one recording. ``fence`` None: by who repairs it."""

    recording: str
    fence: int | None
    periods: Sequence[PeriodRow] = ()
    segments: Sequence[MadeSegment] = ()
    holes: int = 0


def claim(tx: Unit, recording_id: str, node: str, claims: list[Claim]) -> Steps[None]:
    """Make it this node's; appends to ``claims``, or nothing if it isn't to be recorded (any more), or
    while the room's picture is another node's: who publishes here may have to give way yet."""
    yield RECORDINGS.rows(recording_id)
    row = tx.get(RECORDINGS, recording_id)
    if row is None or not is_running(row):
        return
    if is_elsewhere(read_origin(tx.conn, row.room_id), node, tx.now_ms):
        return
    last = read_last_segment(tx.conn, recording_id)
    # Several writers may have come and gone without writing anything down.
    period = row.periods + 1 + PERIODS_LEFT * row.fence
    number = (last.number if last else 0) + 1 + NUMBERS_LEFT * row.fence
    row = tx.put(RECORDINGS, replace(row, node=node, fence=row.fence + 1, periods=period))
    claims.append(Claim(recording_id, row.fence, period, number))


def write_down(tx: Unit, made: Sequence[Made], lost: set[str]) -> Steps[None]:
    """Put rows to what there is, at most one ``Made`` of each recording; adds to ``lost`` the recordings that
    are another node's by now."""
    yield RECORDINGS.rows(*sorted({each.recording for each in made}))
    for each in made:
        row = tx.get(RECORDINGS, each.recording)
        if row is None or row.status == "deleted" or each.fence not in (None, row.fence):
            lost.add(each.recording)
            continue
        tx.put(RECORDINGS, _write_one(tx, row, each))


def _write_one(tx: Unit, row: RecordingRow, made: Made) -> RecordingRow:
    _put_periods(tx, made.periods)
    for period in made.periods:
        row = replace(
            row,
            periods=max(row.periods, period.period),
            width=max(row.width, period.width),
            height=max(row.height, period.height),
            has_audio=max(row.has_audio, period.has_audio),
        )
    last = read_last_segment(tx.conn, row.id)
    segments = sorted(made.segments, key=lambda each: each.number)
    late = [each for each in segments if last is not None and each.number <= last.number]
    for segment in late:
        row = _squeeze_in(tx, row, segment)
    before = read_last_segment(tx.conn, row.id) if late else last
    for segment in segments[len(late) :]:
        before = placed(segment, row.id, before)
        tx.add(segments_table, before)
        row = _grown(row, before)
    status = "ready" if row.status == "failed" and row.segments else row.status
    return replace(row, status=status, holes=row.holes + made.holes)


def placed(segment: MadeSegment, recording_id: str, before: SegmentRow | None) -> SegmentRow:
    """Its row after another one. Lengths are counted from the ticks' zero, so that what is rounded off
    doesn't add up over hours."""
    start, end = segment.ticks // TICKS_A_MS, (segment.ticks + segment.duration) // TICKS_A_MS
    return SegmentRow(
        recording_id=recording_id,
        number=segment.number,
        period=segment.period,
        media_ms=before.media_ms + before.duration_ms if before else 0,
        duration_ms=max(1, end - start),
        ticks=segment.ticks,
        started_ms=max(segment.started_ms, before.started_ms) if before else segment.started_ms,
        bytes=segment.bytes,
        discontinuity=int(before is not None and (segment.discontinuity or _is_seam(before, segment))),
        independent=int(segment.independent),
    )


def _is_seam(before: SegmentRow, after: MadeSegment) -> bool:
    gap_ms = after.ticks // TICKS_A_MS - before.ticks // TICKS_A_MS - before.duration_ms
    return before.period != after.period or abs(gap_ms) > SEAM_MS


def _grown(row: RecordingRow, new: SegmentRow) -> RecordingRow:
    return replace(
        row,
        duration_ms=row.duration_ms + new.duration_ms,
        bytes=row.bytes + new.bytes,
        segments=row.segments + 1,
    )


def _squeeze_in(tx: Unit, row: RecordingRow, segment: MadeSegment) -> RecordingRow:
    """A segment that another node made and didn't write down, found later: what follows moves on. It is
    rare, and written at once, so that the next one sees it."""
    table = segments_table.c
    mine = table.recording_id == row.id
    if tx.conn.scalar(select(table.number).where(mine, table.number == segment.number)) is not None:
        return row
    earlier = select(segments_table).where(mine, table.number < segment.number).order_by(table.number.desc())
    found = tx.conn.execute(earlier.limit(1)).one_or_none()
    new = placed(segment, row.id, SegmentRow(*found) if found else None)
    later = update(segments_table).where(mine, table.number > segment.number)
    tx.conn.execute(later.values(media_ms=table.media_ms + new.duration_ms))
    tx.conn.execute(segments_table.insert(), as_dict(new))
    following = select(func.min(table.number)).where(mine, table.number > segment.number).scalar_subquery()
    seam = update(segments_table).where(mine, table.number == following, table.period != segment.period)
    tx.conn.execute(seam.values(discontinuity=1))
    return _grown(row, new)


def _put_periods(tx: Unit, periods: Sequence[PeriodRow]) -> None:
    """An init section may have been made twice under the same number: the last one counts."""
    if not periods:
        return
    newest = {(period.recording_id, period.period): period for period in periods}
    key = tuple_(periods_table.c.recording_id, periods_table.c.period)
    for known in newest:
        tx.conn.execute(delete(periods_table).where(key == tuple_(*known)))
    for period in newest.values():
        tx.add(periods_table, period)


def finish(tx: Unit, recording_id: str, node: str | None, poster: str | None) -> Steps[dict[str, Any]]:
    """It is whole. ``node`` None: whoever wrote it is gone. The room's staff hears of it."""
    yield RECORDINGS.rows(recording_id)
    row = tx.get(RECORDINGS, recording_id)
    if row is None or row.status != "recording" or row.wanted or node not in (None, row.node):
        return {"finished": False}
    yield ROOMS.rows(row.room_id)
    status = "ready" if row.segments else "failed"
    ended = row.ended_at_ms if row.ended_at_ms is not None else tx.now_ms
    row = replace(row, status=status, poster=poster, node="", ended_at_ms=ended, changed_at_ms=tx.now_ms)
    tx.put(RECORDINGS, row)
    if tx.get(ROOMS, row.room_id) is not None:
        tx.brief(row.room_id, "recording", {"recording": summary(row)}, action="record")
    return {"finished": True}


def summary(row: RecordingRow) -> dict[str, Any]:
    """What the room's staff is told of a recording."""
    return {
        "id": row.id,
        "status": row.status,
        "reason": row.reason,
        "duration_ms": row.duration_ms,
        "bytes": row.bytes,
    }


def trouble(tx: Unit, recording_id: str, what: str | None) -> Steps[None]:
    """Tell the room's staff that something is left out of the recording; None: it goes on."""
    yield RECORDINGS.rows(recording_id)
    row = tx.get(RECORDINGS, recording_id)
    if row is None:
        return
    yield ROOMS.rows(row.room_id)
    if tx.get(ROOMS, row.room_id) is not None:
        tx.brief(row.room_id, "recording_trouble", {"recording": row.id, "trouble": what}, action="record")


def delete_old(tx: Unit, recording_ids: Sequence[str], now_ms: int, keep_ms: int | None) -> Steps[None]:
    """Delete those whose time is over; looked at again under their locks."""
    yield RECORDINGS.rows(*sorted(recording_ids))
    for recording_id in recording_ids:
        row = tx.get(RECORDINGS, recording_id)
        if row is not None and is_old(row, now_ms, keep_ms):
            forget(tx, row)


def is_old(row: RecordingRow, now_ms: int, keep_ms: int | None) -> bool:
    """Whether its time is over: its own, or (``keep_ms`` after its end) everybody's."""
    if row.status not in ("ready", "failed") or row.kept:
        return False
    if row.keep_until_ms is not None:
        return row.keep_until_ms <= now_ms
    return keep_ms is not None and (row.ended_at_ms or row.started_at_ms) + keep_ms <= now_ms


def read_old(conn: Connection, now_ms: int, keep_ms: int | None, limit: int) -> list[str]:
    """Candidates for :func:`is_old`, the oldest first."""
    table = recordings_table.c
    over = table.keep_until_ms <= now_ms
    if keep_ms is not None:
        ended = func.coalesce(table.ended_at_ms, table.started_at_ms)
        over = over | (table.keep_until_ms.is_(None) & (ended <= now_ms - keep_ms))
    query = select(table.id).where(table.status.in_(("ready", "failed")), table.kept == 0, over)
    return list(conn.scalars(query.order_by(table.id).limit(limit)))


def read_to_purge(conn: Connection, archive: str, limit: int) -> list[str]:
    """Deleted recordings whose files are (perhaps) still there."""
    table = recordings_table.c
    query = select(table.id).where(table.status == "deleted", table.files_gone == 0, table.archive == archive)
    return list(conn.scalars(query.order_by(table.id).limit(limit)))


def drop_rows(tx: Unit, recording_id: str, left: list[int]) -> Steps[None]:
    """Drop a bounded number of a deleted recording's rows; appends how many segments went."""
    yield RECORDINGS.rows(recording_id)
    table = segments_table.c

    def drop(conn: Connection) -> None:
        some = select(table.number).where(table.recording_id == recording_id).limit(DROPPED_AT_ONCE)
        numbers = list(conn.scalars(some))
        conn.execute(
            delete(segments_table).where(table.recording_id == recording_id, table.number.in_(numbers))
        )
        if len(numbers) < DROPPED_AT_ONCE:
            conn.execute(delete(periods_table).where(periods_table.c.recording_id == recording_id))
        left.append(len(numbers))

    tx.at_flush(drop)


def files_gone(tx: Unit, recording_id: str) -> Steps[None]:
    """Nothing of it is left but its row."""
    yield RECORDINGS.rows(recording_id)
    row = tx.get(RECORDINGS, recording_id)
    if row is not None and row.status == "deleted":
        tx.put(RECORDINGS, replace(row, files_gone=1, bytes=0, segments=0))
