"""A publisher's RTMP (Adobe RTMP 1.0, 5.2 and 7): handshake, commands, and what it publishes. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from media.rtmp import amf, chunks
from media.rtmp.chunks import ChunkReader, Message

APPLICATION = "live"
HANDSHAKE_BYTES = 1536
WINDOW_BYTES = 2_500_000
_STREAM = 1  # the one message stream that a connection may have
_PING, _PONG, _STREAM_BEGIN = 6, 7, 0


@dataclass(frozen=True, slots=True)
class Publish:
    """The peer wants to publish ``name``. Say ``accept`` or ``refuse`` to it."""

    name: str


@dataclass(frozen=True, slots=True)
class Tag:
    """Sound (``chunks.AUDIO``) or picture (``chunks.VIDEO``) as FLV has it; ``timestamp`` in ms, 32 bits."""

    kind: int
    timestamp: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the encoder says of itself (onMetaData)."""

    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The publisher has ended its stream."""


Event = Publish | Tag | Metadata | Goodbye


class Session:
    """Feed it what comes; send what ``take`` gives after each call.

    Everything raises ``ValueError`` for what isn't RTMP: then close, there is no going on.
    """

    def __init__(self) -> None:
        self._out = bytearray()
        self._early = bytearray()
        self._greeted = self._shaken = self._connected = self._asked = False
        self._reader = ChunkReader()
        self._received = self._acknowledged = 0
        self._window = WINDOW_BYTES

    def take(self) -> bytes:
        """What is to be sent now."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def feed(self, data: bytes) -> list[Event]:
        """What the peer says with ``data``."""
        if not self._shaken:
            data = self._handshake(data)
            if not self._shaken:
                return []
        self._received = (self._received + len(data)) & 0xFFFFFFFF
        events = [event for message in self._reader.feed(data) for event in self._message(message)]
        self._acknowledge()
        return events

    def accept(self) -> None:
        """The publisher may begin."""
        begin = _STREAM_BEGIN.to_bytes(2, "big") + _STREAM.to_bytes(4, "big")
        self._control(chunks.USER_CONTROL, begin)
        self._status("status", "NetStream.Publish.Start", "Go ahead.")

    def refuse(self, code: str, description: str) -> None:
        """The publisher may not begin, or not go on; close afterwards. ``code`` as in NetStream.Publish.…"""
        self._status("error", f"NetStream.Publish.{code}", description)

    # --- handshake (5.2)

    def _handshake(self, data: bytes) -> bytes:
        """Gives what follows the handshake."""
        self._early += data
        if self._early and self._early[0] != 3:
            raise ValueError("not RTMP, or an encrypted kind of it")
        if not self._greeted and len(self._early) >= 1 + HANDSHAKE_BYTES:
            self._greeted = True
            first = bytes(self._early[1 : 1 + HANDSHAKE_BYTES])
            self._out += b"\x03" + bytes(8) + os.urandom(HANDSHAKE_BYTES - 8) + first
        whole = 1 + 2 * HANDSHAKE_BYTES
        if len(self._early) < whole:
            return b""
        rest = bytes(self._early[whole:])
        self._early.clear()
        self._shaken = True
        return rest

    # --- messages

    def _message(self, message: Message) -> list[Event]:
        match message.kind:
            case chunks.AUDIO | chunks.VIDEO:
                return [Tag(message.kind, message.timestamp, message.payload)] if message.payload else []
            case chunks.COMMAND:
                return self._command(amf.decode(message.payload))
            case chunks.COMMAND_AMF3:
                return self._command(amf.decode(message.payload[1:]))
            case chunks.DATA:
                return _metadata(amf.decode(message.payload))
            case chunks.WINDOW_SIZE:
                self._window = max(1024, int.from_bytes(message.payload[:4], "big"))
            case chunks.USER_CONTROL:
                if int.from_bytes(message.payload[:2], "big") == _PING:
                    self._control(chunks.USER_CONTROL, _PONG.to_bytes(2, "big") + message.payload[2:6])
        return []

    def _command(self, values: list[Any]) -> list[Event]:
        if len(values) < 2 or not isinstance(values[0], str) or not isinstance(values[1], float):
            raise ValueError("that is no command")
        name, number = values[0], values[1]
        match name:
            case "connect":
                self._connect(number, values[2] if len(values) > 2 else None)
            case "createStream":
                self._need(self._connected)
                self._reply("_result", number, None, _STREAM)
            case "publish":
                return self._publish(values)
            case "deleteStream" | "closeStream" | "FCUnpublish":
                return [Goodbye()]
            case "play" | "play2":
                raise ValueError("this is for publishers: watch by WHEP or HLS")
        return []

    def _connect(self, number: float, what: Any) -> None:
        asked = str(what.get("app", "")) if isinstance(what, dict) else ""
        if asked.partition("?")[0].strip("/") != APPLICATION:
            info = _info("error", "NetConnection.Connect.Rejected", "Publish to rtmp://…/live.")
            self._reply("_error", number, None, info)
            return
        self._connected = True
        self._control(chunks.WINDOW_SIZE, WINDOW_BYTES.to_bytes(4, "big"))
        self._control(chunks.PEER_BANDWIDTH, WINDOW_BYTES.to_bytes(4, "big") + b"\x02")
        info = _info("status", "NetConnection.Connect.Success", "Connected.") | {"objectEncoding": 0}
        self._reply("_result", number, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31}, info)

    def _publish(self, values: list[Any]) -> list[Event]:
        self._need(self._connected and not self._asked)
        if len(values) < 4 or not isinstance(values[3], str):
            raise ValueError("publish without a name")
        self._asked = True
        return [Publish(values[3])]

    def _need(self, condition: bool) -> None:
        if not condition:
            raise ValueError("that command has no place here")

    # --- writing

    def _reply(self, name: str, number: float, *values: Any) -> None:
        self._out += chunks.write(3, Message(chunks.COMMAND, 0, 0, amf.encode(name, number, *values)))

    def _status(self, level: str, code: str, description: str) -> None:
        payload = amf.encode("onStatus", 0, None, _info(level, code, description))
        self._out += chunks.write(5, Message(chunks.COMMAND, 0, _STREAM, payload))

    def _control(self, kind: int, payload: bytes) -> None:
        self._out += chunks.write(2, Message(kind, 0, 0, payload))

    def _acknowledge(self) -> None:
        if (self._received - self._acknowledged) & 0xFFFFFFFF >= self._window // 2:
            self._acknowledged = self._received
            self._control(chunks.ACKNOWLEDGEMENT, self._received.to_bytes(4, "big"))


def _info(level: str, code: str, description: str) -> dict[str, Any]:
    return {"level": level, "code": code, "description": description}


def _metadata(values: list[Any]) -> list[Event]:
    if values[:1] == ["@setDataFrame"]:
        values = values[1:]
    if values[:1] != ["onMetaData"] or len(values) < 2 or not isinstance(values[1], dict):
        return []
    return [Metadata(values[1])]
