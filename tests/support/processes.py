"""Child processes that end with the tests, however those end, and ports that nobody uses."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_TIED = Path(__file__).with_name("tied.py")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that was free a moment ago: only for programs that can't pick one themselves."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A server as a child with a log file, which takes its standard error and, by default, its output.

    It sits in a process group that Ctrl-C at the terminal doesn't reach, so that fixtures that are ending
    can still talk to it. On Linux the kernel sends it ``stop_signal`` when the thread that started it dies:
    start it from the main thread. ``user`` is a user id to change to, ``env`` the whole environment.
    """

    def __init__(
        self,
        args: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        user: int | None = None,
        stdout: int | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.log = log
        self._stop_signal = stop_signal
        tied = [
            sys.executable,
            "-I",
            "-S",
            _TIED,
            int(stop_signal),
            -1 if user is None else user,
            os.getpid(),
        ]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(arg) for arg in (*tied, *args)],
                stdin=subprocess.DEVNULL,
                stdout=output if stdout is None else stdout,
                stderr=output,
                cwd=cwd,
                env=env,
                start_new_session=True,
            )

    def tail(self) -> str:
        """The last lines of the log."""
        return tail(self.log)

    def kill(self) -> None:
        """``kill -9`` for the process alone: what it started is left to find out. Twice is harmless."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = 10) -> int:
        """Asks the process to end, and kills it after ``timeout`` seconds; gives its exit code.

        What it started and left behind is killed as well. Calling it twice is harmless.
        """
        if self.process.poll() is None:
            self.process.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


def tail(log: Path, lines: int = 40) -> str:
    """The last lines of a log file, which need not exist."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:]) or "(nothing was written)"


def remove_tree(path: Path) -> None:
    """Removes a folder; what is gone already is no error."""
    shutil.rmtree(path, ignore_errors=True)
