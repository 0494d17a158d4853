"""AMF 0, as commands and metadata of RTMP are written (Adobe, Action Message Format -- AMF 0)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

MAX_DEPTH = 8
MAX_VALUES = 1024

_NUMBER = struct.Struct(">d")
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")


def decode(data: bytes) -> list[Any]:
    """All values in ``data``: floats, bools, strings, dicts, lists and None.

    Raises ``ValueError`` for what is malformed, too deep (``MAX_DEPTH``) or too much (``MAX_VALUES``).
    """
    reader = _Reader(data)
    values = []
    while reader.more:
        values.append(reader.value(0))
    return values


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._count = 0

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    def value(self, depth: int) -> Any:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_VALUES:
            raise ValueError("too much, or too deep")
        marker = self._take(1)[0]
        if marker in (0x03, 0x08):
            if marker == 0x08:
                self._take(4)  # how many there are, which encoders get wrong: the end is marked
            return self._object(depth)
        if marker == 0x0A:
            return self._array(depth)
        return self._simple(marker)

    def _simple(self, marker: int) -> Any:
        match marker:
            case 0x00:
                return _NUMBER.unpack(self._take(8))[0]
            case 0x01:
                return self._take(1) != b"\x00"
            case 0x02:
                return self._string(_U16)
            case 0x05 | 0x06:
                return None
            case 0x0B:
                return _NUMBER.unpack(self._take(10)[:8])[0]
            case 0x0C:
                return self._string(_U32)
        raise ValueError(f"a value of type {marker} isn't taken")

    def _take(self, size: int) -> bytes:
        data = self._data[self._at : self._at + size]
        if len(data) < size:
            raise ValueError("cut off")
        self._at += size
        return data

    def _string(self, length: struct.Struct) -> str:
        (size,) = length.unpack(self._take(length.size))
        return self._take(size).decode("utf-8", "replace")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self._string(_U16)
            if not name and self._data[self._at : self._at + 1] == b"\x09":
                self._at += 1
                return found
            found[name] = self.value(depth + 1)

    def _array(self, depth: int) -> list[Any]:
        (count,) = _U32.unpack(self._take(4))
        if count > MAX_VALUES:
            raise ValueError("too much")
        return [self.value(depth + 1) for _ in range(count)]


def encode(*values: Any) -> bytes:
    """The values one after the other: numbers, bools, strings, mappings, sequences and None."""
    return b"".join(map(_encoded, values))


def _encoded(value: Any) -> bytes:
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return b"\x01\x01" if value else b"\x01\x00"
    if isinstance(value, int | float):
        return b"\x00" + _NUMBER.pack(value)
    if isinstance(value, str):
        text = value.encode()
        if len(text) > 0xFFFF:
            return b"\x0c" + _U32.pack(len(text)) + text
        return b"\x02" + _U16.pack(len(text)) + text
    if isinstance(value, Mapping):
        return (
            b"\x03" + b"".join(_name(name) + _encoded(one) for name, one in value.items()) + b"\x00\x00\x09"
        )
    if isinstance(value, Sequence):
        return b"\x0a" + _U32.pack(len(value)) + b"".join(map(_encoded, value))
    raise TypeError(f"{type(value).__name__} has no place in AMF 0")


def _name(name: str) -> bytes:
    text = name.encode()
    return _U16.pack(len(text)) + text
