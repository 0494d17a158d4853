"""Lotteries through a whole node: seen at once, drawn by itself, and checked by a stranger from the file."""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from server.cli import run
from tests.server.world import World


async def drawn_file(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """The file of a draw among three, as a stranger gets it, and what the room was shown."""
    room, host = await world.room()
    viewers = [await world.viewer(room) for _ in range(3)]
    _, sku = await world.product(host, stock=5)
    prizes = [{"kind": "product", "ref": sku, "count": 2}]
    lottery = (await host.ok("lottery.create", title="Tea for two", prizes=prizes, seconds=60))["lottery"]
    shown = (await viewers[0].event("lottery.opened"))["data"]["lottery"]
    path = f"/api/v1/lotteries/{lottery['id']}/draw"
    assert (await world.get(path))[1]["code"] == "not_started"
    for viewer in viewers:
        await viewer.ok("lottery.enter", lottery=lottery["id"], nonce=secrets.token_hex(16))
    counted = await host.until("signals", lambda s: s.get("plays") == {lottery["id"]: {"entrants": 3}})
    assert counted["room"] == room
    again = await world.join()
    assert (await again.enter(room))["signals"]["plays"] == {lottery["id"]: {"entrants": 3}}
    await host.ok("lottery.draw", lottery=lottery["id"])
    closed = (await viewers[0].event("lottery.closed"))["data"]["lottery"]
    drawn = (await viewers[0].event("lottery.drawn"))["data"]["lottery"]
    assert len(drawn["winners_shown"]) == 2
    status, file = await world.get(path)
    assert status == 200
    seen = {"commitment": shown["commitment"], "entrants": closed["entrants"]["hash"]}
    return file, seen


async def test_a_stranger_checks_a_draw(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, seen = await drawn_file(world)
    path = tmp_path / "draw.json"

    def checked(content: dict[str, Any], known: dict[str, str]) -> tuple[int, str]:
        path.write_text(json.dumps(content))
        options = [part for name, value in known.items() for part in (f"--{name}", value)]
        code = run(["verify-draw", str(path), *options])
        return code, capsys.readouterr().out

    async def check(content: dict[str, Any], **known: str) -> tuple[int, str]:
        return await asyncio.to_thread(checked, content, known)

    code, said = await check(file, **seen)
    assert code == 0
    assert "3 entrants, 2 places drawn" in said
    assert (await check(file, commitment="0" * 64))[0] == 1
    file["winners"][0]["entry"], file["winners"][1]["entry"] = (
        file["winners"][1]["entry"],
        file["winners"][0]["entry"],
    )
    code, said = await check(file, **seen)
    assert code == 1
    assert "wrong  winners: Place 0" in said


def test_what_cant_be_read_is_said(tmp_path: Path) -> None:
    assert run(["verify-draw", str(tmp_path / "none.json")]) == 2
    (tmp_path / "junk.json").write_text("{")
    assert run(["verify-draw", str(tmp_path / "junk.json")]) == 1


async def test_whose_draw_isnt_there_or_isnt_to_be_seen(world: World) -> None:
    assert (await world.get("/api/v1/lotteries/none/draw"))[0] == 404
