"""What a probe says in the end, and its exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clients.probe.figures import Figures
from clients.probe.report import NO_PICTURE, OK, TOO_LATE, Limits, as_object, as_text, exit_code

SEEN = Figures("whep", "pattern", 40.0, 90.0, 120.0, 250, 25.0, 640, 360, 1, 300.0, 2, 0.001, 5.0)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(), OK),
        (Limits(p95_ms=90), OK),
        (Limits(p95_ms=89.9), TOO_LATE),
        (Limits(stalls=1), OK),
        (Limits(stalls=0), TOO_LATE),
    ],
)
def test_limits_decide_the_exit_code(limits: Limits, code: int) -> None:
    assert exit_code([SEEN], limits) == code


def test_a_protocol_without_a_picture_is_worse_than_a_late_one() -> None:
    blind = Figures("hls", error="no picture came")
    assert exit_code([SEEN, blind], Limits(p95_ms=1)) == NO_PICTURE
    assert exit_code([], Limits()) == NO_PICTURE


def test_a_latency_that_is_not_known_is_beyond_any_limit() -> None:
    assert exit_code([replace(SEEN, glass_p95_ms=None)], Limits(p95_ms=10_000)) == TOO_LATE


def test_both_forms_say_the_same() -> None:
    said = as_object("demo", 10, [SEEN], OK)
    assert said["protocols"][0]["glass_p95_ms"] == 90.0
    assert said["protocols"][0]["loss"] == 0.001
    text = as_text("demo", [SEEN, Figures("hls", error="404 Not Found")])
    assert "p50 40 ms, p95 90 ms" in text
    assert "hls: 404 Not Found" in text
