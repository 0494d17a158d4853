"""Somebody outside says what is on a picture: signed, in time, or not at all."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
import pytest
from aiohttp import web
from PIL import Image
from prometheus_client import CollectorRegistry

from media.checks.keeper import Away
from media.vision.mailbox import Frame
from media.vision.metrics import VisionMetrics
from media.vision.process import NoPicture, Plan, Worker
from moderation.filter.hook import FAILURES_MAX, REST_MS
from server.checker_hook import CheckerHook, Receiver
from server.config.sections import Outbound as OutboundSettings
from server.outbound import Outbound
from server.signing import new_secret, secret_key, verify
from server.vision_hook import HookJudge, read_classes
from tests.media.vision import colours
from tests.media.vision.test_process import READY_S, picture

SECRET = new_secret()


@dataclass
class Outside:
    """A receiver, the judge that asks it, and the clock."""

    judge: HookJudge
    worker: Worker
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: bytes = b'{"classes": {"red": 0.7}}'
    status: int = 200
    hangs: bool = False
    now_ms: int = 1_800_000_000_000

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((headers, await request.read()))
        if self.hangs:
            await asyncio.sleep(30)
        return web.Response(body=self.answer, status=self.status, content_type="application/json")


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    worker = Worker(Plan("none"), VisionMetrics(CollectorRegistry()))
    settings = OutboundSettings.model_validate({"allow_private": ["127.0.0.1/32"]})
    outside = Outside(None, worker)  # type: ignore[arg-type]  # it needs the port first
    app.router.add_post("/look", outside.handle)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/look"
    hook = CheckerHook(Outbound(settings), Receiver(url, SECRET, 0.5), lambda: outside.now_ms)
    outside.judge = HookJudge(worker, hook)
    await worker.start()
    assert await worker.until_ready(READY_S)
    yield outside
    await worker.close()
    await runner.cleanup()


async def test_it_gets_a_small_signed_jpeg_and_its_answer_counts(outside: Outside) -> None:
    seen = await outside.judge.judge(picture(colours.RED, (1920, 1080)))
    assert seen.scores == {"red": 0.7}
    ((headers, body),) = outside.asked
    assert headers["content-type"] == "image/jpeg"
    verify(secret_key(SECRET), headers, body, outside.now_ms)
    with Image.open(io.BytesIO(body)) as image:
        assert (image.format, image.size) == ("JPEG", (640, 360))
    assert seen.still == body


async def test_what_is_no_picture_is_not_asked_about(outside: Outside) -> None:
    with pytest.raises(NoPicture):
        await outside.judge.judge(Frame("image", b"nothing"))
    assert outside.asked == []


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"{}", b'{"classes": []}', b'{"classes": {"red": "much"}}', b'{"classes": {"red": true}}'],
)
def test_other_answers_are_none(answer: bytes) -> None:
    with pytest.raises(ValueError):
        read_classes(answer)
    assert read_classes(orjson.dumps({"classes": {"red": 1}, "more": []})) == {"red": 1.0}


async def test_one_that_hangs_costs_its_time_and_is_then_left_alone(outside: Outside) -> None:
    outside.status = 500
    for _ in range(FAILURES_MAX - 1):
        with pytest.raises(Away, match="status 500"):
            await outside.judge.judge(picture(colours.RED))
    outside.status, outside.hangs = 200, True
    with pytest.raises(Away, match="hook"):
        await outside.judge.judge(picture(colours.RED))
    asked = len(outside.asked)
    outside.hangs = False
    with pytest.raises(Away, match="too often"):
        await outside.judge.judge(picture(colours.RED))
    assert len(outside.asked) == asked
    outside.now_ms += REST_MS
    assert (await outside.judge.judge(picture(colours.RED))).scores == {"red": 0.7}
    assert (await outside.judge.judge(picture(colours.RED))).scores == {"red": 0.7}
