"""How the HTTP API refuses."""

from __future__ import annotations

from typing import Any

from rooms.errors import CATALOGUE


def is_problem(answer: tuple[int, Any, Any], code: str) -> bool:
    """RFC 9457, with the catalogue's code and what it says of it."""
    status, headers, body = answer
    kind = CATALOGUE[code]
    assert body["code"] == code, body
    assert headers["Content-Type"] == "application/problem+json"
    assert status == body["status"] == kind.http
    assert body["type"] == f"urn:danmart:error:{code}"
    assert (body["title"], body["temporary"]) == (kind.message, kind.temporary)
    assert isinstance(body["detail"], str)
    assert ("Retry-After" in headers) == ("retry_after_ms" in body)
    assert ("WWW-Authenticate" in headers) == (status == 401)
    return True
