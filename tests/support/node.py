"""A real node: ``danmart serve`` as a process of its own, on ports of its own, that never outlives its test.

async with running_node(tmp_path, "--demo") as node:
    async with aiohttp.ClientSession(node.url) as http:
        ...
        node.kill9()
async with running_node(tmp_path, "--demo") as node:  # the same data again
    ...
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.processes import ServerProcess

READY = re.compile(rb"^danmart ready (http://\S+:(\d+)) udp=(\d+)[\d,]*\s*$", re.MULTILINE)

# Who shares a machine with other tests has a loop that lags, which is no reason to turn anybody away.
_PATIENT = {"DANMART_LIMITS__LOOP_LAG_MAX_S": "30"}

# Logs of the nodes that the running test has started; the report of a failed test shows their tails.
logs_of_this_test: list[Path] = []


class Node:
    """A running node. ``url`` is ``http://127.0.0.1:PORT``, without a slash at the end."""

    def __init__(self, server: ServerProcess, url: str, udp_port: int) -> None:
        self._server = server
        self.url = url
        self.udp_port = udp_port

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self._server.process

    @property
    def log(self) -> Path:
        """What the node wrote to standard output and error."""
        return self._server.log

    def kill9(self) -> None:
        """Kills the node as ``kill -9`` does, and returns when it's gone."""
        self._server.kill()

    def freeze(self) -> None:
        """Stops the node where it is (SIGSTOP): it answers nobody, and can only be killed."""
        self._server.process.send_signal(signal.SIGSTOP)

    async def terminate(self, timeout: float = 15) -> int:
        """Sends SIGTERM and returns the exit code; after ``timeout`` seconds the node is killed (-9)."""
        return await asyncio.to_thread(self._server.stop, timeout)


@asynccontextmanager
async def running_node(
    folder: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    program: Path | None = None,
    ready_timeout: float = 40,
) -> AsyncIterator[Node]:
    """Starts ``danmart serve`` with its data in ``folder/data`` and waits until it's ready.

    ``args`` come last and win over the ports and folder chosen here; ``env`` adds to the environment, in
    which nothing of ``DANMART_`` is left from outside; ``program`` is a ``danmart`` other than this
    environment's. On the way out the node is ended, with SIGTERM first.
    Raises ``RuntimeError`` with the tail of the log when the node ends or isn't ready in time.
    """
    log = _new_log(folder)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DANMART_")}
    fixed = ("--host", "127.0.0.1", "--port", "0", "--udp-port", "0", "--data", str(folder / "data"))
    server = ServerProcess(
        [program or Path(sys.executable).with_name("danmart"), "serve", *fixed, *args],
        log=log,
        cwd=folder,
        env={**clean, **_PATIENT, "PYTHONUNBUFFERED": "1", **(env or {})},
    )
    try:
        url, udp_port = await _wait_until_ready(server, ready_timeout)
        yield Node(server, url, udp_port)
    finally:
        await asyncio.shield(asyncio.to_thread(server.stop))


def _new_log(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"node-{len(logs_of_this_test) + 1}.log"
    logs_of_this_test.append(log)
    return log


async def _wait_until_ready(server: ServerProcess, timeout: float) -> tuple[str, int]:
    deadline = asyncio.get_running_loop().time() + timeout
    while asyncio.get_running_loop().time() < deadline:
        found = READY.search(server.log.read_bytes())
        if found:
            return found[1].decode(), int(found[3])
        if server.process.poll() is not None:
            raise RuntimeError(f"the node ended with {server.process.returncode}:\n{server.tail()}")
        await asyncio.sleep(0.02)
    raise RuntimeError(f"the node wasn't ready after {timeout} s:\n{server.tail()}")
