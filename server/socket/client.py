"""One client's WebSocket: a protocol without a task of its own, and the way out to the client."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from enum import Enum, auto
from socket import SO_SNDBUF, SOL_SOCKET
from typing import cast

from rooms.errors import Refused
from server.answers import as_refused, error_object
from server.byes import bye
from server.live.connection import Write
from server.socket import packets
from server.socket.aside import Asides, StepAside, stay
from server.socket.frames import Close, FrameReader, Message, Opcode, encode, encode_close
from server.socket.hub import Hub
from server.socket.packets import NAMESPACE, BrokenError, Connect, Disconnect, Event, MalformedError, Packet
from server.socket.round_trip import RoundTrip

MESSAGE_MAX_BYTES = 200_000
# What the kernel holds for a client; it takes twice of it. More would only hide for longer who is slow.
SEND_BUFFER_BYTES = 65_536
# Beyond this much unsent, comments are left out, and commands of a client that doesn't read must wait.
SOFT_BYTES = 65_536
HARD_BYTES = 262_144
# Of a client that sends faster than it is answered nothing more is read from here on …
WAITING_ENOUGH = 32
WAITING_ENOUGH_BYTES = 65_536
# … and what was read already may not be more than this.
WAITING_MAX = 256
CLOSE_GRACE_S = 2.0


class _State(Enum):
    SESSION = auto()  # an Engine.IO session, not yet in the namespace
    CONNECTING = auto()
    CONNECTED = auto()
    CLOSING = auto()
    GONE = auto()


class ClientSocket(asyncio.Protocol):
    """Implements ``server.live.connection.Outlet`` and ``hub.Member``.

    Commands are carried out one at a time, in the order sent; the task for that exists only meanwhile. A few
    may step aside while they wait for others, in tasks of their own (``Asides``). The unsent bytes
    for a client are at most ``HARD_BYTES`` and one answer.
    """

    __slots__ = (
        "_address",
        "_asides",
        "_bound",
        "_hub",
        "_is_paused",
        "_is_pinged",
        "_killer",
        "_reader",
        "_round_trip",
        "_sid",
        "_site",
        "_slot",
        "_state",
        "_transport",
        "_waiting",
        "_waiting_bytes",
        "_working",
        "write",
    )

    def __init__(self, hub: Hub, address: str, site: str) -> None:
        self._hub = hub
        self._address = address
        self._site = site
        self._reader = FrameReader(MESSAGE_MAX_BYTES)
        self._state = _State.SESSION
        self._sid = ""
        self._is_paused = False
        self._is_pinged = False
        self._round_trip: RoundTrip | None = None
        self._bound = HARD_BYTES
        self._waiting: deque[str] | None = None
        self._waiting_bytes = 0
        self._working = False
        self._asides: Asides | None = None
        self._killer: asyncio.TimerHandle | None = None
        self.write: Write | None = None

    # the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # Nothing may wait unnoticed: paused means that the kernel takes no more.
        self._transport.set_write_buffer_limits(high=0)
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES)
        self._slot = self._hub.wheel.join(self)
        session = packets.encode_open(
            secrets.token_urlsafe(15),
            ping_interval_ms=round(self._hub.times.ping_interval_s * 1000),
            ping_timeout_ms=round(self._hub.times.ping_timeout_s * 1000),
            max_bytes=MESSAGE_MAX_BYTES,
        )
        self._transport.write(session)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(_State.GONE)
        self._hub.wheel.leave(self, self._slot)
        self._hub.admission.leave(self._site)
        if self._killer is not None:
            self._killer.cancel()

    def pause_writing(self) -> None:
        self._is_paused = True
        self.write = None

    def resume_writing(self) -> None:
        self._is_paused = False
        self._bound = HARD_BYTES
        self._open_up()
        self._work()

    def data_received(self, data: bytes) -> None:
        for message in self._reader.feed(data):
            self._take(message)
        if self._reader.failure is not None and self._is_usable:
            self._hub.broken.inc()
            self._shut(self._reader.failure, self._reader.reason)

    # the ticker's side

    def ping(self) -> None:
        if self._is_usable:
            self._is_pinged = True
            if self._round_trip is None:
                self._round_trip = RoundTrip()
            self._round_trip.sent(time.monotonic())
            self._transport.write(packets.PING)

    def check_answered(self) -> None:
        # Whose commands wait isn't read from, so its answer may be waiting behind them.
        if self._is_pinged and self._is_usable and not self._working:
            self._hub.silent.inc()
            self._end(_State.CLOSING)
            self._transport.abort()

    def check_connected(self) -> None:
        if self._state is _State.SESSION:
            self._hub.unconnected.inc()
            self._shut(Close.POLICY, "connect to a namespace")

    def go_away(self) -> None:
        if self._is_usable:
            self._shut(Close.GOING_AWAY)

    # the server's side

    @property
    def is_open(self) -> bool:
        return self._state is _State.CONNECTED or self._state is _State.CONNECTING

    @property
    def round_trip_ms(self) -> int:
        return 0 if self._round_trip is None else self._round_trip.ms

    def send(self, packet: Packet, *, droppable: bool = False) -> bool:
        if self._state is not _State.CONNECTED and self._state is not _State.CONNECTING:
            return False
        if self._is_paused and not self._takes(len(packet.frame), droppable):
            return False
        self._transport.write(packet.frame)
        return True

    def close(self, code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> None:
        if self.is_open:
            message = bye(code, reconnect=reconnect, retry_after_ms=retry_after_ms)
            frame = packets.encode_message("bye", message).frame
            # Engine.IO's own close makes python-socketio's client stay away for good.
            self._transport.write(frame if reconnect else frame + packets.CLOSE)
            self._shut(Close.POLICY if code == "slow" else Close.GOING_AWAY, code)

    def _takes(self, length: int, droppable: bool) -> bool:
        waiting = self._transport.get_write_buffer_size()
        if droppable and waiting + length > SOFT_BYTES:
            return False
        if waiting + length > self._bound:
            self._hub.slow.inc()
            self.close("slow", reconnect=True, retry_after_ms=1000)
            return False
        return True

    # what clients send

    @property
    def _is_usable(self) -> bool:
        return self._state is not _State.CLOSING and self._state is not _State.GONE

    def _take(self, message: Message) -> None:
        opcode, body, code = message
        if opcode == Opcode.CLOSE:
            if self._is_usable:
                self._shut(code)
            self._transport.close()
        elif not self._is_usable:
            return
        elif opcode == Opcode.TEXT:
            self._take_packet(cast("str", body))
        elif opcode == Opcode.PING:
            if self._is_paused and not self._takes(len(body) + 2, droppable=True):
                return  # who floods us with pings and doesn't read gets no answer
            self._transport.write(encode(Opcode.PONG, cast("bytes", body)))
        elif opcode == Opcode.BINARY:
            self._hub.malformed.inc()

    def _take_packet(self, text: str) -> None:
        """An Engine.IO packet."""
        kind = text[:1]
        if kind == "4":
            self._queue(text[1:])
        elif text == "3":
            self._is_pinged = False
            if self._round_trip is not None:
                self._round_trip.answered(time.monotonic())
        elif text == "1":
            self._shut(Close.NORMAL)
        elif text not in ("2", "2probe", "5", "6"):
            self._hub.broken.inc()
            self._shut(Close.PROTOCOL_ERROR, "not an Engine.IO packet")

    def _queue(self, text: str) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(text)
        self._waiting_bytes += len(text)
        if len(self._waiting) > WAITING_MAX:
            self._hub.flooding.inc()
            self._shut(Close.POLICY, "too many commands are waiting")
            return
        if len(self._waiting) >= WAITING_ENOUGH or self._waiting_bytes >= WAITING_ENOUGH_BYTES:
            self._transport.pause_reading()
        self._work()

    # carrying it out

    def _work(self) -> None:
        if self._waiting and not self._working and self._is_usable:
            self._working = True
            self._hub.spawn(self._work_off())

    async def _work_off(self) -> None:
        try:
            while self._waiting and self._is_usable and not self._is_choked:
                text = self._waiting.popleft()
                self._waiting_bytes -= len(text)
                if not self._waiting:
                    self._waiting = None
                    self._transport.resume_reading()
                await self._carry_out(text)
        finally:
            self._working = False
            if self._state is _State.GONE:
                self._waiting = None

    @property
    def _is_choked(self) -> bool:
        return self._is_paused and self._transport.get_write_buffer_size() > SOFT_BYTES

    async def _carry_out(self, text: str) -> None:
        try:
            packet = packets.read_message(text)
        except BrokenError:
            self._hub.broken.inc()
            self._shut(Close.PROTOCOL_ERROR, "not a Socket.IO packet")
            return
        except MalformedError:
            self._hub.malformed.inc()
            return
        if isinstance(packet, Connect):
            await self._connect(packet)
        elif packet.namespace != NAMESPACE or self._state is not _State.CONNECTED:
            self._hub.malformed.inc()
        elif isinstance(packet, Event):
            await self._command(packet)
        elif isinstance(packet, Disconnect):
            self._leave()

    async def _connect(self, packet: Connect) -> None:
        if packet.namespace != NAMESPACE:
            self._answer(packets.encode_refused(packet.namespace, "Invalid namespace"))
            return
        if self._state is not _State.SESSION:
            self._hub.malformed.inc()
            self._answer(packets.encode_refused(NAMESPACE, "Connected already"))
            return
        self._state = _State.CONNECTING
        sid = secrets.token_urlsafe(15)
        try:
            await self._hub.handler.connect(sid, packet.auth, self, self._address)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            refusal = as_refused(error)
            self._refuse(refusal)
            return
        if self._state is not _State.CONNECTING:  # it has gone meanwhile, and nobody could say who
            await self._hub.handler.disconnect(sid)
            return
        self._sid = sid
        self._state = _State.CONNECTED
        self._answer(packets.encode_connected(sid))
        self._open_up()

    def _open_up(self) -> None:
        if self._state is _State.CONNECTED and not self._is_paused:
            self.write = self._transport.write

    def _refuse(self, refusal: Refused) -> None:
        if self._state is _State.CONNECTING:
            self._state = _State.SESSION
            self._answer(packets.encode_refused(NAMESPACE, refusal.message, error_object(refusal)))

    async def _command(self, event: Event) -> None:
        if event.name not in self._hub.handler.lengthy:
            await self._carry_command(event, stay)
            return
        if self._asides is None:
            self._asides = Asides()
        await self._asides.turn(self._hub.spawn, lambda aside: self._carry_command(event, aside))

    async def _carry_command(self, event: Event, step_aside: StepAside) -> None:
        sid = self._sid
        reply = await self._hub.handler.command(sid, event.name, event.args, event.length, step_aside)
        # Who has left and come back meanwhile is somebody else, with acknowledgements of its own.
        if event.ack is not None and self._state is _State.CONNECTED and self._sid == sid:
            self._answer(packets.encode_ack(event.ack, reply))

    def _answer(self, frame: bytes) -> None:
        """Write an answer, however long: what waits because of it isn't held against the client."""
        self._bound += len(frame)
        self._transport.write(frame)
        if not self._is_paused:
            self._bound = HARD_BYTES

    # ending

    def _leave(self) -> None:
        """Out of the namespace; another connect may follow, in time."""
        self._forget()
        self._state = _State.SESSION
        self._hub.wheel.leave(self, self._slot)
        self._slot = self._hub.wheel.join(self)

    def _shut(self, code: int, reason: str = "") -> None:
        """Say why and close, in order if the client goes along, and by force after a while."""
        self._end(_State.CLOSING)
        self._transport.write(encode_close(code, reason))
        self._transport.resume_reading()  # for the client's own close
        loop = asyncio.get_running_loop()
        self._killer = loop.call_later(CLOSE_GRACE_S, self._transport.abort)

    def _end(self, state: _State) -> None:
        self._forget()
        self._state = state
        self._waiting = None
        self._waiting_bytes = 0

    def _forget(self) -> None:
        self.write = None
        if self._sid:
            self._hub.spawn(self._hub.handler.disconnect(self._sid))
            self._sid = ""
