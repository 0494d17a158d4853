"""WHIP (RFC 9725): a publisher comes in over HTTP, its packets over the node's UDP port."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from aiohttp import web

from media import http
from media.node import Session, WebRtcNode
from media.ports import Gate, MediaKind, Principal, TrackInfo
from media.relay.publisher import Incoming, Publisher
from media.rtc import sdp
from media.stream import RoomStream
from rooms.errors import Refused


def _congestion(codec: sdp.Codec, section: sdp.Section) -> tuple[str, str] | None:
    """How the publisher learns what its uplink carries: the feedback and the extension that it needs.

    Only one of them: a browser would let REMB limit what it found out by transport-wide feedback.
    """
    for feedback, uri in (("transport-cc", sdp.TRANSPORT_CC_URI), ("goog-remb", sdp.ABS_SEND_TIME_URI)):
        if feedback in codec.feedback and uri in section.extensions:
            return feedback, uri
    return None


# So many sessions may one principal open in so many seconds (RFC 9725, 5): a client that reconnects with
# every answer must not keep the node busy with certificates and candidates.
_OPENS, _OPENS_WITHIN_S = 20, 10.0
_KNOWN = 1000


class _Pace:
    """Who has opened sessions lately. Bounded: whoever opened longest ago is forgotten first."""

    def __init__(self) -> None:
        self._opened: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, principal: str, now: float) -> None:
        """Raises ``Refused("rate_limited")``."""
        times = self._opened.setdefault(principal, deque(maxlen=_OPENS))
        self._opened.move_to_end(principal)
        if len(self._opened) > _KNOWN:
            self._opened.popitem(last=False)
        if len(times) == _OPENS and now - times[0] < _OPENS_WITHIN_S:
            wait_s = _OPENS_WITHIN_S - (now - times[0])
            raise Refused("rate_limited", retry_after_ms=max(1, round(wait_s * 1000)))
        times.append(now)


class WhipSession(Session):
    """A publisher's resource; it belongs to a principal, not to one credential."""

    publisher: Publisher


class Whip:
    """The WHIP endpoint and its sessions."""

    def __init__(self, node: WebRtcNode, gate: Gate, stream: Callable[[str], RoomStream]) -> None:
        self._node = node
        self._gate = gate
        self._stream = stream
        self._sessions: dict[str, WhipSession] = {}
        self._ended: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._pace = _Pace()

    def routes(self) -> list[web.RouteDef]:
        endpoint = http.resource({"POST": self._post}, {"Accept-Post": http.SDP_TYPE}, self._links)
        session = http.resource(
            {"PATCH": self._patch, "DELETE": self._delete}, {"Accept-Patch": http.FRAGMENT_TYPE}
        )
        return [
            web.route("*", "/whip/{room}", endpoint),
            web.route("*", "/whip/{room}/{node}/{session}", session),
        ]

    def sweep(self) -> None:
        """Forgets sessions whose peers are gone."""
        for key, session in list(self._sessions.items()):
            if session.peer.is_closed:
                del self._sessions[key]

    def __len__(self) -> int:
        return sum(not session.peer.is_closed for session in self._sessions.values())

    async def _post(self, request: web.Request) -> web.Response:
        room = request.match_info["room"]
        principal = await self._gate.may_publish(room, http.bearer(request))
        text = await http.read_text(request, http.SDP_TYPE, self._node.config.max_sdp_bytes)
        self._pace.check(principal.id, self._node.clock())
        offer = sdp.parse_offer(text)
        chosen = choose(offer)
        takeover = request.headers.get("X-Danmart-Takeover") == "1"
        await self._gate.may_begin(room, principal, takeover=takeover)
        stream = self._stream(room)
        stream.claim(principal, takeover=takeover)
        session = self._open(room, principal, offer, chosen, stream)
        location = f"/whip/{quote(room)}/{self._node.config.node_id}/{session.id}"
        answer = sdp.write_answer(offer, chosen, session.local)
        return http.created(answer, location, session.etag, self._node.links())

    async def _links(self, request: web.Request) -> tuple[str, ...]:
        await self._gate.may_publish(request.match_info["room"], http.bearer(request))
        return self._node.links()

    def _open(
        self,
        room: str,
        principal: Principal,
        offer: sdp.Offer,
        chosen: dict[int, sdp.Chosen],
        stream: RoomStream,
    ) -> WhipSession:
        formats = incoming(offer, chosen)
        publisher = Publisher(principal, formats, stream, self._node.counters, self._node.clock)
        publisher.peer = self._node.connect(offer, publisher)
        session = WhipSession(room, publisher.peer, self._node.local)
        session.publisher = publisher
        self._sessions[session.id] = session
        self._node.counters.publishers_accepted += 1
        stream.accept(publisher)
        return session

    async def _find(self, request: web.Request) -> WhipSession:
        room = request.match_info["room"]
        principal = await self._gate.may_publish(room, http.bearer(request))
        session = self._sessions.get(request.match_info["session"])
        here = request.match_info["node"] == self._node.config.node_id
        if session is None or session.room != room or session.peer.is_closed or not here:
            raise Refused("not_found", "There is no such WHIP session: it has ended.")
        if session.publisher.principal.id != principal.id:
            raise Refused("forbidden", "This session belongs to another publisher.")
        return session

    async def _patch(self, request: web.Request) -> web.Response:
        session = await self._find(request)
        return await patch(request, session, self._node.config.max_sdp_bytes)

    async def _delete(self, request: web.Request) -> web.Response:
        """Ends the session. Safe to say twice: who lost the answer gets the same one again (RFC 9110, 9.2.2).

        An If-Match is ignored (RFC 9725, 4.3.1).
        """
        if await self._has_ended(request):
            return web.Response(status=200)
        session = await self._find(request)
        self._stream(session.room).stop(session.publisher)
        self._sessions.pop(session.id, None)
        self._ended[session.id] = (session.room, session.publisher.principal.id)
        if len(self._ended) > _KNOWN:
            self._ended.popitem(last=False)
        return web.Response(status=200)

    async def _has_ended(self, request: web.Request) -> bool:
        """Whether this principal ended this session before."""
        ended = self._ended.get(request.match_info["session"])
        if ended is None or ended[0] != request.match_info["room"]:
            return False
        principal = await self._gate.may_publish(ended[0], http.bearer(request))
        return principal.id == ended[1]


async def patch(request: web.Request, session: Session, limit_bytes: int) -> web.Response:
    """Trickle ICE: 204; ICE restart: 200 with new credentials and a new ETag (RFC 9725, 4.3)."""
    text = await http.read_text(request, http.FRAGMENT_TYPE, limit_bytes)
    if request.headers.get("If-Match") is None:
        raise Refused("precondition_required")
    remote = sdp.parse_fragment(text)
    restart = remote != session.peer.ice.remote
    http.check_precondition(request, session.etag, restart=restart)
    if not restart:
        return web.Response(status=204)
    session.restart_ice(remote)
    return http.fragment_response(session.local, session.etag)


def choose(offer: sdp.Offer) -> dict[int, sdp.Chosen]:
    """One video (H.264, else VP8) and one audio (Opus) of a publisher's offer: all of it, or nothing.

    A host must not find out from the viewers that the picture is missing, so an offer of which a part can't
    be taken is refused as a whole (RFC 9725, 4.4.3). Raises ``Refused``: ``not_acceptable`` for other media
    than one video and one audio of one MediaStream (4.4.2) that are sent (4.2), ``no_common_codec``.
    """
    wanted = [index for index, section in enumerate(offer.sections) if section.port]
    _check([offer.sections[index] for index in wanted])
    return {index: _take(offer.sections[index]) for index in wanted}


def _check(sections: list[sdp.Section]) -> None:
    if not sections:
        raise Refused("no_common_codec")
    for section in sections:
        if not section.usable:
            raise Refused("not_acceptable", f"Offer audio and video only, not {section.kind}.")
        if not section.sends:
            raise Refused("not_acceptable", f"Offer the {section.kind} as sendonly or sendrecv.")
    if len({section.kind for section in sections}) < len(sections):
        raise Refused("not_acceptable", "Offer at most one video and one audio track.")
    if len(frozenset[str]().union(*(section.streams for section in sections))) > 1:
        raise Refused("not_acceptable", "Offer tracks of one MediaStream only (a=msid).")


def _take(section: sdp.Section) -> sdp.Chosen:
    if section.kind == "video":
        codec = sdp.pick_h264(section.codecs) or sdp.pick(section.codecs, "VP8")
    else:
        codec = sdp.pick(section.codecs, "OPUS")
    if codec is None:
        raise Refused("no_common_codec")
    return _receive(codec if section.kind == "video" else replace(codec, rtx=None), section)


def _receive(codec: sdp.Codec, section: sdp.Section) -> sdp.Chosen:
    extensions, feedback = (sdp.MID_URI,), sdp.REPAIR_FEEDBACK
    congestion = _congestion(codec, section)
    if congestion is not None:
        return sdp.Chosen((codec,), "recvonly", (*extensions, congestion[1]), (*feedback, congestion[0]))
    return sdp.Chosen((codec,), "recvonly", extensions, feedback)


def incoming(offer: sdp.Offer, chosen: dict[int, sdp.Chosen]) -> dict[int, Incoming]:
    """What each payload type of the answer stands for."""
    formats: dict[int, Incoming] = {}
    for index, choice in chosen.items():
        section, codec = offer.sections[index], choice.codecs[0]
        kind: MediaKind = "video" if section.kind == "video" else "audio"
        name = {"H264": "H264", "VP8": "VP8", "OPUS": "opus"}[codec.name]
        track = TrackInfo(kind, name, codec.clock_rate, codec.channels)  # type: ignore[arg-type]
        ids = {uri: number for uri, number in section.extensions.items() if uri in choice.extensions}
        form = Incoming(track, None, ids.get(sdp.ABS_SEND_TIME_URI), ids.get(sdp.TRANSPORT_CC_URI))
        formats[codec.payload_type] = form
        if codec.rtx is not None:
            formats[codec.rtx] = replace(form, repeats=codec.payload_type)
    return formats
