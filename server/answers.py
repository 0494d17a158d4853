"""The one place where an error becomes an answer, over Socket.IO and over HTTP (RFC 9457)."""

from __future__ import annotations

import math
from typing import Any

import orjson
import structlog
from aiohttp import web
from pydantic import ValidationError

from rooms.errors import CATALOGUE, Refused

log = structlog.get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"


def from_validation(error: ValidationError) -> Refused:
    """What is wrong with a payload, each fault with its path."""
    details = [
        {"path": ".".join(str(part) for part in fault["loc"]) or "(body)", "message": fault["msg"]}
        for fault in error.errors(include_url=False, include_input=False, include_context=False)[:20]
    ]
    return Refused("bad_request", details=details)


def as_refused(error: BaseException) -> Refused:
    """Any error as a refusal; what isn't one is logged and becomes ``internal``."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, ValidationError):
        return from_validation(error)
    log.error("unexpected_error", exc_info=error)
    return Refused("internal")


def error_object(error: Refused) -> dict[str, Any]:
    """The error object of docs/protocol.md."""
    wire: dict[str, Any] = {"code": error.code, "message": error.message, "temporary": error.temporary}
    if error.retry_after_ms is not None:
        wire["retry_after_ms"] = error.retry_after_ms
    if error.details is not None:
        wire["details"] = error.details
    return wire


def problem(error: Refused, headers: dict[str, str] | None = None) -> web.Response:
    """An HTTP answer with problem details."""
    return problem_from(error_object(error), headers)


def problem_from(wire: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    """The same from an error object, such as a remembered one."""
    kind = CATALOGUE[wire["code"]]
    body: dict[str, Any] = {
        "type": f"urn:danmart:error:{kind.code}",
        "title": kind.message,
        "status": kind.http,
        "detail": wire["message"],
        "code": kind.code,
        "temporary": wire.get("temporary", kind.temporary),
    }
    headers = dict(headers or {})
    if "retry_after_ms" in wire:
        body["retry_after_ms"] = wire["retry_after_ms"]
        headers.setdefault("Retry-After", str(math.ceil(wire["retry_after_ms"] / 1000)))
    if "details" in wire:
        body["errors"] = wire["details"]
    if kind.http == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="danmart"')
    return web.Response(status=kind.http, body=orjson.dumps(body), content_type=PROBLEM_TYPE, headers=headers)
