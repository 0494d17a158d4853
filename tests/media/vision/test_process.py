"""The worker as a process: what it says, and what happens when it is lost, hangs, or is sent rubbish."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from prometheus_client import CollectorRegistry

from media.checks import keeper as module
from media.checks import wire
from media.checks.keeper import Away
from media.vision.mailbox import Frame
from media.vision.metrics import VisionMetrics
from media.vision.process import NoPicture, Plan, Worker
from tests.media.hls import rules
from tests.media.hls.source import broadcast
from tests.media.hls.studio import Studio
from tests.media.vision import colours
from tests.media.world import until

CHECKER = "tests.media.vision.colours:make"
READY_S = 30.0
THRESHOLDS = {"red": 0.5}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTART_MIN_S", 0.01)


@asynccontextmanager
async def running(
    checker: str = CHECKER, picture_s: float = 5.0
) -> AsyncIterator[tuple[Worker, CollectorRegistry]]:
    registry = CollectorRegistry()
    worker = Worker(Plan(checker, picture_s=picture_s), VisionMetrics(registry))
    await worker.start()
    try:
        yield worker, registry
    finally:
        await worker.close()


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (320, 180)) -> Frame:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return Frame("image", out.getvalue())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def shown(jpeg: bytes) -> Image.Image:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        return image.convert("RGB")


async def test_it_looks_at_pictures_and_keeps_stills_of_hits_only() -> None:
    async with running() as (worker, registry):
        assert await worker.until_ready(READY_S)
        seen = await worker.ask(picture(colours.RED, (1600, 900)), THRESHOLDS)
        assert seen.scores["red"] > 0.9
        assert shown(seen.still).size == (640, 360)
        assert shown(seen.blurred).size == (320, 180)
        clean = await worker.ask(picture(colours.GREY), THRESHOLDS)
        assert (clean.scores["red"], clean.still, clean.blurred) == (0, b"", b"")
        asked_for = await worker.ask(picture(colours.GREY), THRESHOLDS, stills=True)
        assert shown(asked_for.still).size == (320, 180)
        assert registry.get_sample_value("danmart_vision_cpu_seconds_total") > 0  # type: ignore[operator]
        assert registry.get_sample_value("danmart_vision_memory_bytes") > 10_000_000  # type: ignore[operator]
        assert registry.get_sample_value("danmart_vision_frame_seconds_count") == 3


async def test_nothing_can_be_made_out_in_the_blurred_still() -> None:
    stripes = Image.new("RGB", (640, 360), "white")
    stripes.paste((180, 0, 0), (0, 0, 640, 180))
    for left in range(0, 640, 8):
        stripes.paste((90, 0, 0), (left, 0, left + 4, 180))
    out = io.BytesIO()
    stripes.save(out, "PNG")
    async with running() as (worker, _):
        assert await worker.until_ready(READY_S)
        seen = await worker.ask(Frame("image", out.getvalue()), {"red": 0.1})
    shades = shown(seen.blurred).crop((40, 20, 280, 60)).convert("L").tobytes()
    assert max(shades) - min(shades) < 12  # the stripes differ by 27


@pytest.mark.may_block  # the studio of the tests, not ours
async def test_it_decodes_keyframes_of_parts_alone() -> None:
    studio = Studio()
    studio.begin()
    await studio.feed(broadcast(3))
    segment = rules.check(studio.text()).segments[0]
    init, part = studio.file(segment.init), studio.file(segment.parts[0].uri)
    await studio.hub.close()
    async with running() as (worker, _):
        assert await worker.until_ready(READY_S)
        seen = await worker.ask(Frame("part", part, init), {}, stills=True)
        assert shown(seen.still).size == (320, 180)


async def test_it_is_not_told_the_nodes_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANMART_NODE__SECRET", "a secret that only tests use")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    async with running("tests.media.vision.colours:tells_secrets") as (worker, _):
        assert await worker.until_ready(READY_S)
        assert (await worker.ask(picture(colours.GREY), {})).scores == {}


async def test_rubbish_is_no_picture_and_costs_nothing() -> None:
    async with running() as (worker, _):
        assert await worker.until_ready(READY_S)
        pid = worker.pid
        bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 99_999, 99_999)
        for frame in (
            Frame("image", b""),
            Frame("image", os.urandom(5000)),
            Frame("image", bomb + b"\x08\x02\0\0\0" + bytes(4)),
            Frame("part", os.urandom(5000), os.urandom(500)),
            Frame("vp8", b"\x10\x02\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(50)),
            Frame("vp8", b""),
        ):
            with pytest.raises(NoPicture):
                await worker.ask(frame, THRESHOLDS)
        assert worker.pid == pid
        assert (await worker.ask(picture(colours.RED), THRESHOLDS)).still


async def test_a_checker_that_raises_is_away_for_that_picture() -> None:
    async with running() as (worker, _):
        assert await worker.until_ready(READY_S)
        pid = worker.pid
        with pytest.raises(Away, match="blue is too much"):
            await worker.ask(picture(colours.BLUE_FAILS), THRESHOLDS)
        assert (await worker.ask(picture(colours.GREY), THRESHOLDS)).scores == {"red": 0}
        assert worker.pid == pid


@pytest.mark.parametrize("colour", [colours.PURPLE_DIES, colours.GREEN_HANGS])
async def test_one_that_dies_or_hangs_is_replaced(colour: tuple[int, int, int]) -> None:
    async with running(picture_s=0.3) as (worker, registry):
        assert await worker.until_ready(READY_S)
        first = worker.pid
        assert first is not None
        with pytest.raises(Away):
            await worker.ask(picture(colour), THRESHOLDS)
        assert await worker.until_ready(READY_S)
        assert worker.pid != first
        assert not alive(first)
        assert (await worker.ask(picture(colours.RED), THRESHOLDS)).still
        assert registry.get_sample_value("danmart_vision_restarts_total") == 1


async def test_one_that_was_stopped_is_killed_after_its_time() -> None:
    async with running(picture_s=0.3) as (worker, _):
        assert await worker.until_ready(READY_S)
        first = worker.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        with pytest.raises(Away):
            await worker.ask(picture(colours.GREY), THRESHOLDS)
        await until(lambda: not alive(first), "the stopped worker is gone")


async def test_a_checker_that_cannot_be_loaded_is_tried_again_and_never_ready() -> None:
    async with running("tests.media.vision.colours:broken") as (worker, registry):
        restarts = "danmart_vision_restarts_total"
        await until(lambda: (registry.get_sample_value(restarts) or 0) >= 2, "two tries")
        assert worker.pid is None
        with pytest.raises(Away):
            await worker.ask(picture(colours.GREY), THRESHOLDS)


async def test_who_goes_away_while_waiting_leaves_nothing_behind() -> None:
    async with running() as (worker, _):
        assert await worker.until_ready(READY_S)
        pid = worker.pid
        asking = [
            asyncio.create_task(worker.ask(picture(colours.RED, (1600, 900)), THRESHOLDS)) for _ in range(5)
        ]
        await asyncio.sleep(0)
        for task in asking:
            task.cancel()
        assert all(
            isinstance(one, asyncio.CancelledError)
            for one in await asyncio.gather(*asking, return_exceptions=True)
        )
        assert (await worker.ask(picture(colours.GREY), THRESHOLDS)).scores == {"red": 0}
        assert worker.pid == pid


async def test_too_many_are_told_so_at_once() -> None:
    async with running() as (worker, _):
        assert await worker.until_ready(READY_S)
        answers = await asyncio.gather(
            *(worker.ask(picture(colours.GREY), THRESHOLDS) for _ in range(module.WAITING_MAX + 3)),
            return_exceptions=True,
        )
        assert [isinstance(one, Away) for one in answers].count(True) == 3


async def test_closing_ends_the_process_whatever_it_does() -> None:
    async with running(picture_s=20) as (worker, _):
        assert await worker.until_ready(READY_S)
        pid = worker.pid
        assert pid is not None
        asking = asyncio.create_task(worker.ask(picture(colours.GREEN_HANGS), THRESHOLDS))
        await asyncio.sleep(0)
        await worker.close()
        with pytest.raises(Away):
            await asking
        assert not alive(pid)


async def test_it_ends_when_the_node_is_gone() -> None:
    """Which closes its input, however it went."""
    async with running() as (worker, _):
        assert await worker.until_ready(READY_S)
        process = worker._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0


@given(st.dictionaries(st.text(max_size=20), st.integers() | st.text(max_size=50)), st.binary(max_size=500))
@settings(max_examples=50)
def test_messages_come_as_they_were_sent(head: wire.Head, body: bytes) -> None:
    file = io.BytesIO(wire.pack(head, body) * 2)
    assert wire.receive_now(file) == (head, body)
    assert wire.receive_now(file) == (head, body)
    assert wire.receive_now(file) is None


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">II", wire.HEAD_MAX + 1, 0),
        struct.pack(">II", 2, wire.BODY_MAX + 1),
        struct.pack(">II", 2, 0) + b"[]",
        struct.pack(">II", 3, 0) + b"{,}",
    ],
)
def test_what_is_longer_than_agreed_or_no_message_is_refused(sent: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.receive_now(io.BytesIO(sent))
