"""Engine.IO 4 and Socket.IO 5 packets as text, for one namespace and JSON alone. No I/O.

Server to client: ``0`` open, ``1`` close, ``2`` ping, ``4`` message. In a message: ``40/live,{…}`` connected,
``44/live,{…}`` refused, ``42/live,[name, payload]`` an event, ``43/live,ID[reply]`` an acknowledgement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket

from server.socket.frames import Opcode, encode

NAMESPACE = "/live"

# What python-socketio calls its own doings. A client that sends an event of such a name must not pass for it.
RESERVED = frozenset({"connect", "disconnect"})

# type, attachments, namespace, acknowledgement, JSON
_MESSAGE = re.compile(r"([0-6])(?:\d{1,10}-)?(?:(/[^,]*)(?:,|\Z))?(\d{1,18})?(.*)", re.ASCII | re.DOTALL)

PING = encode(Opcode.TEXT, b"2")
CLOSE = encode(Opcode.TEXT, b"1")


class MalformedError(ValueError):
    """Not a Socket.IO packet that a client may send."""


class BrokenError(MalformedError):
    """Not a Socket.IO packet at all: whatever is on the other side speaks something else."""


@dataclass(frozen=True, slots=True)
class Connect:
    """A client wants into a namespace; ``auth`` is whatever JSON it gave, or None."""

    namespace: str
    auth: Any


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A client leaves a namespace."""

    namespace: str


@dataclass(frozen=True, slots=True)
class Event:
    """A client's event; ``name`` is empty if it couldn't be read. ``ack`` is what to acknowledge, or None.

    ``length`` is what its JSON had in characters.
    """

    namespace: str
    name: str
    args: tuple[Any, ...]
    ack: str | None
    length: int = field(default=0, compare=False)


ClientPacket = Connect | Disconnect | Event


class News(EnginePacket):  # type: ignore[misc]  # which has no types
    """An event of the server's in python-engineio's queues, where answers are too."""


class Packet:
    """A server's event for any number of clients: encoded once for each kind of transport that needs it."""

    __slots__ = ("_body", "_engine", "_frame")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._frame: bytes | None = None
        self._engine: News | None = None

    @property
    def frame(self) -> bytes:
        """The WebSocket frame, ready to be written."""
        if self._frame is None:
            self._frame = encode(Opcode.TEXT, b"4" + self._body)
        return self._frame

    @property
    def engine(self) -> News:
        """python-engineio's packet, for its queues."""
        if self._engine is None:
            self._engine = News(MESSAGE, data=self._body.decode())
            self._engine.encode()
        return self._engine


def encode_message(name: str, payload: Any) -> Packet:
    """A server's event in the namespace."""
    return Packet(b"2/live," + orjson.dumps([name, payload]))


def encode_open(sid: str, *, ping_interval_ms: int, ping_timeout_ms: int, max_bytes: int) -> bytes:
    """The frame that begins an Engine.IO session."""
    session = {
        "sid": sid,
        "upgrades": [],
        "pingInterval": ping_interval_ms,
        "pingTimeout": ping_timeout_ms,
        "maxPayload": max_bytes,
    }
    return encode(Opcode.TEXT, b"0" + orjson.dumps(session))


def encode_connected(sid: str) -> bytes:
    """The frame that lets a client into the namespace."""
    return encode(Opcode.TEXT, b"40/live," + orjson.dumps({"sid": sid}))


def encode_refused(namespace: str, message: str, data: Any = None) -> bytes:
    """The frame that keeps a client out of a namespace; clients see it as ``connect_error``."""
    error = {"message": message} if data is None else {"message": message, "data": data}
    where = b"" if namespace == "/" else namespace.encode() + b","
    return encode(Opcode.TEXT, b"44" + where + orjson.dumps(error))


def encode_ack(ack: str, reply: Any) -> bytes:
    """The frame that answers an event; no reply is an acknowledgement without arguments."""
    args = [] if reply is None else [reply]
    return encode(Opcode.TEXT, b"43/live," + ack.encode() + orjson.dumps(args))


def read_message(text: str) -> ClientPacket:
    """What a client's Engine.IO message says. Raises ``MalformedError``, ``BrokenError``.

    A binary event is taken as the plain event that it is without its attachments, so that its sender gets an
    answer; so does what can't be read of an event, as one without a name.
    """
    match = _MESSAGE.match(text)
    if match is None:
        raise BrokenError("not a Socket.IO packet")
    kind, namespace, ack, rest = match.groups()
    namespace = (namespace or "/").partition("?")[0]
    if kind == "0":
        return Connect(namespace, _json(rest))
    if kind == "1":
        return Disconnect(namespace)
    if kind not in "25":
        raise MalformedError("clients don't send such packets")
    return _event(namespace, ack, rest)


def _json(text: str) -> Any:
    try:
        return orjson.loads(text) if text else None
    except ValueError as error:  # half an emoji (a lone surrogate) is enough for that
        raise MalformedError(str(error)) from None


def _event(namespace: str, ack: str | None, rest: str) -> Event:
    try:
        data = _json(rest)
    except MalformedError:
        data = None
    if not (isinstance(data, list) and data and isinstance(data[0], str)) or data[0] in RESERVED:
        return Event(namespace, "", (), ack, len(rest))
    return Event(namespace, data[0], tuple(data[1:]), ack, len(rest))
