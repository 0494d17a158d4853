"""An archive that is a bucket of S3, or of what speaks like it: files are spooled to a folder first."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from media.recording.archive import ArchivedFile, ArchiveError, pieces
from media.recording.folder import FolderArchive
from media.recording.metrics import RecordingMetrics

log = logging.getLogger(__name__)

T = TypeVar("T")

UPLOADS_AT_ONCE = 4
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
CLOSE_WITHIN_S = 5.0

_File = tuple[str, str]


@dataclass(frozen=True, slots=True)
class BucketConfig:
    """``endpoint``: of what isn't Amazon's; ``prefix`` comes before all names; ``timeout_s`` is a request's.

    Without keys, those of the machine are used (environment, instance role).
    """

    bucket: str
    region: str = "us-east-1"
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    prefix: str = "recordings"
    path_style: bool = True
    timeout_s: float = 30.0
    spool_max_bytes: int = 4 * 1024**3


class BucketArchive:
    """Implements ``Archive``. A file is written in the spool, uploaded when it is complete, tried again for
    as long as it takes, and then deleted from the spool; until then it is read from there.

    A spool that is full refuses what is new (``ArchiveError.full``). What a crash leaves in it is uploaded
    after the next start.
    """

    kind = "s3"

    def __init__(self, config: BucketConfig, spool: FolderArchive, metrics: RecordingMetrics) -> None:
        self._config, self._spool, self._metrics = config, spool, metrics
        self._store = _open_store(config)
        self._waiting: asyncio.Queue[_File] = asyncio.Queue()  # bounded by the spool's size
        self._spooled: dict[_File, int] = {}
        self._bytes = 0
        self._deleted: set[str] = set()
        self._changes: dict[_File, int] = {}  # of those that are spooled: whether an upload is of the newest
        self._under_way: set[_File] = set()
        self._hands = asyncio.Lock()  # nothing is put where an upload is just deleting
        self._uploaders: list[asyncio.Task[None]] = []

    # writing

    async def write(self, recording: str, name: str, data: bytes) -> None:
        self._make_room(len(data))
        async with self._hands:
            await self._spool.write(recording, name, data)
            self._grew(recording, name, len(data) - self._spooled.get((recording, name), 0))
        self._waiting.put_nowait((recording, name))

    async def append(self, recording: str, name: str, data: bytes) -> None:
        self._make_room(len(data))
        await self._spool.append(recording, name, data)
        self._grew(recording, name, len(data))

    async def complete(self, recording: str, name: str) -> None:
        try:
            await self._spool.complete(recording, name)
        finally:
            self._waiting.put_nowait((recording, name))

    async def cut(self, recording: str, name: str, length: int) -> None:
        try:
            await self._spool.cut(recording, name, length)
        except FileNotFoundError:
            return
        self._grew(recording, name, length - self._spooled.get((recording, name), 0))
        if length:
            self._waiting.put_nowait((recording, name))
        else:
            self._gone((recording, name))

    def _make_room(self, size: int) -> None:
        if self._bytes + size > self._config.spool_max_bytes:
            raise ArchiveError("the spool is full: uploads don't keep up", full=True)

    def _grew(self, recording: str, name: str, size: int) -> None:
        self._spooled[recording, name] = self._spooled.get((recording, name), 0) + size
        self._changes[recording, name] = self._changes.get((recording, name), 0) + 1
        self._bytes += size
        self._metrics.spooled.set(self._bytes)

    # reading

    async def size(self, recording: str, name: str) -> int | None:
        if (size := await self._spool.size(recording, name)) is not None:
            return size
        try:
            return int((await self._ask(self._store.head_async(self._key(recording, name))))["size"])
        except FileNotFoundError:
            return None

    async def read(self, recording: str, name: str, start: int = 0, length: int | None = None) -> bytes:
        try:
            return await self._spool.read(recording, name, start, length)
        except FileNotFoundError:
            pass
        key = self._key(recording, name)
        size = await self.size(recording, name)
        if size is None:
            raise FileNotFoundError(name)
        end = size if length is None else min(size, start + length)
        if end <= start:
            return b""
        return bytes(await self._ask(self._store.get_range_async(key, start=start, end=end)))

    def stream(
        self, recording: str, name: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        return pieces(partial(self.read, recording, name), start, length)

    async def list(self, recording: str) -> Sequence[ArchivedFile]:
        # The spool first: what moves into the bucket meanwhile is found in both.
        spooled = {file.name: file for file in await self._spool.list(recording)}
        stored = await self._ask(_collect(self._store, self._key(recording, "")))
        return list(({file.name: file for file in stored} | spooled).values())

    async def delete(self, recording: str, name: str | None = None) -> None:
        if name is None:
            self._deleted.add(recording)  # what is on its way up follows
        await self._spool.delete(recording, name)
        for file in [f for f in self._spooled if f[0] == recording and name in (None, f[1])]:
            self._gone(file)
        names = [name] if name else [file.name for file in await self.list(recording)]
        if names:
            try:
                await self._ask(self._store.delete_async([self._key(recording, each) for each in names]))
            except FileNotFoundError:
                return

    async def unsent(self) -> Sequence[str]:
        return await self._spool.recordings()

    async def free_bytes(self) -> int | None:
        return await self._spool.free_bytes()

    async def check(self) -> None:
        """Raises ``ArchiveError`` if the bucket can't be reached, or not listed."""
        await self._ask(_collect(self._store, f"{self._config.prefix}/-"))

    # the uploads

    @property
    def spooled_bytes(self) -> int:
        """What isn't in the bucket yet."""
        return self._bytes

    async def start(self) -> None:
        await self._spool.start()
        for recording in await self._spool.recordings():
            for file in await self._spool.list(recording):
                if (recording, file.name) not in self._spooled:
                    self._grew(recording, file.name, file.bytes)
                    self._waiting.put_nowait((recording, file.name))
        self._uploaders = [
            asyncio.create_task(self._upload_all(), name=f"uploads {n}") for n in range(UPLOADS_AT_ONCE)
        ]

    async def close(self) -> None:
        uploaders, self._uploaders = self._uploaders, []
        if uploaders:
            await asyncio.wait((asyncio.ensure_future(self._waiting.join()),), timeout=CLOSE_WITHIN_S)
        for task in uploaders:
            task.cancel()
        await asyncio.gather(*uploaders, return_exceptions=True)
        await self._spool.close()

    async def _upload_all(self) -> None:
        while True:
            file = await self._waiting.get()
            if file in self._under_way:  # its upload looks whether it has changed
                self._waiting.task_done()
                continue
            self._under_way.add(file)
            try:
                await self._upload(file)
            except FileNotFoundError:
                self._gone(file)  # deleted meanwhile, or uploaded already
            except Exception:
                log.exception("an upload failed for good", extra={"file": "/".join(file)})
            finally:
                self._under_way.discard(file)
                self._waiting.task_done()

    async def _upload(self, file: _File) -> None:
        recording, name = file
        while True:
            change = self._changes.get(file)
            data = await self._spool.read(recording, name)
            await self._put(file, data)
            if recording in self._deleted:
                await self.delete(recording, name)
                return
            async with self._hands:
                if self._changes.get(file) == change:
                    await self._spool.delete(recording, name)
                    self._gone(file)
                    return

    async def _put(self, file: _File, data: bytes) -> None:
        """Tried until it is there."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                await self._ask(self._store.put_async(self._key(*file), data, use_multipart=False))
            except (ArchiveError, FileNotFoundError) as error:  # there may be no bucket (yet)
                self._metrics.uploads.labels("failed").inc()
                log.warning("an upload failed", extra={"file": "/".join(file), "error": str(error)})
                await asyncio.sleep(wait_s * random.uniform(0.75, 1.25))  # noqa: S311
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                self._metrics.uploads.labels("done").inc()
                return

    def _gone(self, file: _File) -> None:
        self._changes.pop(file, None)
        self._bytes -= self._spooled.pop(file, 0)
        self._metrics.spooled.set(self._bytes)

    def _key(self, recording: str, name: str) -> str:
        prefix = self._config.prefix.strip("/")
        return f"{prefix}/{recording}/{name}" if prefix else f"{recording}/{name}"

    async def _ask(self, request: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._config.timeout_s):
                return await request
        except FileNotFoundError:
            raise
        except (BaseError, OSError, TimeoutError) as error:
            raise ArchiveError(f"the bucket: {str(error) or type(error).__name__}"[:500]) from error


async def _collect(store: S3Store, prefix: str) -> list[ArchivedFile]:
    found: list[ArchivedFile] = []
    async for chunk in obstore.list(store, prefix=prefix):
        found += [ArchivedFile(entry["path"].rpartition("/")[2], int(entry["size"])) for entry in chunk]
    return found


def _open_store(config: BucketConfig) -> S3Store:
    options = {
        "bucket": config.bucket,
        "region": config.region,
        "endpoint": config.endpoint,
        "access_key_id": config.access_key,
        "secret_access_key": config.secret_key,
        "virtual_hosted_style_request": not config.path_style,
    }
    return S3Store(
        **{name: value for name, value in options.items() if value is not None},  # type: ignore[arg-type]
        client_options={
            "allow_http": bool(config.endpoint and config.endpoint.startswith("http://")),
            "timeout": timedelta(seconds=config.timeout_s),
        },
        retry_config={"max_retries": 1},
    )
