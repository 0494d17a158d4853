"""RTP packets as bytes (RFC 3550, 5.1): where the parts are, and how to put them together again."""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER_BYTES = 12
ONE_BYTE_PROFILE = 0xBEDE  # RFC 8285, 4.2

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")


class Rtp(NamedTuple):
    """One packet. ``payload`` is without padding; ``extensions`` maps ids of RFC 8285 to their bytes."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    extensions: dict[int, bytes]


def is_rtcp(data: bytes) -> bool:
    """Tells RTCP from RTP on a multiplexed port (RFC 5761, 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


def parse(data: bytes) -> Rtp:
    """The packet in ``data``. Raises ``ValueError`` when it is malformed."""
    if len(data) < HEADER_BYTES:
        raise ValueError("an RTP packet has at least 12 bytes")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise ValueError("the version of RTP is 2")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        if len(data) < start + 4:
            raise ValueError("the header extension is cut off")
        profile, words = _EXTENSION.unpack_from(data, start)
        start += 4
        extensions = _parse_extensions(profile, data[start : start + 4 * words])
        start += 4 * words
    end = len(data)
    if first & 0x20:
        end -= data[-1]
    if start > end or (first & 0x20 and data[-1] == 0):
        raise ValueError("the packet is shorter than its header says")
    return Rtp(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, data[start:end], extensions)


def _parse_extensions(profile: int, data: bytes) -> dict[int, bytes]:
    if profile == ONE_BYTE_PROFILE:
        return _one_byte_extensions(data)
    if profile & 0xFFF0 == 0x1000:
        return _two_byte_extensions(data)
    return {}


def _one_byte_extensions(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        head = data[at]
        at += 1
        if head == 0:
            continue
        if head >> 4 == 15:  # reserved: processing stops here
            break
        length = (head & 0x0F) + 1
        found[head >> 4] = data[at : at + length]
        at += length
    return found


def _two_byte_extensions(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + 1 < len(data):
        if data[at] == 0:
            at += 1
            continue
        length = data[at + 1]
        found[data[at]] = data[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def build(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """A packet without extensions, contributing sources and padding."""
    second = payload_type | 0x80 if marker else payload_type
    return _HEADER.pack(0x80, second, sequence, timestamp, ssrc) + payload


def mid_extension(extension_id: int, mid: str) -> bytes:
    """The header extension block that carries only the media identification (RFC 8843, 15)."""
    value = mid.encode()
    if not 1 <= extension_id <= 14 or not 1 <= len(value) <= 16:
        return b""
    body = bytes([extension_id << 4 | len(value) - 1]) + value
    body += b"\x00" * (-len(body) % 4)
    return _EXTENSION.pack(ONE_BYTE_PROFILE, len(body) // 4) + body


def unwrap_rtx(rtx: Rtp, payload_type: int, ssrc: int) -> Rtp | None:
    """The original of a retransmission (RFC 4588, 4); ``None`` for a probe that carries nothing."""
    if len(rtx.payload) < 2:
        return None
    sequence = rtx.payload[0] << 8 | rtx.payload[1]
    return rtx._replace(payload_type=payload_type, ssrc=ssrc, sequence=sequence, payload=rtx.payload[2:])
