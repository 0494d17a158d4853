"""WHEP: a viewer comes over HTTP, the room's packets go out over the node's UDP port."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple, Protocol
from urllib.parse import quote

from aiohttp import web

from media import http
from media.names import split_stream
from media.node import Session, WebRtcNode
from media.ports import Gate, MediaKind, Whence
from media.relay.feed import Feed, Format
from media.relay.room import RoomRelay
from media.relay.viewer import Viewer
from media.rtc import sdp
from media.rtp.packet import mid_extension
from media.whip import patch
from rooms.errors import Refused

_RETRY_WHEN_FULL_MS = 10_000
_RETRY_WHEN_NOT_LIVE_MS = 2_000
_CONNECTS_WITHIN_S = 3.0
_TRACK_CODEC = {"H264": "H264", "VP8": "VP8", "OPUS": "opus"}


class Watched(Protocol):
    """What can be watched: a room's stream, published here or on another node."""

    @property
    def relay(self) -> RoomRelay:
        """Where its packets come by."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether there is a picture now."""
        ...


class WhepSession(Session):
    """A viewer's resource. Whoever knows its unguessable address may end it."""

    viewer: Viewer
    user: str | None = None
    """Who watches, where a credential said so."""
    whence: Whence


class Watcher(NamedTuple):
    """Somebody who watches a room, or one of its guests. ``user`` None: a guest, or unknown."""

    session: str
    room: str
    user: str | None
    whence: Whence


class Whep:
    """The WHEP endpoint and its sessions."""

    def __init__(
        self, node: WebRtcNode, gate: Gate, find: Callable[[str], Awaitable[Watched | None]]
    ) -> None:
        self._node = node
        self._gate = gate
        self._find_stream = find
        self._sessions: dict[str, WhepSession] = {}

    def routes(self) -> list[web.RouteDef]:
        endpoint = http.resource({"POST": self._post}, {"Accept-Post": http.SDP_TYPE}, self._links)
        session = http.resource(
            {"PATCH": self._patch, "DELETE": self._delete}, {"Accept-Patch": http.FRAGMENT_TYPE}
        )
        return [
            web.route("*", "/whep/{room}", endpoint),
            web.route("*", "/whep/{room}/{node}/{session}", session),
        ]

    def sweep(self) -> None:
        """Notices viewers that never connected or are gone, and forgets them."""
        config = self._node.config
        for key, session in list(self._sessions.items()):
            session.peer.check(config.connect_timeout_s, config.consent_timeout_s)
            if session.peer.is_closed:
                self._sessions.pop(key, None)

    def __len__(self) -> int:
        return sum(not session.peer.is_closed for session in self._sessions.values())

    async def _post(self, request: web.Request) -> web.Response:
        room = request.match_info["room"]
        whence = Whence.of(request)
        user = await self._gate.may_watch(room, http.bearer(request), whence)
        text = await http.read_text(request, http.SDP_TYPE, self._node.config.max_sdp_bytes)
        offer = sdp.parse_offer(text)
        stream = await self._find_stream(room)
        if stream is None or not stream.is_live:
            raise Refused("not_live", retry_after_ms=_RETRY_WHEN_NOT_LIVE_MS)
        self._admit(request, room)
        chosen = choose(offer, stream)
        session = self._open(room, offer, chosen, stream)
        session.user, session.whence = user, whence
        location = f"/whep/{quote(room)}/{self._node.config.node_id}/{session.id}"
        answer = sdp.write_answer(offer, chosen, session.local)
        return http.created(answer, location, session.etag, self._node.links())

    def _admit(self, request: web.Request, room: str) -> None:
        """Raises ``Refused("node_full")``, with the way to the playlist, when there is no room."""
        has_room = len(self) < self._node.config.whep_capacity or self._make_room()
        if has_room and not self._node.is_overloaded:
            return
        self._node.counters.viewers_refused += 1
        playlist = f"</hls/{quote(room)}/index.m3u8>"
        http.add_header(request, "Link", f'{playlist}; rel="alternate"; type="application/vnd.apple.mpegurl"')
        http.add_header(request, "Retry-After", str(_RETRY_WHEN_FULL_MS // 1000))
        raise Refused("node_full", retry_after_ms=_RETRY_WHEN_FULL_MS)

    async def _links(self, request: web.Request) -> tuple[str, ...]:
        await self._gate.may_watch(request.match_info["room"], http.bearer(request), Whence.of(request))
        return self._node.links()

    def _make_room(self) -> bool:
        """Gives up the session that has been connecting for longest, if any has taken its time.

        Anybody may ask for a session of a public room: those who never connect must not keep viewers out.
        """
        now = self._node.clock()
        for key, session in self._sessions.items():
            waiting = not session.viewer.is_connected and not session.peer.is_closed
            if waiting and session.peer.age_s(now) > _CONNECTS_WITHIN_S:
                session.viewer.close("it took too long to connect, and others wait")
                del self._sessions[key]
                return True
        return False

    def _open(
        self, room: str, offer: sdp.Offer, chosen: dict[int, sdp.Chosen], stream: Watched
    ) -> WhepSession:
        feeds = self._feeds(offer, chosen, stream)
        viewer = Viewer(stream.relay, self._node.port, feeds, self._node.cname, self._node.clock)
        viewer.peer = self._node.connect(offer, viewer)
        session = WhepSession(room, viewer.peer, self._node.local)
        session.viewer = viewer
        self._sessions[session.id] = session
        self._node.counters.viewers_accepted += 1
        return session

    def _feeds(
        self, offer: sdp.Offer, chosen: dict[int, sdp.Chosen], stream: Watched
    ) -> dict[MediaKind, Feed]:
        feeds: dict[MediaKind, Feed] = {}
        for index, choice in chosen.items():
            section = offer.sections[index]
            kind: MediaKind = "video" if section.kind == "video" else "audio"
            formats = {
                _TRACK_CODEC[codec.name]: Format(codec.payload_type, codec.rtx) for codec in choice.codecs
            }
            extension = mid_extension(section.extensions.get(sdp.MID_URI, 0), section.mid)
            ssrc, rtx_ssrc = choice.ssrc or 0, choice.rtx_ssrc or 0
            track = stream.relay.tracks[kind]
            feeds[kind] = Feed(track, formats, ssrc, rtx_ssrc, extension, self._node.counters)
        return feeds

    async def _find(self, request: web.Request) -> WhepSession:
        room = request.match_info["room"]
        await self._gate.may_watch(room, http.bearer(request), Whence.of(request))
        session = self._sessions.get(request.match_info["session"])
        here = request.match_info["node"] == self._node.config.node_id
        if session is None or session.room != room or session.peer.is_closed or not here:
            raise Refused("not_found", "There is no such WHEP session: it has ended.")
        return session

    async def _patch(self, request: web.Request) -> web.Response:
        session = await self._find(request)
        return await patch(request, session, self._node.config.max_sdp_bytes)

    async def _delete(self, request: web.Request) -> web.Response:
        session = await self._find(request)
        session.viewer.close("it said goodbye")
        self._sessions.pop(session.id, None)
        return web.Response(status=200)

    def close_all(self, room: str | None, reason: str) -> None:
        """Ends the sessions of a room, or all."""
        for key, session in list(self._sessions.items()):
            if room is None or session.room == room:
                session.viewer.close(reason)
                self._sessions.pop(key, None)

    def rooms(self) -> set[str]:
        """The rooms that somebody watches here of whom it is known who they are."""
        return {room_of(session.room) for session in self._sessions.values() if session.user is not None}

    def close_user(self, user: str, room: str | None, reason: str) -> None:
        """Ends somebody's sessions, in a room (its guests' pictures too) or in all."""
        for key, session in list(self._sessions.items()):
            if session.user == user and room in (None, room_of(session.room)):
                session.viewer.close(reason)
                self._sessions.pop(key, None)

    def watchers(self) -> list[Watcher]:
        """Everybody who watches here."""
        return [
            Watcher(key, room_of(session.room), session.user, session.whence)
            for key, session in self._sessions.items()
        ]

    def close_session(self, key: str, reason: str) -> None:
        """Ends one session, if it is still there."""
        session = self._sessions.pop(key, None)
        if session is not None:
            session.viewer.close(reason)


def room_of(stream: str) -> str:
    return split_stream(stream)[0]


def choose(offer: sdp.Offer, stream: Watched) -> dict[int, sdp.Chosen]:
    """What a viewer is sent. Both video codecs are negotiated where it knows both, the present one first:
    the next publisher may send the other, and there is no renegotiation.

    Raises ``Refused("no_common_codec")`` when the viewer can't take what the room sends now.
    """
    now = stream.relay.tracks["video"].codec
    chosen: dict[int, sdp.Chosen] = {}
    for kind in ("video", "audio"):
        index = next(
            (i for i, one in enumerate(offer.sections) if one.kind == kind and one.receives and one.port),
            None,
        )
        if index is None:
            continue
        codecs = _viewer_codecs(kind, offer.sections[index].codecs, now)
        if not codecs or (kind == "video" and now and codecs[0].name != now):
            raise Refused("no_common_codec")
        rtx_ssrc = secrets.randbits(32) if any(codec.rtx is not None for codec in codecs) else None
        chosen[index] = sdp.Chosen(codecs, "sendonly", ssrc=secrets.randbits(32), rtx_ssrc=rtx_ssrc)
    if not chosen:
        raise Refused("no_common_codec")
    return chosen


def _viewer_codecs(kind: str, offered: tuple[sdp.Codec, ...], now: str) -> tuple[sdp.Codec, ...]:
    if kind == "audio":
        opus = sdp.pick(offered, "OPUS")
        return (replace(opus, rtx=None),) if opus else ()
    found = [codec for codec in (sdp.pick_h264(offered), sdp.pick(offered, "VP8")) if codec is not None]
    return tuple(sorted(found, key=lambda codec: codec.name != now))
