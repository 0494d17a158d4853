"""One node: every part made, started in order, and taken down in the reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from moderation.evasion.traces import Tracer
from rooms.likes import write_likes
from rooms.unit import News
from server import api
from server.api.context import API, Api
from server.audit import AuditKeeper
from server.audit_watch import AuditWatch
from server.auth import DemoTokens, Identity, PublishTokens, SignedPaths, Tokens
from server.auth.cluster import ClusterTokens
from server.auth.derive import derive
from server.auth.own import own_key
from server.bus.memory import MemoryBus
from server.bus.metrics import BusMetrics
from server.bus.redis import RedisBus
from server.checkpoints import Checkpoints
from server.commands import Commands
from server.config import Settings, is_loopback, node_secret
from server.demo import Demo
from server.domain import Domain, Ground
from server.gateway import Gateway
from server.health import Health
from server.house_rules import COMMENT_WINDOW_MS
from server.housekeeping import Housekeeping
from server.late_checks import LateChecks
from server.late_stocks import OfPeople, OfRooms
from server.latency import Latencies
from server.limits import CommandLimits
from server.live.healing import Healer
from server.live.rooms import LiveRooms
from server.live.users import UserChannels
from server.middlewares import cors, host_check, problems, request_id, room_names
from server.outbound import Outbound
from server.pages import Pages
from server.picture import Picture, Surroundings
from server.presence import Presence
from server.proxies import client_of, proxy_middleware
from server.replay_desk import ReplayDesk
from server.review import ReviewDesk
from server.shop_front import ShopFront
from server.signins import SignIns
from server.socket.admission import Admission
from server.socket.door import Door
from server.socket.hub import Hub
from server.socket.packets import encode_message
from server.socket.polling import PollingDriver
from server.store.engine import is_sqlite
from server.store.group import Work
from server.store.store import Store
from server.transparency import PlatformNumbers
from server.webhooks.endpoints import Endpoints
from server.webhooks.post import Post
from server.webhooks.service import Webhooks

log = structlog.get_logger(__name__)

LIKES_EVERY_S = 3.0
WEBHOOKS_AT_ONCE = 256
RULEBOOKS = "*"


def wall_ms() -> int:
    """Unix milliseconds, UTC."""
    return time.time_ns() // 1_000_000


class Node:
    """A running Danmart. ``start`` binds the ports; ``close`` is ordered, bounded in time and idempotent."""

    def __init__(self, settings: Settings, clock_ms: Callable[[], int] = wall_ms) -> None:
        self.settings = settings
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._clock_ms = clock_ms
        self._draining = False
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self._internal: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._door: Door | None = None
        self.url = ""
        self._make_store()
        self._make_domain()
        self._make_webhooks()
        self._make_media()
        self._make_edge()

    # making

    def _make_store(self) -> None:
        settings = self.settings
        self.bus = self._make_bus()
        self.checkpoints = Checkpoints()
        self.store = Store(
            settings.database_url,
            published=self._published,
            registry=self.registry,
            node=settings.node.name,
            clock_ms=self._clock_ms,
            group_max=settings.store.group_max,
            queue_max=settings.store.queue_max,
        )
        self.live = LiveRooms(self.store, self.bus, encode_message, self.registry)
        self.users = UserChannels(self.store, self.bus, encode_message)
        self.healer = Healer(self.store, self.bus, self.live, self.users, self.registry)
        self.presence: Presence | None = None
        if isinstance(self.bus, RedisBus):
            self.bus.on_change = self.healer.nudge
            self.presence = Presence(
                str(settings.redis_url), settings.bus.prefix, settings.node.name, self.live
            )

    def _make_bus(self) -> MemoryBus | RedisBus:
        url = self.settings.redis_url
        metrics = BusMetrics(self.registry)
        return RedisBus(url, metrics, prefix=self.settings.bus.prefix) if url else MemoryBus()

    def _published(self, news: News) -> None:
        self.bus.publish(news)
        self.checkpoints.count(news)
        self.webhooks.news(news)
        self.domain.evasion.hear(news)
        self.review.news(news)

    def _make_domain(self) -> None:
        settings = self.settings
        self.outbound = Outbound(settings.outbound)
        self.tracer = Tracer(derive(node_secret(settings), "traces"))
        ground = Ground(
            store=self.store,
            live=self.live,
            users=self.users,
            outbound=self.outbound,
            registry=self.registry,
            clock_ms=self._clock_ms,
            return_base=lambda: settings.listen.public_url or self.url,
            tracer=self.tracer,
        )
        self.domain = Domain(settings, ground)
        self.services = self.domain.services
        self.audit = AuditKeeper(
            self.store, self._clock_ms, details_days=settings.moderation.audit_details_days
        )
        self.audit_watch = AuditWatch(
            self.store,
            self._clock_ms,
            self.registry,
            settings.node.name,
            every_s=settings.moderation.audit_verify_every_s,
            alone=is_sqlite(settings.database_url),
        )
        self.transparency = PlatformNumbers(self.store, self._clock_ms)
        self.review = ReviewDesk(
            self.store,
            self.services.queue.review,
            self.users.connections,
            self._clock_ms,
            self.registry,
            kept_days=settings.moderation.review_kept_days,
        )
        self.live.for_left.append(self.review.left)
        self.housekeeping = Housekeeping(
            self.store,
            self.checkpoints,
            self._clock_ms,
            pace_window_ms=COMMENT_WINDOW_MS,
            more=(
                self.services.cashier.count_owed,
                self.audit.age,
                self.transparency.settle,
                self.review.prune,
                self.domain.evasion.forget,
                self.domain.stills.prune,
                self.domain.avatars.prune,
                self.domain.sounds.prune,
            ),
        )

    def _make_webhooks(self) -> None:
        settings, limits = self.settings, self.settings.webhooks
        # A client of their own: receivers that hang must not take the places of what people wait for.
        outbound = Outbound(
            settings.outbound.model_copy(update={"timeout_s": limits.timeout_s}),
            concurrent_max=min(WEBHOOKS_AT_ONCE, max(1, limits.endpoints_max) * limits.concurrent),
        )
        self.post = Post(outbound, self._clock_ms)
        self.endpoints = Endpoints(limits.endpoints_max)
        self.webhooks = Webhooks(
            self.store,
            self.post,
            self.registry,
            settings.node.name,
            alone=is_sqlite(settings.database_url),
            clock_ms=self._clock_ms,
            concurrent=limits.concurrent,
            call=self.bus.tell_grown,
        )

    def _make_media(self) -> None:
        settings = self.settings
        secret = node_secret(settings)
        demo = DemoTokens(secret, public=settings.demo_public) if settings.demo else None
        keys = (*settings.auth.keys, own_key(secret))
        self.demo_tokens = demo
        self.tokens = Tokens(
            keys,
            self.outbound.get,
            leeway_s=settings.auth.leeway_s,
            demo=demo,
            shown=self.domain.names.shown,
        )
        around = Surroundings(
            store=self.store,
            bus=self.bus,
            tokens=self.tokens,
            publish_tokens=PublishTokens(secret),
            signed_paths=SignedPaths(secret),
            lifecycle=self.services.lifecycle,
            guests=self.services.guests,
            live=self.live,
            recordings=self.services.recordings,
            registry=self.registry,
            clock_ms=self._clock_ms,
            cluster_tokens=ClusterTokens(secret),
            picture_acts=self.services.picture_acts,
            rules=self.domain.rulebooks.at_hand,
            sound_acts=self.services.sound_acts,
            texts=self.domain.texts,
            ready=self.domain.rulebooks.ready,
            ranges=self.domain.evasion.ranges,
        )
        self.picture = Picture(settings, around)
        self.late_checks = LateChecks(
            self.store,
            (OfRooms(self.domain.uploads), OfPeople(self.services.avatar_acts)),
            self.picture.vision,
            self.picture.vision.metrics,
            settings.node.name,
            settings.vision.late_per_min if settings.vision.is_on else 0,
            self._clock_ms,
        )
        self.replay = ReplayDesk(
            self.store,
            self.picture.archive,
            self.domain.clips,
            secret,
            alone=is_sqlite(settings.database_url),
            clock_ms=self._clock_ms,
        )
        self.latencies = Latencies(self.picture, self.registry, self._clock_ms)

    def _make_edge(self) -> None:
        settings = self.settings
        self.commands = Commands(
            self.store,
            self.services,
            self._clock_ms,
            front=ShopFront(self.live.left, starts_at_ms=self.live.starts_at_ms),
            is_open=lambda room_id: self.live.get(room_id) is not None,
            liked=self.live.liked,
            liker=self.domain.points.watching.liked,
            rulebooks=self.domain.rulebooks,
            ended=self.picture.end,
            refuse_banned=self.picture.gate.bans.refuse,
            in_room=self.domain.names.in_room,
            look_over=self.domain.filter_hook.ask if self.domain.filter_hook else None,
            direct={
                "publish.token": self.picture.gate.publish_token,
                "gift.top": self.domain.gift_keeper.top,
                "lottery.check": self.domain.draws.check,
                "quiz.check": self.domain.own_parts.quiz,
                "poll.check": self.domain.own_parts.poll,
                "packet.opens": self.domain.packet_pages.opens,
            },
        )
        self.signins = SignIns(
            self.store, self.tracer, self._clock_ms, self.domain.evasion.reached, self.domain.audit
        )
        self.domain.evasion.ranges.note = self.signins.note
        self.limits = CommandLimits(settings.limits)
        self.gateway = Gateway(
            tokens=self.tokens,
            signins=self.signins,
            store=self.store,
            commands=self.commands,
            live=self.live,
            users=self.users,
            clock_ms=self._clock_ms,
            registry=self.registry,
            recovered_max=settings.rooms.recovered_events_max,
            limits=self.limits,
            connections_per_user=settings.limits.connections_per_user,
            levels=self.domain.levels,
            faces=self.domain.faces,
            latencies=self.latencies,
            evasion=self.domain.evasion,
            names=self.domain.names,
        )
        self.gateway.put_out = self.picture.put_out.now
        self.live.for_staff.append(self.latencies.signal)
        self.live.for_heard.append(self.latencies.hear)
        admission = Admission(
            settings.limits.connections_per_address, time.monotonic, lag_max_s=settings.limits.loop_lag_max_s
        )
        self.hub = Hub(self.gateway, admission, self.registry)
        self.polling = PollingDriver(self.hub, settings.listen.transports)
        self.demo: Demo | None = None
        if self.demo_tokens is not None:
            self.demo = Demo(
                self.store,
                self.services,
                self.domain.keyring,
                self.domain.pictures,
                self.picture.gate,
                self.demo_tokens,
            )

    def _app(self) -> web.Application:
        settings = self.settings
        app = web.Application(client_max_size=settings.listen.max_body_bytes)
        if (hosts := self._hosts()) is not None:
            app.middlewares.append(host_check(hosts))
        app.middlewares.extend([proxy_middleware(settings.listen.trusted_proxies), request_id])
        if not settings.demo:
            # A demo hands out tokens to whoever asks, so no website may ask in somebody's name.
            app.middlewares.append(cors)
        app.middlewares.extend([problems, room_names])
        self._health(internal=False).attach(app)
        self.picture.attach(app)
        if settings.node.is_gateway:
            self._attach_gateway(app)
        return app

    def _attach_gateway(self, app: web.Application) -> None:
        settings = self.settings
        app[API] = Api(
            store=self.store,
            tokens=self.tokens,
            commands=self.commands,
            limits=self.limits,
            services=self.services,
            live=self.live,
            media=self.picture.media,
            hls=self.picture.hls,
            posters=self.picture.posters,
            publisher=self.picture.publisher,
            paths=self.picture.gate.paths,
            signins=self.signins,
            keyring=self.domain.keyring,
            pictures=self.domain.pictures,
            avatars=self.domain.avatars,
            demo=self.demo_tokens,
            grant_demo_role=self._grant_demo_role,
            clock_ms=self._clock_ms,
            pictures_max_bytes=settings.rooms.pictures_max_bytes,
            webhooks=self.webhooks,
            endpoints=self.endpoints,
            post=self.post,
            coin_rules=self.domain.coin_rules,
            gift_catalogue=self.domain.gift_catalogue,
            gift_keeper=self.domain.gift_keeper,
            packet_pages=self.domain.packet_pages,
            rights=self.picture.rights,
            library=self.picture.library,
            replay=self.replay,
            audit=self.audit,
            audit_watch=self.audit_watch,
            transparency=self.transparency,
            vision=self.picture.vision,
            ranges=self.domain.evasion.ranges,
            filter=self.domain.filter_desk,
        )
        api.attach(app)
        Pages(embed_origins=settings.listen.embed_origins).attach(app)
        self.polling.attach(app)

    def _hosts(self) -> frozenset[str] | None:
        """The names that this node answers to; None: any."""
        settings = self.settings
        return _demo_hosts(settings.listen.host) if settings.demo and not settings.demo_public else None

    def _health(self, *, internal: bool) -> Health:
        token = self.settings.node.metrics_token
        return Health(
            self.store,
            self.registry,
            accepting=lambda: not self._draining,
            warnings=lambda: ["audit"] if self.audit_watch.is_broken else [],
            metrics_token=token.get_secret_value() if token and not internal else None,
            may_read_metrics=lambda request: internal or is_loopback(str(client_of(request))),
        )

    def _internal_app(self) -> web.Application:
        """What the internal listener answers: health and metrics without a token, and other nodes."""
        app = web.Application(middlewares=[problems, room_names])
        # A port that nobody asked for must not be a way around the metrics' token.
        self._health(internal=self.settings.listen.internal_port is not None).attach(app)
        self.picture.attach_internal(app)
        return app

    async def _grant_demo_role(self, identity: Identity) -> None:
        if self.demo is not None:
            await self.demo.grant(identity)

    # running

    async def start(self) -> None:
        """Migrate, recover, bind the ports, begin. Raises ``OSError`` if a port is taken."""
        settings = self.settings
        await self.store.start()
        await self._start_bus()
        await self.domain.rulebooks.start()
        await self._follow_rulebooks()
        await self.domain.evasion.ranges.start()
        await self.picture.start()
        await self.late_checks.start()
        await self.replay.start()
        if settings.node.is_gateway:
            await self._start_gateway()
        self._runner = web.AppRunner(
            self._app(), access_log=None, shutdown_timeout=settings.node.drain_s, handler_cancellation=True
        )
        await self._runner.setup()
        host, port = await self._open_door(self._runner)
        await self._open_internal()
        self.url = f"http://{_as_url_host(host)}:{port}"
        if self.demo is not None:
            await self.demo.start(self.url)

    async def _open_internal(self) -> None:
        """Bind the internal port, and tell other nodes where; any free one where there may be others."""
        listen = self.settings.listen
        if listen.internal_port is None and self.picture.sharing is None:
            return
        self._internal = web.AppRunner(self._internal_app(), access_log=None, handler_cancellation=True)
        await self._internal.setup()
        host = listen.internal_host or "127.0.0.1"
        await web.TCPSite(self._internal, host, listen.internal_port or 0).start()
        port = self._internal.addresses[0][1]
        await self.picture.announce(listen.internal_url or f"http://{_as_url_host(host)}:{port}")

    async def _start_gateway(self) -> None:
        """What people, and what is due, need."""
        await self.domain.gift_keeper.start()
        await self.domain.evasion.start()
        await self.live.start()
        await self.domain.timers.start()
        await self.webhooks.start()
        await self.bus.join_grown(self.webhooks.grown)
        self._tasks.append(asyncio.create_task(self._write_likes(), name="likes"))
        await self.housekeeping.start()
        await self.audit_watch.start()
        await self.domain.points.start()
        await self.hub.start()

    async def _open_door(self, runner: web.AppRunner) -> tuple[str, int]:
        """Bind the HTTP port; gives its address."""
        listen, others = self.settings.listen, runner.server
        if others is None:
            raise RuntimeError("set the runner up first")
        self._door = Door(
            self.hub,
            others,
            players=self.picture.players(self._hosts()),
            trusted=listen.trusted_proxies,
            hosts=self._hosts(),
        )
        self.hub.closing = not self.settings.node.is_gateway
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._door, listen.host, listen.port, backlog=1024, reuse_port=listen.port_shared or None
        )
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    async def close(self) -> None:
        """Stop accepting, send the clients on, drain, end own tasks, close the store last."""
        if self._draining:
            return
        self._draining = True
        if self._server is not None:
            self._server.close()
        if self._door is not None:
            self._door.close()
        if isinstance(self.bus, RedisBus):
            await self.gateway.hand_over(self.settings.node.drain_s / 2)
        self.picture.stage.close()
        if self.demo is not None:
            await self.demo.close()
        await self.domain.points.see()  # while they are still here
        await self.gateway.close()
        await self.hub.close()
        await self.polling.close()
        await self.replay.close()
        await self.late_checks.close()
        await self.picture.close()
        await self.domain.evasion.ranges.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.healer.close()
        if self.presence is not None:
            await self.presence.close()
        await self.live.close()
        await self.review.close()
        await self.domain.timers.close()
        await self.domain.rulebooks.close()
        await self.webhooks.close()
        await self.domain.close_providers()
        await self.audit_watch.close()
        await self.housekeeping.close()
        await self.domain.points.close()
        await self.picture.let_go()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self._flush_likes()
            await self.domain.gift_keeper.close()
            await self.domain.evasion.close()
        await self.store.close()
        await self.bus.close()
        if self._internal is not None:
            await self._internal.cleanup()

    async def _start_bus(self) -> None:
        """On a single node there is nobody to hear of, and nothing to heal."""
        if isinstance(self.bus, RedisBus):
            await self.bus.start()
            await self.healer.start()
        if self.presence is not None:
            await self.presence.start()

    async def _follow_rulebooks(self) -> None:
        """No room is called ``*``: its channel is where nodes nudge each other to look at the rulebooks."""
        books = self.domain.rulebooks
        await self.bus.join_room(RULEBOOKS, books.nudge)
        books.call = partial(self.bus.call_origin, RULEBOOKS)
        books.follow(alone=not isinstance(self.bus, RedisBus))

    async def _write_likes(self) -> None:
        while True:
            await asyncio.sleep(LIKES_EVERY_S)
            await self._flush_likes()

    async def _flush_likes(self) -> None:
        counts = self.services.likes.take()
        if not counts:
            return
        answer = await self.store.write(Work("likes.add", lambda tx: write_likes(tx, counts)))
        if not answer.ok:
            self.services.likes.give_back(counts)


def _demo_hosts(host: str) -> frozenset[str]:
    return frozenset({"localhost", "127.0.0.1", "[::1]", "::1", host.lower()})


def _as_url_host(host: str) -> str:
    if host == "0.0.0.0":  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
