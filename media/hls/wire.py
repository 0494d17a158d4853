"""Players' requests and their answers as bytes (RFC 9112), for the way that has no framework in it. No I/O.

Only what is beyond doubt is read; everything else is left to the server behind. A connection's requests all
have the same headers but for their first line, so those are read once.
"""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import NamedTuple

from media.ports import PROXIES_SAY

HEAD_END = b"\r\n\r\n"
_FIRST = re.compile(
    rb"(GET|HEAD) /hls/([A-Za-z0-9_.:-]{1,100})/(?:~([A-Za-z0-9_.-]{1,64})/)?"
    rb"([A-Za-z0-9_.-]{1,100})(?:\?([A-Za-z0-9_=&]{1,100}))? HTTP/1\.1"
)
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
# What makes a request one for the server behind, whatever its value.
_OTHERS = frozenset(
    {b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"authorization", b"range", b"if-range"}
)


class Common(NamedTuple):
    """What a connection's headers say. ``host`` without its port, in lower case; ``told`` as ``Whence``'s."""

    host: str
    gzip: bool
    etags: str
    told: tuple[tuple[str, str], ...] = ()


class Asked(NamedTuple):
    """A GET or HEAD for something under ``/hls``. ``key`` is the signed segment of the path, if any."""

    only_head: bool
    room: str
    key: str | None
    name: str
    query: str
    common: Common


class Reader:
    """Reads the heads of one connection's requests."""

    __slots__ = ("_common", "_lines")

    def __init__(self) -> None:
        self._lines = b""
        self._common: Common | None = None

    def read(self, head: bytes) -> Asked | None:
        """``head`` is whole, with the empty line. None: it is for the server behind."""
        first, _, lines = head.partition(b"\r\n")
        found = _FIRST.fullmatch(first)
        if found is None:
            return None
        if lines != self._lines or self._common is None:
            self._lines, self._common = lines, _common(lines)
            if self._common is None:
                return None
        method, room, key, name, query = found.groups()
        return Asked(
            method == b"HEAD",
            room.decode(),
            key.decode() if key is not None else None,
            name.decode(),
            query.decode() if query is not None else "",
            self._common,
        )


def _common(lines: bytes) -> Common | None:
    values: dict[bytes, bytes] = {}
    for line in lines[: -len(HEAD_END)].split(b"\r\n"):
        found = _LINE.fullmatch(line)
        if found is None:
            return None
        name = found[1].lower()
        if name in _OTHERS or name in values:
            return None
        values[name] = found[2].rstrip(b" \t")
    if b"host" not in values or values.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    host = values[b"host"].decode("latin-1").lower()
    bare = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    coding = values.get(b"accept-encoding", b"").decode("latin-1")
    told = [(name, value.decode("latin-1")) for name in PROXIES_SAY if (value := values.get(name.encode()))]
    etags = values.get(b"if-none-match", b"").decode("latin-1")
    return Common(bare, accepts_gzip(coding), etags, tuple(told))


def accepts_gzip(coding: str) -> bool:
    """Whether an ``Accept-Encoding`` lets us compress (RFC 9110, 12.5.3)."""
    for item in coding.lower().split(","):
        name, _, weight = item.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class Dated:
    """The ``Date`` header, made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self, now_s: float) -> bytes:
        """``Date: …`` and the end of the head."""
        if int(now_s) != self._second:
            self._second = int(now_s)
            self._line = b"Date: " + formatdate(self._second, usegmt=True).encode() + HEAD_END
        return self._line


def head(status: str, headers: dict[str, str], length: int | None) -> bytes:
    """An answer's head but for the date."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n").encode()
