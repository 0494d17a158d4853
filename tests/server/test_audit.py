"""Audit trails over HTTP and on the command line."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from moderation.audit.chain import Link, what_digest, who_digest
from server.audit_files import COLUMNS
from server.cli import run
from tests.server.world import SECRET, Person, World, fresh, token

OPERATOR = {"operator": True}


FORMULA = '=HYPERLINK("x")'


async def busy_room(world: World) -> tuple[Person, str]:
    """A room whose moderator has a name that a spreadsheet would take for a formula. Its trail: the room is
    made, the moderator is made one, a viewer is muted by the moderator."""
    room, host = await world.room()
    viewer = await world.viewer(room)
    moderator = await world.join(fresh("moderator"), FORMULA)
    await host.ok("room.grant", user=moderator.user, role="moderator")
    await moderator.enter(room)
    await moderator.ok("moderate.mute", user=viewer.user, seconds=60, reason="=1+1")
    return host, room


async def raw(world: World, path: str, user: str, **claims: Any) -> tuple[int, dict[str, str], bytes]:
    headers = {"Authorization": f"Bearer {token(user, **claims)}"}
    async with aiohttp.ClientSession() as http, http.get(world.url + path, headers=headers) as response:
        return response.status, dict(response.headers), await response.read()


async def test_a_trail_is_listed_by_what_is_asked_for(world: World) -> None:
    host, room = await busy_room(world)
    path = f"/api/v1/rooms/{room}/audit"
    _, page = await world.get(f"{path}?action=moderate.*", host.user)
    (muted,) = page["items"]
    assert (muted["action"], muted["seq"], muted["erased"]) == ("moderate.mute", 3, [])
    assert len(bytes.fromhex(muted["hash"])) == 32
    for asked, count in (
        (f"target={muted['target']}", 1),
        (f"actor={host.user}", 2),
        ("actor=nobody", 0),
        (f"since_ms={muted['at_ms'] + 1}", 0),
        (f"until_ms={muted['at_ms'] + 1}", 3),
    ):
        _, page = await world.get(f"{path}?{asked}", host.user)
        assert len(page["items"]) == count, asked
    status, problem = await world.get(f"{path}?action={'x' * 129}", host.user)
    assert (status, problem["code"]) == (400, "bad_request")


async def test_operators_see_what_moderation_comes_to_everywhere(world: World) -> None:
    _, room = await busy_room(world)
    path, boss = "/api/v1/moderation/transparency", fresh("operator")
    status, _, body = await raw(world, f"{path}?days=2&rooms=100", boss, **OPERATOR)
    told = orjson.loads(body)
    assert (status, [day["day"] for day in told["days"]]) == (200, [told["first_day"], told["last_day"]])
    (mine,) = (each for each in told["rooms"] if each["room"] == room)
    assert [(action["action"], action["by"]) for action in mine["actions"]] == [
        ("moderate.mute", {"moderator": 1})
    ]
    assert told["total"] >= mine["total"] == 1
    for asked in ("days=many", "to=2026-1-1", "to=20260101", "to=1969-12-31", "to=soon"):
        assert (await raw(world, f"{path}?{asked}", boss, **OPERATOR))[0] == 400, asked
    status, _, body = await raw(world, f"{path}?days=7&to=2020-02-29", boss, **OPERATOR)
    past = orjson.loads(body)
    assert (past["first_day"], past["last_day"], past["total"]) == ("2020-02-23", "2020-02-29", 0)
    status, headers, body = await raw(
        world, f"{path}/export?to=2020-02-29&days=1&format=csv", boss, **OPERATOR
    )
    assert (status, headers["X-Content-Type-Options"]) == (200, "nosniff")
    name = "transparency-2020-02-29-2020-02-29.csv"
    assert headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert body.startswith(b"room,title,table,what,by,count\r\n")
    status, _, body = await raw(world, f"{path}/export?format=xml", boss, **OPERATOR)
    assert status == 400
    status, _, body = await raw(world, "/api/v1/audit/watch", boss, **OPERATOR)
    assert (status, orjson.loads(body)["every_s"], orjson.loads(body)["broken"]) == (200, 86_400, False)


async def test_a_csv_file_is_safe_in_a_spreadsheet(world: World) -> None:
    host, room = await busy_room(world)
    status, headers, body = await raw(world, f"/api/v1/rooms/{room}/audit/export", host.user or "")
    assert (status, headers["X-Content-Type-Options"]) == (200, "nosniff")
    assert headers["Content-Disposition"] == f'attachment; filename="audit-{room}.csv"'
    assert not body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["seq"], row["action"], row["by"]) for row in rows] == [
        ("1", "room.create", "host"),
        ("2", "room.grant", "host"),
        ("3", "moderate.mute", "moderator"),
    ]
    assert rows[2]["actor_name"] == "'" + FORMULA
    assert orjson.loads(rows[2]["detail"])["reason"] == "=1+1"
    for row in rows:
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
    _, _, marked = await raw(world, f"/api/v1/rooms/{room}/audit/export?bom=true", host.user or "")
    assert marked == b"\xef\xbb\xbf" + body


async def test_a_json_file_can_be_verified_by_whoever_has_it(world: World) -> None:
    host, room = await busy_room(world)
    path = f"/api/v1/rooms/{room}/audit/export?format="
    _, headers, body = await raw(world, path + "json", host.user or "")
    entries = json.loads(body)
    assert headers["Content-Type"] == "application/json"
    _, _, lines = await raw(world, path + "jsonl", host.user or "")
    assert [json.loads(line) for line in lines.splitlines()] == entries
    before = bytes(32)
    for entry in entries:
        actor = entry["actor"]
        who = who_digest(bytes.fromhex(entry["who_salt"]), entry["id"], actor["id"], actor["name"])
        what = what_digest(
            bytes.fromhex(entry["what_salt"]), entry["id"], entry["target"], entry["detail"].encode()
        )
        said = {name: entry[name] for name in ("trail", "seq", "id", "at_ms", "action", "facts")}
        link = Link(**said, who_digest=who, what_digest=what, prev_hash=before, hash=b"")
        before = link.computed()
        assert before.hex() == entry["hash"]
    assert len(entries) == 3
    status, _, _ = await raw(world, path + "xml", host.user or "")
    assert status == 400
    status, _, body = await raw(world, path + "json&actor=nobody", host.user or "")
    assert json.loads(body) == []


async def test_the_chain_is_verified_when_the_host_asks(world: World) -> None:
    host, room = await busy_room(world)
    _, chain = await world.get(f"/api/v1/rooms/{room}/audit/chain", host.user)
    _, page = await world.get(f"/api/v1/rooms/{room}/audit?limit=1", host.user)
    assert (chain["ok"], chain["seq"], chain["hash"]) == (True, 3, page["items"][0]["hash"])


async def test_transparency_counts_what_was_done(world: World) -> None:
    host, room = await busy_room(world)
    path = f"/api/v1/rooms/{room}/transparency"
    rules = f"/api/v1/rooms/{room}/moderation/rules"
    status, _, _ = await world.request("PATCH", rules, host.user, json={"links": "hold"})
    assert status == 200  # which is in the trail, and nothing that was done to anybody
    _, told = await world.get(f"{path}?days=7&offset_min=480", host.user)
    assert (told["total"], told["automatic"], len(told["days"])) == (1, 0, 7)
    assert told["actions"] == [
        {"action": "moderate.mute", "count": 1, "automatic": 0, "by": {"moderator": 1}}
    ]
    assert told["days"][-1]["acted"] == 1
    for bad in ("offset_min=841", "offset_min=x", "days=x"):
        status, problem = await world.get(f"{path}?{bad}", host.user)
        assert (status, problem["code"]) == (400, "bad_request")


async def test_operators_read_any_trail_and_erase_people(world: World) -> None:
    host, room = await busy_room(world)
    _, page = await world.get(f"/api/v1/audit?trail={room}", "root", claims=OPERATOR)
    muted = page["items"][0]["target"]
    _, _, everything = await raw(world, "/api/v1/audit/export?format=jsonl", "root", operator=True)
    assert {room} <= {json.loads(line)["trail"] for line in everything.splitlines()}
    _, _, one = await raw(world, f"/api/v1/audit/export?format=json&trail={room}", "root", operator=True)
    assert {entry["trail"] for entry in json.loads(one)} == {room}

    status, counted = await world.post("/api/v1/audit/erase", {"user": muted}, "root", claims=OPERATOR)
    assert (status, counted) == (200, {"entries": 1, "who": 0, "what": 1})
    _, page = await world.get(f"/api/v1/rooms/{room}/audit", host.user)
    noted, erased = page["items"][:2]
    assert (noted["action"], noted["facts"]) == (
        "audit.erase",
        {"by": "operator", "why": "request", "what": "3"},
    )
    assert (erased["target"], erased["detail"], erased["erased"]) == ("", {}, ["what"])
    assert erased["facts"] == {"by": "moderator", "seconds": 60}
    _, chain = await world.get(f"/api/v1/rooms/{room}/audit/chain", host.user)
    assert (chain["ok"], chain["what_erased"]) == (True, 1)
    status, problem = await world.post("/api/v1/audit/erase", {"user": ""}, "root", claims=OPERATOR)
    assert (status, problem["code"]) == (400, "bad_request")


# On the command line


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The options that name a data folder with two rooms in it."""
    monkeypatch.setenv("DANMART_NODE__SECRET", SECRET)
    options = ["--data", str(tmp_path)]
    for room in ("tea", "shoes"):
        assert run(["host-link", *options, "--room", room, "--user", "mei", "--name", "Mei"]) == 0
    capsys.readouterr()
    return options


def change(data: list[str], *statements: str) -> None:
    """By somebody who owns the file: the triggers go first."""
    with closing(sqlite3.connect(Path(data[1]) / "danmart.db")) as database, database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)


def test_verify_says_what_is_wrong(data: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "verify", *data]) == 0
    assert "The trails are whole." in capsys.readouterr().out
    change(data, "UPDATE audit_details SET actor_name = 'Somebody' WHERE trail = 'tea'")
    assert run(["audit", "verify", *data]) == 1
    assert "tea 1: details_altered: who" in capsys.readouterr().out
    assert run(["audit", "verify", *data, "--trail", "shoes"]) == 0
    capsys.readouterr()
    assert run(["audit", "verify", *data, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["trails"], report["entries"], report["problems"]) == (False, 2, 2, 1)
    assert report["found"][0]["trail"] == "tea"


def test_a_trail_without_a_trace_shows_against_heads_kept_elsewhere(
    data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "head", *data]) == 0
    kept = tmp_path / "heads.json"
    kept.write_text(capsys.readouterr().out)
    assert run(["audit", "verify", *data, "--against", str(kept)]) == 0
    change(data, *(f"DELETE FROM audit_{t} WHERE trail = 'tea'" for t in ("chain", "details", "heads")))
    capsys.readouterr()
    assert run(["audit", "verify", *data]) == 0, "of itself nothing is wrong"
    assert run(["audit", "verify", *data, "--against", str(kept)]) == 1
    assert "tea 1: anchor" in capsys.readouterr().out
    kept.write_text(kept.read_text().replace('"seq":1', '"seq":2'))
    assert run(["audit", "verify", *data, "--against", str(kept)]) == 1
    assert "changed since" in capsys.readouterr().err
    assert run(["audit", "verify", *data, "--against", str(tmp_path / "no.json")]) == 1
    assert run(["audit", "head", *data, "--trail", "nowhere"]) == 1


def test_export_and_erase(data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("csv", "json", "jsonl"):
        out = tmp_path / f"out.{form}"
        assert run(["audit", "export", *data, "--format", form, "--output", str(out)]) == 0
        assert out.read_text().count("room.create") == 2
    assert run(["audit", "export", *data, "--output", str(tmp_path / "no" / "where")]) == 1
    capsys.readouterr()
    assert run(["audit", "erase", *data, "--user", "mei"]) == 0
    assert capsys.readouterr().out == "2 entries: erased who in 2, what in 0\n"
    assert run(["audit", "verify", *data]) == 0
    assert "erased: who in 2, what in 0" in capsys.readouterr().out
    assert run(["audit", "export", *data, "--output", str(out)]) == 0
    assert '"mei"' not in out.read_text()


def test_what_is_no_database_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for what in ("verify", "head", "export"):
        assert run(["audit", what, "--data", str(tmp_path)]) == 1
        assert "start the node once" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
