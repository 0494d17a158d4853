"""Fixtures of the media tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.media.world import World, _loopback_candidates, running_world

__all__ = ["_loopback_candidates"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A media service with short times."""
    async with running_world(grace_s=3.0, takeover_silence_s=1.0) as running:
        yield running
