"""WHIP (RFC 9725): a publisher comes in over HTTP, its packets over the node's UDP port."""

from __future__ import annotations

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
        session = await self._find(request)
        self._stream(session.room).stop(session.publisher)
        self._sessions.pop(session.id, None)
        return web.Response(status=200)


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
    """One video (H.264, else VP8) and one audio (Opus) of a publisher's offer.

    Raises ``Refused("no_common_codec")`` when a kind is offered and none of its codecs is taken: a host must
    not find out from the viewers that the picture is missing.
    """
    chosen: dict[int, sdp.Chosen] = {}
    for kind in ("video", "audio"):
        index = next(
            (i for i, one in enumerate(offer.sections) if one.kind == kind and one.sends and one.port), None
        )
        if index is None:
            continue
        codecs = offer.sections[index].codecs
        if kind == "video":
            codec = sdp.pick_h264(codecs) or sdp.pick(codecs, "VP8")
        else:
            codec = sdp.pick(codecs, "OPUS")
        if codec is None:
            raise Refused("no_common_codec")
        if kind == "audio":
            codec = replace(codec, rtx=None)
        chosen[index] = _receive(codec, offer.sections[index])
    if not chosen:
        raise Refused("no_common_codec")
    return chosen


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
