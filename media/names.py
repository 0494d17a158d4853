"""What streams are called: the host's by the room's id, a guest's by the room's id and its slot.

Everything in ``media`` goes by a stream's name and takes none apart; whoever needs to know whose it is asks
here.
"""

from __future__ import annotations

import re

_STREAM = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})(?::([a-z0-9-]{1,16}))?")


def stream_name(room: str, slot: str | None = None) -> str:
    """The name of the stream of a room's host, or of the guest in ``slot``."""
    return room if slot is None else f"{room}:{slot}"


def split_stream(name: str) -> tuple[str, str | None]:
    """The room, and the guest's slot; None: the host's. Raises ``ValueError`` for what is no name."""
    found = _STREAM.fullmatch(name)
    if found is None:
        raise ValueError(f"not the name of a stream: {name!r}")
    return found[1], found[2]
