"""The door of the node's HTTP port: websocket clients and players stay with us, all else goes to aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from aiohttp.web_protocol import RequestHandler

from media.hls.players import Players
from rooms.errors import Refused
from server.answers import error_object, problem_from
from server.proxies import Network, parse_address, real_client
from server.socket.client import ClientSocket
from server.socket.handshake import HEAD_END, Upgrade, encode_answer, encode_switching, read_upgrade
from server.socket.hub import Hub
from server.socket.lent import PLAYERS_ASK, Lent

HEAD_MAX_BYTES = 16_384
HEAD_TIMEOUT_S = 10.0


class Door:
    """A protocol factory for ``loop.create_server``. ``others`` makes aiohttp's protocol, ``players`` takes
    those who ask for HLS.

    ``hosts`` are the names that a demo answers to, None: any. What they keep out is passed on as well, and
    refused where all requests for other names are.
    """

    def __init__(
        self,
        hub: Hub,
        others: Callable[[], RequestHandler],
        *,
        players: Players | None = None,
        trusted: Sequence[Network],
        hosts: frozenset[str] | None,
    ) -> None:
        self.hub = hub
        self.others = others
        self._players = players
        self._trusted = trusted
        self._hosts = hosts
        self._waiting: set[_Newcomer] = set()

    def __call__(self) -> asyncio.Protocol:
        return _Newcomer(self, self._waiting)

    def close(self) -> None:
        """Hang up on those who haven't said what they want. To be called when nobody new can come."""
        for newcomer in list(self._waiting):
            newcomer.abort()

    def open(self, head: bytes, transport: asyncio.Transport) -> asyncio.Protocol | None:
        """Who takes the connection on, having been given its transport; None: it was refused."""
        if head.startswith(PLAYERS_ASK) and (player := self._take(head, transport)) is not None:
            return player
        upgrade = None if self.hub.closing else read_upgrade(head)
        if upgrade is None or not (self._hosts is None or upgrade.host in self._hosts):
            others = self._lend()
            transport.set_protocol(others)
            others.connection_made(transport)
            return others
        try:
            return self._welcome(upgrade, transport)
        except Refused as refusal:
            self.hub.refused.labels(refusal.code).inc()
            transport.write(_refused(refusal))
            transport.close()
            return None

    def _take(self, head: bytes, transport: asyncio.Transport) -> asyncio.Protocol | None:
        """A player's connection, if it can be answered here; nothing was done if not."""
        return self._players.open(head, transport, self._lend) if self._players is not None else None

    def _lend(self) -> asyncio.Protocol:
        handler = self.others()
        return handler if self._players is None else Lent(handler, self._take)

    def _welcome(self, upgrade: Upgrade, transport: asyncio.Transport) -> ClientSocket:
        peer = transport.get_extra_info("peername")
        peer_host = peer[0] if isinstance(peer, tuple) else None
        client = real_client(peer_host, "http", upgrade.headers, self._trusted)
        address = client.address or parse_address(peer_host or "")
        admission = self.hub.admission
        admission.check(address)
        socket = ClientSocket(self.hub, str(client), admission.enter(address))
        transport.set_protocol(socket)
        transport.write(encode_switching(upgrade.accept))
        socket.connection_made(transport)
        return socket


class _Newcomer(asyncio.Protocol):
    """A connection until its first request's head has come."""

    __slots__ = ("_alarm", "_door", "_head", "_transport", "_waiting")

    def __init__(self, door: Door, waiting: set[_Newcomer]) -> None:
        self._door = door
        self._waiting = waiting
        self._head = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._waiting.add(self)
        self._alarm = asyncio.get_running_loop().call_later(HEAD_TIMEOUT_S, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        seen = max(0, len(self._head) - len(HEAD_END) + 1)
        self._head = self._head + data if self._head else data
        end = self._head.find(HEAD_END, seen) + len(HEAD_END)
        if end < len(HEAD_END):
            if len(self._head) > HEAD_MAX_BYTES:
                self._refuse("431 Request Header Fields Too Large")
            return
        transport, whole, self._head = self._transport, self._head, b""
        self._done()
        heir = self._door.open(whole[:end], transport)
        if isinstance(heir, ClientSocket):
            whole = whole[end:]
        if heir is not None and whole:
            heir.data_received(whole)

    def _too_late(self) -> None:
        if self._head:
            self._refuse("408 Request Timeout")
        else:
            self.abort()

    def _refuse(self, status: str) -> None:
        if self._transport is not None:
            self._transport.write(encode_answer(status))
            self._transport.close()
        self._done()

    def _done(self) -> None:
        self._transport = None
        self._waiting.discard(self)
        self._alarm.cancel()


def _refused(refusal: Refused) -> bytes:
    answer = problem_from(error_object(refusal))
    body = answer.body if isinstance(answer.body, bytes) else b""
    headers = [(name, value) for name, value in answer.headers.items() if name.lower() != "content-length"]
    return encode_answer(f"{answer.status} {answer.reason}", body, headers)
