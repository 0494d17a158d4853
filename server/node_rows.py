"""The nodes of a cluster, as SQL has them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, select

from rooms.rows import Kind, Rank
from rooms.schema import metadata


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node. ``url`` is its internal listener's, ``roles`` words with commas between them; ``viewers`` of
    ``capacity`` watch by WHEP there."""

    name: str
    url: str
    roles: str
    viewers: int
    capacity: int
    expires_at_ms: int

    @property
    def carries_media(self) -> bool:
        return "media" in self.roles.split(",")


nodes_table = Table(
    "nodes",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("url", String(300), nullable=False),
    Column("roles", String(100), nullable=False),
    Column("viewers", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)

NODES: Kind[NodeRow] = Kind(nodes_table, NodeRow, Rank.NODES)


def read_nodes(conn: Connection) -> list[NodeRow]:
    """All that there are, also those that died not long ago."""
    return [NodeRow(*record) for record in conn.execute(select(nodes_table))]
