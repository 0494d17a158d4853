"""A real Caddy from a wheel with the project's Caddyfile, off the ports that belong to the machine."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.processes import ServerProcess, free_port

ROOT = Path(__file__).parents[2]
CADDY = Path(sys.prefix) / "bin" / "caddy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """``url`` is ``https://localhost:PORT``; ``http`` trusts its certificate and decompresses nothing."""

    url: str
    http: aiohttp.ClientSession


@asynccontextmanager
async def running_caddy(folder: Path, *node_ports: int) -> AsyncIterator[Proxy]:
    """Starts a Caddy in front of nodes on these ports of 127.0.0.1, with its certificates in ``folder``."""
    port = free_port()
    config = await asyncio.to_thread(_config, folder, port, node_ports)
    server = ServerProcess(
        [CADDY, "run", "--config", config],
        log=folder / "caddy.log",
        cwd=folder,
        env=os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder)},
    )
    url = f"https://localhost:{port}"
    try:
        authority = await _authority(folder / "caddy/pki/authorities/local/root.crt", server)
        connector = aiohttp.TCPConnector(ssl=authority)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as http:
            await _wait_until_it_answers(http, url, server)
            yield Proxy(url, http)
    finally:
        await asyncio.to_thread(server.stop)


def _config(folder: Path, port: int, node_ports: Sequence[int]) -> Path:
    """The Caddyfile as Caddy reads it, off the ports and the certificate store that belong to the machine."""
    nodes = " ".join(f"127.0.0.1:{node_port}" for node_port in node_ports)
    environment = os.environ | {"DOMAIN": f"localhost:{port}", "NODE": nodes}
    file = str(ROOT / "deploy/Caddyfile")
    adapt = [str(CADDY), "adapt", "--config", file, "--adapter", "caddyfile", "--validate"]
    adapted = subprocess.run(adapt, env=environment | {"HOME": str(folder)}, capture_output=True, check=True)
    config: dict[str, Any] = json.loads(adapted.stdout)
    config["admin"] = {"disabled": True}
    config["apps"]["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    config["apps"]["http"]["http_port"] = free_port()
    config["apps"]["http"]["https_port"] = port
    result = folder / "caddy.json"
    result.write_text(json.dumps(config))
    return result


async def _authority(file: Path, server: ServerProcess) -> ssl.SSLContext:
    for _ in range(500):
        if await asyncio.to_thread(file.exists):  # Caddy renames it into place when it's whole
            return ssl.create_default_context(cafile=file)
        assert server.process.poll() is None, server.tail()
        await asyncio.sleep(0.02)
    raise AssertionError(server.tail())


async def _wait_until_it_answers(http: aiohttp.ClientSession, url: str, server: ServerProcess) -> None:
    for _ in range(500):
        try:
            async with http.get(url):
                return
        except aiohttp.ClientConnectionError:
            assert server.process.poll() is None, server.tail()
            await asyncio.sleep(0.02)
    raise AssertionError(server.tail())
