"""Who got what of a red packet: a page of it, for whoever may be in the room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.play.packets.commands import ListOpens
from rooms.play.packets.store import OpenRow, read_opens, read_own, read_packet
from rooms.ports import Caller
from server.gathering import Gathering
from server.store.store import Store


class _Ask(NamedTuple):
    cmd: ListOpens
    user_id: str | None


class PacketPages:
    """Reads pages. When thousands look at the same moment, a few reads serve them all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: Gathering[_Ask, dict[str, Any]] = Gathering(self._read)

    async def opens(self, cmd: ListOpens, caller: Caller) -> dict[str, Any]:
        """``{packet, you, items, next}``: who opened it, first come first, and the caller's own share. Raises
        ``Refused("not_found")`` for no packet of this room."""
        return await self._asked.ask(_Ask(cmd, caller.id))

    async def _read(self, asked: Sequence[_Ask]) -> list[dict[str, Any] | Refused]:
        return await self._store.read(lambda conn: _read_all(conn, asked))


def _read_all(conn: Connection, asked: Sequence[_Ask]) -> list[dict[str, Any] | Refused]:
    """Those who want the same page get the same one."""
    pages: dict[ListOpens, dict[str, Any] | Refused] = {}
    shares = _own_shares(conn, asked)
    found: list[dict[str, Any] | Refused] = []
    for cmd, user_id in asked:
        page = pages.get(cmd)
        if page is None:
            page = pages[cmd] = _page(conn, cmd)
        mine = shares[cmd.packet].get(user_id or "")
        found.append(page if isinstance(page, Refused) else page | {"you": mine.wire() if mine else None})
    return found


def _own_shares(conn: Connection, asked: Sequence[_Ask]) -> dict[str, dict[str, OpenRow]]:
    users: dict[str, set[str]] = {cmd.packet: set() for cmd, _ in asked}
    for cmd, user_id in asked:
        if user_id is not None:
            users[cmd.packet].add(user_id)
    return {packet_id: read_own(conn, packet_id, sorted(some)) for packet_id, some in users.items()}


def _page(conn: Connection, cmd: ListOpens) -> dict[str, Any] | Refused:
    packet = read_packet(conn, cmd.packet)
    if packet is None or packet.room_id != cmd.room:
        return Refused("not_found", "There is no such packet in this room.")
    rows = read_opens(conn, packet.id, after=cmd.after, limit=cmd.limit)
    return {
        "packet": packet.wire(),
        "items": [row.wire() for row in rows],
        "next": rows[-1].place if len(rows) == cmd.limit else None,
    }
