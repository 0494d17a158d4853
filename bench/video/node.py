"""A Danmart node under test: started on a core of its own, with a room, a stream key and its own numbers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from bench.peers.process import Server

DANMART = Path(sys.executable).with_name("danmart")
ROOM = "bench"
_ENV = {
    "DANMART_MEDIA__WHEP_CAPACITY": "1000",
    "DANMART_LIMITS__LOOP_LAG_MAX_S": "30",
    "DANMART_LIMITS__CONNECTIONS_PER_USER": "100000",
    "DANMART_LIMITS__CONNECTIONS_PER_ADDRESS": "100000",
    "DANMART_LOG__LEVEL": "warning",
}


def node(name: str, folder: Path, core: int, *args: str, env: Mapping[str, str] | None = None) -> Server:
    """``danmart serve`` with its data in ``folder/name``."""
    fixed = ("--host", "127.0.0.1", "--port", "0", "--udp-port", "0", "--data", str(folder / name))
    command = [str(DANMART), "serve", *fixed, *args]
    return Server(name, command, core, folder, {**_ENV, **(env or {})})


def sign(data: Path, user: str, *more: str) -> str:
    """A token that the node with its files in ``data`` believes."""
    command = [str(DANMART), "token", "--data", str(data), "--user", user, *more]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


async def open_room(http: aiohttp.ClientSession, url: str, token: str) -> str:
    """Creates the room; gives a stream key for it."""
    headers = {"Authorization": f"Bearer {token}"}
    room = {"id": ROOM, "title": "Bench"}
    async with http.post(f"{url}/api/v1/rooms", json=room, headers=headers) as response:
        if response.status not in (200, 201):
            raise RuntimeError(await response.text())
    key = {"label": "bench"}
    async with http.post(f"{url}/api/v1/rooms/{ROOM}/stream-keys", json=key, headers=headers) as response:
        if response.status != 201:
            raise RuntimeError(await response.text())
        made: dict[str, str] = await response.json()
        return made["key"]


async def numbers(http: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """The node's metrics without labels, by name."""
    async with http.get(f"{url}/metrics") as response:
        text = await response.text()
    return {name: float(value) for name, value in re.findall(r"^([a-z_]+) ([0-9.e+-]+)$", text, re.MULTILINE)}
