"""The node's side of a worker: starts it, asks it one thing at a time, starts another when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import sys
import time
from dataclasses import dataclass

from media.checks.job import LOAD_S, PATIENCE
from media.checks.metrics import WorkerMetrics
from media.checks.wire import Head, WireError, pack, receive

log = logging.getLogger(__name__)

RESTART_MIN_S, RESTART_MAX_S = 0.25, 30.0
SETTLED_S = 60.0
PING_EVERY_S = 15.0
WAITING_MAX = 16
_STDERR_KEPT = 2_000
_READ_BUFFER = 1 << 20
_SECRETIVE = ("DANMART_", "AWS_")


class Away(Exception):  # noqa: N818  it is an answer, not a fault
    """There is no verdict: the checker isn't running, was ended, or has too much to do."""


@dataclass(frozen=True, slots=True)
class Life:
    """What a worker is: what it is called, the module that it runs, its checker, what it may have in memory,
    and how much of the processor's time one job may take (by the clock ``PATIENCE`` times as long)."""

    name: str
    module: str
    checker: str
    memory_bytes: int
    job_s: float


class Keeper:
    """Keeps a worker alive. Many may ask it; they take turns."""

    def __init__(self, life: Life, metrics: WorkerMetrics) -> None:
        self._life, self._metrics = life, metrics
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._numbers = itertools.count(1)
        self._process: asyncio.subprocess.Process | None = None
        self._ready, self._ended = asyncio.Event(), asyncio.Event()
        self._words = ""
        self._keeper: asyncio.Task[None] | None = None
        self._jobs: set[asyncio.Task[tuple[Head, bytes]]] = set()

    @property
    def pid(self) -> int | None:
        """Of the process that takes jobs now."""
        return self._process.pid if self._process is not None and self._ready.is_set() else None

    @property
    def is_ready(self) -> bool:
        """Whether the worker takes jobs now."""
        return self._ready.is_set()

    async def until_failed(self) -> str:
        """Waits until a process has ended by itself; gives its last words. For who wants to know why."""
        await self._ended.wait()
        return self._words.rpartition("\n")[2] or "it has ended"

    async def start(self) -> None:
        """Returns at once: the worker is there when it has loaded what it needs."""
        self._keeper = asyncio.create_task(self._keep(), name=f"{self._life.name} worker")

    async def close(self) -> None:
        """Ends the process. Who waits for it is told ``Away``. Idempotent."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        await asyncio.gather(*self._jobs, return_exceptions=True)

    async def until_ready(self, limit_s: float) -> bool:
        """Whether the worker takes jobs within that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._ready.wait()
        return self._ready.is_set()

    async def exchange(self, head: Head, body: bytes) -> tuple[Head, bytes]:
        """What the worker makes of a job: whatever it answers, ``undecodable`` too. Raises ``Away``. Safe to
        cancel: the worker finishes what it has begun, for nobody."""
        if self._waiting >= WAITING_MAX:
            raise Away("too many others wait")
        began = time.monotonic()
        answer, rest = await self._in_turn(head, body)
        self._metrics.took.observe(time.monotonic() - began)
        if "failed" in answer:
            raise Away(f"the checker failed: {answer['failed']}")
        return answer, rest

    async def _in_turn(self, head: Head, body: bytes) -> tuple[Head, bytes]:
        job = asyncio.get_running_loop().create_task(self._exchange(head, body))
        self._waiting += 1
        self._jobs.add(job)
        job.add_done_callback(self._over)
        return await asyncio.shield(job)

    def _over(self, job: asyncio.Task[tuple[Head, bytes]]) -> None:
        self._waiting -= 1
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()  # who asked may have gone

    async def _exchange(self, head: Head, body: bytes) -> tuple[Head, bytes]:
        async with self._turn:
            process = self._process
            if process is None or not self._ready.is_set() or not process.stdin or not process.stdout:
                raise Away("the checker isn't running")
            head["id"] = next(self._numbers)
            try:
                # The worker's own clocks end it first; this one is for when it is stopped or starved.
                async with asyncio.timeout(self._life.job_s * PATIENCE + 1):
                    process.stdin.write(pack(head, body))
                    await process.stdin.drain()
                    answer, rest = await receive(process.stdout)
                if answer.get("id") != head["id"]:
                    raise WireError("an answer to something else")
            except (TimeoutError, OSError, asyncio.IncompleteReadError, WireError) as error:
                self._kill(process)
                raise Away(f"the checker was lost: {type(error).__name__}") from error
            self._metrics.cpu.inc(max(0.0, answer["cpu_s"]))
            self._metrics.memory.set(answer["memory"])
            return answer, rest

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        if process is self._process:
            self._ready.clear()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    # keeping it alive

    async def _keep(self) -> None:
        loop, pause_s = asyncio.get_running_loop(), RESTART_MIN_S
        while True:
            began = loop.time()
            try:
                await self._run_one()
            except OSError as error:
                log.error("a worker can't be started", extra={"worker": self._life.name, "why": str(error)})
            self._metrics.restarts.inc()
            pause_s = RESTART_MIN_S if loop.time() - began > SETTLED_S else min(pause_s * 2, RESTART_MAX_S)
            await asyncio.sleep(pause_s)

    async def _run_one(self) -> None:
        """A worker's life; whatever ends it, the process is gone afterwards."""
        life = self._life
        arguments = ("-P", "-m", life.module, life.checker)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            str(life.memory_bytes),
            str(life.job_s),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the node
            limit=_READ_BUFFER,
        )
        said = asyncio.create_task(_last_words(process), name=f"{life.name} worker's words")
        self._process = process
        try:
            await self._live(process)
        finally:
            self._ready.clear()
            self._metrics.ready.set(0)
            self._process = None
            self._kill(process)
            code = await asyncio.shield(asyncio.ensure_future(process.wait()))
            words = await said
            if self._keeper is not None:  # nobody asked it to
                about = {"worker": life.name, "code": code, "said": words}
                log.warning("a worker has ended", extra=about)
                self._words = words
                self._ended.set()

    async def _live(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            raise OSError("it has no output")
        try:
            async with asyncio.timeout(LOAD_S * PATIENCE + 5):
                hello, _ = await receive(process.stdout)
        except (TimeoutError, asyncio.IncompleteReadError, WireError):
            return
        self._metrics.memory.set(hello["memory"])
        self._metrics.ready.set(1)
        self._ready.set()
        about = {"worker": self._life.name, "checker": self._life.checker, "pid": process.pid}
        log.info("a worker is ready", extra=about)
        while True:
            try:
                async with asyncio.timeout(PING_EVERY_S):
                    await process.wait()
                return
            except TimeoutError:
                with contextlib.suppress(Away):  # which has killed it
                    await self._in_turn({"kind": "ping"}, b"")


async def _last_words(process: asyncio.subprocess.Process) -> str:
    """What it said on its standard error, the end of it."""
    words = b""
    if process.stderr is not None:
        while chunk := await process.stderr.read(4096):
            words = (words + chunk)[-_STDERR_KEPT:]
    return words.decode(errors="replace").strip()


def _environment() -> dict[str, str]:
    """This process's, but for its settings and keys: whoever breaks a decoder shall find none. Modules are
    found where they are here; libraries that bring threads of their own get one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETIVE)}
    path = os.pathsep.join(part for part in sys.path if part)
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return kept | one | {"PYTHONPATH": path, "MALLOC_ARENA_MAX": "2"}
