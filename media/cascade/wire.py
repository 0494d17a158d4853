"""What nodes say to each other on a relay's WebSocket: binary messages whose first byte is their kind. Pure.

A message of packets holds as many as there were, one after the other: flags, length, number, timestamp,
payload. Numbers never wrap, so nothing has to be guessed after a gap.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from media.ports import MediaKind, TrackInfo
from media.relay.track import Packet


class Say(IntEnum):
    """The first byte. The origin says the first five, the node that pulls the rest."""

    PACKETS = 0
    TRACKS = 1
    STATUS = 2
    CLOCK = 3
    TIME = 4
    KEYFRAME = 16
    MISSING = 17
    VIEWERS = 18
    ASK_TIME = 19


class Clock(NamedTuple):
    """The origin's wall clock (Unix ms) at one of a track's timestamps."""

    kind: MediaKind
    unix_ms: float
    timestamp: int


class Time(NamedTuple):
    """``asked_ms`` is as it was sent, ``unix_ms`` the origin's wall clock when it answered."""

    asked_ms: float
    unix_ms: float


Status = str
STATUSES: Final[tuple[Status, ...]] = ("idle", "live", "interrupted")
MAX_MISSING = 256
MAX_ASKED_BYTES = 4096
"""What pulls has little to say: a longer message is not one of ours."""

_KINDS: Final[tuple[MediaKind, ...]] = ("video", "audio")
_CODECS: Final = ("", "H264", "VP8", "opus")
_AUDIO, _MARKER, _KEYFRAME, _CODEC_SHIFT = 1, 2, 4, 4
_RECORD = struct.Struct("!BHQI")
_RECORD_BYTES = _RECORD.size
_TRACK = struct.Struct("!BBIB")
_CLOCK = struct.Struct("!BBdI")
_TIME = struct.Struct("!Bdd")
_ASK = struct.Struct("!Bd")
_VIEWERS = struct.Struct("!BI")
_CODEC_FLAGS = {name: number << _CODEC_SHIFT for number, name in enumerate(_CODECS)}


def packets(some: Iterable[Packet]) -> bytes:
    """A message of packets."""
    pack, chunks = _RECORD.pack, [b"\x00"]
    for kind, codec, sequence, timestamp, marker, payload, keyframe in some:
        flags = _CODEC_FLAGS[codec]
        if kind == "audio":
            flags |= _AUDIO
        if marker:
            flags |= _MARKER
        if keyframe:
            flags |= _KEYFRAME
        chunks += (pack(flags, len(payload), sequence, timestamp), payload)
    return b"".join(chunks)


def read_packets(message: bytes) -> Iterator[Packet]:
    """The packets of a message. Raises ``ValueError`` when it is cut off or says something unknown."""
    at, end = 1, len(message)
    unpack = _RECORD.unpack_from
    while at < end:
        if at + _RECORD_BYTES > end:
            raise ValueError("a packet's head is cut off")
        flags, length, sequence, timestamp = unpack(message, at)
        at += _RECORD_BYTES
        until = at + length
        if until > end or flags >> 6:
            raise ValueError("a packet is cut off, or of an unknown kind")
        yield Packet(
            _KINDS[flags & _AUDIO],
            _CODECS[flags >> _CODEC_SHIFT],
            sequence,
            timestamp,
            flags & _MARKER != 0,
            message[at:until],
            flags & _KEYFRAME != 0,
        )
        at = until


def tracks(some: Sequence[TrackInfo]) -> bytes:
    """Which tracks follow; it also says that another publisher's packets do."""
    body = b"".join(
        _TRACK.pack(_KINDS.index(one.kind), _CODECS.index(one.codec), one.clock_rate, one.channels)
        for one in some
    )
    return bytes([Say.TRACKS]) + body


def read_tracks(message: bytes) -> tuple[TrackInfo, ...]:
    """Raises ``ValueError``."""
    try:
        return tuple(
            TrackInfo(_KINDS[kind], _CODECS[codec], rate, channels)  # type: ignore[arg-type]
            for kind, codec, rate, channels in _TRACK.iter_unpack(message[1:])
        )
    except (struct.error, IndexError) as error:
        raise ValueError("these are no tracks") from error


def status(now: Status) -> bytes:
    return bytes([Say.STATUS, STATUSES.index(now)])


def read_status(message: bytes) -> Status:
    """Raises ``ValueError``."""
    if len(message) != 2 or message[1] >= len(STATUSES):
        raise ValueError("this is no status")
    return STATUSES[message[1]]


def clock(kind: MediaKind, unix_ms: float, timestamp: int) -> bytes:
    return _CLOCK.pack(Say.CLOCK, _KINDS.index(kind), unix_ms, timestamp)


def read_clock(message: bytes) -> Clock:
    """Raises ``ValueError``."""
    try:
        _, kind, unix_ms, timestamp = _CLOCK.unpack(message)
        return Clock(_KINDS[kind], unix_ms, timestamp)
    except (struct.error, IndexError) as error:
        raise ValueError("this is no clock") from error


def time(asked_ms: float, unix_ms: float) -> bytes:
    return _TIME.pack(Say.TIME, asked_ms, unix_ms)


def read_time(message: bytes) -> Time:
    """Raises ``ValueError``."""
    try:
        return Time(*_TIME.unpack(message)[1:])
    except struct.error as error:
        raise ValueError("this is no time") from error


def keyframe() -> bytes:
    return bytes([Say.KEYFRAME])


def missing(kind: MediaKind, numbers: Sequence[int]) -> bytes:
    """Numbers of packets that didn't come, ``MAX_MISSING`` at most."""
    some = numbers[:MAX_MISSING]
    return bytes([Say.MISSING, _KINDS.index(kind)]) + struct.pack(f"!{len(some)}Q", *some)


def read_missing(message: bytes) -> tuple[MediaKind, tuple[int, ...]]:
    """Raises ``ValueError``."""
    count, rest = divmod(len(message) - 2, 8)
    if rest or not 0 <= count <= MAX_MISSING or message[1] > 1:
        raise ValueError("these are no numbers")
    return _KINDS[message[1]], struct.unpack_from(f"!{count}Q", message, 2)


def viewers(count: int) -> bytes:
    return _VIEWERS.pack(Say.VIEWERS, count)


def read_viewers(message: bytes) -> int:
    """Raises ``ValueError``."""
    try:
        count: int = _VIEWERS.unpack(message)[1]
    except struct.error as error:
        raise ValueError("this is no count") from error
    return count


def ask_time(now_ms: float) -> bytes:
    return _ASK.pack(Say.ASK_TIME, now_ms)


def read_ask_time(message: bytes) -> float:
    """Raises ``ValueError``."""
    try:
        asked_ms: float = _ASK.unpack(message)[1]
    except struct.error as error:
        raise ValueError("this is no time") from error
    return asked_ms
