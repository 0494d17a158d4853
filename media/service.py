"""The media layer of one node, as the server uses it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry

from media import http, metrics
from media.cascade.cascade import Cascade
from media.cascade.edge import EdgeStream
from media.cascade.hand import Hand, internal
from media.cascade.passing import PURPOSE
from media.cascade.ports import Neighbours
from media.config import MediaConfig
from media.delays import VIEWERS_IN_TURN, DelayMetrics
from media.node import WebRtcNode
from media.ports import Gate, Principal, RtpSink, Stage
from media.publisher_metrics import PublisherMetrics
from media.relay.counters import Counters
from media.relay.room import RoomRelay
from media.rtmp.server import RtmpConfig, RtmpServer
from media.stream import PublisherStats, RoomStream
from media.whep import Watched, Watcher, Whep
from media.whip import Whip
from rooms.errors import Refused

_log = logging.getLogger(__name__)
_BEAT_S = 0.05


def _no_sinks(_room: str) -> Sequence[RtpSink]:
    return ()


class MediaService:
    """WHIP in, WHEP out, and the relay between them.

    ``sinks`` is asked for a room's packagers and recorders each time its stream begins. ``start`` binds the
    UDP port, ``close`` says goodbye to everybody; both may be called once, ``close`` any number of times.
    """

    def __init__(
        self,
        gate: Gate,
        stage: Stage,
        config: MediaConfig,
        sinks: Callable[[str], Sequence[RtpSink]] = _no_sinks,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.monotonic,
        neighbours: Neighbours | None = None,
        carries_media: bool = True,
    ) -> None:
        self._stage = stage
        self._config = config
        self._sinks = sinks
        self._registry = registry
        self._clock = clock
        self._node = WebRtcNode(config, clock)
        self._carries_media = carries_media
        self._delays = DelayMetrics(registry) if registry is not None else None
        self._has_streams = asyncio.Event()
        self._relays: dict[str, RoomRelay] = {}
        self._streams: dict[str, RoomStream] = {}
        self.cascade: Cascade | None = None
        if neighbours is not None:
            self.cascade = Cascade(
                neighbours,
                config,
                self._node.counters,
                relay=self._relay,
                find=self._streams.get,
                watched=self._watched,
                clock=clock,
            )
        self._whip = Whip(self._node, gate, self._stream)
        self._whep = Whep(self._node, gate, self._find)
        takes_rtmp = carries_media and config.rtmp_port is not None
        self._rtmp = self._make_rtmp(gate) if takes_rtmp else None
        self._ticker: asyncio.Task[None] | None = None
        self._closed = False
        self._unregister: Callable[[], None] | None = None
        self._publishers: PublisherMetrics | None = None

    async def start(self) -> None:
        """Binds the UDP port, if this node carries media, and RTMP's if there is one.

        Raises ``OSError`` if one is taken."""
        if self._carries_media:
            self._node.open()
        if self.cascade is not None:
            await self.cascade.start()
        if self._rtmp is not None:
            await self._rtmp.open()
        self._ticker = asyncio.get_running_loop().create_task(self._tick())
        if self._registry is not None:
            gauges: dict[str, tuple[str, Callable[[], float]]] = {
                "viewers": ("WHEP sessions open", lambda: len(self._whep)),
                "publishers": ("WHIP sessions open", lambda: len(self._whip)),
                "rtmp_connections": ("RTMP connections open", lambda: len(self._rtmp or ())),
                "rooms_live": ("rooms with a picture", self._count_live),
                "loop_busy": ("share of a core that the event loop takes", lambda: self._node.load.busy),
                "relay_pulls": ("streams pulled from other nodes", lambda: len(self._edges())),
                "relay_served": ("connections of nodes that pull from this one", self._count_served),
            }
            self._unregister = metrics.register(self._registry, self._node.counters, gauges)
            self._publishers = PublisherMetrics(self._registry)

    async def close(self) -> None:
        """Says goodbye to publishers and viewers, closes sinks, then the port; idempotent."""
        self._closed = True
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
        if self.cascade is not None:
            await self.cascade.close()
        streams = list(self._streams.values())
        self._streams.clear()
        self._relays.clear()
        await asyncio.gather(*(stream.close() for stream in streams))
        if self._rtmp is not None:
            await self._rtmp.close()
        self._whep.close_all(None, "the node is shutting down")
        self._node.close()
        if self._unregister is not None:
            self._unregister()
            self._unregister = None
        if self._publishers is not None:
            self._publishers.unregister()
            self._publishers = None

    def routes(self) -> list[web.RouteDef]:
        """``/whip/…`` and ``/whep/…``. Handlers raise ``Refused``; see also ``attach``."""
        return [*self._whip.routes(), *self._whep.routes()]

    def attach(self, app: web.Application) -> None:
        """Adds the routes, and the signal that puts CORS headers on refusals too."""
        routes = self.routes()
        if self.cascade is not None:
            hand = Hand(self._config.node_id, self.cascade, carries_media=self._carries_media)
            routes = [hand.on(route) for route in routes]
        app.add_routes(routes)
        app.on_response_prepare.append(http.on_response_prepare)

    def attach_internal(self, app: web.Application) -> None:
        """What other nodes ask of this one; without neighbours, nothing."""
        if self.cascade is None:
            return
        app.router.add_get("/internal/pull/{room}", self.cascade.serving.pull)
        app.add_routes(internal(self.routes(), self.cascade.neighbours, PURPOSE))
        app.on_response_prepare.append(http.on_response_prepare)

    @property
    def udp_port(self) -> int:
        """The port in use; 0 before ``start``."""
        return self._node.port.port

    @property
    def rtmp_port(self) -> int:
        """RTMP's port in use; 0 before ``start``, or if there is none."""
        return self._rtmp.port if self._rtmp is not None else 0

    def publisher_stats(self, room: str) -> PublisherStats | None:
        """What is known of the room's publisher; ``None`` while nobody publishes."""
        stream = self._streams.get(room)
        return stream.stats() if stream is not None else None

    def all_stats(self) -> dict[str, PublisherStats]:
        """What is known of every publisher here, by stream."""
        found = {name: stream.stats() for name, stream in self._streams.items()}
        return {name: stats for name, stats in found.items() if stats is not None}

    def viewers(self, room: str) -> int:
        """How many are connected by WHEP, here and at the nodes that pull the stream from this one."""
        relay = self._relays.get(room)
        elsewhere = self.cascade.viewers_elsewhere(room) if self.cascade is not None else 0
        return (len(relay.viewers) if relay is not None else 0) + elsewhere

    @property
    def counters(self) -> Counters:
        """What this node's media counts; whoever does something for it counts there too."""
        return self._node.counters

    @property
    def viewers_here(self) -> int:
        """How many WHEP sessions this node has, for all rooms."""
        return len(self._whep)

    def is_published(self, room: str) -> bool:
        """Whether the room's publisher is at this node, be it interrupted."""
        stream = self._streams.get(room)
        return stream is not None and stream.is_published

    def uplink_ms(self, room: str) -> float | None:
        """From the publisher's camera to here, over the last second; ``None`` if that isn't known."""
        stream = self._streams.get(room)
        return stream.uplink.delay_ms if stream is not None else None

    async def stop_publishing(self, room: str) -> None:
        """Ends the room's stream as its publisher's goodbye would."""
        stream = self._streams.get(room)
        if stream is not None:
            stream.stop()

    def publishing(self) -> list[tuple[str, Principal]]:
        """Every stream with each principal that publishes it, or is about to."""
        return [(name, one) for name, stream in self._streams.items() for one in stream.principals]

    def stop_principal(self, room: str, principal: str) -> None:
        """Ends what the principal publishes there, as its goodbye would."""
        stream = self._streams.get(room)
        if stream is not None:
            stream.stop_principal(principal)

    async def kick_viewers(self, room: str) -> None:
        """Ends all WHEP sessions of a room."""
        self._whep.close_all(room, "it was ended by the server")

    def watched_rooms(self) -> set[str]:
        """The rooms that somebody watches here by WHEP of whom it is known who they are."""
        return self._whep.rooms()

    def stop_viewer(self, user: str, room: str | None) -> None:
        """Ends somebody's WHEP sessions, in a room or (``None``) in all."""
        self._whep.close_user(user, room, "they were banned")

    def watchers(self) -> list[Watcher]:
        """Everybody who watches here by WHEP."""
        return self._whep.watchers()

    def stop_session(self, session: str) -> None:
        """Ends one WHEP session, if it is still there."""
        self._whep.close_session(session, "where it comes from is banned")

    # --- inside

    def _make_rtmp(self, gate: Gate) -> RtmpServer:
        config = self._config
        listen = RtmpConfig(config.rtmp_host, config.rtmp_port or 0, config.rtmp_publishers_max)
        return RtmpServer(listen, gate, self._stream, self._node.counters, self._clock)

    def _stream(self, room: str) -> RoomStream:
        """For who is about to publish. Raises ``Refused("temporarily_unavailable")`` from ``close`` on: what
        began while the others are told goodbye would be told nothing."""
        if self._closed:
            raise Refused("temporarily_unavailable", retry_after_ms=1000)
        stream = self._streams.get(room)
        if stream is None:
            counters, relay = self._node.counters, self._relay(room)
            stream = self._streams[room] = RoomStream(
                room, self._stage, self._config, counters, self._sinks, self._clock, relay
            )
        return stream

    def _relay(self, room: str) -> RoomRelay:
        """One for a stream's name, whoever feeds it: see ``EdgeStream``."""
        relay = self._relays.get(room)
        if relay is None:
            relay = self._relays[room] = RoomRelay(self._node.counters, _nobody_to_ask)
            self._has_streams.set()
        return relay

    def _watched(self) -> list[str]:
        return [room for room, relay in self._relays.items() if relay.viewers]

    async def _find(self, room: str) -> Watched | None:
        stream = self._streams.get(room)
        if self.cascade is None or (stream is not None and stream.is_published):
            return stream
        return await self.cascade.watch(room) or stream

    def _edges(self) -> Mapping[str, EdgeStream]:
        return self.cascade.edges if self.cascade is not None else {}

    def _count_served(self) -> float:
        return len(self.cascade.serving) if self.cascade is not None else 0

    def _measure(self, second: int) -> None:
        """Once a second; a viewer's way is looked at every ten seconds, each in its turn."""
        uplinks = [stream.uplink.second() for stream in self._streams.values()]
        if self._delays is None:
            return
        for uplink in uplinks:
            if uplink is not None:
                self._delays.uplink.observe(uplink)
        for relay in self._relays.values():
            forward = relay.take_lag_ms()
            for index, viewer in enumerate(relay.viewers):
                if (index - second) % VIEWERS_IN_TURN == 0 and viewer.rtt_ms is not None:
                    self._delays.downlink.observe(viewer.rtt_ms / 2 + forward)

    def _count_live(self) -> float:
        return sum(stream.is_live for stream in self._streams.values())

    async def _tick(self) -> None:
        beat = 0
        while True:
            if not self._relays:
                self._node.load.rest()
                self._has_streams.clear()
                await self._has_streams.wait()
            self._node.load.beat(time.monotonic(), time.thread_time(), next_in_s=_BEAT_S)
            await asyncio.sleep(_BEAT_S)
            beat += 1
            try:
                self._beat(beat)
            except Exception:
                _log.exception("the media beat failed")

    def _beat(self, beat: int) -> None:
        for room, stream in list(self._streams.items()):
            stream.repair()
            if beat % 5 == 0:
                stream.tick()
            if beat % 20 == 0:
                stream.second()
                if stream.is_idle:
                    del self._streams[room]
            if beat % 60 == 0:
                stream.probe()
        if beat % 20 == 0:
            self._second(beat // 20)

    def _second(self, number: int) -> None:
        if self.cascade is not None:
            self.cascade.second()
        self._let_go()
        if self._publishers is not None:
            for stats in self.all_stats().values():
                if stats.status == "live":
                    self._publishers.observe(stats)
        self._measure(number)
        self._whip.sweep()
        self._whep.sweep()

    def _let_go(self) -> None:
        """Of relays that nobody feeds, nor has a while ago."""
        edges = self._edges()
        for room in [room for room in self._relays if room not in self._streams and room not in edges]:
            self._whep.close_all(room, "the stream has ended")
            del self._relays[room]


def _nobody_to_ask() -> None:
    """Nobody has fed this relay yet."""
