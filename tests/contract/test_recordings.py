"""Recordings from the room that goes live to the files that are gone, on both databases."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from media.recording.folder import FolderArchive
from media.recording.names import init_name, parse_segment, segment_name
from rooms.heads import ROOMS
from rooms.origins import LEASE_MS, ORIGINS, take
from rooms.recordings.commands import ChangeRecording
from rooms.recordings.service import RecordingRules
from rooms.recordings.store import RecordingRow, SegmentRow
from rooms.recordings.timeline import Timeline
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OPERATOR, ROOM, VIEWER, House
from tests.contract.recording_house import Cinema, cinema, packets, recordings_of, segments_of
from tests.media.hls.studio import decode

DAY_MS = 24 * 3600 * 1000


def check(row: RecordingRow, segments: list[SegmentRow], folder: Path) -> None:
    """What is written down adds up, and is what is in the files."""
    assert row.segments == len(segments)
    assert row.duration_ms == sum(segment.duration_ms for segment in segments)
    assert row.bytes == sum(segment.bytes for segment in segments)
    assert all(a.media_ms + a.duration_ms == b.media_ms for a, b in pairwise(segments))
    assert all(a.started_ms <= b.started_ms for a, b in pairwise(segments))
    assert not segments or segments[0].media_ms == 0
    files = {segment_name(s.period, s.number): s.bytes for s in segments}
    found = {p.name: p.stat().st_size for p in (folder / row.id).iterdir() if parse_segment(p.name)}
    assert found == files


def play(row: RecordingRow, segments: list[SegmentRow], folder: Path) -> int:
    """How many pictures can be decoded."""
    count = 0
    for period in sorted({segment.period for segment in segments}):
        data = (folder / row.id / init_name(period)).read_bytes()
        for segment in segments:
            if segment.period == period:
                data += (folder / row.id / segment_name(period, segment.number)).read_bytes()
        count += len(decode(data)["video"])
    return count


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def live(house: House, mode: str = "on") -> None:
    await house.ok("room.change", HOST, recording=mode)
    await house.go_live()


async def ended(house: House) -> None:
    await house.ok("room.end", HOST)
    await house.run_timers()


async def test_a_stream_is_recorded_from_its_first_picture_to_its_end(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        await live(house)
        assert house.events[-1].kind == "recording.started"
        await studio.play(packets(5))
        await studio.stop()
        await ended(house)
        row = await studio.settle("ready")
    segments = await segments_of(house, row.id)
    check(row, segments, tmp_path)
    assert play(row, segments, tmp_path) == 125
    assert row.duration_ms == 5000
    assert (row.width, row.height, row.has_audio) == (320, 180, 1)
    assert (row.title, row.public, row.reason) == ("Tea evening", 1, "ended")
    assert row.poster is not None
    assert f"{row.id}/poster.jpg" in files_in(tmp_path)
    assert [event.kind for event in house.events if event.kind.startswith("recording.")] == [
        "recording.started",
        "recording.stopped",
    ]
    assert [e["data"]["recording"]["status"] for e in house.briefed("recording")] == ["ready"]


async def test_nothing_is_recorded_that_nobody_wants(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        await live(house, "off")
        await studio.play(packets(2))
        await studio.look()
    assert await recordings_of(house) == []
    assert files_in(tmp_path) == []


async def test_the_host_begins_and_ends_it(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        assert await house.code("recording.start", HOST) == "not_live"
        await live(house, "off")
        assert await house.code("recording.stop", HOST) == "not_recording"
        assert await house.code("recording.start", MODERATOR) == "forbidden"
        await studio.play(packets(2))
        await studio.look()
        recording = (await house.ok("recording.start", HOST))["recording"]
        assert (await house.ok("recording.start", OPERATOR))["recording"] == recording
        await studio.assigned()
        await studio.play(packets(4))
        assert (await house.ok("recording.stop", HOST))["recording"] == recording
        row = await studio.settle("ready")
        assert (row.id, row.reason) == (recording, "host")
        again = (await house.ok("recording.start", HOST))["recording"]
        assert again != recording
        await studio.assigned()
        await studio.play(packets(2))
        await studio.stop()
        await ended(house)
        second = await studio.settle("ready")
        assert second.id == again
    check(row, await segments_of(house, row.id), tmp_path)
    check(second, await segments_of(house, second.id), tmp_path)


async def test_an_interruption_stays_within_the_recording(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        await live(house)
        await studio.play(packets(3))
        studio.sink.interrupted()
        await house.picture("lost")
        house.now_ms += 8000
        at_ms = house.now_ms - 4000
        await house.picture("publishing")
        await studio.play(packets(2))
        await studio.stop()
        await ended(house)
        row = await studio.settle("ready")
    segments = await segments_of(house, row.id)
    check(row, segments, tmp_path)
    assert row.duration_ms == pytest.approx(5000, abs=1)
    assert [segment.discontinuity for segment in segments] == [0, 0, 1]
    line = Timeline.of(segments)
    assert line.media_ms_at(at_ms) == segments[2].media_ms
    assert line.media_ms_at(segments[2].started_ms + 700) == segments[2].media_ms + 700
    assert len(await recordings_of(house)) == 1


async def test_a_second_stream_is_another_recording(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        await live(house)
        await studio.play(packets(1))
        await studio.stop()
        await ended(house)
        await studio.settle("ready")
        house.now_ms += 1000
        await house.picture("publishing")
        studio.sink = studio.hub.sink("tea")
        await studio.play(packets(1))
        await studio.stop()
        await ended(house)
        await studio.settle("ready")
    assert [row.status for row in await recordings_of(house)] == ["ready", "ready"]


class Held(FolderArchive):
    """Takes nothing while ``may_write`` isn't set."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.may_write = asyncio.Event()
        self.may_write.set()

    async def append(self, recording: str, name: str, data: bytes) -> None:
        await self.may_write.wait()
        await super().append(recording, name, data)


async def test_a_stream_that_follows_at_once_takes_nothing_from_the_one_before(
    house: House, tmp_path: Path
) -> None:
    studio = Cinema(house, archive := Held(tmp_path))
    await studio.open()
    await live(house)
    await studio.play(packets(1))
    await studio.assigned()
    archive.may_write.clear()
    await studio.play(packets(2))
    before = asyncio.create_task(studio.sink.close())
    await ended(house)
    studio.sink = studio.hub.sink(ROOM)
    await house.go_live()
    await studio.play(packets(1))
    for _ in range(3):
        await studio.look()
    assert [row.status for row in await recordings_of(house)] == ["recording", "recording"]
    archive.may_write.set()
    await before
    await studio.stop()
    await ended(house)
    await studio.settle("ready")
    await studio.close()
    for row, pictures in zip(await recordings_of(house), (25, 75), strict=True):
        segments = await segments_of(house, row.id)
        check(row, segments, tmp_path)
        assert play(row, segments, tmp_path) == pictures


async def test_another_node_goes_on_with_it_and_nothing_is_lost(house: House, tmp_path: Path) -> None:
    """The first node is dead: of what it made last nobody has written anything down."""
    first = Cinema(house, FolderArchive(tmp_path), node="first", alone=False)
    await first.open()
    await live(house)
    await first.play(packets(3))
    await first.look()
    written = len(await segments_of(house, (await recordings_of(house))[0].id))
    await first.play(packets(3))
    for recorder in first.keeper._recorders:
        await recorder.close()  # its files are whole, but it never looks again
    first.keeper._writing.clear()
    await house.picture("lost")
    async with cinema(house, tmp_path, node="second", alone=False) as second:
        await house.picture("publishing")
        await second.play(packets(2))
        await second.stop()
        await ended(house)
        row = await second.settle("ready")
    segments = await segments_of(house, row.id)
    check(row, segments, tmp_path)
    assert written < len(segments) - 1
    assert play(row, segments, tmp_path) == pytest.approx(200, abs=8)  # but for the part that was open
    assert row.duration_ms == pytest.approx(8000, abs=300)
    assert sum(segment.discontinuity for segment in segments) == 2
    await first.close()


async def test_who_publishes_without_the_room_s_lease_records_nothing_yet(
    house: House, tmp_path: Path
) -> None:
    await live(house)

    def lease(tx: Unit) -> Steps[None]:
        yield ORIGINS.rows("tea")
        yield ROOMS.rows("tea")
        take(tx, "tea", "first")

    assert (await house.store.write(Work("lease", lease))).ok
    async with cinema(house, tmp_path, node="second", alone=False) as second:
        await second.play(packets(2))
        await second.look()
        assert (await recordings_of(house))[0].fence == 0
        house.now_ms += LEASE_MS
        await second.assigned()
        await second.play(packets(1))
        await second.stop()
        await ended(house)
        row = await second.settle("ready")
    assert play(row, await segments_of(house, row.id), tmp_path) == 75


async def test_what_a_crash_left_is_repaired_by_the_next_start(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        await live(house)
        await studio.play(packets(6))
        await studio.look()
        await studio.play(packets(2))
        for recorder in studio.keeper._recorders:
            await recorder.close()
        studio.keeper._writing.clear()
    row = (await recordings_of(house))[0]
    known = await segments_of(house, row.id)
    last = max((tmp_path / row.id).glob("p*.m4s"), key=lambda p: parse_segment(p.name) or (0, 0))
    last.write_bytes(last.read_bytes()[:-100])  # a part that was on its way
    (tmp_path / row.id / "p2-9999.m4s").write_bytes(b"\0\0\0\x10prft")
    async with cinema(house, tmp_path) as studio:
        await studio.look()
        after = await segments_of(house, row.id)
        assert len(after) > len(known)
        assert (await recordings_of(house))[0].status == "recording"  # its publisher may come back
        await house.picture("lost")
        house.now_ms += 31_000
        await house.run_timers()
        await house.run_timers()
        done = await studio.settle("ready")
    check(done, after, tmp_path)
    assert play(done, after, tmp_path) == pytest.approx(200, abs=8)


async def test_a_stream_without_a_picture_leaves_nothing_to_play(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        await live(house)
        await ended(house)
        row = await studio.settle("failed")
    assert row.segments == 0


async def recorded(house: House, studio: Cinema, seconds: float = 1) -> RecordingRow:
    await live(house)
    await studio.play(packets(seconds))
    await studio.stop()
    await ended(house)
    return await studio.settle("ready")


async def change(house: House, recording: str, caller: object = HOST, **what: object) -> str | None:
    cmd = ChangeRecording.model_validate(what)
    work = Work("change", lambda tx: house.services.recordings.change(tx, recording, cmd, caller))  # type: ignore[arg-type]
    return (await house.store.write(work)).code


async def delete(house: House, recording: str, caller: object = HOST) -> str | None:
    work = Work("delete", lambda tx: house.services.recordings.delete(tx, recording, caller))  # type: ignore[arg-type]
    return (await house.store.write(work)).code


async def test_its_host_changes_it(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await recorded(house, studio)
    assert await change(house, row.id, VIEWER, title="Mine") == "forbidden"
    assert await change(house, "nothing", title="Mine") == "not_found"
    assert await change(house, row.id, title="Spring tea", public=False, keep_days=3) is None
    changed = (await recordings_of(house))[0]
    assert (changed.title, changed.public) == ("Spring tea", 0)
    assert changed.keep_until_ms == house.now_ms + 3 * DAY_MS
    assert await change(house, row.id, keep_days=None, kept=True) is None
    changed = (await recordings_of(house))[0]
    assert (changed.kept, changed.keep_until_ms) == (1, None)


async def test_deleting_deletes(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        await live(house)
        await studio.play(packets(2))
        await studio.look()
        running = (await recordings_of(house))[0]
        assert await delete(house, running.id) == "recording_running"
        await studio.stop()
        await ended(house)
        row = await studio.settle("ready")
        assert await delete(house, row.id, MODERATOR) == "forbidden"
        assert await delete(house, row.id) is None
        await studio.look()
        assert files_in(tmp_path) == []
        gone = (await recordings_of(house))[0]
        assert (gone.status, gone.title, gone.poster, gone.files_gone) == ("deleted", "", None, 1)
        assert await segments_of(house, row.id) == []
        assert await delete(house, row.id) == "not_found"


async def test_a_deletion_that_fails_is_tried_again(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await recorded(house, studio)
        assert await delete(house, row.id) is None
        with monkeypatch.context() as patched:

            async def refuse(recording: str, name: str | None = None) -> None:
                raise OSError("the disk is away")

            patched.setattr(studio.archive, "delete", refuse)
            with pytest.raises(OSError, match="away"):
                await studio.look()
        assert (await recordings_of(house))[0].files_gone == 0
        await studio.look()
        assert (await recordings_of(house))[0].files_gone == 1
    assert files_in(tmp_path) == []


async def test_old_recordings_go_and_kept_ones_stay(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path, keep_days=30) as studio:
        row = await recorded(house, studio)
        house.now_ms += 30 * DAY_MS - 60_000
        await studio.look()
        assert (await recordings_of(house))[0].status == "ready"
        assert await change(house, row.id, kept=True) is None
        house.now_ms += 10 * DAY_MS
        await studio.look()
        assert (await recordings_of(house))[0].status == "ready"
        assert await change(house, row.id, kept=False, keep_days=1) is None
        await studio.look()
        assert (await recordings_of(house))[0].status == "ready"
        house.now_ms += DAY_MS
        await studio.look()
        assert (await recordings_of(house))[0].status == "deleted"
    assert files_in(tmp_path) == []


async def test_a_bound_is_told_before_it_is_reached(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as measure:
        size = (await recorded(house, measure, 4)).bytes
    rules = RecordingRules(room_max_bytes=round(size * 2.2))
    house.services.recordings._rules = rules
    async with cinema(house, tmp_path, rules=rules) as studio:
        await live(house)
        await studio.play(packets(4))
        await studio.sink.drain()
        await studio.assigned()
        await studio.play(packets(2))
        for _ in range(100):
            await studio.look()
            if len(house.briefed("recording_trouble")) == 1:
                break
        assert house.briefed("recording_trouble")[-1]["data"]["trouble"] == "nearly_full"
        await studio.play(packets(6))
        row = await studio.settle("ready")
        assert row.reason == "quota"
        assert house.briefed("recording_trouble")[-1]["data"]["trouble"] == "quota"
        assert await house.code("recording.start", HOST) == "recordings_full"
        assert await delete(house, row.id) is None
        await studio.look()
        await house.ok("recording.start", HOST)
