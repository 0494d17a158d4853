"""The command ``danmart`` as people type it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from server.cli import run
from server.reconcile import CHECKS
from tests.server.webhooks.receiver import running_receiver
from tests.server.world import SECRET, World, fresh, running_world, token


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANMART_NODE__SECRET", SECRET)


def test_token_is_good_for_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["token", "--data", str(tmp_path), "--user", "mei", "--name", "Mei", "--may-host"]) == 0
    bearer = capsys.readouterr().out.strip()

    async def ask() -> None:
        async with running_world(tmp_path) as world:
            headers = {"Authorization": f"Bearer {bearer}"}
            _, _, me = await world.request("GET", "/api/v1/me", headers=headers)
            assert (me["user"], me["may_host"], me["operator"]) == ({"id": "mei", "name": "Mei"}, True, False)

    asyncio.run(ask())


def test_token_is_of_the_data_folders_own_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DANMART_NODE__SECRET")
    secrets = []
    for folder in ("a", "b", "a"):
        assert run(["token", "--data", str(tmp_path / folder), "--user", "mei"]) == 0
        assert capsys.readouterr().out.count(".") == 2
        secrets.append((tmp_path / folder / "secret.key").read_text())
    assert secrets[0] == secrets[2] != secrets[1]


def test_host_link_makes_the_room_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = ["host-link", "--data", str(tmp_path), "--room", "tea", "--title", "Tea evening"]
    for _ in range(2):
        assert run([*link, "--user", "mei", "--name", "Mei", "--url", "https://live.example/"]) == 0
        assert re.fullmatch(r"https://live\.example/studio/tea#token=\S+", capsys.readouterr().out.strip())
    assert run([*link, "--user", "somebody-else"]) == 1
    assert "belongs to mei" in capsys.readouterr().err
    assert run(["host-link", "--data", str(tmp_path), "--room", "Tea!"]) == 2
    assert "--room" in capsys.readouterr().err


def test_reconcile_proves_the_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["reconcile", "--data", str(tmp_path)]
    assert run(asked) == 1
    assert "start the node once" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert run(["host-link", "--data", str(tmp_path), "--room", "tea"]) == 0
    capsys.readouterr()
    assert run(asked) == 0
    assert capsys.readouterr().out == "The ledger is whole.\n"
    with closing(sqlite3.connect(tmp_path / "danmart.db")) as database, database:
        database.execute("INSERT INTO accounts VALUES ('wallet', 'lin', 5, 0)")
    assert run(asked) == 1
    assert "wallet:lin: a balance without entries: 5, not 0" in capsys.readouterr().out
    assert run([*asked, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["count"], len(report["checks"])) == (False, 2, len(CHECKS))
    assert report["findings"][0] == {
        "check": "accounts",
        "ref": "wallet:lin",
        "what": "a balance without entries",
        "expected": 0,
        "found": 5,
    }


async def test_host_link_works_beside_a_running_node(tmp_path: Path) -> None:
    async with running_world(tmp_path) as world:
        answer = await asyncio.to_thread(
            lambda: subprocess.run(
                [
                    *(Path(sys.executable).with_name("danmart"), "host-link", "--data", tmp_path / "data"),
                    *("--room", "tea", "--user", "mei", "--name", "Mei", "--url", world.url),
                ],
                capture_output=True,
                text=True,
                check=True,
            )
        )
        host = await world.join(auth={"token": answer.stdout.partition("#token=")[2].strip()})
        assert (await host.enter("tea"))["you"]["role"] == "host"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["serve", "--port", "99999"], "listen.port"),
        (["serve", "--demo", "--host", "0.0.0.0"], "demo"),
        (["serve", "--demo-public"], "demo_public"),
        (["serve", "--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_settings_that_make_no_sense_are_told_by_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run([*arguments, "--data", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["serve", "--dance"], ["serve", "--port", "x"], ["token"]]
)
def test_arguments_that_make_no_sense_end_with_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run(arguments)
    assert end.value.code == 2
    assert "usage: danmart" in capsys.readouterr().err


def test_redis_without_a_database_that_nodes_can_share_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANMART_BUS__REDIS_URL", "redis://127.0.0.1:1/0")
    assert run(["serve", "--data", str(tmp_path)]) == 2
    assert "store.url: is SQLite" in capsys.readouterr().err


def serve(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sys.executable).with_name("danmart"), "serve", "--data", folder, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_taken_port_is_said_in_plain_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with serve(tmp_path, "--port", port, "--udp-port", "0") as process:
            out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "ready" not in out
    assert "danmart can't start" in err
    assert port in err
    assert "Traceback" not in err


def test_a_folder_that_cannot_be_used_is_said_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with serve(tmp_path / "file", "--port", "0", "--udp-port", "0") as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode in (1, 2)
    assert "Traceback" not in err
    assert "file" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with serve(tmp_path, "--port", "0", "--udp-port", "0") as process:
        assert process.stdout is not None
        assert "danmart ready http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


async def test_an_empty_folder_is_all_that_it_needs(tmp_path: Path) -> None:
    async with running_world(tmp_path) as world:
        room, host = await world.room()
        await host.ok("comment", text="kept")
    assert (tmp_path / "data" / "danmart.db").exists()
    async with running_world(tmp_path) as world:
        again: World = world
        entered = await (await again.join(fresh("viewer"))).enter(room)
        assert [comment["data"]["text"] for comment in entered["snapshot"]["comments"]] == ["kept"]


async def test_webhooks_are_seen_and_replayed_beside_a_running_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def cli(*words: str) -> tuple[int, str, str]:
        code = run(["webhooks", words[0], "--data", str(tmp_path / "data"), *words[1:]])
        said = capsys.readouterr()
        return code, said.out, said.err

    local = {"DANMART_OUTBOUND__ALLOW_PRIVATE": "127.0.0.0/8"}
    async with running_receiver() as receiver, running_world(tmp_path, **local) as world:
        headers = {"Authorization": f"Bearer {token('root', operator=True)}"}
        body = {"url": receiver.url, "types": ["product.*"]}
        _, _, made = await world.request("POST", "/api/v1/webhooks", json=body, headers=headers)
        room, host = await world.room()
        product, _ = await world.product(host)
        await host.ok("pin", product=product)
        await receiver.until_got(2)
        code, listed, _ = await asyncio.to_thread(cli, "list")
        assert (code, listed.split()[:3]) == (0, [made["id"], "active", receiver.url])
        async with asyncio.timeout(10):
            while len(listed.splitlines()) != 2 or "product.pinned" not in listed:
                code, listed, _ = await asyncio.to_thread(
                    cli, "deliveries", made["id"], "--status", "delivered"
                )
        latest = next(line for line in listed.splitlines() if "product.pinned" in line).split()[0]
        assert await asyncio.to_thread(cli, "replay", made["id"], "--delivery", latest) == (
            0,
            "1 to be sent once more\n",
            "",
        )
        await receiver.until_got(3)
        assert receiver.got[2].id == f"msg_{latest}"
        span = ("replay", made["id"], "--room", room, "--log", "room")
        assert (await asyncio.to_thread(cli, *span))[1] == "2 to be sent once more\n"
        await receiver.until_got(5)
        code, _, error = await asyncio.to_thread(cli, "replay", "no-such-endpoint", "--delivery", latest)
        assert (code, error) == (1, "There is no such endpoint.\n")
        assert (await asyncio.to_thread(cli, *span, "--from-offset", "9", "--to-offset", "3"))[0] == 2
