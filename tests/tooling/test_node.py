"""A node as a process: started, asked, ended and killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.node import Node, running_node
from tests.tooling import dockerfile

IMAGE = dockerfile.parse((Path(__file__).parents[2] / "Dockerfile").read_text())[-1]


async def _status(node: Node, path: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{node.url}{path}") as answer:
        return answer.status


async def _health_check_of_the_image(node: Node) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *IMAGE.health_command[1:],
        env={"DANMART_LISTEN__PORT": str(node.port)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


async def test_node_answers_until_it_is_asked_to_end(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        assert await _status(node, "/healthz") == 200
        assert node.udp_port > 0
        assert await node.terminate() == 0
        with pytest.raises(aiohttp.ClientConnectionError):
            await _status(node, "/healthz")


async def test_health_check_of_the_image_follows_a_real_node(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        assert await _health_check_of_the_image(node) == 0
        node.kill9()
        assert node.process.returncode == -9
        assert await _health_check_of_the_image(node) != 0


async def test_two_nodes_have_ports_and_logs_of_their_own(tmp_path: Path) -> None:
    async with running_node(tmp_path / "a") as a, running_node(tmp_path / "b") as b:
        assert (a.url, a.udp_port) != (b.url, b.udp_port)
        assert a.log != b.log


async def test_node_that_does_not_start_tells_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="DANMART_LISTEN__PROT"):
        async with running_node(tmp_path, env={"DANMART_LISTEN__PROT": "1"}):
            pass


async def test_node_on_postgres_keeps_its_data_there(tmp_path: Path, postgres_url: str) -> None:
    async with running_node(tmp_path, env={"DANMART_STORE__URL": postgres_url}) as node:
        assert await _status(node, "/readyz") == 200
    assert not list((tmp_path / "data").glob("*.db"))
