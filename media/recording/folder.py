"""An archive that is a folder: ``ROOT/{recording}/{file}``."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from media.recording.archive import ArchivedFile, ArchiveError, pieces

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FolderArchive:
    """Implements ``Archive``. Files that grow stay open until they are complete; a file is synced once, then.

    Writing and reading have threads of their own (a disk that takes its time holds up nobody else), four
    each. Below ``min_free_bytes`` no further file is begun.
    """

    kind = "folder"

    def __init__(self, root: Path, *, min_free_bytes: int = 0, threads: int = 4) -> None:
        self._root = root
        self._min_free = min_free_bytes
        self._writers = ThreadPoolExecutor(threads, "danmart-recorder")
        self._readers = ThreadPoolExecutor(threads, "danmart-recordings")
        self._open: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    async def write(self, recording: str, name: str, data: bytes) -> None:
        await self._do(self._writers, lambda: self._write(recording, name, data))

    async def append(self, recording: str, name: str, data: bytes) -> None:
        await self._do(self._writers, lambda: self._append(recording, name, data))

    async def complete(self, recording: str, name: str) -> None:
        await self._do(self._writers, lambda: self._complete(recording, name))

    async def cut(self, recording: str, name: str, length: int) -> None:
        await self._do(self._writers, lambda: self._cut(recording, name, length))

    async def size(self, recording: str, name: str) -> int | None:
        return await self._do(self._readers, lambda: self._size(recording, name))

    async def read(self, recording: str, name: str, start: int = 0, length: int | None = None) -> bytes:
        return await self._do(self._readers, lambda: self._read(recording, name, start, length))

    def stream(
        self, recording: str, name: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        return pieces(partial(self.read, recording, name), start, length)

    async def list(self, recording: str) -> Sequence[ArchivedFile]:
        return await self._do(self._readers, lambda: self._list(recording))

    async def recordings(self) -> Sequence[str]:
        """The recordings that have files here."""
        return await self._do(self._readers, self._recordings)

    async def delete(self, recording: str, name: str | None = None) -> None:
        await self._do(self._writers, lambda: self._delete(recording, name))

    async def unsent(self) -> Sequence[str]:
        return ()

    async def free_bytes(self) -> int | None:
        return await self._do(self._readers, self._free)

    async def start(self) -> None:
        await self._do(self._writers, lambda: self._root.mkdir(parents=True, exist_ok=True, mode=0o750))

    async def close(self) -> None:
        await asyncio.to_thread(self._shut)

    async def _do(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, call)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ArchiveError(str(error), full=error.errno in _FULL) from error

    # on threads; a file is only ever in the hands of one

    def _path(self, recording: str, name: str | None = None) -> Path:
        """Names are made here and by nobody else, but they come back in addresses."""
        for part in (recording, name):
            if part is not None and not _NAME.fullmatch(part):
                raise FileNotFoundError(part)
        return self._root / recording / name if name is not None else self._root / recording

    def _begin(self, recording: str, name: str, flags: int) -> int:
        path = self._path(recording, name)
        if self._free() < self._min_free:
            raise OSError(errno.ENOSPC, "less is free than is to stay free")
        try:
            return os.open(path, flags, 0o640)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            return os.open(path, flags, 0o640)

    def _write(self, recording: str, name: str, data: bytes) -> None:
        part, path = self._path(recording, f"{name}.part"), self._path(recording, name)
        file = self._begin(recording, part.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            _write_all(file, data)
            os.fsync(file)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)
        part.replace(path)
        _sync_folder(path.parent)

    def _append(self, recording: str, name: str, data: bytes) -> None:
        key = recording, name
        file = self._open.get(key)
        if file is None:
            file = self._begin(recording, name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            with self._lock:
                self._open[key] = file
        before = os.fstat(file).st_size
        try:
            _write_all(file, data)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file, before)
            raise

    def _complete(self, recording: str, name: str) -> None:
        with self._lock:
            file = self._open.pop((recording, name), None)
        if file is None:
            return
        try:
            os.fsync(file)
        finally:
            os.close(file)
        _sync_folder(self._path(recording))

    def _cut(self, recording: str, name: str, length: int) -> None:
        self._complete(recording, name)
        path = self._path(recording, name)
        if length == 0:
            path.unlink(missing_ok=True)
            return
        if path.stat().st_size > length:
            os.truncate(path, length)
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    def _size(self, recording: str, name: str) -> int | None:
        try:
            return self._path(recording, name).stat().st_size
        except FileNotFoundError:
            return None

    def _read(self, recording: str, name: str, start: int, length: int | None) -> bytes:
        with self._path(recording, name).open("rb") as file:
            file.seek(start)
            return file.read(-1 if length is None else length)

    def _list(self, recording: str) -> Sequence[ArchivedFile]:
        folder = self._path(recording)
        if not folder.is_dir():
            return []
        with os.scandir(folder) as entries:
            return [
                ArchivedFile(entry.name, entry.stat().st_size)
                for entry in entries
                if entry.is_file() and not entry.name.endswith(".part")
            ]

    def _recordings(self) -> Sequence[str]:
        if not self._root.is_dir():
            return []
        with os.scandir(self._root) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())

    def _delete(self, recording: str, name: str | None) -> None:
        path = self._path(recording, name)
        if name is not None:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it isn't empty
                path.parent.rmdir()
        elif path.is_dir():
            shutil.rmtree(path)

    def _free(self) -> int:
        folder = self._root
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def _shut(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()
        for file in self._open.values():
            with contextlib.suppress(OSError):
                os.fsync(file)
            os.close(file)
        self._open.clear()


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: Path) -> None:
    """A new file's name is durable only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
