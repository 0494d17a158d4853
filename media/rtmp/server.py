"""The RTMP listener: one task a connection, none of which waits for another."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import parse_qs

from media.ports import Gate
from media.relay.counters import Counters
from media.rtmp.flv import Unsupported
from media.rtmp.publisher import RtmpPublisher
from media.rtmp.session import Event, Goodbye, Metadata, Publish, Session, Tag
from media.stream import RoomStream
from rooms.errors import Refused

_log = logging.getLogger(__name__)
_READ_BYTES = 64 * 1024
_MOST_UNSENT = 64 * 1024  # what we say is a few hundred bytes: a peer that leaves more unread is broken
_PUBLISH_WITHIN_S = 10.0
_SAY_WITHIN_S = 2.0
_SOUND_WORKERS = 2
_TCP_INFO_RTT = struct.Struct("=68xI")  # struct tcp_info, tcpi_rtt in µs


@dataclass(frozen=True, slots=True)
class RtmpConfig:
    """``port`` 0 picks one. ``publishers_max``: connections at once, whether or not they publish yet."""

    host: str
    port: int
    publishers_max: int = 50


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stream name asks for: ``ROOM?key=KEY``, with ``&takeover=1`` in place of one's other session."""

    stream: str
    key: str | None
    takeover: bool


def read_name(name: str) -> Wish:
    """Takes a stream name apart. Raises ``ValueError``."""
    stream, _, query = name.partition("?")
    found = parse_qs(query, max_num_fields=8)
    key, takeover = found.get("key"), found.get("takeover")
    return Wish(stream.strip("/"), key[0] if key else None, takeover == ["1"])


class RtmpServer:
    """``open`` binds the port, ``close`` ends every connection.

    A publisher belongs to a principal of the ``gate`` as with WHIP, takes a room's stream by the same rules,
    and is watched by the stream as every ``Source``.
    """

    def __init__(
        self,
        config: RtmpConfig,
        gate: Gate,
        stream: Callable[[str], RoomStream],
        counters: Counters,
        clock: Callable[[], float],
    ) -> None:
        self._config, self._gate, self._stream = config, gate, stream
        self._counters, self._clock = counters, clock
        self._pool = ThreadPoolExecutor(_SOUND_WORKERS, "rtmp-sound")
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Raises ``OSError`` if the port is taken."""
        self._server = await asyncio.start_server(
            self._connected, self._config.host, self._config.port, limit=_READ_BYTES
        )

    async def close(self) -> None:
        """Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def port(self) -> int:
        """The port in use; 0 while closed."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else 0

    def __len__(self) -> int:
        return len(self._connections)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= self._config.publishers_max:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            await _Connection(self, reader, writer).run()
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    # --- for connections

    async def admit(
        self, name: str, hang_up: Callable[[str], None], writer: asyncio.StreamWriter
    ) -> RtmpPublisher:
        """Makes the publisher that ``name`` asks for. Raises ``Refused``, ``ValueError``."""
        wish = read_name(name)
        principal = await self._gate.may_publish(wish.stream, wish.key)
        await self._gate.may_begin(wish.stream, principal, takeover=wish.takeover)
        stream = self._stream(wish.stream)
        stream.claim(principal, takeover=wish.takeover)
        publisher = RtmpPublisher(
            principal,
            stream,
            self._counters,
            self._pool,
            hang_up,
            lambda: round_trip_ms(writer),
            self._clock,
        )
        self._counters.publishers_accepted += 1
        stream.accept(publisher)
        return publisher


class _Connection:
    """From the handshake to the end."""

    def __init__(
        self, server: RtmpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._session = Session()
        self._publisher: RtmpPublisher | None = None
        self._task = asyncio.current_task()
        self._ended: str | None = None

    async def run(self) -> None:
        """Returns when it is over, whatever ended it."""
        reason = "it hung up"
        try:
            async with asyncio.timeout(_PUBLISH_WITHIN_S):
                while self._publisher is None and self._ended is None:
                    await self._turn()
            while self._ended is None:
                await self._turn()
            reason = self._ended
        except Refused as refused:
            reason = refused.code
            await self._refuse("BadName" if refused.code == "publisher_busy" else "Denied", refused.message)
        except Unsupported as unsupported:
            reason = str(unsupported)
            await self._refuse("Rejected", reason)
        except ValueError as error:
            reason = f"what it sent isn't RTMP: {error}"
        except TimeoutError:
            reason = "it didn't publish in time"
        except OSError as error:
            reason = f"the connection broke: {error}"
        finally:
            _log.info("rtmp connection over", extra={"reason": self._ended or reason})
            if self._publisher is not None:
                self._publisher.lost(self._ended or reason)

    def hang_up(self, reason: str) -> None:
        """The stream wants no more of it. Called from the loop, in whatever task."""
        self._ended = reason
        self._writer.transport.abort()  # the read that is under way ends

    async def _turn(self) -> None:
        """Reads once, and does what that says. While a publisher is looked up nothing more is read."""
        data = await self._reader.read(_READ_BYTES)
        if not data:
            self._ended = self._ended or "it hung up"
            return
        for event in self._session.feed(data):
            if self._ended is not None:
                return
            await self._event(event)
        self._send()

    async def _event(self, event: Event) -> None:
        publisher = self._publisher
        match event:
            case Publish():
                self._publisher = await self._server.admit(event.name, self.hang_up, self._writer)
                self._session.accept()
            case Tag() if publisher is not None:
                publisher.tag(event)
            case Metadata() if publisher is not None:
                publisher.metadata(event.values)
            case Goodbye() if publisher is not None:
                publisher.said_goodbye = True
                self._ended = "it said goodbye"

    def _send(self) -> None:
        out = self._session.take()
        if out:
            self._writer.write(out)
        if self._writer.transport.get_write_buffer_size() > _MOST_UNSENT:
            raise ValueError("it doesn't read what it is told")

    async def _refuse(self, code: str, text: str) -> None:
        self._session.refuse(code, text)
        try:
            async with asyncio.timeout(_SAY_WITHIN_S):
                self._writer.write(self._session.take())
                self._writer.write_eof()
                await self._writer.drain()
                while await self._reader.read(_READ_BYTES):
                    pass  # until it hangs up: closing at once could take the answer from it
        except (OSError, TimeoutError):
            return


def round_trip_ms(writer: asyncio.StreamWriter) -> float | None:
    """What the kernel has measured, where it says so (Linux)."""
    connection = writer.get_extra_info("socket")
    option = getattr(socket, "TCP_INFO", None)
    if connection is None or option is None or writer.is_closing():
        return None
    try:
        (microseconds,) = _TCP_INFO_RTT.unpack(
            connection.getsockopt(socket.IPPROTO_TCP, option, _TCP_INFO_RTT.size)
        )
    except (OSError, struct.error):
        return None
    return float(microseconds) / 1000
