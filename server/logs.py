"""Logs: one line an event, JSON or for a console, with room, user and request; never with a secret.

Lines are made where they are logged and written by a thread, so that a full pipe doesn't stop the event
loop; what doesn't fit into the queue is dropped and counted.
"""

from __future__ import annotations

import atexit
import logging
import queue
import re
import secrets
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from logging.handlers import QueueHandler, QueueListener
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import Processor

QUEUE_MAX_LINES = 10_000
REDACTED = "[redacted]"
_DEPTH_MAX = 6

_CHATTY = (
    "aiohttp.access",
    "aioice",
    "aiortc",
    "alembic",
    "asyncio",
    "engineio",
    "libav",
    "socketio",
    "sqlalchemy",
)
"""Libraries whose warnings matter and whose chat doesn't; debug shows all."""

_SECRET_NAME = re.compile(
    r"(^|_|-)(token|key|secret|password|passwd|authorization|cookie|credential|jwt|bearer)s?$", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"(?P<bearer>\b(?:Bearer|Basic)\s+)[\w.~+/=-]+"
    r"|\bdm_live_[\w-]+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|(?P<query>[?&#]\w*(?:token|key|secret|signature)=)[^&\s\"'#]+"
    r"|(?P<user>://[^\s:/@]*:)[^\s/@]+(?=@)",
    re.IGNORECASE,
)

get_logger = structlog.stdlib.get_logger
"""``get_logger(__name__)``: a logger that takes an event and its fields."""


def configure(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["json", "console"],
    stream: TextIO | None = None,
) -> Callable[[], None]:
    """Sends structlog's and the standard library's logs to ``stream`` (default: standard error).

    Returns a function that writes what is queued and stops, and waits for that; it is called at exit too.
    Configuring again replaces what was before.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a logger made at import time follows the next configure too
    )
    renderer: Processor = (
        _json if form == "json" else structlog.dev.ConsoleRenderer(colors=_is_terminal(stream))
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    return _install(formatter, number, stream or sys.stderr)


def log_context(**fields: str | None) -> AbstractContextManager[Any]:
    """``with log_context(room=…, user=…, request_id=…)``: every line logged inside, also by tasks that start
    inside, carries these fields. None leaves a field out.
    """
    return structlog.contextvars.bound_contextvars(
        **{name: value for name, value in fields.items() if value is not None}
    )


def new_request_id() -> str:
    """An id that finds one request in the logs."""
    return secrets.token_hex(8)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Takes secrets out of a line: fields by their names, texts by what secrets look like."""
    for name, value in event.items():
        event[name] = (
            REDACTED if _SECRET_NAME.search(name) and value is not None else _clean(value, _DEPTH_MAX)
        )
    return event


def redact_text(text: str) -> str:
    """``text`` without tokens, keys and passwords in the forms in which they usually stand in texts."""
    return _SECRET_TEXT.sub(
        lambda match: (match["bearer"] or match["query"] or match["user"] or "") + REDACTED, text
    )


class Throttled:
    """Counts what happens too often to be said each time (a bad packet), and says it at most once a period.

    ``say`` gets the number of times since it was last called. The first time is said at once.
    """

    def __init__(self, say: Callable[[int], None], every_ms: int = 1000) -> None:
        self._say = say
        self._every_ms = every_ms
        self._said_ms: int | None = None
        self._count = 0

    def add(self, now_ms: int, times: int = 1) -> None:
        """It happened ``times`` more."""
        self._count += times
        if self._said_ms is None or now_ms - self._said_ms >= self._every_ms:
            self.flush(now_ms)

    def flush(self, now_ms: int) -> None:
        """Says what hasn't been said yet, if anything: when it is over."""
        if self._count:
            count, self._count = self._count, 0
            self._said_ms = now_ms
            self._say(count)


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping) and depth:
        return {
            name: REDACTED
            if isinstance(name, str) and _SECRET_NAME.search(name)
            else _clean(inner, depth - 1)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple) and depth:
        return [_clean(inner, depth - 1) for inner in value]
    return value


def _json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a text with lone surrogates, a number beyond 64 bits, …: said with less form
        return orjson.dumps({name: _printable(value) for name, value in event.items()}).decode()


def _printable(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "backslashreplace").decode()


def _is_terminal(stream: TextIO | None) -> bool:
    return (stream or sys.stderr).isatty()


class _Queue(QueueHandler):
    """Makes the line in the logging thread, where the context is, and leaves it to the writer."""

    def __init__(self) -> None:
        self.lines: queue.SimpleQueue[Any] = queue.SimpleQueue()  # its put never waits for a lock
        self.dropped = 0
        super().__init__(self.lines)

    def enqueue(self, record: logging.LogRecord) -> None:
        if self.lines.qsize() < QUEUE_MAX_LINES:
            self.lines.put_nowait(record)
        else:
            self.dropped += 1


class _Writer(logging.StreamHandler[TextIO]):
    """Writes finished lines; says how many were lost before."""

    def __init__(self, source: _Queue, stream: TextIO) -> None:
        super().__init__(stream)
        self._source = source

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        lost, self._source.dropped = self._source.dropped, 0
        if lost:
            text = "%d log lines were dropped: what reads them is too slow"
            told = logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (lost,), None)
            super().emit(self._source.prepare(told))


_stop_running: Callable[[], None] | None = None


def _install(formatter: logging.Formatter, level: int, stream: TextIO) -> Callable[[], None]:
    global _stop_running  # noqa: PLW0603  the root logger is the process's, so is what feeds it
    if _stop_running is not None:
        _stop_running()
    source = _Queue()
    source.setFormatter(formatter)
    listener = QueueListener(source.lines, _Writer(source, stream))
    listener.start()
    root = logging.getLogger()
    root.handlers[:] = [source]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING) if level > logging.DEBUG else level)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            root.removeHandler(source)
            listener.stop()
            stream.flush()

    atexit.register(stop)
    _stop_running = stop
    return stop
