"""Somebody outside says what was said: signed, in time, or not at all. Real sound, a real receiver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from media.checks.keeper import Away
from media.hearing.answers import HITS_MAX, TEXT_CHARS, Said
from media.hearing.metrics import HearingMetrics
from media.hearing.process import Listener, NoSound
from moderation.filter.hook import FAILURES_MAX, REST_MS
from server.checker_hook import CheckerHook, Receiver
from server.config.sections import Outbound as OutboundSettings
from server.hearing_hook import ANSWER_MAX_BYTES, HookJudge, read_answer
from server.outbound import Outbound
from server.signing import new_secret, secret_key, verify
from tests.media.hearing import tones
from tests.media.hearing.test_process import READY_S, loop, window

SECRET = new_secret()
ANSWER = {"hits": [{"label": "shot", "score": 0.7}], "text": "hello there", "language": "en-GB"}


@dataclass
class Outside:
    """A receiver, the judge that asks it, and the clock."""

    judge: HookJudge
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: bytes = orjson.dumps(ANSWER)
    status: int = 200
    late: asyncio.Event = field(default_factory=asyncio.Event)
    now_ms: int = 1_800_000_000_000

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((headers, await request.read()))
        await self.late.wait()
        return web.Response(body=self.answer, status=self.status, content_type="application/json")


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    app = web.Application(client_max_size=1 << 22)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    listener = Listener("none", 1 << 30, 5, HearingMetrics(CollectorRegistry()))
    settings = OutboundSettings.model_validate({"allow_private": ["127.0.0.1/32"]})
    outside = Outside(None)  # type: ignore[arg-type]  # it needs the port first
    outside.late.set()
    app.router.add_post("/hear", outside.handle)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hear"
    hook = CheckerHook(Outbound(settings), Receiver(url, SECRET, 0.5), lambda: outside.now_ms)
    outside.judge = HookJudge(listener, hook)
    await listener.start()
    assert await listener.until_ready(READY_S)
    yield outside
    outside.late.set()
    await listener.close()
    await runner.cleanup()


async def test_it_gets_a_signed_wav_and_its_answer_counts(outside: Outside) -> None:
    heard = await outside.judge.judge(window(loop()[:100]))
    assert heard.said == Said({"shot": 0.7}, "hello there", "en-GB")
    ((headers, body),) = outside.asked
    assert headers["content-type"] == "audio/wav"
    verify(secret_key(SECRET), headers, body, outside.now_ms)
    assert len(tones.read(body)) == pytest.approx(2 * 16_000, abs=500)
    assert heard.wav == body


async def test_what_is_no_sound_is_not_asked_about(outside: Outside) -> None:
    with pytest.raises(NoSound):
        await outside.judge.judge(window([b"", b""]))
    assert outside.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"hits": {}}',
        b'{"hits": [{"label": "shot"}]}',
        b'{"hits": [{"label": "", "score": 1}]}',
        b'{"hits": [{"label": "shot", "score": true}]}',
        b'{"hits": [{"label": "shot", "score": 1e999}]}',
        b'{"hits": [], "text": 7}',
        orjson.dumps({"hits": [], "text": "a" * (TEXT_CHARS + 1)}),
        orjson.dumps({"hits": [{"label": "a", "score": 0}] * (HITS_MAX + 1)}),
    ],
)
def test_other_answers_are_none(answer: bytes) -> None:
    with pytest.raises(ValueError):
        read_answer(answer)


def test_what_may_be_left_out_may_be() -> None:
    assert read_answer(b'{"hits": [], "more": 1}') == Said()
    hits = b'[{"label": "a", "score": 0.2}, {"label": "a", "score": 1}]'
    assert read_answer(b'{"hits": %s, "text": null, "language": "<b>"}' % hits) == Said({"a": 1.0})


async def test_one_that_hangs_is_late_or_talks_without_end_is_left_alone(outside: Outside) -> None:
    sound = window(loop()[:20])
    outside.late.clear()  # it hangs, and answers when nobody waits any more
    with pytest.raises(Away, match="hook"):
        await outside.judge.judge(sound)
    outside.late.set()
    for status, answer in ((503, b""), (200, b"rubbish"), (200, b" " * (ANSWER_MAX_BYTES + 1)), (302, b"")):
        outside.status, outside.answer = status, answer
        with pytest.raises(Away):
            await outside.judge.judge(sound)
    assert len(outside.asked) == FAILURES_MAX
    outside.status, outside.answer = 200, orjson.dumps(ANSWER)
    with pytest.raises(Away, match="too often"):
        await outside.judge.judge(sound)
    assert len(outside.asked) == FAILURES_MAX
    outside.now_ms += REST_MS
    assert (await outside.judge.judge(sound)).said.text == "hello there"


async def test_nobody_there_is_away(outside: Outside) -> None:
    hook = CheckerHook(
        Outbound(OutboundSettings.model_validate({"allow_private": ["127.0.0.1/32"]})),
        Receiver("http://127.0.0.1:9/hear", SECRET, 0.5),
        lambda: outside.now_ms,
    )
    with pytest.raises(Away):
        await HookJudge(outside.judge._listener, hook).judge(window(loop()[:20]))
