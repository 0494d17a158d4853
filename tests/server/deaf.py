"""A client that doesn't read."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any

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

    async def text(self) -> str:
        """The next text frame; a ping is answered, everything else is passed over."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                first, length = await self.reader.readexactly(2)
                if length >= 126:
                    size = 2 if length == 126 else 8
                    length = int.from_bytes(await self.reader.readexactly(size), "big")
                body = await self.reader.readexactly(length)
                assert first & 0x0F != 8, f"closed: {body!r}"
                if body == b"2":
                    await self.say("3")
                elif first & 0x0F == 1:
                    return body.decode()

    async def answer(self, beginning: str) -> Any:
        """The JSON after the next text that begins so."""
        while not (text := await self.text()).startswith(beginning):
            pass
        return json.loads(text.removeprefix(beginning))

    async def follow(self, offset: int, kind: str) -> tuple[int, int, set[str]]:
        """Reads frames up to one with an event of that kind, each of which must continue the one before;
        gives the last offset, how many were skipped, and the kinds that came."""
        skipped, kinds = 0, set[str]()
        while kind not in kinds:
            name, frame = await self.answer("42/live,")
            if name != "events":
                assert name == "signals", (name, frame)
                continue
            assert frame["from"] == offset + 1
            left_out = frame["skipped"].get("comment", 0)
            assert frame["to"] - offset == len(frame["items"]) + left_out
            offset, skipped = frame["to"], skipped + left_out
            kinds |= {event["kind"] for event in frame["items"]}
        return offset, skipped, kinds

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
    await client.reader.readuntil(b"\r\n\r\n")
    return client


async def deaf(world: World, room: str) -> Deaf:
    """Somebody who enters again and again without reading the answers, so that all buffers are full."""
    client = await stranger(world)
    await client.say("40/live," + json.dumps({"token": token(fresh("deaf"))}))
    for number in range(20):
        await client.say(f"42/live,{number}" + json.dumps(["enter", {"room": room}]))
    return client
