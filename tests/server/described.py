"""Holds what the API answers to what its description says of it, to the last field."""

from __future__ import annotations

import functools
import re
from typing import Any

import orjson
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from server.api.openapi import openapi

held: set[tuple[str, str]] = set()
"""The methods and paths whose success has been held to the description in this process."""


def operations() -> set[tuple[str, str]]:
    """All that are described."""
    paths = _document()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def hold(method: str, url: str, status: int, kind: str, body: Any) -> None:
    """Raises ``AssertionError`` unless the answer is the documented one: its status, its type, no field
    missing, none wrong, none that nobody has said anything about. Errors are problem details. Addresses that
    aren't described are none of its concern."""
    path = _path(url.partition("?")[0])
    operation = _document()["paths"].get(path or "", {}).get(method.lower())
    if path is None or operation is None:
        return
    if status >= 400:
        assert kind == "application/problem+json", (method, url, kind)
        said = operation["responses"]["default"]["content"][kind]["schema"]
    else:
        assert str(status) in operation["responses"], (method, url, status)
        content = operation["responses"][str(status)]["content"]
        assert kind in content, (method, url, kind)
        said = content[kind]["schema"]
        held.add((method, path))
    if kind.endswith("json"):
        # With the components beside it, what it refers to is in the same document.
        schema = said | {"components": _document()["components"]}
        faults = list(Draft202012Validator(schema).iter_errors(body))
        assert not faults, (method, url, [f"{list(fault.path)}: {fault.message}" for fault in faults])


@functools.cache
def _document() -> Any:
    return _closed(orjson.loads(openapi()))


def _closed(part: Any) -> Any:
    """The same without the freedom to answer what isn't described."""
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    closed = {name: _closed(value) for name, value in part.items()}
    if closed.get("type") == "object" and closed.get("additionalProperties") is True and "properties" in part:
        closed["additionalProperties"] = False
    return closed


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Those with the fewest placeholders first: ``/products/export`` is not a product."""
    paths = sorted(_document()["paths"], key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + "$"), path) for path in paths]


def _path(url: str) -> str | None:
    return next((path for pattern, path in _patterns() if pattern.match(url)), None)
