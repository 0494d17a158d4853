"""A load on a real node: what is counted is what happened."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from clients.load.frames import TEXT, FrameReader, client_frame
from tests.support.node import Node, running_node

FIELDS = {
    "viewers", "slow_viewers", "seconds", "connects", "connects_per_s", "connects_failed", "enter_ms",
    "frames", "bytes", "deliveries", "deliveries_per_s", "skipped", "p50_ms", "p99_ms", "p999_ms", "max_ms",
    "last_viewer", "lost", "gaps", "repeats", "foreign", "unchecked", "settled", "log_head", "log_entries",
    "comments", "buys",
    "joins", "leaves", "reconnects", "recovered", "unrecovered", "stranded", "per_url",
    "dropped", "slow_dropped",
    "generator_core_share", "generator_lag_p99_ms", "generator_was_busy", "faultless",
}  # fmt: skip


async def _danmart_load(node: Node, *args: str) -> tuple[int, dict[str, Any], str]:
    """``danmart load``: its exit code, its JSON and what it said."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("danmart")),
        *("load", "--url", node.url, "--json", *args),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    return process.returncode or 0, json.loads(out) if out else {}, said.decode()


async def test_viewers_come_go_and_return_and_get_every_entry_once(tmp_path: Path) -> None:
    async with running_node(tmp_path, "--demo") as node:
        code, result, said = await _danmart_load(
            node, "--viewers", "40", "--seconds", "3", "--comments", "10",
            "--joins", "4", "--reconnects", "4", "--buys", "2", "--slow", "2",
        )  # fmt: skip
    assert code == 0, said
    assert set(result) == FIELDS
    assert result["faultless"]
    assert result["comments"]["ok"] == result["comments"]["sent"] >= 25
    assert result["comments"]["refused"] == {}
    assert result["buys"]["ok"] == result["buys"]["sent"] >= 5
    assert result["joins"] == result["leaves"] >= 8
    assert result["reconnects"] == result["recovered"] >= 8
    assert result["connects"] == 42 + result["joins"] + result["reconnects"]
    # Who is away for a second misses a few live ones; nobody gets more than there are.
    most = 40 * result["log_entries"]
    assert most * 0.7 < result["deliveries"] <= most
    assert "sender to receiver" in said


@pytest.mark.soak
async def test_tokens_signed_with_the_shops_key_and_refusals_by_their_code(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    key = {"alg": "HS256", "issuer": "shop", "audience": "danmart", "secret_file": str(secret)}
    args = ("--viewers", "5", "--seconds", "1", "--secret-file", str(secret), "--issuer", "shop")
    async with running_node(tmp_path, env={"DANMART_AUTH__KEYS": json.dumps([key])}) as node:
        code, _, said = await _danmart_load(node, *args, "--room", "nowhere", "--viewers", "1")
        assert code == 1
        assert "room_not_found" in said
        code, _, said = await _danmart_load(node, *args[:4])
        assert code == 1
        assert "hands out no demo tokens" in said
        code, _, said = await _danmart_load(node, *args[:-1], "somebody-else", "--viewers", "1")
        assert code == 1
        assert "bad_token" in said


@pytest.mark.parametrize("cut", range(1, 140, 7))
def test_messages_are_whole_however_the_stream_is_cut(cut: int) -> None:
    sizes = (0, 1, 125, 126, 70_000)
    stream = b"".join(_server_frame(b"x" * size) for size in sizes)
    reader = FrameReader()
    got = [m for at in range(0, len(stream), cut * 40) for m in reader.feed(stream[at : at + cut * 40])]
    assert got == [(TEXT, b"x" * size) for size in sizes]


def _server_frame(payload: bytes) -> bytes:
    """A client's frame without its mask."""
    frame = bytearray(client_frame(payload))
    frame[1] &= 0x7F
    end = len(frame) - len(payload)
    del frame[end - 4 : end]
    return bytes(frame)
