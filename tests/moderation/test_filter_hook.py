"""The external check's answers, and its circuit breaker."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.filter.hook import (
    CLOSED,
    FAILURES_MAX,
    REST_MS,
    BadAnswerError,
    Circuit,
    reasons_of,
    without_answer,
)


def opened(now_ms: int = 0) -> Circuit:
    circuit = CLOSED
    for _ in range(FAILURES_MAX):
        circuit = circuit.failed(now_ms)
    return circuit


def test_it_opens_after_failures_in_a_row() -> None:
    circuit = CLOSED
    for _ in range(FAILURES_MAX - 1):
        circuit = circuit.failed(0)
    assert circuit.state == "closed"
    assert circuit.succeeded().failed(0).state == "closed"
    assert circuit.failed(0).state == "open"


def test_after_a_rest_one_is_let_through_and_decides() -> None:
    circuit = opened()
    assert circuit.let_through(REST_MS - 1) is None
    probing = circuit.let_through(REST_MS)
    assert probing is not None
    assert probing.state == "half_open"
    assert probing.let_through(REST_MS + 1) is None
    assert probing.succeeded() == CLOSED
    again = probing.failed(REST_MS + 50)
    assert again.state == "open"
    assert again.let_through(2 * REST_MS) is None


def test_a_probe_that_is_never_heard_of_doesnt_keep_it_open_for_good() -> None:
    probing = opened().let_through(REST_MS)
    assert probing is not None
    assert probing.let_through(2 * REST_MS) is not None


STEPS = st.tuples(st.sampled_from(["ask", "fine", "fail"]), st.integers(0, REST_MS * 2))


@given(st.lists(STEPS, max_size=60))
def test_however_it_goes_somebody_is_let_through_after_a_rest(steps: list[tuple[str, int]]) -> None:
    """And never anybody while it rests."""
    circuit, now_ms = CLOSED, 0
    for step, later in steps:
        now_ms += later
        if step == "ask":
            circuit = circuit.let_through(now_ms) or circuit
        else:
            circuit = circuit.succeeded() if step == "fine" else circuit.failed(now_ms)
        if circuit.state == "open":
            assert circuit.let_through(now_ms) is None
    assert circuit.let_through(now_ms + REST_MS) is not None


@pytest.mark.parametrize("verdict", ["mask", "hold", "deny"])
def test_a_verdict_is_one_reason_more(verdict: str) -> None:
    (reason,) = reasons_of(orjson.dumps({"verdict": verdict, "reason": "spam\u202e", "score": 0.9}))
    assert (reason.check, reason.code, reason.verdict, reason.rule) == ("hook", "external", verdict, "spam")
    assert (reason.start, reason.end) == (None, None)


def test_nothing_to_say_is_no_reason() -> None:
    assert reasons_of(b'{"verdict": "allow", "reason": "fine"}') == ()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"allow", b"\xff\xfe", b'{"verdict": "maybe"}', b'{"verdict": ["deny"]}', b"{}",
        b'{"verdict": "allow", "reason": 5}', orjson.dumps({"verdict": "allow", "reason": "x" * 201}),
        orjson.dumps({"verdict": "allow", "more": "x" * 5000}), b"[" * 4000,
    ],
)  # fmt: skip
def test_nonsense_is_no_answer(body: bytes) -> None:
    with pytest.raises(BadAnswerError):
        reasons_of(body)


def test_the_fallback_counts_where_nobody_answers() -> None:
    assert without_answer("allow") == ()
    (reason,) = without_answer("deny")
    assert (reason.code, reason.verdict) == ("unchecked", "deny")
