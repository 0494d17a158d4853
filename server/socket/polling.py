"""python-socketio's own driver, for clients that begin with polling; some upgrade to a WebSocket later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import socketio
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler as RequestHandler
from aiohttp.typedefs import Middleware

from rooms.errors import Refused
from server.answers import as_refused, error_object, problem
from server.limits import RETRY_AFTER_MS
from server.outlet import EngineOutlet
from server.proxies import Client, client_of
from server.socket.client import MESSAGE_MAX_BYTES
from server.socket.handshake import PATH
from server.socket.hub import Hub
from server.socket.packets import NAMESPACE
from server.wire import WireServer, message_length, step_aside

log = structlog.get_logger(__name__)

# The libraries log what clients do wrong, as errors with tracebacks. Our own errors are logged here.
_NOBODY = logging.getLogger("danmart.nobody")
_NOBODY.disabled = True


class PollingDriver(socketio.AsyncNamespace):
    """Namespace ``/live`` of python-socketio, handing everything on to the hub's handler."""

    def __init__(self, hub: Hub, transports: Sequence[str] = ("websocket", "polling")) -> None:
        super().__init__(NAMESPACE)
        self._hub = hub
        self.sio = WireServer(
            hub.malformed.inc,
            self._arrived,
            self._gone,
            hub.slow.inc,
            hub.spawn,
            lambda: hub.handler.lengthy,
            async_mode="aiohttp",
            async_handlers=False,
            cors_allowed_origins="*",  # tokens are in the connect packet, never in a cookie
            max_http_buffer_size=MESSAGE_MAX_BYTES,
            ping_interval=hub.times.ping_interval_s,
            ping_timeout=hub.times.ping_timeout_s,
            http_compression=False,
            transports=list(transports),
            logger=_NOBODY,
            engineio_logger=_NOBODY,
        )
        self.sio.register_namespace(self)
        self._sites: dict[str, str] = {}
        self._closed = False

    def attach(self, app: web.Application) -> None:
        app.middlewares.append(self._newcomers())
        self.sio.attach(app)

    async def close(self) -> None:
        """Close what is left of the sessions; new ones are refused since the hub closed. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self.sio.hang_up_all()
        await asyncio.sleep(0)
        await self.sio.shutdown()

    def _newcomers(self) -> Middleware:
        @web.middleware
        async def check(request: web.Request, handler: RequestHandler) -> web.StreamResponse:
            if request.path == PATH and "sid" not in request.query:
                try:
                    if self._hub.closing:
                        raise Refused("temporarily_unavailable", retry_after_ms=RETRY_AFTER_MS)
                    self._hub.admission.check(client_of(request).address)
                except Refused as refusal:
                    self._hub.refused.labels(refusal.code).inc()
                    return problem(refusal)
            self.sio.forget_closed(request.query.get("sid", ""))
            return await handler(request)

        return check

    # sessions

    def _arrived(self, eio_sid: str, environ: dict[str, Any]) -> None:
        self._sites[eio_sid] = self._hub.admission.enter(_client(environ).address)
        loop = asyncio.get_running_loop()
        loop.call_later(self._hub.times.connect_timeout_s, self._check_connected, eio_sid)

    def _gone(self, eio_sid: str) -> None:
        if site := self._sites.pop(eio_sid, None):
            self._hub.admission.leave(site)

    def _check_connected(self, eio_sid: str) -> None:
        known = eio_sid in self._sites and eio_sid in self.sio.eio.sockets
        if known and self.sio.manager.sid_from_eio_sid(eio_sid, NAMESPACE) is None:
            self._hub.unconnected.inc()
            self.sio.hang_up(self.sio.eio.sockets[eio_sid])

    # python-socketio calls this for everything: connecting, disconnecting, and each event

    async def trigger_event(self, event: str, *args: Any) -> Any:
        try:
            if event == "connect":
                return await self._connect(args[0], args[1], args[2] if len(args) > 2 else None)
            if event == "disconnect":
                await self._hub.handler.disconnect(args[0])
                return None
            reply = await self._hub.handler.command(
                args[0], event, args[1:], message_length.get(), step_aside.get()
            )
            return self.sio.not_handled if reply is None else reply
        except (asyncio.CancelledError, socketio.exceptions.ConnectionRefusedError):
            raise
        except Exception:
            log.exception("gateway_failed", event_name=event)
            raise

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        eio_sid = self.sio.manager.eio_sid_from_sid(sid, NAMESPACE)
        outlet = EngineOutlet(self.sio.eio, eio_sid, hang_up=self.sio.hang_up, too_slow=self._hub.slow.inc)
        try:
            await self._hub.handler.connect(sid, auth, outlet, str(_client(environ)))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            refusal = as_refused(error)
            raise socketio.exceptions.ConnectionRefusedError(refusal.message, error_object(refusal)) from None


def _client(environ: dict[str, Any]) -> Client:
    request: web.Request = environ["aiohttp.request"]
    return client_of(request)
