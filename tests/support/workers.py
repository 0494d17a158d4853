"""How tests are shared out where several processes run them."""

from __future__ import annotations

import os

import pytest
from xdist.scheduler import LoadScopeScheduling


def number_of_workers() -> int:
    """Two a core: half of the time a test waits for a process, a socket or a disk."""
    return 2 * (os.cpu_count() or 1)


class ByFile(LoadScopeScheduling):
    """A file's tests stay together and share what its fixtures start; so do all that drive a browser.

    Two browsers at once, which encode and play video, are too much for a small machine.
    """

    def __init__(self, config: pytest.Config) -> None:
        config.option.loadscopereorder = False  # the folders that take longest are first by name
        super().__init__(config)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        drives_a_browser = file.startswith("tests/e2e/") or file.endswith("test_browser.py")
        return "browsers" if drives_a_browser else file
