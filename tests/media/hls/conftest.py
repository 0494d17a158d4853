"""What all tests of HLS share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _encoders_do_not_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside two busy loops a thread of their niceness gets a twentieth of a core: 0.4 s would become 9 s."""
    monkeypatch.setattr("media.hls.hub.be_nice", lambda: None)
    monkeypatch.setattr("media.hls.thumbnails.be_nice", lambda: None)
