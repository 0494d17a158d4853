"""What the node may say about opening a red packet from memory: that it is empty, to whom it hasn't heard of.

Two thousand press Open for what a hundred can have. Once the database has said of a packet that it is empty,
that stays so; but memory doesn't know whether this very opening got a share before, on another node or with
its answer lost. So the rule is that of ``server.shop_front``: from memory it is temporary, and only for a key
that this node sees for the first time. Who asks again with it is looked up.
"""

from __future__ import annotations

from collections import OrderedDict

from rooms.errors import Refused
from rooms.play.packets.commands import OpenPacket
from server.shop_front import RETRY_MIN_MS, RETRY_SPREAD_MS, SeenKeys
from server.store.group import Answer

EMPTY_MAX = 10_000


class PacketFront:
    """No I/O, no clock of its own; bounded."""

    def __init__(self, keys: SeenKeys | None = None) -> None:
        self._keys = keys or SeenKeys()
        self._empty: OrderedDict[str, None] = OrderedDict()

    def refusal(self, cmd: OpenPacket, user_id: str, now_ms: int) -> Refused | None:
        """A temporary refusal from memory, or None: the database has to say. To be asked once for each
        ``packet.open`` that comes, whatever becomes of it: this is where its key becomes known."""
        is_new = self._keys.is_new(user_id, cmd.key, now_ms)
        if not is_new or cmd.packet not in self._empty:
            return None
        # Spread, so that who asks again doesn't do so in the same moment as all others.
        retry_ms = RETRY_MIN_MS + hash((user_id, cmd.key)) % RETRY_SPREAD_MS
        return Refused("packet_empty", retry_after_ms=retry_ms, temporary=True)

    def heard(self, cmd: OpenPacket, answer: Answer) -> None:
        """What the database said."""
        if answer.code != "packet_empty":
            return
        self._empty[cmd.packet] = None
        self._empty.move_to_end(cmd.packet)
        if len(self._empty) > EMPTY_MAX:
            self._empty.popitem(last=False)
