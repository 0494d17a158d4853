"""coturn, where it is installed, as docs/operations.md has it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TURNSERVER = os.environ.get("TURNSERVER") or shutil.which("turnserver")


@contextmanager
def coturn(folder: Path, secret: str) -> Iterator[int]:
    """A TURN server on a free port of loopback, soon; it relays to loopback only."""
    assert TURNSERVER is not None
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    config = folder / "turnserver.conf"
    config.write_text(
        f"listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\nrealm=turn.example\n"
        f"use-auth-secret\nstatic-auth-secret={secret}\nno-cli\nno-tls\nno-dtls\nlog-file=stdout\n"
        f"pidfile={folder}/pid\nuserdb={folder}/db\nallow-loopback-peers\n",
        encoding="ascii",
    )
    with subprocess.Popen([TURNSERVER, "-c", str(config)], stdout=subprocess.DEVNULL, cwd=folder) as process:
        try:
            yield port
        finally:
            process.terminate()
