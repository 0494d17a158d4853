"""From a stream's packets to files: what is recorded plays, whatever the archive and the publisher do."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from media.recording.archive import ArchiveError
from media.recording.folder import FolderArchive
from media.recording.fragments import scan
from media.recording.names import init_name, segment_name
from media.recording.poster import make_poster
from media.recording.recorder import Assignment, Segment
from tests.media.hls.source import broadcast
from tests.media.hls.studio import decode
from tests.media.recording.studio import REC, RecordedStudio, until


class Archive(FolderArchive):
    """A folder that a test can make slow, or full."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: ArchiveError | None = None

    async def append(self, recording: str, name: str, data: bytes) -> None:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        await super().append(recording, name, data)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    made = Archive(tmp_path)
    yield made
    await made.close()


async def content(archive: FolderArchive, segments: list[Segment]) -> bytes:
    """All of a period in a row, its init section first."""
    assert len({(segment.recording, segment.period) for segment in segments}) == 1
    data = await archive.read(segments[0].recording, init_name(segments[0].period))
    for segment in segments:
        file = await archive.read(segment.recording, segment_name(segment.period, segment.number))
        assert len(file) == segment.bytes
        data += file
    return data


async def test_what_is_recorded_is_what_was_sent(archive: Archive) -> None:
    studio = RecordedStudio(archive)
    studio.begin()
    await studio.feed(broadcast(6))
    await studio.close()
    segments = studio.book.segments
    frames = decode(await content(archive, segments))
    assert [time for time, _ in frames["video"]] == pytest.approx([i / 25 for i in range(150)])
    assert len(frames["audio"]) >= 6 * 48_000 / 1024 - 3
    assert [segment.number for segment in segments] == [1, 2, 3]
    assert all(a.ticks + a.duration == b.ticks for a, b in pairwise(segments))
    assert all(b.started_ms - a.started_ms == pytest.approx(2000, abs=50) for a, b in pairwise(segments))
    assert not any(segment.discontinuity for segment in segments)
    assert studio.book.periods[1].width == 320
    assert studio.book.troubles == []


async def test_a_file_tells_all_that_is_written_down_of_it(archive: Archive) -> None:
    studio = RecordedStudio(archive)
    studio.begin()
    await studio.feed(broadcast(5))
    await studio.close()
    for segment in studio.book.segments:
        looked = scan(await archive.read(REC, segment_name(1, segment.number)))
        assert looked == (
            segment.bytes,
            segment.ticks,
            segment.duration,
            segment.started_ms,
            segment.independent,
        )


async def test_a_file_that_was_cut_off_plays_up_to_its_last_whole_part(archive: Archive) -> None:
    studio = RecordedStudio(archive)
    studio.begin()
    await studio.feed(broadcast(2.5))
    await studio.close()
    first = studio.book.segments[0]
    init = await archive.read(REC, init_name(1))
    data = await archive.read(REC, segment_name(1, 1))
    lengths = set()
    for end in (*range(0, len(data), len(data) // 40), len(data)):
        looked = scan(data[:end])
        assert looked.length <= end
        lengths.add(looked.length)
        if looked.length:
            whole = decode(init + data[: looked.length])["video"]
            assert len(whole) / 25 == pytest.approx(looked.duration / 90_000, abs=0.001)
            assert (looked.ticks, looked.started_ms) == (first.ticks, first.started_ms)
    assert {0, first.bytes} <= lengths
    assert len(lengths) == 2 + len(range(8)) - 1  # eight parts of a quarter of a second


async def test_nothing_of_the_beginning_is_lost_while_it_is_looked_up(archive: Archive) -> None:
    studio = RecordedStudio(archive, assign=False)
    studio.begin()
    await studio.feed(broadcast(3))
    studio.recorder.assign(Assignment(REC, 1, 1))
    await studio.close()
    assert len(decode(await content(archive, studio.book.segments))["video"]) == 75


async def test_an_interruption_is_a_period_of_the_same_recording(archive: Archive) -> None:
    studio = RecordedStudio(archive)
    studio.begin()
    await studio.feed(broadcast(3))
    studio.sink.interrupted()
    studio.begin()
    await studio.feed(broadcast(2))
    await studio.close()
    before = [segment for segment in studio.book.segments if segment.period == 1]
    after = [segment for segment in studio.book.segments if segment.period == 2]
    assert len(decode(await content(archive, before))["video"]) == 75
    assert len(decode(await content(archive, after))["video"]) == 50
    assert [segment.discontinuity for segment in studio.book.segments] == [False, False, True]
    numbers = [segment.number for segment in studio.book.segments]
    assert numbers == sorted(set(numbers))


async def test_recording_begins_and_ends_in_the_middle_of_a_stream(archive: Archive) -> None:
    studio = RecordedStudio(archive, assign=False)
    studio.recorder.assign(None)
    studio.begin()
    packets = list(broadcast(10))
    thirds = [
        packets[: len(packets) // 3],
        packets[len(packets) // 3 : -len(packets) // 4],
        packets[-len(packets) // 4 :],
    ]
    await studio.feed(thirds[0])
    studio.recorder.assign(Assignment(REC, 1, 1))
    await studio.feed(thirds[1])
    assert studio.recorder.busy_with == {REC}
    studio.recorder.assign(None)
    await studio.feed(thirds[2])
    await until(lambda: not studio.recorder.busy_with)
    await studio.close()
    pictures = decode(await content(archive, studio.book.segments))["video"]
    assert studio.book.segments[0].independent
    assert 75 <= len(pictures) <= 120


async def test_a_slow_archive_makes_a_hole_and_holds_up_nobody(archive: Archive) -> None:
    studio = RecordedStudio(archive, queue_bytes=40_000)
    studio.begin()
    packets = list(broadcast(12))
    archive.gate.clear()
    await studio.feed(packets[: len(packets) // 2])
    assert studio.metrics.queued._value.get() <= 40_000
    assert studio.book.troubles == ["slow"]
    archive.gate.set()
    await studio.written()
    for at in range(len(packets) // 2, len(packets), 40):
        await studio.feed(packets[at : at + 40])
        await studio.written()
    await studio.close()
    assert studio.book.troubles == ["slow", None]
    segments = studio.book.segments
    hole = [segment.discontinuity for segment in segments].index(True)
    assert segments[hole].independent
    for whole in (segments[:hole], segments[hole:]):
        frames = decode(await content(archive, whole))["video"]
        assert len(frames) / 25 == pytest.approx(sum(s.duration for s in whole) / 90_000, abs=0.01)
    lost = studio.metrics.lost.labels("slow")._value.get()
    assert lost > 0


async def test_a_full_archive_is_told_and_tried_again(archive: Archive) -> None:
    studio = RecordedStudio(archive, retry_s=2)
    studio.begin()
    packets = list(broadcast(12))
    third = len(packets) // 3
    await studio.feed(packets[:third])
    await studio.written()
    archive.error = ArchiveError("no space left", full=True)
    await studio.feed(packets[third : 2 * third])
    await studio.written()
    assert studio.book.troubles == ["full"]
    archive.error = None
    studio.clock_s += 2
    await studio.feed(packets[2 * third :])
    await studio.close()
    assert studio.book.troubles == ["full", None]
    segments = studio.book.segments
    hole = [segment.discontinuity for segment in segments].index(True)
    assert len(decode(await content(archive, segments[:hole]))["video"]) >= 75
    assert len(decode(await content(archive, segments[hole:]))["video"]) >= 50


async def test_a_bound_of_the_system_is_a_full_archive(archive: Archive) -> None:
    """A file may not grow beyond RLIMIT_FSIZE: a real refusal by the kernel, in the middle of a write."""
    studio = RecordedStudio(archive)
    studio.begin()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        await studio.feed(broadcast(2))
        await studio.written()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await studio.close()
    assert studio.book.troubles[0] == "full"
    frames = decode(await content(archive, studio.book.segments))["video"]
    assert len(frames) / 25 == pytest.approx(studio.book.segments[0].duration / 90_000, abs=0.001)


async def test_an_archive_that_never_answers_ends_with_the_stream(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.recording.recorder.CLOSE_WITHIN_S", 0.05)
    studio = RecordedStudio(archive)
    studio.begin()
    archive.gate.clear()
    await studio.feed(broadcast(1))
    async with asyncio.timeout(10):
        await studio.close()
    assert studio.metrics.queued._value.get() == 0
    assert studio.recorder.busy_with == set()


async def test_a_poster_is_the_first_picture(archive: Archive) -> None:
    studio = RecordedStudio(archive)
    studio.begin()
    await studio.feed(broadcast(1))
    await studio.close()
    init, data = await archive.read(REC, init_name(1)), await archive.read(REC, segment_name(1, 1))
    poster = make_poster(init, data)
    assert poster is not None
    assert poster.startswith(b"\xff\xd8\xff")
    assert make_poster(b"no init", b"no segment") is None
