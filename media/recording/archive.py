"""Where recordings' files are kept: the port. ``folder.py`` and ``bucket.py`` implement it, held to one suite
of tests (``tests/media/recording/test_archives.py``).

A file is named by its recording's id and its own name (``names.py``), never by a path. Files are written from
one node at a time, in order; whoever reads may be another node where the archive is shared (a bucket, or a
folder that all nodes mount).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

PIECE_BYTES = 1 << 20


class ArchiveError(Exception):
    """The archive can't do it now. ``full``: there is no room, which may change."""

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full


class ArchivedFile(NamedTuple):
    name: str
    bytes: int


class Archive(Protocol):
    """All methods raise :class:`ArchiveError`, and may be cancelled: what was begun on a thread goes on."""

    kind: str
    """What recordings' rows say of where their files are."""

    async def write(self, recording: str, name: str, data: bytes) -> None:
        """A whole small file (an init section, a poster), durable when this returns; replaces one that is
        there."""
        ...

    async def append(self, recording: str, name: str, data: bytes) -> None:
        """Add to a file's end; it begins with the first call. When this returns the operating system has it:
        it outlives this process, but not the machine. After an error the file is as long as before."""
        ...

    async def complete(self, recording: str, name: str) -> None:
        """Nothing is appended any more: make the file durable, and hand it on (an upload may follow later;
        until then it is read from here)."""
        ...

    async def cut(self, recording: str, name: str, length: int) -> None:
        """Shorten an unfinished file to ``length`` bytes, and complete it. What is whole already in a bucket
        stays as it is."""
        ...

    async def size(self, recording: str, name: str) -> int | None:
        """In bytes; None: there is no such file."""
        ...

    async def read(self, recording: str, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of a file, fewer at its end. Raises :class:`FileNotFoundError`."""
        ...

    def stream(
        self, recording: str, name: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """The same in pieces of bounded size, for what is too large to hold."""
        ...

    async def list(self, recording: str) -> Sequence[ArchivedFile]:
        """All files of a recording, in no order."""
        ...

    async def delete(self, recording: str, name: str | None = None) -> None:
        """Delete a file, or everything of a recording. What is gone already is no error; any other error
        leaves some of it, and the call is to be repeated."""
        ...

    async def free_bytes(self) -> int | None:
        """What can still be written; None: nobody knows."""
        ...

    async def unsent(self) -> Sequence[str]:
        """The recordings with files of which this node alone knows until they are handed on."""
        ...

    async def start(self) -> None:
        """Go on with what was left undone (uploads). Waits for nothing but the disk."""
        ...

    async def close(self) -> None:
        """Idempotent. What isn't uploaded waits for the next start."""
        ...


async def pieces(
    read: Callable[[int, int], Awaitable[bytes]], start: int, length: int | None
) -> AsyncIterator[bytes]:
    """What ``read(start, length)`` gives of a file, a MiB at a time; ``length`` None: to its end."""
    left = length
    while left is None or left > 0:
        piece = await read(start, PIECE_BYTES if left is None else min(left, PIECE_BYTES))
        if not piece:
            return
        yield piece
        start += len(piece)
        left = None if left is None else left - len(piece)
