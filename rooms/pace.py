"""How often somebody may do something: a sliding window each, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence


def window_wait_ms(taken: Sequence[int], count: int, window_ms: int, now_ms: int) -> int:
    """How long until the next one is allowed, of at most ``count`` in any ``window_ms``; 0: now.

    ``taken`` are the times of those before, the oldest first.
    """
    if len(taken) < count:
        return 0
    # A clock that was set back must not lock anybody out for longer than the window.
    return min(window_ms, max(0, taken[-count] + window_ms - now_ms))


class Pacer:
    """At most ``count`` in any ``window_ms``, for each key. Time comes in as an argument, and never back.

    Keeps the latest ``keys_max`` keys; a key that falls out starts afresh, which only ever allows more.
    """

    def __init__(self, count: int, window_ms: int, *, keys_max: int = 50_000) -> None:
        self._count = count
        self._window_ms = window_ms
        self._keys_max = keys_max
        self._taken: OrderedDict[str, deque[int]] = OrderedDict()

    def wait_ms(self, key: str, now_ms: int) -> int:
        """How long until the next one is allowed; 0: now."""
        return window_wait_ms(self._taken.get(key, ()), self._count, self._window_ms, now_ms)

    def take(self, key: str, now_ms: int) -> None:
        """Count one."""
        taken = self._taken.get(key)
        if taken is None:
            taken = self._taken[key] = deque(maxlen=self._count)
            if len(self._taken) > self._keys_max:
                self._taken.popitem(last=False)
        else:
            self._taken.move_to_end(key)
        taken.append(now_ms)

    def give_back(self, key: str, at_ms: int) -> None:
        """One that was counted at ``at_ms`` did not happen after all."""
        taken = self._taken.get(key)
        if taken is not None and at_ms in taken:
            taken.remove(at_ms)
