"""PostgreSQL's arrays: a column's values as one parameter.

psycopg would look up a dumper for every value; here a column is written by a few calls, however long it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.postgres import types
from psycopg.pq import Format

_HEADER = Struct(">iiIii")  # one dimension, no NULLs, whose type, how many, counted from 1
_LENGTH = Struct(">i").pack
_BYTEA = types["bytea"]


class ByteArray(bytes):
    """A ``bytea[]`` in binary. In text each byte is two digits, which takes the server ten times as long."""


class _ByteArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BYTEA.array_oid

    def dump(self, obj: ByteArray) -> ByteArray:
        return obj


psycopg.adapters.register_dumper(ByteArray, _ByteArrayDumper)


def array(values: Sequence[Any]) -> str | ByteArray:
    """The parameter for a column of integers, texts or bytes, None among them or not. Raises ``TypeError``
    for other values."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return "{" + str(list(values))[1:-1] + "}"
    if kinds == {str}:
        return _texts(values)
    if kinds == {bytes}:
        return _byte_array(values)
    return "{" + ",".join(map(_element, values)) + "}"


def _texts(values: Sequence[str]) -> str:
    """All escaped at once. Between them is what no text has in PostgreSQL; one that has it nevertheless is
    left for the driver to refuse."""
    joined = "\0".join(values)
    if joined.count("\0") >= len(values):
        return "{" + ",".join(map(_element, values)) + "}"
    return '{"' + joined.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","') + '"}'


def _byte_array(values: Sequence[bytes]) -> ByteArray:
    parts = [_HEADER.pack(1, 0, _BYTEA.oid, len(values), 1)]
    for value in values:
        parts += (_LENGTH(len(value)), value)
    return ByteArray(b"".join(parts))


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, int):  # or a bool, in a column of small numbers
        return str(int(value))
    raise TypeError(f"no array of {type(value).__name__}")
