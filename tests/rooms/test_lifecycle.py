"""What the picture makes of a room's status: every cell of the table."""

from __future__ import annotations

from typing import get_args

import pytest

from rooms.lifecycle import Happening, next_status

# status: publishing, lost, stopped, gave_up ("-": nothing changes)
TABLE = {
    "idle": ("live", "-", "-", "-"),
    "live": ("-", "interrupted", "ended", "-"),
    "interrupted": ("live", "-", "ended", "ended"),
    "ended": ("live", "-", "-", "-"),
}
HAPPENINGS: tuple[Happening, ...] = ("publishing", "lost", "stopped", "gave_up")


@pytest.mark.parametrize("status", TABLE)
@pytest.mark.parametrize("happening", HAPPENINGS)
def test_cell(status: str, happening: Happening) -> None:
    wanted = TABLE[status][HAPPENINGS.index(happening)]
    assert (next_status(status, happening) or "-") == wanted


@pytest.mark.parametrize("status", TABLE)
@pytest.mark.parametrize("happening", HAPPENINGS)
def test_saying_it_twice_changes_nothing_more(status: str, happening: Happening) -> None:
    after = next_status(status, happening) or status
    assert next_status(after, happening) is None


def test_no_happening_is_left_out() -> None:
    assert set(HAPPENINGS) == set(get_args(Happening))
