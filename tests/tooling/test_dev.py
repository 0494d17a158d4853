"""./dev in a project of its own, whose Python notes what it is asked to install instead of doing it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.nodejs import NodeJs

ROOT = Path(__file__).parents[2]

PYPROJECT = """
[build-system]
requires = []
[project]
name = "danmart"
[tool.hatch]
"""
PYTHON = f"""#!/bin/sh
if [ "$1 $2" = "-m pip" ]; then sleep 0.2; echo "$@" >>pip.log; exit 0; fi
exec {sys.executable} "$@"
"""
PACKAGE = """{
  "name": "pages",
  "version": "1.0.0",
  "scripts": {"build": "mkdir -p dist && cp page.html dist/ && echo built >>../../builds.log"}
}"""
LOCK = '{"name": "pages", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "pages"}}}'


def _script(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with ``dev``, an environment in which nothing is installed yet, and no pages."""
    shutil.copy(ROOT / "dev", tmp_path)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/dev.lock").write_text("one==1\n")
    _script(tmp_path / ".venv/bin/python", PYTHON)
    _script(tmp_path / ".venv/bin/danmart", '#!/bin/sh\necho "danmart $@"\n')
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/__init__.py").touch()
    (tmp_path / "bench/fanout.py").write_text("import sys; print('fanout', sys.argv[1:])")
    return tmp_path


@pytest.fixture
def pages(project: Path) -> Path:
    """The folder of that project's web pages."""
    folder = project / "clients/web"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(PACKAGE)
    (folder / "package-lock.json").write_text(LOCK)
    (folder / "page.html").write_text("first")
    return folder


@pytest.fixture
def dev_environment(nodejs: NodeJs) -> dict[str, str]:
    return nodejs.environment | {"PYTHON": sys.executable}


def _dev(project: Path, *args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [project / "dev", *args], env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def test_help_names_every_command(project: Path) -> None:
    answer = _dev(project, "help")
    assert answer.returncode == 0
    for command in ("run", "test", "check", "bench", "install", "lock", "help"):
        assert f"./dev {command} " in answer.stdout
    assert _dev(project).stdout == answer.stdout


def test_unknown_command_is_refused(project: Path) -> None:
    answer = _dev(project, "deploy")
    assert answer.returncode != 0
    assert "no command 'deploy'" in answer.stderr
    assert "./dev run" in answer.stderr


def test_installing_happens_once_for_each_lock(project: Path, dev_environment: dict[str, str]) -> None:
    for _ in range(2):
        assert _dev(project, "install", env=dev_environment).returncode == 0
        packages, itself = _lines(project / "pip.log")
        assert "--require-hashes" in packages
        assert "-r requirements/dev.lock" in packages
        assert itself.endswith("-e .")
    (project / "requirements/dev.lock").write_text("one==2\n")
    assert _dev(project, "install", env=dev_environment).returncode == 0
    assert len(_lines(project / "pip.log")) == 4


def test_two_at_once_install_and_build_once(
    project: Path, pages: Path, dev_environment: dict[str, str]
) -> None:
    both = [subprocess.Popen([project / "dev", "install"], env=dev_environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(_lines(project / "pip.log")) == 2
    assert _lines(project / "builds.log") == ["built"]


def test_run_starts_the_demo_and_the_callers_arguments_come_last(
    project: Path, dev_environment: dict[str, str]
) -> None:
    answer = _dev(project, "run", "--port", "9", "--data", "a b", env=dev_environment)
    assert answer.returncode == 0
    assert answer.stdout == "danmart serve --demo --port 8080 --port 9 --data a b\n"


@pytest.mark.alone
def test_second_start_costs_little(project: Path, pages: Path, dev_environment: dict[str, str]) -> None:
    assert _dev(project, "run", env=dev_environment).returncode == 0
    took = []
    for _ in range(3):  # the machine may be busy with something else for a moment
        started = time.monotonic()
        assert _dev(project, "run", env=dev_environment).returncode == 0
        took.append(time.monotonic() - started)
    assert min(took) < 0.5


def test_pages_are_built_when_their_sources_change(
    project: Path, pages: Path, dev_environment: dict[str, str]
) -> None:
    for _ in range(2):
        assert _dev(project, "run", env=dev_environment).returncode == 0
        assert _lines(project / "builds.log") == ["built"]
    (pages / "page.html").write_text("second")
    assert _dev(project, "run", env=dev_environment).returncode == 0
    assert (pages / "dist/page.html").read_text() == "second"


def test_pages_that_do_not_build_stop_the_start_each_time(
    project: Path, pages: Path, dev_environment: dict[str, str]
) -> None:
    (pages / "page.html").unlink()
    for _ in range(2):
        answer = _dev(project, "run", env=dev_environment)
        assert answer.returncode != 0
        assert answer.stdout == ""
    (pages / "page.html").write_text("repaired")
    assert _dev(project, "run", env=dev_environment).returncode == 0


def test_bench_lists_what_there_is_and_passes_arguments_on(
    project: Path, dev_environment: dict[str, str]
) -> None:
    listed = _dev(project, "bench", env=dev_environment)
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[1:] == ["  fanout"]
    unknown = _dev(project, "bench", "nothing", env=dev_environment)
    assert unknown.returncode != 0
    assert "  fanout" in unknown.stdout.splitlines()
    ran = _dev(project, "bench", "fanout", "--quick", "--json", env=dev_environment)
    assert ran.stdout == "fanout ['--quick', '--json']\n"


def test_python_that_only_pretends_is_passed_over(project: Path, tmp_path: Path) -> None:
    """Version managers put commands on PATH that fail; an old Python says that it is too old."""
    shims = tmp_path / "shims"
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python"):
        _script(shims / name, "#!/bin/sh\nexit 127\n")
    _script(shims / "python3.11", f'#!/bin/sh\necho "$@" >>{tmp_path}/used.log\nexec {sys.executable} "$@"\n')
    path = f"{shims}{os.pathsep}/usr/bin{os.pathsep}/bin"
    answer = _dev(project, "install", env={"PATH": path, "HOME": str(tmp_path)})
    assert answer.returncode == 0, answer.stderr
    assert _lines(tmp_path / "used.log")


def test_no_python_at_all_says_what_to_do(project: Path, tmp_path: Path) -> None:
    shims = tmp_path / "shims"
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"):
        _script(shims / name, "#!/bin/sh\nexit 1\n")
    (project / ".venv/bin/python").unlink()
    path = f"{shims}{os.pathsep}/usr/bin{os.pathsep}/bin"
    answer = _dev(project, "install", env={"PATH": path, "HOME": str(tmp_path)})
    assert answer.returncode != 0
    assert "no Python >= 3.11" in answer.stderr
