"""A server under test: a process on a core of its own, with its CPU time and memory."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
READY_TIMEOUT_S = 30.0


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """This thread, and what is started within, runs on these cores. Raises ``OSError`` if it may not."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def two_cores() -> tuple[int, int]:
    """A core for the server and one for the load; the same where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


class Server:
    """A child that prints a line with ``ready http://…`` when it listens. To be used in a ``with``."""

    def __init__(
        self, name: str, command: Sequence[str], core: int, folder: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = list(command)
        self._log = folder / f"{name}.log"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DANMART_")}
        with on_cores({core}), self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**clean, **(env or {})}
            )
        self.url = ""

    def __enter__(self) -> Self:
        try:
            self.url = self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait(self) -> str:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if found := re.search(rb"ready (http://\S+)\s", self._log.read_bytes()):
                return found[1].decode()
            time.sleep(0.02)
        tail = self._log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{self.name} did not start:\n{tail}")

    def stop(self) -> None:
        """End it, by force if it takes more than 5 s."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    @property
    def cpu_s(self) -> float:
        """CPU time used so far by all threads, user and system.

        From ``schedstat``, which has nanoseconds where ``stat`` has hundredths of a second of the same.
        """
        base = Path("/proc") / str(self._process.pid)
        try:
            tasks = [task / "schedstat" for task in (base / "task").iterdir()]
            return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
        except (OSError, ValueError, IndexError):
            fields = (base / "stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    @property
    def rss_kib(self) -> int:
        """Resident memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        return int(found[1]) if found else 0


class Meter:
    """A server's CPU time over what is done in the ``with``, and its memory at the end of it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.cpu_s = self.seconds = 0.0
        self.rss_kib = 0

    def __enter__(self) -> Self:
        self._cpu_s, self._started = self._server.cpu_s, time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._started
        self.cpu_s = self._server.cpu_s - self._cpu_s
        self.rss_kib = self._server.rss_kib

    @property
    def share(self) -> float:
        """Of one core."""
        return self.cpu_s / self.seconds if self.seconds else 0.0
