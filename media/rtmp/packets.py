"""H.264 access units as RTP payloads (RFC 6184, packetization mode 1)."""

from __future__ import annotations

from collections.abc import Sequence

MAX_PAYLOAD = 1200  # with RTP's, SRTP's, UDP's and IP's heads it passes any path that carries video calls

SPS, PPS, IDR = 7, 8, 5
_AUD, _FILLER = 9, 12
_STAP_A, _FU_A = 24, 28


def kind(unit: bytes) -> int:
    """The type of a NAL unit."""
    return unit[0] & 0x1F


def payloads(units: Sequence[bytes], parameters: Sequence[bytes]) -> list[bytes]:
    """The payloads of one picture, in order; the last one bears the marker.

    Before a keyframe go the ``parameters`` (SPS, PPS), in one packet if they fit: whoever begins there can
    decode. Those among the units are left out, as are delimiters and filler, which say nothing over RTP.
    """
    shown = [unit for unit in units if kind(unit) not in (SPS, PPS, _AUD, _FILLER)]
    found: list[bytes] = []
    if any(kind(unit) == IDR for unit in shown):
        found += _together(parameters)
    for unit in shown:
        found += [unit] if len(unit) <= MAX_PAYLOAD else _fragments(unit)
    return found


def _together(units: Sequence[bytes]) -> list[bytes]:
    """One STAP-A (RFC 6184, 5.7.1), or a packet for each unit where that would be too large."""
    size = 1 + sum(2 + len(unit) for unit in units)
    if len(units) < 2 or size > MAX_PAYLOAD:
        return [part for unit in units for part in ([unit] if len(unit) <= MAX_PAYLOAD else _fragments(unit))]
    importance = max(unit[0] & 0x60 for unit in units)
    return [bytes([importance | _STAP_A]) + b"".join(len(u).to_bytes(2, "big") + u for u in units)]


def _fragments(unit: bytes) -> list[bytes]:
    """FU-A packets (RFC 6184, 5.8)."""
    indicator, number = unit[0] & 0xE0 | _FU_A, kind(unit)
    room, body = MAX_PAYLOAD - 2, unit[1:]
    parts = []
    for at in range(0, len(body), room):
        first, last = at == 0, at + room >= len(body)
        head = (0x80 if first else 0) | (0x40 if last else 0) | number
        parts.append(bytes([indicator, head]) + body[at : at + room])
    return parts
