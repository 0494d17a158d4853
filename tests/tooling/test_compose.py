"""compose.yaml and what it mounts: parts that only work together are compared with each other."""

from __future__ import annotations

import ipaddress
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from server import config, workers
from tests.tooling import dockerfile

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGE = dockerfile.parse((ROOT / "Dockerfile").read_text())[-1]
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<word>[^}]*))?\}")


def _interpolate(text: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if variables.get(match["name"]):
            return variables[match["name"]]
        if match["kind"] != ":-":
            raise KeyError(match["name"])
        return match["word"]

    return _VARIABLE.sub(value, text)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A checkout in which ``deploy/prepare`` ran."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets"))
    subprocess.run([tmp_path / "deploy/prepare"], check=True, capture_output=True)
    return tmp_path


def _dotenv(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


NODES = ("node-1", "node-2")


def _settings(folder: Path, node: str = "node-1", **variables: str) -> config.Settings:
    """The node's settings, with the paths inside the container replaced by those in ``folder``."""
    toml = (folder / "deploy/danmart.toml").read_text()
    (folder / "mounted.toml").write_text(toml.replace("/run/secrets", str(folder / "deploy/secrets")))
    places = {
        "/etc/danmart/danmart.toml": str(folder / "mounted.toml"),
        "/run/secrets": str(folder / "deploy/secrets"),
    }
    environ = dict(IMAGE.environment)
    for name, text in SERVICES[node]["environment"].items():
        value = _interpolate(text, _dotenv(folder) | variables)
        for inside, outside in places.items():
            value = value.replace(inside, outside)
        environ[name] = value
    return config.load(environ=environ)


def test_node_is_configured_as_the_file_says(prepared: Path) -> None:
    settings = _settings(prepared, DOMAIN="live.example", PUBLIC_ADDRESS="203.0.113.7")
    assert settings.listen.public_url == "https://live.example"
    assert [str(address) for address in settings.media.announced_addresses] == ["203.0.113.7"]
    assert settings.database_url.startswith("postgresql+psycopg://danmart:")
    assert settings.auth.keys[0].secret is not None
    assert not settings.demo


def test_only_caddy_is_a_trusted_proxy(prepared: Path) -> None:
    caddy = ipaddress.ip_address(SERVICES["caddy"]["networks"]["default"]["ipv4_address"])
    (trusted,) = _settings(prepared).listen.trusted_proxies
    assert list(trusted) == [caddy]
    (pool,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert caddy in ipaddress.ip_network(pool["subnet"])
    assert caddy not in ipaddress.ip_network(pool["ip_range"]), "another container could get it first"


def test_media_port_is_published_under_its_own_number(prepared: Path) -> None:
    ports = {node: _settings(prepared, node).listen.udp_port for node in NODES}
    assert len(set(ports.values())) == len(NODES)
    for node, port in ports.items():
        assert SERVICES[node]["ports"] == [f"{port}:{port}/udp"]


def test_nodes_can_work_together(prepared: Path) -> None:
    settings = [_settings(prepared, node) for node in NODES]
    for one in settings:
        workers.check(one, 1)
        assert one.listen.transports == ("websocket",)
    assert len({one.node.name for one in settings}) == len(NODES)
    shared = {(one.redis_url, one.database_url, config.node_secret(one)) for one in settings}
    assert len(shared) == 1


def test_caddy_talks_to_the_port_the_node_listens_on(prepared: Path) -> None:
    upstreams = SERVICES["caddy"]["environment"]["NODE"].split()
    assert upstreams == [f"{node}:{_settings(prepared, node).listen.port}" for node in NODES]


def test_database_of_the_node_is_the_one_that_is_made(prepared: Path) -> None:
    postgres = SERVICES["postgres"]["environment"]
    password = (prepared / "deploy/secrets/postgres_password").read_text()
    expected = (
        f"postgresql+psycopg://{postgres['POSTGRES_USER']}:{password}@postgres:5432/{postgres['POSTGRES_DB']}"
    )
    assert _settings(prepared).database_url == expected


def test_node_may_finish_its_goodbye(prepared: Path) -> None:
    for node in NODES:
        grace_s = float(SERVICES[node]["stop_grace_period"].rstrip("s"))
        assert grace_s > _settings(prepared, node).node.drain_s


def test_compose_refuses_to_start_before_it_is_prepared() -> None:
    with pytest.raises(KeyError, match="PUBLIC_ADDRESS"):
        [_interpolate(text, {}) for text in SERVICES["node-1"]["environment"].values()]


def test_every_service_comes_back_and_is_watched() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] == "unless-stopped", name
        assert "healthcheck" in service or "build" in service, name
    assert IMAGE.health_command


def test_what_is_mounted_and_named_exists(prepared: Path) -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], mount
        for secret in service.get("secrets", ()):
            assert (prepared / COMPOSE["secrets"][secret]["file"]).read_text(), f"{name}: {secret}"
        for other in service.get("depends_on", ()):
            assert other in SERVICES


def test_preparing_twice_keeps_the_secrets_to_oneself(prepared: Path) -> None:
    secrets = prepared / "deploy/secrets"
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    subprocess.run([prepared / "deploy/prepare"], check=True, capture_output=True)
    assert {file.name: file.read_text() for file in secrets.iterdir()} == before
    assert len(set(before.values())) == len(before)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/.env", "/deploy/secrets/"} <= set(ignored)
