"""Checks of the machine: Python, the libraries, open files, UDP buffers."""

from __future__ import annotations

import re
import resource
import socket
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata

from server.doctor.finding import Finding, error, ok, warn

PYTHON_MIN = (3, 11)
OPEN_FILES_GOOD = 8192
"""A viewer takes one; 8,192 leave room for a room of some thousands."""

UDP_BUFFER_GOOD_BYTES = 2 << 20
"""A keyframe to a hundred viewers is about 10 MB/s for a moment; 2 MiB bridge what the loop is late."""

_OPTIONAL = re.compile(r";.*\bextra\s*==")
_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^;\s]+)")


def check_python() -> Iterator[Finding]:
    """Its version."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON_MIN:
        wanted = ".".join(map(str, PYTHON_MIN))
        yield error(f"Python {version} is too old", f"use Python {wanted} or later")
    else:
        yield ok(f"Python {version}")


def check_libraries() -> Iterator[Finding]:
    """Those whose inside is used have exactly the version that they were tested with."""
    try:
        required = metadata.requires("danmart") or []
    except metadata.PackageNotFoundError:
        yield warn("Danmart itself is not installed", "install it: pip install . (or ./dev run in a clone)")
        return
    yield from compare_pins(required)


def compare_pins(required: Iterable[str]) -> Iterator[Finding]:
    """A finding for each ``name==version`` in a distribution's requirements. What only an extra asks for may
    be missing."""
    for requirement in required:
        if (pin := _PIN.match(requirement)) is None:
            continue
        name, wanted = pin[1], pin[2]
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            if _OPTIONAL.search(requirement):
                continue
            yield error(f"the library {name} is missing", f"pip install {name}=={wanted}")
            continue
        if found == wanted:
            yield ok(f"{name} {found}")
        else:
            yield error(
                f"{name} is {found}, and Danmart uses the inside of {wanted}", f"pip install {name}=={wanted}"
            )


def check_open_files() -> Iterator[Finding]:
    """How many connections the system allows the process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= OPEN_FILES_GOOD:
        yield ok(f"the process may have {'any number of' if soft < 0 else soft} open files")
    else:
        yield warn(
            f"the process may have {soft} open files, and each viewer takes one (the hard limit is {hard})",
            "raise it: `ulimit -n 65536`, LimitNOFILE=65536 in systemd, --ulimit nofile=65536 in Docker",
        )


def check_udp_buffers(good_bytes: int = UDP_BUFFER_GOOD_BYTES) -> Iterator[Finding]:
    """What the system grants of the buffers that video over UDP wants."""
    names = {socket.SO_RCVBUF: "rmem_max", socket.SO_SNDBUF: "wmem_max"}
    small = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        for option, name in names.items():
            trial.setsockopt(socket.SOL_SOCKET, option, good_bytes)
            # Linux reports twice what it grants (socket(7)).
            granted = trial.getsockopt(socket.SOL_SOCKET, option) // (2 if sys.platform == "linux" else 1)
            if granted < good_bytes:
                small.append((name, granted))
    if not small:
        yield ok("UDP buffers can be large enough")
        return
    told = ", ".join(f"{name}: {granted // 1024} KiB" for name, granted in small)
    commands = " ".join(f"net.core.{name}={good_bytes}" for name, _ in small)
    yield warn(
        f"UDP buffers are small ({told}), so that packets get lost with many WebRTC viewers",
        f"sysctl -w {commands}",
    )
