"""What the node may say about a purchase from memory: that nothing is left, or that the sale hasn't begun, to
whom it hasn't heard of yet.

When a thousand people press Buy for what ten can have, nine hundred and ninety need a quick no. A no from
memory costs no transaction, but memory doesn't know whether this purchase went through before: on another
node, before a restart, or a moment ago with its acknowledgement lost. So it is always temporary, and it is
given only to a key that this node sees for the first time: a client that asks again is looked up by its key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from rooms.commands import Buy
from rooms.errors import Refused
from server.store.group import Answer

KEYS_MAX = 100_000
KEPT_MS = 600_000
"""Longer than any client keeps asking for one purchase; clients that do get a temporary refusal once more."""
SAID_MAX = 10_000
RETRY_MIN_MS, RETRY_SPREAD_MS = 1000, 4000

_GONE = ("sold_out", "stock_held")


class SeenKeys:
    """Tells keys that are surely new from those that may have been seen. No clock of its own; bounded.

    A key is kept for ``kept_ms`` after it was last seen. When there is no room for one, it is let go
    unremembered, and for ``kept_ms`` no key at all passes for new: then the database is asked.
    """

    def __init__(self, keys_max: int = KEYS_MAX, kept_ms: int = KEPT_MS) -> None:
        self._keys_max = keys_max
        self._kept_ms = kept_ms
        # Hashes: two keys that share one cost the second a look into the database, no more.
        self._seen_at_ms: OrderedDict[int, int] = OrderedDict()
        self._blind_until_ms = 0

    def is_new(self, user_id: str, key: str, now_ms: int) -> bool:
        """True: not seen in the last ``kept_ms``. Seen from here on."""
        seen, mark = self._seen_at_ms, hash((user_id, key))
        known = seen.pop(mark, None) is not None
        while seen and next(iter(seen.values())) <= now_ms - self._kept_ms:
            seen.popitem(last=False)
        if len(seen) >= self._keys_max:
            self._blind_until_ms = now_ms + self._kept_ms
        else:
            seen[mark] = now_ms
        return not known and now_ms >= self._blind_until_ms

    def __len__(self) -> int:
        return len(self._seen_at_ms)


class ShopFront:
    """``left`` says how much of a room's SKU can be bought, ``starts_at_ms`` when a sale (room, SKU, id)
    begins or began, as far as this node knows; None: it doesn't."""

    def __init__(
        self,
        left: Callable[[str, str], int | None],
        keys: SeenKeys | None = None,
        *,
        starts_at_ms: Callable[[str, str, str], int | None] = lambda room_id, sku, sale_id: None,
    ) -> None:
        self._left = left
        self._starts_at_ms = starts_at_ms
        self._keys = keys or SeenKeys()
        self._said: OrderedDict[tuple[str, str], str] = OrderedDict()

    def refusal(self, cmd: Buy, user_id: str, now_ms: int) -> Refused | None:
        """A temporary refusal from memory, or None: the database has to say. To be asked once for each
        ``buy`` that comes, whatever becomes of it: this is where its key becomes known."""
        is_new = self._keys.is_new(user_id, cmd.key, now_ms)
        early = self._too_early(cmd, now_ms)
        if early is not None:
            return early if is_new else None
        if self._left(cmd.room, cmd.sku) != 0:
            self._said.pop((cmd.room, cmd.sku), None)
            return None
        if not is_new:
            return None
        code = self._said.get((cmd.room, cmd.sku), "stock_held")
        # Spread, so that who asks again doesn't do so in the same moment as all others.
        retry_ms = RETRY_MIN_MS + hash((user_id, cmd.key)) % RETRY_SPREAD_MS
        return Refused(code, retry_after_ms=retry_ms, temporary=True)

    def heard(self, cmd: Buy, answer: Answer) -> None:
        """What the database said: whether what is gone is sold or only held. Which of the two is told from
        memory may be out of date; that it is temporary makes it harmless."""
        if answer.code not in _GONE:
            return
        self._said[cmd.room, cmd.sku] = answer.code
        self._said.move_to_end((cmd.room, cmd.sku))
        if len(self._said) > SAID_MAX:
            self._said.popitem(last=False)

    def _too_early(self, cmd: Buy, now_ms: int) -> Refused | None:
        """What ``sale_rules.applying`` says of a sale that has yet to begin. One that was called off is told
        of in the room's next frame, and until then its buyers are only asked to wait."""
        starts_at_ms = None if cmd.sale is None else self._starts_at_ms(cmd.room, cmd.sku, cmd.sale)
        if starts_at_ms is None or now_ms >= starts_at_ms:
            return None
        details = {"starts_at_ms": starts_at_ms}
        return Refused("not_started", retry_after_ms=starts_at_ms - now_ms, details=details, temporary=True)
