"""The archives: one suite for the folder and for the bucket, then what is each one's own."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from media.recording.archive import Archive, ArchivedFile, ArchiveError
from media.recording.bucket import BucketArchive, BucketConfig
from media.recording.folder import FolderArchive
from media.recording.metrics import RecordingMetrics
from tests.media.recording.studio import until
from tests.support.s3 import BUCKET, S3Server, s3_server

REC, OTHER = "0199-a", "0199-b"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


def bucket_at(
    server: S3Server, spool: Path, *, prefix: str = "recordings", spool_max: int = 1 << 30
) -> BucketArchive:
    config = BucketConfig(
        BUCKET,
        endpoint=server.url,
        access_key="x",
        secret_key="x",
        prefix=prefix,
        timeout_s=2,
        spool_max_bytes=spool_max,
    )
    return BucketArchive(config, FolderArchive(spool), RecordingMetrics(CollectorRegistry()))


@pytest.fixture(params=["folder", "bucket"])
async def archive(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server) -> AsyncIterator[Archive]:
    made: Archive
    if request.param == "folder":
        made = FolderArchive(tmp_path / "recordings")
    else:
        made = bucket_at(s3, tmp_path / "spool", prefix=tmp_path.name)
    await made.start()
    yield made
    await made.close()


def files_in(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file()]


async def uploaded(archive: BucketArchive) -> None:
    """Returns when nothing waits in the spool any more."""
    await until(lambda: archive.spooled_bytes == 0)


async def test_a_file_grows_and_is_read_meanwhile(archive: Archive) -> None:
    await archive.append(REC, "p1-1.m4s", b"abc")
    assert await archive.read(REC, "p1-1.m4s") == b"abc"
    await archive.append(REC, "p1-1.m4s", b"defg")
    assert await archive.size(REC, "p1-1.m4s") == 7
    await archive.complete(REC, "p1-1.m4s")
    assert await archive.read(REC, "p1-1.m4s") == b"abcdefg"
    assert await archive.read(REC, "p1-1.m4s", 2, 3) == b"cde"
    assert await archive.read(REC, "p1-1.m4s", 5, 100) == b"fg"
    assert await archive.read(REC, "p1-1.m4s", 7, 1) == b""


async def test_whole_files_are_replaced(archive: Archive) -> None:
    await archive.write(REC, "poster.jpg", b"one")
    await archive.write(REC, "poster.jpg", b"another")
    assert await archive.read(REC, "poster.jpg") == b"another"
    assert await archive.list(REC) == [ArchivedFile("poster.jpg", 7)]


async def test_a_long_file_is_streamed_in_pieces(archive: Archive) -> None:
    data = os.urandom(2_500_000)
    await archive.append(REC, "p1-1.m4s", data)
    await archive.complete(REC, "p1-1.m4s")
    pieces = [piece async for piece in archive.stream(REC, "p1-1.m4s")]
    assert b"".join(pieces) == data
    assert len(pieces) == 3
    part = [piece async for piece in archive.stream(REC, "p1-1.m4s", 1_000_000, 1_200_000)]
    assert b"".join(part) == data[1_000_000:2_200_000]


async def test_a_file_is_cut(archive: Archive) -> None:
    for name in ("p1-1.m4s", "p1-2.m4s"):
        await archive.append(REC, name, b"whole half")
    await archive.cut(REC, "p1-1.m4s", 5)
    await archive.cut(REC, "p1-2.m4s", 0)
    assert await archive.read(REC, "p1-1.m4s") == b"whole"
    assert await archive.list(REC) == [ArchivedFile("p1-1.m4s", 5)]


async def test_what_is_not_there(archive: Archive) -> None:
    assert await archive.size(REC, "p1-1.m4s") is None
    assert list(await archive.list(REC)) == []
    await archive.delete(REC)
    await archive.delete(REC, "p1-1.m4s")
    with pytest.raises(FileNotFoundError):
        await archive.read(REC, "p1-1.m4s")


@pytest.mark.parametrize("name", ["../danmart.db", "/etc/passwd", ".hidden", "", "a/b"])
async def test_a_name_is_no_path(archive: Archive, name: str) -> None:
    with pytest.raises((FileNotFoundError, ArchiveError)):
        await archive.append(REC, name, b"x")
    with pytest.raises((FileNotFoundError, ArchiveError)):
        await archive.append("..", "p1-1.m4s", b"x")


async def test_deleting_leaves_nothing_of_it_and_all_of_others(archive: Archive, tmp_path: Path) -> None:
    for recording in (REC, OTHER):
        await archive.write(recording, "p1-init.mp4", b"init")
        await archive.append(recording, "p1-1.m4s", b"one")
        await archive.complete(recording, "p1-1.m4s")
        await archive.append(recording, "p1-2.m4s", b"still open")
    await archive.delete(REC, "p1-1.m4s")
    assert {file.name for file in await archive.list(REC)} == {"p1-init.mp4", "p1-2.m4s"}
    await archive.delete(REC)
    await archive.delete(REC)
    assert list(await archive.list(REC)) == []
    assert len(await archive.list(OTHER)) == 3
    assert not [path for path in files_in(tmp_path) if REC in path]


# the folder


async def test_a_full_disk_leaves_a_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = FolderArchive(tmp_path)
    await archive.append(REC, "p1-1.m4s", b"whole")
    real = os.write

    def half(file: int, data: memoryview) -> int:
        if len(data) > 2:
            return real(file, data[:2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        with pytest.raises(ArchiveError) as refused:
            await archive.append(REC, "p1-1.m4s", b"part")
    assert refused.value.full
    assert await archive.read(REC, "p1-1.m4s") == b"whole"
    await archive.append(REC, "p1-1.m4s", b" again")
    assert await archive.read(REC, "p1-1.m4s") == b"whole again"
    await archive.close()


async def test_some_of_the_disk_stays_free(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path, min_free_bytes=1 << 60)
    with pytest.raises(ArchiveError) as refused:
        await archive.append(REC, "p1-1.m4s", b"x")
    assert refused.value.full
    assert not files_in(tmp_path)
    await archive.close()


# the bucket


async def test_what_is_complete_moves_into_the_bucket(tmp_path: Path, s3: S3Server) -> None:
    archive = bucket_at(s3, tmp_path, prefix="moving")
    await archive.start()
    await archive.write(REC, "p1-init.mp4", b"init")
    await archive.append(REC, "p1-1.m4s", b"0123456789")
    await archive.complete(REC, "p1-1.m4s")
    await uploaded(archive)
    assert files_in(tmp_path) == []
    assert await archive.read(REC, "p1-1.m4s", 3, 4) == b"3456"
    assert await archive.size(REC, "p1-init.mp4") == 4
    assert list(await archive.unsent()) == []
    assert {file.name for file in await archive.list(REC)} == {"p1-init.mp4", "p1-1.m4s"}
    await archive.delete(REC)
    assert list(await archive.list(REC)) == []
    await archive.close()


async def test_a_crash_s_spool_is_uploaded_by_the_next_start(tmp_path: Path, s3: S3Server) -> None:
    dead = bucket_at(s3, tmp_path, prefix="crash")  # never started: nothing is uploaded
    await dead.append(REC, "p1-1.m4s", b"recorded")
    assert list(await dead.unsent()) == [REC]
    archive = bucket_at(s3, tmp_path, prefix="crash")
    await archive.start()
    await uploaded(archive)
    assert await archive.read(REC, "p1-1.m4s") == b"recorded"
    await archive.close()


@pytest.fixture
def own_s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


async def test_the_spool_holds_what_a_bucket_that_is_away_cant_take(tmp_path: Path, own_s3: S3Server) -> None:
    await asyncio.to_thread(own_s3.stop)
    archive = bucket_at(own_s3, tmp_path, spool_max=10)
    await archive.start()
    await archive.append(REC, "p1-1.m4s", b"0123456789")
    await archive.complete(REC, "p1-1.m4s")
    with pytest.raises(ArchiveError) as refused:
        await archive.append(REC, "p1-2.m4s", b"more than fits")
    assert refused.value.full
    assert await archive.read(REC, "p1-1.m4s") == b"0123456789"
    await asyncio.to_thread(own_s3.start)
    await uploaded(archive)
    await archive.append(REC, "p1-2.m4s", b"room again")
    await archive.complete(REC, "p1-2.m4s")
    await uploaded(archive)
    assert await archive.read(REC, "p1-1.m4s") == b"0123456789"
    await asyncio.to_thread(own_s3.stop)
    with pytest.raises(ArchiveError):
        await archive.check()
    await archive.close()


async def test_a_bucket_that_is_there_can_be_told(tmp_path: Path, s3: S3Server) -> None:
    archive = bucket_at(s3, tmp_path)
    await archive.check()
    await archive.close()
