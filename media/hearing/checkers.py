"""What listens to windows: loaded in the worker, and nowhere else.

A checker is a function from a WAV file (16 kHz, mono, 16 bits) to what ``media.hearing.answers`` reads. It is
named as ``module:factory``; its factory is called once, without arguments, and gives the function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from media.checks.loading import CHECKS_NOTHING, CheckerError, is_there, made_by

Check = Callable[[bytes], Mapping[str, Any]]


def is_installed(name: str) -> bool:
    """Whether the checker can be found, without loading it."""
    return name == CHECKS_NOTHING or is_there(name.partition(":")[0])


def load(name: str) -> Check:
    """Raises ``CheckerError``. Takes a moment: for the worker."""
    if name == CHECKS_NOTHING:
        return lambda wav: {"hits": []}
    try:
        check: Check = made_by(name)
    except Exception as error:
        raise CheckerError(f"{name}: {error}") from error
    return check
