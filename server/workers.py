"""``danmart serve --workers N``: N nodes on this machine behind one port, kept alive by this process.

A worker is a plain node with a name and a UDP port of its own. It ends when its standard input does, so that
none is left behind whatever happens to this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from server.config import ConfigError, Problem, Settings
from server.store.engine import is_sqlite

RESTART_MIN_S, RESTART_MAX_S = 0.5, 10.0
# A worker that ran for so long has not failed at starting.
SETTLED_S = 30.0
READY_PREFIX = b"danmart ready "


def check(settings: Settings, workers: int) -> None:
    """Raises ``ConfigError`` unless nodes with these settings can work together."""
    problems = []
    if settings.redis_url is None:
        problems.append(
            Problem(
                "bus.redis_url", "is not set, and several workers need Redis", "set it, or run one worker"
            )
        )
    if is_sqlite(settings.database_url):
        problems.append(
            Problem("store.url", "is SQLite, which is for one node only", "set it to a PostgreSQL database")
        )
    if settings.demo:
        problems.append(Problem("demo", "is for one node", "leave out --workers, or --demo"))
    if settings.listen.udp_port and settings.listen.udp_port + workers - 1 > 65_535:
        problems.append(
            Problem("listen.udp_port", "leaves no port for the last worker", "choose a lower one")
        )
    if problems:
        raise ConfigError(problems)


@dataclass(frozen=True, slots=True)
class Worker:
    """How one worker is started."""

    arguments: tuple[str, ...]
    environment: dict[str, str]


def plan(settings: Settings, arguments: Sequence[str], workers: int, port: int) -> list[Worker]:
    """The command line and environment of each worker, from those of this process."""
    listen = settings.listen
    plans = []
    for index in range(workers):
        own = ["--port", str(port), "--udp-port", str(listen.udp_port + index if listen.udp_port else 0)]
        environment = {
            "DANMART_NODE__NAME": f"{settings.node.name}-{index}",
            "DANMART_LISTEN__PORT_SHARED": "true",
        }
        if listen.internal_port:
            environment["DANMART_LISTEN__INTERNAL_PORT"] = str(listen.internal_port + index)
            if listen.internal_url is not None:
                environment["DANMART_LISTEN__INTERNAL_URL"] = _with_port(
                    listen.internal_url, listen.internal_port + index
                )
        plans.append(Worker(("serve", *arguments, "--workers", "1", "--supervised", *own), environment))
    return plans


def _with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
    return f"{parts.scheme}://{host}:{port}"


class Supervisor:
    """Starts the workers, starts those that die again, and ends all of them."""

    def __init__(self, settings: Settings, arguments: Sequence[str], workers: int) -> None:
        self._settings = settings
        self._arguments = arguments
        self._workers = workers
        self._stopping = asyncio.Event()
        self._processes: set[asyncio.subprocess.Process] = set()
        self._ready: asyncio.Queue[str] = asyncio.Queue()

    async def run(self) -> int:
        """Until SIGTERM or SIGINT; gives the exit code. A second signal ends the workers at once."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        with _reserved(self._settings.listen.host, self._settings.listen.port) as port:
            plans = plan(self._settings, self._arguments, self._workers, port)
            keepers = [asyncio.create_task(self._keep(worker)) for worker in plans]
            announcer = asyncio.create_task(self._announce())
            await asyncio.gather(*keepers)
            announcer.cancel()
        return 0

    def _stop(self) -> None:
        number = signal.SIGKILL if self._stopping.is_set() else signal.SIGTERM
        self._stopping.set()
        self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def _announce(self) -> None:
        lines = [await self._ready.get() for _ in range(self._workers)]
        ports = ",".join(line.rpartition("udp=")[2] for line in lines)
        print(f"{lines[0].rpartition(' udp=')[0]} udp={ports}", flush=True)
        while True:
            await self._ready.get()

    async def _keep(self, worker: Worker) -> None:
        loop, pause_s = asyncio.get_running_loop(), RESTART_MIN_S
        while not self._stopping.is_set():
            started = loop.time()
            code = await self._run_one(worker)
            if self._stopping.is_set():
                return
            name = worker.environment["DANMART_NODE__NAME"]
            print(f"danmart: worker {name} ended with {code}, starting it again", file=sys.stderr, flush=True)
            pause_s = RESTART_MIN_S if loop.time() - started > SETTLED_S else min(pause_s * 2, RESTART_MAX_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()

    async def _run_one(self, worker: Worker) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server.cli",
            *worker.arguments,
            env=os.environ | worker.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches this process, which tells the workers
        )
        self._processes.add(process)
        if self._stopping.is_set():
            process.terminate()
        try:
            assert process.stdout is not None  # noqa: S101
            async for line in process.stdout:
                if line.startswith(READY_PREFIX):
                    self._ready.put_nowait(line.decode().strip())
            return await process.wait()
        finally:
            self._processes.discard(process)


@contextlib.contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """The port to share; a free one for 0, which stays reserved by a socket that never listens."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(address)
        yield reserved.getsockname()[1]
