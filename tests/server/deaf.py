"""A client that doesn't read."""

from __future__ import annotations

import asyncio
import json
import socket
import struct

from tests.server.world import DEADLINE_S, World, fresh, token


class Deaf:
    """A WebSocket on a bare TCP connection, of which nothing is read unless somebody asks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, text: str) -> None:
        """A text frame (RFC 6455, 5.2), masked with zeros."""
        payload = text.encode()
        length = (
            struct.pack("!B", 0x80 | len(payload))
            if len(payload) < 126
            else struct.pack("!BH", 0xFE, len(payload))
        )
        self.writer.write(b"\x81" + length + bytes(4) + payload)
        await self.writer.drain()

    async def hear(self, wanted: bytes) -> None:
        """Reads until that has come."""
        seen = b""
        async with asyncio.timeout(DEADLINE_S):
            while wanted not in seen:
                news = await self.reader.read(65_536)
                assert news, "the connection ended before that"
                seen = seen[-len(wanted) :] + news

    def close(self) -> None:
        self.writer.transport.abort()


async def stranger(world: World) -> Deaf:
    """Somebody who has opened a WebSocket and never says what for."""
    # A small window, so that what the server sends doesn't disappear into this machine's memory.
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", world.node.port))
    client = Deaf(*await asyncio.open_connection(sock=plain, limit=4096))
    client.writer.write(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await client.hear(b"\r\n\r\n")
    return client


async def deaf(world: World, room: str) -> Deaf:
    """Somebody who enters again and again without reading the answers, so that all buffers are full."""
    client = await stranger(world)
    await client.say("40/live," + json.dumps({"token": token(fresh("deaf"))}))
    for number in range(20):
        await client.say(f"42/live,{number}" + json.dumps(["enter", {"room": room}]))
    return client
