"""The external check's protocol and circuit breaker. Pure: time comes in as an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from rooms.ports import CheckedText, Judgement, TextReason

CHECK = "hook"
ANSWER_MAX_BYTES = 4096
REASON_MAX_CHARS = 200
FAILURES_MAX = 5
"""So many in a row, and it isn't asked any more for a while."""
REST_MS = 10_000


class BadAnswerError(ValueError):
    """What came back isn't an answer."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    verdict: Literal["allow", "mask", "hold", "deny"]
    reason: Annotated[str, StringConstraints(max_length=REASON_MAX_CHARS)] = ""


def question(
    text: str, *, room: str, user: Mapping[str, Any], kind: str, checked: CheckedText
) -> dict[str, Any]:
    """What is sent: the text as it was written, and what the filter makes of it."""
    local = {"verdict": checked.verdict, "codes": list(checked.codes)}
    return {"text": text, "room": room, "user": dict(user), "kind": kind, "local": local}


def reasons_of(body: bytes) -> tuple[TextReason, ...]:
    """What an answer adds to the reasons: one for the text as a whole, or none. Raises ``BadAnswerError``."""
    if len(body) > ANSWER_MAX_BYTES:
        raise BadAnswerError(f"more than {ANSWER_MAX_BYTES} bytes")
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        raise BadAnswerError(str(error.errors(include_url=False, include_input=False)[0]["msg"])) from None
    if answer.verdict == "allow":
        return ()
    said = "".join(char for char in answer.reason if char.isprintable())
    return (TextReason(CHECK, "external", answer.verdict, said),)


def without_answer(fallback: Literal["allow", "deny"]) -> tuple[TextReason, ...]:
    """What counts when nobody answered."""
    verdict: Judgement = fallback
    return () if verdict == "allow" else (TextReason(CHECK, "unchecked", verdict),)


@dataclass(frozen=True, slots=True)
class Circuit:
    """Closed: everybody is let through. Open, after ``FAILURES_MAX`` in a row: nobody for ``REST_MS``. Then
    half open: one is, on whom it hangs whether it closes or opens again."""

    failures: int = 0
    opened_at_ms: int | None = None
    probing_since_ms: int | None = None

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        if self.opened_at_ms is None:
            return "closed"
        return "open" if self.probing_since_ms is None else "half_open"

    def let_through(self, now_ms: int) -> Circuit | None:
        """The circuit with one more on the way, or None: not now. A probe of which nothing is heard is given
        up after as long a rest."""
        since = self.opened_at_ms if self.probing_since_ms is None else self.probing_since_ms
        if since is None:
            return self
        if 0 <= now_ms - since < REST_MS:
            return None
        return replace(self, probing_since_ms=now_ms)

    def succeeded(self) -> Circuit:
        return CLOSED

    def failed(self, now_ms: int) -> Circuit:
        failures = self.failures + 1
        if self.opened_at_ms is not None or failures >= FAILURES_MAX:
            return Circuit(failures, now_ms)
        return Circuit(failures)


CLOSED = Circuit()
