"""What the media layer asks of the server, and what it tells: the ports ``Gate`` and ``Stage``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection

from media.names import split_stream, stream_name
from media.ports import Principal, Whence
from moderation.evasion.address_bans import AddressBanRow
from moderation.pictures.acts import refuse_broken_off
from moderation.pictures.store import read_state
from moderation.sounds.acts import refuse_interrupted
from moderation.sounds.store import read_sound_state
from rooms.errors import Refused
from rooms.guests.commands import PublishToken
from rooms.guests.rules import ON_AIR, Guest
from rooms.guests.store import read_holder
from rooms.heads import RoomRow
from rooms.history import read_room
from rooms.lifecycle import Happening
from rooms.ports import Caller
from server.auth import GUEST as NOBODY
from server.auth import Identity, PublishTokens, SignedPaths, StreamKeys, Tokens
from server.banned import Bans
from server.banned_ranges import BannedRanges
from server.credentials import StreamKeyRow, find_stream_key
from server.live.connection import as_caller
from server.origins import GUEST, Origins
from server.proxies import Network, real_client
from server.rights import is_host_banned, may_publish
from server.signins import Place
from server.store.store import Store

log = structlog.get_logger(__name__)


SEEN_MS = 2_000
STALE_MS = 300_000
SEEN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """Whether a room was public, as of a time."""

    public: bool
    at_ms: int


class MediaGate:
    """Implements ``media.ports.Gate``. ``stand_in``: the id of the demo host's stream key, if any."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        publish_tokens: PublishTokens,
        clock_ms: Callable[[], int],
        paths: SignedPaths,
        ranges: BannedRanges | None = None,
        trusted: Sequence[Network] = (),
    ) -> None:
        self._store = store
        self.paths = paths
        self._tokens = tokens
        self._publish_tokens = publish_tokens
        self._clock_ms = clock_ms
        self.origins: Origins | None = None
        self.stand_in: str | None = None
        self.publishers: dict[str, Principal] = {}
        self._rooms_seen: dict[str, _Seen] = {}
        self._unreachable = False
        self.bans = Bans(store, clock_ms)
        self._ranges, self._trusted = ranges, trusted

    async def may_publish(self, stream: str, bearer: str | None) -> Principal:
        if not bearer:
            raise Refused("unauthenticated", "Publishing needs a stream key, or a token from publish.token.")
        room, slot = split_stream(stream)
        if StreamKeys.is_key(bearer):
            if slot is not None:
                raise Refused("forbidden", "Stream keys are for the host's picture, not for guests'.")
            return await self._by_key(room, bearer)
        token_stream, user_id = self._publish_tokens.verify(bearer, self._clock_ms())
        if token_stream != stream:
            raise Refused("forbidden", "This token is for another room.")
        if slot is not None:
            guest = await self._store.read(lambda conn: _on_stage(conn, room, slot, user_id))
            return Principal(f"{GUEST}{user_id}", guest.name)
        now_ms = self._clock_ms()
        row, can_publish = await self._store.read(lambda conn: _may_publish(conn, room, user_id, now_ms))
        if not can_publish:
            raise Refused("forbidden")
        return Principal(f"user:{user_id}", row.host_name, is_host=True)

    async def may_begin(self, stream: str, principal: Principal, *, takeover: bool) -> None:
        seen, heard = await self._store.read(
            lambda conn: (read_state(conn, stream), read_sound_state(conn, stream))
        )
        refuse_broken_off(seen, self._clock_ms())
        refuse_interrupted(heard, self._clock_ms())
        if self.origins is not None:
            await self.origins.claim(stream, principal.id, takeover=takeover, is_host=principal.is_host)

    async def publish_token(self, cmd: PublishToken, caller: Caller) -> dict[str, Any]:
        """The command ``publish.token``. Raises ``Refused``: ``room_not_found``, ``forbidden``."""
        user_id, slot = caller.id or "", cmd.slot
        if slot is not None:
            await self._store.read(lambda conn: _on_stage(conn, cmd.room, slot, user_id))
        else:
            now_ms = self._clock_ms()
            _, allowed = await self._store.read(lambda conn: _may_publish(conn, cmd.room, user_id, now_ms))
            if not allowed:
                raise Refused("forbidden")
        stream = stream_name(cmd.room, slot)
        token, expires_at_ms = self._publish_tokens.mint(stream, user_id, self._clock_ms())
        return {"token": token, "expires_at_ms": expires_at_ms}

    async def _by_key(self, room: str, key: str) -> Principal:
        key_hash = StreamKeys.hash_key(key)
        now_ms = self._clock_ms()
        row, banned = await self._store.read(lambda conn: _find_key(conn, key_hash, now_ms))
        if row is None:
            raise Refused("bad_token", "This stream key is not valid (any more).")
        if row.room_id != room:
            raise Refused("forbidden", "This stream key is for another room.")
        if banned:
            raise Refused("forbidden", "The host of this room is banned.")
        stands_in = row.id == self.stand_in
        current = self.publishers.get(room)
        if stands_in and current is not None and not current.steps_aside:
            # Also while the host is only interrupted: a reload must not find a stand-in in its place.
            raise Refused("publisher_busy", retry_after_ms=2000)
        return Principal(f"key:{row.id}", row.label, steps_aside=stands_in)

    async def may_watch(self, stream: str, bearer: str | None, whence: Whence | None = None) -> str | None:
        """Who may watch the host may watch the guests. A public room asks for no credential, so one that is
        no good does no harm there; one of somebody who is banned is refused, and a guest who comes from a
        range of addresses that is."""
        room, _ = split_stream(stream)
        public = await self._is_public(room)
        identity = await self._who(bearer, public=public)
        if not public and not identity.may_enter(room):
            raise Refused("forbidden", "Your token is for another room.")
        if self._ranges is not None and whence is not None and self._ranges.guards(room):
            await self._ranges.ask(room, identity, self.place(whence))
        await self.bans.refuse(room, as_caller(identity))
        return identity.id

    async def _who(self, bearer: str | None, *, public: bool) -> Identity:
        """Raises ``Refused`` where the room isn't public: ``unauthenticated``, ``bad_token``, …"""
        try:
            return await self._tokens.verify(bearer, self._clock_ms()) if bearer else _nobody(public=public)
        except Refused:
            if not public:
                raise
            return NOBODY

    def place(self, whence: Whence) -> Place:
        """Where a request really comes from. Players don't say which device they are."""
        return Place(real_client(whence.peer, "http", _Told(whence), self._trusted).address)

    def bans_on(self, room: str, whence: Whence) -> list[AddressBanRow]:
        """The bans of ranges in force on where somebody in a room comes from."""
        if self._ranges is None or not self._ranges.guards(room):
            return []
        return self._ranges.on(room, self.place(whence))

    def is_open(self, room: str, whence: Whence) -> bool:
        """Whether the room was found to be public a moment ago, and no ban speaks of where somebody comes
        from: see ``media.hls.players.OpenGate``."""
        room, _ = split_stream(room)
        known = self._rooms_seen.get(room)
        if self.bans_on(room, whence):
            return False
        # Looked up every second: what is older than two looks is in doubt, unless there was nobody to ask.
        good_ms = STALE_MS if self._unreachable else 2 * SEEN_MS
        return known is not None and known.public and self._clock_ms() - known.at_ms < good_ms

    async def look(self, room: str) -> None:
        """Find out anew whether the room is public."""
        room, _ = split_stream(room)
        try:
            row = await self._store.read(lambda conn: read_room(conn, room))
        except Refused:
            self._unreachable = True
            return
        self._unreachable = False
        self._note(room, row)

    def opens(self, room: str, key: str) -> bool:
        """Whether ``key`` is a signed path of the room that is still good."""
        return self.paths.verify(key, split_stream(room)[0], self._clock_ms())

    async def _is_public(self, room: str) -> bool:
        """Asked for each part of a stream by each viewer, so remembered for a moment, and for longer while
        the database is away: that is no reason to end a picture. Raises ``Refused("room_not_found")``."""
        now_ms = self._clock_ms()
        known = self._rooms_seen.get(room)
        if known is not None and now_ms - known.at_ms < SEEN_MS:
            return known.public
        try:
            row = await self._store.read(lambda conn: read_room(conn, room))
        except Refused:
            if known is not None and now_ms - known.at_ms < STALE_MS:
                return known.public
            raise
        self._note(room, row)
        if row is None:
            raise Refused("room_not_found")
        return bool(row.public)

    def _note(self, room: str, row: RoomRow | None) -> None:
        if row is None:
            self._rooms_seen.pop(room, None)
            return
        if len(self._rooms_seen) >= SEEN_MAX:
            self._rooms_seen.clear()
        self._rooms_seen[room] = _Seen(bool(row.public), self._clock_ms())


class MediaStage:
    """Implements ``media.ports.Stage``: the host's picture drives the room's status, a guest's drives nothing
    but whether that guest is seen.

    After ``close`` it is deaf: a stream that ends because the node does is not over. Its room stays live in
    SQL, and waits for its publisher as an interrupted one when a node starts again, or another notices.
    """

    def __init__(self, origins: Origins, gate: MediaGate) -> None:
        self._origins = origins
        self._gate = gate
        self._closed = False
        self.began: Callable[[], None] = lambda: None

    def close(self) -> None:
        self._closed = True

    async def live(self, stream: str, principal: Principal) -> None:
        self._gate.publishers[stream] = principal
        self.began()
        await self._happened(stream, "publishing", None, principal.id)

    async def interrupted(self, stream: str, principal: Principal) -> None:
        await self._happened(stream, "lost", "publisher_away", principal.id)

    async def ended(self, stream: str, reason: str) -> None:
        was = self._gate.publishers.pop(stream, None)
        happening: Happening = "stopped" if reason == "stopped" else "gave_up"
        await self._happened(stream, happening, reason, was.id if was else "")

    async def _happened(self, stream: str, happening: Happening, reason: str | None, principal: str) -> None:
        if self._closed:
            return
        await self._origins.tell(stream, happening, reason, principal)


@dataclass(frozen=True, slots=True)
class _Told:
    """What proxies say, as headers."""

    whence: Whence

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        found = [value for name, value in self.whence.told if name == key.lower()]
        return found or default


def _nobody(*, public: bool) -> Identity:
    if not public:
        raise Refused("unauthenticated")
    return NOBODY


def _may_publish(conn: Connection, room_id: str, user_id: str, now_ms: int) -> tuple[RoomRow, bool]:
    row = read_room(conn, room_id)
    if row is None:
        raise Refused("room_not_found")
    return row, may_publish(conn, row, user_id, now_ms)


def _find_key(conn: Connection, key_hash: str, now_ms: int) -> tuple[StreamKeyRow | None, bool]:
    """The stream key, and whether its room's host is banned."""
    row = find_stream_key(conn, key_hash)
    return row, row is not None and is_host_banned(conn, row.room_id, now_ms)


def _on_stage(conn: Connection, room_id: str, slot: str, user_id: str) -> Guest:
    """The guest, if the slot is theirs now. Raises ``Refused``: ``room_not_found``, ``forbidden``."""
    room = read_room(conn, room_id)
    if room is None:
        raise Refused("room_not_found")
    guest = read_holder(conn, room_id, slot)
    if guest is None or guest.user_id != user_id or room.status not in ON_AIR:
        raise Refused("forbidden", "This place on stage isn't yours (any more).")
    return guest
