"""Finds Node.js (>= 20) with npm: the machine's, or the one that ``./dev`` installs beside the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OLDEST = 20


@dataclass(frozen=True, slots=True)
class NodeJs:
    """Paths of the programs. ``environment`` is for child processes: there, ``node`` is this one."""

    node: str
    npm: str

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{Path(self.node).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


@cache
def find_nodejs() -> NodeJs:
    """Raises ``FileNotFoundError`` with what to do."""
    for path in (None, str(Path(sys.prefix) / "node" / "bin")):
        node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
        if node and npm and _major_version(node) >= OLDEST:
            return NodeJs(node, npm)
    raise FileNotFoundError(f"no Node.js >= {OLDEST} with npm was found: `./dev test` installs one")


def _major_version(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return int(answer.stdout.strip().removeprefix("v").split(".")[0]) if answer.returncode == 0 else 0
