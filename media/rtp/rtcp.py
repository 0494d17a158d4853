"""RTCP (RFC 3550, 6; RFC 4585; RFC 5104; REMB): only the packets that a forwarder reads and writes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

SR, RR, SDES, BYE, RTPFB, PSFB = 200, 201, 202, 203, 205, 206
NTP_EPOCH_S = 2_208_988_800  # from 1900 (NTP) to 1970 (Unix)

_HEAD = struct.Struct("!BBH")
_PAIR = struct.Struct("!II")
_NACK = struct.Struct("!HH")
_SENDER = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IB3sIIII")


class ReportBlock(NamedTuple):
    ssrc: int
    fraction: int  # of 256
    lost: int
    highest: int
    jitter: int
    last_sr: int  # middle 32 bits of an NTP time
    delay: int  # since then, in 1/65536 s


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp: int  # 64 bits: seconds since 1900 and their fraction
    timestamp: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    blocks: tuple[ReportBlock, ...]


@dataclass(frozen=True, slots=True)
class Nack:
    media_ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """A picture loss indication or full intra request."""

    media_ssrc: int


@dataclass(frozen=True, slots=True)
class Bye:
    sources: tuple[int, ...]


Packet = SenderReport | ReceiverReport | Nack | KeyframeRequest | Bye


def parse(data: bytes) -> Iterator[Packet]:
    """The packets of a compound that are known here. Raises ``ValueError`` at what is malformed."""
    at = 0
    while at + 4 <= len(data):
        first, kind, words = _HEAD.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            raise ValueError("a malformed RTCP packet")
        body = data[at + 4 : end]
        if first & 0x20:
            if not body or not 0 < body[-1] <= len(body):
                raise ValueError("malformed RTCP padding")
            body = body[: -body[-1]]
        try:
            yield from _one(kind, first & 0x1F, body)
        except struct.error as error:
            raise ValueError("an RTCP packet is cut off") from error
        at = end


def _one(kind: int, count: int, body: bytes) -> Iterator[Packet]:
    if kind == SR:
        ssrc, ntp, timestamp, _, _ = _SENDER.unpack_from(body)
        yield SenderReport(ssrc, ntp, timestamp, _blocks(body, _SENDER.size, count))
    elif kind == RR:
        yield ReceiverReport(_blocks(body, 4, count))
    elif kind == BYE:
        yield Bye(struct.unpack_from(f"!{count}I", body))
    elif kind == RTPFB and count == 1:
        yield Nack(_PAIR.unpack_from(body)[1], tuple(_nacked(body[8:])))
    elif kind == PSFB and count == 1:
        yield KeyframeRequest(_PAIR.unpack_from(body)[1])
    elif kind == PSFB and count == 4 and len(body) >= 16:  # the target is in the FCI (RFC 5104, 4.3.1)
        yield KeyframeRequest(_PAIR.unpack_from(body, 8)[0])


def _blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, fraction, lost, *rest = _BLOCK.unpack_from(body, at + index * _BLOCK.size)
        blocks.append(ReportBlock(ssrc, fraction, int.from_bytes(lost, "big", signed=True), *rest))
    return tuple(blocks)


def _nacked(fci: bytes) -> Iterator[int]:
    for at in range(0, len(fci) - 3, 4):
        first, mask = _NACK.unpack_from(fci, at)
        yield first
        for bit in range(16):
            if mask >> bit & 1:
                yield (first + bit + 1) & 0xFFFF


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body


def _block_bytes(block: ReportBlock) -> bytes:
    lost = block.lost.to_bytes(3, "big", signed=True)
    return _BLOCK.pack(block.ssrc, block.fraction, lost, *block[3:])


def receiver_report(ssrc: int, blocks: Iterable[ReportBlock]) -> bytes:
    packed = [_block_bytes(block) for block in blocks]
    return _packet(RR, len(packed), ssrc.to_bytes(4, "big") + b"".join(packed))


def sender_report(ssrc: int, ntp: int, timestamp: int, packets: int, octets: int) -> bytes:
    counts = (packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _packet(SR, 0, _SENDER.pack(ssrc, ntp, timestamp, *counts))


def source_description(ssrc: int, cname: str) -> bytes:
    name = cname.encode()
    chunk = ssrc.to_bytes(4, "big") + bytes([1, len(name)]) + name + b"\x00"
    return _packet(SDES, 1, chunk + b"\x00" * (-len(chunk) % 4))


def bye(*sources: int) -> bytes:
    return _packet(BYE, len(sources), struct.pack(f"!{len(sources)}I", *sources))


def picture_loss(ssrc: int, media_ssrc: int) -> bytes:
    return _packet(PSFB, 1, _PAIR.pack(ssrc, media_ssrc))


def nack(ssrc: int, media_ssrc: int, sequences: Iterable[int]) -> bytes:
    """A generic NACK; ``sequences`` are ascending, of any size (their low 16 bits count)."""
    fci = bytearray()
    first: int | None = None
    mask = 0
    for sequence in sequences:
        if first is not None and 1 <= sequence - first <= 16:
            mask |= 1 << (sequence - first - 1)
            continue
        if first is not None:
            fci += _NACK.pack(first & 0xFFFF, mask)
        first, mask = sequence, 0
    if first is not None:
        fci += _NACK.pack(first & 0xFFFF, mask)
    return _packet(RTPFB, 1, _PAIR.pack(ssrc, media_ssrc) + bytes(fci))


def bitrate_estimate(ssrc: int, bits_per_second: int, sources: Iterable[int]) -> bytes:
    """Receiver Estimated Maximum Bitrate (draft-alvestrand-rmcat-remb-03)."""
    listed = list(sources)
    exponent = max(0, bits_per_second.bit_length() - 18)
    mantissa = bits_per_second >> exponent
    head = (
        b"REMB"
        + bytes([len(listed), exponent << 2 | mantissa >> 16])
        + (mantissa & 0xFFFF).to_bytes(2, "big")
    )
    return _packet(PSFB, 15, _PAIR.pack(ssrc, 0) + head + struct.pack(f"!{len(listed)}I", *listed))


def ntp_from_unix_ms(unix_ms: float) -> int:
    return int((unix_ms / 1000 + NTP_EPOCH_S) * (1 << 32))


def unix_ms_from_ntp(ntp: int) -> float:
    return (ntp / (1 << 32) - NTP_EPOCH_S) * 1000
