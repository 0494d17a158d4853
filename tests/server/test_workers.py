"""``danmart serve --workers``: what it takes, how workers differ, and that they are kept alive."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.cli import run
from server.config import ConfigError, Settings
from server.workers import check, plan
from tests.support.node import running_node

SETTINGS: dict[str, Any] = {
    "store": {"url": "postgresql://somewhere/danmart"},
    "bus": {"redis_url": "redis://somewhere"},
    "node": {"name": "box"},
}


def test_several_need_redis_and_postgresql() -> None:
    check(Settings(**SETTINGS), 4)
    with pytest.raises(ConfigError) as refused:
        check(Settings(), 4)
    assert {problem.path for problem in refused.value.problems} == {"bus.redis_url", "store.url"}


def test_ports_must_suffice() -> None:
    settings = Settings(**SETTINGS, listen={"udp_port": 65_534})
    check(settings, 2)
    with pytest.raises(ConfigError, match="udp_port"):
        check(settings, 3)


def test_each_has_a_name_and_ports_of_its_own() -> None:
    internal = {"internal_port": 9090, "internal_url": "http://box:9090"}
    settings = Settings(**SETTINGS, listen={"udp_port": 8189, **internal})
    first, second = plan(settings, ["--config", "x.toml"], 2, port=8080)
    assert first.environment["DANMART_NODE__NAME"] == "box-0"
    assert second.environment["DANMART_NODE__NAME"] == "box-1"
    assert second.environment["DANMART_LISTEN__INTERNAL_PORT"] == "9091"
    assert first.environment["DANMART_LISTEN__INTERNAL_URL"] == "http://box:9090"
    assert second.environment["DANMART_LISTEN__INTERNAL_URL"] == "http://box:9091"
    assert second.arguments[:3] == ("serve", "--config", "x.toml")
    assert second.arguments[-4:] == ("--port", "8080", "--udp-port", "8190")


def test_the_command_line_is_refused_with_reasons(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["serve", "--workers", "2", "--data", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "bus.redis_url" in said
    assert "store.url" in said


def children_of(process_id: int) -> set[int]:
    listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return {int(child) for child in listed}


async def answers(url: str, times: int) -> bool:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        for _ in range(times):
            try:
                async with http.get(f"{url}/readyz") as response:
                    if response.status != 200:
                        return False
            except aiohttp.ClientError:
                return False
    return True


async def test_one_that_dies_is_started_again_and_all_end_together(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    env = {"DANMART_STORE__URL": postgres_url, "DANMART_BUS__REDIS_URL": redis_url}
    async with running_node(tmp_path, "--workers", "2", env=env, ready_timeout=30) as node:
        supervisor = node.process.pid
        before = children_of(supervisor)
        assert len(before) == 2
        assert await answers(node.url, 20)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(20):
            while victim in (now := children_of(supervisor)) or len(now) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            while node.log.read_text().count('"healthy":true') < 3 or not await answers(node.url, 20):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert await node.terminate() == 0
        for child in now:
            with pytest.raises(ProcessLookupError):
                os.kill(child, 0)
