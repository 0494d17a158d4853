"""The media layer of one node, as the server uses it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry

from media import http, metrics
from media.config import MediaConfig
from media.node import WebRtcNode
from media.ports import Gate, Principal, RtpSink, Stage
from media.publisher_metrics import PublisherMetrics
from media.rtmp.server import RtmpConfig, RtmpServer
from media.stream import PublisherStats, RoomStream
from media.whep import Whep
from media.whip import Whip

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
    ) -> None:
        self._stage = stage
        self._config = config
        self._sinks = sinks
        self._registry = registry
        self._clock = clock
        self._node = WebRtcNode(config, clock)
        self._has_streams = asyncio.Event()
        self._streams: dict[str, RoomStream] = {}
        self._whip = Whip(self._node, gate, self._stream)
        self._whep = Whep(self._node, gate, self._find)
        self._rtmp = self._make_rtmp(gate) if config.rtmp_port is not None else None
        self._ticker: asyncio.Task[None] | None = None
        self._unregister: Callable[[], None] | None = None
        self._publishers: PublisherMetrics | None = None

    async def start(self) -> None:
        """Binds the UDP port, and RTMP's if there is one. Raises ``OSError`` if one is taken."""
        self._node.open()
        if self._rtmp is not None:
            await self._rtmp.open()
        self._ticker = asyncio.get_running_loop().create_task(self._tick())
        if self._registry is not None:
            gauges: dict[str, tuple[str, Callable[[], float]]] = {
                "viewers": ("WHEP sessions open", lambda: len(self._whep)),
                "publishers": ("WHIP sessions open", lambda: len(self._whip)),
                "rtmp_connections": ("RTMP connections open", lambda: len(self._rtmp or ())),
                "rooms_live": ("rooms with a picture", self._count_live),
            }
            self._unregister = metrics.register(self._registry, self._node.counters, gauges)
            self._publishers = PublisherMetrics(self._registry)

    async def close(self) -> None:
        """Says goodbye to publishers and viewers, closes sinks, then the port; idempotent."""
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
        streams = list(self._streams.values())
        self._streams.clear()
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
        app.add_routes(self.routes())
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
        """How many are connected by WHEP."""
        stream = self._streams.get(room)
        return len(stream.relay.viewers) if stream is not None else 0

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

    # --- inside

    def _make_rtmp(self, gate: Gate) -> RtmpServer:
        config = self._config
        listen = RtmpConfig(config.rtmp_host, config.rtmp_port or 0, config.rtmp_publishers_max)
        return RtmpServer(listen, gate, self._stream, self._node.counters, self._clock)

    def _stream(self, room: str) -> RoomStream:
        stream = self._streams.get(room)
        if stream is None:
            stream = self._streams[room] = RoomStream(
                room, self._stage, self._config, self._node.counters, self._sinks, self._clock
            )
            self._has_streams.set()
        return stream

    async def _find(self, room: str) -> RoomStream | None:
        return self._streams.get(room)

    def _count_live(self) -> float:
        return sum(stream.is_live for stream in self._streams.values())

    async def _tick(self) -> None:
        beat = 0
        while True:
            if not self._streams:
                self._has_streams.clear()
                await self._has_streams.wait()
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
                    self._whep.close_all(room, "the stream has ended")
                    del self._streams[room]
            if beat % 60 == 0:
                stream.probe()
        if beat % 20 == 0:
            if self._publishers is not None:
                for stats in self.all_stats().values():
                    if stats.status == "live":
                        self._publishers.observe(stats)
            self._whip.sweep()
            self._whep.sweep()
