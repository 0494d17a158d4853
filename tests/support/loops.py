"""The event loop of the tests: asyncio's, with the one check of its debug mode that costs next to nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple

Ts = TypeVarTuple("Ts")


class GuardedLoop(asyncio.SelectorEventLoop):
    """Refuses callbacks from another thread, which ``call_soon_threadsafe`` is for.

    asyncio's debug mode refuses them too, but it also notes a stack for every future and callback, which
    takes longer than most of what is tested. ``--asyncio-debug`` has all of it.
    """

    def __init__(self) -> None:
        self._home = threading.get_ident()
        super().__init__()

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Raises ``RuntimeError`` from another thread than the one that made the loop."""
        self._must_be_home()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Like ``call_soon``; ``call_later`` comes by here."""
        self._must_be_home()
        return super().call_at(when, callback, *args, context=context)

    def _must_be_home(self) -> None:
        if threading.get_ident() != self._home:
            raise RuntimeError("used from another thread: call_soon_threadsafe is meant for that")
