"""What the tests in a real browser share."""

from __future__ import annotations

import pytest

from tests.e2e.world import pages_are_built


@pytest.fixture(autouse=True)
def _built_pages() -> None:
    if not pages_are_built():
        pytest.fail("the web pages are not built: ./dev test builds them, or npm run build in clients/web")
