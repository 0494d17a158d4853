"""The container image, as far as it can be tested without building one: what its steps copy, run and set."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from server import config
from tests.support.node import running_node
from tests.support.processes import free_port
from tests.tooling import dockerfile

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
STAGES = dockerfile.parse((ROOT / "Dockerfile").read_text())
FINAL = STAGES[-1]
PAGE = "<!doctype html><title>Danmart</title>"


def _stage(name: str) -> dockerfile.Stage:
    return next(stage for stage in STAGES if stage.name == name)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build context as .dockerignore leaves it."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    folder = tmp_path_factory.mktemp("context")
    for line in lines:
        if line.startswith("!"):
            _copy(ROOT / line[1:], folder / line[1:])
    return folder


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "node_modules", "dist")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


@pytest.fixture(scope="module")
def app(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the ``packages`` stage leaves in /app, made by the same steps."""
    source, built = tmp_path_factory.mktemp("src"), tmp_path_factory.mktemp("built")
    for sources, target in _stage("packages").copied:
        for name in sources:
            _copy(context / name, source / target / (Path(name).name if target.endswith("/") else ""))
    pages = source / "clients/web/dist"
    pages.mkdir(parents=True)
    (pages / "index.html").write_text(PAGE)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = built.glob("*.whl")
    into = ["--target", str(built / "app")]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", *into, str(wheel)], check=True)
    return built / "app"


def _in_image(app: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DANMART_")}
    environment |= {"PYTHONPATH": str(app), "PATH": f"{app}/bin{os.pathsep}{environment['PATH']}"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_copied_files_are_in_the_build_context(context: Path) -> None:
    for stage in STAGES:
        for sources, _ in stage.copied:
            for source in sources:
                assert (context / source).exists(), f"COPY {source}"


def test_every_package_is_in_the_image() -> None:
    copied = [source for sources, _ in _stage("packages").copied for source in sources]
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= set(copied)


def test_files_beside_the_code_and_the_pages_come_along(app: Path, context: Path) -> None:
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        for file in (context / package).rglob("*"):
            name = file.relative_to(context)
            if file.is_file() and name.parts[:2] != ("clients", "web"):
                assert (app / name).is_file(), name
    assert [file.name for file in (app / "clients/web").iterdir()] == ["dist"]
    assert (app / "clients/web/dist/index.html").is_file()


def test_entry_point_is_the_installed_command(app: Path, tmp_path: Path) -> None:
    (command,) = json.loads(FINAL.last("ENTRYPOINT"))
    assert command in PROJECT["project"]["scripts"]
    answer = _in_image(app, command, "--help", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "serve" in answer.stdout
    (default,) = json.loads(FINAL.last("CMD"))
    assert _in_image(app, command, default, "--help", cwd=tmp_path).returncode == 0


def test_code_comes_from_the_app_folder(app: Path, tmp_path: Path) -> None:
    where = _in_image(app, sys.executable, "-c", "import server; print(server.__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(app)
    assert FINAL.environment["PYTHONPATH"] == "/app"


async def test_node_of_the_image_serves_its_pages_and_its_database(app: Path, tmp_path: Path) -> None:
    environment = FINAL.environment | {"PYTHONPATH": str(app), "PATH": os.environ["PATH"]}
    async with (
        running_node(tmp_path, env=environment, program=app / "bin/danmart") as node,
        aiohttp.ClientSession(node.url) as http,
    ):
        async with http.get("/readyz") as ready:
            assert ready.status == 200
        async with http.get("/") as page:
            assert await page.text() == PAGE


def test_image_runs_without_rights_and_keeps_its_data_in_the_volume() -> None:
    user, _, group = FINAL.last("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0, "numbers, so that Kubernetes can see that this is not root"
    assert FINAL.last("VOLUME") == FINAL.environment["DANMART_NODE__DATA_DIR"] == "/data"


def test_environment_of_the_image_is_a_valid_configuration() -> None:
    settings = config.load(environ=FINAL.environment)
    assert settings.listen.is_public
    exposed = {int(port.split("/")[0]) for port in FINAL.last("EXPOSE").split()}
    assert exposed == {settings.listen.port, settings.listen.udp_port}


@pytest.fixture
async def readiness() -> AsyncIterator[tuple[int, list[int]]]:
    """A port, and a list whose only element is the status that ``/readyz`` answers there."""
    status = [200]

    async def readyz(_request: web.Request) -> web.Response:
        return web.Response(status=status[0])

    app = web.Application()
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1], status
    await runner.cleanup()


async def _health(port: int) -> int:
    command = [sys.executable, *FINAL.health_command[1:]]
    process = await asyncio.create_subprocess_exec(
        *command, env={"DANMART_LISTEN__PORT": str(port)}, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


async def test_health_check_follows_readiness(readiness: tuple[int, list[int]]) -> None:
    port, status = readiness
    assert FINAL.health_command[0] == "python"
    assert await _health(port) == 0
    status[0] = 503
    assert await _health(port) != 0


async def test_health_check_fails_without_a_server() -> None:
    assert await _health(free_port()) != 0
