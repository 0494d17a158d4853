"""Socket.IO packets by orjson, without binary attachments."""

from __future__ import annotations

from typing import Any

import orjson
import socketio.packet
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket

NAMESPACE = "/live"


class _Json:
    """What python-socketio takes for a json module."""

    @staticmethod
    def dumps(data: Any, **_: Any) -> str:
        return orjson.dumps(data).decode()

    @staticmethod
    def loads(data: str | bytes, **_: Any) -> Any:
        return orjson.loads(data)


class WirePacket(socketio.packet.Packet):
    """A packet of JSON alone. Binary attachments are refused: the protocol has none, and a client that
    announced a thousand of them would make the server collect a thousand."""

    uses_binary_events = False
    json = _Json

    def decode(self, encoded_packet: str) -> int | None:
        if encoded_packet[:1] in ("5", "6"):
            raise ValueError("binary packets are not part of this protocol")
        attachments: int | None = super().decode(encoded_packet)
        return attachments


def encode_message(name: str, payload: Any) -> EnginePacket:
    """A server's message as one packet, encoded once for however many clients it goes to."""
    packet = WirePacket(socketio.packet.EVENT, data=[name, payload], namespace=NAMESPACE)
    engine = EnginePacket(MESSAGE, data=packet.encode())
    engine.encode()
    return engine
