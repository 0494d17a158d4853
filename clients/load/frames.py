"""WebSocket framing as a client needs it (RFC 6455, 5.2). No I/O."""

from __future__ import annotations

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_CONTINUATION = 0
MESSAGE_MAX_BYTES = 16 * 1024 * 1024


class BadFrameError(ValueError):
    """The server broke the framing rules, or sent more than a message may have."""


class FrameReader:
    """Cuts the bytes that a server sends into messages. Holds at most one message that is not yet whole."""

    __slots__ = ("_kind", "_parts", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._kind = 0
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The messages that end in ``data``, each with its opcode. Raises ``BadFrameError``."""
        if self._rest:
            data = self._rest + data
        messages: list[tuple[int, bytes]] = []
        at, size = 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length > 125:
                head = _long_length(data, at)
                if head is None:
                    break
                length, start = head
            if start + length > size:
                break
            payload = data[start : start + length]
            if data[at] == 0x81:  # nearly always: a whole text message
                messages.append((TEXT, payload))
            else:
                self._fragment(data[at], payload, messages)
            at = start + length
        self._rest = data[at:] if at < size else b""
        return messages

    def _fragment(self, head: int, payload: bytes, messages: list[tuple[int, bytes]]) -> None:
        kind, final = head & 0x0F, head & 0x80
        if kind >= CLOSE or (final and kind != _CONTINUATION):
            messages.append((kind, payload))
            return
        if kind != _CONTINUATION:
            self._kind, self._parts = kind, []
        self._parts.append(payload)
        if sum(map(len, self._parts)) > MESSAGE_MAX_BYTES:
            raise BadFrameError("a message of more than 16 MiB")
        if final:
            messages.append((self._kind, b"".join(self._parts)))
            self._parts = []


def _long_length(data: bytes, at: int) -> tuple[int, int] | None:
    """The length of a frame's payload and where it begins; None while the head isn't whole."""
    length = data[at + 1]
    if length & 0x80:
        raise BadFrameError("a server doesn't mask")
    width = 2 if length == 126 else 8
    start = at + 2 + width
    if len(data) < start:
        return None
    length = int.from_bytes(data[at + 2 : start], "big")
    if length > MESSAGE_MAX_BYTES:
        raise BadFrameError("a frame of more than 16 MiB")
    return length, start


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One masked frame. The key is zero: masking guards against confused proxies, and costs a pass over the
    bytes that a load generator shouldn't spend."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload
