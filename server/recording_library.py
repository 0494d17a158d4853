"""Recordings as players ask for them: who may, and what there is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from media.ports import Gate
from media.recording.archive import Archive, ArchiveError
from media.recording.http import Served
from media.recording.names import segment_name
from media.recording.playlist import Played, PlayedPeriod, PlayedSegment
from moderation.permissions import Action, Role, may
from moderation.standing import read_role, refuse_banned
from rooms.errors import Refused
from rooms.heads import RoomRow
from rooms.history import read_room
from rooms.ports import Caller
from rooms.recordings.store import RecordingRow, read_periods, read_recording, read_segments
from server.auth import Identity, Tokens
from server.live.connection import as_caller
from server.store.store import Store

FRESH_MS = 1_000
KEPT_MAX = 64
"""So many recordings' lists of segments are kept in memory: an hour's is about half a megabyte."""


SIZES_MAX = 50_000


@dataclass(slots=True)
class _Known:
    """A recording as of a time. ``sizes``: of the files whose size can't change."""

    row: RecordingRow
    at_ms: int
    played: Played | None = None
    sizes: dict[str, int] = field(default_factory=dict)


class RecordingLibrary:
    """Implements ``media.recording.http.Library``.

    What is asked for with each segment is remembered for a second; a complete recording's list of segments
    for as long as it stays as it is.
    """

    def __init__(
        self, store: Store, archive: Archive, gate: Gate, tokens: Tokens, clock_ms: Callable[[], int]
    ) -> None:
        self._store, self._archive, self._gate, self._tokens = store, archive, gate, tokens
        self._clock_ms = clock_ms
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def played(self, recording: str, bearer: str | None) -> Played:
        known = await self._find(recording)
        await self._allow(known.row, bearer)
        return await self._list(known)

    async def file(self, recording: str, name: str, bearer: str | None) -> Served:
        known = await self._find(recording)
        await self._allow(known.row, bearer)
        await self._list(known)
        size = known.sizes.get(name)
        if size is None:
            size = await self._size(recording, name)
            if name not in known.sizes and len(known.sizes) < SIZES_MAX:
                known.sizes[name] = size
        return Served(size, name, recording)

    async def is_open(self, recording: str) -> bool:
        row = (await self._find(recording)).row
        try:
            await self._gate.may_watch(row.room_id, None)
        except Refused:
            return False
        return bool(row.public)

    async def stream(self, file: Served, start: int, length: int) -> AsyncIterator[bytes]:
        async for piece in self._archive.stream(file.recording, file.name, start, length):
            yield piece

    async def sees(self, identity: Identity, row: RecordingRow) -> bool:
        """Whether somebody who may see a recording manages it. Raises ``Refused``: ``not_found`` for who may
        not see it, ``unauthenticated`` for a guest who might."""
        room, role = await self._store.read(
            lambda conn: _standing(conn, row.room_id, as_caller(identity), self._clock_ms())
        )
        at_home = room is not None and identity.may_enter(row.room_id)
        if at_home and may(role, Action.RECORD):
            return True
        if (
            room is not None
            and row.public
            and row.status != "failed"
            and (room.public or not identity.is_guest)
        ):
            if at_home:
                return False
            raise Refused("forbidden", "Your token is for another room.")
        raise Refused("unauthenticated" if identity.is_guest else "not_found")

    async def _find(self, recording: str) -> _Known:
        """Raises ``Refused``: ``not_found``, ``temporarily_unavailable``."""
        now_ms = self._clock_ms()
        known = self._known.get(recording)
        if known is None or not 0 <= now_ms - known.at_ms < FRESH_MS:
            row = await self._store.read(lambda conn: read_recording(conn, recording))
            if row is None:
                raise Refused("not_found")
            if known is None or known.row != row:
                known = self._known[recording] = _Known(row, now_ms)
            known.at_ms = now_ms
            self._known.move_to_end(recording)
            while len(self._known) > KEPT_MAX:
                self._known.popitem(last=False)
        if known.row.status in ("deleted", "failed"):
            raise Refused("not_found")
        return known

    async def _allow(self, row: RecordingRow, bearer: str | None) -> None:
        """A public recording is whoever's who may watch its room, any other is its host's."""
        if row.public:
            await self._gate.may_watch(row.room_id, bearer)
            return
        if not bearer:
            raise Refused("unauthenticated")
        await self.sees(await self._tokens.verify(bearer, self._clock_ms()), row)

    async def _list(self, known: _Known) -> Played:
        if known.played is not None:
            return known.played
        played, sizes = await self._store.read(lambda conn: _read_played(conn, known.row))
        known.played = played
        known.sizes |= sizes
        return played

    async def _size(self, recording: str, name: str) -> int:
        try:
            size = await self._archive.size(recording, name)
        except ArchiveError as error:
            raise Refused("temporarily_unavailable", retry_after_ms=1000) from error
        if size is None:
            raise Refused("not_found")
        return size


def _read_played(conn: Connection, row: RecordingRow) -> tuple[Played, dict[str, int]]:
    periods = {
        number: PlayedPeriod(period.codecs, period.width, period.height, bool(period.has_audio))
        for number, period in read_periods(conn, row.id).items()
    }
    # A segment whose init section isn't written down (yet) can't be played.
    segments = [
        PlayedSegment(
            number=segment.number,
            period=segment.period,
            duration_ms=segment.duration_ms,
            started_ms=segment.started_ms,
            bytes=segment.bytes,
            discontinuity=bool(segment.discontinuity),
        )
        for segment in read_segments(conn, row.id)
        if segment.period in periods
    ]
    sizes = {segment_name(each.period, each.number): each.bytes for each in segments}
    return Played(row.status == "recording", segments, periods), sizes


def _standing(conn: Connection, room_id: str, caller: Caller, now_ms: int) -> tuple[RoomRow | None, Role]:
    """Raises ``Refused("banned")``."""
    room = read_room(conn, room_id)
    if caller.id is not None and not caller.operator:
        refuse_banned(conn, room_id, caller.id, now_ms)
    return room, Role.GUEST if room is None else read_role(conn, room_id, caller, room.host_id)
