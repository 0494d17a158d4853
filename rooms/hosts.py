"""Whose room it is, for who needs to know that before the room's turn to be locked."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, MetaData, String, Table

from rooms.errors import Refused
from rooms.rows import Kind, Rank
from rooms.unit import Unit


@dataclass(frozen=True, slots=True)
class HostRow:
    """A room's id and its host's, which never change."""

    id: str
    host_id: str


_table = Table(
    "rooms", MetaData(), Column("id", String(64), primary_key=True), Column("host_id", String(128))
)

HOSTS: Kind[HostRow] = Kind(_table, HostRow, Rank.GIFTS, locked=False)


def host_of(tx: Unit, room_id: str) -> str:
    """The host of a room asked for by ``HOSTS.rows``; raises ``Refused("room_not_found")``."""
    row = tx.get(HOSTS, room_id)
    if row is None:
        raise Refused("room_not_found")
    return row.host_id
