"""For operators: alive, ready, measured, and by whom."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from server.health import Health
from tests.contract.house import house_at
from tests.server.world import World, running_world
from tests.support.processes import free_port


async def test_alive_and_ready(world: World) -> None:
    assert await world.get("/healthz") == (200, {"status": "ok"})
    assert await world.get("/readyz") == (200, {"status": "ready", "failing": []})


async def test_metrics_are_for_this_machine_without_a_token(world: World) -> None:
    room, _ = await world.room()
    await world.viewer(room)
    status, headers, body = await world.request("GET", "/metrics")
    assert (status, headers.getone("Content-Type").split(";")[0]) == (200, "text/plain")
    for name in ("danmart_connections", "danmart_viewers", "danmart_commands_total", "process_cpu_seconds"):
        assert f"\n{name}" in body.decode(), name
    # Who isn't a trusted proxy can't pretend to be elsewhere, nor here.
    assert (await world.request("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"}))[0] == 200


async def test_metrics_seen_through_a_proxy_and_the_internal_listener(tmp_path: Path) -> None:
    port = free_port()
    env = {
        "DANMART_LISTEN__TRUSTED_PROXIES": '["127.0.0.1/32"]',
        "DANMART_LISTEN__INTERNAL_PORT": str(port),
    }
    async with running_world(tmp_path, **env) as world:
        away = {"X-Forwarded-For": "203.0.113.9"}
        status, _, problem = await world.request("GET", "/metrics", headers=away)
        assert (status, problem["code"]) == (403, "forbidden")
        assert (await world.request("GET", "/healthz", headers=away))[0] == 200
        world.url = f"http://127.0.0.1:{port}"
        assert (await world.get("/metrics"))[0] == 200
        assert (await world.get("/readyz"))[0] == 200
        assert (await world.get("/api/v1/rooms"))[0] == 404  # nothing else is answered there


async def test_metrics_with_a_token(tmp_path: Path) -> None:
    async with running_world(tmp_path, DANMART_NODE__METRICS_TOKEN="a token of the operators") as world:
        for given in (None, "Bearer wrong", "Basic YQ==", "a token of the operators"):
            headers = {"Authorization": given} if given else {}
            status, answered, problem = await world.request("GET", "/metrics", headers=headers)
            assert (status, problem["code"]) == (401, "unauthenticated")
            assert answered["WWW-Authenticate"].startswith("Bearer")
        good = {"Authorization": "Bearer a token of the operators"}
        assert (await world.request("GET", "/metrics", headers=good))[0] == 200


async def test_what_is_wrong_is_told_though_the_node_can_work(tmp_path: Path) -> None:
    """A broken trail is no reason to send people elsewhere."""
    wrong: list[str] = []
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        health = Health(
            house.store,
            CollectorRegistry(),
            accepting=lambda: True,
            warnings=lambda: wrong,
            metrics_token=None,
            may_read_metrics=lambda _: True,
        )
        app = web.Application()
        health.attach(app)
        async with TestClient(TestServer(app)) as client:
            assert await (await client.get("/readyz")).json() == {"status": "ready", "failing": []}
            wrong.append("audit")
            async with client.get("/readyz") as answer:
                assert answer.status == 200
                assert (await answer.json())["warnings"] == ["audit"]
