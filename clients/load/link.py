"""One connection of one viewer: from the first byte to the last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson

from clients.load import frames, wire
from clients.load.spans import SpanBook
from clients.load.viewer import Viewer

Reply = Callable[[dict[str, Any]], None]


class RefusedError(ConnectionError):
    """The server doesn't want this viewer, and won't the next time either."""


def refusal(what: str, error: Any) -> ConnectionError:
    """An error object of the server's as an exception: temporary or final."""
    said = error if isinstance(error, dict) else {}
    kind = RefusedError if said.get("temporary") is False else ConnectionError
    return kind(f"{what}: {said.get('code', '?')}")


ANSWERS_MAX = 1000
_UNANSWERED = {"ok": False, "error": {"code": "connection_lost", "temporary": True}}


class Link(asyncio.Protocol):
    """Opens the socket, joins the namespace, and hands every message on.

    ``joined`` resolves when commands may be sent, or raises ``ConnectionError`` with the reason. ``on_lost``
    is called once, when the connection is gone and had joined, with the server's reason if it gave one; by
    then every command that was not answered has been, with ``connection_lost``.
    """

    def __init__(
        self, viewer: Viewer, book: SpanBook, host: str, port: int, on_lost: Callable[[Link, str], None]
    ) -> None:
        self.viewer = viewer
        self.url = ""
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.entered = False
        self.bye = ""
        self.retry_after_s = 0.0
        self._book = book
        self._host, self._port = host, port
        self._on_lost = on_lost
        self._head: bytes | None = b""
        self._reader = frames.FrameReader()
        self._replies: dict[int, Reply] = {}
        self._next_ack = 0
        self._transport: Any = None  # uvloop's is none of asyncio's classes
        self._ended = False
        self._refused: ConnectionError | None = None

    # what the crowd does with it

    @property
    def is_up(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def command(self, name: str, payload: dict[str, Any], reply: Reply) -> bool:
        """Send a command; False if the connection is gone, or leaves too much unanswered."""
        if not self.is_up or len(self._replies) >= ANSWERS_MAX:
            return False
        self._next_ack += 1
        self._replies[self._next_ack] = reply
        self._send(wire.command_packet(name, payload, self._next_ack))
        return True

    def pause(self) -> None:
        """Stop reading, as a client does that hangs."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self.is_up:
            self._transport.resume_reading()

    def close(self) -> None:
        """Leave politely. Idempotent."""
        self._ended = True
        if self.is_up:
            self._transport.write(frames.client_frame(b"\x03\xe8", frames.CLOSE))
            self._transport.close()

    def abort(self) -> None:
        """Leave as a phone does in a tunnel: without a word. Idempotent."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(wire.upgrade_request(self._host, self._port))

    def data_received(self, data: bytes) -> None:
        now_ns = time.time_ns()
        if self._head is not None:
            data = self._upgraded(data)
        try:
            for opcode, payload in self._reader.feed(data):
                if payload.startswith(wire.EVENTS):
                    self._events(payload, now_ns)
                elif opcode == frames.TEXT:
                    self._packet(payload)
                elif opcode == frames.PING:
                    self._write(frames.client_frame(payload, frames.PONG))
                elif opcode == frames.CLOSE:
                    self.bye = self.bye or "closed"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._fail(f"bad answer: {error!r:.80}")

    def connection_lost(self, exc: Exception | None) -> None:
        waiting, self._replies = self._replies, {}
        for reply in waiting.values():
            reply(_UNANSWERED)
        if not self.joined.done():
            self.joined.set_exception(self._refused or ConnectionError(self.bye or "connection lost"))
            self.joined.exception()  # also when nobody waits any more
        elif not self._ended:
            self._on_lost(self, self.bye or "connection lost")

    # the conversation

    def _upgraded(self, data: bytes) -> bytes:
        """What follows the answer to the upgrade, once that is whole."""
        self._head = (self._head or b"") + data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            if len(head) > 16_384:
                self._fail("no answer to the upgrade")
            return b""
        self._head = None
        status = head.split(b" ", 2)[1:2]
        if status != [b"101"]:
            self._fail(f"http {status[0].decode('ascii', 'replace') if status else '?'}")
            return b""
        return rest

    def _events(self, packet: bytes, now_ns: int) -> None:
        viewer = self.viewer
        if not self.entered:
            return
        span = self._book.take(packet, now_ns)
        if span.first == viewer.offset + 1 and span.epoch == viewer.epoch:
            viewer.offset = span.to
        else:
            viewer.advance(span.epoch, span.first, span.to)

    def _packet(self, packet: bytes) -> None:
        if packet == wire.ENGINE_PING:
            self._send(wire.PONG)
        elif packet.startswith(wire.ACK):
            number, answer = wire.parse_ack(packet)
            if (reply := self._replies.pop(number, None)) is not None:
                reply(answer)
        elif packet.startswith(wire.EVENT):
            if packet.startswith(b'42/live,["bye"'):
                said = wire.parse_event(packet)[1]
                self.bye = str(said.get("code", "bye"))
                self.retry_after_s = float(said.get("retry_after_ms", 0)) / 1000
        elif packet.startswith(wire.CONNECTED):
            if not self.joined.done():
                self.joined.set_result(None)
        elif packet.startswith(wire.CONNECT_ERROR):
            said = orjson.loads(packet[len(wire.CONNECT_ERROR) :])
            self._refused = refusal("connect", said.get("data"))
            self._fail(str(self._refused))
        elif packet.startswith(wire.ENGINE_OPEN):
            self._send(wire.connect_packet(self.viewer.token))

    def _send(self, packet: bytes) -> None:
        self._write(frames.client_frame(packet))

    def _write(self, frame: bytes) -> None:
        if self.is_up:
            self._transport.write(frame)

    def _fail(self, reason: str) -> None:
        self.bye = reason
        if self._transport is not None:
            self._transport.abort()
