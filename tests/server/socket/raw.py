"""A client by hand: a TCP socket, bytes as a test wants them, and frames as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from server.socket.frames import Opcode, unmask

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
TARGET = "/socket.io/?EIO=4&transport=websocket"
DEADLINE_S = 30.0


def masked(opcode: int, body: bytes, *, final: bool = True, mask: bytes = b"\x11\x22\x33\x44") -> bytes:
    """A client's frame."""
    first, length = opcode | (0x80 if final else 0), len(body)
    if length < 126:
        head = bytes((first, 0x80 | length))
    elif length < 65536:
        head = bytes((first, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + mask + unmask(body, mask)


def request(target: str = TARGET, **headers: str) -> bytes:
    """A handshake; a header given as an empty text is left out, underscores are hyphens."""
    fields = {
        "host": "127.0.0.1",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec_websocket_key": KEY,
        "sec_websocket_version": "13",
        **headers,
    }
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value]
    return "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode()


class Raw:
    """A connection. ``inbox`` has what was received as ``(opcode, body)``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and, if it has a length, body of an HTTP answer."""
        async with asyncio.timeout(DEADLINE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
            }
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(head[0].split()[1]), headers, body

    async def frame(self) -> tuple[int, bytes]:
        """The next frame."""
        async with asyncio.timeout(DEADLINE_S):
            first, length = await self.reader.readexactly(2)
            assert not length & 0x80, "a server's frame is never masked"
            if length >= 126:
                length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
            return first & 0x0F, await self.reader.readexactly(length)

    async def text(self) -> str:
        """The next text, past pings."""
        while True:
            opcode, body = await self.frame()
            assert opcode == Opcode.TEXT, (opcode, body)
            if body != b"2":
                return body.decode()

    async def closed(self) -> int:
        """The code of the next close frame, past everything before it."""
        while True:
            opcode, body = await self.frame()
            if opcode == Opcode.CLOSE:
                return int.from_bytes(body[:2], "big")

    async def ended(self) -> bytes:
        """What comes until the other side hangs up."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    def send(self, text: str) -> None:
        self.writer.write(masked(Opcode.TEXT, text.encode()))

    def command(self, ack: int, name: str, **payload: Any) -> None:
        self.send(f"42/live,{ack}{orjson.dumps([name, payload]).decode()}")

    async def reply(self, ack: int) -> Any:
        """The acknowledgement of that number, which must come before any other."""
        while not (text := await self.text()).startswith("43/live,"):
            pass
        number, _, rest = text.removeprefix("43/live,").partition("[")
        assert int(number) == ack
        return orjson.loads(f"[{rest}")[0]

    async def connect(self, auth: Any = None) -> str:
        """Into the namespace; gives the answer."""
        self.send("40/live," + ("" if auth is None else orjson.dumps(auth).decode()))
        return await self.text()


@asynccontextmanager
async def dialled(port: int, **options: Any) -> AsyncIterator[Raw]:
    """A TCP connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def session(port: int, **headers: str) -> AsyncIterator[Raw]:
    """An Engine.IO session over a WebSocket, past its first packet."""
    async with dialled(port) as raw:
        raw.writer.write(request(**headers))
        assert (await raw.answer())[0] == 101
        assert (await raw.text()).startswith("0{")
        yield raw
