"""For operators: /healthz (the process answers), /readyz (it can do its work), /metrics."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy import text

from rooms.errors import Refused
from server.store.store import Store

ANSWERS_WITHIN_S = 2.0


class Health:
    """``warnings`` names what is wrong though the node can work, which readiness tells and isn't about.
    Metrics need the token if one is set; without one, ``may_read_metrics`` decides by the request."""

    def __init__(
        self,
        store: Store,
        registry: CollectorRegistry,
        *,
        accepting: Callable[[], bool],
        warnings: Callable[[], list[str]],
        metrics_token: str | None,
        may_read_metrics: Callable[[web.Request], bool],
    ) -> None:
        self._store = store
        self._registry = registry
        self._accepting = accepting
        self._warnings = warnings
        self._metrics_token = metrics_token
        self._may_read_metrics = may_read_metrics

    def attach(self, app: web.Application) -> None:
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)

    async def _healthz(self, _: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        checks = {"accepting": self._accepting(), "database": await self._answers(self._ask_database)}
        ready = all(checks.values())
        failing = [name for name, fine in checks.items() if not fine]
        said: dict[str, object] = {"status": "ready" if ready else "not ready", "failing": failing}
        if warnings := self._warnings():
            said["warnings"] = warnings
        return _json(said, 200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        if self._metrics_token is not None:
            given = request.headers.get("Authorization", "")
            expected = f"Bearer {self._metrics_token}"
            if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode()):
                raise Refused(
                    "unauthenticated", "Metrics need Authorization: Bearer with node.metrics_token."
                )
        elif not self._may_read_metrics(request):
            raise Refused("forbidden", "Set node.metrics_token to read metrics from another machine.")
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _ask_database(self) -> None:
        await self._store.read(lambda conn: conn.execute(text("SELECT 1")).one())

    async def _answers(self, ask: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await ask()
        except (Refused, TimeoutError):
            return False
        return True


def _json(said: Mapping[str, object], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(said), status=status, content_type="application/json")
