"""The filter's tables are what their sources make of them."""

from __future__ import annotations

from tests.support.filter_tables import FOLDER, made


def test_the_tables_are_made_from_the_locked_sources() -> None:
    for name, content in made().items():
        assert (FOLDER / name).read_text("utf-8") == content, f"{name}: python -m tests.support.filter_tables"
