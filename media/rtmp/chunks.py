"""RTMP's chunk stream (Adobe RTMP 1.0, 5.3 and 5.4): messages out of bytes, and bytes out of messages."""

from __future__ import annotations

import struct
from typing import NamedTuple

SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW_SIZE, PEER_BANDWIDTH = 1, 2, 3, 4, 5, 6
AUDIO, VIDEO = 8, 9
DATA_AMF3, COMMAND_AMF3, DATA, COMMAND = 15, 17, 18, 20

# A keyframe of 20 Mbps is well under 2 MiB; what one publisher can make us keep is twice this.
MAX_VIDEO_BYTES = 4 * 1024 * 1024
MAX_OTHER_BYTES = 64 * 1024
MAX_CHUNK_STREAMS = 16  # encoders use three to six

_EXTENDED = 0xFFFFFF
_HEADER_BYTES = (11, 7, 3, 0)
_U32 = struct.Struct(">I")


class Message(NamedTuple):
    """``timestamp`` in milliseconds, 32 bits; ``stream`` is the message stream's id."""

    kind: int
    timestamp: int
    stream: int
    payload: bytes


class _ChunkStream:
    __slots__ = ("delta", "extended", "kind", "length", "partial", "stream", "timestamp")

    def __init__(self) -> None:
        self.timestamp = self.delta = self.length = self.kind = self.stream = 0
        self.extended: int | None = None
        self.partial: bytearray | None = None


class _Header(NamedTuple):
    size: int
    form: int
    chunk_stream: int
    fields: bytes
    extended: int | None


class ChunkReader:
    """Puts a peer's messages together. Pure. Memory is bounded whatever the peer says."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._streams: dict[int, _ChunkStream] = {}
        self._chunk_size = 128
        self._kept = 0  # bytes of messages that aren't whole

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole with ``data``. Raises ``ValueError`` for what RTMP doesn't allow."""
        self._buffer += data
        messages: list[Message] = []
        at = 0
        while (taken := self._chunk(at, messages)) is not None:
            at += taken
        del self._buffer[:at]
        return messages

    def _chunk(self, at: int, messages: list[Message]) -> int | None:
        """Takes the chunk at ``at``; gives its size, or None if it isn't all there."""
        header = self._header(at)
        if header is None:
            return None
        known = self._streams.get(header.chunk_stream)
        one = known or _ChunkStream()
        length = _length(header) if header.form < 2 else one.length  # before any of it is kept
        size = min(self._chunk_size, length - len(one.partial or b""))
        if len(self._buffer) - at < header.size + size:
            return None
        if known is None:
            self._admit(header, one)
        if one.partial is None:
            self._begin(one, header)
        elif header.form != 3:
            raise ValueError("a message is cut off by another one of its chunk stream")
        self._append(one, at + header.size, size)
        if one.partial is not None and len(one.partial) >= one.length:
            self._finish(one, messages)
        return header.size + size

    def _admit(self, header: _Header, one: _ChunkStream) -> None:
        if header.form != 0:
            raise ValueError("a chunk stream begins with a whole header")
        if len(self._streams) >= MAX_CHUNK_STREAMS:
            raise ValueError("too many chunk streams")
        self._streams[header.chunk_stream] = one

    def _header(self, at: int) -> _Header | None:
        buffer = self._buffer
        left = len(buffer) - at
        if left < 1:
            return None
        form, number = buffer[at] >> 6, buffer[at] & 0x3F
        basic = 1 if number > 1 else 2 + number
        if left < basic + _HEADER_BYTES[form]:
            return None
        if number < 2:
            number = 64 + int.from_bytes(buffer[at + 1 : at + basic], "little")
        end = at + basic + _HEADER_BYTES[form]
        fields = bytes(buffer[at + basic : end])
        extended = self._extended(form, number, fields, end)
        if extended == -1:
            return None
        size = end - at + (4 if extended is not None else 0)
        return _Header(size, form, number, fields, extended)

    def _extended(self, form: int, number: int, fields: bytes, at: int) -> int | None:
        """The extended timestamp after a header, None if there is none, -1 if it isn't there yet."""
        known = self._streams.get(number)
        if form == 3:
            if known is None or known.extended is None:
                return None
        elif fields[:3] != b"\xff\xff\xff":
            return None
        if len(self._buffer) - at < 4:
            return -1
        value: int = _U32.unpack_from(self._buffer, at)[0]
        if form == 3 and known is not None and value != known.extended:
            return None  # encoders are known to leave it out of what continues a message
        return value

    def _begin(self, one: _ChunkStream, header: _Header) -> None:
        fields = header.fields
        if header.form < 3:
            field = header.extended if header.extended is not None else int.from_bytes(fields[:3], "big")
            one.extended, one.delta = header.extended, field
            one.timestamp = field if header.form == 0 else (one.timestamp + field) & 0xFFFFFFFF
        else:
            one.timestamp = (one.timestamp + one.delta) & 0xFFFFFFFF
        if header.form < 2:
            one.length, one.kind = _length(header), fields[6]
        if header.form == 0:
            one.stream = int.from_bytes(fields[7:11], "little")
        one.partial = bytearray()

    def _append(self, one: _ChunkStream, at: int, size: int) -> None:
        if one.partial is None:
            return
        self._kept += size
        if self._kept > MAX_VIDEO_BYTES + MAX_OTHER_BYTES:
            raise ValueError("too much of messages that aren't whole")
        one.partial += self._buffer[at : at + size]

    def _finish(self, one: _ChunkStream, messages: list[Message]) -> None:
        payload = bytes(one.partial or b"")
        one.partial = None
        self._kept -= len(payload)
        if one.kind == SET_CHUNK_SIZE:
            size = int.from_bytes(payload[:4], "big")
            if len(payload) != 4 or not 1 <= size <= 0x7FFFFFFF:
                raise ValueError("that is no chunk size")
            self._chunk_size = size
        elif one.kind == ABORT:
            self._abort(payload)
        else:
            messages.append(Message(one.kind, one.timestamp, one.stream, payload))

    def _abort(self, payload: bytes) -> None:
        aborted = self._streams.get(int.from_bytes(payload[:4], "big"))
        if aborted is not None and aborted.partial is not None:
            self._kept -= len(aborted.partial)
            aborted.partial = None


def _length(header: _Header) -> int:
    length, kind = int.from_bytes(header.fields[3:6], "big"), header.fields[6]
    if length > (MAX_VIDEO_BYTES if kind == VIDEO else MAX_OTHER_BYTES):
        raise ValueError(f"a message of {length} bytes is too large")
    return length


def write(chunk_stream: int, message: Message, chunk_size: int = 128) -> bytes:
    """A message as chunks; ``chunk_stream`` is 2..63."""
    payload = message.payload
    extended = b"" if message.timestamp < _EXTENDED else _U32.pack(message.timestamp)
    head = bytes([chunk_stream])
    head += min(message.timestamp, _EXTENDED).to_bytes(3, "big") + len(payload).to_bytes(3, "big")
    head += bytes([message.kind]) + message.stream.to_bytes(4, "little") + extended
    parts = [head, payload[:chunk_size]]
    for at in range(chunk_size, len(payload), chunk_size):
        parts += [bytes([0xC0 | chunk_stream]), extended, payload[at : at + chunk_size]]
    return b"".join(parts)
