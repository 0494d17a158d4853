"""The worker that listens, as a process: real Opus in, WAV and small files out, and what rubbish does."""

from __future__ import annotations

import io
import math
import os
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache

import av
import pytest
from prometheus_client import CollectorRegistry

from clients.publish.encode import OPUS_SAMPLES
from clients.publish.sound import opus_loop
from media.checks import keeper
from media.checks.keeper import Away
from media.hearing.metrics import HearingMetrics
from media.hearing.process import Listener, NoSound
from media.hearing.windows import RATE, Packet, Window
from tests.media.hearing import tones
from tests.media.world import until

CHECKER = "tests.media.hearing.tones:make"
READY_S = 30.0
PACKET_S = OPUS_SAMPLES / RATE


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "RESTART_MIN_S", 0.01)


@cache
def loop() -> tuple[bytes, ...]:
    """The drawn host's sound: eight seconds, with a beep on each full one."""
    return tuple(opus_loop())


def window(packets: Sequence[bytes | None], samples: int = OPUS_SAMPLES) -> Window:
    """These one after the other; what is None is missing."""
    there = [Packet(1_000 + n * samples, data) for n, data in enumerate(packets) if data is not None]
    return Window(1_000, 1_000 + len(packets) * samples, tuple(there))


@asynccontextmanager
async def running(
    checker: str = CHECKER, job_s: float = 5.0
) -> AsyncIterator[tuple[Listener, CollectorRegistry]]:
    registry = CollectorRegistry()
    listener = Listener(checker, 1 << 30, job_s, HearingMetrics(registry))
    await listener.start()
    try:
        assert await listener.until_ready(READY_S)
        yield listener, registry
    finally:
        await listener.close()


def seconds(wav: bytes) -> float:
    return len(tones.read(wav)) / 16_000


def loudness(wav: bytes, begin_s: float, end_s: float) -> int:
    return max(map(abs, tones.read(wav)[round(begin_s * 16_000) : round(end_s * 16_000)]))


async def test_opus_becomes_what_checkers_take() -> None:
    async with running() as (listener, registry):
        heard = await listener.listen(window(loop()[:150]))
        assert seconds(heard.wav) == pytest.approx(3, abs=0.03)
        assert not heard.quiet
        assert loudness(heard.wav, 0.99, 1.06) > 1.5 * loudness(heard.wav, 0.5, 0.9)  # the beep on the second
        assert heard.said.scores == {"loud": max(tones.read(heard.wav)) / 32_768}
        assert (heard.said.text, heard.said.language) == (f"{len(tones.read(heard.wav))} samples", "en")
        assert heard.cpu_s > 0
        assert (registry.get_sample_value("danmart_hearing_cpu_seconds_total") or 0) >= heard.cpu_s
        assert registry.get_sample_value("danmart_hearing_window_seconds_count") == 1


async def test_what_is_missing_is_silence_and_what_follows_is_in_its_place() -> None:
    packets: list[bytes | None] = list(loop()[:150])
    packets[60:90] = [None] * 30
    async with running() as (listener, _):
        heard = await listener.listen(window(packets))
        assert seconds(heard.wav) == pytest.approx(3, abs=0.03)
        assert loudness(heard.wav, 1.3, 1.75) < 50
        assert loudness(heard.wav, 1.99, 2.06) > 1.5 * loudness(heard.wav, 2.3, 2.9)


async def test_damaged_packets_spoil_no_others() -> None:
    packets, dice = list(loop()[:150]), random.Random(7)
    for n in range(0, 150, 7):
        packets[n] = (b"\xff" * 40, b"", dice.randbytes(60), packets[n][:3])[n % 4]
    async with running() as (listener, _):
        heard = await listener.listen(window(packets))
        assert 2.8 < seconds(heard.wav) < 4  # a damaged one may say that it is longer than it was
        assert loudness(heard.wav, 0, 3) > 1_000
        pid = listener.pid
        with pytest.raises(NoSound):
            await listener.listen(window([b""] * 50))
        with pytest.raises(NoSound):
            await listener.listen(Window(0, RATE, ()))
        assert listener.pid == pid


async def test_nobody_is_asked_about_silence() -> None:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "stereo", "s16"
    frame = av.AudioFrame(format="s16", layout="stereo", samples=OPUS_SAMPLES)
    frame.sample_rate = RATE
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    silent = [bytes(packet) for _ in range(50) for packet in encoder.encode(frame)]
    async with running("tests.media.hearing.tones:raises") as (listener, _):
        heard = await listener.listen(window(silent))
        assert heard.quiet
        assert (heard.said.scores, heard.said.text) == ({}, "")


async def test_what_is_kept_is_small_and_can_be_played() -> None:
    async with running() as (listener, _):
        heard = await listener.listen(window(loop()[:150]))
        ogg = await listener.keep(heard.wav)
        assert len(ogg) < len(heard.wav) / 6
        with av.open(io.BytesIO(ogg), "r") as container:
            stream = container.streams.audio[0]
            assert (container.format.name, stream.codec_context.name) == ("ogg", "opus")
            samples = sum(frame.samples for frame in container.decode(stream))
            assert samples / stream.codec_context.sample_rate == pytest.approx(3, abs=0.1)
        for rubbish in (b"", os.urandom(500), heard.wav[:44]):
            with pytest.raises(NoSound):
                await listener.keep(rubbish)


@pytest.mark.parametrize(("checker", "why"), [("raises", "too loud for me"), ("garbles", "hits")])
async def test_a_checker_that_fails_is_away_for_that_window(checker: str, why: str) -> None:
    async with running(f"tests.media.hearing.tones:{checker}") as (listener, _):
        pid = listener.pid
        with pytest.raises(Away, match=why):
            await listener.listen(window(loop()[:20]))
        assert listener.pid == pid


@pytest.mark.parametrize("checker", ["hangs", "dies"])
async def test_one_that_hangs_or_dies_is_replaced(checker: str) -> None:
    async with running(f"tests.media.hearing.tones:{checker}", 0.3) as (listener, registry):
        first = listener.pid
        with pytest.raises(Away):
            await listener.listen(window(loop()[:20]))
        await until(lambda: listener.pid not in (None, first), "another one")
        assert registry.get_sample_value("danmart_hearing_restarts_total") == 1


async def test_one_that_was_killed_is_replaced_and_goes_on() -> None:
    async with running() as (listener, _):
        first = listener.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: listener.pid not in (None, first), "another one")
        heard = await listener.listen(window(loop()[:50]))
        assert math.isclose(seconds(heard.wav), 1, abs_tol=0.03)
