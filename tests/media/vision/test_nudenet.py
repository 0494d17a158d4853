"""The checker that comes with ``danmart[vision]``, as it runs in the worker. Skipped without the extra.

``face.jpg`` is a part of NASA's portrait of Eileen Collins, which is in the public domain.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pytest

from media.vision.checkers import NUDENET, NUDENET_CLASSES
from media.vision.mailbox import Frame
from media.vision.rules import findings
from server.config.vision import Vision
from tests.media.hls import rules
from tests.media.hls.source import audio_packets, opus, pictures, video_packets
from tests.media.hls.studio import Studio
from tests.media.vision.test_process import READY_S, running

FACE = Path(__file__).with_name("face.jpg")
installed = importlib.util.find_spec(NUDENET) is not None

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not installed, reason="danmart[vision] isn't installed")]


async def test_it_finds_a_face_which_is_no_hit() -> None:
    async with running(NUDENET) as (worker, registry):
        assert await worker.until_ready(READY_S)
        face = Frame("image", FACE.read_bytes())
        seen = await worker.ask(face, NUDENET_CLASSES)
        assert seen.scores["FACE_FEMALE"] > 0.5
        assert findings(seen.scores, Vision(checker=NUDENET).thresholds) == ()
        assert seen.still == b""
        looked_for = await worker.ask(face, {"FACE_FEMALE": 0.5})
        assert looked_for.still != b""
        memory = registry.get_sample_value("danmart_vision_memory_bytes") or 0
        assert 50_000_000 < memory < 500_000_000


@pytest.mark.may_block  # the studio of the tests, not ours
async def test_what_a_keyframe_of_720p_costs() -> None:
    studio = Studio()
    studio.begin()
    packets = video_packets(pictures(2, size=(1280, 720)), 25) + audio_packets(opus(2))
    await studio.feed(sorted(packets, key=lambda packet: packet.at_ms))
    segment = rules.check(studio.text()).segments[0]
    frame = Frame("part", studio.file(segment.parts[0].uri), studio.file(segment.init))
    await studio.hub.close()
    async with running(NUDENET) as (worker, registry):
        assert await worker.until_ready(READY_S)
        await worker.ask(frame, NUDENET_CLASSES)
        began, before = time.monotonic(), registry.get_sample_value("danmart_vision_cpu_seconds_total") or 0
        for _ in range(20):
            await worker.ask(frame, NUDENET_CLASSES)
        cpu_s = ((registry.get_sample_value("danmart_vision_cpu_seconds_total") or 0) - before) / 20
        memory = registry.get_sample_value("danmart_vision_memory_bytes") or 0
        took_s = (time.monotonic() - began) / 20
        print(f"720p: {cpu_s * 1000:.1f} ms of CPU, {took_s * 1000:.1f} ms in all, {memory / 1e6:.0f} MB")
        assert cpu_s < 0.5
