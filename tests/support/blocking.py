"""Catches our code blocking the event loop: a file, a socket, a lock or SQLite on the loop's own thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blockbuster import BlockBuster, BlockingError

OURS = ("server", "rooms", "media", "moderation", "clients")

# Neither waits for anything; libraries ask for both all the time.
_HARMLESS = ("os.getcwd", "os.path.abspath")


class BlockingCalls:
    """Names of the blocking calls seen so far, also where the exception was swallowed on its way."""

    def __init__(self) -> None:
        self.seen: list[str] = []


@contextmanager
def blocking_calls_refused() -> Iterator[BlockingCalls]:
    """Inside, a call that blocks a running loop raises ``BlockingError`` if our code is on the stack.

    Tests, pytest, Playwright and other libraries may block, unless it's our code that called them; so may
    importing a module late, which happens once a process, and writing a log line.
    """
    calls = BlockingCalls()
    plain_init = BlockingError.__init__

    def recording_init(self: BlockingError, func: str) -> None:
        calls.seen.append(func)
        plain_init(self, func)

    detector = BlockBuster(list(OURS))
    for name in _HARMLESS:
        del detector.functions[name]
    for function in detector.functions.values():
        function.can_block_in("<frozen importlib._bootstrap>", "_find_and_load")
    for writer in ("io.TextIOWrapper.write", "io.BufferedWriter.write"):
        detector.functions[writer].can_block_in("logging/__init__.py", "emit")
        detector.functions[writer].can_block_in("structlog/_output.py", "msg")
    detector.activate()
    BlockingError.__init__ = recording_init  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        BlockingError.__init__ = plain_init  # type: ignore[method-assign]
        detector.deactivate()
