"""How tests are shared out where several processes run them."""

from __future__ import annotations

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling


def number_of_workers() -> int:
    """Two a core: half of the time a test waits for a process, a socket or a disk."""
    return 2 * (os.cpu_count() or 1)


def drives_a_browser(nodeid: str) -> bool:
    """Whether a test starts a Chromium, by where it is."""
    file = nodeid.partition("::")[0]
    return file.startswith("tests/e2e/") or file.endswith("test_browser.py")


class ByFile(LoadScopeScheduling):
    """A file's tests stay together and share what its fixtures start; so do all that drive a browser.

    Two browsers at once, which encode and play video, are too much for a small machine.
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False  # what takes longest comes first already
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return "browsers" if drives_a_browser(nodeid) else nodeid.partition("::")[0]
