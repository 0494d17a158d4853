"""A node's picture and sound, made from the settings: who may publish and watch, and what is made of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from media.config import MediaConfig
from media.hls import HlsConfig, HlsHub
from media.hls import routes as hls_routes
from media.hls.players import Players
from media.recording.http import routes as recording_routes
from media.recording.metrics import RecordingMetrics
from media.rtc.udp import any_address
from media.service import MediaService
from media.turn import Turn
from moderation.pictures.acts import PictureActs
from moderation.rulebook.rules import RoomRules
from moderation.sounds.acts import SoundActs
from rooms.guests.service import Guests
from rooms.lifecycle import Lifecycle
from rooms.recordings.service import Recordings
from server.auth import PublishTokens, SignedPaths, Tokens
from server.auth.cluster import ClusterTokens
from server.banned import PutOut
from server.banned_ranges import BannedRanges
from server.bus.port import Bus
from server.config import Settings
from server.hearing import HearingGround, SoundChecks
from server.house_rules import recording_rules
from server.latency import Via
from server.live.rooms import LiveRooms
from server.origins import Origins
from server.outbound import Outbound
from server.posters_elsewhere import AllPosters
from server.recording_archive import make_archive
from server.recording_library import RecordingLibrary
from server.recordings import RecordingKeeper
from server.rights import PublishRights
from server.sharing import Sharing
from server.stage import MediaGate, MediaStage
from server.store.engine import is_sqlite
from server.store.store import Store
from server.texts import Texts
from server.vision import PictureChecks, VisionGround
from server.vitals import Vitals


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the picture needs of its node."""

    store: Store
    bus: Bus
    tokens: Tokens
    publish_tokens: PublishTokens
    signed_paths: SignedPaths
    lifecycle: Lifecycle
    guests: Guests
    live: LiveRooms
    recordings: Recordings
    registry: CollectorRegistry
    clock_ms: Callable[[], int]
    cluster_tokens: ClusterTokens
    picture_acts: PictureActs
    rules: Callable[[str], RoomRules]
    sound_acts: SoundActs
    texts: Texts
    ready: Callable[[str], Awaitable[None]]
    ranges: BannedRanges


class Picture:
    """``start`` binds the UDP port; ``close`` ends every session, ``let_go`` afterwards the leases."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.gate = MediaGate(
            around.store,
            around.tokens,
            around.publish_tokens,
            around.clock_ms,
            around.signed_paths,
            around.ranges,
            settings.listen.trusted_proxies,
        )
        self._players: Players | None = None
        alone = is_sqlite(settings.database_url)
        self.sharing = (
            None if alone else Sharing(settings, around.store, around.cluster_tokens, around.clock_ms)
        )
        self._make_recordings(settings, around)
        self.vision = self._make_vision(settings, around)
        self.hearing = self._make_hearing(settings, around)
        self.hls = HlsHub(
            _hls_config(settings),
            registry=around.registry,
            first_number=self._first_number,
            taps=lambda stream: [*self.recordings.taps(stream), *self.vision.taps(stream)],
        )
        self.origins = Origins(
            around.store,
            around.bus,
            around.lifecycle,
            around.guests,
            settings.node.name,
            alone=alone,
            clock_ms=around.clock_ms,
            lost=self.end,
        )
        self.origins.moved = self._moved
        self.gate.origins = self.origins
        self.stage = MediaStage(self.origins, self.gate)
        self.media = MediaService(
            self.gate,
            self.stage,
            _media_config(settings),
            sinks=lambda room: [self.hls.sink(room), *self.vision.sinks(room), *self.hearing.sinks(room)],
            registry=around.registry,
            neighbours=self.sharing.neighbours if self.sharing else None,
            carries_media=settings.node.has_media,
        )
        if self.sharing is not None:
            self.sharing.join(self.media, self.hls, self.gate, time.monotonic)
            self.posters = AllPosters(
                self.hls.posters, self.sharing.fetch_poster, self.sharing.hide_poster_there
            )
        else:
            self.posters = AllPosters(self.hls.posters)
        self.rights = PublishRights(around.store, around.bus, lambda: self.media, around.clock_ms)
        self.stage.began = self.rights.look
        self.put_out = PutOut(
            around.store, around.bus, lambda: self.media, around.clock_ms, self.gate.bans_on
        )
        around.ranges.changed.append(self.put_out.ranges_changed)
        hls_viewers = self.sharing.hls_viewers if self.sharing is not None else self.hls.viewers
        self.vitals = Vitals(self.media, hls_viewers, around.live, around.bus)

    def _make_recordings(self, settings: Settings, around: Surroundings) -> None:
        metrics = RecordingMetrics(around.registry)
        self.archive = make_archive(settings, metrics)
        self.recordings = RecordingKeeper(
            around.store,
            self.archive,
            around.recordings,
            recording_rules(settings.recording),
            metrics,
            settings.node.name,
            alone=is_sqlite(settings.database_url),
            keep_days=settings.recording.keep_days,
            clock_ms=around.clock_ms,
        )
        self.library = RecordingLibrary(around.store, self.archive, self.gate, around.tokens, around.clock_ms)

    def _make_vision(self, settings: Settings, around: Surroundings) -> PictureChecks:
        timeout = {"timeout_s": settings.vision.hook_timeout_s}
        ground = VisionGround(
            store=around.store,
            bus=around.bus,
            acts=around.picture_acts,
            rules=around.rules,
            outbound=Outbound(settings.outbound.model_copy(update=timeout)),
            registry=around.registry,
            clock_ms=around.clock_ms,
        )
        return PictureChecks(settings.vision, ground, lambda: self.hls.posters, self.end)

    def _make_hearing(self, settings: Settings, around: Surroundings) -> SoundChecks:
        hearing = settings.hearing
        timeout = {"timeout_s": hearing.hook_timeout_s}
        ground = HearingGround(
            store=around.store,
            acts=around.sound_acts,
            texts=around.texts,
            rules=around.rules,
            ready=around.ready,
            outbound=Outbound(settings.outbound.model_copy(update=timeout)),
            registry=around.registry,
            clock_ms=around.clock_ms,
        )
        return SoundChecks(hearing, ground, self.end)

    def attach(self, app: web.Application) -> None:
        """What publishers and players ask for."""
        self.media.attach(app)
        routes = hls_routes(self.hls, self.gate, self.gate)
        if self.sharing is not None:
            routes = [self.sharing.on(route) for route in routes]
        app.add_routes(routes)
        app.add_routes(recording_routes(self.library))

    def players(self, hosts: frozenset[str] | None) -> Players:
        """Those who answer most of what players ask for, before aiohttp; ``hosts`` as the door's."""
        makes = self.sharing.answers_at_once if self.sharing is not None else lambda _: True
        self._players = Players(self.hls, self.gate, hosts, is_made_here=makes)
        return self._players

    def attach_internal(self, app: web.Application) -> None:
        """What other nodes ask for."""
        if self.sharing is not None:
            self.sharing.attach_internal(app)

    async def announce(self, url: str) -> None:
        """Other nodes reach this one's internal listener at ``url``."""
        if self.sharing is not None:
            await self.sharing.announce(url)

    async def publisher(self, room_id: str) -> dict[str, Any] | None:
        """How a room's publisher fares, and how many watch, wherever it is; ``None`` if nobody publishes.

        Raises ``Refused("temporarily_unavailable")``."""
        if self.sharing is not None:
            return await self.sharing.publisher(room_id)
        stats = self.media.publisher_stats(room_id)
        if stats is None:
            return None
        viewers = {"whep": self.media.viewers(room_id), "hls": self.hls.viewers(room_id)}
        return asdict(stats) | {"viewers": viewers}

    def _first_number(self, room_id: str) -> int:
        return self.origins.first_number(room_id)

    def _moved(self, room_id: str) -> None:
        if self.sharing is not None:
            self.sharing.moved(room_id)

    def uplink_ms(self, room: str) -> float | None:
        """How long a picture takes from its publisher to this node; ``None`` if that isn't known."""
        return self.media.uplink_ms(room)

    def viewers(self, room: str) -> dict[Via, int]:
        """How many watch here, by protocol."""
        return {"whep": self.media.viewers(room), "hls": self.hls.viewers(room)}

    def end(self, stream: str) -> None:
        """End a room's or a guest's picture here as its publisher's goodbye would, soon."""
        task = asyncio.get_running_loop().create_task(self.media.stop_publishing(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        """Raises ``OSError`` if the UDP port is taken. Without the role ``media``, none is bound."""
        await self.origins.start()
        await self.recordings.start()
        await self.vision.start()
        await self.hearing.start()
        await self.media.start()
        await self.rights.start()
        await self.put_out.start()
        await self.vitals.start()

    async def close(self) -> None:
        """Says goodbye to publishers, viewers and other nodes. Idempotent."""
        await self.vitals.close()
        await self.put_out.close()
        await self.rights.close()
        await self.vision.close()
        await self.hearing.close()
        await self.posters.close()
        if self.sharing is not None:
            await self.sharing.close()
        await self.media.close()
        if self._players is not None:
            self._players.close()
        await self.hls.close()
        await self.recordings.close()

    async def let_go(self) -> None:
        """Gives back the leases that this node holds. Idempotent."""
        await self.origins.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _media_config(settings: Settings) -> MediaConfig:
    return MediaConfig(
        node_id=settings.node.name,
        udp_host=_udp_host(settings),
        udp_port=settings.listen.udp_port,
        announced_addresses=tuple(str(a) for a in settings.media.announced_addresses),
        include_loopback=settings.include_loopback,
        grace_s=settings.media.grace_s,
        whep_capacity=settings.media.whep_capacity,
        busy_max=settings.media.busy_max,
        lag_max_s=settings.limits.loop_lag_max_s,
        turn=_turn(settings),
        rtmp_port=settings.media.rtmp.port,
        rtmp_host=settings.listen.host,
        rtmp_publishers_max=settings.media.rtmp.publishers_max,
    )


def _udp_host(settings: Settings) -> str:
    if settings.listen.udp_host is not None:
        return str(settings.listen.udp_host)
    if settings.listen.is_public:
        return any_address()
    return "::1" if settings.listen.host == "::1" else "127.0.0.1"


def _turn(settings: Settings) -> Turn | None:
    turn = settings.media.turn
    if not turn.urls or turn.secret is None:
        return None
    return Turn(turn.urls, turn.secret.get_secret_value(), turn.lifetime_s)


def _hls_config(settings: Settings) -> HlsConfig:
    media = settings.media
    return HlsConfig(
        window_s=media.dvr_s,
        window_bytes=media.dvr_max_bytes,
        part_target_ms=media.part_ms,
        ladder_rooms=frozenset(media.ladder.rooms),
        ladder_heights=tuple(dict.fromkeys(media.ladder.heights)),
        ladder_rooms_max=media.ladder.rooms_max,
    )
