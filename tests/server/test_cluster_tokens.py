"""What nodes show each other is good for one receiver, purpose and stream, and not for long."""

from __future__ import annotations

import pytest

from rooms.errors import Refused
from server.auth.cluster import LIFE_MS, SKEW_MS, ClusterTokens

NOW = 1_800_000_000_000
TOKENS = ClusterTokens(b"one secret for all nodes, long enough")
OTHERS = ClusterTokens(b"another deployment's secret, as long")


def check(
    token: str, node: str, purpose: str, stream: str, *, now_ms: int = NOW, tokens: ClusterTokens = TOKENS
) -> str:
    try:
        tokens.check(token, node, purpose, stream, now_ms)
    except Refused as refused:
        return refused.code
    return "good"


def test_it_is_good_for_what_it_says() -> None:
    token = TOKENS.mint("b", "pull", "room:g1", NOW)
    assert check(token, "b", "pull", "room:g1") == "good"
    for other in (("a", "pull", "room:g1"), ("b", "hls", "room:g1"), ("b", "pull", "room")):
        assert check(token, *other) == "bad_token"
    assert check(token, "b", "pull", "room:g1", tokens=OTHERS) == "bad_token"


def test_words_can_not_run_into_each_other() -> None:
    token = TOKENS.mint("b", "pull", "x", NOW)
    assert check(token, "b\0pull", "x", "") == "bad_token"


def test_it_runs_out_whichever_clock_is_ahead() -> None:
    token = TOKENS.mint("b", "pull", "room", NOW)
    for now_ms in (NOW - SKEW_MS, NOW, NOW + LIFE_MS, NOW + LIFE_MS + SKEW_MS - 1):
        assert check(token, "b", "pull", "room", now_ms=now_ms) == "good"
    for now_ms in (NOW - SKEW_MS - 1, NOW + LIFE_MS + SKEW_MS):
        assert check(token, "b", "pull", "room", now_ms=now_ms) == "token_expired"


@pytest.mark.parametrize(
    "token", ["", ".", "x", "１２.x", f"{NOW}", f"{NOW}.", f"{NOW}.\udcff", "9" * 40 + ".x"]
)
def test_nonsense_is_refused(token: str) -> None:
    assert check(token, "b", "pull", "room") == "bad_token"


def test_a_later_end_is_not_believed() -> None:
    expires, _, mac = TOKENS.mint("b", "pull", "room", NOW).partition(".")
    assert check(f"{int(expires) + 1}.{mac}", "b", "pull", "room") == "bad_token"
