"""What fails a test for blocking the event loop, and what doesn't."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType

import pytest
from blockbuster import BlockingError

import server
from tests.support.blocking import BlockingCalls, blocking_calls_refused

ROOT = Path(__file__).parents[2]

OURS = """
import asyncio, contextlib, logging, sqlite3, time
from pathlib import Path

async def sleeps():
    time.sleep(0)

async def reads(file):
    Path(file).read_bytes()

async def asks_sqlite():
    sqlite3.connect(":memory:").execute("SELECT 1")

async def swallows():
    with contextlib.suppress(Exception):
        time.sleep(0)

async def leaves_it_to_a_thread():
    await asyncio.to_thread(time.sleep, 0)

async def imports_late():
    import wsgiref.simple_server

async def logs(file):
    handler = logging.FileHandler(file)
    handler.emit(logging.makeLogRecord({"msg": "said"}))
    handler.close()
"""
NESTED = """
import pytest
from tests.support import node
from tests.tooling.test_blocking import ours

async def test_swallowed(tmp_path):
    (tmp_path / "node-1.log").write_text("the node's last words")
    node.logs_of_this_test.append(tmp_path / "node-1.log")
    await ours().swallows()

async def test_failed(tmp_path):
    (tmp_path / "node-1.log").write_text("the node's last words")
    node.logs_of_this_test.append(tmp_path / "node-1.log")
    assert False

@pytest.mark.may_block
async def test_allowed():
    await ours().swallows()

async def test_harmless():
    await ours().leaves_it_to_a_thread()
"""


def ours() -> ModuleType:
    """A module that seems to lie in the server package."""
    module = ModuleType("server.made_up")
    exec(compile(OURS, str(Path(server.__file__).with_name("made_up.py")), "exec"), module.__dict__)
    return module


def _run(call: Callable[..., Awaitable[None]], *args: object) -> BlockingCalls:
    async def main() -> None:
        await call(*args)

    with blocking_calls_refused() as calls:
        asyncio.run(main())
    return calls


def test_our_code_may_not_block(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for call, args in ((ours().sleeps, ()), (ours().reads, (tmp_path / "file",)), (ours().asks_sqlite, ())):
        with pytest.raises(BlockingError):
            _run(call, *args)


def test_a_swallowed_blocking_call_is_remembered() -> None:
    assert _run(ours().swallows).seen == ["time.sleep"]


def test_threads_imports_and_log_lines_are_fine(tmp_path: Path) -> None:
    assert _run(ours().leaves_it_to_a_thread).seen == []
    assert _run(ours().imports_late).seen == []
    assert _run(ours().logs, tmp_path / "log").seen == []


def test_tests_themselves_may_block() -> None:
    async def a_test() -> None:
        nap = time.sleep
        nap(0)

    assert _run(a_test).seen == []


def test_nothing_is_refused_afterwards() -> None:
    _run(ours().swallows)
    asyncio.run(ours().sleeps())


def test_fixture_fails_the_test_and_shows_the_logs(tmp_path: Path) -> None:
    (tmp_path / "test_nested.py").write_text(NESTED)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    config = ["-c", str(ROOT / "pyproject.toml")]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *config, str(tmp_path / "test_nested.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "3 passed, 1 failed, 1 error" in run.stdout or "1 failed, 3 passed, 1 error" in run.stdout, (
        run.stdout
    )
    assert "the event loop was blocked by time.sleep" in run.stdout
    assert run.stdout.count("the node's last words") >= 2
