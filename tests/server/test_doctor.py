"""The doctor: each ailment is found where it really is, and a healthy node is not called ill."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ed25519

from server.config import Settings, load, node_secret
from server.doctor import Finding, Level, diagnose, files, machine, network, services
from server.doctor.payments import judge_owed

SECRET = "0123456789abcdef0123456789abcdef"


def settings(folder: Path, **sections: Any) -> Settings:
    node = {"data_dir": str(folder), **sections.pop("node", {})}
    listen = {"port": 0, **sections.pop("listen", {})}
    return load(environ={}, overrides={"node": node, "listen": listen, **sections})


def worst(findings: Iterable[Finding]) -> Finding:
    """The finding to worry about most; each has something to say, and advice unless all is well."""
    found = list(findings)
    order = list(Level)
    for finding in found:
        assert finding.what
        assert bool(finding.advice) == (finding.level is not Level.OK)
    return max(found, key=lambda finding: order.index(finding.level))


async def test_a_healthy_node_has_nothing_to_worry_about_but_unbuilt_pages(tmp_path: Path) -> None:
    shop = {"alg": "HS256", "issuer": "shop", "audience": "danmart", "secret": SECRET}
    payments = {
        "providers": ("stripe",),
        "stripe_secret_key": "sk_live_1",
        "stripe_webhook_secret": "whsec_1",
    }
    listen = {"public_url": "https://live.example", "port": 0}
    found = await diagnose(settings(tmp_path, auth={"keys": [shop]}, payments=payments, listen=listen))
    machine_dependent = ("pages", "UDP buffers", "open files", "GiB are free", "Danmart itself")
    ill = [finding for finding in found if finding.level is not Level.OK]
    assert [finding for finding in ill if not any(word in finding.what for word in machine_dependent)] == []
    assert len(found) > 10
    assert os.listdir(tmp_path) == []  # noqa: PTH208  a path's own way counts as blocking


async def test_a_check_that_breaks_doesnt_silence_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Settings) -> list[Finding]:
        raise ZeroDivisionError

    monkeypatch.setattr("server.doctor._BLOCKING", (broken, files.check_data_directory))
    found = await diagnose(settings(tmp_path))
    assert "ZeroDivisionError" in found[0].what
    assert "writable" in found[1].what


def test_a_data_directory_that_cant_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="ascii")
    found = worst(files.check_data_directory(settings(blocked / "data")))
    assert (found.level, "can't be written to" in found.what) == (Level.ERROR, True)


@pytest.mark.parametrize(("free_gib", "level"), [(0.1, Level.ERROR), (2, Level.WARN), (50, Level.OK)])
def test_disk_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gib: float, level: Level) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": int(free_gib * files.GIB)}))
    assert worst(files.check_data_directory(settings(tmp_path))).level is level


def test_a_secret_that_others_can_read_or_that_is_cut_short(tmp_path: Path) -> None:
    config = settings(tmp_path)
    assert worst(files.check_secret(config)).level is Level.OK
    node_secret(config)
    assert worst(files.check_secret(config)).level is Level.OK
    secret = tmp_path / "secret.key"
    secret.chmod(0o644)
    assert worst(files.check_secret(config)).advice == f"chmod 600 {secret}"
    secret.write_text("short", encoding="ascii")
    assert worst(files.check_secret(config)).level is Level.ERROR


def test_nodes_of_a_cluster_need_one_secret(tmp_path: Path) -> None:
    bus = {"redis_url": "redis://127.0.0.1:1"}
    assert "make one with" in worst(files.check_secret(settings(tmp_path, bus=bus))).advice
    assert worst(files.check_secret(settings(tmp_path, bus=bus, node={"secret": SECRET}))).level is Level.OK


def test_sqlite_where_it_works_and_not_for_several_nodes(tmp_path: Path) -> None:
    assert worst(files.check_sqlite(settings(tmp_path))).level is Level.OK
    cluster = settings(tmp_path, bus={"redis_url": "redis://127.0.0.1:1"})
    assert worst(files.check_sqlite(cluster)).level is Level.WARN
    assert list(files.check_sqlite(settings(tmp_path, store={"url": "postgresql://db/x"}))) == []


def test_sqlite_on_a_network_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_mounts", lambda: f"nas:/x {tmp_path} nfs4 rw 0 0\n")
    found = worst(files.check_sqlite(settings(tmp_path / "data")))
    assert (found.level, "nfs4" in found.what) == (Level.ERROR, True)


def test_the_deepest_mount_is_the_one_that_counts() -> None:
    mounts = (
        "/dev/a / ext4 rw 0 0\nnas:/x /srv/my\\040data nfs rw 0 0\n/dev/b /srv/my\\040data/fast xfs rw 0 0\n"
    )
    kinds = [
        files.network_file_system(Path(path), mounts)
        for path in ("/srv", "/srv/my data/a", "/srv/my data/fast/a")
    ]
    assert kinds == [None, "nfs", None]


def test_word_lists(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.toml"
    good.write_text("a\nb\n", encoding="utf-8")
    bad.write_text("[[", encoding="utf-8")
    fine = settings(tmp_path, moderation={"word_lists": [str(good)]})
    assert "2 entries" in worst(files.check_word_lists(fine)).what
    broken = settings(tmp_path, moderation={"word_lists": [str(good), str(bad)]})
    assert "bad.toml: is not TOML" in worst(files.check_word_lists(broken)).what


def test_unbuilt_pages(tmp_path: Path) -> None:
    assert "not built" in worst(files.check_pages(tmp_path)).what
    for name in files.PAGES:
        (tmp_path / name).touch()
    assert worst(files.check_pages(tmp_path)).level is Level.OK


def test_library_versions() -> None:
    assert worst(machine.compare_pins(["aiohttp", "no-such-thing==1"])).level is Level.ERROR
    assert list(machine.compare_pins(["no-such-thing==1; extra == 'x'"])) == []
    found = worst(machine.compare_pins(["aiortc==0.0.1", "pyjwt[crypto]>=2"]))
    assert "uses the inside of 0.0.1" in found.what
    assert found.advice == "pip install aiortc==0.0.1"
    assert list(machine.compare_pins(["aiohttp>=3"])) == []


def test_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    assert "256 open files" in worst(machine.check_open_files()).what
    monkeypatch.setattr(resource, "getrlimit", lambda _: (65_536, 65_536))
    assert worst(machine.check_open_files()).level is Level.OK


def test_udp_buffers_are_tried_for_real() -> None:
    assert worst(machine.check_udp_buffers(4096)).level is Level.OK
    found = worst(machine.check_udp_buffers(1 << 30))
    assert found.level is Level.WARN
    assert f"net.core.rmem_max={1 << 30}" in found.advice


def test_ports_that_are_taken(tmp_path: Path) -> None:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        for taken in (tcp, udp):
            taken.bind(("127.0.0.1", 0))
        tcp.listen()
        listen = {"port": tcp.getsockname()[1], "udp_port": udp.getsockname()[1], "internal_port": 0}
        found = list(network.check_ports(settings(tmp_path, listen=listen)))
    assert [finding.level for finding in found] == [Level.ERROR, Level.ERROR, Level.OK]
    assert f"TCP port {listen['port']} on 127.0.0.1 (HTTP) can't be taken" in found[0].what


def test_a_host_that_isnt_here(tmp_path: Path) -> None:
    assert worst(network.check_ports(settings(tmp_path, listen={"host": "203.0.113.7"}))).level is Level.ERROR
    assert (
        worst(network.check_ports(settings(tmp_path, listen={"host": "no such host"}))).level is Level.ERROR
    )


@pytest.mark.parametrize(
    ("listen", "level", "word"),
    [
        ({}, Level.OK, "this machine only"),
        ({"host": "0.0.0.0"}, Level.WARN, "without TLS"),
        ({"host": "0.0.0.0", "trusted_proxies": ["0.0.0.0/0"]}, Level.ERROR, "everybody may claim"),
        ({"public_url": "http://shop.example"}, Level.WARN, "camera"),
        ({"public_url": "http://localhost:8080"}, Level.OK, "this machine only"),
        ({"public_url": "https://shop.example"}, Level.OK, "this machine only"),
    ],
)
def test_exposure(tmp_path: Path, listen: dict[str, Any], level: Level, word: str) -> None:
    found = worst(network.check_exposure(settings(tmp_path, listen=listen)))
    assert (found.level, word in found.what) == (level, True), found


def test_a_node_behind_its_proxy_is_fine(tmp_path: Path) -> None:
    listen = {"host": "0.0.0.0", "trusted_proxies": ["10.0.0.2/32"], "public_url": "https://shop.example"}
    assert list(network.check_exposure(settings(tmp_path, listen=listen))) == []


@pytest.mark.parametrize(
    ("addresses", "host", "level"),
    [
        (["1.2.3.4"], "0.0.0.0", Level.OK),
        (["192.168.1.5"], "0.0.0.0", Level.WARN),
        (["127.0.0.1"], "0.0.0.0", Level.ERROR),
        (["0.0.0.0"], "0.0.0.0", Level.ERROR),
        (["192.168.1.5"], "127.0.0.1", Level.OK),
    ],
)
def test_announced_addresses(tmp_path: Path, addresses: list[str], host: str, level: Level) -> None:
    config = settings(tmp_path, listen={"host": host}, media={"announced_addresses": addresses})
    assert worst(network.check_announced_addresses(config)).level is level


@pytest.mark.parametrize(
    ("own", "level"), [("10.0.0.5", Level.WARN), (None, Level.WARN), ("1.2.3.4", Level.OK)]
)
def test_nothing_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None, level: Level
) -> None:
    monkeypatch.setattr(network, "own_address", lambda: own)
    config = settings(tmp_path, listen={"host": "0.0.0.0"})
    assert worst(network.check_announced_addresses(config)).level is level
    assert list(network.check_announced_addresses(settings(tmp_path))) == []


def test_a_real_postgresql(tmp_path: Path, postgres_url: str) -> None:
    found = list(services.check_database(settings(tmp_path, store={"url": postgres_url})))
    assert found[0].level is Level.OK
    assert "PostgreSQL" in found[0].what
    assert any("fsync = off" in finding.what for finding in found)  # the tests' server is set up like that
    assert found[-1].level is Level.OK
    assert "differ by" in found[-1].what


def test_a_postgresql_that_isnt_there(tmp_path: Path) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/x"
    found = worst(services.check_database(settings(tmp_path, store={"url": url})))
    assert (found.level, "127.0.0.1 can't be reached" in found.what) == (Level.ERROR, True)
    assert "hunter2" not in found.what


def test_a_sqlite_file(tmp_path: Path) -> None:
    config = settings(tmp_path)
    assert "will be made" in worst(services.check_database(config)).what
    file = tmp_path / "danmart.db"
    file.touch()
    assert "can be read" in worst(services.check_database(config)).what
    file.write_bytes(os.urandom(4096))
    assert worst(services.check_database(config)).level is Level.ERROR


@pytest.mark.parametrize(
    ("skew_ms", "uncertainty_ms", "level"),
    [
        (3, 1, Level.OK),
        (-49, 0, Level.OK),
        (60, 1, Level.WARN),
        (-200, 5, Level.WARN),
        (60, 20, Level.OK),
        (10, 80, Level.WARN),
    ],
)
def test_clock_skew(skew_ms: float, uncertainty_ms: float, level: Level) -> None:
    found = worst([services.judge_skew(skew_ms, uncertainty_ms)])
    assert found.level is level
    assert f"{abs(skew_ms)} ms" in found.what


def test_a_real_valkey(tmp_path: Path, redis_url: str) -> None:
    found = worst(services.check_redis(settings(tmp_path, bus={"redis_url": redis_url})))
    assert (found.level, "Valkey" in found.what) == (Level.OK, True)
    assert list(services.check_redis(settings(tmp_path))) == []


def test_a_redis_that_isnt_there(tmp_path: Path) -> None:
    config = settings(tmp_path, bus={"redis_url": "redis://:hunter2@127.0.0.1:1"})
    found = worst(services.check_redis(config))
    assert found.level is Level.ERROR
    assert "hunter2" not in found.what


def test_redis_versions() -> None:
    assert services.judge_redis({"redis_version": "6.2.14"}).level is Level.ERROR
    assert services.judge_redis({"redis_version": "7.0.0"}).level is Level.OK
    assert services.judge_redis({"redis_version": "7.2.4", "valkey_version": "9.1.0"}).level is Level.OK
    assert services.judge_redis({}).level is Level.ERROR


async def test_no_keys_matter_only_without_the_demo(tmp_path: Path) -> None:
    assert "auth.keys is empty" in worst(await services.check_auth(settings(tmp_path))).what
    assert await services.check_auth(settings(tmp_path, demo=True)) == []


async def test_a_key_that_cant_be_read(tmp_path: Path) -> None:
    key = {"alg": "RS256", "issuer": "shop", "audience": "danmart", "public_key": "nonsense"}
    found = worst(await services.check_auth(settings(tmp_path, auth={"keys": [key]})))
    assert "auth.keys.0.public_key is not a public key" in found.what


@pytest.fixture
async def jwks_url() -> AsyncIterator[str]:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    entry = {**jwt.algorithms.OKPAlgorithm.to_jwk(public, as_dict=True), "kid": "k1"}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps({"keys": [entry]}))

    app = web.Application()
    app.router.add_get("/jwks.json", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/jwks.json"
    await runner.cleanup()


async def test_published_keys_are_fetched_for_real(tmp_path: Path, jwks_url: str) -> None:
    key = {"alg": "EdDSA", "issuer": "shop", "audience": "danmart", "jwks_url": jwks_url}
    config = settings(tmp_path, auth={"keys": [key]}, outbound={"allow_private": ["127.0.0.0/8"]})
    found = await services.check_auth(config)
    assert [finding.level for finding in found] == [Level.OK, Level.OK]
    assert "1 key(s) for EdDSA" in found[1].what
    shut = settings(tmp_path, auth={"keys": [key]})
    assert "not a public address" in worst(await services.check_auth(shut)).what
    wrong = settings(
        tmp_path, auth={"keys": [{**key, "alg": "RS256"}]}, outbound={"allow_private": ["127.0.0.0/8"]}
    )
    assert "no key for RS256" in worst(await services.check_auth(wrong)).what


async def test_cancelling_a_diagnosis_is_not_swallowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()

    async def forever(_: Settings) -> list[Finding]:
        started.set()
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr("server.doctor._BLOCKING", ())
    monkeypatch.setattr("server.doctor._ASYNCHRONOUS", (forever,))
    task = asyncio.create_task(diagnose(settings(tmp_path)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_money_that_buyers_wait_for_is_an_error_until_somebody_sees_to_it() -> None:
    hour = 3_600_000
    assert worst(judge_owed({"refund_failed": (0, 0), "refund_due": (0, 0)}, hour)).level is Level.OK
    assert list(judge_owed({"refund_failed": (0, 0), "refund_due": (3, 1)}, hour)) == []
    slow = worst(judge_owed({"refund_failed": (0, 0), "refund_due": (3, 1)}, 2 * hour + 1))
    assert slow.level is Level.WARN
    assert "3 refund(s) are under way, the oldest for 2 h" in slow.what
    lost = worst(judge_owed({"refund_failed": (2, 1), "refund_due": (3, 1)}, 2 * hour))
    assert lost.level is Level.ERROR
    assert "/api/v1/payments/owed" in lost.advice
