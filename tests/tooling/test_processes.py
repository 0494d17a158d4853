"""Child processes end with the tests, however those end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.processes import ServerProcess, free_port, remove_tree, tail

ROOT = Path(__file__).parents[2]
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")

STARTS_A_CHILD = """
import pathlib, time
from tests.support.processes import ServerProcess
folder = pathlib.Path({folder!r})
child = ServerProcess(["sleep", "1000"], log=folder / "log", cwd=folder)
print(child.process.pid, flush=True)
time.sleep(1000)
"""
USES_POSTGRES = """
import pathlib, time
def test_long(postgres, tmp_path):
    half = pathlib.Path({folder!r}, "half")
    half.write_text(f"{{postgres.process_id}} {{postgres.folder}}")
    half.rename(half.with_name("pid"))
    time.sleep(1000)
"""


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def _wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while _is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _is_running(pid)


@ON_LINUX
def test_child_dies_when_the_tests_are_killed(tmp_path: Path) -> None:
    code = STARTS_A_CHILD.format(folder=str(tmp_path))
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert _is_running(child)
    parent.kill()
    parent.communicate()
    assert _wait_until_gone(child)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, pytest.param(signal.SIGKILL, marks=ON_LINUX)])
def test_servers_end_with_an_interrupted_run(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "test_long.py").write_text(USES_POSTGRES.format(folder=str(tmp_path)))
    options = [
        "--basetemp",
        str(tmp_path / "nested"),
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
    ]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, str(tmp_path / "test_long.py")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    while not (tmp_path / "pid").exists() and run.poll() is None:
        time.sleep(0.02)
    pid, folder = (tmp_path / "pid").read_text().split()
    run.send_signal(how)
    run.wait(timeout=20)
    assert _wait_until_gone(int(pid))
    if how == signal.SIGKILL:  # nobody was left to tidy up
        remove_tree(Path(folder))
    assert not Path(folder).exists()


def test_stop_ends_a_process_that_ignores_the_signal_and_its_children(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 1000 & echo $!; wait; wait"
    server = ServerProcess(["sh", "-c", script], log=tmp_path / "log", cwd=tmp_path)
    deadline = time.monotonic() + 10
    while not (tmp_path / "log").read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.stop(timeout=0.1) == -signal.SIGKILL
    assert _wait_until_gone(int((tmp_path / "log").read_text()))
    assert server.stop() == -signal.SIGKILL, "stopping twice is harmless"


def test_exit_code_and_output_of_an_orderly_end(tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    server = ServerProcess(["sh", "-c", script], log=tmp_path / "log", cwd=tmp_path)
    deadline = time.monotonic() + 10
    while "ready" not in server.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.stop() == 3
    assert server.tail() == "ready\nbye"


def test_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("".join(f"{number}\n" for number in range(100)))
    assert tail(tmp_path / "log", lines=3) == "97\n98\n99"
    assert tail(tmp_path / "none") == "(nothing was written)"


def test_free_ports_can_be_used() -> None:
    assert 1024 < free_port() < 65_536
