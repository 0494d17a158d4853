"""A node's picture and sound, made from the settings: who may publish and watch, and what is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry

from media.config import MediaConfig
from media.hls import HlsConfig, HlsHub
from media.hls import routes as hls_routes
from media.service import MediaService
from rooms.lifecycle import Lifecycle
from server.auth import PublishTokens, Tokens
from server.bus.port import Bus
from server.config import Settings
from server.live.rooms import LiveRooms
from server.origins import Origins
from server.rights import PublishRights
from server.stage import MediaGate, MediaStage
from server.store.engine import is_sqlite
from server.store.store import Store
from server.vitals import Vitals


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the picture needs of its node."""

    store: Store
    bus: Bus
    tokens: Tokens
    publish_tokens: PublishTokens
    lifecycle: Lifecycle
    live: LiveRooms
    registry: CollectorRegistry
    clock_ms: Callable[[], int]


class Picture:
    """``start`` binds the UDP port; ``close`` ends every session, ``let_go`` afterwards the leases."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.gate = MediaGate(around.store, around.tokens, around.publish_tokens, around.clock_ms)
        self.hls = HlsHub(_hls_config(settings), registry=around.registry)
        self.origins = Origins(
            around.store,
            around.bus,
            around.lifecycle,
            settings.node.name,
            alone=is_sqlite(settings.database_url),
            clock_ms=around.clock_ms,
            lost=self.end,
        )
        self.gate.origins = self.origins
        self.stage = MediaStage(self.origins, self.gate)
        self.media = MediaService(
            self.gate,
            self.stage,
            _media_config(settings),
            sinks=lambda room: [self.hls.sink(room)],
            registry=around.registry,
        )
        self.rights = PublishRights(around.store, around.bus, lambda: self.media)
        self.stage.began = self.rights.look
        self.vitals = Vitals(self.media, self.hls.viewers, around.live, around.bus)

    def attach(self, app: web.Application) -> None:
        """What publishers and players ask for."""
        self.media.attach(app)
        app.add_routes(hls_routes(self.hls, self.gate))

    def end(self, room_id: str) -> None:
        """End a room's picture here as its publisher's goodbye would, soon."""
        task = asyncio.get_running_loop().create_task(self.media.stop_publishing(room_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        """Raises ``OSError`` if the UDP port is taken."""
        await self.origins.start()
        await self.media.start()
        await self.rights.start()
        await self.vitals.start()

    async def close(self) -> None:
        """Says goodbye to publishers and viewers. Idempotent."""
        await self.vitals.close()
        await self.rights.close()
        await self.media.close()
        await self.hls.close()

    async def let_go(self) -> None:
        """Gives back the leases that this node holds. Idempotent."""
        await self.origins.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _media_config(settings: Settings) -> MediaConfig:
    return MediaConfig(
        node_id=settings.node.name,
        udp_host="0.0.0.0" if settings.listen.is_public else "127.0.0.1",  # noqa: S104
        udp_port=settings.listen.udp_port,
        announced_addresses=tuple(str(a) for a in settings.media.announced_addresses),
        include_loopback=settings.include_loopback,
        grace_s=settings.media.grace_s,
        whep_capacity=settings.media.whep_capacity,
        rtmp_port=settings.media.rtmp.port,
        rtmp_host=settings.listen.host,
        rtmp_publishers_max=settings.media.rtmp.publishers_max,
    )


def _hls_config(settings: Settings) -> HlsConfig:
    return HlsConfig(window_s=settings.media.dvr_s, part_target_ms=settings.media.part_ms)
