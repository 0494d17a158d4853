"""What is in FLV's audio and video tags (Adobe FLV 10.1, E.4.2 and E.4.3; Enhanced RTMP v2)."""

from __future__ import annotations

from dataclasses import dataclass

_AVC = 7
_AAC = 10
_EX_AUDIO = 9


class Unsupported(ValueError):  # noqa: N818  it is an answer, not a fault
    """A codec that isn't taken; the text says so to the publisher."""


@dataclass(frozen=True, slots=True)
class AvcConfig:
    """Parameter sets, and how many bytes a NAL unit's length takes (ISO 14496-15, 5.3.3.1)."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    length_size: int


@dataclass(frozen=True, slots=True)
class AvcPicture:
    """One access unit, its units still after their lengths. ``shown_after``: composition offset in ms."""

    data: bytes
    shown_after: int


@dataclass(frozen=True, slots=True)
class SoundConfig:
    """``codec`` is ``aac`` (with its AudioSpecificConfig) or ``opus``."""

    codec: str
    extradata: bytes


@dataclass(frozen=True, slots=True)
class SoundFrame:
    """One encoded frame."""

    data: bytes


def video(body: bytes) -> AvcConfig | AvcPicture | None:
    """A video tag's content, None if there is none. Raises ``ValueError``; ``Unsupported`` for its codec."""
    if not body:
        return None
    if body[0] & 0x80:
        return _enhanced_video(body)
    if body[0] & 0x0F != _AVC:
        raise Unsupported("Send H.264: this encoder sends another codec.")
    if len(body) < 5:
        raise ValueError("a video tag is cut off")
    return _avc(body[1], body[2:5], body[5:])


def _enhanced_video(body: bytes) -> AvcConfig | AvcPicture | None:
    kind, codec = body[0] & 0x0F, body[1:5]
    if kind >= 4:  # metadata, several tracks: nothing that is needed
        return None
    if codec != b"avc1":
        name = codec.decode("ascii", "replace")
        raise Unsupported(f"Send H.264: this encoder sends {name}.")
    if kind == 1:
        return _avc(1, body[5:8], body[8:])
    return _avc({0: 0, 2: 2, 3: 1}[kind], b"\0\0\0", body[5:])


def _avc(kind: int, offset: bytes, data: bytes) -> AvcConfig | AvcPicture | None:
    if kind == 0:
        return avc_config(data)
    if kind == 1 and data:
        if len(offset) < 3:
            raise ValueError("a video tag is cut off")
        return AvcPicture(data, int.from_bytes(offset, "big", signed=True))
    return None


def avc_config(data: bytes) -> AvcConfig:
    """Reads an AVCDecoderConfigurationRecord. Raises ``ValueError``."""
    if len(data) < 7 or data[0] != 1:
        raise ValueError("that is no AVC configuration")
    length_size = (data[4] & 3) + 1
    sps, at = _sets(data, 6, data[5] & 0x1F)
    if at >= len(data):
        raise ValueError("an AVC configuration is cut off")
    pps, _ = _sets(data, at + 1, data[at])
    if not sps or not pps:
        raise ValueError("an AVC configuration without parameter sets")
    return AvcConfig(sps, pps, length_size)


def _sets(data: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    for _ in range(count):
        size = int.from_bytes(data[at : at + 2], "big")
        unit = data[at + 2 : at + 2 + size]
        if not unit or len(unit) < size:
            raise ValueError("a parameter set is cut off")
        found.append(unit)
        at += 2 + size
    return tuple(found), at


def units(data: bytes, length_size: int) -> list[bytes]:
    """The NAL units of an access unit, each after its length. Raises ``ValueError``."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        unit = data[at : at + size]
        if len(unit) < size:
            raise ValueError("a NAL unit is cut off")
        if unit:
            found.append(unit)
        at += size
    return found


def sound(body: bytes) -> SoundConfig | SoundFrame | None:
    """An audio tag's content, None if there is none. Raises ``ValueError``; ``Unsupported`` for its codec."""
    if len(body) < 2:
        return None
    form = body[0] >> 4
    if form == _EX_AUDIO:
        return _enhanced_sound(body)
    if form != _AAC:
        raise Unsupported("Send AAC sound: this encoder sends another codec.")
    return _sound("aac", body[1], body[2:])


def _enhanced_sound(body: bytes) -> SoundConfig | SoundFrame | None:
    kind, codec = body[0] & 0x0F, body[1:5]
    if kind > 1:
        return None
    names = {b"mp4a": "aac", b"Opus": "opus"}
    if codec not in names:
        raise Unsupported(f"Send AAC sound: this encoder sends {codec.decode('ascii', 'replace')}.")
    return _sound(names[codec], kind, body[5:])


def _sound(codec: str, kind: int, data: bytes) -> SoundConfig | SoundFrame | None:
    if kind == 0:
        return SoundConfig(codec, data)
    return SoundFrame(data) if kind == 1 and data else None
