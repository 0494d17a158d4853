"""Checkers of one's own: named as ``module:factory``; the factory is called once, without arguments."""

from __future__ import annotations

import importlib
import importlib.util
import re
from typing import Any

CHECKS_NOTHING = "none"
NAMED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class CheckerError(Exception):
    """A checker can't be loaded; says why."""


def is_there(module: str) -> bool:
    """Whether a module can be found, without loading it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def made_by(name: str) -> Any:
    """What the factory gives. Raises whatever its module does."""
    module, _, factory = name.partition(":")
    return getattr(importlib.import_module(module), factory)()
