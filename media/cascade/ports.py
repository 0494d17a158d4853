"""What the relay between nodes needs from outside; the server hands it the implementation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another node. ``url`` is where its internal listener is reached, without a slash at the end."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Of a stream. ``owner`` is the node that publishes it, ``None`` if nobody does, nobody knows where that
    node is, or it is this one (``is_here``). ``is_over``: its room is neither live nor interrupted."""

    owner: Neighbour | None
    is_here: bool
    is_over: bool


class Neighbours(Protocol):
    """Where streams are published, and what nodes show each other."""

    async def whereabouts(self, streams: Collection[str]) -> dict[str, Whereabouts]:
        """Of each of the streams, as of now. Raises ``Refused("temporarily_unavailable")``."""
        ...

    async def node(self, name: str) -> Neighbour | None:
        """The node of that name, if it lives and is another one. Raises ``Refused``."""
        ...

    async def carrier(self, origin: Neighbour | None, *, for_viewer: bool) -> Neighbour | None:
        """A node that carries media, for a newcomer: the ``origin``, unless there is none, or no room left
        there for a viewer; then the node with the most room. ``None``: there is no other. Raises ``Refused``.
        """
        ...

    def credential(self, neighbour: Neighbour, purpose: str, stream: str) -> str:
        """What to show to ``neighbour`` (header ``X-Danmart-Cluster``); good for a minute."""
        ...

    def check(self, credential: str, purpose: str, stream: str) -> None:
        """Raises ``Refused`` unless a node of this cluster has made it for this one, purpose and stream."""
        ...
