"""The three servers: ours, stock python-socketio, and Node's socket.io."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from annotated_types import Le

from bench.peers.process import Server
from clients.load.tokens import signed
from server.config import Settings

SECRET = "not a secret: it signs the tokens of a benchmark"
ISSUER, AUDIENCE, ROOM = "bench", "danmart", "bench"
_HERE = Path(__file__).parent

# Limits on what one person or address may do: here one machine plays thousands.
_LIMIT = re.compile(r"_per_(10s|s|address|user|connection)$")


def raised_limits() -> dict[str, str]:
    """The environment that sets every such limit of this version as high as it goes."""
    raised = {}
    for section, part in Settings.model_fields.items():
        for name, field in getattr(part.annotation, "model_fields", {}).items():
            bounds = [bound.le for bound in field.metadata if isinstance(bound, Le)]
            if bounds and _LIMIT.search(name):
                raised[f"DANMART_{section}__{name}".upper()] = str(bounds[0])
    return raised


def danmart(
    core: int, folder: Path, *, name: str = "danmart", more: Mapping[str, str] | None = None
) -> Server:
    """A node in ``folder``, as anybody runs one: on SQLite, unless ``more`` of the environment says else."""
    key = {"alg": "HS256", "issuer": ISSUER, "audience": AUDIENCE, "secret": SECRET}
    env = {
        "DANMART_AUTH__KEYS": json.dumps([key]),
        "DANMART_LOG__LEVEL": "warning",
        **raised_limits(),
        **(more or {}),
    }
    # Of the checkout that this is run in.
    command = [
        sys.executable,
        "-m",
        "server.cli",
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--udp-port",
        "0",
    ]
    return Server(name, [*command, "--data", str(folder / f"data-{name}")], core, folder, env)


async def make_room(url: str, room: str = ROOM) -> None:
    """A room on our node; the peers have theirs from the start."""
    host = signed(SECRET, ISSUER, AUDIENCE, 1, may_host=True)[0]
    headers = {"Authorization": f"Bearer {host.token}"}
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as http:
        await http.post(f"{url}/api/v1/rooms", json={"id": room, "title": "Bench"})


def stock(core: int, folder: Path, snapshot_bytes: int) -> Server:
    """python-socketio as its documents have it, on aiohttp and uvloop."""
    command = [sys.executable, "-m", "bench.peers.stock", str(snapshot_bytes)]
    return Server("python-socketio", command, core, folder, _peer_env())


def shared(core: int, folder: Path, name: str, redis_url: str) -> Server:
    """python-socketio with its ``AsyncRedisManager``: one of several processes that make one place."""
    command = [sys.executable, "-m", "bench.peers.shared", redis_url]
    return Server(name, command, core, folder, _peer_env())


def publisher(core: int, folder: Path, redis_url: str) -> Server:
    """Our bus alone, which publishes as a node does after a commit."""
    command = [sys.executable, "-m", "bench.peers.publisher", redis_url]
    return Server("danmart-bus", command, core, folder, _peer_env())


def node(core: int, folder: Path, snapshot_bytes: int) -> Server:
    """Node's socket.io with ws."""
    command = [_node(), str(_HERE / "node/server.mjs"), str(snapshot_bytes)]
    return Server("socket.io", command, core, folder, {**_peer_env(), "NODE_ENV": "production"})


def _peer_env() -> dict[str, str]:
    return {"PEER_SECRET": SECRET, "PEER_ISSUER": ISSUER, "PEER_AUDIENCE": AUDIENCE, "PEER_ROOM": ROOM}


def _node() -> str:
    path = f"{os.environ.get('PATH', '')}{os.pathsep}{Path(sys.prefix) / 'node/bin'}"
    found = shutil.which("node", path=path)
    if found is None:
        raise RuntimeError("no Node.js was found: `./dev test` installs one, or put it on PATH")
    return found


def install_node_peer() -> None:
    """The packages that its lock file names, once. Raises ``RuntimeError`` with what npm said."""
    folder = _HERE / "node"
    if (folder / "node_modules/.package-lock.json").exists():
        return
    npm = Path(_node()).with_name("npm")
    done = subprocess.run(
        [str(npm), "ci", "--omit=dev", "--no-fund", "--no-audit"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"npm ci failed in bench/peers/node:\n{done.stderr[-2000:]}")


def versions() -> dict[str, str]:
    """Of everything that takes part."""
    lock = json.loads((_HERE / "node/package-lock.json").read_text())["packages"]
    names = ("danmart", "python-socketio", "python-engineio", "aiohttp", "uvloop")
    ours = {name: importlib.metadata.version(name) for name in names}
    theirs = {name: str(lock[f"node_modules/{name}"]["version"]) for name in ("socket.io", "ws")}
    said = subprocess.run([_node(), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"python": sys.version.split()[0], **ours, "node": said, **theirs}
