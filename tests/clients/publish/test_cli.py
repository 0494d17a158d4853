"""``python -m clients.publish`` as somebody runs it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from clients.publish.__main__ import KEY_VARIABLE, main
from tests.clients.publish.whip_server import running_whip_server

ROOT = Path(__file__).parents[3]
EXIT_S = 30.0


@asynccontextmanager
async def started(*args: str, key: str = "k", stdin: int = DEVNULL) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "clients.publish", "--size", "320x180", *args),
        cwd=ROOT,
        env={**os.environ, KEY_VARIABLE: key},
        stdin=stdin,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: Process) -> int:
    async with asyncio.timeout(EXIT_S):
        return await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_a_goodbye(number: signal.Signals) -> None:
    async with running_whip_server() as server, started("--url", server.url) as process:
        await server.until(lambda: bool(server.frames))
        process.send_signal(number)
        assert await ended(process) == 0
        assert server.bearers == ["Bearer k"]
        assert server.deleted == ["0 Bearer k"]


async def test_it_ends_with_its_parent() -> None:
    async with running_whip_server() as server:
        async with started("--url", server.url, "--exit-with-parent", stdin=PIPE) as process:
            await server.until(lambda: bool(server.frames))
            assert process.stdin is not None
            process.stdin.close()
            assert await ended(process) == 0
        assert server.deleted


async def test_it_stays_without_a_pipe_to_its_parent() -> None:
    async with running_whip_server() as server, started("--url", server.url, "--exit-with-parent") as process:
        await server.until(lambda: len(server.frames) >= 30)
        assert process.returncode is None


async def test_a_wrong_key_is_said_plainly(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("from-file\n")
    async with running_whip_server() as server:
        server.refusals = [web.Response(status=401)]
        async with started("--url", server.url, "--key-file", str(key)) as process:
            assert await ended(process) == 1
            assert process.stderr is not None
            assert b"refuses this publisher: 401" in await process.stderr.read()
        assert server.bearers == ["Bearer from-file"]


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--url", "http://x", "--size", "5x5"],
        ["--url", "http://x", "--fps", "0"],
        ["--url", "http://x", "--drawn", "--file", "x"],
    ],
)
def test_arguments_that_make_no_sense(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(args)
    assert exit_info.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_file_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", "http://127.0.0.1:9/", "--file", "/nowhere/film.mp4"]) == 2
    assert "/nowhere/film.mp4" in capsys.readouterr().err
