"""Logs: one line an event, with its context, never with a secret, never holding anybody up."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from server import logs
from server.logs import Throttled, configure, get_logger, log_context, redact_text

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl"


class Log:
    """What was logged, once it is written."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.stop: Callable[[], None] = lambda: None

    def start(self, level: Any = "info", form: Any = "json") -> None:
        self.stop = configure(level, form, self.stream)

    @property
    def text(self) -> str:
        self.stop()
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    log = Log()
    yield log
    log.stop()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


def test_a_line_is_json_with_time_level_logger_and_fields(log: Log) -> None:
    log.start()
    get_logger("server.x").info("room opened", viewers=3, tags=("a", b"x"))
    (line,) = log.lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "room opened", "level": "info", "logger": "server.x", "viewers": 3, "tags": ["a", "b'x'"],
    }  # fmt: skip


def test_the_standard_librarys_logs_come_out_the_same_way(log: Log) -> None:
    log.start()
    with log_context(room="demo"):
        logging.getLogger("some.library").warning("hello %s", "world")
    (line,) = log.lines
    assert (line["event"], line["level"], line["logger"], line["room"]) == (
        "hello world", "warning", "some.library", "demo",
    )  # fmt: skip


async def test_context_follows_into_tasks_and_ends_with_its_block(log: Log) -> None:
    log.start()

    async def work() -> None:
        get_logger("x").info("inside")

    with log_context(room="demo", user="u1", request_id=None):
        task = asyncio.create_task(work())
    await task
    get_logger("x").info("outside")
    await asyncio.to_thread(log.stop)
    inside, outside = log.lines
    assert (inside["room"], inside["user"]) == ("demo", "u1")
    assert "request_id" not in inside
    assert "room" not in outside


def test_levels_hold_for_both_worlds_and_chatty_libraries_are_quietened(log: Log) -> None:
    log.start("info")
    get_logger("x").debug("no")
    logging.getLogger("x").debug("no")
    logging.getLogger("aiohttp.access").info("no")
    logging.getLogger("aioice.ice").info("no")
    logging.getLogger("aioice.ice").warning("yes")
    assert [line["event"] for line in log.lines] == ["yes"]


def test_exceptions_are_told_in_the_line_without_their_secrets(log: Log) -> None:
    log.start()
    try:
        raise ValueError(f"bad token {JWT}")
    except ValueError:
        get_logger("x").exception("failed")
        logging.getLogger("x").exception("failed too")
    lines = log.lines
    assert len(lines) == 2
    for line in lines:
        assert "ValueError: bad token [redacted]" in line["exception"]


@pytest.mark.parametrize(
    "name", ["token", "key", "authorization", "Authorization", "stream_key", "api-key", "cookies"]
)
def test_fields_with_telling_names_are_redacted_at_any_depth(log: Log, name: str) -> None:
    log.start()
    get_logger("x").info("e", **{name: "hunter2", "request": {"headers": [{name: ["hunter2"]}]}})
    assert "hunter2" not in log.text
    assert log.lines[0][name] == "[redacted]"


def test_fields_that_only_sound_like_it_stay(log: Log) -> None:
    log.start()
    get_logger("x").info("e", tokens_left_ms=5, keyframe=True, monkey="ape", token=None)
    line = log.lines[0]
    assert (line["tokens_left_ms"], line["keyframe"], line["monkey"], line["token"]) == (5, True, "ape", None)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer [redacted]"),
        (f"got {JWT}!", "got [redacted]!"),
        ("key dm_live_abcDEF123-_x used", "key [redacted] used"),
        ("GET /whip/demo?token=abc&x=1 200", "GET /whip/demo?token=[redacted]&x=1 200"),
        ("http://x/r/demo#token=abc", "http://x/r/demo#token=[redacted]"),
        ("postgresql://me:hunter2@db/danmart", "postgresql://me:[redacted]@db/danmart"),
        ("redis://:hunter2@cache:6379", "redis://:[redacted]@cache:6379"),
        ("http://127.0.0.1:8080/r/demo", "http://127.0.0.1:8080/r/demo"),
        ("nothing to see", "nothing to see"),
    ],
)
def test_secrets_in_texts_are_redacted(text: str, clean: str) -> None:
    assert redact_text(text) == clean


def test_what_json_cant_say_is_said_anyway(log: Log) -> None:
    log.start()
    get_logger("x").info("odd \ud800", number=2**70, thing=object())
    (line,) = log.lines
    assert line["number"] == str(2**70)
    assert line["event"] == "odd \\ud800"


def test_a_newline_in_a_text_makes_no_new_line(log: Log) -> None:
    log.start()
    get_logger("x").info('a\n{"event": "forged"}')
    assert len(log.lines) == 1


def test_the_console_form_is_for_people(log: Log) -> None:
    log.start(form="console")
    get_logger("x").info("room opened", room="demo", token="hunter2")
    assert "room opened" in log.text
    assert "room=demo" in log.text
    assert "hunter2" not in log.text


def test_configuring_again_replaces_what_was_before(log: Log) -> None:
    log.start()
    made_before = get_logger("x")
    first = log.stream
    log.stream = io.StringIO()
    log.start()
    made_before.info("once")
    assert len(log.lines) == 1
    assert first.getvalue() == ""


class Stuck(io.StringIO):
    """A reader that doesn't read until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.go = threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        assert self.go.wait(20)
        return super().write(text)


def test_a_stuck_reader_stops_nobody_and_the_loss_is_told(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUE_MAX_LINES", 5)
    stuck = Stuck()
    log.stream = stuck
    log.start()
    logger = get_logger("x")
    logger.info("first")
    assert stuck.entered.wait(20)
    for number in range(12):
        logger.info("more", number=number)
    stuck.go.set()
    lines = log.lines
    assert [line["number"] for line in lines if line["event"] == "more"] == [0, 1, 2, 3, 4]
    assert [line["event"] for line in lines if "dropped" in line["event"]] == [
        "7 log lines were dropped: what reads them is too slow"
    ]


def test_trouble_is_said_at_once_and_then_at_most_once_a_second() -> None:
    said: list[int] = []
    trouble = Throttled(said.append)
    for now_ms in (0, 1, 500, 999):
        trouble.add(now_ms)
    assert said == [1]
    trouble.add(1000, times=5)
    assert said == [1, 8]
    trouble.add(1001)
    trouble.flush(1002)
    trouble.flush(1003)
    assert said == [1, 8, 1]


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 9)), max_size=50))
def test_nothing_throttled_is_lost_and_it_is_never_said_more_often(steps: list[tuple[int, int]]) -> None:
    said: list[tuple[int, int]] = []
    now = 0
    trouble = Throttled(lambda count: said.append((now, count)))
    for wait, times in steps:
        now += wait
        trouble.add(now, times)
    times_said = [at for at, _ in said]
    assert all(later - earlier >= 1000 for earlier, later in pairwise(times_said))
    trouble.flush(now)
    assert sum(count for _, count in said) == sum(times for _, times in steps)
