"""The doctor on picture checks: a checker that can't be loaded is found before a stream needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from media.vision.checkers import NUDENET, is_installed
from server.config import ConfigError, Settings, load
from server.doctor.finding import Level
from server.doctor.pictures import check_checker, check_late, judge_late

pytestmark = pytest.mark.may_block  # the worker's own tests are guarded


def settings(folder: Path, **vision: Any) -> Settings:
    chosen = {"node": {"data_dir": str(folder)}, "listen": {"port": 0}, "vision": vision}
    return load(environ={}, overrides=chosen)


async def test_nothing_is_said_where_nobody_looks(tmp_path: Path) -> None:
    assert await check_checker(settings(tmp_path)) == []
    assert list(check_late(settings(tmp_path))) == []


async def test_a_checker_that_looks_is_fine(tmp_path: Path) -> None:
    (finding,) = await check_checker(settings(tmp_path, checker="tests.media.vision.colours:make"))
    assert finding.level is Level.OK


@pytest.mark.parametrize(
    ("checker", "why"),
    [
        ("tests.media.vision.colours:broken", "there is no model here"),
        ("tests.media.vision.colours:missing", "has no attribute 'missing'"),
        ("tests.media.vision.colours:blind", "it sees nothing"),
    ],
)
async def test_a_checker_that_cant_be_loaded_or_fails_is_an_error(
    tmp_path: Path, checker: str, why: str
) -> None:
    (finding,) = await check_checker(settings(tmp_path, checker=checker))
    assert finding.level is Level.ERROR
    assert why in finding.what
    assert "uploads are refused" in finding.what
    assert finding.advice


@pytest.mark.skipif(is_installed(NUDENET), reason="danmart[vision] is installed")
def test_a_checker_that_isnt_installed_is_refused_with_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"install danmart\[vision\]"):
        settings(tmp_path, checker=NUDENET)


def test_what_waits_to_be_looked_at() -> None:
    assert judge_late(0, 0, 60).level is Level.OK
    waiting = judge_late(61, 2, 60)
    assert waiting.level is Level.OK
    assert "61 stored" in waiting.what
    assert "2 min" in waiting.what
    assert "2 picture(s) are withheld" in waiting.what
    assert judge_late(1, 0, 0).level is Level.WARN
