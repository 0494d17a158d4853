"""What a forwarder must know of a payload: does a keyframe begin here, and how large is the picture.

H.264 over RTP is RFC 6184, VP8 is RFC 7741.
"""

from __future__ import annotations

from collections.abc import Iterator


def starts_keyframe(codec: str, payload: bytes) -> bool:
    """True for the first packet of a picture that can be decoded without earlier ones."""
    if codec == "H264":
        return _h264_keyframe(payload)
    if codec == "VP8":
        frame = vp8_frame(payload)
        return frame is not None and not frame[0] & 1
    return False


def picture_size(codec: str, payload: bytes) -> tuple[int, int] | None:
    """Width and height, if this payload says so: it holds a SPS (H.264) or a keyframe's head (VP8)."""
    if codec == "H264":
        for unit in nal_units(payload):
            if unit[0] & 0x1F == 7:
                return sps_size(unit)
    elif codec == "VP8":
        frame = vp8_frame(payload)
        if frame is not None and len(frame) >= 10 and not frame[0] & 1 and frame[3:6] == b"\x9d\x01\x2a":
            return int.from_bytes(frame[6:8], "little") & 0x3FFF, int.from_bytes(
                frame[8:10], "little"
            ) & 0x3FFF
    return None


def nal_units(payload: bytes) -> Iterator[bytes]:
    """The whole NAL units of a single-unit or STAP-A payload (RFC 6184, 5.6 and 5.7.1)."""
    if not payload:
        return
    if payload[0] & 0x1F != 24:
        yield payload
        return
    at = 1
    while at + 2 < len(payload):
        size = payload[at] << 8 | payload[at + 1]
        if size:
            yield payload[at + 2 : at + 2 + size]
        at += 2 + size


def _h264_keyframe(payload: bytes) -> bool:
    if not payload:
        return False
    kind = payload[0] & 0x1F
    if kind == 28:  # FU-A: the start of a fragmented IDR picture or SPS
        return len(payload) > 1 and bool(payload[1] & 0x80) and payload[1] & 0x1F in (5, 7)
    if kind == 24:
        return any(unit[0] & 0x1F in (5, 7) for unit in nal_units(payload))
    return kind in (5, 7)


def vp8_frame(payload: bytes) -> bytes | None:
    """The frame's own bytes if this payload begins one, else ``None`` (RFC 7741, 4.2)."""
    if len(payload) < 2 or not payload[0] & 0x10 or payload[0] & 0x07:
        return None
    at = 1
    if payload[0] & 0x80:
        flags = payload[1]
        at = 2
        if flags & 0x80:
            at += 2 if len(payload) > at and payload[at] & 0x80 else 1
        at += bool(flags & 0x40)
        at += bool(flags & 0x30)
    return payload[at:] or None


class _Bits:
    """Reads bits and Exp-Golomb numbers (H.264, 9.1). Raises ``ValueError`` past the end."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def read(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the parameter set is cut off")
        self._left -= count
        return self._number >> self._left & (1 << count) - 1

    def ue(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("not an Exp-Golomb number")
        return (1 << zeros) - 1 + self.read(zeros)

    def se(self) -> int:
        number = self.ue()
        return (number + 1) // 2 if number & 1 else -(number // 2)


_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})


def sps_size(unit: bytes) -> tuple[int, int] | None:
    """Width and height from a sequence parameter set (H.264, 7.3.2.1.1); ``None`` when unreadable."""
    try:
        return _sps_size(_Bits(unit[1:].replace(b"\x00\x00\x03", b"\x00\x00")))
    except ValueError:
        return None


def _sps_size(bits: _Bits) -> tuple[int, int]:
    profile = bits.read(8)
    bits.read(16)
    bits.ue()
    chroma = _chroma_format(bits) if profile in _HIGH_PROFILES else 1
    bits.ue()
    _picture_order(bits)
    bits.ue()
    bits.read(1)
    width = (bits.ue() + 1) * 16
    map_units = bits.ue() + 1
    frames_only = bits.read(1)
    height = (2 - frames_only) * map_units * 16
    if not frames_only:
        bits.read(1)
    bits.read(1)
    if bits.read(1):
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * (2 - frames_only)
        width -= unit_x * (bits.ue() + bits.ue())
        height -= unit_y * (bits.ue() + bits.ue())
    return width, height


def _picture_order(bits: _Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.read(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()


def _chroma_format(bits: _Bits) -> int:
    chroma = bits.ue()
    if chroma == 3:
        bits.read(1)
    bits.ue()
    bits.ue()
    bits.read(1)
    if bits.read(1):
        for index in range(8 if chroma != 3 else 12):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last
